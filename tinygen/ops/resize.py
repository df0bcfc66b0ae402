"""Resizing of sequences, pictures and volumes; channels turned into pixels and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor
from tinygen.ops.conv import per_axis
from tinygen.ops.shape import permute, reshape
from tinygen.tensor import Tensor
from tinygen_ops.resize import Table, resample, resize_order, resize_table

# mode -> the kind of table, and the number of axes it is for (None: any)
MODES: dict[str, tuple[str, int | None]] = {
    "nearest": ("nearest", None),
    "nearest-exact": ("nearest-exact", None),
    "area": ("area", None),
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
    "bicubic": ("cubic", 2),
    "lanczos": ("lanczos", 2),
}
_ALIGNED = ("linear", "bilinear", "trilinear", "bicubic")
_ANTIALIASED = ("bilinear", "bicubic", "lanczos")


class Resample(Function):
    """y_o = sum over i of w_oi x_i along one axis;  gx_i = sum over o of w_oi gy_o.

    Derivation: the weights depend on the lengths only, so y is linear in x and dy_o/dx_i = w_oi. The gradient of x_i
    collects from every output that read it: gx_i = sum over o of gy_o dy_o/dx_i, the same sum with the table w
    transposed. That is linear again, and its gradient uses w itself.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, table: Table, axis: int) -> Any:
        ctx.table, ctx.axis = table, axis
        return resample(x, table, axis)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Resample.apply(gy, table=ctx.table.transposed, axis=ctx.axis)


def resample_last(x: Tensor, tables: Sequence[Table]) -> Tensor:
    """Apply one table to each of the last axes, in the order that is least work."""
    first = x.ndim - len(tables)
    for i in resize_order(tables):
        x = Resample.apply(x, table=tables[i], axis=first + i)
    return x


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize the spatial axes: each output is a weighted sum of the inputs near its place.

        y_o = sum_i w(i - p_o) x_i / sum_i w(i - p_o),  p_o = (o + 1/2) r - 1/2,  r = n / OUT

    along each axis. n is the length before, OUT the one after; places outside take the border's value.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W) floating, for the nearest modes also uint8; lengths at least
            1, but for N.
        size: the new lengths, one number for all or one each.
        scale_factor: instead of ``size``: OUT = floor(n ``scale_factor``), and then r = 1 / ``scale_factor``.
        mode: ``nearest`` (x at floor(o r)), ``nearest-exact`` (x at floor((o + 1/2) r), as Pillow), ``linear`` for
            one axis, ``bilinear`` for two, ``trilinear`` for three (w a triangle), ``bicubic`` for two (Keys' cubic,
            a = -3/4, and -1/2 with ``antialias``), ``lanczos`` for two (sinc(d) sinc(d/3), with ``antialias`` only),
            ``area`` (the mean of the inputs that the output covers, :func:`adaptive_avg_pool2d`).
        align_corners: True: p_o = o (n - 1) / (OUT - 1), so that the first and last inputs stay where they are.
            Not for nearest, area and lanczos.
        recompute_scale_factor: True: r = n / OUT also where ``scale_factor`` is given.
        antialias: for bilinear, bicubic and lanczos: where an axis shrinks, w(d / r) instead of w(d), so that every
            input counts. As Pillow does it. With ``align_corners`` the corners do not stay, as in PyTorch.

    Returns:
        (N, C, *OUT), in the dtype of ``input``.

    Raises:
        ValueError: for shapes, sizes, or options that do not go together.
        TypeError: for integers where the result is a mean, or sizes that are not whole.

    Source: cubic: Keys, "Cubic convolution interpolation for digital image processing" (IEEE ASSP 1981).

    Gradient: Resizing is linear, so that of x is the transposed sum; at the nearest modes each input collects from
    the outputs that copied it.
    """
    x = as_tensor(input, "input")
    if mode not in MODES:
        raise ValueError(f"`mode` is {mode!r}; valid are {', '.join(MODES)}")
    kind, axes = MODES[mode]
    if x.ndim not in (3, 4, 5) or axes not in (None, x.ndim - 2):
        layout = {None: "(N, C, L), (N, C, H, W) or (N, C, D, H, W)", 1: "(N, C, L)", 2: "(N, C, H, W)"}
        wanted = layout.get(axes, "(N, C, D, H, W)")
        raise ValueError(f"interpolate: `input` has shape {x.shape}; for `mode` {mode!r} it must be {wanted}")
    _check_options(mode, align_corners, antialias)
    if x.dtype.kind != "f" and not (mode.startswith("nearest") and x.dtype == np.uint8):
        raise TypeError(f"interpolate: `input` is {x.dtype}; for `mode` {mode!r} it must be floating: use .float()")
    if 0 in x.shape[1 + (mode == "area") :]:
        raise ValueError(f"interpolate: `input` has shape {x.shape}; lengths must be at least 1, but for N")
    sizes, factors = _sizes(x.shape[2:], size, scale_factor, recompute_scale_factor, least=int(mode != "area"))
    if mode == "nearest" and x.ndim == 4:  # as in PyTorch: axes of pictures (only) that keep their length are copied
        factors = tuple(None if n == out else f for n, out, f in zip(x.shape[2:], sizes, factors, strict=True))
    return resample_last(
        x,
        [
            resize_table(n, out, kind, bool(align_corners), factor, antialias)
            for n, out, factor in zip(x.shape[2:], sizes, factors, strict=True)
        ],
    )


def _check_options(mode: str, align_corners: bool | None, antialias: bool) -> None:
    if (align_corners is not None and mode not in (*_ALIGNED, "lanczos")) or (align_corners and mode == "lanczos"):
        raise ValueError(f"`align_corners` is {align_corners}; `mode` {mode!r} has none, {', '.join(_ALIGNED)} have")
    if antialias and mode not in _ANTIALIASED:
        raise ValueError(f"`antialias` is True; `mode` {mode!r} has none, {', '.join(_ANTIALIASED)} have")
    if mode == "lanczos" and not antialias:
        raise ValueError("`antialias` is False; `mode` 'lanczos' needs True")


def _sizes(
    lengths: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None, least: int
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The new length of each axis, and the factor that sets the step there (None: the lengths do)."""
    axes = len(lengths)
    if (size is None) == (scale_factor is None):
        raise ValueError(f"`size` is {size} and `scale_factor` {scale_factor}; give one of the two")
    if size is not None:
        if recompute:
            raise ValueError("`recompute_scale_factor` is True; it goes with `scale_factor`, not with `size`")
        if isinstance(size, (tuple, list)) and len(size) != axes:
            raise ValueError(f"`size` is {size}; it must be one number or {axes}, one for each spatial axis")
        return per_axis(size, "size", axes, least), (None,) * axes
    factors = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
    if not all(isinstance(f, (int, float, np.number)) and not isinstance(f, bool) for f in factors):
        raise TypeError(f"`scale_factor` is {scale_factor!r}; it must be a number or {axes} of them")
    factors = tuple(map(float, factors))
    if len(factors) != axes or not all(0 < f < math.inf for f in factors):
        raise ValueError(f"`scale_factor` is {scale_factor}; it must be one number or {axes}, finite and above 0")
    sizes = tuple(math.floor(n * f) for n, f in zip(lengths, factors, strict=True))
    if min(sizes) < least:
        raise ValueError(f"`scale_factor` is {scale_factor}; it makes {sizes} of {lengths}, at least 1 is needed")
    return sizes, (None,) * axes if recompute else factors


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Turn each group of r**2 channels into r x r pixels.

        y[.., c, h r + i, w r + j] = x[.., c r**2 + i r + j, h, w]

    Args:
        input: (..., C r**2, H, W), any dtype.
        upscale_factor: r, at least 1.

    Returns:
        (..., C, H r, W r).

    Raises:
        ValueError: if r**2 does not divide the channels, or there are fewer than three axes.
        TypeError: if r is no integer.

    Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network" (CVPR 2016).
    """
    x, (r,) = as_tensor(input, "input"), per_axis(upscale_factor, "upscale_factor", 1, 1)
    if x.ndim < 3 or x.shape[-3] % r**2:
        raise ValueError(f"pixel_shuffle: `input` has shape {x.shape}; it must be (..., C {r}**2, H, W)")
    *lead, channels, height, width = x.shape
    apart = reshape(x, (*lead, channels // r**2, r, r, height, width))
    # (.., C, r, r, H, W) -> (.., C, H, r, W, r)
    mixed = permute(apart, (*range(len(lead) + 1), -2, -4, -1, -3))
    return reshape(mixed, (*lead, channels // r**2, height * r, width * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Turn each r x r pixels into r**2 channels; undoes :func:`pixel_shuffle`.

        y[.., c r**2 + i r + j, h, w] = x[.., c, h r + i, w r + j]

    Args:
        input: (..., C, H r, W r), any dtype.
        downscale_factor: r, at least 1.

    Returns:
        (..., C r**2, H, W).

    Raises:
        ValueError: if r does not divide height and width, or there are fewer than three axes.
        TypeError: if r is no integer.

    Source: as :func:`pixel_shuffle`.
    """
    x, (r,) = as_tensor(input, "input"), per_axis(downscale_factor, "downscale_factor", 1, 1)
    if x.ndim < 3 or x.shape[-1] % r or x.shape[-2] % r:
        raise ValueError(f"pixel_unshuffle: `input` has shape {x.shape}; it must be (..., C, H {r}, W {r})")
    *lead, channels, height, width = x.shape
    apart = reshape(x, (*lead, channels, height // r, r, width // r, r))
    # (.., C, H, r, W, r) -> (.., C, r, r, H, W)
    mixed = permute(apart, (*range(len(lead) + 1), -3, -1, -4, -2))
    return reshape(mixed, (*lead, channels * r**2, height // r, width // r))
