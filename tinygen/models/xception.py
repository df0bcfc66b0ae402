"""Xception: separable convolutions, each channel by itself and then across the channels, in residual blocks.

Source: F. Chollet, "Xception: deep learning with depthwise separable convolutions" (2017); names of the layers as in
Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from tinygen.models.network import Graph, Network, Place
from tinygen.models.units import MaxPoolSame
from tinygen.models.weights import finish
from tinygen.nn import ReLU
from tinygen.random import Generator


def xception(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return Xception; arguments as for :func:`tinygen.models.vgg19`. Input "tf", usually 299 x 299, at least 71.

    Layers: ``block1_conv1_bn``, ``block1_conv1_act``, ..., ``block2_sepconv1_bn``, ``block2_sepconv2_act`` (the ReLU
    before the second), ``block2_pool``, ``add_1`` to ``add_12``, the blocks' outputs, ..., ``block14_sepconv2_act``.
    20,861,480 weights without the top.
    """
    graph = Graph("xception", "tf", 299)
    convolutions, sums = count(1), count(1)

    def conv(x: Place, name: str, channels: int, stride: int) -> Place:
        named = {"norm": f"{name}_bn", "relu": f"{name}_act"}
        return graph.conv(x, name, channels, 3, stride, "valid", bias=False, **named)

    def separable(x: Place, name: str, channels: int, relu: str | bool = False) -> Place:
        return graph.separable(x, name, channels, 3, norm=f"{name}_bn", relu=relu)

    def beside(x: Place, channels: int) -> Place:
        """The way around a block that halves the picture."""
        i = next(convolutions)
        return graph.conv(
            x, f"conv2d_{i}", channels, 1, 2, bias=False, norm=f"batch_normalization_{i}", relu=False
        )

    x = conv(conv(graph.input, "block1_conv1", 32, 2), "block1_conv2", 64, 1)
    halving = {2: (128, 128), 3: (256, 256), 4: (728, 728), 13: (728, 1024)}
    for block in range(2, 14):
        channels = halving.get(block, (728, 728, 728))
        residual = beside(x, channels[-1]) if block in halving else x
        if block > 2:
            x = graph.layer(x, f"block{block}_sepconv1_act", ReLU())
        for i, c in enumerate(channels, 1):
            last = i == len(channels)  # each but the last takes along the ReLU that Keras names after the next
            relu = False if last else f"block{block}_sepconv{i + 1}_act"
            x = separable(x, f"block{block}_sepconv{i}", c, relu)
        if block in halving:
            x = graph.layer(x, f"block{block}_pool", MaxPoolSame(3, 2))
        x = graph.add(x, residual, f"add_{next(sums)}")
    for i, c in ((1, 1536), (2, 2048)):
        x = separable(x, f"block14_sepconv{i}", c, f"block14_sepconv{i}_act")
    if include_top:
        graph.classifier(x)
    return finish(graph, weights, include_top, fold, generator, report)
