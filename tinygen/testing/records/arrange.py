"""Records of ops that move numbers about, repeat them, or set them to 0 by where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import arrange as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import KEEP_ALL, Array, ErrorCase, OpRecord, Sample
from tinygen.testing.records.shape import anything, as_tuple, calls, ones


def _roll(x: Array, shifts: Any, dims: Any = None) -> Array:
    return np.roll(x, shifts, None if dims == () else dims)


def _triangle(keeps: Callable[[Array, int], Array]) -> Callable[..., Array]:
    def reference(x: Array, diagonal: int = 0) -> Array:
        rows, columns = np.indices(x.shape[-2:])
        return np.where(keeps(columns - rows, diagonal), x, np.zeros_like(x))

    return reference


_TRIANGLES = (
    ((4, 3), (1,), {}),
    ((3, 4), (), {}),
    ((1, 5), (-1,), {}),
    ((2, 3, 3), (), {"diagonal": -1}),
    ((2, 0), (), {}),
    ((0, 2, 3), (1,), {}),
    ((3, 3), (9,), {}),
    ((3, 3), (-9,), {}),
)


def _repeat_samples(rng: np.random.Generator) -> list[Sample]:
    made = calls(
        ((3,), (2,), {}),
        ((2, 3), (2, 1), {}),
        ((2, 3), (3,), {}),
        ((1, 5), (2,), {"dim": -1}),
        ((), (2,), {}),
        ((0, 2), (2, 0), {}),
        ((2, 3), (0, 0), {}),
    )(rng)
    x = anything(rng, (3, 2))
    counts: list[tuple[list[int], int]] = [([2, 0, 1], 0), ([1, 3], -1), ([2], 0)]
    made += [Sample((x, np.array(n, np.int64), dim)) for n, dim in counts]
    return [*made, Sample((x, np.array(2, np.int32))), Sample((anything(rng, (0, 2)), np.array([], np.int64), 0))]


def _repeat_interleave(x: Array, repeats: Any, dim: int | None = None) -> Array:
    return np.repeat(x, repeats, axis=dim)


def _tile_torch(torch: Any, x: Any, *dims: Any) -> Any:
    return torch.tile(x, as_tuple(dims[0], dims[1:]))


def _whole(*values: int) -> Tensor:
    return Tensor(np.array(values, np.int64))


RECORDS = [
    OpRecord(
        "flip",
        ops.flip,
        lambda x, *dims: np.flip(x, as_tuple(dims[0], dims[1:])) if x.ndim else x,
        calls(
            ((3,), (0,), {}),
            ((1, 5), (1,), {}),
            ((2, 3), ((0, 1),), {}),
            ((2, 3, 4), (-1,), {}),
            ((0, 3), (1,), {}),
            ((2, 3), ((),), {}),
            ((2, 3), (0, 1), {}),
            ((), ((0,),), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2), 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op(ones(2, 3), (0, -2)), ValueError, "an axis appears twice"),
            ErrorCase(lambda op: op(ones(2, 3), 0.5), TypeError, "`dims` is (0.5,)"),
        ),
        lambda torch, x, *dims: torch.flip(x, as_tuple(dims[0], dims[1:])),
    ),
    OpRecord(
        "repeat",
        ops.repeat,
        lambda x, *sizes: np.tile(x, as_tuple(sizes[0], sizes[1:])),
        calls(
            ((), ((3,),), {}),
            ((2, 3), (2, 2), {}),
            ((3,), (2, 1, 2), {}),
            ((2, 3), ((0, 1),), {}),
            ((0, 2), ((2, 2),), {}),
            ((1, 5), (3, 1), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3), 2), ValueError, "`repeats` is (2,); one number"),
            ErrorCase(lambda op: op(ones(2), -1), ValueError, "`repeats` is (-1,)"),
        ),
        lambda torch, x, *sizes: x.repeat(as_tuple(sizes[0], sizes[1:])),
        scale=2,
    ),
    OpRecord(
        "tile",
        ops.tile,
        lambda x, *dims: np.tile(x, as_tuple(dims[0], dims[1:])),
        calls(
            ((), ((3,),), {}),
            ((2, 3), (2,), {}),
            ((2, 3), (2, 2), {}),
            ((3,), (2, 1, 2), {}),
            ((2, 3), ((),), {}),
            ((0, 2), ((2, 2),), {}),
            ((1, 5), (3, 1), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2), -1), ValueError, "`dims` is (-1,)"),
            ErrorCase(lambda op: op(ones(2), 1.5), TypeError, "`dims` is (1.5,)"),
        ),
        _tile_torch,
        scale=2,
    ),
    OpRecord(
        "repeat_interleave",
        ops.repeat_interleave,
        _repeat_interleave,
        _repeat_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2), -1), ValueError, "`repeats` is -1"),
            ErrorCase(lambda op: op(ones(2), _whole(1, -1), 0), ValueError, "`repeats` has a value -1"),
            ErrorCase(lambda op: op(ones(2), _whole(1, 1, 1), 0), ValueError, "`repeats` has shape (3,)"),
            ErrorCase(lambda op: op(ones(2), ones(2), 0), TypeError, "`repeats` has dtype float32"),
            ErrorCase(lambda op: op(ones(2), 1.5), TypeError, "`repeats` is (1.5,)"),
            ErrorCase(lambda op: op(ones(2), 1, 1), IndexError, "`dim` is 1"),
            ErrorCase(lambda op: op(ones(), 1, 0), IndexError, "no axes"),
        ),
        "repeat_interleave",
        waits="a Tensor of repeats: how long the result is, is known on the device only",
        scale=2,
    ),
    OpRecord(
        "roll",
        ops.roll,
        _roll,
        calls(
            ((3,), (1,), {}),
            ((2, 3), (1,), {}),
            ((2, 3), (-4,), {"dims": ()}),
            ((2, 3), (1, 1), {}),
            ((2, 3, 4), ((1, -2), (0, -1)), {}),
            ((2, 3), ((1, 1), (1, 1)), {}),
            ((1, 5), (7, -1), {}),
            ((0, 2), (1,), {}),
            ((0, 2), (1, 1), {}),
            ((), (1,), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3), (1, 1)), ValueError, "`shifts` (1, 1) and `dims` None"),
            ErrorCase(lambda op: op(ones(2, 3), 1, (0, 1)), ValueError, "`dims` (0, 1) must be as many"),
            ErrorCase(lambda op: op(ones(2, 3), 1, 2), IndexError, "`dims` is 2"),
            ErrorCase(lambda op: op(ones(), 1, 0), IndexError, "no axes"),
            ErrorCase(lambda op: op(ones(2), 0.5), TypeError, "`shifts` is (0.5,)"),
        ),
        "roll",
    ),
    OpRecord(
        "tril",
        ops.tril,
        _triangle(lambda above, k: above <= k),
        calls(*_TRIANGLES),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(3)), ValueError, "tril: `input` has shape (3,)"),
            ErrorCase(lambda op: op(ones(2, 2), 0.5), TypeError, "`diagonal` is (0.5,)"),
        ),
        "tril",
    ),
    OpRecord(
        "triu",
        ops.triu,
        _triangle(lambda above, k: above >= k),
        calls(*_TRIANGLES),
        KEEP_ALL,
        (ErrorCase(lambda op: op(ones()), ValueError, "triu: `input` has shape ()"),),
        "triu",
    ),
    OpRecord(
        "diagonal",
        ops.diagonal,
        np.diagonal,
        calls(
            ((4, 3), (1,), {}),
            ((3, 4), (), {}),
            ((4, 3), (-2,), {}),
            ((1, 5), (3,), {}),
            ((2, 3, 4), (1, 0, 2), {}),
            ((2, 3, 4), (-1, -1, 0), {}),
            ((2, 0), (), {}),
            ((2, 3), (7,), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3), 0, 1, -1), ValueError, "`dim1` is 1 and `dim2` -1"),
            ErrorCase(lambda op: op(ones(2)), IndexError, "`dim2` is 1"),
            ErrorCase(lambda op: op(1.0), TypeError, "must be a Tensor"),
        ),
        "diagonal",
    ),
]
