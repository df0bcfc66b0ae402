"""Sums, products, powers, comparisons and choices, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Add, Function, Node
from tinygen.ops._inputs import as_tensor, cast, common_shape, constant, pair, spread
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Sub(Function):
    """z = x - y;  dz/dx = 1, dz/dy = -1."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        return x - y

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        return gz, -gz if ctx.needs_input_grad[1] else None


class Mul(Function):
    """z = x y;  dz/dx = y, dz/dy = x."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        ctx.save(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        x, y = ctx.saved
        to_x, to_y = ctx.needs_input_grad
        return gz * y if to_x else None, gz * x if to_y else None


class Div(Function):
    """z = x / y;  dz/dx = 1 / y, dz/dy = -z / y."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        z = _quietly(array_module(x, y).true_divide, x, y)
        ctx.save(y, z)
        return z

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        y, z = ctx.saved
        gx = gz / y
        return gx, -gx * z if ctx.needs_input_grad[1] else None


class Neg(Function):
    """y = -x;  dy/dx = -1."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return -x

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return -gy


class Pow(Function):
    """z = x**y;  dz/dx = y x**(y-1), 0 where y = 0;  dz/dy = z ln x, 0 where x = 0 and y >= 0."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        z = _quietly(array_module(x, y).power, x, y)
        ctx.save(x, y, z)
        return z

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        x, y, z = ctx.saved
        to_x, to_y = ctx.needs_input_grad
        gx = gy = None
        if to_x:
            gx = gz * where(y == 0, 0.0, y * power(x, where(y == 0, 1.0, y - 1)))
        if to_y:
            flat = (x == 0) & (y >= 0)
            gy = gz * where(flat, 0.0, z * where(flat, 1.0, x).log())
        return gx, gy


class Maximum(Function):
    """z = max(x, y);  the gradient goes to the larger, half to each where they are equal. ``sign`` -1: min."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any, sign: int) -> Any:
        xp = array_module(x, y)
        chosen = x > y if sign > 0 else x < y
        ctx.save((chosen + 0.5 * (x == y)).astype(x.dtype))  # the share of x
        return (xp.maximum if sign > 0 else xp.minimum)(x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        (share,) = ctx.saved
        gx = gz * share
        return gx, gz - gx


class Where(Function):
    """z = x where the condition holds, else y."""

    @staticmethod
    def forward(ctx: Node, condition: Any, x: Any, y: Any) -> Any:
        ctx.save(condition)
        return array_module(condition, x, y).where(condition, x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        (condition,) = ctx.saved
        return None, where(condition, gz, 0.0), where(condition, 0.0, gz)


class Clip(Function):
    """y = min(max(x, low), high);  dy/dx = 1 from low to high (bounds included), else 0."""

    @staticmethod
    def forward(ctx: Node, x: Any, low: float | None, high: float | None) -> Any:
        inside = array_module(x).ones(x.shape, bool)
        if low is not None:
            inside &= x >= low
        if high is not None:
            inside &= x <= high
        ctx.save(inside.astype(x.dtype))
        return array_module(x).clip(x, low, high)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (inside,) = ctx.saved
        return gy * inside


def _quietly(f: Any, *args: Any) -> Any:
    """Division by zero and its like give inf or NaN by IEEE's rules; NumPy's warning about it is switched off."""
    with np.errstate(all="ignore"):
        return f(*args)


def add(input: Any, other: Any) -> Tensor:
    """Return x + y.

    Args:
        input: a Tensor or a number.
        other: a Tensor or a number whose shape broadcasts with that of ``input``.

    Returns:
        The sum, in the promoted dtype and the common shape.
    """
    x, y = pair(input, other, "add")
    return Add.apply(x, y)


def sub(input: Any, other: Any) -> Tensor:
    """Return x - y; arguments as :func:`add`.

    Raises:
        TypeError: for two booleans (use ``!=``), as PyTorch and NumPy.
    """
    x, y = pair(input, other, "sub")
    if x.dtype.kind == "b":
        raise TypeError("sub: booleans cannot be subtracted; use != (exclusive or)")
    return Sub.apply(x, y)


def mul(input: Any, other: Any) -> Tensor:
    """Return x y, element by element; arguments as :func:`add`."""
    x, y = pair(input, other, "mul")
    return Mul.apply(x, y)


def div(input: Any, other: Any) -> Tensor:
    """Return x / y, always floating; arguments as :func:`add`. Division by zero gives inf or NaN."""
    x, y = pair(input, other, "div", division=True)
    return Div.apply(x, y)


def neg(input: Tensor) -> Tensor:
    """Return -x."""
    x = as_tensor(input, "input")
    if x.dtype.kind == "b":
        raise TypeError("neg: a boolean has no negative; use ~")
    return Neg.apply(x)


def power(input: Any, exponent: Any) -> Tensor:
    """Return x**y; arguments as :func:`add`. A negative base with a fractional exponent gives NaN.

    Raises:
        ValueError: for an integer base and a negative integer exponent.
    """
    x, y = pair(input, exponent, "pow")
    if x.dtype.kind in "biu" and bool((y._data < 0).any()):
        raise ValueError("pow: integers cannot be raised to a negative power; convert to float first")
    return Pow.apply(x, y)


def maximum(input: Any, other: Any) -> Tensor:
    """Return the larger of x and y, element by element; equal ones share the gradient. As :func:`add`."""
    x, y = pair(input, other, "maximum")
    return Maximum.apply(x, y, sign=1)


def minimum(input: Any, other: Any) -> Tensor:
    """Return the smaller of x and y, element by element; equal ones share the gradient. As :func:`add`."""
    x, y = pair(input, other, "minimum")
    return Maximum.apply(x, y, sign=-1)


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """Return x where ``condition`` holds, else y.

    Args:
        condition: a boolean Tensor.
        input: a Tensor or a number.
        other: a Tensor or a number; all three shapes broadcast.
    """
    condition = as_tensor(condition, "condition")
    if condition.dtype.kind != "b":
        raise TypeError(f"`condition` has dtype {condition.dtype}; it must be boolean")
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        dtype = np.result_type(*(np.float32 if isinstance(v, float) else type(v) for v in (input, other)))
        x, y = (constant(v, condition, dtype) for v in (input, other))
    else:
        x, y = pair(input, other, "where")
    shape = common_shape("where", condition.shape, x.shape, y.shape)
    x, y = spread((x, y), shape)
    return Where.apply(condition, x, y)


def clip(input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """Return x limited to the range from ``min`` to ``max``; the derivative is 1 on the bounds too.

    Args:
        input: a Tensor.
        min: the lower bound, a number, or None.
        max: the upper bound, a number, or None.
    """
    x = as_tensor(input, "input")
    if min is None and max is None:
        raise ValueError("clip: at least one of `min` and `max` must be given")
    if x.dtype.kind != "f" and any(isinstance(bound, float) for bound in (min, max)):
        x = cast(x, np.float32)
    if min is not None and max is not None and min > max:
        min = max  # as PyTorch and NumPy: the upper bound wins
    return Clip.apply(x, low=min, high=max)


def _comparison(name: str, symbol: str) -> Any:
    def compare(input: Any, other: Any) -> Tensor:
        x, y = pair(input, other, name)
        return Tensor(array_module(x._data, y._data).asarray(getattr(array_module(x._data), name)(x._data, y._data)))

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"Return x {symbol} y, element by element: a boolean Tensor. Arguments as :func:`add`."
    return compare


equal = _comparison("equal", "==")
not_equal = _comparison("not_equal", "!=")
less = _comparison("less", "<")
less_equal = _comparison("less_equal", "<=")
greater = _comparison("greater", ">")
greater_equal = _comparison("greater_equal", ">=")
logical_and = _comparison("logical_and", "and")
logical_or = _comparison("logical_or", "or")
