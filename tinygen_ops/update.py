"""Optimiser updates, in place: one call and one pass over the memory for all parameters of a model.

Every rule first prepares the gradient g of each parameter p:

    g <- grad_scale g;   g <- clip(g, -clip_value, clip_value);   g <- g + weight_decay p

Gradients are only read: they may be views, read-only, or shared by several parameters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.registry import kernel

__all__ = ["adam", "global_norm", "rmsprop", "sgd"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _plain(params: Sequence[Array], grads: Sequence[Array], *states: Sequence[Array] | None, **_: Any) -> bool | str:
    """The Numba form goes through memory by address: float32, and all but the gradients contiguous."""
    for group in (params, *states):
        for array in group or ():
            if type(array) is not np.ndarray or array.dtype != np.float32 or not array.flags.c_contiguous:
                return "a parameter or state is not a contiguous float32 array"
    if any(type(g) is not np.ndarray or g.dtype != np.float32 for g in grads):
        return "a gradient is not float32"
    return True


def check_update(params: Sequence[Array], grads: Sequence[Array], **states: Sequence[Array] | None) -> None:
    """Check that `params`, `grads` and every list of states match, array by array."""
    for name, group in {"grads": grads, **states}.items():
        if group is None:
            continue
        if len(group) != len(params):
            raise ValueError(f"`{name}` has {len(group)} arrays; `params` has {len(params)}")
        for k, (p, array) in enumerate(zip(params, group, strict=True)):
            if array.shape != p.shape:
                raise ValueError(f"`{name}[{k}]` has shape {array.shape}; its parameter has {p.shape}")


def check_adam(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avg: Sequence[Array],
    exp_avg_sq: Sequence[Array],
    step: int,
) -> None:
    """Check the arguments of `adam`."""
    check_update(params, grads, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
    if step < 1:
        raise ValueError(f"`step` is {step}; it counts from 1")


def _prepared(p: Array, grad: Array, grad_scale: float, clip_value: float | None, weight_decay: float) -> Array:
    xp = array_module(p, grad)
    if grad_scale != 1:
        grad = grad * grad_scale
    if clip_value is not None:
        grad = xp.clip(grad, -clip_value, clip_value)
    return grad + weight_decay * p if weight_decay else grad


@kernel(numba="tinygen_ops.update_numba:sgd", supports=_plain)
def sgd(
    params: Sequence[Array],
    grads: Sequence[Array],
    momentum_buffer: Sequence[Array] | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    first_step: bool = False,
    clip_value: float | None = None,
    grad_scale: float = 1.0,
) -> None:
    """Stochastic gradient descent, in place.

    b <- momentum b + (1 - dampening) g, at the first step b <- g;
    d = g + momentum b if nesterov, else b;  p <- p - lr d

    Args:
        params: parameters, any shapes, float; changed.
        grads: their gradients, same shapes; only read.
        momentum_buffer: the b, same shapes, changed; None: no momentum, d = g.
        lr: step size.
        momentum: in [0, 1).
        dampening: in [0, 1].
        nesterov: look ahead along the momentum.
        weight_decay: added gradient per unit of parameter.
        first_step: the buffers start now, from g itself.
        clip_value: bound of every gradient element, or None.
        grad_scale: every gradient is multiplied by this first (clipping by norm).

    Raises:
        ValueError: lists or shapes do not match.
    """
    check_update(params, grads, momentum_buffer=momentum_buffer)
    for k, (p, grad) in enumerate(zip(params, grads, strict=True)):
        g = _prepared(p, grad, grad_scale, clip_value, weight_decay)
        if momentum_buffer is not None:
            b = momentum_buffer[k]
            b[...] = g if first_step else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p -= lr * g


@kernel(numba="tinygen_ops.update_numba:rmsprop", supports=_plain)
def rmsprop(
    params: Sequence[Array],
    grads: Sequence[Array],
    square_avg: Sequence[Array],
    grad_avg: Sequence[Array] | None = None,
    momentum_buffer: Sequence[Array] | None = None,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    clip_value: float | None = None,
    grad_scale: float = 1.0,
) -> None:
    """RMSprop, in place, in PyTorch's and Keras 2's form (eps outside the root).

    v <- alpha v + (1 - alpha) g^2;  centred: a <- alpha a + (1 - alpha) g, v' = v - a^2, else v' = v;
    d = g / (sqrt(v') + eps);  with momentum b <- momentum b + d, d = b;  p <- p - lr d

    Args:
        params: parameters, any shapes, float; changed.
        grads: their gradients, same shapes; only read.
        square_avg: the v, same shapes; changed.
        grad_avg: the a, same shapes, changed: the centred form; None: not centred.
        momentum_buffer: the b, same shapes, changed; None: no momentum.
        lr: step size.
        alpha: share of the past in the averages, in [0, 1).
        eps: above 0, added to the root.
        weight_decay: added gradient per unit of parameter.
        momentum: in [0, 1), used with `momentum_buffer`.
        clip_value: bound of every gradient element before it is squared, or None.
        grad_scale: every gradient is multiplied by this first (clipping by norm).

    Raises:
        ValueError: lists or shapes do not match.

    Source: Tieleman and Hinton, Lecture 6.5, 2012; centred: Graves, Generating Sequences, 2013, eq. 38-45.
    """
    check_update(params, grads, square_avg=square_avg, grad_avg=grad_avg, momentum_buffer=momentum_buffer)
    for k, (p, grad) in enumerate(zip(params, grads, strict=True)):
        xp, v = array_module(p), square_avg[k]
        g = _prepared(p, grad, grad_scale, clip_value, weight_decay)
        v *= alpha
        v += (1 - alpha) * g * g
        variance = v
        if grad_avg is not None:
            a = grad_avg[k]
            a *= alpha
            a += (1 - alpha) * g
            variance = xp.maximum(v - a * a, 0)  # >= 0 but for rounding
        d = g / (xp.sqrt(variance) + eps)
        if momentum_buffer is not None:
            b = momentum_buffer[k]
            b *= momentum
            b += d
            d = b
        p -= lr * d


@kernel(numba="tinygen_ops.update_numba:adam", supports=_plain)
def adam(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avg: Sequence[Array],
    exp_avg_sq: Sequence[Array],
    *,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    clip_value: float | None = None,
    grad_scale: float = 1.0,
) -> None:
    """Adam, or AdamW where `decoupled`, in place.

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
    p <- p - lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)

    Args:
        params: parameters, any shapes, float; changed.
        grads: their gradients, same shapes; only read.
        exp_avg: the m, same shapes; changed.
        exp_avg_sq: the v, same shapes; changed.
        step: number of this step, from 1.
        lr: step size.
        beta1: share of the past in m, in [0, 1).
        beta2: share of the past in v, in [0, 1).
        eps: above 0, added to the root.
        weight_decay: added gradient per unit of parameter; where `decoupled`, p <- (1 - lr weight_decay) p
            instead.
        decoupled: AdamW.
        clip_value: bound of every gradient element, or None.
        grad_scale: every gradient is multiplied by this first (clipping by norm).

    Raises:
        ValueError: lists or shapes do not match, or `step` is below 1.

    Source: Kingma and Ba, Adam, 2015, algorithm 1; Loshchilov and Hutter, Decoupled Weight Decay
    Regularization, 2019, algorithm 2.
    """
    check_adam(params, grads, exp_avg, exp_avg_sq, step)
    for p, grad, m, v in zip(params, grads, exp_avg, exp_avg_sq, strict=True):
        g = _prepared(p, grad, grad_scale, clip_value, 0.0 if decoupled else weight_decay)
        if decoupled and weight_decay:
            p *= 1 - lr * weight_decay
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        root = array_module(p).sqrt(v / (1 - beta2**step)) + eps
        p -= lr / (1 - beta1**step) * m / root


@kernel()
def global_norm(grads: Sequence[Array]) -> Array:
    """Euclidean norm of all gradients taken as one vector: sqrt(sum_k sum g_k^2), added up in float64.

    To clip by norm, hand `grad_scale = min(1, max_norm / (global_norm(grads) + 1e-6))` to an update: the
    gradients themselves are not written to.

    Args:
        grads: arrays, any shapes, float; only read.

    Returns:
        0-d float64 array on the arrays' device (0.0 for no arrays).
    """
    xp = array_module(*grads)
    return xp.sqrt(sum((xp.square(g, dtype=np.float64).sum() for g in grads), xp.zeros((), np.float64)))
