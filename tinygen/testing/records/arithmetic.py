"""Records of sums, products, quotients, powers and choices."""

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
    LARGE,
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


def _whole(*values: int) -> Tensor:
    return Tensor(np.array(values))


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


def _with_alpha(samples: Samples) -> Samples:
    """The samples, and two of them with a factor on the second operand."""

    def more(rng: np.random.Generator) -> list[Sample]:
        calls = samples(rng)
        return calls + [Sample(s.inputs, {"alpha": a}) for s, a in zip(calls[6:8], (2, -0.5), strict=True)]

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


def _clip(x: Array, min: Any = None, max: Any = None) -> Array:
    """One element after the other."""
    low, high = (-np.inf if min is None else min), (np.inf if max is None else max)
    x, low, high = np.broadcast_arrays(x, low, high)
    out = np.array(x)
    for i in np.ndindex(out.shape):
        out[i] = low[i] if x[i] < low[i] else x[i]
        out[i] = high[i] if out[i] > high[i] else out[i]
    return out


def _clip_samples(rng: np.random.Generator) -> list[Sample]:
    draw = within(-2, 2, off=(-0.5, 1))
    calls = unary(draw, min=-0.5, max=1)(rng)
    x = draw(rng, (3, 4))
    calls += [Sample((x,), {"min": -0.5}), Sample((x,), {"max": 1}), Sample((x,), {"min": 1, "max": -0.5})]
    # bounds that are tensors: each element keeps off both
    low, high = within(-1, -0.6)(rng, (3, 1)), within(0.6, 1)(rng, (4,))
    x = np.where(np.arange(12).reshape(3, 4) % 3 == 0, 0.1, np.sign(x) * 1.5)
    calls += [Sample((x, low, high)), Sample((x, low)), Sample((x, None, high)), Sample((x, low, high), gaps=True)]
    calls += [Sample((x, *bounds), against_torch=False) for bounds in ((low, 0.5), (-0.5, high))]
    calls += [Sample((np.zeros((0, 4)), low[:1], high))]
    return [*calls, Sample((np.array([-0.5, 0.0, 1.0]),), {"min": -0.5, "max": 1.0}, gradients=False)]


def _masked_samples(rng: np.random.Generator) -> list[Sample]:
    shapes: list[Any] = [((), ()), ((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 1)), ((2, 0), (2, 1)), ((1, 5), ())]
    calls = [Sample((_any(rng, x), np.asarray(rng.random(m) < 0.5), 2)) for x, m in shapes]
    calls.append(Sample((_any(rng, (3, 4)), np.eye(3, 4) > 0, np.array(0.5))))
    calls.append(Sample((_any(rng, (3, 4)), np.eye(3, 4) > 0, 3), gaps=True))
    return [*calls, Sample((_any(rng, LARGE), np.asarray(rng.random(LARGE) < 0.5), 1))]


def _rounded(x: Array, y: Array, rounding_mode: str | None = None) -> Array:
    """Exact in float64: whole numbers and their quotients."""
    q = np.asarray(x, np.float64) / np.asarray(y, np.float64)
    q = q if rounding_mode is None else np.floor(q) if rounding_mode == "floor" else np.trunc(q)
    return q if rounding_mode is None or np.result_type(x, y).kind == "f" else q.astype(np.int64)


def _quotient_samples(rng: np.random.Generator) -> list[Sample]:
    """Quotients that stay 0.1 away from whole numbers, where they jump, also in integers (by 3)."""
    calls = []
    for s in binary(_apart)(rng):
        x, y = s.inputs
        y = np.asarray(np.sign(y) * (0.7 + np.abs(y) / 4))  # 0.7 to 1.2
        q = x / y
        off = np.where(np.abs(q - np.round(q)) < 0.15, np.round(q) + 0.3, q)
        x = np.asarray(off * y) if x.shape == off.shape else np.asarray(np.full(x.shape, 0.31))
        calls.append(Sample((x, y), gaps=s.gaps))
    x = np.array([1.3, -1.3, 2.2, -2.2])
    return [*calls, Sample((x, 0.5)), Sample((x, -0.5)), Sample((x, 2)), Sample((2.3, np.array([0.9, -0.9])))]


def _division_samples(rng: np.random.Generator) -> list[Sample]:
    calls = _with_numbers(binary(_apart), 2, 0.5)(rng)
    for mode in ("floor", "trunc"):
        calls += [Sample(s.inputs, {"rounding_mode": mode}, gaps=s.gaps) for s in _quotient_samples(rng)]
    return calls


def _record(
    name: str, function: Any, reference: Any, samples: Samples, dtypes: Any = FLOATS, **more: Any
) -> OpRecord:
    more.setdefault("errors", _PAIR_ERRORS)
    return OpRecord(name, function, reference, samples, dtypes, **more)


def both(torch: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Some functions of PyTorch take no Python number in front, or none at all."""
    like = x if isinstance(x, torch.Tensor) else y
    return tuple(v if isinstance(v, torch.Tensor) else torch.tensor(v, dtype=like.dtype) for v in (x, y))


def _by_shape(draw: Any, second: Any = None) -> Callable[..., Sample]:
    """A call on two arrays: one of the drawn shape, one of which some axes have length 1 or are missing."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
        small = tuple(1 if rng.random() < 0.3 else n for n in shape)[int(rng.integers(0, len(shape) + 1)) :]
        x, y = draw(rng, shape), (second or draw)(rng, small)
        return Sample((x, y))

    return sample


RECORDS = [
    _record(
        "add",
        ops.add,
        lambda x, y, alpha=1: x + alpha * y,
        _with_alpha(_with_numbers(binary(_any), 2, 0.5)),
        FLOATS,
        torch="add",
        by_shape=_by_shape(_any),
        errors=(
            *_PAIR_ERRORS,
            ErrorCase(lambda op: op(_whole(1), _whole(1), alpha=0.5), TypeError, "`alpha` is 0.5"),
            ErrorCase(lambda op: op(_ones(1), _ones(1), alpha="a"), TypeError, "`alpha` is 'a'"),
        ),
    ),
    _record(
        "sub",
        ops.sub,
        lambda x, y, alpha=1: x - alpha * y,
        _with_alpha(_with_numbers(binary(_any), 2, 0.5)),
        FLOATS,
        torch="sub",
        by_shape=_by_shape(_any),
        errors=(
            *_PAIR_ERRORS,
            ErrorCase(lambda op: op(_ones(2) > 0, _ones(2) > 0), TypeError, "use ^ or !="),
            ErrorCase(lambda op: op(_ones(2) > 0, 1), TypeError, "booleans cannot be subtracted"),
        ),
    ),
    _record("mul", ops.mul, np.multiply, binary(_any), KEEP_ALL, torch="mul", by_shape=_by_shape(_any)),
    _record(
        "div",
        ops.div,
        _rounded,
        _division_samples,
        {t: r for t, r in TO_FLOAT.items() if t.kind == "f"},
        torch=lambda torch, x, y, **mode: torch.div(*both(torch, x, y), **mode),
        by_shape=_by_shape(_apart),
        errors=(
            *_PAIR_ERRORS,
            ErrorCase(lambda op: op(_ones(2), 2, rounding_mode="up"), ValueError, "`rounding_mode` is 'up'"),
            ErrorCase(lambda op: op(_whole(2), 0, rounding_mode="floor"), ValueError, "`other` has a 0 in it"),
        ),
    ),
    _record(
        "floor_divide",
        ops.floor_divide,
        lambda x, y: _rounded(x, y, "floor"),
        _quotient_samples,
        FLOATS,
        torch=lambda torch, x, y: torch.div(*both(torch, x, y), rounding_mode="floor"),
        errors=(
            *_PAIR_ERRORS,
            ErrorCase(lambda op: op(_whole(2), _whole(0)), ValueError, "`other` has a 0 in it"),
            ErrorCase(lambda op: op(_ones(2) > 0, _ones(2) > 0), TypeError, "booleans are not divided"),
        ),
    ),
    _record(
        "remainder",
        ops.remainder,
        lambda x, y: x - y * np.floor(x / y),
        _quotient_samples,
        FLOATS,
        torch=lambda torch, x, y: torch.remainder(*both(torch, x, y)),
        errors=(
            *_PAIR_ERRORS,
            ErrorCase(lambda op: op(_whole(2), 0), ValueError, "`other` has a 0 in it"),
            ErrorCase(lambda op: op(_ones(2) > 0, _ones(2) > 0), TypeError, "booleans are not divided"),
        ),
        scale=4,
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
            ErrorCase(lambda op: op(Tensor(np.arange(3)), -1), ValueError, "`exponent` is -1"),
            ErrorCase(lambda op: op(_ones(1) > 0, _ones(1) > 0), TypeError, "booleans have no power"),
        ),
    ),
    _record("maximum", ops.maximum, np.maximum, _apart_from_each_other, KEEP_ALL, torch="maximum"),
    _record("minimum", ops.minimum, np.minimum, _apart_from_each_other, KEEP_ALL, torch="minimum"),
    _record(
        "masked_fill",
        ops.masked_fill,
        lambda x, mask, value: np.where(mask, value, x),
        _masked_samples,
        KEEP,
        torch="masked_fill",
        errors=(
            ErrorCase(lambda op: op(_ones(2), _ones(2), 0), TypeError, "`mask` has dtype float32"),
            ErrorCase(lambda op: op(_ones(2), _ones(3) > 0, 0), ValueError, "do not broadcast"),
            ErrorCase(lambda op: op(Tensor(np.ones(2, np.uint8)), _ones(2) > 0, -1), ValueError, "the number -1"),
            ErrorCase(lambda op: op(_ones(2), _ones(2) > 0, _ones(2)), ValueError, "`value` has shape (2,)"),
            ErrorCase(lambda op: op(_whole(2), _ones(1) > 0, 0.5), TypeError, "`value` is 0.5"),
            ErrorCase(lambda op: op(_ones(2), _ones(2) > 0, "a"), TypeError, "`value` is 'a'"),
        ),
    ),
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
            ErrorCase(lambda op: op(_ones(2), "a"), TypeError, "`min` is 'a'"),
            ErrorCase(lambda op: op(_ones(2), _ones(3)), ValueError, "(2,) and (3,)"),
        ),
        aliases=("clamp",),
    ),
]
