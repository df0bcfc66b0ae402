"""Reading elements out of a tensor, and the adjoint: adding them back where they came from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, check_axis
from tinygen.ops.arithmetic import add, where
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Found(NamedTuple):
    """What stands where: elements along an axis, and their places.

    Args:
        values: the elements.
        indices: their places along the axis, int64.
    """

    values: Tensor
    indices: Tensor


class GetItem(Function):
    """y = x[index];  each gradient is added to the place it was read from.

    Derivation: every element of y is a copy of one element of x, with slope 1. An element of x that was read several
    times is a summand of the objective's derivative several times: gx[index] += gy.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any) -> Any:
        ctx.index, ctx.shape = index, x.shape
        return x[index]

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return AddAt.apply(gy, shape=ctx.shape, index=ctx.index)


class AddAt(Function):
    """y = zeros of ``shape``, then y[index] += x, repeated places summed;  gx = gy[index]: the adjoint of GetItem.

    Derivation: every x is a summand of one element of y, whose gradient it gets.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...], index: Any) -> Any:
        ctx.index = index
        xp = array_module(x)
        y = xp.zeros(shape, x.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if any(hasattr(part, "dtype") and part.dtype.kind in "iu" for part in parts):  # places may repeat
            _add_at(y, xp.arange(y.size).reshape(shape)[index], x)
        else:
            y[index] = x
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return GetItem.apply(gy, index=ctx.index)


class Rows(Function):
    """y = table[index], rows of a matrix;  each row's gradient is added to that row of the table.

    Derivation: as for GetItem. The row ``padding`` counts as constant: it gets nothing.
    """

    @staticmethod
    def forward(ctx: Node, table: Any, index: Any, padding: int | None) -> Any:
        array_module(table, index)  # both on one device
        ctx.save(index)
        ctx.shape, ctx.padding = table.shape, padding
        return table[index]

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        if ctx.padding is not None:
            gy = where(Tensor((index._data == ctx.padding)[..., None]), 0.0, gy)
        return AddRows.apply(gy, index, shape=ctx.shape), None


class AddRows(Function):
    """y = zeros of ``shape``, then y[index] += x row by row;  gx = gy[index]: the adjoint of Rows.

    Derivation: every row of x is a summand of one row of y, whose gradient it gets.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any, shape: tuple[int, ...]) -> Any:
        ctx.save(index)
        xp = array_module(x, index)
        y = xp.zeros(shape, x.dtype)
        width = shape[1]
        _add_at(y, index[..., None].astype(np.int64) * width + xp.arange(width), x)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return Rows.apply(gy, index, padding=None), None


class TakeAlong(Function):
    """y[.., k, ..] = x[.., index[.., k, ..], ..] along an axis;  each gradient is added to the place it was read from.

    Derivation: as for GetItem.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any, axis: int) -> Any:
        array_module(x, index)  # both on one device
        ctx.save(index)
        ctx.shape, ctx.axis = x.shape, axis
        return x[_along(index, axis)]

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return AddAlong.apply(gy, index, shape=ctx.shape, axis=ctx.axis), None


class AddAlong(Function):
    """y = zeros of ``shape``, then y[.., index[.., k, ..], ..] += x[.., k, ..];  gx is read from gy as TakeAlong does.

    Derivation: every x is a summand of one element of y, whose gradient it gets.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any, shape: tuple[int, ...], axis: int) -> Any:
        ctx.save(index)
        ctx.axis = axis
        xp = array_module(x, index)
        y = xp.zeros(shape, x.dtype)
        if x.size:
            _add_at(y, xp.arange(y.size).reshape(shape)[_along(index, axis)], x)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return TakeAlong.apply(gy, index, axis=ctx.axis), None


def _along(index: Any, axis: int) -> tuple:
    """Integer arrays that read ``index`` along ``axis`` and every other axis straight through."""
    grids = list(array_module(index).ogrid[tuple(slice(n) for n in index.shape)]) if index.ndim > 1 else [None]
    grids[axis] = index
    return tuple(grids)


def _add_at(y: Any, places: Any, x: Any) -> None:
    """Add ``x`` to the elements of ``y`` that ``places`` numbers in C order; a place may come up more than once.

    Measured: 1.1 ms for 7,680 rows of 128, where ``add.at`` on the rows themselves takes 6.8 ms.
    """
    xp = array_module(y, places, x)
    flat, x = y.reshape(-1), x.reshape(-1)
    if y.dtype == np.int64:  # CuPy can add to unsigned ones only; the bits are the same
        flat, x = flat.view(np.uint64), x.view(np.uint64)
    xp.add.at(flat, places.reshape(-1), x)


def getitem(x: Tensor, index: Any) -> Tensor:
    """Return the part of a tensor that ``index`` names, as ``x[index]``.

        y[j] = x[index(j)]

    Args:
        x: a Tensor of any shape and dtype.
        index: integers, slices (negative steps too), ``...``, None (a new axis), boolean masks, lists, arrays or
            Tensors of integers, or a tuple of these.

    Returns:
        A Tensor with NumPy's shape: an integer drops its axis, a slice keeps it, a mask of k axes gives one, arrays
        broadcast, and their axes stand where the first of them stood, or in front where a slice lies between them.
        Integers are read before arrays, as in PyTorch.

    Raises:
        IndexError: for an index outside the tensor (with an array on a GPU, CuPy counts on from the other end), too
            many of them, a mask of another shape, uint8 (is it a mask or numbers?), or what is no index.
        TypeError: for an array on another device.
    """
    index = _parts(x, index)
    if len(index) > 1 and _is_mixed(index):
        x, index = _numbers_first(x, index)
    try:
        return GetItem.apply(x, index=index[0] if len(index) == 1 else index)
    except IndexError as error:
        raise IndexError(f"`index` does not fit shape {x.shape}: {error}") from None


def place_of(x: Tensor, index: Any) -> tuple[Any, Any]:
    """Return an array on the memory of ``x`` and an index into it: the place that ``x[index]`` is read from."""
    parts = _parts(x.detach(), index)
    if _is_mixed(parts):
        x, parts = _numbers_first(x.detach(), parts)
    return x._data, parts[0] if len(parts) == 1 else parts


def _is_mixed(index: tuple) -> bool:
    """Whether NumPy and PyTorch may differ about the order of axes."""
    return sum([any(map(kind, index)) for kind in (_is_number, _is_array, _is_flag)]) > 1


def _is_number(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)


def _is_flag(part: Any) -> bool:
    return isinstance(part, (bool, np.bool_))


def _is_array(part: Any) -> bool:
    return getattr(part, "ndim", 0) > 0


def _numbers_first(x: Tensor, index: tuple) -> tuple[Tensor, tuple]:
    """Apply all of ``index`` but its arrays; return the result and what is left to apply.

    NumPy lets a number join the arrays, and where something stands between them their axis moves to the front:
    x[1, ..., [0, 0]] of (4, 5, 3) is (2, 5). As in PyTorch, where it is (5, 2), numbers are read first. True and False
    are arrays on a new axis, [0] and [].
    """
    straight, rest = [], []
    for part in index:
        if _is_array(part):
            straight += [slice(None)] * (part.ndim if part.dtype.kind == "b" else 1)
            rest.append(part)
        elif _is_flag(part):
            straight.append(None)
            rest.append(array_module(x._data).zeros(int(part), np.int64))
        else:
            straight.append(part)
            if not _is_number(part):
                rest.append(part if part is Ellipsis else slice(None))
    return getitem(x, tuple(straight)), tuple(rest)


def _parts(x: Tensor, index: Any) -> tuple:
    """The index, axis by axis."""
    parts = tuple([_part(x, p) for p in (index if isinstance(index, tuple) else (index,))])
    if any(map(_is_array, parts)):  # beside arrays a number must be known as such, even if the device has to be asked
        parts = tuple([p.item() if getattr(p, "ndim", 1) == 0 else p for p in parts])
    return parts


def _part(x: Tensor, part: Any) -> Any:
    """One axis' index. Arrays are copied where backward will read them: whose they are may write into them."""
    if isinstance(part, list):
        if any(isinstance(p, (list, tuple, slice)) for p in part):
            raise IndexError("`index` is a list of lists: NumPy reads an array, PyTorch a tuple; say which")
        part = array_module(x._data).asarray(np.asarray(part, None if part else np.int64))
    elif isinstance(part, Tensor):
        part = part._data
    if part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer, np.bool_)):
        return part
    if not hasattr(part, "dtype") or part.dtype.kind not in "iub":
        raise IndexError(
            f"`index` has a part {part!r}; an index must be integer, slice, None, `...`, a boolean mask or an array "
            "of integers"
        )
    if part.dtype == np.uint8:
        raise IndexError("`index` is uint8, a mask or numbers? Say which with .bool() or .long()")
    array_module(x._data, part)  # both on one device
    if not part.ndim and type(part) is np.ndarray:
        return part.item()
    return part.copy() if x._requires_grad else part


def _integers(index: Tensor, name: str, limit: int) -> Tensor:
    """Check that ``index`` is an integer Tensor with values from 0 to limit - 1."""
    index = as_tensor(index, name)
    array = index._data
    if array.dtype.kind not in "iu":
        raise TypeError(f"`{name}` has dtype {array.dtype}; it must be an integer Tensor")
    # The range is checked on the host only: on a device that would force it to stop and wait.
    if type(array) is np.ndarray and array.size:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= limit:
            raise IndexError(f"`{name}` has a value {low if low < 0 else high}; valid are 0 to {limit - 1}")
    return index


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return rows of a table.

        y[..., j] = w[x[...], j]

    Args:
        input: row numbers (...) int, from 0 to V - 1.
        weight: the table (V, D).
        padding_idx: a row that gets no gradient, from -V to V - 1, or None.
        max_norm: None; rows are not rescaled here.
        norm_type: the norm of ``max_norm``.
        scale_grad_by_freq: False; gradients are not divided by how often a row was read.
        sparse: False; gradients are dense here.

    Returns:
        (..., D), in the dtype of ``weight``.

    Raises:
        IndexError: if a row number is out of range (on the CPU; a GPU is not waited for).
        ValueError: if the table has not two axes, for a ``padding_idx`` out of range, or an option that is not here.
        TypeError: if ``input`` is not of integers.
    """
    for name, value in (("max_norm", max_norm), ("scale_grad_by_freq", scale_grad_by_freq), ("sparse", sparse)):
        if value is not None and value is not False:
            raise ValueError(f"embedding: `{name}` is {value!r}; only {None if name == 'max_norm' else False} is here")
    weight = as_tensor(weight, "weight")
    if weight.ndim != 2:
        raise ValueError(f"`weight` has shape {weight.shape}; a table has two axes (V, D)")
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(f"`padding_idx` is {padding_idx}; valid are {-rows} to {rows - 1}")
        padding_idx %= rows
    return Rows.apply(weight, _integers(input, "input", rows), padding=padding_idx)


def _fitting(input: Tensor, dim: int, index: Tensor, op: str) -> tuple[Tensor, Tensor, int]:
    """Check that ``index`` has as many axes as ``input`` and is no longer than it in those other than ``dim``."""
    x, index = as_tensor(input, "input"), as_tensor(index, "index")
    array_module(x._data, index._data)  # both on one device
    axis = check_axis(dim, x.ndim)
    if x.ndim != index.ndim or any(
        have < want for i, (have, want) in enumerate(zip(x.shape, index.shape, strict=True)) if i != axis
    ):
        raise ValueError(f"{op}: `index` of shape {index.shape} does not fit `input` of shape {x.shape}")
    return x, _integers(index, "index", x.shape[axis] if x.ndim else 1), axis


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return elements picked along one axis.

        y[i, j] = x[index[i, j], j]    for dim 0;    y[i, j] = x[i, index[i, j]]    for dim 1

    Args:
        input: a Tensor of any shape and dtype.
        dim: the axis.
        index: an integer Tensor with as many axes, no longer than ``input`` in the other axes.

    Returns:
        A Tensor of the shape of ``index``.

    Raises:
        IndexError: if a number is out of range (on the CPU; a GPU is not waited for), or there is no such axis.
        ValueError: if the shapes do not fit.
        TypeError: if ``index`` is not of integers.
    """
    x, index, axis = _fitting(input, dim, index, "gather")
    if not x.ndim:
        return gather(x.reshape(1), 0, index.reshape(1)).reshape(())
    return TakeAlong.apply(x, index, axis=axis)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return x with numbers added at places picked along one axis: the adjoint of :func:`gather`.

        y = x, then y[index[i, j], j] += s[i, j]    for dim 0;    y[i, index[i, j]] += s[i, j]    for dim 1

    Args:
        input: a Tensor of any shape.
        dim: the axis.
        index: an integer Tensor with as many axes, no longer than ``input`` in the other axes.
        src: what to add, at least as long as ``index`` in every axis, of the dtype of ``input``.

    Returns:
        A Tensor of the shape and dtype of ``input``.

    Raises:
        IndexError: if a number is out of range (on the CPU; a GPU is not waited for), or there is no such axis.
        ValueError: if the shapes do not fit.
        TypeError: if ``index`` is not of integers, or the dtypes differ.
    """
    x, index, axis = _fitting(input, dim, index, "scatter_add")
    src = as_tensor(src, "src")
    if src.dtype != x.dtype or x.dtype.kind == "b":
        raise TypeError(f"scatter_add: `src` has dtype {src.dtype}, `input` {x.dtype}; they must be equal, not boolean")
    if src.ndim != index.ndim or any(have < want for have, want in zip(src.shape, index.shape, strict=True)):
        raise ValueError(f"scatter_add: `src` of shape {src.shape} is too small for `index` of shape {index.shape}")
    if not x.ndim:
        return x + src
    if src.shape != index.shape:
        src = getitem(src, tuple(slice(n) for n in index.shape))
    return add(x, AddAlong.apply(src, index, shape=x.shape, axis=axis))


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return slices along one axis.

        y[i, j] = x[index[i], j]    for dim 0

    Args:
        input: a Tensor of any shape and dtype.
        dim: the axis.
        index: which slices, an integer Tensor with one axis or none.

    Returns:
        A Tensor whose axis ``dim`` has the length of ``index``.

    Raises:
        IndexError: if a number is out of range (on the CPU; a GPU is not waited for), or there is no such axis.
        ValueError: if ``index`` has more axes than one.
        TypeError: if ``index`` is not of integers.
    """
    x, index = as_tensor(input, "input"), as_tensor(index, "index")
    axis = check_axis(dim, x.ndim)
    if index.ndim > 1:
        raise ValueError(f"`index` has shape {index.shape}; it must have one axis")
    index = index if index.ndim else index.reshape(1)
    if not x.ndim:
        return gather(x.reshape(1), 0, index).reshape(())
    return getitem(x, (slice(None),) * axis + (_integers(index, "index", x.shape[axis]).long(),))


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Found:
    """Return the elements along an axis in order, and where they stood.

        y[i] = x[index[i]],    y[0] <= y[1] <= ...

    Args:
        input: a Tensor of any shape and dtype.
        dim: the axis.
        descending: from the largest to the smallest.
        stable: equal elements keep their order; they do so in any case.

    Returns:
        (values, indices int64), both of the shape of ``input``. NaN counts as largest.

    Gradient: each element's goes back to the place it came from.

    Raises:
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim)
    array, xp = x._data, array_module(x._data)
    if not x.ndim:
        return Found(x.clone(), Tensor(xp.zeros((), np.int64)))
    if descending:  # read backwards before and after: equal elements then keep their order
        order = x.shape[axis] - 1 - xp.flip(xp.argsort(xp.flip(array, axis), axis=axis, kind="stable"), axis)
    else:
        order = xp.argsort(array, axis=axis, kind="stable")
    index = Tensor(order)
    return Found(TakeAlong.apply(x, index, axis=axis), index)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """Return the k largest elements along an axis, and where they stand.

        y[i] = x[index[i]],    y[0] >= y[1] >= ... >= y[k-1] >= all others

    Args:
        input: a Tensor of any shape and dtype.
        k: how many, from 0 to the length of the axis.
        dim: the axis.
        largest: False for the smallest instead.
        sorted: they come in order in any case.

    Returns:
        (values, indices int64), of length k along the axis. NaN counts as largest.

    Gradient: each element's goes back to the place it came from, all others get 0.

    Raises:
        ValueError: if ``k`` is out of range.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim)
    length = x.shape[axis] if x.ndim else 1
    if not isinstance(k, (int, np.integer)) or not 0 <= k <= length:
        raise ValueError(f"`k` is {k!r}; valid are 0 to {length}, the length of the axis")
    if not x.ndim:
        return sort(x)
    order = sort(x.detach(), axis, descending=largest).indices._data
    index = Tensor(order[(slice(None),) * axis + (slice(k),)])
    return Found(TakeAlong.apply(x, index, axis=axis), index)


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Return class numbers as rows of 0 with one 1.

        y[..., c] = (x[...] == c)

    Args:
        input: class numbers (...) int, from 0 to C - 1.
        num_classes: C, at least 1; -1 takes the largest number plus 1.

    Returns:
        (..., C) int64; it has no gradient.

    Raises:
        IndexError: if a number is out of range (on the CPU; a GPU is not waited for).
        ValueError: for another ``num_classes``, or -1 where ``input`` has no elements.
        TypeError: if ``input`` is not of integers.
    """
    array = as_tensor(input, "input")._data
    if num_classes == -1 and array.dtype.kind in "iu":
        if not array.size:
            raise ValueError("`num_classes` must be given where `input` has no elements")
        num_classes = int(array.max()) + 1
    elif num_classes < 1 and array.dtype.kind in "iu":
        raise ValueError(f"`num_classes` is {num_classes}; it must be at least 1, or -1")
    index = _integers(input, "input", num_classes)._data
    xp = array_module(index)
    return Tensor((index[..., None] == xp.arange(num_classes)).astype(np.int64))
