"""Networks as graphs of named layers: run them up to the layers that are wanted, and no further.

:class:`Graph` is what a family's file writes down, layer by layer, under Keras' names; :class:`Network` runs it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygen.backend import to_device
from tinygen.models.preprocessing import deprocess, preprocess
from tinygen.models.units import Add, Concatenate, ConvUnit, DenseUnit, GlobalAverage, KerasLayer, SeparableUnit
from tinygen.nn import Flatten, Module
from tinygen.nn.summary import Row, module_rows, summary
from tinygen.random import Generator
from tinygen.tensor import Tensor

INPUT = "input"
NUMBERED = re.compile(r"_\d+$")  # names that Keras gives by counting, such as activation_12


class Place(NamedTuple):
    """An output in a graph: the name of its layer, and its channels."""

    name: str
    channels: int


def _freeze(parameter: Tensor) -> None:
    """Give a parameter an array of its own, that nobody else holds, and that is read-only."""
    parameter._data = parameter._data.copy(order="K")
    parameter._data.setflags(write=False)


@dataclass
class Node:
    """What a network computes in one go: one layer of Keras', or a convolution with what belongs to it.

    Attributes:
        names: Keras' names of its layers, in order; the last is that of the output.
        inputs: names of the outputs that it takes.
        module: computes it.
        weights: its layers with weights, as Keras holds them.
        key: what its parameters are called in a state dict: the first of the names.
    """

    names: tuple[str, ...]
    inputs: tuple[str, ...]
    module: Module
    weights: list[KerasLayer]
    key: str


class Graph:
    """Layers in the order in which they are written down.

    Args:
        name: of the network.
        preprocessing: ``"caffe"`` or ``"tf"``.
        size: the usual height and width of its input.

    Attributes:
        input: where it begins.
        nodes: the layers.
    """

    def __init__(self, name: str, preprocessing: str, size: int) -> None:
        self.name, self.preprocessing, self.size = name, preprocessing, size
        self.input = Place(INPUT, 3)
        self.nodes: list[Node] = []

    def conv(
        self, x: Place, name: str, channels: int, kernel: int | tuple[int, int], stride: int = 1,
        padding: int | str = "same", *, norm: str | None = None, relu: str | bool = True, **options: Any,
    ) -> Place:
        """Add a convolution and what follows it.

        Args:
            x: its input.
            name: of the convolution.
            channels: O.
            kernel: KH and KW.
            stride: the step of the window.
            padding: "same", "valid" or zeros on all sides.
            norm: the name of the batch normalisation that follows, None for none.
            relu: the name of the ReLU that follows; True: it is part of the layer before; False: there is none.
            options: ``bias``, ``scale`` and ``eps`` of :class:`~tinygen.models.units.ConvUnit`.
        """
        options |= {"norm": norm is not None, "relu": bool(relu)}
        return self._unit(x, ConvUnit(x.channels, channels, kernel, stride, padding, **options), name, norm, relu)

    def separable(
        self, x: Place, name: str, channels: int, kernel: int, *, norm: str | None = None, relu: str | bool = True
    ) -> Place:
        """Add a separable convolution, padded as "same", without bias; arguments as for :meth:`conv`."""
        unit = SeparableUnit(x.channels, channels, kernel, norm=norm is not None, relu=bool(relu))
        return self._unit(x, unit, name, norm, relu)

    def _unit(self, x: Place, unit: ConvUnit, name: str, norm: str | None, relu: str | bool) -> Place:
        names = (name, *([norm] if norm else []), *([relu] if isinstance(relu, str) else []))
        return self._append(names, unit, [x], unit.out_channels)

    def dense(self, x: Place, name: str, channels: int, activation: str, flattened: tuple | None = None) -> Place:
        """Add a dense layer with its activation, "relu" or "softmax"."""
        return self._append((name,), DenseUnit(x.channels, channels, activation, flattened), [x], channels)

    def layer(self, x: Place, name: str, module: Module) -> Place:
        """Add a layer without weights that keeps the channels."""
        return self._append((name,), module, [x], x.channels)

    def flatten(self, x: Place, name: str, height: int, width: int) -> Place:
        """Add a layer that makes vectors of pictures of this size."""
        return self._append((name,), Flatten(), [x], x.channels * height * width)

    def add(self, x: Place, y: Place, name: str) -> Place:
        """Add a sum."""
        return self._append((name,), Add(), [x, y], x.channels)

    def concatenate(self, places: Sequence[Place], name: str) -> Place:
        """Add a layer that puts channels behind one another."""
        return self._append((name,), Concatenate(), places, sum(place.channels for place in places))

    def classifier(self, x: Place) -> Place:
        """Add the end of most networks: the mean of each channel, and the probabilities of ImageNet's 1000 classes."""
        return self.dense(self.layer(x, "avg_pool", GlobalAverage()), "predictions", 1000, "softmax")

    def _append(self, names: tuple[str, ...], module: Module, places: Sequence[Place], channels: int) -> Place:
        weights = module.keras_layers(names) if isinstance(module, ConvUnit | DenseUnit) else []
        self.nodes.append(Node(names, tuple(place.name for place in places), module, weights, names[0]))
        return Place(names[-1], channels)


class Network(Module):
    """A convolutional network whose layers are known by Keras' names.

    Args:
        graph: its layers. Their weights are zeros, see :meth:`fill` and :func:`tinygen.models.loading.load`.

    Attributes:
        name: such as ``"vgg19"``.
        preprocessing: ``"caffe"`` or ``"tf"``, see :mod:`tinygen.models.preprocessing`.
        size: the usual height and width of its input.
        missing: layers (as Keras names them) whose weights a partial file lacked.
        keras_parameters: how many numbers Keras counts, moving statistics included.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.name, self.preprocessing, self.size = graph.name, graph.preprocessing, graph.size
        self.missing: tuple[str, ...] = ()
        self.nodes = list(graph.nodes)
        self.keras_parameters = sum(layer.parameters for layer in self.weight_layers)
        for node in self.nodes:
            setattr(self, node.key, node.module)
        self.eval()

    @property
    def layer_names(self) -> list[str]:
        """The names that ``layers`` may hold, in the order of computation."""
        return [name for node in self.nodes for name in node.names]

    @property
    def available(self) -> list[str]:
        """Those of :attr:`layer_names` that need no missing weights."""
        cut_off = self.cut_off(self.missing)
        return [name for node in self.nodes if node.names[-1] not in cut_off for name in node.names]

    @property
    def weight_layers(self) -> list[KerasLayer]:
        """The layers with weights, as Keras holds them, in the order of computation."""
        return [layer for node in self.nodes for layer in node.weights]

    def forward(self, x: Any, layers: Sequence[str] | None = None) -> Any:
        """Compute activations.

        Args:
            x: (N, 3, H, W), preprocessed (see :meth:`preprocess`): a Tensor, or an array.
            layers: names of layers; only what they need is computed. None: the last layer.

        Returns:
            The last layer's activation; with ``layers`` a dict from name to activation, in the order asked for.

        Raises:
            ValueError: for an unknown layer, one whose weights are missing, or an input of another shape.
        """
        wanted = [self.nodes[-1].names[-1]] if layers is None else self._checked(layers)
        plan = self._plan(wanted)
        values, found = {INPUT: self._as_input(x)}, {}
        last_use = {name: i for i, (node, _) in enumerate(plan) for name in node.inputs}
        for i, (node, names) in enumerate(plan):
            values |= _run(node, names, [values[name] for name in node.inputs])
            found |= {name: values[name] for name in wanted if name in values}
            for name in node.inputs:  # forgotten as soon as nobody needs it any more
                if last_use[name] == i:
                    values.pop(name, None)
        return found[wanted[0]] if layers is None else {name: found[name] for name in wanted}

    def _plan(self, wanted: Iterable[str]) -> list[tuple[Node, list[str]]]:
        """Return the nodes to run, each with those of its layers whose values are needed."""
        needed, plan, cut_off = set(wanted), [], self.cut_off(self.missing)
        for node in reversed(self.nodes):
            names = [name for name in node.names if name in needed]
            if names:
                if node.names[-1] in cut_off:
                    raise ValueError(self._lacking(names[-1], cut_off[node.names[-1]]))
                needed.update(node.inputs)
                plan.append((node, names))
        return plan[::-1]

    def cut_off(self, missing: Iterable[str]) -> dict[str, str]:
        """Map every output that cannot be computed without the weights of some layers to the first that it needs."""
        missing, found = set(missing), {}
        for node in self.nodes:
            lacking = [found[name] for name in node.inputs if name in found]
            lacking += [layer.name for layer in node.weights if layer.name in missing]
            if lacking:
                found[node.names[-1]] = lacking[0]
        return found

    def _lacking(self, name: str, missing: str) -> str:
        return (
            f"`layers` asks for {name}, which needs {missing}, whose weights the file of {self.name} lacked; "
            f"these work: {_some(self.available)}"
        )

    def _checked(self, layers: Sequence[str]) -> list[str]:
        if isinstance(layers, str) or not all(isinstance(name, str) for name in layers):
            raise ValueError(f"`layers` is {layers!r}; it must be a list of names, such as {self.layer_names[-1:]}")
        names = list(dict.fromkeys(layers))
        if not names:
            raise ValueError(f"`layers` is empty; valid are {_some(self.layer_names)}")
        known = set(self.layer_names)
        for name in names:
            if name not in known:
                raise ValueError(self._unknown(name))
        return names

    def _unknown(self, name: str) -> str:
        for node in self.nodes:
            if any(layer.name == name for layer in node.weights):  # a convolution that a normalisation was folded into
                return (
                    f"`layers` has {name!r}, which is merged with the normalisation behind it; "
                    f"use {node.names[0]!r}, or build {self.name} with fold=False"
                )
        names = self.layer_names
        close = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
        return f"`layers` has {name!r}, which {self.name} lacks; valid are {_some(names, close)}"

    def _as_input(self, x: Any) -> Tensor:
        weight = next(self.parameters())
        if not isinstance(x, Tensor):
            x = Tensor(to_device(np.asarray(x, weight.dtype), weight.device))
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"`x` has shape {x.shape}; it must be (N, 3, H, W)")
        return x

    def preprocess(self, images: Any) -> Any:
        """Turn pictures, (N, 3, H, W) from 0 to 255, into input: :func:`tinygen.models.preprocessing.preprocess`.

        The result has the dtype of the weights, whatever the pictures have: it is what the network can be called with,
        and a network brought to float64 sees its pictures in float64 too.
        """
        return preprocess(images, self.preprocessing, next(self.parameters()).dtype)

    def deprocess(self, x: Any) -> np.ndarray:
        """Turn input into pictures, uint8 (N, 3, H, W): :func:`tinygen.models.preprocessing.deprocess`."""
        return deprocess(x, self.preprocessing)

    def fill(self, generator: Generator | None = None) -> Network:
        """Draw all weights as Keras does: Glorot's uniform distribution, no bias."""
        for node in self.nodes:
            if node.weights:
                node.module.fill(generator)
        return self

    def freeze(self, most: float = math.inf, layers: Iterable[str] = ()) -> Network:
        """Say that the weights stay as they are: no gradients for them, and their arrays become read-only.

        What kernels work out from frozen weights they keep (`tinygen_ops/frozen.py`). ``requires_grad_(True)`` undoes
        it.

        Args:
            most: of weights, bytes that become read-only, the smallest of them first: kernels keep up to eight times as
                much.
            layers: the last that will be run, so that nothing behind them counts; none: all.
        """
        super().requires_grad_(False)
        for parameter in sorted(self._weights_up_to(layers), key=lambda each: each._data.nbytes):
            most -= parameter._data.nbytes
            if most < 0:
                break
            if isinstance(parameter._data, np.ndarray) and parameter._data.flags.writeable:
                _freeze(parameter)
        return self

    def _weights_up_to(self, layers: Iterable[str]) -> list[Tensor]:
        """The parameters that are needed to run up to these layers; none: all."""
        left, found = set(layers), []
        if not left:
            return list(self.parameters())
        for node in self.nodes:
            found += node.module.parameters()
            left.difference_update(node.names)
            if not left:
                break
        return found

    def requires_grad_(self, requires_grad: bool = True) -> Network:
        """Say of all parameters whether their gradients are wanted; if so, frozen ones can be written again."""
        super().requires_grad_(requires_grad)
        for parameter in self.parameters() if requires_grad else ():
            if isinstance(parameter._data, np.ndarray):
                parameter._data.setflags(write=True)
        return self

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Take over the values in ``state``, as every Module; what was frozen is frozen again afterwards."""
        frozen = [p for p in self.parameters() if isinstance(p._data, np.ndarray) and not p._data.flags.writeable]
        for parameter in frozen:
            parameter._data.setflags(write=True)
        try:
            super().load_state_dict(state, strict)
        finally:
            for parameter in frozen:
                _freeze(parameter)

    def fold(self) -> Network:
        """Merge every batch normalisation into the convolution before it; the activations stay the same.

        The outputs of those convolutions by themselves are no layers any more.
        """
        for node in self.nodes:
            if getattr(node.module, "norm", None) is not None:
                node.module.fold()
                node.names = node.names[1:]
                node.weights = [layer._replace(arrays={}) for layer in node.weights]  # or the old ones would live on
        return self

    def keras_order(self) -> list[KerasLayer]:
        """The layers with weights in the order in which Keras lists (and saves) those of a model; before folding.

        By their longest way to the output, longest first; of equally long ones, in the order in which a search
        in depth that starts from the output meets them.
        """
        inputs: dict[str, tuple[str, ...]] = {}  # by layer of Keras'
        for node in self.nodes:
            before = node.inputs
            for name in node.names:
                inputs[name], before = before, (name,)
        depth = dict.fromkeys(inputs, 0)
        for name in reversed(inputs):  # in the order of computation, so that all that use a layer come before it here
            for source in inputs[name]:
                if source != INPUT:
                    depth[source] = max(depth[source], depth[name] + 1)
        met: dict[str, int] = {}
        to_meet = [self.nodes[-1].names[-1]]
        while to_meet:
            name = to_meet.pop()
            if name in inputs and name not in met:
                met[name] = len(met)
                to_meet += reversed(inputs[name])
        return sorted(self.weight_layers, key=lambda layer: (-depth[layer.name], met[layer.name]))

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """Return a table of the layers: :func:`tinygen.nn.summary`; default for one picture of the usual size."""
        return summary(self, input_shape or (1, 3, self.size, self.size))

    def summary_rows(self, x: Tensor) -> list[Row]:
        """The rows of the table: layers under all their names, those whose weights are missing without a shape."""
        here = set(self.available)
        outputs = [node.names[-1] for node in self.nodes if node.names[-1] in here]
        shapes = {row.name: row.shape for row in module_rows(self, lambda: self(x, layers=outputs))} if outputs else {}
        rows = []
        for node in self.nodes:
            count = sum(math.prod(parameter.shape) for parameter in node.module.parameters())
            kind = type(node.module).__name__
            rows.append(Row(", ".join(node.names), kind, shapes.get(node.key), count))
        return rows

    def extra_repr(self) -> str:
        """Its name, and what is missing."""
        return self.name + (f", without the weights of {_some(list(self.missing))}" if self.missing else "")


def _run(node: Node, names: list[str], inputs: list[Tensor]) -> dict[str, Tensor]:
    """Compute the values of those layers of a node that are needed; the whole unit at once if it is its output."""
    if names == [node.names[-1]]:
        return {names[0]: node.module(*inputs)}
    values = {}
    for name, value in zip(node.names, node.module.steps(*inputs), strict=True):
        values[name] = value
        if name == names[-1]:
            break
    return {name: values[name] for name in names}


def _some(names: list[str], first: Sequence[str] = ()) -> str:
    """Names for an error: close ones first, then those that say something, and how many more there are."""
    rest = [name for name in names if name not in first and not NUMBERED.search(name)]
    shown = [*first, *rest] or names
    shown = shown if len(shown) <= 24 else [*shown[:16], "...", *shown[-7:]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
