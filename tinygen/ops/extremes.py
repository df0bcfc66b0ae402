"""The largest and smallest elements over some axes or all, where they stand, and whether any or all are not 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.ops._inputs import Dim, as_tensor, check_axis, reduced_axes
from tinygen.ops.arithmetic import maximum, minimum
from tinygen.ops.indexing import Found, gather
from tinygen.ops.shape import reshape, squeeze, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Extreme(Function):
    """y = the largest of x over some axes (``sign`` -1: smallest);  the gradient goes to it, in equal shares to equals.

    Derivation: y is the largest x, with slope 1, and does not depend on the others. Where k are equal y has a kink;
    1/k to each treats them alike.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...], keepdim: bool, sign: int) -> Any:
        y = (x.max if sign > 0 else x.min)(axis=axes, keepdims=True)
        ctx.kept = y.shape
        if x.dtype.kind == "f":
            ties = (x == y) | (x != x)  # NaN equals nothing, and yet it was taken
            ctx.save((ties / ties.sum(axis=axes, keepdims=True)).astype(x.dtype))
        return y if keepdim else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        (share,) = ctx.saved
        return reshape(gy, ctx.kept) * share


def refuse_nothing(x: Tensor, axes: tuple[int, ...], op: str) -> None:
    """What is the largest of no numbers?"""
    if 0 in [x.shape[a] for a in axes]:
        along = "" if len(axes) == x.ndim else f" along `dim` {axes[0] if len(axes) == 1 else axes}"
        raise ValueError(f"{op}: `input` of shape {x.shape} has no elements{along}")


def _extreme(input: Tensor, dim: Any, keepdim: bool, sign: int, name: str) -> Any:
    x = as_tensor(input, "input")
    if isinstance(dim, Tensor):
        return (maximum if sign > 0 else minimum)(x, dim)
    if dim is None:
        refuse_nothing(x, tuple(range(x.ndim)), name)
        return Extreme.apply(x, axes=tuple(range(x.ndim)), keepdim=keepdim, sign=sign)
    index = (argmax if sign > 0 else argmin)(x, dim, keepdim=True)
    values = gather(x, dim, index) if x.ndim else x.clone()
    return Found(values, index) if keepdim or not x.ndim else Found(squeeze(values, dim), squeeze(index, dim))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the largest element; with an axis the pair (values, indices) along it. NaN wins.

        y[j] = max over i of x[i, j]

    Args:
        input: a Tensor of any shape and dtype.
        dim: None for the largest of all; an axis; or another Tensor: then :func:`maximum` of both.
        keepdim: keep the axis, with length 1.

    Returns:
        A Tensor without axes; or (values, indices int64), both without the axis ``dim``, indices the first of equals.

    Gradient: without ``dim`` equal elements share it; with ``dim`` the returned index has it all.

    Raises:
        ValueError: if there is no element to choose.
        IndexError: if there is no such axis.
    """
    return _extreme(input, dim, keepdim, 1, "max")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the smallest element; with an axis the pair (values, indices) along it. NaN wins.

        y[j] = min over i of x[i, j]

    Args:
        input: a Tensor of any shape and dtype.
        dim: None for the smallest of all; an axis; or another Tensor: then :func:`minimum` of both.
        keepdim: keep the axis, with length 1.

    Returns:
        A Tensor without axes; or (values, indices int64), both without the axis ``dim``, indices the first of equals.

    Gradient: without ``dim`` equal elements share it; with ``dim`` the returned index has it all.

    Raises:
        ValueError: if there is no element to choose.
        IndexError: if there is no such axis.
    """
    return _extreme(input, dim, keepdim, -1, "min")


def _extremes(input: Tensor, dim: Dim, keepdim: bool, sign: int, name: str) -> Tensor:
    x = as_tensor(input, "input")
    axes = reduced_axes(dim, x.ndim)
    refuse_nothing(x, axes, name)
    return Extreme.apply(x, axes=axes, keepdim=keepdim, sign=sign)


def amax(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the largest elements over some axes; equal ones share the gradient. NaN wins.

        y[j] = max over i of x[i, j]

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.

    Returns:
        The largest, without the axes ``dim``, in the dtype of ``input``.

    Raises:
        ValueError: if there is no element to choose, or an axis is named twice.
        IndexError: if there is no such axis.
    """
    return _extremes(input, dim, keepdim, 1, "amax")


def amin(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return the smallest elements over some axes; equal ones share the gradient. NaN wins.

        y[j] = min over i of x[i, j]

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.

    Returns:
        The smallest, without the axes ``dim``, in the dtype of ``input``.

    Raises:
        ValueError: if there is no element to choose, or an axis is named twice.
        IndexError: if there is no such axis.
    """
    return _extremes(input, dim, keepdim, -1, "amin")


def _arg(input: Tensor, dim: int | None, keepdim: bool, name: str) -> Tensor:
    x = as_tensor(input, "input")
    array, xp = x._data, array_module(x._data)
    axis = None if dim is None else check_axis(dim, x.ndim)
    refuse_nothing(x, tuple(range(x.ndim)) if dim is None or not x.ndim else (axis,), name)
    if not array.ndim:
        return Tensor(xp.zeros((), np.int64))
    if dim is None:
        flat = getattr(array.reshape(-1), name)()
        return Tensor(xp.asarray(flat).reshape((1,) * array.ndim if keepdim else ()))
    found = Tensor(xp.asarray(getattr(array, name)(axis=axis)))
    return unsqueeze(found, axis) if keepdim else found


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the largest element stands, the first of equals. NaN counts as largest.

        y[j] = the i at which x[i, j] is largest

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, or None for the place in the flattened tensor.
        keepdim: keep the axis, with length 1.

    Returns:
        int64, without the axis ``dim``; it has no gradient.

    Raises:
        ValueError: if there is no element to choose.
        IndexError: if there is no such axis.
    """
    return _arg(input, dim, keepdim, "argmax")


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the smallest element stands, the first of equals. NaN counts as smallest.

        y[j] = the i at which x[i, j] is smallest

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, or None for the place in the flattened tensor.
        keepdim: keep the axis, with length 1.

    Returns:
        int64, without the axis ``dim``; it has no gradient.

    Raises:
        ValueError: if there is no element to choose.
        IndexError: if there is no such axis.
    """
    return _arg(input, dim, keepdim, "argmin")


def _truth(input: Tensor, dim: Dim, keepdim: bool, name: str) -> Tensor:
    x = as_tensor(input, "input")
    xp = array_module(x._data)
    return Tensor(xp.asarray(getattr(xp, name)(x._data, axis=reduced_axes(dim, x.ndim), keepdims=keepdim)))


def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return whether at least one element is not 0.

        y[j] = x[0, j] or x[1, j] or ...

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.

    Returns:
        A boolean Tensor without the axes ``dim``; False where there is no element. It has no gradient.

    Raises:
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    return _truth(input, dim, keepdim, "any")


def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Return whether no element is 0.

        y[j] = x[0, j] and x[1, j] and ...

    Args:
        input: a Tensor of any shape and dtype.
        dim: an axis, several, or None for all.
        keepdim: keep the axes, with length 1.

    Returns:
        A boolean Tensor without the axes ``dim``; True where there is no element. It has no gradient.

    Raises:
        IndexError: if there is no such axis.
        ValueError: if an axis is named twice.
    """
    return _truth(input, dim, keepdim, "all")
