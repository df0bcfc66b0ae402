"""Numba forms of `pooling.py` for float32 over one or two axes: channels last in memory, pixels over threads.

Each result is computed by one thread in one order: forward a window at a time, backward an element at a time, which
looks into all windows that contain it. So no two threads meet, and their number changes no bit.

The innermost loops run over the channels of a pixel, which lie side by side; the compiler makes vectors of them.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import jit
from tinygen_ops.layout import channels_last
from tinygen_ops.pooling import Windows, divisors


def _four(x: np.ndarray, axes: int) -> np.ndarray:
    """Return (..., *S) as (N, C, H, W): one pooled axis is one of two with height 1, one leading axis is C."""
    x = x[..., None, :] if axes == 1 else x
    return x[None] if x.ndim == 3 else x


def _table(over: tuple[Windows, ...]) -> np.ndarray:
    """(2, 6) int64: size, count, kernel, stride, padding and dilation along both axes."""
    flat = Windows(1, 1, 1, 1, 0)
    return np.array([flat, *over][-2:], np.int64)


def _shaped(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(N, H, W, C) as the result's shape, channels last in memory."""
    return y.transpose(0, 3, 1, 2).reshape(shape)


@jit(parallel=True)
def _max_forward(x, over, y, where):
    """Write the maximum of each window to y (N, OH, OW, C), and to `where` the place of the first; NaN wins."""
    (height, rows, kh, sh, ph, dh), (width, columns, kw, sw, pw, dw) = over[0], over[1]
    channels = x.shape[3]
    for item in prange(x.shape[0] * rows):
        n, p = item // rows, item % rows
        for q in range(columns):
            best, index = y[n, p, q], where[n, p, q]
            first = True
            for r in range(kh):
                h = p * sh - ph + r * dh
                if h < 0 or h >= height:
                    continue
                for s in range(kw):
                    w = q * sw - pw + s * dw
                    if w < 0 or w >= width:
                        continue
                    pixel, flat = x[n, h, w], h * width + w
                    if first:
                        first = False
                        for c in range(channels):
                            best[c] = pixel[c]
                            index[c] = flat
                    else:
                        for c in range(channels):
                            value = pixel[c]
                            better = value > best[c] or value != value
                            best[c] = value if better else best[c]
                            index[c] = flat if better else index[c]


@jit(parallel=True)
def _max_backward(gy, where, over, gx):
    """Write to gx (N, H, W, C) the sum of gy over the windows that an element won."""
    (height, rows, kh, sh, ph, dh), (width, columns, kw, sw, pw, dw) = over[0], over[1]
    channels = gy.shape[3]
    for item in prange(gy.shape[0] * height):
        n, h = item // height, item % height
        for w in range(width):
            to, flat = gx[n, h, w], h * width + w
            for c in range(channels):
                to[c] = 0
            for r in range(kh - 1, -1, -1):  # windows in ascending order
                up = h + ph - r * dh
                if up < 0 or up % sh or up // sh >= rows:
                    continue
                for s in range(kw - 1, -1, -1):
                    across = w + pw - s * dw
                    if across < 0 or across % sw or across // sw >= columns:
                        continue
                    g, index = gy[n, up // sh, across // sw], where[n, up // sh, across // sw]
                    for c in range(channels):
                        to[c] += g[c] if index[c] == flat else np.float32(0)


@jit(parallel=True)
def _sum_windows(x, over, divisors, y):
    """Write to y (N, OH, OW, C) the sum of x over each window, divided."""
    (height, rows, kh, sh, ph, dh), (width, columns, kw, sw, pw, dw) = over[0], over[1]
    channels = x.shape[3]
    for item in prange(x.shape[0] * rows):
        n, p = item // rows, item % rows
        for q in range(columns):
            total = y[n, p, q]
            for c in range(channels):
                total[c] = 0
            for r in range(kh):
                h = p * sh - ph + r * dh
                if h < 0 or h >= height:
                    continue
                for s in range(kw):
                    w = q * sw - pw + s * dw
                    if w < 0 or w >= width:
                        continue
                    pixel = x[n, h, w]
                    for c in range(channels):
                        total[c] += pixel[c]
            divisor = divisors[p, q]
            for c in range(channels):
                total[c] /= divisor


@jit(parallel=True)
def _spread_windows(gy, over, divisors, gx):
    """Write to gx (N, H, W, C) the sum over the windows that contain an element of their gy, divided."""
    (height, rows, kh, sh, ph, dh), (width, columns, kw, sw, pw, dw) = over[0], over[1]
    channels = gy.shape[3]
    for item in prange(gy.shape[0] * height):
        n, h = item // height, item % height
        for w in range(width):
            to = gx[n, h, w]
            for c in range(channels):
                to[c] = 0
            for r in range(kh - 1, -1, -1):
                up = h + ph - r * dh
                if up < 0 or up % sh or up // sh >= rows:
                    continue
                for s in range(kw - 1, -1, -1):
                    across = w + pw - s * dw
                    if across < 0 or across % sw or across // sw >= columns:
                        continue
                    g, divisor = gy[n, up // sh, across // sw], divisors[up // sh, across // sw]
                    for c in range(channels):
                        to[c] += g[c] / divisor


def max_pool_forward(x: np.ndarray, over: tuple[Windows, ...]) -> tuple[np.ndarray, np.ndarray]:
    """See `tinygen_ops.max_pool_forward`."""
    xs, table = channels_last(_four(x, len(over))), _table(over)
    shape = (len(xs), *(int(n) for n in table[:, 1]), xs.shape[3])
    y, where = memory.empty(shape), memory.empty(shape, np.int64)
    _max_forward(xs, table, y, where)
    target = (*x.shape[: x.ndim - len(over)], *(w.count for w in over))
    return _shaped(y, target), _shaped(where, target)


def max_pool_backward(gy: np.ndarray, indices: np.ndarray, over: tuple[Windows, ...]) -> np.ndarray:
    """See `tinygen_ops.max_pool_backward`."""
    axes, table = len(over), _table(over)
    gs = channels_last(_four(gy, axes))
    at = np.ascontiguousarray(np.moveaxis(_four(indices, axes), 1, -1))
    gx = memory.empty((len(gs), *(int(n) for n in table[:, 0]), gs.shape[3]))
    _max_backward(gs, at, table, gx)
    return _shaped(gx, (*gy.shape[: gy.ndim - axes], *(w.size for w in over)))


def _divisors(over: tuple[Windows, ...], include_pad: bool, divisor: int | None) -> np.ndarray:
    """What each window is divided by, (OH, OW) float32."""
    counts = [w.count for w in over]
    found = np.broadcast_to(divisors(over, include_pad, divisor), counts)
    return np.ascontiguousarray(found, np.float32).reshape([1, *counts][-2:])


def avg_pool_forward(
    x: np.ndarray, over: tuple[Windows, ...], include_pad: bool, divisor: int | None
) -> np.ndarray:
    """See `tinygen_ops.avg_pool_forward`."""
    xs, table = channels_last(_four(x, len(over))), _table(over)
    y = memory.empty((len(xs), *(int(n) for n in table[:, 1]), xs.shape[3]))
    _sum_windows(xs, table, _divisors(over, include_pad, divisor), y)
    return _shaped(y, (*x.shape[: x.ndim - len(over)], *(w.count for w in over)))


def avg_pool_backward(
    gy: np.ndarray, over: tuple[Windows, ...], include_pad: bool, divisor: int | None
) -> np.ndarray:
    """See `tinygen_ops.avg_pool_backward`."""
    gs, table = channels_last(_four(gy, len(over))), _table(over)
    gx = memory.empty((len(gs), *(int(n) for n in table[:, 0]), gs.shape[3]))
    _spread_windows(gs, table, _divisors(over, include_pad, divisor), gx)
    return _shaped(gx, (*gy.shape[: gy.ndim - len(over)], *(w.size for w in over)))
