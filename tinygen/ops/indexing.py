"""Reading elements out of a tensor, and the adjoint: adding them back where they came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, check_axis
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class GetItem(Function):
    """y = x[index]; the adjoint adds each gradient to the place it was read from."""

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any) -> Any:
        ctx.index, ctx.shape = index, x.shape
        return x[index]

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return AddAt.apply(gy, shape=ctx.shape, index=ctx.index)


class AddAt(Function):
    """y = zeros of ``shape``, then y[index] += x, repeated places summed; the adjoint of GetItem."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...], index: Any) -> Any:
        ctx.index = index
        xp = array_module(x)
        y = xp.zeros(shape, x.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if any(hasattr(part, "dtype") and part.dtype.kind in "iu" for part in parts):
            xp.add.at(y, index, x)  # places may repeat
        else:
            y[index] = x
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return GetItem.apply(gy, index=ctx.index)


class Rows(Function):
    """y = table[index]: rows of a matrix; the adjoint adds each row's gradient to that row of the table."""

    @staticmethod
    def forward(ctx: Node, table: Any, index: Any) -> Any:
        array_module(table, index)  # both on one device
        ctx.save(index)
        ctx.shape = table.shape
        return table[index]

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return AddRows.apply(gy, index, shape=ctx.shape), None


class AddRows(Function):
    """y = zeros of ``shape``, then y[index] += x row by row; the adjoint of Rows."""

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any, shape: tuple[int, ...]) -> Any:
        ctx.save(index)
        xp = array_module(x, index)
        y = xp.zeros(shape, x.dtype)
        xp.add.at(y, index, x)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return Rows.apply(gy, index), None


class TakeAlong(Function):
    """y[.., k, ..] = x[.., index[.., k, ..], ..] along an axis; the adjoint adds back along it."""

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any, axis: int) -> Any:
        array_module(x, index)  # both on one device
        ctx.save(index)
        ctx.shape, ctx.axis = x.shape, axis
        return x[_along(x, index, axis)]

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return AddAlong.apply(gy, index, shape=ctx.shape, axis=ctx.axis), None


class AddAlong(Function):
    """The adjoint of TakeAlong."""

    @staticmethod
    def forward(ctx: Node, x: Any, index: Any, shape: tuple[int, ...], axis: int) -> Any:
        ctx.save(index)
        ctx.axis = axis
        xp = array_module(x, index)
        y = xp.zeros(shape, x.dtype)
        xp.add.at(y, _along(y, index, axis), x)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (index,) = ctx.saved
        return TakeAlong.apply(gy, index, axis=ctx.axis), None


def _along(x: Any, index: Any, axis: int) -> tuple:
    """Integer arrays that read ``index`` along ``axis`` and every other axis straight through."""
    grids = list(array_module(x).ogrid[tuple(slice(n) for n in index.shape)]) if index.ndim > 1 else [None]
    grids[axis] = index
    return tuple(grids)


def getitem(x: Tensor, index: Any) -> Tensor:
    """Return x[index]: integers, slices (negative steps too), ``...``, None, boolean masks, integer arrays.

    Raises:
        IndexError: for an index outside the tensor.
    """
    index = tuple(_part(x, p) for p in (index if isinstance(index, tuple) else (index,)))
    if any(map(_is_number, index)) and any(map(_is_array, index)):
        x, index = _numbers_first(x, index)
    return GetItem.apply(x, index=index[0] if len(index) == 1 else index)


def _is_number(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)


def _is_array(part: Any) -> bool:
    return getattr(part, "ndim", 0) > 0


def _numbers_first(x: Tensor, index: tuple) -> tuple[Tensor, tuple]:
    """Apply all of ``index`` but its arrays; return the result and what is left to apply.

    NumPy lets a number join the arrays, and where something stands between them their axis moves to the front:
    x[1, ..., [0, 0]] of (4, 5, 3) is (2, 5). As in PyTorch, where it is (5, 2), numbers are read first.
    """
    straight, rest = [], []
    for part in index:
        if _is_array(part):
            straight += [slice(None)] * (part.ndim if part.dtype.kind == "b" else 1)
            rest.append(part)
        else:
            straight.append(part)
            if not _is_number(part):
                rest.append(part if part is Ellipsis else slice(None))
    return GetItem.apply(x, index=tuple(straight)), tuple(rest)


def _part(x: Tensor, part: Any) -> Any:
    """One axis' index. Arrays are copied where backward will read them: whose they are may write into them."""
    if isinstance(part, list):
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
    array_module(x._data, part)  # both on one device
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


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """Return rows of a table.

        y[..., j] = w[x[...], j]

    Args:
        input: row numbers (...) int, from 0 to V - 1.
        weight: the table (V, D).

    Returns:
        (..., D), in the dtype of ``weight``.

    Raises:
        IndexError: if a row number is out of range.
    """
    weight = as_tensor(weight, "weight")
    if weight.ndim != 2:
        raise ValueError(f"`weight` has shape {weight.shape}; a table has two axes (V, D)")
    return Rows.apply(weight, _integers(input, "input", weight.shape[0]))


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return elements picked along one axis: y[i][j] = x[index[i][j]][j] for ``dim`` 0.

    Args:
        input: a Tensor.
        dim: the axis.
        index: an integer Tensor with as many axes, no longer than ``input`` in the other axes.

    Returns:
        A Tensor of the shape of ``index``.
    """
    x, index = as_tensor(input, "input"), as_tensor(index, "index")
    axis = check_axis(dim, x.ndim)
    if x.ndim != index.ndim or any(
        have < want for i, (have, want) in enumerate(zip(x.shape, index.shape, strict=True)) if i != axis
    ):
        raise ValueError(f"gather: `index` of shape {index.shape} does not fit `input` of shape {x.shape}")
    if not x.ndim:
        return gather(x.reshape(1), 0, index.reshape(1)).reshape(())
    return TakeAlong.apply(x, _integers(index, "index", x.shape[axis]), axis=axis)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the slices of ``input`` along ``dim`` that the 1-d integer Tensor ``index`` names."""
    x, index = as_tensor(input, "input"), as_tensor(index, "index")
    axis = check_axis(dim, x.ndim)
    if index.ndim != 1:
        raise ValueError(f"`index` has shape {index.shape}; it must have one axis")
    return getitem(x, (slice(None),) * axis + (_integers(index, "index", x.shape[axis]),))


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Return (..., C) int64 with a 1 at each class number and 0 elsewhere.

    Args:
        input: class numbers (...) int, from 0 to C - 1.
        num_classes: C; -1 takes the largest number plus 1.
    """
    array = as_tensor(input, "input")._data
    if num_classes == -1 and array.dtype.kind in "iu":
        if not array.size:
            raise ValueError("`num_classes` must be given where `input` has no elements")
        num_classes = int(array.max()) + 1
    index = _integers(input, "input", num_classes)._data
    xp = array_module(index)
    return Tensor((index[..., None] == xp.arange(num_classes)).astype(np.int64))
