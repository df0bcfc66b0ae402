"""Pictures that the package draws: the same every time, balanced, and what their labels say."""

import numpy as np
import pytest

from tinygen.data.synthetic import SHAPE_ATTRIBUTES, font_digits, shapes


def test_digits():
    images, labels = font_digits(300)
    assert (images.shape, images.dtype) == ((300, 1, 28, 28), np.uint8)
    assert labels.dtype == np.int64
    assert set(labels) == set(range(10))
    ink = (images > 127).mean((1, 2, 3))
    assert 0.03 < ink.min() < ink.max() < 0.5
    # nothing is cut off at the border
    assert np.median(np.concatenate([images[:, :, 0].ravel(), images[:, :, -1].ravel()])) == 0


def test_shapes():
    images, labels = shapes(200, side=24)
    assert (images.shape, images.dtype) == ((200, 3, 24, 24), np.uint8)
    assert (labels.shape, labels.dtype) == ((200, len(SHAPE_ATTRIBUTES)), bool)
    form, colour = labels[:, :4], labels[:, 4:8]
    assert (form.sum(1) == 1).all()
    assert (colour.sum(1) == 1).all()
    light = labels[:, SHAPE_ATTRIBUTES.index("light")]
    corner = images[:, :, 0, 0].mean(1)
    assert corner[light].min() > corner[~light].max()


@pytest.mark.parametrize("draw", [font_digits, shapes])
def test_the_first_do_not_depend_on_how_many(draw):
    few, some = draw(5), draw(40)
    for a, b in zip(few, some, strict=True):
        np.testing.assert_array_equal(a, b[:5])
    assert not np.array_equal(draw(5, "test")[0], few[0])


def test_digits_can_be_told_apart():
    """The nearest of 2,000 others has the same label more often than not: ten classes, and chance is 0.1."""
    images, labels = font_digits(2200)
    x = images.reshape(len(images), -1).astype(np.float32)
    known, asked = x[:2000], x[2000:]
    distance = (known * known).sum(1) - 2 * asked @ known.T
    assert (labels[distance.argmin(1)] == labels[2000:]).mean() > 0.7
