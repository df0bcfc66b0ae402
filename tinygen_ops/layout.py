"""From channels last in memory to channels first, and back: the copies that cannot be avoided, on all threads.

Convolutions keep the channels of a pixel side by side; a dense layer behind them reads channel after channel, as the
shape (N, C, H, W) says. Between the two stands one copy.
"""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["channels_last", "contiguous", "lies_channels_last"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _pays(x: Array) -> bool | str:
    if x.dtype != np.float32 or x.ndim < 3:
        return "it is for float32 arrays (N, C, ...)"
    return True if x.size >= 32_768 else "too small to pay"


@kernel(numba="tinygen_ops.layout_numba:contiguous", supports=_pays)
def contiguous(x: Array) -> Array:
    """Return x (N, C, *S) in C order: itself where it lies so, else a copy."""
    return array_module(x).ascontiguousarray(x)


@kernel(numba="tinygen_ops.layout_numba:channels_last", supports=_pays)
def channels_last(x: Array) -> Array:
    """Return x (N, C, *S) as (N, *S, C), the channels side by side: a view where it lies so, else a copy."""
    xp = array_module(x)
    return xp.ascontiguousarray(xp.moveaxis(x, 1, -1))


def lies_channels_last(x: Array) -> bool:
    """Return whether the channels of x (N, C, *S) lie side by side in memory, and not only for want of others."""
    return not x.flags.c_contiguous and array_module(x).moveaxis(x, 1, -1).flags.c_contiguous
