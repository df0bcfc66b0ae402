"""What this CPU can do at most: independent multiply-adds on registers, nothing loaded or stored.

Ten chains, because a multiply-add takes 4 to 5 cycles and two are started in each. Imports Numba.
"""

import numba
import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit, subroutine
from tinygen_ops.simd import W, broadcast, fmuladd, store

CHAINS = 10
TURNS = 200_000


@subroutine
def _five(start):
    """Five different vectors: of equal chains the compiler would keep one."""
    return (
        broadcast(np.float32(start)), broadcast(np.float32(start + 1)), broadcast(np.float32(start + 2)),
        broadcast(np.float32(start + 3)), broadcast(np.float32(start + 4)),
    )


@subroutine
def _chains(out, start):
    """TURNS turns of all chains, and their sum written to ``out`` so that the work is not for nothing."""
    factor, term = broadcast(np.float32(0.999)), broadcast(np.float32(0.001))
    a, b, c, d, e = _five(start)
    f, g, h, i, j = _five(start + 5)
    for _ in range(TURNS):
        a, b = fmuladd(a, factor, term), fmuladd(b, factor, term)
        c, d = fmuladd(c, factor, term), fmuladd(d, factor, term)
        e, f = fmuladd(e, factor, term), fmuladd(f, factor, term)
        g, h = fmuladd(g, factor, term), fmuladd(h, factor, term)
        i, j = fmuladd(i, factor, term), fmuladd(j, factor, term)
    store(out, 0, ((a + b) + (c + d)) + ((e + f) + (g + h)) + (i + j))


@jit(parallel=True)
def _on_all_threads(out, threads):
    for thread in prange(threads):
        _chains(out + 4 * thread * W, thread)


class MultiplyAdds:
    """One step: every thread runs all its chains once."""

    how = "register multiply-adds (Numba)"

    def __init__(self) -> None:
        self.threads = numba.get_num_threads()
        self.out = np.empty(self.threads * W, np.float32)
        self.gflop = 2e-9 * W * CHAINS * TURNS * self.threads

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> None:
        """Run them."""
        _on_all_threads(address(self.out), self.threads)
