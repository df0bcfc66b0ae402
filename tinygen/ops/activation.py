"""Activations, softmax and dropout."""

from __future__ import annotations

from typing import Any

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, check_axis, floating
from tinygen.ops.arithmetic import where
from tinygen.ops.elementwise import exp, expm1, sigmoid
from tinygen.ops.reduce import sum_
from tinygen.ops.shape import transpose
from tinygen.random import Generator, default_generator
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.softmax import log_softmax as log_softmax_kernel
from tinygen_ops.softmax import softmax as softmax_kernel


class ReLU(Function):
    """y = max(x, 0);  dy/dx = 1 where x > 0, else 0."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).maximum(x, 0)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return where(x > 0, gy, 0.0)


class Softmax(Function):
    """y_i = e**x_i / sum_j e**x_j over the last axis;  gx = y (gy - sum_j gy_j y_j)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = softmax_kernel(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        weighted = gy * y
        return weighted - y * sum_(weighted, -1, keepdim=True)


class LogSoftmax(Function):
    """y_i = x_i - ln(sum_j e**x_j) over the last axis;  gx = gy - e**y sum_j gy_j."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = log_softmax_kernel(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy - exp(y) * sum_(gy, -1, keepdim=True)


def relu(input: Tensor) -> Tensor:
    """Return max(x, 0); the derivative at 0 is 0."""
    return ReLU.apply(as_tensor(input, "input"))


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return x where x > 0, else ``negative_slope`` x."""
    x = as_tensor(input, "input")
    return where(x > 0, x, x * negative_slope)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where x > 0, else ``alpha`` (e**x - 1).

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs" (ICLR 2016).
    """
    x = floating(input)
    positive = x > 0
    return where(positive, x, alpha * expm1(where(positive, 0.0, x)))


def silu(input: Tensor) -> Tensor:
    """Return x sigmoid(x)."""
    x = floating(input)
    return x * sigmoid(x)


def _over(function: type[Function], input: Tensor, dim: int) -> Tensor:
    """Apply a function of the last axis along ``dim``."""
    x = floating(input)
    axis = check_axis(dim, x.ndim)
    if not x.ndim or axis == x.ndim - 1:
        return function.apply(x)
    return transpose(function.apply(transpose(x, axis, -1)), axis, -1)


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """Return numbers from 0 to 1 that add up to 1 along ``dim``.

    y_i = e**x_i / sum_j e**x_j
    """
    return _over(Softmax, input, dim)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """Return the logarithm of :func:`softmax`, without its rounding to 0."""
    return _over(LogSoftmax, input, dim)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, generator: Generator | None = None) -> Tensor:
    """Return x with each element set to 0 with probability ``p`` and the others divided by 1 - p.

    Args:
        input: a floating Tensor.
        p: the probability, from 0 to 1.
        training: False returns ``input`` as it is.
        generator: where the random numbers come from; default the global one.

    Source: Srivastava et al., "Dropout" (JMLR 2014).
    """
    x = floating(input)
    if not 0 <= p <= 1:
        raise ValueError(f"`p` is {p!r}; a probability lies from 0 to 1")
    if not training or p == 0:
        return x
    keep = (generator or default_generator).uniform(x.shape, device=x.device) >= p
    mask = array_module(x._data).asarray(keep, dtype=x.dtype)
    mask *= 0.0 if p == 1 else 1.0 / (1.0 - p)
    return x * Tensor(mask)
