"""VGG16 and VGG19: 3 x 3 convolutions, and the picture halved between five blocks of them.

Source: K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition" (2015),
configurations D and E; names of the layers as in Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinygen.models.network import Graph, Network
from tinygen.models.weights import finish
from tinygen.nn import MaxPool2d
from tinygen.random import Generator


def vgg16(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return VGG16; see :func:`vgg19`. Blocks of 2, 2, 3, 3, 3 convolutions; 14,714,688 weights without the top."""
    return finish(_graph("vgg16", (2, 2, 3, 3, 3), include_top), weights, include_top, fold, generator, report)


def vgg19(
    weights: str | Path | None = None,
    include_top: bool = False,
    *,
    fold: bool = True,
    generator: Generator | None = None,
    report: Callable[[str], None] | None = print,
) -> Network:
    """Return VGG19. Input "caffe" (see ``preprocess``), usually 224 x 224.

    Layers: ``block1_conv1`` (its ReLU included), ..., ``block5_conv4``, ``block5_pool``; blocks of 2, 2, 4, 4, 4
    convolutions. 20,024,384 weights without the top.

    Args:
        weights: None for random ones, drawn as Keras does; ``"imagenet"`` for those trained on ImageNet, from the
            cache or else downloaded, see :func:`tinygen.models.weights.find`; or a file, see
            :func:`tinygen.models.loading.load`. With weights from a file the parameters are frozen
            (``requires_grad`` is False), so that gradients go to the input only.
        include_top: whether the classifier follows; its input must have the usual size.
        fold: merge batch normalisations into the convolutions; they act as in evaluation. VGG has none.
        generator: of random weights.
        report: called with a line where something is downloaded or the file is partial; None for silence.

    Returns:
        The network. Calling it with (N, 3, H, W) gives the last layer's activation, with ``layers=[...]`` a dict from
        name to activation; ``layer_names``, ``missing``, ``preprocess``, ``deprocess`` and ``summary()``: see
        :class:`tinygen.models.Network`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file does not fit.
        RuntimeError: the download fails; the line says what to fetch and where to put it.

    Source: K. Simonyan and A. Zisserman (2015), configuration E.
    """
    return finish(_graph("vgg19", (2, 2, 4, 4, 4), include_top), weights, include_top, fold, generator, report)


def _graph(name: str, convolutions: tuple[int, ...], include_top: bool) -> Graph:
    graph = Graph(name, "caffe", 224)
    x = graph.input
    for block, (count, channels) in enumerate(zip(convolutions, (64, 128, 256, 512, 512), strict=True), 1):
        for i in range(1, count + 1):
            x = graph.conv(x, f"block{block}_conv{i}", channels, 3)
        x = graph.layer(x, f"block{block}_pool", MaxPool2d(2))
    if include_top:
        x = graph.flatten(x, "flatten", 7, 7)  # of 224 pixels, halved five times
        x = graph.dense(x, "fc1", 4096, "relu", flattened=(512, 7, 7))
        x = graph.dense(x, "fc2", 4096, "relu")
        graph.dense(x, "predictions", 1000, "softmax")
    return graph
