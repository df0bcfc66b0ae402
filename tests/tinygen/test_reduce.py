"""Reductions beyond their records: accuracy of long sums, derivatives at zeros."""

import numpy as np
import pytest

import tinygen as tg


def test_third_derivative_of_a_product():
    """Of x0 x1 x2 x3 with three zeros only the mixed derivative by these three is not 0."""
    x = tg.tensor([0.0, 2.0, 0.0, 0.0], dtype=tg.float64, requires_grad=True)
    y = x.prod()
    for i in (0, 2, 3):
        (g,) = tg.autograd.grad(y, x, create_graph=True)
        y = g[i]
    assert y.item() == 2.0


def test_second_order_at_zero():
    """0, where PyTorch has NaN."""
    for p in ("fro", 1, 3):
        x = tg.tensor(np.array([[1.0, 0.5, -2.0], [0.0, 0.0, 0.0]]), requires_grad=True)
        (g,) = tg.autograd.grad(tg.norm(x, p, 1).sum(), x, create_graph=True)
        (gg,) = tg.autograd.grad((g * g).sum(), x)
        assert np.isfinite(gg.numpy()).all()
        assert not gg.numpy()[1].any()


@pytest.mark.parametrize("shape", [(300_000, 3), (3, 300_000), (1000, 3, 300)])
def test_long_sums_in_float32(shape):
    """NumPy adds 0.1 to itself 300,000 times and is off by 1e-3; here the rounding stays in the last digits."""
    axes = tuple(i for i, n in enumerate(shape) if n != 3)
    x = tg.tensor(np.full(shape, 0.1, np.float32))
    for y, expected in ((x.sum(axes), 30_000), (x.mean(axes), 0.1)):
        np.testing.assert_allclose(y.numpy(), expected, rtol=5e-7)
    bias = tg.zeros(*[3 if n == 3 else 1 for n in shape], requires_grad=True)
    (x + bias).backward(x)
    np.testing.assert_allclose(bias.grad.numpy(), 30_000, rtol=5e-7)


def test_long_running_sum_in_float32():
    x = tg.tensor(np.full(1_000_000, 0.1, np.float32))
    np.testing.assert_allclose(x.cumsum(0)[-1].item(), 100_000, rtol=5e-7)


def test_float16():
    """Sums and means are worked out wider: 40,000 + 40,000 is too large for float16, their mean is not."""
    x = tg.tensor(np.full(1000, 40_000, np.float16))
    assert (x.mean().item(), x.mean().dtype) == (40_000, np.float16)
    assert (x.var().item(), x.var().dtype) == (0, np.float16)
    assert (x * 1e-3).sum().item() == pytest.approx(40_000, rel=1e-3)


def test_results_have_names():
    found = tg.tensor([[3.0, 1.0], [0.0, 2.0]]).max(1)
    assert found.values.tolist() == [3, 2]
    assert found.indices.tolist() == [0, 1]
    values, indices = found
    assert values is found.values
    assert indices.dtype == np.int64


def test_two_tensors():
    x, y = tg.tensor([1.0, 5.0], requires_grad=True), tg.tensor([3.0, 2.0], requires_grad=True)
    assert tg.max(x, y).tolist() == [3, 5]
    assert x.min(y).tolist() == [1, 2]
    tg.max(x, y).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([0, 1], [1, 0])
