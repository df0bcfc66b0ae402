"""Records of the losses of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.ops import classification as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, Array, ErrorCase, OpRecord, Sample, within

_any = within(-2, 2)


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


def _classes(*values: Any) -> Tensor:
    return Tensor(np.array(values, np.int64))


def _reduced(losses: Array, factors: Array, reduction: str) -> Array:
    if reduction == "none":
        return losses
    return np.sum(losses) if reduction == "sum" else np.sum(losses) / np.sum(factors)


def _class_last(x: Array) -> Array:
    return np.moveaxis(x, 1, -1) if x.ndim > 1 else x


def _nll(
    x: Array, target: Array, weight: Array | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Array:
    logs = _class_last(x)
    factors = np.ones(x.shape[1 if x.ndim > 1 else 0]) if weight is None else weight
    ignored = target == ignore_index
    safe = np.where(ignored, 0, target)
    factors = np.where(ignored, 0.0, factors[safe])
    picked = np.take_along_axis(logs, safe[..., None], -1)[..., 0]
    return _reduced(np.where(ignored, 0.0, -picked * factors), factors, reduction)


def _cross_entropy(
    x: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    logs = x - np.logaddexp.reduce(x, axis=1 if x.ndim > 1 else 0, keepdims=True)
    classes = x.shape[1 if x.ndim > 1 else 0]
    w = np.ones(classes) if weight is None else weight
    even = -np.sum(_class_last(logs) * w, -1)
    if target.dtype.kind == "f":
        soft = _class_last(target) * (1 - label_smoothing) + label_smoothing / classes
        losses = -np.sum(soft * _class_last(logs) * w, -1)
        return _reduced(losses, np.ones(losses.shape), reduction)
    hard = _nll(logs, target, w, ignore_index, "none")
    counted = target != ignore_index
    losses = (1 - label_smoothing) * hard + label_smoothing / classes * even * counted
    return _reduced(losses, w[np.where(counted, target, 0)] * counted, reduction)


def _nll_samples(rng: np.random.Generator) -> list[Sample]:
    """Log probabilities and classes: one row, a batch, further axes; weights, ignored classes, each reduction."""
    x, t = _any(rng, (6, 5)), np.array([0, 4, 2, 2, 1, 3])
    w = within(0.5, 2)(rng, (5,))
    deep, deep_t = _any(rng, (2, 3, 4, 2)), np.asarray(rng.integers(0, 3, (2, 4, 2)))
    some = np.array([0, -100, 2, -100, 1, 3])
    calls = [Sample((x, t), {"reduction": r}) for r in ("mean", "sum", "none")]
    calls += [Sample((x, t, w), {"reduction": r}, fixed=(2,)) for r in ("mean", "sum", "none")]
    calls += [Sample((deep, deep_t), {"reduction": r}) for r in ("mean", "none")]
    calls += [Sample((x, some)), Sample((x, some, w), fixed=(2,)), Sample((x, some), {"reduction": "none"})]
    calls += [
        Sample((x, t), {"ignore_index": 2}),
        Sample((x, t, w), {"ignore_index": 2, "reduction": "sum"}, fixed=(2,)),
    ]
    calls += [Sample((_any(rng, (5,)), np.array(3))), Sample((_any(rng, (1, 5)), np.array([4])))]
    calls += [Sample((_any(rng, (0, 5)), np.zeros(0, np.int64)), {"reduction": r}) for r in ("sum", "none")]
    calls += [Sample((x, t), gaps=True), Sample((_any(rng, (5, 6)).T, t))]
    return [*calls, Sample((_any(rng, (64, 57)), np.asarray(rng.integers(0, 57, 64))))]


def _cross_entropy_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _nll_samples(rng)
    x, t = _any(rng, (6, 5)), np.array([0, 4, 2, 2, 1, 3])
    w, some = within(0.5, 2)(rng, (5,)), np.array([0, -100, 2, -100, 1, 3])
    soft = rng.random((6, 5))
    deep, deep_soft = _any(rng, (2, 3, 4)), rng.random((2, 3, 4))
    calls += [Sample((x, t), {"label_smoothing": 0.1, "reduction": r}) for r in ("mean", "sum", "none")]
    calls += [Sample((x, some, w), {"label_smoothing": 0.2, "reduction": r}, fixed=(2,)) for r in ("mean", "none")]
    calls += [Sample((x, soft), {"reduction": r}) for r in ("mean", "sum", "none")]
    calls += [
        Sample((x, soft, w), {"label_smoothing": 0.1}, fixed=(2,)),
        Sample((deep, deep_soft), {"reduction": "none"}),
    ]
    calls += [Sample((_any(rng, (5,)), rng.random(5))), Sample((deep, deep_soft))]
    extreme = np.array([[1000.0, -1000.0, 0.0], [0.0, 0.0, 1e30]])
    return [*calls, Sample((extreme, np.array([1, 2])), {"reduction": "none"}, gradients=False)]


def _torch_loss(name: str) -> Any:
    def call(torch: Any, x: Any, target: Any, weight: Any = None, **settings: Any) -> Any:
        if target.dtype == torch.float32 or target.dtype == torch.float64:
            target = target.to(x.dtype)
        return getattr(torch.nn.functional, name)(x, target, weight, **settings)

    return call


_REDUCTION = ErrorCase(lambda op: op(_ones(1, 3), _classes(0), reduction="max"), ValueError, "`reduction` is 'max'")
_CLASS_ERRORS = (
    _REDUCTION,
    ErrorCase(lambda op: op(_ones(1, 3), _classes(3)), IndexError, "3"),
    ErrorCase(lambda op: op(_ones(1, 3), _classes(-1)), IndexError, "-1"),
    ErrorCase(lambda op: op(_ones(1, 3), _classes(3), _ones(3)), IndexError, "3"),
    ErrorCase(lambda op: op(_ones(2, 3), _classes(0)), ValueError, "`target` has shape (1,)"),
    ErrorCase(lambda op: op(_ones(2, 3), _classes(0, 1), _ones(2)), ValueError, "`weight` has shape (2,)"),
    ErrorCase(lambda op: op(Tensor(np.ones((), np.float32)), _classes(0)), ValueError, "`"),
    ErrorCase(lambda op: op(_ones(2, 3), [0, 1]), TypeError, "`target` must be a Tensor"),
    ErrorCase(lambda op: op(_ones(2, 3), Tensor(np.ones(2, bool))), TypeError, "`target` has dtype bool"),
    ErrorCase(lambda op: op(Tensor(np.ones((1, 3), int)), _classes(0)), TypeError, "`input` has dtype int64"),
    ErrorCase(lambda op: op(_ones(1, 0), _classes(-100)), ValueError, "it needs an axis of classes"),
    ErrorCase(lambda op: op(_ones(1, 3), _classes(0), None, None), TypeError, "`ignore_index` is None"),
    ErrorCase(
        lambda op: op(_ones(1, 3), _classes(0), Tensor(np.ones(3))),
        TypeError,
        "`weight` has dtype float64, `input` float32",
    ),
    ErrorCase(
        lambda op: op(_ones(1, 3), _classes(0), Tensor(np.ones(3, np.float32), True)),
        RuntimeError,
        "`weight` requires grad",
    ),
)

RECORDS = [
    OpRecord(
        "nll_loss",
        ops.nll_loss,
        _nll,
        _nll_samples,
        FLOATS,
        (
            *_CLASS_ERRORS,
            ErrorCase(lambda op: op(_ones(2, 3), _ones(2)), TypeError, "`target` has dtype float32; classes are int"),
        ),
        _torch_loss("nll_loss"),
        scale=2,
    ),
    OpRecord(
        "cross_entropy",
        ops.cross_entropy,
        _cross_entropy,
        _cross_entropy_samples,
        FLOATS,
        (
            *_CLASS_ERRORS,
            ErrorCase(lambda op: op(_ones(2, 3), _ones(2, 4)), ValueError, "probabilities for `input` (2, 3) have"),
            ErrorCase(
                lambda op: op(_ones(2, 3), _ones(2, 3), ignore_index=1), ValueError, "`ignore_index` is 1; a target of"
            ),
            ErrorCase(
                lambda op: op(_ones(2, 3), _classes(0, 1), label_smoothing=2),
                ValueError,
                "`label_smoothing` is 2",
            ),
        ),
        _torch_loss("cross_entropy"),
        scale=4,
    ),
]
