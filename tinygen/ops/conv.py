"""Convolution, transposed convolution, and the windows of a picture.

Convolution is linear in its input and in its weights. Its three ops (convolution, the gradient for the input, the
gradient for the weights) come from one sum and are one another's backward, so they can be differentiated any number
of times. The gradient for the input, used as a layer, is what is called transposed convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import BroadcastTo, as_tensor
from tinygen.ops.activation import through_rectifier
from tinygen.ops.shape import reshape, squeeze, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.convolution import (
    conv_forward,
    conv_input_gradient,
    conv_size,
    conv_weight_gradient,
    overlap_add,
    same_padding,
    transposed_same,
    transposed_size,
    windows,
)
from tinygen_ops.rectify import channel_sums

Ints = int | Sequence[int]
_AXES = {1: "L", 2: "H, W"}
_KERNEL = {1: "K", 2: "KH, KW"}


class Conv(Function):
    """y[n,o,q] = sum over c,k of x[n,c,p] w[o,c,k] + b[o], p = q stride + k dilation - padding;  gx, gw: the next two.

    Derivation: q, k and p stand for one number per spatial axis; x is 0 outside of its places; with groups, c runs
    over the channels of o's group. x[n,c,p] appears in every y[n,o,q] whose window covers p, there with the factor
    w[o,c,k], so

        gx[n,c,p] = sum over o and the (k, q) that meet at p of gy[n,o,q] w[o,c,k]      (ConvInputGradient)

    and w[o,c,k] appears in every y[n,o,q] of its channel o with the factor x[n,c,p], so

        gw[o,c,k] = sum over n,q of gy[n,o,q] x[n,c,p]                                  (ConvWeightGradient)
        gb[o]     = sum over n,q of gy[n,o,q].

    Both are linear in each of their two arrays, with the same sum behind them, so their own gradients are among these
    three ops again. With a ``slope``, y goes through the leaky rectifier before it leaves, and gy comes through it.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, w: Any, b: Any, slope: float | None = None, **window: Any) -> Any:
        y = conv_forward(x, w, bias=b, slope=slope, **window)
        ctx.save(x, w, None if slope is None else y)
        ctx.window, ctx.slope, ctx.cuts_off = window, slope, slope == 0
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        x, w, y = ctx.saved
        gy = gy if y is None else through_rectifier(gy, y, ctx.slope)
        to_x, to_w, to_b = ctx.needs_input_grad
        gx = None
        if to_x:
            cut, others = ctx.may_cut(0), ctx.take_waiting(0)
            alive, plus = x._data if cut else None, None if others is None else others._data
            gx = ConvInputGradient.apply(gy, w, None, size=x.shape[2:], alive=alive, plus=plus, **ctx.window)
            gx._is_cut = cut
        gw = ConvWeightGradient.apply(x, gy, kernel=w.shape[2:], **ctx.window) if to_w else None
        return gx, gw, ChannelSums.apply(gy) if to_b else None


class ConvInputGradient(Function):
    """y[n,c,p] = sum over o and all k,q with q stride + k dilation - padding = p of x[n,o,q] w[o,c,k], + b[c].

    Derivation: call v the gradient that arrives, of y's shape. x[n,o,q] was added to every y[n,c,p] of its window with
    the factor w[o,c,k]; collecting these is the convolution of v:  gx[n,o,q] = sum over c,k of v[n,c,p] w[o,c,k].
    w[o,c,k] was the factor of x[n,o,q] in y[n,c,p]:  gw[o,c,k] = sum over n,q of v[n,c,p] x[n,o,q], the weight
    gradient of that convolution. ``slope`` as in Conv. Two arrays are for gradients that nobody differentiates again:
    ``plus`` is added to y, and then y becomes 0 where ``alive`` is not above 0.
    """

    @staticmethod
    def forward(
        ctx: Node,
        x: Any,
        w: Any,
        b: Any,
        size: tuple[int, ...],
        slope: float | None = None,
        alive: Any = None,
        plus: Any = None,
        **window: Any,
    ) -> Any:
        y = conv_input_gradient(x, w, size, bias=b, slope=slope, alive=alive, plus=plus, **window)
        ctx.save(x, w, None if slope is None else y)
        ctx.window, ctx.slope, ctx.cuts_off = window, slope, slope == 0
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        x, w, y = ctx.saved
        gy = gy if y is None else through_rectifier(gy, y, ctx.slope)
        to_x, to_w, to_b = ctx.needs_input_grad
        gx = Conv.apply(gy, w, None, **ctx.window) if to_x else None
        gw = ConvWeightGradient.apply(gy, x, kernel=w.shape[2:], **ctx.window) if to_w else None
        return gx, gw, ChannelSums.apply(gy) if to_b else None


class ConvWeightGradient(Function):
    """y[o,c,k] = sum over n,q of z[n,o,q] x[n,c,q stride + k dilation - padding].

    Derivation: call v the gradient that arrives, of the weights' shape. It takes the weights' place in the two sums of
    Conv:  gz[n,o,q] = sum over c,k of x[n,c,p] v[o,c,k], a convolution with v, and gx[n,c,p] = sum over o and the
    (k, q) that meet at p of z[n,o,q] v[o,c,k], its input gradient.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, z: Any, kernel: tuple[int, ...], **window: Any) -> Any:
        ctx.save(x, z)
        ctx.window = window
        return conv_weight_gradient(x, z, kernel, **window)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        x, z = ctx.saved
        to_x, to_z = ctx.needs_input_grad
        gx = ConvInputGradient.apply(z, gy, None, size=x.shape[2:], **ctx.window) if to_x else None
        return gx, Conv.apply(x, gy, None, **ctx.window) if to_z else None


class Unfold(Function):
    """y[n, (c, k), q] = x[n, c, q stride + k dilation - padding]; the adjoint adds each number back to its place.

    Derivation: every y is a copy of one x (or of a zero of the border), so dy/dx is 1 there and 0 elsewhere, and gx at
    a place is the sum of gy over all copies that were made of it: Fold.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, kernel: tuple[int, ...], **window: Any) -> Any:
        ctx.window = {"size": x.shape[2:], "kernel": kernel, **window}
        columns = windows(x, kernel, **window)  # (N, C, *K, *OS)
        n, channels, places = *x.shape[:2], columns.shape[2 + len(kernel) :]
        return columns.reshape(n, channels * math.prod(kernel), math.prod(places))

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Fold.apply(gy, **ctx.window)


class Fold(Function):
    """y[n, c, p] = sum over all k,q with q stride + k dilation - padding = p of x[n, (c, k), q]; adjoint of Unfold.

    Derivation: every x is added to one y (or to none, beyond the border), so gx is the gy of that place: Unfold.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, size: tuple[int, ...], kernel: tuple[int, ...], **window: Any) -> Any:
        ctx.window = {"kernel": kernel, **window}
        places = _places(size, kernel, **window)
        columns = x.reshape(x.shape[0], x.shape[1] // math.prod(kernel), *kernel, *places)
        return array_module(x).ascontiguousarray(overlap_add(columns, size, **window))

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Unfold.apply(gy, **ctx.window)


class ChannelSums(Function):
    """y[c] = sum over n,p of x[n,c,p];  gx[n,c,p] = gy[c]: the bias' gradient."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.shape = x.shape
        return channel_sums(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return BroadcastTo.apply(reshape(gy, (1, -1, *(1,) * (len(ctx.shape) - 2))), shape=ctx.shape)


def _places(size: Sequence[int], kernel: tuple[int, ...], **window: Any) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    return tuple(map(conv_size, size, kernel, window["stride"], window["padding"], window["dilation"]))


# Checks and choices that the public functions share. ------------------------------------------------------------------


def per_axis(value: Any, name: str, axes: int, least: int) -> tuple[int, ...]:
    """Return one integer for each of the spatial axes from a number or a sequence.

    Raises:
        TypeError: something is no integer.
        ValueError: the count is not 1 or ``axes``, or a number is smaller than ``least``.
    """
    if type(value) is tuple and len(value) == axes:  # as layers keep it: all that a frozen network ever gives
        for v in value:
            if type(v) is not int or v < least:
                break
        else:
            return value
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values):
        raise TypeError(f"`{name}` is {value!r}; it must be an integer or {axes} of them")
    if len(values) not in (1, axes):
        raise ValueError(f"`{name}` is {value!r}; it must be one number or {axes}, one for each spatial axis")
    if min(values) < least:
        raise ValueError(f"`{name}` is {value!r}; numbers must be at least {least}")
    return tuple(map(int, values if len(values) == axes else values * axes))


def check_padding(padding: Any, axes: int) -> str | tuple[int, ...]:
    """Return ``padding`` as "same", or as one number per axis ("valid" is 0).

    Raises:
        ValueError: another word, or a negative number.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"`padding` is {padding!r}; valid are numbers, 'same' and 'valid'")
        return padding if padding == "same" else (0,) * axes
    return per_axis(padding, "padding", axes, 0)


def _batched(op: str, axes: int, input: Tensor, channels: str) -> tuple[Tensor, bool]:
    """Return the input with an axis of samples, and whether that axis had to be added."""
    x = as_tensor(input, "input")
    if (ndim := x._data.ndim) == axes + 2:
        return x, False
    if ndim != axes + 1:
        layout = f"{channels}, {_AXES[axes]}"
        raise ValueError(f"{op}: `input` has shape {x.shape}; it must be (N, {layout}) or ({layout})")
    return unsqueeze(x, 0), True


def _operands(
    op: str, axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool
) -> tuple[Tensor, Tensor, Tensor | None, bool]:
    """Check what does not depend on the window; return (input with samples, weight, bias, were samples added)."""
    x, single = _batched(op, axes, input, "C")
    w = as_tensor(weight, "weight")
    b = None if bias is None else as_tensor(bias, "bias")
    shape, dtype = w._data.shape, x._data.dtype
    if len(shape) != axes + 2 or 0 in shape:
        layout = _layout(axes, transposed)
        raise ValueError(f"{op}: `weight` has shape {shape}; it must be {layout}, every length at least 1")
    for tensor, name in ((w, "weight"), (b, "bias")):
        if tensor is not None and tensor._data.dtype != dtype:
            raise TypeError(f"{op}: `input` is {dtype} and `{name}` {tensor.dtype}; cast one with .to(dtype)")
    if dtype.kind == "b":
        raise TypeError(f"{op}: `input` is bool; cast it to a number type with .to(dtype)")
    (groups,) = per_axis(groups, "groups", 1, 1)
    if shape[0] % groups:
        raise ValueError(f"{op}: `groups` is {groups}; it must divide the {shape[0]} of `weight` {shape}")
    channels, outputs = (shape[0], shape[1] * groups) if transposed else (shape[1] * groups, shape[0])
    if x._data.shape[1] != channels:
        raise ValueError(
            f"{op}: `input` {input.shape} has {x.shape[1]} channels; `weight` {shape}, {_layout(axes, transposed)}, "
            f"with `groups` {groups} takes {channels}"
        )
    if b is not None and b._data.shape != (outputs,):
        raise ValueError(f"{op}: `bias` has shape {b.shape}; it must be {(outputs,)}")
    return x, w, b, single


def _layout(axes: int, transposed: bool) -> str:
    """The shape of weights, in words."""
    return f"({'C, O' if transposed else 'O, C'} / groups, {_KERNEL[axes]})"


def _convolve(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    slope: float | None,
) -> Tensor:
    op = f"conv{axes}d"
    x, w, b, single = _operands(op, axes, input, weight, bias, groups, transposed=False)
    stride, dilation = per_axis(stride, "stride", axes, 1), per_axis(dilation, "dilation", axes, 1)
    amount = check_padding(padding, axes)
    if amount == "same":
        both = tuple(map(same_padding, x.shape[2:], w.shape[2:], stride, dilation))
    else:
        both = tuple((p, p) for p in amount)
    window = {"stride": stride, "padding": both, "dilation": dilation, "groups": int(groups)}
    y = Conv.apply(x, w, b, slope=_slope(op, slope), **window)
    return squeeze(y, 0) if single else y


def _convolve_transposed(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    slope: float | None,
) -> Tensor:
    op = f"conv_transpose{axes}d"
    x, w, b, single = _operands(op, axes, input, weight, bias, groups, transposed=True)
    stride, dilation = per_axis(stride, "stride", axes, 1), per_axis(dilation, "dilation", axes, 1)
    amount, more = check_padding(padding, axes), per_axis(output_padding, "output_padding", axes, 0)
    if amount == "same":
        if any(more):
            raise ValueError(f"`output_padding` is {output_padding!r}; with `padding` 'same' it must be 0")
        sizes = map(transposed_same, x.shape[2:], w.shape[2:], stride, dilation)
    else:
        if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
            raise ValueError(
                f"`output_padding` is {output_padding!r}; it must be smaller than `stride` {stride} or `dilation` "
                f"{dilation}"
            )
        sizes = map(transposed_size, x.shape[2:], w.shape[2:], stride, amount, dilation, more)
    size, both = zip(*sizes, strict=True)
    window = {"stride": stride, "padding": both, "dilation": dilation, "groups": int(groups)}
    y = ConvInputGradient.apply(x, w, b, size=size, slope=_slope(op, slope), **window)
    return squeeze(y, 0) if single else y


def _slope(op: str, slope: float | None) -> float | None:
    if slope is not None and not 0 <= slope <= 1:
        raise ValueError(f"{op}: `negative_slope` is {slope!r}; it must lie between 0 and 1, or be None")
    return slope


# The public functions. ------------------------------------------------------------------------------------------------


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    negative_slope: float | None = None,
) -> Tensor:
    """Slide a kernel along one axis (the cross-correlation, as in all of deep learning: the kernel is not turned).

        y[n, o, q] = b[o] + sum over c, k of x[n, c, q stride + k dilation - padding] w[o, c, k]

    Args:
        input: (N, C, L) or (C, L); zero outside.
        weight: (O, C / groups, K), of the input's dtype.
        bias: (O,) or None, likewise.
        stride: the step of the window, at least 1.
        padding: zeros added on both sides; "valid" for none; or "same": the result has ceil(L / stride) places, the
            odd zero stands at the end (as in Keras; PyTorch knows "same" for stride 1 only and agrees there).
        dilation: the step within the window, at least 1.
        groups: divides C and O; output channels of a group see the input channels of that group only.
        negative_slope: from 0 to 1: y goes through :func:`leaky_relu` with this slope (0: :func:`relu`) on its way to
            memory, which saves reading and writing it once more; None: it stays as it is. PyTorch has no such option.

    Returns:
        (N, O, OL) or (O, OL); OL = floor((L + 2 padding - (K - 1) dilation - 1) / stride) + 1.

    Raises:
        ValueError: if shapes or options do not fit, or the kernel is larger than the padded input.
        TypeError: if dtypes or devices differ.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 2.
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups, negative_slope)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    negative_slope: float | None = None,
) -> Tensor:
    """Slide a kernel over pictures (the cross-correlation, as in all of deep learning: the kernel is not turned).

        y[n, o, q, r] = b[o] + sum over c, k, l of
                        x[n, c, q stride + k dilation - padding, r stride + l dilation - padding] w[o, c, k, l]

    Args:
        input: (N, C, H, W) or (C, H, W); zero outside.
        weight: (O, C / groups, KH, KW), of the input's dtype.
        bias: (O,) or None, likewise.
        stride: the step of the window, at least 1; one number, or one for each axis, as the next two.
        padding: zeros added on all sides; "valid" for none; or "same": the result has ceil(H / stride) rows, the odd
            row of zeros stands at the bottom, columns likewise with the odd one on the right (as in Keras; PyTorch
            knows "same" for stride 1 only and agrees there).
        dilation: the step within the window, at least 1.
        groups: divides C and O; output channels of a group see the input channels of that group only.
        negative_slope: from 0 to 1: y goes through :func:`leaky_relu` with this slope (0: :func:`relu`) on its way to
            memory, which saves reading and writing it once more; None: it stays as it is. PyTorch has no such option.

    Returns:
        (N, O, OH, OW) or (O, OH, OW); OH = floor((H + 2 padding - (KH - 1) dilation - 1) / stride) + 1, OW likewise.

    Raises:
        ValueError: if shapes or options do not fit, or the kernel is larger than the padded input.
        TypeError: if dtypes or devices differ.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 2.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups, negative_slope)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    negative_slope: float | None = None,
) -> Tensor:
    """Put a kernel, times each number of the input, along one axis and add up: the adjoint of :func:`conv1d`.

        y[n, o, p] = b[o] + sum over c and all k, q with q stride + k dilation - padding = p of x[n, c, q] w[c, o, k]

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, O / groups, K), of the input's dtype.
        bias: (O,) or None, likewise.
        stride: the step of the window in the output, at least 1.
        padding: places cropped on both sides; "valid" for none; or "same": the result has L stride places; of the
            places cropped for it, (K - 1) dilation + 1 - stride, half (rounded down) are at the start; where that is
            negative, zeros are added at the end (as in Keras; PyTorch has no such word here).
        output_padding: places added at the end, fewer than ``stride`` or ``dilation``.
        groups: divides C and O; output channels of a group see the input channels of that group only.
        dilation: the step within the window, at least 1.
        negative_slope: as in :func:`conv2d`.

    Returns:
        (N, O, OL) or (O, OL); OL = (L - 1) stride - 2 padding + (K - 1) dilation + 1 + output_padding.

    Raises:
        ValueError: if shapes or options do not fit, or nothing is left of the output.
        TypeError: if dtypes or devices differ.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.
    """
    return _convolve_transposed(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation, negative_slope
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    negative_slope: float | None = None,
) -> Tensor:
    """Put a kernel, times each number of the input, onto a larger picture and add up: the adjoint of :func:`conv2d`.

        y[n, o, p] = b[o] + sum over c and all k, q with q stride + k dilation - padding = p of x[n, c, q] w[c, o, k]

    with p, q and k pairs of numbers, one for rows and one for columns.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, KH, KW), of the input's dtype.
        bias: (O,) or None, likewise.
        stride: the step of the window in the output, at least 1; one number, or one for each axis, as with the others.
        padding: places cropped on all sides; "valid" for none; or "same": the result has H stride rows; of the rows
            cropped for it, (KH - 1) dilation + 1 - stride, half (rounded down) are at the top; where that is negative,
            zeros are added at the bottom; columns likewise (as in Keras; PyTorch has no such word here).
        output_padding: places added at the bottom and on the right, fewer than ``stride`` or ``dilation``.
        groups: divides C and O; output channels of a group see the input channels of that group only.
        dilation: the step within the window, at least 1.
        negative_slope: as in :func:`conv2d`.

    Returns:
        (N, O, OH, OW) or (O, OH, OW); OH = (H - 1) stride - 2 padding + (KH - 1) dilation + 1 + output_padding, OW
        likewise.

    Raises:
        ValueError: if shapes or options do not fit, or nothing is left of the output.
        TypeError: if dtypes or devices differ.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.
    """
    return _convolve_transposed(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation, negative_slope
    )


def _window(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    """The settings of Unfold and Fold."""
    return {
        "kernel": per_axis(kernel_size, "kernel_size", 2, 1),
        "stride": per_axis(stride, "stride", 2, 1),
        "padding": tuple((p, p) for p in per_axis(padding, "padding", 2, 0)),
        "dilation": per_axis(dilation, "dilation", 2, 1),
    }


def unfold(
    input: Tensor, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """Lay out every window of a picture as a column.

        y[n, (c, k, l), (q, r)] = x[n, c, q stride + k dilation - padding, r stride + l dilation - padding]

    A convolution is the product of its weights, (O, C KH KW), and these columns.

    Args:
        input: (N, C, H, W) or (C, H, W), any dtype; zero outside.
        kernel_size: KH and KW; one number, or one for each axis, as all that follow.
        dilation: the step within the window, at least 1.
        padding: zeros added on all sides.
        stride: the step of the window, at least 1.

    Returns:
        (N, C KH KW, OH OW) or (C KH KW, OH OW); OH = floor((H + 2 padding - (KH - 1) dilation - 1) / stride) + 1, OW
        likewise.

    Raises:
        ValueError: if an option is not valid, or the kernel is larger than the padded input.
    """
    x, single = _batched("unfold", 2, input, "C")
    y = Unfold.apply(x, **_window(kernel_size, dilation, padding, stride))
    return squeeze(y, 0) if single else y


def fold(
    input: Tensor,
    output_size: Ints,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
) -> Tensor:
    """Add columns up to a picture, each where :func:`unfold` would have read it.

        y[n, c, p, s] = sum over the k, l, q, r with q stride + k dilation - padding = p and
                        r stride + l dilation - padding = s of x[n, (c, k, l), (q, r)]

    It is the adjoint of :func:`unfold`, not its inverse: where windows overlap, numbers add up.

    Args:
        input: (N, C KH KW, OH OW) or (C KH KW, OH OW), any dtype.
        output_size: H and W; one number, or one for each axis, as all that follow.
        kernel_size: KH and KW.
        dilation: the step within the window, at least 1.
        padding: places around the picture that are dropped.
        stride: the step of the window, at least 1.

    Returns:
        (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: if an option is not valid, or the lengths of the input do not belong to these options.
    """
    x = as_tensor(input, "input")
    if x.ndim not in (2, 3):
        raise ValueError(
            f"fold: `input` has shape {x.shape}; it must be (N, C KH KW, OH OW) or (C KH KW, OH OW)"
        )
    size, window = per_axis(output_size, "output_size", 2, 1), _window(kernel_size, dilation, padding, stride)
    rows, places = math.prod(window["kernel"]), _places(size, **window)
    if x.shape[-2] % rows or x.shape[-1] != math.prod(places):
        raise ValueError(
            f"fold: `input` has shape {x.shape}; with kernel {window['kernel']} and `output_size` {size} its last axes "
            f"must be a multiple of {rows} and {places[0]} * {places[1]} = {math.prod(places)}"
        )
    y = Fold.apply(x if x.ndim == 3 else unsqueeze(x, 0), size=size, **window)
    return squeeze(y, 0) if x.ndim == 2 else y
