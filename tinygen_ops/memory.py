"""Large arrays of kernels, in memory that is used again.

A fresh array of some megabytes costs more than what is computed in it: the C library gives such memory back to the
system when the array goes, and every page of the next one faults anew (54 MB: 6.9 ms to write fresh, 1.5 ms to write
again). A step of training makes arrays of the same few sizes over and over. So `empty` hands out memory that an
earlier array of about its size has left, and gets it back by itself when the last view of the array has gone.
"""

import math
import threading
from collections import OrderedDict

import numpy as np

__all__ = ["KEPT", "empty"]

SMALLEST = 1 << 18  # bytes: below, the C library keeps the memory itself
ROUND = 1 << 16  # sizes are rounded up to a multiple, so that nearly equal ones share
KEPT = 50_000_000  # bytes that may lie about unused; with ten times that no step of the VAE or the GAN was quicker
FITS = 2  # times the size that is wanted: larger memory is not taken for it
ALIGNED = 64  # bytes: a line of the cache, and a vector of AVX-512

_lock = threading.RLock()  # a lease may end, by the garbage collector, while this thread holds the lock
_free: OrderedDict[int, list[np.ndarray]] = OrderedDict()  # bytes -> memory of that size, the longest unused first
_unused = 0  # bytes in `_free`


class _Lease:
    """Lends memory to one array, whose base it becomes: it lives as long as the array and its views do."""

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, memory: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.memory = memory
        start = -(-memory.ctypes.data // ALIGNED) * ALIGNED
        self.__array_interface__ = {"data": (start, False), "shape": shape, "typestr": dtype.str, "version": 3}

    def __del__(self) -> None:
        _give_back(self.memory)


def empty(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """Return a new C-contiguous array of undefined contents, as `numpy.empty` does.

    Args:
        shape: its lengths.
        dtype: its type.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    return np.asarray(_Lease(_take(-(-size // ROUND) * ROUND), shape, dtype))


def _take(size: int) -> np.ndarray:
    """Memory of at least so many bytes: what waits of that size, else of the next larger one that is not far off."""
    global _unused
    with _lock:
        fitting = [found for found, waiting in _free.items() if waiting and size <= found <= FITS * size]
        if fitting:
            found = min(fitting)
            _unused -= found
            return _free[found].pop()
    return np.empty(size + ALIGNED, np.uint8)


def _give_back(memory: np.ndarray) -> None:
    global _unused
    size = memory.size - ALIGNED
    with _lock:
        _free.setdefault(size, []).append(memory)
        _free.move_to_end(size)
        _unused += size
        while _unused > KEPT:  # let go of what was wanted longest ago
            oldest, waiting = next(iter(_free.items()))
            if waiting:
                waiting.pop()
                _unused -= oldest
            if not waiting:
                del _free[oldest]
