"""Matrix product of float32 operands without BLAS, whose worker threads spin on after a call.

While they spin, the next Numba kernel waits for a core: an LSTM step with its weight gradient through
two-thread OpenBLAS took 2.4 times as long as without.
"""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["matmul"]

Array = Any  # numpy.ndarray or cupy.ndarray
SINGLE_THREAD = 2**18  # up to so many multiplications OpenBLAS uses one thread (its interface/gemm.c)


def _pays(a: Array, b: Array) -> bool | str:
    """The Numba form is for what BLAS would hand to its threads; below, BLAS is faster (no threads to start).

    Measured on two Zen 5 cores against NumPy's OpenBLAS, ms: (128, 57) x (57, 128) 0.014 / 0.019, (512, 512)
    x (512, 512) 0.66 / 1.17, (7680, 57) x (57, 512) 1.06 / 2.44; but (64, 64) x (64, 64) 0.012 / 0.006 and
    (8, 300) x (300, 300) 0.034 / 0.020.
    """
    if not all(type(x) is np.ndarray and x.dtype == np.float32 and x.ndim == 2 for x in (a, b)):
        return "an operand is not a float32 matrix"
    if any(stride % 4 for x in (a, b) for stride in x.strides):
        return "an operand is not aligned"
    (m, depth), n = a.shape, b.shape[1]
    return True if m * n * depth > SINGLE_THREAD else "too small to pay"


@kernel(numba="tinygen_ops.matmul_numba:matmul", supports=_pays)
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
