"""The two networks of a GAN, what they are told to be like, and the losses that set them against each other.

The training of them is in ``gan.py``, which also names the sources.

Convention of the chapter: 1 means generated, 0 means real. The discriminator gives a score s (N,), and sigmoid(s) is
the probability that the picture was generated; the generator wants it to be small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.autograd import grad
from tinygen.backend import to_device
from tinygen.generators.augment import policies
from tinygen.generators.settings import check, preset_values
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.pictures import to_uint8
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen.writes import written

MOST_SCORE = math.log((1 - 1e-7) / 1e-7)  # Keras keeps probabilities within 1e-7 of 0 and 1
# What the losses are where the discriminator cannot tell, and how far the generator's rises where it always can;
# the critic's loss of wgan-gp has no such level.
CHANCE = {"bce": (math.log(2), 1.0), "hinge": (1.0, 0.75), "least-squares": (0.25, 0.5), "wgan-gp": None}


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a training run is told.

    Attributes:
        data: a name of :func:`tinygen.data.images.load_images`, a folder of pictures or a .npz file.
        size: height and width to bring pictures to; 0: as they are.
        channels: 1 for grey, 3 for colour, 0 as they are.
        preset: which preset the other values come from.
        network: ``"book"`` or ``"light"``.
        width: what all numbers of channels are multiplied by.
        latent_dim: L, dimensions of z.
        latent: distribution of z: ``"normal"``, or ``"uniform"`` from -1 to 1.
        output: the generator's last function: ``"tanh"`` or ``"sigmoid"``.
        black: the value of black, -1 or 0; white is 1.
        slope: of the leaky relus below 0; 0: plain relus.
        kernel: height and width of the strided kernels.
        downsample: how the discriminator halves: ``"strided"`` convolutions, or ``"pool"``, their maxima.
        dropout: of the discriminator, before its last layer.
        g_norm: ``"batch"`` normalisation in the light generator, or ``"none"``.
        loss: ``"bce"``, ``"hinge"``, ``"least-squares"`` or ``"wgan-gp"``.
        label_noise: times a uniform number, added to each label of the discriminator (bce and least-squares).
        penalty: weight of the gradient penalty of wgan-gp.
        critic_steps: steps of the discriminator for each of the generator.
        optimizer: ``"rmsprop"`` or ``"adam"``.
        d_lr: the discriminator's learning rate.
        g_lr: the generator's.
        beta1: Adam's share of the running mean that is kept.
        clip_value: limit on each number of the gradients, 0 for none.
        decay: the rate of step t is lr / (1 + decay t) (rmsprop).
        ema: share of the averaged generator that a step keeps; 0 for no average.
        augment: policies of :mod:`tinygen.generators.augment`, joined by commas; "" for none.
        flip: mirror real pictures at random.
        shuffle: draw a new order for each pass over the pictures; else always theirs.
        steps: of training, each one of the generator.
        batch_size: real pictures in a step, and as many generated ones.
        rollbacks: how often a run that collapsed or diverged goes back to its last good checkpoint, the
            discriminator's rate halved; 0: a collapse is told, and nothing done.
        seed: of every random number.
        log_every: steps between rows of ``metrics.jsonl``.
        health_every: steps between looks at the variety of the pictures.
        save_every: steps between checkpoints.
        sample_every: steps between pictures of samples; 0 for none.
        max_steps: stop the run after so many steps; 0 for no limit.
    """

    data: str = "cifar10-frogs"
    size: int = 0
    channels: int = 0
    preset: str = "tuned"
    network: str = "light"
    width: float = 1.0
    latent_dim: int = 64
    latent: str = "normal"
    output: str = "tanh"
    black: int = -1
    slope: float = 0.2
    kernel: int = 4
    downsample: str = "strided"
    dropout: float = 0.0
    g_norm: str = "batch"
    loss: str = "bce"
    label_noise: float = 0.0
    penalty: float = 10.0
    critic_steps: int = 1
    optimizer: str = "adam"
    d_lr: float = 0.002
    g_lr: float = 0.0005
    beta1: float = 0.5
    clip_value: float = 0.0
    decay: float = 0.0
    ema: float = 0.999
    augment: str = "translation,cutout"
    flip: bool = False
    shuffle: bool = True
    steps: int = 10_000
    batch_size: int = 64
    rollbacks: int = 2
    seed: int = 0
    log_every: int = 10
    health_every: int = 100
    save_every: int = 500
    sample_every: int = 100
    max_steps: int = 0

    def __post_init__(self) -> None:
        check(
            self,
            at_least={"latent_dim": 1, "steps": 1, "batch_size": 1, "critic_steps": 1, "kernel": 1, "health_every": 1,
                      "sample_every": 0, "size": 0, "rollbacks": 0, "label_noise": 0, "penalty": 0, "clip_value": 0,
                      "decay": 0, "slope": 0},
            above_zero=("width", "d_lr", "g_lr"),
            below_one=("dropout", "beta1", "ema"),
            choices={"preset": PRESETS, "network": ("book", "light"), "latent": ("normal", "uniform"),
                     "output": ("tanh", "sigmoid"), "black": (-1, 0), "downsample": ("strided", "pool"),
                     "g_norm": ("none", "batch"), "loss": CHANCE, "optimizer": ("rmsprop", "adam"),
                     "channels": (0, 1, 3)},
        )
        if self.output == "sigmoid" and self.black == -1:
            raise ValueError("`output` is 'sigmoid', which is never below 0, but `black` is -1; take --black 0")
        if self.label_noise and self.loss not in ("bce", "least-squares"):
            raise ValueError(f"`label_noise` is {self.label_noise}, but the {self.loss} loss has no labels")
        policies(self.augment)


_BOOK = {"network": "book", "latent_dim": 32, "black": 0, "slope": 0.3, "dropout": 0.4, "g_norm": "none",
         "label_noise": 0.5, "optimizer": "rmsprop", "d_lr": 0.0008, "g_lr": 0.0004,
         "clip_value": 1.0, "decay": 1e-8, "ema": 0.0, "augment": "", "shuffle": False, "batch_size": 20,
         "rollbacks": 0, "log_every": 1, "save_every": 100}
PRESETS: dict[str, dict[str, Any]] = {"book": _BOOK, "book-python": _BOOK | {"label_noise": 0.05}, "tuned": {}}
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("steps", "rollbacks", "log_every", "health_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    return Settings(**preset_values(PRESETS, preset) | changes)


# --------------------------------------------------------------------------------------------------------- model


def doublings(settings: Settings, size: tuple[int, int]) -> int:
    """Return how often the generator doubles its first, small picture to reach (height, width).

    Raises:
        ValueError: if the network cannot make that size.
    """
    book = settings.network == "book"
    step, least = (2, 24) if book else (4, 8)
    if any(side % step or not least <= side <= 128 for side in size):
        raise ValueError(
            f"`size`: the pictures are {size[0]} x {size[1]}; the {settings.network} network makes sides that {step} "
            f"divides, from {least} to 128: give a --size"
        )
    if book:
        return 1
    count = 2
    while all(side % 2 ** (count + 1) == 0 and side // 2 ** (count + 1) >= 4 for side in size):
        count += 1
    return count


def make_generator(settings: Settings, shape: tuple[int, int, int], generator: Generator | None) -> nn.Sequential:
    """Return the network from points (N, L) to pictures (N, C, H, W).

    ``book``: half of the height and width is laid out at once, doubled by a transposed convolution with 4 x 4 kernels,
    between convolutions that keep the size. ``light``: a few pixels are laid out, and doubled again and again; the
    channels halve as the pixels double, so that no layer costs more than the others.
    """
    channels, *size = shape
    count, k = doublings(settings, tuple(size)), settings.kernel
    small = [side // 2**count for side in size]
    rectify = nn.LeakyReLU(settings.slope)
    if settings.network == "book":
        a, b = _scaled([128, 256], settings)
        layers = [
            nn.Linear(settings.latent_dim, a * math.prod(small)), rectify, nn.Unflatten(1, (a, *small)),
            nn.Conv2d(a, b, 5, 1, "same"), rectify,
            nn.ConvTranspose2d(b, b, k, 2, "same"), rectify,
            nn.Conv2d(b, b, 5, 1, "same"), rectify,
            nn.Conv2d(b, b, 5, 1, "same"), rectify,
            nn.Conv2d(b, channels, 7, 1, "same"),
        ]
    else:
        normal = settings.g_norm == "batch"
        before, *widths = _scaled([min(32 * 2**i, 512) for i in range(count, 0, -1)], settings)
        layers = [nn.Linear(settings.latent_dim, before * math.prod(small)), nn.Unflatten(1, (before, *small))]
        layers += [nn.BatchNorm2d(before)] * normal + [rectify]
        for n in widths:
            layers += [nn.ConvTranspose2d(before, n, k, 2, "same"), *[nn.BatchNorm2d(n)] * normal, rectify]
            before = n
        layers += [nn.ConvTranspose2d(before, channels, k, 2, "same")]
    return _as_keras(nn.Sequential(*layers, nn.Tanh() if settings.output == "tanh" else nn.Sigmoid()), generator)


def make_discriminator(
    settings: Settings, shape: tuple[int, int, int], generator: Generator | None, chance: Generator | None = None
) -> nn.Sequential:
    """Return the network from pictures (N, C, H, W) to scores (N, 1).

    Args:
        settings: what it is like.
        shape: (C, H, W).
        generator: of the initial values.
        chance: of dropout.
    """
    channels, *size = shape
    k, pooled, rectify = settings.kernel, settings.downsample == "pool", nn.LeakyReLU(settings.slope)
    if settings.network == "book":
        widths, padding = _scaled([128] * 3, settings), "valid"
        layers, before = [nn.Conv2d(channels, widths[0], 3, 1, padding), rectify], widths[0]
        size = [side - 2 for side in size]
    else:
        count = doublings(settings, tuple(size))
        widths, padding = _scaled([min(64 * 2**i, 512) for i in range(count)], settings), "same"
        layers, before = [], channels
    for n in widths:
        layers += [nn.Conv2d(before, n, k, 1 if pooled else 2, padding), rectify, *[nn.MaxPool2d(2)] * pooled]
        lost = 0 if padding == "same" else k - 1 if pooled else k - 2  # (side - k) // 2 + 1 = (side - (k - 2)) // 2
        before, size = n, [(side - lost) // 2 for side in size]
    if min(size) < 1:
        raise ValueError(f"`size`: the pictures are {shape[1]} x {shape[2]}, too small for the discriminator")
    layers += [nn.Flatten(), nn.Dropout(settings.dropout, generator=chance), nn.Linear(before * math.prod(size), 1)]
    return _as_keras(nn.Sequential(*layers), generator)


def _scaled(channels: list[int], settings: Settings) -> list[int]:
    return [max(1, round(n * settings.width)) for n in channels]


def _as_keras(network: nn.Sequential, generator: Generator | None) -> nn.Sequential:
    """Start as Keras does: weights Glorot-uniform, biases 0; factors of normalisation stay 1."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter, generator=generator)
    return network


class GAN(nn.Module):
    """Both networks, and a running average of the generator where it is asked for.

    Args:
        settings: what they are like.
        shape: (C, H, W) of the pictures.
        generator: of the initial values.
        chance: of the discriminator's dropout.

    Attributes:
        generator: points (N, L) to pictures (N, C, H, W), white being 1 and black ``settings.black``.
        discriminator: pictures to scores (N, 1), large for what it takes to be generated.
        average: a generator whose weights follow those of the first, or None.
    """

    def __init__(
        self, settings: Settings, shape: tuple[int, int, int], generator: Generator, chance: Generator | None = None
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = tuple(shape), settings.latent_dim
        self.latent, self.black = settings.latent, settings.black
        self.generator = make_generator(settings, shape, generator)
        self.discriminator = make_discriminator(settings, shape, generator, chance)
        self.average = None
        if settings.ema:
            self.average = make_generator(settings, shape, Generator(0)).eval().requires_grad_(False)
            self.average.load_state_dict(self.generator.state_dict())

    def latents(self, n: int, generator: Generator, truncation: float = 0.0) -> np.ndarray:
        """Draw points (n, L) float32; with ``truncation`` above 0 no number of them is further from 0 than that.

        Normal ones that are further out are drawn again. Pictures near the middle are better and more alike.
        """
        shape = (n, self.latent_dim)
        if self.latent == "uniform":
            reach = np.float32(min(truncation or 1.0, 1.0))
            return (2 * generator.uniform(shape, device="cpu") - 1) * reach
        z = generator.normal(shape, device="cpu")
        while truncation and (outside := np.abs(z) > truncation).any():
            z[outside] = generator.normal((int(outside.sum()),), device="cpu")
        return z

    def pictures(self, z: np.ndarray, batch: int = 64, averaged: bool = True) -> np.ndarray:
        """Turn points (N, L) into uint8 pictures (N, C, H, W), by the averaged generator where there is one."""
        network = self.average if averaged and self.average is not None else self.generator
        device, training, made = next(network.parameters()).device, network.training, []
        network.eval()
        with no_grad():
            for start in range(0, len(z), batch):
                x = network(Tensor(to_device(np.asarray(z[start : start + batch], np.float32), device)))
                made.append(to_uint8(x.to("cpu").numpy(), self.black, 1.0))
        network.train(training)
        return np.concatenate(made)

    def follow(self, keep: float) -> None:
        """Move the average: a <- keep a + (1 - keep) w."""
        for mine, now in zip(self.average.state_dict().values(), self.generator.state_dict().values(), strict=True):
            written(mine)
            if mine.dtype.kind == "f":
                mine += (1 - keep) * (now - mine)
            else:
                mine[...] = now  # a count of batches


# ---------------------------------------------------------------------------------------------------------- loss


def discriminator_loss(scores: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Return the mean loss of scores s (2N,), the N generated pictures first.

    bce: -t ln p - (1 - t) ln(1 - p), p = sigmoid(s) kept within 1e-7 of 0 and 1 (Keras turns the clipped probability
    back into a score, as here). least-squares: (s - t)^2. hinge: max(0, 1 - s) generated, max(0, 1 + s) real.
    wgan-gp: -s generated, s real; here the sum of the two means, an estimate of a distance.

    Args:
        scores: (2N,).
        targets: t (2N,): 1 for generated, 0 for real, and noise; hinge and wgan-gp know them by their place.
        loss: which one.
    """
    if loss == "bce":
        return F.binary_cross_entropy_with_logits(scores.clip(-MOST_SCORE, MOST_SCORE), targets)
    if loss == "least-squares":
        return ((scores - targets) ** 2).mean()
    generated, real = scores[: len(scores) // 2], scores[len(scores) // 2 :]
    if loss == "hinge":
        return (F.relu(1 - generated).mean() + F.relu(1 + real).mean()) / 2
    return real.mean() - generated.mean()


def generator_loss(scores: Tensor, loss: str) -> Tensor:
    """Return the mean loss of the generator (N,) -> (): low where the discriminator takes its pictures for real.

    bce: -ln(1 - p), so that a generator that is found out still has a gradient. least-squares: s^2. Others: s.
    """
    if loss == "bce":
        return F.binary_cross_entropy_with_logits(scores.clip(-MOST_SCORE, MOST_SCORE), scores.detach() * 0)
    return (scores**2 if loss == "least-squares" else scores).mean()


def gradient_penalty(discriminator: nn.Module, generated: Tensor, real: Tensor, t: Tensor) -> Tensor:
    """Return the mean of (|ds/dx| - 1)^2 at x = real + t (generated - real), t (N, 1, 1, 1) from [0, 1).

    Source: Gulrajani et al., "Improved Training of Wasserstein GANs" (2017), equation 3.
    """
    between = (real + t * (generated - real)).detach().requires_grad_()
    (slope,) = grad(discriminator(between).sum(), between, create_graph=True)
    return (((slope.flatten(1) ** 2).sum(1) + 1e-12).sqrt() - 1).square().mean()


def make_optimizer(settings: Settings, network: nn.Module, lr: float) -> optim.Optimizer:
    """Return the optimiser of ``settings``; RMSprop's constants are Keras'."""
    parameters = list(network.parameters())
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(
            parameters, lr, alpha=0.9, eps=1e-7, clip_value=settings.clip_value or None, decay=settings.decay
        )
    return optim.Adam(parameters, lr, betas=(settings.beta1, 0.999))
