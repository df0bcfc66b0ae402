"""Sums, products, quotients, powers and choices, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Add, Function, Node
from tinygen.backend import promote
from tinygen.ops._inputs import as_tensor, cast, common_shape, constant, pair, spread, zeros_like
from tinygen.ops.comparison import eq, greater, less, logical_or, not_equal
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Sub(Function):
    """z = x - y;  dz/dx = 1, dz/dy = -1.

    Derivation: z is linear in both, so each derivative is the factor in front: gx = gz, gy = -gz.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        return x - y

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        return gz, -gz if ctx.needs_input_grad[1] else None


class Mul(Function):
    """z = x y;  dz/dx = y, dz/dy = x.

    Derivation: the product rule, dz = y dx + x dy. Each input's gradient is gz times the other input, which is why
    both are saved.
    """

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
    """z = x / y;  dz/dx = 1 / y, dz/dy = -z / y.

    Derivation: x = z y, so dx = y dz + z dy, and dz = (dx - z dy) / y. Written with z, no square of y is needed.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        z = array_module(x, y).true_divide(x, y)
        ctx.save(y, z)
        return z

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        y, z = ctx.saved
        gx = gz / y
        return gx, -gx * z if ctx.needs_input_grad[1] else None


class RoundedDiv(Function):
    """z = x / y rounded down ("floor") or towards 0 ("trunc");  dz/dx = dz/dy = 0.

    Derivation: between its jumps z is constant, so it has slope 0 wherever it has one.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any, rounding: str) -> Any:
        xp = array_module(x, y)
        if rounding == "trunc" and x.dtype.kind == "f":
            return xp.trunc(xp.true_divide(x, y))
        z = xp.floor_divide(x, y)
        if rounding == "trunc":  # the floor is one too low where the quotient is negative and not whole
            z = z + ((z < 0) & (z * y != x)).astype(z.dtype)
        return z

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        return zeros_like(gz), zeros_like(gz)


class Remainder(Function):
    """z = x - y floor(x / y), with the sign of y;  dz/dx = 1, dz/dy = -floor(x / y).

    Derivation: floor(x / y) is constant between its jumps; there z is linear in x and in y.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        ctx.save(x, y)
        return array_module(x, y).remainder(x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        x, y = ctx.saved
        return gz, -gz * div(x, y, rounding_mode="floor") if ctx.needs_input_grad[1] else None


class Neg(Function):
    """y = -x;  dy/dx = -1.

    Derivation: a factor of -1 in front.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return -x

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return -gy


class Pow(Function):
    """z = x**y;  dz/dx = y x**(y-1), 0 where y = 0;  dz/dy = z ln x, 0 where x = 0 and y >= 0.

    Derivation: z = e**(y ln x), so dz = z (y/x dx + ln x dy), and z/x = x**(y-1). Where y is 0, z is 1 whatever x is.
    As x goes to 0, x**y ln x goes to 0 for y > 0. These cases are cut out before the power or the logarithm is
    taken: 0 times infinity would be NaN.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        xp = array_module(x, y)
        if x.dtype.kind == "f":
            z = xp.power(x, y)
        else:  # a negative power of an integer is 0, but for 1 and -1
            z = xp.power(x, xp.maximum(y, 0))
            unit = xp.where(x == 1, 1, xp.where(x + 1 == 0, 1 - 2 * (y % 2), 0))
            z = xp.where(y < 0, unit, z).astype(x.dtype)
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


class PowNumber(Function):
    """z = x**n for a number n;  dz/dx = n x**(n-1), 0 where n = 0.

    Derivation: as for Pow, with dy = 0.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, n: float) -> Any:
        ctx.save(x)
        ctx.n = n
        return x * x if n == 2 else array_module(x).power(x, n)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> Tensor:
        (x,) = ctx.saved
        n = ctx.n
        if n == 0:
            return zeros_like(gz)
        return gz if n == 1 else gz * (n * x if n == 2 else n * power(x, n - 1))


class Maximum(Function):
    """z = max(x, y);  the gradient goes to the larger, half to each where they are equal. ``sign`` -1: min.

    Derivation: where x > y, z is x: dz/dx = 1, dz/dy = 0. Where they are equal, z has a kink; any share from 0 to 1
    is a subgradient, and the half treats both alike.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any, sign: int) -> Any:
        xp = array_module(x, y)
        if x.dtype.kind == "f":
            below, above = (x < y, x > y) if sign > 0 else (x > y, x < y)
            ctx.save(below, above, (1 - 0.5 * (x == y)).astype(x.dtype))
        return (xp.maximum if sign > 0 else xp.minimum)(x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        below, above, share = ctx.saved
        g = gz * share
        return where(below, 0.0, g), where(above, 0.0, g)


class Where(Function):
    """z = x where the condition holds, else y;  gz goes to the one that was taken.

    Derivation: each element of z is an element of x or of y, with derivative 1, and does not depend on the other.
    """

    @staticmethod
    def forward(ctx: Node, condition: Any, x: Any, y: Any) -> Any:
        ctx.save(condition)
        return array_module(condition, x, y).where(condition, x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        (condition,) = ctx.saved
        _, to_x, to_y = ctx.needs_input_grad
        return None, where(condition, gz, 0.0) if to_x else None, where(condition, 0.0, gz) if to_y else None


class Clip(Function):
    """y = min(max(x, low), high);  dy/dx = 1 from low to high (bounds included), else 0.

    Derivation: inside the bounds y is x, outside it is constant. On a bound, where y has a kink, 1 is the convention.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, low: float | None, high: float | None) -> Any:
        xp = array_module(x)
        if x.dtype.kind == "f":
            outside = xp.zeros(x.shape, bool)
            if low is not None:
                outside |= ~(x >= low)  # beside NaN nothing is inside
            if high is not None:
                outside |= ~(x <= high)
            ctx.save(outside)
        y = x if low is None else xp.maximum(x, low)
        return y if high is None else xp.minimum(y, high)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (outside,) = ctx.saved
        return where(outside, 0.0, gy)


def _scaled(y: Tensor, alpha: float, op: str) -> Tensor:
    """Return ``alpha`` y, in the dtype of y."""
    if alpha == 1:
        return y
    if not isinstance(alpha, (bool, int, float, np.number)):
        raise TypeError(f"{op}: `alpha` is {alpha!r}; it must be a number")
    if y.dtype.kind == "b":
        alpha = bool(alpha)
    elif y.dtype.kind != "f" and isinstance(alpha, (float, np.floating)):
        raise TypeError(f"{op}: `alpha` is {alpha!r}; for operands of dtype {y.dtype} it must be an integer")
    return mul(y, alpha)


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """Return x + alpha y.

        z[i] = x[i] + alpha y[i]

    Args:
        input: a Tensor or a number, of any shape and dtype.
        other: a Tensor or a number whose shape broadcasts with that of ``input``.
        alpha: a factor on ``other``; an integer where both are integers.

    Returns:
        The sum in the promoted dtype: a higher kind (boolean, integer, float) wins, within one kind the wider type;
        numbers, and tensors without axes beside tensors with axes, do not widen. Shape: matched from the last axis,
        each length max(m, n) where the other is 1 or missing. Integers wrap around.

    Raises:
        ValueError: if the shapes do not broadcast.
        TypeError: if neither is a Tensor, one is something else, or they are on two devices.
    """
    x, y = pair(input, other, "add")
    return Add.apply(x, _scaled(y, alpha, "add"))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """Return x - alpha y.

        z[i] = x[i] - alpha y[i]

    Args:
        input: as :func:`add`.
        other: as :func:`add`.
        alpha: a factor on ``other``; an integer where both are integers.

    Returns:
        The difference; shape and dtype as :func:`add`.

    Raises:
        TypeError: for booleans (use ``^`` or ``!=``), and as :func:`add`.
        ValueError: if the shapes do not broadcast.
    """
    for operand in (input, other):
        if isinstance(operand, bool) or (isinstance(operand, Tensor) and operand._data.dtype.kind == "b"):
            raise TypeError("sub: booleans cannot be subtracted; use ^ or != (exclusive or), ~ (not), or .int() first")
    x, y = pair(input, other, "sub")
    return Sub.apply(x, _scaled(y, alpha, "sub"))


def mul(input: Any, other: Any) -> Tensor:
    """Return x y, element by element.

        z[i] = x[i] y[i]

    Args:
        input: as :func:`add`.
        other: as :func:`add`.

    Returns:
        The product; shape and dtype as :func:`add`.

    Raises:
        ValueError: if the shapes do not broadcast.
        TypeError: as :func:`add`.
    """
    x, y = pair(input, other, "mul")
    return Mul.apply(x, y)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Return x / y.

        z[i] = x[i] / y[i]

    Args:
        input: as :func:`add`.
        other: as :func:`add`. A float divided by 0 gives inf, -inf or NaN.
        rounding_mode: None; or "floor", rounded down, as ``//``; or "trunc", rounded towards 0.

    Returns:
        The quotient; shape as :func:`add`. Without rounding integers and booleans become float32; with it the dtype
        is that of :func:`add` and the gradient is 0.

    Raises:
        ValueError: for integers rounded and divided by 0, another ``rounding_mode``, shapes that do not broadcast.
        TypeError: for booleans rounded, and as :func:`add`.
    """
    if rounding_mode is None:
        x, y = pair(input, other, "div", division=True)
        return Div.apply(x, y)
    if rounding_mode not in ("floor", "trunc"):
        raise ValueError(f"`rounding_mode` is {rounding_mode!r}; valid are None, 'floor' and 'trunc'")
    x, y = pair(input, other, "div")
    _refuse_zero(y, "div")
    return RoundedDiv.apply(x, y, rounding=rounding_mode)


def floor_divide(input: Any, other: Any) -> Tensor:
    """Return x / y rounded down, as ``x // y``.

        z[i] = floor(x[i] / y[i])

    Args:
        input: as :func:`add`.
        other: as :func:`add`; not 0 for integers.

    Returns:
        The quotient in the dtype of :func:`add`; its gradient is 0.

    Raises:
        ValueError: for integers divided by 0, or shapes that do not broadcast.
        TypeError: for booleans, and as :func:`add`.
    """
    return div(input, other, rounding_mode="floor")


def remainder(input: Any, other: Any) -> Tensor:
    """Return what is left of x after division by y, as ``x % y``: it has the sign of y.

        z[i] = x[i] - y[i] floor(x[i] / y[i])

    Args:
        input: as :func:`add`.
        other: as :func:`add`; not 0 for integers. A float's remainder by 0 is NaN.

    Returns:
        The remainder in the dtype of :func:`add`.

    Raises:
        ValueError: for integers divided by 0, or shapes that do not broadcast.
        TypeError: for booleans, and as :func:`add`.
    """
    x, y = pair(input, other, "remainder")
    _refuse_zero(y, "remainder")
    return Remainder.apply(x, y)


def _refuse_zero(y: Tensor, op: str) -> None:
    """Integers have no infinity to stand for a division by 0. On a device nobody looks: it is not waited for."""
    array = y._data
    if array.dtype.kind == "b":
        raise TypeError(f"{op}: booleans are not divided; use .int() first")
    if array.dtype.kind != "f" and type(array) is np.ndarray and not array.all():
        raise ValueError(f"{op}: `other` has a 0 in it; integers are not divided by 0")


def neg(input: Tensor) -> Tensor:
    """Return -x.

        y[i] = -x[i]

    Args:
        input: a Tensor of any shape; of integers or floats.

    Returns:
        The same shape and dtype; uint8 wraps around.

    Raises:
        TypeError: for a boolean tensor.
    """
    x = as_tensor(input, "input")
    if x.dtype.kind == "b":
        raise TypeError("neg: a boolean has no negative; use ~")
    return Neg.apply(x)


def power(input: Any, exponent: Any) -> Tensor:
    """Return x to the power of y.

        z[i] = x[i]**y[i]

    Args:
        input: as :func:`add`. A negative float with a fractional exponent gives NaN.
        exponent: as :func:`add`. A negative integer power of an integer, given as a tensor, is rounded towards 0.

    Returns:
        The power; shape and dtype as :func:`add`.

    Raises:
        ValueError: for an integer tensor and a negative integer number, or shapes that do not broadcast.
        TypeError: for two booleans, and as :func:`add`.
    """
    if isinstance(input, Tensor) and isinstance(exponent, (int, float)):  # a number: its backward is much shorter
        dtype = promote(input._data, exponent)
        if dtype.kind == "f":
            return PowNumber.apply(cast(input, dtype), n=float(exponent))
        if exponent < 0:
            raise ValueError(f"pow: `exponent` is {exponent}; integers have no negative power, convert to float first")
    x, y = pair(input, exponent, "pow")
    if x.dtype.kind == "b":
        raise TypeError("pow: booleans have no power; use .int() first")
    return Pow.apply(x, y)


def maximum(input: Any, other: Any) -> Tensor:
    """Return the larger of x and y, element by element. NaN wins.

        z[i] = max(x[i], y[i])

    Args:
        input: as :func:`add`.
        other: as :func:`add`.

    Returns:
        The larger; shape and dtype as :func:`add`. Where they are equal each gets half the gradient.

    Raises:
        ValueError: if the shapes do not broadcast.
        TypeError: as :func:`add`.
    """
    x, y = pair(input, other, "maximum")
    return Maximum.apply(x, y, sign=1)


def minimum(input: Any, other: Any) -> Tensor:
    """Return the smaller of x and y, element by element. NaN wins.

        z[i] = min(x[i], y[i])

    Args:
        input: as :func:`add`.
        other: as :func:`add`.

    Returns:
        The smaller; shape and dtype as :func:`add`. Where they are equal each gets half the gradient.

    Raises:
        ValueError: if the shapes do not broadcast.
        TypeError: as :func:`add`.
    """
    x, y = pair(input, other, "minimum")
    return Maximum.apply(x, y, sign=-1)


def _flags(x: Any, name: str) -> Tensor:
    x = as_tensor(x, name)
    if x.dtype.kind != "b":
        raise TypeError(f"`{name}` has dtype {x.dtype}; it must be boolean")
    return x


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """Return x where ``condition`` holds, else y.

        z[i] = x[i] if c[i] else y[i]

    Args:
        condition: a boolean Tensor.
        input: a Tensor or a number.
        other: a Tensor or a number; all three shapes broadcast.

    Returns:
        The choice; its dtype is promoted from ``input`` and ``other`` as in :func:`add`.

    Raises:
        TypeError: if the condition is not boolean, and as :func:`add`.
        ValueError: if the shapes do not broadcast.
    """
    condition = _flags(condition, "condition")
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        dtype = promote(input, other)
        x, y = (constant(v, condition, dtype) for v in (input, other))
    else:
        x, y = pair(input, other, "where")
    shape = common_shape("where", condition.shape, x.shape, y.shape)
    x, y = spread((x, y), shape)
    return Where.apply(condition, x, y)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Return x with ``value`` wherever the mask holds.

        y[i] = value if mask[i] else x[i]

    Args:
        input: a Tensor.
        mask: a boolean Tensor whose shape broadcasts with that of ``input``.
        value: a number, or a Tensor without axes, to which gradients flow.

    Returns:
        A Tensor of the dtype of ``input`` and the broadcast shape.

    Raises:
        TypeError: if the mask is not boolean, or the value is of a higher kind than ``input`` (a float for integers).
        ValueError: if the shapes do not broadcast, or ``value`` has axes.
    """
    x, mask = as_tensor(input, "input"), _flags(mask, "mask")
    if isinstance(value, Tensor) and value.ndim:
        raise ValueError(f"`value` has shape {value.shape}; it must be a number or a Tensor without axes")
    if not isinstance(value, (Tensor, bool, int, float, np.generic)):
        raise TypeError(f"`value` is {value!r}; it must be a number or a Tensor without axes")
    kind = value.dtype.kind if isinstance(value, (Tensor, np.generic)) else promote(value, value).kind
    if "biuf".index(kind) > max("biuf".index(x.dtype.kind), 2 * (x.dtype.kind == "u")):
        raise TypeError(f"`value` is {value!r}; a tensor of dtype {x.dtype} cannot hold it")
    return where(mask, cast(value, x.dtype) if isinstance(value, Tensor) else value, x)


def clip(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Return x limited to the range from ``min`` to ``max``.

        y[i] = min(max(x[i], low[i]), high[i])

    Args:
        input: a Tensor.
        min: the lower bound, a number or a Tensor that broadcasts, or None. NaN gives NaN.
        max: the upper bound, likewise; it wins where it is below the lower one. At least one must be given.

    Returns:
        A Tensor in the dtype promoted from all that are given.

    Gradient: 1 to x between the bounds and on them; outside, to the bound that x was replaced by, if it is a Tensor.

    Raises:
        ValueError: if neither bound is given, or shapes do not broadcast.
        TypeError: if a bound is neither a number nor a Tensor.
    """
    x = as_tensor(input, "input")
    if min is None and max is None:
        raise ValueError("clip: at least one of `min` and `max` must be given")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        for bound, outside in ((min, less), (max, greater)):
            if bound is not None:
                beyond = outside(x, bound)
                if isinstance(bound, Tensor):
                    beyond = logical_or(beyond, not_equal(bound, bound))  # NaN
                elif bound != bound:
                    beyond = eq(beyond, beyond)  # true everywhere, so that all becomes NaN
                x = where(beyond, bound, x)
        return x
    dtype = x.dtype
    for name, bound in (("min", min), ("max", max)):
        if bound is not None:
            if not isinstance(bound, (bool, int, float, np.number, np.bool_)):
                raise TypeError(f"`{name}` is {bound!r}; it must be a number, a Tensor or None")
            dtype = promote(np.empty(1, dtype), bound.item() if isinstance(bound, np.generic) else bound)
    low, high = (None if b is None else _within(b, dtype) for b in (min, max))
    return Clip.apply(cast(x, dtype), low=low, high=high)


def _within(bound: float, dtype: Any) -> float:
    """A bound beyond what an integer dtype can hold limits nothing: bring it to the dtype's own limit."""
    if dtype.kind == "f":
        return float(bound)
    if dtype.kind == "b":
        return bool(bound)
    limits = np.iinfo(dtype)
    bound = int(bound)
    return limits.min if bound < limits.min else limits.max if bound > limits.max else bound
