"""Devices, dtypes and type promotion: all that the engine knows about arrays.

The array decides the device: a NumPy array lives on the CPU, a CuPy array on its GPU. Nothing here imports CuPy
unless a CUDA device is asked for by name, so that ``import tinygen`` stays quick.
"""

from __future__ import annotations

import contextvars
import importlib
import os
from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module, register_array_type

float16, float32, float64 = np.float16, np.float32, np.float64
uint8, int32, int64, bool_ = np.uint8, np.int32, np.int64, np.bool_

_FLOAT32, _INT64, _BOOL = np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}  # NumPy's kind letter -> torch's category: boolean < integer < float
_MODULES: dict[str, Any] = {"cpu": np}  # device family -> array module; others join when first used


# NumPy warns where a float becomes inf or NaN; the engine's ops give these values by IEEE's rules, without a word
# (`autograd.detect_anomaly` finds where a NaN is born). So `Function.apply` and every step of a backward pass switch
# the warning off. By `numpy.errstate` that would make an add (10, 10) with its backward 15 % slower, 12.5 us for 10.9.
# NumPy keeps the setting in a context variable; with that set directly it is 2 %.


class _ErrState:
    """``numpy.errstate`` with the methods of a context variable, for a NumPy without that variable."""

    def set(self, value: Any) -> Any:
        state = np.errstate(all="ignore")
        state.__enter__()
        return state

    def reset(self, token: Any) -> None:
        token.__exit__(None, None, None)


def _float_errors() -> tuple[Any, Any]:
    """The variable in which NumPy keeps what it does about floating-point errors, and its value for "ignore all"."""
    with np.errstate(all="ignore"):
        for variable, value in contextvars.copy_context().items():
            if variable.name == "numpy.ufunc.extobj":
                return variable, value
    return _ErrState(), None


# token = FLOAT_ERRORS.set(IGNORED); try: ...; finally: FLOAT_ERRORS.reset(token)
FLOAT_ERRORS, IGNORED = _float_errors()


def register_device(family: str, module: Any, array_type: type) -> None:
    """Make the arrays of ``module`` known as device ``family`` (``"cuda"``, or a stand-in's name in tests)."""
    _MODULES[family] = module
    register_array_type(array_type, module)


def device_of(array: Any) -> str:
    """Return the device of ``array``: ``"cpu"``, ``"cuda:0"``, ..."""
    if type(array) is np.ndarray:
        return "cpu"
    module = array_module(array)
    for family, known in _MODULES.items():
        if known is module:
            return family if family == "cpu" else f"{family}:{int(getattr(array.device, 'id', 0))}"
    return "cuda:0"


def is_device_name(name: Any) -> bool:
    """Return whether ``name`` is the name of a device, known or not, and not that of a dtype."""
    return isinstance(name, str) and name.partition(":")[0] in {"auto", "cuda", *_MODULES}


def check_device(device: str | None) -> str:
    """Return ``device`` in full (``cuda`` becomes ``cuda:0``); None means ``TINYGEN_DEVICE``, else the CPU.

    Raises:
        ValueError: if the name is not ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        RuntimeError: if a CUDA device is named and none can be used.
    """
    name = str(device if device is not None else os.environ.get("TINYGEN_DEVICE", "cpu"))
    if name == "auto":
        return "cuda:0" if cuda_problem() is None else "cpu"
    family, _, number = name.partition(":")
    if family == "cpu" and not number:
        return "cpu"
    if family not in {"cuda", *_MODULES} or (number and not number.isdecimal()) or family == "cpu":
        raise ValueError(f"`device` is {name!r}; valid are 'cpu', 'cuda', 'cuda:N' and 'auto'")
    if family not in _MODULES:
        problem = cuda_problem()
        if problem is not None:
            raise RuntimeError(f"`device` is {name!r}, but {problem}; use 'cpu'")
    return f"{family}:{number or 0}"


def cuda_problem() -> str | None:
    """Return None if CUDA arrays can be used, else one line that says why not. The answer is kept."""
    if "cuda" in _MODULES:
        return None
    if not hasattr(cuda_problem, "answer"):
        cuda_problem.answer = _probe_cuda()
    return cuda_problem.answer


def _probe_cuda() -> str | None:
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed (pip install 'tinygen[gpu]')"
    try:
        import cupy

        if not cupy.cuda.is_available():
            return "CuPy finds no CUDA device"
        cupy.ones((2, 2), np.float32) @ cupy.ones((2, 2), np.float32)  # NVRTC and cuBLAS are there
    except Exception as error:  # any failure of a foreign driver means "no GPU here", and the reason is shown
        return f"CuPy cannot be used ({type(error).__name__}: {str(error).splitlines()[0]})"
    register_device("cuda", cupy, cupy.ndarray)
    return None


def to_device(array: Any, device: str) -> Any:
    """Return ``array`` on ``device``; the same object if it is there already."""
    here = device_of(array)
    if here == device:
        return array
    host = array if here == "cpu" else array.get()
    family, _, number = device.partition(":")
    if family == "cpu":
        return host
    module = _MODULES[family]
    if family != "cuda":
        return module.asarray(host)
    with module.cuda.Device(int(number)):
        return module.asarray(host)


def make_array(data: Any, dtype: Any = None, device: str | None = None, copy: bool = True) -> Any:
    """Return ``data`` as an array; Python floats become float32, integers int64, arrays keep their dtype."""
    token = FLOAT_ERRORS.set(IGNORED)
    try:
        if hasattr(data, "dtype") and hasattr(data, "shape"):  # an array or a NumPy scalar
            array = np.asarray(data) if isinstance(data, np.generic) else data
            native = array.dtype.newbyteorder("=")  # files may hold numbers with their bytes the other way round
            array = array.astype(dtype or native, copy=copy)
        else:
            array = _from_numbers(data, dtype)
    finally:
        FLOAT_ERRORS.reset(token)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"`data` has dtype {array.dtype}; valid are booleans, integers and floats of up to 64 bits")
    if device is None and device_of(array) != "cpu":
        return array
    return to_device(array, check_device(device))


def _from_numbers(data: Any, dtype: Any) -> np.ndarray:
    """Python numbers and nested lists as an array."""
    array = np.asarray(data)
    if array.dtype == object:
        raise ValueError(f"`data` is {type(data).__name__} with parts of unequal length or not numbers")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`data` is {data!r}; it must hold numbers")
    if dtype is None:
        if array.dtype == np.uint64:
            raise ValueError("`data` has a number above 2**63 - 1; integers are int64")
        return array.astype(np.float32) if array.dtype == np.float64 else array
    if np.dtype(dtype).kind in "iu" and array.dtype.kind in "iuf" and array.size:
        limits, low, high = np.iinfo(dtype), array.min(), array.max()
        if not (limits.min <= low and high <= limits.max):  # NaN fails too
            raise ValueError(f"`data` reaches from {low} to {high}; {np.dtype(dtype)} cannot hold that")
    return array.astype(dtype, copy=False)


def promote(x: Any, y: Any) -> np.dtype:
    """Return the dtype in which ``x`` and ``y`` meet: PyTorch's rule.

    A higher category (boolean < integer < float) wins; within one category an operand with axes wins over one
    without, and that over a Python number. A Python float meets an integer as float32.

    Args:
        x: an array or a Python number.
        y: the same.
    """
    x_type, x_weight = _type_and_weight(x)
    y_type, y_weight = _type_and_weight(y)
    if x_type == y_type:
        return x_type
    x_rank, y_rank = _RANK[x_type.kind], _RANK[y_type.kind]
    if x_weight == y_weight:
        # NumPy would make float64 of int64 and float32; PyTorch keeps the float.
        return np.promote_types(x_type, y_type) if x_rank == y_rank else (x_type if x_rank > y_rank else y_type)
    strong, weak = (x_type, y_type) if x_weight > y_weight else (y_type, x_type)
    return strong if _RANK[strong.kind] >= _RANK[weak.kind] else weak


def _type_and_weight(x: Any) -> tuple[np.dtype, int]:
    if isinstance(x, bool):
        return _BOOL, 0
    if isinstance(x, int):
        return _INT64, 0
    if isinstance(x, float):
        return _FLOAT32, 0
    return x.dtype, 2 if x.ndim else 1
