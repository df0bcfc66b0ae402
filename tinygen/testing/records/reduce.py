"""Records of sums, means, extremes and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import reduce as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import (
    FLOATS,
    KEEP,
    TO_SUM,
    Array,
    Draw,
    ErrorCase,
    OpRecord,
    Sample,
    distinct,
    within,
)

_any = within(-2, 2)
_I64 = np.dtype(np.int64)


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


_BAD_AXIS = ErrorCase(lambda op: op(_ones(2, 3), dim=2), IndexError, "`dim` is 2; valid are -2 to 1")
_TWICE = ErrorCase(lambda op: op(_ones(2, 3), dim=(0, -2)), ValueError, "an axis appears twice")
_NOT_AN_AXIS = ErrorCase(
    lambda op: op(_ones(2, 3), dim=1.0), TypeError, "`dim` is 1.0; it must be an integer"
)
_NOT_A_TENSOR = ErrorCase(lambda op: op([1.0], dim=0), TypeError, "`input` must be a Tensor")
_AXES_ERRORS = (_BAD_AXIS, _TWICE, _NOT_AN_AXIS, _NOT_A_TENSOR)
_AXIS_ERRORS = (_BAD_AXIS, _NOT_AN_AXIS, _NOT_A_TENSOR)
_INTEGERS = ErrorCase(
    lambda op: op(Tensor(np.arange(3)), dim=0), TypeError, "floating tensor, this one is int64"
)


def _samples(
    draw: Draw, *, all_axes: bool = True, several: bool = True, empty: bool = True, **settings: Any
) -> Any:
    """Samples over all axes, one, several; with and without ``keepdim``; of length 1 and with gaps."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        x, row = draw(rng, (2, 3, 4)), draw(rng, (1, 5))
        axes: list[Any] = [{"dim": 1}, {"dim": -1, "keepdim": True}, {"dim": 0}]
        axes += [{}] if all_axes else []
        axes += [{"dim": (0, 2)}, {"dim": (-1, 0), "keepdim": True}, {"dim": (0, 1, 2)}] if several else []
        calls = [Sample((x,), {**axis, **settings}) for axis in axes]
        calls += [Sample((row,), {"dim": d, **settings}) for d in (0, 1)]
        calls.append(Sample((draw(rng, (3, 4)),), {"dim": 1, **settings}, gaps=True))
        calls.append(Sample((draw(rng, (4, 3, 2)).transpose(2, 0, 1),), {"dim": 1, **settings}))
        calls.append(Sample((draw(rng, ()),), {"dim": 0, **settings}))
        calls.append(Sample((draw(rng, (3, 0)),), {"dim": 0, **settings}))
        calls += [Sample((draw(rng, (0, 3)),), {"dim": 0, **settings})] if empty else []
        calls += (
            [Sample((draw(rng, s),), dict(settings)) for s in [(), (0,)][: 1 + empty]] if all_axes else []
        )
        calls.append(Sample((draw(rng, (37, 65)),), {"dim": 1, **settings}))
        return calls

    return samples


def _by_shape(draw: Draw) -> Callable[..., Sample]:
    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
        shape = tuple(max(n, 1) for n in shape)
        dim = int(rng.integers(-len(shape), len(shape))) if shape else 0
        return Sample((draw(rng, shape),), {"dim": dim, "keepdim": bool(rng.random() < 0.5)})

    return sample


def _on_axes(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's ``axis`` and ``keepdims`` under torch's names; an axis of an array without axes is accepted."""

    def reduced(x: Array, dim: Any = None, keepdim: bool = False, **settings: Any) -> Any:
        return function(x, axis=None if not x.ndim else dim, keepdims=keepdim, **settings)

    return reduced


def _total(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=np.int64 if x.dtype.kind in "biu" else x.dtype)


def _mean(x: Array, axis: Any, keepdims: bool) -> Any:
    count = x.size if axis is None else np.prod([x.shape[a] for a in np.atleast_1d(axis)])
    return np.asarray(np.sum(x, axis=axis, keepdims=keepdims)) / count


def _var(x: Array, axis: Any, keepdims: bool, correction: float = 1, unbiased: bool | None = None) -> Any:
    correction = correction if unbiased is None else int(unbiased)
    count = x.size if axis is None else int(np.prod([x.shape[a] for a in np.atleast_1d(axis)]))
    squares = np.sum((x - _mean(x, axis, True)) ** 2, axis=axis, keepdims=keepdims)
    return np.asarray(squares) / np.float64(max(count - correction, 0))


def _std(x: Array, **settings: Any) -> Any:
    return np.sqrt(_var(x, **settings))


def _logsumexp(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.logaddexp.reduce(x, axis=axis, keepdims=keepdims)


def _norm(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _extreme(pick: Any, arg: Any) -> Callable[..., Any]:
    def extreme(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return pick(x, keepdims=keepdim)
        if not x.ndim:
            return x, np.zeros((), np.int64)
        return pick(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    return extreme


def _arg(function: Any) -> Callable[..., Any]:
    def found(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        return np.zeros((), np.int64) if not x.ndim else function(x, axis=dim, keepdims=keepdim)

    return found


def _variance_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _samples(_any)(rng)
    x = _any(rng, (3, 4))
    calls += [
        Sample((x,), {"dim": 0, "correction": 0}),
        Sample((x,), {"unbiased": False}),
        Sample((x,), {"correction": 2}),
    ]
    # the variance of one number is 0 / 0
    return [Sample(s.inputs, s.settings, gaps=s.gaps, gradients=_count(s) > 1) for s in calls]


def _mean_samples(rng: np.random.Generator) -> list[Sample]:
    """The mean of nothing is NaN, and has no gradient."""
    return [Sample(s.inputs, s.settings, gaps=s.gaps, gradients=_count(s) > 0) for s in _samples(_any)(rng)]


def _count(sample: Sample) -> int:
    (x,) = sample.inputs
    dim = sample.settings.get("dim")
    return x.size if dim is None or not x.ndim else int(np.prod([x.shape[d] for d in np.atleast_1d(dim)]))


def _max_samples(rng: np.random.Generator) -> list[Sample]:
    """With an axis (values and indices), and without."""
    calls = _samples(distinct, all_axes=False, several=False, empty=False)(rng)
    calls += [Sample((distinct(rng, s),)) for s in [(), (5,), (1, 5), (2, 3, 4), (37, 65)]]
    calls.append(Sample((distinct(rng, (3, 4)),), {"keepdim": True}, gaps=True, against_torch=False))
    ties = np.array([[2.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    return [*calls, Sample((ties,), {"dim": 1}, gradients=False), Sample((ties,), gradients=False)]


def _cumsum_samples(rng: np.random.Generator) -> list[Sample]:
    shapes = [((), 0), ((0,), 0), ((1, 5), 0), ((3, 4), 1), ((2, 3, 4), -2), ((37, 65), 1)]
    calls = [Sample((_any(rng, s), d)) for s, d in shapes]
    return [*calls, Sample((_any(rng, (3, 4)), 1), gaps=True), Sample((_any(rng, (4, 3)).T, 0))]


def _logsumexp_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _samples(_any, all_axes=False, empty=False)(rng)
    extreme = np.array(
        [[1000.0, 999.0], [-1000.0, -1001.0], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 1.0]]
    )
    return [*calls, Sample((extreme,), {"dim": 1}, gradients=False)]


def _norm_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [
        Sample(s.inputs, s.settings, gaps=s.gaps, gradients=_count(s) > 0)
        for s in _samples(within(0.3, 2))(rng)
    ]
    return [*calls, Sample((np.zeros((2, 3)),), {"dim": 1}, gradients=False)]


_PAIRS = {t: (t, _I64) for t in KEEP}
_EMPTY = ErrorCase(lambda op: op(_ones(0)), ValueError, "has no elements")


def _torch_axes(name: str) -> Any:
    """PyTorch's reduction: ``dim=None`` is spelled out, since not every one of them accepts it."""

    def call(torch: Any, x: Any, dim: Any = None, **settings: Any) -> Any:
        settings = {k: v for k, v in settings.items() if v is not None}
        return getattr(torch, name)(x, dim=dim, **settings)

    return call


RECORDS = [
    OpRecord(
        "sum",
        ops.sum_,
        _on_axes(_total),
        _samples(_any),
        TO_SUM,
        _AXES_ERRORS,
        _torch_axes("sum"),
        _by_shape(_any),
        scale=4,
    ),
    OpRecord(
        "mean",
        ops.mean,
        _on_axes(_mean),
        _mean_samples,
        FLOATS,
        (*_AXES_ERRORS, _INTEGERS),
        _torch_axes("mean"),
        _by_shape(_any),
        scale=4,
    ),
    OpRecord(
        "var",
        ops.var,
        _on_axes(_var),
        _variance_samples,
        FLOATS,
        (_BAD_AXIS, _INTEGERS),
        _torch_axes("var"),
        scale=4,
    ),
    OpRecord(
        "std",
        ops.std,
        _on_axes(_std),
        _variance_samples,
        FLOATS,
        (_BAD_AXIS, _INTEGERS),
        _torch_axes("std"),
        scale=4,
    ),
    OpRecord(
        "max",
        ops.max,
        _extreme(np.max, np.argmax),
        _max_samples,
        {t: r for t, r in _PAIRS.items() if t.kind == "f"},
        (*_AXIS_ERRORS, _EMPTY),
        "max",
        _by_shape(distinct),
    ),
    OpRecord(
        "min",
        ops.min,
        _extreme(np.min, np.argmin),
        _max_samples,
        {t: r for t, r in _PAIRS.items() if t.kind == "f"},
        (*_AXIS_ERRORS, _EMPTY),
        "min",
        _by_shape(distinct),
    ),
    OpRecord(
        "amax",
        ops.amax,
        _on_axes(np.max),
        _samples(distinct, empty=False),
        KEEP,
        _AXES_ERRORS,
        lambda torch, x, dim=(), keepdim=False: torch.amax(x, dim, keepdim),
        _by_shape(distinct),
    ),
    OpRecord(
        "argmax",
        ops.argmax,
        _arg(np.argmax),
        _samples(distinct, several=False, empty=False),
        dict.fromkeys(FLOATS, _I64),
        (*_AXIS_ERRORS, _EMPTY),
        "argmax",
        _by_shape(distinct),
        order=0,
    ),
    OpRecord(
        "argmin",
        ops.argmin,
        _arg(np.argmin),
        _samples(distinct, several=False, empty=False),
        dict.fromkeys(FLOATS, _I64),
        (*_AXIS_ERRORS, _EMPTY),
        "argmin",
        _by_shape(distinct),
        order=0,
    ),
    OpRecord(
        "cumsum",
        ops.cumsum,
        lambda x, dim: (
            x if not x.ndim else np.cumsum(x, axis=dim, dtype=np.int64 if x.dtype.kind in "biu" else None)
        ),
        _cumsum_samples,
        {t: r for t, r in TO_SUM.items() if t != np.float16},
        (ErrorCase(lambda op: op(_ones(2, 3), 2), IndexError, "`dim` is 2"),),
        "cumsum",
        scale=8,
    ),
    OpRecord(
        "logsumexp",
        ops.logsumexp,
        _on_axes(_logsumexp),
        _logsumexp_samples,
        FLOATS,
        (_BAD_AXIS, _NOT_A_TENSOR),
        "logsumexp",
        _by_shape(_any),
        scale=2,
    ),
    OpRecord(
        "norm",
        ops.norm,
        _on_axes(_norm),
        _norm_samples,
        FLOATS,
        (_BAD_AXIS, ErrorCase(lambda op: op(_ones(2), p=3), ValueError, "`p` is 3; only the 2-norm")),
        lambda torch, x, dim=None, keepdim=False: torch.linalg.vector_norm(x, dim=dim, keepdim=keepdim),
        _by_shape(within(0.3, 2)),
        scale=2,
    ),
]
