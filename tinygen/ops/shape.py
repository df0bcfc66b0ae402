"""The same numbers under other axes: reshape, reorder, stretch. Every backward is the move undone."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import BroadcastTo, SumTo, as_tensor, check_axes, check_axis
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.layout import contiguous as lay_out
from tinygen_ops.layout import lies_channels_last


class Reshape(Function):
    """y = x in another shape, in C order;  gx = gy in the shape of x.

    Derivation: element number n of y (counted row by row) is element number n of x, so dy_n/dx_m = [n = m]: the
    gradient keeps its numbers and takes the old shape.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...]) -> Any:
        ctx.shape = x.shape
        if len(shape) == 2 < x.ndim and shape[0] == x.shape[0] and lies_channels_last(x):
            x = lay_out(x)  # to flatten it is a copy in any case; this one takes all threads
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Reshape.apply(gy, shape=ctx.shape)


class Permute(Function):
    """y[i_p(0), i_p(1), ...] = x[i_0, i_1, ...];  gx = gy with its axes put back.

    Derivation: a permutation of axes moves each number to one new place. Moving the gradient back is the inverse
    permutation q, q(p(k)) = k, which is what sorting the axes by p gives.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...]) -> Any:
        ctx.axes = axes
        return x.transpose(axes)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        inverse = sorted(range(len(ctx.axes)), key=ctx.axes.__getitem__)
        return Permute.apply(gy, axes=tuple(inverse))


class Clone(Function):
    """y = a copy of x;  gx = gy.

    Derivation: y_i = x_i, so dy_i/dx_j = [i = j].
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return x.copy()

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return gy


def whole_numbers(given: Any, more: tuple[Any, ...], name: str) -> tuple[int, ...]:
    """Return the integers of ``f(2, 3)`` and of ``f((2, 3))`` alike.

    Args:
        given: the first argument: an integer, or a sequence of them.
        more: the further arguments.
        name: the argument's name, for error messages.

    Raises:
        TypeError: if one is no integer.
    """
    values = tuple(given) if isinstance(given, (tuple, list)) and not more else (given, *more)
    try:
        if any(isinstance(v, bool) for v in values):
            raise TypeError
        return tuple(map(operator.index, values))
    except TypeError:
        raise TypeError(f"`{name}` is {values!r}; it must be integers, or one tuple of them") from None


def clone(input: Tensor, *, memory_format: None = None) -> Tensor:
    """Return a copy on memory of its own; gradients flow through.

        y_i = x_i

    Args:
        input: (...) any dtype.
        memory_format: taken for PyTorch's sake; must be None.

    Returns:
        A Tensor of the same shape and dtype.

    Raises:
        ValueError: for a ``memory_format``.
    """
    if memory_format is not None:
        raise ValueError(f"`memory_format` is {memory_format!r}; only None (C order) is here")
    return Clone.apply(as_tensor(input, "input"))


def contiguous(input: Tensor) -> Tensor:
    """Return the tensor with its numbers in C order in memory; itself if they are."""
    return input if input._data.flags.c_contiguous else clone(input)


def reshape(input: Tensor, shape: int | Sequence[int], *more: int) -> Tensor:
    """Return the same numbers in another shape, last axis fastest.

        y_n = x_n,   n counting the elements row by row

    Args:
        input: (...) any dtype.
        shape: the lengths, as one tuple or one by one; one may be -1 and follows from the others.
        more: the further lengths.

    Returns:
        A Tensor of ``shape``; on the memory of ``input`` where that is possible.

    Raises:
        ValueError: if the number of elements does not fit.
        TypeError: if a length is no integer.
    """
    x = as_tensor(input, "input")
    return Reshape.apply(x, shape=_filled_in(x, whole_numbers(shape, more, "shape"), "reshape"))


def _filled_in(x: Tensor, lengths: tuple[int, ...], op: str) -> tuple[int, ...]:
    """Return ``lengths`` with -1 replaced by what is left for it."""
    unknown = lengths.count(-1)
    known = math.prod(n for n in lengths if n != -1)
    size = x._data.size
    if unknown > 1 or any(n < -1 for n in lengths):
        raise ValueError(f"`shape` is {lengths}; lengths are at least 0, and at most one may be -1")
    if (known != size) if not unknown else (not known or size % known):
        raise ValueError(f"{op}: {x.shape} has {size} elements and does not fit `shape` {lengths}")
    return tuple(size // known if n == -1 else n for n in lengths)


def view(input: Tensor, size: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor in another shape on the same memory.

        y_n = x_n,   n counting the elements row by row

    Args:
        input: (...) any dtype.
        size: the lengths, as one tuple or one by one; one may be -1.
        more: the further lengths.

    Returns:
        A Tensor of shape ``size``, never a copy.

    Raises:
        RuntimeError: if the numbers do not lie in memory so that this can be (after a transpose, say).
        ValueError: if the number of elements does not fit.
        TypeError: if a length is no integer; a dtype (PyTorch's reinterpretation of bits) is refused too.
    """
    x = as_tensor(input, "input")
    lengths = _filled_in(x, whole_numbers(size, more, "size"), "view")
    if not _viewable(x._data, lengths):
        raise RuntimeError(f"view: {x.shape} is not contiguous enough for a view of shape {lengths}; use reshape")
    return Reshape.apply(x, shape=lengths)


def _viewable(array: Any, lengths: tuple[int, ...]) -> bool:
    """Return whether ``array`` can be seen in the shape ``lengths`` without a copy.

    Axes between which there is no gap in memory form a run; each run must be made up of whole new axes.
    """
    if array.flags.c_contiguous or not array.size:
        return True
    runs: list[int] = []
    before = None  # the stride of the axis in front
    for n, stride in zip(array.shape, array.strides, strict=True):
        if n == 1:
            continue
        if before == n * stride:
            runs[-1] *= n
        else:
            runs.append(n)
        before = stride
    product = 1
    for n in lengths:
        if runs and product == runs[0]:
            runs.pop(0)
            product = 1
        product *= n
        if n != 1 and (not runs or runs[0] % product):
            return False
    return True


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the axes from ``start_dim`` to ``end_dim`` (included) merged into one.

        y[.., (i_s I_s+1 + i_s+1) I_s+2 + ..., ..] = x[.., i_s, i_s+1, ..., ..]

    Args:
        input: (...) any dtype; a number (no axes) becomes (1,).
        start_dim: the first axis.
        end_dim: the last axis, not in front of the first.

    Returns:
        A Tensor whose merged axis has the product of the lengths.

    Raises:
        ValueError: if ``end_dim`` lies in front of ``start_dim``.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    start, end = check_axis(start_dim, x.ndim, "start_dim"), check_axis(end_dim, x.ndim, "end_dim")
    if start > end:
        raise ValueError(f"`start_dim` is {start_dim}, behind `end_dim` {end_dim}")
    return Reshape.apply(x, shape=(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return the tensor with one axis cut into several: :func:`flatten` undone.

        y[.., i_0, i_1, ..] = x[.., i_0 sizes_1 + i_1, ..]

    Args:
        input: (...) any dtype, with at least one axis.
        dim: the axis to cut.
        sizes: the lengths of the new axes, whose product is the length of ``dim``; one may be -1.

    Returns:
        A Tensor with ``len(sizes)`` axes in place of one.

    Raises:
        ValueError: if the lengths do not fit.
        TypeError: if ``sizes`` is no tuple or list of integers.
    """
    x = as_tensor(input, "input")
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"`sizes` is {sizes!r}; it must be a tuple of integers")
    axis = check_axis(dim, x.ndim)
    lengths = whole_numbers(sizes, (), "sizes")
    length = x.shape[axis] if x.ndim else 1
    unknown, known = lengths.count(-1), math.prod(n for n in lengths if n != -1)
    fits = known == length if not unknown else unknown == 1 and known > 0 and length % known == 0
    if not x.ndim or not lengths or min(lengths) < -1 or not fits:
        raise ValueError(f"unflatten: `sizes` {lengths} do not multiply up to axis {dim} of {x.shape}")
    lengths = tuple(length // known if n == -1 else n for n in lengths)
    return Reshape.apply(x, shape=(*x.shape[:axis], *lengths, *x.shape[axis + 1 :]))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return the tensor without its axes of length 1.

        y[i, j, ...] = x[i, 0, j, ...]

    Args:
        input: (...) any dtype.
        dim: the axis or axes to leave out; those that are longer than 1 stay. None: all of length 1.

    Returns:
        A Tensor with as many elements.

    Raises:
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    x = as_tensor(input, "input")
    axes = check_axes(dim, x.ndim)
    return Reshape.apply(x, shape=tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in axes))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return the tensor with a new axis of length 1.

        y[i, 0, j, ...] = x[i, j, ...]

    Args:
        input: (...) any dtype.
        dim: the place of the new axis, from -ndim - 1 to ndim.

    Returns:
        A Tensor with one axis more.

    Raises:
        IndexError: if there is no such place.
    """
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim + 1)
    return Reshape.apply(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def permute(input: Tensor, dims: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor with its axes in another order.

        y[i_dims(0), i_dims(1), ...] = x[i_0, i_1, ...]

    Args:
        input: (...) any dtype.
        dims: for each axis of the result the axis of ``input`` it is, as one tuple or one by one.
        more: the further axes.

    Returns:
        A Tensor with axis k of length ``input.shape[dims[k]]``, on the same memory.

    Raises:
        ValueError: if ``dims`` does not name every axis once.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    given = whole_numbers(dims, more, "dims")
    axes = tuple(check_axis(d, x.ndim, "dims") for d in given)
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"`dims` is {given}; it must name each of the {x.ndim} axes once")
    return Permute.apply(x, axes=axes)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return the tensor with two axes exchanged.

        y[.., j, .., i, ..] = x[.., i, .., j, ..]

    Args:
        input: (...) any dtype.
        dim0: the one axis.
        dim1: the other.

    Returns:
        A Tensor on the same memory.

    Raises:
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    axes = list(range(x.ndim))
    a, b = check_axis(dim0, x.ndim, "dim0"), check_axis(dim1, x.ndim, "dim1")
    if axes:
        axes[a], axes[b] = b, a
    return Permute.apply(x, axes=tuple(axes))


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Return the tensor with two axes exchanged: :func:`transpose` under NumPy's name."""
    return transpose(input, axis0, axis1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return the tensor with some axes moved to other places; the rest keep their order.

        y = x with axis source[k] at place destination[k]

    Args:
        input: (...) any dtype.
        source: the axis or axes to move.
        destination: where to, as many.

    Returns:
        A Tensor on the same memory.

    Raises:
        ValueError: if an axis or a place is named twice, or the two differ in number.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    taken = [check_axis(d, x.ndim, "source") for d in whole_numbers(source, (), "source")]
    places = [check_axis(d, x.ndim, "destination") for d in whole_numbers(destination, (), "destination")]
    if not len(taken) == len(places) == len(set(taken)) == len(set(places)):
        raise ValueError(f"movedim: `source` {source} and `destination` {destination} must pair distinct axes")
    axes = [i for i in range(x.ndim) if i not in taken]
    for place, axis in sorted(zip(places, taken, strict=True)):
        axes.insert(place, axis)
    return Permute.apply(x, axes=tuple(axes[: x.ndim]))


def broadcast_to(input: Tensor, size: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor stretched to a shape: axes of length 1 and new leading axes repeat.

        y[.., i, j] = x[0, j]   for x of shape (1, J)

    Args:
        input: (...) any dtype.
        size: the shape, as one tuple or one by one; -1 keeps the length of an axis there is.
        more: the further lengths.

    Returns:
        A Tensor of that shape, on the same memory.

    Raises:
        ValueError: if the shapes do not fit.

    Gradient: each number of x is read several times, and has the sum of their gradients (:func:`sum_to`).
    """
    x = as_tensor(input, "input")
    given = whole_numbers(size, more, "size")
    new = len(given) - x.ndim
    target = tuple(x.shape[i - new] if n == -1 and i >= new else n for i, n in enumerate(given))
    fits = new >= 0 and all(have in (1, want) for have, want in zip(x.shape, target[new:], strict=True))
    if not fits or any(n < 0 for n in target):
        raise ValueError(f"broadcast_to: shape {x.shape} does not stretch to `size` {given}")
    return BroadcastTo.apply(x, shape=target)


def sum_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the sum over the axes that a broadcast from ``shape`` would have made; the adjoint of broadcast_to.

        y[0, j] = sum over i of x[.., i, j]   for ``shape`` (1, J)

    Args:
        input: (...) floating.
        shape: a shape that broadcasts to that of ``input``.

    Returns:
        A Tensor of ``shape``.

    Raises:
        ValueError: if the shapes do not fit.
    """
    x = as_tensor(input, "input")
    target = tuple(shape)
    new = x.ndim - len(target)
    if new < 0 or any(want not in (1, have) for have, want in zip(x.shape[new:], target, strict=True)):
        raise ValueError(f"sum_to: `shape` {target} does not broadcast to {x.shape}")
    return SumTo.apply(x, shape=target)


def meshgrid(*tensors: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return the coordinates of a grid from those of its axes.

        y_0[i, j] = x_0[i],   y_1[i, j] = x_1[j]

    Args:
        tensors: one Tensor (n_k,) for each axis, or a list of them; a number counts as (1,). Of one dtype.
        indexing: "ij": axis k of the results belongs to tensor k. "xy": the first two axes exchanged, as for pictures.

    Returns:
        As many Tensors, each (n_0, n_1, ...) for "ij".

    Raises:
        ValueError: for an unknown ``indexing``, no tensors, or one with more than one axis.
        TypeError: for different dtypes.
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    xs = [as_tensor(t, "tensors") for t in given]
    if indexing not in ("ij", "xy"):
        raise ValueError(f"`indexing` is {indexing!r}; valid are 'ij' and 'xy'")
    if not xs or any(x.ndim > 1 for x in xs):
        raise ValueError(f"`tensors` have shapes {[x.shape for x in xs]}; meshgrid needs at least one, each (n,)")
    if len({x.dtype for x in xs}) > 1:
        raise TypeError(f"`tensors` have dtypes {[str(x.dtype) for x in xs]}; meshgrid needs one dtype")
    array_module(*[x._data for x in xs])  # all on one device
    shape = tuple(x._data.size for x in xs)
    grids = []
    for k, x in enumerate(xs):
        own = tuple(n if i == k else 1 for i, n in enumerate(shape))  # (n_k,) -> (1, .., n_k, .., 1)
        grids.append(BroadcastTo.apply(Reshape.apply(x, shape=own), shape=shape))
    return tuple(transpose(g, 0, 1) for g in grids) if indexing == "xy" and len(xs) > 1 else tuple(grids)
