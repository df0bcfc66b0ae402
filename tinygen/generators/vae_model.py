"""The two networks of a variational autoencoder, and what they are charged for.

The training of them is in ``vae.py``, which also names the sources.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen import nn
from tinygen.backend import to_device
from tinygen.generators.vae_settings import Settings
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.join import stack
from tinygen.pictures import to_uint8
from tinygen.random import Generator
from tinygen.tensor import Tensor

MOST_LOGIT = -math.log(1e-7)  # Keras clips probabilities at 1e-7


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
