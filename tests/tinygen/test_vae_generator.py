"""The VAE: the chapter's network and loss, bounds that are true, and a continuation in the middle of an epoch."""

import json
import math

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
