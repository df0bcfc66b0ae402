"""Sums, products, means, norms and their like over some axes or all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import BroadcastTo, Dim, as_tensor, cast, check_axis, floating, kept_shape, reduced_axes, total
from tinygen.ops.arithmetic import power, where
from tinygen.ops.arrange import flip
from tinygen.ops.elementwise import abs_, exp, sign, sqrt, square
from tinygen.ops.extremes import amax, amin, refuse_nothing
from tinygen.ops.indexing import getitem
from tinygen.ops.shape import movedim, reshape, squeeze, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

_INF = math.inf


class Sum(Function):
    """y = sum of x over some axes;  gx = gy in every place that was summed.

    Derivation: y depends on each x with slope 1, so each x gets the whole gradient of its sum: a broadcast, the
    adjoint of summing.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
        ctx.shape = x.shape
        ctx.kept = kept_shape(x.shape, axes)
        return total(x, axes, keepdim)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return BroadcastTo.apply(reshape(gy, ctx.kept), shape=ctx.shape)


class CumSum(Function):
    """y_i = x_0 + ... + x_i along an axis;  gx_i = gy_i + gy_i+1 + ... to the end.

    Derivation: x_i is a summand of y_i and of all that follow, so its gradient is the sum of theirs: the running sum
    from the other end.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axis: int) -> Any:
        ctx.axis = axis
        if x.dtype.kind != "f":
            return x.cumsum(axis=axis, dtype=np.int64)
        # In float32 the error grows with their number: 1e-2 after a million equal ones.
        return x.cumsum(axis=axis, dtype=np.float64).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return flip(CumSum.apply(flip(gy, ctx.axis), axis=ctx.axis), ctx.axis)


class LogSumExp(Function):
    """y = ln(sum_i e**x_i) over some axes;  gx_i = gy e**(x_i - y).

    Derivation: the chain rule gives e**x_i / sum_j e**x_j, and the sum is e**y: a softmax. The forward takes the
    largest x out, ln(sum_i e**x_i) = m + ln(sum_i e**(x_i - m)), so that no power overflows.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...]) -> Any:
        xp = array_module(x)
        if 0 in [x.shape[a] for a in axes]:
            y = xp.full(kept_shape(x.shape, axes), -_INF, x.dtype)
        else:
            top = x.max(axis=axes, keepdims=True)
            top = xp.where(abs(top) == _INF, 0, top).astype(x.dtype)  # all -inf: the sum is 0, its logarithm -inf
            y = xp.log(total(xp.exp(x - top), axes, True)) + top
        ctx.save(x, y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        x, y = ctx.saved
        return gy * exp(x - where(y == -_INF, 0.0, y))  # e**(-inf - -inf) would be NaN


def _count(x: Tensor, dim: Dim) -> int:
    return math.prod(x.shape[i] for i in reduced_axes(dim, x.ndim))


def _in(input: Any, dtype: Any) -> Tensor:
    """The input as a Tensor, in ``dtype`` if that is given."""
    x = as_tensor(input, "input")
    return x if dtype is None else cast(x, np.dtype(dtype))


def sum_(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the sum over some axes.

        y[j] = sum over i of x[i, j]

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, several, or None for all.
        keepdim: keep the summed axes, with length 1.
        dtype: what to convert to first.

    Returns:
        The sum, without the axes ``dim``; integers and booleans become int64. The sum of nothing is 0.

    Raises:
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    x = _in(input, dtype)
    y = Sum.apply(x, axes=reduced_axes(dim, x.ndim), keepdim=keepdim)
    return y if dtype is None else cast(y, np.dtype(dtype))


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the product along an axis, or of all elements.

        y[j] = product over i of x[i, j]

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, or None for all.
        keepdim: keep the axis, with length 1.
        dtype: what to convert to first.

    Returns:
        The product, without the axis ``dim``; integers and booleans become int64. The product of nothing is 1.

    Gradient: Each x gets the product of all the others. Dividing y by x would fail at zeros; here the elements
    are multiplied in pairs, the products in pairs again, and so on, and the product rule in each pair does the rest:
    right with one zero (only its gradient is not 0), with several (all are), and at any order.

    Raises:
        IndexError: if there is no such axis.
        TypeError: if ``dim`` is no integer.
    """
    x = _in(input, dtype)
    if x.dtype.kind != "f" and dtype is None:
        x = cast(x, np.int64)
    if dim is None:
        product = _product(reshape(x, (-1,) if x._data.size else (0,)))
        return reshape(product, (1,) * x.ndim) if keepdim else product
    axis = check_axis(dim, x.ndim)
    if not x.ndim:
        return _product(reshape(x, (1,)))
    product = _product(movedim(x, axis, 0))
    return unsqueeze(product, axis) if keepdim else product


def _product(x: Tensor) -> Tensor:
    """The product along the first axis, in pairs: (n, ...) -> (n/2, ...) -> ... -> (...)."""
    left_over = None
    while (n := x.shape[0]) > 1:
        if n % 2:
            last = getitem(x, -1)
            left_over = last if left_over is None else left_over * last
        x = getitem(x, slice(0, n // 2)) * getitem(x, slice(n // 2, n // 2 * 2))
    if not n:
        return sum_(x, 0, dtype=x.dtype) + 1
    x = getitem(x, 0)
    return x if left_over is None else x * left_over


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the mean over some axes.

        y[j] = (sum over i of x[i, j]) / n

    Args:
        input: a floating Tensor of any shape.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.
        dtype: what to convert to first, floating.

    Returns:
        The mean, without the axes ``dim``. The mean of nothing is NaN.

    Raises:
        TypeError: for an integer or boolean tensor without ``dtype``.
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    x = _in(input, dtype)
    if x.dtype.kind != "f":
        raise TypeError(f"mean needs a floating tensor, this one is {x.dtype}; use .float() or `dtype`")
    if x.dtype == np.float16:  # the sum may be too large where the mean is not
        return cast(mean(cast(x, np.float32), dim, keepdim), np.float16)
    return sum_(x, dim, keepdim) / _count(x, dim)


def var(
    input: Tensor, dim: Dim = None, correction: float | None = 1, keepdim: bool = False, unbiased: bool | None = None
) -> Tensor:
    """Return the variance over some axes.

        y[j] = (sum over i of (x[i, j] - mean(x)[j])**2) / max(n - correction, 0)

    Args:
        input: a floating Tensor of any shape.
        dim: an axis, several, or None for all. A boolean here is ``unbiased``, over all axes.
        correction: 1 for the unbiased estimate, 0 for the plain mean square.
        keepdim: keep the axes, with length 1.
        unbiased: True says the same as correction 1, False as correction 0.

    Returns:
        The variance, without the axes ``dim``; NaN or inf where n is not above ``correction``.

    Raises:
        TypeError: for an integer or boolean tensor.
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    x = as_tensor(input, "input")
    if x.dtype.kind != "f":
        raise TypeError(f"`input`: variance needs a floating tensor, this one is {x.dtype}; use .float() first")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    if x.dtype == np.float16:
        return cast(var(cast(x, np.float32), dim, correction, keepdim), np.float16)
    deviations = x - mean(x, dim, keepdim=True)
    n = _count(x, dim) - (1 if correction is None else correction)
    return sum_(square(deviations), dim, keepdim) / (n if n > 0 else 0)


def std(
    input: Tensor, dim: Dim = None, correction: float | None = 1, keepdim: bool = False, unbiased: bool | None = None
) -> Tensor:
    """Return the standard deviation over some axes, the square root of :func:`var`.

        y[j] = sqrt(var(x)[j])

    Args:
        input: a floating Tensor of any shape.
        dim: an axis, several, or None for all. A boolean here is ``unbiased``, over all axes.
        correction: 1 or 0, as in :func:`var`.
        keepdim: keep the axes, with length 1.
        unbiased: True says the same as correction 1, False as correction 0.

    Returns:
        The deviation, without the axes ``dim``.

    Gradient: (x - mean) / ((n - correction) y); where all elements are equal, y is 0 and the gradient is 0.

    Raises:
        TypeError: for an integer or boolean tensor.
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    return _root(var(input, dim, correction, keepdim, unbiased))


def _root(x: Tensor) -> Tensor:
    """The square root of a sum of squares; where that is 0, so is the derivative."""
    zero = x == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, x)))


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return the running sum along an axis.

        y[i] = x[0] + ... + x[i]

    Args:
        input: a Tensor of any shape and dtype.
        dim: the axis.
        dtype: what to convert to first.

    Returns:
        The same shape; integers and booleans become int64.

    Raises:
        IndexError: if there is no such axis.
    """
    x = _in(input, dtype)
    axis = check_axis(dim, x.ndim)
    y = CumSum.apply(x, axis=axis) if x.ndim else sum_(x)
    return y if dtype is None else cast(y, np.dtype(dtype))


def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """Return the logarithm of the sum of powers, without overflow: a smooth form of the maximum.

        y[j] = ln(sum over i of e**x[i, j])

    Args:
        input: a Tensor of any shape; integers and booleans become float32.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.

    Returns:
        Floating, without the axes ``dim``; -inf where there is no element.

    Raises:
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    x = floating(input)
    axes = reduced_axes(dim, x.ndim)
    y = LogSumExp.apply(x, axes=axes)
    return y if keepdim else squeeze(y, axes)


def norm(
    input: Tensor, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return the p-norm of the elements over some axes, taken as one vector.

        y[j] = (sum over i of |x[i, j]|**p)**(1/p)

    Args:
        input: a floating Tensor of any shape.
        p: any number. 2, "fro" and None: the Euclidean length; 1: the sum of magnitudes; inf and -inf: the largest and
            the smallest magnitude; 0: how many are not 0.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.
        dtype: what to convert to first, floating.

    Returns:
        Floating, without the axes ``dim``. The norm of nothing is 0.

    Gradient: sign(x) (|x| / y)**(p-1); 0 at elements that are 0, and so at the zero vector; for infinite p in equal
    shares to the elements whose magnitude is y; for p = 0 it is 0.

    Raises:
        TypeError: for an integer or boolean tensor.
        ValueError: for another ``p``, for "nuc" too; for infinite or negative ``p`` where there is no element.
        IndexError: if there is no such axis.
    """
    x = _in(input, dtype)
    if x.dtype.kind != "f":
        raise TypeError(f"norm: `input` has dtype {x.dtype}; it must be floating, .float() makes it so")
    if p is None or p == "fro":
        p = 2.0
    if isinstance(p, str) or not isinstance(p, (int, float, np.number)) or p != p:
        raise ValueError(f"`p` is {p!r}; valid are a number, inf, -inf, 'fro' and None, no matrix norms")
    axes = reduced_axes(dim, x.ndim)
    if p < 0 or p == _INF:
        refuse_nothing(x, axes, "norm")
    if abs(p) == _INF:
        return (amax if p > 0 else amin)(abs_(x), axes, keepdim)
    if p == 0:
        return sum_(abs_(sign(x)), axes, keepdim)
    if p == 1:
        return sum_(abs_(x), axes, keepdim)
    if p == 2:
        return _root(sum_(square(x), axes, keepdim))
    # |x|**p and its root have infinite slopes at 0: 0 takes the place of both, 1 that of what they would be taken of
    zero = x == 0
    at_zero = 0.0 if p > 0 else _INF
    powers = where(zero, at_zero, power(abs_(where(zero, 1.0, x)), p))
    sums = sum_(powers, axes, keepdim)
    flat = (sums == 0) | (sums == _INF)
    return where(flat, power(sums.detach(), 1 / p), power(where(flat, 1.0, sums), 1 / p))
