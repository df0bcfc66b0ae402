"""Gram matrices: how the columns of a matrix go together. They are symmetric, so half the products are enough."""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.matmul import SINGLE_THREAD
from tinygen_ops.registry import kernel

__all__ = ["gram"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _pays(x: Array) -> bool | str:
    if type(x) is not np.ndarray or x.dtype != np.float32 or x.ndim != 3:
        return "it is for float32 arrays (N, P, C)"
    if any(stride % 4 for stride in x.strides):
        return "the array is not aligned"
    return True if x.size * x.shape[2] > SINGLE_THREAD else "too small to pay"


@kernel(numba="tinygen_ops.gram_numba:gram", supports=_pays)
def gram(x: Array) -> Array:
    """Gram matrices of the columns: out_ncd = sum_p x_npc x_npd.

    Args:
        x: (N, P, C) float, any strides.

    Returns:
        (N, C, C), symmetric.
    """
    return array_module(x).matmul(x.swapaxes(-2, -1), x)
