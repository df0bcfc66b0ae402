"""What is worked out from frozen weights: once, never from others, and gone with them."""

import gc

import numpy as np
import pytest

from tinygen_ops import conv_forward, conv_input_gradient, frozen


@pytest.fixture(autouse=True)
def known(monkeypatch):
    empty = type(frozen._known)()
    monkeypatch.setattr(frozen, "_known", empty)
    return empty


@pytest.fixture
def counted():
    calls = []

    @frozen.once
    def double(array, *numbers):
        calls.append(numbers)
        return 2 * array

    return double, calls


def test_once_for_each_frozen_array(counted):
    double, calls = counted
    w = np.arange(12.0).reshape(3, 4).copy()
    w.setflags(write=False)
    views = [w, w.T, w[1:]]
    for _ in range(2):
        for view in views:
            np.testing.assert_array_equal(double(view, 1).array, 2 * view)
        double(w, 2)
    assert len(calls) == 4
    assert double(w, 2).address == double(w, 2).array.ctypes.data


def test_every_time_for_an_array_that_can_be_written(counted, known):
    double, calls = counted
    w = np.ones(3)
    view = w[:]
    view.setflags(write=False)  # a look that cannot write, at memory that can be written
    for k in (1, 2):
        w[:] = k
        assert double(w).array[0] == double(view).array[0] == 2 * k
    assert len(calls) == 4
    assert not known


def test_thawed_weights_are_worked_on_again(counted, known):
    double, _ = counted
    w = np.ones(3)
    w.setflags(write=False)
    assert double(w).array[0] == 2
    w.setflags(write=True)
    w[:] = 5
    assert double(w).array[0] == 10
    assert not known
    w.setflags(write=False)
    assert double(w).array[0] == 10


def test_gone_with_the_array(counted, known):
    double, _ = counted
    w = np.ones(3)
    w.setflags(write=False)
    double(w)
    assert len(known) == 1
    del w
    gc.collect()
    assert not known


def test_no_more_than_the_limit_is_kept(counted, known, monkeypatch):
    double, calls = counted
    monkeypatch.setattr(frozen, "KEPT", 1000)
    arrays = [np.full(50, float(k)) for k in range(4)]
    for w in arrays:
        w.setflags(write=False)
        double(w)
    assert len(known) == 2
    double(arrays[3])
    assert len(calls) == 4
    np.testing.assert_array_equal(double(arrays[0]).array, 0)
    assert len(calls) == 5


def test_convolutions_with_frozen_weights_give_the_same_numbers(numba_form, normal, known):
    x, w = normal(1, 64, 24, 24), normal(64, 64, 3, 3)
    window = ((1, 1), ((1, 1), (1, 1)), (1, 1))
    expected = conv_forward(x, w, *window), conv_input_gradient(x, w, (24, 24), *window)
    assert not known
    w.setflags(write=False)
    for _ in range(2):
        np.testing.assert_array_equal(conv_forward(x, w, *window), expected[0])
        np.testing.assert_array_equal(conv_input_gradient(x, w, (24, 24), *window), expected[1])
    assert len(known) == 2  # one for each of the two, both by Winograd
