"""Numba forms of `layout.py`: (N, A, B) to (N, B, A), a block that fits into the first-level cache at a time."""

import math

import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit
from tinygen_ops.simd import load_float, store_float

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
    last = np.moveaxis(x, 1, -1)
    if x.flags.c_contiguous or not last.flags.c_contiguous:
        return np.ascontiguousarray(x)
    n, channels, *places = x.shape
    return exchanged(last.reshape(n, math.prod(places), channels)).reshape(x.shape)


def channels_last(x: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.layout`."""
    last = np.moveaxis(x, 1, -1)
    if last.flags.c_contiguous or not x.flags.c_contiguous:
        return np.ascontiguousarray(last)
    n, channels, *places = x.shape
    return exchanged(x.reshape(n, channels, math.prod(places))).reshape(n, *places, channels)
