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
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.backend import check_device, to_device
from tinygen.data import DataLoader
from tinygen.data.images import SPLITS, ImageData, ImageDataset, load_images
from tinygen.io import load
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.arithmetic import maximum
from tinygen.ops.join import stack
from tinygen.pictures import grid, save_png, to_uint8
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run
from tinygen.tensor import Tensor
from tinygen.version import __version__

COMMAND = "vae train"
PUBLISHED = (0.1966, 0.1899, 0.1862, 0.1851, 0.1830, 0.1816, 0.1813, 0.1827, 0.1806, 0.1801)  # val_loss, epochs 1-10
MOST_LOGIT = -math.log(1e-7)  # Keras clips probabilities at 1e-7


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a training run is told.

    Attributes:
        data: a name of :func:`tinygen.data.images.load_images`, a folder of pictures or a .npz file.
        labels: a table of labels beside a folder of pictures; "" for none.
        size: height and width to bring pictures to; 0: as they are.
        channels: 1 for grey, 3 for colour, 0 as they are.
        preset: which preset the other values come from.
        network: ``"book"`` or ``"light"``.
        latent_dim: L, dimensions of z.
        sampling: ``"variance"``: z = m + exp(v/2) e; ``"deviation"``: z = m + exp(v) e, as the chapter.
        likelihood: ``"bernoulli"``, ``"logistic"`` over bytes, or ``"auto"``: for grey the first, else the
            second.
        beta: weight of the KL; negative: the chapter's, 0.001 pixels / latent_dim.
        anneal: epochs over which that weight rises from 0.
        free_bits: nats of each dimension's KL (mean over the batch) that cost nothing.
        per_pixel: the objective is divided by the number of pixels, as the chapter's is.
        val_fraction: the share held out where the data has no test set of its own.
        epochs: passes over the pictures.
        batch_size: pictures in a step.
        optimizer: ``"rmsprop"`` or ``"adam"``.
        lr: learning rate.
        seed: of every random number.
        log_every: steps between rows of ``metrics.jsonl``.
        save_every: steps between checkpoints (there is one after every epoch too).
        sample_every: steps between pictures of samples; 0 for after every epoch.
        max_steps: stop the run after so many steps; 0 for no limit.
    """

    data: str = "mnist"
    labels: str = ""
    size: int = 0
    channels: int = 0
    preset: str = "tuned"
    network: str = "light"
    latent_dim: int = 2
    sampling: str = "variance"
    likelihood: str = "auto"
    beta: float = 1.0
    anneal: float = 1.0
    free_bits: float = 0.0
    per_pixel: bool = False
    val_fraction: float = 0.1
    epochs: int = 10
    batch_size: int = 64
    optimizer: str = "adam"
    lr: float = 0.001
    seed: int = 0
    log_every: int = 100
    save_every: int = 500
    sample_every: int = 0
    max_steps: int = 0

    def __post_init__(self) -> None:
        at_least = {"latent_dim": 1, "epochs": 1, "batch_size": 1, "log_every": 1, "save_every": 1, "sample_every": 0,
                    "max_steps": 0, "seed": 0, "anneal": 0, "free_bits": 0, "size": 0}
        for name, low in at_least.items():
            value = getattr(self, name)
            if not (value >= low and math.isfinite(value)):
                raise ValueError(f"`{name}` is {value}; it must be at least {low}")
        if self.seed >= 2**56:
            raise ValueError(f"`seed` is {self.seed}; it must be below 2**56")
        if not 0 < self.val_fraction < 1:
            raise ValueError(f"`val_fraction` is {self.val_fraction}; it must lie between 0 and 1")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ValueError(f"`lr` is {self.lr}; it must be above 0")
        if not math.isfinite(self.beta):
            raise ValueError(f"`beta` is {self.beta}; it must be finite")
        choices = {"preset": PRESETS, "network": ("book", "light"), "sampling": ("variance", "deviation"),
                   "likelihood": ("auto", "bernoulli", "logistic"), "optimizer": ("rmsprop", "adam"),
                   "channels": (0, 1, 3)}
        for name, valid in choices.items():
            if getattr(self, name) not in valid:
                raise ValueError(f"`{name}` is {getattr(self, name)!r}; valid are {', '.join(map(str, valid))}")


CHAPTER = {"network": "book", "sampling": "deviation", "likelihood": "bernoulli", "beta": -1.0, "anneal": 0.0,
           "per_pixel": True, "batch_size": 16, "optimizer": "rmsprop"}
PRESETS: dict[str, dict[str, Any]] = {"book": CHAPTER, "book-python": CHAPTER, "tuned": {}}  # both editions are alike
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("epochs", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    if preset not in PRESETS:
        raise ValueError(f"`preset` is {preset!r}; valid are {', '.join(PRESETS)}")
    return Settings(**{**PRESETS[preset], "preset": preset, **changes})


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


# --------------------------------------------------------------------------------------------------------- model


class VAE(nn.Module):
    """An encoder to means and log-variances (N, L), and a decoder from points (N, L) to pictures.

    Args:
        shape: (C, H, W) of the pictures.
        latent_dim: L.
        network: ``"book"``: halves the picture once; ``"light"``: twice.
        sampling: see :class:`Settings`.
        likelihood: ``"bernoulli"`` or ``"logistic"``.
        generator: of the initial values.
    """

    def __init__(
        self, shape: tuple[int, int, int], latent_dim: int = 2, network: str = "light", sampling: str = "variance",
        likelihood: str = "bernoulli", generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim, self.sampling, self.likelihood = tuple(shape), latent_dim, sampling, likelihood
        channels, *size = self.shape
        strides, wide = ((1, 2, 1, 1), 32) if network == "book" else ((2, 2, 1), 128)
        layers, before = [], channels
        for i, stride in enumerate(strides):
            layers += [nn.Conv2d(before, 64 if i else 32, 3, stride, "same"), nn.ReLU()]
            before = 64 if i else 32
        halvings = strides.count(2)
        small = tuple(-(-side // 2**halvings) for side in size)
        flat = 64 * small[0] * small[1]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, wide), nn.ReLU())
        self.mean, self.log_var = nn.Linear(wide, latent_dim), nn.Linear(wide, latent_dim)
        layers = [nn.Linear(latent_dim, flat), nn.ReLU(), nn.Unflatten(1, (64, *small))]
        for i in range(halvings):
            layers += [nn.ConvTranspose2d(32 if i else 64, 32, 3, 2, "same"), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, nn.Conv2d(32, channels, 3, 1, "same"))
        for name, parameter in self.named_parameters():  # as Keras starts them
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter, generator=generator)
        if likelihood == "logistic":  # the logarithm of the width in each channel
            self.log_scale = nn.Parameter(np.full((channels, 1, 1), -2.0, np.float32))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures (N, C, H, W) in [0, 1] to m and v, both (N, L)."""
        hidden = self.encoder(x)
        return self.mean(hidden), self.log_var(hidden)

    def deviation(self, v: Tensor) -> Tensor:
        """The standard deviation that z is drawn with, (N, L)."""
        return (v if self.sampling == "deviation" else v / 2).exp()

    def scores(self, z: Tensor) -> Tensor:
        """Map points (N, L) to the decoder's output before the sigmoid (N, C, H, W)."""
        out = self.decoder(z)
        return out[:, :, : self.shape[1], : self.shape[2]]  # a side that 2 or 4 does not divide comes out longer

    def decode(self, z: Tensor) -> Tensor:
        """Map points (N, L) to pictures (N, C, H, W) in [0, 1]: the mean (Bernoulli) or the centre (logistic)."""
        return F.sigmoid(self.scores(z))

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map pictures and standard normal ``noise`` (N, L) to the scores of z = m + deviation noise, m and v."""
        m, v = self.encode(x)
        return self.scores(m + self.deviation(v) * noise), m, v

    def pictures(self, z: Any) -> np.ndarray:
        """Decode points (N, L) to uint8 pictures (N, C, H, W), without a graph."""
        z = np.asarray(z, np.float32)
        with no_grad():
            made = [self.decode(Tensor(to_device(z[i : i + 256], self.mean.weight.device))).to("cpu").numpy()
                    for i in range(0, len(z), 256)]
        return to_uint8(np.concatenate(made))

    def points(self, images: np.ndarray) -> np.ndarray:
        """Encode uint8 pictures (N, C, H, W) to their means (N, L) float32."""
        found = []
        with no_grad():
            for start in range(0, len(images), 256):
                x = Tensor(images[start : start + 256].astype(np.float32) * np.float32(1 / 255))
                found.append(self.encode(x.to(self.mean.weight.device))[0].to("cpu").numpy())
        return np.concatenate(found)


def build(settings: Settings, shape: tuple[int, int, int], generator: Generator | None = None) -> VAE:
    """Return the model of ``settings`` for pictures (C, H, W)."""
    likelihood = settings.likelihood
    if likelihood == "auto":
        likelihood = "bernoulli" if shape[0] == 1 else "logistic"
    return VAE(shape, settings.latent_dim, settings.network, settings.sampling, likelihood, generator)


# ---------------------------------------------------------------------------------------------------------- loss


def reconstruction_of(model: VAE, scores: Tensor, x: Tensor) -> Tensor:
    """Return -ln p(x | z) of each picture (N,), in nats.

    Bernoulli: -x ln p - (1 - x) ln(1 - p), p = sigmoid(score), within 1e-7 of 0 and 1 as Keras keeps it.
    Logistic over bytes: ln p(x) = ln(S(a) - S(b)), a, b = (x +- 1/510 - sigmoid(score)) / s, S the sigmoid; the two
    outermost bytes take the tails. With d = a - b, ln(S(a) - S(b)) = ln S(a) + ln S(-b) + ln(1 - exp(-d)).
    Source of the latter: T. Salimans et al., "PixelCNN++" (2017), section 2.1.
    """
    if model.likelihood == "bernoulli":
        each = F.binary_cross_entropy_with_logits(scores.clip(-MOST_LOGIT, MOST_LOGIT), x, reduction="none")
        return each.flatten(1).sum(1)
    narrow = (-model.log_scale.clip(-7, 5)).exp()  # 1 / s
    difference = x - F.sigmoid(scores)
    a, b = (difference + 1 / 510) * narrow, (difference - 1 / 510) * narrow
    below, above = (x < 0.999).to(x.dtype), (x > 0.001).to(x.dtype)  # not white, not black
    inside = (1 - (-narrow / 255).exp()).log()
    each = below * F.softplus(-a) + above * F.softplus(b) - below * above * inside
    return each.flatten(1).sum(1)


def divergence(m: Tensor, log_var: Tensor) -> Tensor:
    """Return KL(N(m, exp(log_var)) | N(0, 1)) of each dimension, (m^2 + exp(log_var) - 1 - log_var) / 2, (N, L)."""
    return (m * m + log_var.exp() - 1 - log_var) * 0.5


def kl_weight(settings: Settings, pixels: int, step: int, steps_per_epoch: int) -> float:
    """Return the weight of the KL at ``step`` (from 0)."""
    beta = settings.beta if settings.beta >= 0 else 0.001 * pixels / settings.latent_dim
    rise = settings.anneal * steps_per_epoch
    return beta * min(1.0, (step + 1) / rise) if rise else beta


def losses(model: VAE, x: Tensor, noise: Tensor, settings: Settings, weight: float) -> tuple[Tensor, Tensor]:
    """Return the objective, and a vector of loss, reconstruction and kl: means over the batch.

    Args:
        model: the network.
        x: pictures (N, C, H, W) in [0, 1].
        noise: standard normal (N, L).
        settings: ``free_bits`` and ``per_pixel`` count here.
        weight: of the KL in the objective.

    Returns:
        What is minimised (free bits included); and (3,) float64: the objective without free bits, and reconstruction
        and KL in nats per picture, of the distribution that z was drawn from.
    """
    scores, m, v = model(x, noise)
    reconstruction = reconstruction_of(model, scores, x).mean()
    per_dimension = divergence(m, v).mean(0)  # (L,)
    if model.sampling == "variance":
        drawn = per_dimension.sum()
    else:  # float64: in the first steps of RMSprop v can go beyond 44, and exp(2 v) out of float32
        drawn = divergence(m.detach().double(), 2 * v.detach().double()).sum(1).mean()
    scale = 1 / math.prod(model.shape) if settings.per_pixel else 1.0
    loss = (reconstruction + per_dimension.sum() * weight) * scale
    objective = loss
    if settings.free_bits:
        objective = (reconstruction + per_dimension.clip(min=settings.free_bits).sum() * weight) * scale
    return objective, stack([part.detach().double() for part in (loss, reconstruction, drawn)])


def make_optimizer(settings: Settings, parameters: list[nn.Parameter]) -> optim.Optimizer:
    """Return the optimiser of ``settings``; RMSprop's constants are Keras'."""
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(parameters, settings.lr, alpha=0.9, eps=1e-7)
    return optim.Adam(parameters, settings.lr)


# ---------------------------------------------------------------------------------------------------------- loop


class Diverged(ValueError):
    """The loss became NaN or infinite."""


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
        return {
            "optimizer": self.optimizer.state_dict(),
            "generators": {name: generator.state() for name, generator in self.generators.items()},
            "loader": self.loader.state_dict(),
            "step": self.step, "epoch": self.epoch, "seen": self.seen, "best": self.best,
            "sums": self.sums.to("cpu").tolist(), "peak": self.peak.item(),
        }

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["generators"].items():
            self.generators[name].set_state(value)
        self.loader.load_state_dict(state["loader"])
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


def train(
    settings: Settings,
    out: str | Path,
    *,
    resume: bool = False,
    device: str | None = None,
    init_from: str | Path | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Train a model into the run directory ``out``.

    Args:
        settings: what to do.
        out: the run directory.
        resume: go on from the last checkpoint there; from the start where there is none.
        device: ``"cpu"``, ``"cuda"``, ``"auto"``; None as :func:`tinygen.backend.check_device` decides.
        init_from: a file of weights to start from.
        quiet: say nothing but what went wrong.
        say: what prints a line.

    Returns:
        0 when it is finished, 130 when it was interrupted (and can be resumed).

    Raises:
        ValueError: for data that cannot be read, a run that is in the way, a loss that is not finite.
    """
    say = (lambda line: None) if quiet else say
    data, held_out = load_data(settings, say)
    trainer = Trainer(settings, data, held_out, check_device(device))
    if init_from is not None:  # before the run is made, so that a wrong file leaves nothing half-written
        start_from(trainer.model, init_from)
    crc = zlib.crc32(np.ascontiguousarray(held_out.images), zlib.crc32(np.ascontiguousarray(data.images)))
    kept = asdict(settings) | {
        "init_from": None if init_from is None else str(init_from),
        "image_shape": list(trainer.model.shape),
        "data_crc32": crc,
    }
    open_run = Run.resume if resume else Run.create
    with open_run(out, COMMAND, kept, **({"may_change": MAY_CHANGE} if resume else {})) as run:
        checkpoint = run.restore() if resume else None
        for warning in run.warnings:
            say(f"tinygen: {warning}")
        if checkpoint is not None:
            trainer.load_state(checkpoint.weights, checkpoint.state)
            if trainer.step >= trainer.last_step:
                say(f"{run.path}: finished already, at step {trainer.step}")
                return 0
            say(f"{run.path}: going on from step {trainer.step} of {trainer.last_step}")
        return _loop(trainer, run, quiet, say)


def _loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    if trainer.step == 0:
        say(f"{len(trainer.data):,} pictures {'x'.join(map(str, trainer.model.shape))}, {len(trainer.held_out):,} held "
            f"out; {sum(p.numel() for p in trainer.model.parameters()):,} parameters; {trainer.model.likelihood} "
            f"likelihood; {total:,} steps on {trainer.device}")
    clock, clock_step = time.monotonic(), trainer.step
    per_step = settings.batch_size
    kept = about(settings)
    with Interruption() as interruption, Progress(total, unit="pictures", per_step=per_step, quiet=quiet) as progress:
        for epoch_ended in trainer.steps():
            step = trainer.step
            stop = step == total or interruption.requested  # looked at once: it may change at any time
            progress.update(step, epoch=trainer.epoch, loss=lambda: trainer.means()["loss"])
            if epoch_ended:
                val = trainer.validate()
                row = {"step": step, "epoch": trainer.epoch, **trainer.means()}
                run.log(**row, epoch_end=True, **{f"val_{name}": value for name, value in val.items()})
                if val["loss"] < trainer.best:
                    trainer.best = val["loss"]
                    run.save_best(trainer.model.state_dict(), {"step": step, "val_loss": val["loss"]})
                seconds = time.monotonic() - clock
                peak = f" (one batch had {row['peak_loss']:.4g})" if row["peak_loss"] > 10 * val["loss"] else ""
                progress.print(
                    f"epoch {trainer.epoch}: loss {row['loss']:.4f}{peak}, held out {val['loss']:.4f}: reconstruction "
                    f"{val['reconstruction']:.2f} + kl {val['kl']:.2f} = {-val['elbo']:.2f} nats"
                    f"{verdict(settings, trainer.epoch, val['loss'])}; {seconds:.1f} s"
                )
                speed = (step - clock_step) * per_step / seconds
                run.log_timing(step=step, epoch=trainer.epoch, seconds=seconds, pictures_per_second=speed)
                clock, clock_step = time.monotonic(), step
            elif step % settings.log_every == 0:
                run.log(step=step, epoch=trainer.epoch, **trainer.means())
            if step % settings.sample_every == 0 if settings.sample_every else epoch_ended:
                save_png(run.sample_path(step, ".png"), manifold(trainer.model, 15), kept | {"Step": str(step)})
            if epoch_ended:
                trainer.end_epoch()
            if stop or epoch_ended or step % settings.save_every == 0:
                if trainer.seen:
                    trainer.means()  # never save what has diverged
                run.checkpoint(trainer.model.state_dict(), trainer.state(), step=step, finished=step == total)
            if stop:
                break
    if trainer.step < total:
        say(f"stopped at step {trainer.step} of {total}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    say(f"finished: {run.path}")
    return 0


def verdict(settings: Settings, epoch: int, val_loss: float) -> str:
    """Say where a validation loss stands beside the published one of the same epoch, "" where there is none."""
    chapter = CHAPTER | {"data": "mnist", "latent_dim": 2, "size": 0, "channels": 0, "lr": 0.001, "free_bits": 0.0}
    if epoch > len(PUBLISHED) or any(getattr(settings, name) != value for name, value in chapter.items()):
        return ""
    there = PUBLISHED[epoch - 1]
    return f"; published {there:.4f}, this is {abs(val_loss - there):.4f} {'lower' if val_loss < there else 'higher'}"


def start_from(model: nn.Module, path: str | Path) -> None:
    """Load weights from a file into ``model``.

    Raises:
        ValueError: if they belong to another model.
    """
    weights = load(path)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`init_from` is {str(path)!r}, which holds other weights: {error.args[0]}") from None


# ------------------------------------------------------------------------------------------------------ pictures


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``.

    Raises:
        ValueError: if its ``config.json`` lacks something, or holds a value of the wrong kind.
    """
    damaged = f"`{run.path / 'config.json'}` is damaged"
    shape = run.settings.get("image_shape")
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(f"{damaged}: its `image_shape` is {shape!r}")
    stored = {f.name: run.settings[f.name] for f in fields(Settings) if f.name in run.settings}
    for name, value in stored.items():
        kind = type(getattr(Settings, name))  # of the default
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{damaged}: its `{name}` is {value!r}")
    return Settings(**stored | changes)


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
    model = build(settings, tuple(run.settings["image_shape"]))
    if which == "auto":
        which = "best" if (Path(path) / "best.safetensors").exists() else "last"
    weights = run.weights(which)
    for warning in run.warnings if warn is not None else ():
        warn(warning)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`{run.path}` has weights of another model than its settings: {error.args[0]}") from None
    return model.eval(), settings


def about(settings: Settings, **more: Any) -> dict[str, str]:
    """Return what a picture keeps about where it comes from: the version, the settings, and ``more``.

    Settings that a resumed run may change do not count, so that it draws the same bytes.
    """
    kept = {name: value for name, value in asdict(settings).items() if name not in MAY_CHANGE}
    return {"Software": f"tinygen {__version__}", "Settings": json.dumps(kept)} | {k: str(v) for k, v in more.items()}


def quantiles(n: int) -> np.ndarray:
    """Return the normal distribution's quantiles at linspace(0.05, 0.95, n), float32."""
    return np.array([NormalDist().inv_cdf(p) for p in np.linspace(0.05, 0.95, n).tolist()], np.float32)


def manifold(model: VAE, n: int = 15) -> np.ndarray:
    """Decode a lattice of n x n points: uint8 (3, height, width).

    With two dimensions, both take the normal distribution's quantiles, the second one upwards in a column. With any
    other number, row j is the traversal of dimension j around 0 (of the first n dimensions).
    """
    if model.latent_dim != 2:
        return traversals(model, n, rows=min(n, model.latent_dim))
    values = quantiles(n)
    z = np.stack([np.tile(values, n), np.repeat(values[::-1], n)], 1)  # rows from the top, columns from the left
    return grid(model.pictures(z), n, 0)


def traversals(model: VAE, n: int = 15, around: np.ndarray | None = None, rows: int | None = None) -> np.ndarray:
    """Decode, for each dimension, n points that differ in it alone: uint8 (3, rows H, n W).

    Args:
        model: the network.
        n: points in a row: the normal distribution's quantiles.
        around: the point that the other coordinates come from, (L,); None: 0.
        rows: so many dimensions, from the first; None: all.
    """
    length = model.latent_dim
    rows = length if rows is None else rows
    z = np.tile(np.zeros(length) if around is None else around, (rows, n, 1)).astype(np.float32)  # (rows, n, L)
    for j in range(rows):
        z[j, :, j] = quantiles(n)
    return grid(model.pictures(z.reshape(-1, length)), n, 0)
