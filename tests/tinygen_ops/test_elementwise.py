import math

import numpy as np
import pytest

from tinygen_ops.elementwise import add, add_to, erf, sum_of_squares


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


LAYOUTS = {
    "C": lambda x: x,
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "gaps": lambda x: np.repeat(x, 2, axis=3)[..., ::2],
}


@pytest.mark.parametrize("other", LAYOUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_of_two(form, normal, layout, other):
    a, b = normal(2, 32, 37, 41), normal(2, 32, 37, 41)
    x, y = LAYOUTS[layout](a), LAYOUTS[other](b)
    z = add(x, y)
    np.testing.assert_array_equal(z, a + b)
    assert not np.shares_memory(z, x)
    np.testing.assert_array_equal(x, a)
    total = x.copy(order="K")
    add_to(total, y)
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(y, b)


def test_sums_of_different_shapes_and_types(form, normal):
    x, row = normal(300, 300), normal(300)
    np.testing.assert_array_equal(add(x, row), x + row)
    assert add(x, x.astype(np.float64)).dtype == np.float64
    assert add(np.float32(1), np.float32(2)) == 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sum_of_squares(form, normal, layout):
    x = LAYOUTS[layout](normal(3, 16, 41, 43))
    found = sum_of_squares(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.square(x, dtype=np.float64).sum(), rtol=1e-6)


def test_threads_do_not_change_a_sum_of_squares(thread_counts, normal):
    x = normal(70_001)
    one, all_ = thread_counts(lambda: sum_of_squares(x))
    assert one == all_
