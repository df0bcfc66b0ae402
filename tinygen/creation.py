"""Functions that make tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.backend import check_device, make_array, to_device
from tinygen.random import Generator, default_generator
from tinygen.tensor import Tensor
from tinygen.writes import expose
from tinygen_ops.arrays import array_module


def tensor(data: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of ``data``.

    Args:
        data: numbers, nested lists, an array or a Tensor. Python floats become float32 and integers int64; an array
            keeps its dtype.
        dtype: a NumPy dtype, or None.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"auto"``; None: where the array is, or ``TINYGEN_DEVICE``.
        requires_grad: whether its gradient is wanted.
    """
    if isinstance(data, Tensor):
        data = data._data
    elif isinstance(data, (list, tuple)):
        data = _unpack(data)
    return Tensor(make_array(data, dtype, device), requires_grad)


def _unpack(data: Any) -> Any:
    """Nested lists may hold 0-d tensors."""
    if isinstance(data, (list, tuple)):
        return [_unpack(item) for item in data]
    return data.tolist() if isinstance(data, Tensor) else data


def from_numpy(array: np.ndarray) -> Tensor:
    """Return a tensor on the memory of ``array``: a write to one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"`array` is {type(array).__name__}; from_numpy takes a NumPy array")
    made = make_array(array, copy=False)
    expose(made, fresh=True)
    return Tensor(made)


def _sizes(shape: tuple) -> tuple[int, ...]:
    """Accept ``zeros(2, 3)`` and ``zeros((2, 3))``."""
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)
    for n in sizes:
        if not isinstance(n, (int, np.integer)) or n < 0:
            raise ValueError(f"`shape` is {sizes}; every length must be an integer of at least 0")
    return sizes


def full(
    shape: Any, fill_value: float, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of ``shape`` with ``fill_value`` everywhere."""
    natural = {bool: np.bool_, int: np.int64}.get(type(fill_value), np.float32)
    dtype = dtype or natural
    array = np.full(_sizes((shape,) if isinstance(shape, int) else tuple(shape)), fill_value, dtype)
    return Tensor(to_device(array, check_device(device)), requires_grad)


def zeros(*shape: Any, dtype: Any = np.float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros."""
    return full(_sizes(shape), 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones(*shape: Any, dtype: Any = np.float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones."""
    return full(_sizes(shape), 1, dtype=dtype, device=device, requires_grad=requires_grad)


def zeros_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of the shape, dtype and device of ``input``."""
    return Tensor(array_module(input._data).zeros(input.shape, dtype or input.dtype), requires_grad)


def ones_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of the shape, dtype and device of ``input``."""
    return Tensor(array_module(input._data).ones(input.shape, dtype or input.dtype), requires_grad)


def full_like(input: Tensor, fill_value: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ``fill_value`` in the shape, dtype and on the device of ``input``."""
    return Tensor(array_module(input._data).full(input.shape, fill_value, dtype or input.dtype), requires_grad)


def arange(
    start: float, end: float | None = None, step: float = 1, *, dtype: Any = None, device: str | None = None
) -> Tensor:
    """Return start, start + step, ... up to but without ``end``; ``arange(n)`` counts from 0."""
    if end is None:
        start, end = 0, start
    if step == 0:
        raise ValueError("`step` is 0; it must not be")
    whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
    array = np.arange(start, end, step, dtype or (np.int64 if whole else np.float32))
    return Tensor(to_device(array, check_device(device)))


def linspace(start: float, end: float, steps: int, *, dtype: Any = np.float32, device: str | None = None) -> Tensor:
    """Return ``steps`` evenly spaced numbers from ``start`` to ``end``, both included."""
    if steps < 0:
        raise ValueError(f"`steps` is {steps}; it must be at least 0")
    return Tensor(to_device(np.linspace(start, end, steps).astype(dtype), check_device(device)))


def eye(n: int, m: int | None = None, *, dtype: Any = np.float32, device: str | None = None) -> Tensor:
    """Return the (n, m) matrix with ones on its diagonal."""
    return Tensor(to_device(np.eye(n, m, dtype=dtype), check_device(device)))


def rand(
    *shape: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1)."""
    return Tensor((generator or default_generator).uniform(_sizes(shape), dtype, device), requires_grad)


def randn(
    *shape: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn from the normal distribution of mean 0 and variance 1."""
    return Tensor((generator or default_generator).normal(_sizes(shape), dtype, device), requires_grad)


def randint(
    low: int,
    high: int | None = None,
    size: Any = (),
    *,
    generator: Generator | None = None,
    dtype: Any = np.int64,
    device: str | None = None,
) -> Tensor:
    """Return integers drawn evenly from ``low`` (included) to ``high`` (excluded); ``randint(n, size=s)`` from 0."""
    low, high = (0, low) if high is None else (low, high)
    if low >= high:
        raise ValueError(f"`high` is {high}; it must be above `low` {low}")
    return Tensor((generator or default_generator).integers(low, high, _sizes((tuple(size),)), dtype, device))

