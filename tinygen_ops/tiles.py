"""The inner loop of convolutions, called by its address.

A tile is a piece of a matrix product that fits into registers: up to ROWS rows of one or two vectors. Compiled into
every kernel that uses it, it would be compiled again for each (8 sizes in a convolution: 20 s before the first step).
Here each size is a function of its own that is compiled when a shape first needs it, kept on disk, and called
through a table of addresses: 0.4 s each, and within 5 % of the speed.
"""

import functools
import inspect
from collections.abc import Callable, Iterable

import numpy as np
from numba import types
from numba.core.ccallback import CFunc

from tinygen_ops import tiles_generated
from tinygen_ops.compile import kernel_cache
from tinygen_ops.product import ROWS
from tinygen_ops.simd import W

__all__ = ["ROWS", "W", "compiled", "table", "tile_rows"]


@functools.cache
def compiled(function: Callable[..., None]) -> CFunc:
    """Compile a function of int64 arguments without result, or load it from the cache on disk."""
    signature = (types.int64,) * len(inspect.signature(function).parameters), types.void
    made = CFunc(function, signature, locals={}, options={"error_model": "numpy"})
    made._cache = kernel_cache(function)
    made.compile()
    return made


_tables = {kind: np.zeros((3, ROWS + 1), np.int64) for kind in ("tile", "run")}


def table(rows: Iterable[int], kind: str = "tile") -> np.ndarray:
    """Return the addresses of the tiles, [vectors, rows], with those of these sizes in it.

    Args:
        rows: the sizes.
        kind: tile, or run: tiles one below the other, with contiguous rows and weights, and sums of partial sums.
            (512 numbers in partial sums of 32, in the cache, two threads: 211 GFLOP/s for 195 with the steps that
            `tile` takes. One call for many tiles: 32 > 32 channels at 172 x 172 in 2.8 ms for 3.2.)
    """
    found = _tables[kind]
    for r in rows:
        for vectors in (1, 2):
            if not found[vectors, r]:
                found[vectors, r] = compiled(getattr(tiles_generated, f"{kind}_{vectors}_{r}")).address
    return found


def tile_rows(length: int) -> tuple[int, int, int]:
    """Cut `length` rows into tiles of nearly one size: (number of tiles, smaller size, how many are one larger)."""
    count = -(-length // ROWS)
    return (count, *divmod(length, count)) if count else (0, 0, 0)
