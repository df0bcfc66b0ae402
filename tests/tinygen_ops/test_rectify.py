"""The rectifiers and the sums over channels: against their definitions, in every layout, numbers at the edge too."""

import numpy as np
import pytest

from tinygen_ops.rectify import channel_sums, rectify, rectify_gradient

LAYOUTS = {
    "C": lambda x: np.ascontiguousarray(x),
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "gaps": lambda x: np.repeat(x, 2, axis=3)[..., ::2],
    "reversed": lambda x: x[:, ::-1].copy()[:, ::-1],
}
SHAPES = [(3, 32, 17, 23), (2, 5, 61, 43), (1, 1, 200, 131)]  # the last vector is whole in none of them


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, -0.5])
def test_forth_and_back(form, normal, shape, layout, slope):
    x, gy = LAYOUTS[layout](normal(*shape)), normal(*shape)
    before = x.copy()
    y, gx = rectify(x, slope), rectify_gradient(gy, x, slope)
    np.testing.assert_array_equal(y, np.where(before > 0, before, np.float32(slope) * before))
    np.testing.assert_array_equal(gx, np.where(before > 0, gy, np.float32(slope) * gy))
    np.testing.assert_array_equal(x, before)
    assert y.dtype == gx.dtype == np.float32


def test_a_layout_is_kept(numba_form, normal):
    x = LAYOUTS["channels last"](normal(2, 32, 20, 30))
    assert rectify(x).strides == rectify_gradient(normal(*x.shape), x, 0.1).strides == x.strides


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("cut", [slice(0, 32), slice(16, 48), slice(40, 72)])
def test_a_piece_of_the_channels_is_read_where_it_lies(form, normal, slope, cut):
    whole = LAYOUTS["channels last"](normal(2, 72, 19, 23))
    x, gy = LAYOUTS["channels last"](normal(2, 32, 19, 23)), whole[:, cut]
    np.testing.assert_array_equal(rectify_gradient(gy, x, slope), np.where(x > 0, gy, np.float32(slope) * gy))
    rows = whole[:, cut, ::2, 1:-1]  # a window of it: its rows do not follow one another
    inside = LAYOUTS["channels last"](normal(*rows.shape))
    np.testing.assert_array_equal(
        rectify_gradient(rows, inside, slope), np.where(inside > 0, rows, np.float32(slope) * rows)
    )


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_not_a_number_stays_and_infinities_do_not_become_one(form, slope):
    x = np.ones((1, 4, 100, 100), np.float32)
    x[0, 0, 0, :3], x[0, 3, -1, -2:] = (np.nan, np.inf, -np.inf), (-np.inf, np.nan)
    y = rectify(x, slope)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    np.testing.assert_array_equal(y[0, 0, 0, 1:3], [np.inf, -np.inf if slope else 0])
    assert y[0, 3, -1, -2] == (-np.inf if slope else 0)
    gy = np.full_like(x, np.inf)
    gx = rectify_gradient(gy, -np.ones_like(x), slope)
    np.testing.assert_array_equal(gx, np.full_like(x, np.inf if slope else 0))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_channel_sums(form, normal, shape, layout):
    x = LAYOUTS[layout](normal(*shape) + 1)
    np.testing.assert_allclose(channel_sums(x), x.sum((0, 2, 3), dtype=np.float64), rtol=2e-6)


def test_sums_of_many_numbers_keep_their_digits(numba_form):
    x = LAYOUTS["channels last"](np.full((4, 32, 300, 300), 1 / 3, np.float32))
    np.testing.assert_allclose(channel_sums(x), 360_000 * np.float64(np.float32(1 / 3)), rtol=1e-6)


def test_any_number_of_threads_gives_the_same_bits(thread_counts, normal):
    x = LAYOUTS["channels last"](normal(5, 32, 33, 31))
    for one, many in zip(*thread_counts(lambda: (rectify(x, 0.2), channel_sums(x))), strict=True):
        np.testing.assert_array_equal(one, many)


def test_shapes_must_agree(numba_form, normal):
    with pytest.raises(ValueError, match=r"`gy` has shape \(2, 100, 100\) and `x` \(2, 100, 101\)"):
        rectify_gradient(normal(2, 100, 100), normal(2, 100, 101))
