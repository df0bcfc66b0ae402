"""Binds the ops to Tensor, from one table, so that neither file imports the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygen import autograd
from tinygen.backend import check_device, device_of, is_device_name, to_device
from tinygen.modes import mode
from tinygen.ops import activation, arithmetic, elementwise, indexing, matmul, reduce, shape
from tinygen.ops._inputs import cast
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
    parts = index if isinstance(index, tuple) else (index,)
    index = tuple(p._data if isinstance(p, Tensor) else np.asarray(p) if isinstance(p, list) else p for p in parts)
    written(x._data)
    x._data[index] = value._data if isinstance(value, Tensor) else value


def _refuse_if_needed(x: Tensor, name: str) -> None:
    if x._requires_grad and (mode.recording or x._node is not None):
        raise RuntimeError(f"{name} would write into a tensor that the graph needs; use it inside tinygen.no_grad()")


def _zero_(x: Tensor) -> Tensor:
    """Set every element to 0, in place."""
    return _fill_(x, 0)


def _fill_(x: Tensor, value: float) -> Tensor:
    """Set every element to ``value``, in place."""
    _refuse_if_needed(x, "fill_")
    written(x._data)
    x._data[...] = value
    return x


def _copy_(x: Tensor, source: Tensor) -> Tensor:
    """Write the elements of ``source`` (of a shape that broadcasts) into this tensor, in place."""
    _refuse_if_needed(x, "copy_")
    array = source._data if isinstance(source, Tensor) else array_module(x._data).asarray(source)
    written(x._data)
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


def _view(x: Tensor, *sizes: int) -> Tensor:
    """Return the tensor in another shape on the same memory."""
    if not x._data.flags.c_contiguous:
        raise RuntimeError("view needs a contiguous tensor; use reshape")
    return shape.reshape(x, *sizes)


def _swap(function: Callable) -> Callable:
    return lambda x, y: function(y, x)


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
    "__pow__": arithmetic.power,
    "__rpow__": _swap(arithmetic.power),
    "__neg__": arithmetic.neg,
    "__matmul__": matmul.matmul,
    "__abs__": elementwise.abs_,
    "__invert__": elementwise.logical_not,
    "__and__": arithmetic.logical_and,
    "__or__": arithmetic.logical_or,
    "__eq__": arithmetic.equal,
    "__ne__": arithmetic.not_equal,
    "__lt__": arithmetic.less,
    "__le__": arithmetic.less_equal,
    "__gt__": arithmetic.greater,
    "__ge__": arithmetic.greater_equal,
    "__getitem__": indexing.getitem,
    "__setitem__": _set_item,
    "__iter__": _iterate,
}

_METHODS: dict[str, Callable] = {
    "backward": autograd.backward,
    "requires_grad_": _requires_grad_,
    "to": _to,
    "cpu": lambda x: _to(x, "cpu"),
    "cuda": lambda x, device="cuda": _to(x, device),
    "float": lambda x: cast(x, np.float32),
    "double": lambda x: cast(x, np.float64),
    "long": lambda x: cast(x, np.int64),
    "int": lambda x: cast(x, np.int32),
    "bool": lambda x: cast(x, np.bool_),
    "size": lambda x, dim=None: x.shape if dim is None else x.shape[dim],
    "numel": lambda x: x._data.size,
    "dim": lambda x: x._data.ndim,
    "view": _view,
    "zero_": _zero_,
    "fill_": _fill_,
    "copy_": _copy_,
    "all": lambda x: Tensor(array_module(x._data).asarray(x._data.all())),
    "any": lambda x: Tensor(array_module(x._data).asarray(x._data.any())),
    # the ops, under the names that torch.Tensor gives them
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "div": arithmetic.div,
    "neg": arithmetic.neg,
    "pow": arithmetic.power,
    "clip": arithmetic.clip,
    "clamp": arithmetic.clip,
    "maximum": arithmetic.maximum,
    "minimum": arithmetic.minimum,
    "where": lambda x, condition, other: arithmetic.where(condition, x, other),
    "abs": elementwise.abs_,
    "matmul": matmul.matmul,
    "bmm": matmul.bmm,
    "outer": matmul.outer,
    "sum": reduce.sum_,
    "relu": activation.relu,
    "softmax": activation.softmax,
    "log_softmax": activation.log_softmax,
    "gather": indexing.gather,
    "index_select": indexing.index_select,
    "expand": shape.broadcast_to,
    "tile": shape.repeat,
    "swapaxes": shape.transpose,
}
_METHODS |= {
    name: getattr(family, name)
    for family, names in {
        elementwise: "sign exp log log1p expm1 sqrt rsqrt square sin cos tanh sigmoid isnan isfinite logical_not",
        reduce: "mean var std max min amax argmax argmin cumsum logsumexp norm",
        shape: "reshape flatten squeeze unsqueeze permute transpose broadcast_to repeat split chunk flip clone "
        "contiguous",
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
