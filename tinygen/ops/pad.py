"""Padding: borders of a constant, or made from the tensor itself; negative widths cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor
from tinygen.ops.shape import whole_numbers
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

Widths = tuple[tuple[int, int], ...]  # for each axis how much in front and behind
MODES = ("constant", "reflect", "replicate", "circular")


class Pad(Function):
    """y[i] = x[i - before] where there is such an x, else the value;  gx = gy padded by the negative widths.

    Derivation: along one axis y = (value, .., x_0 .. x_N-1, .., value). Each x stands at one place of y, so gx is gy
    without the borders, which is a pad by (-before, -after). Where a width is negative numbers of x were cut off: they
    do not reach y, and padding gy by the opposite width puts the 0 of their gradient there.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, widths: Widths, value: float = 0) -> Any:
        ctx.widths = widths
        kept = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True))]
        borders = [(max(b, 0), max(a, 0)) for b, a in widths]
        shape = tuple(b + n + a for n, (b, a) in zip(kept.shape, borders, strict=True))
        if shape == kept.shape:
            return kept
        y = array_module(x).full(shape, value, x.dtype)
        y[tuple(slice(b, b + n) for n, (b, _) in zip(kept.shape, borders, strict=True))] = kept
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return Pad.apply(gy, widths=tuple((-b, -a) for b, a in ctx.widths))


class PadFromInside(Function):
    """y = x along one axis, with borders copied out of x itself;  gx = gy with the borders folded back (FoldBack).

    Derivation: y_j = x_s(j), where s(j) is j - before inside and names the source of each number of the border:
    mirrored, the edge, or from the other end. Then gx_i = sum of gy_j over the j with s(j) = i: the inner part of gy,
    plus each border added onto the place it was copied from.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axis: int, before: int, after: int, mode: str) -> Any:
        ctx.settings = {"axis": axis, "before": before, "after": after, "mode": mode}
        xp, n = array_module(x), x.shape[axis]
        front, back = _sources(n, before, after, mode)
        front, back = x[_part(axis, *front)], x[_part(axis, *back)]
        if mode == "reflect":
            front, back = xp.flip(front, axis), xp.flip(back, axis)
        elif mode == "replicate":
            front, back = xp.repeat(front, before, axis), xp.repeat(back, after, axis)
        return xp.concatenate((front, x, back), axis)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return FoldBack.apply(gy, **ctx.settings)


class FoldBack(Function):
    """y_i = sum of x_j over the places j that PadFromInside copied number i to: its adjoint, whose adjoint it is."""

    @staticmethod
    def forward(ctx: Node, x: Any, axis: int, before: int, after: int, mode: str) -> Any:
        ctx.settings = {"axis": axis, "before": before, "after": after, "mode": mode}
        xp, end = array_module(x), x.shape[axis] - after
        y = x[_part(axis, before, end)].copy()
        front, back = x[_part(axis, 0, before)], x[_part(axis, end, end + after)]
        if mode == "reflect":
            front, back = xp.flip(front, axis), xp.flip(back, axis)
        elif mode == "replicate":
            front, back = front.sum(axis=axis, keepdims=True), back.sum(axis=axis, keepdims=True)
        to_front, to_back = _sources(end - before, before, after, mode)
        y[_part(axis, *to_front)] += front
        y[_part(axis, *to_back)] += back
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return PadFromInside.apply(gy, **ctx.settings)


def _sources(n: int, before: int, after: int, mode: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Which numbers of an axis of length n the border in front is made of, and that behind: (start, stop) each."""
    if mode == "reflect":  # without the edge itself
        return (1, before + 1), (n - 1 - after, n - 1)
    if mode == "replicate":
        return (0, 1), (n - 1, n)
    return (n - before, n), (0, after)


def _part(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(start, stop),)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Return the tensor with borders on some of its last axes.

        constant:   y = v v | x_0 x_1 x_2 | v v
        reflect:    y = x_2 x_1 | x_0 x_1 x_2 | x_1 x_0
        replicate:  y = x_0 x_0 | x_0 x_1 x_2 | x_2 x_2
        circular:   y = x_1 x_2 | x_0 x_1 x_2 | x_0 x_1

    Args:
        input: (...) any dtype. The modes other than "constant" pad the last 1, 2 or 3 axes of a tensor that has one or
            two more (channels, batch), as in PyTorch.
        pad: the widths, the last axis first: (before, after) of the last axis, then of the one in front of it, ...
            Negative ones cut off: "circular" cuts first and then pads, the others pad first.
        mode: "constant", "reflect" (narrower than the axis), "replicate" or "circular" (not wider than the axis).
        value: the constant, 0 if None; must fit the dtype.

    Returns:
        A Tensor whose axes have the lengths before + N + after.

    Raises:
        ValueError: for an odd number of widths or too many, widths that the axis is too short for, an unknown mode, a
            value that does not fit.
        TypeError: if a width is no integer.

    Gradient: "constant": that of the inside. The others: each border is added onto the numbers it was copied from.
    """
    x = as_tensor(input, "input")
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"`pad` is {pad!r}; it must be a tuple of integers")
    flat = whole_numbers(pad, (), "pad")
    if mode not in MODES:
        raise ValueError(f"`mode` is {mode!r}; valid are {', '.join(map(repr, MODES))}")
    count = len(flat) // 2
    if len(flat) % 2 or count > x.ndim:
        raise ValueError(f"`pad` is {flat}; two numbers for each of at most {x.ndim} axes, the last axis first")
    widths = ((0, 0),) * (x.ndim - count) + tuple(zip(flat[::2], flat[1::2], strict=True))[::-1]
    if mode == "constant":
        fill = _fill(value, x.dtype)
        for n, (before, after) in zip(x.shape, widths, strict=True):
            if n + min(before, 0) + min(after, 0) < 0:
                raise ValueError(f"`pad` is {flat}; it cuts more than there is off `input` of shape {x.shape}")
        return Pad.apply(x, widths=widths, value=fill)
    if value:
        raise ValueError(f"`value` is {value!r}; only mode 'constant' takes one")
    if not 1 <= count <= 3 or x.ndim - count not in (1, 2):
        raise ValueError(f"`pad` is {flat} for {x.ndim} axes; mode {mode!r} pads 1 to 3, all but the first one or two")
    if mode != "circular" and 0 in x.shape[-count - 1 :]:  # channels and what is padded; a batch may be empty
        raise ValueError(f"`input` has shape {x.shape}; mode {mode!r} needs elements to copy")
    return _pad_from_inside(x, widths, mode)


def _pad_from_inside(x: Tensor, widths: Widths, mode: str) -> Tensor:
    """Make the borders axis by axis, the last axis first."""
    cuts = tuple((min(b, 0), min(a, 0)) for b, a in widths)
    if mode == "circular":
        x = _cut(x, cuts, mode)
    for axis in reversed(range(x.ndim)):
        before, after = (max(w, 0) for w in widths[axis])
        limit = {"reflect": x.shape[axis] - 1, "replicate": math.inf, "circular": x.shape[axis]}[mode]
        if max(before, after) > limit:
            raise ValueError(f"`pad` has ({before}, {after}) for axis {axis}; mode {mode!r} takes up to {limit} there")
        if before or after:
            x = PadFromInside.apply(x, axis=axis, before=before, after=after, mode=mode)
    return x if mode == "circular" else _cut(x, cuts, mode)


def _cut(x: Tensor, cuts: Widths, mode: str) -> Tensor:
    """Cut off the negative widths."""
    lengths = [n + b + a for n, (b, a) in zip(x.shape, cuts, strict=True)]
    if any(n < (mode != "circular") for n, cut in zip(lengths, cuts, strict=True) if cut != (0, 0)):
        raise ValueError(f"`pad` cuts all of an axis off `input`, leaving lengths {lengths}")
    return Pad.apply(x, widths=cuts) if any(cut != (0, 0) for cut in cuts) else x


def _fill(value: float | None, dtype: np.dtype) -> float:
    """Return the constant, checked against the dtype."""
    if value is None:
        return 0
    if not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise TypeError(f"`value` is {value!r}; it must be a number")
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = limits.min <= value <= limits.max
        value = int(value) if fits else value
    else:
        fits = dtype.kind == "b" or not math.isfinite(value) or abs(value) <= float(np.finfo(dtype).max)
    if not fits:
        raise ValueError(f"`value` is {value!r}; it does not fit {dtype}")
    return value
