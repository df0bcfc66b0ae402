"""Small networks, trained here, as judges of generated pictures.

Two judges. One learns to tell generated pictures from real ones: the better it does on pictures that it has not seen,
the more there is that gives the generated ones away. The other learns the classes of real, labelled pictures (digits)
and then says what the generated ones show, and how surely.

Source: D. Lopez-Paz and M. Oquab, "Revisiting Classifier Two-Sample Tests" (2017).
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import io, nn, optim
from tinygen.data import DataLoader
from tinygen.data.images import ImageData, ImageDataset
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.random import Generator
from tinygen.tensor import Tensor

EPOCHS = 3  # of the class network on 60,000 digits: 0.988 to 0.990 of the test digits right
STEPS = 400  # of the network that tells two sets apart
LR, BATCH = 0.002, 64


class SmallNet(nn.Module):
    """Three convolutions that halve the picture, a hidden layer of 64 numbers, and a score for each class.

    Args:
        shape: (C, H, W) of the pictures.
        classes: K.
        generator: of the initial values.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, generator: Generator) -> None:
        super().__init__()
        channels, *size = shape
        height, width = (-(-side // 8) for side in size)
        self.hidden = nn.Sequential(
            nn.Conv2d(channels, 16, 3, 2, "same"), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, "same"), nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, "same"), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * height * width, 64), nn.ReLU(),
        )  # fmt: skip
        self.scores = nn.Linear(64, classes)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_uniform_(parameter, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, C, H, W) in [0, 1] to scores (N, K)."""
        return self.scores(self.hidden(x))


def fit(model: nn.Module, data: ImageData, epochs: int, order: Generator) -> None:
    """Train a network to name the class of each picture: Adam, its rate falling to 0 along a cosine.

    Args:
        model: maps pictures to scores.
        data: with classes as labels.
        epochs: passes over the pictures.
        order: shuffles them.
    """
    loader = DataLoader(ImageDataset(data, with_labels=True), BATCH, shuffle=True, generator=order)
    optimizer = optim.Adam(list(model.parameters()), LR)
    rate = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            rate.step()


def evaluate(function: Callable[[Tensor], Tensor], images: np.ndarray) -> np.ndarray:
    """Return ``function`` of uint8 pictures (N, C, H, W), scaled to [0, 1], 256 at a time: (N, ...) float32."""
    data = ImageDataset(ImageData(images))
    with no_grad():
        return np.concatenate([function(x).numpy() for (x,) in DataLoader(data, 256)])


def probabilities(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return what the network makes of uint8 pictures (N, C, H, W): a probability for each class (N, K) float32."""
    return evaluate(lambda x: F.softmax(model(x), 1), images)


def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of uint8 pictures (N, C, H, W) whose likeliest class is that of ``labels`` (N,)."""
    return float((evaluate(model, images).argmax(1) == labels).mean())


# ------------------------------------------------------------------------------------- generated or real?


@dataclass(frozen=True)
class TwoSample:
    """What came of a two-sample test.

    Attributes:
        accuracy: the share told rightly, of pictures that were not trained on; 0.5: cannot be told apart.
        error: its binomial standard error, sqrt(p (1 - p) / n).
        n: pictures it was measured on, of both kinds together.
    """

    accuracy: float
    error: float
    n: int


def two_sample_test(a: np.ndarray, b: np.ndarray, seed: int = 0, steps: int = STEPS) -> TwoSample:
    """Train a network to tell two sets of pictures apart, on half of them; measure it on the other half.

    The statistic is the accuracy. If both sets come from one distribution it is a binomial share around 0.5, whatever
    the network does. If not, it depends on what such a small network can learn from so many pictures: a lower bound of
    what can be told.

    Args:
        a: uint8 (N, C, H, W).
        b: uint8 (M, C, H, W); of the larger set only as many are taken as the other has.
        seed: of the choice, the initial values and the order.
        steps: of training, about: whole passes over the training half, at least one.

    Raises:
        ValueError: if the shapes differ, or a set has fewer than 4 pictures.

    Source: D. Lopez-Paz and M. Oquab (2017), section 3.
    """
    n = min(len(a), len(b))
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"`a` has pictures {a.shape[1:]} and `b` {b.shape[1:]}; they must have one shape")
    if n < 4:
        raise ValueError(f"`a` has {len(a)} pictures and `b` {len(b)}; at least 4 of each are needed")
    choice, init, order = _streams(seed)
    half = n // 2
    chosen = [x[choice.permutation(len(x))[:n]] for x in (a, b)]
    train, test = (
        ImageData(np.concatenate([x[part] for x in chosen]), np.repeat(np.arange(2), size), ["a", "b"])
        for part, size in ((slice(0, half), half), (slice(half, None), n - half))
    )
    model = SmallNet(a.shape[1:], 2, init)
    fit(model, train, max(1, round(steps * BATCH / len(train))), order)
    p = accuracy(model, test.images, test.labels)
    return TwoSample(p, math.sqrt(p * (1 - p) / len(test)), len(test))


# --------------------------------------------------------------------------------------------- which class?


def class_network(
    data: ImageData, path: str | Path | None = None, seed: int = 0, epochs: int = EPOCHS,
    say: Callable[[str], None] | None = None,
) -> SmallNet:
    """Return a network that names the classes of ``data``: read from ``path``, or trained and written there.

    Args:
        data: pictures with classes as labels.
        path: a safetensors file; None: it is trained anew and not kept.
        seed: of the initial values and the order.
        epochs: passes over the pictures.
        say: called with a line before it is trained.

    Raises:
        ValueError: if the pictures have no classes, or the file holds another network or one of other pictures.
        OSError: if the file cannot be written; told before the training where its folder is not there.
    """
    if data.labels is None or data.labels.ndim != 1:
        raise ValueError(f"`data` ({data.name}) has no classes as labels; a class network needs them")
    path = None if path is None else Path(path)
    crc = zlib.crc32(data.labels.tobytes(), zlib.crc32(np.ascontiguousarray(data.images)))
    about = {"kind": "class network", "seed": seed, "epochs": epochs, "names": data.names, "data_crc32": crc}
    model = SmallNet(data.images.shape[1:], len(data.names), Generator(seed << 8))
    if path is not None and path.exists():
        _read(model, path, about)
        return model.eval()
    if path is not None and not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write `{path}`: there is no folder `{path.parent}`")
    if say is not None:
        say(f"training a classifier on {len(data):,} pictures ({data.name}), {epochs} epochs")
    _, init, order = _streams(seed)
    model = SmallNet(data.images.shape[1:], len(data.names), init)
    fit(model, data, epochs, order)
    if path is not None:
        io.save(path, model.state_dict(), {"about": json.dumps(about)})
    return model.eval()


def _read(model: SmallNet, path: Path, about: dict[str, Any]) -> None:
    """Load the weights of ``path``, if it is the network that ``about`` tells of."""
    weights, metadata = io.load_with_metadata(path)
    try:
        there = dict(json.loads(metadata.get("about", "{}")))
    except (ValueError, TypeError):  # somebody else's file, which tells of something else
        there = {}
    different = [name for name in about if there.get(name) != about[name]]
    if different:
        told = ", ".join(f"`{name}`" for name in different)
        raise ValueError(f"`{path}` holds another network than is wanted (it differs in {told}): name another file")
    model.load_state_dict(weights)


def _streams(seed: int) -> list[Generator]:
    """Generators of the choice of pictures, the initial values and the order."""
    return [Generator((seed << 8) + i) for i in range(3)]
