"""Large arrays of kernels, in memory that is used again.

A fresh array of some megabytes costs more than what is computed in it: the C library gives such memory back to the
system when the array goes, and every page of the next one faults anew (54 MB: 6.9 ms to write fresh, 1.5 ms to write
again). A step of training makes arrays of the same sizes over and over. So `empty` hands out memory that earlier arrays
have left, and gets it back by itself when the last view of the array has gone.

Memory comes from the system in regions. What arrays leave in them are holes; a new array gets the first bytes of the
smallest hole that it fits in, and holes that touch become one (best fit with coalescing: Knuth, *The Art of Computer
Programming* 1, section 2.5). A region in which no array is left goes back to the system when all together would become
more than was ever in use at once: the next step needs as much again, and no program needs much more than it ever had
to. One step of style transfer at 400 x 533 asks for 758 MB, and gets by with the 593 MB that were in use at once or
lie between, none of it fresh once it is there.
"""

import math
import mmap
import threading
from bisect import bisect_left, insort
from collections import deque

import numpy as np

__all__ = ["KEPT", "Pool", "empty", "release"]

SMALLEST = 1 << 18  # bytes: below, the C library keeps the memory itself
ROUND = 1 << 16  # sizes are rounded up to a multiple, so that no hole is too small to be of use
KEPT = 50_000_000  # bytes that may lie unused beside what was in use at once
# How to map memory that a forked process copies when it writes, as it does the C library's; Windows knows nothing else
_OF_ITS_OWN = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


class _Region:
    """Memory from the system, in one piece, that goes back to it with the last array in it.

    It is mapped, not asked of the C library, which keeps what is freed between other pieces: after four steps of style
    transfer at 400 x 533 that was 797 MiB in the process for 753. The pages are what the system gives: large ones were
    not quicker in any step (0.99 of the time without), and to touch 600 MB of them first took a virtual machine 1.3 s
    for 0.3.
    """

    def __init__(self, size: int) -> None:
        try:
            mapped = mmap.mmap(-1, size, **_OF_ITS_OWN)
        except OSError as error:
            raise MemoryError(f"Unable to allocate {size / 2**30:.2f} GiB") from error
        self.bytes = np.frombuffer(mapped, np.uint8).view(_Bytes)
        self.start, self.size = self.bytes.ctypes.data, size


class _Bytes(np.ndarray):
    """Bytes to lend."""


class _Room(np.ndarray):
    """What an array and its views are views of: it goes when the last of them has gone, and gives its memory back.

    NumPy lets a view of a view stand on the array behind, and so on down, but stops where the type changes: hence this
    class and the one before.
    """

    __slots__ = ("place", "pool")

    def __del__(self) -> None:
        self.pool.give_back(self.place)


class Pool:
    """Memory to lend, and what is known of it.

    Args:
        kept: bytes that may lie unused beside what was in use at once.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self.lent = 0  # bytes in use
        self.unused = 0  # bytes in holes
        self.most = 0  # the largest that `lent` has been
        self._holes: dict[int, tuple[int, _Region]] = {}  # address -> bytes, and of which region
        self._ends: dict[int, int] = {}  # address behind a hole -> its own
        self._sizes: list[tuple[int, int]] = []  # (bytes, address) of the holes, sorted
        self._returned: deque[tuple[int, int, _Region]] = deque()  # what arrays have left, no hole yet
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """Return a new C-contiguous array of undefined contents, as `numpy.empty` does.

        Args:
            shape: its lengths.
            dtype: its type.
        """
        size = math.prod(shape) * (4 if dtype is np.float32 else np.dtype(dtype).itemsize)
        if size < SMALLEST:
            return np.empty(shape, dtype)
        place = self._take(-(-size // ROUND) * ROUND)
        address, _, region = place
        room = _Room(shape, dtype, region.bytes, address - region.start)
        room.pool, room.place = self, place
        return room.view(np.ndarray)

    def release(self) -> None:
        """Give all regions that are wholly unused back to the system; the next arrays come from it again."""
        with self._lock:
            self._settle()
            self._let_go(0)
            self.most = self.lent

    def give_back(self, place: tuple[int, int, _Region]) -> None:
        """What an array had is unused from now on.

        The garbage collector may call this at any moment, also in a thread that holds the lock: then the place waits
        for the next who asks.
        """
        self._returned.append(place)
        if self._lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._lock.release()

    def _take(self, size: int) -> tuple[int, int, _Region]:
        """So many bytes: (address, bytes, region)."""
        with self._lock:
            self._settle()
            i = bisect_left(self._sizes, (size, 0))
            if i < len(self._sizes):
                address = self._sizes[i][1]
                found, region = self._fill(address)
                if found > size:
                    self._dig(address + size, found - size, region)
            else:
                # `most` less what is in use, and the new array is in use
                self._let_go(max(self.most - self.lent - size, 0) + self.kept)
                try:
                    region = _Region(size)
                except MemoryError:  # what lies unused may be what is missing
                    self._let_go(0)
                    region = _Region(size)
                address = region.start
            self.lent += size
            self.most = max(self.most, self.lent)
            return address, size, region

    def _settle(self) -> None:
        """Make holes of what came back, each one with the holes of its region that it touches."""
        while self._returned:
            address, size, region = self._returned.popleft()
            self.lent -= size
            before, behind = self._ends.get(address), address + size
            if before is not None and self._holes[before][1] is region:
                size += self._fill(before)[0]
                address = before
            if behind in self._holes and self._holes[behind][1] is region:
                size += self._fill(behind)[0]
            self._dig(address, size, region)

    def _dig(self, address: int, size: int, region: _Region) -> None:
        self._holes[address] = size, region
        self._ends[address + size] = address
        insort(self._sizes, (size, address))
        self.unused += size

    def _fill(self, address: int) -> tuple[int, _Region]:
        size, region = self._holes.pop(address)
        del self._ends[address + size]
        del self._sizes[bisect_left(self._sizes, (size, address))]
        self.unused -= size
        return size, region

    def _let_go(self, limit: int) -> None:
        """Give unused regions back until no more than `limit` bytes lie unused, the smallest first."""
        for size, address in list(self._sizes):
            if self.unused <= limit:
                break
            if self._holes[address][1].size == size:
                self._fill(address)


_pool = Pool()
empty, release = _pool.empty, _pool.release
