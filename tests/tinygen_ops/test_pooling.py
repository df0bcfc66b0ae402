"""The Numba forms of pooling against the plain ones, over random windows; the ops' records test the plain ones."""

import numpy as np
import pytest

from tinygen_ops import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from tinygen_ops.pooling import lay_windows

RANDOM = 40


def draw(seed):
    """An input, windows, and whether padding counts: lengths large enough for the Numba form to be taken."""
    rng = np.random.default_rng(seed)
    axes = int(rng.integers(1, 3))
    over = []
    for _ in range(axes):
        kernel = int(rng.integers(1, 5))
        size = int(rng.integers(40, 60)) if axes == 2 else int(rng.integers(900, 1100))
        padding, stride = int(rng.integers(0, kernel // 2 + 1)), int(rng.integers(1, 4))
        over.append(lay_windows(size, kernel, stride, padding, int(rng.integers(1, 3)), bool(rng.integers(2))))
    lead = [(3, 5), (7,), (2, 32)][rng.integers(3)]
    x = rng.standard_normal((*lead, *(w.size for w in over))).astype(np.float32)
    if rng.integers(2) and x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if rng.integers(2):
        x = np.round(x)  # with ties
    return x, tuple(over), rng


@pytest.mark.parametrize("seed", range(RANDOM))
def test_max(numba_form, seed):
    x, over, rng = draw(seed)
    x.ravel()[rng.integers(0, x.size, 3)] = (np.nan, -np.inf, np.inf)
    y, where = max_pool_forward(x, over)
    expected, there = max_pool_forward.reference(x, over)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(where, there)
    gy = rng.standard_normal(y.shape).astype(np.float32)
    gx = max_pool_backward(gy, where, over)
    assert gx.shape == x.shape
    np.testing.assert_allclose(gx, max_pool_backward.reference(gy, there, over), atol=2e-6)


@pytest.mark.parametrize("seed", range(RANDOM))
@pytest.mark.parametrize(("include_pad", "divisor"), [(True, None), (False, None), (True, 7)])
def test_mean(numba_form, seed, include_pad, divisor):
    x, over, rng = draw(seed)
    over = tuple(lay_windows(w.size, w.kernel, w.stride, w.padding) for w in over)  # means know no dilation
    y = avg_pool_forward(x, over, include_pad, divisor)
    np.testing.assert_allclose(y, avg_pool_forward.reference(x, over, include_pad, divisor), atol=2e-6)
    gy = rng.standard_normal(y.shape).astype(np.float32)
    gx = avg_pool_backward(gy, over, include_pad, divisor)
    assert gx.shape == x.shape
    np.testing.assert_allclose(gx, avg_pool_backward.reference(gy, over, include_pad, divisor), atol=2e-6)


def test_any_number_of_threads_gives_the_same_bits(thread_counts):
    x, over, _ = draw(1)

    def run():
        y, where = max_pool_forward(x, over)
        return y, where, max_pool_backward(y, where, over), avg_pool_forward(x, over, True, None)

    for one, many in zip(*thread_counts(run), strict=True):
        np.testing.assert_array_equal(one, many)
