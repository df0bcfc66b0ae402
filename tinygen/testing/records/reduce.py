"""Records of sums, products, means, norms and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import reduce as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import (
    FLOATS,
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


def ones(*shape: int) -> Tensor:
    """A Tensor of ones, float32."""
    return Tensor(np.ones(shape, np.float32))


BAD_AXIS = ErrorCase(lambda op: op(ones(2, 3), dim=2), IndexError, "`dim` is 2; valid are -2 to 1")
TWICE = ErrorCase(lambda op: op(ones(2, 3), dim=(0, -2)), ValueError, "an axis appears twice")
NOT_AN_AXIS = ErrorCase(
    lambda op: op(ones(2, 3), dim=1.0), TypeError, "`dim` is 1.0; it must be an integer"
)
NOT_A_TENSOR = ErrorCase(lambda op: op([1.0], dim=0), TypeError, "`input` must be a Tensor")
AXES_ERRORS = (BAD_AXIS, TWICE, NOT_AN_AXIS, NOT_A_TENSOR)
AXIS_ERRORS = (BAD_AXIS, NOT_AN_AXIS, NOT_A_TENSOR)
_INTEGERS = ErrorCase(
    lambda op: op(Tensor(np.arange(3)), dim=0), TypeError, "floating tensor, this one is int64"
)


def axes_samples(
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


def by_shape(draw: Draw) -> Callable[..., Sample]:
    """A call on data of a drawn shape, over one axis."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
        shape = tuple(max(n, 1) for n in shape)
        dim = int(rng.integers(-len(shape), len(shape))) if shape else 0
        return Sample((draw(rng, shape),), {"dim": dim, "keepdim": bool(rng.random() < 0.5)})

    return sample


def on_axes(function: Callable[..., Any]) -> Callable[..., Any]:
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


def _norm(x: Array, axis: Any, keepdims: bool, p: Any = 2) -> Any:
    """Each vector on its own."""
    p = 2 if p in ("fro", None) else p
    axes = tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in np.atleast_1d(axis))
    rest = [a for a in range(x.ndim) if a not in axes]
    rows = np.transpose(x, [*rest, *axes]).reshape([x.shape[a] for a in rest] + [-1] if x.size else [0, 0])
    if not x.size:
        return np.zeros(np.sum(x, axis=axis, keepdims=keepdims).shape)
    found = np.array([np.linalg.norm(row, p) for row in rows.reshape(-1, rows.shape[-1])])
    return found.reshape([1 if a in axes else n for a, n in enumerate(x.shape)] if keepdims else rows.shape[:-1])


def _prod(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=np.int64 if x.dtype.kind in "biu" else x.dtype)


def _variance_samples(rng: np.random.Generator) -> list[Sample]:
    calls = axes_samples(_any)(rng)
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
    return [Sample(s.inputs, s.settings, gaps=s.gaps, gradients=_count(s) > 0) for s in axes_samples(_any)(rng)]


def _count(sample: Sample) -> int:
    (x,) = sample.inputs
    dim = sample.settings.get("dim")
    return x.size if dim is None or not x.ndim else int(np.prod([x.shape[d] for d in np.atleast_1d(dim)]))


def _cumsum_samples(rng: np.random.Generator) -> list[Sample]:
    shapes = [((), 0), ((0,), 0), ((1, 5), 0), ((3, 4), 1), ((2, 3, 4), -2), ((37, 65), 1)]
    calls = [Sample((_any(rng, s), d)) for s, d in shapes]
    return [*calls, Sample((_any(rng, (3, 4)), 1), gaps=True), Sample((_any(rng, (4, 3)).T, 0))]


def _logsumexp_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [
        Sample(s.inputs, s.settings, gaps=s.gaps, gradients=_count(s) > 0)
        for s in axes_samples(_any, all_axes=False)(rng)
    ]
    extreme = np.array(
        [[1000.0, 999.0], [-1000.0, -1001.0], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 1.0]]
    )
    return [*calls, Sample((extreme,), {"dim": 1}, gradients=False)]


def _norm_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [
        Sample(s.inputs, s.settings, gaps=s.gaps, gradients=_count(s) > 0)
        for s in axes_samples(within(0.3, 2))(rng)
    ]
    x, y = within(0.3, 2)(rng, (3, 4)) * rng.choice([-1, 1], (3, 4)), distinct(rng, (2, 3, 2)) + 3.03
    for p in ("fro", None, 1, 2.0, 3, 0.5, -1, -2.5, 0):
        calls += [Sample((x,), {"p": p}), Sample((x,), {"p": p, "dim": 1, "keepdim": True}, gaps=True)]
    for p in (np.inf, -np.inf):
        calls += [Sample((y,), {"p": p}), Sample((-y,), {"p": p, "dim": (0, -1)})]
    with_zeros = np.array([[1.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    calls += [Sample((with_zeros,), {"p": p, "dim": 1}, gradients=False) for p in (0, 0.5, 1, 3, -1, -np.inf)]
    return [*calls, Sample((np.zeros((2, 3)),), {"dim": 1}, gradients=False)]


def _prod_samples(rng: np.random.Generator) -> list[Sample]:
    """Products of numbers around 1; and of rows with no zero, one, two, nothing but zeros."""
    draw = within(0.7, 1.3)
    calls = axes_samples(draw, several=False)(rng)
    zeros = draw(rng, (4, 5)) * np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [0, 1, 1, 0, 1], [0] * 5])
    calls += [Sample((zeros,), {"dim": d, "keepdim": k}) for d in (0, 1, -1) for k in (False, True)]
    return [*calls, Sample((zeros[1],)), Sample((zeros,), {"keepdim": True}, against_torch=False)]


def torch_axes(name: str) -> Any:
    """PyTorch's reduction: ``dim=None`` is spelled out, since not every one of them accepts it."""

    def call(torch: Any, x: Any, dim: Any = None, **settings: Any) -> Any:
        settings = {k: v for k, v in settings.items() if v is not None}
        return getattr(torch, name)(x, dim=dim, **settings)

    return call


RECORDS = [
    OpRecord(
        "sum",
        ops.sum_,
        on_axes(_total),
        axes_samples(_any),
        TO_SUM,
        AXES_ERRORS,
        torch_axes("sum"),
        by_shape(_any),
        scale=4,
    ),
    OpRecord(
        "mean",
        ops.mean,
        on_axes(_mean),
        _mean_samples,
        FLOATS,
        (*AXES_ERRORS, _INTEGERS),
        torch_axes("mean"),
        by_shape(_any),
        scale=4,
    ),
    OpRecord(
        "var",
        ops.var,
        on_axes(_var),
        _variance_samples,
        FLOATS,
        (BAD_AXIS, _INTEGERS),
        torch_axes("var"),
        scale=4,
    ),
    OpRecord(
        "std",
        ops.std,
        on_axes(_std),
        _variance_samples,
        FLOATS,
        (BAD_AXIS, _INTEGERS),
        torch_axes("std"),
        scale=4,
    ),
    OpRecord(
        "prod",
        ops.prod,
        on_axes(_prod),
        _prod_samples,
        TO_SUM,
        AXIS_ERRORS,
        "prod",
        by_shape(within(0.7, 1.3)),
        scale=4,
    ),
    OpRecord(
        "cumsum",
        ops.cumsum,
        lambda x, dim: (
            x if not x.ndim else np.cumsum(x, axis=dim, dtype=np.int64 if x.dtype.kind in "biu" else None)
        ),
        _cumsum_samples,
        {t: r for t, r in TO_SUM.items() if t != np.float16},
        (ErrorCase(lambda op: op(ones(2, 3), 2), IndexError, "`dim` is 2"),),
        "cumsum",
        scale=8,
    ),
    OpRecord(
        "logsumexp",
        ops.logsumexp,
        on_axes(_logsumexp),
        _logsumexp_samples,
        FLOATS,
        (BAD_AXIS, NOT_A_TENSOR),
        "logsumexp",
        by_shape(_any),
        scale=2,
    ),
    OpRecord(
        "norm",
        ops.norm,
        on_axes(_norm),
        _norm_samples,
        FLOATS,
        (
            *AXES_ERRORS[:-1],
            ErrorCase(lambda op: op([1.0]), TypeError, "`input` must be a Tensor"),
            ErrorCase(lambda op: op(Tensor(np.arange(3))), TypeError, "`input` has dtype int64"),
            ErrorCase(lambda op: op(ones(2, 2), p="nuc"), ValueError, "`p` is 'nuc'"),
            ErrorCase(lambda op: op(ones(0), p=np.inf), ValueError, "has no elements"),
        ),
        lambda torch, x, p=2, dim=None, keepdim=False: torch.linalg.vector_norm(
            x, 2 if p in ("fro", None) else p, dim=dim, keepdim=keepdim
        ),
        by_shape(within(0.3, 2)),
        scale=2,
    ),
]
