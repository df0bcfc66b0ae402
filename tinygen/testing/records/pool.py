"""Records of pooling. The references are loops over windows, written from the definitions alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from tinygen.ops import pool as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, KEEP, Array, ErrorCase, OpRecord, Sample, distinct, within

_any = within(-1, 1)
_HALF = {**FLOATS, np.dtype(np.float16): np.dtype(np.float16)}
_INT64 = np.dtype(np.int64)


def _ones(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.ones(shape, dtype))


# References -----------------------------------------------------------------------------------------------------------


def _each(value: Any, axes: int) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return values * axes if len(values) == 1 else values


def _over(x: Array, counts: list[int], window: Callable[..., Any]) -> list[Array]:
    """Make (..., *counts) of what ``window(pictures, *numbers)`` gives for the window of these numbers."""
    made: list[Array] = []
    for at in product(*map(range, counts)):
        for i, value in enumerate(window(x, *at)):
            if len(made) == i:
                made.append(np.zeros((*x.shape[: x.ndim - len(counts)], *counts), np.asarray(value).dtype))
            made[i][(..., *at)] = value
    return made or [np.zeros((*x.shape[: x.ndim - len(counts)], *counts), d) for d in (x.dtype, np.int64)]


def _greatest(x: Array, places: list[list[int]]) -> tuple[Array, Array]:
    """The maximum over the product of ``places`` of the last axes, and its flat place; NaN is greatest."""
    lengths = x.shape[x.ndim - len(places) :]
    flat = np.array([np.ravel_multi_index(p, lengths) for p in product(*places)])
    values = x.reshape(*x.shape[: x.ndim - len(places)], math.prod(lengths))[..., flat]
    best = np.argmax(values, -1)  # the first; the first NaN too, but it is the last that counts
    nan = np.isnan(values)
    best = np.where(nan.any(-1), values.shape[-1] - 1 - np.argmax(nan[..., ::-1], -1), best)
    return np.take_along_axis(values, best[..., None], -1)[..., 0], flat[best]


def _count(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    exact = (n + 2 * p - d * (k - 1) - 1) / s + 1
    count = math.ceil(exact) if ceil_mode else math.floor(exact)
    return count - 1 if ceil_mode and (count - 1) * s >= n + p else count


def _max_pool(axes: int) -> Callable[..., Any]:
    def reference(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        n, k, p, d = x.shape[-axes:], *(_each(v, axes) for v in (kernel_size, padding, dilation))
        s = k if stride is None else _each(stride, axes)

        def window(x: Array, *at: int) -> tuple[Array, Array]:
            places = []
            for i, o in enumerate(at):
                all_ = [o * s[i] - p[i] + j * d[i] for j in range(k[i])]
                places.append([q for q in all_ if 0 <= q < n[i]])
            return _greatest(x, places)

        y, winners = _over(x, [_count(*z, ceil_mode) for z in zip(n, k, s, p, d, strict=True)], window)
        return (y, winners) if return_indices else y

    return reference


def _avg_pool(axes: int) -> Callable[..., Any]:
    def reference(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:
        n, k, p = x.shape[-axes:], *(_each(v, axes) for v in (kernel_size, padding))
        s = k if stride is None else _each(stride, axes)

        def window(x: Array, *at: int) -> tuple[Array]:
            places, counted = [], []
            for i, o in enumerate(at):
                all_ = range(o * s[i] - p[i], o * s[i] - p[i] + k[i])
                inside = [q for q in all_ if 0 <= q < n[i]]
                padded = [q for q in all_ if -p[i] <= q < n[i] + p[i]]
                places.append(inside)
                counted.append(len(padded if count_include_pad else inside))
            total = x[(..., *np.ix_(*places))].sum(tuple(range(-axes, 0)))
            return (total / (divisor_override or math.prod(counted)),)

        return _over(x, [_count(*z, 1, ceil_mode) for z in zip(n, k, s, p, strict=True)], window)[0]

    return reference


def _shares(n: int, out: int) -> list[list[int]]:
    return [list(range(math.floor(o * n / out), math.ceil((o + 1) * n / out))) for o in range(out)]


def _adaptive(axes: int, greatest: bool) -> Callable[..., Any]:
    def reference(x: Array, output_size: Any, return_indices: bool = False) -> Any:
        outs = [n if o is None else o for n, o in zip(x.shape[-axes:], _each(output_size, axes), strict=True)]
        shares = [_shares(n, out) for n, out in zip(x.shape[-axes:], outs, strict=True)]

        def window(x: Array, *at: int) -> tuple[Array, ...]:
            places = [share[o] for share, o in zip(shares, at, strict=True)]
            if greatest:
                return _greatest(x, places)
            return (x[(..., *np.ix_(*places))].mean(tuple(range(-axes, 0))),)

        made = _over(x, outs, window)
        return tuple(made) if greatest and return_indices else made[0]

    return reference


# Samples --------------------------------------------------------------------------------------------------------------

_TIES = np.array([[1.0, 1, 0, 1], [1, 1, 0, 0], [-2, -2, 0, 0], [-2, -2, 0, 2]])


def _max_options(axes: int) -> Callable[[np.random.Generator], list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        x = distinct(rng, (2, 3, 7, 8)[: axes + 2])
        both = (3, 2)[:axes]
        calls = [
            Sample((x, 2), {"return_indices": True}),
            Sample((x, both, 2, 1), {"return_indices": True}),
            Sample((x, 3), {"stride": 2, "ceil_mode": True, "return_indices": True}),
            Sample((x, both), {"stride": 1, "padding": 1, "dilation": 2}),
            Sample((x, 2), {"stride": (4, 3)[:axes], "ceil_mode": True}),
            Sample((x[0], 2, 1), {"return_indices": True}),
            Sample((x[:0], 2), {"return_indices": True}),
            Sample((distinct(rng, (1, 1, 2, 4)[-axes - 2 :]), 2)),
            Sample((distinct(rng, (2, 3, 6, 4)[: axes + 2]), 2), gaps=True),
            Sample((distinct(rng, (6, 4, 3, 2)[-axes - 2 :]).T, (1, 2)[-axes:])),
        ]
        ties = _TIES if axes == 1 else _TIES[None]
        for k in (1, 2, 4):
            calls.append(Sample((ties, k), {"stride": 1, "padding": k // 2, "return_indices": True}, gradients=False))
        return [*calls, Sample((distinct(rng, (2, 3, 17, 19)[: axes + 2]), 3, 2, 1))]

    return samples


def _avg_options(axes: int) -> Callable[[np.random.Generator], list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        x = _any(rng, (2, 3, 7, 8)[: axes + 2])
        both = (3, 2)[:axes]
        calls = [
            Sample((x, 2)),
            Sample((x, both, 2, 1)),
            Sample((x, both, 2, 1), {"count_include_pad": False}),
            Sample((x, 3, 2, 1), {"ceil_mode": True}),
            Sample((x, 3, 2, 1), {"ceil_mode": True, "count_include_pad": False}),
            Sample((x, 2), {"stride": (4, 3)[:axes], "ceil_mode": True}),
            Sample((x[0], 2, 1)),
            Sample((x[:0], 2)),
            Sample((_any(rng, (1, 1, 2, 4)[-axes - 2 :]), 2)),
            Sample((_any(rng, (2, 3, 6, 4)[: axes + 2]), 2), gaps=True),
            Sample((_any(rng, (6, 4, 3, 2)[-axes - 2 :]).T, (1, 2)[-axes:])),
            Sample((_any(rng, (2, 3, 17, 19)[: axes + 2]), 3, 2, 1)),
        ]
        if axes == 2:
            calls += [Sample((x, 2), {"divisor_override": d}) for d in (3, -1)]
        return calls

    return samples


def _adaptive_options(axes: int, draw: Any, indices: bool) -> Callable[[np.random.Generator], list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        x = draw(rng, (2, 3, 7, 6)[: axes + 2])
        calls = [Sample((x, out)) for out in (1, 3, 7, 9, (3, 4)[:axes])]
        calls.append(Sample((x, 0), against_torch=False))  # PyTorch has the value, but no gradient
        calls += [Sample((x, (None, 4)))] if axes == 2 else []
        calls += [Sample((x[0], 2)), Sample((x[:0], 2)), Sample((draw(rng, (1, 1, 2, 5)[-axes - 2 :]), 2))]
        if indices:
            calls += [Sample((x, out), {"return_indices": True}) for out in (1, 3, (3, 4)[:axes])]
            ties = _TIES if axes == 1 else _TIES[None]
            calls += [Sample((ties, out), {"return_indices": True}, gradients=False) for out in (1, 3)]
        calls.append(Sample((draw(rng, (2, 3, 6, 4)[: axes + 2]), 4), gaps=True))
        calls.append(Sample((draw(rng, (6, 4, 3, 2)[-axes - 2 :]).T, 3)))
        return [*calls, Sample((draw(rng, (2, 3, 17, 19)[: axes + 2]), 5))]

    return samples


def _drawn(axes: int, draw: Any, sizes: bool = False) -> Callable[[np.random.Generator, tuple[int, ...]], Sample]:
    """A call on data whose first lengths are those of the shape, with drawn options."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
        first, *rest = (*shape, 3, 2, 4, 3)[: axes + 2]
        x = draw(rng, (first, *[max(n, 1) for n in rest]))
        if sizes:
            return Sample((x, tuple(int(rng.integers(1, 6)) for _ in range(axes))))
        kernel = tuple(int(rng.integers(1, n + 1)) for n in x.shape[-axes:])
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        return Sample((x, kernel, int(rng.integers(1, 4)), padding), {"ceil_mode": bool(rng.integers(2))})

    return sample


# Errors ---------------------------------------------------------------------------------------------------------------


def _sliding_errors(axes: int) -> tuple[ErrorCase, ...]:
    x, more = (2, 3, 5, 5)[: axes + 2], (1,) * (axes + 3)
    return (
        ErrorCase(lambda op: op(_ones(5), 2), ValueError, "`input` has shape (5,); it must be (N, C, "),
        ErrorCase(lambda op: op(_ones(*more), 1), ValueError, f"`input` has shape {more}"),
        ErrorCase(lambda op: op(_ones(2, 0, *x[2:]), 1), ValueError, "must be at least 1"),
        ErrorCase(lambda op: op(_ones(*x), 6), ValueError, "does not fit an axis of length 5"),
        ErrorCase(lambda op: op(_ones(*x), 0), ValueError, "`kernel_size` is 0"),
        ErrorCase(lambda op: op(_ones(*x), 2.0), TypeError, "`kernel_size` is 2.0"),
        ErrorCase(lambda op: op(_ones(*x), (2, 2, 2)), ValueError, "`kernel_size` is (2, 2, 2)"),
        ErrorCase(lambda op: op(_ones(*x), 2, 0), ValueError, "`stride` is 0"),
        ErrorCase(lambda op: op(_ones(*x), 2, 1, -1), ValueError, "`padding` is -1"),
        ErrorCase(lambda op: op(_ones(*x), 3, 1, 2), ValueError, "`padding` is 2; it must be at most half"),
        ErrorCase(lambda op: op(_ones(*x, dtype=np.bool_), 2), TypeError, "`input` is bool"),
        ErrorCase(lambda op: op(np.ones(x), 2), TypeError, "`input` must be a Tensor"),
    )


def _max_errors(axes: int) -> tuple[ErrorCase, ...]:
    return (
        *_sliding_errors(axes),
        ErrorCase(lambda op: op(_ones(*(2, 3, 5, 5)[: axes + 2]), 2, 1, 0, 0), ValueError, "`dilation` is 0"),
        ErrorCase(lambda op: op(_ones(1, *(1,) * axes), 2, 2, 1, 3, True), ValueError, "does not fit an axis"),
    )


def _avg_errors(axes: int) -> tuple[ErrorCase, ...]:
    x = (2, 3, 5, 5)[: axes + 2]
    return (
        *_sliding_errors(axes),
        ErrorCase(lambda op: op(_ones(*x, dtype=np.int64), 2), TypeError, "`input` is int64"),
    )


def _adaptive_errors(axes: int) -> tuple[ErrorCase, ...]:
    x = (2, 3, 5, 5)[: axes + 2]
    return (
        ErrorCase(lambda op: op(_ones(5), 2), ValueError, "`input` has shape (5,); it must be (N, C, "),
        ErrorCase(lambda op: op(_ones(*x[:-1], 0), 2), ValueError, "must be at least 1"),
        ErrorCase(lambda op: op(_ones(*x), -1), ValueError, "`output_size` is (-1"),
        ErrorCase(lambda op: op(_ones(*x), (1, 2, 3)), ValueError, "`output_size` is (1, 2, 3)"),
        ErrorCase(lambda op: op(_ones(*x), 2.0), TypeError, "`output_size` is (2.0"),
        ErrorCase(lambda op: op(_ones(*x, dtype=np.int64), 2), TypeError, "`input` is int64"),
        ErrorCase(lambda op: op(np.ones(x), 2), TypeError, "`input` must be a Tensor"),
    )


def _torch_max_pool1d(torch: Any, *inputs: Any, return_indices: bool = False, **settings: Any) -> Any:
    """PyTorch's takes integers only where it returns the places too."""
    both = torch.nn.functional.max_pool1d(*inputs, return_indices=True, **settings)
    return both if return_indices else both[0]


_ZERO = ErrorCase(lambda op: op(_ones(1, 5, 5), 2, divisor_override=0), ValueError, "`divisor_override` is 0")
_HALVES = ErrorCase(lambda op: op(_ones(1, 5, 5), 2, divisor_override=1.5), TypeError, "`divisor_override` is 1.5")
_NONE = ErrorCase(lambda op: op(_ones(1, 5), None), TypeError, "`output_size` is (None,)")

RECORDS = [
    *[
        OpRecord(
            f"max_pool{axes}d",
            op,
            _max_pool(axes),
            _max_options(axes),
            {dtype: (dtype, _INT64) for dtype in KEEP},
            _max_errors(axes),
            torch,
            _drawn(axes, distinct),
        )
        for axes, op, torch in (
            (1, ops.max_pool1d, _torch_max_pool1d),
            (2, ops.max_pool2d, "nn.functional.max_pool2d"),
        )
    ],
    *[
        OpRecord(
            f"avg_pool{axes}d",
            op,
            _avg_pool(axes),
            _avg_options(axes),
            _HALF,
            (*_avg_errors(axes), *extra),
            f"nn.functional.avg_pool{axes}d",
            _drawn(axes, _any),
        )
        for axes, op, extra in ((1, ops.avg_pool1d, ()), (2, ops.avg_pool2d, (_ZERO, _HALVES)))
    ],
    *[
        OpRecord(
            f"adaptive_avg_pool{axes}d",
            op,
            _adaptive(axes, greatest=False),
            _adaptive_options(axes, _any, indices=False),
            _HALF,
            (*_adaptive_errors(axes), *extra),
            f"nn.functional.adaptive_avg_pool{axes}d",
            _drawn(axes, _any, sizes=True),
        )
        for axes, op, extra in ((1, ops.adaptive_avg_pool1d, (_NONE,)), (2, ops.adaptive_avg_pool2d, ()))
    ],
    *[
        OpRecord(
            f"adaptive_max_pool{axes}d",
            op,
            _adaptive(axes, greatest=True),
            _adaptive_options(axes, distinct, indices=True),
            {dtype: (dtype, _INT64) for dtype in _HALF},
            (*_adaptive_errors(axes), *extra),
            f"nn.functional.adaptive_max_pool{axes}d",
            _drawn(axes, distinct, sizes=True),
        )
        for axes, op, extra in ((1, ops.adaptive_max_pool1d, (_NONE,)), (2, ops.adaptive_max_pool2d, ()))
    ],
]
