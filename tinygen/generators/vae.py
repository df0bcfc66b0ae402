"""Pictures from a space with few dimensions: a variational autoencoder.

What: an encoder turns a picture into a small normal distribution over points z, a decoder turns a point back into a
picture. Trained together, every point near 0 becomes a picture, and neighbours become alike.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.4. D. P. Kingma and M. Welling,
"Auto-Encoding Variational Bayes" (2014). Free bits: D. P. Kingma et al., "Improved Variational Inference with Inverse
Autoregressive Flow" (2016), appendix C.8. Importance weights: Y. Burda et al., "Importance Weighted Autoencoders".

Presets: ``book`` (and ``book-python``: the editions agree) is the chapter: its network, RMSprop, batches of 16, and its
loss, the mean of the cross-entropy over pixels plus 0.0005 mean(m^2 + exp(v) - 1 - v) over the L dimensions: 1/pixels
of a beta-VAE with beta = 0.001 pixels/L (0.392 for MNIST and L = 2). Its sampling layer draws z = m + exp(v) e where
the loss has exp(v) as the *variance*; so does this preset. ``tuned`` draws z = m + exp(v/2) e, minimises the negative
ELBO in nats per picture, with Adam, a lighter network that halves the picture twice, and a weight of the KL that rises
from 0 over the first epoch.

What is reported: ``reconstruction``, ``kl`` and ``elbo = -(reconstruction + kl)``, in nats per picture, always belong
to the distribution that z is drawn from, so ``elbo`` is a true bound under either preset (of one draw per picture).
Grey values count as probabilities of the Bernoulli distribution, as the chapter does: a bound for black and white
pictures and a usual convention for grey ones. ``likelihood="logistic"`` is a distribution over the 256 bytes.

Expect: validation losses of ``book`` on MNIST as in ``PUBLISHED`` below. The training loss of its first epoch is
another matter: RMSprop's first step moves every weight by 3 lr, all in one sense, and v, behind a layer of 12,544
inputs, can leap to 18 or to 40 within the first steps. The loss has exp(v) in it, the KL exp(2 v): one batch of 3,181
and of 4e14 nats (seed 0, step 8). The next batches are as usual, but the epoch's mean remembers it (docs/vae.md).

Read in this order: ``vae_settings.py``; ``vae_model.py``, the networks and the loss; here, one step (``Trainer``) and
the run around it; ``vae_pictures.py``, what is drawn; and ``latent.py``, what a trained model is good for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.backend import to_device
from tinygen.data import DataLoader
from tinygen.data.images import SPLITS, ImageData, ImageDataset, load_images
from tinygen.generators import training
from tinygen.generators.settings import image_shape, origin, stored_settings
from tinygen.generators.training import Diverged, Pace, make_optimizer
from tinygen.generators.vae_model import VAE, build, divergence, kl_weight, losses, reconstruction_of
from tinygen.generators.vae_pictures import manifold, quantiles, traversals
from tinygen.generators.vae_settings import CHAPTER, MAY_CHANGE, PRESETS, Settings, settings_for
from tinygen.generators.weights import with_weights_of
from tinygen.modes import no_grad
from tinygen.ops.arithmetic import maximum
from tinygen.pictures import save_png
from tinygen.random import Generator
from tinygen.run import Interruption, Progress, Run
from tinygen.tensor import Tensor

__all__ = [
    "COMMAND", "MAY_CHANGE", "PRESETS", "PUBLISHED", "VAE", "Diverged", "Settings", "Trainer", "about", "build",
    "divergence", "kl_weight", "load_data", "load_model", "losses", "make_optimizer", "manifold", "quantiles",
    "reconstruction_of", "settings_for", "settings_of", "train", "traversals", "verdict",
]

COMMAND = "vae train"
PUBLISHED = (0.1966, 0.1899, 0.1862, 0.1851, 0.1830, 0.1816, 0.1813, 0.1827, 0.1806, 0.1801)  # val_loss, epochs 1-10


def load_data(
    settings: Settings, report: Callable[[str], None] | None = None, shape: tuple[int, int, int] | None = None
) -> tuple[ImageData, ImageData]:
    """Return (the pictures to train on, those held out): a data set's own test set, else a random share.

    Args:
        settings: which data, how large, what share.
        report: prints a line.
        shape: (C, H, W) to bring them to; None: as the settings have it.
    """
    channels, *size = shape or (settings.channels or None, settings.size)
    how = {"size": tuple(size) if shape else settings.size or None, "channels": channels,
           "labels": settings.labels or None, "report": report}
    data = load_images(settings.data, **how)
    if "test" in SPLITS.get(settings.data, ()):
        return data, load_images(settings.data, split="test", **how)
    return data.split(settings.val_fraction, seed=0)


# ---------------------------------------------------------------------------------------------------------- loop


class Trainer:
    """A training run: model, optimiser, data and generators, and where it stands.

    Args:
        settings: what to do.
        data: the pictures.
        held_out: the pictures to validate with.
        device: where to compute.
    """

    def __init__(self, settings: Settings, data: ImageData, held_out: ImageData, device: str = "cpu") -> None:
        self.settings, self.device = settings, device
        self.data, self.held_out = ImageDataset(data), ImageDataset(held_out)
        # One stream for each purpose, so that a change in one leaves the others as they were.
        self.generators = {
            name: Generator((settings.seed << 8) + i) for i, name in enumerate(("init", "order", "noise"))
        }
        self.model = build(settings, data.images.shape[1:], self.generators["init"]).to(device)
        self.optimizer = make_optimizer(settings, list(self.model.parameters()))
        self.loader = DataLoader(self.data, settings.batch_size, shuffle=True, generator=self.generators["order"])
        self.total = settings.epochs * len(self.loader)
        self.last_step = min(self.total, settings.max_steps or self.total)
        self.step, self.epoch, self.seen, self.best = 0, 1, 0, math.inf
        self.sums = Tensor(to_device(np.zeros(3), device))  # of loss, reconstruction, kl times their pictures
        self.peak = Tensor(to_device(np.zeros(()), device))  # the largest loss of a batch in this epoch

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs."""
        if self.seen:
            self.means()  # never save what has diverged
        return training.states(self.optimizer, self.generators, self.loader) | {
            "step": self.step, "epoch": self.epoch, "seen": self.seen, "best": self.best,
            "sums": self.sums.to("cpu").tolist(), "peak": self.peak.item(),
        }

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)
        training.load_states(state, self.optimizer, self.generators, self.loader)
        self.step, self.epoch, self.seen, self.best = state["step"], state["epoch"], state["seen"], state["best"]
        self.sums = Tensor(to_device(np.asarray(state["sums"], np.float64), self.device))
        self.peak = Tensor(to_device(np.asarray(state.get("peak", 0.0), np.float64), self.device))

    def noise(self, generator: Generator, n: int) -> Tensor:
        """Draw standard normal numbers (n, L)."""
        return Tensor(to_device(generator.normal((n, self.settings.latent_dim), np.float32, "cpu"), self.device))

    def steps(self) -> Iterator[bool]:
        """Train to the end; yields after each step whether it was the last of an epoch."""
        pixels = math.prod(self.model.shape)
        while self.step < self.last_step:
            for (x,) in self.loader:
                weight = kl_weight(self.settings, pixels, self.step, len(self.loader))
                self.optimizer.zero_grad()
                noise = self.noise(self.generators["noise"], len(x))
                objective, parts = losses(self.model, x.to(self.device), noise, self.settings, weight)
                objective.backward()
                self.optimizer.step()
                self.sums = self.sums + parts * len(x)
                self.peak = maximum(self.peak, parts[0])
                self.seen += len(x)
                self.step += 1
                yield self.seen == len(self.data)
                if self.step == self.last_step:
                    return

    def end_epoch(self) -> None:
        """Count the epoch."""
        self.epoch += 1
        self.seen = 0
        self.sums, self.peak = self.sums * 0, self.peak * 0

    def means(self) -> dict[str, float]:
        """Loss, reconstruction, kl and elbo of the running epoch so far: means over its pictures; and its worst batch.

        Raises:
            Diverged: if one is not finite.
        """
        found = _named(self.sums.to("cpu").numpy() / self.seen)
        if not all(map(math.isfinite, found.values())):
            raise Diverged(f"the loss became {found['loss']} at step {self.step} (epoch {self.epoch}); the last "
                           "checkpoint stands. A lower --lr, another --seed or --preset tuned may prevent it")
        return found | {"peak_loss": self.peak.item()}

    def validate(self) -> dict[str, float]:
        """The same over the held-out pictures, with the KL's full weight and the same noise every time."""
        generator, total = Generator((self.settings.seed << 8) + 9), np.zeros(3)
        weight = kl_weight(self.settings, math.prod(self.model.shape), self.total, 0)
        with no_grad():
            for (x,) in DataLoader(self.held_out, 256):
                noise = self.noise(generator, len(x))
                parts = losses(self.model, x.to(self.device), noise, self.settings, weight)[1]
                total += parts.to("cpu").numpy().astype(np.float64) * len(x)
        return _named(total / len(self.held_out))


def _named(parts: np.ndarray) -> dict[str, float]:
    loss, reconstruction, kl = map(float, parts)
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "elbo": -(reconstruction + kl)}


def train(settings: Settings, out: str | Path, **options: Any) -> int:
    """Train a model into the run directory ``out``; ``options`` and result: :func:`.training.train`."""
    return training.train(begin, loop, settings, out, command=COMMAND, may_change=MAY_CHANGE, **options)


def begin(settings: Settings, device: str, say: Callable[[str], None]) -> tuple[Trainer, dict[str, Any]]:
    """Return a trainer at the start, and what its run keeps beside the settings."""
    data, held_out = load_data(settings, say)
    trainer = Trainer(settings, data, held_out, device)
    crc = training.checksum(data.images, held_out.images)
    return trainer, {"image_shape": list(trainer.model.shape), "data_crc32": crc}


def loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    if trainer.step == 0:
        say(f"{len(trainer.data):,} pictures {'x'.join(map(str, trainer.model.shape))}, {len(trainer.held_out):,} held "
            f"out; {sum(p.numel() for p in trainer.model.parameters()):,} parameters; {trainer.model.likelihood} "
            f"likelihood; {total:,} steps on {trainer.device}")
    per_step, kept = settings.batch_size, about(settings)
    pace = Pace(trainer.step, per_step)
    with Interruption() as interruption, Progress(total, unit="pictures", per_step=per_step, quiet=quiet) as progress:
        for epoch_ended in training.steps(trainer, run, interruption):
            step = trainer.step
            progress.update(step, epoch=trainer.epoch, loss=lambda: trainer.means()["loss"])
            if epoch_ended:
                val = trainer.validate()
                row = {"step": step, "epoch": trainer.epoch, **trainer.means()}
                run.log(**row, epoch_end=True, **{f"val_{name}": value for name, value in val.items()})
                if val["loss"] < trainer.best:
                    trainer.best = val["loss"]
                    run.save_best(trainer.model.state_dict(), {"step": step, "val_loss": val["loss"]})
                seconds, speed = pace.at(step)
                peak = f" (one batch had {row['peak_loss']:.4g})" if row["peak_loss"] > 10 * val["loss"] else ""
                progress.print(
                    f"epoch {trainer.epoch}: loss {row['loss']:.4f}{peak}, held out {val['loss']:.4f}: reconstruction "
                    f"{val['reconstruction']:.2f} + kl {val['kl']:.2f} = {-val['elbo']:.2f} nats"
                    f"{verdict(settings, trainer.epoch, val['loss'])}; {seconds:.1f} s"
                )
                run.log_timing(step=step, epoch=trainer.epoch, seconds=seconds, pictures_per_second=speed)
            elif step % settings.log_every == 0:
                run.log(step=step, epoch=trainer.epoch, **trainer.means())
            if step % settings.sample_every == 0 if settings.sample_every else epoch_ended:
                save_png(run.sample_path(step, ".png"), manifold(trainer.model, 15), kept | {"Step": str(step)})
            if epoch_ended:
                trainer.end_epoch()
    return training.ended(trainer, run, say)


def verdict(settings: Settings, epoch: int, val_loss: float) -> str:
    """Say where a validation loss stands beside the published one of the same epoch, "" where there is none."""
    chapter = CHAPTER | {"data": "mnist", "latent_dim": 2, "size": 0, "channels": 0, "lr": 0.001, "free_bits": 0.0}
    if epoch > len(PUBLISHED) or any(getattr(settings, name) != value for name, value in chapter.items()):
        return ""
    there = PUBLISHED[epoch - 1]
    return f"; published {there:.4f}, this is {abs(val_loss - there):.4f} {'lower' if val_loss < there else 'higher'}"


# --------------------------------------------------------------------------------------------- a run that is there


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; see :func:`.settings.stored_settings`."""
    image_shape(run)
    return stored_settings(run, Settings, **changes)


def load_model(
    path: str | Path, which: str = "auto", warn: Callable[[str], None] | None = None
) -> tuple[VAE, Settings]:
    """Return the model of a run on the CPU, and its settings.

    Args:
        path: the run directory.
        which: ``"last"`` or ``"best"`` weights; ``"auto"``: the best where there are any.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is a run of something else, or not whole.
    """
    run = Run.open(path, COMMAND)
    settings = settings_of(run)
    return with_weights_of(run, build(settings, image_shape(run)), which, warn), settings


def about(settings: Settings, **more: Any) -> dict[str, str]:
    """Return what a picture keeps about where it comes from: the version, the settings, and ``more``."""
    return origin(settings, MAY_CHANGE, **more)
