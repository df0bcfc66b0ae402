"""Pictures from nothing, with a generative adversarial network (a DCGAN).

What: a *generator* turns random numbers into pictures; a *discriminator* learns to tell them from real ones, and the
generator learns from it how to fool it. Neither ever wins if all goes well: the pictures get better.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.5; I. Goodfellow et al., "Generative
adversarial nets" (NIPS 2014), algorithm 1; A. Radford et al., "Unsupervised representation learning with deep
convolutional generative adversarial networks" (ICLR 2016).

Presets: ``book`` is the chapter to the letter: 32 x 32 frogs in batches of 20, RMSprop at 0.0008 (discriminator) and
0.0004 (generator), each gradient element limited to 1, label noise 0.5 * uniform, dropout 0.4, probabilities clipped
at 1e-7 as Keras does. Its frogs are scaled to [0, 1] although the generator ends in tanh (-1 to 1).
``book-python`` has label noise 0.05 * uniform. ``tuned`` is the same pair of networks: pictures in [-1, 1] and
shuffled, Adam with a short memory, logits, both kinds of pictures augmented, a running mean of the generator's
weights, and going back when training has gone off course.

Deviations from the chapter: pictures are channels first, so the first dense layer's outputs come in another order,
which random initial values do not notice.

Expect: the discriminator's loss near ln 2 = 0.69 (it cannot tell) and the generator's near 0.76, from 0.51 to 1.14
(``PUBLISHED``, below). Both falling to 0 or climbing is a bad sign, and :class:`Monitor` says which.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import nn, optim, pictures
from tinygen.autograd import grad
from tinygen.backend import check_device, to_device
from tinygen.data import DataLoader
from tinygen.data.images import ImageData, ImageDataset, load_images
from tinygen.io import load
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.join import cat
from tinygen.random import Generator as Random
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run
from tinygen.tensor import Tensor

COMMAND = "gan train"
ANIMATION = "training.gif"
CLIP = 1e-7  # Keras keeps probabilities between this and 1 - this
# The book's companion notebook, 10,000 steps on the frogs: median, and the range of the generator's loss.
PUBLISHED = {"d_loss": 0.6925, "g_loss": 0.76, "g_loss_range": (0.51, 1.14)}


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a training run is told.

    Attributes:
        data: a name of :func:`tinygen.data.load_images`, a folder of pictures, or FILE.npz.
        preset: which preset the other values come from.
        size: height and width of the pictures, 0 for as they are; even.
        color: channels: 3, 1 for grey, 0 for as they are.
        steps: how many; one trains the discriminator ``d_steps`` times and the generator once.
        batch_size: generated pictures in a step, and as many real ones.
        latent_dim: random numbers that a picture is made from.
        latent: their distribution: ``"normal"`` or ``"uniform"`` (-1 to 1).
        g_width: maps of the generator's layers.
        d_width: maps of the discriminator's layers.
        upsamplings: how often the generator doubles the size.
        up_kernel: side of the kernel that doubles it.
        slope: of the leaky relu below 0; 0 is the plain relu.
        downsample: ``"stride"`` or ``"maxpool"``.
        output: the generator's last function, ``"tanh"`` or ``"sigmoid"``.
        pixels: ``"unit"``: pictures are from 0 to 1; ``"signed"``: from -1 to 1.
        dropout: in the discriminator, before its last layer.
        loss: ``"bce"``, ``"hinge"``, ``"lsgan"`` or ``"wgan-gp"``.
        label_noise: uniform noise of up to this on the discriminator's labels (bce, lsgan).
        clip_probability: bce from probabilities clipped as Keras does; False: from logits.
        gp_weight: of the gradient penalty (wgan-gp).
        d_steps: discriminator steps for each of the generator.
        augment: of real and generated pictures before the discriminator: any of ``color translation cutout``.
        flip: mirror real pictures at random.
        shuffle: a new order of the real pictures for every pass.
        optimizer: ``"rmsprop"`` (limit 1 on each gradient element, decay 1e-8) or ``"adam"``.
        d_lr: the discriminator's learning rate.
        g_lr: the generator's.
        beta1: Adam's memory of the gradient.
        ema: decay of the running mean of the generator's weights, 0 for none.
        health_every: steps between looks at how training goes; 0 for never.
        max_rollbacks: how often to go back when it goes wrong; 0: only say so.
        seed: of every random number.
        log_every: steps between rows of ``metrics.jsonl``.
        save_every: steps between checkpoints.
        sample_every: steps between sheets of pictures.
        max_steps: stop the run after so many steps; 0 for no limit.
    """

    data: str = "cifar10-frogs"
    preset: str = "tuned"
    size: int = 0
    color: int = 0
    steps: int = 10_000
    batch_size: int = 20
    latent_dim: int = 32
    latent: str = "normal"
    g_width: int = 256
    d_width: int = 128
    upsamplings: int = 1
    up_kernel: int = 4
    slope: float = 0.3
    downsample: str = "stride"
    output: str = "tanh"
    pixels: str = "signed"
    dropout: float = 0.4
    loss: str = "bce"
    label_noise: float = 0.05
    clip_probability: bool = False
    gp_weight: float = 10.0
    d_steps: int = 1
    augment: str = "translation,cutout"
    flip: bool = True
    shuffle: bool = True
    optimizer: str = "adam"
    d_lr: float = 2e-4
    g_lr: float = 2e-4
    beta1: float = 0.5
    ema: float = 0.995
    health_every: int = 100
    max_rollbacks: int = 3
    seed: int = 0
    log_every: int = 20
    save_every: int = 500
    sample_every: int = 100
    max_steps: int = 0

    def __post_init__(self) -> None:
        at_least = {"size": 0, "steps": 1, "batch_size": 1, "latent_dim": 1, "g_width": 2, "d_width": 1,
                    "upsamplings": 0, "up_kernel": 2, "slope": 0, "label_noise": 0, "gp_weight": 0, "d_steps": 1,
                    "health_every": 0, "max_rollbacks": 0, "seed": 0, "log_every": 1, "save_every": 1,
                    "sample_every": 1, "max_steps": 0}
        for name, low in at_least.items():
            if not getattr(self, name) >= low:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it must be at least {low}")
        if self.seed >= 2**56:
            raise ValueError(f"`seed` is {self.seed}; it must be below 2**56")
        for name in ("dropout", "ema", "beta1"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it must be from 0 to below 1")
        for name in ("d_lr", "g_lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it must be above 0")
        choices = {"preset": tuple(PRESETS), "color": (0, 1, 3), "latent": ("normal", "uniform"), "loss": tuple(LOSSES),
                   "downsample": ("stride", "maxpool"), "output": ("tanh", "sigmoid"), "pixels": ("unit", "signed"),
                   "optimizer": ("rmsprop", "adam")}
        for name, valid in choices.items():
            if getattr(self, name) not in valid:
                raise ValueError(f"`{name}` is {getattr(self, name)!r}; valid are {', '.join(map(str, valid))}")
        for kind in filter(None, self.augment.split(",")):
            if kind not in AUGMENTATIONS:
                valid = ", ".join(AUGMENTATIONS)
                raise ValueError(f"`augment` names {kind!r}; valid are {valid}, joined by commas, or nothing")
        if self.output == "sigmoid" and self.pixels == "signed":
            raise ValueError("`output` is 'sigmoid', from 0 to 1, but `pixels` is 'signed', from -1 to 1; take 'unit'")
        if self.clip_probability and self.loss != "bce":
            raise ValueError(f"`clip_probability` is True, but `loss` is {self.loss!r}; only bce has probabilities")

    @property
    def low(self) -> float:
        """What black is; white is 1."""
        return 0.0 if self.pixels == "unit" else -1.0


_BOOK = {"pixels": "unit", "label_noise": 0.5, "clip_probability": True, "augment": "", "flip": False, "shuffle": False,
         "optimizer": "rmsprop", "d_lr": 8e-4, "g_lr": 4e-4, "ema": 0.0, "max_rollbacks": 0}
PRESETS: dict[str, dict[str, Any]] = {"book": _BOOK, "book-python": _BOOK | {"label_noise": 0.05}, "tuned": {}}
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("steps", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    if preset not in PRESETS:
        raise ValueError(f"`preset` is {preset!r}; valid are {', '.join(PRESETS)}")
    return Settings(**{**PRESETS[preset], "preset": preset, **changes})


# ------------------------------------------------------------------------------------------------------ networks


def _start_as_keras(network: nn.Module, random: Random | None) -> None:
    """Glorot-uniform weights, biases 0."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.xavier_uniform_(parameter, generator=random)


class Generator(nn.Module):
    """Latent vectors to pictures: a dense layer makes small maps, which are doubled and refined.

    Args:
        settings: widths, sizes and functions.
        shape: (C, S, S) of a picture.
        random: of the initial values.

    Raises:
        ValueError: if the size cannot be halved ``upsamplings`` times.
    """

    def __init__(self, settings: Settings, shape: tuple[int, int, int], random: Random | None = None) -> None:
        super().__init__()
        channels, side, _ = shape
        self.start = side >> settings.upsamplings
        if not self.start or self.start << settings.upsamplings != side:
            parts = 2**settings.upsamplings
            raise ValueError(f"`size` is {side}; with `upsamplings` {settings.upsamplings} it must divide by {parts}")
        width, self.slope, self.output = settings.g_width, settings.slope, settings.output
        self.first = max(width // 2, 1)
        self.dense = nn.Linear(settings.latent_dim, self.first * self.start**2)
        self.conv1 = nn.Conv2d(self.first, width, 5, padding="same")
        # a kernel that the stride divides covers every pixel equally often: no checkerboard
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(width, width, settings.up_kernel, stride=2, padding="same")
            for _ in range(settings.upsamplings)
        )
        self.conv2 = nn.Conv2d(width, width, 5, padding="same")
        self.conv3 = nn.Conv2d(width, width, 5, padding="same")
        self.conv4 = nn.Conv2d(width, channels, 7, padding="same")
        _start_as_keras(self, random)

    def forward(self, z: Tensor) -> Tensor:
        """Map latent vectors (N, L) to pictures (N, C, S, S)."""
        x = F.leaky_relu(self.dense(z), self.slope)
        x = x.reshape(-1, self.first, self.start, self.start)
        for layer in (self.conv1, *self.ups, self.conv2, self.conv3):
            x = F.leaky_relu(layer(x), self.slope)
        x = self.conv4(x)
        return F.tanh(x) if self.output == "tanh" else F.sigmoid(x)


class Discriminator(nn.Module):
    """Pictures to one score each: high says generated, low says real (the chapter's labels are 1 and 0).

    A 3 x 3 convolution, then halvings (4 x 4, stride 2, unpadded) while the side is 4 or more, dropout and a dense
    layer. Pictures of 32 x 32 go 30, 14, 6, 2.

    Args:
        settings: widths and functions.
        shape: (C, S, S) of a picture.
        random: of the initial values.
        noise: of the dropout.

    Raises:
        ValueError: if the pictures are too small.
    """

    def __init__(
        self, settings: Settings, shape: tuple[int, int, int], random: Random | None = None,
        noise: Random | None = None,
    ) -> None:
        super().__init__()
        channels, side, _ = shape
        if side < 6:
            raise ValueError(f"`size` is {side}; the discriminator needs at least 6")
        width, self.slope, self.pooling = settings.d_width, settings.slope, settings.downsample == "maxpool"
        self.first = nn.Conv2d(channels, width, 3)
        side -= 2
        halvings = []
        while side >= 4:
            if self.pooling:
                halvings.append(nn.Conv2d(width, width, 4, padding="same"))
                side //= 2
            else:
                halvings.append(nn.Conv2d(width, width, 4, stride=2))
                side = (side - 2) // 2
        self.halvings = nn.ModuleList(halvings)
        self.dropout = nn.Dropout(settings.dropout, generator=noise)
        self.dense = nn.Linear(width * side * side, 1)
        _start_as_keras(self, random)

    def features(self, x: Tensor) -> Tensor:
        """Map pictures (N, C, S, S) to what the last layer sees (N, features)."""
        x = F.leaky_relu(self.first(x), self.slope)
        for layer in self.halvings:
            x = F.leaky_relu(layer(x), self.slope)
            if self.pooling:
                x = F.max_pool2d(x, 2)
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, C, S, S) to scores (N,)."""
        return self.dense(self.dropout(self.features(x))).flatten()


# -------------------------------------------------------------------------------------------------------- losses


def _bce(scores: Tensor, target: Tensor, clip: bool) -> Tensor:
    """Mean cross-entropy of sigmoid(scores) against ``target``, which may lie above 1 (label noise).

    Above 1 it is unbounded below, so Keras' clipping matters: beyond it there is no gradient either.
    """
    if clip:
        return F.binary_cross_entropy(F.sigmoid(scores).clip(CLIP, 1 - CLIP), target)
    return F.binary_cross_entropy_with_logits(scores, target)


def _discriminator_bce(fake: Tensor, real: Tensor, noise: Tensor, clip: bool) -> Tensor:
    n = len(fake)
    labels = cat([noise[:n] + 1.0, noise[n:]])
    return _bce(cat([fake, real]), labels, clip)


# Each: (discriminator's loss from scores of generated and real pictures, label noise (2N,) and whether to clip;
#        the generator's loss from scores of generated ones). A score is high for "generated".
LOSSES: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "bce": (_discriminator_bce, lambda fake, clip: _bce(fake, fake.detach() * 0.0, clip)),
    "hinge": (
        lambda fake, real, noise, clip: (F.relu(1.0 - fake).mean() + F.relu(real + 1.0).mean()) / 2,
        lambda fake, clip: fake.mean(),
    ),
    "lsgan": (
        lambda fake, real, noise, clip: (
            ((fake - 1.0 - noise[: len(fake)]) ** 2).mean() + ((real - noise[len(fake) :]) ** 2).mean()
        ) / 2,
        lambda fake, clip: (fake**2).mean(),
    ),
    "wgan-gp": (lambda fake, real, noise, clip: real.mean() - fake.mean(), lambda fake, clip: fake.mean()),
}
THRESHOLD = {"bce": 0.0, "hinge": 0.0, "lsgan": 0.5}  # a score above it says "generated"; a critic (wgan) has none


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, random: Random) -> Tensor:
    """Return mean over pictures of (|grad_x D(x)| - 1)**2, at x = e real + (1 - e) fake, e uniform.

    The gradient is itself differentiated: this needs second order.

    Args:
        discriminator: D.
        real: pictures (N, C, H, W).
        fake: as many.
        random: of e.

    Source: Gulrajani et al., "Improved training of Wasserstein GANs" (NIPS 2017), algorithm 1.
    """
    share = Tensor(random.uniform((len(real), 1, 1, 1), device=real.device))
    between = (real * share + fake.detach() * (1.0 - share)).detach()
    between.requires_grad = True
    (slope,) = grad(discriminator(between).sum(), between, create_graph=True)
    norm = ((slope**2).sum((1, 2, 3)) + 1e-12).sqrt()  # (N,)
    return ((norm - 1.0) ** 2).mean()


# -------------------------------------------------------------------------------------------------- augmentation


def _color(x: Tensor, random: Random, low: float) -> Tensor:
    """Change brightness by up to half the range, saturation up to twofold, contrast by half."""
    n = len(x)
    bright, saturation, contrast = (
        Tensor(random.uniform((n, 1, 1, 1), device=x.device)) for _ in range(3)
    )
    x = x + (bright - 0.5) * (1.0 - low) / 2
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (saturation * 2.0) + grey
    middle = x.mean((1, 2, 3), keepdim=True)
    return (x - middle) * (contrast + 0.5) + middle


def _translation(x: Tensor, random: Random, low: float) -> Tensor:
    """Move each picture by up to an eighth of its side; what comes in is 0."""
    n, _, height, width = x.shape
    most = (height + 4) // 8
    shift = random.integers(-most, most + 1, (2, n, 1), device="cpu")
    rows = np.clip(np.arange(height) + shift[0] + 1, 0, height + 1)  # (N, H), into the picture with a border of 1
    columns = np.clip(np.arange(width) + shift[1] + 1, 0, width + 1)
    bordered = F.pad(x, [1, 1, 1, 1]).permute(0, 2, 3, 1)  # (N, H + 2, W + 2, C)
    index = (np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :])
    return bordered[tuple(Tensor(to_device(part, x.device)) for part in index)].permute(0, 3, 1, 2)


def _cutout(x: Tensor, random: Random, low: float) -> Tensor:
    """Set a square of half the side to 0 in each picture."""
    n, _, height, width = x.shape
    half = height // 4
    centre = random.integers(0, height, (2, n, 1), device="cpu")
    rows, columns = (abs(np.arange(side) - c) < half for side, c in zip((height, width), centre, strict=True))
    keep = ~(rows[:, None, :, None] & columns[:, None, None, :])  # (N, 1, H, W)
    return x * Tensor(to_device(keep.astype(np.float32), x.device))


AUGMENTATIONS: dict[str, Callable[[Tensor, Random, float], Tensor]] = {
    "color": _color, "translation": _translation, "cutout": _cutout,
}


def augmented(x: Tensor, kinds: str, random: Random, low: float = -1.0) -> Tensor:
    """Return pictures changed at random, in ways that a gradient passes through.

    The discriminator sees real and generated pictures through the same changes, so it cannot learn few real ones by
    heart, and the generator does not learn the changes.

    Args:
        x: pictures (N, C, H, W).
        kinds: names of :data:`AUGMENTATIONS`, joined by commas; empty for none.
        random: where the numbers come from.
        low: what black is.

    Source: Zhao et al., "Differentiable augmentation for data-efficient GAN training" (NeurIPS 2020), section 3.
    """
    for kind in filter(None, kinds.split(",")):
        x = AUGMENTATIONS[kind](x, random, low)
    return x


# ------------------------------------------------------------------------------------------------------- monitor


ADVICE = {
    "numbers": "the losses are no finite numbers any more. A lower --d-lr and --g-lr prevents it",
    "discriminator": "the discriminator tells nearly all pictures apart while the generator's loss climbs: the "
    "generator gets no hint how to improve. Lower --d-lr, raise --dropout, or add --label-noise",
    "collapse": "the generated pictures are nearly all alike (mode collapse). More randomness helps: --dropout, "
    "--label-noise, --augment; or a lower --g-lr, or --loss wgan-gp",
}


class Monitor:
    """Looks at how training goes, and names what is wrong.

    * ``numbers``: a loss is NaN or infinite.
    * ``discriminator``: it is right about 98 % of pictures or more while the generator's loss has grown by a tenth
      since the last look (not for wgan-gp, whose critic should be right).
    * ``collapse``: pictures differ from one another less than a tenth as much as real ones do, or less than a third
      as much as they once did. At the start they are all alike; the first three looks are let pass.
    """

    def __init__(self) -> None:
        self.looks, self.last_g, self.best_diversity = 0, math.inf, 0.0

    def look(self, g_loss: float, d_loss: float, right: float | None, diversity: float) -> str | None:
        """Return the name of what is wrong, None if nothing is.

        Args:
            g_loss: the generator's mean loss since the last look.
            d_loss: the discriminator's.
            right: the share of pictures that it judged rightly; None if its loss knows no right and wrong.
            diversity: how much generated pictures differ, 1 for as much as real ones.
        """
        if not (math.isfinite(g_loss) and math.isfinite(d_loss) and math.isfinite(diversity)):
            return "numbers"
        self.looks += 1
        climbs, self.last_g = g_loss > self.last_g + 0.1 * abs(self.last_g), g_loss
        self.best_diversity = max(self.best_diversity, diversity)
        if right is not None and right >= 0.98 and climbs:
            return "discriminator"
        if self.looks > 3 and (diversity < 0.1 or diversity < self.best_diversity / 3):
            return "collapse"
        return None


# ---------------------------------------------------------------------------------------------------------- loop


class Diverged(ValueError):
    """The losses are not finite, and there was nothing to go back to."""


def _optimizer(settings: Settings, network: nn.Module, lr: float) -> optim.Optimizer:
    """RMSprop has Keras' constants and the chapter's limit and decay."""
    parameters = list(network.parameters())
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(parameters, lr, alpha=0.9, eps=1e-7, clip_value=1.0, decay=1e-8)
    return optim.Adam(parameters, lr, betas=(settings.beta1, 0.999))


def _copied(state: Any) -> Any:
    """A nested state with copies of its arrays."""
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return state.copy() if hasattr(state, "dtype") and hasattr(state, "copy") else state


def _latents(settings: Settings, n: int, random: Random, device: str = "cpu") -> Tensor:
    """Draw latent vectors (N, L)."""
    if settings.latent == "normal":
        return Tensor(random.normal((n, settings.latent_dim), device=device))
    return Tensor(random.uniform((n, settings.latent_dim), device=device) * 2 - 1)


def _spread(images: Any) -> float:
    """Root mean over pixels of the variance over pictures (N, C, H, W)."""
    return float(np.sqrt(np.asarray(images, np.float64).var(0).mean()))


SHEET = 64  # pictures of a sample sheet


class Trainer:
    """A training run: both networks, both optimisers, data and random numbers, and where it stands.

    Args:
        settings: what to do.
        data: the real pictures.
        device: where to compute.

    Raises:
        ValueError: for pictures that do not fit the settings.
    """

    def __init__(self, settings: Settings, data: ImageData, device: str = "cpu") -> None:
        shape = data.images.shape[1:]
        if shape[1] != shape[2]:
            raise ValueError(f"`size` is 0, but the pictures are {shape[1]} x {shape[2]}; a square size is needed")
        if len(data) < settings.batch_size:
            raise ValueError(f"`batch_size` is {settings.batch_size}, but there are only {len(data)} pictures")
        self.settings, self.data, self.shape, self.device = settings, data, shape, device
        # One stream for each purpose, so that a change in one leaves the others as they were.
        names = ("init", "order", "flip", "latent", "labels", "dropout", "augment", "penalty", "sample")
        self.random = {name: Random((settings.seed << 8) + i) for i, name in enumerate(names)}
        self.generator = Generator(settings, shape, self.random["init"]).to(device)
        self.discriminator = Discriminator(settings, shape, self.random["init"], self.random["dropout"]).to(device)
        self.mean = None  # the generator with the running mean of its weights
        if settings.ema:
            self.mean = Generator(settings, shape).to(device)
            self.mean.load_state_dict(self.generator.state_dict())
        self.d_optimizer = _optimizer(settings, self.discriminator, settings.d_lr)
        self.g_optimizer = _optimizer(settings, self.generator, settings.g_lr)
        flip = self.random["flip"] if settings.flip else None
        dataset = ImageDataset(data, settings.low, 1.0, flip=flip)
        self.loader = DataLoader(dataset, settings.batch_size, settings.shuffle, True, self.random["order"])
        self.batches: Iterator | None = None
        self.fixed = _latents(settings, SHEET, Random((settings.seed << 8) + 255), device)
        real = (data.images[:512].astype(np.float32) / 255) * (1 - settings.low) + settings.low
        self.real_spread = max(_spread(real), 1e-6)
        self.last_step = min(settings.steps, settings.max_steps or settings.steps)
        self.step, self.epoch = 0, 1
        self.monitor = Monitor()
        self.dropout, self.d_scale, self.g_scale = settings.dropout, 1.0, 1.0  # going back changes them
        self.rollbacks, self.healthy = 0, None  # the snapshot to go back to
        # sums since the last row, and since the last look: d_loss, g_loss, share of right judgements, steps
        self.sums = {"row": self._zeros(), "look": self._zeros()}
        self.counts = {"row": 0, "look": 0}

    def _zeros(self) -> Tensor:
        return Tensor(to_device(np.zeros(3, np.float64), self.device))

    # -- saving

    def weights(self) -> dict[str, Any]:
        """All weights: ``generator.*``, ``discriminator.*`` and, with a running mean, ``ema.*``."""
        networks = {"generator": self.generator, "discriminator": self.discriminator, "ema": self.mean}
        return {
            f"{name}.{key}": value for name, network in networks.items() if network is not None
            for key, value in network.state_dict().items()
        }

    def load_weights(self, weights: dict[str, Any]) -> None:
        """Take over what :meth:`weights` returned.

        Raises:
            KeyError, ValueError: if they belong to other networks.
        """
        self.generator.load_state_dict(_part(weights, "generator"))
        self.discriminator.load_state_dict(_part(weights, "discriminator"))
        if self.mean is not None:
            self.mean.load_state_dict(_part(weights, "ema") or _part(weights, "generator"))

    def _optimizers(self) -> dict[str, Any]:
        return {"d": self.d_optimizer.state_dict(), "g": self.g_optimizer.state_dict()}

    def _load_optimizers(self, state: dict[str, Any]) -> None:
        self.d_optimizer.load_state_dict(state["d"])
        self.g_optimizer.load_state_dict(state["g"])

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs."""
        return {
            "optimizers": self._optimizers(), "loader": self.loader.state_dict(),
            "random": {name: random.state() for name, random in self.random.items()},
            "sums": {name: total.numpy() for name, total in self.sums.items()}, "counts": dict(self.counts),
            "monitor": vars(self.monitor) | {"last_g": min(self.monitor.last_g, 1e300)},
            "healthy": self.healthy,
            **{name: getattr(self, name) for name in ("step", "epoch", "dropout", "d_scale", "g_scale", "rollbacks")},
        }

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.load_weights(weights)
        self._load_optimizers(state["optimizers"])
        self.loader.load_state_dict(state["loader"])
        for name, value in state["random"].items():
            self.random[name].set_state(value)
        for name, value in state["sums"].items():
            self.sums[name] = Tensor(to_device(np.array(value), self.device))
        self.counts = dict(state["counts"])
        vars(self.monitor).update(state["monitor"])
        for name in ("healthy", "step", "epoch", "dropout", "d_scale", "g_scale", "rollbacks"):
            setattr(self, name, state[name])
        self._apply_scales()

    # -- learning

    def _real(self) -> Tensor:
        """The next real pictures (N, C, S, S)."""
        if self.batches is None:
            self.batches = iter(self.loader)
        batch = next(self.batches, None)
        if batch is None:  # the pass is over
            self.batches, self.epoch = iter(self.loader), self.epoch + 1
            batch = next(self.batches)
        return batch[0].to(self.device)

    def _train_discriminator(self) -> tuple[Tensor, Tensor]:
        """One step on generated and real pictures together; returns its loss and the share judged rightly."""
        settings, n = self.settings, self.settings.batch_size
        real = self._real()
        with no_grad():
            fake = self.generator(_latents(settings, n, self.random["latent"], self.device))
            both = augmented(cat([fake, real]), settings.augment, self.random["augment"], settings.low)
        noise = Tensor(self.random["labels"].uniform((2 * n,), device=self.device) * np.float32(settings.label_noise))
        self.d_optimizer.zero_grad()
        scores = self.discriminator(both)  # (2N,)
        loss = LOSSES[settings.loss][0](scores[:n], scores[n:], noise, settings.clip_probability)
        objective = loss
        if settings.loss == "wgan-gp" and settings.gp_weight:
            penalty = gradient_penalty(self.discriminator, both[n:], both[:n], self.random["penalty"])
            objective = loss + penalty * settings.gp_weight
        objective.backward()
        self.d_optimizer.step()
        threshold = THRESHOLD.get(settings.loss, 0.0)
        with no_grad():
            right = ((scores[:n] > threshold).double().mean() + (scores[n:] <= threshold).double().mean()) / 2
        return loss.detach(), right

    def _train_generator(self) -> Tensor:
        """One step through the frozen discriminator, whose dropout stays active, as the chapter has it."""
        settings = self.settings
        self.g_optimizer.zero_grad()
        self.discriminator.requires_grad_(False)  # its weights' gradients are not even computed
        try:
            fake = self.generator(_latents(settings, settings.batch_size, self.random["latent"], self.device))
            scores = self.discriminator(augmented(fake, settings.augment, self.random["augment"], settings.low))
            loss = LOSSES[settings.loss][1](scores, settings.clip_probability)
            loss.backward()
        finally:
            self.discriminator.requires_grad_(True)
        self.g_optimizer.step()
        if self.mean is not None:
            # a shorter memory at the start, when the weights move most
            keep = min(settings.ema, (1 + self.step) / (10 + self.step))
            with no_grad():
                for mean, now in zip(self.mean.parameters(), self.generator.parameters(), strict=True):
                    mean.copy_(mean * keep + now * (1 - keep))
        return loss.detach()

    def train_step(self) -> None:
        """Train both networks once."""
        for _ in range(self.settings.d_steps):
            d_loss, right = self._train_discriminator()
        g_loss = self._train_generator()
        now = cat([part.double().reshape(1) for part in (d_loss, g_loss, right)])
        for name in self.sums:
            self.sums[name] = self.sums[name] + now
            self.counts[name] += 1
        self.step += 1

    def means(self, since: str, clear: bool = True) -> dict[str, float]:
        """Return ``d_loss``, ``g_loss`` and ``d_right`` (share judged rightly) since the last row or look."""
        d_loss, g_loss, right = (self.sums[since].numpy() / max(self.counts[since], 1)).tolist()
        if clear:
            self.sums[since], self.counts[since] = self._zeros(), 0
        found = {"d_loss": d_loss, "g_loss": g_loss}
        return found | ({"d_right": right} if self.settings.loss in THRESHOLD else {})

    def is_finite(self) -> bool:
        """Whether the losses of late and all weights are finite."""
        if not np.isfinite(self.sums["look"].numpy()).all():
            return False
        with no_grad():
            networks = (self.generator, self.discriminator)
            return all(math.isfinite(p.sum().item()) for network in networks for p in network.parameters())

    # -- health

    def look(self) -> tuple[str | None, float]:
        """Return what is wrong, if anything, and the diversity of the generated pictures; keep a snapshot if not."""
        means = self.means("look")
        with no_grad():
            diversity = _spread(self.generator(self.fixed[:32]).numpy()) / self.real_spread
        wrong = self.monitor.look(means["g_loss"], means["d_loss"], means.get("d_right"), diversity)
        if wrong is None and not self.is_finite():
            wrong = "numbers"
        if wrong is None and self.settings.max_rollbacks:
            self.healthy = _copied(
                {"step": self.step, "weights": _arrays(self.weights()), "optimizers": self._optimizers()}
            )
        return wrong, diversity

    def can_go_back(self) -> bool:
        """Whether there is a snapshot, and a rollback left."""
        return self.healthy is not None and self.rollbacks < self.settings.max_rollbacks

    def go_back(self, wrong: str) -> int:
        """Take the weights of the last snapshot, with what ``wrong`` asks for changed; returns its step.

        Steps go on counting and random numbers go on flowing, so what follows is not what went wrong.
        """
        self.load_weights(self.healthy["weights"])
        self._load_optimizers(_copied(self.healthy["optimizers"]))
        self.rollbacks += 1
        if wrong in ("discriminator", "numbers"):
            self.d_scale /= 2
        if wrong in ("collapse", "numbers"):
            self.g_scale /= 2
        if wrong != "numbers":
            self.dropout = min(self.dropout + 0.1, 0.8)
        self._apply_scales()
        self.monitor.last_g = 1e300
        for name in self.sums:
            self.sums[name], self.counts[name] = self._zeros(), 0
        return self.healthy["step"]

    def _apply_scales(self) -> None:
        """Put learning rates and dropout where they belong."""
        self.discriminator.dropout.p = self.dropout
        self.d_optimizer.param_groups[0]["lr"] = self.settings.d_lr * self.d_scale
        self.g_optimizer.param_groups[0]["lr"] = self.settings.g_lr * self.g_scale

    # -- pictures

    def sheet(self) -> np.ndarray:
        """The pictures of the fixed latent vectors side by side: uint8 (3, H, W)."""
        network = self.generator if self.mean is None else self.mean
        return pictures.grid(paint(network, self.fixed, self.settings.low))


def _part(weights: dict[str, Any], name: str) -> dict[str, Any]:
    return {key[len(name) + 1 :]: value for key, value in weights.items() if key.startswith(name + ".")}


def _arrays(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(value, "data", value) if isinstance(value, Tensor) else value
            for name, value in weights.items()}


def paint(generator: Generator, z: Tensor, low: float, batch: int = 32) -> np.ndarray:
    """Return the pictures of latent vectors (N, L) as uint8 (N, C, S, S)."""
    with no_grad():
        parts = [generator(z[i : i + batch]).numpy() for i in range(0, len(z), batch)]
    return pictures.to_uint8(np.concatenate(parts), low, 1.0)


def verdict(settings: Settings, means: dict[str, float]) -> str:
    """Say where losses stand beside the published run."""
    if settings.loss != "bce" or settings.data != "cifar10-frogs":
        return "no published run of this kind"
    low, high = PUBLISHED["g_loss_range"]
    place = "inside" if low <= means["g_loss"] <= high else "outside"
    return f"published: discriminator {PUBLISHED['d_loss']}, generator {PUBLISHED['g_loss']} ({low} to {high}: {place})"


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
    """Train a pair of networks into the run directory ``out``.

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
        ValueError: for settings that do not fit the pictures, a run that is in the way, losses that are not finite.
    """
    say = (lambda line: None) if quiet else say
    data = _load(settings, say)
    trainer = Trainer(settings, data, check_device(device))
    if init_from is not None and not resume:  # here, so that a wrong file leaves nothing half-written
        start_from(trainer, init_from)
    kept = asdict(settings) | {
        "init_from": None if init_from is None else str(init_from),
        "shape": list(trainer.shape),
        "pictures_crc32": zlib.crc32(np.ascontiguousarray(data.images)),
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
        elif resume and init_from is not None:
            start_from(trainer, init_from)
        return _loop(trainer, run, quiet, say)


def _load(settings: Settings, say: Callable[[str], None] | None = None) -> ImageData:
    """The real pictures of a run."""
    return load_images(settings.data, size=settings.size or None, channels=settings.color or None, report=say)


def _loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    about = {"software": "tinygen", "settings": repr(settings)}
    if trainer.step == 0:
        counts = [sum(p.numel() for p in net.parameters()) for net in (trainer.generator, trainer.discriminator)]
        channels, side, _ = trainer.shape
        say(f"{len(trainer.data):,} pictures of {side} x {side} x {channels}; generator {counts[0]:,} parameters, "
            f"discriminator {counts[1]:,}; {total:,} steps on {trainer.device}")
        pictures.save_png(run.sample_path(0, ".png"), trainer.sheet(), about)
    clock, clock_step = time.monotonic(), trainer.step
    with Interruption() as interruption, Progress(
        total, unit="pictures", per_step=settings.batch_size, quiet=quiet
    ) as progress:
        while trainer.step < total:
            trainer.train_step()
            step = trainer.step
            stop = step == total or interruption.requested  # looked at once: it may change at any time
            progress.update(step, epoch=trainer.epoch, d_loss=lambda: trainer.means("row", False)["d_loss"],
                            g_loss=lambda: trainer.means("row", False)["g_loss"])
            if step % settings.log_every == 0:
                run.log(step=step, epoch=trainer.epoch, **trainer.means("row"))
            if settings.health_every and step % settings.health_every == 0:
                speak = settings.health_every * math.ceil(100 / settings.health_every)
                before = trainer.means("look", False)
                _care(trainer, run, progress.print)
                if step % speak == 0:
                    speed = (step - clock_step) / (time.monotonic() - clock)
                    losses = ", ".join(f"{name} {value:.4f}" for name, value in before.items())
                    progress.print(f"step {step}: {losses}; {verdict(settings, before)}; {speed:.2f} steps/s")
                    run.log_timing(step=step, seconds=time.monotonic() - clock, steps_per_second=speed)
                    clock, clock_step = time.monotonic(), step
            if step % settings.sample_every == 0 or step == total:
                pictures.save_png(run.sample_path(step, ".png"), trainer.sheet(), about)
            if stop or step % settings.save_every == 0:
                if not trainer.is_finite():  # never save what has diverged
                    _mend(trainer, run, "numbers", progress.print)
                run.checkpoint(_arrays(trainer.weights()), trainer.state(), step=step, finished=step == total)
            if stop:
                break
    if trainer.step < total:
        say(f"stopped at step {trainer.step} of {total}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    animate(run.path)
    say(f"finished: {run.path}")
    return 0


def _care(trainer: Trainer, run: Run, say: Callable[[str], None]) -> None:
    """Look at how training goes; say what is wrong, and go back if that is allowed."""
    wrong, diversity = trainer.look()
    run.log(step=trainer.step, epoch=trainer.epoch, diversity=diversity, health=wrong or "good")
    if wrong is not None:
        _mend(trainer, run, wrong, say)


def _mend(trainer: Trainer, run: Run, wrong: str, say: Callable[[str], None]) -> None:
    """Say what is wrong and go back.

    Raises:
        Diverged: if the numbers are not finite and there is nothing to go back to.
    """
    told = f"step {trainer.step}: {ADVICE[wrong]}"
    if trainer.can_go_back():
        step = trainer.go_back(wrong)
        run.log(step=trainer.step, epoch=trainer.epoch, health=wrong, back_to=step)
        say(f"{told}. Back to the weights of step {step} ({trainer.rollbacks} of {trainer.settings.max_rollbacks} "
            f"times), with learning rates times {trainer.d_scale:g} and {trainer.g_scale:g}, "
            f"dropout {trainer.dropout:g}")
    elif wrong == "numbers":
        raise Diverged(f"{told}; the last checkpoint stands")
    else:
        say(told)


def start_from(trainer: Trainer, path: str | Path) -> None:
    """Load weights from a file.

    Raises:
        ValueError: if they belong to other networks.
    """
    weights = load(path)
    try:
        trainer.load_weights(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`init_from` is {str(path)!r}, which holds other weights: {error.args[0]}") from None


def animate(path: str | Path, most: int = 60) -> Path:
    """Write ``training.gif`` into a run: its sample sheets, at most so many, one after the other.

    Returns:
        The file.
    """
    sheets = sorted((Path(path) / "samples").glob("step_*.png"))
    chosen = [sheets[i] for i in np.unique(np.linspace(0, len(sheets) - 1, min(most, len(sheets))).astype(int))]
    target = Path(path) / ANIMATION
    pictures.save_gif(target, [pictures.read_image(sheet) for sheet in chosen], 0.15)
    return target


# ------------------------------------------------------------------------------------------------------ sampling


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``.

    Raises:
        ValueError: if its ``config.json`` lacks something, or holds a value of the wrong kind.
    """
    damaged = f"`{run.path / 'config.json'}` is damaged"
    shape = run.settings.get("shape")
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
        raise ValueError(f"{damaged}: it has no `shape`")
    known = {f.name for f in fields(Settings)}
    stored = {name: value for name, value in run.settings.items() if name in known}
    for name, value in stored.items():
        kind = type(getattr(Settings, name))  # of the default
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{damaged}: its `{name}` is {value!r}")
    return Settings(**stored | changes)


@dataclass(frozen=True)
class Pair:
    """The networks of a run, for looking at them.

    Attributes:
        generator: that with the running mean of the weights, where the run has one and it was not refused.
        discriminator: its adversary, without dropout.
        settings: of the run.
    """

    generator: Generator
    discriminator: Discriminator
    settings: Settings

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """Draw latent vectors (n, L)."""
        return _latents(self.settings, n, Random(seed))

    def paint(self, z: Tensor) -> np.ndarray:
        """Return the pictures of latent vectors (N, L): uint8 (N, C, S, S)."""
        return paint(self.generator, z, self.settings.low)


def load_pair(path: str | Path, ema: bool = True, warn: Callable[[str], None] | None = None) -> Pair:
    """Return the networks of a run.

    Args:
        path: the run directory.
        ema: take the running mean of the generator's weights, where the run has one.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is a run of something else, or not whole.
    """
    run = Run.open(path, COMMAND)
    settings = settings_of(run)
    shape = tuple(run.settings["shape"])
    generator, discriminator = Generator(settings, shape), Discriminator(settings, shape)
    weights = run.weights("last")
    for warning in run.warnings if warn is not None else ():
        warn(warning)
    try:
        generator.load_state_dict((_part(weights, "ema") if ema else {}) or _part(weights, "generator"))
        discriminator.load_state_dict(_part(weights, "discriminator"))
    except (KeyError, ValueError) as error:
        raise ValueError(f"`{run.path}` has weights of other networks than its settings: {error.args[0]}") from None
    return Pair(generator.eval(), discriminator.eval(), settings)


def walk(z: Tensor, frames: int, spherical: bool = True) -> Tensor:
    """Return a closed path through latent vectors.

        linear: (1 - t) a + t b;   spherical: (sin((1 - t) w) a + sin(t w) b) / sin(w), w the angle between them

    Normal vectors in many dimensions nearly all have one length, which the straight line between two falls short of
    and the arc keeps.

    Args:
        z: the stops (P, L), at least 2; after the last comes the first again.
        frames: steps from one to the next.
        spherical: along arcs.

    Returns:
        (P * frames, L).

    Source: T. White, "Sampling generative networks" (2016), section 2.1.
    """
    if len(z) < 2 or frames < 1:
        raise ValueError(f"`z` has {len(z)} stops and `frames` is {frames}; at least 2 and 1 are needed")
    stops, path = z.numpy().astype(np.float64), []
    for a, b in zip(stops, np.roll(stops, -1, axis=0), strict=True):
        cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
        angle = math.acos(min(max(cosine, -1.0), 1.0))
        for t in np.arange(frames) / frames:
            if spherical and 1e-6 < angle < math.pi - 1e-6:
                path.append((math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle))
            else:  # the arc is the line, or goes anywhere
                path.append((1 - t) * a + t * b)
    return Tensor(np.stack(path).astype(np.float32))


# ------------------------------------------------------------------------------------------- is it copying?


@dataclass(frozen=True)
class Nearest:
    """The nearest training pictures of samples.

    Attributes:
        indices: of each sample's (N,).
        distances: root mean square of the differences (N,).
        among_real: the mean of the same for training pictures and their nearest other one: what is usual.
    """

    indices: np.ndarray
    distances: np.ndarray
    among_real: float


def nearest(samples: np.ndarray, real: np.ndarray, compared: int = 256) -> Nearest:
    """Find the nearest of ``real`` for each of ``samples``, by |s - r|**2 = s.s - 2 s.r + r.r.

    Args:
        samples: (N, features), any numbers.
        real: (M, features), at least 2.
        compared: how many of ``real``, evenly spread, stand for all in ``among_real``.

    Raises:
        ValueError: if ``real`` has fewer than 2.
    """
    if len(real) < 2:
        raise ValueError(f"`real` has {len(real)} pictures; at least 2 are needed")
    samples, real = samples.reshape(len(samples), -1), real.reshape(len(real), -1)
    centre = real.mean(0, dtype=np.float64).astype(np.float32)  # small numbers lose less to rounding
    samples, real = (part.astype(np.float32) - centre for part in (samples, real))
    squares = (real * real).sum(1)
    chosen = np.unique(np.linspace(0, len(real) - 1, min(compared, len(real))).astype(int))

    def closest(rows: np.ndarray, itself: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        square = (rows * rows).sum(1)[:, None] - 2 * rows @ real.T + squares
        if itself is not None:
            square[np.arange(len(rows)), itself] = np.inf
        found = square.argmin(1)
        exact = rows.astype(np.float64) - real[found]  # without the cancellation of the formula
        return found, np.sqrt((exact * exact).mean(1))

    indices, distances = closest(samples)
    return Nearest(indices, distances, float(closest(real[chosen], chosen)[1].mean()))


def features(pair: Pair, images: np.ndarray, batch: int = 50) -> np.ndarray:
    """Return what the discriminator's last layer sees of uint8 pictures: (N, features) float32."""
    low = pair.settings.low
    parts = []
    with no_grad():
        for i in range(0, len(images), batch):
            x = images[i : i + batch].astype(np.float32) * ((1 - low) / 255) + low
            parts.append(pair.discriminator.features(Tensor(x.astype(np.float32))).numpy())
    return np.concatenate(parts)


def nearest_sheet(pair: Pair, samples: np.ndarray, real: np.ndarray, columns: int = 4) -> tuple[np.ndarray, str]:
    """Put beside each sample its nearest training picture in pixels, and in the discriminator's features.

    Args:
        pair: the networks.
        samples: uint8 (N, C, S, S).
        real: uint8 (M, C, S, S).
        columns: how many such threes in a row.

    Returns:
        The sheet, uint8 (3, H, W), and what the distances say.
    """
    by_pixel = nearest(samples, real)
    by_feature = nearest(features(pair, samples), features(pair, real))
    threes = np.stack([samples, real[by_pixel.indices], real[by_feature.indices]], axis=1)  # (N, 3, C, S, S)
    lines = []
    for name, found in (("pixels", by_pixel), ("the discriminator's features", by_feature)):
        mean, usual = found.distances.mean(), found.among_real
        ratio = mean / max(usual, 1e-12)
        judged = "nearer than real ones are to one another: a sign of copying" if ratio < 0.5 else "no sign of copying"
        lines.append(f"by {name}: to the nearest training picture {mean:.4g}; "
                     f"among training pictures {usual:.4g}; ratio {ratio:.2f}: {judged}")
    return pictures.grid(threes.reshape(-1, *samples.shape[1:]), 3 * columns), "\n".join(lines)


def load_training_pictures(pair: Pair, path: str | Path) -> np.ndarray:
    """Return the pictures that a run was trained on, uint8 (M, C, S, S).

    Raises:
        ValueError: if they have changed since.
    """
    data = _load(pair.settings)
    if zlib.crc32(np.ascontiguousarray(data.images)) != Run.open(path, COMMAND).settings.get("pictures_crc32"):
        raise ValueError(f"`data` is {pair.settings.data!r}, which has other pictures now than when `{path}` was made")
    return data.images
