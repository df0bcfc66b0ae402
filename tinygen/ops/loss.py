"""Losses: how far a prediction is from what was wanted."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Node
from tinygen.fusion import FusedFunction
from tinygen.ops._inputs import as_tensor, cast, floating
from tinygen.ops.activation import log_softmax
from tinygen.ops.arithmetic import where
from tinygen.ops.elementwise import square
from tinygen.ops.indexing import _integers, gather
from tinygen.ops.reduce import mean, sum_
from tinygen.ops.shape import permute, reshape, squeeze, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.softmax import cross_entropy_forward


class CrossEntropy(FusedFunction):
    """l_n = ln(sum_j e**z_nj) - z_n,t(n);  dl_n/dz_nj = softmax(z_n)_j - [j = t(n)], made in the same pass."""

    @staticmethod
    def forward(ctx: Node, logits: Any, target: Any) -> Any:
        losses, gradient = cross_entropy_forward(logits, target)
        ctx.save(logits, target)
        ctx.kept, ctx.settings = gradient, {}
        return losses

    @staticmethod
    def fast_backward(ctx: Node, inputs: list[Any], output_gradients: list[Any]) -> tuple:
        return ctx.kept * output_gradients[0][:, None], None

    @staticmethod
    def reference(logits: Tensor, target: Tensor) -> Tensor:
        return -squeeze(gather(log_softmax(logits), 1, unsqueeze(target, 1)), 1)


def _reduce(losses: Tensor, reduction: str, weights: Tensor | None = None) -> Tensor:
    """Take the mean (weighted, where weights are given), the sum or nothing of the ``losses``."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum_(losses)
    if reduction == "mean":
        return mean(losses) if weights is None else sum_(losses) / sum_(weights)
    raise ValueError(f"`reduction` is {reduction!r}; valid are 'mean', 'sum' and 'none'")


def _rows(input: Tensor) -> Tensor:
    """Bring the class axis of (N, C, d1, ...) to the end and the rest into one: (M, C). (C,) becomes (1, C)."""
    if input.ndim == 1:
        return reshape(input, (1, -1))
    if input.ndim > 2:
        input = permute(input, 0, *range(2, input.ndim), 1)
    return reshape(input, (-1, input.shape[-1])) if input._data.size else reshape(input, (0, input.shape[-1]))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of class predictions, from logits.

        l_n = -w_t log softmax(x_n)_t,   t = target_n

    Args:
        input: logits (N, C), (C,) or (N, C, d1, ...) float.
        target: classes (N), () or (N, d1, ...) int, or probabilities of the shape of ``input``.
        weight: (C,) float, a factor for each class.
        ignore_index: a class number that counts nothing.
        reduction: ``"mean"`` (weighted), ``"sum"`` or ``"none"``.
        label_smoothing: the share, 0 to 1, of the target spread evenly over all classes.

    Returns:
        () or, with ``"none"``, the shape of the class targets; in nats.

    Raises:
        ValueError: if shapes do not fit.
        IndexError: if a class is not in 0 to C - 1.
    """
    x = floating(input)
    if not x.ndim:
        raise ValueError("cross_entropy: `input` needs a class axis, it has shape ()")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"`label_smoothing` is {label_smoothing}; it lies from 0 to 1")
    target = as_tensor(target, "target")
    if target.dtype.kind == "f":
        return _soft_cross_entropy(x, target, weight, reduction, label_smoothing)
    wanted = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if target.shape != wanted:
        raise ValueError(f"cross_entropy: `target` has shape {target.shape}; for `input` {x.shape} it must be {wanted}")
    rows, flat = _rows(x), reshape(target, (-1,))
    if weight is None and not label_smoothing and target.dtype.kind in "iu":
        return _plain_cross_entropy(rows, flat, wanted, ignore_index, reduction)
    losses = nll_loss(log_softmax(rows), flat, weight, ignore_index, "none")
    factors = _class_weights(rows, flat, weight, ignore_index)
    if label_smoothing:
        logs = log_softmax(rows)
        even = -sum_(logs if weight is None else logs * weight, -1)
        counted = cast(flat != ignore_index, x.dtype)
        losses = losses * (1 - label_smoothing) + even * counted * (label_smoothing / rows.shape[1])
    return _reduce(reshape(losses, wanted), reduction, factors)


def _plain_cross_entropy(
    rows: Tensor, flat: Tensor, shape: tuple[int, ...], ignore_index: int, reduction: str
) -> Tensor:
    """The usual case, without weights and smoothing: one fused kernel."""
    xp = array_module(rows._data, flat._data)
    ignored = flat._data == ignore_index
    # On the host it is quick to see that no class is ignored; a device is not waited for, there all rows are masked.
    if xp is np and not ignored.any():
        return _reduce(reshape(CrossEntropy.apply(rows, flat), shape), reduction)
    losses = CrossEntropy.apply(rows, Tensor(xp.where(ignored, 0, flat._data)))
    losses = where(Tensor(ignored), 0.0, losses)
    return _reduce(reshape(losses, shape), reduction, Tensor((~ignored).astype(rows.dtype)))


def _soft_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float) -> Tensor:
    """Cross-entropy where the target is a probability for every class."""
    if target.shape != x.shape:
        raise ValueError(f"cross_entropy: probabilities of shape {target.shape} for `input` {x.shape}")
    logs, target = _rows(x), _rows(target)
    classes = logs.shape[1]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    logs = log_softmax(logs)
    if weight is not None:
        logs = logs * weight
    losses = -sum_(target * logs, -1)
    if reduction == "mean":  # over the rows, not by weight: as PyTorch
        return mean(losses)
    return _reduce(reshape(losses, x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()), reduction)


def _class_weights(rows: Tensor, flat: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    """The factor of each row: the weight of its class, 0 where it is ignored. (M,)."""
    array = flat._data
    xp = array_module(array)
    counted = array != ignore_index
    factors = xp.ones(array.shape, rows.dtype) if weight is None else weight._data[xp.where(counted, array, 0)]
    return Tensor(xp.where(counted, factors, 0).astype(rows.dtype))


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log likelihood from log probabilities: l_n = -w_t x_n,t. As :func:`cross_entropy`."""
    x = floating(input)
    wanted = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    target = as_tensor(target, "target")
    if not x.ndim or target.shape != wanted:
        raise ValueError(f"nll_loss: `target` has shape {target.shape}; for `input` {x.shape} it must be {wanted}")
    rows, flat = _rows(x), reshape(target, (-1,))
    array_module(rows._data, flat._data, None if weight is None else weight._data)  # all on one device
    if weight is not None and weight.shape != (rows.shape[1],):
        raise ValueError(f"`weight` has shape {weight.shape}; it must be ({rows.shape[1]},), one for each class")
    factors = _class_weights(rows, flat, weight, ignore_index)
    xp = array_module(flat._data)
    safe = _integers(Tensor(xp.where(flat._data == ignore_index, 0, flat._data)), "target", rows.shape[1])
    picked = squeeze(gather(rows, 1, unsqueeze(safe, 1)), 1)
    losses = where(factors == 0, 0.0, -picked * factors)
    return _reduce(reshape(losses, wanted), reduction, factors)


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the mean squared error: l = (x - t)**2.

    Args:
        input: a Tensor.
        target: a Tensor of the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    x, t = floating(input), as_tensor(target, "target")
    if x.shape != t.shape:
        raise ValueError(f"mse_loss: `input` {x.shape} and `target` {t.shape} must have one shape")
    return _reduce(square(x - t), reduction)


