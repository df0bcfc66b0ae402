"""Inception V3: in each block, kernels of several sizes look at the same picture side by side.

Large kernels are taken apart, 7 x 7 into 1 x 7 and 7 x 1, to save work. Every convolution is followed by a batch
normalisation (without a factor) and a ReLU.

Source: C. Szegedy et al., "Rethinking the Inception architecture for computer vision" (2015); details and names of the
layers as in Keras, where ``mixed0`` to ``mixed10`` are the blocks' outputs and all else is numbered.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from tinygen.models.network import Graph, Network, Place
from tinygen.models.weights import finish
from tinygen.nn import AvgPool2d, MaxPool2d
from tinygen.random import Generator


def inception_v3(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return Inception V3; arguments as for :func:`tinygen.models.vgg19`. Input "tf", usually 299 x 299, at least 75.

    Layers: ``activation_1`` to ``activation_94``, each the ReLU of ``batch_normalization_1``, ... (and without ``fold``
    ``conv2d_1``, ...), numbered as the code adds them; ``max_pooling2d_1``, ``average_pooling2d_1``, ...; ``mixed0`` to
    ``mixed10``, the blocks' outputs. 21,802,784 weights without the top.
    """
    blocks = _Blocks()
    x = blocks.stem()
    for i, channels in enumerate((32, 64, 64)):
        x = blocks.block35(x, f"mixed{i}", channels)
    x = blocks.halve35(x, "mixed3")
    for i, channels in enumerate((128, 160, 160, 192), 4):
        x = blocks.block17(x, f"mixed{i}", channels)
    x = blocks.halve17(x, "mixed8")
    for i in (0, 1):
        x = blocks.block8(x, f"mixed{9 + i}", i)
    if include_top:
        blocks.graph.classifier(x)
    return finish(blocks.graph, weights, include_top, fold, generator, report)


class _Blocks:
    """The blocks, called by the side of the picture that they see where the input has 299 pixels."""

    def __init__(self) -> None:
        self.graph = Graph("inception_v3", "tf", 299)
        self.convolutions, self.max_pools, self.mean_pools, self.joints = count(1), count(1), count(1), count(1)

    def conv(
        self, x: Place, channels: int, kernel: int | tuple[int, int], stride: int = 1, padding: str = "same"
    ) -> Place:
        i = next(self.convolutions)
        return self.graph.conv(
            x, f"conv2d_{i}", channels, kernel, stride, padding, bias=False, scale=False,
            norm=f"batch_normalization_{i}", relu=f"activation_{i}",
        )

    def chain(self, x: Place, *steps: tuple[int, int | tuple[int, int]]) -> Place:
        """Convolutions of so many (channels, kernel), one after the other."""
        for channels, kernel in steps:
            x = self.conv(x, channels, kernel)
        return x

    def max_pool(self, x: Place) -> Place:
        return self.graph.layer(x, f"max_pooling2d_{next(self.max_pools)}", MaxPool2d(3, 2))

    def mean_pool(self, x: Place) -> Place:
        """The mean of the 3 x 3 pixels around each; at the border of those that are there."""
        pool = AvgPool2d(3, 1, 1, count_include_pad=False)
        return self.graph.layer(x, f"average_pooling2d_{next(self.mean_pools)}", pool)

    def stem(self) -> Place:
        x = self.conv(self.graph.input, 32, 3, 2, "valid")
        x = self.conv(x, 32, 3, 1, "valid")
        x = self.max_pool(self.conv(x, 64, 3))
        x = self.conv(x, 80, 1, 1, "valid")
        return self.max_pool(self.conv(x, 192, 3, 1, "valid"))

    def block35(self, x: Place, name: str, pooled: int) -> Place:
        return self.graph.concatenate([
            self.chain(x, (64, 1)),
            self.chain(x, (48, 1), (64, 5)),
            self.chain(x, (64, 1), (96, 3), (96, 3)),
            self.chain(self.mean_pool(x), (pooled, 1)),
        ], name)  # fmt: skip

    def halve35(self, x: Place, name: str) -> Place:
        return self.graph.concatenate([
            self.conv(x, 384, 3, 2, "valid"),
            self.conv(self.chain(x, (64, 1), (96, 3)), 96, 3, 2, "valid"),
            self.max_pool(x),
        ], name)  # fmt: skip

    def block17(self, x: Place, name: str, c: int) -> Place:
        wide, tall = (1, 7), (7, 1)
        return self.graph.concatenate([
            self.chain(x, (192, 1)),
            self.chain(x, (c, 1), (c, wide), (192, tall)),
            self.chain(x, (c, 1), (c, tall), (c, wide), (c, tall), (192, wide)),
            self.chain(self.mean_pool(x), (192, 1)),
        ], name)  # fmt: skip

    def halve17(self, x: Place, name: str) -> Place:
        return self.graph.concatenate([
            self.conv(self.chain(x, (192, 1)), 320, 3, 2, "valid"),
            self.conv(self.chain(x, (192, 1), (192, (1, 7)), (192, (7, 1))), 192, 3, 2, "valid"),
            self.max_pool(x),
        ], name)  # fmt: skip

    def block8(self, x: Place, name: str, i: int) -> Place:
        """Two of the branches end in a pair, 1 x 3 and 3 x 1."""
        whole = self.chain(x, (320, 1))
        branch = self.chain(x, (384, 1))
        single = self.graph.concatenate([self.chain(branch, (384, (1, 3))), self.chain(branch, (384, (3, 1)))],
                                        f"mixed9_{i}")
        branch = self.chain(x, (448, 1), (384, 3))
        double = self.graph.concatenate([self.chain(branch, (384, (1, 3))), self.chain(branch, (384, (3, 1)))],
                                        f"concatenate_{next(self.joints)}")
        pooled = self.chain(self.mean_pool(x), (192, 1))
        return self.graph.concatenate([whole, single, double, pooled], name)
