"""Functions that make tensors."""

from __future__ import annotations

import math
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

    Returns:
        A leaf of the shape of ``data``.

    Raises:
        ValueError: for lists of unequal length, or a number that ``dtype`` cannot hold.
        TypeError: for what holds no numbers, or a gradient of integers.
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
    """Return a tensor on the memory of ``array``: a write to one is seen in the other.

    Args:
        array: a NumPy array of booleans, integers or floats.

    Returns:
        A leaf of its shape and dtype.

    Raises:
        TypeError: if it is no such array.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"`array` is {type(array).__name__}; from_numpy takes a NumPy array")
    made = make_array(array, device="cpu", copy=False)
    expose(made, fresh=True)
    return Tensor(made)


def from_dlpack(array: Any) -> Tensor:
    """Return a tensor on the memory of another library's array, by the DLPack protocol.

    Args:
        array: anything with ``__dlpack__``: an array of NumPy, CuPy, PyTorch, JAX, on the CPU or a CUDA device.

    Returns:
        A leaf of its shape and dtype; a write to one is seen in the other.

    Raises:
        TypeError: if it has no ``__dlpack__``, or holds no booleans, integers or floats.
        RuntimeError: if it is on a CUDA device that cannot be used here.
    """
    if not hasattr(array, "__dlpack__"):
        raise TypeError(f"`array` is {type(array).__name__}; from_dlpack takes an array with `__dlpack__`")
    kind, number = array.__dlpack_device__()
    if kind == 2:  # kDLCUDA
        where = check_device(f"cuda:{number}")
        made = array_module(to_device(np.zeros(0), where)).from_dlpack(array)
    else:
        where, made = "cpu", np.from_dlpack(array)
    made = make_array(made, device=where, copy=False)
    expose(made, fresh=True)
    return Tensor(made)


def _sizes(shape: tuple) -> tuple[int, ...]:
    """Accept ``zeros(2, 3)`` and ``zeros((2, 3))``."""
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)
    for n in sizes:
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 0:
            raise ValueError(f"`shape` is {sizes}; every length must be an integer of at least 0")
    return sizes


def _placed(array: np.ndarray, device: str | None, requires_grad: bool) -> Tensor:
    return Tensor(to_device(array, check_device(device)), requires_grad)


def full(
    shape: Any, fill_value: Any, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor with one number everywhere.

    Args:
        shape: the lengths.
        fill_value: a number, or a Tensor without axes.
        dtype: a NumPy dtype; None: bool, int64 or float32 by the type of ``fill_value``.
        device: as in :func:`tensor`.
        requires_grad: whether its gradient is wanted.

    Returns:
        A leaf of ``shape``.

    Raises:
        ValueError: for a negative length, or a number that ``dtype`` cannot hold.
    """
    if isinstance(fill_value, Tensor):
        dtype, fill_value = dtype or fill_value.dtype, fill_value.item()
    elif isinstance(fill_value, np.generic):
        fill_value = fill_value.item()
    sizes = _sizes(tuple(shape) if isinstance(shape, (tuple, list)) else (shape,))
    array = np.empty(sizes, make_array(fill_value, dtype, "cpu").dtype)
    array[...] = make_array(fill_value, dtype, "cpu")
    return _placed(array, device, requires_grad)


def zeros(*shape: Any, dtype: Any = np.float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros.

    Args:
        shape: the lengths, one by one or as a tuple.
        dtype: a NumPy dtype.
        device: as in :func:`tensor`.
        requires_grad: whether its gradient is wanted.

    Returns:
        A leaf of ``shape``.

    Raises:
        ValueError: for a negative length.
    """
    return _placed(np.zeros(_sizes(shape), dtype or np.float32), device, requires_grad)


def ones(*shape: Any, dtype: Any = np.float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones; arguments as :func:`zeros`."""
    return _placed(np.ones(_sizes(shape), dtype or np.float32), device, requires_grad)


def empty(*shape: Any, dtype: Any = np.float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose numbers are to be written: zeros, so that forgetting it shows the same every time.

    Arguments as :func:`zeros`.
    """
    return zeros(*shape, dtype=dtype, device=device, requires_grad=requires_grad)


def _check(input: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"`input` must be a Tensor, got {type(input).__name__}")


def _like(input: Tensor, make: Any, dtype: Any, device: str | None, requires_grad: bool) -> Tensor:
    """An array made by ``make(array_module, shape, dtype)`` in the shape, dtype and on the device of ``input``."""
    _check(input)
    with np.errstate(all="ignore"):  # too large a number becomes inf, as in every op
        if device is None:
            array = make(array_module(input._data), input.shape, dtype or input.dtype)
        else:
            array = to_device(make(np, input.shape, dtype or input.dtype), check_device(device))
    return Tensor(array, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros in the shape, dtype and on the device of another tensor, unless others are given.

    Args:
        input: a Tensor.
        dtype: a NumPy dtype, or None.
        device: as in :func:`tensor`, or None.
        requires_grad: whether its gradient is wanted.

    Returns:
        A leaf.

    Raises:
        TypeError: if ``input`` is no Tensor.
    """
    return _like(input, lambda xp, shape, dtype: xp.zeros(shape, dtype), dtype, device, requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return ones in the shape, dtype and on the device of another tensor; arguments as :func:`zeros_like`."""
    return _like(input, lambda xp, shape, dtype: xp.ones(shape, dtype), dtype, device, requires_grad)


def empty_like(input: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor to be written, see :func:`empty`; arguments as :func:`zeros_like`."""
    return zeros_like(input, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Tensor, fill_value: float, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Return one number in the shape, dtype and on the device of another tensor; arguments as :func:`zeros_like`."""
    return _like(input, lambda xp, shape, dtype: xp.full(shape, fill_value, dtype), dtype, device, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1) in the shape, dtype and on the device of another tensor.

    Arguments as :func:`zeros_like`, and ``generator`` as :func:`rand`.
    """
    _check(input)
    return _drawn(generator, "uniform", input.shape, dtype or input.dtype, device or input.device, requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return normal numbers in the shape, dtype and on the device of another tensor.

    Arguments as :func:`zeros_like`, and ``generator`` as :func:`rand`.
    """
    _check(input)
    return _drawn(generator, "normal", input.shape, dtype or input.dtype, device or input.device, requires_grad)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return evenly spaced numbers up to, but without, an end.

        y[i] = start + i step

    Args:
        start: the first number; ``arange(n)`` counts from 0 to n - 1.
        end: where to stop.
        step: the distance, not 0; negative to count down.
        dtype: a NumPy dtype; None: int64 if all are integers, else float32.
        device: as in :func:`tensor`.
        requires_grad: whether its gradient is wanted.

    Returns:
        (ceil((end - start) / step),), worked out in float64 and then rounded to ``dtype``.

    Raises:
        ValueError: if ``step`` is 0 or leads away from ``end``, or a number is not finite.
    """
    if end is None:
        start, end = 0, start
    if not all(math.isfinite(n) for n in (start, end, step)):
        raise ValueError(f"`start` is {start}, `end` {end}, `step` {step}; they must be finite")
    if step == 0:
        raise ValueError("`step` is 0; it must not be")
    if (end - start) * step < 0:
        raise ValueError(f"`step` is {step}; it leads away from `end` {end}, `start` is {start}")
    whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
    # in float32, NumPy's arange drifts
    array = np.arange(start, end, step, np.int64 if whole else np.float64)
    return _placed(array.astype(dtype or (np.int64 if whole else np.float32)), device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = np.float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return evenly spaced numbers, both ends included.

        y[i] = start + i (end - start) / (steps - 1)

    Args:
        start: the first number.
        end: the last.
        steps: how many, at least 0.
        dtype: a NumPy dtype; integers are rounded towards 0.
        device: as in :func:`tensor`.
        requires_grad: whether its gradient is wanted.

    Returns:
        (steps,), worked out in float64 and then rounded to ``dtype``.

    Raises:
        ValueError: if ``steps`` is negative or no integer.
    """
    if not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ValueError(f"`steps` is {steps!r}; it must be an integer of at least 0")
    return _placed(np.linspace(start, end, steps).astype(dtype or np.float32), device, requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: Any = np.float32, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a matrix with ones on its diagonal.

        y[i, j] = (i == j)

    Args:
        n: how many rows.
        m: how many columns; None for as many.
        dtype: a NumPy dtype.
        device: as in :func:`tensor`.
        requires_grad: whether its gradient is wanted.

    Returns:
        (n, m).

    Raises:
        ValueError: for a negative length.
    """
    rows, columns = _sizes((n, n if m is None else m))
    return _placed(np.eye(rows, columns, dtype=dtype or np.float32), device, requires_grad)


def _drawn(
    generator: Generator | None, kind: str, shape: tuple[int, ...], dtype: Any, device: str | None, requires_grad: bool
) -> Tensor:
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"`dtype` is {np.dtype(dtype)}; it must be floating")
    return Tensor(getattr(generator or default_generator, kind)(shape, dtype, device), requires_grad)


def rand(
    *shape: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1).

    Args:
        shape: the lengths, one by one or as a tuple.
        generator: where the numbers come from; default the global one, which :func:`manual_seed` seeds.
        dtype: a floating NumPy dtype.
        device: as in :func:`tensor`; the numbers are the same on all.
        requires_grad: whether its gradient is wanted.

    Returns:
        A leaf of ``shape``.

    Raises:
        ValueError: for a negative length.
        TypeError: if ``dtype`` is not floating.
    """
    return _drawn(generator, "uniform", _sizes(shape), dtype or np.float32, device, requires_grad)


def randn(
    *shape: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn from the normal distribution of mean 0 and variance 1; arguments as :func:`rand`."""
    return _drawn(generator, "normal", _sizes(shape), dtype or np.float32, device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = np.int64,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return integers drawn evenly.

    Args:
        low: the smallest; ``randint(high, size)`` counts from 0.
        high: one more than the largest.
        size: the shape, a tuple; default ().
        generator: as :func:`rand`.
        dtype: a NumPy dtype.
        device: as in :func:`tensor`.
        requires_grad: whether its gradient is wanted, where ``dtype`` is floating.

    Returns:
        A leaf of the shape ``size``.

    Raises:
        ValueError: if ``high`` is not above ``low``, or for a negative length.
    """
    if isinstance(high, (tuple, list)) and size is None:
        high, size = None, high
    low, high = (0, low) if high is None else (low, high)
    if low >= high:
        raise ValueError(f"`high` is {high}; it must be above `low` {low}")
    shape = _sizes(tuple(size) if isinstance(size, (tuple, list)) else () if size is None else (size,))
    return Tensor((generator or default_generator).integers(low, high, shape, dtype, device), requires_grad)
