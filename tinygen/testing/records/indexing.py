"""Records of ops that read elements out of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.ops import indexing as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, KEEP, KEEP_ALL, Array, ErrorCase, OpRecord, Sample, within

_any = within(-2, 2)
_I64 = np.dtype(np.int64)


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


def _whole(*values: Any) -> Tensor:
    return Tensor(np.array(values, np.int64))


def _getitem_samples(rng: np.random.Generator) -> list[Sample]:
    x = _any(rng, (4, 5, 3))
    mask = np.array([True, False, True, True])
    grid = np.array([[0, 2], [2, 2]])
    indices: list[Any] = [
        1,
        -1,
        slice(1, 3),
        slice(None, None, -1),
        slice(3, None, -2),
        slice(2, 2),
        None,
        ...,
        (),
        True,
        (0, 1, 2),
        (slice(1, None), 2),
        (..., 0),
        (None, ..., None),
        (slice(None), slice(None, None, 2), -1),
        mask,
        (mask, 1),
        x > 0,
        np.array([2, 0, 2, -1]),
        grid,
        (grid, slice(None), grid),
        (grid, 1),
        (1, ..., np.array([0, 0])),
        np.array([], np.int64),
        np.array(1),
        np.array([1, 1], np.int32),
        (slice(1, 3), None, np.array([0, 4])),
    ]
    calls = [Sample((x, i), against_torch=not _has_negative_step(i)) for i in indices]
    calls += [Sample((_any(rng, ()), i)) for i in ((), ..., None)]
    calls += [
        Sample((_any(rng, (0, 2)), slice(None))),
        Sample((_any(rng, (1, 5)), (0, slice(None)))),
        Sample((_any(rng, (4, 3)).T, (0, slice(1, 3)))),
    ]
    calls += [Sample((_any(rng, (4, 6)), (slice(1, 3), slice(None, None, 3))), gaps=True)]
    return [*calls, Sample((_any(rng, (37, 65)), np.asarray(rng.integers(0, 37, 200))))]


def _read(x: Array, index: Any) -> Array:
    """NumPy's indexing, but for a number and an array with something between them: as PyTorch, the number first."""
    if isinstance(index, tuple) and len(index) == 3 and index[1] is Ellipsis:
        return x[index[0]][..., index[2]]
    return x[index]


def _has_negative_step(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, slice) and p.step is not None and p.step < 0 for p in parts)


def _embedding_samples(rng: np.random.Generator) -> list[Sample]:
    table = _any(rng, (7, 3))
    shapes: list[tuple[int, ...]] = [(), (0,), (5,), (2, 3), (1, 4)]
    calls = [Sample((np.asarray(rng.integers(0, 7, s)), table)) for s in shapes]
    calls.append(Sample((np.array([6, 6, 6, 0], np.int32), table)))
    return [
        *calls,
        Sample((np.array([1, 2]), table), gaps=True),
        Sample((np.array([1, 2]), _any(rng, (3, 7)).T)),
    ]


def _gather_samples(rng: np.random.Generator) -> list[Sample]:
    x = _any(rng, (3, 4, 5))
    cases: list[tuple[int, tuple[int, ...]]] = [
        (0, (6, 4, 5)),
        (1, (3, 2, 5)),
        (-1, (2, 3, 7)),
        (1, (3, 0, 5)),
        (2, (1, 1, 1)),
    ]
    calls = [Sample((x, dim, np.asarray(rng.integers(0, x.shape[dim], shape)))) for dim, shape in cases]
    calls.append(Sample((_any(rng, (4,)), 0, np.array([3, 3, 0]))))
    calls.append(Sample((_any(rng, ()), 0, np.array(0))))
    calls.append(
        Sample((_any(rng, (3, 4)), 1, np.array([[0, 0], [3, 1], [2, 2]], np.int32)), against_torch=False)
    )
    return [*calls, Sample((_any(rng, (3, 4)), 0, np.array([[0, 2, 1, 1]])), gaps=True)]


def _gather(x: Array, dim: int, index: Array) -> Array:
    if not x.ndim:
        return x
    grids = list(np.indices(index.shape))
    grids[dim] = index
    return x[tuple(grids)]


def _select_samples(rng: np.random.Generator) -> list[Sample]:
    x = _any(rng, (3, 4, 5))
    cases = [(0, [2, 0, 2]), (1, [3]), (-1, [1, 1, 4, 0]), (1, [])]
    calls = [Sample((x, dim, np.array(index, np.int64))) for dim, index in cases]
    return [
        *calls,
        Sample((_any(rng, (3, 4)), 1, np.array([1, 1])), gaps=True),
        Sample((_any(rng, (4, 3)).T, 1, np.array([3, 0]))),
    ]


def _one_hot_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [
        Sample((np.asarray(rng.integers(0, 5, s)),), {"num_classes": 5})
        for s in [(), (0,), (4,), (2, 3), (1, 5)]
    ]
    return [*calls, Sample((np.array([0, 2, 1]),)), Sample((np.array([0, 1]),), {"num_classes": 4})]


def _one_hot(x: Array, num_classes: int = -1) -> Array:
    return np.eye(int(x.max()) + 1 if num_classes == -1 else num_classes, dtype=np.int64)[x]


_OUT_OF_RANGE = "has a value 7; valid are 0 to 6"

RECORDS = [
    OpRecord(
        "getitem",
        ops.getitem,
        _read,
        _getitem_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(_ones(3), 3), IndexError, "out of bounds"),
            ErrorCase(lambda op: op(_ones(3), (0, 0)), IndexError, "too many indices"),
            ErrorCase(lambda op: op(_ones(3), 1.0), IndexError, "an index must be integer"),
            ErrorCase(lambda op: op(_ones(3), _ones(3)), IndexError, "an index must be integer"),
            ErrorCase(lambda op: op(_ones(3), "a"), IndexError, "an index must be integer"),
        ),
        lambda torch, x, index: x[index],
        waits="a boolean mask: how many elements it picks is known on the device only",
    ),
    OpRecord(
        "embedding",
        ops.embedding,
        lambda index, table: table[index],
        _embedding_samples,
        FLOATS,
        (
            ErrorCase(lambda op: op(_whole(0, 7), _ones(7, 2)), IndexError, "`input` " + _OUT_OF_RANGE),
            ErrorCase(lambda op: op(_whole(-1), _ones(7, 2)), IndexError, "`input` has a value -1"),
            ErrorCase(lambda op: op(_ones(2), _ones(7, 2)), TypeError, "`input` has dtype float32"),
            ErrorCase(lambda op: op(_whole(0), _ones(7)), ValueError, "`weight` has shape (7,)"),
        ),
        "nn.functional.embedding",
    ),
    OpRecord(
        "gather",
        ops.gather,
        _gather,
        _gather_samples,
        KEEP,
        (
            ErrorCase(lambda op: op(_ones(7, 2), 0, _whole([7, 0])), IndexError, "`index` " + _OUT_OF_RANGE),
            ErrorCase(lambda op: op(_ones(2, 3), 1, _whole(0)), ValueError, "`index` of shape (1,)"),
            ErrorCase(lambda op: op(_ones(2, 3), 1, _whole([0], [0], [0])), ValueError, "does not fit"),
            ErrorCase(lambda op: op(_ones(2, 3), 2, _whole([0])), IndexError, "`dim` is 2"),
            ErrorCase(lambda op: op(_ones(2), 0, _ones(1)), TypeError, "`index` has dtype float32"),
            ErrorCase(lambda op: op(_ones(2), 0, [0]), TypeError, "`index` must be a Tensor"),
        ),
        "gather",
    ),
    OpRecord(
        "index_select",
        ops.index_select,
        lambda x, dim, index: np.take(x, index, axis=dim),
        _select_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(_ones(7, 2), 0, _whole(7)), IndexError, "`index` " + _OUT_OF_RANGE),
            ErrorCase(lambda op: op(_ones(7, 2), 0, _whole([0])), ValueError, "`index` has shape (1, 1)"),
            ErrorCase(lambda op: op(_ones(7, 2), 0, [0]), TypeError, "`index` must be a Tensor"),
        ),
        "index_select",
    ),
    OpRecord(
        "one_hot",
        ops.one_hot,
        _one_hot,
        _one_hot_samples,
        {np.dtype(np.float32): _I64},
        (
            ErrorCase(lambda op: op(_whole(0, 7), 7), IndexError, "`input` " + _OUT_OF_RANGE),
            ErrorCase(lambda op: op(_ones(2)), TypeError, "`input` has dtype float32"),
            ErrorCase(lambda op: op([0]), TypeError, "`input` must be a Tensor"),
            ErrorCase(lambda op: op(Tensor(np.zeros(0, np.int64))), ValueError, "`num_classes`"),
        ),
        "nn.functional.one_hot",
        order=0,
        waits="num_classes=-1: the largest class number is known on the device only",
    ),
]
