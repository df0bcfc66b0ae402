"""Matrix product for small float32 operands without BLAS, whose worker threads spin on after a call."""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["matmul"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _small(a: Array, b: Array) -> bool | str:
    return True if a.dtype == b.dtype == np.float32 else "x"


@kernel(numba="tinygen_ops.matmul_numba:matmul", supports=_small)
def matmul(a: Array, b: Array) -> Array:
    """Matrix product of two 2-D arrays: out_ij = sum_k a_ik b_kj.

    Args:
        a: (M, K) float, any strides (a transposed view is fine).
        b: (K, N) float, any strides.

    Returns:
        (M, N).

    Raises:
        ValueError: the operands are not matrices of fitting shapes.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"`a` has shape {a.shape} and `b` {b.shape}; they must be (M, K) and (K, N)")
    return array_module(a, b).matmul(a, b)
