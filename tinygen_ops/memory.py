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

_lock = threading.RLock()  # a room may go, by the garbage collector, while this thread holds the lock
_free: OrderedDict[int, list[tuple]] = OrderedDict()  # bytes -> memory of that size, the longest unused first
_unused = 0  # bytes in `_free`


class _Memory(np.ndarray):
    """Bytes to lend."""


class _Room(np.ndarray):
    """What an array and its views are views of: it goes when the last of them has gone, and gives its memory back.

    NumPy lets a view of a view stand on the array behind, and so on down, but stops where the type changes: hence this
    class and the one before.
    """

    __slots__ = ("memory",)

    def __del__(self) -> None:
        _give_back(self.memory)


def empty(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """Return a new C-contiguous array of undefined contents, as `numpy.empty` does.

    Args:
        shape: its lengths.
        dtype: its type.
    """
    size = math.prod(shape) * (4 if dtype is np.float32 else np.dtype(dtype).itemsize)
    if size < SMALLEST:
        return np.empty(shape, dtype)
    memory = _take(-(-size // ROUND) * ROUND)
    room = _Room(shape, dtype, memory[1], memory[2])
    room.memory = memory
    return room.view(np.ndarray)


def _take(size: int) -> tuple[int, _Memory, int]:
    """Memory of at least so many bytes: (bytes, memory, where in it to begin).

    It is what waits of that size, else of the next larger one that is not far off.
    """
    global _unused
    with _lock:
        waiting = _free.get(size)
        if not waiting:
            fitting = [found for found, others in _free.items() if others and size < found <= FITS * size]
            waiting = _free[min(fitting)] if fitting else None
        if waiting:
            memory = waiting.pop()
            _unused -= memory[0]
            return memory
    memory = _Memory(size + ALIGNED, np.uint8)
    return size, memory, -memory.ctypes.data % ALIGNED


def _give_back(memory: tuple[int, _Memory, int]) -> None:
    global _unused
    size = memory[0]
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
