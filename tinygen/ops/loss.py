"""Losses element by element: how far a prediction is from what was wanted."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, cast, common_shape, pair, refuse_gradient
from tinygen.ops.arithmetic import clip, where
from tinygen.ops.elementwise import Softplus, abs_, exp, log, square
from tinygen.ops.reduce import mean, sum_
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class BinaryCrossEntropy(Function):
    """l = -t ln(x) - (1 - t) ln(1 - x), logarithms at least -100;  gx = gl (x - t) / (x (1 - x)).

    Derivation: dl/dx = -t / x + (1 - t) / (1 - x), over the common denominator (x - t) / (x (1 - x)); the denominator
    is held at 1e-12, so that it is finite at 0 and 1. dl/dt = ln(1 - x) - ln(x), with the same bound on the logarithms.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, t: Any) -> Any:
        ctx.save(x, t)
        xp = array_module(x, t)
        return -t * xp.maximum(xp.log(x), -100) - (1 - t) * xp.maximum(xp.log1p(-x), -100)

    @staticmethod
    def backward(ctx: Node, gl: Tensor) -> tuple:
        x, t = ctx.saved
        to_x, to_t = ctx.needs_input_grad
        gx = gl * (x - t) / clip(x * (1 - x), min=1e-12) if to_x else None
        gt = gl * (_bounded_log(1 - x) - _bounded_log(x)) if to_t else None
        return gx, gt


def _bounded_log(x: Tensor) -> Tensor:
    """ln(x), at least -100; below that bound the derivative is 0, at 0 too."""
    tiny = log(x.detach()) < -100
    return where(tiny, -100.0, log(where(tiny, 1.0, x)))


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Return the squared error: l = w (x - t)**2.

    Args:
        input: x, a Tensor.
        target: t, of the same shape; one of the two is floating.
        reduction: ``"mean"`` (divided by the sum of the weights), ``"sum"`` or ``"none"``.
        weight: w, of the same shape, or None for 1.

    Returns:
        () or, with ``"none"``, the shape of ``input``.

    Raises:
        ValueError: if shapes differ, or for another ``reduction``.
        TypeError: if neither is floating.

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 5.1.4.
    """
    x, t = _both("mse_loss", input, target, reduction)
    return _weighted(square(x - t), weight, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Return the absolute error: l = w |x - t|.

    Args:
        input: x, a Tensor.
        target: t, of the same shape; one of the two is floating.
        reduction: ``"mean"`` (divided by the sum of the weights), ``"sum"`` or ``"none"``.
        weight: w, of the same shape, or None for 1.

    Returns:
        () or, with ``"none"``, the shape of ``input``.

    Raises:
        ValueError: if shapes differ, or for another ``reduction``.
        TypeError: if neither is floating.

    Gradient: the sign of x - t, and 0 where they are equal.

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2.1.2.
    """
    x, t = _both("l1_loss", input, target, reduction)
    return _weighted(abs_(x - t), weight, reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Return the Huber loss: squared for small errors, straight for large ones.

        l = w (d**2 / 2 if |d| <= delta else delta (|d| - delta / 2)),   d = x - t

    Args:
        input: x, a Tensor.
        target: t, of the same shape; one of the two is floating.
        reduction: ``"mean"`` (over the number of elements, with weights too: as PyTorch), ``"sum"`` or ``"none"``.
        delta: where the parts meet, more than 0.
        weight: w, of the same shape, or None for 1.

    Returns:
        () or, with ``"none"``, the shape of ``input``.

    Raises:
        ValueError: if shapes differ, for another ``reduction``, for a ``delta`` that is not more than 0.
        TypeError: if neither is floating.

    Gradient: dl/dd = c, which is d clipped to +-delta. Both parts of the loss are c (d - c / 2), with the derivative
    c + (d - c) dc/dd, and the second term is 0: in the middle d = c, outside c is constant.

    Source: Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964).
    """
    x, t = _both("huber_loss", input, target, reduction)
    if not delta > 0:
        raise ValueError(f"`delta` is {delta!r}; it must be more than 0")
    losses = _huber(x - t, delta)
    if weight is not None:
        losses = losses * _same_shape(weight, "weight", losses)
    return reduced(losses, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Return the absolute error with its corner rounded: the Huber loss with delta = ``beta``, divided by it.

        l = d**2 / (2 beta) if |d| < beta else |d| - beta / 2,   d = x - t

    Args:
        input: x, a Tensor.
        target: t, of the same shape; one of the two is floating.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: where the parts meet, at least 0; 0 is :func:`l1_loss`.

    Returns:
        () or, with ``"none"``, the shape of ``input``.

    Raises:
        ValueError: if shapes differ, for another ``reduction``, for a negative ``beta``.
        TypeError: if neither is floating.

    Source: Girshick, "Fast R-CNN" (ICCV 2015), equation 3.
    """
    x, t = _both("smooth_l1_loss", input, target, reduction)
    if not beta >= 0:
        raise ValueError(f"`beta` is {beta!r}; it must be at least 0")
    return reduced(_huber(x - t, beta) / beta if beta else abs_(x - t), reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Return the cross-entropy of yes-or-no predictions, from probabilities.

        l = -w (t ln(x) + (1 - t) ln(1 - x)),   both logarithms held at -100 from below

    From logits :func:`binary_cross_entropy_with_logits` is more exact.

    Args:
        input: probabilities x from 0 to 1, float.
        target: t, of the same shape and dtype; any real number, the formula simply holds.
        weight: w, broadcasts to that shape, or None for 1.
        reduction: ``"mean"`` (over the number of elements), ``"sum"`` or ``"none"``.

    Returns:
        () or, with ``"none"``, the shape of ``input``; in nats.

    Raises:
        ValueError: if shapes do not fit, for another ``reduction``, for an ``input`` outside of 0 to 1 (on a GPU,
            where nothing waits for the answer, it is not seen).
        TypeError: if the dtypes are not floating or differ.
        RuntimeError: if ``weight`` requires a gradient: it gets none.

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2.2.2.
    """
    check_reduction(reduction)
    x, t = floats(input, "input"), floats(target, "target")
    if x.dtype != t.dtype:
        raise TypeError(f"`target` has dtype {t.dtype}, `input` {x.dtype}; they must be the same")
    _same_shape(t, "target", x)
    array = x._data
    if type(array) is np.ndarray and array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"`input` runs from {array.min()} to {array.max()}; probabilities lie from 0 to 1")
    wide = np.float32 if x.dtype == np.float16 else x.dtype  # float16 knows nothing as small as 1e-12
    losses = BinaryCrossEntropy.apply(cast(x, wide), cast(t, wide))
    if weight is not None:
        losses = losses * _factor(weight, "weight", losses)
    return cast(reduced(losses, reduction), x.dtype)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the cross-entropy of yes-or-no predictions, from logits.

        l = -w (p t ln(sigmoid(x)) + (1 - t) ln(1 - sigmoid(x)))
          =  w ((1 - t) x + (1 + (p - 1) t) softplus(-x))

    The second form cannot overflow.

    Args:
        input: logits x, float.
        target: t, of the same shape, float; any real number, the formula simply holds.
        weight: w, broadcasts to that shape, or None for 1.
        reduction: ``"mean"`` (over the number of elements), ``"sum"`` or ``"none"``.
        pos_weight: p, the factor of the positive part, broadcasts to that shape, or None for 1.

    Returns:
        () or, with ``"none"``, the shape of ``input``; in nats.

    Raises:
        ValueError: if shapes do not fit, or for another ``reduction``.
        TypeError: if a dtype is not floating.
        RuntimeError: if ``weight`` or ``pos_weight`` requires a gradient: it gets none.

    Gradient: without factors it is sigmoid(x) - t: from softplus' = sigmoid, (1 - t) - sigmoid(-x).

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2.2.2.
    """
    check_reduction(reduction)
    x, t = pair(floats(input, "input"), floats(target, "target"), "binary_cross_entropy_with_logits")
    _same_shape(t, "target", x)
    yes = Softplus.apply(-x)
    if pos_weight is not None:
        yes = yes * (1 + (_factor(pos_weight, "pos_weight", x) - 1) * t)
    losses = (1 - t) * x + yes
    if weight is not None:
        losses = losses * _factor(weight, "weight", x)
    return reduced(losses, reduction)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Return the Kullback-Leibler divergence of a prediction from a target distribution, element by element.

        l = t (ln(t) - x), 0 where t = 0;   with ``log_target`` l = e**t (t - x)

    Args:
        input: log probabilities x, float.
        target: probabilities t, or with ``log_target`` their logarithms, of the same shape, float.
        reduction: ``"batchmean"`` (the sum divided by the length of the first axis: the divergence), ``"mean"`` (over
            the number of elements), ``"sum"`` or ``"none"``.
        log_target: whether ``target`` holds logarithms.

    Returns:
        () or, with ``"none"``, the shape of ``input``; in nats.

    Raises:
        ValueError: if shapes differ, or for another ``reduction``.
        TypeError: if a dtype is not floating.

    Gradient: to x it is -t, to t ln(t) + 1 - x. Where t = 0 the part t ln(t) counts 0 and gives no gradient.

    Source: Kullback, Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951).
    """
    check_reduction(reduction, "mean", "sum", "none", "batchmean")
    x, t = pair(floats(input, "input"), floats(target, "target"), "kl_div")
    _same_shape(t, "target", x)
    if log_target:
        losses = exp(t) * (t - x)
    else:
        zero = t == 0
        losses = where(zero, 0.0, t * log(where(zero, 1.0, t))) - t * x
    if reduction == "batchmean":
        return sum_(losses) / x.shape[0] if x.ndim else sum_(losses)
    return reduced(losses, reduction)


def check_reduction(reduction: str, *valid: str) -> None:
    """Raise a ValueError unless ``reduction`` is one of ``valid`` (none given: mean, sum, none)."""
    valid = valid or ("mean", "sum", "none")
    if reduction not in valid:
        raise ValueError(f"`reduction` is {reduction!r}; valid are {', '.join(map(repr, valid))}")


def reduced(losses: Tensor, reduction: str, weights: Tensor | None = None) -> Tensor:
    """Return the mean (divided by the sum of ``weights``, where they are given), the sum or all of the ``losses``."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum_(losses)
    return mean(losses) if weights is None else sum_(losses) / sum_(weights)


def floats(x: Any, name: str) -> Tensor:
    """Return ``x`` if it is a floating Tensor; else raise a TypeError that names the argument."""
    x = as_tensor(x, name)
    if x.dtype.kind != "f":
        raise TypeError(f"`{name}` has dtype {x.dtype}; it must be floating, use .float()")
    return x


def _both(name: str, input: Tensor, target: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    """Return input and target in one floating dtype; shapes and reduction are checked."""
    check_reduction(reduction)
    x, t = as_tensor(input, "input"), as_tensor(target, "target")
    _same_shape(t, "target", x)
    x, t = pair(x, t, name)
    floats(x, "input")
    return x, t


def _same_shape(x: Tensor, name: str, like: Tensor) -> Tensor:
    if as_tensor(x, name).shape != like.shape:
        raise ValueError(f"`{name}` has shape {x.shape}, `input` {like.shape}; they must be the same")
    return x


def _factor(factor: Tensor, name: str, like: Tensor) -> Tensor:
    """Return a factor that broadcasts to ``like``, in its dtype; no gradient flows into it."""
    refuse_gradient(as_tensor(factor, name), name)
    array_module(factor._data, like._data)  # both on one device
    if common_shape(name, factor.shape, like.shape) != like.shape:
        raise ValueError(f"`{name}` has shape {factor.shape}; it must broadcast to that of `input`, {like.shape}")
    return cast(factor, like.dtype)


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduced(losses, reduction)
    return reduced(losses * _same_shape(weight, "weight", losses), reduction, weight)


def _huber(d: Tensor, delta: float) -> Tensor:
    """d**2 / 2 up to delta, then straight on."""
    c = clip(d, min=-delta, max=delta)
    return c * (d - c * 0.5)
