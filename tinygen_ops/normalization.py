"""Normalisation over some axes: mean 0 and standard deviation 1, the part that all norm layers share."""

import math
from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["norm_backward", "norm_forward"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _forward_pays(x: Array, weight: Array | None, bias: Array | None, axes: tuple[int, ...], eps: float) -> bool | str:
    if weight is not None or bias is not None:
        return "it does not scale"
    return _pays(x, axes)


def _backward_pays(gy: Array, y: Array, inv_std: Array, axes: tuple[int, ...]) -> bool | str:
    return _pays(y, axes) if gy.dtype == y.dtype else "of two types"


def _pays(x: Array, axes: tuple[int, ...]) -> bool | str:
    if x.dtype != np.float32 or x.ndim < 3:
        return "it is for float32 arrays (N, C, ...)"
    if axes != (0, *range(2, x.ndim)):
        return "it knows batch normalisation only"
    if not np.moveaxis(x, 1, -1).flags.c_contiguous or x.shape[1] % 16:
        return "it wants channels last in memory, a multiple of 16 of them"
    return True if x.size >= 16_384 else "too small to pay"


@kernel(numba="tinygen_ops.normalization_numba:norm_forward", supports=_forward_pays)
def norm_forward(
    x: Array, weight: Array | None, bias: Array | None, axes: tuple[int, ...], eps: float
) -> tuple[Array, Array, Array]:
    """Normalise over some axes, then scale and shift.

    m = mean(x);   r = 1 / sqrt(mean((x - m)**2) + eps);   y = (x - m) r weight + bias

    Args:
        x: float32 or float64, with at least one axis.
        weight: broadcasts to x, or None for 1.
        bias: broadcasts to x, or None for 0.
        axes: the axes that mean and deviation are taken over; over no elements the mean is 0.
        eps: at least 0.

    Returns:
        y of the shape of x; m and r, in which the axes have length 1.

    Source: the corrected two-pass form, Chan, Golub, LeVeque, "Algorithms for computing the sample variance",
    The American Statistician 37 (1983).
    """
    xp = array_module(x, weight, bias)
    count = max(math.prod(x.shape[axis] for axis in axes), 1)

    def mean(a: Array) -> Array:
        return a.sum(axis=axes, keepdims=True) / count

    rough = mean(x)
    y = x - rough
    # The rounding of a large mean, once more: for x about 10000 +- 1 in float32, (64, 32, 28, 28) over all axes but
    # the second, the largest error of y falls from 2.5e-3 to 8e-7; for (100000, 4) over the first from 5 to 9e-5.
    rest = mean(y)
    y -= rest
    inv_std = 1 / xp.sqrt(mean(y * y) + eps)
    y *= inv_std
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias
    return y, rough + rest, inv_std


@kernel(numba="tinygen_ops.normalization_numba:norm_backward", supports=_backward_pays)
def norm_backward(gy: Array, y: Array, inv_std: Array, axes: tuple[int, ...]) -> Array:
    """Carry a gradient back through the normalisation: gx = r (gy - mean(gy) - y mean(gy y)).

    Args:
        gy: gradient of y, of its shape.
        y: what `norm_forward` returned, without weight and bias.
        inv_std: r, likewise.
        axes: the axes that the means are over.

    Returns:
        gx of the shape of y.
    """
    count = max(math.prod(y.shape[axis] for axis in axes), 1)
    along = (gy * y).sum(axis=axes, keepdims=True) / count
    return inv_std * (gy - gy.sum(axis=axes, keepdims=True) / count - y * along)
