"""ResNet50: each block adds what it computes to what it was given.

Source: K. He et al., "Deep residual learning for image recognition" (2015); details and names of the layers as in
Keras: the stride stands in a block's first convolution, every convolution has a bias.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinygen.models.network import Graph, Network, Place
from tinygen.models.weights import finish
from tinygen.nn import MaxPool2d, ReLU
from tinygen.random import Generator

EPS = 1.001e-5  # Keras'


def resnet50(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return ResNet50; arguments as for :func:`tinygen.models.vgg19`. Input "caffe", usually 224 x 224.

    Layers: ``conv1_relu``, ``pool1_pool``, then ``conv2_block1_1_bn``, ``conv2_block1_1_relu``, ...,
    ``conv2_block1_add``, ``conv2_block1_out`` (its ReLU), ..., ``conv5_block3_out``. 23,587,712 weights without the
    top.
    """
    graph = Graph("resnet50", "caffe", 224)
    # Keras pads by layers of their own, with zeros; behind a ReLU that is what max pooling does by itself
    x = graph.conv(graph.input, "conv1_conv", 64, 7, 2, 3, norm="conv1_bn", relu="conv1_relu", eps=EPS)
    x = graph.layer(x, "pool1_pool", MaxPool2d(3, 2, 1))
    for stage, (blocks, channels) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], 2):
        for i in range(1, blocks + 1):
            stride = 2 if i == 1 and stage > 2 else 1
            x = _block(graph, x, f"conv{stage}_block{i}", channels, stride, shortcut=i == 1)
    if include_top:
        graph.classifier(x)
    return finish(graph, weights, include_top, fold, generator, report)


def _block(graph: Graph, x: Place, name: str, channels: int, stride: int, shortcut: bool) -> Place:
    """1 x 1 to few channels, 3 x 3 there, 1 x 1 to many; beside them x itself, or its 1 x 1 convolution."""

    def conv(x: Place, i: int, channels: int, kernel: int = 1, stride: int = 1, relu: bool = True) -> Place:
        return graph.conv(
            x, f"{name}_{i}_conv", channels, kernel, stride, norm=f"{name}_{i}_bn", eps=EPS,
            relu=f"{name}_{i}_relu" if relu else False,
        )

    beside = conv(x, 0, 4 * channels, 1, stride, relu=False) if shortcut else x
    x = conv(conv(x, 1, channels, 1, stride), 2, channels, 3)
    x = graph.add(beside, conv(x, 3, 4 * channels, relu=False), f"{name}_add")
    return graph.layer(x, f"{name}_out", ReLU())
