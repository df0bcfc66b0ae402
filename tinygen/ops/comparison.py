"""Comparisons and logic, element by element, with broadcasting. Nothing here has a gradient."""

from __future__ import annotations

from typing import Any

from tinygen.ops._inputs import as_tensor, pair
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


def _comparison(name: str, function: str, symbol: str, plain: bool = False) -> Any:
    def compare(input: Any, other: Any) -> Tensor:
        x, y = pair(input, other, name)
        xp = array_module(x._data, y._data)
        return Tensor(xp.asarray(getattr(xp, function)(x._data, y._data)))

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"""Return x {symbol} y, element by element.

        z[i] = (x[i] {symbol} y[i])

    Args:
        input: a Tensor or a number.
        other: a Tensor or a number whose shape broadcasts with that of ``input``.

    Returns:
        A boolean Tensor of the broadcast shape; it has no gradient.{"" if plain else " NaN equals nothing."}

    Raises:
        ValueError: if the shapes do not broadcast.
        TypeError: as :func:`add`.
    """
    return compare


eq = _comparison("eq", "equal", "==")
not_equal = _comparison("not_equal", "not_equal", "!=")
less = _comparison("less", "less", "<")
less_equal = _comparison("less_equal", "less_equal", "<=")
greater = _comparison("greater", "greater", ">")
greater_equal = _comparison("greater_equal", "greater_equal", ">=")
logical_and = _comparison("logical_and", "logical_and", "and", plain=True)
logical_or = _comparison("logical_or", "logical_or", "or", plain=True)
logical_xor = _comparison("logical_xor", "logical_xor", "xor", plain=True)

ne, lt, le, gt, ge = not_equal, less, less_equal, greater, greater_equal  # PyTorch has both names


def _bitwise(name: str, symbol: str, word: str) -> Any:
    def combine(input: Any, other: Any) -> Tensor:
        x, y = pair(input, other, name)
        if x.dtype.kind == "f":
            raise TypeError(f"{name}: `{symbol}` combines booleans or integers, these are {x.dtype}")
        xp = array_module(x._data, y._data)
        return Tensor(xp.asarray(getattr(xp, name)(x._data, y._data)))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = f"""Return x {symbol} y: {word}, of booleans, or of every bit of integers.

        z[i] = x[i] {symbol} y[i]

    Args:
        input: a boolean or integer Tensor, or such a number.
        other: a boolean or integer Tensor, or such a number, whose shape broadcasts with that of ``input``.

    Returns:
        A Tensor in the promoted dtype and the broadcast shape; it has no gradient.

    Raises:
        TypeError: for floats, and as :func:`add`.
        ValueError: if the shapes do not broadcast.
    """
    return combine


bitwise_and = _bitwise("bitwise_and", "&", "and")
bitwise_or = _bitwise("bitwise_or", "|", "or")
bitwise_xor = _bitwise("bitwise_xor", "^", "exclusive or")


def bitwise_not(input: Tensor) -> Tensor:
    """Return ~x: not, of booleans, or of every bit of integers.

        y[i] = ~x[i]

    Args:
        input: a boolean or integer Tensor.

    Returns:
        The same shape and dtype; it has no gradient.

    Raises:
        TypeError: for floats.
    """
    x = as_tensor(input, "input")
    if x.dtype.kind == "f":
        raise TypeError(f"bitwise_not: `~` turns booleans or integers, this tensor is {x.dtype}")
    return Tensor(array_module(x._data).asarray(~x._data))
