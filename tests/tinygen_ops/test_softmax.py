import numpy as np
import pytest

from tinygen_ops import cross_entropy_forward, log_softmax, softmax

SHAPES = [(1, 1), (3, 5), (7, 16), (128, 57), (5, 1000), (300, 64), (2, 3, 17)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax_and_its_logarithm_against_float64(form, normal, shape):
    x = normal(*shape, scale=5)
    before, wide = x.copy(), x.astype(np.float64)
    exact = np.exp(wide - wide.max(-1, keepdims=True))
    exact /= exact.sum(-1, keepdims=True)
    np.testing.assert_allclose(softmax(x), exact, rtol=3e-6, atol=1e-9)
    np.testing.assert_allclose(log_softmax(x), np.log(exact), rtol=1e-6, atol=5e-6)
    assert softmax(x).dtype == log_softmax(x).dtype == np.float32
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("shape", [s for s in SHAPES if len(s) == 2], ids=str)
def test_cross_entropy_and_its_gradient_against_float64(form, normal, rng, shape):
    x, target = normal(*shape, scale=3), rng.integers(0, shape[1], shape[0])
    before, wide, rows = x.copy(), x.astype(np.float64), np.arange(shape[0])
    exact = np.exp(wide - wide.max(1, keepdims=True))
    exact /= exact.sum(1, keepdims=True)
    losses, dlogits = cross_entropy_forward(x, target)
    np.testing.assert_allclose(losses, -np.log(exact[rows, target]), rtol=1e-6, atol=3e-6)
    exact[rows, target] -= 1
    np.testing.assert_allclose(dlogits, exact, atol=5e-7)
    assert losses.dtype == dlogits.dtype == np.float32
    np.testing.assert_array_equal(x, before)
    strided, _ = cross_entropy_forward(np.asfortranarray(x), target.astype(np.int16))
    np.testing.assert_allclose(strided, losses, rtol=1e-6, atol=1e-6)


def test_logits_far_apart_and_infinite(form):
    x = np.array([[1e4, 0, -1e4], [-np.inf, 0, 0], [3e38, -3e38, 0]], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        y = softmax(x)
        losses, dlogits = cross_entropy_forward(x, np.array([0, 1, 0]))
    np.testing.assert_allclose(y, [[1, 0, 0], [0, 0.5, 0.5], [1, 0, 0]])
    np.testing.assert_allclose(losses, [0, np.log(2), 0], rtol=1e-6)
    np.testing.assert_allclose(dlogits, [[0, 0, 0], [0, -0.5, 0.5], [0, 0, 0]])


def test_not_a_number_is_passed_on(form):
    x = np.zeros((2, 20), np.float32)
    x[1, 3] = np.nan
    assert np.isnan(softmax(x)[1]).all()
    assert np.isfinite(softmax(x)[0]).all()
    losses, dlogits = cross_entropy_forward(x, np.zeros(2, np.int64))
    assert np.isnan(losses[1])
    assert np.isnan(dlogits[1]).all()


def test_float64_takes_the_reference(form, normal):
    x = normal(4, 9).astype(np.float64)
    assert softmax(x).dtype == np.float64
    np.testing.assert_allclose(softmax(x).sum(1), 1, atol=1e-15)


def test_any_number_of_threads_gives_the_same_bits(thread_counts, normal, rng):
    x, target = normal(401, 57), rng.integers(0, 57, 401)
    for one, many in zip(*thread_counts(lambda: (softmax(x), *cross_entropy_forward(x, target))), strict=True):
        np.testing.assert_array_equal(one, many)


def test_errors_name_the_argument(form, normal):
    x = normal(3, 5)
    for target in (np.zeros(2, int), np.zeros(3, np.float32), np.zeros((3, 1), int)):
        with pytest.raises(ValueError, match="`target`"):
            cross_entropy_forward(x, target)
    for bad in (-1, 5):
        with pytest.raises(IndexError, match="`target` runs from"):
            cross_entropy_forward(x, np.full(3, bad))


@pytest.mark.torch
def test_against_torch(form, normal, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, target = normal(31, 57), rng.integers(0, 57, 31)
    leaf = torch.from_numpy(x.copy()).requires_grad_()
    losses = torch.nn.functional.cross_entropy(leaf, torch.from_numpy(target), reduction="none")
    losses.sum().backward()
    got, dlogits = cross_entropy_forward(x, target)
    np.testing.assert_allclose(got, losses.detach().numpy(), atol=2e-6)
    np.testing.assert_allclose(dlogits, leaf.grad.numpy(), atol=5e-7)
