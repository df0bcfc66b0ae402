"""Records of ops that give the same numbers other axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.ops import shape as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, KEEP_ALL, Array, ErrorCase, OpRecord, Sample, within

anything = within(-2, 2)


def ones(*shape: int) -> Tensor:
    """A float32 Tensor of ones, for calls that must raise."""
    return Tensor(np.ones(shape, np.float32))


NOT_A_TENSOR = "must be a Tensor"


def calls(*cases: tuple[Any, ...]) -> Callable[[np.random.Generator], list[Sample]]:
    """Samples from (shape of x, positional arguments, keywords); the third and fourth also transposed, with gaps."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        made = []
        for shape, args, settings in cases:
            x = anything(rng, shape)
            made.append(Sample((x, *args), settings))
            if len(shape) == 2 and 0 not in shape:
                made.append(Sample((np.ascontiguousarray(x.T).T, *args), settings))
                made.append(Sample((x, *args), settings, gaps=True))
        return made

    return samples


def as_tuple(first: Any, rest: tuple[Any, ...]) -> Any:
    """The arguments of ``f(2, 3)`` and of ``f((2, 3))`` alike."""
    return tuple(first) if isinstance(first, (tuple, list)) else (first, *rest)


def _squeeze(x: Array, dim: Any = None) -> Array:
    dims = range(x.ndim) if dim is None else np.atleast_1d(dim) if x.ndim else ()
    return np.squeeze(x, tuple({int(d) % x.ndim for d in dims if x.shape[d] == 1}))


def _flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    if not x.ndim:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :])


def _sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    new = x.ndim - len(shape)
    axes = [*range(new), *(new + i for i, n in enumerate(shape) if n == 1)]
    return np.sum(x, axis=tuple(axes)).reshape(shape)


def _expand(x: Array, *shape: Any) -> Array:
    given = as_tuple(shape[0], shape[1:])
    new = len(given) - x.ndim
    return np.broadcast_to(x, tuple(x.shape[i - new] if n == -1 else n for i, n in enumerate(given)))


def _view_samples(rng: np.random.Generator) -> list[Sample]:
    x = anything(rng, (4, 6))
    given: list[tuple[Any, ...]] = [((24,),), (2, 12), (2, 2, -1), ((4, 1, 6),)]
    made = [Sample((x, *shape)) for shape in given]
    made += [Sample((anything(rng, (1, 0)), 0, 3)), Sample((anything(rng, ()), (1, 1)))]
    made.append(Sample((x, 2, 12), gaps=True))  # every second number: still one step from each to the next
    made.append(Sample((anything(rng, (6, 4)).T, 2, 2, 6)))  # (4, 6), columns first: each axis may be cut
    return made


def _unflatten(x: Array, dim: int, sizes: Any) -> Array:
    dim %= x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def _meshgrid_samples(rng: np.random.Generator) -> list[Sample]:
    shapes: list[tuple[tuple[int, ...], ...]] = [((2,), (3,)), ((3,),), ((2,), (1,), (4,)), ((0,), (2,)), ((), (2,))]
    made = [Sample(tuple(anything(rng, s) for s in group), {"indexing": i}) for group in shapes for i in ("ij", "xy")]
    return [*made, Sample(made[0].inputs, gaps=True)]


def _reshaped_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    return Sample((anything(rng, shape), tuple(int(n) for n in rng.permutation(shape))))


def _permuted_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    return Sample((anything(rng, shape), tuple(int(n) for n in rng.permutation(len(shape)))))


RECORDS = [
    OpRecord(
        "reshape",
        ops.reshape,
        lambda x, *shape: np.reshape(x, as_tuple(shape[0], shape[1:])),
        calls(
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
            ErrorCase(
                lambda op: op(ones(2, 3), 4, 2),
                ValueError,
                "(2, 3) has 6 elements and does not fit `shape` (4, 2)",
            ),
            ErrorCase(lambda op: op(ones(2, 3), -1, -1), ValueError, "at most one may be -1"),
            ErrorCase(lambda op: op(ones(0, 3), -1, 0), ValueError, "does not fit"),
            ErrorCase(lambda op: op(ones(4), 2.0, 2), TypeError, "`shape` is (2.0, 2); it must be integers"),
            ErrorCase(lambda op: op(ones(4), True, 4), TypeError, "`shape` is (True, 4)"),
            ErrorCase(lambda op: op([1.0], 1), TypeError, NOT_A_TENSOR),
        ),
        lambda torch, x, *shape: torch.reshape(x, as_tuple(shape[0], shape[1:])),
        _reshaped_by_shape,
    ),
    OpRecord(
        "view",
        ops.view,
        lambda x, *size: np.reshape(x, as_tuple(size[0], size[1:])),
        _view_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3).T, 6), RuntimeError, "(3, 2) is not contiguous enough"),
            ErrorCase(lambda op: op(ones(2, 3), 4, 2), ValueError, "view: (2, 3) has 6 elements"),
            ErrorCase(lambda op: op(ones(2), np.int32), TypeError, "it must be integers"),
        ),
        lambda torch, x, *size: x.view(as_tuple(size[0], size[1:])),
    ),
    OpRecord(
        "flatten",
        ops.flatten,
        _flatten,
        calls(
            ((), (), {}),
            ((2, 3), (), {}),
            ((2, 0, 3), (), {}),
            ((2, 1, 4), (1,), {}),
            ((2, 3, 4, 5), (), {"start_dim": 1, "end_dim": -2}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3), 1, 0), ValueError, "`start_dim` is 1, behind `end_dim` 0"),
            ErrorCase(lambda op: op(ones(2, 3), 2), IndexError, "`start_dim` is 2"),
        ),
        "flatten",
        lambda rng, shape: Sample((anything(rng, shape),)),
    ),
    OpRecord(
        "unflatten",
        ops.unflatten,
        _unflatten,
        calls(
            ((6,), (0, (2, 3)), {}),
            ((2, 6), (-1, (2, -1)), {}),
            ((1, 4), (0, (1, 1)), {}),
            ((0, 4), (0, [0, 2]), {}),
            ((2, 6, 3), (1, (-1, 1, 2)), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 6), 1, (4, -1)), ValueError, "`sizes` (4, -1) do not multiply up"),
            ErrorCase(lambda op: op(ones(2, 6), 1, (2, 2)), ValueError, "`sizes` (2, 2) do not multiply up"),
            ErrorCase(lambda op: op(ones(2, 6), 1, (-1, -1)), ValueError, "do not multiply up"),
            ErrorCase(lambda op: op(ones(2, 1), 1, ()), ValueError, "do not multiply up"),
            ErrorCase(lambda op: op(ones(), 0, (1,)), ValueError, "do not multiply up"),
            ErrorCase(lambda op: op(ones(2, 6), 1, 6), TypeError, "`sizes` is 6"),
            ErrorCase(lambda op: op(ones(2, 6), 2, (1,)), IndexError, "`dim` is 2"),
        ),
        lambda torch, x, dim, sizes: torch.unflatten(x, dim, tuple(sizes)),
    ),
    OpRecord(
        "squeeze",
        ops.squeeze,
        _squeeze,
        calls(
            ((), (), {}),
            ((1, 5), (), {}),
            ((1, 5), (0,), {}),
            ((2, 1, 3, 1), (-1,), {}),
            ((2, 1, 1), ((1, 2),), {}),
            ((3, 4), (1,), {}),
            ((1, 0), (), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 1), 2), IndexError, "`dim` is 2"),
            ErrorCase(lambda op: op(ones(2, 1), (1, -1)), ValueError, "an axis appears twice"),
        ),
        "squeeze",
        lambda rng, shape: Sample((anything(rng, shape),)),
    ),
    OpRecord(
        "unsqueeze",
        ops.unsqueeze,
        np.expand_dims,
        calls(
            ((), (0,), {}),
            ((2, 3), (0,), {}),
            ((2, 3), (-1,), {}),
            ((2, 3), (2,), {}),
            ((0,), (1,), {}),
            ((1, 5), (1,), {}),
        ),
        KEEP_ALL,
        (ErrorCase(lambda op: op(ones(2), 2), IndexError, "`dim` is 2"),),
        "unsqueeze",
        lambda rng, shape: Sample((anything(rng, shape), int(rng.integers(-len(shape) - 1, len(shape) + 1)))),
    ),
    OpRecord(
        "permute",
        ops.permute,
        lambda x, *dims: np.transpose(x, as_tuple(dims[0], dims[1:])),
        calls(
            ((), ((),), {}),
            ((2, 3), (1, 0), {}),
            ((1, 5), (1, 0), {}),
            ((2, 3, 4), ((2, 0, 1),), {}),
            ((2, 3, 0), (-1, 0, 1), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3), 0, 0), ValueError, "must name each of the 2 axes once"),
            ErrorCase(lambda op: op(ones(2, 3), 0, 2), IndexError, "`dims` is 2"),
        ),
        lambda torch, x, *dims: torch.permute(x, as_tuple(dims[0], dims[1:])),
        _permuted_by_shape,
    ),
    OpRecord(
        "transpose",
        ops.transpose,
        lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
        calls(
            ((), (0, 0), {}),
            ((2, 3), (0, 1), {}),
            ((1, 5), (0, 1), {}),
            ((2, 3, 4), (-1, 0), {}),
            ((0, 3), (1, 0), {}),
            ((2, 3), (1, 1), {}),
        ),
        KEEP_ALL,
        (ErrorCase(lambda op: op(ones(2, 3), 0, 2), IndexError, "`dim1` is 2"),),
        "transpose",
    ),
    OpRecord(
        "swapaxes",
        ops.swapaxes,
        lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
        calls(((2, 3), (0, 1), {}), ((1, 3, 2), (-1, 0), {}), ((0, 2), (0, 1), {}), ((), (0, -1), {})),
        KEEP_ALL,
        (ErrorCase(lambda op: op(ones(2, 3), 0, 2), IndexError, "`dim1` is 2"),),
        "swapaxes",
    ),
    OpRecord(
        "movedim",
        ops.movedim,
        lambda x, source, destination: np.moveaxis(x, source, destination) if x.ndim else x,
        calls(
            ((2, 3), (0, 1), {}),
            ((2, 3, 4), (0, -1), {}),
            ((2, 1, 4, 3), ((3, 0), (0, 2)), {}),
            ((2, 0, 4), ((0, 1, 2), (2, 0, 1)), {}),
            ((2, 3), ((), ()), {}),
            ((), (0, 0), {}),
        ),
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2, 3), (0, 1), 0), ValueError, "must pair distinct axes"),
            ErrorCase(lambda op: op(ones(2, 3), (0, 0), (0, 1)), ValueError, "must pair distinct axes"),
            ErrorCase(lambda op: op(ones(2, 3), 2, 0), IndexError, "`source` is 2"),
        ),
        "movedim",
    ),
    OpRecord(
        "broadcast_to",
        ops.broadcast_to,
        _expand,
        calls(
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
            ErrorCase(
                lambda op: op(ones(2, 3), 2, 4),
                ValueError,
                "shape (2, 3) does not stretch to `size` (2, 4)",
            ),
            ErrorCase(lambda op: op(ones(2, 3), 3), ValueError, "does not stretch"),
            ErrorCase(lambda op: op(ones(2), -1, 2), ValueError, "does not stretch"),
        ),
        lambda torch, x, *shape: x.expand(as_tuple(shape[0], shape[1:])),
        aliases=("expand",),
    ),
    OpRecord(
        "sum_to",
        ops.sum_to,
        _sum_to,
        calls(
            ((), ((),), {}),
            ((3, 4), ((4,),), {}),
            ((2, 3, 4), ((3, 1),), {}),
            ((2, 0), ((2, 1),), {}),
            ((3, 4), ((),), {}),
            ((1, 5), ((1, 1),), {}),
        ),
        FLOATS,
        (ErrorCase(lambda op: op(ones(2, 3), (2,)), ValueError, "`shape` (2,) does not broadcast to (2, 3)"),),
        lambda torch, x, shape: x.sum_to_size(shape),
        scale=2,
    ),
    OpRecord(
        "meshgrid",
        ops.meshgrid,
        lambda *xs, indexing="ij": tuple(np.meshgrid(*xs, indexing=indexing)),
        _meshgrid_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(ones(2), ones(2, 2)), ValueError, "`tensors` have shapes [(2,), (2, 2)]"),
            ErrorCase(lambda op: op([]), ValueError, "needs at least one"),
            ErrorCase(lambda op: op([ones(2), ones(2).double()]), TypeError, "one dtype"),
            ErrorCase(lambda op: op(ones(2), indexing="ji"), ValueError, "`indexing` is 'ji'"),
            ErrorCase(lambda op: op(ones(2), 1.0), TypeError, NOT_A_TENSOR),
        ),
        lambda torch, *xs, indexing="ij": torch.meshgrid(*xs, indexing=indexing),  # without it PyTorch warns
        scale=2,
    ),
    OpRecord(
        "clone",
        ops.clone,
        np.copy,
        calls(((), (), {}), ((0, 2), (), {}), ((2, 3), (), {}), ((1, 5), (), {})),
        KEEP_ALL,
        (ErrorCase(lambda op: op(1.0), TypeError, NOT_A_TENSOR),),
        "clone",
        lambda rng, shape: Sample((anything(rng, shape),)),
    ),
]
