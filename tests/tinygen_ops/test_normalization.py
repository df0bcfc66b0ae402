"""Batch normalisation's Numba forms against the plain ones in float64."""

import numpy as np
import pytest

from tinygen_ops.normalization import norm_backward, norm_forward

AXES = (0, 2, 3)


def last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("shape", [(4, 32, 17, 13), (1, 48, 40, 40), (300, 16, 2, 3)], ids=str)
@pytest.mark.parametrize(("mean", "deviation"), [(0, 1), (1000, 1), (-3, 0.01)])
def test_forth_and_back(numba_form, normal, shape, mean, deviation):
    x, gy = last(normal(*shape) * np.float32(deviation) + np.float32(mean)), normal(*shape)
    y, m, r = norm_forward(x, None, None, AXES, 1e-5)
    exact = norm_forward.reference(x.astype(np.float64), None, None, AXES, 1e-5)
    limit = 3e-6 * (1 + abs(mean) / deviation / 10)  # the mean itself is rounded
    for found, expected, scale in zip((y, m, r), exact, (1, max(abs(mean), deviation), 1 / deviation), strict=True):
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=limit * scale * 5, rtol=limit)
    gx = norm_backward(gy, y, r, AXES)
    expected = norm_backward.reference(gy.astype(np.float64), y.astype(np.float64), r.astype(np.float64), AXES)
    np.testing.assert_allclose(gx, expected, atol=1e-5 / deviation)
    assert gx.strides == y.strides == x.strides


def test_a_channel_without_spread(numba_form):
    x = last(np.full((4, 16, 20, 20), 3.7, np.float32))
    y, _, r = norm_forward(x, None, None, AXES, 1e-5)
    np.testing.assert_allclose(y, 0, atol=1e-3)
    np.testing.assert_allclose(r, 1e-5**-0.5, rtol=1e-6)


def test_any_number_of_threads_gives_the_same_bits(thread_counts, normal):
    x = last(normal(3, 32, 31, 33))
    for one, many in zip(*thread_counts(lambda: norm_forward(x, None, None, AXES, 1e-5)), strict=True):
        np.testing.assert_array_equal(one, many)
