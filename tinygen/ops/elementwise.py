"""Functions of one variable, element by element. Integer inputs become float32, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, floating
from tinygen.ops.arithmetic import where
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Abs(Function):
    """y = |x|;  dy/dx = sign(x), 0 at 0."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return abs(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * sign(x)


class Sign(Function):
    """y = -1, 0 or 1;  dy/dx = 0."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return x.copy() if x.dtype.kind == "b" else array_module(x).sign(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return gy * 0


class Exp(Function):
    """y = e**x;  dy/dx = y."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        with np.errstate(over="ignore"):
            y = array_module(x).exp(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy * y


class Log(Function):
    """y = ln x;  dy/dx = 1 / x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return array_module(x).log(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy / x


class Log1p(Function):
    """y = ln(1 + x), accurate for small x;  dy/dx = 1 / (1 + x)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return array_module(x).log1p(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy / (1 + x)


class Expm1(Function):
    """y = e**x - 1, accurate for small x;  dy/dx = y + 1."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        with np.errstate(over="ignore"):
            y = array_module(x).expm1(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy * (y + 1)


class Sqrt(Function):
    """y = x**0.5;  dy/dx = 1 / (2 y)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        with np.errstate(invalid="ignore"):
            y = array_module(x).sqrt(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy / (2 * y)


class Square(Function):
    """y = x**2;  dy/dx = 2 x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return x * x

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * (2 * x)


class Sin(Function):
    """y = sin x;  dy/dx = cos x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).sin(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * cos(x)


class Cos(Function):
    """y = cos x;  dy/dx = -sin x."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).cos(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return -gy * sin(x)


class Tanh(Function):
    """y = tanh x;  dy/dx = 1 - y**2."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).tanh(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy * (1 - y * y)


class Sigmoid(Function):
    """y = 1 / (1 + e**-x);  dy/dx = y (1 - y)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        # e**-|x| cannot overflow: y = 1/(1+e) for x >= 0, e/(1+e) below
        xp = array_module(x)
        e = xp.exp(-abs(x))
        y = xp.where(x >= 0, 1, e) / (1 + e)
        y = y.astype(x.dtype, copy=False)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy * (y * (1 - y))


class Softplus(Function):
    """y = ln(1 + e**x);  dy/dx = sigmoid(x)."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        xp = array_module(x)
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-abs(x)))

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * sigmoid(x)


class LogicalNot(Function):
    """y = not x; no gradient."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return array_module(x).logical_not(x)


def abs_(input: Tensor) -> Tensor:
    """Return |x|, of any dtype; the derivative at 0 is 0."""
    return Abs.apply(as_tensor(input, "input"))


def sign(input: Tensor) -> Tensor:
    """Return -1, 0 or 1 by the sign of x; the derivative is 0."""
    return Sign.apply(as_tensor(input, "input"))


def exp(input: Tensor) -> Tensor:
    """Return e**x; overflows to inf."""
    return Exp.apply(floating(input))


def log(input: Tensor) -> Tensor:
    """Return the natural logarithm of x; -inf at 0, NaN below."""
    return Log.apply(floating(input))


def log1p(input: Tensor) -> Tensor:
    """Return ln(1 + x), accurate where x is small."""
    return Log1p.apply(floating(input))


def expm1(input: Tensor) -> Tensor:
    """Return e**x - 1, accurate where x is small."""
    return Expm1.apply(floating(input))


def sqrt(input: Tensor) -> Tensor:
    """Return the square root of x; NaN below 0, derivative inf at 0."""
    return Sqrt.apply(floating(input))


def rsqrt(input: Tensor) -> Tensor:
    """Return 1 / sqrt(x)."""
    return 1 / sqrt(input)


def square(input: Tensor) -> Tensor:
    """Return x**2, of any dtype."""
    return Square.apply(as_tensor(input, "input"))


def sin(input: Tensor) -> Tensor:
    """Return sin x, x in radians."""
    return Sin.apply(floating(input))


def cos(input: Tensor) -> Tensor:
    """Return cos x, x in radians."""
    return Cos.apply(floating(input))


def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent of x, from -1 to 1."""
    return Tanh.apply(floating(input))


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + e**-x), from 0 to 1; never overflows."""
    return Sigmoid.apply(floating(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ln(1 + e**(beta x)) / beta, a smooth form of relu.

    Args:
        input: a Tensor.
        beta: sharpness, not 0.
        threshold: where beta x exceeds it, x itself is returned, as PyTorch does (the difference is below
            e**-threshold / beta).
    """
    if beta == 0:
        raise ValueError("`beta` is 0; it must not be")
    x = floating(input)
    scaled = x if beta == 1 else x * beta
    linear = scaled > threshold
    return where(linear, x, Softplus.apply(where(linear, 0.0, scaled)) / beta)


def logical_not(input: Tensor) -> Tensor:
    """Return the negation: True where x is 0 or False."""
    return LogicalNot.apply(as_tensor(input, "input"))


def isnan(input: Tensor) -> Tensor:
    """Return where x is not a number: a boolean Tensor."""
    array = as_tensor(input, "input")._data
    return Tensor(array_module(array).asarray(array_module(array).isnan(array)))


def isfinite(input: Tensor) -> Tensor:
    """Return where x is neither infinite nor NaN: a boolean Tensor."""
    array = as_tensor(input, "input")._data
    return Tensor(array_module(array).asarray(array_module(array).isfinite(array)))
