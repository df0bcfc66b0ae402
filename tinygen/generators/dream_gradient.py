"""In which direction a dream climbs: gradients of pictures, whole or by tiles, shifted at random, evened out.

Source: the notebook of google/deepdream (jitter); the DeepDream notebook of TensorFlow's examples (tiles, and bands of
frequencies that are normalised one by one).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from tinygen import autograd
from tinygen.nn import functional as F
from tinygen.ops.arrange import roll
from tinygen.ops.join import cat
from tinygen.random import Generator
from tinygen.tensor import Tensor

Objective = Callable[[Tensor], Tensor]
GRID = 32  # windows begin and end at multiples of it: the grid of a network that halves the picture five times
BANDS = 4


def gradient(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the objective of ``x`` (1, 3, H, W), a number without a graph, and its gradient (1, 3, H, W)."""
    leaf = x.detach().requires_grad_()
    value = objective(leaf)
    (found,) = autograd.grad(value, leaf)
    return value.detach(), found


class Span(NamedTuple):
    """A tile along one axis: the gradient of first ... last - 1 comes from a window start ... stop - 1 around it."""

    start: int
    stop: int
    first: int
    last: int


def spans(length: int, tile: int, shift: int) -> list[Span]:
    """Cut an axis into tiles.

    Cores lie side by side and fill the axis, 3/4 tile wide; the first seam between two lies at ``shift``. Windows
    reach tile / 8 further on both sides (at the ends of the axis: further inwards), so that every window has about
    ``tile`` pixels. They begin and end at multiples of 32, so that strided layers see what they see in the whole.

    Args:
        length: of the axis.
        tile: width of a window, a multiple of 64; one window where the axis is no longer.
        shift: of the seams, from 1 to 3/4 tile.

    Returns:
        The tiles in order.
    """
    if length <= tile:
        return [Span(0, length, 0, length)]
    borders = [0, *range(shift, length, tile * 3 // 4), length]
    found = []
    for first, last in pairwise(borders):
        start = max(0, min(first - tile // 8, length - tile)) // GRID * GRID
        stop = min(-(-max(last + tile // 8, start + tile) // GRID) * GRID, length)
        found.append(Span(start, stop, first, last))
    return found


def tiled_gradient(objective: Objective, x: Tensor, tile: int, shift: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """As :func:`gradient`, but by windows: memory for one window's graph only.

        g(core) = area(window) / area(x) * dL(window)/d core

    The objective is a mean over the picture; the factor makes the windows' means parts of the whole one. So the two
    agree as far from the seams as an activation sees.

    Args:
        objective: takes (1, 3, h, w) and returns a mean over its places.
        x: (1, 3, H, W).
        tile: width and height of windows.
        shift: of the seams, down and to the right, see :func:`spans`.

    Returns:
        The mean of the windows' objectives, by area; the gradient (1, 3, H, W).
    """
    height, width = x.shape[2:]
    total, areas, rows = None, 0, []
    for down in spans(height, tile, shift[0]):
        row = []
        for right in spans(width, tile, shift[1]):
            value, found = gradient(objective, x[:, :, down.start : down.stop, right.start : right.stop])
            area = (down.stop - down.start) * (right.stop - right.start)
            core = found[:, :, down.first - down.start : down.last - down.start,
                         right.first - right.start : right.last - right.start]
            row.append(core * (area / (height * width)))
            total = value * area if total is None else total + value * area
            areas += area
        rows.append(cat(row, 3))
    return total * (1 / areas), cat(rows, 2)


def shifted_gradient(
    objective: Objective, x: Tensor, jitter: int, tile: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Return the objective and its gradient for the picture rolled by up to ``jitter`` pixels on each axis.

    The grid of the network's strides, the border and the seams of tiles then lie elsewhere in each step, and leave no
    mark.

    Args:
        objective: see :func:`tiled_gradient`.
        x: (1, 3, H, W).
        jitter: 0 for none.
        tile: 0 for none.
        generator: of the shifts.
    """
    dy, dx = generator.integers(-jitter, jitter + 1, (2,), device="cpu").tolist() if jitter else (0, 0)
    moved = roll(x, (dy, dx), (2, 3)) if jitter else x
    if tile and max(x.shape[2:]) > tile:
        down, right = generator.integers(1, tile * 3 // 4 + 1, (2,), device="cpu").tolist()
        value, found = tiled_gradient(objective, moved, tile, (down, right))
    else:
        value, found = gradient(objective, moved)
    return value, roll(found, (-dy, -dx), (2, 3)) if jitter else found


def normalised(g: Tensor, how: str = "mean") -> Tensor:
    """Bring a gradient to a size of its own.

        mean:  g / max(mean |g|, 1e-7)
        bands: the same of the sum of g's bands of frequencies, each divided by max(mean |band|, 1e-7)

    A band is what a picture loses when it is halved and enlarged again. What is left after four halvings is the last
    one. Strong fine patterns then no longer drown the broad ones.

    Args:
        g: (1, 3, H, W).
        how: ``"mean"`` or ``"bands"``.
    """
    if how == "mean":
        return g / g.abs().mean().clip(min=1e-7)
    total, rest, size = None, g, tuple(g.shape[2:])
    for _ in range(BANDS):
        if min(rest.shape[2:]) < 2:
            break
        small = F.interpolate(rest, (rest.shape[2] // 2, rest.shape[3] // 2), mode="bilinear", antialias=True)
        band = normalised(rest - F.interpolate(small, tuple(rest.shape[2:]), mode="bilinear"))
        band = F.interpolate(band, size, mode="bilinear")
        total = band if total is None else total + band
        rest = small
    rest = F.interpolate(normalised(rest), size, mode="bilinear")
    return normalised(rest if total is None else total + rest)
