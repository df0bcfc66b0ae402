"""SqueezeNet v1.1: the accuracy of AlexNet in 0.7 million weights.

Each fire module squeezes the channels with 1 x 1 kernels, then expands them with 1 x 1 and 3 x 3 kernels side by side.

Source: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size" (2016);
version 1.1 and the names of the layers as in the Keras port by R. Malli.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinygen.models.network import Graph, Network, Place
from tinygen.models.units import GlobalAverage
from tinygen.models.weights import finish
from tinygen.nn import MaxPool2d, Softmax
from tinygen.random import Generator


def squeezenet(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return SqueezeNet v1.1; arguments as for :func:`tinygen.models.vgg19`. Input "caffe", usually 227 x 227.

    Layers: ``conv1`` (before its ReLU) and ``relu_conv1``, ``pool1``, ``fire2/squeeze1x1``,
    ``fire2/relu_squeeze1x1``, ``fire2/expand1x1``, ``fire2/expand3x3``, their ReLUs, ``fire2/concat``, ...,
    ``fire9/concat``. 722,496 weights without the top.
    """
    graph = Graph("squeezenet", "caffe", 227)
    x = graph.conv(graph.input, "conv1", 64, 3, 2, "valid", relu="relu_conv1")
    x = graph.layer(x, "pool1", MaxPool2d(3, 2))
    for fire, (squeeze, expand) in enumerate(
        [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)], 2
    ):
        x = _fire(graph, x, f"fire{fire}", squeeze, expand)
        if fire in (3, 5):
            x = graph.layer(x, f"pool{fire}", MaxPool2d(3, 2))
    if include_top:
        x = graph.conv(x, "conv10", 1000, 1, relu="relu_conv10")
        x = graph.layer(x, "global_average_pooling2d_1", GlobalAverage())
        graph.layer(x, "loss", Softmax(1))
    return finish(graph, weights, include_top, fold, generator, report)


def _fire(graph: Graph, x: Place, name: str, squeeze: int, expand: int) -> Place:
    x = graph.conv(x, f"{name}/squeeze1x1", squeeze, 1, relu=f"{name}/relu_squeeze1x1")
    sides = [
        graph.conv(x, f"{name}/expand{size}", expand, kernel, relu=f"{name}/relu_expand{size}")
        for size, kernel in (("1x1", 1), ("3x3", 3))
    ]
    return graph.concatenate(sides, f"{name}/concat")
