"""tinygen's side of the comparisons on large networks: one loss and gradient of DeepDream and of style transfer.

The weights are random, drawn so that the signal keeps its size from layer to layer: then no file is needed, and about
half of all units are off, as in a trained network.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.generators import dream, style
from tinygen.generators.style_loss import MOST_FROZEN
from tinygen.models import inception_v3, vgg19
from tinygen.models.network import Network
from tinygen.nn import Conv2d, MaxPool2d, Module
from tinygen.random import Generator
from tinygen.tensor import Tensor

DREAM_SHAPE = (350, 350)
STYLE_SHAPE = (400, 533)
# up to where the networks are run; beyond it no weights are handed over
LAST = {"inception_v3": "mixed5", "vgg19": "block5_conv2"}


def _network(name: str) -> Network:
    """A network without normalisations, its weights drawn as He et al. (2015) do: variance 2 / (inputs of a unit)."""
    network = {"inception_v3": inception_v3, "vgg19": vgg19}[name](None, generator=Generator(0))
    for parameter in network.parameters():
        if parameter.ndim == 4:
            out, inputs = parameter.shape[:2]
            parameter.data *= np.float32(math.sqrt((out + inputs) / inputs))  # drawn with variance 2 / (out + inputs)
    return network


def _weights_of(network: Network) -> dict[str, np.ndarray]:
    """Weights by layer, up to the last that is run."""
    found: dict[str, np.ndarray] = {}
    for node in network.nodes:
        found |= {f"{node.key}.{name}": np.array(p.data) for name, p in node.module.named_parameters()}
        if node.names[-1] == LAST[network.name]:
            return found
    raise AssertionError(f"{network.name} has no {LAST[network.name]}")


def dream_arrays() -> dict[str, np.ndarray]:
    """Return weights of Inception V3, and a picture (1, 3, 350, 350) from -1 to 1."""
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, *DREAM_SHAPE)).astype(np.float32)
    return _weights_of(_network("inception_v3")) | {"x": x}


def style_arrays() -> dict[str, np.ndarray]:
    """Return weights of VGG19, and three pictures (3, 400, 533), uint8: photograph, painting, where the search is."""
    rng = np.random.default_rng(0)
    pictures = {name: rng.integers(0, 256, (3, *STYLE_SHAPE), np.uint8) for name in ("content", "painting", "x")}
    return _weights_of(_network("vgg19")) | pictures


def _loaded(name: str, arrays: dict[str, np.ndarray]) -> Network:
    """The network with the weights that were handed over, nothing behind its last layer, constants."""
    network = _network(name)
    for key, parameter in network.named_parameters():
        # as weights from a file, an array that nobody else holds; zeros that nobody touches take no room
        parameter._data = np.array(arrays[key]) if key in arrays else np.zeros(parameter.shape, np.float32)
    return network.requires_grad_(False)


class _PictureGradient:
    """An objective, a picture, and one loss and gradient of it."""

    objective: Any
    x: Tensor

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> tuple[float, Tensor]:
        """Evaluate once: the loss as a number, and the gradient."""
        self.x.grad = None
        loss = self.objective(self.x).sum()
        loss.backward()
        return loss.item(), self.x.grad

    def evidence(self) -> list[float]:
        """Return logarithms of the loss and of the gradient's mean magnitude, so that differences are relative."""
        loss, gradient = self.step()
        return [math.log(loss), math.log(np.abs(gradient.numpy().astype(np.float64)).mean())]


class DreamGradient(_PictureGradient):
    """One loss and gradient of ``tinygen dream --preset book``."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        network = _loaded("inception_v3", arrays).freeze()  # as every network whose weights come from a file
        self.objective = dream.Objective(network, dream.parse_layers(dream.LAYERS["inception_v3"]))
        self.x = Tensor(arrays["x"], requires_grad=True)


class StyleGradient(_PictureGradient):
    """One loss and gradient of ``tinygen style --preset book``."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        settings = style.settings_for("book", content="photograph", styles=["painting"])
        network = _loaded("vgg19", arrays)
        content, styles = style.chosen_layers(settings, network)
        network.freeze(MOST_FROZEN, [content, *styles])  # as `load_network`
        self.objective = style.Objective(network, settings, arrays["content"], [arrays["painting"]])
        self.x = Tensor(arrays["x"][None].astype(np.float32), requires_grad=True)


def network_gflop(name: str, shape: tuple[int, int]) -> float:
    """10**9 multiplications and additions of the convolutions, forward and back to the picture, as their sums stand."""
    network, multiplications, sides = _network(name), 0, {"input": shape}
    for node in network.nodes:
        module = node.module
        sides[node.names[-1]] = tuple(_side(module, axis, side) for axis, side in enumerate(sides[node.inputs[0]]))
        if isinstance(module, Conv2d):
            multiplications += math.prod(sides[node.names[-1]]) * math.prod(module.weight.shape)
        if node.names[-1] == LAST[name]:
            return 2 * 2e-9 * multiplications
    raise AssertionError(f"{name} has no {LAST[name]}")


def _side(module: Module, axis: int, side: int) -> int:
    """How long an axis is behind a layer."""
    if isinstance(module, Conv2d):
        kernel, stride = module.kernel_size[axis], module.stride[axis]
        return -(-side // stride) if module.padding == "same" else (side - kernel) // stride + 1
    if isinstance(module, MaxPool2d):
        return (side - module.kernel_size) // module.stride + 1
    return side
