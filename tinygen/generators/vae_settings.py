"""What a VAE's training is told: settings and presets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tinygen.generators.settings import check, preset_values


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
        check(
            self,
            at_least={"latent_dim": 1, "epochs": 1, "batch_size": 1, "sample_every": 0, "anneal": 0, "free_bits": 0,
                      "size": 0},
            above_zero=("lr",),
            choices={"preset": PRESETS, "network": ("book", "light"), "sampling": ("variance", "deviation"),
                     "likelihood": ("auto", "bernoulli", "logistic"), "optimizer": ("rmsprop", "adam"),
                     "channels": (0, 1, 3)},
        )
        if not 0 < self.val_fraction < 1:
            raise ValueError(f"`val_fraction` is {self.val_fraction}; it must lie between 0 and 1")
        if not math.isfinite(self.beta):
            raise ValueError(f"`beta` is {self.beta}; it must be finite")


CHAPTER = {"network": "book", "sampling": "deviation", "likelihood": "bernoulli", "beta": -1.0, "anneal": 0.0,
           "per_pixel": True, "batch_size": 16, "optimizer": "rmsprop"}
PRESETS: dict[str, dict[str, Any]] = {"book": CHAPTER, "book-python": CHAPTER, "tuned": {}}  # both editions are alike
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("epochs", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    return Settings(**preset_values(PRESETS, preset) | changes)
