"""Numbers moved about, repeated, or set to 0 by where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, check_axes, check_axis
from tinygen.ops.indexing import index_select
from tinygen.ops.shape import reshape, sum_to, whole_numbers
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Flip(Function):
    """y[i] = x[N - 1 - i] along each of some axes;  gx = gy read backwards likewise.

    Derivation: reading backwards twice gives the original, and y_i depends on x_N-1-i alone.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...]) -> Any:
        ctx.axes = axes
        return array_module(x).flip(x, axes).copy()  # a view would pass writes on to x; PyTorch's is a copy too

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Flip.apply(gy, axes=ctx.axes)


class Repeat(Function):
    """y[t N + i] = x[i] along every axis, t = 0 .. times - 1;  gx[i] = sum over t of gy[t N + i].

    Derivation: each number of x stands in as many places of y as there are tiles, so its gradient is the sum of theirs.
    Cut into tiles, y is (times, N) along each axis, and the sum runs over the first of the two.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, times: tuple[int, ...]) -> Any:
        ctx.shape, ctx.times = x.shape, times
        return array_module(x).tile(x, times)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        shape = (1,) * (len(ctx.times) - len(ctx.shape)) + ctx.shape
        # (t0 n0, t1 n1) -> (t0, n0, t1, n1) -> (1, n0, 1, n1) -> (n0, n1)
        tiles = reshape(gy, tuple(n for pair in zip(ctx.times, shape, strict=True) for n in pair))
        return reshape(sum_to(tiles, tuple(n for length in shape for n in (1, length))), ctx.shape)


class RepeatEach(Function):
    """y[r i + t] = x[i] along an axis, t = 0 .. r - 1;  gx[i] = sum over t of gy[r i + t].

    Derivation: as for Repeat; here the r copies of a number lie side by side.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, times: int, axis: int) -> Any:
        ctx.shape, ctx.times, ctx.axis = x.shape, times, axis
        return array_module(x).repeat(x, times, axis)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        before, after = ctx.shape[: ctx.axis + 1], ctx.shape[ctx.axis + 1 :]
        copies = reshape(gy, (*before, ctx.times, *after))  # (.., n r, ..) -> (.., n, r, ..) -> (.., n, 1, ..)
        return reshape(sum_to(copies, (*before, 1, *after)), ctx.shape)


class Roll(Function):
    """y[(i + s) mod N] = x[i] along each of some axes;  gx = gy rolled by -s.

    Derivation: a roll moves each number to one new place and loses none; the gradient goes back the same way.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
        ctx.shifts, ctx.axes = shifts, axes
        return array_module(x).roll(x, shifts, axes)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Roll.apply(gy, shifts=tuple(-s for s in ctx.shifts), axes=ctx.axes)


class Triangle(Function):
    """y[i, j] = x[i, j] where j - i <= k (lower) or j - i >= k (upper), else 0;  gx = gy cut to the same triangle.

    Derivation: y is x times a constant matrix of ones and zeros, element by element, and so is gx of gy.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, diagonal: int, lower: bool) -> Any:
        ctx.diagonal, ctx.lower = diagonal, lower
        xp = array_module(x)
        return (xp.tril if lower else xp.triu)(x, diagonal)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Triangle.apply(gy, diagonal=ctx.diagonal, lower=ctx.lower)


class Diagonal(Function):
    """y[.., k] = x[.., k + a, k + b], a = max(-offset, 0), b = max(offset, 0);  gx: gy on that diagonal, 0 elsewhere.

    Derivation: each y reads one number of the matrix, and no number twice.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, offset: int, axes: tuple[int, int]) -> Any:
        ctx.shape, ctx.offset, ctx.axes = x.shape, offset, axes
        return x.diagonal(offset, *axes).copy()  # NumPy's own is read-only

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return OnDiagonal.apply(gy, shape=ctx.shape, offset=ctx.offset, axes=ctx.axes)


class OnDiagonal(Function):
    """y = zeros, but x on a diagonal: the adjoint of Diagonal, and gx is the diagonal of gy."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...], offset: int, axes: tuple[int, int]) -> Any:
        ctx.offset, ctx.axes = offset, axes
        xp = array_module(x)
        rows, columns = (shape[a] for a in axes)
        flat = xp.zeros((*x.shape[:-1], rows * columns), x.dtype)
        # One step down and to the right in a matrix stored row by row is columns + 1 numbers ahead.
        start = offset if offset >= 0 else -offset * columns
        if x.shape[-1]:
            flat[..., start : start + (x.shape[-1] - 1) * (columns + 1) + 1 : columns + 1] = x
        return xp.moveaxis(flat.reshape(*x.shape[:-1], rows, columns), (-2, -1), axes)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Diagonal.apply(gy, offset=ctx.offset, axes=ctx.axes)


def flip(input: Tensor, dims: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor read backwards along some axes.

        y[.., i, ..] = x[.., N - 1 - i, ..]

    Args:
        input: (...) any dtype.
        dims: the axes, as one tuple or one by one.
        more: the further axes.

    Returns:
        A Tensor of the same shape.

    Raises:
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    x = as_tensor(input, "input")
    return Flip.apply(x, axes=check_axes(whole_numbers(dims, more, "dims"), x.ndim))


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """Return the tensor moved along some axes; what falls off at the end comes in at the start.

        y[.., (i + s) mod N, ..] = x[.., i, ..]

    Args:
        input: (...) any dtype.
        shifts: by how much, for each axis of ``dims``.
        dims: the axis or axes. None: the flattened tensor is moved by a single shift, and takes its shape again.

    Returns:
        A Tensor of the same shape.

    Raises:
        ValueError: if ``shifts`` and ``dims`` differ in number.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    steps = whole_numbers(shifts, (), "shifts")
    axes = () if dims is None else whole_numbers(dims, (), "dims")
    if len(steps) != (len(axes) or 1):
        raise ValueError(f"roll: `shifts` {shifts} and `dims` {dims} must be as many (one shift where `dims` is None)")
    if not axes:
        return reshape(Roll.apply(reshape(x, -1), shifts=steps, axes=(0,)), x.shape) if x.size else x
    if not x.ndim:
        raise IndexError(f"`dims` is {dims}; `input` has no axes")
    return Roll.apply(x, shifts=steps, axes=tuple(check_axis(d, x.ndim, "dims") for d in axes))


def repeat(input: Tensor, repeats: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor laid out several times along each axis, as tiles.

        y[.., t N + i, ..] = x[.., i, ..],   t = 0 .. repeats - 1

    Args:
        input: (...) any dtype.
        repeats: how many times for each axis, as one tuple or one by one; further ones in front make new axes.
        more: the further numbers.

    Returns:
        A Tensor with axes of length ``repeats[k] * N_k``, on memory of its own.

    Raises:
        ValueError: if there are fewer numbers than axes, or a negative one.
    """
    x = as_tensor(input, "input")
    times = whole_numbers(repeats, more, "repeats")
    if len(times) < x.ndim or min(times, default=0) < 0:
        raise ValueError(f"`repeats` is {times}; one number (at least 0) for each of the {x.ndim} axes, more in front")
    return Repeat.apply(x, times=times)


def tile(input: Tensor, dims: int | Sequence[int], *more: int) -> Tensor:
    """Return the tensor laid out several times: :func:`repeat`, where missing leading numbers count as 1.

        y[.., t N + i, ..] = x[.., i, ..],   t = 0 .. dims - 1

    Args:
        input: (...) any dtype.
        dims: how many times, for the last axes, as one tuple or one by one; further ones in front make new axes.
        more: the further numbers.

    Returns:
        A Tensor with axes of length ``dims[k] * N_k``.

    Raises:
        ValueError: for a negative number.
    """
    x = as_tensor(input, "input")
    times = whole_numbers(dims, more, "dims")
    if min(times, default=0) < 0:
        raise ValueError(f"`dims` is {times}; the numbers must be at least 0")
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def repeat_interleave(input: Tensor, repeats: int | Tensor, dim: int | None = None) -> Tensor:
    """Return the tensor with each element repeated on the spot.

        y[.., r i + t, ..] = x[.., i, ..],   t = 0 .. r - 1

    Args:
        input: (...) any dtype.
        repeats: how many times, r; or an integer Tensor with a number for each element along ``dim``.
        dim: the axis; None flattens first.

    Returns:
        A Tensor whose axis ``dim`` is ``repeats`` times as long, or as long as the sum of ``repeats``.

    Raises:
        ValueError: for a negative number, or a Tensor whose length is not that of the axis.
        TypeError: if ``repeats`` is no integer.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    if dim is None:
        x, dim = reshape(x, -1) if x.ndim != 1 else x, 0
    axis = check_axis(dim, x.ndim)
    if not x.ndim:
        raise IndexError(f"`dim` is {dim}; `input` has no axes")
    if isinstance(repeats, Tensor):
        return _repeat_by_count(x, repeats, axis)
    (times,) = whole_numbers(repeats, (), "repeats")
    if times < 0:
        raise ValueError(f"`repeats` is {times}; it must be at least 0")
    return RepeatEach.apply(x, times=times, axis=axis)


def _repeat_by_count(x: Tensor, repeats: Tensor, axis: int) -> Tensor:
    """Repeat every element along ``axis`` its own number of times."""
    xp, length = array_module(x._data, repeats._data), x.shape[axis]
    if repeats.dtype not in (np.int32, np.int64):
        raise TypeError(f"`repeats` has dtype {repeats.dtype}; it must be int32 or int64")
    if repeats.ndim > 1 or repeats._data.size not in (1, length):
        raise ValueError(f"`repeats` has shape {repeats.shape}; it must be ({length},), a number for each element")
    times = np.broadcast_to(np.asarray(repeats.tolist(), np.int64), (length,)).tolist()
    if min(times, default=0) < 0:
        raise ValueError(f"`repeats` has a value {min(times)}; they must be at least 0")
    places = xp.repeat(xp.arange(length), times) if length else xp.zeros(0, np.int64)
    return index_select(x, axis, Tensor(places))


def _triangle(input: Tensor, diagonal: int, lower: bool, op: str) -> Tensor:
    x = as_tensor(input, "input")
    if x.ndim < 2:
        raise ValueError(f"{op}: `input` has shape {x.shape}; it must be (..., rows, columns)")
    (offset,) = whole_numbers((diagonal,), (), "diagonal")
    return Triangle.apply(x, diagonal=offset, lower=lower)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangle of matrices, 0 above it.

        y[.., i, j] = x[.., i, j] if j - i <= diagonal else 0

    Args:
        input: (..., R, C) any dtype.
        diagonal: the last diagonal that stays: 0 the main one, positive above it, negative below.

    Returns:
        A Tensor of the same shape.

    Raises:
        ValueError: if ``input`` has fewer than two axes.
    """
    return _triangle(input, diagonal, True, "tril")


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangle of matrices, 0 below it.

        y[.., i, j] = x[.., i, j] if j - i >= diagonal else 0

    Args:
        input: (..., R, C) any dtype.
        diagonal: the first diagonal that stays: 0 the main one, positive above it, negative below.

    Returns:
        A Tensor of the same shape.

    Raises:
        ValueError: if ``input`` has fewer than two axes.
    """
    return _triangle(input, diagonal, False, "triu")


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a diagonal of matrices, as the last axis.

        y[.., k] = x[.., k, .., k + offset, ..]   (k - offset in ``dim1`` where ``offset`` is negative)

    Args:
        input: (...) any dtype, with at least two axes.
        offset: 0 the main diagonal, positive above it, negative below.
        dim1: the axis of the rows, of length R.
        dim2: the axis of the columns, of length C.

    Returns:
        A copy with the two axes gone and a last one of length min(R, C - offset), or min(R + offset, C) below; 0 where
        there is no such diagonal.

    Raises:
        ValueError: if the two axes are one.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    a, b = check_axis(dim1, x.ndim, "dim1"), check_axis(dim2, x.ndim, "dim2")
    if a == b:
        raise ValueError(f"`dim1` is {dim1} and `dim2` {dim2}; a diagonal needs two axes")
    (offset,) = whole_numbers((offset,), (), "offset")
    return Diagonal.apply(x, offset=offset, axes=(a, b))
