"""Records of resizing. The reference sums over all inputs for every output, straight from the definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.ops import resize as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, KEEP_ALL, Array, ErrorCase, OpRecord, Sample, within

_any = within(-1, 1)


def _ones(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.ones(shape, dtype))


# References -----------------------------------------------------------------------------------------------------------


def _triangle(d: float) -> float:
    return max(1 - abs(d), 0.0)


def _keys(d: float, a: float) -> float:
    d = abs(d)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def _lanczos(d: float) -> float:
    return float(np.sinc(d) * np.sinc(d / 3)) if abs(d) < 3 else 0.0


def _filter(mode: str, d: float, antialias: bool) -> float:
    if mode == "lanczos":
        return _lanczos(d)
    return _keys(d, -0.5 if antialias else -0.75) if mode == "bicubic" else _triangle(d)


def _weights(n: int, out: int, mode: str, aligned: bool, factor: float | None, antialias: bool) -> Array:
    """The (out, n) matrix."""
    w = np.zeros((out, n))
    step = n / out if factor is None else 1 / factor
    if aligned:
        step = (n - 1) / (out - 1) if out > 1 else 0.0
    for o in range(out):
        if mode == "area":
            first, end = math.floor(o * n / out), math.ceil((o + 1) * n / out)
            w[o, first:end] = 1 / (end - first)
        elif mode.startswith("nearest"):
            w[o, min(math.floor((o + (0.5 if mode == "nearest-exact" else 0)) * step + 1e-9), n - 1)] = 1
        elif antialias:
            place, wide = (o + 0.5) * step - 0.5, max(step, 1.0)
            w[o] = [_filter(mode, (i - place) / wide, True) for i in range(n)]
            w[o] /= w[o].sum()
        else:
            place = o * step if aligned else (o + 0.5) * step - 0.5
            for i in range(math.floor(place) - 3, math.floor(place) + 5):  # outside the border's value counts
                w[o, min(max(i, 0), n - 1)] += _filter(mode, i - place, False)
    return w


def _interpolate(
    x: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    axes = x.ndim - 2
    scales = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * axes
    outs = size if isinstance(size, tuple) else (size,) * axes
    dtype = x.dtype
    for axis, (out, scale) in enumerate(zip(outs, scales, strict=True), start=2):
        n = x.shape[axis]
        out = math.floor(n * scale) if out is None else out
        factor = None if recompute_scale_factor or mode == "area" else scale
        w = _weights(n, out, mode, bool(align_corners), factor, antialias)
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ w.T, -1, axis)
    return x.astype(dtype)


def _shuffle(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    y = np.zeros((*lead, c // r**2, h * r, w * r), x.dtype)
    for k in range(c):
        y[..., k // r**2, k // r % r :: r, k % r :: r] = x[..., k, :, :]
    return y


def _unshuffle(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    y = np.zeros((*lead, c * r**2, h // r, w // r), x.dtype)
    for k in range(c * r**2):
        y[..., k, :, :] = x[..., k // r**2, k // r % r :: r, k % r :: r]
    return y


# Samples --------------------------------------------------------------------------------------------------------------


def _interpolate_samples(rng: np.random.Generator) -> list[Sample]:
    line, picture, volume = _any(rng, (2, 3, 7)), _any(rng, (2, 2, 5, 7)), _any(rng, (1, 2, 2, 3, 4))
    calls = []
    for mode in ("nearest", "nearest-exact", "area", "linear"):
        calls += [Sample((line, out), {"mode": mode}) for out in (1, 4, 11)]
        calls += [Sample((line,), {"scale_factor": 1.7, "mode": mode})]
    for mode in ("nearest", "nearest-exact", "area", "bilinear", "bicubic"):
        calls += [Sample((picture, out), {"mode": mode}) for out in ((3, 4), (11, 7))]
        calls += [Sample((picture,), {"scale_factor": (0.7, 2.0), "mode": mode})]
    for mode in ("nearest", "nearest-exact", "area", "trilinear"):
        calls += [Sample((volume, (3, 2, 6)), {"mode": mode})]
    calls += [
        Sample((picture, (8, 3)), {"mode": mode, "align_corners": True}) for mode in ("bilinear", "bicubic")
    ]
    calls += [Sample((line, out), {"mode": "linear", "align_corners": True}) for out in (1, 7, 12)]
    for mode in ("bilinear", "bicubic", "lanczos"):
        calls += [Sample((picture, out), {"mode": mode, "antialias": True}) for out in ((2, 3), (3, 10))]
    calls += [
        Sample((picture,), {"scale_factor": 1.3, "mode": "bilinear", "recompute_scale_factor": True}),
        Sample((picture,), {"scale_factor": (0.7, 0.4), "mode": "bicubic", "antialias": True}),
        Sample((line[:0], 3), {"mode": "linear"}),
        Sample((_any(rng, (1, 1, 1)), 4), {"mode": "linear"}),
        Sample((_any(rng, (2, 2, 3, 4)), (5, 6)), {"mode": "bilinear"}, gaps=True),
        Sample((_any(rng, (2, 2, 3, 4)), 6), gaps=True),
        Sample((_any(rng, (4, 3, 2)).T, 5), {"mode": "linear"}),
        Sample((_any(rng, (1, 3, 17, 19)), (11, 23)), {"mode": "bilinear"}),
    ]
    return calls


def _shuffle_samples(rng: np.random.Generator) -> list[Sample]:
    shapes: list[tuple[int, ...]] = [(2, 8, 3, 2), (4, 1, 5), (2, 1, 4, 2, 2), (0, 4, 2, 2), (4, 0, 2), (1, 12, 17, 9)]
    # PyTorch's shapes and gradients without elements are wrong
    calls = [Sample((_any(rng, shape), 2), against_torch=0 not in shape) for shape in shapes]
    calls += [Sample((_any(rng, (2, 9, 2, 1)), 3)), Sample((_any(rng, (2, 3, 2)), 1))]
    return [*calls, Sample((_any(rng, (4, 3, 2)), 2), gaps=True), Sample((_any(rng, (2, 3, 4)).T, 2))]


def _unshuffle_samples(rng: np.random.Generator) -> list[Sample]:
    shapes: list[tuple[int, ...]] = [(2, 2, 6, 4), (3, 2, 2), (2, 1, 1, 4, 4), (0, 4, 2, 2), (4, 0, 2), (1, 3, 34, 18)]
    # PyTorch's shapes and gradients without elements are wrong
    calls = [Sample((_any(rng, shape), 2), against_torch=0 not in shape) for shape in shapes]
    calls += [Sample((_any(rng, (2, 1, 6, 3)), 3)), Sample((_any(rng, (2, 3, 2)), 1))]
    return [*calls, Sample((_any(rng, (3, 4, 2)), 2), gaps=True), Sample((_any(rng, (2, 4, 3)).T, 2))]


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    first, *rest = (*shape, 3, 2, 4, 3)[:4]
    x = _any(rng, (first, *[max(n, 1) for n in rest]))
    mode = ("nearest", "area", "bilinear", "bicubic")[rng.integers(4)]
    return Sample((x, tuple(int(rng.integers(1, 7)) for _ in range(2))), {"mode": mode})


# Records --------------------------------------------------------------------------------------------------------------

_LINE, _PICTURE = _ones(1, 1, 4), _ones(1, 1, 4, 4)

RECORDS = [
    OpRecord(
        "interpolate",
        ops.interpolate,
        _interpolate,
        _interpolate_samples,
        FLOATS,
        (
            ErrorCase(lambda op: op(_LINE), ValueError, "`size` is None and `scale_factor` None"),
            ErrorCase(lambda op: op(_LINE, 2, 2.0), ValueError, "give one of the two"),
            ErrorCase(lambda op: op(_LINE, 2, mode="linaer"), ValueError, "`mode` is 'linaer'; valid are nearest"),
            ErrorCase(lambda op: op(_LINE, 2, mode="bilinear"), ValueError, "it must be (N, C, H, W)"),
            ErrorCase(lambda op: op(_PICTURE, 2, mode="linear"), ValueError, "it must be (N, C, L)"),
            ErrorCase(lambda op: op(_ones(4, 4), 2), ValueError, "`input` has shape (4, 4)"),
            ErrorCase(lambda op: op(_ones(1, 1, 0), 2), ValueError, "lengths must be at least 1, but for N"),
            ErrorCase(lambda op: op(_LINE, 0), ValueError, "`size` is 0"),
            ErrorCase(lambda op: op(_LINE, 2.0), TypeError, "`size` is 2.0"),
            ErrorCase(lambda op: op(_PICTURE, (2,)), ValueError, "`size` is (2,); it must be one number or 2"),
            ErrorCase(lambda op: op(_PICTURE, (2, 2, 2)), ValueError, "`size` is (2, 2, 2)"),
            ErrorCase(lambda op: op(_LINE, scale_factor=0.0), ValueError, "`scale_factor` is 0.0"),
            ErrorCase(lambda op: op(_LINE, scale_factor=0.1), ValueError, "`scale_factor` is 0.1; it makes (0,)"),
            ErrorCase(lambda op: op(_LINE, scale_factor=math.nan), ValueError, "`scale_factor` is nan"),
            ErrorCase(lambda op: op(_LINE, scale_factor="2"), TypeError, "`scale_factor` is '2'"),
            ErrorCase(lambda op: op(_PICTURE, scale_factor=(2.0,)), ValueError, "`scale_factor` is (2.0,)"),
            ErrorCase(lambda op: op(_LINE, 2, align_corners=True), ValueError, "`align_corners` is True"),
            ErrorCase(lambda op: op(_LINE, 2, recompute_scale_factor=True), ValueError, "`recompute_scale_factor`"),
            ErrorCase(lambda op: op(_PICTURE, 2, antialias=True), ValueError, "`antialias` is True"),
            ErrorCase(lambda op: op(_PICTURE, 2, mode="lanczos"), ValueError, "`antialias` is False"),
            ErrorCase(lambda op: op(_ones(1, 1, 4, dtype=np.int64), 2), TypeError, "`input` is int64"),
            ErrorCase(
                lambda op: op(_ones(1, 1, 4, dtype=np.uint8), 2, mode="linear"), TypeError, "`input` is uint8"
            ),
            ErrorCase(lambda op: op(np.ones((1, 1, 4)), 2), TypeError, "`input` must be a Tensor"),
        ),
        "nn.functional.interpolate",
        _drawn,
        scale=4,
    ),
    OpRecord(
        "pixel_shuffle",
        ops.pixel_shuffle,
        _shuffle,
        _shuffle_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(_ones(3, 2, 2), 2), ValueError, "`input` has shape (3, 2, 2)"),
            ErrorCase(lambda op: op(_ones(4, 2), 2), ValueError, "`input` has shape (4, 2)"),
            ErrorCase(lambda op: op(_ones(4, 2, 2), 0), ValueError, "`upscale_factor` is 0"),
            ErrorCase(lambda op: op(_ones(4, 2, 2), 2.0), TypeError, "`upscale_factor` is 2.0"),
            ErrorCase(lambda op: op(np.ones((4, 2, 2)), 2), TypeError, "`input` must be a Tensor"),
        ),
        "pixel_shuffle",
    ),
    OpRecord(
        "pixel_unshuffle",
        ops.pixel_unshuffle,
        _unshuffle,
        _unshuffle_samples,
        KEEP_ALL,
        (
            ErrorCase(lambda op: op(_ones(1, 3, 2), 2), ValueError, "`input` has shape (1, 3, 2)"),
            ErrorCase(lambda op: op(_ones(2, 2), 2), ValueError, "`input` has shape (2, 2)"),
            ErrorCase(lambda op: op(_ones(4, 2, 2), -1), ValueError, "`downscale_factor` is -1"),
            ErrorCase(lambda op: op(_ones(4, 2, 2), 2.0), TypeError, "`downscale_factor` is 2.0"),
            ErrorCase(lambda op: op(np.ones((4, 2, 2)), 2), TypeError, "`input` must be a Tensor"),
        ),
        "pixel_unshuffle",
    ),
]
