"""Memory that is used again: two arrays never share it while both are there, and not too much lies about."""

import gc

import numpy as np
import pytest

from tinygen_ops import memory


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(memory, "_free", type(memory._free)())
    monkeypatch.setattr(memory, "_unused", 0)


def start(array):
    return array.__array_interface__["data"][0]


def test_an_array_like_any_other():
    x = memory.empty((3, 400, 500))
    assert (type(x), x.shape, x.dtype) == (np.ndarray, (3, 400, 500), np.float32)
    assert x.flags.c_contiguous
    assert x.flags.writeable
    assert start(x) % memory.ALIGNED == 0
    assert memory.empty((100_000,), np.int64).dtype == np.int64
    assert memory.empty((0, 5)).shape == (0, 5)


def test_memory_comes_back_when_the_last_view_goes():
    x = memory.empty((1000, 1000))
    x[:] = 1
    first, view = start(x), x.transpose()[10:]
    del x
    other = memory.empty((1000, 1000))
    assert start(other) != first
    other[:] = 2
    assert (view == 1).all()
    del view
    assert start(memory.empty((2000, 500))) == first  # another shape of the same size


def test_small_arrays_are_left_to_the_c_library():
    assert memory.empty((10, 10)).base is None
    assert not memory._free


def test_no_more_than_the_limit_is_kept(monkeypatch):
    monkeypatch.setattr(memory, "KEPT", 3_000_000)
    for count in (100_000, 200_000, 300_000, 400_000, 500_000):
        memory.empty((count,))
        gc.collect()
        assert memory._unused <= 3_000_000
        assert memory._unused == sum(size * len(waiting) for size, waiting in memory._free.items())
    assert start(memory.empty((500_000,)))  # the last one is still there
    assert memory._unused < 2_100_000
