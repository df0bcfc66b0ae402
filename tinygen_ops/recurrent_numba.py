"""What `lstm_numba.py` and `gru_numba.py` share: blocks of the batch, packed weights, the table's gradient."""

import numba
import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit
from tinygen_ops.product import ROWS
from tinygen_ops.product import pack as pack_panels
from tinygen_ops.simd import W, load, load_int, store

__all__ = ["BLOCK", "count_blocks", "pack", "scatter_add", "whole"]

BLOCK = 32  # rows of a block at most: one step's pre-activations, 64 KB at H = 128, stay in the second cache


def count_blocks(n: int) -> int:
    """Return the number of row blocks: a multiple of the number of threads, whole tiles each."""
    threads = min(numba.get_num_threads(), -(-n // ROWS))
    return threads * -(-n // (threads * BLOCK))


def whole(array: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """Return the array itself where it is contiguous and of this dtype, else a copy."""
    return np.ascontiguousarray(array, dtype)


@jit
def pack(b, b_k, b_col, depth, columns, panels):
    """Call `product.pack` from the host."""
    pack_panels(b, b_k, b_col, depth, columns, panels)


def scatter_add(values: np.ndarray, index: np.ndarray, rows: int) -> np.ndarray:
    """Return zeros (rows, width) to whose rows `index` (any shape) the values (K, width) are added in order."""
    index, width = whole(index, np.int64), values.shape[1]
    out, strips = np.zeros((rows, width), np.float32), numba.get_num_threads()
    _scatter_add(address(values), address(index), index.size, width, address(out), strips)
    return out


@jit(parallel=True)
def _scatter_add(values, index, count, width, out, strips):
    """Add values[k] to out[index[k]], rows of `width`; each strip of columns takes all rows in order."""
    vectors = width // W
    for strip in prange(strips):
        first, last = strip * vectors // strips * W, (strip + 1) * vectors // strips * W
        for k in range(count):
            to = load_int(index, k) * width
            for j in range(first, last, W):
                store(out, to + j, load(out, to + j) + load(values, k * width + j))
