"""Channels last and back: the same numbers, whatever the lengths."""

import numpy as np
import pytest

from tinygen_ops.layout import as_pixels, channels_last, contiguous, in_memory_order, join_channels, new_like


@pytest.mark.parametrize("shape", [(2, 64, 33, 31), (1, 3, 200, 301), (5, 31, 999), (2, 1, 300, 200)], ids=str)
def test_there_and_back(form, normal, shape):
    x = normal(*shape)
    last = channels_last(x)
    assert last.flags.c_contiguous
    np.testing.assert_array_equal(last, np.moveaxis(x, 1, -1))
    lying_last = np.moveaxis(last, -1, 1)
    first = contiguous(lying_last)
    assert first.flags.c_contiguous
    np.testing.assert_array_equal(first, x)


def test_no_copy_where_it_lies_so(form, normal):
    x = normal(2, 32, 40, 40)
    assert np.shares_memory(contiguous(x), x)
    assert np.shares_memory(channels_last(np.moveaxis(channels_last(x), -1, 1)), channels_last(x)) is False
    y = np.moveaxis(channels_last(x), -1, 1)
    assert np.shares_memory(channels_last(y), y)


def test_pixels(normal):
    whole = normal(3, 6, 5, 40)
    last = np.moveaxis(whole, -1, 1)
    for view, apart in ((last, 40), (last[:, 4:9], 40), (last[1:, :8], 40), (last[:1, 3:], 40)):
        pixels, found = as_pixels(view)
        assert found == apart
        assert np.shares_memory(pixels, whole)
        np.testing.assert_array_equal(pixels, np.moveaxis(view, 1, -1))
    others = (last[:, :8, ::2], last[:, :8, :, ::2], last[:, ::2], last[::2, :8], last[:, :8, :, :4], last[:, :8, :1],
              np.moveaxis(whole, 1, -1), last[:, :8, ::-1], np.broadcast_to(last[:, :8, :1, :1], (3, 8, 6, 5)),
              last[:, :0], normal(3, 8, 6, 5))  # fmt: skip
    for view in others:
        pixels, found = as_pixels(view)
        assert found == view.shape[1]
        assert pixels.flags.c_contiguous
        np.testing.assert_array_equal(pixels, np.moveaxis(view, 1, -1))


def test_views_with_gaps(form, normal):
    x = normal(3, 40, 50, 60)[:, ::2, :, 1:]
    np.testing.assert_array_equal(channels_last(x), np.moveaxis(x, 1, -1))
    np.testing.assert_array_equal(contiguous(x), x)


@pytest.mark.parametrize("lie", [True, False])
@pytest.mark.parametrize("channels", [(32, 64, 16), (32, 5, 48), (64,)], ids=str)
def test_channels_side_by_side(form, normal, lie, channels):
    xs = [normal(2, c, 41, 37) for c in channels]
    if lie:
        xs = [np.moveaxis(channels_last(x), -1, 1) for x in xs]
    np.testing.assert_array_equal(join_channels(xs), np.concatenate(xs, 1))


def test_order_in_memory(normal):
    x = normal(2, 3, 4, 5)
    moved = x.transpose(2, 0, 3, 1)
    np.testing.assert_array_equal(in_memory_order(moved), x.ravel())
    assert np.shares_memory(in_memory_order(moved), x)
    assert in_memory_order(x[..., ::2]) is None
    assert new_like(moved).strides == moved.strides
