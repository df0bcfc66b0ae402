"""Ops that move numbers without changing them: every backward is the move undone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import BroadcastTo, SumTo, as_tensor, cast, check_axes, check_axis
from tinygen.ops.indexing import getitem
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Reshape(Function):
    """y = x in another shape, in C order; the adjoint is the shape before."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...]) -> Any:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Reshape.apply(gy, shape=ctx.shape)


class Permute(Function):
    """y = x with its axes in another order; the adjoint is the inverse order."""

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...]) -> Any:
        ctx.axes = axes
        return x.transpose(axes)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        inverse = sorted(range(len(ctx.axes)), key=ctx.axes.__getitem__)
        return Permute.apply(gy, axes=tuple(inverse))


class Flip(Function):
    """y = x read backwards along some axes; its own adjoint."""

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...]) -> Any:
        ctx.axes = axes
        return array_module(x).flip(x, axes)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Flip.apply(gy, axes=ctx.axes)


class Cat(Function):
    """y = the inputs one behind the other along an axis; the adjoint cuts the gradient into their pieces."""

    @staticmethod
    def forward(ctx: Node, *xs: Any, axis: int) -> Any:
        ctx.axis, ctx.lengths = axis, [x.shape[axis] for x in xs]
        return array_module(*xs).concatenate(xs, axis)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        return split(gy, ctx.lengths, ctx.axis)


class Clone(Function):
    """y = a copy of x;  dy/dx = 1."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return x.copy()

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return gy


def clone(input: Tensor) -> Tensor:
    """Return a copy on memory of its own; gradients flow through."""
    return Clone.apply(as_tensor(input, "input"))


def contiguous(input: Tensor) -> Tensor:
    """Return the tensor with its numbers in C order; itself if they are."""
    return input if input._data.flags.c_contiguous else clone(input)


def _sizes(sizes: tuple) -> tuple[int, ...]:
    """Accept ``f(2, 3)`` and ``f((2, 3))``."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)


def reshape(input: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """Return the same numbers in another shape, last axis fastest.

    Args:
        input: a Tensor.
        shape: the lengths; one may be -1 and follows from the others.

    Raises:
        ValueError: if the number of elements does not fit.
    """
    x = as_tensor(input, "input")
    lengths = _sizes(shape)
    unknown = [i for i, n in enumerate(lengths) if n == -1]
    known = math.prod(n for n in lengths if n != -1)
    size = x._data.size
    if len(unknown) > 1 or any(n < -1 for n in lengths):
        raise ValueError(f"`shape` is {lengths}; lengths are at least 0, and at most one may be -1")
    if (known != size) if not unknown else (not known or size % known):
        raise ValueError(f"reshape: {x.shape} has {size} elements and does not fit `shape` {lengths}")
    return Reshape.apply(x, shape=tuple(size // known if n == -1 else n for n in lengths))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the axes from ``start_dim`` to ``end_dim`` (included) merged into one."""
    x = as_tensor(input, "input")
    start, end = check_axis(start_dim, x.ndim, "start_dim"), check_axis(end_dim, x.ndim, "end_dim")
    if start > end:
        raise ValueError(f"`start_dim` is {start_dim}, behind `end_dim` {end_dim}")
    return reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def squeeze(input: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """Return the tensor without its axes of length 1 (all, or those in ``dim``; longer ones stay)."""
    x = as_tensor(input, "input")
    axes = check_axes(dim, x.ndim)
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in axes))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return the tensor with a new axis of length 1 at place ``dim``."""
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def permute(input: Tensor, *dims: int | Sequence[int]) -> Tensor:
    """Return the tensor with its axes in the order ``dims``.

    Raises:
        ValueError: if ``dims`` does not name every axis once.
    """
    x = as_tensor(input, "input")
    given = _sizes(dims)
    axes = tuple(check_axis(d, x.ndim, "dims") for d in given)
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"`dims` is {given}; it must name each of the {x.ndim} axes once")
    return Permute.apply(x, axes=axes)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return the tensor with two axes exchanged."""
    x = as_tensor(input, "input")
    axes = list(range(x.ndim))
    a, b = check_axis(dim0, x.ndim, "dim0"), check_axis(dim1, x.ndim, "dim1")
    if not axes:
        return Permute.apply(x, axes=())
    axes[a], axes[b] = b, a
    return Permute.apply(x, axes=tuple(axes))


def broadcast_to(input: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """Return the tensor stretched to ``shape``: axes of length 1 and new leading axes repeat; -1 keeps a length.

    Raises:
        ValueError: if the shapes do not fit.
    """
    x = as_tensor(input, "input")
    given = _sizes(shape)
    new = len(given) - x.ndim
    target = tuple(x.shape[i - new] if n == -1 and i >= new else n for i, n in enumerate(given))
    fits = new >= 0 and all(have in (1, want) for have, want in zip(x.shape, target[new:], strict=True))
    if not fits or any(n < 0 for n in target):
        raise ValueError(f"broadcast_to: shape {x.shape} does not stretch to `shape` {given}")
    return BroadcastTo.apply(x, shape=target)


def sum_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the sum over the axes that a broadcast from ``shape`` would have made; the adjoint of broadcast_to."""
    x = as_tensor(input, "input")
    target = tuple(shape)
    new = x.ndim - len(target)
    if new < 0 or any(want not in (1, have) for have, want in zip(x.shape[new:], target, strict=True)):
        raise ValueError(f"sum_to: `shape` {target} does not broadcast to {x.shape}")
    return SumTo.apply(x, shape=target)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return the tensors one behind the other along ``dim``.

    Raises:
        ValueError: for an empty list, or shapes that differ elsewhere than in ``dim``.
    """
    xs = [as_tensor(t, "tensors") for t in tensors]
    if not xs:
        raise ValueError("`tensors` is empty; cat needs at least one")
    axis = check_axis(dim, xs[0].ndim)
    rests = {x.shape[:axis] + x.shape[axis + 1 :] if x.ndim == xs[0].ndim else x.shape for x in xs}
    if len(rests) > 1 or not xs[0].ndim:
        raise ValueError(f"cat: shapes {[x.shape for x in xs]} may differ in axis {dim} only (and need one)")
    dtype = max((x.dtype for x in xs), key=lambda d: ("biuf".index(d.kind) > 0, d.kind == "f", d.itemsize))
    return Cat.apply(*[cast(x, dtype) for x in xs], axis=axis)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return tensors of one shape side by side along a new axis ``dim``."""
    xs = [as_tensor(t, "tensors") for t in tensors]
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"stack: shapes {[x.shape for x in xs]} must be equal, and at least one")
    return cat([unsqueeze(x, dim) for x in xs], dim)


def split(tensor: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut the tensor along ``dim`` into pieces.

    Args:
        tensor: a Tensor.
        split_size: the length of each piece (the last may be shorter), or the list of lengths.
        dim: the axis.
    """
    x = as_tensor(tensor, "tensor")
    axis = check_axis(dim, x.ndim)
    if not x.ndim:
        raise ValueError("split: `tensor` has no axes, there is nothing to cut")
    length = x.shape[axis]
    if isinstance(split_size, int):
        if split_size < 1:
            raise ValueError(f"`split_size` is {split_size}; it must be at least 1")
        sizes = [min(split_size, length - i) for i in range(0, length, split_size)] or [0]
    else:
        sizes = list(split_size)
        if sum(sizes) != length or min(sizes, default=0) < 0:
            raise ValueError(f"`split_size` is {sizes}; the lengths must add up to {length}")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    lead = (slice(None),) * axis
    return tuple(getitem(x, (*lead, slice(end - n, end))) for n, end in zip(sizes, ends, strict=True))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut the tensor along ``dim`` into ``chunks`` pieces of equal length (the last may be shorter, or missing)."""
    if chunks < 1:
        raise ValueError(f"`chunks` is {chunks}; it must be at least 1")
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim)
    length = x.shape[axis] if x.ndim else 0
    if x.ndim and not length:
        return split(x, [0] * chunks, dim)  # as PyTorch: here none is missing
    return split(x, max(1, -(-length // chunks)), dim)


def flip(input: Tensor, dims: int | Sequence[int]) -> Tensor:
    """Return the tensor read backwards along ``dims``."""
    x = as_tensor(input, "input")
    axes = check_axes(dims if isinstance(dims, int) else tuple(dims), x.ndim)
    return Flip.apply(x, axes=axes)


def repeat(input: Tensor, *sizes: int | Sequence[int]) -> Tensor:
    """Return the tensor laid ``sizes[i]`` times along axis i, as tiles; further sizes in front make new axes."""
    x = as_tensor(input, "input")
    times = _sizes(sizes)
    if len(times) < x.ndim or min(times, default=0) < 0:
        raise ValueError(f"`sizes` is {times}; one number (at least 0) for each of the {x.ndim} axes, more in front")
    shape = (1,) * (len(times) - x.ndim) + x.shape
    # (n0, n1) -> (1, n0, 1, n1) -> (t0, n0, t1, n1) -> (t0 n0, t1 n1)
    spaced = reshape(x, tuple(n for length in shape for n in (1, length)))
    tiled = broadcast_to(spaced, tuple(n for pair in zip(times, shape, strict=True) for n in pair))
    return reshape(tiled, tuple(t * n for t, n in zip(times, shape, strict=True)))
