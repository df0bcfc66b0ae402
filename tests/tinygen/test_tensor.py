"""Tensor itself: creation, types and their promotion, conversion, operators, writing in place."""

import copy
import operator
import pickle

import numpy as np
import pytest

import tinygen as tg
from tinygen.testing import assert_close

TYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]


# Creation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        (1, "int64"),
        (True, "bool"),
        ([1, 2.0], "float32"),
        ([[1, 2], [3, 4]], "int64"),
        ([], "float32"),
        (np.ones(2), "float64"),
        (np.float64(1), "float64"),
        (np.int32(1), "int32"),
        (np.ones(2, np.uint8), "uint8"),
        ([True, False], "bool"),
    ],
)
def test_tensor(data, dtype):
    x = tg.tensor(data)
    assert x.dtype == dtype
    assert x.shape == np.shape(data)
    assert x.tolist() == np.asarray(data, dtype).tolist()
    assert x.is_leaf
    assert not x.requires_grad
    assert tg.tensor(data, dtype=tg.float32).dtype == tg.float32


def test_tensor_of_tensors():
    x = tg.ones(2, requires_grad=True)
    copied = tg.tensor(x)
    assert not copied.requires_grad
    assert copied.data is not x.data
    assert tg.tensor([tg.tensor(1.0), 2.0]).tolist() == [1.0, 2.0]
    assert tg.tensor([[tg.tensor(1), tg.tensor(2)]]).tolist() == [[1, 2]]


def test_what_is_no_tensor():
    with pytest.raises(ValueError, match=r"unequal length|not numbers|inhomogeneous"):
        tg.tensor([[1], [1, 2]])
    for wrong in ("text", [1j], None):
        with pytest.raises((TypeError, ValueError)):
            tg.tensor(wrong)
    with pytest.raises(TypeError, match="floating dtype"):
        tg.tensor([1], requires_grad=True)


def test_creation_functions():
    assert tg.zeros(2, 3).shape == tg.zeros((2, 3)).shape == tg.zeros([2, 3]).shape == (2, 3)
    assert tg.zeros().shape == ()
    assert tg.ones(2).dtype == np.float32
    assert tg.full((2,), 3).dtype == np.int64
    assert tg.full((2,), 3.0).dtype == np.float32
    assert tg.full((2,), True).dtype == np.bool_
    assert tg.full(2, 1.5).tolist() == [1.5, 1.5]
    assert tg.arange(3).tolist() == [0, 1, 2]
    assert tg.arange(3).dtype == np.int64
    assert tg.arange(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75]
    assert tg.arange(0, 1, 0.25).dtype == np.float32
    assert tg.arange(3, 0, -1).tolist() == [3, 2, 1]
    assert tg.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert tg.eye(2).tolist() == [[1, 0], [0, 1]]
    assert tg.eye(2, 3).shape == (2, 3)
    x = tg.ones(2, dtype=np.float64)
    for like in (tg.zeros_like(x), tg.ones_like(x), tg.full_like(x, 2)):
        assert (like.shape, like.dtype) == ((2,), np.float64)
    assert tg.ones(1, requires_grad=True).requires_grad
    for wrong in (-1, 1.5, "a"):
        with pytest.raises((ValueError, TypeError), match="`shape`"):
            tg.zeros(wrong)
    with pytest.raises(ValueError, match="`step` is 0"):
        tg.arange(0, 1, 0)


def test_random_numbers():
    tg.manual_seed(3)
    first = tg.rand(4).tolist(), tg.randn(4).tolist(), tg.randint(10, size=(4,)).tolist()
    tg.manual_seed(3)
    assert first == (tg.rand(4).tolist(), tg.randn(4).tolist(), tg.randint(10, size=(4,)).tolist())
    own = tg.Generator(3)
    assert tg.rand(4, generator=own).tolist() == first[0]
    state = own.state()
    after = tg.randn(5, generator=own).tolist()
    own.set_state(state)
    assert tg.randn(5, generator=own).tolist() == after
    numbers = tg.rand(10000, generator=own).numpy()
    assert numbers.dtype == np.float32
    assert 0 <= numbers.min()
    assert numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.02
    normal = tg.randn(10000, generator=own).numpy()
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05
    whole = tg.randint(2, 5, (1000,), generator=own)
    assert set(whole.tolist()) == {2, 3, 4}
    assert whole.dtype == np.int64
    with pytest.raises(ValueError, match="`high` is 2"):
        tg.randint(2, 2, (1,))
    for seed in (-1, 2**64, "a", 1.5):
        with pytest.raises(ValueError, match="`seed` is"):
            tg.manual_seed(seed)
    with pytest.raises(ValueError, match=r"`state` has shape \(2,\)"):
        own.set_state(np.zeros(2))


def test_from_numpy_shares_memory():
    array = np.ones(3, np.float32)
    x = tg.from_numpy(array)
    array[0] = 5
    assert x.tolist() == [5, 1, 1]
    x[1] = 7.0
    assert array.tolist() == [5, 7, 1]
    with pytest.raises(TypeError, match="`array` is list"):
        tg.from_numpy([1.0])


# Types ------------------------------------------------------------------------------------------------------


def operand(kind, dtype):
    """An operand with axes, one without, or a Python number."""
    if kind == "number":
        return {"b": True, "u": 2, "i": 2, "f": 2.0}[np.dtype(dtype).kind]
    return np.ones((2,) if kind == "axes" else (), dtype)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["add", "mul", "div", "maximum", "pow", "equal", "where"])
def test_promotion_against_torch(name, torch):
    """Every pair of types, each with axes, without, or as a Python number."""
    differ = []
    for a_type in TYPES:
        for b_type in TYPES:
            for a_kind in ("axes", "none", "number"):
                for b_kind in ("axes", "none", "number"):
                    if a_kind == b_kind == "number":
                        continue
                    if name == "maximum" and "number" in (a_kind, b_kind):
                        continue  # torch.maximum takes tensors only
                    if name == "pow" and a_type == b_type == "bool":
                        continue  # torch refuses
                    a, b = operand(a_kind, a_type), operand(b_kind, b_type)
                    ours = [tg.tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b)]
                    theirs = [torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in (a, b)]
                    got, expected = apply(tg, name, *ours), apply(torch, name, *theirs)
                    if str(got.dtype) != str(expected.dtype).removeprefix("torch."):
                        differ.append((a_type, a_kind, b_type, b_kind, str(got.dtype), str(expected.dtype)))
    assert not differ, differ


def apply(library, name, a, b):
    symbols = {
        "add": operator.add,
        "mul": operator.mul,
        "div": operator.truediv,
        "pow": operator.pow,
        "equal": operator.eq,
    }
    if name == "where":
        condition = library.tensor([True, False])
        return library.where(condition, a, b)
    return symbols[name](a, b) if name in symbols else getattr(library, name)(a, b)


def test_types_are_numpys():
    assert tg.float32 is np.float32
    x = tg.ones(2)
    assert x.dtype == tg.float32 == np.dtype("float32")
    conversions = {"float": "float32", "double": "float64", "long": "int64", "int": "int32", "bool": "bool"}
    for method, dtype in conversions.items():
        assert getattr(x, method)().dtype == dtype
    assert x.to(np.float64).dtype == np.float64
    assert x.to("cpu", np.float16).dtype == np.float16
    assert x.to(device="cpu", dtype=np.int32).dtype == np.int32
    assert x.to(np.float32) is x
    assert x.to("float64").dtype == np.float64
    with pytest.raises((TypeError, ValueError)):
        x.to("nonsense")


def test_casts_carry_gradients():
    x = tg.ones(2, requires_grad=True)
    (x.double() * 3).sum().backward()
    assert_close(x.grad, np.full(2, 3, np.float32))
    y = tg.ones(2, requires_grad=True, dtype=np.float16)
    (y.float() * tg.tensor([1.0, 2.0])).sum().backward()
    assert y.grad.dtype == np.float16


# The face ---------------------------------------------------------------------------------------------------


def test_properties():
    x = tg.zeros(2, 3)
    assert (x.shape, x.ndim, x.dim(), x.size(), x.size(1), x.numel(), len(x)) == (
        (2, 3),
        2,
        2,
        (2, 3),
        3,
        6,
        2,
    )
    assert x.device == "cpu"
    assert x.grad is None
    assert x.grad_fn is None
    assert x.T.shape == (3, 2)
    assert tg.zeros(2, 3, 4).mT.shape == (2, 4, 3)
    assert tg.zeros(2, 3, 4).T.shape == (4, 3, 2)
    assert x.contiguous() is x
    assert x.T.contiguous().data.flags.c_contiguous
    assert x.view(3, 2).shape == (3, 2)
    with pytest.raises(RuntimeError, match="view needs a contiguous"):
        x.T.view(6)


def test_numbers():
    assert tg.tensor(2.5).item() == 2.5
    assert type(tg.tensor([2]).item()) is int
    assert float(tg.tensor(2.5)) == 2.5
    assert int(tg.tensor(2.5)) == 2
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert bool(tg.tensor(0.0)) is False
    assert bool(tg.tensor([1])) is True
    with pytest.raises(RuntimeError, match=r"one element, this one has shape \(2,\)"):
        tg.ones(2).item()
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(tg.ones(2))
    with pytest.raises(TypeError, match="only integer tensors"):
        [1, 2][tg.tensor(1.0)]
    with pytest.raises(TypeError, match="0-d"):
        len(tg.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(tg.tensor(1.0))


def test_iteration_and_truth():
    assert [row.tolist() for row in tg.arange(4).reshape(2, 2)] == [[0, 1], [2, 3]]
    a, b = tg.arange(2)
    assert (a.item(), b.item()) == (0, 1)
    x = tg.tensor([True, False])
    assert (x.any().item(), x.all().item()) == (True, False)
    assert len({x, x, tg.tensor(1)}) == 2  # hashed by identity


def test_numpy_and_back():
    x = tg.ones(2)
    assert np.shares_memory(x.numpy(), x.data)
    assert np.asarray(x).tolist() == [1, 1]
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.from_dlpack(x).tolist() == [1, 1]
    assert not x.detach().requires_grad
    w = tg.ones(2, requires_grad=True)
    for convert in (lambda: w.numpy(), lambda: np.asarray(w)):
        with pytest.raises(RuntimeError, match=r"use .detach"):
            convert()


def test_arrays_and_tensors_do_not_mix_by_accident():
    """NumPy hands the operation to Tensor, which says that an array is none."""
    for call in (lambda a, t: a + t, lambda a, t: t + a, lambda a, t: a @ t, lambda a, t: a > t):
        with pytest.raises(TypeError):
            call(np.ones(2, np.float32), tg.ones(2))
    assert (np.float32(2) * tg.ones(2)).tolist() == [2, 2]
    assert type(np.float64(2) * tg.ones(2)) is tg.Tensor
    assert (np.float64(2) * tg.ones(2)).dtype == np.float32


def test_repr():
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tg.tensor(1)) == "tensor(1)"
    assert repr(tg.ones(1, requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(tg.ones(1, dtype=np.float64)) == "tensor([1.], dtype=float64)"
    assert repr(tg.ones(1, requires_grad=True) * 2) == "tensor([2.], grad_fn=<Mul>)"
    assert len(repr(tg.zeros(1000, 1000))) < 1000


def test_operators():
    x, y = tg.tensor([1.0, 4.0]), tg.tensor([2.0, 2.0])
    cases = [
        (x + y, [3, 6]), (x - y, [-1, 2]), (x * y, [2, 8]), (x / y, [0.5, 2]), (x**y, [1, 16]), (-x, [-1, -4]),
        (1 + x, [2, 5]), (1 - x, [0, -3]), (2 * x, [2, 8]), (2 / x, [2, 0.5]), (2**x, [2, 16]), (abs(-x), [1, 4]),
        (x @ y, 10), (x > 2, [False, True]), (x >= 4, [False, True]), (x < 2, [True, False]), (x <= 1, [True, False]),
        (x == 1, [True, False]), (x != 1, [False, True]), (~(x > 2), [True, False]), (3 > x, [True, False]),
        ((x > 0) & (x > 2), [False, True]), ((x > 5) | (x < 2), [True, False]),
    ]  # fmt: skip
    for got, expected in cases:
        assert got.tolist() == expected
    assert sum([x, y]).tolist() == [3, 6]
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError, match="one of the operands must be a Tensor"):
        tg.add(1, 2)


def test_copies():
    x = tg.ones(2, requires_grad=True)
    y = x.clone()
    assert y.grad_fn == "Clone"
    assert not np.shares_memory(y.data, x.data)
    for made in (copy.deepcopy(tg.ones(2)), pickle.loads(pickle.dumps(tg.ones(2)))):
        assert made.tolist() == [1, 1]


# Writing ----------------------------------------------------------------------------------------------------


def test_writing():
    x = tg.zeros(2, 3)
    x[0, 1] = 5
    x[1] = tg.tensor([1.0, 2.0, 3.0])
    assert x.tolist() == [[0, 5, 0], [1, 2, 3]]
    x[x > 2] = -1.0
    x[tg.tensor([0]), [2]] = 9
    assert x.tolist() == [[0, -1, 9], [1, 2, -1]]
    assert x.fill_(2).tolist() == [[2, 2, 2]] * 2
    assert x.zero_() is x
    assert x.copy_(tg.arange(3)).tolist() == [[0, 1, 2]] * 2
    x.data = np.ones(2, np.float32)
    assert x.tolist() == [1, 1]
    w = tg.ones(2, requires_grad=True)
    with tg.no_grad():
        w[0] = 3.0
    assert w.tolist() == [3, 1]


@pytest.mark.torch
def test_indexing_against_torch(torch):
    """Random indices: numbers, slices, None, masks, arrays, in random order."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        shape = tuple(int(n) for n in rng.integers(1, 5, 4))
        array = rng.standard_normal(shape)
        index, used, length = [], 0, int(rng.integers(1, 4))
        while used < len(shape):
            n, choice = shape[used], int(rng.integers(6))
            if choice == 0:
                index.append(int(rng.integers(-n, n)))
            elif choice == 1:
                index.append(slice(int(rng.integers(0, n)), None, int(rng.integers(1, 3))))
            elif choice == 2:
                index.append(None)
                continue
            elif choice == 3:
                index.append(rng.integers(-n, n, (length,)))
            elif choice == 4 and not any(isinstance(p, np.ndarray) for p in index):
                index.append(np.arange(n) < rng.integers(1, n + 1))
                length = int(index[-1].sum())
            elif choice == 5 and Ellipsis not in [p for p in index if not isinstance(p, np.ndarray)]:
                index.append(...)
                break
            else:
                index.append(slice(None))
            used += 1
        ours = tuple(tg.tensor(p) if isinstance(p, np.ndarray) else p for p in index)
        theirs = tuple(torch.from_numpy(p) if isinstance(p, np.ndarray) else p for p in index)
        x, y = tg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
        a, b = x[ours], y[theirs]
        assert_close(a.detach(), b.detach().numpy(), message=str(index))
        (a * a).sum().backward()
        (b * b).sum().backward()
        assert_close(x.grad, y.grad.numpy(), message=str(index))
