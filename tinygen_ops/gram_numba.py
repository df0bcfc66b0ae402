"""Numba form of `gram.py`: the blocks on and above the diagonal, and their mirror image.

Threads share the places of a matrix, or blocks of the result. How it is cut depends on the shape alone, and the sums
over the parts are added in order: the number of threads changes no bit.

The five layers of VGG19 at 400 x 533, from (213200, 64) to (825, 512), take 2.1 billion multiplications, where the
whole product takes 3.7. A core of an AMD Zen 4, which does 57 billion a second, took 40 ms for them, 44 without
fetching ahead; 76 for the whole.
"""

import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit, subroutine
from tinygen_ops.matmul_numba import matmul
from tinygen_ops.product import PANEL, panel_columns
from tinygen_ops.simd import W, load, load_float, prefetch, store, store_float, tile_functions

ROWS = 8 if W == 16 else 4  # rows of a tile; a divisor of W, so that tiles end where panels do
CHUNK = 64  # places that are summed in registers: 64 rows of 64 channels are 16 KB
ITEMS = 16  # pieces of work in a matrix, if it is large enough
FEWEST = 512  # places of a part: with fewer, to add up the parts costs too much

_zeros, _add_outer, _store, _add_to = tile_functions(ROWS, 2)
_zeros_half, _add_outer_half, _store_half, _add_to_half = tile_functions(ROWS, 1)


def gram(x: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.gram`."""
    n, places, channels = x.shape
    if channels <= W:  # half of a panel, or more of it, would be empty
        return np.stack([matmul(features.T, features) for features in x])
    columns = panel_columns(channels)
    if columns == channels:
        x = np.ascontiguousarray(x)
    else:
        padded = memory.empty((n, places, columns))
        padded[..., :channels], padded[..., channels:] = x, 0
        x = padded
    parts = 1
    while parts < ITEMS and places >= 2 * parts * FEWEST:
        parts *= 2
    pairs = (columns // PANEL + 1) // 2
    pieces = min(pairs, ITEMS // parts)
    sums, blocks = memory.empty((n, parts, columns, columns)), memory.empty((n, pairs, PANEL, PANEL))
    out = memory.empty((n, channels, channels))
    _sum_parts(address(x), n, places, columns, parts, pieces, address(sums))
    _add_up(address(sums), n, parts, columns, pairs, address(blocks), address(out), channels)
    return out


@subroutine
def _above_diagonal(x, columns, first, deep, out, add):
    """Products of the panel that begins at column `first` with all columns up to its end, over `deep` places."""
    right, to = x + 4 * first, out + 4 * first
    for i in range(0, first + W, ROWS):
        tile, left = _zeros(), x + 4 * i
        for k in range(deep):
            prefetch(x, (CHUNK + k) * columns + first + W * (i // ROWS))  # each tile fetches a line of the next places
            tile = _add_outer(tile, left + 4 * k * columns, 1, right + 4 * k * columns, W)
        if add:
            _add_to(tile, to + 4 * i * columns, columns, W)
        else:
            _store(tile, to + 4 * i * columns, columns, W)
    for i in range(first + W, first + PANEL, ROWS):  # here the left half of the panel lies below the diagonal
        half, left = _zeros_half(), x + 4 * i
        for k in range(deep):
            half = _add_outer_half(half, left + 4 * k * columns, 1, right + 4 * (W + k * columns), W)
        if add:
            _add_to_half(half, to + 4 * (W + i * columns), columns, W)
        else:
            _store_half(half, to + 4 * (W + i * columns), columns, W)


@jit(parallel=True)
def _sum_parts(x, n, places, columns, parts, pieces, sums):
    """The matrix of each part of the places, in `sums` (N, parts, columns, columns).

    The t-th panel from the left and the t-th from the right have together as many blocks above the diagonal for each
    t: pieces of such pairs take equally long.
    """
    panels = columns // PANEL
    for item in prange(n * parts * pieces):
        matrix, piece = item // pieces, item % pieces
        image, part = matrix // parts, matrix % parts
        begin, end = part * places // parts, (part + 1) * places // parts
        to = sums + 4 * matrix * columns * columns
        for p in range(begin, end, CHUNK):
            rows = x + 4 * (image * places + p) * columns
            for panel in range(panels):
                if min(panel, panels - 1 - panel) % pieces == piece:
                    _above_diagonal(rows, columns, panel * PANEL, min(CHUNK, end - p), to, p > begin)


@subroutine
def _add_block(sums, parts, columns, i0, j0, block, out, channels):
    """Add up the parts of the block at (i0, j0) in `block`, and write it and its mirror image."""
    high, wide, step = min(PANEL, channels - i0), min(PANEL, channels - j0), columns * columns
    for i in range(high):
        row = sums + 4 * ((i0 + i) * columns + j0)
        left, right = load(row, 0), load(row, W)
        for part in range(1, parts):
            left, right = left + load(row, part * step), right + load(row, part * step + W)
        store(block, i * PANEL, left)
        store(block, i * PANEL + W, right)
    for i in range(high):
        for j in range(i if i0 == j0 else 0, wide):
            store_float(out, (i0 + i) * channels + j0 + j, load_float(block, i * PANEL + j))
    for j in range(wide):
        for i in range(min(j, high) if i0 == j0 else high):
            store_float(out, (j0 + j) * channels + i0 + i, load_float(block, i * PANEL + j))


@jit(parallel=True)
def _add_up(sums, n, parts, columns, pairs, blocks, out, channels):
    """The sum over the parts, mirrored at the diagonal: out (N, channels, channels)."""
    panels = columns // PANEL
    for item in prange(n * pairs):
        image, pair = item // pairs, item % pairs
        here, to = sums + 4 * image * parts * columns * columns, out + 4 * image * channels * channels
        for row in range(panels):
            if min(row, panels - 1 - row) == pair:
                for column in range(row, panels):
                    own = blocks + 4 * item * PANEL * PANEL
                    _add_block(here, parts, columns, PANEL * row, PANEL * column, own, to, channels)
