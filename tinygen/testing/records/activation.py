"""Records of activations, softmax and dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.ops import activation as ops
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen.testing.records._record import KEEP, TO_FLOAT, Array, ErrorCase, OpRecord, Sample, within
from tinygen.testing.records.elementwise import NOT_A_TENSOR, record, sigmoid

_off_zero = within(-2, 2, off=(0,))
_smooth = within(-2, 2)
_FLOATING = {t: r for t, r in TO_FLOAT.items() if t.kind == "f"}
_INF = float("inf")


def _softmax(x: Array, dim: int = -1) -> Array:
    if not x.ndim:
        return np.ones(())
    e = np.exp(x - np.max(x, axis=dim, keepdims=True, initial=-_INF))
    return e / np.sum(e, axis=dim, keepdims=True)


def _log_softmax(x: Array, dim: int = -1) -> Array:
    return np.zeros(()) if not x.ndim else x - np.logaddexp.reduce(x, axis=dim, keepdims=True)


def _softmax_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [Sample((_smooth(rng, s),), {"dim": d}) for s, d in _SOFTMAX_CASES]
    calls += [Sample((_smooth(rng, (3, 5)),), {"dim": d}, gaps=True) for d in (0, 1)]
    calls.append(Sample((_smooth(rng, (5, 3)).T,), {"dim": -1}))
    extreme = np.array([[1000.0, 0.0, -1000.0], [0.0, -_INF, 1.0], [-6e4, 6e4, 0.0]])
    return [*calls, Sample((extreme,), {"dim": 1}, gradients=False)]


_SOFTMAX_CASES: list[tuple[tuple[int, ...], int]] = [
    ((), 0), ((1,), 0), ((0, 3), 1), ((3, 0), 0), ((3, 0), 1), ((1, 5), 1), ((1, 5), 0), ((3, 4), -1), ((2, 3, 4), 1),
    ((2, 3, 4), 0), ((37, 65), 1),
]  # fmt: skip


def _softmax_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    shape = tuple(max(n, 1) for n in shape)
    return Sample(
        (_smooth(rng, shape),), {"dim": int(rng.integers(-len(shape), len(shape))) if shape else -1}
    )


def _fixed_dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout from a new generator each time: the same elements fall out."""
    return ops.dropout(input, p, training, inplace, generator=Generator(3))


def _dropout(x: Array, p: float = 0.5, training: bool = True) -> Array:
    if not training or p == 0:
        return x
    keep = Generator(3).uniform(x.shape) >= p
    return np.where(keep, x / (1 - p if p < 1 else 1), 0.0)


def _dropout_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [Sample((_smooth(rng, s),)) for s in [(), (0,), (2, 0, 3), (1, 5), (3, 4), (2, 3, 4), (37, 65)]]
    x = _smooth(rng, (3, 4))
    calls += [Sample((x,), {"p": p}) for p in (0.0, 0.2, 1.0)]
    return [*calls, Sample((x,), {"training": False}), Sample((x,), gaps=True)]


def _gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "tanh":
        return x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / np.sqrt(2)))


def _slopes(*values: float) -> Any:
    return lambda rng: [Sample((_off_zero(rng, (3, 4)), v)) for v in values]


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


_IN_PLACE = ErrorCase(lambda op: op(_ones(2), inplace=True), ValueError, "`inplace` is True")
_INTEGERS = ErrorCase(lambda op: op(_ones(2).int()), TypeError, "`input` has dtype int32; it must be floating")
_NO_AXIS = ErrorCase(lambda op: op(_ones(2, 3)), ValueError, "`dim` is None")
_WRONG_DTYPE = ErrorCase(lambda op: op(_ones(2), 0, dtype=np.int64), TypeError, "`input` has dtype int64")
_BAD_AXIS = ErrorCase(lambda op: op(_ones(2, 3), 2), IndexError, "`dim` is 2; valid are -2 to 1")

RECORDS = [
    record(
        "relu",
        ops.relu,
        lambda x: np.maximum(x, 0),
        _off_zero,
        KEEP,
        special=(0.0, -1.0),
        torch="nn.functional.relu",
        errors=(ErrorCase(lambda op: op(_ones(2).bool()), TypeError, "relu: `input` is boolean"), _IN_PLACE),
    ),
    record(
        "leaky_relu",
        ops.leaky_relu,
        lambda x, slope=0.01: np.where(x > 0, x, x * slope),
        _off_zero,
        _FLOATING,
        special=(0.0, -1.0, _INF, np.nan),
        torch="nn.functional.leaky_relu",
        more=_slopes(0.2, 0.0, -0.5),
        errors=(_INTEGERS, _IN_PLACE),
    ),
    record(
        "elu",
        ops.elu,
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        _off_zero,
        _FLOATING,
        special=(0.0, -1000.0, 1000.0, _INF, -_INF, np.nan),
        torch="nn.functional.elu",
        more=_slopes(0.5),
        errors=(_INTEGERS, _IN_PLACE),
    ),
    record(
        "silu",
        ops.silu,
        lambda x: x * sigmoid(x),
        _smooth,
        _FLOATING,
        special=(0.0, -1000.0, 1000.0),
        torch="nn.functional.silu",
        errors=(_INTEGERS, _IN_PLACE),
    ),
    record(
        "gelu",
        ops.gelu,
        _gelu,
        _smooth,
        _FLOATING,
        special=(0.0, -30.0, 30.0, 3000.0),
        torch="nn.functional.gelu",
        more=lambda rng: [
            Sample((_smooth(rng, (3, 4)),), {"approximate": "tanh"}),
            Sample((np.array([0.0, -30.0, 30.0, 3000.0]),), {"approximate": "tanh"}, gradients=False),
        ],
        errors=(_INTEGERS, ErrorCase(lambda op: op(_ones(2), "erf"), ValueError, "`approximate` is 'erf'")),
    ),
    OpRecord(
        "softmax",
        ops.softmax,
        _softmax,
        _softmax_samples,
        _FLOATING,
        (NOT_A_TENSOR, _BAD_AXIS, _NO_AXIS, _WRONG_DTYPE),
        lambda torch, x, dim=-1: torch.softmax(x, dim),
        _softmax_by_shape,
        scale=2,
    ),
    OpRecord(
        "log_softmax",
        ops.log_softmax,
        _log_softmax,
        _softmax_samples,
        _FLOATING,
        (NOT_A_TENSOR, _BAD_AXIS, _NO_AXIS, _WRONG_DTYPE),
        lambda torch, x, dim=-1: torch.log_softmax(x, dim),
        _softmax_by_shape,
        scale=2,
    ),
    OpRecord(
        "dropout",
        _fixed_dropout,
        _dropout,
        _dropout_samples,
        _FLOATING,
        (
            ErrorCase(lambda op: op(_ones(2), 1.5), ValueError, "`p` is 1.5; a probability"),
            ErrorCase(lambda op: op(_ones(2), -0.1), ValueError, "`p` is -0.1"),
            NOT_A_TENSOR,
            _INTEGERS,
            _IN_PLACE,
        ),
        by_shape=lambda rng, shape: Sample((_smooth(rng, shape),)),
    ),
]
