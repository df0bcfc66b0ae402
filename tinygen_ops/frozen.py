"""What is worked out from weights that do not change: kept as long as the weights are there.

A frozen network convolves with the same weights again and again. An array that is read-only (`setflags(write=False)`)
counts as frozen: whoever could write into it has given that up.
"""

import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["KEPT", "once"]

KEPT = 1 << 30  # bytes; what was wanted longest ago is dropped, and worked out again when it is wanted
_known: OrderedDict[tuple, np.ndarray] = OrderedDict()


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose memory `array` looks at."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def once(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Let a function of an array (and of numbers) work once for each frozen array."""

    @functools.wraps(function)
    def kept(array: np.ndarray, *numbers: Any) -> np.ndarray:
        owner = owner_of(array)
        if owner.flags.writeable:
            return function(array, *numbers)
        view = array.__array_interface__["data"][0], array.shape, array.strides
        key = (function.__qualname__, id(owner), *view, *numbers)
        if key not in _known:
            _known[key] = function(array, *numbers)
            weakref.finalize(owner, _known.pop, key, None)
            while len(_known) > 1 and sum(result.nbytes for result in _known.values()) > KEPT:
                _known.popitem(last=False)
        _known.move_to_end(key)
        return _known[key]

    return kept
