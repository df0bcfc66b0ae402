"""The networks of tinygen.models computed by PyTorch on the same weights; and both with their decisions fixed.

A ReLU decides at each number whether it passes, a max pooling which number of a window does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as TF

from tinygen.models import NETWORKS, Network
from tinygen.models.network import INPUT, Node
from tinygen.models.preprocessing import MEAN
from tinygen.models.units import Add, Concatenate, ConvUnit, MaxPoolSame, SeparableUnit
from tinygen.nn import AvgPool2d, BatchNorm2d, MaxPool2d, ReLU, init
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.convolution import same_padding

POOLS = MaxPool2d | MaxPoolSame
EQUAL = 1e-12  # float64 numbers that differ by less, relative to the largest, are equal but for rounding

Decisions = dict[str, np.ndarray]  # by the key of a node: (N, C, H, W), bool of a ReLU, int64 places h W + w of a pool


class Flips(NamedTuple):
    """Decisions that differ, and how many of them are the place of a maximum that two places have in float64."""

    all: int
    ties: int


def random_network(name: str, generator: Generator, fold: bool = True) -> Network:
    """Return a network whose random weights keep the size of a signal (He), biases and statistics drawn too."""
    network = NETWORKS[name](None, fold=False)
    for node in network.nodes:
        if isinstance(node.module, ConvUnit):
            _draw(node.module, generator)
    return (network.fold() if fold else network).requires_grad_(False)


def _draw(unit: ConvUnit, generator: Generator) -> None:
    init.kaiming_normal_(unit.weight, generator=generator)
    if isinstance(unit, SeparableUnit):
        init.kaiming_normal_(unit.depthwise.weight, a=1.0, generator=generator)  # no ReLU before the next
    if unit.bias is not None:
        init.normal_(unit.bias, 0.0, 0.1, generator)
    if (norm := unit.norm) is not None:
        init.normal_(norm.bias, 0.0, 0.1, generator)
        init.normal_(norm.running_mean, 0.0, 0.1, generator)
        init.uniform_(norm.running_var, 0.5, 1.5, generator)
        if norm.weight is not None:
            init.uniform_(norm.weight, 0.8, 1.2, generator)


def needed(network: Network, layers: Sequence[str]) -> list[Node]:
    """Return the nodes that these layers need, in the order of computation."""
    wanted, nodes = set(layers), []
    for node in reversed(network.nodes):
        if wanted.intersection(node.names):
            wanted.update(node.inputs)
            nodes.append(node)
    return nodes[::-1]


class Ours:
    """tinygen's network in one dtype, as the losses call it: as it is, or with its decisions fixed.

    Args:
        network: in float32; copied where another dtype is wanted.
        dtype: of the weights.

    Attributes:
        decisions: what ReLUs and pools decide; None: they do so themselves.
    """

    def __init__(self, network: Network, dtype: type) -> None:
        self.network = network if dtype is np.float32 else copy.deepcopy(network).to(dtype)
        self.name, self.available, self.layer_names = network.name, network.available, network.layer_names
        self.dtype = dtype
        self.decisions: Decisions | None = None

    def preprocess(self, images: Tensor) -> Tensor:
        """Turn pictures into input as the network does."""
        return self.network.preprocess(images)

    def __call__(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the activations of these layers."""
        if self.decisions is None:
            return self.network(x, layers=layers)
        values = {INPUT: x}
        for node in needed(self.network, layers):
            values[node.names[-1]] = self._decided(node, *(values[name] for name in node.inputs))
        return {name: values[name] for name in layers}

    def _decided(self, node: Node, *inputs: Tensor) -> Tensor:
        """The same kernels, but a mask in place of the ReLU and a place in place of the maximum."""
        module, decision, x = node.module, self.decisions.get(node.key), inputs[0]
        if decision is None:
            return module(*inputs)
        if isinstance(module, POOLS):
            return x.flatten(2).gather(2, Tensor(decision).flatten(2)).reshape(decision.shape)
        if isinstance(module, ConvUnit):
            *_, x = islice(module.steps(x), 1 + (module.norm is not None))
        return x * Tensor(decision.astype(self.dtype))


class Theirs:
    """The same network computed by PyTorch; arguments and attributes as of :class:`Ours`."""

    def __init__(self, network: Network, dtype: type) -> None:
        self.network = network
        self.dtype = torch.from_numpy(np.empty(0, dtype)).dtype
        self.decisions: Decisions | None = None

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """An array in the dtype of the weights."""
        return torch.tensor(array).to(self.dtype)

    def preprocess(self, images: torch.Tensor) -> torch.Tensor:
        """Turn pictures, (N, 3, H, W) from 0 to 255, into input."""
        if self.network.preprocessing == "tf":
            return images / 127.5 - 1
        return images.flip(1) - self.tensor(MEAN)

    def __call__(self, x: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return the activations of these layers."""
        values = {INPUT: x}
        for node in needed(self.network, layers):
            steps = list(self._steps(node, *(values[name] for name in node.inputs)))
            values.update(zip(node.names, steps[-len(node.names) :], strict=True))
        return {name: values[name] for name in layers}

    def _steps(self, node: Node, *inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """What the layers of a node give, one after the other."""
        x = inputs[0]
        match node.module:
            case ConvUnit() as unit:
                if isinstance(unit, SeparableUnit):
                    x = self._convolved(x, unit.depthwise)
                yield (x := self._convolved(x, unit))
                if unit.norm is not None:
                    yield (x := self._normalised(x, unit.norm))
                if unit.relu:
                    yield self._rectified(node, x)
            case ReLU():
                yield self._rectified(node, x)
            case MaxPool2d() | MaxPoolSame():
                yield self._pooled(node, x)
            case AvgPool2d() as pool:
                yield TF.avg_pool2d(x, pool.kernel_size, pool.stride, pool.padding, count_include_pad=False)
            case Concatenate():
                yield torch.cat(inputs, 1)
            case Add():
                yield inputs[0] + inputs[1]
            case module:
                raise TypeError(f"{node.key} is a {type(module).__name__}, which is not known here")

    def _convolved(self, x: torch.Tensor, unit: ConvUnit) -> torch.Tensor:
        weight = self.tensor(unit.weight.numpy())
        bias = None if unit.bias is None else self.tensor(unit.bias.numpy())
        padding: Any = unit.padding
        if padding == "same":  # Keras'; PyTorch has none with a stride
            sides = [same_padding(*a, 1) for a in zip(x.shape[2:], unit.kernel_size, unit.stride, strict=True)]
            x, padding = TF.pad(x, [n for side in reversed(sides) for n in side]), 0
        return TF.conv2d(x, weight, bias, unit.stride, padding, groups=unit.groups)

    def _normalised(self, x: torch.Tensor, norm: BatchNorm2d) -> torch.Tensor:
        names = ("running_mean", "running_var", "weight", "bias")
        arrays = [getattr(norm, name) for name in names]
        return TF.batch_norm(x, *(None if a is None else self.tensor(a.numpy()) for a in arrays), eps=norm.eps)

    def _rectified(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        return TF.relu(x) if self.decisions is None else x * self.tensor(self.decisions[node.key])

    def _pooled(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        if self.decisions is None:
            return maxima(node.module, x)[0]
        places = torch.from_numpy(self.decisions[node.key])
        return x.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)


def maxima(pool: POOLS, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the maxima of windows and their places."""
    if isinstance(pool, MaxPool2d):
        return TF.max_pool2d(x, pool.kernel_size, pool.stride, pool.padding, return_indices=True)
    before = [same_padding(side, pool.kernel, pool.stride, 1)[0] for side in x.shape[2:]]
    return TF.max_pool2d(x, pool.kernel, pool.stride, before, ceil_mode=True, return_indices=True)


def decisions_in(nodes: Sequence[Node], values: Mapping[str, np.ndarray]) -> Decisions:
    """Read the decisions of a run off its activations: what a ReLU let pass is above 0."""
    found = {}
    for node in nodes:
        if isinstance(node.module, POOLS):
            found[node.key] = maxima(node.module, torch.from_numpy(values[node.inputs[0]]))[1].numpy()
        elif isinstance(node.module, ReLU) or getattr(node.module, "relu", False):
            found[node.key] = values[node.names[-1]] > 0
    return found


def differing(nodes: Sequence[Node], values: Mapping[str, np.ndarray], right: Decisions, here: Decisions) -> Flips:
    """Count the decisions of ``here`` that are not those of ``right``, which the activations ``values`` led to."""
    flips = ties = 0
    for node in nodes:
        if node.key not in right:
            continue
        wrong = here[node.key] != right[node.key]
        flips += int(wrong.sum())
        if isinstance(node.module, POOLS) and wrong.any():
            x = values[node.inputs[0]].reshape(*wrong.shape[:2], -1)  # (N, C, H, W) -> (N, C, H W)
            highest, chosen = (np.take_along_axis(x, a[node.key].reshape(*x.shape[:2], -1), 2) for a in (right, here))
            ties += int((highest - chosen <= EQUAL * x.max())[wrong.reshape(chosen.shape)].sum())
    return Flips(flips, ties)
