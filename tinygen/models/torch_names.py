"""VGG as PyTorch users keep it: what their files call our layers, and another first convolution, for another input.

The names are positions in a Sequential, where a convolution is followed by its ReLU: ``features.0``, ``features.2``,
a pooling, ``features.5``, ...; and ``classifier.0``, ``.3``, ``.6``, with a ReLU and a dropout between. timm calls the
same numbers ``pre_logits.fc1``, ``pre_logits.fc2`` and ``head.fc``, and has the first two as convolutions.

Source: ``vgg.py`` of torchvision (``make_layers``, ``VGG``, ``VGG16_Weights``), and of timm (``ConvMlp``, ``VGG``,
``_filter_fn``, which renames what torchvision has).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from tinygen.models.network import Network
from tinygen.models.preprocessing import MEAN
from tinygen.models.units import ConvUnit, DenseUnit
from tinygen.nn import MaxPool2d

RGB_MEAN, RGB_STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of numbers from 0 to 1
FIRST = "block1_conv1"
CLASSIFIER = {
    "fc1": ("classifier.0", "pre_logits.fc1"),
    "fc2": ("classifier.3", "pre_logits.fc2"),
    "predictions": ("classifier.6", "head.fc"),
}
TOP = {"classifier", "pre_logits", "head"}
ELSEWHERE = re.compile(r"(?:features|layer\d|bn1|Conv2d_1a_3x3)\.")  # VGG, SqueezeNet; ResNet; Inception of torchvision
ONLY_VGG = (
    "of torchvision's networks vgg16 and vgg19 can be read; others are not Keras' (the strides of ResNet50 are "
    "elsewhere, the means of Inception count the border)"
)
OTHER_INPUT = "torchvision's IMAGENET1K_FEATURES, made for another input; its IMAGENET1K_V1 can be read"


def names_of(network: Network) -> dict[str, str]:
    """Map what PyTorch users call the parameters of VGG16 or VGG19 to what tinygen does; {} for another network.

    ``features.2.weight`` to ``block1_conv2.weight``; of a classifier, if the network has one, both ways of naming it.
    """
    found, position = {}, 0
    for node in network.nodes if network.name in ("vgg16", "vgg19") else ():
        if isinstance(node.module, ConvUnit):
            theirs, position = (f"features.{position}",), position + 2  # with its ReLU
        elif isinstance(node.module, MaxPool2d):
            theirs, position = (), position + 1
        else:
            theirs = CLASSIFIER.get(node.key, ())
        found |= {f"{name}.{role}": f"{node.key}.{role}" for name in theirs for role in ("weight", "bias")}
    return found


def is_torchvision(state: Mapping[str, np.ndarray]) -> bool:
    """Say whether a file has the names of one of torchvision's networks."""
    return any(ELSEWHERE.match(name) for name in state)


def is_other_input(state: Mapping[str, np.ndarray]) -> bool:
    """Say whether a file is torchvision's ``VGG16_Weights.IMAGENET1K_FEATURES``, whose input goes from 0 to 255.

    Its convolutions look like any others, but its classifier is filled with NaN.
    """
    bias = state.get("classifier.0.bias")
    return bias is not None and bool(np.isnan(bias).all())


def as_dense(network: Network, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a file's arrays, the (O, C, H, W) of dense layers that are convolutions over all their input as (O, I).

    PyTorch flattens (C, H, W), as tinygen does, so that the order stays.
    """
    found = dict(state)
    for name, ours in names_of(network).items():
        unit = getattr(network, ours.partition(".")[0])
        if name in state and isinstance(unit, DenseUnit):
            weight = state[name]
            if weight.shape[1:] == (unit.flattened or (unit.in_features, 1, 1)):
                found[name] = weight.reshape(len(weight), -1)  # (O, C, H, W) -> (O, C H W)
    return found


def convert_first(state: dict[str, np.ndarray]) -> None:
    """Convert the first convolution among arrays under our names, if both its arrays are there."""
    names = f"{FIRST}.weight", f"{FIRST}.bias"
    if all(name in state for name in names):
        state.update(zip(names, for_our_input(*(state[name] for name in names)), strict=True))


def for_our_input(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert the first convolution, so that it gives on our input what it gave on PyTorch's.

        theirs: t[c] = (p[c] / 255 - m[c]) / s[c];   ours: x[2 - c] = p[c] - mean[2 - c], so
        w'[o, 2 - c] = w[o, c] / (255 s[c]);   b'[o] = b[o] + sum over c, k of w'[o, 2 - c, k] (mean[2 - c] - 255 m[c])

    for a picture p (red, green, blue, from 0 to 255), in float64. It is exact wherever the window lies within the
    picture. At the edge zeros stand for the mean colour, and the two means differ by up to half a step of 255.

    Args:
        weight: (O, 3, KH, KW), over red, green, blue.
        bias: (O,).

    Returns:
        (w', over blue, green, red; b'), both float64.
    """
    scaled = weight.astype(np.float64) / (255 * RGB_STD)[:, None, None]
    means = MEAN.reshape(3)[::-1]  # red, green, blue
    return scaled[:, ::-1], bias + scaled.sum((2, 3)) @ (means - 255 * RGB_MEAN)
