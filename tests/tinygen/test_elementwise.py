"""Elementwise functions beyond their records: the last digits, infinities without NumPy's warnings, integers."""

import math
import threading

import numpy as np
import pytest

import tinygen as tg
import tinygen_ops.registry
from tinygen import backend
from tinygen.testing.records import RECORDS

UNARY = (
    "abs sign floor ceil round exp log log1p expm1 sqrt rsqrt square sin cos tanh sigmoid erf logical_not isnan isinf "
    "isfinite neg"
).split()


def test_erf_to_the_last_digits():
    """Within 4 units in the last place of math.erf in float64; in float32 correctly rounded, by Numba within 6."""
    x = np.concatenate([np.linspace(-7, 7, 20001), np.geomspace(1e-37, 6, 2000), [0.46875, np.nextafter(0.46875, 1)]])
    for dtype, kernels, limit in (
        (np.float64, "auto", 4),
        (np.float32, "reference", 0.5 + 1e-6),
        (np.float32, "auto", 6),
    ):
        rounded = x.astype(dtype)
        exact = np.array([math.erf(v) for v in rounded.astype(np.float64)])
        with tinygen_ops.registry.use(kernels):
            error = np.abs(tg.erf(tg.tensor(rounded)).numpy() - exact)
        assert np.max(error / np.spacing(np.abs(exact).astype(dtype))) <= limit, (dtype, kernels)


def test_what_is_no_tensor():
    for name in UNARY:
        for wrong in (1.0, [1.0], np.ones(2), None):
            with pytest.raises(TypeError, match="`input` must be a Tensor"):
                getattr(tg, name)(wrong)


# Infinities and NaN -----------------------------------------------------------------------------------------

EXTREME = np.array([0.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45], np.float32)


@pytest.mark.parametrize("name", [n for n, r in RECORDS.items() if r.by_shape is not None and r.order == 2])
def test_no_warning(name):
    """Whatever goes in, inf and NaN come out by IEEE's rules; NumPy's own setting is not asked, and not changed."""
    record = RECORDS[name]
    sample = record.by_shape(np.random.default_rng(0), (9,))
    tensors = []
    for a in sample.arrays:
        if a.dtype.kind == "f":
            a = np.resize(EXTREME, a.shape).astype(np.float32)
        tensors.append(tg.tensor(a, requires_grad=a.dtype.kind == "f"))
    with np.errstate(all="raise"):
        before = np.geterr()
        result = record.on_tensors(sample)(*tensors)
        for y in result if isinstance(result, tuple) else (result,):
            if y.requires_grad:
                leaves = [t for t in tensors if t.requires_grad]
                found = tg.autograd.grad(y, leaves, tg.ones_like(y) * 3e38, create_graph=True, allow_unused=True)
                found = [g for g in found if g is not None and g.requires_grad]
                if found:
                    tg.autograd.grad(found, leaves, [tg.ones_like(g) for g in found], allow_unused=True)
        assert np.geterr() == before


def test_no_warning_where_gradients_meet():
    x = tg.tensor([3e38], requires_grad=True)
    with np.errstate(all="raise"):
        (x * 3e38 + x * 3e38 + x * 3e38).backward(tg.tensor([1.0]))
        (x * 3e38).backward(tg.tensor([1.0]))
    assert x.grad.item() == math.inf


def test_no_warning_in_writing():
    x = tg.zeros(3)
    with np.errstate(all="raise"):
        x.fill_(1e300)
        x[0] = -1e300
        x[1:] = tg.tensor([np.nan, 1e300], dtype=tg.float64)
        assert x.tolist()[0] == -math.inf
        assert x.copy_(tg.full((3,), 1e300, dtype=tg.float64)).tolist() == [math.inf] * 3
        assert tg.full_like(x, 1e300).tolist() == tg.full((3,), 1e300).tolist() == [math.inf] * 3
        tg.tensor([1e300], dtype=tg.float64).float()
        tg.tensor([np.nan, np.inf, 1e30]).long()


def test_float_errors_are_per_thread_and_restored():
    """An error inside an op restores NumPy's setting too."""
    def work():
        with np.errstate(over="raise"):
            tg.exp(tg.tensor([1000.0]))
            with pytest.raises(ValueError, match="broadcast"):
                tg.ones(2) + tg.ones(3)
            with pytest.raises(IndexError):
                tg.ones(2)[5]
            seen.append(np.geterr()["over"])

    seen = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["raise"]
    with pytest.raises(FloatingPointError), np.errstate(over="raise"):
        np.float32(3e38) * np.float32(3e38)


def test_without_numpys_variable():
    """Where NumPy keeps its setting elsewhere, numpy.errstate does the same."""
    state = backend._ErrState()
    with np.errstate(all="raise"):
        token = state.set(None)
        assert set(np.geterr().values()) == {"ignore"}
        state.reset(token)
        assert set(np.geterr().values()) == {"raise"}
    assert not isinstance(backend.FLOAT_ERRORS, backend._ErrState)


# Integers ---------------------------------------------------------------------------------------------------


def test_integers_do_not_become_floats():
    u = tg.tensor(np.array([0, 1, 200, 255], np.uint8))
    assert (u + 300).tolist() == [44, 45, 244, 43]
    assert (u - 1).tolist() == [255, 0, 199, 254]
    assert u.clip(-1, 5).tolist() == [0, 1, 5, 5]
    assert (u > -1).tolist() == [True] * 4
    assert (u == 256).tolist() == [False] * 4
    assert (tg.tensor([7, -7]) // 2).tolist() == [3, -4]
    assert (tg.tensor([7, -7]) % 3).tolist() == [1, 2]
    assert tg.div(tg.tensor([7, -7]), 2, rounding_mode="trunc").tolist() == [3, -3]
    assert (tg.tensor([2, -1, 1, 0]) ** tg.tensor([-1, -3, -2, 3])).tolist() == [0, -1, 1, 0]
    for call in (lambda: tg.tensor([1]) // 0, lambda: tg.tensor([1]) % tg.tensor([0])):
        with pytest.raises(ValueError, match="has a 0 in it"):
            call()
    with pytest.raises(ValueError, match="the number 300 does not fit into uint8"):
        tg.maximum(u, 300)


def test_bits():
    x, y = tg.tensor([6, 5]), tg.tensor([3, 3])
    assert ((x & y).tolist(), (x | y).tolist(), (x ^ y).tolist(), (~x).tolist()) == ([2, 1], [7, 7], [5, 6], [-7, -6])
    flags = tg.tensor([True, False])
    assert ((flags & True).tolist(), (False | flags).tolist()) == ([True, False], [True, False])
    assert ((~flags).tolist(), (True ^ flags).tolist()) == ([False, True], [False, True])
    for call in (lambda: x & 1.0, lambda: tg.ones(2) | tg.ones(2), lambda: ~tg.ones(2)):
        with pytest.raises(TypeError, match="booleans or integers"):
            call()


def test_wide_numbers():
    with pytest.raises(ValueError, match="does not fit into int64"):
        tg.where(tg.tensor([True]), tg.tensor([1]), 2**70)
    assert (tg.tensor([1.0], dtype=np.float16) * 1e6).tolist() == [math.inf]
    assert tg.equal(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0])) is True
    assert tg.allclose(tg.tensor([1.0]), tg.tensor([1.0 + 1e-6])) is True
    with pytest.raises(TypeError, match="`input` is float32, `other` float64"):
        tg.allclose(tg.ones(1), tg.ones(1).double())


@pytest.mark.parametrize("high", [2.5, "tensor"])
def test_a_bound_of_nan_makes_nan_and_passes_no_gradient(high):
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = tg.clip(x, math.nan, tg.full((3,), 2.5) if high == "tensor" else high)
    y.sum().backward()
    assert y.isnan().all()
    np.testing.assert_array_equal(x.grad.numpy(), 0)


def test_numbers_without_axes_are_not_joined():
    for tensors in ([tg.ones(2), tg.tensor(1.0)], [tg.tensor(1.0), tg.ones(2)], [tg.tensor(1.0)]):
        with pytest.raises(ValueError, match=r"cat: shapes .* may differ in axis 0 only"):
            tg.cat(tensors)
