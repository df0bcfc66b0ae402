"""The sum of squares: its value in every layout, its gradient at both orders."""

import numpy as np
import pytest

import tinygen as tg
from tinygen.generators.squares import squares
from tinygen.testing import gradcheck, gradgradcheck


@pytest.mark.parametrize("shape", [(3,), (2, 5, 61, 43), (1, 64, 41, 41)], ids=str)
@pytest.mark.parametrize("form", [lambda x: x, lambda x: x.transpose(*range(1, x.ndim), 0), lambda x: x[..., ::2]])
def test_value(shape, form):
    x = form(np.random.default_rng(0).standard_normal(shape, np.float32))
    y = squares(tg.Tensor(x))
    assert y.shape == ()
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.item(), np.square(x, dtype=np.float64).sum(), rtol=1e-6)


def test_many_numbers_keep_their_digits():
    x = np.full((64, 300, 300), 1 / 3, np.float32)
    np.testing.assert_allclose(squares(tg.Tensor(x)).item(), x.size * np.float64(x.flat[0]) ** 2, rtol=2e-6)


def test_gradients():
    x = tg.tensor(np.random.default_rng(1).standard_normal((3, 4)), requires_grad=True)
    assert gradcheck(squares, (x,))
    assert gradgradcheck(squares, (x,))
