"""What a trained VAE is good for: ways between pictures, directions with a meaning, and a tighter likelihood.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.4.1 (concept vectors). Y. Burda et al.,
"Importance Weighted Autoencoders" (2016), equation 8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygen.data.images import ImageData
from tinygen.generators.vae_model import VAE, reconstruction_of
from tinygen.modes import no_grad
from tinygen.random import Generator
from tinygen.tensor import Tensor

METHODS = ("mean", "logistic")


def morph(model: VAE, first: np.ndarray, last: np.ndarray, frames: int = 24) -> np.ndarray:
    """Turn one picture into another along the straight line between their points, and back.

    Args:
        model: the network.
        first: uint8 (C, H, W).
        last: likewise.
        frames: pictures on the way there, at least 2, its ends included.

    Returns:
        uint8 (2 frames - 2, C, H, W): there and back, to be shown in a circle.
    """
    if frames < 2:
        raise ValueError(f"`frames` is {frames}; it must be at least 2")
    a, b = model.points(np.stack([first, last]))
    t = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    there = model.pictures((1 - t) * a + t * b)
    return np.concatenate([there, there[-2:0:-1]])


@dataclass(frozen=True)
class Concept:
    """A direction with a meaning: ln(p(has it | z) / p(has it not | z)) = normal . z - threshold.

    Attributes:
        direction: (L,): one step turns the average picture without it into one with it.
        normal: (L,): of the planes on which that is equally likely.
        threshold: see above.
        prior: ln(share that have it / share that have not), which is a part of -threshold.
    """

    direction: np.ndarray
    normal: np.ndarray
    threshold: float
    prior: float

    def accuracy(self, z: np.ndarray, has: np.ndarray) -> float:
        """The share of points (N, L) for which the likelier answer agrees with ``has`` (N,) bool.

        Where few have it, "no" is right so often that it may be the likelier answer everywhere.
        """
        return float(((z @ self.normal > self.threshold) == has).mean())

    def balanced_accuracy(self, z: np.ndarray, has: np.ndarray) -> float:
        """The mean of two shares: of those that have it, and of the others, how many are told rightly.

        For the likelier answer if half of all had it, so that "no" has no start: 1/2 is chance.
        """
        right = (z @ self.normal > self.threshold + self.prior) == has
        return float(np.mean([right[part].mean() for part in (has, ~has) if part.any()]))


def flags_of(data: ImageData, attribute: str) -> np.ndarray:
    """Return which pictures have an attribute, or are of a class, (N,) bool.

    Raises:
        ValueError: if the data has no labels, or none of that name.
    """
    if data.labels is None:
        raise ValueError(f"`data` ({data.name}) has no labels; a table of them is given with --labels")
    if attribute not in data.names:
        raise ValueError(f"`attribute` is {attribute!r}; valid are {', '.join(data.names)}")
    k = data.names.index(attribute)
    return data.labels[:, k] if data.labels.ndim == 2 else data.labels == k


def find_concept(z: np.ndarray, has: np.ndarray, method: str = "mean") -> Concept:
    """Find the direction of an attribute.

    Args:
        z: points (N, L).
        has: which have it, (N,) bool; some must, and some must not.
        method: ``"mean"``: the difference of the two means, and the planes across it; ``"logistic"``: the normal of
            the planes of a logistic regression, as long as the means lie apart along it. Where the planes lie is a
            logistic regression's choice either way: it knows how common the attribute is.

    Raises:
        ValueError: if all or none have it, or ``method`` is neither.
    """
    if method not in METHODS:
        raise ValueError(f"`method` is {method!r}; valid are {', '.join(METHODS)}")
    if has.all() or not has.any():
        raise ValueError(f"`attribute`: {has.sum()} of {len(has)} pictures have it; some must and some must not")
    z = z.astype(np.float64)
    with_it, without = z[has].mean(0), z[~has].mean(0)
    difference = with_it - without
    prior = float(np.log(has.mean() / (1 - has.mean())))
    if method == "mean":
        unit = difference / max(float(np.linalg.norm(difference)), 1e-30)
        slope, bias = _logistic((z @ unit)[:, None], has)
        return Concept(difference, slope * unit, -float(bias), prior)
    *normal, bias = _logistic(z, has)
    normal = np.array(normal)
    along = difference @ normal / max(float(normal @ normal), 1e-30)
    return Concept(along * normal, normal, -float(bias), prior)


def _logistic(z: np.ndarray, has: np.ndarray, penalty: float = 1e-3) -> np.ndarray:
    """Newton's method for mean ln(1 + exp(-s w.x)) + penalty |w|^2 / 2, s = +-1, x = (z, 1): returns w (L + 1,)."""
    x = np.concatenate([z, np.ones((len(z), 1))], 1)
    w, ridge = np.zeros(x.shape[1]), np.full(x.shape[1], penalty)
    ridge[-1] = 1e-9  # the bias is free
    for _ in range(50):
        p = 0.5 * (1 + np.tanh(x @ w / 2))  # the sigmoid, without overflow
        gradient = x.T @ (p - has) / len(z) + ridge * w
        hessian = (x * (p * (1 - p))[:, None]).T @ x / len(z) + np.diag(ridge)
        change = np.linalg.solve(hessian, gradient)
        w -= change
        if np.abs(change).max() < 1e-9:
            break
    return w


def apply_concept(
    model: VAE, images: np.ndarray, concept: Concept, steps: int = 9, strength: float = 2.0
) -> np.ndarray:
    """Move pictures along a direction: z + t direction, t from -strength to strength.

    Args:
        model: the network.
        images: uint8 (N, C, H, W).
        concept: the direction.
        steps: values of t, at least 2.
        strength: the largest t.

    Returns:
        uint8 (N steps, C, H, W), a picture's steps one after the other.
    """
    if steps < 2:
        raise ValueError(f"`steps` is {steps}; it must be at least 2")
    t = np.linspace(-strength, strength, steps)[:, None]
    z = model.points(images)[:, None] + t * concept.direction  # (N, steps, L)
    return model.pictures(z.reshape(-1, model.latent_dim))


def with_axes(sheet: np.ndarray, columns: Sequence[str], rows: Sequence[str]) -> np.ndarray:
    """Write beside the rows and below the columns of a sheet of pictures what they stand for.

    Args:
        sheet: uint8 (3, H, W), divided evenly.
        columns: a word for each column, from the left; what has no room is left out.
        rows: a word for each row, from the top.

    Returns:
        uint8 (3, H + 18, W + 44).
    """
    from PIL import Image, ImageDraw, ImageFont

    _, height, width = sheet.shape
    left, below = 44, 18
    image = Image.new("RGB", (left + width, height + below), "white")
    image.paste(Image.fromarray(np.ascontiguousarray(sheet.transpose(1, 2, 0))), (left, 0))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for words, room, vertical in ((rows, height / len(rows), True), (columns, width / len(columns), False)):
        every = math.ceil((13 if vertical else 34) / room)
        for i in range((len(words) - 1) % every // 2, len(words), every):
            at = (i + 0.5) * room
            place, anchor = ((left - 6, at), "rm") if vertical else ((left + at, height + 3), "ma")
            draw.text(place, words[i], (30, 30, 36), font, anchor=anchor)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def importance_bound(model: VAE, images: np.ndarray, k: int, generator: Generator, batch: int = 64) -> float:
    """Return the mean over pictures of ln 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x), z_i drawn from q, in nats.

    A lower bound of ln p(x) that rises with k; with k = 1 it is an estimate of the ELBO.

    Args:
        model: the network.
        images: uint8 (N, C, H, W).
        k: draws for each picture, at least 1.
        generator: where they come from.
        batch: pictures at a time.
    """
    if k < 1:
        raise ValueError(f"`k` is {k}; it must be at least 1")
    total, length = 0.0, model.latent_dim
    with no_grad():
        for start in range(0, len(images), batch):
            x = Tensor(images[start : start + batch].astype(np.float32) * np.float32(1 / 255))
            m, v = model.encode(x)
            deviation = model.deviation(v)
            log_deviation = np.log(deviation.numpy().astype(np.float64)).sum(1)
            weights = np.empty((k, len(x)))
            for i in range(k):
                noise = generator.normal((len(x), length), np.float32, "cpu")
                z = m + deviation * Tensor(noise)
                nats = reconstruction_of(model, model.scores(z), x).numpy().astype(np.float64)
                # ln p(z) - ln q(z | x): the constants of the two normal densities cancel
                ratio = ((noise.astype(np.float64) ** 2).sum(1) - (z.numpy().astype(np.float64) ** 2).sum(1)) / 2
                weights[i] = -nats + ratio + log_deviation
            top = weights.max(0)
            total += (top + np.log(np.exp(weights - top).sum(0)) - math.log(k)).sum()
    return float(total / len(images))
