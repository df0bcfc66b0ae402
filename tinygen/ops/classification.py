"""Losses of a classifier: the target is a class, or a probability for every class."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Node
from tinygen.fusion import FusedFunction
from tinygen.ops._inputs import as_tensor, cast, refuse_gradient
from tinygen.ops.activation import log_softmax
from tinygen.ops.arithmetic import where
from tinygen.ops.indexing import _integers, gather
from tinygen.ops.loss import check_reduction, floats, reduced
from tinygen.ops.reduce import mean, sum_
from tinygen.ops.shape import permute, reshape, squeeze, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.softmax import cross_entropy_forward


class CrossEntropy(FusedFunction):
    """l_n = ln(sum_j e**z_nj) - z_n,t(n);  dl_n/dz_nj = softmax(z_n)_j - [j = t(n)], made in the same pass.

    Derivation: the derivative of ln(sum_j e**z_j) by z_j is e**z_j / sum_k e**z_k, the softmax; that of z_t is 1 for
    j = t. The forward has the exponentials and their sum at hand, so it writes the gradient down at once, and backward
    only multiplies each row by the gradient of its loss.
    """

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
        return -squeeze(gather(log_softmax(logits, 1), 1, unsqueeze(target, 1)), 1)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of class predictions, from logits.

        l_n = -sum_j q_nj w_j log softmax(x_n)_j,   q_nj = (1 - s) [j = target_n] + s / C

    Where the target is a probability p_nj for every class, it takes the place of [j = target_n].

    Args:
        input: logits x (N, C), (C,) or (N, C, d1, ...) float.
        target: classes (N), () or (N, d1, ...) int, or probabilities of the shape of ``input``, float; any real
            numbers will do.
        weight: w (C,) in the dtype of ``input``, a factor for each class, or None for 1.
        ignore_index: a class number that counts nothing; classes only.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``. The mean divides by the sum of the targets' weights, and for
            probabilities by the number of rows.
        label_smoothing: s, the share from 0 to 1 of the target that is spread evenly over all classes.

    Returns:
        () or, with ``"none"``, the shape of ``input`` without C; in nats.

    Raises:
        ValueError: if shapes do not fit.
        TypeError: for dtypes other than these.
        IndexError: if a class is not in 0 to C - 1 (on a GPU, where nothing waits for the answer, it is not seen).
        RuntimeError: if ``weight`` requires a gradient, with classes for a target: it gets none.

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2.2.3; label smoothing: Szegedy et al.,
    "Rethinking the Inception Architecture" (CVPR 2016), section 7.
    """
    x, target, shape = _checked("cross_entropy", input, target, weight, ignore_index, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"`label_smoothing` is {label_smoothing}; it lies from 0 to 1")
    if target.dtype.kind == "f":
        if ignore_index >= 0:
            raise ValueError(f"`ignore_index` is {ignore_index}; a target of probabilities has no such class")
        return _soft_cross_entropy(x, target, weight, reduction, label_smoothing, shape)
    rows, flat = _rows(x), reshape(target, (-1,))
    ignored = _ignored(flat, ignore_index)
    if weight is None and not label_smoothing:
        losses = CrossEntropy.apply(rows, _without(flat, ignored))
        losses = losses if ignored is None else where(ignored, 0.0, losses)
        counted = None if ignored is None else cast(~ignored, x.dtype)
        return reduced(reshape(losses, shape), reduction, counted)
    logs = log_softmax(rows, 1)
    losses, factors = _picked(logs, flat, weight, ignored)
    if label_smoothing:
        even = -sum_(logs if weight is None else logs * weight, -1)
        even = even if ignored is None else where(ignored, 0.0, even)
        losses = losses * (1 - label_smoothing) + even * (label_smoothing / rows.shape[1])
    return reduced(reshape(losses, shape), reduction, factors)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log likelihood of classes, from log probabilities.

        l_n = -w_t x_nt,   t = target_n

    Args:
        input: log probabilities x (N, C), (C,) or (N, C, d1, ...) float.
        target: classes (N), () or (N, d1, ...) int.
        weight: w (C,) in the dtype of ``input``, a factor for each class, or None for 1.
        ignore_index: a class number that counts nothing.
        reduction: ``"mean"`` (divided by the sum of the targets' weights), ``"sum"`` or ``"none"``.

    Returns:
        () or, with ``"none"``, the shape of ``target``; in nats.

    Raises:
        ValueError: if shapes do not fit.
        TypeError: for dtypes other than these.
        IndexError: if a class is not in 0 to C - 1 (on a GPU, where nothing waits for the answer, it is not seen).
        RuntimeError: if ``weight`` requires a gradient: it gets none.

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.2.1.1.
    """
    x, target, shape = _checked("nll_loss", input, target, weight, ignore_index, reduction)
    flat = reshape(target, (-1,))
    losses, factors = _picked(_rows(x), flat, weight, _ignored(flat, ignore_index))
    return reduced(reshape(losses, shape), reduction, factors)


def _checked(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Return input, target (classes as int64) and the shape of the losses; everything about them fits."""
    check_reduction(reduction)
    x, t = floats(input, "input"), as_tensor(target, "target")
    array_module(x._data, t._data, None if weight is None else as_tensor(weight, "weight")._data)  # on one device
    if not isinstance(ignore_index, (int, np.integer)) or isinstance(ignore_index, bool):
        raise TypeError(f"`ignore_index` is {ignore_index!r}; it must be an integer")
    axis = 1 if x.ndim > 1 else 0
    if not x.ndim or not x.shape[axis]:
        raise ValueError(f"{name}: `input` has shape {x.shape}; it needs an axis of classes: (C,) or (N, C, ...)")
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    soft = t.dtype.kind == "f" and name == "cross_entropy"
    if not soft and t.dtype.kind not in "iu":
        raise TypeError(f"`target` has dtype {t.dtype}; classes are integers")
    if t.shape != (x.shape if soft else shape):
        what = "probabilities" if soft else "classes"
        raise ValueError(
            f"{name}: `target` has shape {t.shape}; {what} for `input` {x.shape} have {x.shape if soft else shape}"
        )
    if weight is not None:
        if weight.shape != (x.shape[axis],):
            raise ValueError(f"`weight` has shape {weight.shape}; it must be ({x.shape[axis]},), one for each class")
        if not soft:
            refuse_gradient(weight, "weight")
            if weight.dtype != x.dtype:
                raise TypeError(f"`weight` has dtype {weight.dtype}, `input` {x.dtype}; they must be the same")
    return x, t if soft else cast(t, np.int64), shape


def _rows(x: Tensor) -> Tensor:
    """Bring the class axis of (N, C, d1, ...) to the end and the rest into one: (M, C). (C,) becomes (1, C)."""
    if x.ndim > 2:
        x = permute(x, 0, *range(2, x.ndim), 1)
    classes = x.shape[-1]
    return reshape(x, (x._data.size // classes, classes))


def _ignored(flat: Tensor, ignore_index: int) -> Tensor | None:
    """Which rows do not count; None where it is quick to see that all do (a GPU is not waited for)."""
    ignored = flat._data == ignore_index
    return None if type(ignored) is np.ndarray and not ignored.any() else Tensor(ignored)


def _without(flat: Tensor, ignored: Tensor | None) -> Tensor:
    """The classes, with 0 in place of those that do not count."""
    return flat if ignored is None else where(ignored, 0, flat)


def _picked(logs: Tensor, flat: Tensor, weight: Tensor | None, ignored: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the loss of each row (M,), and the factors to divide the mean by: (M,), or None for ones."""
    safe = _integers(_without(flat, ignored), "target", logs.shape[1])
    losses = -squeeze(gather(logs, 1, unsqueeze(safe, 1)), 1)  # (M, C) -> (M,)
    factors = None if weight is None else gather(weight.detach(), 0, safe)
    if factors is not None:
        losses = losses * factors
    if ignored is None:
        return losses, factors
    counted = where(ignored, 0.0, 1.0 if factors is None else factors)
    return where(ignored, 0.0, losses), cast(counted, logs.dtype)


def _soft_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, shape: tuple[int, ...]
) -> Tensor:
    """Cross-entropy where the target is a probability for every class."""
    logs, target = log_softmax(_rows(x), 1), _rows(target)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / logs.shape[1]
    if weight is not None:
        logs = logs * weight
    losses = -sum_(target * logs, -1)
    return mean(losses) if reduction == "mean" else reduced(reshape(losses, shape), reduction)
