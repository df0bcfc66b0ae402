"""Figures for the quality of pictures: distances with known values, features, small networks as judges, the command."""

import argparse
import functools
import json

import numpy as np
import pytest
import scipy.linalg

import tinygen as tg
from tinygen.cli import quality as command
from tinygen.cli.common import Parser
from tinygen.data.download import cache_dir
from tinygen.data.images import ImageData, is_here, load_images
from tinygen.data.synthetic import font_digits
from tinygen.models.squeezenet import squeezenet
from tinygen.quality import (
    Features,
    accuracy,
    class_network,
    classifier,
    compare,
    distances,
    features,
    frechet_distance,
    judge_classes,
    kernel_distance,
    probabilities,
    report,
    squared_mmd,
    two_sample_test,
)
from tinygen.random import Generator

WEIGHTS = "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"


def normal(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def exactly(mean, root, n=200, seed=0):
    """Points whose mean is ``mean`` and whose covariance is root'root, to the last bit but rounding."""
    x = normal(n, len(mean), seed)
    q, _ = np.linalg.qr(x - x.mean(0))
    return q * np.sqrt(n - 1) @ root + mean


# The Fréchet distance ---------------------------------------------------------------------------------------


def test_frechet_of_normal_distributions_has_its_closed_form():
    a, b = np.array([1.0, 2.0, 0.5]), np.array([3.0, 0.1, 0.5])  # standard deviations on the axes
    m = np.array([0.5, -1.0, 2.0])
    found = frechet_distance(exactly(m, np.diag(a)), exactly(0 * m, np.diag(b), 300, 1))
    assert found == pytest.approx((m**2).sum() + ((a - b) ** 2).sum(), rel=1e-12)


def test_frechet_of_covariances_that_do_not_commute_agrees_with_scipys_root():
    root_a, root_b = normal(6, 6, 1), normal(6, 6, 2)
    s_a, s_b = root_a.T @ root_a, root_b.T @ root_b
    wanted = np.trace(s_a + s_b - 2 * scipy.linalg.sqrtm(s_a @ s_b).real)
    found = frechet_distance(exactly(np.zeros(6), root_a), exactly(np.zeros(6), root_b, 50, 3))
    assert found == pytest.approx(wanted, rel=1e-9)


def test_frechet_of_singular_covariances():
    """Two points each: S_a = uu'/2 and S_b = vv'/2, so that tr (S_a S_b)^(1/2) = |u.v|/2."""
    u, v = normal(2, 40)
    a, b = np.stack([u / 2, -u / 2]), np.stack([v / 2, -v / 2])
    assert frechet_distance(a, b) == pytest.approx(u @ u / 2 + v @ v / 2 - abs(u @ v), rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(50, 70, 8), (5, 9, 30), (8, 8, 8)])
def test_frechet_is_a_distance_and_does_not_know_of_axes(n, m, d):
    a, b = normal(n, d), normal(m, d, 1) * 1.5 + 1
    there = frechet_distance(a, b)
    assert there > 0
    assert frechet_distance(b, a) == pytest.approx(there, rel=1e-12)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-12)
    turned, _ = np.linalg.qr(normal(d, d, 2))
    assert frechet_distance(a @ turned + 5, b @ turned + 5) == pytest.approx(there, rel=1e-9)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * there, rel=1e-12)
    assert frechet_distance(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(there, rel=1e-5)


def test_frechet_and_kernel_do_not_depend_on_blocks(monkeypatch):
    a, b = normal(90, 12), normal(70, 12, 1) + 0.3
    whole = frechet_distance(a, b), squared_mmd(a, b)
    monkeypatch.setattr(distances, "BLOCK", 7)
    assert (frechet_distance(a, b), squared_mmd(a, b)) == pytest.approx(whole, rel=1e-10)


def test_frechet_is_too_large_for_few_points():
    found = [frechet_distance(normal(n, 20), normal(n, 20, 1)) for n in (50, 200, 800)]
    assert found[0] > 2 * found[1] > 4 * found[2] > 0


# The kernel distance ----------------------------------------------------------------------------------------


def test_the_kernel_distance_by_hand():
    """k(x, y) = (xy + 1)^3: 29/3 within 0, 1, 2; 1 within 0, 0, 1; 42/9 between them."""
    a, b = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [0.0], [1.0]])
    assert squared_mmd(a, b) == pytest.approx(29 / 3 + 1 - 2 * 42 / 9, rel=1e-14)
    assert squared_mmd(b, a) == pytest.approx(4 / 3, rel=1e-14)
    # 2 features that say the same are one: x.y / D
    assert squared_mmd(a.repeat(2, 1), b.repeat(2, 1)) == pytest.approx(4 / 3, rel=1e-14)


def third_moments(mean):
    """E x, E x^2 and E x^3 of N(mean, 1)."""
    return np.array([mean, mean**2 + 1, mean**3 + 3 * mean])


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_the_kernel_distance_is_unbiased(shift):
    """E (xy + 1)^3 = 1 + 3 Ex Ey + 3 Exx Eyy + Exxx Eyyy, so the distance is a weighted one of the moments."""
    wanted = (np.array([3, 3, 1]) * (third_moments(0) - third_moments(shift)) ** 2).sum()
    rng = np.random.default_rng(0)
    found = np.array([squared_mmd(rng.normal(size=(12, 1)), rng.normal(size=(15, 1)) + shift) for _ in range(3000)])
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - wanted) < 4 * error
    assert error < 0.15
    assert (found < 0).any()


def test_the_error_of_the_kernel_distance_is_that_of_another_draw():
    rng = np.random.default_rng(1)
    found = np.array([
        kernel_distance(rng.normal(size=(200, 4)), rng.normal(size=(200, 4)) + 0.3, 10, Generator(i))
        for i in range(200)
    ])
    assert np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(found[:, 0].std(), rel=0.15)


def test_the_kernel_distance_repeats_itself():
    a, b = normal(60, 5), normal(90, 5, 1)
    assert kernel_distance(a, b, 6, Generator(3)) == kernel_distance(a, b, 6, Generator(3))
    assert kernel_distance(a, b, 6, Generator(3)) != kernel_distance(a, b, 6, Generator(4))
    assert kernel_distance(a, b) == kernel_distance(a, b, 10, Generator(0))


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (frechet_distance, (normal(1, 3), normal(5, 3)), r"`a` is float64 of shape \(1, 3\)"),
        (frechet_distance, (normal(5, 3), normal(5, 4)), "`a` has 3 features and `b` 4"),
        (frechet_distance, (normal(5, 3), np.full((5, 3), np.nan)), "`b` holds NaN"),
        (squared_mmd, (normal(5, 3), np.ones((5, 3), int)), "`b` is int64"),
        (squared_mmd, (normal(5, 3)[0], normal(5, 3)), r"`a` is float64 of shape \(3,\)"),
        (kernel_distance, (normal(5, 3), normal(30, 3)), "N at least 20"),
        (kernel_distance, (normal(5, 3), normal(30, 3), 1), "`subsets` is 1"),
    ],
)
def test_distances_refuse_what_does_not_fit(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


# Features and the report ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """SqueezeNet with random weights, in a file."""
    path = tmp_path_factory.mktemp("quality") / "random.safetensors"
    tg.save(path, squeezenet(None, generator=Generator(0)).state_dict())
    return path


@pytest.fixture(scope="module")
def network(weights):
    return Features(weights, size=32)


def some(n, channels=3, side=12, seed=0, high=256):
    return np.random.default_rng(seed).integers(0, high, (n, channels, side, side), dtype=np.uint8)


def test_features(network, monkeypatch):
    images = some(6)
    found = network(images)
    assert (found.shape, found.dtype) == ((6, 512), np.float32)
    assert str(network) == "SqueezeNet fire9/concat at 32 x 32"
    monkeypatch.setattr(features, "PIXELS", 2 * 32 * 32)  # two pictures at a time
    np.testing.assert_allclose(network(images), found, rtol=1e-4, atol=1e-6 * np.abs(found).max())
    grey = some(3, channels=1, side=40)  # shrinks
    np.testing.assert_array_equal(network(grey), network(grey.repeat(3, 1)))


def test_features_of_real_pictures_are_computed_once(network, monkeypatch):
    images, asked = some(5, seed=7), []
    compute = network._compute
    monkeypatch.setattr(network, "_compute", lambda x: asked.append(len(x)) or compute(x))
    first = network(images[:4], keep=True)
    again = network(images[[4, 1, 0]], keep=True)
    assert asked == [4, 1]
    np.testing.assert_array_equal(again[1:], first[[1, 0]])
    network(images[:2])
    assert asked == [4, 1, 2]


def test_features_refuse_what_does_not_fit(weights, network):
    with pytest.raises(ValueError, match="`layer` is 'nosuch'; valid are conv1"):
        Features(weights, "nosuch")
    with pytest.raises(ValueError, match="`size` is 30"):
        Features(weights, size=30)
    for images in (some(2).astype(np.float32), some(2)[0], some(0)):
        with pytest.raises(ValueError, match="`images` is"):
            network(images)


def test_compare_takes_the_same_number_everywhere(network):
    real = some(70, high=200)
    found = compare(some(50, seed=1, high=200), real, network, name="reals")
    assert (found.n, found.real) == (35, "reals")
    assert compare(some(50, seed=1), real, network, n=25).n == 25
    assert compare(some(50, seed=1), real, network, reference=some(30, seed=2)).n == 30
    again = compare(some(50, seed=1, high=200), real, network, name="reals")
    assert again == found
    first, second, third = found.lines()
    assert first == "35 generated pictures against 35 reals (SqueezeNet fire9/concat at 32 x 32)"
    assert f"{found.frechet:.2f}" in second
    assert "35 each" in second
    assert f"{found.kernel:.4f} +- {found.kernel_error:.4f}" in third


def test_compare_puts_like_pictures_at_the_floor_and_others_far_above(network):
    real = some(120, high=200)
    like, other = (compare(some(60, seed=1, high=high), real, network) for high in (200, 100))
    assert like.frechet_floor == other.frechet_floor
    assert like.frechet < 1.5 * like.frechet_floor
    assert abs(like.kernel) < 4 * like.kernel_error
    assert other.frechet > 5 * other.frechet_floor
    assert other.kernel > 4 * other.kernel_error


def test_compare_does_not_know_the_scale_of_features(network):
    def tenfold(images, keep=False):
        return 10 * network(images)

    made = [compare(some(30), some(70, seed=1), function) for function in (network, tenfold)]
    for name in ("frechet", "kernel", "kernel_error", "frechet_floor", "kernel_floor"):
        assert getattr(made[0], name) == pytest.approx(getattr(made[1], name), rel=1e-4), name


def test_compare_draws_from_all_of_the_reference(network):
    real, mixed = some(30), np.concatenate([some(30, seed=1, high=100), some(150, seed=2)])
    whole, dark = (compare(real, real, network, reference=part) for part in (mixed, mixed[:30]))
    assert (whole.n, dark.n) == (30, 30)
    assert whole.frechet_floor < 0.5 * dark.frechet_floor


def test_compare_needs_enough_pictures(network):
    with pytest.raises(ValueError, match="`n` is 19, from 30 generated and 39 real pictures; it must be at least 20"):
        compare(some(30), some(39), network)
    with pytest.raises(ValueError, match="40 generated and 40 real and 5 other real"):
        compare(some(40), some(40), network, reference=some(5))


@pytest.mark.skipif(not is_here("cifar10-frogs"), reason="needs CIFAR-10's frogs")
@pytest.mark.skipif(not (cache_dir() / WEIGHTS).is_file(), reason="needs SqueezeNet's weights")
def test_more_damage_to_real_frogs_is_farther_away():
    network = Features(size=64)
    frogs = load_images("cifar10-frogs").images[:180]
    real, other = network(frogs[:60]), frogs[60:120].astype(np.float64)
    noise = np.random.default_rng(0).standard_normal(other.shape)
    smooth = scipy.ndimage.gaussian_filter
    damage = {
        "noise": [other + s * noise for s in (0, 8, 16, 32)],
        "blur": [smooth(other, (0, 0, s, s)) for s in (0, 0.8, 2)],
        "contrast": [other.mean() + c * (other - other.mean()) for c in (1, 0.6, 0.3)],
        "variety": [other[np.arange(60) % k] for k in (60, 20, 5)],
    }
    for name, steps in damage.items():
        made = [network(np.rint(np.clip(x, 0, 255)).astype(np.uint8)) for x in steps]
        for distance in (frechet_distance, squared_mmd):
            found = [distance(real, x) for x in made]
            assert found == sorted(found), (name, distance)
            assert found[-1] > 1.5 * found[0], (name, distance)
    clean = network(frogs[120:])
    assert frechet_distance(real, clean) == pytest.approx(frechet_distance(real, network(frogs[60:120])), rel=0.1)


# Small networks as judges -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    images, labels = font_digits(2400, "train")
    return ImageData(images, labels, list("0123456789"), "font-digits")


def test_two_halves_of_the_same_digits_cannot_be_told_apart_and_noise_can(digits):
    a, b = digits.images[:600], digits.images[600:1200]
    same = two_sample_test(a, b, steps=100)
    assert same == two_sample_test(a, b, steps=100)
    assert same.n == 600
    assert same.error == pytest.approx(np.sqrt(same.accuracy * (1 - same.accuracy) / 600))
    assert abs(same.accuracy - 0.5) < 4 * 0.5 / np.sqrt(600)
    noisy = np.clip(b + np.random.default_rng(0).normal(0, 30, b.shape), 0, 255).astype(np.uint8)
    told = two_sample_test(a[:301], noisy, steps=100)
    assert told.accuracy > 0.95
    assert told.n == 2 * 151  # the half is rounded down for training


def test_two_sample_test_refuses_what_does_not_fit(digits):
    with pytest.raises(ValueError, match="they must have one shape"):
        two_sample_test(digits.images, some(9))
    with pytest.raises(ValueError, match="at least 4 of each"):
        two_sample_test(digits.images, digits.images[:3])


@pytest.fixture(scope="module")
def kept(digits, tmp_path_factory):
    """A class network, and the file that keeps it."""
    path = tmp_path_factory.mktemp("classes") / "digits.safetensors"
    return class_network(digits.subset(slice(0, 2000)), path), path


def test_the_class_network_learns_and_is_kept(digits, kept):
    model, path = kept
    train, test = digits.subset(slice(0, 2000)), digits.subset(slice(2000, None))
    assert accuracy(model, test.images, test.labels) > 0.85
    p = probabilities(model, test.images)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    lines = []
    again = class_network(train, path, say=lines.append)
    assert lines == []
    np.testing.assert_array_equal(probabilities(again, test.images), p)
    with pytest.raises(ValueError, match=r"holds another network than is wanted \(it differs in `seed`\)"):
        class_network(train, path, seed=1)
    with pytest.raises(ValueError, match="`data_crc32`"):
        class_network(test, path)


def test_the_class_network_repeats_itself(digits, tmp_path):
    few = digits.subset(slice(0, 200))
    for name in ("a", "b"):
        class_network(few, tmp_path / name, epochs=1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_class_network_refuses_what_does_not_fit(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "fit", lambda *_: pytest.fail("trained before it was told"))
    with pytest.raises(ValueError, match="has no classes as labels"):
        class_network(ImageData(digits.images, name="x"))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        class_network(digits, tmp_path / "nosuch" / "a")
    for metadata in ({}, {"about": "a cat"}, {"about": "[1]"}):
        tg.save(tmp_path / "other", {"x": np.zeros(3)}, metadata)
        with pytest.raises(ValueError, match="other` holds another network"):
            class_network(digits, tmp_path / "other")


@pytest.fixture
def quick(monkeypatch):
    """Two-sample tests of 50 steps."""
    monkeypatch.setattr(report, "two_sample_test", functools.partial(two_sample_test, steps=50))


@pytest.mark.usefixtures("quick")
def test_judging_digits(digits, kept):
    train, held_out = digits.subset(slice(0, 2000)), digits.subset(slice(2000, None))
    ones = train.images[train.labels == 1][:100]
    inverted = lambda images: 255 - images  # noqa: E731
    found = judge_classes(ones, train, held_out, reconstruct=inverted, classifier=kept[1], n=100)
    assert (found.n, found.real_n, found.known) == (100, 100, 400)
    assert found.generated[1] > 0.9
    assert found.difference > 0.6
    assert sum(found.real) == pytest.approx(1)
    assert found.two_sample.accuracy > 0.65
    assert abs(found.two_sample_floor.accuracy - 0.5) < 0.2
    assert found.accuracy > 0.85
    assert found.reconstructed < 0.6
    alike = judge_classes(held_out.images, train, None, classifier=kept[1], n=300)
    assert (alike.n, alike.accuracy, alike.reconstructed) == (300, None, None)
    assert alike.difference < 0.15
    lines = "\n".join(found.lines())
    for part in ("of 100 pictures", "100 generated and 100 real", "of 400 held-out pictures", "reconstructions"):
        assert part in lines
    with pytest.raises(ValueError, match="`n` is 5"):
        judge_classes(ones[:5], train)


# The command ------------------------------------------------------------------------------------------------


def run(arguments, generated, train, held_out=None, reconstruct=None):
    """Run ``quality``; returns the status and the number of pictures and the seeded draw that were asked for."""
    asked = []

    def pictures_of(path, n, generator):
        asked.append((str(path), n, float(generator.uniform())))
        return generated, train, held_out

    parser = Parser(prog="tinygen gan")
    command.add_quality(parser.add_subparsers(parser_class=Parser), pictures_of, reconstruct)
    parsed = parser.parse_args(["quality", *map(str, arguments)])
    assert isinstance(parsed, argparse.Namespace)
    return parsed.run(parsed), asked


@pytest.mark.usefixtures("quick")
def test_the_command_prints_and_writes_the_figures(weights, kept, digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TINYGEN_SEED", "3")
    train, held_out = digits.subset(slice(0, 2000)), digits.subset(slice(2000, 2025))
    path = tmp_path / "figures.json"
    given = ["RUN", "-n", 24, "--weights-file", weights, "--layer", "fire4/concat", "--json", path]
    status, asked = run(given, held_out.images, train, held_out)
    out = capsys.readouterr().out
    assert status == 0
    assert asked[0][:2] == ("RUN", 24)
    told = json.loads(path.read_text())
    assert (told["seed"], [d["n"] for d in told["distances"]]) == (3, [24, 24])
    assert "24 generated pictures against 24 training pictures (SqueezeNet fire4/concat at 96 x 96)" in out
    assert "24 generated pictures against 24 held-out pictures" in out
    assert f"{told['distances'][1]['frechet']:.2f}" in out
    bytes_ = path.read_bytes()
    assert run(given, held_out.images, train, held_out)[1] == asked
    assert path.read_bytes() == bytes_
    few = held_out.subset(slice(0, 5))
    digit_options = ["--digits", "--classifier", kept[1], "--seed", "0"]
    run([*given, *digit_options], held_out.images, train, few, lambda path, images: images)
    captured = capsys.readouterr()
    assert "only 5 held-out pictures: too few to compare with" in captured.err
    assert "told from real by a network" in captured.out
    told = json.loads(path.read_text())
    assert told["digits"]["accuracy"] == told["digits"]["reconstructed"]
    assert len(told["distances"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "19"], "`--count` is 19; it must be at least 20"),
        (["--classifier", "x"], "`--classifier` is 'x'; it goes with --digits"),
        (["--json", "nosuch/x"], "`--json` is 'nosuch/x'"),
        (["--json", "."], "`--json` is '.'"),
        (["--digits", "--classifier", "nosuch/x"], "`--classifier` is 'nosuch/x'"),
        (["--layer", "nosuch"], "`layer` is 'nosuch'; valid are"),
        (["--weights-file", "nosuch"], "'nosuch', which does not exist"),
        (["--digits"], "`--digits` needs pictures with classes"),
    ],
)
def test_bad_input_is_told_before_anything_is_computed(arguments, message, weights, monkeypatch):
    monkeypatch.setattr(command, "compare", lambda *_, **__: pytest.fail("computed before it was told"))
    if "--weights-file" not in arguments:
        arguments = ["--weights-file", weights, *arguments]
    with pytest.raises((ValueError, OSError)) as caught:
        run(["RUN", *arguments], some(30), ImageData(some(60)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_without_enough_training_pictures_is_refused(weights):
    with pytest.raises(ValueError, match="`n` is 15"):
        run(["RUN", "-n", report.LEAST, "--weights-file", weights], some(30), ImageData(some(30)))
