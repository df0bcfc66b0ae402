"""What is worked out from weights that do not change: kept as long as the weights are there.

A frozen network convolves with the same weights again and again. An array that is read-only (`setflags(write=False)`)
counts as frozen: whoever could write into it has given that up.
"""

import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygen_ops.compile import address

__all__ = ["KEPT", "Made", "is_frozen", "once"]

KEPT = 1 << 30  # bytes; what was wanted longest ago is dropped, and worked out again when it is wanted


class Made(NamedTuple):
    """An array for kernels, and its address, which takes a microsecond to ask for."""

    array: np.ndarray
    address: int


_known: OrderedDict[tuple, tuple[Callable[[], np.ndarray | None], Made]] = OrderedDict()  # and the memory's owner


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose memory `array` looks at."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def is_frozen(array: np.ndarray) -> bool:
    """Whether what is made from this array will be kept."""
    return not owner_of(array).flags.writeable


def once(function: Callable[..., np.ndarray]) -> Callable[..., Made]:
    """Let a function of an array (and of what can be hashed) work once for each frozen array.

    Arrays are told apart as objects, not by their memory: a view that is made anew each time is worked on each time.
    """

    @functools.wraps(function)
    def kept(array: np.ndarray, *settings: Any) -> Made:
        key = (function, id(array), settings)
        if (known := _known.get(key)) is not None:
            if not known[0]().flags.writeable:
                _known.move_to_end(key)
                return known[1]
            del _known[key]
        result = function(array, *settings)
        made = Made(result, address(result))
        if is_frozen(array):
            _known[key] = weakref.ref(owner_of(array)), made
            weakref.finalize(array, _known.pop, key, None)
            while len(_known) > 1 and sum(kept.array.nbytes for _, kept in _known.values()) > KEPT:
                _known.popitem(last=False)
        return made

    return kept
