"""What a dream maximises: the layers of a network, single filters, the features of a guide.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.2, and 5.4 for single filters.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.backend import to_device
from tinygen.generators.squares import squares
from tinygen.models import NETWORKS, Network
from tinygen.models.network import NUMBERED
from tinygen.modes import no_grad
from tinygen.random import Generator
from tinygen.tensor import Tensor

LAYERS = {  # what is maximised where nothing else is said; of Inception: the chapter's
    "inception_v3": "mixed2=0.2,mixed3=3,mixed4=2,mixed5=1.5",
    "vgg19": "block3_conv4=1,block4_conv4=1",
    "vgg16": "block3_conv3=1,block4_conv3=1",
    "resnet50": "conv3_block4_out=1,conv4_block6_out=1",
    "xception": "add_4=1,add_8=1",
    "squeezenet": "fire5/concat=1,fire8/concat=1",
    "small": "block2_conv2=1,block3_conv2=1",
}


def parse_layers(text: str) -> dict[str, float]:
    """Read ``mixed2=0.2,mixed3`` as {"mixed2": 0.2, "mixed3": 1.0}."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        try:
            coefficient = float(number) if equals else 1.0
        except ValueError:
            coefficient = math.nan
        if not name or not math.isfinite(coefficient) or coefficient == 0:
            raise ValueError(f"`layers` has {part.strip()!r}; it must be NAME or NAME=NUMBER, such as mixed3=2.5")
        if name in found:
            raise ValueError(f"`layers` has {name!r} twice")
        found[name] = coefficient
    return found


def parse_filter(text: str) -> tuple[str, int]:
    """Read ``mixed4:12`` as ("mixed4", 12)."""
    name, _, channel = text.rpartition(":")
    if not name or not channel.isdecimal():
        raise ValueError(f"`filter` is {text!r}; it must be LAYER:CHANNEL, such as mixed4:12")
    return name, int(channel)


# --------------------------------------------------------------------------------------------------------- model


def load_network(settings: Any, report: Callable[[str], None] | None = None) -> Network:
    """Return the network of ``settings``, in evaluation, its weights constants.

    ``report`` hears of a download, which then shows its progress, and of layers that a partial file lacks.
    """
    return NETWORKS[settings.network](settings.weights, report=report).requires_grad_(False)


def coefficients_of(settings: Any, network: Network) -> dict[str, float]:
    """Return which layers count how much.

    Raises:
        ValueError: for a layer that the network lacks, or that the file of weights does not reach.
    """
    if settings.filter:
        found = {parse_filter(settings.filter)[0]: 1.0}
    elif settings.layers == "random":
        return random_layers(network, Generator((settings.seed << 8) + 1))
    elif settings.layers:
        found = parse_layers(settings.layers)
    else:  # a file with the beginning of a network only may lack the last of them
        usual = parse_layers(LAYERS[network.name])
        found = {name: value for name, value in usual.items() if name in network.available} or usual
    option = "filter" if settings.filter else "layers"
    for name in found:
        if name not in network.layer_names:
            close = difflib.get_close_matches(name, network.layer_names, 3)
            told = f"close are {', '.join(close)}" if close else f"some are {', '.join(named(network)[-9:])}"
            raise ValueError(f"`{option}` has {name!r}, which {network.name} lacks; {told} (--list-layers names all)")
        if name not in network.available:
            raise ValueError(f"`{option}` has {name!r}, which the file of weights does not reach (the first that it "
                             f"lacks is {network.missing[0]}); these work: {', '.join(named(network)[-9:])}")
    return found


def named(network: Network) -> list[str]:
    """The layers that can be computed and have a name of their own; all where the names are numbers only."""
    return [name for name in network.available if not NUMBERED.search(name)] or network.available


def random_layers(network: Network, generator: Generator) -> dict[str, float]:
    """Draw one to four layers, and coefficients from 0.2 to 5, evenly by their logarithm.

    Layers that are numbered only, such as activation_12, do not take part unless there are no others.
    """
    names = named(network)
    names = names[len(names) // 4 :]  # the first ones see little more than edges
    count = min(len(names), 1 + int(generator.integers(0, 4, device="cpu")))
    chosen = sorted(generator.permutation(len(names))[:count].tolist())
    draws = generator.uniform((count,), np.float64, "cpu").tolist()
    return {names[i]: round(0.2 * 25**draw, 2) for i, draw in zip(chosen, draws, strict=True)}


# ---------------------------------------------------------------------------------------------------------- loss


class Objective:
    """What the dream maximises: called with a picture (1, 3, H, W) from -1 to 1, it returns a number.

        layers: sum over layers of coefficient * sum(a^2) / (C h w), a (C, h, w); with a border, the sum leaves it out
        filter: mean(a_channel)
        guide:  sum over layers of coefficient * sum over places p of <a_p, y_q(p)> / (C h w),
                q(p) the place of the guide with the largest <a_p, y_q>

    Args:
        network: computes the activations.
        coefficients: layer -> how much it counts.
        border: places left out at each edge of an activation.
        channel: show this channel alone.
        guide: a picture (1, 3, H, W) from -1 to 1.

    Source: of the guide: the notebook of google/deepdream, "Controlling dreams".
    """

    def __init__(
        self, network: Network, coefficients: dict[str, float], border: int = 0, channel: int | None = None,
        guide: Tensor | None = None,
    ) -> None:
        self.network, self.coefficients, self.border, self.channel = network, coefficients, border, channel
        self.guide: dict[str, Tensor] = {}
        if guide is not None:
            try:
                with no_grad():  # (1, C, h, w) -> (C, Q)
                    self.guide = {name: a.flatten(2)[0] for name, a in self.activations(guide).items()}
            except ValueError as error:
                height, width = guide.shape[2:]
                raise ValueError(f"`guide`, {width} x {height} pixels here, is too small for {', '.join(coefficients)} "
                                 f"of {network.name} ({error})") from None

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """Run the network up to the layers that count."""
        return self.network(self.network.preprocess((x + 1) * 127.5), layers=list(self.coefficients))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the number."""
        parts = [self.of_layer(name, a) * self.coefficients[name] for name, a in self.activations(x).items()]
        return sum(parts[1:], start=parts[0])

    def of_layer(self, name: str, a: Tensor) -> Tensor:
        """The share of a layer with the activation ``a`` (1, C, h, w), without its coefficient."""
        size = math.prod(a.shape)
        if self.channel is not None:
            if self.channel >= a.shape[1]:
                raise FilterError(f"`filter` is '{name}:{self.channel}'; {name} has channels 0 to {a.shape[1] - 1}")
            return a[:, self.channel].mean()
        if self.guide:
            with no_grad():
                places = a.flatten(2)[0]  # (C, P)
                best = (places.transpose(0, 1) @ self.guide[name]).argmax(1)  # (P, Q) -> (P,)
                wanted = self.guide[name].index_select(1, best).reshape(a.shape)
            return (a * wanted).sum() / size
        if self.border:
            a = a[:, :, self.border : -self.border, self.border : -self.border]
            if not math.prod(a.shape):
                raise ValueError(f"`border` is {self.border}, which leaves nothing of {name}")
        return squares(a) / size


class FilterError(ValueError):
    """A channel that the layer lacks."""


def fitting(objective: Objective, shapes: list[tuple[int, int]], tile: int = 0) -> list[tuple[int, int]]:
    """Return the shapes from the first on that is large enough for the network, by trying.

    Raises:
        ValueError: if none is.
    """
    device = next(objective.network.parameters()).device
    for i, shape in enumerate(shapes):
        window = tuple(min(side, tile) if tile else side for side in shape)
        try:
            with no_grad():
                objective(Tensor(to_device(np.zeros((1, 3, *window), np.float32), device)))
        except FilterError:
            raise
        except ValueError as error:
            problem = error
        else:
            return shapes[i:]
    height, width = shapes[-1]
    names = ", ".join(objective.coefficients)
    raise ValueError(f"a picture of {width} x {height} is too small for {names} of {objective.network.name}: "
                     f"give a larger --size, or earlier layers ({problem})")
