"""Records of comparisons and logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import comparison as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import TO_BOOL, ErrorCase, OpRecord, Sample, binary, unary, within
from tinygen.testing.records.arithmetic import both

_any = within(-2, 2)
_BITS = {np.dtype(t): np.dtype(t) for t in (np.int32, np.int64, np.uint8, np.bool_)}


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


_SHAPES_DO_NOT_FIT = ErrorCase(lambda op: op(_ones(2, 3) > 0, _ones(4) > 0), ValueError, "shapes (2, 3) and (4,)")
_NOT_A_TENSOR = ErrorCase(
    lambda op: op(_ones(2), "two"), TypeError, "operands must be Tensors or numbers, got str"
)
_FLOATS = ErrorCase(lambda op: op(_ones(2), _ones(2)), TypeError, "booleans or integers, these are float32")


def _samples(rng: np.random.Generator) -> list[Sample]:
    """Whole numbers, so that some are equal; a number on either side; what is not finite."""
    whole = [Sample(tuple(np.asarray(np.round(a)) for a in s.inputs), gaps=s.gaps) for s in binary(_any)(rng)]
    x = np.round(_any(rng, (3, 4)))
    whole += [Sample((x, 1)), Sample((1, x)), Sample((x, 0.5)), Sample((0.5, x))]
    return [*whole, Sample((np.array([np.nan, 1.0, np.inf]), np.array([np.nan, np.nan, np.inf])))]


def _comparison(name: str, reference: Callable[..., Any], torch: str = "", alias: str = "") -> OpRecord:
    return OpRecord(
        name,
        getattr(ops, name),
        reference,
        _samples,
        {t: r for t, r in TO_BOOL.items() if t.kind == "f"},  # NaN and 0.5 have no counterpart in integers
        (_SHAPES_DO_NOT_FIT, _NOT_A_TENSOR),
        lambda library, x, y: getattr(library, torch or name)(*both(library, x, y)),
        order=0,
        aliases=(alias,) if alias else (),
    )


def _bitwise(name: str, reference: Callable[..., Any]) -> OpRecord:
    return OpRecord(
        name,
        getattr(ops, name),
        reference,
        binary(_any),
        _BITS,
        (_SHAPES_DO_NOT_FIT, _NOT_A_TENSOR, _FLOATS),
        name,
        order=0,
    )


RECORDS = [
    _comparison("eq", np.equal),
    _comparison("not_equal", np.not_equal, alias="ne"),
    _comparison("less", np.less, alias="lt"),
    _comparison("less_equal", np.less_equal, alias="le"),
    _comparison("greater", np.greater, alias="gt"),
    _comparison("greater_equal", np.greater_equal, alias="ge"),
    _comparison("logical_and", np.logical_and),
    _comparison("logical_or", np.logical_or),
    _comparison("logical_xor", np.logical_xor),
    _bitwise("bitwise_and", np.bitwise_and),
    _bitwise("bitwise_or", np.bitwise_or),
    _bitwise("bitwise_xor", np.bitwise_xor),
    OpRecord(
        "bitwise_not",
        ops.bitwise_not,
        np.invert,
        unary(_any),
        _BITS,
        (
            ErrorCase(lambda op: op(_ones(2)), TypeError, "this tensor is float32"),
            ErrorCase(lambda op: op(1), TypeError, "`input` must be a Tensor"),
        ),
        "bitwise_not",
        order=0,
    ),
]
