"""Convolution over one or two spatial axes: its sizes, and the plain form of it and of its two gradients.

Letters: N samples, C channels in, O channels out, S lengths in, K lengths of the kernel, OS lengths out. Per axis,
with x zero outside of its S places (`lo` zeros before the first place, `hi` behind the last),

    y[n, o, q] = sum over c, k of x[n, c, q stride + k dilation - lo] w[o, c, k]        0 <= q < OS

With `groups` g the channels are cut into g equal parts, each convolved by itself. `hi` enters through OS alone and
may be negative: then the last -hi places are not read. This sum is linear in x and in w, which gives two more ops:

    sum of gy * conv_forward(x, w) = sum of x * conv_input_gradient(gy, w) = sum of w * conv_weight_gradient(x, gy)

All three lay out the windows of x as columns (or add columns up where windows overlap) and leave the arithmetic to one
matrix product per group. Sources: Chellapilla, Puri and Simard, High performance convolutional neural networks for
document processing, 2006; sizes: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.elementwise import add
from tinygen_ops.rectify import rectify, rectify_gradient
from tinygen_ops.registry import kernel

__all__ = [
    "check",
    "conv_forward",
    "conv_input_gradient",
    "conv_size",
    "conv_weight_gradient",
    "overlap_add",
    "same_padding",
    "span",
    "transposed_same",
    "transposed_size",
    "windows",
]

Array = Any  # numpy.ndarray or cupy.ndarray
Ints = tuple[int, ...]  # one number per spatial axis
Padding = tuple[tuple[int, int], ...]  # (lo, hi) per spatial axis
WORKSPACE = 2**26  # bytes of columns at a time: a larger batch is worked off in parts, of one sample at least


def span(kernel: int, dilation: int) -> int:
    """Return the number of places from the first that a kernel reads to the last: (k - 1) dilation + 1."""
    return (kernel - 1) * dilation + 1


def conv_size(length: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """Return the output length of a convolution along one axis.

    floor((length + lo + hi - span) / stride) + 1

    Args:
        length: of the input, at least 1.
        kernel: length of the kernel, at least 1.
        stride: at least 1.
        padding: (lo, hi), zeros before and behind.
        dilation: at least 1.

    Raises:
        ValueError: the kernel is larger than the padded input.
    """
    padded, reach = length + sum(padding), span(kernel, dilation)
    if length < 1 or padded < reach:
        raise ValueError(
            f"the kernel is larger than the input: {kernel} with dilation {dilation} reaches over {reach}, the input "
            f"has {length} and with its padding {padded}"
        )
    return (padded - reach) // stride + 1


def same_padding(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the (lo, hi) with which a convolution gives ceil(length / stride): Keras' split, the odd one behind."""
    total = max((-(-length // stride) - 1) * stride + span(kernel, dilation) - length, 0)
    return total // 2, total - total // 2


def transposed_size(
    length: int, kernel: int, stride: int, padding: int, dilation: int, output_padding: int
) -> tuple[int, tuple[int, int]]:
    """Return the output length of a transposed convolution along one axis, and its padding as (lo, hi).

    (length - 1) stride - 2 padding + span + output_padding

    The padding is that of the convolution from the output back to the input, which then ends exactly where the
    output ends; it has hi < 0 where more is added at the end than was cropped.

    Raises:
        ValueError: nothing is left of the output.
    """
    size = (length - 1) * stride - 2 * padding + span(kernel, dilation) + output_padding
    if length < 1 or size < 1:
        raise ValueError(
            f"the output would have length {size}: input {length}, kernel {kernel}, stride {stride}, padding "
            f"{padding}, dilation {dilation}; input and output must have at least 1"
        )
    return size, (padding, padding - output_padding)


def transposed_same(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, tuple[int, int]]:
    """Return the output length of a transposed convolution with padding "same", length stride, and its (lo, hi).

    span - stride places are cropped, half of them (rounded down) at the start; where that is negative, zeros are
    added at the end.
    """
    if length < 1:
        raise ValueError(f"the input has length {length}; it must have at least 1")
    crop = span(kernel, dilation) - stride
    lo = max(crop, 0) // 2
    return length * stride, (lo, crop - lo)


def windows(
    x: Array, kernel: Ints, stride: Ints, padding: Padding, dilation: Ints, out: Array | None = None
) -> Array:
    """Lay out all windows of x: columns[n, c, k, q] = x[n, c, q stride + k dilation - lo], 0 outside of x.

    Args:
        x: (N, C, *S).
        kernel: K per axis.
        stride: per axis.
        padding: (lo, hi) per axis.
        dilation: per axis.
        out: where to write, of the result's shape and any strides.

    Returns:
        (N, C, *K, *OS).

    Raises:
        ValueError: the kernel is larger than the padded input.
    """
    xp = array_module(x, out)
    size, places = x.shape[2:], _out_sizes(x.shape[2:], kernel, stride, padding, dilation)
    if out is None:
        out = xp.empty((*x.shape[:2], *kernel, *places), x.dtype)
    if any(lo > 0 or hi > 0 for lo, hi in padding):
        padded = xp.zeros((*x.shape[:2], *_padded(size, padding)), x.dtype)
        padded[_inside(size, padding)] = x
        x = padded
    # One strided copy per kernel place: 1.8 ms for 3 x 3 of (16, 64, 28, 28), 2.1 through a view of all windows.
    for place in product(*map(range, kernel)):
        out[(slice(None), slice(None), *place)] = x[_read_at(place, places, stride, dilation)]
    return out


def overlap_add(columns: Array, size: Ints, stride: Ints, padding: Padding, dilation: Ints) -> Array:
    """Add columns up where they were read: the adjoint of `windows`.

    x[n, c, p] = sum over the k, q with q stride + k dilation - lo = p of columns[n, c, k, q]

    Args:
        columns: (N, C, *K, *OS), any strides.
        size: S per axis.
        stride: per axis.
        padding: (lo, hi) per axis.
        dilation: per axis.

    Returns:
        (N, C, *S).

    Raises:
        ValueError: OS is not what `windows` makes of S.
    """
    axes = len(size)
    kernel, places = columns.shape[2 : 2 + axes], columns.shape[2 + axes :]
    expected = _out_sizes(size, kernel, stride, padding, dilation)
    if places != expected:
        raise ValueError(f"`columns` hold {places} windows; for `size` {tuple(size)} there must be {expected}")
    x = array_module(columns).zeros((*columns.shape[:2], *_padded(size, padding)), columns.dtype)
    for place in product(*map(range, kernel)):
        x[_read_at(place, places, stride, dilation)] += columns[(slice(None), slice(None), *place)]
    return x[_inside(size, padding)]


def _numba_can(a: Array, b: Array, *window: Any, **named: Any) -> bool | str:
    """Whether the Numba form serves these arrays."""
    array_module(a, b)  # raises where they live on two devices
    if a.dtype.char != "f" or b.dtype.char != "f":
        return "it computes in float32 only"
    if a.ndim not in (3, 4) or b.ndim != a.ndim:
        return "it knows one or two spatial axes"
    return True if a.size and b.size else "an array is empty"


@kernel(numba="tinygen_ops.convolution_numba:conv_forward", supports=_numba_can)
def conv_forward(
    x: Array,
    w: Array,
    stride: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int = 1,
    bias: Array | None = None,
    slope: float | None = None,
) -> Array:
    """Convolve: y[n, o, q] = bias[o] + sum over c, k of x[n, c, q stride + k dilation - lo] w[o, c, k].

    Args:
        x: (N, C, *S).
        w: (O, C / groups, *K), of the dtype of x.
        stride: per axis.
        padding: (lo, hi) per axis.
        dilation: per axis.
        groups: divides C and O; output channels of a group see its input channels only.
        bias: (O,), of the dtype of x, or None.
        slope: y goes through `rectify` with this slope at once, from 0 to 1; None: it stays as it is.

    Returns:
        (N, O, *OS) in the dtype of x; float16 is summed in float32. The Numba form's lies channels last in memory.

    Raises:
        ValueError: shapes do not fit, or the kernel is larger than the padded input.
    """
    xp = array_module(x, w)
    places = check(x.shape, w.shape, stride, padding, dilation, groups)
    matrix = _by_group(w, groups)  # (g, O/g, C/g K)
    y = xp.empty((x.shape[0], w.shape[0], *places), x.dtype)
    for part in _parts(x, w.shape[2:], places):
        columns = _columns(x[part], w.shape[2:], places, stride, padding, dilation, groups)
        z = xp.matmul(matrix, columns)  # (g, O/g, N OS)
        y[part] = z.reshape(w.shape[0], -1, *places).swapaxes(0, 1)  # (O, N, *OS) -> (N, O, *OS)
    return _finished(y, bias, slope)


@kernel(numba="tinygen_ops.convolution_numba:conv_input_gradient", supports=_numba_can)
def conv_input_gradient(
    gy: Array,
    w: Array,
    size: Ints,
    stride: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int = 1,
    bias: Array | None = None,
    slope: float | None = None,
    alive: Array | None = None,
    plus: Array | None = None,
) -> Array:
    """Carry a gradient back to the input of a convolution; by itself, the transposed convolution.

    gx[n, c, p] = bias[c] + sum over the o, k, q with q stride + k dilation - lo = p of gy[n, o, q] w[o, c, k]

    Args:
        gy: (N, O, *OS).
        w: (O, C / groups, *K), of the dtype of gy.
        size: S, the lengths of the result.
        stride: as `conv_forward`, and likewise the following.
        padding: (lo, hi) per axis.
        dilation: per axis.
        groups: divides C and O.
        bias: (C,), of the dtype of gy, or None.
        slope: as `conv_forward`, of the result.
        alive: of the shape and dtype of the result, which becomes 0 where this is not above 0; None: it stays as it is.
        plus: of the same shape and dtype: it is added to the result before that; None: nothing is.

    Returns:
        (N, C, *S) in the dtype of gy; float16 is summed in float32. The Numba form's lies channels last in memory.

    Raises:
        ValueError: shapes do not fit.
    """
    xp = array_module(gy, w)
    shape = (gy.shape[0], w.shape[1] * groups, *size)
    others = [x if x is None else x.shape for x in (alive, plus)]
    places = check(shape, w.shape, stride, padding, dilation, groups, gy.shape, *others)
    matrix = _by_group(w, groups).swapaxes(1, 2)  # (g, C/g K, O/g)
    gx = xp.empty(shape, gy.dtype)
    for part in _parts(gx, w.shape[2:], places):
        columns = xp.matmul(matrix, _by_group(gy[part].swapaxes(0, 1), groups))  # (g, C/g K, N OS)
        columns = columns.reshape(shape[1], *w.shape[2:], -1, *places)
        columns = xp.moveaxis(columns, len(size) + 1, 0)  # (C, *K, N, *OS) -> (N, C, *K, *OS)
        gx[part] = overlap_add(columns, size, stride, padding, dilation)
    gx = _finished(gx, bias, slope)
    gx = gx if plus is None else add(gx, plus)
    return gx if alive is None else rectify_gradient(gx, alive)


@kernel(numba="tinygen_ops.convolution_numba:conv_weight_gradient", supports=_numba_can)
def conv_weight_gradient(
    x: Array, gy: Array, kernel: Ints, stride: Ints, padding: Padding, dilation: Ints, groups: int = 1
) -> Array:
    """Carry a gradient back to the weights of a convolution.

    gw[o, c, k] = sum over n, q of gy[n, o, q] x[n, c, q stride + k dilation - lo]

    Args:
        x: (N, C, *S).
        gy: (N, O, *OS), of the dtype of x.
        kernel: K, the lengths of the result's last axes.
        stride: as `conv_forward`, and likewise the following.
        padding: (lo, hi) per axis.
        dilation: per axis.
        groups: divides C and O.

    Returns:
        (O, C / groups, *K) in the dtype of x; float16 is summed in float32.

    Raises:
        ValueError: shapes do not fit.
    """
    xp = array_module(x, gy)
    shape = (gy.shape[1], x.shape[1] // groups, *kernel)
    places = check(x.shape, shape, stride, padding, dilation, groups, gy.shape)
    gw = xp.zeros((groups, shape[0] // groups, math.prod(shape[1:])), _accumulator(x.dtype))
    for part in _parts(x, kernel, places):
        columns = _columns(x[part], kernel, places, stride, padding, dilation, groups)
        gw += xp.matmul(_by_group(gy[part].swapaxes(0, 1), groups), columns.swapaxes(1, 2))
    return gw.reshape(shape).astype(x.dtype, copy=False)


def _columns(
    x: Array, kernel: Ints, places: Ints, stride: Ints, padding: Padding, dilation: Ints, groups: int
) -> Array:
    """The windows of x as the right factor of a product: (g, C/g K, N OS)."""
    xp = array_module(x)
    n, channels = x.shape[:2]
    columns = xp.empty((channels, *kernel, n, *places), _accumulator(x.dtype))
    windows(x, kernel, stride, padding, dilation, out=xp.moveaxis(columns, len(kernel) + 1, 0))
    return columns.reshape(groups, channels // groups * math.prod(kernel), n * math.prod(places))


def _by_group(a: Array, groups: int) -> Array:
    """Return an array of channels (O, ...) as one matrix per group, (g, O/g, the rest), ready to be summed."""
    a = a.astype(_accumulator(a.dtype), copy=False)
    return a.reshape(groups, a.shape[0] // groups, math.prod(a.shape[1:]))


def _finished(y: Array, bias: Array | None, slope: float | None) -> Array:
    """Add bias[o] to channel o of y, in place, and rectify."""
    if bias is not None:
        array_module(y, bias)  # both on one device
        y += bias.reshape(-1, *(1,) * (y.ndim - 2))
    return y if slope is None else rectify.reference(y, slope)


def _accumulator(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _parts(x: Array, kernel: Ints, places: Ints) -> Iterator[slice]:
    """Cut the batch of x so that the columns of a part take no more than WORKSPACE bytes, where a sample allows it."""
    sample = x.shape[1] * math.prod(kernel) * math.prod(places) * _accumulator(x.dtype).itemsize
    step = max(WORKSPACE // max(sample, 1), 1)
    return (slice(i, i + step) for i in range(0, x.shape[0], step))


def check(
    x: Ints,
    w: Ints,
    stride: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int,
    gy: Ints | None = None,
    alive: Ints | None = None,
    plus: Ints | None = None,
) -> Ints:
    """Check the shapes of x, w and gy, and of two arrays like x, against one another; return OS.

    Raises:
        ValueError: they do not fit.
    """
    if x[1] != w[1] * groups or w[0] % groups:
        raise ValueError(
            f"`x` {x} and `w` {w} do not fit with `groups` {groups}; they must be (N, C, ...) and (O, C / groups, "
            "...), and O a multiple of `groups`"
        )
    places = _out_sizes(x[2:], w[2:], stride, padding, dilation)
    if gy is not None and gy != (x[0], w[0], *places):
        raise ValueError(f"`gy` has shape {gy}; with `x` {x} and `w` {w} it must be {(x[0], w[0], *places)}")
    for name, shape in (("alive", alive), ("plus", plus)):
        if shape is not None and shape != tuple(x):
            raise ValueError(f"`{name}` has shape {shape}; it must be that of the result, {tuple(x)}")
    return places


def _out_sizes(size: Ints, kernel: Ints, stride: Ints, padding: Padding, dilation: Ints) -> Ints:
    return tuple(map(conv_size, size, kernel, stride, padding, dilation))


def _padded(size: Ints, padding: Padding) -> Ints:
    """Lengths with room for the zeros; a negative `hi` takes nothing away, what lies there is just not read."""
    return tuple(s + lo + max(hi, 0) for s, (lo, hi) in zip(size, padding, strict=True))


def _inside(size: Ints, padding: Padding) -> tuple:
    """Where the array itself stands among its zeros."""
    return (..., *(slice(lo, lo + s) for s, (lo, _) in zip(size, padding, strict=True)))


def _read_at(place: Ints, places: Ints, stride: Ints, dilation: Ints) -> tuple:
    """Which places of the padded array the kernel's `place` meets as the kernel moves along."""
    axes = zip(place, places, stride, dilation, strict=True)
    return (..., *(slice(k * d, k * d + (n - 1) * s + 1, s) for k, n, s, d in axes))
