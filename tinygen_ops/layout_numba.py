"""Numba forms of `layout.py`: (N, A, B) to (N, B, A), a block that fits into the first-level cache at a time."""

import itertools
import math

import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit
from tinygen_ops.simd import W, load, load_float, store, store_float

BLOCK = 32  # rows and columns: 4 KB read and 4 KB written


@jit(parallel=True)
def _exchange(x, y, samples, rows, columns):
    """y[n, j, i] = x[n, i, j]."""
    up, across = (rows + BLOCK - 1) // BLOCK, (columns + BLOCK - 1) // BLOCK
    for item in prange(samples * across):
        n, j0 = item // across, item % across * BLOCK
        source, target = x + 4 * n * rows * columns, y + 4 * n * rows * columns
        for block in range(up):
            for j in range(j0, min(columns, j0 + BLOCK)):
                for i in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
                    store_float(target, j * rows + i, load_float(source, i * columns + j))


def exchanged(x: np.ndarray) -> np.ndarray:
    """Return a C-contiguous x (N, A, B) as a new array (N, B, A)."""
    samples, rows, columns = x.shape
    y = memory.empty((samples, columns, rows))
    _exchange(address(x), address(y), samples, rows, columns)
    return y


def contiguous(x: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.layout`."""
    last = x.transpose(0, *range(2, x.ndim), 1)
    if x.flags.c_contiguous or not last.flags.c_contiguous:
        return np.ascontiguousarray(x)
    n, channels, *places = x.shape
    return exchanged(last.reshape(n, math.prod(places), channels)).reshape(x.shape)


def channels_last(x: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.layout`."""
    last = x.transpose(0, *range(2, x.ndim), 1)
    if last.flags.c_contiguous or not x.flags.c_contiguous:
        return np.ascontiguousarray(last)
    n, channels, *places = x.shape
    return exchanged(x.reshape(n, channels, math.prod(places))).reshape(n, *places, channels)


@jit(parallel=True)
def _put_side_by_side(parts, pixels, channels, y):
    """Copy arrays (pixels, length) to y (pixels, channels): `parts` has (address, length, first channel) of each."""
    blocks = (pixels + BLOCK - 1) // BLOCK
    for block in prange(blocks):
        for pixel in range(block * BLOCK, min(pixels, (block + 1) * BLOCK)):
            for k in range(parts.shape[0]):
                length, to = parts[k, 1], pixel * channels + parts[k, 2]
                for i in range(0, length, W):
                    store(y, to + i, load(parts[k, 0], pixel * length + i))


def join_channels(xs) -> np.ndarray:
    """See `tinygen_ops.layout`; lengths are multiples of W."""
    n, _, height, width = xs[0].shape
    ends = list(itertools.accumulate(x.shape[1] for x in xs))
    y = memory.empty((n, height, width, ends[-1]))
    parts = [(address(x), x.shape[1], end - x.shape[1]) for x, end in zip(xs, ends, strict=True)]
    _put_side_by_side(np.array(parts, np.int64), n * height * width, ends[-1], address(y))
    return y.transpose(0, 3, 1, 2)
