"""Differentiable augmentation: what each policy does to a picture, and that its gradient is right."""

import numpy as np
import pytest

import tinygen as tg
from tinygen.generators import augment
from tinygen.generators.augment import POLICIES, Shift
from tinygen.testing import gradcheck, gradgradcheck


@pytest.fixture
def x():
    return tg.tensor(np.random.default_rng(0).uniform(-1, 1, (3, 2, 8, 6)), requires_grad=True)


def test_shift_moves_each_picture_and_fills_with_zeros(x):
    down, right = np.array([0, 2, -8]), np.array([0, -1, 3])
    y = Shift.apply(x, down=down, right=right).detach().numpy()
    for n in range(3):
        for i in range(8):
            for j in range(6):
                a, b = i - down[n], j - right[n]
                inside = 0 <= a < 8 and 0 <= b < 6
                np.testing.assert_array_equal(y[n, :, i, j], x.detach().numpy()[n, :, a, b] if inside else 0)


def test_shifts_gradient_is_its_adjoint(x):
    rng = np.random.default_rng(1)
    g = rng.normal(size=x.shape)
    settings = {"down": np.array([1, -2, 9]), "right": np.array([3, 0, -1])}
    y = Shift.apply(x, **settings)
    y.backward(tg.tensor(g))
    assert (y.detach().numpy() * g).sum() == pytest.approx((x.detach().numpy() * x.grad.numpy()).sum())


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_gradients_of_both_orders(name, low, x):
    def changed(x):
        return augment.augment(x, (name,), tg.Generator(2), low) ** 2

    assert gradcheck(changed, [x])
    assert gradgradcheck(changed, [x])


def test_colour_is_brightness_then_saturation_then_contrast():
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (5, 3, 4, 4))
    b, s, c = (u[:, None, None, None] for u in tg.Generator(8).uniform((3, 5), np.float64))
    expected = x + (b - 0.5)
    m = expected.mean(1, keepdims=True)
    expected = m + 2 * s * (expected - m)
    m = expected.mean((1, 2, 3), keepdims=True)
    expected = m + (c + 0.5) * (expected - m)
    np.testing.assert_allclose(augment.colour(tg.tensor(x), tg.Generator(8), -1.0).numpy(), expected, atol=1e-6)


def test_colour_changes_pictures_from_0_to_1_by_half_as_much():
    x = np.random.default_rng(3).uniform(-1, 1, (5, 3, 4, 4))
    wide = augment.colour(tg.tensor(x), tg.Generator(8), -1.0).numpy()
    narrow = augment.colour(tg.tensor((x + 1) / 2), tg.Generator(8), 0.0).numpy()
    np.testing.assert_allclose(2 * narrow - 1, wide, atol=1e-6)


def test_translation_goes_up_to_an_eighth_in_all_directions():
    x = np.zeros((400, 1, 16, 24), np.float32)
    x[:, 0, 8, 12] = 1
    y = augment.translation(tg.tensor(x), tg.Generator(0), -1.0).numpy()
    places = np.argwhere(y == 1)[:, 2:] - [8, 12]
    assert len(places) == 400
    assert {tuple(p) for p in places} == {(i, j) for i in range(-2, 3) for j in range(-3, 4)}


def test_cutout_takes_a_rectangle_that_may_reach_over_the_border():
    y = augment.cutout(tg.ones(400, 3, 8, 12), tg.Generator(0), -1.0).numpy()
    holes = y == 0
    assert (holes == holes[:, :1]).all()  # the same in all channels
    sizes = set()
    for hole in holes[:, 0]:
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert hole.sum() == len(rows) * len(columns)
        sizes.add((len(rows), len(columns)))
    assert max(sizes) == (4, 6)
    assert min(sizes) < (4, 6)


def test_each_picture_is_changed_in_its_own_way_and_the_seed_says_how(x):
    x = tg.tensor(np.ones((8, 3, 16, 16), np.float32))
    chosen = augment.policies("colour,translation,cutout")
    y = augment.augment(x, chosen, tg.Generator(5)).numpy()
    assert y.dtype == np.float32
    assert len({picture.tobytes() for picture in y}) == 8
    np.testing.assert_array_equal(y, augment.augment(x, chosen, tg.Generator(5)).numpy())
    assert augment.augment(x, (), tg.Generator(5)) is x


def test_names():
    assert augment.policies("") == ()
    assert augment.policies(" cutout, colour") == ("cutout", "colour")
    with pytest.raises(ValueError, match="`augment` has 'blur'; valid are colour, translation, cutout"):
        augment.policies("colour,blur")
