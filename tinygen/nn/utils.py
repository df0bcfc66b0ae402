"""Taming gradients. New arrays are made: two parameters may share one gradient, and it may be somebody else's."""

from __future__ import annotations

from collections.abc import Iterable

from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.update import global_norm


def clip_grad_norm_(parameters: Iterable[Tensor], max_norm: float, error_if_nonfinite: bool = False) -> Tensor:
    """Scale all gradients together so that their common 2-norm is at most ``max_norm``.

    Args:
        parameters: Tensors with ``.grad``; those without are passed over.
        max_norm: the limit, above 0.
        error_if_nonfinite: raise where the norm is infinite or NaN.

    Returns:
        The norm before, a 0-d Tensor.

    Raises:
        RuntimeError: if the norm is not finite and ``error_if_nonfinite`` is set.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks" (ICML 2013).
    """
    with_grad = [p for p in parameters if p.grad is not None]
    if not with_grad:
        return Tensor(array_module().zeros((), "float32"))
    norm = global_norm([p.grad._data for p in with_grad])
    xp = array_module(norm)
    if error_if_nonfinite and not bool(xp.isfinite(norm)):
        raise RuntimeError(f"the gradients' norm is {float(norm)}")
    # stays on the device: min(1, max / norm) is an array there, nothing waits for it
    scale = xp.minimum(max_norm / (norm + 1e-6), 1.0)
    for p in with_grad:
        p.grad = Tensor(p.grad._data * scale.astype(p.grad.dtype))
    return Tensor(xp.asarray(norm).astype(with_grad[0].grad.dtype))


def clip_grad_value_(parameters: Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of every gradient to the range from -``clip_value`` to ``clip_value``."""
    for p in parameters:
        if p.grad is not None:
            p.grad = Tensor(array_module(p.grad._data).clip(p.grad._data, -clip_value, clip_value))
