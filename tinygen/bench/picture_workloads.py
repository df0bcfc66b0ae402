"""tinygen's side of the comparisons that are about pictures: a step of the chapter's VAE and of its DCGAN.

Both run the chapter's network and optimiser on made-up pictures. For the evidence the learning rate is a tenth of
the chapter's, whose first step moves every weight by three times it: two libraries would soon drift apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygen.data.images import ImageData
from tinygen.generators import gan, vae
from tinygen.random import Generator
from tinygen.tensor import Tensor

STEPS, GAN_STEPS = 10, 3  # whose losses are the evidence
CAREFUL = 0.1  # of the learning rate, for the evidence
GAN_SETTINGS = gan.settings_for("book-python", dropout=0.0)  # random numbers differ between libraries


def _named(**modules: Any) -> dict[str, np.ndarray]:
    """The arrays of modules by ``module.name``."""
    return {
        f"{kind}.{name}": np.array(array) for kind, module in modules.items()
        for name, array in module.state_dict().items()
    }


def _weights_of(arrays: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    return {name.partition(".")[2]: a for name, a in arrays.items() if name.startswith(f"{kind}.")}


def vae_arrays(batch: int) -> dict[str, np.ndarray]:
    """Return the chapter's VAE by PyTorch's names, pictures (N, 1, 28, 28) and noise (N, 2)."""
    rng = np.random.default_rng(0)
    model = vae.build(vae.settings_for("book"), (1, 28, 28), Generator(0))
    return _named(vae=model) | {
        # black with some white, so that there is something to learn
        "x": (rng.random((batch, 1, 28, 28)) < 0.15).astype(np.float32),
        "noise": rng.standard_normal((batch, 2), np.float32),
    }


def gan_arrays() -> dict[str, np.ndarray]:
    """Return the chapter's two networks, a batch of pictures, latent points for both steps, and label noise."""
    rng = np.random.default_rng(0)
    settings = GAN_SETTINGS
    networks = gan.GAN(settings, (3, 32, 32), Generator(0), Generator(1))
    n, length = settings.batch_size, settings.latent_dim
    return _named(generator=networks.generator, discriminator=networks.discriminator) | {
        "real": rng.random((n, 3, 32, 32), np.float32),
        "z_d": rng.standard_normal((n, length), np.float32),
        "z_g": rng.standard_normal((n, length), np.float32),
        "labels": settings.label_noise * rng.random(2 * n, np.float32),
    }


class VAETraining:
    """One step of ``tinygen vae train --preset book``, and its loss as a number."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.weights = _weights_of(arrays, "vae")
        self.x, self.noise = Tensor(arrays["x"]), Tensor(arrays["noise"])
        self.settings = vae.settings_for("book", batch_size=len(arrays["x"]))
        self.model = vae.build(self.settings, arrays["x"].shape[1:])
        self.kl_weight = vae.kl_weight(self.settings, arrays["x"][0].size, 0, 1)
        self.reset()

    def reset(self, share: float = 1.0) -> None:
        """Go back to the starting weights and a fresh optimiser, with a share of the learning rate."""
        self.model.load_state_dict(self.weights)
        settings = replace(self.settings, lr=self.settings.lr * share)
        self.optimizer = vae.make_optimizer(settings, list(self.model.parameters()))

    def step(self) -> float:
        """Run one step; return its loss."""
        self.optimizer.zero_grad()
        objective, _ = vae.losses(self.model, self.x, self.noise, self.settings, self.kl_weight)
        objective.backward()
        self.optimizer.step()
        return objective.item()

    def evidence(self) -> list[float]:
        """Return the losses of the first steps."""
        self.reset(CAREFUL)
        return [self.step() for _ in range(STEPS)]


class GANStep:
    """One step of ``tinygen gan train --preset book-python``: the discriminator on 40 pictures, the generator on 20."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.weights = {kind: _weights_of(arrays, kind) for kind in ("generator", "discriminator")}
        self.inputs = [Tensor(arrays[name]) for name in ("real", "z_d", "z_g", "labels")]
        data = np.zeros((GAN_SETTINGS.batch_size, 3, 32, 32), np.uint8)
        self.trainer = gan.Trainer(GAN_SETTINGS, ImageData(data, name="made up"))
        self.reset()

    def reset(self, share: float = 1.0) -> None:
        """Go back to the starting weights and fresh optimisers, with a share of the learning rates."""
        trainer, settings = self.trainer, GAN_SETTINGS
        for kind, lr in (("generator", settings.g_lr), ("discriminator", settings.d_lr)):
            network = getattr(trainer.gan, kind)
            network.load_state_dict(self.weights[kind])
            setattr(trainer, f"{kind[0]}_optimizer", gan.make_optimizer(settings, network, lr * share))

    def step(self) -> list[float]:
        """Run one step; return the losses of the discriminator and the generator."""
        return self.trainer.train_step(*self.inputs)[:2].tolist()

    def evidence(self) -> list[float]:
        """Return the losses of the first steps."""
        self.reset(CAREFUL)
        return [loss for _ in range(GAN_STEPS) for loss in self.step()]


def vae_gflop(batch: int) -> float:
    """10**9 multiplications and additions of a step of the chapter's VAE, every convolution as its sum stands."""
    conv = 28**2 * 9 * 32 + 14**2 * 9 * (32 * 64 + 2 * 64 * 64) + 14**2 * 9 * 64 * 32 + 28**2 * 9 * 32
    dense = 14**2 * 64 * (32 + 2) + 2 * 32 * 2
    first = 28**2 * 9 * 32  # nothing flows back into the pictures
    return 2e-9 * batch * (3 * (conv + dense) - first)


def gan_gflop() -> float:
    """10**9 multiplications and additions of a step of the chapter's DCGAN, every convolution as its sum stands."""
    painter = 32 * 128 * 256 + 256 * (25 * 128 * 256 + 16 * 256 * 256) + 1024 * 256 * (2 * 25 * 256 + 49 * 3)
    first = 900 * 27 * 128
    judge = first + 16 * 128 * 128 * (14**2 + 6**2 + 2**2) + 512
    # painted twice, once with the two ways back; judged 40 with both ways back (but into pictures), 20 with one
    return 2e-9 * (20 * (2 + 2) * painter + 40 * (3 * judge - first) + 20 * 2 * judge)
