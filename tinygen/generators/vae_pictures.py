"""Sheets of what a VAE's decoder makes of points that lie in rows and columns."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from tinygen.generators.vae_model import VAE
from tinygen.pictures import grid


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
