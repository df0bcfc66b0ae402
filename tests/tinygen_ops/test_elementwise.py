import math

import numpy as np
import pytest

from tinygen_ops.elementwise import erf


def exact(x):
    return np.array([math.erf(v) for v in x.astype(np.float64).ravel()]).reshape(x.shape)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 5000])
def test_erf_against_the_standard_library(form, rng, size):
    x = rng.uniform(-6, 6, size).astype(np.float32)
    y = erf(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, exact(x), rtol=4e-7)


def test_erf_keeps_the_order_in_memory(form, rng):
    channels_last = rng.standard_normal((2, 5, 4, 3)).astype(np.float32).transpose(0, 3, 1, 2)
    apart = rng.standard_normal((6, 8)).astype(np.float32)[::2, ::-2]
    assert erf(channels_last).strides == channels_last.strides
    for x in (channels_last, apart):
        np.testing.assert_allclose(erf(x), exact(x), rtol=4e-7)


def test_erf_at_the_ends(form):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, 1e30, -9.0] * 3, np.float32)
    np.testing.assert_allclose(erf(x), [np.nan, 1, -1, 0, -0.0, 1.1283791e-30, 1, -1] * 3, rtol=4e-7)
