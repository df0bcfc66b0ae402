"""Resizing: Pillow's results, the tables of weights, and what the records and the sweep against PyTorch do not show."""

import numpy as np
import pytest
from PIL import Image

import tinygen as tg
from tinygen.nn import functional as F
from tinygen.testing import gradgradcheck
from tinygen_ops.resize import KINDS, Table, resample, resize, resize_table

LENGTHS = [(1, 1), (1, 4), (4, 1), (3, 7), (7, 3), (5, 10), (10, 5), (6, 6), (13, 12)]


def dense(table):
    matrix = np.zeros((table.out, table.n))
    matrix[table.rows, table.columns] = table.weights
    return matrix


# Pillow -----------------------------------------------------------------------------------------------------

PILLOW = [
    ("bilinear", Image.Resampling.BILINEAR),
    ("bicubic", Image.Resampling.BICUBIC),
    ("lanczos", Image.Resampling.LANCZOS),
]
# Pillow rounds bytes after each axis: the width first, from version 13 on the height first where it shrinks far more
SIZES = [(40, 60), (20, 30), (50, 17), (90, 25), (64, 96), (1, 1), (7, 96)]


@pytest.mark.parametrize(("mode", "filter_"), PILLOW)
@pytest.mark.parametrize("size", SIZES)
def test_antialias_is_pillows(mode, filter_, size):
    """On float pictures to 1e-5 of their range, on bytes within one level, though noise overshoots."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (64, 96)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(x).resize(size[::-1], filter_))
    ours = F.interpolate(tg.tensor(x[None, None]), size, mode=mode, antialias=True).numpy()[0, 0]
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * 255)

    levels = rng.integers(0, 256, (64, 96, 3), np.uint8)
    theirs = np.asarray(Image.fromarray(levels).resize(size[::-1], filter_))
    kind = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    ours = resize(levels.transpose(2, 0, 1), size, kind, antialias=True).transpose(1, 2, 0)  # (3, H, W) -> (H, W, 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_nearest_exact_is_pillows(size):
    """From odd lengths; from even ones two pixels can be equally near, and Pillow's sum of steps takes either."""
    levels = np.random.default_rng(1).integers(0, 256, (61, 95), np.uint8)
    theirs = np.asarray(Image.fromarray(levels).resize(size[::-1], Image.Resampling.NEAREST))
    ours = F.interpolate(tg.tensor(levels[None, None]), size, mode="nearest-exact").numpy()[0, 0]
    np.testing.assert_array_equal(ours, theirs)


# Tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "out"), LENGTHS)
def test_a_flat_axis_stays_flat(kind, n, out):
    for options in ({}, {"align_corners": True}, {"antialias": True}, {"factor": out / n + 0.01}):
        table = resize_table(n, out, kind, **options)
        np.testing.assert_allclose(dense(table).sum(1), 1, rtol=1e-12)
        assert (table.n, table.out) == (n, out)
        if n == out and kind in ("area", "linear", "cubic") and not options:
            np.testing.assert_array_equal(dense(table), np.eye(n))


@pytest.mark.parametrize(("n", "out"), [(5, 9), (9, 5), (4, 4)])
def test_a_slope_stays_a_slope(n, out):
    """Linear and cubic keep straight lines, away from the border; aligned corners keep them to the end."""
    x = np.arange(n, dtype=float)
    for kind, border in (("linear", 0), ("cubic", 1)):
        places = np.linspace(0, n - 1, out)
        inner = (places >= border) & (places <= n - 1 - border)
        np.testing.assert_allclose(
            resample(x, resize_table(n, out, kind, align_corners=True), 0)[inner], places[inner], atol=1e-12
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "out"), LENGTHS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_kernel_is_the_matrix(kind, n, out, axis):
    table = resize_table(n, out, kind)
    x = np.random.default_rng(2).standard_normal([n if i == axis else 2 for i in range(3)])
    y = np.random.default_rng(3).standard_normal([out if i == axis else 2 for i in range(3)])
    for t, array in ((table, x), (table.transposed, y)):
        expected = np.moveaxis(np.tensordot(dense(t), array, (1, axis)), 0, axis)
        np.testing.assert_allclose(resample(array, t, axis), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(dense(table.transposed), dense(table).T)


def test_entries_of_one_place_are_added_and_zeros_left_out():
    table = Table(3, 2, np.array([1, 0, 1, 1]), np.array([2, 0, 2, 1]), np.array([0.5, 1.0, 0.25, 0.0]))
    assert dense(table).tolist() == [[1, 0, 0], [0, 0, 0.75]]
    assert table.rows.tolist() == [0, 1]


def test_even_steps_are_read_as_slices():
    (tap,) = resize_table(12, 4, "nearest").taps
    assert tap == (slice(0, 4, 1), slice(0, 10, 3), None)
    for outputs, inputs, _ in resize_table(4, 12, "nearest").transposed.taps:
        assert isinstance(outputs, slice)
        assert isinstance(inputs, slice)


def test_tables_are_made_once():
    assert resize_table(10, 7, "cubic") is resize_table(10, 7, "cubic")
    table = resize_table(10, 7, "cubic")
    assert table.transposed is table.transposed
    x = np.zeros((2, 10), np.float32)
    assert table.taps_for(x) is table.taps_for(x)
    assert all(w is None or w.dtype == np.float32 for _, _, w in table.taps_for(x))


def test_wrong_tables():
    with pytest.raises(ValueError, match="`kind` is 'bilinear'; valid are nearest"):
        resize_table(3, 4, "bilinear")
    with pytest.raises(TypeError, match="`x` is int64"):
        resize(np.zeros((2, 2), np.int64), (3, 3))
    for n, out in ((0, 3), (3, 0), (3, -1)):
        with pytest.raises(ValueError, match="both must be at least 1"):
            resize_table(n, out, "linear")


# Values and derivatives -------------------------------------------------------------------------------------


def test_by_hand():
    x = tg.tensor([[[0.0, 4.0]]], requires_grad=True)
    assert F.interpolate(x, 4, mode="linear").tolist() == [[[0, 1, 3, 4]]]
    assert F.interpolate(x, 3, mode="linear", align_corners=True).tolist() == [[[0, 2, 4]]]
    assert F.interpolate(x, scale_factor=2).tolist() == [[[0, 0, 4, 4]]]
    assert F.interpolate(x, 1, mode="area").tolist() == [[[2]]]
    F.interpolate(x, 4, mode="linear").backward(tg.tensor([[[1.0, 4.0, 8.0, 16.0]]]))
    assert x.grad.tolist() == [[[1 + 3 + 2, 1 + 6 + 16]]]


def test_an_infinite_pixel_spoils_its_neighbours_only():
    x = np.zeros((1, 1, 8, 8))
    x[0, 0, 3, 3] = np.inf
    with np.errstate(all="raise"):
        y = F.interpolate(tg.tensor(x), 16, mode="bilinear").numpy()[0, 0]
    assert np.isinf(y[5:9, 5:9]).all()
    assert np.isfinite(y).sum() == 16 * 16 - 4 * 4


def test_bytes_and_halves():
    levels = tg.tensor(np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3))
    assert F.interpolate(levels, (2, 6)).tolist() == [[[[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]]]
    halves = tg.tensor(np.full((1, 1, 40, 40), 60000.0, np.float16))
    small = F.interpolate(halves, 3, mode="bilinear", antialias=True)
    assert small.dtype == np.float16
    np.testing.assert_array_equal(small.numpy(), np.float16(60000))


def test_pictures_without_channels():
    x = np.random.default_rng(4).standard_normal((5, 7)).astype(np.float32)
    y = resize(x, (10, 3), "cubic")
    np.testing.assert_array_equal(y, F.interpolate(tg.tensor(x[None, None]), (10, 3), mode="bicubic").numpy()[0, 0])
    np.testing.assert_array_equal(resize(x, (5, 7)), x)
    assert resize(x, (4,), "area").shape == (5, 4)


def test_the_result_is_a_copy():
    x = np.zeros((1, 1, 3), np.float32)
    for mode in ("nearest", "linear", "area"):
        F.interpolate(tg.tensor(x), 3, mode=mode).data[...] = 1
        resize(x, (3,), "nearest")[...] = 1
        assert not x.any()


@pytest.mark.parametrize(("mode", "antialias"), [("nearest", False), ("bicubic", False), ("bilinear", True)])
def test_second_order_through_something_curved(mode, antialias):
    x = tg.tensor(np.random.default_rng(5).standard_normal((1, 2, 4, 5)), requires_grad=True)
    assert gradgradcheck(lambda x: F.interpolate(x * x, (3, 8), mode=mode, antialias=antialias) ** 2, x)


def test_pixel_shuffle_and_back():
    x = tg.tensor(np.random.default_rng(6).standard_normal((2, 12, 3, 5)))
    y = tg.pixel_shuffle(x, 2)
    assert y.shape == (2, 3, 6, 10)
    np.testing.assert_array_equal(y.numpy()[:, 1, 1::2, 0::2], x.numpy()[:, 4 + 2])  # c 1, i 1, j 0
    np.testing.assert_array_equal(tg.pixel_unshuffle(y, 2).numpy(), x.numpy())
