"""Style transfer: its losses beside NumPy's and finite differences, its search, its colours."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import models, nn
from tinygen.data.download import cache_dir
from tinygen.generators import style, style_loss
from tinygen.pictures import resize

LAYERS = {"content_layer": "block2_conv2", "style_layers": ["block1_conv1", "block2_conv1"]}
REAL = {"content_layer": "block3_conv3", "style_layers": ["block1_conv1", "block2_conv1", "block3_conv1"]}


def make_pictures(height=20, width=26):
    """A photograph of a few shapes, and two paintings of stripes, uint8 (3, H, W)."""
    y, x = np.mgrid[:height, :width]
    content = np.stack([90 + 100 * (x > width / 2), 60 + 4 * y, 160 - 3 * x + 0 * y])
    stripes = np.stack([128 + 100 * np.sin(x + y), 128 + 80 * np.sin(x + y + 1), 60 + 0 * x])
    checks = np.stack([200 * ((x // 3 + y // 3) % 2), 90 + 0 * x, 255 - 200 * (x // 3 % 2)])
    return [np.clip(image, 0, 255).astype(np.uint8) for image in (content, stripes, checks)]


def settings_for(preset, styles=1, **changes):
    given = {"content": "c.png", "styles": ["s.png"] * styles, "weights": "random"} | LAYERS
    return style.settings_for(preset, **given | changes)


@pytest.fixture(scope="module")
def vgg():
    return style.load_network(settings_for("tuned"), "cpu")


class Tiny(nn.Module):
    """Two layers in float64, smooth, so that finite differences tell."""

    name, layer_names, available = "tiny", ["a", "b"], ["a", "b"]

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(1)
        self.first = nn.Parameter(rng.normal(size=(4, 3, 3, 3)) * 0.4)
        self.second = nn.Parameter(rng.normal(size=(5, 4, 3, 3)) * 0.4)
        self.requires_grad_(False)

    def preprocess(self, x):
        return x.double() * (1 / 127.5) - 1

    def forward(self, x, layers):
        a = nn.functional.conv2d(x, self.first, padding=1).tanh()
        return {"a": a, "b": nn.functional.conv2d(a, self.second, stride=2).tanh()}


# ---------------------------------------------------------------------------------------------------------- losses


def test_gram_of_many_places_is_right_in_float32():
    features = np.random.default_rng(0).random((1, 6, 400, 533), np.float32) * 100
    flat = features.reshape(6, -1).astype(np.float64)
    found = style.gram(tg.tensor(features)).numpy()
    assert found.shape == (1, 6, 6)
    np.testing.assert_allclose(found[0], flat @ flat.T, rtol=3e-6)


def test_gram_has_derivatives_of_both_orders():
    features = tg.randn(2, 3, 2, 4, dtype=tg.float64, generator=tg.Generator(0)).requires_grad_()
    tg.testing.gradcheck(style.gram, [features])
    tg.testing.gradgradcheck(style.gram, [features])


def test_total_variation_is_the_chapters_sum():
    x = np.random.default_rng(0).random((2, 3, 5, 4)) * 255
    total = 0.0
    for n in range(2):
        for c in range(3):
            for i in range(4):
                for j in range(3):
                    down, right = x[n, c, i, j] - x[n, c, i + 1, j], x[n, c, i, j] - x[n, c, i, j + 1]
                    total += (down**2 + right**2) ** 1.25
    assert style.total_variation(tg.tensor(x)).item() == pytest.approx(total, rel=1e-12)
    assert style.total_variation(tg.tensor(x[:, :, :1])).item() == 0


@pytest.mark.parametrize("relative", [False, True])
def test_the_losses_are_those_of_numpy(vgg, relative):
    """The docstring's formulas on float64 arrays, two paintings of two sizes with shares."""
    content, first, second = make_pictures()
    second = resize(second, (31, 18))
    changes = {"style_blend_weights": [3.0, 1.0], "relative": relative, "tv_weight": 0.01, "style_weight": 2.0}
    settings = settings_for("book", 2, **changes)
    objective = style.Objective(vgg, settings, content, [first, second])
    picture = np.random.default_rng(2).random((1, 3, 20, 26), np.float32) * 255

    def features(image):
        x = image.astype(np.float32)[::-1] - np.array([103.939, 116.779, 123.68], np.float32).reshape(3, 1, 1)
        found = vgg(np.ascontiguousarray(x)[None], layers=["block1_conv1", "block2_conv1", "block2_conv2"])
        return {name: f.numpy()[0].reshape(f.shape[1], -1).astype(np.float64) for name, f in found.items()}

    here, there = features(picture[0]), features(content)
    size = 20 * 26
    want_content = ((here["block2_conv2"] - there["block2_conv2"]) ** 2).sum() * settings.content_weight
    want_style = 0.0
    for painting, share in ((first, 0.75), (second, 0.25)):
        seen = features(painting)
        for name in settings.style_layers:
            p, q = here[name], seen[name]
            target = q @ q.T * (p.shape[1] / q.shape[1])
            by = (target**2).sum() if relative else 4 * 3**2 * size**2
            want_style += 2.0 / 2 * share * ((p @ p.T - target) ** 2).sum() / by
    x = picture[0].astype(np.float64) / (255 if relative else 1)
    steps = (x[:, :-1, :-1] - x[:, 1:, :-1]) ** 2 + (x[:, :-1, :-1] - x[:, :-1, 1:]) ** 2
    want_tv = 0.01 * (steps**1.25).sum() / (size if relative else 1)
    if relative:
        want_content /= (there["block2_conv2"] ** 2).sum()
    np.testing.assert_allclose(objective(tg.tensor(picture)).numpy(), [want_content, want_style, want_tv], rtol=2e-5)


def test_the_photograph_itself_has_no_content_loss_and_the_painting_no_style_loss(vgg):
    content, painting, _ = make_pictures()
    objective = style.Objective(vgg, settings_for("book"), content, [painting])
    assert objective(tg.tensor(content[None].astype(np.float32)))[0].item() == 0
    assert objective(tg.tensor(painting[None].astype(np.float32)))[1].item() == 0


@pytest.mark.parametrize("preset", ["book", "tuned"])
def test_gradient(preset):
    content, first, second = make_pictures(7, 6)
    changes = {"content_layer": "b", "style_layers": ["a", "b"], "tv_weight": 1e-3}
    objective = style.Objective(Tiny(), settings_for(preset, 2, **changes), content, [first, second])
    objective.content_factor, objective.tv_factor = 0.7, 1e-6  # so that all three count
    objective.styles = [(name, target, 1 / style.size_of(target)) for name, target, _ in objective.styles]
    x = tg.tensor(np.random.default_rng(3).random((1, 3, 7, 6)) * 255, requires_grad=True)
    assert objective(x).detach().numpy().min() > 1e-3
    direction = np.random.default_rng(4).normal(size=x.shape)
    objective(x).sum().backward()
    slope = float((x.grad.numpy() * direction).sum())
    h = 1e-4
    sides = [objective(tg.tensor(x.detach().numpy() + s * h * direction)).sum().item() for s in (1, -1)]
    assert (sides[0] - sides[1]) / (2 * h) == pytest.approx(slope, rel=1e-6)


def test_the_layers_of_every_network_are_there():
    for name, (content, styles) in style.LAYERS.items():
        assert {content, *styles} <= set(models.NETWORKS[name]().layer_names), name


def test_a_black_photograph_is_no_division_by_zero(vgg):
    _, painting, _ = make_pictures()
    black = np.zeros_like(painting)
    network = Tiny()
    network.preprocess = lambda x: x.double()  # so that all features are 0
    settings = settings_for("tuned", content_layer="b", style_layers=["a"])
    for content, by in ((black, painting), (painting, black)):
        parts = style.Objective(network, settings, content, [by])(tg.tensor(painting[None].astype(np.float64)))
        assert np.isfinite(parts.numpy()).all()


# ---------------------------------------------------------------------------------------------------------- search


def run_rounds(vgg, rounds, preset="tuned", **changes):
    content, painting, _ = make_pictures()
    settings = settings_for(preset, **changes)
    work = style.Transfer(settings, style.Objective(vgg, settings, content, [painting]), content.astype(np.float32))
    losses = [work.parts()["loss"]]
    for _ in range(rounds):
        work.round()
        losses.append(work.parts()["loss"])
    return work, losses


def test_one_lbfgs_kept_alive_needs_fewer_evaluations_than_restarts(vgg):
    kept, alive = run_rounds(vgg, 8, evaluations=10)
    fresh, anew = run_rounds(vgg, 8, evaluations=10, restart=True)
    assert kept.evaluations == fresh.evaluations == 80
    assert alive[7] < anew[8] < anew[0] / 10  # 70 evaluations do more than 80
    assert all(a < b for a, b in zip(alive[2:], anew[2:], strict=True))


def test_every_round_of_the_book_goes_down(vgg):
    for preset, most in (("book", 16), ("book-python", 20)):
        work, losses = run_rounds(vgg, 3, preset)
        assert losses[3] < losses[2] < losses[1] < losses[0] / 2
        assert work.status == {"book": "max_iter", "book-python": "max_eval"}[preset]
        assert most <= work.evaluations / 3 <= 25


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_round_brings_no_more_than_a_few_numbers_to_the_host(optimizer, fake, monkeypatch):
    content, painting, _ = make_pictures()
    settings = settings_for("tuned", evaluations=8, optimizer=optimizer)
    objective = style.Objective(style.load_network(settings, "fake:0"), settings, content, [painting], "fake:0")
    work, brought = style.Transfer(settings, objective, content.astype(np.float32), "fake:0"), []
    for name in ("get", "tolist"):
        method = getattr(fake.ndarray, name)
        monkeypatch.setattr(fake.ndarray, name, lambda a, method=method: (brought.append(a.size), method(a))[1])
    fake.waits.clear()
    work.round()
    work.round()
    assert len(brought) == len(fake.waits)  # nothing came another way
    if optimizer == "adam":
        assert not brought
    else:
        assert max(brought) <= 2 * (settings.history_size + 1) + 4
        assert len(brought) <= 16 * 5  # a step waits five times: two for the point where it stands, three for the next


def test_the_smallest_weights_are_frozen(tmp_path):
    """Of frozen weights kernels keep up to eight times their size."""
    settings = settings_for("tuned", weights=str(tmp_path / "w.safetensors"))
    network = models.vgg16(generator=tg.Generator(0))
    tg.save(settings.weights, network.state_dict())
    needed = {"block2_conv2": 4, "block5_conv1": 11}  # convolutions
    for weights, layer, tile in itertools.product((settings.weights, "random"), needed, (0, 32)):
        changed = dataclasses.replace(settings, network="vgg16", weights=weights, content_layer=layer, tile=tile)
        if layer == "block2_conv2":
            changed = dataclasses.replace(changed, style_layers=("block1_conv1",))
        found = style.load_network(changed, "cpu")
        assert not any(p.requires_grad for p in found.parameters())
        used = list(found.parameters())[: 2 * needed[layer]]
        frozen = [p._data.nbytes for p in used if not p._data.flags.writeable]
        others = [p._data.nbytes for p in used if p._data.flags.writeable]
        assert sum(frozen) <= style_loss.MOST_FROZEN
        if tile:
            assert not frozen
        elif layer == "block2_conv2":
            assert not others
        else:
            assert max(frozen) <= min(others)
            assert sum(frozen) + min(others) > style_loss.MOST_FROZEN


def test_adam(vgg):
    work, losses = run_rounds(vgg, 3, optimizer="adam", evaluations=15)
    assert losses[3] < losses[0] / 5
    assert work.evaluations == 45


def test_the_first_step_is_about_a_grey_level(vgg):
    work, _ = run_rounds(vgg, 0, evaluations=2)
    before = work.picture().detach().numpy()
    work.round()
    moved = math.sqrt(((work.picture().detach().numpy() - before) ** 2).mean())
    assert 0.5 < moved < 2


def test_a_loss_that_is_not_finite_is_an_error(vgg):
    work, _ = run_rounds(vgg, 0)
    work.pixels.data = work.pixels.detach().numpy() * np.float32(np.nan)
    with pytest.raises(ValueError, match="the loss became nan in round 0"):
        work.parts()


# ---------------------------------------------------------------------------------------------------------- colours


def test_original_colors_keep_the_luminance_of_one_and_the_hues_of_the_other():
    rng = np.random.default_rng(0)
    image, content = (rng.integers(0, 256, (3, 9, 8)).astype(np.uint8) for _ in range(2))
    made = style.keep_colors(image, content)
    assert made.min() >= -1e-3
    assert made.max() <= 255 + 1e-3
    np.testing.assert_allclose(style.luminance(made), style.luminance(image), atol=1e-3)
    # what is left of the colour points the way that the photograph's did, and is all of it where there is room
    before, after = content - style.luminance(content), made - style.luminance(made)
    share = (after * before).sum(0) / (before * before).sum(0)
    np.testing.assert_allclose(after, share * before, atol=2e-2)
    assert share.max() <= 1 + 1e-5
    assert (share > 0.999).mean() > 0.1


def test_original_colors_of_a_picture_that_is_the_photograph_changes_nothing():
    content = make_pictures()[0]
    np.testing.assert_allclose(style.keep_colors(content, content), content, atol=1e-3)


def test_the_picture_of_a_run_has_the_photographs_colours(vgg):
    work, _ = run_rounds(vgg, 1, original_colors=True)
    content = make_pictures()[0]
    made, plain = work.image(content), work.picture().detach().numpy()[0]
    np.testing.assert_allclose(style.luminance(made), style.luminance(np.clip(plain, 0, 255)), atol=0.6)
    assert np.abs(made - np.clip(plain, 0, 255)).max() > 5


def test_where_it_begins():
    content = make_pictures()[0]
    settings = settings_for("tuned")
    np.testing.assert_array_equal(style.first_picture(settings, content, tg.Generator(0)), content)
    noise = style.first_picture(settings_for("tuned", init="random"), content, tg.Generator(0))
    assert noise.shape == content.shape
    assert 110 < noise.mean() < 145
    assert noise.std() > 30


# -------------------------------------------------------------------------------------------------------- real data


@pytest.fixture(scope="module")
def real():
    if not list(cache_dir().glob("vgg19*_notop.h5")):
        pytest.skip("the weights of VGG19 are not in the cache (TINYGEN_HOME)")
    return models.vgg19("imagenet", report=None)


def test_real_vgg19_takes_over_a_style(real):
    content, painting, _ = make_pictures(24, 32)
    settings = style.settings_for("tuned", content="c", styles=["s"], evaluations=10, **REAL)
    objective = style.Objective(real, settings, content, [painting])
    work = style.Transfer(settings, objective, content.astype(np.float32))
    before = work.parts()
    for _ in range(3):
        work.round()
    after = work.parts()
    assert after["style"] < before["style"] / 20
    assert after["loss"] < before["loss"] / 5
    red_and_green, blue = work.image(content)[:2].std(), work.image(content)[2].mean()
    assert red_and_green > content[:2].std()  # stripes
    assert blue < content[2].mean()  # the painting has little blue


def test_missing_weights_are_told_with_what_works(real):
    if not real.missing:
        pytest.skip("the file of VGG19 is whole")
    with pytest.raises(ValueError, match="`content_layer` has 'block5_conv2', whose weights are missing; valid are bl"):
        style.chosen_layers(style.settings_for("tuned", content="c", styles=["s"]), real)
    wrong = style.settings_for("tuned", content="c", styles=["s"], content_layer="block3_conv3", style_layers=["conv9"])
    with pytest.raises(ValueError, match="`style_layers` has 'conv9', which vgg19 lacks; valid are block1_conv1"):
        style.chosen_layers(wrong, real)


def test_real_squeezenet_takes_over_a_style():
    if not (cache_dir() / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5").is_file():
        pytest.skip("the weights of SqueezeNet are not in the cache (TINYGEN_HOME)")
    content, painting, _ = make_pictures(96, 96)
    settings = style.settings_for("tuned", content="c", styles=["s"], network="squeezenet", evaluations=10)
    objective = style.Objective(style.load_network(settings, "cpu"), settings, content, [painting])
    work = style.Transfer(settings, objective, content.astype(np.float32))
    before = work.parts()
    for _ in range(2):
        work.round()
    assert work.parts()["style"] < before["style"] / 4
