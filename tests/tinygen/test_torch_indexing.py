"""Indexing, reading and writing, and its relatives against PyTorch: every form of index, both orders, errors."""

import itertools

import numpy as np
import pytest

import tinygen as tg
from tinygen.nn import functional as F

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 5, 3))
MASK, GRID = np.array([True, False, True, True]), np.array([[0, 2], [2, -1]])
FORMS = [
    1, -1, 4, -5, 2.0, "a", True, False, None, ..., (), [], [0, -1], [True, False, True, False],
    slice(1, 3), slice(None, None, 2), slice(3, 1), slice(-2, None), slice(0, 9), slice(0, 1, 0), slice(0.5, 1), MASK,
    MASK[:3], GRID, GRID.astype(np.int32), np.array(1), np.array(True), np.array(9), np.array([4]), np.array([1.0]),
    X > 0, X[0] > 0, X[:, :, 0] > 0, (0, 1, 2), (0, 1, 2, 3), (..., 0), (0, ...), (None, ..., None),
    (slice(None), slice(None, None, 2), -1), (MASK, 1), (1, MASK), (MASK, ..., 0), (GRID, slice(None), GRID),
    (slice(None), GRID, GRID), (GRID, GRID), (GRID, 1), (1, slice(None), GRID), (1, ..., GRID), (GRID, 1, GRID),
    (GRID, None, GRID), (0, GRID, None, GRID), (slice(1, 3), None, [0, 4]), (None, [0, 1]), ([0, 1], [1, 2]),
    ([0, 1], [1, 2, 3]), (slice(None), MASK), (np.array(1), slice(None), [0, 1]), (np.array([1]), slice(None), 0),
    (True, 0), (0, True), (True, [0, 1]), ([0, 1], True), (True, True), (False, 0), (..., True), (True, slice(1)),
    (np.array(True), 1), (slice(None), X[0] > 0), (X[:, :, 0] > 0, 1), (X[:, :, 0] > 0, None), (0, X[0] > 0),
    (MASK, [0, 1, 2]), (MASK, [0, 1]), (slice(None), [0], MASK[:3]), ([0, 2], slice(None), [0, 1]), (0, None, 1),
]  # fmt: skip


def converted(library, index):
    """NumPy arrays become the library's tensors."""
    if isinstance(index, tuple):
        return tuple(converted(library, part) for part in index)
    return library.tensor(index) if isinstance(index, np.ndarray) else index


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_getitem(same, number):
    index = FORMS[number]
    same(lambda lib, x: x[converted(lib, index)] * 1.5, X, label=str(index))
    same(lambda lib, x: x[converted(lib, index)], np.arange(60).reshape(4, 5, 3), order=0, label=f"{index} int")


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_setitem(same, number):
    """x[i] = v: the places are those that x[i] reads; v broadcasts."""
    index = FORMS[number]

    def write(lib, x, value):
        y = x.detach().clone()
        y[converted(lib, index)] = value
        return y

    def write_number(lib, x):
        return write(lib, x, 7.5)

    same(write_number, X, order=0, label=str(index))
    try:
        shape = tg.tensor(X)[converted(tg, index)].shape
    except (IndexError, TypeError, ValueError):
        return
    # at places that come up twice, the last value stands, on the CPU: one value for all
    same(write, X, np.full(shape[-1:], 2.5), order=0, label=f"{index}: one row")
    if not any(part is GRID for part in (index if isinstance(index, tuple) else (index,))):
        same(write, X, RNG.standard_normal(shape), order=0, label=f"{index}: all")


def test_random_indices(same):
    """Numbers, slices, None, masks, arrays, in random order."""
    for _ in range(200):
        shape = tuple(int(n) for n in RNG.integers(1, 5, 4))
        index, used, length = [], 0, int(RNG.integers(1, 4))
        while used < len(shape):
            n, choice = shape[used], int(RNG.integers(7))
            if choice == 0:
                index.append(int(RNG.integers(-n, n)))
            elif choice == 1:
                index.append(slice(int(RNG.integers(0, n)), None, int(RNG.integers(1, 3))))
            elif choice == 2:
                index.append(None)
                continue
            elif choice == 3:
                index.append(RNG.integers(-n, n, (length,)))
            elif choice == 4 and not any(isinstance(p, np.ndarray) for p in index):
                index.append(np.arange(n) < RNG.integers(1, n + 1))
                length = int(index[-1].sum())
            elif choice == 5 and Ellipsis not in [p for p in index if not isinstance(p, np.ndarray)]:
                index.append(...)
                break
            elif choice == 6:
                index.append(np.array(RNG.integers(-n, n)))
            else:
                index.append(slice(None))
            used += 1
        same(lambda lib, x, i=tuple(index): x[converted(lib, i)] ** 2, RNG.standard_normal(shape), label=str(index))


@pytest.mark.parametrize("dim", [0, 1, 2, -1, 3, -4, 1.0])
def test_gather_and_scatter_add(same, dim):
    for picked in ((4, 5, 3), (6, 5, 3), (2, 4, 3), (4, 5, 1), (0, 5, 3), (1, 1, 1), (4, 6, 2), (4, 5)):
        length = X.shape[int(dim)] if -3 <= dim < 3 else 1
        index = RNG.integers(0, length, picked)
        same(lambda lib, x, i: lib.gather(x, dim, i) * 2, X, index, label=f"gather {picked}")
        same(lambda lib, x, i: x.gather(dim, i), X, index.astype(np.int32), order=0, label=f"gather {picked} int32")
        source = RNG.standard_normal(picked)
        same(lambda lib, x, i, s: lib.scatter_add(x, dim, i, s) ** 2, X, index, source, label=f"scatter_add {picked}")
        whole = X.astype(int), index, (9 * source).astype(int)
        same(lambda lib, x, i, s: x.scatter_add(dim, i, s), *whole, order=0, label=f"scatter_add {picked} int")


def test_gather_errors(same):
    for index in ([[-1, 0, 0]], [[5, 0, 0]], [[0.0]], [0], 0):
        same(lambda lib, x, i: lib.gather(x, 0, i), X[0], np.array(index), label=str(index))
        same(lambda lib, x, i: lib.scatter_add(x, 0, i, i * 1.0), X[0], np.array(index), label=str(index))
    same(lambda lib, x, i, s: x.scatter_add(0, i, s), X[0], np.zeros((1, 3), int), np.ones((1, 3), np.float32))
    same(lambda lib, x, i, s: x.scatter_add(0, i, s), X[0], np.zeros((2, 3), int), np.ones((1, 3)))
    same(lambda lib, x, i: lib.gather(x, 0, i), np.array(2.0), np.array(0))
    same(lambda lib, x, i, s: x.scatter_add(0, i, s), np.array(2.0), np.array(0), np.array(3.0))
    with pytest.raises(ValueError, match="does not fit"):  # PyTorch takes an empty index of any number of axes
        tg.gather(tg.tensor(X), 0, tg.zeros(0, dtype=int))


def test_index_select(same):
    for dim, index in itertools.product((0, 1, -1, 3), ([0, 0, 2], [], [1], 2, [-1], [9], [[0]], [0.0])):
        kind = np.int64 if index == [] else None
        same(lambda lib, x, i, d=dim: lib.index_select(x, d, i) * 3, X, np.array(index, kind), label=f"{dim} {index}")
        same(lambda lib, x, i, d=dim: x.index_select(d, i), X, np.array(index, kind), order=0, label=f"{dim} {index}")
    same(lambda lib, x, i: lib.index_select(x, 0, i), np.array(2.0), np.array([0]))
    same(lambda lib, x, i: lib.index_select(x, 0, i), np.array(2.0), np.array(0))


def functional(lib, torch):
    return F if lib is tg else torch.nn.functional


@pytest.mark.parametrize("padding", [None, 0, 3, -1, -4, 4, -5])
def test_embedding(same, torch, padding):
    for index in (RNG.integers(0, 4, (2, 3)), np.array(3), np.zeros((0, 2), int), np.array([3, 3, 0], np.int32)):
        table = RNG.standard_normal((4, 2))
        order = 2 if index.size else 1  # of nothing PyTorch fails to take the second derivative
        same(lambda lib, i, w: functional(lib, torch).embedding(i, w, padding) ** 2, index, table, order=order)
        same(
            lambda lib, i, w: functional(lib, torch).embedding(i, w, padding_idx=padding),
            index, table.astype(np.float32), order=1, label=str(index),
        )  # fmt: skip


def test_embedding_errors(same, torch):
    for index, table in (([4], X[0, :4]), ([-1], X[0, :4]), ([0.0], X[0]), ([0], X[0, 0]), ([0], X)):
        same(lambda lib, i, w: functional(lib, torch).embedding(i, w), np.array(index), table, label=str(index))
    for option in ({"max_norm": 1.0}, {"scale_grad_by_freq": True}, {"sparse": True}):  # PyTorch has them
        with pytest.raises(ValueError, match=f"`{next(iter(option))}` is"):
            F.embedding(tg.tensor([0]), tg.tensor(X[0]), **option)


def test_one_hot(same, torch):
    for index in (RNG.integers(0, 4, (2, 3)), np.array(3), np.zeros((0, 2), int), np.array([-1, 2]), np.array([0.5])):
        for classes in (-1, 4, 7, 3, 0, -2):
            label = f"{index} {classes}"
            same(lambda lib, i, n=classes: functional(lib, torch).one_hot(i, n), index, order=0, label=label)
        same(lambda lib, i: functional(lib, torch).one_hot(i, num_classes=5), index, order=0)


@pytest.mark.parametrize("descending", [False, True])
def test_sort(same, descending):
    x = 0.1 * RNG.permutation(60).reshape(4, 5, 3)
    for dim in (0, 1, -1, 3):
        same(lambda lib, t, d=dim: lib.sort(t, d, descending), x, label=str(dim))
        same(lambda lib, t, d=dim: t.sort(dim=d, descending=descending, stable=True), x.round(), order=1)
    special = np.array([2.0, np.nan, 1.0, -np.inf, 1.0, np.inf, 2.0, np.nan])
    same(lambda lib, t: lib.sort(t, stable=True, descending=descending), special, order=0)
    for dtype in ("bool", "uint8", "int64", "float32"):
        same(lambda lib, t: t.sort(stable=True, descending=descending), np.array([3, 0, 2, 0], dtype), order=0)
    for shape in ((), (0,), (1,), (0, 2)):
        same(lambda lib, t: t.sort(descending=descending), np.ones(shape), order=0)


@pytest.mark.parametrize("largest", [False, True])
def test_topk(same, largest):
    x = 0.1 * RNG.permutation(60).reshape(4, 5, 3)
    for dim, k in itertools.product((0, 1, -1, 3), (0, 1, 3, 4, 6, -1)):
        same(lambda lib, t, k=k, d=dim: lib.topk(t, k, d, largest), x, label=f"{dim} {k}")
    same(lambda lib, t: t.topk(2, largest=largest).values, x)
    same(lambda lib, t: t.topk(1), np.array(3.0))
    same(lambda lib, t: t.topk(2, largest=largest), np.array([1, np.nan, 3.0]), order=0)


def test_rows_add_up(same):
    """Many gradients for one row, as an embedding of text has them."""
    index = RNG.integers(0, 5, (40, 30))
    same(lambda lib, w, i: w[i], RNG.standard_normal((7, 16)).astype(np.float32), index, order=1)
