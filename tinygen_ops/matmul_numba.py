"""Numba form of `matmul.py`: pieces of the result over threads, the depth in chunks, no BLAS."""

import numba
import numpy as np
from numba import prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit, subroutine
from tinygen_ops.product import PANEL, ROWS, pack, panel_columns, product
from tinygen_ops.simd import W, broadcast, fmuladd, load, load_float, store_float, total

BLOCK = 16 * ROWS  # rows of a that all panels pass over while they are in the cache: at most 256 KB
CHUNK = 512  # depth of one product; with 128, (3300, 512) x (512, 512) takes a quarter longer: the result goes by often
# Few rows of a against a transposed b, or few columns of b: to lay b out in panels would cost more than the product.
FEW_ROWS = 64
FEW_COLUMNS = 8
SUMMED = 64 * W  # numbers of a dot product that are summed in one register
STRIP = 16  # rows of a that one thread takes: with SUMMED numbers of each, 64 KB


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """See `tinygen_ops.matmul`."""
    (m, depth), n = a.shape, b.shape[1]
    if b.shape[0] != depth:
        raise ValueError(f"`a` has shape {a.shape} and `b` {b.shape}; they must be (M, K) and (K, N)")
    if n <= FEW_COLUMNS < m:  # a panel would be nearly empty
        if a.strides[1] != 4:
            return matmul(b.T, a.T).T
        b = np.asfortranarray(b)
    (a_row, a_k), (b_k, b_col) = ((s // 4 for s in array.strides) for array in (a, b))
    left, right = (address(a), a_row, a_k), (address(b), b_k, b_col)
    if min(m, 8 * n) <= FEW_ROWS and a_k == b_k == 1 and depth >= 4 * W:
        out = np.empty((m, n), np.float32)
        _dots(address(a), a_row, address(b), b_col, m, depth, n, address(out))
        return out
    columns = panel_columns(n)
    out = memory.empty((m, columns))
    # Strips of rows share b's panels, which each lays out for itself; strips of columns do not, but a is read by all.
    threads, along_rows, panels_of = numba.get_num_threads(), -(-m // ROWS), columns // PANEL
    strips = min(threads, along_rows) if m >= n else 1
    parts = min(-(-threads // strips), panels_of)
    room = memory.empty((strips * parts, min(CHUNK, depth) * -(-panels_of // parts) * PANEL))
    _matmul(*left, *right, m, depth, n, columns, address(out), address(room), room.shape[1], strips, parts)
    return out if columns == n else np.ascontiguousarray(out[:, :n])


@jit(parallel=True)
def _matmul(a, a_row, a_k, b, b_k, b_col, m, depth, n, columns, out, room, room_size, strips, parts):
    """Every piece of the result packs the chunk of b that it needs for itself: nobody waits."""
    tiles, panels = (m + ROWS - 1) // ROWS, columns // PANEL
    for piece in prange(strips * parts):
        strip, part = piece // parts, piece % parts
        first, last = strip * tiles // strips * ROWS, min(m, (strip + 1) * tiles // strips * ROWS)
        j0, j1 = part * panels // parts * PANEL, (part + 1) * panels // parts * PANEL
        own = room + 4 * piece * room_size
        for k in range(0, depth, CHUNK):
            deep = min(CHUNK, depth - k)
            pack(b + 4 * (k * b_k + j0 * b_col), b_k, b_col, deep, min(n, j1) - j0, own)
            for i in range(first, last, BLOCK):
                left, to = a + 4 * (i * a_row + k * a_k), out + 4 * (i * columns + j0)
                product(left, a_row, a_k, min(BLOCK, last - i), deep, own, j1 - j0, to, columns, k > 0)


@subroutine
def _dot(x, y, depth):
    """The dot product of two rows, SUMMED numbers at a time in a register, these sums in float64."""
    whole, sum_ = depth // W * W, 0.0
    for start in range(0, whole, SUMMED):
        register = broadcast(np.float32(0))
        for k in range(start, min(whole, start + SUMMED), W):
            register = fmuladd(load(x, k), load(y, k), register)
        sum_ += total(register)
    for k in range(whole, depth):
        sum_ += load_float(x, k) * load_float(y, k)
    return np.float32(sum_)


@subroutine
def _four(x, y, y_row, k0, k1, sums):
    """Add to the four sums the dot products, from k0 to k1, of a row x with four rows of y."""
    zero = broadcast(np.float32(0))
    p, q, r, s = zero, zero, zero, zero
    for k in range(k0, k1, W):
        v = load(x, k)
        p, q = fmuladd(v, load(y, k), p), fmuladd(v, load(y, y_row + k), q)
        r, s = fmuladd(v, load(y, 2 * y_row + k), r), fmuladd(v, load(y, 3 * y_row + k), s)
    sums[0] += total(p)
    sums[1] += total(q)
    sums[2] += total(r)
    sums[3] += total(s)


@jit(parallel=True)
def _dots(a, a_row, b, b_row, m, depth, n, out):
    """out_ij = sum_k a_ik b_jk: rows against rows, both read where they lie."""
    whole = depth // W * W
    groups, strips = (n + 3) // 4, (m + STRIP - 1) // STRIP
    for item in prange(groups * strips):
        group, i0 = item % groups, item // groups * STRIP
        j0, wide, many = 4 * group, min(4, n - 4 * group), min(STRIP, m - i0)
        sums = np.zeros((many, 4))
        if wide == 4:
            y = b + 4 * j0 * b_row
            for start in range(0, whole, SUMMED):
                for i in range(many):
                    _four(a + 4 * (i0 + i) * a_row, y, b_row, start, min(whole, start + SUMMED), sums[i])
        for i in range(many):
            x = a + 4 * (i0 + i) * a_row
            for j in range(wide):
                y = b + 4 * (j0 + j) * b_row
                if wide == 4:
                    for k in range(whole, depth):
                        sums[i, j] += load_float(x, k) * load_float(y, k)
                else:
                    sums[i, j] = _dot(x, y, depth)
                store_float(out, (i0 + i) * n + j0 + j, np.float32(sums[i, j]))
