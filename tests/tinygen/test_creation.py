"""Functions that make tensors: shapes, dtypes, ranges, random numbers, errors."""

import numpy as np
import pytest

import tinygen as tg


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


def test_keywords():
    """All take dtype, device and requires_grad."""
    makers = {
        "zeros": (2,), "ones": (2,), "empty": (2,), "full": ((2,), 1), "arange": (3,), "linspace": (0, 1, 3),
        "eye": (2,), "rand": (2,), "randn": (2,), "randint": (3, (2,)),
    }  # fmt: skip
    for name, args in makers.items():
        x = getattr(tg, name)(*args, dtype=np.float64, device="cpu", requires_grad=True)
        assert (x.dtype, x.device, x.requires_grad, x.is_leaf) == (np.float64, "cpu", True, True), name
    for name in ("zeros_like", "ones_like", "empty_like", "rand_like", "randn_like"):
        x = getattr(tg, name)(tg.ones(2, 3, dtype=np.int64), dtype=np.float64, device="cpu", requires_grad=True)
        assert (x.shape, x.dtype, x.requires_grad) == ((2, 3), np.float64, True), name
    for name in ("rand", "randn"):
        with pytest.raises(TypeError, match="`dtype` is int64; it must be floating"):
            getattr(tg, name)(2, dtype=np.int64)
    with pytest.raises(TypeError, match="floating dtype"):
        tg.zeros(2, dtype=np.int64, requires_grad=True)


def test_arguments_as_in_pytorch():
    assert tg.randint(3, (2, 3)).shape == (2, 3)
    assert tg.randint(1, 3, (2,)).shape == (2,)
    assert tg.full((2,), tg.tensor(2.5)).tolist() == [2.5, 2.5]
    assert tg.eye(0, 3).shape == (0, 3)
    assert tg.empty(2).tolist() == [0, 0]
    for call in (
        lambda: tg.arange(5, 0), lambda: tg.arange(0, 5, -1), lambda: tg.arange(float("nan")), lambda: tg.eye(-1),
        lambda: tg.linspace(0, 1, -1), lambda: tg.linspace(0, 1, 2.5), lambda: tg.randint(3, (-1,)),
        lambda: tg.eye(2, -1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="`"):
            call()
    for name in ("zeros_like", "ones_like", "empty_like", "rand_like", "randn_like"):
        with pytest.raises(TypeError, match="`input` must be a Tensor"):
            getattr(tg, name)([1.0])


def test_numbers_that_do_not_fit():
    cases = (300, np.uint8), (-1, np.uint8), (2**40, np.int32), (np.nan, np.int64), ([1.0, np.inf], np.int32)
    for data, dtype in cases:
        with pytest.raises(ValueError, match="cannot hold that"):
            tg.tensor(data, dtype=dtype)
    with pytest.raises(ValueError, match=r"above 2\*\*63 - 1"):
        tg.tensor(2**63)
    with pytest.raises(TypeError, match="64 bits"):
        tg.tensor(np.ones(2, np.longdouble))
    assert tg.tensor(1e300).tolist() == np.inf  # float32, as PyTorch; and without a warning


def test_bytes_the_other_way_round():
    """Arrays from files may be big-endian."""
    x = tg.tensor(np.array([1.0, 2.0], ">f4"))
    assert x.dtype == np.float32
    assert x.dtype.isnative
    assert tg.from_numpy(np.array([1, 2], ">i8")).dtype.isnative


def test_arange_does_not_drift():
    x = tg.arange(0, 100_000, 0.1).numpy()
    np.testing.assert_array_equal(x, (np.arange(1_000_000) * 0.1).astype(np.float32))


def test_dlpack():
    array = np.arange(3.0)
    x = tg.from_dlpack(array)
    array[0] = 7
    assert x.tolist() == [7, 1, 2]
    assert np.shares_memory(np.from_dlpack(x), array)
    with pytest.raises(TypeError, match="`array` is list"):
        tg.from_dlpack([1.0])
    with pytest.raises(RuntimeError, match="requires grad"):
        np.from_dlpack(tg.ones(2, requires_grad=True))
