"""Several tensors into one and one into several: each is the other's backward."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.backend import promote
from tinygen.ops._inputs import as_tensor, cast, check_axis
from tinygen.ops.indexing import getitem
from tinygen.ops.shape import reshape, unsqueeze, whole_numbers
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.layout import join_channels


class Cat(Function):
    """y = [x_0 | x_1 | ...] along an axis;  gx_k = the k-th piece of gy.

    Derivation: each number of each x_k stands at exactly one place of y, so its gradient is the one at that place:
    gy cut where the inputs met.
    """

    selects = True

    @staticmethod
    def forward(ctx: Node, *xs: Any, axis: int) -> Any:
        ctx.axis, ctx.lengths = axis, [x.shape[axis] for x in xs]
        return join_channels(xs) if axis == 1 else array_module(*xs).concatenate(xs, axis)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        pieces = split(gy, ctx.lengths, ctx.axis)
        for piece in pieces:
            piece._is_cut = getattr(gy, "_is_cut", False)
        return pieces


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return the tensors one behind the other along ``dim``.

        y[.., N_0 + ... + N_k-1 + i, ..] = x_k[.., i, ..]

    Args:
        tensors: a list of Tensors of one shape but for ``dim``; those of shape (0,) fit anywhere, as in PyTorch.
            Different dtypes are promoted.
        dim: the axis.

    Returns:
        A Tensor whose axis ``dim`` has the sum of the lengths.

    Raises:
        ValueError: for an empty list, numbers without axes, or shapes that differ elsewhere than in ``dim``.
        IndexError: if there is no such axis.
        TypeError: if the tensors live on different devices.
    """
    xs = [as_tensor(t, "tensors") for t in tensors]
    if not xs:
        raise ValueError("`tensors` is empty; cat needs at least one")
    like = next((x for x in xs if x.shape != (0,)), xs[0])
    axis = check_axis(dim, like.ndim)
    if any(x.shape == (0,) for x in xs) and like.ndim > 1:
        none = (*like.shape[:axis], 0, *like.shape[axis + 1 :])
        xs = [reshape(x, none) if x.shape == (0,) and not math.prod(none) else x for x in xs]
    rests = {x.shape[:axis] + x.shape[axis + 1 :] if x.ndim == like.ndim else x.shape for x in xs}
    if len(rests) > 1 or not all(x.ndim for x in xs):
        raise ValueError(f"cat: shapes {[x.shape for x in xs]} may differ in axis {dim} only (and need one)")
    dtype = functools.reduce(lambda d, x: promote(np.empty(1, d), x._data), xs[1:], xs[0].dtype)
    return Cat.apply(*[cast(x, dtype) for x in xs], axis=axis)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Return tensors of one shape side by side along a new axis.

        y[.., k, ..] = x_k[..]

    Args:
        tensors: a list of Tensors of one shape; different dtypes are promoted.
        dim: the place of the new axis.

    Returns:
        A Tensor with one axis more, of length ``len(tensors)``.

    Raises:
        ValueError: for an empty list or different shapes.
        IndexError: if there is no such place.
    """
    xs = [as_tensor(t, "tensors") for t in tensors]
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"stack: shapes {[x.shape for x in xs]} must be equal, and at least one")
    return cat([unsqueeze(x, dim) for x in xs], dim)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut the tensor along an axis into pieces: :func:`cat` undone.

        y_k[.., i, ..] = x[.., N_0 + ... + N_k-1 + i, ..]

    Args:
        tensor: (...) any dtype, with at least one axis.
        split_size_or_sections: the length of each piece (the last may be shorter), or the list of lengths.
        dim: the axis.

    Returns:
        The pieces, on the same memory.

    Raises:
        ValueError: if the lengths do not add up, or ``tensor`` has no axes.
        IndexError: if there is no such axis.
    """
    x = as_tensor(tensor, "tensor")
    axis = check_axis(dim, x.ndim)
    if not x.ndim:
        raise ValueError("split: `tensor` has no axes, there is nothing to cut")
    size, length = split_size_or_sections, x.shape[axis]
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool):
        if size < 0 or (not size and length):
            raise ValueError(f"`split_size_or_sections` is {size}; it must be at least 1")
        sizes = [min(size, length - i) for i in range(0, length, size or 1)] or [0]
    elif isinstance(size, (tuple, list)):
        sizes = whole_numbers(size, (), "split_size_or_sections")
        if sum(sizes) != length or min(sizes, default=0) < 0:
            raise ValueError(f"`split_size_or_sections` is {sizes}; the lengths must add up to {length}")
    else:
        raise TypeError(f"`split_size_or_sections` is {size!r}; it must be an integer or a list of them")
    lead = (slice(None),) * axis
    ends = accumulate(sizes)
    return tuple([getitem(x, (*lead, slice(end - n, end))) for n, end in zip(sizes, ends, strict=True)])


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut the tensor along an axis into a number of equal pieces.

        y_k = x[.., k n : (k+1) n, ..],   n = ceil(N / chunks)

    Args:
        input: (...) any dtype, with at least one axis.
        chunks: how many, at least 1.
        dim: the axis, of length N.

    Returns:
        At most ``chunks`` pieces; the last may be shorter, and where N is short some are missing, as in PyTorch.

    Raises:
        ValueError: if ``chunks`` is below 1, or ``input`` has no axes.
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    if not isinstance(chunks, (int, np.integer)) or isinstance(chunks, bool):
        raise TypeError(f"`chunks` is {chunks!r}; it must be an integer")
    if chunks < 1:
        raise ValueError(f"`chunks` is {chunks}; it must be at least 1")
    if not x.ndim:
        raise ValueError("chunk: `input` has no axes, there is nothing to cut")
    length = x.shape[check_axis(dim, x.ndim)]
    return split(x, -(-length // chunks) if length else [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the slices along an axis, without that axis: :func:`stack` undone.

        y_k[..] = x[.., k, ..]

    Args:
        input: (...) any dtype, with at least one axis.
        dim: the axis.

    Returns:
        As many Tensors as the axis is long.

    Raises:
        IndexError: if there is no such axis.
    """
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim)
    if not x.ndim:
        raise IndexError("unbind: `input` has no axes")
    lead = (slice(None),) * axis
    return tuple([getitem(x, (*lead, k)) for k in range(x.shape[axis])])
