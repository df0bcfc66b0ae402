"""The Numba forms of pooling against the plain ones, over random windows; the ops' records test the plain ones."""

import numpy as np
import pytest

from tinygen_ops import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from tinygen_ops.pooling import lay_windows

RANDOM = 40
USUAL = [(3, 2, 0), (3, 2, 1), (3, 1, 1), (2, 2, 0), (1, 2, 0), (4, 3, 1)]  # kernel, stride, padding
CHANNELS = [1, 3, 16, 37]  # fewer than a vector, whole vectors, and a rest (with 16, 8 and 4 floats in a vector)


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
    lead = [(3, 5), (7,), (2, 32), (37,)][rng.integers(4)]
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


def channels_last(rng, *shape):
    """Normal numbers (N, C, H, W), some of them equal, the channels of a pixel side by side."""
    n, c, h, w = shape
    return np.round(rng.standard_normal((n, h, w, c)), 1).astype(np.float32).transpose(0, 3, 1, 2)


def same_bits(one, other):
    """The same numbers, the sign of 0 included."""
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(np.signbit(one), np.signbit(other))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("kernel", "stride", "padding"), USUAL)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_the_usual_windows(numba_form, rng, kernel, stride, padding, ceil_mode, channels):
    over = tuple(lay_windows(n, kernel, stride, padding, 1, ceil_mode) for n in (67, 64))
    x = channels_last(rng, 1, channels, 67, 64)
    y, where = max_pool_forward(x, over)
    expected, there = max_pool_forward.reference(x, over)
    same_bits(y, expected)
    np.testing.assert_array_equal(where, there)
    gy = channels_last(rng, *y.shape)
    np.testing.assert_allclose(
        max_pool_backward(gy, where, over), max_pool_backward.reference(gy, there, over), atol=2e-6
    )
    for how in ((False, None), (True, None), (True, 5)):
        mean, gx = avg_pool_forward(x, over, *how), avg_pool_backward(gy, over, *how)
        np.testing.assert_allclose(mean, avg_pool_forward.reference(x, over, *how), atol=2e-6)
        np.testing.assert_allclose(gx, avg_pool_backward.reference(gy, over, *how), atol=2e-6)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_nan_zeros_and_infinities(numba_form, rng, kernel, channels):
    x = channels_last(rng, 2, channels, 40, 50)
    for value in (np.nan, np.inf, -np.inf, 0.0, -0.0):
        x[rng.random(x.shape) < 0.02] = value
    x[:, 0, :6, :6], x[:, -1, 8:16, 8:16] = np.nan, -np.inf  # whole windows of them
    x[1, :, 20:30] = -0.0
    over = tuple(lay_windows(n, kernel, 2, 1) for n in (40, 50))
    y, where = max_pool_forward(x, over)
    expected, there = max_pool_forward.reference(x, over)
    same_bits(y, expected)
    np.testing.assert_array_equal(where, there)


@pytest.mark.parametrize("channels", CHANNELS)
def test_one_plane_and_one_picture(numba_form, rng, channels):
    """(H, W) and (C, H, W) pool as (1, C, H, W) does."""
    x, over = channels_last(rng, 1, channels, 70, 80), (lay_windows(70, 3, 2), lay_windows(80, 3, 2))
    expected = (*max_pool_forward(x, over), avg_pool_forward(x, over, True, None))
    for lead in ((0,), (0, 0)):
        part = x[lead]
        found = (*max_pool_forward(part, over), avg_pool_forward(part, over, True, None))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other[lead], rtol=1e-5, atol=2e-6)


def test_a_picture_too_large_for_places_in_float32(numba_form, rng, monkeypatch):
    x, over = channels_last(rng, 1, 32, 30, 40), (lay_windows(30, 3, 2), lay_windows(40, 3, 2))
    before = max_pool_forward(x, over)
    monkeypatch.setattr("tinygen_ops.pooling_numba.EXACT", 30 * 40 - 1)
    for one, other in zip(before, max_pool_forward(x, over), strict=True):
        np.testing.assert_array_equal(one, other)
    vectors = []
    monkeypatch.setattr("tinygen_ops.pooling_numba._max_forward", lambda *args: vectors.append(args[3]))
    for places in (30 * 40 - 1, 30 * 40):
        monkeypatch.setattr("tinygen_ops.pooling_numba.EXACT", places)
        max_pool_forward(x, over)
    assert vectors == [False, True]


@pytest.mark.parametrize("channels", CHANNELS)
def test_nothing_outside_is_touched(numba_form, rng, monkeypatch, channels):
    """Inputs lie between NaN, results between canaries."""
    made = []

    def between(shape, dtype=np.float32):
        border, size = 64, int(np.prod(shape))
        made.append(np.full(size + 2 * border, 99, dtype))
        return made[-1][border : border + size].reshape(shape)

    def enclosed(x):
        n, c, h, w = x.shape
        inside = between((n, h, w, c))
        made.pop()[:] = np.nan
        inside[...] = x.transpose(0, 2, 3, 1)
        return inside.transpose(0, 3, 1, 2)

    monkeypatch.setattr("tinygen_ops.pooling_numba.memory.empty", between)
    for kernel, stride, padding in USUAL:
        x = enclosed(channels_last(rng, 1, channels, 64, 65))
        over = tuple(lay_windows(n, kernel, stride, padding) for n in (64, 65))
        y, where = max_pool_forward(x, over)
        gy = enclosed(channels_last(rng, *y.shape))
        results = [y, max_pool_backward(gy, where, over), avg_pool_forward(x, over, False, None)]
        results.append(avg_pool_backward(gy, over, False, None))
        assert all(np.isfinite(result).all() for result in results)
        for buffer in made:
            assert (buffer[:64] == 99).all()
            assert (buffer[-64:] == 99).all()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_any_number_of_threads_gives_the_same_bits(thread_counts, seed):
    x, over, _ = draw(seed)

    def run():
        y, where = max_pool_forward(x, over)
        means = avg_pool_forward(x, over, False, None)
        return y, where, max_pool_backward(y, where, over), means, avg_pool_backward(means, over, False, None)

    for one, many in zip(*thread_counts(run), strict=True):
        np.testing.assert_array_equal(one, many)
