"""The monitor of a GAN's training, on made-up series: it notices what it should, once, and nothing else."""

import math

import numpy as np
import pytest

from tinygen.generators import gan_health
from tinygen.generators.gan_health import ADVICE, ALIKE, COLLAPSE, DOMINANCE, NOT_FINITE, Monitor, spread

BCE = (math.log(2), 1.0)


def run(monitor, d, g, steps=range(10, 2001, 10), variety=None):
    """What it finds, as {step: finding}; d, g and variety are functions of the step."""
    found = {}
    for step in steps:
        look = variety(step) if variety and step % 100 == 0 else None
        if (finding := monitor.see(step, d(step), g(step), look)) is not None:
            found[step] = finding
    return found


def test_the_published_run_is_healthy():
    rng = np.random.default_rng(0)
    found = run(Monitor(BCE), lambda s: 0.69 + 0.03 * rng.normal(), lambda s: 0.76 + 0.1 * rng.normal(),
                variety=lambda s: min(1.0, s / 1000))
    assert found == {}


def test_dominance_is_told_once():
    found = run(Monitor(BCE), lambda s: 0.7 * math.exp(-s / 100), lambda s: 0.7 + s / 200)
    assert list(found.values()) == [DOMINANCE]
    assert gan_health.WINDOW <= min(found) <= 2 * gan_health.WINDOW


def test_it_is_told_again_after_a_recovery():
    def dominated(step):
        return 300 < step <= 2000 or step > 2400

    found = run(Monitor(BCE), lambda s: 0.02 if dominated(s) else 0.6, lambda s: 6.0 if dominated(s) else 0.8,
                steps=range(10, 5001, 10))
    assert list(found.values()) == [DOMINANCE] * 2
    assert min(found) < 2000 < 2400 < max(found)


def test_a_generator_whose_loss_was_high_from_the_start_has_not_climbed():
    assert run(Monitor(BCE), lambda s: 0.02, lambda s: 6.0) == {}


@pytest.mark.parametrize(
    ("d", "g"),
    [
        (lambda s: 0.02, lambda s: 0.7),  # the generator does not suffer
        (lambda s: 0.3, lambda s: 0.7 + s / 200),  # the discriminator is good, but can be fooled
        (lambda s: 0.02 if s % 500 < 300 else 0.9, lambda s: 5.0),  # it goes to and fro
    ],
)
def test_what_only_looks_like_dominance(d, g):
    assert run(Monitor(BCE), d, g) == {}


def test_losses_below_zero_count_as_low():
    # labels above 1 leave the cross-entropy no lower bound
    found = run(Monitor(BCE), lambda s: 0.7 - s / 100, lambda s: 0.7 + s / 100)
    assert list(found.values()) == [DOMINANCE]


def test_a_critic_has_no_level_to_dominate_from():
    assert run(Monitor(None), lambda s: -s / 10, lambda s: s / 10) == {}


def test_rows_of_every_step_give_the_same_verdict():
    def d(step):
        return 0.7 * math.exp(-step / 100)

    def g(step):
        return 0.7 + step / 200

    coarse, fine = run(Monitor(BCE), d, g), run(Monitor(BCE), d, g, steps=range(1, 2001))
    assert abs(min(coarse) - min(fine)) <= 20


def test_collapse_needs_pictures_that_had_differed_and_patience():
    def variety(step):
        return 0.02 if step < 300 else 0.8 if step < 1000 else 0.05

    found = run(Monitor(BCE), lambda s: 0.6, lambda s: 0.9, variety=variety)
    assert found == {1200: COLLAPSE}


def test_a_dip_is_no_collapse_but_a_doubtful_moment():
    monitor = Monitor(BCE)
    for look, (variety, doubtful) in enumerate([(0.8, False), (0.1, True), (0.1, True), (0.3, False), (0.1, True)], 1):
        assert monitor.see(100 * look, 0.6, 0.9, variety) is None
        assert monitor.doubtful is doubtful


def test_pictures_that_never_begin_to_differ_are_told_once():
    found = run(Monitor(BCE), lambda s: 0.6, lambda s: 0.9, range(10, 4001, 10), lambda s: 0.05)
    assert found == {100 * gan_health.SLOW: ALIKE}


@pytest.mark.parametrize("losses", [(math.nan, 1.0), (0.5, math.inf)])
def test_not_finite(losses):
    assert Monitor(BCE).see(10, *losses) == NOT_FINITE
    assert Monitor(None).see(10, *losses) == NOT_FINITE


def test_a_monitor_that_is_put_back_goes_on_as_if_nothing_had_happened():
    def d(step):
        return 0.7 * math.exp(-step / 100)

    def g(step):
        return 0.7 + step / 200

    def variety(step):
        return 0.9 if step < 1500 else 0.05

    whole = run(Monitor(BCE), d, g, variety=variety)
    assert sorted(whole.values()) == [COLLAPSE, DOMINANCE]
    first, second = Monitor(BCE), Monitor(BCE)
    found = run(first, d, g, range(10, 401, 10), variety)
    second.load_state(first.state())
    assert found | run(second, d, g, range(410, 2001, 10), variety) == whole


def test_spread_is_the_root_mean_square_distance_of_two_pictures():
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 5)).astype(np.uint8)
    flat = images.reshape(7, -1).astype(np.float64)
    pairs = [((flat[i] - flat[j]) ** 2).mean() for i in range(7) for j in range(i)]
    assert spread(images) == pytest.approx(math.sqrt(np.mean(pairs)))
    assert spread(images[[0, 0, 0]]) == 0


def test_every_finding_has_words():
    for finding in (DOMINANCE, COLLAPSE, ALIKE):
        assert "--d-lr" in ADVICE[finding]
        assert "--dropout" in ADVICE[finding]
    assert "--d-lr" in ADVICE[NOT_FINITE]
