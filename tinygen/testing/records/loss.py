"""Records of losses, element by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygen.ops import loss as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, Array, Draw, ErrorCase, OpRecord, Sample, within

_any = within(-2, 2)
_positive = within(0.1, 2)
_inside = within(0.1, 0.9)
_DTYPES = {**FLOATS, np.dtype(np.float16): np.dtype(np.float16)}
_SHAPES: tuple[tuple[int, ...], ...] = ((), (1, 5), (3, 4), (2, 3, 2), (37, 65))
_ALL = ("mean", "sum", "none")


def _ones(*shape: int, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    return Tensor(np.ones(shape, dtype), requires_grad)


def _reduced(losses: Array, reduction: str, count: Any = None) -> Array:
    if reduction == "none":
        return losses
    total = np.sum(losses)
    if reduction == "sum":
        return total
    if reduction == "batchmean":
        return total / losses.shape[0] if losses.ndim else total
    return total / (np.float64(losses.size) if count is None else count)


def _mse(x: Array, t: Array, reduction: str = "mean", weight: Any = None) -> Array:
    w = np.ones(x.shape) if weight is None else weight
    return _reduced(w * (x - t) ** 2, reduction, np.sum(w))


def _l1(x: Array, t: Array, reduction: str = "mean", weight: Any = None) -> Array:
    w = np.ones(x.shape) if weight is None else weight
    return _reduced(w * np.abs(x - t), reduction, np.sum(w))


def _huber(x: Array, t: Array, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Array:
    d = np.abs(x - t)
    losses = np.where(d <= delta, d**2 / 2, delta * d - delta**2 / 2)
    return _reduced(losses * (1 if weight is None else weight), reduction)


def _smooth_l1(x: Array, t: Array, reduction: str = "mean", beta: float = 1.0) -> Array:
    d = np.abs(x - t)
    return _reduced(np.where(d < beta, d**2 / (2 * beta) if beta else 0, d - beta / 2), reduction)


def _bce(x: Array, t: Array, weight: Any = None, reduction: str = "mean") -> Array:
    yes, no = np.maximum(np.log(x), -100), np.maximum(np.log(1 - x), -100)
    return _reduced(-(t * yes + (1 - t) * no) * (1 if weight is None else weight), reduction)


def _bce_logits(x: Array, t: Array, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> Array:
    yes, no = -np.logaddexp(0, -x), -np.logaddexp(0, x)  # ln sigmoid(x), ln(1 - sigmoid(x))
    losses = -((1 if pos_weight is None else pos_weight) * t * yes + (1 - t) * no)
    return _reduced(losses * (1 if weight is None else weight), reduction)


def _kl(x: Array, t: Array, reduction: str = "mean", log_target: bool = False) -> Array:
    p = np.exp(t) if log_target else t
    logs = t if log_target else np.log(np.where(t == 0, 1, t))
    return _reduced(p * (logs - x), reduction)


def _pairs(first: Draw, difference: Draw | None = None, second: Draw | None = None) -> Callable[..., list[Sample]]:
    """Return samples of a prediction and a target; the target is drawn, or a drawn difference away."""

    def two(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
        x = first(rng, shape)
        return x, np.asarray(second(rng, shape) if second else x - difference(rng, shape))

    def samples(rng: np.random.Generator, **settings: Any) -> list[Sample]:
        calls = [Sample(two(rng, shape), settings) for shape in _SHAPES]
        calls += [Sample(two(rng, (2, 3)), {**settings, "reduction": r}) for r in _ALL]
        # the mean of nothing is NaN
        calls += [Sample(two(rng, (0, 2)), {**settings, "reduction": r}, gradients=r != "mean") for r in _ALL]
        return [*calls, Sample(two(rng, (3, 5)), settings, gaps=True)]

    samples.two = two
    return samples


_squares = _pairs(_any, second=_any)
_lines = _pairs(_any, within(-2, 2, off=(0,)))
_bends = _pairs(_any, within(-2, 2, off=(-1, -0.5, 0, 0.5, 1)))
_chances = _pairs(_inside, second=within(-0.5, 1.5))
_logits = _pairs(within(-4, 4), second=within(-0.5, 1.5))
_divergences = _pairs(_any, second=_positive)


def _weighted(samples: Any) -> Callable[[np.random.Generator], list[Sample]]:
    """The samples, and some in which each element has a weight: the last of the arguments."""

    def all_samples(rng: np.random.Generator) -> list[Sample]:
        calls = samples(rng)
        for reduction in _ALL:
            calls.append(Sample((*samples.two(rng, (2, 3)), reduction, _positive(rng, (2, 3)))))
        return calls

    return all_samples


def _huber_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _bends(rng) + _bends(rng, delta=0.5)[2:4]
    for reduction in _ALL:
        calls.append(Sample((*_bends.two(rng, (2, 3)), reduction, 0.5, _positive(rng, (2, 3)))))
    equal = _any(rng, (2, 3))
    return [
        *calls,
        Sample((equal, equal.copy()), {"reduction": "none"}),
        Sample(_lines.two(rng, (5,)), {"delta": np.inf}),
    ]


def _smooth_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _bends(rng) + _bends(rng, beta=0.5)[2:4] + _lines(rng, beta=0)[2:4]
    equal = _any(rng, (2, 3))
    return [*calls, Sample((equal, equal.copy()), {"reduction": "none"})]


def _bce_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [*_chances(rng)]
    for shape in ((2, 3), (3,), (2, 1), ()):
        calls.append(Sample((*_chances.two(rng, (2, 3)), _positive(rng, shape)), fixed=(2,)))
    calls = [replace(c, against_torch=False) for c in calls]  # it wants 0 <= t <= 1
    calls += [Sample((_inside(rng, (3, 4)), _inside(rng, (3, 4))), {"reduction": r}) for r in _ALL]
    edges = np.array([0.0, 0.0, 1.0, 1.0, 0.5]), np.array([0.0, 1.0, 0.0, 1.0, 0.5])
    return [*calls, Sample(edges, {"reduction": "none"}, gradients=False, against_torch=False)]


def _logit_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [*_logits(rng)]
    for shape in ((2, 3), (3,), (2, 1), ()):
        calls.append(Sample((*_logits.two(rng, (2, 3)), _positive(rng, shape)), fixed=(2,)))
        # four arrays by position, so that all are data
        calls.append(
            Sample((*_logits.two(rng, (2, 3)), _positive(rng, (3,)), "sum", _positive(rng, shape)), fixed=(2, 3))
        )
    calls.append(Sample((np.zeros(4), _inside(rng, (4,)))))  # a network's first output
    extreme = np.array([-1000.0, 1000.0, -1000.0, 1000.0]), np.array([0.0, 0.0, 1.0, 1.0])
    return [*calls, Sample(extreme, {"reduction": "none"}, gradients=False)]


def _kl_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _divergences(rng) + _squares(rng, log_target=True)
    for shape in ((), (3, 4), (2, 3, 2)):
        calls += [Sample(_divergences.two(rng, shape), {"reduction": "batchmean"})]
        calls += [Sample(_squares.two(rng, shape), {"reduction": "batchmean", "log_target": True})]
    zeros = np.array([0.0, 0.25, 0.75])
    return [*calls, Sample((_any(rng, (3,)), zeros), {"reduction": "none"}, fixed=(1,))]


def _torch_kl(torch: Any, x: Any, t: Any, **settings: Any) -> Any:
    # PyTorch warns that "mean" is not the divergence
    if settings.get("reduction", "mean") == "mean":
        return torch.kl_div(x, t, 1, log_target=settings.get("log_target", False))
    return torch.nn.functional.kl_div(x, t, **settings)


def _torch_by_name(name: str, *order: str) -> Callable[..., Any]:
    """PyTorch's function with our positional arguments by name: it has others in between."""

    def call(torch: Any, x: Any, t: Any, *rest: Any, **settings: Any) -> Any:
        named = dict(zip(order, rest, strict=False))
        return getattr(torch.nn.functional, name)(x, t, **named, **settings)

    return call


_ERRORS = (
    ErrorCase(lambda op: op(_ones(2, 3), _ones(3)), ValueError, "`target` has shape (3,), `input` (2, 3)"),
    ErrorCase(lambda op: op(_ones(2), _ones(2), reduction="max"), ValueError, "`reduction` is 'max'"),
    ErrorCase(lambda op: op(_ones(2), _ones(2), reduction=None), ValueError, "`reduction` is None"),
    ErrorCase(lambda op: op(_ones(2), 1.0), TypeError, "`target` must be a Tensor"),
    ErrorCase(lambda op: op(_ones(2, dtype=np.int64), _ones(2, dtype=np.int64)), TypeError, "`input` has dtype int64"),
)
_WEIGHT_ERROR = ErrorCase(
    lambda op: op(_ones(2, 3), _ones(2, 3), weight=_ones(3)), ValueError, "`weight` has shape (3,), `input` (2, 3)"
)
_FACTOR_ERRORS = (
    ErrorCase(lambda op: op(_ones(2, 3), _ones(2, 3), weight=_ones(2)), ValueError, "weight: shapes (2,) and (2, 3)"),
    ErrorCase(lambda op: op(_ones(3), _ones(3), weight=_ones(2, 3)), ValueError, "`weight` has shape (2, 3)"),
    ErrorCase(
        lambda op: op(_ones(3), _ones(3), weight=_ones(3, requires_grad=True)), RuntimeError, "`weight` requires grad"
    ),
    ErrorCase(lambda op: op(_ones(3), _ones(3, dtype=np.int64)), TypeError, "`target` has dtype int64"),
)


def _any_pair(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    return Sample(_squares.two(rng, shape), {"reduction": "sum"})


RECORDS = [
    OpRecord(
        "mse_loss",
        ops.mse_loss,
        _mse,
        _weighted(_squares),
        _DTYPES,
        (*_ERRORS, _WEIGHT_ERROR),
        _torch_by_name("mse_loss", "reduction", "weight"),
        _any_pair,
        scale=4,
    ),
    OpRecord(
        "l1_loss",
        ops.l1_loss,
        _l1,
        _weighted(_lines),
        _DTYPES,
        (*_ERRORS, _WEIGHT_ERROR),
        _torch_by_name("l1_loss", "reduction", "weight"),
        lambda rng, shape: Sample(_lines.two(rng, shape), {"reduction": "none"}),
        scale=4,
    ),
    OpRecord(
        "huber_loss",
        ops.huber_loss,
        _huber,
        _huber_samples,
        _DTYPES,
        (
            *_ERRORS,
            _WEIGHT_ERROR,
            ErrorCase(lambda op: op(_ones(2), _ones(2), delta=0), ValueError, "`delta` is 0"),
            ErrorCase(lambda op: op(_ones(2), _ones(2), delta=np.nan), ValueError, "`delta` is nan"),
        ),
        "nn.functional.huber_loss",
        scale=4,
    ),
    OpRecord(
        "smooth_l1_loss",
        ops.smooth_l1_loss,
        _smooth_l1,
        _smooth_samples,
        _DTYPES,
        (*_ERRORS, ErrorCase(lambda op: op(_ones(2), _ones(2), beta=-1), ValueError, "`beta` is -1")),
        _torch_by_name("smooth_l1_loss", "reduction", "beta"),
        scale=4,
    ),
    OpRecord(
        "binary_cross_entropy",
        ops.binary_cross_entropy,
        _bce,
        _bce_samples,
        _DTYPES,
        (
            *_ERRORS,
            *_FACTOR_ERRORS,
            ErrorCase(lambda op: op(_ones(2) * 1.5, _ones(2)), ValueError, "`input` runs from 1.5 to 1.5"),
            ErrorCase(lambda op: op(_ones(2) * np.nan, _ones(2)), ValueError, "`input` runs from nan"),
            ErrorCase(lambda op: op(_ones(2), _ones(2, dtype=np.float64)), TypeError, "`target` has dtype float64"),
        ),
        _torch_by_name("binary_cross_entropy", "weight", "reduction"),
        scale=4,
    ),
    OpRecord(
        "binary_cross_entropy_with_logits",
        ops.binary_cross_entropy_with_logits,
        _bce_logits,
        _logit_samples,
        _DTYPES,
        (
            *_ERRORS,
            *_FACTOR_ERRORS,
            ErrorCase(lambda op: op(_ones(3), _ones(3), pos_weight=_ones(2, 3)), ValueError, "`pos_weight` has shape"),
            ErrorCase(
                lambda op: op(_ones(3), _ones(3), pos_weight=_ones(3, requires_grad=True)),
                RuntimeError,
                "`pos_weight` requires grad",
            ),
        ),
        _torch_by_name("binary_cross_entropy_with_logits", "weight", "reduction", "pos_weight"),
        lambda rng, shape: Sample(_logits.two(rng, shape), {"reduction": "sum"}),
        scale=4,
    ),
    OpRecord(
        "kl_div",
        ops.kl_div,
        _kl,
        _kl_samples,
        _DTYPES,
        (*_ERRORS, ErrorCase(lambda op: op(_ones(3), _ones(3, dtype=np.int64)), TypeError, "`target` has dtype int64")),
        _torch_kl,
        lambda rng, shape: Sample(_divergences.two(rng, shape), {"reduction": "sum"}),
        scale=4,
    ),
]
