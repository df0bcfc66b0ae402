"""From channels last in memory to channels first, and back: the copies that cannot be avoided, on all threads.

Convolutions keep the channels of a pixel side by side; a dense layer behind them reads channel after channel, as the
shape (N, C, H, W) says. Between the two stands one copy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen_ops import memory
from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = [
    "as_channels_last", "as_pixels", "channels_last", "contiguous", "in_memory_order", "join_channels",
    "lies_channels_last", "new_like",
]  # fmt: skip

Array = Any  # numpy.ndarray or cupy.ndarray


def _pays(x: Array) -> bool | str:
    if x.dtype != np.float32 or x.ndim < 3:
        return "it is for float32 arrays (N, C, ...)"
    return True if x.size >= 32_768 else "too small to pay"


@kernel(numba="tinygen_ops.layout_numba:contiguous", supports=_pays)
def contiguous(x: Array) -> Array:
    """Return x (N, C, *S) in C order: itself where it lies so, else a copy."""
    return array_module(x).ascontiguousarray(x)


@kernel(numba="tinygen_ops.layout_numba:channels_last", supports=_pays)
def channels_last(x: Array) -> Array:
    """Return x (N, C, *S) as (N, *S, C), the channels side by side: a view where it lies so, else a copy."""
    return array_module(x).ascontiguousarray(x.transpose(0, *range(2, x.ndim), 1))


def as_channels_last(x: np.ndarray) -> np.ndarray:
    """`channels_last` of x (N, C, H, W), without a word to the registry where it is a view."""
    view = x.transpose(0, 2, 3, 1)
    return view if view.flags.c_contiguous else channels_last(x)


def as_pixels(x: np.ndarray) -> tuple[np.ndarray, int]:
    """Return float32 x (N, C, H, W) as (N, H, W, C), and how many floats lie from pixel to pixel.

    A view where the channels of a pixel lie side by side and the pixels equally far apart, as when x is some of the
    channels of an array; else a copy, whose pixels lie C floats apart.
    """
    view = x.transpose(0, 2, 3, 1)
    samples, height, width, channels = view.shape
    if not view.flags.c_contiguous:
        sample, row, pixel, channel = view.strides
        evenly = row == width * pixel and (samples == 1 or sample == height * row) and pixel % 4 == 0
        if evenly and channel == 4 <= 4 * channels < pixel and height > 1 < width:
            return view, pixel // 4
        view = channels_last(x)
    return view, channels


def lies_channels_last(x: Array) -> bool:
    """Return whether the channels of x (N, C, *S) lie side by side in memory, and not only for want of others."""
    return not x.flags.c_contiguous and x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous


def _lie_so(xs: Sequence[Array]) -> bool | str:
    if any(x.dtype != np.float32 or x.ndim != 4 for x in xs):
        return "it is for float32 arrays (N, C, H, W)"
    if any(x.shape[1] % 16 or not x.transpose(0, 2, 3, 1).flags.c_contiguous for x in xs):
        return "it is for arrays that lie channels last, with multiples of 16 channels"
    return True if sum(x.size for x in xs) >= 65_536 else "too small to pay"


@kernel(numba="tinygen_ops.layout_numba:join_channels", supports=_lie_so)
def join_channels(xs: Sequence[Array]) -> Array:
    """Return arrays (N, C_i, ...), alike but for C_i, as one (N, sum of C_i, ...): their channels in a row."""
    return array_module(*xs).concatenate(xs, 1)


def in_memory_order(x: np.ndarray) -> np.ndarray | None:
    """Return a one-dimensional view of x in the order of its memory; None where its numbers lie with gaps."""
    ordered = x.transpose(_axes(x))
    return ordered.reshape(-1) if ordered.flags.c_contiguous else None


def new_like(x: np.ndarray) -> np.ndarray:
    """Return a new array with the shape and the layout of x, which is dense, in memory that is used again."""
    axes, shape = _axes(x), x.shape
    made = memory.empty(tuple([shape[i] for i in axes]))
    return made.transpose([axes.index(i) for i in range(x.ndim)])


def _axes(x: np.ndarray) -> Sequence[int]:
    """The axes of x, that of the largest steps first."""
    strides = x.strides
    if x.ndim == 4 and strides[0] >= strides[2] >= strides[3] >= strides[1]:
        return (0, 2, 3, 1)
    return sorted(range(x.ndim), key=lambda i: -strides[i])
