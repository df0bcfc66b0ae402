"""Numba forms of `rectify.py`: one pass over memory, in the order in which the numbers lie.

These passes do next to nothing to each number, so memory is the limit: 10 to 20 GB/s on the machines measured, where
`numpy.where` on one thread reaches 2 to 4.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit
from tinygen_ops.layout import in_memory_order, new_like
from tinygen_ops.rectify import channel_sums as plain_channel_sums
from tinygen_ops.simd import W, broadcast, load, maximum, select_less, store

BLOCK = 8192  # numbers that a thread takes at a time: 32 KB of each array
ROWS = 256  # pixels that are summed together


def _dense_like(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return x with the memory layout of `like`, which is dense; a copy only where it lies otherwise."""
    same = all(a == b or n == 1 for n, a, b in zip(x.shape, x.strides, like.strides, strict=True))
    if same:
        return x
    copy = np.empty_like(like)
    copy[...] = x
    return copy


def _apply(run, inputs: list[np.ndarray], out: np.ndarray) -> None:
    """Call `run(addresses, size)` for the whole vectors, and for the last numbers in a vector of their own."""
    size, whole = out.size, out.size // W * W
    run([address(a) for a in (*inputs, out)], whole)
    if whole < size:
        last = [np.zeros(W, np.float32) for _ in (*inputs, out)]
        for room, a in zip(last, inputs, strict=False):
            room[: size - whole] = a[whole:]
        run([address(a) for a in last], W)
        out[whole:] = last[-1][: size - whole]


@jit(parallel=True)
def _rectify(x, y, slope, size):
    zero, factor = broadcast(np.float32(0)), broadcast(slope)
    for block in prange((size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(size, (block + 1) * BLOCK), W):
            value = load(x, i)
            store(y, i, select_less(zero, value, value, factor * value))


@jit(parallel=True)
def _cut_off(x, y, size):
    zero = broadcast(np.float32(0))
    for block in prange((size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(size, (block + 1) * BLOCK), W):
            store(y, i, maximum(zero, load(x, i)))


@jit(parallel=True)
def _mask(gy, x, gx, slope, size):
    zero, factor = broadcast(np.float32(0)), broadcast(slope)
    for block in prange((size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(size, (block + 1) * BLOCK), W):
            value = load(gy, i)
            below = zero if slope == 0 else factor * value  # 0 also where the gradient is infinite
            store(gx, i, select_less(zero, load(x, i), value, below))


@jit(parallel=True)
def _mask_rows(gy, step, x, gx, slope, rows, length):
    """As `_mask`, for rows of `length` numbers, a multiple of W; those of gy begin `step` apart."""
    zero, factor = broadcast(np.float32(0)), broadcast(slope)
    together = max(1, BLOCK // length)
    for block in prange((rows + together - 1) // together):
        for row in range(block * together, min(rows, (block + 1) * together)):
            for i in range(0, length, W):
                value = load(gy, row * step + i)
                below = zero if slope == 0 else factor * value
                store(gx, row * length + i, select_less(zero, load(x, row * length + i), value, below))


def _pixels_apart(gy: np.ndarray, x: np.ndarray) -> int:
    """Return the floats from pixel to pixel of gy, some of the channels of a larger channels-last array; else 0."""
    channels = x.shape[1] if x.ndim > 2 else 0
    if not channels or channels % W or not x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous:
        return 0
    step = gy.strides[-1] // 4
    if step <= channels or gy.strides[1] != 4:
        return 0
    expected = step * 4
    for axis in (*range(x.ndim - 1, 1, -1), 0):
        if gy.shape[axis] > 1 and gy.strides[axis] != expected:
            return 0
        expected *= gy.shape[axis]
    return step


def rectify(x: np.ndarray, slope: float = 0.0) -> np.ndarray:
    """See `tinygen_ops.rectify`."""
    flat = in_memory_order(x)
    if flat is None:
        x = x.copy()
        flat = x.reshape(-1)
    y = new_like(x)
    if slope:
        _apply(lambda at, n: _rectify(*at, np.float32(slope), n), [flat], in_memory_order(y))
    else:
        _apply(lambda at, n: _cut_off(*at, n), [flat], in_memory_order(y))
    return y


def rectify_gradient(gy: np.ndarray, x: np.ndarray, slope: float = 0.0) -> np.ndarray:
    """See `tinygen_ops.rectify_gradient`."""
    if gy.shape != x.shape:
        raise ValueError(f"`gy` has shape {gy.shape} and `x` {x.shape}; they must be equal")
    flat = in_memory_order(x)
    if flat is None:
        x = x.copy()
        flat = x.reshape(-1)
    gx = new_like(x)
    if step := _pixels_apart(gy, x):  # a piece of a gradient that was cut along the channels: read where it lies
        channels = x.shape[1]
        _mask_rows(address(gy), step, address(x), address(gx), np.float32(slope), x.size // channels, channels)
        return gx
    gy = _dense_like(gy, x)
    inputs = [in_memory_order(gy), flat]
    _apply(lambda at, n: _mask(*at, np.float32(slope), n), inputs, in_memory_order(gx))
    return gx


@jit(parallel=True)
def _sum_rows(x, rows, channels, sums):
    """sums[block, c] = sum of the block's rows of x (rows, channels), a multiple of W."""
    for block in prange((rows + ROWS - 1) // ROWS):
        first, last = block * ROWS, min(rows, (block + 1) * ROWS)
        for c in range(0, channels, W):
            total = broadcast(np.float32(0))
            for row in range(first, last):
                total = total + load(x, row * channels + c)
            store(sums, block * channels + c, total)


def channel_sums(x: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.channel_sums`; blocks of pixels in float32, their sums in float64, whatever the threads."""
    channels = x.shape[1]
    last = x.transpose(0, *range(2, x.ndim), 1)
    if channels % W or not last.flags.c_contiguous:
        return plain_channel_sums.reference(x)
    rows = x.size // channels
    sums = np.empty((-(-rows // ROWS), channels), np.float32)
    _sum_rows(address(x), rows, channels, address(sums))
    return sums.sum(0, dtype=np.float64).astype(np.float32)
