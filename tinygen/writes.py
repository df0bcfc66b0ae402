"""Who may have written into an array since an op saved it for its backward? Then the gradient would silently be wrong.

Two kinds of writers are watched:

* The engine's own (optimisers, ``load_state_dict``, ``x[i] = v``) announce each write with :func:`written`, which
  notes the time on a clock of its own. A node notes the time of its birth.
* Someone who was handed the array itself (by ``.data``, ``.numpy()``, ``from_numpy``) announces nothing. So its
  memory is fingerprinted when it is handed out, and again when an op saves it, and compared in backward. Memory that
  was never handed out cannot be written to: it costs one look at an empty dict.

Arrays are known by the array that owns their memory, so that a write through one view is seen in every other.
"""

from __future__ import annotations

import itertools
import weakref
import zlib
from typing import Any

import numpy as np

_ticks = itertools.count(1)
_now = [0]  # the time of the last announced write
_written: dict[int, tuple[Any, int]] = {}  # id(owner) -> (weak reference to it, time of the last write)
_exposed: dict[int, tuple[Any, int | None]] = {}  # id(owner) -> (weak reference to it, fingerprint)


def now() -> int:
    """The time of the last announced write."""
    return _now[0]


def written(array: Any) -> None:
    """Announce that the engine writes into ``array``."""
    owner = owner_of(array)
    key = id(owner)
    _now[0] = time = next(_ticks)
    known = _written.get(key)
    reference = known[0] if known else weakref.ref(owner, lambda _: _written.pop(key, None))
    _written[key] = (reference, time)


def expose(array: Any, fresh: bool = False) -> None:
    """Note that someone outside the engine may write into ``array`` from now on.

    Args:
        array: the array that is handed out, or taken over from a user.
        fresh: no op can have saved it yet, so that its present contents need no fingerprint.
    """
    owner = owner_of(array)
    key = id(owner)
    if key not in _exposed:
        mark = None if fresh else fingerprint(owner)
        _exposed[key] = (weakref.ref(owner, lambda _: _exposed.pop(key, None)), mark)


def mark_of(array: Any) -> int | None:
    """Return what :func:`unchanged` needs, at the moment an op saves ``array``."""
    if not _exposed:
        return None
    owner = owner_of(array)
    return fingerprint(owner) if id(owner) in _exposed else None


def unchanged(array: Any, mark: int | None, time: int) -> bool:
    """Whether nobody has written into ``array`` since it was saved, at ``time`` and with ``mark``."""
    if not _exposed and time == _now[0]:
        return True
    owner = owner_of(array)
    if id(owner) in _written and _written[id(owner)][1] > time:
        return False
    if mark is None:
        if id(owner) not in _exposed:
            return True
        # handed out after it was saved: at that moment nobody could have written to it yet
        mark = _exposed[id(owner)][1]
    return mark is None or fingerprint(owner) == mark


def owner_of(array: Any) -> Any:
    """The array whose memory ``array`` looks at."""
    while type(array.base) is type(array):
        array = array.base
    return array


def fingerprint(array: Any) -> int:
    """A checksum of the bytes of ``array``: two different contents agree with a chance of 2**-32."""
    host = array if type(array) is np.ndarray else array.get()
    return zlib.crc32(host.reshape(-1).view(np.uint8) if host.flags.c_contiguous else host.tobytes())
