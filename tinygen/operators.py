"""Binds the ops to Tensor, from one table, so that neither file imports the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygen import autograd
from tinygen.backend import check_device, device_of, is_device_name, to_device
from tinygen.modes import mode
from tinygen.notebook import as_html
from tinygen.ops import (
    activation,
    arithmetic,
    arrange,
    comparison,
    elementwise,
    extremes,
    indexing,
    join,
    matmul,
    reduce,
    shape,
)
from tinygen.ops._inputs import as_tensor, cast, check_axis, pair
from tinygen.tensor import Tensor
from tinygen.writes import written
from tinygen_ops.arrays import array_module


def _iterate(x: Tensor) -> Iterator[Tensor]:
    if not x.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return (x[i] for i in range(x.shape[0]))


def _set_item(x: Tensor, index: Any, value: Any) -> None:
    if x._requires_grad and (mode.recording or x._node is not None):
        raise RuntimeError(
            "x[i] = v would write into a tensor whose gradient is wanted; build a new one with tinygen.where, "
            "or write inside tinygen.no_grad()"
        )
    place, index = indexing.place_of(x, index)
    written(x._data)
    with np.errstate(all="ignore"):  # too large a number becomes inf, as in every op
        place[index] = value._data if isinstance(value, Tensor) else value


def _refuse_if_needed(x: Tensor, name: str) -> None:
    if x._requires_grad and (mode.recording or x._node is not None):
        raise RuntimeError(f"{name} would write into a tensor that the graph needs; use it inside tinygen.no_grad()")


def _zero_(x: Tensor) -> Tensor:
    """Set every element to 0, in place."""
    return _fill_(x, 0)


def _fill_(x: Tensor, value: float) -> Tensor:
    """Set every element to ``value``, in place."""
    _refuse_if_needed(x, "fill_")
    if getattr(value, "shape", ()):
        raise ValueError(f"`value` has shape {value.shape}; it must be a number or a Tensor without axes")
    written(x._data)
    with np.errstate(all="ignore"):
        x._data[...] = value._data if isinstance(value, Tensor) else value
    return x


def _copy_(x: Tensor, source: Tensor) -> Tensor:
    """Write the elements of ``source`` (of a shape that broadcasts) into this tensor, in place."""
    _refuse_if_needed(x, "copy_")
    array = source._data if isinstance(source, Tensor) else array_module(x._data).asarray(source)
    written(x._data)
    with np.errstate(all="ignore"):
        x._data[...] = to_device(array, device_of(x._data))
    return x


class ToDevice(autograd.Function):
    """y = x on another device;  dy/dx = 1, back where x was."""

    @staticmethod
    def forward(ctx: autograd.Node, x: Any, device: str) -> Any:
        ctx.device = device_of(x)
        return to_device(x, device)

    @staticmethod
    def backward(ctx: autograd.Node, gy: Tensor) -> Tensor:
        return ToDevice.apply(gy, device=ctx.device)


def _to(x: Tensor, *targets: Any, device: str | None = None, dtype: Any = None) -> Tensor:
    """Return the tensor on a device and/or in a dtype; itself where nothing changes."""
    for target in targets:
        if is_device_name(target):
            device = target
        else:
            dtype = target
    if device is not None and (name := check_device(device)) != x.device:
        x = ToDevice.apply(x, device=name)
    return x if dtype is None else cast(x, dtype)


def _split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """:func:`tinygen.split`, with the method's name for its argument."""
    return join.split(x, split_size, dim)


def _swap(function: Callable) -> Callable:
    return lambda x, y: function(y, x)


def _contains(x: Tensor, element: Any) -> bool:
    """Whether ``element`` is among the elements of the tensor."""
    return bool(extremes.any(comparison.eq(x, element)))


def _positive(x: Tensor) -> Tensor:
    """+x is x itself."""
    if x._data.dtype.kind == "b":
        raise TypeError("+x: booleans have no sign; use .int() first")
    return x


def _size(x: Tensor, dim: int | None = None) -> Any:
    """The length of every axis, or of one."""
    return x.shape if dim is None else x.shape[check_axis(dim, x.ndim)]


def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have one shape and equal elements, as a Python bool: it waits for a device.

    Args:
        input: a Tensor.
        other: a Tensor on the same device. NaN equals nothing.

    Raises:
        TypeError: if one is no Tensor, or they live on two devices.
    """
    x, y = as_tensor(input, "input"), as_tensor(other, "other")
    array_module(x._data, y._data)
    return x.shape == y.shape and bool(extremes.all(comparison.eq(x, y)))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Return whether |x - y| <= atol + rtol |y| everywhere, as a Python bool: it waits for a device.

    Args:
        input: a Tensor.
        other: a Tensor of the same dtype, on the same device, whose shape broadcasts with that of ``input``.
        rtol: the tolerance relative to y, at least 0.
        atol: the absolute tolerance, at least 0.
        equal_nan: whether NaN is close to NaN.

    Raises:
        TypeError: if one is no Tensor, they live on two devices or the dtypes differ.
        ValueError: if the shapes do not broadcast.
    """
    x, y = as_tensor(input, "input"), as_tensor(other, "other")
    if x.dtype != y.dtype:
        raise TypeError(f"allclose: `input` is {x.dtype}, `other` {y.dtype}; convert one with .to(dtype)")
    pair(x, y, "allclose")
    xp = array_module(x._data, y._data)
    return bool(xp.allclose(x._data, y._data, rtol=rtol, atol=atol, equal_nan=equal_nan))


def _requires_grad_(x: Tensor, requires_grad: bool = True) -> Tensor:
    """Set ``requires_grad`` and return the tensor."""
    x.requires_grad = requires_grad
    return x


_OPERATORS: dict[str, Callable] = {
    "__add__": arithmetic.add,
    "__radd__": _swap(arithmetic.add),
    "__sub__": arithmetic.sub,
    "__rsub__": _swap(arithmetic.sub),
    "__mul__": arithmetic.mul,
    "__rmul__": _swap(arithmetic.mul),
    "__truediv__": arithmetic.div,
    "__rtruediv__": _swap(arithmetic.div),
    "__floordiv__": arithmetic.floor_divide,
    "__rfloordiv__": _swap(arithmetic.floor_divide),
    "__mod__": arithmetic.remainder,
    "__rmod__": _swap(arithmetic.remainder),
    "__pow__": arithmetic.power,
    "__rpow__": _swap(arithmetic.power),
    "__neg__": arithmetic.neg,
    "__matmul__": matmul.matmul,
    "__abs__": elementwise.abs_,
    "__pos__": _positive,
    "__invert__": comparison.bitwise_not,
    "__and__": comparison.bitwise_and,
    "__rand__": _swap(comparison.bitwise_and),
    "__or__": comparison.bitwise_or,
    "__ror__": _swap(comparison.bitwise_or),
    "__xor__": comparison.bitwise_xor,
    "__rxor__": _swap(comparison.bitwise_xor),
    "__contains__": _contains,
    "__eq__": comparison.eq,
    "__ne__": comparison.not_equal,
    "__lt__": comparison.less,
    "__le__": comparison.less_equal,
    "__gt__": comparison.greater,
    "__ge__": comparison.greater_equal,
    "__getitem__": indexing.getitem,
    "__setitem__": _set_item,
    "__iter__": _iterate,
}

_METHODS: dict[str, Callable] = {
    "_repr_html_": as_html,
    "backward": autograd.tensor_backward,
    "register_hook": autograd.register_hook,
    "retain_grad": autograd.retain_grad,
    "requires_grad_": _requires_grad_,
    "to": _to,
    "cpu": lambda x: _to(x, "cpu"),
    "cuda": lambda x, device="cuda": _to(x, device),
    "half": lambda x: cast(x, np.float16),
    "type_as": lambda x, other: _to(x, other.device, other.dtype),
    "float": lambda x: cast(x, np.float32),
    "double": lambda x: cast(x, np.float64),
    "long": lambda x: cast(x, np.int64),
    "int": lambda x: cast(x, np.int32),
    "bool": lambda x: cast(x, np.bool_),
    "size": _size,
    "numel": lambda x: x._data.size,
    "dim": lambda x: x._data.ndim,
    "zero_": _zero_,
    "fill_": _fill_,
    "copy_": _copy_,
    # the ops, under the names that torch.Tensor gives them
    "equal": equal,
    "allclose": allclose,
    "pow": arithmetic.power,
    "clamp": arithmetic.clip,
    "where": lambda x, condition, other: arithmetic.where(condition, x, other),
    "abs": elementwise.abs_,
    "matmul": matmul.matmul,
    "bmm": matmul.bmm,
    "mm": matmul.mm,
    "outer": matmul.outer,
    "sum": reduce.sum_,
    "relu": activation.relu,
    "softmax": activation.softmax,
    "log_softmax": activation.log_softmax,
    "expand": shape.broadcast_to,
    "split": _split,
}
_METHODS |= {
    name: getattr(family, name)
    for family, names in {
        arithmetic: "add sub mul div floor_divide remainder neg clip maximum minimum masked_fill",
        comparison: "eq ne not_equal lt less le less_equal gt greater ge greater_equal logical_and logical_or "
        "logical_xor bitwise_and bitwise_or bitwise_xor bitwise_not",
        elementwise: "sign floor ceil round exp log log1p expm1 sqrt rsqrt square sin cos tanh sigmoid erf isnan isinf "
        "isfinite logical_not",
        reduce: "prod mean var std cumsum logsumexp norm",
        extremes: "max min amax amin argmax argmin any all",
        indexing: "gather scatter_add index_select sort topk",
        shape: "reshape view flatten unflatten squeeze unsqueeze permute transpose swapaxes movedim broadcast_to clone "
        "contiguous",
        join: "chunk unbind",
        arrange: "flip roll repeat tile repeat_interleave tril triu diagonal",
    }.items()
    for name in names.split()
}

for _name, _function in {**_OPERATORS, **_METHODS}.items():
    setattr(Tensor, _name, _function)


def _transposed(x: Tensor) -> Tensor:
    """The axes in reverse order."""
    return shape.permute(x, tuple(reversed(range(x.ndim))))


def _matrix_transposed(x: Tensor) -> Tensor:
    """The last two axes exchanged."""
    return shape.transpose(x, -2, -1)


Tensor.T = property(_transposed)
Tensor.mT = property(_matrix_transposed)
Tensor.retains_grad = property(autograd.retains_grad)
