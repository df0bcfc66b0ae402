"""Functions of numbers one by one on the CPU, a vector at a time."""

from __future__ import annotations

import numpy as np
from numba import prange

from tinygen_ops import simd
from tinygen_ops.compile import address, jit
from tinygen_ops.layout import in_memory_order, new_like
from tinygen_ops.simd import W

BLOCK = 4096  # numbers a thread takes at a time: 16 KB in and out stay in the first-level cache
SUMMED = 1024  # numbers that are summed in float32, a vector of partial sums


@jit(parallel=True)
def _erf(x, y, size):
    for block in prange((size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(size, (block + 1) * BLOCK), W):
            simd.store(y, i, simd.erf(simd.load(x, i)))


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of float32 numbers, of relative error below 4e-7."""
    dense = x if x.flags.c_contiguous else x.copy(order="K")  # channels-last arrays keep their order
    y = np.empty_like(dense)
    flat, out = dense.ravel(order="K"), y.ravel(order="K")  # views: both are dense
    whole = x.size // W * W
    if whole:
        _erf(address(flat), address(out), whole)
    if whole < x.size:  # the last few, in a vector of their own
        rest, made = np.zeros(W, np.float32), np.empty(W, np.float32)
        rest[: x.size - whole] = flat[whole:]
        _erf(address(rest), address(made), W)
        out[whole:] = made[: x.size - whole]
    return y


@jit(parallel=True)
def _add(x, y, z, size):
    for block in prange((size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(size, (block + 1) * BLOCK), W):
            simd.store(z, i, simd.load(x, i) + simd.load(y, i))


def _add_dense(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """Write x + y to z; all three one-dimensional."""
    whole = z.size // W * W
    _add(address(x), address(y), address(z), whole)
    z[whole:] = x[whole:] + y[whole:]


def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.add`."""
    flat = in_memory_order(x) if x.strides == y.strides else None
    if flat is None:
        return x + y
    z = new_like(x)
    _add_dense(flat, in_memory_order(y), in_memory_order(z))
    return z


def add_to(total: np.ndarray, x: np.ndarray) -> None:
    """See `tinygen_ops.add_to`."""
    flat = in_memory_order(total) if x.strides == total.strides else None
    if flat is None:
        total += x
    else:
        _add_dense(flat, in_memory_order(x), flat)


@jit(parallel=True)
def _sum_squares(x, size, sums):
    """sums[block] = the sum of the squares of a block of x, as a vector of partial sums."""
    for block in prange((size + SUMMED - 1) // SUMMED):
        total = simd.broadcast(np.float32(0))
        for i in range(block * SUMMED, min(size, (block + 1) * SUMMED), W):
            value = simd.load(x, i)
            total = simd.fmuladd(value, value, total)
        simd.store(sums, block * W, total)


def sum_of_squares(x: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.sum_of_squares`; blocks in float32, their sums in float64, whatever the threads."""
    flat = in_memory_order(x)
    if flat is None:
        flat = x.ravel()
    whole = x.size // W * W
    sums = np.empty((-(-whole // SUMMED), W), np.float32)
    _sum_squares(address(flat), whole, address(sums))
    rest = np.square(flat[whole:], dtype=np.float64).sum()
    return np.float32(sums.sum(dtype=np.float64) + rest)
