"""Records of the largest and smallest elements, where they stand, and whether any or all are not 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import extremes as ops
from tinygen.testing.records._record import FLOATS, KEEP, TO_BOOL, Array, ErrorCase, OpRecord, Sample, distinct, within
from tinygen.testing.records.reduce import AXES_ERRORS, AXIS_ERRORS, axes_samples, by_shape, on_axes, ones

_I64 = np.dtype(np.int64)


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


def _max_samples(rng: np.random.Generator) -> list[Sample]:
    """With an axis (values and indices), and without."""
    calls = axes_samples(distinct, all_axes=False, several=False, empty=False)(rng)
    calls += [Sample((distinct(rng, s),)) for s in [(), (5,), (1, 5), (2, 3, 4), (37, 65)]]
    calls.append(Sample((distinct(rng, (3, 4)),), {"keepdim": True}, gaps=True, against_torch=False))
    ties = np.array([[2.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    calls += [Sample((ties,), {"dim": 1}, gradients=False), Sample((ties,), gradients=False)]
    nan = np.array([[1.0, np.nan, 2.0], [0.0, 1.0, 2.0]])
    return [*calls, Sample((nan,), {"dim": 1}, gradients=False), Sample((nan,), gradients=False)]


def _truth_samples(rng: np.random.Generator) -> list[Sample]:
    """Mostly zeros, or mostly ones."""
    calls = axes_samples(within(-0.4, 2))(rng)
    return calls + [
        Sample(tuple(np.asarray(a > level, np.float64) for a in s.inputs), s.settings, gaps=s.gaps)
        for s in axes_samples(within(0, 1))(rng)
        for level in (0.2, 0.8)
    ]


def _torch_truth(name: str) -> Any:
    def call(torch: Any, x: Any, **settings: Any) -> Any:
        return getattr(torch, name)(x, **settings).bool()  # PyTorch keeps uint8

    return call


_PAIRS = {t: (t, _I64) for t in KEEP}
_EMPTY = ErrorCase(lambda op: op(ones(0)), ValueError, "has no elements")


RECORDS = [
    OpRecord(
        "max",
        ops.max,
        _extreme(np.max, np.argmax),
        _max_samples,
        {t: r for t, r in _PAIRS.items() if t.kind == "f"},
        (*AXIS_ERRORS, _EMPTY),
        "max",
        by_shape(distinct),
    ),
    OpRecord(
        "min",
        ops.min,
        _extreme(np.min, np.argmin),
        _max_samples,
        {t: r for t, r in _PAIRS.items() if t.kind == "f"},
        (*AXIS_ERRORS, _EMPTY),
        "min",
        by_shape(distinct),
    ),
    OpRecord(
        "amax",
        ops.amax,
        on_axes(np.max),
        axes_samples(distinct, empty=False),
        KEEP,
        AXES_ERRORS,
        lambda torch, x, dim=(), keepdim=False: torch.amax(x, dim, keepdim),
        by_shape(distinct),
    ),
    OpRecord(
        "amin",
        ops.amin,
        on_axes(np.min),
        axes_samples(distinct, empty=False),
        KEEP,
        AXES_ERRORS,
        lambda torch, x, dim=(), keepdim=False: torch.amin(x, dim, keepdim),
        by_shape(distinct),
    ),
    OpRecord(
        "any",
        ops.any,
        on_axes(np.any),
        _truth_samples,
        TO_BOOL,
        AXES_ERRORS,
        _torch_truth("any"),
        order=0,
    ),
    OpRecord(
        "all",
        ops.all,
        on_axes(np.all),
        _truth_samples,
        TO_BOOL,
        AXES_ERRORS,
        _torch_truth("all"),
        order=0,
    ),
    OpRecord(
        "argmax",
        ops.argmax,
        _arg(np.argmax),
        axes_samples(distinct, several=False, empty=False),
        dict.fromkeys(FLOATS, _I64),
        (*AXIS_ERRORS, _EMPTY),
        "argmax",
        by_shape(distinct),
        order=0,
    ),
    OpRecord(
        "argmin",
        ops.argmin,
        _arg(np.argmin),
        axes_samples(distinct, several=False, empty=False),
        dict.fromkeys(FLOATS, _I64),
        (*AXIS_ERRORS, _EMPTY),
        "argmin",
        by_shape(distinct),
        order=0,
    ),
]
