"""Records of sums, products, powers, comparisons and choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import arithmetic as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import (
    FLOATS,
    KEEP,
    KEEP_ALL,
    TO_BOOL,
    TO_FLOAT,
    Array,
    ErrorCase,
    OpRecord,
    Sample,
    binary,
    unary,
    within,
)

Samples = Callable[[np.random.Generator], list[Sample]]

_any = within(-2, 2)
_apart = within(-2, 2, off=(0,), gap=0.3)
_positive = within(0.3, 2)


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


_SHAPES_DO_NOT_FIT = ErrorCase(lambda op: op(_ones(2, 3), _ones(4)), ValueError, "shapes (2, 3) and (4,)")
_NOT_A_TENSOR = ErrorCase(
    lambda op: op(_ones(2), "two"), TypeError, "operands must be Tensors or numbers, got str"
)
_PAIR_ERRORS = (_SHAPES_DO_NOT_FIT, _NOT_A_TENSOR)


def _with_numbers(samples: Samples, *numbers: float) -> Samples:
    """The samples, and calls with a Python number on either side."""

    def more(rng: np.random.Generator) -> list[Sample]:
        a = samples(rng)[-2].inputs[0]
        return samples(rng) + [Sample(pair) for n in numbers for pair in ((a, n), (n, a))]

    return more


def _apart_from_each_other(rng: np.random.Generator) -> list[Sample]:
    """Pairs that differ by at least 0.1, so that the larger stays the larger; and one with equal elements."""
    calls = []
    for sample in binary(_any)(rng):
        x, y = sample.inputs
        gap = np.broadcast_to(np.asarray(y), np.broadcast_shapes(x.shape, y.shape))
        close = np.abs(x - gap) < 0.1
        calls.append(Sample((np.asarray(np.where(close, gap + 0.3, x)), y), gaps=sample.gaps))
    ties = np.array([1.0, -1.0, 2.0]), np.array([1.0, 3.0, 2.0])
    return [*calls, Sample(ties, gradients=False)]


def _pow_samples(rng: np.random.Generator) -> list[Sample]:
    calls = binary(_positive, within(0.4, 2.5))(rng)
    x = _apart(rng, (3, 4))
    calls += [Sample((x, n)) for n in (0, 1, 2, 3, 2.0, -1.0, -2.0)]
    calls += [Sample((_positive(rng, (3,)), n)) for n in (0.5, -0.5, 1.7)]
    calls.append(Sample((2.0, _any(rng, (3,)))))
    at_zero = Sample((np.array([0.0, 0.0, 2.0, -2.0]), np.array([0.0, 2.0, 0.0, 3.0])), gradients=False)
    return [*calls, at_zero]


def _where_samples(rng: np.random.Generator) -> list[Sample]:
    calls = []
    for s in binary(_any)(rng):
        shape = np.broadcast_shapes(*(a.shape for a in s.inputs))
        calls.append(Sample((np.asarray(rng.random(shape) < 0.5), *s.inputs), gaps=s.gaps))
    flags = np.array([[True], [False]])
    calls.append(Sample((flags, _any(rng, (3,)), _any(rng, ()))))
    calls.append(Sample((flags, _any(rng, (2, 3)), 1.5)))
    calls.append(Sample((flags, -1, _any(rng, (2, 3)))))
    return calls


def _clip(x: Array, **bounds: float) -> Array:
    return np.minimum(np.maximum(x, bounds.get("min", -np.inf)), bounds.get("max", np.inf))


def _clip_samples(rng: np.random.Generator) -> list[Sample]:
    draw = within(-2, 2, off=(-0.5, 1))
    calls = unary(draw, min=-0.5, max=1)(rng)
    x = draw(rng, (3, 4))
    calls += [Sample((x,), {"min": -0.5}), Sample((x,), {"max": 1}), Sample((x,), {"min": 1, "max": -0.5})]
    return [*calls, Sample((np.array([-0.5, 0.0, 1.0]),), {"min": -0.5, "max": 1.0}, gradients=False)]


def _record(
    name: str, function: Any, reference: Any, samples: Samples, dtypes: Any = FLOATS, **more: Any
) -> OpRecord:
    more.setdefault("errors", _PAIR_ERRORS)
    return OpRecord(name, function, reference, samples, dtypes, **more)


def _by_shape(draw: Any, second: Any = None) -> Callable[..., Sample]:
    """A call on two arrays: one of the drawn shape, one of which some axes have length 1 or are missing."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
        small = tuple(1 if rng.random() < 0.3 else n for n in shape)[int(rng.integers(0, len(shape) + 1)) :]
        x, y = draw(rng, shape), (second or draw)(rng, small)
        return Sample((x, y))

    return sample


def _comparison(name: str, reference: Any) -> OpRecord:
    def samples(rng: np.random.Generator) -> list[Sample]:
        whole = [
            Sample(tuple(np.asarray(np.round(a)) for a in s.inputs), gaps=s.gaps) for s in binary(_any)(rng)
        ]
        return [*whole, Sample((np.array([np.nan, 1.0, np.inf]), np.array([np.nan, np.nan, np.inf])))]

    return _record(
        name,
        getattr(ops, name),
        reference,
        _with_numbers(samples, 1, 0.5),
        _COMPARED,
        torch=_TORCH[name],
        order=0,
    )


_TORCH: dict[str, Any] = {
    "equal": lambda torch, x, y: torch.eq(*_both(torch, x, y)),
    "not_equal": lambda torch, x, y: torch.ne(*_both(torch, x, y)),
    "less": lambda torch, x, y: torch.lt(*_both(torch, x, y)),
    "less_equal": lambda torch, x, y: torch.le(*_both(torch, x, y)),
    "greater": lambda torch, x, y: torch.gt(*_both(torch, x, y)),
    "greater_equal": lambda torch, x, y: torch.ge(*_both(torch, x, y)),
    "logical_and": lambda torch, x, y: torch.logical_and(*_both(torch, x, y)),
    "logical_or": lambda torch, x, y: torch.logical_or(*_both(torch, x, y)),
}
# NaN and 0.5 have no counterpart in integers
_COMPARED = {t: r for t, r in TO_BOOL.items() if t.kind == "f"}


def _both(torch: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Some functions of PyTorch take no Python number in front, or none at all."""
    like = x if isinstance(x, torch.Tensor) else y
    return tuple(v if isinstance(v, torch.Tensor) else torch.tensor(v, dtype=like.dtype) for v in (x, y))


RECORDS = [
    _record(
        "add",
        ops.add,
        np.add,
        _with_numbers(binary(_any), 2, 0.5),
        FLOATS,
        torch="add",
        by_shape=_by_shape(_any),
    ),
    _record(
        "sub",
        ops.sub,
        np.subtract,
        _with_numbers(binary(_any), 2, 0.5),
        FLOATS,
        torch="sub",
        by_shape=_by_shape(_any),
        errors=(*_PAIR_ERRORS, ErrorCase(lambda op: op(_ones(2) > 0, _ones(2) > 0), TypeError, "use !=")),
    ),
    _record("mul", ops.mul, np.multiply, binary(_any), KEEP_ALL, torch="mul", by_shape=_by_shape(_any)),
    _record(
        "div",
        ops.div,
        np.divide,
        _with_numbers(binary(_apart), 2, 0.5),
        {t: r for t, r in TO_FLOAT.items() if t.kind == "f"},
        torch=lambda torch, x, y: torch.div(*_both(torch, x, y)),
        by_shape=_by_shape(_apart),
    ),
    _record(
        "neg",
        ops.neg,
        np.negative,
        unary(_any),
        KEEP,
        torch="neg",
        by_shape=lambda rng, shape: Sample((_any(rng, shape),)),
        errors=(
            ErrorCase(lambda op: op(_ones(2) > 0), TypeError, "boolean"),
            ErrorCase(lambda op: op(1.0), TypeError, "`input` must be a Tensor"),
        ),
    ),
    _record(
        "pow",
        ops.power,
        np.power,
        _pow_samples,
        FLOATS,
        torch="pow",
        by_shape=_by_shape(_positive),
        errors=(
            *_PAIR_ERRORS,
            ErrorCase(lambda op: op(Tensor(np.arange(3)), -1), ValueError, "negative power"),
        ),
    ),
    _record("maximum", ops.maximum, np.maximum, _apart_from_each_other, KEEP_ALL, torch="maximum"),
    _record("minimum", ops.minimum, np.minimum, _apart_from_each_other, KEEP_ALL, torch="minimum"),
    _record(
        "where",
        ops.where,
        np.where,
        _where_samples,
        FLOATS,
        torch="where",
        errors=(
            ErrorCase(lambda op: op(_ones(2), _ones(2), 0.0), TypeError, "`condition` has dtype float32"),
            ErrorCase(lambda op: op(_ones(2) > 0, _ones(3), 0.0), ValueError, "(2,) and (3,)"),
            ErrorCase(lambda op: op(True, _ones(3), 0.0), TypeError, "`condition` must be a Tensor"),
        ),
    ),
    _record(
        "clip",
        ops.clip,
        _clip,
        _clip_samples,
        {t: r for t, r in KEEP.items() if t.kind == "f"},
        torch="clip",
        by_shape=lambda rng, shape: Sample(
            (within(-2, 2, off=(-1, 1))(rng, shape),), {"min": -1.0, "max": 1.0}
        ),
        errors=(
            ErrorCase(lambda op: op(_ones(2)), ValueError, "at least one of `min` and `max`"),
            ErrorCase(lambda op: op([1.0], 0, 1), TypeError, "`input` must be a Tensor"),
        ),
    ),
    _comparison("equal", np.equal),
    _comparison("not_equal", np.not_equal),
    _comparison("less", np.less),
    _comparison("less_equal", np.less_equal),
    _comparison("greater", np.greater),
    _comparison("greater_equal", np.greater_equal),
    _comparison("logical_and", np.logical_and),
    _comparison("logical_or", np.logical_or),
]
