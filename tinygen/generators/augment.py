"""Differentiable augmentation: pictures changed at random, the same way for real and generated ones.

What: with few pictures the discriminator learns them by heart. If it only ever sees pictures that were changed at
random, it cannot; and since every change has a derivative, the generator learns through it. It must be applied to
real and generated pictures alike, in the steps of both networks: otherwise the generator would learn the changes.

Source: S. Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (2020), section 3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.backend import to_device
from tinygen.ops.reduce import mean
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Shift(Function):
    """y[n, c, i, j] = x[n, c, i - down[n], j - right[n]], 0 where that lies outside;  gx = gy, shifted back.

    Derivation: every element of y is a copy of one element of x, which is copied nowhere else. So the adjoint moves
    each gradient back where its element came from, and what was pushed out gets none: a shift by (-down, -right).
    """

    @staticmethod
    def forward(ctx: Node, x: Any, down: np.ndarray, right: np.ndarray) -> Any:
        """Shift: (N, C, H, W) by down and right, (N,) each."""
        ctx.down, ctx.right = down, right
        xp = array_module(x)
        edge = int(max(np.abs(down).max(initial=0), np.abs(right).max(initial=0)))
        n, _, height, width = x.shape
        wide = xp.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
        rows = edge + np.arange(height) - down[:, None]  # (N, H)
        columns = edge + np.arange(width) - right[:, None]  # (N, W)
        places = (np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :])
        batch, rows, columns = (xp.asarray(place) for place in places)
        # (N, C, H, W) -> (N, H, W, C), so that all axes with an index stand in front, and back
        return wide.transpose(0, 2, 3, 1)[batch, rows, columns].transpose(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        """Shift back."""
        return Shift.apply(gy, down=-ctx.down, right=-ctx.right)


def _each(values: np.ndarray, like: Tensor) -> Tensor:
    """One number for each picture, (N, 1, 1, 1), where the pictures live."""
    return Tensor(to_device(values.astype(np.float32).reshape(-1, 1, 1, 1), like.device))


def colour(x: Tensor, generator: Generator, low: float) -> Tensor:
    """Change brightness, saturation and contrast of each picture.

    With b from +-1/4 of the range of values, s from [0, 2) and c from [1/2, 3/2), one after the other:

        x1 = x + b;   x2 = m(x1) + s (x1 - m(x1));   y = M(x2) + c (x2 - M(x2))

    m the mean over the channels, M the mean over the picture. Put together that is
    y = c s x + c (1 - s) m(x) + (1 - c) M(x) + b.
    """
    b, s, c = generator.uniform((3, len(x)), np.float64, "cpu")
    b, s, c = (b - 0.5) * (1 - low) / 2, 2 * s, c + 0.5
    y = x * _each(c * s, x) + mean(x, (1, 2, 3), keepdim=True) * _each(1 - c, x) + _each(b, x)
    # for grey pictures m(x) is x, and saturation changes nothing
    return y + mean(x, 1, keepdim=True) * _each(c * (1 - s), x)


def translation(x: Tensor, generator: Generator, low: float) -> Tensor:
    """Shift each picture by up to an eighth of its height and width; what is uncovered becomes 0."""
    height, width = x.shape[2:]
    down = generator.integers(-(height // 8), height // 8 + 1, (len(x),), device="cpu")
    right = generator.integers(-(width // 8), width // 8 + 1, (len(x),), device="cpu")
    return Shift.apply(x, down=down, right=right)


def cutout(x: Tensor, generator: Generator, low: float) -> Tensor:
    """Set a rectangle of half the height and half the width to 0, at a random place of each picture."""
    n, _, height, width = x.shape
    inside = []
    for size in (height, width):
        # the rectangle's middle may be any pixel, so that it may reach over the border
        start = generator.integers(0, size, (n, 1), device="cpu") - size // 4
        place = np.arange(size)
        inside.append((place >= start) & (place < start + size // 2))
    mask = ~(inside[0][:, :, None] & inside[1][:, None, :])  # (N, H, W)
    return x * Tensor(to_device(mask[:, None].astype(np.float32), x.device))


POLICIES = {"colour": colour, "translation": translation, "cutout": cutout}


def policies(names: str) -> tuple[str, ...]:
    """Return the policies that a list such as ``"colour,translation"`` names; "" names none.

    Raises:
        ValueError: for a name that is none of ``POLICIES``.
    """
    chosen = tuple(name.strip() for name in names.split(",") if name.strip())
    for name in chosen:
        if name not in POLICIES:
            raise ValueError(f"`augment` has {name!r}; valid are {', '.join(POLICIES)}, joined by commas, or ''")
    return chosen


def augment(x: Tensor, chosen: tuple[str, ...], generator: Generator, low: float = -1.0) -> Tensor:
    """Change each picture at random.

    Args:
        x: pictures (N, C, H, W), from ``low`` (black) to 1 (white).
        chosen: names of ``POLICIES``, applied in this order.
        generator: where the random numbers come from.
        low: -1 or 0.

    Returns:
        Pictures (N, C, H, W), differentiable with respect to ``x`` to any order.
    """
    for name in chosen:
        x = POLICIES[name](x, generator, low)
    return x
