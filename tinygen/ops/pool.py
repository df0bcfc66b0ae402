"""Pooling: the maximum or the mean of each window of a sequence or a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor
from tinygen.ops.conv import Ints, per_axis
from tinygen.ops.indexing import gather
from tinygen.ops.resize import resample_last
from tinygen.ops.shape import flatten, reshape
from tinygen.tensor import Tensor
from tinygen_ops.pooling import (
    AdaptiveWindows,
    Windows,
    adaptive_max_pool_forward,
    avg_pool_backward,
    avg_pool_forward,
    lay_windows,
    max_pool_backward,
    max_pool_forward,
)
from tinygen_ops.resize import resize_table

_LAYOUT = {1: "C, L", 2: "C, H, W"}


class MaxPool(Function):
    """y_o = max over k of x[o stride - padding + k dilation];  gx_i = sum of gy_o over the windows o won by i.

    Derivation: where the maximum of window o stands alone, y_o is that one x_i and moves with it: dy_o/dx_i = 1 for
    the winner and 0 for all others. One element may win several windows, so gx_i = sum over o of gy_o [i won o]. At a
    tie the first of the equal ones is taken to be the winner. The winners are found in the forward and kept; they are
    constants for every derivative.
    """

    selects = True

    @staticmethod
    def forward(ctx: Node, x: Any, over: tuple[Windows, ...]) -> tuple[Any, Any]:
        y, winners = max_pool_forward(x, over)
        ctx.save(winners)
        ctx.over = over
        ctx.materialize = False  # the winners have no gradient
        return y, winners

    @staticmethod
    def backward(ctx: Node, gy: Tensor, _: None) -> Tensor:
        (winners,) = ctx.saved
        gx = MaxPoolGradient.apply(gy, winners.detach(), over=ctx.over)
        gx._is_cut = getattr(gy, "_is_cut", False)  # what is above 0 here won a window with a gradient there
        return gx


class MaxPoolGradient(Function):
    """y_i = sum of x_o over the windows o won by i;  gx_o = gy at the winner of o.

    Derivation: x_o is added to one y only, that of the winner of window o, so its gradient is the gy found there.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, winners: Any, over: tuple[Windows, ...]) -> Any:
        ctx.save(winners)
        ctx.axes = len(over)
        return max_pool_backward(x, winners, over)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple[Tensor, None]:
        (winners,) = ctx.saved
        return _at(gy, winners, ctx.axes), None


class AvgPool(Function):
    """y_o = sum over k of x[o stride - padding + k] / d_o;  gx_i = sum of gy_o / d_o over the windows o with i in them.

    Derivation: y is linear in x, with dy_o/dx_i = 1 / d_o where window o contains i, else 0; the chain rule adds up
    over the windows. d_o depends on the shapes only.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, **how: Any) -> Any:
        ctx.how = how
        return avg_pool_forward(x, **how)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return AvgPoolGradient.apply(gy, **ctx.how)


class AvgPoolGradient(Function):
    """y_i = sum of x_o / d_o over the windows o with i in them; the adjoint is the mean of each window, AvgPool.

    Derivation: x_o is added, divided by d_o, to every y_i of its window; its gradient is the sum of their gy_i / d_o.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, **how: Any) -> Any:
        ctx.how = how
        return avg_pool_backward(x, **how)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return AvgPool.apply(gy, **ctx.how)


def _at(x: Tensor, places: Tensor, axes: int) -> Tensor:
    """The elements of ``x`` at flat ``places`` of its last ``axes`` axes, which count as one."""
    lead = x.ndim - axes
    return reshape(gather(flatten(x, lead), -1, flatten(places, lead)), places.shape)


def _checked(op: str, input: Tensor, axes: int, first: int) -> Tensor:
    """Return the input if it has as many axes as it should, and a length of at least 1 from axis ``first`` on."""
    x, layout = as_tensor(input, "input"), _LAYOUT[axes]
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(f"{op}: `input` has shape {x.shape}; it must be (N, {layout}) or ({layout})")
    if 0 in x.shape[first:]:
        raise ValueError(f"{op}: `input` has shape {x.shape}; every length from axis {first} on must be at least 1")
    return x


def _floating(op: str, x: Tensor) -> Tensor:
    if x.dtype.kind != "f":
        raise TypeError(f"{op}: `input` is {x.dtype}; it must be floating: use .float()")
    return x


def _numbers(op: str, x: Tensor) -> Tensor:
    if x.dtype.kind == "b":
        raise TypeError(f"{op}: `input` is bool; it must be of numbers: use .float()")
    return x


def _laid(
    x: Tensor, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Windows, ...]:
    """Check the options that all sliding pools share, and lay the windows."""
    kernel = per_axis(kernel_size, "kernel_size", axes, 1)
    steps = kernel if stride is None or stride in ((), []) else per_axis(stride, "stride", axes, 1)
    pads, gaps = per_axis(padding, "padding", axes, 0), per_axis(dilation, "dilation", axes, 1)
    if any(p > k // 2 for p, k in zip(pads, kernel, strict=True)):
        raise ValueError(f"`padding` is {padding}; it must be at most half of `kernel_size` {kernel_size}")
    rows = zip(x.shape[-axes:], kernel, steps, pads, gaps, strict=True)
    return tuple(lay_windows(*row, bool(ceil_mode)) for row in rows)


def _max_pool(
    axes: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, both: bool
) -> Any:
    op = f"max_pool{axes}d"
    x = _numbers(op, _checked(op, input, axes, -axes - 1))
    y, winners = MaxPool.apply(x, over=_laid(x, axes, kernel_size, stride, padding, dilation, ceil_mode))
    return (y, winners) if both else y


def max_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of a sequence: :func:`max_pool2d` for one axis.

        y[n, c, o] = max_k x[n, c, o stride - padding + k dilation]

    Args:
        input: (N, C, L) or (C, L), any dtype but bool; lengths at least 1, but for N.
        kernel_size: K, places in a window.
        stride: from one window to the next; default ``kernel_size``.
        padding: places before and behind the sequence, which never win; at most K / 2.
        dilation: from one place of a window to the next.
        ceil_mode: also a last window that reaches over the end.
        return_indices: return where the maxima stood too.

    Returns:
        (N, C, OL) or (C, OL), OL = (L + 2 padding - dilation (K - 1) - 1) / stride + 1, rounded down (up with
        ``ceil_mode``, if that window begins before the end); and the places l of the maxima, int64 of that shape.

    Raises:
        ValueError: if the shape is none of these, a window does not fit, or an option is out of range.
        TypeError: for booleans, or options that are not whole.

    Gradient: All of it goes to the first of the largest elements; the others get 0.
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of a picture.

        y[n, c, oh, ow] = max over i, j of x[n, c, oh stride - padding + i dilation, ow stride - padding + j dilation]

    Args:
        input: (N, C, H, W) or (C, H, W), any dtype but bool; lengths at least 1, but for N. NaN counts as largest.
        kernel_size: (KH, KW), places in a window; here and below one number serves for both axes.
        stride: from one window to the next; default ``kernel_size``.
        padding: places around the picture, which never win; at most half of the kernel.
        dilation: from one place of a window to the next.
        ceil_mode: also last windows that reach over the edge.
        return_indices: return where the maxima stood too.

    Returns:
        (N, C, OH, OW) or (C, OH, OW), OH = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1, rounded down (up with
        ``ceil_mode``, if that window begins before the edge); and the places h W + w of the maxima, int64 of that
        shape.

    Raises:
        ValueError: if the shape is none of these, a window does not fit, or an option is out of range.
        TypeError: for booleans, or options that are not whole.

    Source: Scherer, Mueller and Behnke, "Evaluation of pooling operations in convolutional architectures for object
    recognition" (ICANN 2010).

    Gradient: All of it goes to the first (row by row) of the largest elements; the others get 0.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(
    axes: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count: bool, divisor: Any
) -> Tensor:
    op = f"avg_pool{axes}d"
    x = _floating(op, _checked(op, input, axes, -axes - 1))
    if divisor is not None:
        if not isinstance(divisor, (int, np.integer)) or isinstance(divisor, bool):
            raise TypeError(f"`divisor_override` is {divisor!r}; it must be an integer or None")
        if divisor == 0:
            raise ValueError("`divisor_override` is 0; it must be another number, or None")
    over = _laid(x, axes, kernel_size, stride, padding, 1, ceil_mode)
    return AvgPool.apply(x, over=over, include_pad=bool(count), divisor=divisor)


def avg_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of a sequence: :func:`avg_pool2d` for one axis.

        y[n, c, o] = 1/d_o sum_k x[n, c, o stride - padding + k]

    Args:
        input: (N, C, L) or (C, L) floating; lengths at least 1, but for N.
        kernel_size: K, places in a window.
        stride: from one window to the next; default ``kernel_size``.
        padding: zeros before and behind the sequence; at most K / 2.
        ceil_mode: also a last window that reaches over the end.
        count_include_pad: whether d_o counts the padding (never what lies beyond it).

    Returns:
        (N, C, OL) or (C, OL), with the OL of :func:`max_pool1d`.

    Raises:
        ValueError: if the shape is none of these, a window does not fit, or an option is out of range.
        TypeError: for integers and booleans, or options that are not whole.
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of a picture.

        y[n, c, oh, ow] = 1/d sum over i, j of x[n, c, oh stride - padding + i, ow stride - padding + j]

    Args:
        input: (N, C, H, W) or (C, H, W) floating; lengths at least 1, but for N.
        kernel_size: (KH, KW), places in a window; here and below one number serves for both axes.
        stride: from one window to the next; default ``kernel_size``.
        padding: zeros around the picture; at most half of the kernel.
        ceil_mode: also last windows that reach over the edge.
        count_include_pad: whether d counts the padding (never what lies beyond it).
        divisor_override: d for all windows, not 0.

    Returns:
        (N, C, OH, OW) or (C, OH, OW), with the OH and OW of :func:`max_pool2d`.

    Raises:
        ValueError: if the shape is none of these, a window does not fit, or an option is out of range.
        TypeError: for integers and booleans, or options that are not whole.

    Source: LeCun et al., "Gradient-based learning applied to document recognition" (1998), subsampling layers.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _output_size(x: Tensor, output_size: Any, axes: int) -> tuple[int, ...]:
    """One length for each axis; for a picture None in it keeps the axis as it is."""
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(given) != axes:
        raise ValueError(f"`output_size` is {output_size}; it must be one number or {axes}, one for each spatial axis")
    if axes > 1:
        given = tuple(n if o is None else o for n, o in zip(x.shape[-axes:], given, strict=True))
    return per_axis(given, "output_size", axes, 0)


def _adaptive_avg_pool(axes: int, input: Tensor, output_size: Any) -> Tensor:
    op = f"adaptive_avg_pool{axes}d"
    x = _floating(op, _checked(op, input, axes, -axes))
    outs = _output_size(x, output_size, axes)
    return resample_last(x, [resize_table(n, out, "area") for n, out in zip(x.shape[-axes:], outs, strict=True)])


def adaptive_avg_pool1d(input: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """Return the means of ``output_size`` windows that share a sequence evenly.

        y[n, c, o] = mean of x[n, c, l] over floor(o L / OL) <= l < ceil((o + 1) L / OL)

    Args:
        input: (N, C, L) or (C, L) floating, L at least 1.
        output_size: OL, at least 0; windows overlap where it does not divide L.

    Returns:
        (N, C, OL) or (C, OL).

    Raises:
        ValueError: if the shape is none of these, or ``output_size`` is negative.
        TypeError: for integers and booleans, or an ``output_size`` that is not whole.
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """Return the means of windows that share a picture evenly; ``output_size`` 1 is the mean of the whole picture.

        y[n, c, oh, ow] = mean of x[n, c, h, w] over floor(oh H / OH) <= h < ceil((oh + 1) H / OH), likewise w

    Args:
        input: (N, C, H, W) or (C, H, W) floating, H and W at least 1.
        output_size: (OH, OW), at least 0, or one number for both; None leaves an axis as it is. Windows overlap where
            it does not divide the length.

    Returns:
        (N, C, OH, OW) or (C, OH, OW).

    Raises:
        ValueError: if the shape is none of these, or ``output_size`` is negative or has another length.
        TypeError: for integers and booleans, or an ``output_size`` that is not whole.

    Source: Lin, Chen and Yan, "Network in network" (ICLR 2014), section 3.2, for the mean of the whole picture.
    """
    return _adaptive_avg_pool(2, input, output_size)


def _adaptive_max_pool(axes: int, input: Tensor, output_size: Any, both: bool) -> Any:
    op = f"adaptive_max_pool{axes}d"
    x = _floating(op, _checked(op, input, axes, 1))
    lengths, outs = x.shape[-axes:], _output_size(x, output_size, axes)
    _, winners = adaptive_max_pool_forward(x._data, tuple(map(AdaptiveWindows, lengths, outs)))
    y = _at(x, Tensor(winners), axes)
    return (y, Tensor(winners)) if both else y


def adaptive_max_pool1d(input: Tensor, output_size: int | Sequence[int], return_indices: bool = False) -> Any:
    """Return the maxima of ``output_size`` windows that share a sequence evenly.

        y[n, c, o] = max of x[n, c, l] over floor(o L / OL) <= l < ceil((o + 1) L / OL)

    Args:
        input: (N, C, L) or (C, L) floating; lengths at least 1, but for the first.
        output_size: OL, at least 0.
        return_indices: return where the maxima stood too.

    Returns:
        (N, C, OL) or (C, OL); and the places l of the maxima, int64 of that shape.

    Raises:
        ValueError: if the shape is none of these, or ``output_size`` is negative.
        TypeError: for integers and booleans, or an ``output_size`` that is not whole.

    Gradient: That of reading the maxima where they stand: the first of the largest elements gets all of it.
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(
    input: Tensor, output_size: int | Sequence[int | None] | None, return_indices: bool = False
) -> Any:
    """Return the maxima of windows that share a picture evenly.

        y[n, c, oh, ow] = max of x[n, c, h, w] over floor(oh H / OH) <= h < ceil((oh + 1) H / OH), likewise w

    Args:
        input: (N, C, H, W) or (C, H, W) floating; lengths at least 1, but for the first.
        output_size: (OH, OW), at least 0, or one number for both; None leaves an axis as it is.
        return_indices: return where the maxima stood too.

    Returns:
        (N, C, OH, OW) or (C, OH, OW); and the places h W + w of the maxima, int64 of that shape.

    Raises:
        ValueError: if the shape is none of these, or ``output_size`` is negative or has another length.
        TypeError: for integers and booleans, or an ``output_size`` that is not whole.

    Gradient: That of reading the maxima where they stand: the first of the largest elements gets all of it.
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)
