"""The GAN: the chapter's networks and step, losses that are their formulas, runs that go back and go on exactly."""

import json
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.generators import gan, gan_model
from tinygen.generators.gan_health import COLLAPSE
from tinygen.pictures import read_image

SMALL = {"width": 1 / 16, "batch_size": 4, "latent_dim": 6, "steps": 12, "log_every": 2, "health_every": 3,
         "save_every": 3, "sample_every": 6}


@pytest.fixture
def npz(tmp_path):
    """30 pictures of 8 x 8: a bright bar on the left or on top."""
    rng, images = np.random.default_rng(0), np.random.default_rng(1).integers(0, 60, (30, 8, 8)).astype(np.uint8)
    for image in images:
        if rng.random() < 0.5:
            image[:, :3] = 240
        else:
            image[:3] = 240
    np.savez(tmp_path / "bars.npz", images=images)
    return str(tmp_path / "bars.npz")


@pytest.fixture
def big(tmp_path):
    """9 colour pictures of 24 x 24, the least that the chapter's network takes."""
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 24, 24)).astype(np.uint8)
    np.savez(tmp_path / "big.npz", images=images)
    return str(tmp_path / "big.npz")


def small(data, preset="tuned", **changes):
    return gan.settings_for(preset, **{"data": data, **SMALL, **changes})


def weights(network):
    return {name: array.copy() for name, array in network.state_dict().items()}


def same(a, b):
    return all((a[name] == b[name]).all() for name in a)


# -------------------------------------------------------------------------------------------------------- the book


def test_the_book_preset_is_the_chapter():
    s = gan.settings_for("book")
    assert (s.latent_dim, s.batch_size, s.steps, s.label_noise, s.dropout, s.slope) == (32, 20, 10_000, 0.5, 0.4, 0.3)
    assert gan.settings_for("book-python").label_noise == 0.05
    model = gan.GAN(gan.settings_for("book", width=1 / 16), (3, 32, 32), tg.Generator(0))
    shapes = [tuple(p.shape) for name, p in model.generator.named_parameters() if name.endswith("weight")]
    assert shapes == [(8 * 16 * 16, 32), (16, 8, 5, 5), (16, 16, 4, 4), (16, 16, 5, 5), (16, 16, 5, 5), (3, 16, 7, 7)]
    shapes = [tuple(p.shape) for name, p in model.discriminator.named_parameters() if name.endswith("weight")]
    assert shapes == [(8, 3, 3, 3), (8, 8, 4, 4), (8, 8, 4, 4), (8, 8, 4, 4), (1, 8 * 2 * 2)]
    assert model.average is None
    kinds = [type(layer).__name__ for layer in model.discriminator]
    assert kinds == ["Conv2d", "LeakyReLU"] * 4 + ["Flatten", "Dropout", "Linear"]
    group = gan.make_optimizer(s, model.generator, s.g_lr).param_groups[0]
    assert [group[name] for name in ("lr", "alpha", "eps", "clip_value", "decay")] == [0.0004, 0.9, 1e-7, 1.0, 1e-8]
    assert s.d_lr == 0.0008
    for name, p in model.named_parameters():  # as Keras starts them
        fans = (p.shape[0] + p.shape[1]) * math.prod(p.shape[2:]) if p.ndim > 1 else 1
        assert np.abs(p.detach().numpy()).max() <= (0 if name.endswith("bias") else math.sqrt(6 / fans) * 1.0001)


def test_one_step_of_the_book_by_hand(big):
    s = small(big, "book-python", dropout=0.0, width=1 / 32)
    trainer = gan.Trainer(s, gan.load_data(s))
    g, d = trainer.gan.generator, trainer.gan.discriminator
    real = trainer.loader.dataset.batch(np.arange(4))[0]
    assert real.numpy().min() >= 0  # Q9
    z_d, z_g = (trainer.latents(4) for _ in range(2))
    noise = tg.tensor(0.05 * np.random.default_rng(0).random(8, np.float32))
    with tg.no_grad():
        scores = d(tg.cat([g(z_d), real])).numpy().ravel().astype(np.float64)
    p = np.clip(1 / (1 + np.exp(-scores)), 1e-7, 1 - 1e-7)
    t = np.repeat([1.0, 0.0], 4) + noise.numpy()  # 1 is generated
    before_g, before_d = weights(g), weights(d)
    # the generator moves last, through a discriminator that has moved: look at it in between
    seen = []
    trainer._train_generator = lambda z: (seen.append(weights(g)), gan.Trainer._train_generator(trainer, z))[1]
    d_loss, g_loss, d_real, d_fake = trainer.train_step(real, z_d, z_g, noise).tolist()
    assert d_loss == pytest.approx(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), rel=1e-5)
    assert (d_real, d_fake) == (pytest.approx(p[4:].mean(), rel=1e-5), pytest.approx(p[:4].mean(), rel=1e-5))
    assert same(seen[0], before_g)
    assert not same(weights(d), before_d)
    assert not same(weights(g), before_g)
    after = weights(g)
    g.load_state_dict(before_g)
    with tg.no_grad():
        p = tg.sigmoid(d(g(z_g))).numpy().astype(np.float64)
    assert g_loss == pytest.approx(-np.log(1 - p).mean(), rel=1e-5)
    # RMSprop's first step: v = 0.1 g^2, so that each number moves by about lr / sqrt(0.1)
    moved = np.abs(after["0.weight"] - before_g["0.weight"])
    assert moved.max() == pytest.approx(s.g_lr / math.sqrt(0.1), rel=0.01)


def test_the_discriminator_is_frozen_while_the_generator_learns(big):
    s = small(big, "book")
    trainer = gan.Trainer(s, gan.load_data(s))
    d = trainer.gan.discriminator
    d.zero_grad()
    before = weights(d)
    trainer._train_generator(trainer.latents(4))
    assert same(weights(d), before)
    assert all(p.grad is None for p in d.parameters())
    assert all(p.requires_grad for p in d.parameters())
    assert all(p.grad is not None for p in trainer.gan.generator.parameters())


def test_dropout_stays_active_in_both_steps(big):
    s = small(big, "book", dropout=0.9)
    trainer = gan.Trainer(s, gan.load_data(s))
    states = [trainer.generators["dropout"].state().tolist()]
    trainer._train_generator(trainer.latents(4))
    states.append(trainer.generators["dropout"].state().tolist())
    assert states[0] != states[1]


def test_the_book_walks_through_the_pictures_in_order(big):
    s = small(big, "book")
    trainer = gan.Trainer(s, gan.load_data(s))
    seen = []
    trainer.train_step = lambda real, *others: seen.append(real.numpy()) or tg.zeros(4)
    for _ in range(3):
        trainer.advance()
    images = gan.load_data(s).images.astype(np.float32) / 255
    for found, start in zip(seen, (0, 4, 0), strict=True):  # the ninth is left out
        np.testing.assert_allclose(found, images[start : start + 4], atol=1e-6)
    assert trainer.epoch == 2


# -------------------------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("network", "shape"),
    [("book", (3, 24, 24)), ("book", (1, 26, 34)), ("light", (1, 8, 12)), ("light", (3, 32, 32)),
     ("light", (1, 28, 28)), ("light", (3, 64, 48)), ("light", (1, 40, 128))],
)
@pytest.mark.parametrize("options", [{}, {"downsample": "pool"}, {"kernel": 3, "slope": 0.0, "g_norm": "none"},
                                     {"output": "sigmoid", "black": 0, "ema": 0.5}])
def test_any_size_that_the_networks_make(network, shape, options):
    if network == "book" and "downsample" in options and min(shape[1:]) < 32:
        pytest.skip("too small for the chapter's discriminator with pooling")
    s = gan.settings_for("tuned", network=network, width=1 / 32, latent_dim=3, **options)
    model = gan.GAN(s, shape, tg.Generator(0))
    made = model.pictures(model.latents(2, tg.Generator(1)))
    assert (made.shape, made.dtype) == ((2, *shape), np.uint8)
    with tg.no_grad():
        assert model.discriminator(tg.zeros(2, *shape)).shape == (2, 1)


@pytest.mark.parametrize(("network", "size"), [("book", (22, 32)), ("book", (25, 26)), ("light", (30, 32)),
                                               ("light", (4, 8)), ("light", (132, 128))])
def test_other_sizes_are_refused(network, size):
    with pytest.raises(ValueError, match=rf"`size`: the pictures are {size[0]} x {size[1]}; the {network} network"):
        gan_model.doublings(gan.settings_for("tuned", network=network), size)


def test_pictures_too_small_for_the_discriminator_are_refused():
    with pytest.raises(ValueError, match="`size`: the pictures are 24 x 24, too small"):
        gan.GAN(gan.settings_for("book", downsample="pool", width=0.1), (3, 24, 24), tg.Generator(0))


def test_the_average_follows(npz):
    s = small(npz, ema=0.4)
    trainer = gan.Trainer(s, gan.load_data(s))
    expected = weights(trainer.gan.generator)
    for step in range(1, 5):
        trainer.advance()
        keep = min(0.4, (1 + step) / (10 + step))
        expected = {name: keep * value + (1 - keep) * trainer.gan.generator.state_dict()[name]
                    for name, value in expected.items()}
    for name, value in trainer.gan.average.state_dict().items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, expected[name], atol=1e-6)
        else:
            assert value == trainer.gan.generator.state_dict()[name]


def test_latents():
    model = gan.GAN(gan.settings_for("tuned", width=1 / 32, latent_dim=50), (1, 8, 8), tg.Generator(0))
    z = model.latents(400, tg.Generator(1))
    assert (z.shape, z.dtype) == ((400, 50), np.float32)
    assert (z.mean(), z.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.03))
    near = model.latents(400, tg.Generator(1), 0.7)
    assert np.abs(near).max() <= 0.7
    assert (near == z).mean() == pytest.approx((np.abs(z) <= 0.7).mean())
    model.latent = "uniform"
    assert np.abs(model.latents(400, tg.Generator(1))).max() == pytest.approx(1, abs=0.01)
    assert np.abs(model.latents(400, tg.Generator(1), 0.5)).max() == pytest.approx(0.5, abs=0.01)


# ---------------------------------------------------------------------------------------------------------- losses


def test_losses_are_their_formulas():
    s = np.random.default_rng(0).normal(size=8) * 3
    t = np.repeat([1.0, 0.0], 4) + 0.1
    scores, targets = tg.tensor(s), tg.tensor(t)
    p = 1 / (1 + np.exp(-s))
    expected = {
        "bce": (-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), -np.log(1 - p).mean()),
        "least-squares": (((s - t) ** 2).mean(), (s**2).mean()),
        "hinge": ((np.maximum(0, 1 - s[:4]).sum() + np.maximum(0, 1 + s[4:]).sum()) / 8, s.mean()),
        "wgan-gp": (s[4:].mean() - s[:4].mean(), s.mean()),
    }
    for loss, (d, g) in expected.items():
        assert gan.discriminator_loss(scores, targets, loss).item() == pytest.approx(d), loss
        assert gan.generator_loss(scores, loss).item() == pytest.approx(g), loss


def test_probabilities_are_clipped_as_keras_does():
    scores, targets = tg.tensor([40.0, -40.0]), tg.tensor([0.0, 1.0])
    for loss in (gan.discriminator_loss(scores, targets, "bce"), gan.generator_loss(scores[:1], "bce")):
        assert loss.item() == pytest.approx(-math.log(1e-7), rel=1e-5)
    # labels above 1 would leave no lower bound
    assert gan.discriminator_loss(scores, tg.tensor([1.5, 0.5]), "bce").item() > -10


@pytest.mark.parametrize("loss", [name for name, balance in gan.CHANCE.items() if balance])
def test_losses_at_chance(loss):
    level = gan.CHANCE[loss][0]
    score = 0.5 if loss == "least-squares" else 0.0
    targets = tg.tensor(np.repeat(np.float32([1, 0]), 3))
    assert gan.discriminator_loss(tg.full((6,), score), targets, loss).item() == pytest.approx(level)


def test_the_gradient_penalty_of_a_plane():
    rng = np.random.default_rng(0)
    plane = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).to("float64")
    x, y, t = (tg.tensor(rng.normal(size=shape)) for shape in ((5, 3, 2, 2), (5, 3, 2, 2), (5, 1, 1, 1)))
    penalty = gan.gradient_penalty(plane, x, y, t)
    w = plane[1].weight.detach().numpy()
    length = np.linalg.norm(w)
    assert penalty.item() == pytest.approx((length - 1) ** 2)
    penalty.backward()  # through the gradient
    np.testing.assert_allclose(plane[1].weight.grad.numpy(), 2 * (length - 1) * w / length, atol=1e-9)


def test_the_penalty_holds_the_critics_slope(npz):
    def slope(penalty):
        s = small(npz, loss="wgan-gp", critic_steps=3, penalty=penalty, d_lr=0.01, augment="")
        trainer = gan.Trainer(s, gan.load_data(s))
        for _ in range(6):
            trainer.advance()
        x = trainer.loader.dataset.batch(np.arange(8))[0].requires_grad_()
        (g,) = tg.autograd.grad(trainer.gan.discriminator(x).sum(), x)
        return np.sqrt((g.numpy() ** 2).sum((1, 2, 3))).mean()

    assert slope(10.0) < 1.6
    assert slope(0.0) > 3 * slope(10.0)


@pytest.mark.parametrize(
    ("preset", "options"),
    [("tuned", {}), ("book", {"width": 1 / 32}), ("tuned", {"loss": "wgan-gp", "critic_steps": 2, "ema": 0.0})],
)
def test_on_a_device_it_neither_mixes_nor_waits(preset, options, fake, big):
    s = small(big, preset, **options)
    data = gan.load_data(s)
    host, there = gan.Trainer(s, data), gan.Trainer(s, data, "fake:0")
    there.advance()
    fake.waits.clear()
    there.advance()
    assert fake.waits == []
    host.advance()
    host.advance()
    assert there.finite()
    row, same_row = there.measure(True)[0], host.measure(True)[0]
    assert row == pytest.approx(same_row, rel=0.05)
    there.roll_back()
    assert all(type(p._data) is fake.ndarray for p in there.gan.parameters())
    there.advance()


# ------------------------------------------------------------------------------------------------------------ runs

RESULTS = ("last.safetensors", "state.safetensors", "metrics.jsonl")
KINDS = {
    "book": {"preset": "book-python", "width": 1 / 32},
    "tuned": {},
    "wgan-gp": {"loss": "wgan-gp", "critic_steps": 2},
    "least-squares": {"loss": "least-squares", "dropout": 0.3, "flip": True, "label_noise": 0.1, "clip_value": 0.1},
}


def files(path, *more):
    return {name: (path / name).read_bytes() for name in (*RESULTS, *more)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_cut_in_pieces_ends_with_the_same_bytes(kind, npz, big, tmp_path):
    options = {**KINDS[kind]}
    preset, data = options.pop("preset", "tuned"), big if kind == "book" else npz
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert gan.train(small(data, preset, **options), whole, quiet=True) == 0
    for steps in (2, 7, 0):
        assert gan.train(small(data, preset, **options, max_steps=steps), cut, resume=True, quiet=True) == 0
    samples = [f"samples/step_{step:06d}.png" for step in (6, 12)]
    assert files(cut, *samples, "samples/training.gif") == files(whole, *samples, "samples/training.gif")
    rows = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3, 4, 6, 8, 9, 10, 12]
    assert all(math.isfinite(row[name]) for row in rows for name in gan.Trainer.PARTS)
    assert [row["step"] for row in rows if "variety" in row] == [3, 6, 9, 12]
    side = 24 if kind == "book" else 8
    assert read_image(whole / samples[0]).shape == (3, 9 * (side + 2) + 6, 8 * (side + 2) + 2)


@pytest.fixture
def collapsing(monkeypatch):
    """Training collapses at step 7 twice; with a quarter of the learning rate it does not."""
    measure = gan.Trainer.measure

    def finds(self, look):
        row, finding = measure(self, look)
        return row, COLLAPSE if self.step == 7 and self.rollbacks < 2 else finding

    monkeypatch.setattr(gan.Trainer, "measure", finds)
    return {"log_every": 1, "save_every": 4, "rollbacks": 2}


def test_a_collapse_goes_back_to_the_last_good_checkpoint(collapsing, npz, tmp_path):
    assert gan.train(small(npz, **collapsing), tmp_path / "run", quiet=True) == 0
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    back = [row for row in rows if "rollback" in row]
    assert [(row["step"], row["to_step"], row["rollback"], row["reason"]) for row in back] == [
        (7, 4, 1, "collapse"), (7, 4, 2, "collapse")]
    losses = [row["d_loss"] for row in rows if row["step"] == 5]
    assert len(losses) == 3
    assert losses[0] == losses[1]  # the rate counts from the step after
    settings = gan.settings_of(gan.Run.open(tmp_path / "run"))
    trainer = gan.Trainer(settings, gan.load_data(settings))
    with gan.Run.resume(tmp_path / "run", gan.COMMAND, gan.Run.open(tmp_path / "run").settings) as run:
        found = run.restore()
    trainer.load_state(found.weights, found.state)
    assert trainer.rollbacks == 2
    assert trainer.d_optimizer.param_groups[0]["lr"] == settings.d_lr / 4
    assert trainer.g_optimizer.param_groups[0]["lr"] == settings.g_lr


@pytest.mark.parametrize("after", [1, 5, 7, 8, 10, 13, 16])
def test_a_run_killed_around_a_rollback_ends_with_the_same_bytes(after, collapsing, npz, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert gan.train(small(npz, **collapsing), whole, quiet=True) == 0
    advance, calls = gan.Trainer.advance, []

    def killed(self):
        calls.append(self.step)
        if len(calls) > after:
            raise KeyboardInterrupt  # nothing is saved
        advance(self)

    monkeypatch.setattr(gan.Trainer, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        gan.train(small(npz, **collapsing), cut, quiet=True)
    monkeypatch.setattr(gan.Trainer, "advance", advance)
    assert gan.train(small(npz, **collapsing), cut, resume=True, quiet=True) == 0
    assert files(cut, "samples/step_000006.png") == files(whole, "samples/step_000006.png")


def test_a_stop_in_a_doubtful_moment_keeps_the_good_one(npz, tmp_path, monkeypatch):
    variety = {3: 1.0, 6: 0.9}  # then it is poor, and at the third look in a row a collapse
    measure, spread = gan.Trainer.measure, gan.spread

    def poor(self, look):
        spreads = iter([variety.get(self.step, 0.01 if not self.rollbacks else 1.0) * self.real_spread])
        monkeypatch.setattr(gan, "spread", lambda images: next(spreads))
        return measure(self, look)

    settings = {"steps": 18, "rollbacks": 1}
    monkeypatch.setattr(gan.Trainer, "measure", poor)

    def train(path, **more):
        monkeypatch.setattr(gan, "spread", spread)  # the trainer measures the real pictures with it
        return gan.train(small(npz, **settings, **more), path, resume=True, quiet=True)

    assert train(tmp_path / "whole") == 0
    for steps in (10, 13, 14, 0):
        assert train(tmp_path / "cut", max_steps=steps) == 0
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    rows = [json.loads(line) for line in (tmp_path / "whole/metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["to_step"]) for row in rows if "rollback" in row] == [(15, 6)]


def test_without_rollbacks_a_collapse_is_told_only(collapsing, npz, tmp_path):
    settings = small(npz, **collapsing | {"rollbacks": 0, "max_steps": 9})
    assert gan.train(settings, tmp_path / "run", quiet=True) == 0
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 10))
    assert rows[6]["health"] == "collapse"


@pytest.mark.parametrize("rollbacks", [0, 2])
def test_what_diverges_goes_back_and_at_last_stops(rollbacks, npz, tmp_path):
    s = small(npz, optimizer="rmsprop", d_lr=1e30, log_every=3, rollbacks=rollbacks)
    with pytest.raises(gan.Diverged, match=r"no longer finite.*saved as it was at step 0"):
        gan.train(s, tmp_path / "run", quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["rollback"] for row in rows if "rollback" in row] == list(range(1, rollbacks + 1))
    assert rows[0]["d_loss"] is None
    model, _ = gan.load_model(tmp_path / "run")
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


# ------------------------------------------------------------------------------------------------------- afterwards


def test_generate_and_which_weights(npz, tmp_path):
    gan.train(small(npz), tmp_path / "run", quiet=True)
    average, settings = gan.load_model(tmp_path / "run")
    last, _ = gan.load_model(tmp_path / "run", "last")
    made = gan.generate(average, 5, tg.Generator(3), batch=2)
    assert (made.shape, made.dtype) == ((5, 1, 8, 8), np.uint8)
    np.testing.assert_array_equal(made, gan.generate(average, 5, tg.Generator(3)))
    assert (made != gan.generate(last, 5, tg.Generator(3))).any()
    z = average.latents(5, tg.Generator(3))
    np.testing.assert_array_equal(average.pictures(z, averaged=False), last.pictures(z))
    assert settings == small(npz)
    assert gan.load_data(settings).images.shape == (30, 1, 8, 8)


def test_an_average_that_is_not_there(npz, tmp_path):
    gan.train(small(npz, ema=0.0, max_steps=1), tmp_path / "run", quiet=True)
    with pytest.raises(ValueError, match="was trained without one"):
        gan.load_model(tmp_path / "run", "average")
    assert gan.load_model(tmp_path / "run")[0].average is None


def test_the_verdict_is_the_median_beside_the_published_one(tmp_path):
    with gan.Run.create(tmp_path / "run", gan.COMMAND, {}) as run:
        for step, loss in enumerate([0.6, 0.7, 5.0], 1):
            run.log(step=step, d_loss=loss, g_loss=loss)
        run.log(step=3, rollback=1)
        assert gan.verdict(gan.settings_for("book-python"), run) == (
            "medians over 3 steps: d_loss 0.7000 (published 0.6925), g_loss 0.7000 (published 0.76)\n")
        assert gan.verdict(gan.settings_for("book-python", width=0.5), run) == ""
        assert gan.verdict(gan.settings_for("tuned"), run) == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"latent_dim": 0}, "`latent_dim` is 0"), ({"d_lr": math.nan}, "`d_lr` is nan"),
     ({"width": 0.0}, "`width` is 0.0"), ({"dropout": 1.0}, "`dropout` is 1.0"),
     ({"network": "x"}, "`network` is 'x'; valid are book, light"),
     ({"loss": "x"}, "valid are bce, hinge, least-squares, wgan-gp"), ({"augment": "x"}, "`augment` has 'x'"),
     ({"output": "sigmoid"}, "take --black 0"), ({"loss": "hinge", "label_noise": 0.1}, "the hinge loss has no labels"),
     ({"ema": 1.0}, "`ema` is 1.0"), ({"rollbacks": -1}, "`rollbacks` is -1")],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        gan.Settings(**changes)
