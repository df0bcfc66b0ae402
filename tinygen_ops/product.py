"""A matrix product for the inside of kernels: one thread, no BLAS.

The right operand lies in panels: PANEL = 2 W columns side by side, all its rows one after another, panel
after panel. A panel of 128 rows (16 KB with AVX-512) stays in the first-level cache while tiles of ROWS rows
of the left operand pass over it. The left operand and the result are read and written where they are.

Addresses are integers, steps count floats:
with steps (s, t), element [i, j] stands at address + 4 (i s + j t).

Measured on a core of an AMD Zen 5: 250 GFLOP/s with tiles of 8 x 2 vectors of 16, data in the cache; 6 x 4
reaches 245, 4 x 4 224.
"""

from tinygen_ops.compile import subroutine
from tinygen_ops.simd import W, load, load_float, prefetch, store, store_float, tile_functions

__all__ = ["PANEL", "ROWS", "pack", "panel_columns", "product"]

# Tile rows by register file: 32 registers with AVX-512, 16 below. With AVX2 6 x 2 reaches its peak and 8 x 2
# spills.
ROWS = 8 if W == 16 else 6 if W == 8 else 4
PANEL = 2 * W

AHEAD = 3 * ROWS  # rows of the left operand that are asked for before their turn

_zeros, _add_outer, _store, _add_to = tile_functions(ROWS, 2)
_zeros_one, _add_outer_one, _store_one, _add_to_one = tile_functions(1, 2)


def panel_columns(columns: int) -> int:
    """Return `columns` rounded up to whole panels (for the host; kernels get it as an argument)."""
    return -(-columns // PANEL) * PANEL


@subroutine
def product(a, a_row, a_k, rows, depth, panels, columns, out, out_row, add):
    """out_ij = sum_k a_ik b_kj, or with `add` out_ij += that sum; b (depth, columns) lies in `panels`.

    Whole panels are written: `columns` is rounded up. Each element is one sum in the order of k, whatever
    tile it falls into, so cutting the rows differently changes no bit.

    While a tile is multiplied, memory is asked for the rows that come later, and for the place of the result. Without,
    (53300, 128) x (128, 128) took 19.6 ms on a core instead of 15.8, and (512, 7680) x (7680, 128), the left operand
    transposed, 12.7 instead of 10.7. Where rows do not follow one another the wrong lines are asked for: no harm.
    """
    ahead = a_k if a_row == 1 else ROWS  # what a tile reads in `depth` steps, one after another
    for j in range(0, columns, PANEL):
        panel = panels + 4 * j * depth
        i = 0
        while i + ROWS <= rows:
            tile, left, to = _zeros(), a + 4 * i * a_row, out + 4 * (i * out_row + j)
            for row in range(ROWS):
                prefetch(to, row * out_row)
                prefetch(to, row * out_row + W)
            for k in range(depth):
                prefetch(left, AHEAD * a_row + k * ahead)
                tile = _add_outer(tile, left + 4 * k * a_k, a_row, panel + 4 * k * PANEL, W)
            if add:
                _add_to(tile, to, out_row, W)
            else:
                _store(tile, to, out_row, W)
            i += ROWS
        while i < rows:
            one, left, to = _zeros_one(), a + 4 * i * a_row, out + 4 * (i * out_row + j)
            for k in range(depth):
                one = _add_outer_one(one, left + 4 * k * a_k, a_row, panel + 4 * k * PANEL, W)
            if add:
                _add_to_one(one, to, out_row, W)
            else:
                _store_one(one, to, out_row, W)
            i += 1


@subroutine
def pack(b, b_k, b_col, depth, columns, panels):
    """Write b (depth, columns), any steps, into `panels`, the last one filled up with zeros."""
    for j in range(0, columns, PANEL):
        width = min(PANEL, columns - j)
        for k in range(depth):
            row, to = b + 4 * (k * b_k + j * b_col), panels + 4 * (j * depth + k * PANEL)
            if b_col == 1 and width == PANEL:
                store(to, 0, load(row, 0))
                store(to, W, load(row, W))
            else:
                for i in range(width):
                    store_float(to, i, load_float(row, i * b_col))
                for i in range(width, PANEL):
                    store_float(to, i, 0.0)
