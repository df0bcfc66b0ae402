"""What is said of generated pictures: distances to real ones, and the verdicts of the small networks on digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.data.images import ImageData
from tinygen.quality.classifier import TwoSample, accuracy, class_network, probabilities, two_sample_test
from tinygen.quality.distances import frechet_distance, kernel_distance
from tinygen.quality.features import Features
from tinygen.random import Generator

SUBSETS = 10  # of the kernel distance
LEAST = 2 * SUBSETS  # pictures


@dataclass(frozen=True)
class Report:
    """Distances of generated pictures to real ones, beside those of real ones to other real ones.

    Attributes:
        real: what the real pictures are.
        n: pictures on each side, of all four distances.
        features: what was compared.
        frechet: of generated and real.
        kernel: likewise, mean over subsets.
        kernel_error: its standard error.
        frechet_floor: of real and other real pictures: what perfect pictures would have.
        kernel_floor: likewise.
        kernel_floor_error: its standard error.
    """

    real: str
    n: int
    features: str
    frechet: float
    kernel: float
    kernel_error: float
    frechet_floor: float
    kernel_floor: float
    kernel_floor_error: float

    def lines(self) -> list[str]:
        """The report, to be printed."""
        return [
            f"{self.n:,} generated pictures against {self.n:,} {self.real} ({self.features})",
            f"  Frechet distance  {self.frechet:8.2f}             real against real, {self.n:,} each: "
            f"{self.frechet_floor:.2f}",
            f"  kernel distance   {self.kernel:8.4f} +- {self.kernel_error:.4f}   real against real, {self.n:,} each: "
            f"{self.kernel_floor:.4f} +- {self.kernel_floor_error:.4f}",
        ]


def compare(
    generated: np.ndarray, real: np.ndarray, features: Features, *, reference: np.ndarray | None = None,
    n: int = 2000, seed: int = 0, name: str = "real pictures",
) -> Report:
    """Measure how far generated pictures are from real ones, and how far real ones are from each other.

    All four distances take the same number of pictures, because the Fréchet distance depends on it. Features are
    divided by the root mean square of the real ones, so that values do not depend on a layer's own scale.

    Args:
        generated: uint8 (N, C, H, W).
        real: uint8 (M, C, H, W), of any size.
        features: turns pictures into features; it remembers those of real ones.
        reference: other real pictures, against which ``real`` gives the floor; None: ``real`` is cut in two.
        n: pictures to take at most; as many as there are of the smallest set, if that is fewer.
        seed: of the choice of real pictures and of the kernel distance's subsets.
        name: what the real pictures are, for the report.

    Raises:
        ValueError: if there are too few pictures.
    """
    choice, subsets = (Generator((seed << 8) + i) for i in (5, 6))
    order = choice.permutation(len(real))
    others = real if reference is None else reference
    enough = len(real) // 2 if reference is None else min(len(real), len(reference))
    n = min(n, len(generated), enough)
    if n < LEAST:
        there = f"{len(real)} real" + ("" if reference is None else f" and {len(reference)} other real")
        raise _too_few(n, f"{len(generated)} generated and {there}")
    rest = order[n : 2 * n] if reference is None else choice.permutation(len(others))[:n]
    a, b = features(real[order[:n]], keep=True), features(others[rest], keep=True)
    g = features(generated[:n])
    scale = np.sqrt(np.mean(np.concatenate([a, b]).astype(np.float64) ** 2))
    a, b, g = (x / scale for x in (a, b, g))
    kernel = kernel_distance(g, a, SUBSETS, subsets)
    floor = kernel_distance(b, a, SUBSETS, subsets)
    return Report(name, n, str(features), frechet_distance(g, a), *kernel, frechet_distance(b, a), *floor)


def _too_few(n: int, there: str) -> ValueError:
    return ValueError(f"`n` is {n}, from {there} pictures; it must be at least {LEAST}")


# ------------------------------------------------------------------------------------------- pictures of classes


@dataclass(frozen=True)
class ClassReport:
    """What two small networks make of generated pictures whose kind has classes, such as digits.

    Attributes:
        n: generated pictures; as many real ones took part in the two-sample test.
        two_sample: how well generated pictures can be told from real ones.
        two_sample_floor: the same for real ones and other real ones.
        names: of the classes.
        real_n: real pictures that the class network was asked about.
        generated: the share of generated pictures taken for each class (K,).
        real: likewise of real ones.
        generated_confidence: mean probability of the likeliest class.
        real_confidence: likewise.
        known: how many real pictures with labels, not trained on, the class network was tested with; 0 for none.
        accuracy: the share of them that it got right; None without any.
        reconstructed: the same share of their reconstructions; None where the model makes none.
    """

    n: int
    two_sample: TwoSample
    two_sample_floor: TwoSample
    names: tuple[str, ...]
    real_n: int
    generated: tuple[float, ...]
    real: tuple[float, ...]
    generated_confidence: float
    real_confidence: float
    known: int = 0
    accuracy: float | None = None
    reconstructed: float | None = None

    @property
    def difference(self) -> float:
        """Total variation between the shares of the classes: half the sum of |p - q|, from 0 to 1."""
        return sum(abs(p - q) for p, q in zip(self.generated, self.real, strict=True)) / 2

    def lines(self) -> list[str]:
        """The report, to be printed."""
        test, floor = self.two_sample, self.two_sample_floor
        width = max(6, *map(len, self.names))
        # half the mean of |N(0, p (1 - p) (1/n + 1/m))|, summed over K equal shares
        chance = math.sqrt((len(self.names) - 1) * (1 / self.n + 1 / self.real_n) / (2 * math.pi))
        lines = [
            f"told from real by a network trained on the other half: {test.accuracy:.4f} +- {test.error:.4f} of "
            f"{test.n:,} pictures (0.5: cannot be told apart)",
            f"  real told from real: {floor.accuracy:.4f} +- {floor.error:.4f} of {floor.n:,}",
            f"what a class network takes {self.n:,} generated and {self.real_n:,} real pictures for, in percent",
            "  class     " + " ".join(f"{name:>{width}}" for name in self.names),
            "  generated " + " ".join(f"{100 * p:{width}.1f}" for p in self.generated),
            "  real      " + " ".join(f"{100 * p:{width}.1f}" for p in self.real),
            f"  they differ by {self.difference:.3f}, where chance alone makes {chance:.3f}",
            f"  mean confidence: generated {self.generated_confidence:.4f}, real {self.real_confidence:.4f}",
        ]
        if self.accuracy is not None:
            lines.append(f"it is right about {self.accuracy:.4f} of {self.known:,} held-out pictures")
        if self.reconstructed is not None:
            lines.append(f"  and about {self.reconstructed:.4f} of their reconstructions")
        return lines


def judge_classes(
    generated: np.ndarray, train: ImageData, held_out: ImageData | None = None, *,
    reconstruct: Callable[[np.ndarray], np.ndarray] | None = None, n: int = 2000, seed: int = 0,
    classifier: str | Path | None = None, say: Callable[[str], None] | None = None,
) -> ClassReport:
    """Let two small networks judge generated pictures.

    Args:
        generated: uint8 (N, C, H, W).
        train: real pictures with classes as labels; the class network learns from them.
        held_out: others of the same classes; what generated pictures are held against. None: those of ``train``.
        reconstruct: turns uint8 pictures (M, C, H, W) into a model's reconstructions of them.
        n: pictures to take at most, as :func:`compare`.
        seed: of all choices and of both networks.
        classifier: where the class network is kept, see :func:`tinygen.quality.classifier.class_network`.
        say: called with a line before a network is trained.

    Raises:
        ValueError: if the pictures do not fit each other, are too few, or ``train`` has no classes.
    """
    n = min(n, len(generated), len(train) // 2)
    if n < LEAST:
        raise _too_few(n, f"{len(generated)} generated and {len(train)} real")
    model = class_network(train, classifier, seed, say=say)
    choice = Generator((seed << 8) + 3)
    order = choice.permutation(len(train))
    a, b = train.images[order[:n]], train.images[order[n : 2 * n]]
    judged = train if held_out is None else held_out
    other = judged.images[choice.permutation(len(judged))[:n]]
    # the share of each class, and how sure the network is
    verdicts: list[Any] = []
    for images in (generated[:n], other):
        p = probabilities(model, images)
        verdicts.append((_shares(p.argmax(1), len(train.names)), float(p.max(1).mean(dtype=np.float64))))
    known = {}
    if held_out is not None and held_out.labels is not None:
        known = {"known": len(held_out), "accuracy": accuracy(model, held_out.images, held_out.labels)}
        if reconstruct is not None:
            known["reconstructed"] = accuracy(model, reconstruct(held_out.images), held_out.labels)
    if say is not None:
        say(f"training a network to tell {n:,} generated pictures from {n:,} real ones, and one for real from real")
    tests = [two_sample_test(x, a, seed) for x in (generated[:n], b)]
    (shares, sure), (real_shares, real_sure) = verdicts
    return ClassReport(n, *tests, tuple(train.names), len(other), shares, real_shares, sure, real_sure, **known)


def _shares(classes: np.ndarray, count: int) -> tuple[float, ...]:
    return tuple((np.bincount(classes, minlength=count) / len(classes)).tolist())
