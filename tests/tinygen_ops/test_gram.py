import numpy as np
import pytest

from tinygen_ops import memory
from tinygen_ops.gram import gram

CHANNELS = [1, 3, 33, 64, 100, 128, 352]
PLACES = [1, 7, 1000, 5001]


def check(out, x):
    """Compare with float64: how far off each number is, for the lengths of the two columns (Cauchy and Schwarz)."""
    exact = x.swapaxes(-2, -1).astype(np.float64) @ x
    lengths = np.sqrt(np.diagonal(exact, axis1=-2, axis2=-1))
    np.testing.assert_allclose((out - exact) / (lengths[..., None] * lengths[..., None, :]), 0, atol=2e-6)


def numba_gram():
    """The Numba form itself: for shapes too that are too small to pay."""
    return gram.load("numba")


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("n", [1, 3])
def test_against_float64(form, normal, n, places, channels):
    x = normal(n, places, channels)
    before = x.copy()
    x.setflags(write=False)
    out = gram(x)
    assert out.shape == (n, channels, channels)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    check(out, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("places", [1, 63, 64, 65, 1025])
def test_numba_form_of_any_shape_is_exactly_symmetric(numba_form, normal, places, channels):
    x = normal(2, places, channels)
    out = numba_gram()(x)
    check(out, x)
    np.testing.assert_array_equal(out, out.swapaxes(1, 2))


@pytest.mark.parametrize("channels", [33, 64, 160])
def test_nothing_is_written_beside_the_result(numba_form, normal, monkeypatch, channels):
    """Every array that the kernel asks for stands between canaries, and begins as NaN: none gets into the result."""
    lent = []

    def guarded(shape):
        size = int(np.prod(shape))
        room = np.full(size + 128, np.nan, np.float32)
        room[:64] = room[-64:] = 7
        lent.append(room)
        return room[64:-64].reshape(shape)

    monkeypatch.setattr(memory, "empty", guarded)
    x = normal(2, 2100, channels)
    check(numba_gram()(x), x)
    assert lent
    for room in lent:
        assert (room[:64] == 7).all()
        assert (room[-64:] == 7).all()


@pytest.mark.parametrize("lay_out", [
    lambda x: np.asfortranarray(x),
    lambda x: np.repeat(x, 3, axis=2)[:, :, ::3],
    lambda x: x[:, ::-1].copy()[:, ::-1],
    lambda x: np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2),
])  # fmt: skip
def test_any_strides(form, normal, lay_out):
    x = normal(2, 900, 64)
    check(gram(lay_out(x)), x)


def test_long_sums_keep_their_digits(numba_form):
    """Numbers of one sign, as behind a ReLU: one long float32 sum of 213,200 would be off by 1e-4 and more."""
    x = np.random.default_rng(0).random((1, 213_200, 32), np.float32)
    exact = x[0].T.astype(np.float64) @ x[0]
    np.testing.assert_allclose(gram(x)[0], exact, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 50_000, 3), (1, 9000, 64), (1, 2500, 160), (3, 700, 100), (2, 1100, 352)],
                         ids=str)
def test_any_number_of_threads_gives_the_same_bits(thread_counts, normal, shape):
    x = normal(*shape)
    one, many = thread_counts(lambda: gram(x))
    np.testing.assert_array_equal(one, many)


def test_other_types_and_nothing_at_all_take_the_reference(form, normal):
    x = normal(2, 700, 40)
    assert gram(x.astype(np.float64)).dtype == np.float64
    check(gram(x[0]), x[0])  # without the axis of the batch
    np.testing.assert_array_equal(gram(x[:, :0]), np.zeros((2, 40, 40), np.float32))
    assert gram(x[:0]).shape == (0, 40, 40)
