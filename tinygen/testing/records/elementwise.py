"""Records of functions of one variable."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygen.ops import elementwise as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import (
    FLOATS,
    KEEP,
    KEEP_ALL,
    TO_BOOL,
    TO_FLOAT,
    Draw,
    ErrorCase,
    OpRecord,
    Sample,
    unary,
    within,
)

NOT_A_TENSOR = ErrorCase(lambda op: op(1.0), TypeError, "`input` must be a Tensor, got float")


def record(
    name: str,
    function: Any,
    reference: Any,
    draw: Draw,
    dtypes: Any = TO_FLOAT,
    *,
    special: Sequence[float] = (),
    torch: Any = None,
    errors: tuple[ErrorCase, ...] = (),
    more: Callable[[np.random.Generator], list[Sample]] | None = None,
    order: int = 2,
    waits: str = "",
) -> OpRecord:
    """Make the record of a function of one variable.

    Args:
        name: the op's.
        function: the op.
        reference: on arrays.
        draw: numbers from where the function is smooth.
        dtypes: as in OpRecord.
        special: points (kinks, poles, infinities) where only values are compared.
        torch: as in OpRecord; None: PyTorch has it under the same name.
        errors: further ones than "not a Tensor".
        more: further samples.
        order: as in OpRecord.
        waits: as in OpRecord.
    """

    def samples(rng: np.random.Generator) -> list[Sample]:
        calls = unary(draw)(rng) + (more(rng) if more else [])
        return calls + ([Sample((np.array(special, np.float64),), gradients=False)] if special else [])

    return OpRecord(
        name,
        function,
        reference,
        samples,
        dtypes,
        errors=(NOT_A_TENSOR, *errors),
        torch=name if torch is None else torch,
        by_shape=lambda rng, shape: Sample((draw(rng, shape),)),
        order=order,
        waits=waits,
    )


def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x) by way of tanh, which cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    return np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)


def _softplus_settings(rng: np.random.Generator) -> list[Sample]:
    x = within(-3, 3, off=(0.5,))(rng, (4, 5))
    return [Sample((x,), {"beta": 2.0}), Sample((x,), {"beta": 2.0, "threshold": 1.0})]


_smooth = within(-2, 2)
_positive = within(0.2, 3)
_off_zero = within(-2, 2, off=(0,))
_INF = float("inf")
_FLOATING = {t: r for t, r in TO_FLOAT.items() if t.kind == "f"}
_ZERO = Tensor(np.zeros(2, np.float32))

RECORDS = [
    record(
        "abs",
        ops.abs_,
        np.abs,
        _off_zero,
        KEEP,
        special=(0.0, -1.0),
        errors=(ErrorCase(lambda op: op(_ZERO > 0), TypeError, "`input` is boolean"),),
    ),
    record(
        "sign",
        ops.sign,
        lambda x: x if x.dtype.kind == "b" else np.sign(x),
        _off_zero,
        KEEP_ALL,
        special=(0.0, 2.0),
    ),
    record("exp", ops.exp, np.exp, _smooth, special=(-1000.0, 1000.0)),
    record("log", ops.log, np.log, _positive, _FLOATING, special=(0.0, -1.0, _INF)),
    record("log1p", ops.log1p, np.log1p, within(-0.6, 2), _FLOATING, special=(-1.0, -2.0, 1e-7)),
    record("expm1", ops.expm1, np.expm1, _smooth, special=(-1000.0, 1000.0, 1e-7)),
    record("sqrt", ops.sqrt, np.sqrt, _positive, _FLOATING, special=(0.0, -1.0)),
    record("rsqrt", ops.rsqrt, lambda x: 1 / np.sqrt(x), _positive, _FLOATING, special=(0.0, -1.0)),
    record("square", ops.square, np.square, _smooth, KEEP),
    *[
        record(
            name,
            getattr(ops, name),
            reference,
            within(-2.4, 2.4, off=(-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2)),
            KEEP,
            special=(0.5, 1.5, -0.5, -1.5, 1.0),
            errors=(ErrorCase(lambda op: op(_ZERO > 0), TypeError, "`input` is boolean"),),
        )
        for name, reference in (("floor", np.floor), ("ceil", np.ceil), ("round", np.round))
    ],
    record("sin", ops.sin, np.sin, _smooth),
    record("cos", ops.cos, np.cos, _smooth),
    record("tanh", ops.tanh, np.tanh, _smooth, special=(-1000.0, 0.0, 1000.0)),
    record("sigmoid", ops.sigmoid, sigmoid, _smooth, special=(-1000.0, 0.0, 1000.0)),
    record(
        "erf",
        ops.erf,
        np.vectorize(math.erf, otypes=[np.float64]),
        _smooth,
        special=(0.0, 1e-300, -1e-9, 0.46875, -0.4687501, 3.9, -4.1, 5.9, 6.1, 1000.0, -1000.0),
    ),
    record(
        "softplus",
        ops.softplus,
        _softplus,
        _smooth,
        _FLOATING,
        special=(-1000.0, 0.0, 19.0, 21.0, 1000.0),
        torch="nn.functional.softplus",
        more=_softplus_settings,
        errors=(
            ErrorCase(lambda op: op(_ZERO, beta=0), ValueError, "`beta` is 0"),
            ErrorCase(lambda op: op(_ZERO > 0), TypeError, "`input` has dtype bool"),
        ),
    ),
    record("logical_not", ops.logical_not, np.logical_not, _off_zero, TO_BOOL, special=(0.0, 1.0), order=0),
    record(
        "isnan",
        ops.isnan,
        np.isnan,
        _smooth,
        dict.fromkeys(FLOATS, np.dtype(bool)),
        special=(np.nan, _INF),
        order=0,
    ),
    record(
        "isinf",
        ops.isinf,
        np.isinf,
        _smooth,
        dict.fromkeys(FLOATS, np.dtype(bool)),
        special=(np.nan, _INF, -_INF),
        order=0,
    ),
    record(
        "isfinite",
        ops.isfinite,
        np.isfinite,
        _smooth,
        dict.fromkeys(FLOATS, np.dtype(bool)),
        special=(np.nan, -_INF),
        order=0,
    ),
]
