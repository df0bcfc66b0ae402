"""Which points Winograd's convolution should stand on: the error of F(m, r) in float32 with one choice and another.

    python benchmarks/winograd_points.py            # the usual points against those of tinygen_ops/winograd.py
    python benchmarks/winograd_points.py --search 3 # the best pairs for F(4, 3), among fractions of numbers up to 7

Roundings are those of the kernels, in float32, by NumPy: transform 200 patches of 64 channels, multiply, sum the
channels in parts as long as theirs, transform back; what multiplies weights is not rounded. The error is against
float64, relative to the result's root mean square. Inputs are random numbers of a normal distribution, half of them
cut off at 0 as behind a ReLU.
"""

from __future__ import annotations

import argparse
import itertools
from fractions import Fraction

import numpy as np

from tinygen_ops import winograd
from tinygen_ops.winograd_numba import SUMMED

USUAL = {
    (4, 2): "0 1 -1 2",
    (5, 2): "0 1 -1 1/2 -2",
    (4, 3): "0 1 -1 2 -2",
    (2, 5): "0 1 -1 1/2 -2",
    (4, 5): "0 1 -1 2 -2 1/2 -1/2",
    (4, 7): "0 1 -1 2 -2 1/2 -1/2 3 -1/3",
}


def fractions(text: str) -> list[Fraction]:
    """Points from a line."""
    return [Fraction(word) for word in text.split()]


def apply(matrix: list[list[Fraction]], x: np.ndarray, axis: int) -> np.ndarray:
    """Multiply a matrix into one axis of x, each product added to the sum in one rounding, as the kernels do."""
    x = np.moveaxis(x, axis, -1)
    rows = []
    for row in matrix:
        total = np.zeros(x.shape[:-1], x.dtype)
        for c, column in zip(row, np.moveaxis(x, -1, 0), strict=True):
            if c:
                product = column.astype(np.float64) * np.float64(x.dtype.type(float(c)))
                total = (total + product).astype(x.dtype)
        rows.append(total)
    return np.moveaxis(np.stack(rows, -1), -1, axis)


def error(points: list[Fraction], m: int, r: int, patches: int = 200, channels: int = 64) -> tuple[float, float]:
    """Return the root mean square and the largest error of F(m, r) on these points; F(m, 7) along one axis."""
    winograd.POINTS[m, r], before = points, winograd.POINTS[m, r]
    at, g, bt = winograd.matrices(m, r)
    winograd.POINTS[m, r] = before
    rng, axes = np.random.default_rng(0), (2,) if r == 7 else (2, 3)
    n = m + r - 1
    x = rng.standard_normal((patches, channels) + (n,) * len(axes)).astype(np.float32)
    x[::2] = np.maximum(x[::2], 0)
    w = (rng.standard_normal((channels, 8) + (r,) * len(axes)) / np.sqrt(channels * r ** len(axes))).astype(np.float32)

    def run(x, w):
        for axis in axes:
            x, w = apply(bt, x, axis), apply(g, w.astype(np.float64), axis).astype(w.dtype)
        z = np.zeros((patches, 8, *x.shape[2:]), x.dtype)
        for first in range(0, channels, SUMMED):
            part = np.zeros_like(z)
            for c in range(first, min(first + SUMMED, channels)):
                part = (part + x[:, c, None].astype(np.float64) * w[None, c].astype(np.float64)).astype(x.dtype)
            z = z + part
        for axis in axes:
            z = apply(at, z, axis)
        return z

    exact = run(x.astype(np.float64), w.astype(np.float64))
    wrong, scale = run(x, w) - exact, np.sqrt(np.mean(exact**2))
    return float(np.sqrt(np.mean(wrong**2)) / scale), float(abs(wrong).max() / scale)


def line(points: list[Fraction], m: int, r: int) -> str:
    """One row of the table."""
    rms, largest = error(points, m, r)
    return f"| F({m}, {r}) | {', '.join(map(str, points))} | {rms:.1e} | {largest:.1e} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--search", type=int, choices=(3, 5, 7), metavar="R", help="search pairs for F(4, R)")
    arguments = parser.parse_args()
    print("| form | points, and infinity | rms error | largest |\n|---|---|---:|---:|")
    if arguments.search is None:
        for (m, r), usual in USUAL.items():
            print(line(fractions(usual), m, r))
            if fractions(usual) != winograd.POINTS[m, r]:
                print(line(winograd.POINTS[m, r], m, r))
        return
    m, r = 4, arguments.search
    candidates = sorted({Fraction(a, b) for a in range(1, 8) for b in range(1, 8) if 1 / 4 <= a / b <= 4})
    found = []
    for pairs in itertools.combinations(candidates, (m + r - 2) // 2):
        points = [Fraction(0), *(sign * p for p in pairs for sign in (1, -1))]
        found.append((error(points, m, r, patches=6, channels=16)[0], points))
    for _, points in sorted(found)[:8]:
        print(line(points, m, r))


if __name__ == "__main__":
    main()
