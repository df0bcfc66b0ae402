"""Records of convolutions and windows. The references are loops over places, written from the definitions alone."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np

from tinygen.ops import conv as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import KEEP, KEEP_ALL, Array, ErrorCase, OpRecord, Sample, within

_any = within(-1, 1)


def _ones(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.ones(shape, dtype))


# References -----------------------------------------------------------------------------------------------------------


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _leaky(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, slope * x)


def _conv(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    negative_slope: float | None = None,
) -> Array:
    axes = w.ndim - 2
    if negative_slope is not None:
        return _leaky(_conv(x, w, b, stride, padding, dilation, groups), negative_slope)
    if x.ndim == axes + 1:
        return _conv(x[None], w, b, stride, padding, dilation, groups)[0]
    stride, dilation = _each(stride, axes), _each(dilation, axes)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    if padding == "same":
        places = [-(-n // s) for n, s in zip(x.shape[2:], stride, strict=True)]
        missing = [
            max((m - 1) * s + r - n, 0)
            for m, s, r, n in zip(places, stride, reach, x.shape[2:], strict=True)
        ]
        border = [(m // 2, m - m // 2) for m in missing]
    else:
        border = [(p, p) for p in _each(0 if padding == "valid" else padding, axes)]
        places = [
            (n + lo + hi - r) // s + 1
            for n, (lo, hi), r, s in zip(x.shape[2:], border, reach, stride, strict=True)
        ]
    x = np.pad(x, [(0, 0), (0, 0), *border])
    y = np.zeros((len(x), len(w), *places), np.result_type(x, w))
    per_in, per_out = w.shape[1], len(w) // groups
    for o, q in product(range(len(w)), np.ndindex(*places)):
        first = o // per_out * per_in
        window = tuple(
            slice(i * s, i * s + r, d) for i, s, r, d in zip(q, stride, reach, dilation, strict=True)
        )
        patch = x[(slice(None), slice(first, first + per_in), *window)]
        y[(slice(None), o, *q)] = (patch * w[o]).sum(axis=tuple(range(1, axes + 2)))
    return y if b is None else y + b.reshape(-1, *[1] * axes)


def _conv_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    negative_slope: float | None = None,
) -> Array:
    axes = w.ndim - 2
    if negative_slope is not None:
        return _leaky(_conv_transpose(x, w, b, stride, padding, output_padding, groups, dilation), negative_slope)
    if x.ndim == axes + 1:
        return _conv_transpose(x[None], w, b, stride, padding, output_padding, groups, dilation)[0]
    stride, dilation, more = _each(stride, axes), _each(dilation, axes), _each(output_padding, axes)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    whole = [(n - 1) * s + r for n, s, r in zip(x.shape[2:], stride, reach, strict=True)]
    if padding == "same":
        first = [max(r - s, 0) // 2 for r, s in zip(reach, stride, strict=True)]
        length = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    else:
        first = list(_each(0 if padding == "valid" else padding, axes))
        length = [n - 2 * p + m for n, p, m in zip(whole, first, more, strict=True)]
    per_in, per_out = len(w) // groups, w.shape[1]
    # Everything is added to a field that is large enough, of which the result is cut out.
    field = np.zeros((len(x), per_out * groups, *(n + max(length) for n in whole)), np.result_type(x, w))
    for c, q in product(range(len(w)), np.ndindex(*x.shape[2:])):
        o = c // per_in * per_out
        window = tuple(
            slice(i * s, i * s + r, d) for i, s, r, d in zip(q, stride, reach, dilation, strict=True)
        )
        number = x[(slice(None), c, *q)].reshape(-1, *[1] * (axes + 1))
        field[(slice(None), slice(o, o + per_out), *window)] += number * w[c]
    y = field[(..., *(slice(p, p + n) for p, n in zip(first, length, strict=True)))]
    return y if b is None else y + b.reshape(-1, *[1] * axes)


def _unfold(x: Array, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    if x.ndim == 3:
        return _unfold(x[None], kernel_size, dilation, padding, stride)[0]
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = (_each(v, 2) for v in (kernel_size, dilation, padding, stride))
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    rows = range(0, x.shape[2] - (kh - 1) * dh, sh)
    columns = range(0, x.shape[3] - (kw - 1) * dw, sw)
    windows = [
        x[:, :, r : r + (kh - 1) * dh + 1 : dh, c : c + (kw - 1) * dw + 1 : dw]
        for r, c in product(rows, columns)
    ]
    return np.stack([w.reshape(len(x), x.shape[1] * kh * kw) for w in windows], axis=2)


def _fold(
    x: Array, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    if x.ndim == 2:
        return _fold(x[None], output_size, kernel_size, dilation, padding, stride)[0]
    (h, w), (kh, kw), (dh, dw), (ph, pw), (sh, sw) = (
        _each(v, 2) for v in (output_size, kernel_size, dilation, padding, stride)
    )
    channels = x.shape[1] // (kh * kw)
    y = np.zeros((len(x), channels, h + 2 * ph, w + 2 * pw), x.dtype)
    rows = range(0, y.shape[2] - (kh - 1) * dh, sh)
    columns = range(0, y.shape[3] - (kw - 1) * dw, sw)
    for i, (r, c) in enumerate(product(rows, columns)):
        window = x[:, :, i].reshape(len(x), channels, kh, kw)
        y[:, :, r : r + (kh - 1) * dh + 1 : dh, c : c + (kw - 1) * dw + 1 : dw] += window
    return y[:, :, ph : ph + h, pw : pw + w]


# Samples --------------------------------------------------------------------------------------------------------------


def _inputs(rng: np.random.Generator, shapes: tuple[Any, ...], rectified: bool) -> tuple[Array, ...]:
    """Numbers from -1 to 1; before a rectifier such that each channel of the result stays on one side of 0."""
    made = tuple(_any(rng, s) for s in shapes)
    if rectified:
        x, w, b = made
        made = x * 0.02, w, np.where(np.arange(len(b)) % 2, -1.0, 1.0) * (np.abs(b) + 0.5)
    return made


def _calls(*calls: tuple[Any, ...]) -> Any:
    """Samples from (shapes of the inputs, settings[, does PyTorch mean the same?]); the first also with gaps."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        made = [
            Sample(_inputs(rng, shapes, "negative_slope" in settings), settings, against_torch=not rest)
            for shapes, settings, *rest in calls
        ]
        return [*made, Sample(made[0].inputs, made[0].settings, gaps=True)]

    return samples


NOT_TORCH = False

_CONV1D = _calls(
    (((2, 3, 6), (4, 3, 3), (4,)), {}),
    (((1, 5), (2, 1, 2), (2,)), {}),
    (((3, 6), (2, 3, 2), (2,)), {"stride": 2, "padding": 1}),
    (((1, 1, 1), (1, 1, 1)), {}),
    (((0, 2, 5), (3, 2, 2), (3,)), {}),
    (((2, 4, 7), (6, 2, 3), (6,)), {"groups": 2, "dilation": 2, "padding": (2,)}),
    (((2, 3, 5), (3, 1, 2)), {"groups": 3, "padding": "same"}),
    (((2, 2, 5), (2, 2, 3)), {"padding": "valid", "stride": (3,)}),
    (((2, 2, 7), (2, 2, 4)), {"padding": "same", "stride": 2, "dilation": 2}, NOT_TORCH),
    (((1, 2, 5), (2, 2, 1)), {"padding": "same", "stride": 3}, NOT_TORCH),
    (((2, 3, 6), (4, 3, 3), (4,)), {"negative_slope": 0.0}, NOT_TORCH),
    (((3, 8, 40), (16, 8, 5), (16,)), {"padding": 2}),
)
_CONV2D = _calls(
    (((2, 2, 5, 4), (3, 2, 3, 2), (3,)), {}),
    (((1, 3, 4), (1, 1, 2, 2)), {}),
    (((2, 5, 4), (3, 2, 3, 3), (3,)), {"stride": 2, "padding": 1}),
    (((1, 1, 1, 1), (1, 1, 1, 1)), {}),
    (((0, 2, 4, 4), (3, 2, 2, 2), (3,)), {}),
    (((1, 4, 5, 6), (4, 2, 2, 3), (4,)), {"groups": 2, "stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    (((2, 3, 4, 4), (6, 1, 3, 2)), {"groups": 3, "padding": "same"}),
    (((1, 2, 4, 5), (2, 2, 3, 2)), {"padding": "valid", "stride": 3}),
    (((1, 2, 2, 3), (2, 2, 2, 2)), {"padding": 3, "stride": 2}),
    (((2, 1, 6, 5), (2, 1, 3, 3), (2,)), {"padding": "same", "stride": 2}, NOT_TORCH),
    (((1, 2, 4, 6), (2, 1, 1, 3)), {"padding": "same", "stride": (3, 2), "dilation": 2, "groups": 2}, NOT_TORCH),
    (((2, 2, 5, 4), (3, 2, 3, 2), (3,)), {"negative_slope": 0.3, "stride": 2}, NOT_TORCH),
    (((3, 5, 4), (2, 3, 2, 2), (2,)), {"negative_slope": 0.0}, NOT_TORCH),
    (((2, 5, 9, 8), (7, 5, 3, 3), (7,)), {"padding": 1}),
)
_TRANSPOSE1D = _calls(
    (((2, 3, 4), (3, 4, 3), (4,)), {}),
    (((1, 3), (1, 1, 2)), {"stride": 2}),
    (((3, 4), (3, 2, 3), (2,)), {"stride": 2, "padding": 1, "output_padding": 1}),
    (((1, 1, 1), (1, 1, 1)), {}),
    (((0, 2, 5), (2, 3, 2), (3,)), {}),
    (((2, 4, 3), (4, 3, 2), (6,)), {"groups": 2, "dilation": 3, "output_padding": (2,)}),
    (((1, 2, 3), (2, 2, 2)), {"stride": 3, "output_padding": 2}),
    (((1, 2, 3), (2, 2, 2)), {"padding": "valid", "stride": 3}, NOT_TORCH),
    (((2, 2, 4), (2, 2, 3)), {"padding": "same", "stride": 2, "dilation": 2}, NOT_TORCH),
    (((1, 2, 3), (2, 3, 2), (3,)), {"padding": "same", "stride": 4}, NOT_TORCH),
    (((2, 3, 4), (3, 4, 3), (4,)), {"negative_slope": 0.2}, NOT_TORCH),
    (((3, 8, 20), (8, 16, 4), (16,)), {"stride": 2, "padding": 1}),
)
_TRANSPOSE2D = _calls(
    (((2, 2, 3, 4), (2, 3, 3, 2), (3,)), {}),
    (((1, 2, 2), (1, 1, 2, 2)), {}),
    (((2, 3, 4), (2, 3, 3, 3), (3,)), {"stride": 2, "padding": 1, "output_padding": 1}),
    (((1, 1, 1, 1), (1, 1, 1, 1)), {}),
    (((0, 2, 4, 4), (2, 3, 2, 2), (3,)), {}),
    (
        ((1, 4, 2, 3), (4, 2, 2, 3), (4,)),
        {"groups": 2, "stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "output_padding": (0, 1)},
    ),
    (((1, 2, 2, 2), (2, 1, 2, 3)), {"stride": (3, 1), "dilation": (1, 4), "output_padding": (2, 3)}),
    (((2, 1, 3, 2), (1, 2, 4, 4), (2,)), {"padding": "same", "stride": 2}, NOT_TORCH),
    (((1, 2, 2, 3), (2, 1, 1, 3)), {"padding": "same", "stride": (3, 2), "dilation": 2, "groups": 2}, NOT_TORCH),
    (((1, 2, 3, 3), (2, 1, 5, 5)), {"padding": 3}),
    (((2, 2, 3, 4), (2, 3, 3, 2), (3,)), {"negative_slope": 0.0, "stride": 2}, NOT_TORCH),
    (((1, 2, 2, 3), (2, 2, 4, 4), (2,)), {"negative_slope": 1.0, "stride": 2, "padding": "same"}, NOT_TORCH),
    (((2, 5, 5, 4), (5, 7, 5, 5), (7,)), {"padding": 2, "stride": 2, "output_padding": 1}),
)
_UNFOLD = _calls(
    (((2, 2, 4, 5),), {"kernel_size": 2}),
    (((1, 3, 3),), {"kernel_size": 2}),
    (((2, 5, 4),), {"kernel_size": (3, 2), "padding": (1, 0), "stride": (2, 1), "dilation": (1, 2)}),
    (((1, 1, 1, 1),), {"kernel_size": 1}),
    (((0, 2, 3, 3),), {"kernel_size": 2}),
    (((1, 2, 2, 3),), {"kernel_size": 2, "padding": 3, "stride": 2}),
    (((3, 4, 9, 8),), {"kernel_size": 3, "padding": 1, "stride": 2}),
)
_FOLD = _calls(
    (((2, 8, 12),), {"output_size": (4, 5), "kernel_size": 2}),
    (((4, 2),), {"output_size": (2, 3), "kernel_size": 2}),
    (
        ((12, 6),),
        {"output_size": (5, 4), "kernel_size": (3, 2), "padding": (1, 0), "stride": (2, 1), "dilation": (1, 2)},
    ),
    (((1, 1, 1),), {"output_size": 1, "kernel_size": 1}),
    (((0, 8, 4),), {"output_size": 3, "kernel_size": 2}),
    (((1, 8, 16),), {"output_size": (2, 3), "kernel_size": 2, "padding": 3, "stride": 2}),
    (((3, 36, 20),), {"output_size": (9, 8), "kernel_size": 3, "padding": 1, "stride": 2}),
)


def _numbers(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Four numbers from 0 to 4, whatever the shape."""
    return (*shape, 2, 1, 3, 2)[:4]


def _conv_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    n, c, h, w = _numbers(shape)
    kernel = [int(k) for k in rng.integers(1, 4, 2)]
    settings = {"stride": int(rng.integers(1, 4)), "padding": 2, "dilation": int(rng.integers(1, 3))}
    if rng.random() < 0.5:
        settings["padding"] = "same"
    return Sample((_any(rng, (n, c + 1, h + 1, w + 1)), _any(rng, (2, c + 1, *kernel)), _any(rng, (2,))), settings)


def _transpose_by_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> Sample:
    n, c, h, w = _numbers(shape)
    settings = {"stride": int(rng.integers(1, 4)), "padding": 1, "dilation": int(rng.integers(1, 3))}
    settings["output_padding"] = int(rng.integers(0, max(settings["stride"], settings["dilation"])))
    if rng.random() < 0.5:
        settings.update(padding="same", output_padding=0)
    kernel = [int(k) for k in rng.integers(3, 5, 2)]
    return Sample((_any(rng, (n, c + 1, h + 1, w + 1)), _any(rng, (c + 1, 2, *kernel)), _any(rng, (2,))), settings)


# Errors ---------------------------------------------------------------------------------------------------------------


def _with(axes: int, transposed: bool = False) -> Any:
    """Return a function that calls the op with good arguments (N 2, C 4, L 5, O 6, K 3) but for the changes."""

    def call(op: Any, **changes: Any) -> Any:
        channels = (4, 6) if transposed else (6, 4)
        good = {"input": _ones(2, 4, *[5] * axes), "weight": _ones(*channels, *[3] * axes), "bias": _ones(6)}
        return op(**{**good, **changes})

    return call


def _case(call: Any, exception: type[Exception], message: str, **changes: Any) -> ErrorCase:
    return ErrorCase(lambda op: call(op, **changes), exception, message)


def _errors(axes: int, transposed: bool) -> tuple[ErrorCase, ...]:
    call, name = _with(axes, transposed), f"conv{'_transpose' * transposed}{axes}d"
    spatial, kernel = (5,) * axes, (3,) * axes
    layout = "(C, O / groups, K" if transposed else "(O, C / groups, K"
    return (
        _case(call, TypeError, "`input` must be a Tensor", input=1.0),
        _case(call, TypeError, "`weight` must be a Tensor", weight=1.0),
        _case(call, TypeError, "`bias` must be a Tensor", bias=1.0),
        _case(call, ValueError, f"{name}: `input` has shape (5, 5, 5, 5, 5)", input=_ones(5, 5, 5, 5, 5)),
        _case(call, ValueError, f"`weight` has shape (6, 4); it must be {layout}", weight=_ones(6, 4)),
        _case(call, ValueError, "every length at least 1", weight=_ones(4, 4, *[0] * axes)),
        _case(call, TypeError, "`input` is float64 and `weight` float32", input=_ones(2, 4, *spatial, dtype=float)),
        _case(call, TypeError, "`input` is float32 and `bias` int64", bias=_ones(6, dtype=int)),
        _case(call, ValueError, f"{name}: `input` {(2, 3, *spatial)} has 3 channels", input=_ones(2, 3, *spatial)),
        _case(call, ValueError, "`bias` has shape (5,); it must be (6,)", bias=_ones(5)),
        _case(call, ValueError, "`bias` has shape (6, 1); it must be (6,)", bias=_ones(6, 1)),
        _case(call, ValueError, "`groups` is 3; it must divide the 4", groups=3, weight=_ones(4, 3, *kernel)),
        _case(call, ValueError, "`groups` is 0; numbers must be at least 1", groups=0),
        _case(call, TypeError, "`groups` is 1.0; it must be an integer", groups=1.0),
        _case(call, ValueError, "`stride` is 0; numbers must be at least 1", stride=0),
        _case(call, TypeError, "`stride` is True", stride=True),
        _case(call, ValueError, "`stride` is (1, 1, 1)", stride=(1, 1, 1)),
        _case(call, ValueError, "`dilation` is -1", dilation=-1),
        _case(call, ValueError, "`padding` is -1; numbers must be at least 0", padding=-1),
        _case(call, ValueError, "`padding` is 'full'; valid are numbers, 'same' and 'valid'", padding="full"),
        _case(call, TypeError, "`padding` is 0.5", padding=0.5),
        _case(call, ValueError, f"{name}: `negative_slope` is 1.5; it must lie between 0 and 1", negative_slope=1.5),
        _case(
            call,
            TypeError,
            "`input` is bool",
            input=_ones(2, 4, *spatial, dtype=bool),
            weight=_ones(*((4, 6) if transposed else (6, 4)), *kernel, dtype=bool),
            bias=None,
        ),
    )


def _conv_errors(axes: int) -> tuple[ErrorCase, ...]:
    call, kernel = _with(axes), (3,) * axes
    return (
        *_errors(axes, transposed=False),
        _case(call, ValueError, "the kernel is larger than the input: 3 with dilation 4 reaches over 9", dilation=4),
        _case(call, ValueError, "7 with dilation 1 reaches over 7, the input has 5", weight=_ones(6, 4, *[7] * axes)),
        _case(call, ValueError, "the input has 0 and with its padding 4", input=_ones(2, 4, *[0] * axes), padding=2),
        _case(call, ValueError, "the input has 0", input=_ones(2, 4, *[0] * axes), padding="same"),
        _case(call, ValueError, "takes 8", weight=_ones(6, 4, *kernel), groups=2),
    )


def _transpose_errors(axes: int) -> tuple[ErrorCase, ...]:
    call = _with(axes, transposed=True)
    return (
        *_errors(axes, transposed=True),
        _case(call, ValueError, "`output_padding` is 1; it must be smaller than `stride`", output_padding=1),
        _case(call, ValueError, "`output_padding` is -1", output_padding=-1, stride=2),
        _case(call, ValueError, "with `padding` 'same' it must be 0", output_padding=1, stride=2, padding="same"),
        _case(call, ValueError, "the output would have length -1", padding=4),
        _case(call, ValueError, "input and output must have at least 1", input=_ones(2, 4, *[0] * axes)),
        _case(call, ValueError, "the input has length 0", input=_ones(2, 4, *[0] * axes), padding="same"),
    )


def _window_errors(op_input: tuple[int, ...], **good: Any) -> tuple[ErrorCase, ...]:
    def call(op: Any, **changes: Any) -> Any:
        return op(**{"input": _ones(*op_input), "kernel_size": 2, **good, **changes})

    return (
        _case(call, TypeError, "`input` must be a Tensor", input=1.0),
        _case(call, ValueError, "`input` has shape (3,)", input=_ones(3)),
        _case(call, ValueError, "`kernel_size` is 0; numbers must be at least 1", kernel_size=0),
        _case(call, TypeError, "`kernel_size` is '2'", kernel_size="2"),
        _case(call, ValueError, "`kernel_size` is (1, 2, 3)", kernel_size=(1, 2, 3)),
        _case(call, ValueError, "`stride` is 0", stride=0),
        _case(call, ValueError, "`dilation` is 0", dilation=0),
        _case(call, ValueError, "`padding` is -1", padding=-1),
        _case(call, ValueError, "the kernel is larger than the input: 5", kernel_size=5),
    )


_FOLD_ERRORS = (
    *_window_errors((2, 8, 9), output_size=4),
    ErrorCase(lambda op: op(_ones(2, 8, 10), 4, 2), ValueError, "a multiple of 4 and 3 * 3 = 9"),
    ErrorCase(lambda op: op(_ones(2, 7, 9), 4, 2), ValueError, "`input` has shape (2, 7, 9)"),
    ErrorCase(lambda op: op(_ones(2, 8, 9), 0, 2), ValueError, "`output_size` is 0"),
)


def _in_torch(name: str, stand_in: str) -> Any:
    """PyTorch's function; of integers it does not know all, they are computed in ``stand_in`` and cast back."""

    def call(torch: Any, *inputs: Any, **settings: Any) -> Any:
        dtype = inputs[0].dtype
        if not dtype.is_floating_point:
            inputs = tuple(t.to(getattr(torch, stand_in)) for t in inputs)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")  # it costs a copy
            return getattr(torch.nn.functional, name)(*inputs, **settings).to(dtype)

    return call


RECORDS = [
    OpRecord(
        "conv1d", ops.conv1d, _conv, _CONV1D, KEEP, _conv_errors(1), _in_torch("conv1d", "int64"), scale=8
    ),
    OpRecord(
        "conv2d",
        ops.conv2d,
        _conv,
        _CONV2D,
        KEEP,
        _conv_errors(2),
        _in_torch("conv2d", "int64"),
        _conv_by_shape,
        scale=8,
    ),
    OpRecord(
        "conv_transpose1d",
        ops.conv_transpose1d,
        _conv_transpose,
        _TRANSPOSE1D,
        KEEP,
        _transpose_errors(1),
        _in_torch("conv_transpose1d", "int64"),
        scale=8,
    ),
    OpRecord(
        "conv_transpose2d",
        ops.conv_transpose2d,
        _conv_transpose,
        _TRANSPOSE2D,
        KEEP,
        _transpose_errors(2),
        _in_torch("conv_transpose2d", "int64"),
        _transpose_by_shape,
        scale=8,
    ),
    OpRecord(
        "unfold",
        ops.unfold,
        _unfold,
        _UNFOLD,
        KEEP_ALL,
        _window_errors((2, 3, 4, 4)),
        _in_torch("unfold", "float64"),
    ),
    OpRecord("fold", ops.fold, _fold, _FOLD, KEEP, _FOLD_ERRORS, _in_torch("fold", "float64")),
]
