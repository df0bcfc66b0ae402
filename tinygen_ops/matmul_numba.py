"""Numba form of `matmul.py`: rows of the result over threads, the depth in chunks, no BLAS."""

import numba
import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit
from tinygen_ops.product import ROWS, pack, panel_columns, product

CHUNK = 128  # depth of one product: 128 rows of a panel are 16 KB; 64 and 256 are within 10 % of it


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.matmul`."""
    (m, depth), n = a.shape, b.shape[1]
    if b.shape[0] != depth:
        raise ValueError(f"`a` has shape {a.shape} and `b` {b.shape}; they must be (M, K) and (K, N)")
    columns = panel_columns(n)
    out = np.empty((m, columns), np.float32)
    strips = min(numba.get_num_threads(), -(-m // ROWS))
    panels = np.empty((strips, min(CHUNK, depth) * columns), np.float32)
    (a_row, a_k), (b_k, b_col) = ((s // 4 for s in array.strides) for array in (a, b))
    left, right = (address(a), a_row, a_k), (address(b), b_k, b_col)
    _matmul(*left, *right, m, depth, n, columns, address(out), address(panels), strips)
    return out if columns == n else np.ascontiguousarray(out[:, :n])


@jit(parallel=True)
def _matmul(a, a_row, a_k, b, b_k, b_col, m, depth, n, columns, out, panels, strips):
    """Every strip of rows packs the chunk of b for itself: little next to its product, and nobody waits."""
    tiles = (m + ROWS - 1) // ROWS
    for strip in prange(strips):
        first, last = strip * tiles // strips * ROWS, min(m, (strip + 1) * tiles // strips * ROWS)
        own = panels + 4 * strip * min(CHUNK, depth) * columns
        for k in range(0, depth, CHUNK):
            deep = min(CHUNK, depth - k)
            pack(b + 4 * k * b_k, b_k, b_col, deep, n, own)
            left, to = a + 4 * (first * a_row + k * a_k), out + 4 * first * columns
            product(left, a_row, a_k, last - first, deep, own, columns, to, columns, k > 0)
