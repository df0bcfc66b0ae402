"""Records of ops that move numbers without changing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import shape as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, KEEP_ALL, Array, ErrorCase, OpRecord, Sample, within

_any = within(-2, 2)


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


_NOT_A_TENSOR = "must be a Tensor"


def _calls(*cases: tuple[Any, ...]) -> Callable[[np.random.Generator], list[Sample]]:
    """Samples from (shape of x, positional arguments, keywords); the third and fourth also transposed, with gaps."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        made = []
        for shape, args, settings in cases:
            x = _any(rng, shape)
            made.append(Sample((x, *args), settings))
            if len(shape) == 2 and 0 not in shape:
                made.append(Sample((np.ascontiguousarray(x.T).T, *args), settings))
                made.append(Sample((x, *args), settings, gaps=True))
        return made

    return samples


def _lists(*cases: tuple[Any, ...]) -> Callable[[np.random.Generator], list[Sample]]:
    """Samples of a list of arrays from (shapes, axis)."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        made = [Sample(([_any(rng, s) for s in shapes], dim)) for shapes, dim in cases]
        return [*made, Sample(made[0].inputs, gaps=True)]

    return samples


def _tuple(first: Any, rest: tuple[Any, ...]) -> Any:
    return tuple(first) if isinstance(first, (tuple, list)) else (first, *rest)


def _squeeze(x: Array, dim: Any = None) -> Array:
    dims = range(x.ndim) if dim is None else np.atleast_1d(dim) if x.ndim else ()
    return np.squeeze(x, tuple({int(d) % x.ndim for d in dims if x.shape[d] == 1}))


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    if not x.ndim:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :])


def _split(x: Array, size: Any, dim: int = 0) -> tuple[Array, ...]:
    cuts = np.cumsum(size)[:-1] if isinstance(size, list) else range(size, max(x.shape[dim], 1), size)
    return tuple(np.split(x, list(cuts), axis=dim))


def _chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    length = x.shape[dim]
    return _split(x, -(-length // chunks), dim) if length else (x,) * chunks


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    new = x.ndim - len(shape)
    axes = [*range(new), *(new + i for i, n in enumerate(shape) if n == 1)]
    return np.sum(x, axis=tuple(axes)).reshape(shape)


def _expand(x: Array, *shape: Any) -> Array:
    given = _tuple(shape[0], shape[1:])
    new = len(given) - x.ndim
    return np.broadcast_to(x, tuple(x.shape[i - new] if n == -1 else n for i, n in enumerate(given)))


def _reshaped_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    return Sample((_any(rng, shape), tuple(int(n) for n in rng.permutation(shape))))


def _permuted_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    return Sample((_any(rng, shape), tuple(int(n) for n in rng.permutation(len(shape)))))


def _error(call: Callable[..., Any], exception: type[Exception], message: str) -> ErrorCase:
    return ErrorCase(call, exception, message)


RECORDS = [
    OpRecord(
        "reshape",
        ops.reshape,
        lambda x, *shape: np.reshape(x, _tuple(shape[0], shape[1:])),
        _calls(
            ((), ((1, 1),), {}),
            ((2, 3), (3, 2), {}),
            ((2, 6), ((-1, 3),), {}),
            ((0, 3), ((3, 0),), {}),
            ((1,), ((),), {}),
            ((2, 3, 4), (2, -1), {}),
            ((37, 129), (-1,), {}),
        ),
        KEEP_ALL,
        (
            _error(
                lambda op: op(_ones(2, 3), 4, 2),
                ValueError,
                "(2, 3) has 6 elements and does not fit `shape` (4, 2)",
            ),
            _error(lambda op: op(_ones(2, 3), -1, -1), ValueError, "at most one may be -1"),
            _error(lambda op: op(_ones(0, 3), -1, 0), ValueError, "does not fit"),
            _error(lambda op: op([1.0], 1), TypeError, _NOT_A_TENSOR),
        ),
        lambda torch, x, *shape: torch.reshape(x, _tuple(shape[0], shape[1:])),
        _reshaped_by_shape,
    ),
    OpRecord(
        "flatten",
        ops.flatten,
        _flatten,
        _calls(
            ((), (), {}),
            ((2, 3), (), {}),
            ((2, 0, 3), (), {}),
            ((2, 1, 4), (1,), {}),
            ((2, 3, 4, 5), (), {"start_dim": 1, "end_dim": -2}),
        ),
        KEEP_ALL,
        (
            _error(lambda op: op(_ones(2, 3), 1, 0), ValueError, "`start_dim` is 1, behind `end_dim` 0"),
            _error(lambda op: op(_ones(2, 3), 2), IndexError, "`start_dim` is 2"),
        ),
        "flatten",
        lambda rng, shape: Sample((_any(rng, shape),)),
    ),
    OpRecord(
        "squeeze",
        ops.squeeze,
        _squeeze,
        _calls(
            ((), (), {}),
            ((1, 5), (), {}),
            ((1, 5), (0,), {}),
            ((2, 1, 3, 1), (-1,), {}),
            ((2, 1, 1), ((1, 2),), {}),
            ((3, 4), (1,), {}),
            ((1, 0), (), {}),
        ),
        KEEP_ALL,
        (_error(lambda op: op(_ones(2, 1), 2), IndexError, "`dim` is 2"),),
        "squeeze",
        lambda rng, shape: Sample((_any(rng, shape),)),
    ),
    OpRecord(
        "unsqueeze",
        ops.unsqueeze,
        np.expand_dims,
        _calls(
            ((), (0,), {}),
            ((2, 3), (0,), {}),
            ((2, 3), (-1,), {}),
            ((2, 3), (2,), {}),
            ((0,), (1,), {}),
            ((1, 5), (1,), {}),
        ),
        KEEP_ALL,
        (_error(lambda op: op(_ones(2), 2), IndexError, "`dim` is 2"),),
        "unsqueeze",
        lambda rng, shape: Sample((_any(rng, shape), int(rng.integers(-len(shape) - 1, len(shape) + 1)))),
    ),
    OpRecord(
        "permute",
        ops.permute,
        lambda x, *dims: np.transpose(x, _tuple(dims[0], dims[1:])),
        _calls(
            ((), ((),), {}),
            ((2, 3), (1, 0), {}),
            ((1, 5), (1, 0), {}),
            ((2, 3, 4), ((2, 0, 1),), {}),
            ((2, 3, 0), (-1, 0, 1), {}),
        ),
        KEEP_ALL,
        (
            _error(lambda op: op(_ones(2, 3), 0, 0), ValueError, "must name each of the 2 axes once"),
            _error(lambda op: op(_ones(2, 3), 0, 2), IndexError, "`dims` is 2"),
        ),
        lambda torch, x, *dims: torch.permute(x, _tuple(dims[0], dims[1:])),
        _permuted_by_shape,
    ),
    OpRecord(
        "transpose",
        ops.transpose,
        lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
        _calls(
            ((), (0, 0), {}),
            ((2, 3), (0, 1), {}),
            ((1, 5), (0, 1), {}),
            ((2, 3, 4), (-1, 0), {}),
            ((0, 3), (1, 0), {}),
            ((2, 3), (1, 1), {}),
        ),
        KEEP_ALL,
        (_error(lambda op: op(_ones(2, 3), 0, 2), IndexError, "`dim1` is 2"),),
        "transpose",
        aliases=("swapaxes",),
    ),
    OpRecord(
        "broadcast_to",
        ops.broadcast_to,
        _expand,
        _calls(
            ((), ((2, 3),), {}),
            ((1, 4), (3, 4), {}),
            ((3, 1), ((2, 3, 4),), {}),
            ((3, 4), ((2, -1, -1),), {}),
            ((1, 0), ((2, 0),), {}),
            ((1, 3), ((0, 3),), {}),
            ((2, 3), (2, 3), {}),
        ),
        KEEP_ALL,
        (
            _error(
                lambda op: op(_ones(2, 3), 2, 4),
                ValueError,
                "shape (2, 3) does not stretch to `shape` (2, 4)",
            ),
            _error(lambda op: op(_ones(2, 3), 3), ValueError, "does not stretch"),
            _error(lambda op: op(_ones(2), -1, 2), ValueError, "does not stretch"),
        ),
        lambda torch, x, *shape: x.expand(_tuple(shape[0], shape[1:])),
        aliases=("expand",),
    ),
    OpRecord(
        "sum_to",
        ops.sum_to,
        _sum_to,
        _calls(
            ((), ((),), {}),
            ((3, 4), ((4,),), {}),
            ((2, 3, 4), ((3, 1),), {}),
            ((2, 0), ((2, 1),), {}),
            ((3, 4), ((),), {}),
            ((1, 5), ((1, 1),), {}),
        ),
        FLOATS,
        (_error(lambda op: op(_ones(2, 3), (2,)), ValueError, "`shape` (2,) does not broadcast to (2, 3)"),),
        lambda torch, x, shape: x.sum_to_size(shape),
        scale=2,
    ),
    OpRecord(
        "cat",
        ops.cat,
        lambda xs, dim=0: np.concatenate(xs, axis=dim),
        _lists(
            ([(2, 3), (1, 3), (4, 3)], 0),
            ([(2, 3), (2, 1)], -1),
            ([(2, 0), (2, 3)], 1),
            ([(5,)], 0),
            ([(1, 2, 3), (1, 4, 3)], 1),
            ([(37, 65), (37, 64)], 1),
        ),
        KEEP_ALL,
        (
            _error(lambda op: op([]), ValueError, "`tensors` is empty"),
            _error(lambda op: op([_ones(2, 3), _ones(2, 4)]), ValueError, "shapes [(2, 3), (2, 4)]"),
            _error(lambda op: op([_ones(2), 1.0]), TypeError, _NOT_A_TENSOR),
            _error(lambda op: op([_ones(2, 3)], 2), IndexError, "`dim` is 2"),
        ),
        "cat",
    ),
    OpRecord(
        "stack",
        ops.stack,
        lambda xs, dim=0: np.stack(xs, axis=dim),
        _lists(
            ([(2, 3), (2, 3)], 0),
            ([(), (), ()], 0),
            ([(2, 3)] * 3, 1),
            ([(2, 3)] * 2, -1),
            ([(0, 2)], 2),
            ([(1, 5), (1, 5)], 1),
        ),
        KEEP_ALL,
        (
            _error(lambda op: op([]), ValueError, "at least one"),
            _error(lambda op: op([_ones(2), _ones(3)]), ValueError, "shapes [(2,), (3,)]"),
            _error(lambda op: op([_ones(2)], 2), IndexError, "`dim` is 2"),
        ),
        "stack",
    ),
    OpRecord(
        "split",
        ops.split,
        _split,
        _calls(
            ((6,), (2,), {}),
            ((1, 5), (1,), {}),
            ((5, 3), (2,), {}),
            ((3, 4), ([1, 0, 3], 1), {}),
            ((2, 3, 4), (3,), {"dim": -1}),
            ((0, 2), (2,), {}),
        ),
        KEEP_ALL,
        (
            _error(lambda op: op(_ones(4), 0), ValueError, "`split_size` is 0"),
            _error(lambda op: op(_ones(4), [1, 2]), ValueError, "the lengths must add up to 4"),
            _error(lambda op: op(_ones(4), 2, 1), IndexError, "`dim` is 1"),
            _error(lambda op: op(Tensor(np.float32(1) * np.ones(())), 1), ValueError, "no axes"),
        ),
        "split",
    ),
    OpRecord(
        "chunk",
        ops.chunk,
        _chunk,
        _calls(
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
            _error(lambda op: op(_ones(4), 0), ValueError, "`chunks` is 0"),
            _error(lambda op: op(_ones(4), 2, 1), IndexError, "`dim` is 1"),
            _error(lambda op: op(Tensor(np.ones((), np.float32)), 1), ValueError, "no axes"),
        ),
        "chunk",
    ),
    OpRecord(
        "flip",
        ops.flip,
        lambda x, dims: np.flip(x, dims),
        _calls(
            ((3,), (0,), {}),
            ((1, 5), (1,), {}),
            ((2, 3), ((0, 1),), {}),
            ((2, 3, 4), (-1,), {}),
            ((0, 3), (1,), {}),
            ((2, 3), ((),), {}),
        ),
        KEEP_ALL,
        (_error(lambda op: op(_ones(2), 1), IndexError, "`dim` is 1"),),
        lambda torch, x, dims: torch.flip(x, (dims,) if isinstance(dims, int) else dims),
    ),
    OpRecord(
        "repeat",
        ops.repeat,
        lambda x, *sizes: np.tile(x, _tuple(sizes[0], sizes[1:])),
        _calls(
            ((), ((3,),), {}),
            ((2, 3), (2, 2), {}),
            ((3,), (2, 1, 2), {}),
            ((2, 3), ((0, 1),), {}),
            ((0, 2), ((2, 2),), {}),
            ((1, 5), (3, 1), {}),
        ),
        KEEP_ALL,
        (
            _error(lambda op: op(_ones(2, 3), 2), ValueError, "`sizes` is (2,); one number"),
            _error(lambda op: op(_ones(2), -1), ValueError, "`sizes` is (-1,)"),
        ),
        lambda torch, x, *sizes: x.repeat(_tuple(sizes[0], sizes[1:])),
        aliases=("tile",),
        scale=2,
    ),
    OpRecord(
        "clone",
        ops.clone,
        np.copy,
        _calls(((), (), {}), ((0, 2), (), {}), ((2, 3), (), {}), ((1, 5), (), {})),
        KEEP_ALL,
        (_error(lambda op: op(1.0), TypeError, _NOT_A_TENSOR),),
        "clone",
        lambda rng, shape: Sample((_any(rng, shape),)),
    ),
]
