"""Records of ops that make one tensor of several, or several of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import join as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import KEEP_ALL, Array, ErrorCase, OpRecord, Sample
from tinygen.testing.records.shape import NOT_A_TENSOR, anything, calls, ones


def lists(*cases: tuple[Any, ...]) -> Callable[[np.random.Generator], list[Sample]]:
    """Samples of a list of arrays from (shapes, axis)."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        made = [Sample(([anything(rng, s) for s in shapes], dim)) for shapes, dim in cases]
        return [*made, Sample(made[0].inputs, gaps=True)]

    return samples


def _cat(xs: list[Array], dim: int = 0) -> Array:
    return np.concatenate([x for x in xs if x.shape != (0,)] or xs[:1], axis=dim)


def _split(x: Array, size: Any, dim: int = 0) -> tuple[Array, ...]:
    cuts = np.cumsum(size)[:-1] if isinstance(size, list) else range(size, max(x.shape[dim], 1), size) if size else ()
    return tuple(np.split(x, list(cuts), axis=dim))


def _chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    length = x.shape[dim]
    return _split(x, -(-length // chunks), dim) if length else (x,) * chunks


RECORDS = [
    OpRecord(
        "cat",
        ops.cat,
        _cat,
        lists(
            ([(2, 3), (1, 3), (4, 3)], 0),
            ([(2, 3), (2, 1)], -1),
            ([(2, 0), (2, 3)], 1),
            ([(5,)], 0),
            ([(1, 2, 3), (1, 4, 3)], 1),
            ([(0,), (2, 3)], 1),
            ([(0,), (0,)], 0),
            ([(37, 65), (37, 64)], 1),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op([]), ValueError, "`tensors` is empty"),
            ErrorCase(lambda op: op([ones(2, 3), ones(2, 4)]), ValueError, "shapes [(2, 3), (2, 4)]"),
            ErrorCase(lambda op: op([ones(2), 1.0]), TypeError, NOT_A_TENSOR),
            ErrorCase(lambda op: op([ones(), ones()]), ValueError, "and need one"),
            ErrorCase(lambda op: op([ones(2, 3)], 2), IndexError, "`dim` is 2"),
        ),
        "cat",
    ),
    OpRecord(
        "stack",
        ops.stack,
        lambda xs, dim=0: np.stack(xs, axis=dim),
        lists(
            ([(2, 3), (2, 3)], 0),
            ([(), (), ()], 0),
            ([(2, 3)] * 3, 1),
            ([(2, 3)] * 2, -1),
            ([(0, 2)], 2),
            ([(1, 5), (1, 5)], 1),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op([]), ValueError, "at least one"),
            ErrorCase(lambda op: op([ones(2), ones(3)]), ValueError, "shapes [(2,), (3,)]"),
            ErrorCase(lambda op: op([ones(2)], 2), IndexError, "`dim` is 2"),
        ),
        "stack",
    ),
    OpRecord(
        "split",
        ops.split,
        _split,
        calls(
            ((6,), (2,), {}),
            ((1, 5), (1,), {}),
            ((5, 3), (2,), {}),
            ((3, 4), ([1, 0, 3], 1), {}),
            ((2, 3, 4), (3,), {"dim": -1}),
            ((0, 2), (2,), {}),
            ((0, 2), (0,), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(4), 0), ValueError, "`split_size_or_sections` is 0"),
            ErrorCase(lambda op: op(ones(4), 1.5), TypeError, "`split_size_or_sections` is 1.5"),
            ErrorCase(lambda op: op(ones(4), [1.5, 2.5]), TypeError, "`split_size_or_sections` is (1.5, 2.5)"),
            ErrorCase(lambda op: op(ones(4), [1, 2]), ValueError, "the lengths must add up to 4"),
            ErrorCase(lambda op: op(ones(4), 2, 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op(Tensor(np.float32(1) * np.ones(())), 1), ValueError, "no axes"),
        ),
        "split",
    ),
    OpRecord(
        "chunk",
        ops.chunk,
        _chunk,
        calls(
            ((6,), (3,), {}),
            ((5, 3), (2,), {}),
            ((5, 2), (4,), {}),
            ((2, 3), (1, 1), {}),
            ((2, 3), (5,), {}),
            ((0, 2), (3,), {}),
            ((1, 5), (2, 1), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(4), 0), ValueError, "`chunks` is 0"),
            ErrorCase(lambda op: op(ones(4), 2, 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op(Tensor(np.ones((), np.float32)), 1), ValueError, "no axes"),
        ),
        "chunk",
    ),
    OpRecord(
        "unbind",
        ops.unbind,
        lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)),
        calls(
            ((3,), (), {}),
            ((1, 5), (1,), {}),
            ((2, 3), (0,), {}),
            ((2, 3, 4), (-1,), {}),
            ((2, 0), (), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2), 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op(ones()), IndexError, "no axes"),
        ),
        "unbind",
    ),
]
