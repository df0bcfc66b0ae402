import types

import numpy as np
import pytest

from tinygen_ops import array_module, arrays, is_numpy, register_array_type


class OtherArray:
    """Stands for an array of another library."""


@pytest.fixture
def other(monkeypatch):
    monkeypatch.setattr(arrays, "_modules", dict(arrays._modules))
    module = types.ModuleType("otherlib")
    register_array_type(OtherArray, module)
    return module


def test_numpy_arrays_scalars_and_none_give_numpy():
    x = np.zeros(3)
    assert array_module(x, x) is np
    assert array_module(None, x, 1.5, True, np.float32(2), x.view(np.matrix)[0, 0]) is np
    assert array_module() is np
    assert is_numpy(x)
    assert not is_numpy([1, 2])


def test_a_registered_type_and_its_subclasses_give_their_module(other):
    class Sub(OtherArray):
        pass

    assert array_module(OtherArray(), None, 2) is other
    assert array_module(Sub()) is other
    assert not is_numpy(OtherArray())


def test_mixed_libraries_are_refused_naming_both(other):
    with pytest.raises(TypeError, match="numpy and otherlib"):
        array_module(np.zeros(2), OtherArray())


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match="list"):
        array_module([1.0, 2.0])
    with pytest.raises(TypeError, match="type_"):
        register_array_type("cupy", np)


def test_cupy_arrays_are_found_once_cupy_is_loaded(monkeypatch):
    cupy = types.ModuleType("cupy")
    cupy.ndarray = type("ndarray", (), {"__module__": "cupy"})
    monkeypatch.setitem(__import__("sys").modules, "cupy", cupy)
    monkeypatch.setattr(arrays, "_modules", dict(arrays._modules))
    assert array_module(cupy.ndarray()) is cupy
