"""Numba forms of `normalization.py` for batch normalisation: two passes over memory forward, two back.

Channels lie last in memory, a vector of them is worked on at a time. Sums go over blocks of pixels in float32 and are
added up in float64, in a fixed order: the number of threads changes no bit.
"""

import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit
from tinygen_ops.layout import channels_last
from tinygen_ops.simd import W, broadcast, fmuladd, load, store

ROWS = 256  # pixels that are summed together


@jit(parallel=True)
def _moments(x, shift, rows, channels, sums):
    """For each block of pixels sums[block, 0] of d = x - shift and sums[block, 1] of d**2."""
    for block in prange((rows + ROWS - 1) // ROWS):
        first, last = block * ROWS, min(rows, (block + 1) * ROWS)
        to = sums + 8 * block * channels
        for c in range(0, channels, W):
            total, squares, middle = broadcast(np.float32(0)), broadcast(np.float32(0)), load(shift, c)
            for row in range(first, last):
                d = load(x, row * channels + c) - middle
                total, squares = total + d, fmuladd(d, d, squares)
            store(to, c, total)
            store(to, channels + c, squares)


@jit(parallel=True)
def _products(x, y, rows, channels, sums):
    """For each block of pixels sums[block, 0] of x and sums[block, 1] of x y."""
    for block in prange((rows + ROWS - 1) // ROWS):
        first, last = block * ROWS, min(rows, (block + 1) * ROWS)
        to = sums + 8 * block * channels
        for c in range(0, channels, W):
            total, products = broadcast(np.float32(0)), broadcast(np.float32(0))
            for row in range(first, last):
                value = load(x, row * channels + c)
                total, products = total + value, fmuladd(value, load(y, row * channels + c), products)
            store(to, c, total)
            store(to, channels + c, products)


@jit(parallel=True)
def _scale(x, y, a, b, c, rows, channels, out):
    """Out = (x - b) a - y c, each of a, b and c a number for every channel."""
    for block in prange((rows + ROWS - 1) // ROWS):
        for row in range(block * ROWS, min(rows, (block + 1) * ROWS)):
            for k in range(0, channels, W):
                at = row * channels + k
                value = (load(x, at) - load(b, k)) * load(a, k)
                store(out, at, value - load(y, at) * load(c, k))


def _pixels(x: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The array with channels last, the number of its pixels, and of channels."""
    last = channels_last(x)
    return last, last.size // last.shape[-1], last.shape[-1]


def _empty_like(last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A new array of the same memory layout, as (N, *S, C) and as (N, C, *S)."""
    made = memory.empty(last.shape)
    return made, np.moveaxis(made, -1, 1)


def norm_forward(x, weight, bias, axes, eps):
    """See `tinygen_ops.norm_forward`."""
    last, rows, channels = _pixels(x)
    sums = np.empty((-(-rows // ROWS), 2, channels), np.float32)
    # The first pixel is taken away, so that what is squared is small beside a mean that is large.
    shift = np.ascontiguousarray(last.reshape(rows, channels)[0])
    _moments(address(last), address(shift), rows, channels, address(sums))
    first, second = sums.sum(0, dtype=np.float64) / rows
    mean = (shift + first).astype(np.float32)
    inv_std = (1 / np.sqrt(np.maximum(second - first * first, 0) + eps)).astype(np.float32)
    out, y = _empty_like(last)
    nothing = np.zeros(channels, np.float32)
    at = address(last)
    _scale(at, at, address(inv_std), address(mean), address(nothing), rows, channels, address(out))
    shape = (1, channels, *(1,) * (x.ndim - 2))
    return y, mean.reshape(shape), inv_std.reshape(shape)


def norm_backward(gy, y, inv_std, axes):
    """See `tinygen_ops.norm_backward`."""
    (g, rows, channels), (last, _, _) = _pixels(gy), _pixels(y)
    sums = np.empty((-(-rows // ROWS), 2, channels), np.float32)
    _products(address(g), address(last), rows, channels, address(sums))
    mean, along = sums.sum(0, dtype=np.float64) / rows
    factor = np.ascontiguousarray(inv_std.reshape(channels))
    mean, along = mean.astype(np.float32), (along * factor).astype(np.float32)
    out, gx = _empty_like(last)
    _scale(address(g), address(last), address(factor), address(mean), address(along), rows, channels, address(out))
    return gx
