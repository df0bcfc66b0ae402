"""Records of matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import matmul as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, Array, ErrorCase, OpRecord, Sample, within

_any = within(-1, 1)
_WITH_INTEGERS = {**FLOATS, **{np.dtype(t): np.dtype(t) for t in (np.int32, np.int64)}}


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


def _calls(*shapes: tuple[tuple[int, ...], ...]) -> Callable[[np.random.Generator], list[Sample]]:
    """Samples from the shapes of the operands; the first also with gaps, and every matrix transposed in memory."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        made = [Sample(tuple(_any(rng, s) for s in operands)) for operands in shapes]
        made.append(Sample(made[0].inputs, gaps=True))
        turned = [_any(rng, s[::-1]).T if len(s) == 2 else _any(rng, s) for s in shapes[0]]
        return [*made, Sample(tuple(turned))]

    return samples


def _matmul_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    m, k, n = (*shape, 2, 3, 1)[:3]
    lead = shape[3:]
    return Sample((_any(rng, (*lead, m, k)), _any(rng, (k, n))))


def _linear(x: Array, w: Array, b: Array | None = None) -> Array:
    y = x @ w.T
    return y if b is None else y + b


def _torch_linear(torch: Any, x: Any, w: Any, b: Any = None) -> Any:
    """PyTorch's, which in 2.13 fails for a weight (I,) with a bias, though its documentation has it."""
    y = torch.nn.functional.linear(x, w, b if w.ndim == 2 else None)
    return y if w.ndim == 2 or b is None else y + b


_INNER = ErrorCase(
    lambda op: op(_ones(2, 3), _ones(2, 3)), ValueError, "shapes (2, 3) and (2, 3); the inner lengths"
)

RECORDS = [
    OpRecord(
        "matmul",
        ops.matmul,
        np.matmul,
        _calls(
            ((3, 4), (4, 5)),
            ((1, 1), (1, 1)),
            ((4,), (4,)),
            ((4,), (4, 5)),
            ((3, 4), (4,)),
            ((2, 3, 4), (2, 4, 5)),
            ((2, 3, 4), (4, 5)),
            ((3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 3)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
            ((0, 2, 3), (0, 3, 4)),
            ((2, 2, 3, 4), (4, 1)),
            ((0, 2, 3), (3, 2)),
            ((37, 65), (65, 33)),
        ),
        {**_WITH_INTEGERS, np.dtype(np.float16): np.dtype(np.float16)},
        (
            _INNER,
            ErrorCase(
                lambda op: op(_ones(2, 3), Tensor(np.ones((), np.float32))), ValueError, "at least one axis"
            ),
            ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3, 4, 5)), ValueError, "do not broadcast"),
            ErrorCase(lambda op: op(_ones(2, 3), 2.0), TypeError, "`other` must be a Tensor"),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(3, 2).double()), TypeError, "operands of float32 and float64"),
            ErrorCase(lambda op: op(_ones(2, 2).bool(), _ones(2, 2).bool()), TypeError, "the operands are booleans"),
        ),
        "matmul",
        _matmul_by_shape,
        scale=8,
    ),
    OpRecord(
        "mm",
        ops.mm,
        np.matmul,
        _calls(((3, 4), (4, 5)), ((1, 3), (3, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 3))),
        _WITH_INTEGERS,
        (
            ErrorCase(lambda op: op(_ones(2, 3), _ones(3)), ValueError, "mm: shapes (2, 3) and (3,)"),
            ErrorCase(lambda op: op(_ones(1, 2, 3), _ones(3, 2)), ValueError, "both must be (rows, columns)"),
            _INNER,
        ),
        "mm",
        scale=8,
    ),
    OpRecord(
        "bmm",
        ops.bmm,
        np.matmul,
        _calls(
            ((2, 3, 4), (2, 4, 5)), ((1, 3, 1), (1, 1, 2)), ((0, 3, 4), (0, 4, 2)), ((2, 0, 3), (2, 3, 2))
        ),
        _WITH_INTEGERS,
        (
            ErrorCase(lambda op: op(_ones(2, 3), _ones(3, 2)), ValueError, "shapes (2, 3) and (3, 2)"),
            ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3, 4, 2)), ValueError, "with one B"),
            ErrorCase(lambda op: op(1.0, _ones(3, 4, 2)), TypeError, "`input` must be a Tensor"),
        ),
        "bmm",
        scale=8,
    ),
    OpRecord(
        "outer",
        ops.outer,
        np.outer,
        _calls(((3,), (4,)), ((1,), (5,)), ((0,), (3,)), ((2,), (0,))),
        _WITH_INTEGERS,
        (
            ErrorCase(lambda op: op(_ones(2, 3), _ones(3)), ValueError, "both must have one axis"),
            ErrorCase(lambda op: op(_ones(2), 1.0), TypeError, "`vec2` must be a Tensor"),
        ),
        "outer",
    ),
    OpRecord(
        "linear",
        ops.linear,
        _linear,
        _calls(
            ((3, 4), (5, 4), (5,)),
            ((3, 4), (5, 4)),
            ((4,), (2, 4), (2,)),
            ((2, 3, 4), (5, 4), (5,)),
            ((1, 1), (1, 1), (1,)),
            ((0, 4), (5, 4), (5,)),
            ((2, 3, 0), (2, 0), (2,)),
            ((2, 3), (3,)),
            ((2, 2, 3), (3,), ()),
            ((37, 65), (33, 65), (33,)),
        ),
        FLOATS,
        (
            ErrorCase(
                lambda op: op(_ones(2, 3), _ones(4, 2)), ValueError, "`input` (2, 3) and `weight` (4, 2)"
            ),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(2)), ValueError, "`weight` (2,)"),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(3), _ones(1)), ValueError, "`bias` has shape (1,)"),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(4, 3).double()), TypeError, "of float32 and float64"),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(4, 3), _ones(4).double()), TypeError, "of float32 and float64"),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(4, 3), _ones(3)), ValueError, "`bias` has shape (3,)"),
            ErrorCase(lambda op: op(_ones(2, 3), _ones(4, 3), 1.0), TypeError, "`bias` must be a Tensor"),
        ),
        _torch_linear,
        lambda rng, shape: Sample((_any(rng, (*shape, 3)), _any(rng, (2, 3)), _any(rng, (2,)))),
        scale=8,
    ),
]
