"""A small network that the package carries, so that dreams and style transfer work without a download.

In the manner of VGG: four blocks of 3 x 3 convolutions, and the picture halved after each, here by the mean of four
pixels, which passes gradients to all of them. ``examples/07_train_a_small_network.py`` trained it, on 9,000 photographs
of 32 x 32 pixels and ten kinds of things, not on ImageNet.

Source: K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition" (2015), for
the plan; A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009), for the photographs, CIFAR-10.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinygen.models.network import Graph, Network
from tinygen.models.units import GlobalAverage
from tinygen.models.weights import finish
from tinygen.nn import AvgPool2d
from tinygen.random import Generator

CHANNELS = (32, 64, 96, 128)  # of the blocks
CLASSES = 10


def small(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return the small network; arguments as for :func:`tinygen.models.vgg19`. Input "tf", usually 32 x 32.

    Layers: ``block1_conv1`` (its ReLU included), ``block1_conv2``, ``block1_pool``, ..., ``block4_conv2``,
    ``block4_pool``; with the top the probabilities of CIFAR-10's ten classes. 462,304 weights without it.

    ``weights="imagenet"`` are those that the package carries, kept in float16 and computed with in float32; nothing is
    downloaded, and they are CIFAR-10's.
    """
    graph = Graph("small", "tf", 32)
    x = graph.input
    for block, channels in enumerate(CHANNELS, 1):
        for i in (1, 2):
            x = graph.conv(x, f"block{block}_conv{i}", channels, 3)
        x = graph.layer(x, f"block{block}_pool", AvgPool2d(2))
    if include_top:
        graph.dense(graph.layer(x, "avg_pool", GlobalAverage()), "predictions", CLASSES, "softmax")
    return finish(graph, weights, include_top, fold, generator, report)
