"""Indexing beyond its record: where NumPy and PyTorch differ, writing, repeated places."""

import numpy as np
import pytest

import tinygen as tg
from tinygen.nn import functional as F

X = np.random.default_rng(0).standard_normal((4, 5, 3))


def test_what_differs():
    """Negative steps work here, uint8 is refused (PyTorch takes it for a mask), and NumPy's booleans are taken.

    Refused are also ranges, nested lists and a second ellipsis.
    """
    x = tg.tensor(X)
    assert x[::-1].tolist() == X[::-1].tolist()
    assert x[3:0:-2, 1].tolist() == X[3:0:-2, 1].tolist()
    with pytest.raises(IndexError, match="uint8"):
        x[tg.tensor(np.array([0, 1], np.uint8))]
    assert x[np.bool_(True)].shape == (1, 4, 5, 3)
    with pytest.raises(IndexError, match="index must be integer"):
        x[range(2)]
    with pytest.raises(IndexError, match="list of lists"):
        x[[[0, 1], [1, 1]]]  # PyTorch reads a tuple, NumPy an array
    with pytest.raises(IndexError, match="single ellipsis"):
        x[..., 0, ...]


def test_numbers_are_read_before_arrays():
    """x[1, :, [0, 0]] of (4, 5, 3) is (5, 2); NumPy's is (2, 5). Writing goes to the same places."""
    x = tg.tensor(X)
    assert x[1, :, [0, 0]].shape == (5, 2)
    assert x[tg.tensor(1), :, [0, 0]].shape == (5, 2)
    assert x[True, :, 1].shape == (1, 4, 3)
    assert x[False, 0].shape == (0, 5, 3)
    y = x.clone()
    y[1, :, [0, 2]] = tg.arange(10).reshape(5, 2).double()
    assert y[1, :, 2].tolist() == [1, 3, 5, 7, 9]
    assert tg.equal(y[0], x[0])
    y[tg.tensor(2), None, [True, False, True, False, False]] = 0.0
    assert (y[2] == 0).all(1).tolist() == [True, False, True, False, False]


def test_repeated_places_add_up():
    for dtype in (np.float32, np.float64):
        w = tg.zeros(5, 3, dtype=dtype, requires_grad=True)
        index = tg.tensor([[1, 1], [4, 1]])
        for rows in (w[index], F.embedding(index, w), w[index, :]):
            w.grad = None
            rows.sum().backward()
            assert w.grad[:, 0].tolist() == [0, 3, 0, 0, 1]
    counts = tg.zeros(4, dtype=np.int64).scatter_add(0, tg.tensor([1, 1, 3]), tg.tensor([5, -7, 1]))
    assert (counts.tolist(), counts.dtype) == ([0, -2, 0, 1], np.int64)


def test_padding_gets_no_gradient():
    w = tg.ones(4, 2, requires_grad=True)
    (F.embedding(tg.tensor([0, 3, 3, 1]), w, padding_idx=-1) ** 2).sum().backward()
    assert w.grad[:, 0].tolist() == [2, 2, 0, 0]


def test_messages_name_the_index():
    x = tg.ones(3, 2)
    for index in (3, (0, 0, 0), tg.tensor([True, False]), [5], "a", 1.5):
        with pytest.raises(IndexError, match="`index`"):
            x[index]
    for index in ([[0, 1]], tg.tensor(np.array([0], np.uint8)), 1.5):
        with pytest.raises(IndexError, match="`index`"):
            x[index] = 0.0
