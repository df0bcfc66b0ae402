"""Records of ops that read elements out of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.ops import indexing as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, KEEP, KEEP_ALL, Array, ErrorCase, OpRecord, Sample, distinct, within

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
        False,
        (np.array([1, 0]), True, 2),
        (np.array(2), slice(None), np.array([1, 0])),
        np.array([[True, False, True, False, True]] * 4),
        (slice(None), np.array([[True, False, True]] * 5)),
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
    if isinstance(index, tuple) and len(index) == 3 and index[1] is True:
        return x[:, 2][index[0]]
    if isinstance(index, tuple) and len(index) == 3 and getattr(index[0], "ndim", 1) == 0:
        return x[int(index[0])][:, index[2]]
    return x[index]


def _has_negative_step(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, slice) and p.step is not None and p.step < 0 for p in parts)


def _embedding_samples(rng: np.random.Generator) -> list[Sample]:
    table = _any(rng, (7, 3))
    shapes: list[tuple[int, ...]] = [(), (0,), (5,), (2, 3), (1, 4)]
    calls = [Sample((np.asarray(rng.integers(0, 7, s)), table)) for s in shapes]
    calls.append(Sample((np.array([6, 6, 6, 0], np.int32), table)))
    calls += [Sample((np.array([[1, 5], [5, 0]]), table), {"padding_idx": p}, gradients=False) for p in (5, -2)]
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


def _scatter_samples(rng: np.random.Generator) -> list[Sample]:
    cases: list[Any] = [((4, 3), 0, (6, 3)), ((4, 3), -1, (2, 5)), ((2, 3, 4), 1, (1, 5, 4)), ((5,), 0, (1,))]
    cases.append(((3,), 0, (0,)))
    calls = []
    for shape, dim, picked in cases:
        index = np.asarray(rng.integers(0, shape[dim], picked))
        calls.append(Sample((_any(rng, shape), dim, index, _any(rng, picked))))
    # PyTorch has no gradient where `src` is longer than `index`
    longer = (_any(rng, (4, 3)), 0, np.array([[0, 0], [0, 1]]), _any(rng, (3, 3)))
    calls.append(Sample(longer, gaps=True, against_torch=False))
    return [*calls, Sample((_any(rng, ()), 0, np.array(0), _any(rng, ())))]


def _scatter_add(x: Array, dim: int, index: Array, src: Array) -> Array:
    out = np.array(x)
    for place in np.ndindex(index.shape):
        target = list(place)
        if target:
            target[dim] = index[place]
        out[tuple(target)] += src[place]
    return out


def _sort_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [Sample((distinct(rng, s),)) for s in ((), (0,), (5,), (1, 5), (2, 3, 4), (37, 20))]
    x = distinct(rng, (3, 4))
    calls += [Sample((x,), {"dim": d, "descending": f}) for d in (0, 1, -2) for f in (False, True)]
    calls.append(Sample((x,), {"dim": 0}, gaps=True))
    special = np.array([2.0, np.nan, 1.0, -np.inf, 1.0, np.inf, 2.0, np.nan])
    return calls + [Sample((special,), {"descending": f}, gradients=False) for f in (False, True)]


def _sort(x: Array, dim: int = -1, descending: bool = False) -> tuple[Array, Array]:
    """Python's sort, row by row: by (is it NaN, value, place)."""
    rows = np.moveaxis(np.atleast_1d(x), dim, -1)
    order = np.zeros(rows.shape, np.int64)
    sign = -1 if descending else 1
    for place in np.ndindex(rows.shape[:-1]):
        row = rows[place]
        order[place] = sorted(range(row.size), key=lambda i, row=row: (sign * bool(row[i] != row[i]), sign * row[i]))
    values = np.take_along_axis(rows, order, -1)
    return tuple(np.moveaxis(a, -1, dim).reshape(x.shape) for a in (values, order))


def _topk_samples(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, (3, 4))
    calls = [Sample((x, k)) for k in (0, 1, 3, 4)]
    calls += [Sample((x, 2), {"dim": d, "largest": f}) for d in (0, -1) for f in (False, True)]
    calls += [Sample((distinct(rng, ()), 1)), Sample((np.zeros((0, 3)), 2))]
    calls.append(Sample((distinct(rng, (1, 6)), 2), gaps=True))
    return [*calls, Sample((distinct(rng, (20, 37)), 5), {"sorted": True})]


def _topk(x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Array, Array]:
    values, order = _sort(x, dim, largest)
    return (values, order) if not x.ndim else tuple(np.take(a, range(k), dim) for a in (values, order))


def _select_samples(rng: np.random.Generator) -> list[Sample]:
    x = _any(rng, (3, 4, 5))
    cases = [(0, [2, 0, 2]), (1, [3]), (-1, [1, 1, 4, 0]), (1, [])]
    calls = [Sample((x, dim, np.array(index, np.int64))) for dim, index in cases]
    return [
        *calls,
        Sample((_any(rng, (3, 4)), 1, np.array([1, 1])), gaps=True),
        Sample((_any(rng, (4, 3)).T, 1, np.array([3, 0]))),
        Sample((_any(rng, (4, 3)), 0, np.array(2))),
        Sample((_any(rng, ()), 0, np.array([0]))),
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
            ErrorCase(lambda op: op(_ones(3), np.ones(3, np.uint8)), IndexError, "`index` is uint8"),
            ErrorCase(lambda op: op(_ones(3), _ones(2) > 0), IndexError, "`index` does not fit shape (3,)"),
        ),
        lambda torch, x, index: x[index],
        waits="a boolean mask: how many elements it picks is known on the device only",
    ),
    OpRecord(
        "embedding",
        ops.embedding,
        lambda index, table, padding_idx=None: table[index],
        _embedding_samples,
        FLOATS,
        (
            ErrorCase(lambda op: op(_whole(0, 7), _ones(7, 2)), IndexError, "`input` " + _OUT_OF_RANGE),
            ErrorCase(lambda op: op(_whole(-1), _ones(7, 2)), IndexError, "`input` has a value -1"),
            ErrorCase(lambda op: op(_ones(2), _ones(7, 2)), TypeError, "`input` has dtype float32"),
            ErrorCase(lambda op: op(_whole(0), _ones(7)), ValueError, "`weight` has shape (7,)"),
            ErrorCase(lambda op: op(_whole(0), _ones(7, 2), 7), ValueError, "`padding_idx` is 7"),
            ErrorCase(lambda op: op(_whole(0), _ones(7, 2), max_norm=1.0), ValueError, "`max_norm` is 1.0"),
            ErrorCase(lambda op: op(_whole(0), _ones(7, 2), sparse=True), ValueError, "`sparse` is True"),
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
        "scatter_add",
        ops.scatter_add,
        _scatter_add,
        _scatter_samples,
        KEEP,
        (
            ErrorCase(lambda op: op(_ones(2), 0, _whole(0, 2), _ones(2)), IndexError, "`index` has a value 2"),
            ErrorCase(lambda op: op(_ones(2), 0, _whole(0, 1), _ones(1)), ValueError, "`src` of shape (1,)"),
            ErrorCase(lambda op: op(_ones(2), 0, _whole(0), _whole(0)), TypeError, "`src` has dtype int64"),
            ErrorCase(lambda op: op(_ones(2, 3), 1, _whole(0), _ones(1)), ValueError, "`index` of shape (1,)"),
        ),
        "scatter_add",
    ),
    OpRecord(
        "sort",
        ops.sort,
        _sort,
        _sort_samples,
        {t: (t, _I64) for t in FLOATS},
        (
            ErrorCase(lambda op: op(_ones(2), 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op([1.0]), TypeError, "`input` must be a Tensor"),
        ),
        lambda torch, x, dim=-1, descending=False: torch.sort(x, dim=dim, descending=descending, stable=True),
        lambda rng, shape: Sample((distinct(rng, tuple(max(n, 1) for n in shape)),), {"descending": True}),
    ),
    OpRecord(
        "topk",
        ops.topk,
        _topk,
        _topk_samples,
        {t: (t, _I64) for t in FLOATS},
        (
            ErrorCase(lambda op: op(_ones(2), 3), ValueError, "`k` is 3; valid are 0 to 2"),
            ErrorCase(lambda op: op(_ones(2), 1, 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op([1.0], 1), TypeError, "`input` must be a Tensor"),
        ),
        "topk",
    ),
    OpRecord(
        "index_select",
        ops.index_select,
        lambda x, dim, index: np.take(x, np.atleast_1d(index), axis=dim) if x.ndim else x,
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
