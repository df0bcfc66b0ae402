"""The rectifiers, relu and leaky relu, and the way back through them.

A convolution with a rectifier behind it computes both at once, see `conv_forward`; the way back is here for all.
"""

from __future__ import annotations

from typing import Any

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["channel_sums", "rectify", "rectify_gradient"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _pays(x: Array, *others: Any, **settings: Any) -> bool | str:
    """The Numba form starts threads: 2 us where they spin, more where they sleep."""
    for a in (x, *others):
        if hasattr(a, "dtype") and a.dtype.char != "f":
            return "it computes in float32 only"
    return True if x.size >= 16_384 else "too small to pay"


@kernel(numba="tinygen_ops.rectify_numba:rectify", supports=_pays)
def rectify(x: Array, slope: float = 0.0) -> Array:
    """Rectify: y = x where x > 0, else slope x; for slope 0 it is 0 there, also of -inf.

    Args:
        x: numbers of any shape and type; for another slope than 0, floating.
        slope: of the part below 0.

    Returns:
        An array of the shape, type and memory layout of x.
    """
    xp = array_module(x)
    return xp.where(x > 0, x, x * slope).astype(x.dtype, copy=False) if slope else xp.maximum(x, 0)


@kernel(numba="tinygen_ops.rectify_numba:rectify_gradient", supports=_pays)
def rectify_gradient(gy: Array, x: Array, slope: float = 0.0) -> Array:
    """Carry a gradient back: gx = gy where x > 0, else slope gy.

    Args:
        gy: the gradient, of the shape of x, floating.
        x: what went in, or, for a slope of 0 or more, what came out: the sign is the same.
        slope: of the part below 0.

    Returns:
        An array of the type of gy, in the memory layout of x where the two differ.
    """
    xp = array_module(gy, x)
    return xp.where(x > 0, gy, gy * slope if slope else 0).astype(gy.dtype, copy=False)


@kernel(numba="tinygen_ops.rectify_numba:channel_sums", supports=_pays)
def channel_sums(x: Array) -> Array:
    """Sum each channel: s[c] = sum over n and p of x[n, c, p], what a gradient means to the bias of its layer.

    Args:
        x: (N, C, *S) floating.

    Returns:
        (C,) in the type of x.
    """
    return x.sum(axis=(0, *range(2, x.ndim)))
