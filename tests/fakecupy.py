"""A strict stand-in for CuPy on NumPy arrays, to find what a machine without a GPU would not show.

* A host array in an op, in an index, on either side of an operator: TypeError. (CuPy takes some of these; the engine
  must not rely on it.) NumPy cannot see inside either: no silent conversion.
* Reductions stay arrays without axes; nothing turns into a Python number by itself.
* Whatever makes the host wait (get, item, tolist, float, int, bool, index, a boolean mask) is noted in ``waits``.
* Where CuPy is installed, a name that CuPy lacks is missing here too.
"""

import types

import numpy as np

try:
    import cupy as real  # imports without a GPU; only asked for its names
except ImportError:
    real = None

waits: list[str] = []
MISSING = {"errstate", "einsum_path", "insert", "block", "geomspace", "nanquantile"}  # known without CuPy too


def _inside(value):
    """What an op may work on: the memory behind device arrays."""
    if isinstance(value, ndarray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError("a host array was given to the device")
    if isinstance(value, (tuple, list)):
        return type(value)(_inside(v) for v in value)
    if isinstance(value, dict):
        return {k: _inside(v) for k, v in value.items()}
    return value


def _outside(value):
    """Results stay on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value))
    return type(value)(_outside(v) for v in value) if isinstance(value, (tuple, list)) else value


def _has_mask(index):
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, ndarray) and p._array.dtype == bool for p in parts)


def _known(owner, name):
    if name in MISSING or (real is not None and not hasattr(owner, name)):
        raise AttributeError(f"CuPy has no {name!r}")


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that the host cannot read without waiting for it."""

    __slots__ = ("__weakref__", "_array", "_base")

    def __init__(self, array, base=None):
        self._array = array
        self._base = base

    @property
    def base(self):
        """The device array whose memory this one looks at."""
        return self._base

    @property
    def device(self):
        return types.SimpleNamespace(id=0)

    @property
    def flags(self):
        flags = self._array.flags  # CuPy's flags know no more than these
        return types.SimpleNamespace(
            c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata
        )

    def __array__(self, *args, **kwargs):
        raise TypeError("a device array is not converted to NumPy silently; use .get()")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if out is not None:
            getattr(ufunc, method)(*_inside(inputs), out=_inside(out), **_inside(kwargs))
            return out[0]
        return _outside(getattr(ufunc, method)(*_inside(inputs), **_inside(kwargs)))

    def __array_function__(self, function, kinds, args, kwargs):
        raise TypeError(f"numpy.{function.__name__} was called on a device array; use array_module(x)")

    def _view(self, result):
        if isinstance(result, np.ndarray) and np.may_share_memory(result, self._array):
            return ndarray(result, self if self._base is None else self._base)
        return _outside(result)

    def __getitem__(self, index):
        if _has_mask(index):
            waits.append("mask")  # how many elements does it pick?
        return self._view(self._array[_inside(index)])

    def __setitem__(self, index, value):
        if _has_mask(index) and getattr(value, "ndim", 0):
            waits.append("mask")
        self._array[_inside(index)] = _inside(value)

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return (self[i] for i in range(len(self._array)))

    def get(self):
        waits.append("get")
        return self._array.copy()

    def item(self, *args):
        waits.append("item")
        return self._array.item(*args)

    def tolist(self):
        waits.append("tolist")
        return self._array.tolist()

    def __float__(self):
        waits.append("float")
        return float(self._array)

    def __int__(self):
        waits.append("int")
        return int(self._array)

    def __bool__(self):
        waits.append("bool")
        return bool(self._array)

    def __index__(self):
        waits.append("index")
        return self._array.__index__()

    def __repr__(self):
        return f"fake{self._array!r}"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        _known(getattr(real, "ndarray", None), name)
        value = getattr(self._array, name)
        if callable(value):
            return lambda *args, **kwargs: self._view(value(*_inside(args), **_inside(kwargs)))
        return self._view(value) if isinstance(value, np.ndarray) else value


class _Module(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        _known(real, name)
        if name == "ogrid":
            return _Grid()
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value
        setattr(self, name, _Call(value))
        return getattr(self, name)


class _Grid:
    def __getitem__(self, index):
        return _outside(np.ogrid[index])


class _Call:
    """A function of the module; ``at`` and ``reduce`` are there for ufuncs."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        if self.function in (np.broadcast_to, np.flip, np.transpose, np.reshape) and isinstance(
            args[0], ndarray
        ):
            return args[0]._view(self.function(*_inside(args), **_inside(kwargs)))
        return _outside(self.function(*_inside(args), **_inside(kwargs)))

    def __getattr__(self, name):
        _known(getattr(real, self.function.__name__, None), name)
        method = getattr(self.function, name)
        return lambda *args, **kwargs: _outside(method(*_inside(args), **_inside(kwargs)))


def _asarray(data, dtype=None):
    """Moves from the host are made here only."""
    if isinstance(data, ndarray):
        return data if dtype in (None, data.dtype) else data.astype(dtype)
    return ndarray(np.array(data, dtype=dtype))


module = _Module("fakecupy")
module.ndarray = ndarray
module.asarray = module.array = _asarray
