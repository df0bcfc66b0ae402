"""The VAE: the chapter's network and loss, bounds that are true, and a continuation in the middle of an epoch."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import tinygen as tg
from tinygen.data.images import ImageData
from tinygen.generators import vae
from tinygen.modes import no_grad


@pytest.fixture
def npz(tmp_path):
    """40 pictures of 6 x 6: a bar on the left or on top, with its class."""
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    images = rng.integers(0, 60, (40, 6, 6)).astype(np.uint8)
    images[labels == 0, :, :2] = 240
    images[labels == 1, :2] = 240
    np.savez(tmp_path / "bars.npz", images=images, labels=labels)
    return str(tmp_path / "bars.npz")


def small(npz, **changes):
    options = {"data": npz, "batch_size": 8, "epochs": 2, "log_every": 2, "save_every": 3, **changes}
    return vae.settings_for(options.pop("preset", "tuned"), **options)


def test_the_book_preset_is_the_chapter():
    s = vae.settings_for("book")
    assert (s.latent_dim, s.batch_size, s.epochs, s.optimizer, s.lr) == (2, 16, 10, "rmsprop", 0.001)
    model = vae.build(s, (1, 28, 28), tg.Generator(0))
    shapes = [tuple(p.shape) for name, p in model.named_parameters() if name.endswith("weight")]
    assert shapes == [(32, 1, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3), (32, 12544), (2, 32), (2, 32),
                      (12544, 2), (64, 32, 3, 3), (1, 32, 3, 3)]
    group = vae.make_optimizer(s, list(model.parameters())).param_groups[0]
    assert (group["alpha"], group["eps"]) == (0.9, 1e-7)
    assert vae.kl_weight(s, 784, 0, 3750) == pytest.approx(0.392)
    with no_grad():
        assert model.decode(tg.zeros(3, 2)).shape == (3, 1, 28, 28)


def test_both_editions_have_the_same_chapter():
    python = vae.settings_for("book-python")
    assert python == replace(vae.settings_for("book"), preset="book-python")
    assert vae.verdict(python, 1, 0.1960) == vae.verdict(vae.settings_for("book"), 1, 0.1960)
    assert vae.verdict(python, 1, 0.1960) == "; published 0.1966, this is 0.0006 lower"
    assert vae.verdict(vae.settings_for("book", batch_size=32), 1, 0.1960) == ""


def test_the_books_loss_is_the_chapters_formula(npz):
    s = small(npz, preset="book")
    trainer = vae.Trainer(s, *vae.load_data(s))
    x, e = trainer.data.batch(np.arange(5))[0], trainer.noise(tg.Generator(1), 5)
    with no_grad():
        _, parts = vae.losses(trainer.model, x, e, s, vae.kl_weight(s, 36, 0, 1))
        m, v = (t.numpy().astype(np.float64) for t in trainer.model.encode(x))
        z = (m + np.exp(v) * e.numpy()).astype(np.float32)
        p = trainer.model.decode(tg.tensor(z)).numpy().astype(np.float64)
    t = x.numpy()
    bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert parts[0].item() == pytest.approx(bce - 5e-4 * (1 + v - m**2 - np.exp(v)).mean(), rel=1e-5)
    assert parts[1].item() == pytest.approx(bce * 36, rel=1e-5)
    kl = 0.5 * (m**2 + np.exp(2 * v) - 1 - 2 * v).sum(1).mean()  # of the deviation exp(v) that z is drawn with
    assert parts[2].item() == pytest.approx(kl, rel=1e-4)


def test_a_deviation_that_ran_away_is_still_a_number(npz):
    """RMSprop's first steps can bring v to 40 and more: the chapter's loss stands it, so its report must too."""
    s = small(npz, preset="book")
    trainer = vae.Trainer(s, *vae.load_data(s))
    trainer.model.log_var.bias.data = np.full(2, 60, np.float32)
    with no_grad():
        _, parts = vae.losses(trainer.model, *next(iter(trainer.loader)), trainer.noise(tg.Generator(0), 8), s, 0.018)
    loss, _, kl = parts.tolist()
    assert math.isfinite(loss)
    assert math.log(kl) == pytest.approx(120, abs=1)  # 2 dimensions: 2 exp(2 v) / 2; beyond float32's 88


def test_the_largest_loss_of_a_batch_stands_at_the_end_of_the_epoch(npz, tmp_path):
    for size in (36, 8):
        out = tmp_path / str(size)
        vae.train(small(npz, batch_size=size, epochs=2, log_every=1), out, quiet=True)
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        first, second = [row for row in rows if row.get("epoch_end")]
        if size == 36:  # one batch is the epoch
            assert first["peak_loss"] == pytest.approx(first["loss"])
        else:
            epoch = [row for row in rows if row["epoch"] == 1]
            assert epoch[0]["peak_loss"] == epoch[0]["loss"]  # of the first batch
            assert np.diff([row["peak_loss"] for row in epoch]).min() >= 0
            assert first["peak_loss"] > first["loss"]
        assert second["peak_loss"] < first["peak_loss"]  # of its own epoch


@pytest.mark.parametrize("preset", ["book", "tuned"])
def test_validation_agrees_with_numpy(preset, npz):
    s = small(npz, preset=preset, val_fraction=0.3, seed=3, **({"anneal": 50.0} if preset == "tuned" else {}))
    data, held_out = vae.load_data(s)
    trainer = vae.Trainer(s, data, held_out)
    trainer.model.log_var.bias.data = np.array([-1.0, 0.5], np.float32)
    x = held_out.images.astype(np.float32) / 255
    noise = tg.Generator((3 << 8) + 9).normal((len(x), 2), np.float32, "cpu")
    with no_grad():
        m, v = (part.numpy().astype(np.float64) for part in trainer.model.encode(tg.tensor(x)))
        deviation = np.exp(v) if preset == "book" else np.exp(v / 2)
        p = trainer.model.decode(tg.tensor((m + deviation * noise).astype(np.float32))).numpy().astype(np.float64)
    reconstruction = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
    kl = (m**2 + deviation**2 - 1 - 2 * np.log(deviation)).sum(1).mean() / 2
    found = trainer.validate()
    assert found["reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    assert found["elbo"] == pytest.approx(-reconstruction - kl, rel=1e-5)
    loss = reconstruction + kl  # the full weight, though it would still be rising
    if preset == "book":
        loss = reconstruction / 36 + 5e-4 * (m**2 + np.exp(v) - 1 - v).mean()
    assert found["loss"] == pytest.approx(loss, rel=1e-5)


def test_beta_is_the_price_of_the_divergence(npz, tmp_path):
    s = small(npz, beta=3.0, anneal=0.0)
    trainer = vae.Trainer(s, *vae.load_data(s))
    x, e = trainer.data.batch(np.arange(8))[0], trainer.noise(tg.Generator(1), 8)
    objective, parts = vae.losses(trainer.model, x, e, s, vae.kl_weight(s, 36, 0, 5))
    loss, reconstruction, kl = parts.tolist()
    assert loss == pytest.approx(reconstruction + 3 * kl, rel=1e-6)
    assert objective.item() == pytest.approx(loss, rel=1e-6)
    kept = {}
    for beta in (0.1, 30.0):
        vae.train(small(npz, beta=beta, anneal=0.0, epochs=12, lr=0.01), tmp_path / str(beta), quiet=True)
        kept[beta] = json.loads((tmp_path / str(beta) / "metrics.jsonl").read_text().splitlines()[-1])["val_kl"]
    assert kept[30.0] < 0.2 * kept[0.1]


def test_divergence_agrees_with_the_integral():
    m, log_var, x = 0.7, -0.9, np.linspace(-12, 12, 200_001)
    q = np.exp(-((x - m) ** 2) / (2 * math.exp(log_var))) / math.sqrt(2 * math.pi * math.exp(log_var))
    log_ratio = -((x - m) ** 2) / (2 * math.exp(log_var)) - log_var / 2 + x**2 / 2
    found = vae.divergence(tg.tensor([[m]], dtype="float64"), tg.tensor([[log_var]], dtype="float64")).item()
    assert found == pytest.approx((q * log_ratio).sum() * (x[1] - x[0]), rel=1e-6)


def test_the_logistic_likelihood_sums_to_one_over_the_bytes():
    model = vae.VAE((3, 4, 4), 2, likelihood="logistic", generator=tg.Generator(0))
    scores = tg.tensor(np.full((256, 3, 4, 4), 0.3, np.float32))
    x = np.zeros((256, 3, 4, 4), np.float32)
    x[:, 0, 0, 0] = np.arange(256, dtype=np.float32) / 255
    with no_grad():
        nats = vae.reconstruction_of(model, scores, tg.tensor(x)).numpy().astype(np.float64)
    rest = nats[0] * 47 / 48  # every other value is black, as the first picture's
    assert np.exp(rest - nats).sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("shape", "latent"), [((1, 28, 28), 2), ((3, 9, 7), 5), ((1, 1, 1), 1)])
@pytest.mark.parametrize("network", ["book", "light"])
def test_any_size_and_latent_dimension(shape, latent, network):
    model = vae.VAE(shape, latent, network, generator=tg.Generator(0))
    images = np.zeros((2, *shape), np.uint8)
    z = model.points(images)
    assert z.shape == (2, latent)
    assert model.pictures(z).shape == (2, *shape)
    rows = 3 if latent == 2 else min(3, latent)
    assert vae.manifold(model, 3).shape == (3, rows * shape[1], 3 * shape[2])


def test_the_weight_of_the_kl_rises_and_free_bits_stop_its_gradient(npz):
    s = small(npz, beta=2.0, anneal=2.0, free_bits=50.0)
    assert [vae.kl_weight(s, 36, step, 2) for step in range(5)] == [0.5, 1, 1.5, 2, 2]
    trainer = vae.Trainer(s, *vae.load_data(s))
    x, e = trainer.data.batch(np.arange(4))[0], trainer.noise(tg.Generator(1), 4)
    gradients = []
    for weight in (0.0, 2.0):
        trainer.optimizer.zero_grad()
        vae.losses(trainer.model, x, e, s, weight)[0].backward()
        gradients.append(trainer.model.mean.weight.grad.numpy().copy())
    np.testing.assert_array_equal(*gradients)
    assert np.abs(gradients[0]).max() > 0


def test_free_bits_are_free_for_each_dimension(npz):
    s = small(npz, free_bits=2.0)
    trainer = vae.Trainer(s, *vae.load_data(s))
    model = trainer.model
    model.mean.bias.data = np.array([3.0, 0.0], np.float32)  # far above 2 nats, and below
    x, e = trainer.data.batch(np.arange(8))[0], trainer.noise(tg.Generator(1), 8)
    with no_grad():
        m, v = (part.numpy().astype(np.float64) for part in model.encode(x))
    each = ((m**2 + np.exp(v) - 1 - v) / 2).mean(0)
    assert each[0] > 2 > each[1]
    gradients = []
    for weight in (0.0, 1.5):
        trainer.optimizer.zero_grad()
        objective, parts = vae.losses(model, x, e, s, weight)
        objective.backward()
        gradients.append(model.mean.bias.grad.numpy().copy())
        loss, reconstruction, kl = parts.tolist()
        assert objective.item() == pytest.approx(reconstruction + weight * (each[0] + 2), rel=1e-5)
        assert loss == pytest.approx(reconstruction + weight * each.sum(), rel=1e-5)  # what is told counts them all
        assert kl == pytest.approx(each.sum(), rel=1e-5)
    np.testing.assert_allclose(gradients[1] - gradients[0], [1.5 * m[:, 0].mean(), 0], rtol=1e-4, atol=1e-5)


def test_samples_say_where_they_come_from(npz, tmp_path):
    from PIL import Image

    s = small(npz, epochs=1)
    vae.train(s, tmp_path / "run", quiet=True)
    with Image.open(tmp_path / "run" / "samples" / "step_000005.png") as image:
        kept = json.loads(image.text["Settings"])
        assert (image.text["Step"], kept["data"], kept["latent_dim"]) == ("5", npz, 2)
        assert image.text["Software"].startswith("tinygen ")
    assert not set(vae.MAY_CHANGE) & set(kept)


@pytest.mark.parametrize("length", [1, 3])
def test_traversals_change_one_coordinate_at_a_time(length):
    model = vae.VAE((1, 4, 4), length, generator=tg.Generator(0))
    for parameter in model.decoder.parameters():
        parameter.data = parameter.data * np.float32(3)
    around = np.linspace(-1, 1, length)
    sheet = vae.traversals(model, 5, around)
    assert sheet.shape == (3, 4 * length, 20)
    z = around.copy()
    z[length - 1] = vae.quantiles(5)[3]
    np.testing.assert_array_equal(sheet[0, -4:, 12:16], model.pictures(z[None])[0, 0])
    np.testing.assert_array_equal(vae.manifold(model, 3)[:, :4], vae.traversals(model, 3, rows=1))


@pytest.mark.parametrize("preset", ["book", "tuned"])
def test_it_learns_and_a_run_cut_in_two_ends_with_the_same_bytes(preset, npz, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    s = small(npz, preset=preset, epochs=3)
    assert vae.train(s, whole, quiet=True) == 0
    rows = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    ends = [row for row in rows if row.get("epoch_end")]
    assert len(ends) == 3
    assert ends[-1]["val_reconstruction"] < ends[0]["val_reconstruction"]
    for row in ends:
        assert row["elbo"] == pytest.approx(-row["reconstruction"] - row["kl"])
        assert row["val_elbo"] == pytest.approx(-row["val_reconstruction"] - row["val_kl"])
    for steps in (2, 7, 0):  # in the middle of epochs, and to the end
        assert vae.train(small(npz, preset=preset, epochs=3, max_steps=steps), cut, resume=True, quiet=True) == 0
    for name in ("last.safetensors", "best.safetensors", "state.safetensors", "metrics.jsonl"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    model, settings = vae.load_model(whole)
    assert (model.latent_dim, settings.preset) == (2, preset)


def test_a_loss_that_is_not_finite_is_told(npz, tmp_path):
    with pytest.raises(vae.Diverged, match="the loss became"):
        vae.train(small(npz, lr=1e30), tmp_path / "run", quiet=True)


def test_held_out_pictures_are_a_share_where_there_is_no_test_set(npz):
    data, held_out = vae.load_data(small(npz, val_fraction=0.25))
    assert isinstance(data, ImageData)
    assert (len(data), len(held_out)) == (30, 10)


def test_quantiles_are_the_normal_distributions():
    np.testing.assert_allclose(vae.quantiles(15)[[0, 7, 14]], [-1.6448536, 0, 1.6448536], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"latent_dim": 0}, "`latent_dim` is 0"), ({"lr": math.nan}, "`lr` is nan"), ({"beta": math.inf}, "`beta` is inf"),
     ({"val_fraction": 1.0}, "`val_fraction` is 1.0"), ({"network": "x"}, "`network` is 'x'; valid are book, light")],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        vae.Settings(**changes)
