"""Pooling: the maximum or the mean of each window that slides over the last axes of an array.

Written as a loop over the few places in a window, not over the many windows: place k of all windows at once is a
strided slice of the input. Padding is never stored; where a place lies outside for some windows, the slice leaves
those out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = [
    "AdaptiveWindows",
    "Windows",
    "adaptive_max_pool_forward",
    "avg_pool_backward",
    "avg_pool_forward",
    "lay_windows",
    "max_pool_backward",
    "max_pool_forward",
]

Array = Any  # numpy.ndarray or cupy.ndarray


def _numba_can(x: Array, *others: Any, **named: Any) -> bool | str:
    """Whether the Numba form serves these arrays, and would be quicker."""
    if x.dtype != np.float32:
        return "it computes in float32 only"
    over = named.get("over") or next(other for other in others if isinstance(other, tuple))
    if len(over) > 2 or not len(over) < x.ndim <= len(over) + 2:
        return "it knows one or two axes behind (N, C)"
    return True if x.size >= 4096 else "too small to pay"


class Windows(NamedTuple):
    """The windows along one axis: number o covers o * stride - padding + k * dilation for k below ``kernel``.

    Args:
        size: length of the axis.
        count: how many windows, the length of the output.
        kernel: places in a window.
        stride: from one window to the next.
        padding: how far the first window begins before the axis.
        dilation: from one place to the next.
    """

    size: int
    count: int
    kernel: int
    stride: int
    padding: int
    dilation: int = 1

    def places(self) -> Iterator[tuple[slice, range]]:
        """Yield for each place k the windows that have it inside the axis, and where it lies in each of them."""
        for k in range(self.kernel):
            shift = k * self.dilation - self.padding  # window o has place k at o * stride + shift
            first = max(0, -(shift // self.stride))
            end = min(self.count, (self.size - 1 - shift) // self.stride + 1)
            if first < end:
                start = first * self.stride + shift
                yield slice(first, end), range(start, start + (end - first) * self.stride, self.stride)

    def lengths(self, include_pad: bool) -> np.ndarray:
        """The number of places in each window: those inside the axis, and those on its padding if asked for."""
        starts = np.arange(self.count) * self.stride - self.padding
        ends = np.minimum(starts + self.kernel, self.size + self.padding)
        return ends - starts if include_pad else np.minimum(ends, self.size) - np.maximum(starts, 0)


@lru_cache(maxsize=256)
def lay_windows(
    size: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> Windows:
    """Lay windows over an axis.

    count = (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded down; with ``ceil_mode`` up, less a
    last window that would begin behind the axis.

    Raises:
        ValueError: the axis is too short for one window, or a window lies wholly on the padding.
    """
    spare = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-spare // stride) if ceil_mode else spare // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    laid = Windows(size, count, kernel, stride, padding, dilation)
    reached = np.zeros(max(count, 0), bool)
    for having, _ in laid.places():
        reached[having] = True
    if not reached.all() or count < 1:
        options = f"`padding` {padding}, `dilation` {dilation}, `stride` {stride}"
        raise ValueError(f"`kernel_size` {kernel} with {options} does not fit an axis of length {size}")
    return laid


class AdaptiveWindows(NamedTuple):
    """``count`` windows that share an axis evenly: number o covers floor(o size / count) to ceil((o+1) size / count).

    Args:
        size: length of the axis.
        count: how many windows, the length of the output.
    """

    size: int
    count: int

    def places(self) -> Iterator[tuple[slice, np.ndarray]]:
        """As `Windows.places`; a window that is shorter than others names its last place again."""
        o = np.arange(self.count)
        starts, ends = o * self.size // self.count, -(-(o + 1) * self.size // self.count)
        for k in range((ends - starts).max(initial=0)):
            yield slice(None), np.minimum(starts + k, ends - 1)


@kernel(numba="tinygen_ops.pooling_numba:max_pool_forward", supports=_numba_can)
def max_pool_forward(x: Array, over: tuple[Windows, ...]) -> tuple[Array, Array]:
    """Take the maximum of each window over the last axes.

    y_o = max_k x[o * stride - padding + k * dilation], the first of equal ones; NaN where there is one (the last)

    Args:
        x: (..., H, W) of any dtype but bool, for two ``over``.
        over: the windows along each of the last axes.

    Returns:
        y (..., OH, OW), and where each maximum stood as int64 (..., OH, OW): h * W + w.
    """
    return _maximum(x, over)


@kernel()
def adaptive_max_pool_forward(x: Array, over: tuple[AdaptiveWindows, ...]) -> tuple[Array, Array]:
    """Take the maximum of each window; as `max_pool_forward`, with windows that share the axes evenly."""
    return _maximum(x, over)


def _maximum(x: Array, over: tuple[Windows | AdaptiveWindows, ...]) -> tuple[Array, Array]:
    xp = array_module(x)
    lead = x.shape[: x.ndim - len(over)]
    shape = (*lead, *[w.count for w in over])
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    y, indices = xp.full(shape, lowest, x.dtype), xp.empty(shape, np.int64)
    indices[...] = _flat(xp, [_firsts(w) for w in over], over)  # stays where nothing exceeds the lowest
    for place in itertools.product(*[list(w.places()) for w in over]):
        values = x
        for axis, (_, at) in enumerate(place, start=len(lead)):
            values = values[(slice(None),) * axis + (_selector(xp, at),)]
        there = (..., *[having for having, _ in place])
        best, index = y[there], indices[there]
        better = (values > best) | (values != values)  # NaN stays: nothing is greater
        xp.copyto(best, values, where=better)
        xp.copyto(index, _flat(xp, [at for _, at in place], over), where=better)
    return y, indices


def _firsts(w: Windows | AdaptiveWindows) -> np.ndarray:
    """The first place of each window that lies inside the axis."""
    firsts = np.full(w.count, -1)
    for having, at in w.places():
        part = firsts[having]
        np.copyto(part, at, where=part < 0)
    return firsts


def _flat(xp: Any, places: list, over: tuple[Windows | AdaptiveWindows, ...]) -> Array:
    """Flat places from the places along each axis: h * W + w for every h and w, (OH, OW)."""
    flat, *rest = [xp.arange(at.start, at.stop, at.step) if isinstance(at, range) else xp.asarray(at) for at in places]
    for w, at in zip(over[1:], rest, strict=True):
        flat = flat[..., None] * w.size + at
    return flat


def _selector(xp: Any, at: range | np.ndarray) -> Any:
    return slice(at.start, at.stop, at.step) if isinstance(at, range) else xp.asarray(at)


@kernel(numba="tinygen_ops.pooling_numba:max_pool_backward", supports=_numba_can)
def max_pool_backward(gy: Array, indices: Array, over: tuple[Windows, ...]) -> Array:
    """Add the gradient of each window to the element that was its maximum: gx[indices_o] += gy_o.

    Args:
        gy: (..., OH, OW) float, for two ``over``.
        indices: what `max_pool_forward` returned.
        over: the same windows.

    Returns:
        gx (..., H, W).
    """
    xp = array_module(gy, indices)
    gx = xp.zeros((*gy.shape[: gy.ndim - len(over)], *[w.size for w in over]), gy.dtype)
    # Place by place no two windows meet: slices instead of a scatter, in the same order on every run.
    for place in itertools.product(*[list(w.places()) for w in over]):
        there = (..., *[having for having, _ in place])
        chosen = indices[there] == _flat(xp, [at for _, at in place], over)
        gx[(..., *[_selector(xp, at) for _, at in place])] += xp.where(chosen, gy[there], gy.dtype.type(0))
    return gx


@kernel(numba="tinygen_ops.pooling_numba:avg_pool_forward", supports=_numba_can)
def avg_pool_forward(x: Array, over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> Array:
    """Take the mean of each window over the last axes.

    y_o = sum_k x[o * stride - padding + k] / divisor

    Args:
        x: (..., H, W) float, for two ``over``.
        over: the windows along each of the last axes.
        include_pad: count the zeros of the padding.
        divisor: None for the number of places in the window.

    Returns:
        (..., OH, OW).
    """
    y = x
    for i, w in enumerate(over, start=x.ndim - len(over)):  # the sum over a rectangle: along one axis, then the next
        part = array_module(x).zeros((*y.shape[:i], w.count, *y.shape[i + 1 :]), _wide(x.dtype))
        lead = (slice(None),) * i
        for having, at in w.places():
            part[(*lead, having)] += y[(*lead, slice(at.start, at.stop, at.step))]
        y = part
    return (y / _divisors(y, over, include_pad, divisor)).astype(x.dtype, copy=False)


@kernel(numba="tinygen_ops.pooling_numba:avg_pool_backward", supports=_numba_can)
def avg_pool_backward(gy: Array, over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> Array:
    """Add the gradient of each window, divided as its mean was, to all its elements: the adjoint of the forward.

    gx_i = sum over the windows o that contain i of gy_o / divisor_o

    Args:
        gy: (..., OH, OW) float, for two ``over``.
        over: the windows along each of the last axes.
        include_pad: as in the forward.
        divisor: likewise.

    Returns:
        (..., H, W).
    """
    gx = gy.astype(_wide(gy.dtype), copy=False)
    gx = gx / _divisors(gx, over, include_pad, divisor)
    for i, w in enumerate(over, start=gy.ndim - len(over)):
        part = array_module(gy).zeros((*gx.shape[:i], w.size, *gx.shape[i + 1 :]), gx.dtype)
        lead = (slice(None),) * i
        for having, at in w.places():
            part[(*lead, slice(at.start, at.stop, at.step))] += gx[(*lead, having)]
        gx = part
    return gx.astype(gy.dtype, copy=False)


def _wide(dtype: np.dtype) -> np.dtype:
    """The dtype to add up in: half precision would overflow."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _divisors(like: Array, over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> Any:
    """What each sum is divided by: a number, or an array (OH, OW) where windows differ."""
    counts = divisors(over, include_pad, divisor)
    if (counts == counts.flat[0]).all():
        return like.dtype.type(counts.flat[0])
    return array_module(like).asarray(counts, dtype=like.dtype)


def divisors(over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> np.ndarray:
    """What the sum of each window is divided by, integers (OH, OW), or () where it is said for all."""
    return np.asarray(divisor) if divisor is not None else _counts(over, include_pad)


@lru_cache(maxsize=256)
def _counts(over: tuple[Windows, ...], include_pad: bool) -> np.ndarray:
    counts = np.ones((), np.int64)
    for w in over:
        counts = counts[..., None] * w.lengths(include_pad)  # (OH,) -> (OH, OW)
    return counts
