"""Functions of one variable, element by element. Where the result is real, integers and booleans become float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, cast, floating, zeros_like
from tinygen.ops.arithmetic import where
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.elementwise import erf as erf_of_array


class Abs(Function):
    """y = |x|;  dy/dx = sign(x), 0 at 0.

    Derivation: y is x to the right of 0 and -x to the left. At the kink every slope from -1 to 1 is a subgradient;
    0 is the convention.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return abs(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * sign(x)


class Sign(Function):
    """y = -1, 0 or 1;  dy/dx = 0.

    Derivation: y is constant on either side of 0.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return x.copy() if x.dtype.kind == "b" else (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return zeros_like(gy)


class Round(Function):
    """y = x rounded to a whole number;  dy/dx = 0.

    Derivation: y is constant between its jumps.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, how: str) -> Any:
        return getattr(array_module(x), how)(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return zeros_like(gy)


class Exp(Function):
    """y = e**x;  dy/dx = y.

    Derivation: e**x is the function that is its own derivative, so the result is all that backward needs.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).exp(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy * y


class Log(Function):
    """y = ln x;  dy/dx = 1 / x.

    Derivation: x = e**y, so dx = e**y dy = x dy.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).log(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy / x


class Log1p(Function):
    """y = ln(1 + x), accurate for small x;  dy/dx = 1 / (1 + x).

    Derivation: the logarithm's, at 1 + x.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).log1p(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy / (1 + x)


class Expm1(Function):
    """y = e**x - 1, accurate for small x;  dy/dx = y + 1.

    Derivation: the 1 drops out, and e**x = y + 1 is its own derivative.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).expm1(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy * (y + 1)


class Sqrt(Function):
    """y = x**0.5;  dy/dx = 1 / (2 y), infinite at 0.

    Derivation: x = y**2, so dx = 2 y dy.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = array_module(x).sqrt(x)
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy / (2 * y)


class Square(Function):
    """y = x**2;  dy/dx = 2 x.

    Derivation: the product rule for x x.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return x * x

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * (2 * x)


class Sin(Function):
    """y = sin x;  dy/dx = cos x.

    Derivation: the point (cos x, sin x) walks on the unit circle at speed 1, at right angles to its radius: its
    velocity is (-sin x, cos x).
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).sin(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * cos(x)


class Cos(Function):
    """y = cos x;  dy/dx = -sin x.

    Derivation: the point (cos x, sin x) walks on the unit circle with velocity (-sin x, cos x).
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return array_module(x).cos(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return -gy * sin(x)


class Tanh(Function):
    """y = tanh x;  dy/dx = 1 - y**2.

    Derivation: y = s / c with s = (e**x - e**-x)/2 and c = (e**x + e**-x)/2, which are one another's derivatives.
    The quotient rule gives (c c - s s) / c**2 = 1 - y**2.
    """

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
    """y = 1 / (1 + e**-x);  dy/dx = y (1 - y).

    Derivation: 1/y = 1 + e**-x, so -dy / y**2 = -e**-x dx, and e**-x = 1/y - 1: dy = y**2 (1/y - 1) dx.
    """

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


class Erf(Function):
    """y = erf(x);  dy/dx = 2 / sqrt(pi) e**-x**2.

    Derivation: erf is defined as the integral from 0 to x of 2 / sqrt(pi) e**-t**2; the derivative of an integral by
    its end is what is integrated.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        return erf_of_array(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * (exp(-x * x) * (2 / math.sqrt(math.pi)))


class Softplus(Function):
    """y = ln(1 + e**x);  dy/dx = sigmoid(x).

    Derivation: the chain rule gives e**x / (1 + e**x), which is 1 / (1 + e**-x).
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        ctx.save(x)
        xp = array_module(x)
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-abs(x)))

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (x,) = ctx.saved
        return gy * sigmoid(x)


def abs_(input: Tensor) -> Tensor:
    """Return |x|; its derivative at 0 is 0.

        y[i] = |x[i]|

    Args:
        input: a Tensor of any shape; of integers or floats.

    Returns:
        The same shape and dtype.

    Raises:
        TypeError: for a boolean tensor.
    """
    x = as_tensor(input, "input")
    if x.dtype.kind == "b":
        raise TypeError("abs: `input` is boolean; it must hold integers or floats")
    return Abs.apply(x)


def sign(input: Tensor) -> Tensor:
    """Return -1, 0 or 1 by the sign of x; its derivative is 0.

        y[i] = x[i] / |x[i]|, 0 where x[i] is 0 or NaN

    Args:
        input: a Tensor of any shape and dtype.

    Returns:
        The same shape and dtype.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Sign.apply(as_tensor(input, "input"))


def _rounded(input: Tensor, how: str) -> Tensor:
    x = as_tensor(input, "input")
    if x.dtype.kind == "b":
        raise TypeError(f"{how}: `input` is boolean; it must hold integers or floats")
    return Round.apply(x, how={"round": "rint"}.get(how, how)) if x.dtype.kind == "f" else x.clone()


def floor(input: Tensor) -> Tensor:
    """Return the largest whole number up to x; its derivative is 0.

        y[i] = floor(x[i])

    Args:
        input: a Tensor of any shape; integers stay as they are.

    Returns:
        The same shape and dtype.

    Raises:
        TypeError: for a boolean tensor.
    """
    return _rounded(input, "floor")


def ceil(input: Tensor) -> Tensor:
    """Return the smallest whole number from x on; its derivative is 0.

        y[i] = ceil(x[i])

    Args:
        input: a Tensor of any shape; integers stay as they are.

    Returns:
        The same shape and dtype.

    Raises:
        TypeError: for a boolean tensor.
    """
    return _rounded(input, "ceil")


def round(input: Tensor) -> Tensor:
    """Return the nearest whole number, the even one of two; its derivative is 0.

        y[i] = round(x[i]):  0.5 -> 0, 1.5 -> 2, 2.5 -> 2

    Args:
        input: a Tensor of any shape; integers stay as they are.

    Returns:
        The same shape and dtype.

    Raises:
        TypeError: for a boolean tensor.
    """
    return _rounded(input, "round")


def exp(input: Tensor) -> Tensor:
    """Return e**x; inf where that is too large.

        y[i] = e**x[i]

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Exp.apply(floating(input))


def log(input: Tensor) -> Tensor:
    """Return the natural logarithm of x: -inf at 0, NaN below.

        y[i] = ln x[i]

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Log.apply(floating(input))


def log1p(input: Tensor) -> Tensor:
    """Return ln(1 + x), accurate where x is small: -inf at -1, NaN below.

        y[i] = ln(1 + x[i])

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Log1p.apply(floating(input))


def expm1(input: Tensor) -> Tensor:
    """Return e**x - 1, accurate where x is small.

        y[i] = e**x[i] - 1

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Expm1.apply(floating(input))


def sqrt(input: Tensor) -> Tensor:
    """Return the square root of x: NaN below 0; the derivative at 0 is inf.

        y[i] = x[i]**0.5

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Sqrt.apply(floating(input))


def rsqrt(input: Tensor) -> Tensor:
    """Return 1 / sqrt(x): inf at 0, NaN below.

        y[i] = x[i]**-0.5

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return 1 / sqrt(input)


def square(input: Tensor) -> Tensor:
    """Return x**2.

        y[i] = x[i] x[i]

    Args:
        input: a Tensor of any shape and dtype.

    Returns:
        The same shape and dtype; booleans become int64.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    x = as_tensor(input, "input")
    return Square.apply(x if x.dtype.kind != "b" else cast(x, np.int64))


def sin(input: Tensor) -> Tensor:
    """Return the sine of x.

        y[i] = sin x[i]

    Args:
        input: angles in radians, a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating, from -1 to 1; NaN at infinity.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Sin.apply(floating(input))


def cos(input: Tensor) -> Tensor:
    """Return the cosine of x.

        y[i] = cos x[i]

    Args:
        input: angles in radians, a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating, from -1 to 1; NaN at infinity.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Cos.apply(floating(input))


def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent of x.

        y[i] = (e**x[i] - e**-x[i]) / (e**x[i] + e**-x[i])

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating, from -1 to 1.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Tanh.apply(floating(input))


def sigmoid(input: Tensor) -> Tensor:
    """Return the logistic function of x; it never overflows.

        y[i] = 1 / (1 + e**-x[i])

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating, from 0 to 1.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return Sigmoid.apply(floating(input))


def erf(input: Tensor) -> Tensor:
    """Return the error function of x: the chance that a normal number of variance 1/2 lies between -x and x.

        y[i] = 2 / sqrt(pi) times the integral of e**-t**2 from 0 to x[i]

    Args:
        input: a Tensor of any shape; integers and booleans become float32.

    Returns:
        The same shape, floating, from -1 to 1.

    Raises:
        TypeError: if ``input`` is no Tensor.

    Source: W. J. Cody, "Rational Chebyshev approximations for the error function" (Mathematics of Computation 23,
    1969).
    """
    return Erf.apply(floating(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return a smooth form of relu.

        y[i] = ln(1 + e**(beta x[i])) / beta

    Args:
        input: a floating Tensor of any shape.
        beta: sharpness, not 0.
        threshold: where beta x exceeds it, x itself is returned, as PyTorch does; the difference is below
            e**-threshold / beta.

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: if ``beta`` is 0.
        TypeError: if ``input`` is not floating.

    Source: Dugas, Bengio, Belisle, Nadeau, Garcia, "Incorporating second-order functional knowledge for better option
    pricing" (NIPS 2000).
    """
    x = as_tensor(input, "input")
    if x.dtype.kind != "f":
        raise TypeError(f"softplus: `input` has dtype {x.dtype}; it must be floating, .float() makes it so")
    if beta == 0:
        raise ValueError("`beta` is 0; it must not be")
    scaled = x if beta == 1 else x * beta
    linear = scaled > threshold
    return where(linear, x, Softplus.apply(where(linear, 0.0, scaled)) / beta)


def _test(input: Tensor, name: str) -> Tensor:
    array = as_tensor(input, "input")._data
    xp = array_module(array)
    return Tensor(xp.asarray(getattr(xp, name)(array)))


def logical_not(input: Tensor) -> Tensor:
    """Return whether x is 0 or False.

        y[i] = (x[i] == 0)

    Args:
        input: a Tensor of any shape and dtype.

    Returns:
        A boolean Tensor of the same shape; it has no gradient.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return _test(input, "logical_not")


def isnan(input: Tensor) -> Tensor:
    """Return whether x is NaN, not a number.

        y[i] = (x[i] != x[i])

    Args:
        input: a Tensor of any shape and dtype.

    Returns:
        A boolean Tensor of the same shape; it has no gradient.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return _test(input, "isnan")


def isinf(input: Tensor) -> Tensor:
    """Return whether x is inf or -inf.

        y[i] = (|x[i]| == inf)

    Args:
        input: a Tensor of any shape and dtype.

    Returns:
        A boolean Tensor of the same shape; it has no gradient.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return _test(input, "isinf")


def isfinite(input: Tensor) -> Tensor:
    """Return whether x is neither infinite nor NaN.

        y[i] = (|x[i]| < inf)

    Args:
        input: a Tensor of any shape and dtype.

    Returns:
        A boolean Tensor of the same shape; it has no gradient.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return _test(input, "isfinite")
