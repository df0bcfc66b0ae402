"""Sums, means, extremes and their like over some axes or all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import BroadcastTo, as_tensor, check_axes, check_axis, floating
from tinygen.ops.arithmetic import where
from tinygen.ops.elementwise import exp, log, sqrt, square
from tinygen.ops.indexing import gather
from tinygen.ops.shape import flip, reshape, squeeze, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

Dim = int | tuple[int, ...] | None


class Sum(Function):
    """y = sum of x over some axes; the adjoint is the broadcast over them."""

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
        ctx.shape = x.shape
        ctx.kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        dtype = np.int64 if x.dtype.kind in "biu" else None
        return x.sum(axis=axes, keepdims=keepdim, dtype=dtype)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return BroadcastTo.apply(reshape(gy, ctx.kept), shape=ctx.shape)


class Extreme(Function):
    """y = the largest of x over all its elements (``sign`` -1: smallest); equal ones share the gradient."""

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...], keepdim: bool, sign: int) -> Any:
        y = (x.max if sign > 0 else x.min)(axis=axes, keepdims=True)
        ties = x == y
        ctx.save((ties / ties.sum(axis=axes, keepdims=True)).astype(x.dtype))
        ctx.kept = y.shape
        return y if keepdim else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (share,) = ctx.saved
        return reshape(gy, ctx.kept) * share


class CumSum(Function):
    """y_i = x_0 + ... + x_i along an axis; the adjoint sums from the other end."""

    @staticmethod
    def forward(ctx: Node, x: Any, axis: int) -> Any:
        ctx.axis = axis
        return x.cumsum(axis=axis, dtype=np.int64 if x.dtype.kind in "biu" else None)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return flip(CumSum.apply(flip(gy, ctx.axis), axis=ctx.axis), ctx.axis)


def sum_(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the sum over ``dim``.

    Args:
        input: a Tensor; integers and booleans are summed as int64.
        dim: an axis, several, or None for all.
        keepdim: keep the summed axes, with length 1.
    """
    x = as_tensor(input, "input")
    return Sum.apply(x, axes=check_axes(dim, x.ndim), keepdim=keepdim)


def _count(x: Tensor, dim: Dim) -> int:
    return math.prod(x.shape[i] for i in check_axes(dim, x.ndim))


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the mean over ``dim``; arguments as :func:`sum`, floating only. The mean of nothing is NaN.

    Raises:
        TypeError: for an integer or boolean tensor.
    """
    x = as_tensor(input, "input")
    if x.dtype.kind != "f":
        raise TypeError(f"mean needs a floating tensor, this one is {x.dtype}; use .float() first")
    return sum_(x, dim, keepdim) / _count(x, dim)


def var(
    input: Tensor, dim: Dim = None, correction: float = 1, keepdim: bool = False, unbiased: bool | None = None
) -> Tensor:
    """Return the variance over ``dim``: the mean square of x - mean(x), with n - ``correction`` in place of n.

    Args:
        input: a floating Tensor.
        dim: an axis, several, or None for all.
        correction: 1 for the unbiased estimate, 0 for the plain mean. ``unbiased`` says the same as a boolean.
        keepdim: keep the axes, with length 1.
        unbiased: True for correction 1, False for 0.
    """
    x = as_tensor(input, "input")
    if unbiased is not None:
        correction = int(unbiased)
    deviations = x - mean(x, dim, keepdim=True)
    n = _count(x, dim) - correction
    # n <= 0 gives 0/0 = NaN or x/0 = inf, as in PyTorch
    return sum_(square(deviations), dim, keepdim) / max_number(n, 0)


def max_number(x: float, y: float) -> float:
    """The larger of two Python numbers (``max`` is an op in this file)."""
    return x if x > y else y


def std(
    input: Tensor, dim: Dim = None, correction: float = 1, keepdim: bool = False, unbiased: bool | None = None
) -> Tensor:
    """Return the standard deviation over ``dim``, the square root of :func:`var`; same arguments."""
    return sqrt(var(input, dim, correction, keepdim, unbiased))


def _extreme(input: Tensor, dim: int | None, keepdim: bool, sign: int, name: str) -> Any:
    x = as_tensor(input, "input")
    if dim is None:
        if not x._data.size:
            raise ValueError(f"{name}: the tensor of shape {x.shape} has no elements")
        return Extreme.apply(x, axes=tuple(range(x.ndim)), keepdim=keepdim, sign=sign)
    index = (argmax if sign > 0 else argmin)(x, dim, keepdim=True)
    values = gather(x, dim, index) if x.ndim else x
    return (values, index) if keepdim or not x.ndim else (squeeze(values, dim), squeeze(index, dim))


def max(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the largest element; with ``dim`` the pair (values, indices) along that axis, the first of equals.

    Without ``dim`` equal elements share the gradient; with it the returned index has it all.
    """
    return _extreme(input, dim, keepdim, 1, "max")


def min(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the smallest element, or (values, indices) along ``dim``; as :func:`max`."""
    return _extreme(input, dim, keepdim, -1, "min")


def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the largest elements over ``dim`` (one axis or several); equal ones share the gradient."""
    x = as_tensor(input, "input")
    return Extreme.apply(x, axes=check_axes(dim, x.ndim), keepdim=keepdim, sign=1)


def _arg(input: Tensor, dim: int | None, keepdim: bool, name: str) -> Tensor:
    x = as_tensor(input, "input")
    array = x._data
    axis = None if dim is None else check_axis(dim, x.ndim)
    if not (array.size if dim is None or not array.ndim else array.shape[axis]):
        raise ValueError(f"{name}: the tensor of shape {x.shape} has no elements" + (f" along {dim}" if axis else ""))
    if not array.ndim:
        return Tensor(array_module(array).zeros((), np.int64))
    if dim is None:
        flat = getattr(array.reshape(-1), name)()
        return Tensor(array_module(array).asarray(flat).reshape((1,) * array.ndim if keepdim else ()))
    found = Tensor(array_module(array).asarray(getattr(array, name)(axis=axis)))
    return unsqueeze(found, axis) if keepdim else found


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the largest element stands, int64: in the flattened tensor, or along ``dim``. First of equals."""
    return _arg(input, dim, keepdim, "argmax")


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the smallest element stands, int64; as :func:`argmax`."""
    return _arg(input, dim, keepdim, "argmin")


def cumsum(input: Tensor, dim: int) -> Tensor:
    """Return the running sum along ``dim``."""
    x = as_tensor(input, "input")
    axis = check_axis(dim, x.ndim)
    return CumSum.apply(x, axis=axis) if x.ndim else sum_(x)


def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """Return ln(sum(e**x)) over ``dim``, without overflow: the largest x is taken out first.

    Args:
        input: a Tensor.
        dim: an axis or several.
        keepdim: keep the axes, with length 1.
    """
    x = floating(input)
    top = amax(x.detach(), dim, keepdim=True)
    top = where(abs(top) == math.inf, 0.0, top)  # all -inf: the sum is 0, its logarithm -inf
    result = log(sum_(exp(x - top), dim, keepdim=True)) + top
    return result if keepdim else squeeze(result, dim)


def norm(input: Tensor, p: float = 2.0, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the 2-norm over ``dim``: sqrt(sum(x**2)); its derivative at 0 is 0.

    Raises:
        ValueError: for a ``p`` other than 2.
    """
    if p != 2:
        raise ValueError(f"`p` is {p!r}; only the 2-norm is here")
    total = sum_(square(floating(input)), dim, keepdim)
    zero = total == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, total)))
