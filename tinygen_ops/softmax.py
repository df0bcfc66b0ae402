"""Softmax over the last axis, and the cross-entropy that is computed with it in one pass."""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["cross_entropy_forward", "log_softmax", "softmax"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _float32(x: Array, *_: Array) -> bool | str:
    return True if x.dtype == np.float32 and x.ndim and x.size else "not a float32 array with elements"


@kernel(numba="tinygen_ops.softmax_numba:cross_entropy_forward", supports=_float32)
def cross_entropy_forward(logits: Array, target: Array) -> tuple[Array, Array]:
    """Cross-entropy of integer classes, and its gradient, in one pass.

    loss_n = log(sum_j exp(z_nj)) - z_n,target_n;   dlogits_nj = softmax(z_n)_j - [j = target_n]

    Args:
        logits: (N, C) float, unnormalised log probabilities.
        target: (N,) int in [0, C).

    Returns:
        losses (N,) in nats, and dlogits (N, C), the gradient of each row's loss: backward only multiplies it.

    Raises:
        ValueError: shapes do not fit.
        IndexError: a class is not in [0, C) (checked for host arrays).
    """
    xp = array_module(logits, target)
    check_cross_entropy(logits, target)
    rows = xp.arange(logits.shape[0])
    shifted = logits - logits.max(axis=1, keepdims=True)
    dlogits = xp.exp(shifted)
    total = dlogits.sum(axis=1, keepdims=True)
    losses = xp.log(total[:, 0]) - shifted[rows, target]
    dlogits /= total
    dlogits[rows, target] -= 1
    return losses, dlogits


def check_cross_entropy(logits: Array, target: Array) -> None:
    """Check the arguments of `cross_entropy_forward`."""
    if logits.ndim != 2 or target.shape != logits.shape[:1] or target.dtype.kind not in "iu":
        raise ValueError(
            f"`target` is {target.dtype} of shape {target.shape} for logits of {logits.shape}; "
            "needed are integers (N,) for (N, C)"
        )
    classes = logits.shape[1]
    if isinstance(target, np.ndarray) and target.size and not 0 <= target.min() <= target.max() < classes:
        raise IndexError(f"`target` runs from {target.min()} to {target.max()}; valid is 0 to {classes - 1}")


@kernel(numba="tinygen_ops.softmax_numba:softmax", supports=_float32)
def softmax(x: Array) -> Array:
    """Softmax over the last axis: y_j = exp(x_j - max x) / sum_k exp(x_k - max x).

    Args:
        x: (..., C) float.

    Returns:
        (..., C), each row positive and summing to 1.
    """
    xp = array_module(x)
    y = xp.exp(x - x.max(axis=-1, keepdims=True))
    return y / y.sum(axis=-1, keepdims=True)


@kernel(numba="tinygen_ops.softmax_numba:log_softmax", supports=_float32)
def log_softmax(x: Array) -> Array:
    """Logarithm of the softmax over the last axis: y_j = x_j - max x - log(sum_k exp(x_k - max x)).

    Args:
        x: (..., C) float.

    Returns:
        (..., C), at most 0.
    """
    xp = array_module(x)
    y = x - x.max(axis=-1, keepdims=True)
    return y - xp.log(xp.exp(y).sum(axis=-1, keepdims=True))
