"""Where a damaged HDF5 file would keep libhdf5 busy for ever: its heaps, looked through before it is opened.

Two kinds of heap are chains that libhdf5 (2.0 at least) follows without counting. A global heap holds strings one
behind the other; free space of size 0 leads back to itself, and a size near 2**64 wraps round. A local heap, the names
in a group, has a list of its gaps, of which one may lead to another that was there before. Only that is looked for
here: whatever else was done to files, libhdf5 refused by itself.

Source: "HDF5 File Format Specification", version 3.0, sections III.D and III.E, with the usual sizes of 8 bytes.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

# What a heap begins with: its signature, its version, three zeros.
GLOBAL, LOCAL = b"GCOL\1\0\0\0", b"HEAP\0\0\0\0"
ALIGNMENT = 8
OBJECT = 16  # bytes of the header of an object in a global heap, and of a gap in a local one, at least
LAST = 1  # stands for "there is no further gap"


def check(path: Path) -> None:
    """Look through the heaps of a file.

    Raises:
        ValueError: one of them would be read for ever; the line says which.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for sign, walk in ((GLOBAL, _walk_objects), (LOCAL, _walk_gaps)):
            _each(data, sign, walk)


def _each(data: mmap.mmap, sign: bytes, walk: Callable[[mmap.mmap, int], None]) -> None:
    """Call ``walk`` with the place of every heap that is whole enough to have a header."""
    start = data.find(sign)
    while 0 <= start <= len(data) - 32:
        walk(data, start)
        start = data.find(sign, start + 8)


def _walk_objects(data: mmap.mmap, start: int) -> None:
    """Go from object to object of a global heap: the heap's size at 8, the first object at 16.

    An object: its number, 2 bytes; its uses, 2; 4 zeros; its size, 8; what it holds, filled up to a multiple of 8.
    Number 0 is free space, whose size counts the header too.
    """
    (length,) = struct.unpack_from("<Q", data, start + 8)
    end, place = start + length, start + 16
    while place + OBJECT <= min(end, len(data)):
        number, size = struct.unpack_from("<H6xQ", data, place)
        step = size if number == 0 else OBJECT + -(-size // ALIGNMENT) * ALIGNMENT
        if step == 0 or place + step > end:  # a size near 2**64 wraps round and leads back
            raise ValueError(f"the heap of strings at byte {start} leads nowhere at byte {place}")
        place += step


def _walk_gaps(data: mmap.mmap, start: int) -> None:
    """Go from gap to gap of a local heap: its size at 8, the first gap at 16, at 24 where its contents lie.

    A gap: the place of the next one, 8 bytes, and its size, 8.
    """
    length, gap, contents = struct.unpack_from("<QQQ", data, start + 8)
    length = min(length, len(data) - contents)
    most = length // OBJECT
    while gap != LAST and gap + OBJECT <= length:
        if most == 0:
            raise ValueError(f"the heap of names at byte {start} has gaps that lead in a circle")
        (gap,) = struct.unpack_from("<Q", data, contents + gap)
        most -= 1
