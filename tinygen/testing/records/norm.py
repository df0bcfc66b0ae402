"""Records of normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.ops import norm as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, Array, ErrorCase, OpRecord, Sample, within

_any = within(-2, 2)
_positive = within(0.5, 2)
_DTYPES = {**FLOATS, np.dtype(np.float16): np.dtype(np.float16)}


def _ones(*shape: int, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    return Tensor(np.ones(shape, dtype), requires_grad)


def _standard(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    n = max(math.prod(x.shape[a] for a in axes), 1)
    mean = np.sum(x, axes, keepdims=True) / n
    variance = np.sum((x - mean) ** 2, axes, keepdims=True) / n
    return (x - mean) / np.sqrt(variance + eps)


def _by_channel(y: Array, weight: Array | None, bias: Array | None) -> Array:
    channels_last = np.moveaxis(y, 1, -1)
    if weight is not None:
        channels_last = channels_last * weight
    if bias is not None:
        channels_last = channels_last + bias
    return np.moveaxis(channels_last, -1, 1)


def _with_running(x: Array, mean: Array, var: Array, weight: Any, bias: Any, eps: float) -> Array:
    return _by_channel(np.moveaxis((np.moveaxis(x, 1, -1) - mean) / np.sqrt(var + eps), -1, 1), weight, bias)


def _batch_norm(
    x: Array,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    if not training:
        return _with_running(x, mean, var, weight, bias, eps)
    return _by_channel(_standard(x, (0, *range(2, x.ndim)), eps), weight, bias)


def _instance_norm(
    x: Array,
    mean: Any = None,
    var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    if not use_input_stats:
        return _with_running(x, mean, var, weight, bias, eps)
    return _by_channel(_standard(x, tuple(range(2, x.ndim)), eps), weight, bias)


def _layer_norm(x: Array, shape: tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    y = _standard(x, tuple(range(x.ndim - len(shape), x.ndim)), eps)
    return y * (1 if weight is None else weight) + (0 if bias is None else bias)


def _group_norm(x: Array, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    y = np.empty(x.shape)
    size = x.shape[1] // groups
    for n in range(x.shape[0]):
        for first in range(0, x.shape[1], max(size, 1)):
            part = x[n, first : first + size]
            y[n, first : first + size] = _standard(part, tuple(range(part.ndim)), eps)
    return _by_channel(y, weight, bias)


def _vectors(rng: np.random.Generator, channels: int) -> tuple[Array, Array]:
    return _positive(rng, (channels,)), _any(rng, (channels,))


def _batch_samples(rng: np.random.Generator) -> list[Sample]:
    training = {"training": True}
    calls = [Sample((_any(rng, s), None, None), training) for s in ((5, 3), (1, 1, 6), (2, 3, 2, 3), (2, 1, 2, 1, 3))]
    for shape in ((4, 3), (2, 3, 4), (3, 2, 2, 3), (0, 3), (2, 3, 0), (2, 0, 3)):
        # without channels PyTorch raises
        some = shape[1] > 0
        calls.append(Sample((_any(rng, shape), None, None, *_vectors(rng, shape[1])), training, against_torch=some))
        mean, var = _any(rng, shape[1:2]), _positive(rng, shape[1:2])
        calls.append(Sample((_any(rng, shape), mean, var, *_vectors(rng, shape[1])), fixed=(1, 2), against_torch=some))
    mean, var, weight, bias = _any(rng, (3,)), _positive(rng, (3,)), _positive(rng, (3,)), _any(rng, (3,))
    x = _any(rng, (4, 3))
    calls += [Sample((x, mean, var), {"eps": 0.0}, fixed=(1, 2)), Sample((x, mean, var, None, bias), fixed=(1, 2))]
    calls += [Sample((x, None, None, weight), {**training, "eps": 0.1}), Sample((x, None, None, None, bias), training)]
    calls += [Sample((_any(rng, (4, 3, 5)), None, None, weight, bias), training, gaps=True)]
    calls += [Sample((np.moveaxis(_any(rng, (2, 4, 3)), 2, 1), None, None, weight, bias), training)]
    return [*calls, Sample((_any(rng, (8, 6, 7, 9)), None, None, *_vectors(rng, 6)), training)]


def _instance_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [
        Sample((_any(rng, s),)) for s in ((1, 1, 6), (2, 3, 4), (2, 2, 2, 3), (1, 2, 2, 1, 3), (0, 3, 2), (2, 3, 0))
    ]
    for shape in ((2, 3, 4), (2, 2, 3, 2)):
        mean, var = _any(rng, shape[1:2]), _positive(rng, shape[1:2])
        calls.append(Sample((_any(rng, shape), None, None, *_vectors(rng, shape[1])), {"eps": 0.01}))
        calls.append(
            Sample((_any(rng, shape), mean, var, *_vectors(rng, shape[1])), {"use_input_stats": False}, fixed=(1, 2))
        )
    calls += [Sample((_any(rng, (2, 3, 4)), None, None, *_vectors(rng, 3)), gaps=True)]
    return [*calls, Sample((_any(rng, (4, 5, 11, 13)), None, None, *_vectors(rng, 5)))]


def _layer_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [Sample((_any(rng, s), s[-1:])) for s in ((5,), (1, 5), (3, 4), (2, 3, 4), (0, 4), (3, 1))]
    for shape, last in (((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((2, 2, 1, 3), (1, 3)), ((2, 3), (2, 3)), ((2, 0), (0,))):
        calls.append(Sample((_any(rng, shape), last, _positive(rng, last), _any(rng, last)), {"eps": 0.01}))
    calls += [
        Sample((_any(rng, (3, 4)), (4,), None, _any(rng, (4,)))),
        Sample((_any(rng, (3, 4)), (4,), _any(rng, (4,)))),
    ]
    calls += [Sample((_any(rng, (3, 5)), (5,), _positive(rng, (5,)), _any(rng, (5,))), gaps=True)]
    calls += [Sample((_any(rng, (4, 3)).T, (4,)))]
    return [*calls, Sample((_any(rng, (37, 65)), (65,), _positive(rng, (65,)), _any(rng, (65,))))]


def _group_samples(rng: np.random.Generator) -> list[Sample]:
    calls = [
        Sample((_any(rng, s), g))
        for s, g in (((2, 6), 2), ((1, 4, 3), 1), ((2, 4, 3), 4), ((1, 4, 2, 2), 2), ((0, 4, 2), 2), ((2, 4, 0), 2))
    ]
    for shape, groups in (((2, 6), 2), ((2, 4, 3), 2), ((1, 4, 2, 3), 4)):
        calls.append(Sample((_any(rng, shape), groups, *_vectors(rng, shape[1])), {"eps": 0.01}))
    calls += [Sample((_any(rng, (2, 4, 3)), 2, *_vectors(rng, 4)), gaps=True)]
    calls += [Sample((np.moveaxis(_any(rng, (2, 3, 4)), 2, 1), 2, _any(rng, (4,))))]
    return [*calls, Sample((_any(rng, (3, 8, 9, 7)), 4, *_vectors(rng, 8)))]


def _layer_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    shape = shape or (3,)
    return Sample((_any(rng, shape), shape[-1:], _any(rng, shape[-1:]), _any(rng, shape[-1:])), {"eps": 1.0})


_RUNNING_ERRORS = (
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3), None), ValueError, "both be given or both be None"),
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(2), _ones(3)), ValueError, "`running_mean` has shape (2,)"),
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3), _ones(1)), ValueError, "`running_var` has shape (1,)"),
    ErrorCase(
        lambda op: op(_ones(2, 3, 4), _ones(3, requires_grad=True), _ones(3)), RuntimeError, "`running_mean` requires"
    ),
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3), _ones(3), _ones(4)), ValueError, "`weight` has shape (4,)"),
    ErrorCase(
        lambda op: op(_ones(2, 3, 4), _ones(3), _ones(3), None, _ones(3, 1)), ValueError, "`bias` has shape (3, 1)"
    ),
    ErrorCase(lambda op: op(_ones(3), _ones(3), _ones(3)), ValueError, "`input` has shape (3,)"),
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3), _ones(3), eps=-1e-5), ValueError, "`eps` is -1e-05"),
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3), _ones(3), momentum=None), TypeError, "`momentum` is None"),
    ErrorCase(lambda op: op(_ones(2, 3, 4), _ones(3), np.ones(3)), TypeError, "`running_var` must be a Tensor"),
    ErrorCase(
        lambda op: op(_ones(2, 3, 4), _ones(3, dtype=np.float64), _ones(3)),
        TypeError,
        "`running_mean` has dtype float64",
    ),
    ErrorCase(lambda op: op(_ones(2, 3, 4, dtype=np.int64), None, None), TypeError, "`input` has dtype int64"),
)

RECORDS = [
    OpRecord(
        "batch_norm",
        ops.batch_norm,
        _batch_norm,
        _batch_samples,
        _DTYPES,
        (
            *_RUNNING_ERRORS,
            ErrorCase(lambda op: op(_ones(2, 3), None, None), ValueError, "`running_mean` and `running_var` are None"),
            ErrorCase(
                lambda op: op(_ones(1, 3), None, None, training=True), ValueError, "more than one value per channel"
            ),
            ErrorCase(lambda op: op(_ones(2, 3), None, None, training=True, eps=0), ValueError, "`eps` is 0"),
        ),
        "nn.functional.batch_norm",
        scale=4,
    ),
    OpRecord(
        "layer_norm",
        ops.layer_norm,
        _layer_norm,
        _layer_samples,
        _DTYPES,
        (
            ErrorCase(lambda op: op(_ones(2, 3), 3), TypeError, "`normalized_shape` is 3"),
            ErrorCase(lambda op: op(_ones(2, 3), (2,)), ValueError, "`normalized_shape` is (2,)"),
            ErrorCase(lambda op: op(_ones(2, 3), ()), ValueError, "`normalized_shape` is ()"),
            ErrorCase(lambda op: op(_ones(3), (2, 3)), ValueError, "`normalized_shape` is (2, 3)"),
            ErrorCase(lambda op: op(_ones(2, 3), (3,), _ones(2)), ValueError, "`weight` has shape (2,)"),
            ErrorCase(lambda op: op(_ones(2, 3), (2, 3), None, _ones(3)), ValueError, "`bias` has shape (3,)"),
            ErrorCase(lambda op: op(_ones(2, 3), (3,), eps=-1), ValueError, "`eps` is -1"),
            ErrorCase(lambda op: op(_ones(2, 3, dtype=bool), (3,)), TypeError, "`input` has dtype bool"),
            ErrorCase(
                lambda op: op(_ones(2, 3), (3,), _ones(3, dtype=np.float64)), TypeError, "`weight` has dtype float64"
            ),
        ),
        "nn.functional.layer_norm",
        _layer_by_shape,
        scale=4,
    ),
    OpRecord(
        "instance_norm",
        ops.instance_norm,
        _instance_norm,
        _instance_samples,
        _DTYPES,
        (
            *_RUNNING_ERRORS,
            ErrorCase(lambda op: op(_ones(2, 3, 1)), ValueError, "more than one place per channel"),
            ErrorCase(lambda op: op(_ones(2, 3)), ValueError, "more than one place per channel"),
            ErrorCase(
                lambda op: op(_ones(2, 3, 4), use_input_stats=False), ValueError, "`running_mean` and `running_var` are"
            ),
        ),
        "nn.functional.instance_norm",
        scale=4,
    ),
    OpRecord(
        "group_norm",
        ops.group_norm,
        _group_norm,
        _group_samples,
        _DTYPES,
        (
            ErrorCase(lambda op: op(_ones(2, 4), 3), ValueError, "`num_groups` is 3"),
            ErrorCase(lambda op: op(_ones(2, 4), 0), ValueError, "`num_groups` is 0"),
            ErrorCase(lambda op: op(_ones(2, 4), 2.0), TypeError, "`num_groups` is 2.0"),
            ErrorCase(lambda op: op(_ones(4), 2), ValueError, "`input` has shape (4,)"),
            ErrorCase(lambda op: op(_ones(1, 4), 4), ValueError, "more than one value per group"),
            ErrorCase(lambda op: op(_ones(2, 4), 2, _ones(2)), ValueError, "`weight` has shape (2,)"),
            ErrorCase(lambda op: op(_ones(2, 4), 2, eps=math.nan), ValueError, "`eps` is nan"),
            ErrorCase(lambda op: op(_ones(2, 4, dtype=np.uint8), 2), TypeError, "`input` has dtype uint8"),
        ),
        "nn.functional.group_norm",
        scale=4,
    ),
]
