"""Activations, softmax and dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import as_tensor, cast, check_axis
from tinygen.ops.arithmetic import clip, where
from tinygen.ops.elementwise import erf, exp, expm1, sigmoid, tanh
from tinygen.ops.reduce import sum_
from tinygen.ops.shape import transpose
from tinygen.random import Generator, default_generator
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.rectify import rectify, rectify_gradient
from tinygen_ops.softmax import log_softmax as log_softmax_kernel
from tinygen_ops.softmax import softmax as softmax_kernel


class ReLU(Function):
    """y = max(x, 0);  dy/dx = 1 where x > 0, else 0.

    Derivation: y is x on the one side of 0 and constant on the other. At the kink itself any slope from 0 to 1 would
    do; 0 is PyTorch's choice. y > 0 just where x > 0, so y is all that has to be kept.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = rectify(x)
        ctx.cuts_off = True
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return through_rectifier(gy, y, 0.0)


class LeakyReLU(Function):
    """y = x where x > 0, else a x;  dy/dx = 1 where x > 0, else a.

    Derivation: y = x s with a slope s that is constant on either side of 0, so dy/dx = s; at 0 it is a. Unless a is
    negative, y > 0 just where x > 0, so that y is kept and x can go.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, a: float) -> Any:
        y = rectify(x, a) if a else array_module(x).where(x > 0, x, x * a)  # 0 times -inf is NaN, as in PyTorch
        ctx.a = a
        ctx.save(y if a >= 0 else x)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (sign,) = ctx.saved
        return RectifierGradient.apply(gy, sign, slope=ctx.a)


class RectifierGradient(Function):
    """y = g where x > 0, else a g;  dy/dg = 1 where x > 0, else a.

    Derivation: linear in g with the slopes of the rectifier, so the way back is the same map. In x it is constant but
    for the jump at 0, so no gradient goes there.
    """

    @staticmethod
    def forward(ctx: Node, g: Any, x: Any, slope: float) -> Any:
        ctx.slope = slope
        ctx.save(x)
        return rectify_gradient(g, x, slope)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> tuple:
        (x,) = ctx.saved
        return RectifierGradient.apply(gy, x, slope=ctx.slope), None


def through_rectifier(gy: Tensor, y: Tensor, slope: float) -> Tensor:
    """Carry a gradient back through the rectifier that gave y, unless the sender has done so (Node.may_cut)."""
    return gy if getattr(gy, "_is_cut", False) else RectifierGradient.apply(gy, y, slope=slope)


class Softmax(Function):
    """y_i = e**x_i / sum_j e**x_j over the last axis;  gx_i = y_i (gy_i - sum_j gy_j y_j).

    Derivation: with S = sum_j e**x_j, dy_j/dx_i = [i = j] e**x_i / S - e**x_j e**x_i / S**2 = y_j ([i = j] - y_i).
    Then gx_i = sum_j gy_j y_j ([i = j] - y_i) = gy_i y_i - y_i sum_j gy_j y_j.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = softmax_kernel(x) if x.size else x.copy()  # a row without elements has no largest one
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        weighted = gy * y
        return weighted - y * sum_(weighted, -1, keepdim=True)


class LogSoftmax(Function):
    """y_i = x_i - ln(sum_j e**x_j) over the last axis;  gx_i = gy_i - e**y_i sum_j gy_j.

    Derivation: dy_j/dx_i = [i = j] - e**x_i / sum_k e**x_k, and the fraction is the softmax, e**y_i. Then
    gx_i = sum_j gy_j ([i = j] - e**y_i).
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        y = log_softmax_kernel(x) if x.size else x.copy()
        ctx.save(y)
        return y

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (y,) = ctx.saved
        return gy - exp(y) * sum_(gy, -1, keepdim=True)


def _floating(input: Tensor, op: str, inplace: bool = False) -> Tensor:
    """Check the input of an activation: as in PyTorch, integers are refused, not converted."""
    x = as_tensor(input, "input")
    if x.dtype.kind != "f":
        raise TypeError(f"{op}: `input` has dtype {x.dtype}; it must be floating, .float() makes it so")
    refuse_inplace(inplace)
    return x


def refuse_inplace(inplace: bool) -> None:
    """Raise a ValueError for PyTorch's ``inplace=True``: its values would be right, but the input would not change."""
    if inplace:
        raise ValueError("`inplace` is True; no op of tinygen writes into its input")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the positive part.

        y_i = max(x_i, 0)

    Args:
        input: (...) numbers, any dtype but boolean.
        inplace: taken for PyTorch's sake; must be False.

    Returns:
        A Tensor of the same shape and dtype.

    Raises:
        TypeError: for booleans.
        ValueError: for ``inplace``.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (ICML 2010).
    """
    x = as_tensor(input, "input")
    if x.dtype.kind == "b":
        raise TypeError("relu: `input` is boolean; it must be numbers, .float() makes it so")
    refuse_inplace(inplace)
    return ReLU.apply(x)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where it is positive, and a little of it where it is not.

        y_i = x_i if x_i > 0 else a x_i

    Args:
        input: (...) floating.
        negative_slope: a.
        inplace: taken for PyTorch's sake; must be False.

    Returns:
        A Tensor of the same shape and dtype.

    Raises:
        TypeError: for integers or booleans.
        ValueError: for ``inplace``.

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models" (ICML 2013).
    """
    return LeakyReLU.apply(_floating(input, "leaky_relu", inplace), a=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where it is positive, and an exponential that flattens out at -alpha where it is not.

        y_i = x_i if x_i > 0 else alpha (e**x_i - 1)

    Args:
        input: (...) floating.
        alpha: the depth below 0.
        inplace: taken for PyTorch's sake; must be False.

    Returns:
        A Tensor of the same shape and dtype.

    Raises:
        TypeError: for integers or booleans.
        ValueError: for ``inplace``.

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs" (ICLR 2016).

    Gradient: alpha e**x below 0, and alpha at 0. The exponential is never taken of a large x, whose infinity would give
    NaN times the 0 that keeps it out.
    """
    x = _floating(input, "elu", inplace)
    positive = x > 0
    return where(positive, x, alpha * expm1(where(positive, 0.0, x)))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x times its sigmoid.

        y_i = x_i / (1 + e**-x_i)

    Args:
        input: (...) floating.
        inplace: taken for PyTorch's sake; must be False.

    Returns:
        A Tensor of the same shape and dtype.

    Raises:
        TypeError: for integers or booleans.
        ValueError: for ``inplace``.

    Source: Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function approximation" (Neural
    Networks 107, 2018).

    Gradient: with s the sigmoid, s + x s (1 - s), by the product rule.
    """
    x = _floating(input, "silu", inplace)
    return x * sigmoid(x)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x times the probability that a normal number is below it.

        y_i = x_i P(x_i),   P(x) = (1 + erf(x / sqrt(2))) / 2
        "tanh":  P(x) = (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2

    Args:
        input: (...) floating.
        approximate: "none", or "tanh" for the second form, within 5e-4 of the first.

    Returns:
        A Tensor of the same shape and dtype.

    Raises:
        TypeError: for integers or booleans.
        ValueError: for an unknown ``approximate``.

    Source: Hendrycks and Gimpel, "Gaussian error linear units" (2016), section 2.

    Gradient: P(x) + x P'(x), where P' is the bell curve e**(-x**2 / 2) / sqrt(2 pi).
    """
    x = _floating(input, "gelu")
    if approximate == "none":
        return x * (0.5 * (1 + erf(x * math.sqrt(0.5))))
    if approximate != "tanh":
        raise ValueError(f"`approximate` is {approximate!r}; valid are 'none' and 'tanh'")
    near = clip(x, -10.0, 10.0)  # beyond, the tanh is 1 to the last digit, and x**3 might overflow
    return x * (0.5 * (1 + tanh(math.sqrt(2 / math.pi) * (near + 0.044715 * (near * near * near)))))


def _over(function: type[Function], op: str, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    """Apply a function of the last axis along ``dim``."""
    x = as_tensor(input, "input")
    x = _floating(x if dtype is None else cast(x, dtype), op)
    if dim is None:
        raise ValueError("`dim` is None; name the axis (PyTorch guesses one by the number of axes, and warns)")
    axis = check_axis(dim, x.ndim)
    if x.dtype == np.float16:  # rounded once, at the end
        return cast(_over(function, op, cast(x, np.float32), dim, None), np.float16)
    if not x.ndim or axis == x.ndim - 1:
        return function.apply(x)
    return transpose(function.apply(transpose(x, axis, -1)), axis, -1)


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Return numbers from 0 to 1 that add up to 1 along an axis.

        y_i = e**x_i / sum_j e**x_j

    Args:
        input: (...) floating.
        dim: the axis; must be given.
        dtype: what the input is converted to first, and the result's dtype; None keeps that of ``input``.

    Returns:
        A Tensor of the same shape. A row of -inf only, or with +inf, is NaN.

    Raises:
        ValueError: if ``dim`` is None.
        IndexError: if there is no such axis.
        TypeError: for integers or booleans without a floating ``dtype``.
    """
    return _over(Softmax, "softmax", input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Return the logarithm of :func:`softmax`, without its rounding to 0.

        y_i = x_i - ln(sum_j e**x_j)

    Args:
        input: (...) floating.
        dim: the axis; must be given.
        dtype: what the input is converted to first, and the result's dtype; None keeps that of ``input``.

    Returns:
        A Tensor of the same shape, at most 0.

    Raises:
        ValueError: if ``dim`` is None.
        IndexError: if there is no such axis.
        TypeError: for integers or booleans without a floating ``dtype``.
    """
    return _over(LogSoftmax, "log_softmax", input, dim, dtype)


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Return the tensor with some elements set to 0 at random, and the others made larger by as much.

        y_i = x_i m_i / (1 - p),   m_i = 0 with probability p, else 1

    Args:
        input: (...) floating.
        p: the probability, from 0 to 1.
        training: False returns ``input`` as it is.
        inplace: taken for PyTorch's sake; must be False.
        generator: where the random numbers come from; default the global one.

    Returns:
        A Tensor of the same shape and dtype, whose mean over many draws is x.

    Raises:
        ValueError: for a ``p`` outside of 0 to 1, or ``inplace``.
        TypeError: for integers or booleans, in training.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout" (JMLR 15, 2014).

    Gradient: gy_i m_i / (1 - p), with the m of the forward; what fell out has none.
    """
    x = as_tensor(input, "input")
    if not 0 <= p <= 1:
        raise ValueError(f"`p` is {p!r}; a probability lies from 0 to 1")
    refuse_inplace(inplace)
    if not training or p == 0:
        return x
    x = _floating(x, "dropout")
    keep = (generator or default_generator).uniform(x.shape, device=x.device) >= p
    mask = array_module(x._data).asarray(keep, dtype=x.dtype)
    mask *= 0.0 if p == 1 else 1.0 / (1.0 - p)
    return x * Tensor(mask)
