"""Kernels for the tests of `simd.py` and `product.py`; imported only where Numba works, not cached on disk."""

import numpy as np
from numba import njit, prange

from tinygen_ops import simd
from tinygen_ops.compile import subroutine
from tinygen_ops.product import pack, product
from tinygen_ops.simd import W, load, store
from tinygen_ops.tiles import table  # noqa: F401


def unary(function):
    @subroutine
    def apply(x, out, count):
        for i in range(0, count, W):
            store(out, i, function(load(x, i)))

    return apply


FUNCTIONS = {name: unary(getattr(simd, name)) for name in ("exp", "sigmoid", "tanh", "sqrt")}


@subroutine
def arithmetic(x, y, z, out):
    a, b, c = load(x, 0), load(y, 0), load(z, 0)
    store(out, 0, a + b)
    store(out, W, a - b)
    store(out, 2 * W, a * b)
    store(out, 3 * W, a / b)
    store(out, 4 * W, simd.fmuladd(a, b, c))
    store(out, 5 * W, simd.maximum(a, b))
    store(out, 6 * W, simd.minimum(a, b))
    store(out, 7 * W, simd.select_less(a, b, c, a))
    store(out, 8 * W, simd.broadcast(simd.load_float(x, 1)))


@subroutine
def sums(x):
    return simd.total(load(x, 0)), simd.largest(load(x, 0))


@subroutine
def transpose(x, step, out, out_step):
    simd.transpose(x, step, out, out_step)


@subroutine
def multiply(a, a_row, a_k, rows, depth, b, b_k, b_col, columns, padded, panels, out, add):
    pack(b, b_k, b_col, depth, columns, panels)
    product(a, a_row, a_k, rows, depth, panels, padded, out, padded, add)


@njit(parallel=True)
def share(threads, many):
    """Let threads take numbers up to `many`, and count how often each of them was taken."""
    counter, taken = np.zeros(1, np.int64), np.zeros(many, np.int64)
    for _worker in prange(threads):
        item = simd.take(counter)
        while item < many:
            taken[item] += 1
            item = simd.take(counter)
    return taken


@subroutine
def call(function, arguments):
    simd.call_address(function, arguments)
