"""Numba forms of `pooling.py` for float32 over one or two axes: channels last in memory, rows of pixels over threads.

Each result is computed by one thread in one order: forward a window at a time, backward an element at a time, which
looks into all windows that contain it. So no two threads meet, and their number changes no bit.

Maxima and sums are put together in registers and stored once. For the usual windows their sizes stand as numbers in the
calls: LLVM writes the loops over their places out, and they take half the time that they take otherwise.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import jit, subroutine
from tinygen_ops.layout import channels_last
from tinygen_ops.pooling import Windows, divisors
from tinygen_ops.pooling import avg_pool_backward as plain_backward
from tinygen_ops.pooling import avg_pool_forward as plain_forward
from tinygen_ops.simd import W, broadcast, fmuladd, load, load_float, select_less, store, store_float, total

EXACT = 2**24  # whole numbers up to here are exact in float32


def _four(x: np.ndarray, axes: int) -> np.ndarray:
    """Return (..., *S) as (N, C, H, W): one pooled axis is one of two with height 1, one leading axis is C."""
    x = x[..., None, :] if axes == 1 else x
    return x[None] if x.ndim == 3 else x


def _shaped(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(N, H, W, C) as the result's shape, channels last in memory."""
    return y.transpose(0, 3, 1, 2).reshape(shape)


@lru_cache(maxsize=256)
def _reach(over: tuple[Windows, ...], backward: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """For both axes the places that each window has inside, (count, 3) int64: the first, how many, the step.

    Backward the windows that contain each place, (size, 3): the first, how many, the step.
    """
    tables = []
    for w in [Windows(1, 1, 1, 1, 0), *over][-2:]:
        first = np.full(w.size if backward else w.count, np.iinfo(np.int64).max)
        last = np.full_like(first, -1)
        for having, at in w.places():
            windows, places = np.arange(having.start, having.stop), np.array(at)
            i, reached = (places, windows) if backward else (windows, places)
            first[i], last[i] = np.minimum(first[i], reached), np.maximum(last[i], reached)
        step = w.dilation // np.gcd(w.dilation, w.stride) if backward else w.dilation
        none = last < 0  # a place between windows
        many = np.where(none, 0, (last - first) // step + 1)
        tables.append(np.stack([np.where(none, 0, first), many, np.full_like(first, step)], 1))
    return tuple(tables)


@subroutine
def _maxima(x, corner, tall, wide, down, right, channels, y, out, places):
    """The maximum of each channel of a window to y, and to `places` how many pixels behind the corner it stands."""
    for start in range(0, channels, W):
        c = min(start, channels - W)  # the last vector laps over the one before
        best, place = load(x, corner * channels + c), broadcast(np.float32(0))
        for r in range(tall):
            for s in range(wide):
                behind = r * down + s * right
                value = load(x, (corner + behind) * channels + c)
                place = select_less(best, value, broadcast(np.float32(behind)), place)
                best = select_less(best, value, value, best)
        store(y, out * channels + c, best)
        store(places, c, place)


@subroutine
def _maxima_one_by_one(x, corner, tall, wide, down, right, channels, y, out, flat, index):
    """As `_maxima`, for any number of channels, and with NaN, the last of which wins; `flat` is the corner's place."""
    for c in range(channels):
        best, place = load_float(x, corner * channels + c), 0
        for r in range(tall):
            for s in range(wide):
                behind = r * down + s * right
                value = load_float(x, (corner + behind) * channels + c)
                better = value > best or value != value
                best, place = value if better else best, behind if better else place
        store_float(y, out * channels + c, best)
        index[out, c] = flat + place


@jit(parallel=True)
def _max_forward(x, vertical, horizontal, vectors, y, where):
    """Write the maximum of each window to y (N, OH, OW, C), and to `where` the place of the first; NaN wins.

    `vectors`: there are W channels or more, and all places are exact in float32.
    """
    samples, height, width, channels = x.shape
    rows, columns = y.shape[1], y.shape[2]
    xs, ys, index = x.ctypes.data, y.ctypes.data, where.reshape(samples * rows * columns, channels)
    for item in prange(samples * rows):
        n, p = item // rows, item % rows
        top, tall, step = vertical[p, 0], vertical[p, 1], vertical[p, 2]
        line, down = (n * height + top) * width, step * width
        done = False
        if vectors:
            places, any_nan, seen = np.empty(channels, np.float32), broadcast(np.float32(0)), 0
            found = places.ctypes.data
            for q in range(columns):
                left, wide, right = horizontal[q, 0], horizontal[q, 1], horizontal[q, 2]
                corner, out, flat = line + left, item * columns + q, top * width + left
                # What is written too early here is on its way into the cache while the pixels are read: out of memory
                # 256 maps of 50 x 66 windows take 0.9 ms so, 1.1 otherwise.
                to = index[out]
                for c in range(channels):
                    to[c] = flat
                # Then through the pixels that are new, in the order of memory: their sum is NaN if one of them is. The
                # maxima, which read several rows in turn, find them in the cache.
                new, end = max(seen, left), left + (wide - 1) * right + 1
                for r in range(tall):
                    begin, size = (line + r * down + new) * channels, (end - new) * channels
                    for i in range(0, size, W):
                        any_nan = any_nan + load(xs, begin + min(i, size - W))
                seen = end
                if tall == 3 and wide == 3:
                    _maxima(xs, corner, 3, 3, down, right, channels, ys, out, found)
                elif tall == 2 and wide == 2:
                    _maxima(xs, corner, 2, 2, down, right, channels, ys, out, found)
                else:
                    _maxima(xs, corner, tall, wide, down, right, channels, ys, out, found)
                for c in range(channels):
                    to[c] = flat + np.int64(np.int32(places[c]))
            check = total(any_nan)
            done = check == check
        if not done:
            for q in range(columns):
                left, wide, right = horizontal[q, 0], horizontal[q, 1], horizontal[q, 2]
                corner, out, flat = line + left, item * columns + q, top * width + left
                _maxima_one_by_one(xs, corner, tall, wide, down, right, channels, ys, out, flat, index)


@jit(parallel=True)
def _max_backward(gy, where, vertical, horizontal, gx):
    """Write to gx (N, H, W, C) the sum of gy over the windows that an element won."""
    samples, rows, columns, channels = gy.shape
    height, width = gx.shape[1], gx.shape[2]
    pixels = samples * rows * columns
    g, index = gy.reshape(pixels, channels), where.reshape(pixels, channels)
    for item in prange(samples * height):
        n, h = item // height, item % height
        top, tall, step = vertical[h, 0], vertical[h, 1], vertical[h, 2]
        down = step * columns
        for w in range(width):
            left, wide, right = horizontal[w, 0], horizontal[w, 1], horizontal[w, 2]
            first, flat, to = (n * rows + top) * columns + left, h * width + w, gx[n, h, w]
            for c in range(channels):
                to[c] = 0
            for r in range(tall):
                for s in range(wide):
                    o = first + r * down + s * right
                    for c in range(channels):
                        to[c] += g[o, c] if index[o, c] == flat else np.float32(0)


@subroutine
def _sum(x, corner, tall, wide, down, right, channels, divisor, y, out):
    """The sum of each channel over a window, divided, to y."""
    for start in range(0, channels, W):
        c = min(start, channels - W)
        added = broadcast(np.float32(0))
        for r in range(tall):
            for s in range(wide):
                added = added + load(x, (corner + r * down + s * right) * channels + c)
        store(y, out * channels + c, added / broadcast(divisor))


@subroutine
def _weighted_sum(x, corner, tall, wide, down, right, channels, divisors, first, y, out):
    """As `_sum`, but each pixel is divided by a divisor of its own; those of the window begin at `first`."""
    for start in range(0, channels, W):
        c = min(start, channels - W)
        added = broadcast(np.float32(0))
        for r in range(tall):
            for s in range(wide):
                behind = r * down + s * right
                factor = np.float32(1) / load_float(divisors, first + behind)
                added = fmuladd(load(x, (corner + behind) * channels + c), broadcast(factor), added)
        store(y, out * channels + c, added)


@jit(parallel=True)
def _add_up(x, vertical, horizontal, divisors, backward, y):
    """Write to y (N, OH, OW, C) the sum of x over each window, divided by the divisor (OH, OW) of the window.

    Backward the divisors are those of x, which is divided before it is added; after will do where they agree. At least
    W channels.
    """
    samples, height, width, channels = x.shape
    rows, columns = y.shape[1], y.shape[2]
    xs, ys, ds = x.ctypes.data, y.ctypes.data, divisors.ctypes.data
    for item in prange(samples * rows):
        n, p = item // rows, item % rows
        top, tall, step = vertical[p, 0], vertical[p, 1], vertical[p, 2]
        down = step * width
        for q in range(columns):
            left, wide, right = horizontal[q, 0], horizontal[q, 1], horizontal[q, 2]
            first, out = top * width + left, item * columns + q
            corner = n * height * width + first
            divisor = load_float(ds, first if backward else p * columns + q)
            if backward:
                for r in range(tall):
                    for s in range(wide):
                        if load_float(ds, first + r * down + s * right) != divisor:
                            divisor = np.float32(0)  # they do not agree
            if divisor == 0 and tall == 3 and wide == 3:
                _weighted_sum(xs, corner, 3, 3, down, right, channels, ds, first, ys, out)
            elif divisor == 0:
                _weighted_sum(xs, corner, tall, wide, down, right, channels, ds, first, ys, out)
            elif tall == 3 and wide == 3:
                _sum(xs, corner, 3, 3, down, right, channels, divisor, ys, out)
            elif tall == 2 and wide == 2:
                _sum(xs, corner, 2, 2, down, right, channels, divisor, ys, out)
            elif tall == 1 and wide == 1:
                _sum(xs, corner, 1, 1, down, right, channels, divisor, ys, out)
            else:
                _sum(xs, corner, tall, wide, down, right, channels, divisor, ys, out)


def max_pool_forward(x: np.ndarray, over: tuple[Windows, ...]) -> tuple[np.ndarray, np.ndarray]:
    """See `tinygen_ops.max_pool_forward`."""
    xs, (vertical, horizontal) = channels_last(_four(x, len(over))), _reach(over)
    n, height, width, channels = xs.shape
    y = memory.empty((n, len(vertical), len(horizontal), channels))
    where = memory.empty(y.shape, np.int64)
    _max_forward(xs, vertical, horizontal, channels >= W and height * width <= EXACT, y, where)
    target = (*x.shape[: x.ndim - len(over)], *(w.count for w in over))
    return _shaped(y, target), _shaped(where, target)


def max_pool_backward(gy: np.ndarray, indices: np.ndarray, over: tuple[Windows, ...]) -> np.ndarray:
    """See `tinygen_ops.max_pool_backward`."""
    axes, (vertical, horizontal) = len(over), _reach(over, backward=True)
    gs = channels_last(_four(gy, axes))
    where = np.ascontiguousarray(_four(indices, axes).transpose(0, 2, 3, 1))
    gx = memory.empty((len(gs), len(vertical), len(horizontal), gs.shape[3]))
    _max_backward(gs, where, vertical, horizontal, gx)
    return _shaped(gx, (*gy.shape[: gy.ndim - axes], *(w.size for w in over)))


@lru_cache(maxsize=256)
def _divisors(over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> np.ndarray:
    """What each window is divided by, (OH, OW) float32."""
    counts = [w.count for w in over]
    found = np.broadcast_to(divisors(over, include_pad, divisor), counts)
    return np.ascontiguousarray(found, np.float32).reshape([1, *counts][-2:])


def _few_channels(x: np.ndarray, over: tuple[Windows, ...]) -> bool:
    """Whether there are too few for a vector; then NumPy, which adds up whole pictures, takes half the time or less."""
    return x.shape[-1 - len(over)] < W


def avg_pool_forward(x: np.ndarray, over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> np.ndarray:
    """See `tinygen_ops.avg_pool_forward`."""
    if _few_channels(x, over):
        return plain_forward.reference(x, over, include_pad, divisor)
    xs, (vertical, horizontal) = channels_last(_four(x, len(over))), _reach(over)
    y = memory.empty((len(xs), len(vertical), len(horizontal), xs.shape[3]))
    _add_up(xs, vertical, horizontal, _divisors(over, include_pad, divisor), False, y)
    return _shaped(y, (*x.shape[: x.ndim - len(over)], *(w.count for w in over)))


def avg_pool_backward(gy: np.ndarray, over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> np.ndarray:
    """See `tinygen_ops.avg_pool_backward`."""
    if _few_channels(gy, over):
        return plain_backward.reference(gy, over, include_pad, divisor)
    gs, (vertical, horizontal) = channels_last(_four(gy, len(over))), _reach(over, backward=True)
    gx = memory.empty((len(gs), len(vertical), len(horizontal), gs.shape[3]))
    _add_up(gs, vertical, horizontal, _divisors(over, include_pad, divisor), True, gx)
    return _shaped(gx, (*gy.shape[: gy.ndim - len(over)], *(w.size for w in over)))
