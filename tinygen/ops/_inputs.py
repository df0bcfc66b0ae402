"""What every op does first: turn its inputs into Tensors that fit together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.backend import FLOAT_ERRORS, IGNORED, device_of, promote
from tinygen.modes import mode
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

Dim = int | tuple[int, ...] | None


class Cast(Function):
    """y = x in another dtype;  dy/dx = 1, in the dtype of x."""

    @staticmethod
    def forward(ctx: Node, x: Any, dtype: Any) -> Any:
        ctx.dtype = x.dtype
        return x.astype(dtype)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return cast(gy, ctx.dtype)


def cast(x: Tensor, dtype: Any) -> Tensor:
    """Return ``x`` in ``dtype``; ``x`` itself if it has that dtype already."""
    return x if x._data.dtype == dtype else Cast.apply(x, dtype=np.dtype(dtype))


def as_tensor(x: Any, name: str) -> Tensor:
    """Return ``x`` if it is a Tensor; else raise a TypeError that names the argument."""
    if isinstance(x, Tensor):
        return x
    raise TypeError(f"`{name}` must be a Tensor, got {type(x).__name__}; tinygen.tensor() makes one")


def floating(x: Any, name: str = "input") -> Tensor:
    """Return ``x`` as a floating Tensor: integers and booleans become float32, as in PyTorch."""
    x = as_tensor(x, name)
    return x if x._data.dtype.kind == "f" else cast(x, np.float32)


def refuse_gradient(x: Tensor | None, name: str) -> None:
    """Raise a RuntimeError if a gradient is wanted for an argument through which none flows."""
    if x is not None and x._requires_grad and mode.recording:
        raise RuntimeError(f"`{name}` requires grad, but no gradient flows into it: pass {name}.detach()")


def constant(value: float | bool, like: Tensor, dtype: Any) -> Tensor:
    """A 0-d Tensor of ``value`` on the device of ``like``."""
    token = FLOAT_ERRORS.set(IGNORED)
    try:
        return Tensor(array_module(like._data).asarray(value, dtype=dtype))
    except OverflowError:
        raise ValueError(f"the number {value} does not fit into {dtype}; use a wider dtype") from None
    finally:
        FLOAT_ERRORS.reset(token)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros in the shape and dtype and on the device of ``x``: the gradient of what is constant between jumps."""
    return Tensor(array_module(x._data).zeros(x._data.shape, x._data.dtype))


def pair(x: Any, y: Any, op: str, division: bool = False) -> tuple[Tensor, Tensor]:
    """Return the operands of a binary op as Tensors of one dtype.

    An operand through which gradients flow is broadcast to the common shape by an op of its own (whose backward is
    the sum over the broadcast axes); a constant is left small, NumPy broadcasts it for nothing.

    Args:
        x: a Tensor or a Python number; one of the two is a Tensor.
        y: the same.
        op: the op's name, for error messages.
        division: true division, whose result is floating whatever the operands are.

    Raises:
        TypeError: if an operand is neither, or they live on two devices.
        ValueError: if the shapes do not broadcast; both are named.
    """
    x_is, y_is = isinstance(x, Tensor), isinstance(y, Tensor)
    for operand, known in ((x, x_is), (y, y_is)):
        if not known and not isinstance(operand, (bool, int, float, np.number, np.bool_)):
            raise TypeError(f"{op}: operands must be Tensors or numbers, got {type(operand).__name__}")
    if not (x_is or y_is):
        raise TypeError(f"{op}: one of the operands must be a Tensor, got {x!r} and {y!r}")
    if not (x_is and y_is):
        value, other = (y, x) if x_is else (x, y)
        value = value.item() if isinstance(value, np.generic) else value
        dtype = promote(other._data, value)
        if division and dtype.kind != "f":
            dtype = np.dtype(np.float32)
        if dtype.kind in "iu":
            value, dtype = _into_range(int(value), dtype, op)
        scalar, other = constant(value, other, dtype), cast(other, dtype)
        return (other, scalar) if x_is else (scalar, other)
    a, b = x._data, y._data
    if type(a) is not type(b):
        raise TypeError(f"{op}: operands on {device_of(a)} and {device_of(b)}; move one with .to(device)")
    if a.dtype != b.dtype or (division and a.dtype.kind != "f"):
        dtype = promote(a, b)
        if division and dtype.kind != "f":
            dtype = np.dtype(np.float32)
        x, y = cast(x, dtype), cast(y, dtype)
    return (x, y) if a.shape == b.shape else spread((x, y), common_shape(op, a.shape, b.shape))


def _into_range(value: int, dtype: np.dtype, op: str) -> tuple[int, np.dtype]:
    """A whole number as an operand beside integers of ``dtype``: where it does not fit, it wraps as they do.

    A comparison is made in int64 instead, and what is neither (a maximum, a choice) refuses the number by `constant`.
    """
    low, high = _LIMITS[dtype]
    if low <= value <= high:
        return value, dtype
    if op in ("add", "sub", "mul"):
        return (value - low) % (high - low + 1) + low, dtype
    return value, np.dtype(np.int64) if op in _COMPARISONS else dtype


_LIMITS = {np.dtype(t): (int(np.iinfo(t).min), int(np.iinfo(t).max)) for t in "bhilqBHILQ"}
_COMPARISONS = {"eq", "not_equal", "less", "less_equal", "greater", "greater_equal"}


def spread(tensors: tuple[Tensor, ...], shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Broadcast those of ``tensors`` through which gradients flow to ``shape``."""
    if not mode.recording:
        return tensors
    return tuple([
        BroadcastTo.apply(t, shape=shape) if t._requires_grad and t._data.shape != shape else t for t in tensors
    ])


def common_shape(op: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that ``shapes`` broadcast to: axes are matched from the last, length 1 stretches.

    Raises:
        ValueError: naming the shapes, if they do not fit.
    """
    result: list[int] = []
    for axis in range(1, max(map(len, shapes)) + 1):
        lengths = {shape[-axis] for shape in shapes if len(shape) >= axis} - {1}
        if len(lengths) > 1:
            names = " and ".join(map(str, shapes))
            raise ValueError(f"{op}: shapes {names} do not broadcast; axis {-axis} has lengths {sorted(lengths)}")
        result.insert(0, lengths.pop() if lengths else 1)
    return tuple(result)


class BroadcastTo(Function):
    """y = x stretched along axes of length 1 and new leading axes; the adjoint is the sum over those axes."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...]) -> Any:
        ctx.shape = x.shape
        return array_module(x).broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return SumTo.apply(gy, shape=ctx.shape)


def total(x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """Sum an array over ``axes``; integers and booleans as int64.

    Where the last axis stays, NumPy adds row after row, and the rounding of float32 grows with their number: 3e-6 for
    7,680 rows, up to 1e-2 for a million equal ones. Many rows are therefore added in float64 (at 2 to 3 times the
    time), float16 in float32.
    """
    kind, wide = x.dtype.kind, None
    if kind != "f":
        wide = np.int64
    elif x.dtype == np.float16:
        wide = np.float32
    elif x.dtype == np.float32 and type(x) is np.ndarray and axes and x.ndim - 1 not in axes:
        wide = np.float64 if math.prod([x.shape[a] for a in axes]) > _MANY_ROWS else None
    y = x.sum(axis=axes, keepdims=keepdims, dtype=wide)
    return y if kind != "f" or wide is None else y.astype(x.dtype)


_MANY_ROWS = 2048


class SumTo(Function):
    """y = x summed over the axes that a broadcast from ``shape`` made; the adjoint is that broadcast."""

    @staticmethod
    def forward(ctx: Node, x: Any, shape: tuple[int, ...]) -> Any:
        ctx.shape = x.shape
        new = x.ndim - len(shape)
        axes = tuple(range(new)) + tuple(
            new + i for i, length in enumerate(shape) if length == 1 and x.shape[new + i] != 1
        )
        return total(x, axes).astype(x.dtype, copy=False).reshape(shape) if axes else x

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return BroadcastTo.apply(gy, shape=ctx.shape)


def check_axis(dim: int, ndim: int, name: str = "dim") -> int:
    """Return the axis ``dim``, counted from the front.

    Raises:
        IndexError: naming the valid range.
        TypeError: if it is no integer.
    """
    if not isinstance(dim, (int, np.integer)) or isinstance(dim, bool):
        raise TypeError(f"`{name}` is {dim!r}; it must be an integer")
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise IndexError(f"`{name}` is {dim}; valid are {-max(ndim, 1)} to {max(ndim, 1) - 1} for {ndim} axes")
    return int(dim) % max(ndim, 1)


def check_axes(dim: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Return the axes that ``dim`` names (None: all), each once."""
    if dim is None:
        return tuple(range(ndim))
    axes = tuple(check_axis(d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    if len(set(axes)) < len(axes):
        raise ValueError(f"`dim` is {dim}; an axis appears twice")
    return axes if ndim else ()


def reduced_axes(dim: Dim, ndim: int) -> tuple[int, ...]:
    """Return the axes that a reduction over ``dim`` takes away; None and () mean all, as in PyTorch."""
    return check_axes(None if isinstance(dim, (tuple, list)) and not dim else dim, ndim)


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape after a reduction that keeps its axes, with length 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))
