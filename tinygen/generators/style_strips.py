"""The loss of style transfer and its gradient in little memory: strip by strip, and yet exactly.

A Gram matrix is a sum over all places of a layer, so the loss is no sum of losses of parts of the picture. Its
gradient nevertheless comes in parts, as soon as dL/dG is known, and for that the sums are enough:

1. Forward, no graph: the network is cut into *stages*, each of them some convolutions and the pooling behind them.
   A stage is computed in strips, some rows at a time and the few rows beside them that its convolutions see. Only what
   the pooling gives is kept, and what each strip adds to the Gram matrices and to the other losses.
2. Backward, the last stage first: each strip is computed again, with its graph. With a the strip's activations and
   G_strip their Gram matrix, it passes on the gradient of

       sum over layers <dL/dG, G_strip(a)>  +  content(a)  +  <dL/d pooled, pooled(a)>

Since strips reach as far as the convolutions see, this is the gradient of the whole picture, to rounding. It costs one
more forward, and the rows that are computed twice.

Source: the recomputation is that of Chen et al., "Training deep nets with sublinear memory cost" (2016), with the
poolings for their checkpoints, where a picture is smallest; strips that overlap within a stage: Alwani et al.,
"Fused-layer CNN accelerators" (2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygen import autograd
from tinygen.autograd import Function, Node
from tinygen.generators.style_loss import Objective, Seen, chosen_layers, gram, squared_distance, total_variation
from tinygen.models import Network
from tinygen.models.network import INPUT
from tinygen.modes import enable_grad, mode, no_grad
from tinygen.nn import AvgPool2d, Conv2d, MaxPool2d, Module
from tinygen.ops.join import stack
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

# ------------------------------------------------------------------------------------------------ stages and strips


class Stage(NamedTuple):
    """Layers one behind the other, up to and including one that makes the picture smaller, or the last that is needed.

    Attributes:
        layers: names and modules.
        reach: how many rows beyond a place its convolutions see, on each side.
        step: rows of its input that become one at its end.
    """

    layers: list[tuple[str, Module]]
    reach: int
    step: int


class Strip(NamedTuple):
    """Rows first ... last - 1 of a stage's input, and start ... stop - 1, which they are computed from."""

    start: int
    stop: int
    first: int
    last: int

    def core(self, activation: Tensor, step: int = 1) -> Tensor:
        """Return the rows of (1, C, h, W) that are this strip's own; ``step`` of the input's rows make one of them."""
        return activation[:, :, (self.first - self.start) // step : (self.last - self.start) // step]


def stages(network: Network, wanted: Sequence[str]) -> list[Stage]:
    """Cut a network into stages, up to the last of the layers ``wanted``.

    Raises:
        ValueError: if it is no chain of convolutions that keep the picture's size, and of poolings.
    """
    left, found, layers, reach, before = set(wanted), [], [], 0, INPUT
    for node in network.nodes:
        known = reach_and_step(node.module)
        if known is None or node.inputs != (before,) or len(node.names) > 1:
            raise ValueError("`tile` and `memory` are for networks that are a chain of convolutions and poolings: "
                             f"small, vgg16, vgg19; {node.names[-1]} of {network.name} is none of these")
        before = node.names[-1]
        left.discard(before)
        layers.append((before, node.module))
        reach += known[0]
        if known[1] > 1 or not left:
            found.append(Stage(layers, reach, known[1]))
            layers, reach = [], 0
        if not left:
            break
    return found


def reach_and_step(module: Module) -> tuple[int, int] | None:
    """Return how many rows beyond its place a layer sees, and how many rows it makes one of; None where it differs."""
    if isinstance(module, Conv2d):
        height, width = module.kernel_size
        plain = module.stride == module.dilation == (1, 1) and module.padding == "same"
        return (height // 2, 1) if plain and height % 2 == width % 2 == 1 and not module.training else None
    if isinstance(module, MaxPool2d | AvgPool2d):
        size = module.kernel_size
        plain = isinstance(size, int) and module.stride == size and not module.padding and not module.ceil_mode
        return (0, size) if plain else None
    return None


def strips(height: int, rows: int, stage: Stage) -> Iterator[Strip]:
    """Cut the ``height`` rows of a stage's input into strips of ``rows``.

    They begin at multiples of ``stage.step``, and none is shorter than that, so that each pooling sees what it sees in
    the whole picture.
    """
    rows = max(rows // stage.step, 1) * stage.step
    beside = math.ceil(stage.reach / stage.step) * stage.step
    firsts = range(0, max(1, height - stage.step + 1), rows)
    for first in firsts:
        last = height if first == firsts[-1] else first + rows
        yield Strip(max(0, first - beside), min(height, last + beside), first, last)


class Rows:
    """An activation (1, C, ``height``, W) that is put together from rows; channels side by side, as convolutions do."""

    def __init__(self, height: int) -> None:
        self.height, self.array = height, None

    def put(self, rows: Tensor, first: int) -> None:
        """Put (1, C, h, W) in its place, from row ``first`` on."""
        array = rows._data
        _, channels, height, width = array.shape
        if self.array is None:
            empty = array_module(array).empty((1, self.height, width, channels), array.dtype)
            self.array = empty.transpose(0, 3, 1, 2)
        self.array[:, :, first : first + height] = array


# --------------------------------------------------------------------------------------------------------- the loss


class InStrips(Function):
    """(content, style, tv) of a picture x (1, 3, H, W);  gx = sum over the three of g_i d part_i / dx."""

    @staticmethod
    def forward(ctx: Node, x: Any, objective: StripedObjective) -> Any:
        """Measure, strip by strip."""
        ctx.save(x)
        ctx.objective = objective
        with no_grad():
            parts, ctx.grams, ctx.inputs = objective.measure(Tensor(x))
        return parts._data

    @staticmethod
    def backward(ctx: Node, gparts: Tensor) -> Tensor:
        """Go through the strips again.

        Raises:
            RuntimeError: if the gradient is to have a gradient, or for a second time.
        """
        if mode.recording:
            raise RuntimeError("a loss in strips has no second derivative; one without `tile` and `memory` has")
        if not ctx.inputs:
            raise RuntimeError("backward a second time through a loss in strips, whose arrays are freed")
        (x,) = ctx.saved
        return ctx.objective.gradient(x, gparts, ctx.grams, ctx.inputs)


class StripedObjective(Objective):
    """An :class:`~tinygen.generators.style_loss.Objective` that works in strips: the same losses, in less memory.

    Args:
        network: a chain of convolutions and poolings, such as VGG19, in evaluation.
        settings: as for Objective.
        content: the photograph, uint8 (3, H, W).
        styles: the paintings, uint8 (3, H', W').
        device: where to compute.
        rows: height of a strip, in rows of the input of each stage.
    """

    def __init__(
        self, network: Network, settings: Any, content: np.ndarray, styles: Sequence[np.ndarray], device: str = "cpu",
        rows: int = 64,
    ) -> None:
        layer, layers = chosen_layers(settings, network)
        self.rows, self.stages = rows, stages(network, [layer, *layers])
        super().__init__(network, settings, content, styles, device)

    def __call__(self, picture: Tensor) -> Tensor:
        """Return what content, style and tv of a picture (1, 3, H, W) cost, (3,); their sum is the loss."""
        return InStrips.apply(picture, objective=self)

    def run(self, stage: Stage, x: Tensor) -> tuple[dict[str, tuple[Tensor, int]], Tensor]:
        """Return the activations that count, each with its step, and that of the last layer, for rows of the input."""
        x = self.network.preprocess(x) if stage is self.stages[0] else x
        found = {}
        for name, module in stage.layers:
            x = module(x)
            if name in self.layers:
                found[name] = x, stage.step if name == stage.layers[-1][0] else 1
        return found, x

    def forward(self, picture: Tensor, see: Callable[[str, Tensor, int, int], None]) -> list[Tensor]:
        """Run the network, in strips.

        Args:
            picture: (1, 3, H, W).
            see: is shown the activations: the layer's name, some rows (1, C, h, w), the number of the first of them,
                and how many there are in all.

        Returns:
            The input of each stage.
        """
        inputs = [picture]
        for stage in self.stages:
            x = inputs[-1]
            height = x.shape[2]
            out = Rows(height // stage.step)
            for strip in strips(height, self.rows, stage):
                found, y = self.run(stage, x[:, :, strip.start : strip.stop])
                for name, (activation, step) in found.items():
                    see(name, strip.core(activation, step), strip.first // step, height // step)
                if stage is not self.stages[-1]:
                    out.put(strip.core(y, stage.step), strip.first // stage.step)
            if stage is not self.stages[-1]:
                inputs.append(Tensor(out.array))
        return inputs

    def seen(self, picture: Tensor) -> Seen:
        """Return what the targets are made of, for a picture (1, 3, H, W)."""
        grams: dict[str, Tensor] = {}
        places = dict.fromkeys(self.style_layers, 0)
        content: list[Rows] = []

        def see(name: str, rows: Tensor, first: int, height: int) -> None:
            if name in places:
                add(grams, name, rows)
                places[name] += rows.shape[2] * rows.shape[3]
            if name == self.content_layer:
                if not content:
                    content.append(Rows(height))
                content[0].put(rows, first)

        self.forward(picture, see)
        return Seen(grams, places, Tensor(content[0].array))

    def measure(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
        """Return content, style and tv of a picture (3,), its Gram matrices, and the input of each stage."""
        grams: dict[str, Tensor] = {}
        distances = []

        def see(name: str, rows: Tensor, first: int, height: int) -> None:
            if name in self.style_layers:
                add(grams, name, rows)
            if name == self.content_layer:
                distances.append(squared_distance(rows, self.content[:, :, first : first + rows.shape[2]]))

        inputs = self.forward(picture, see)
        variations = [total_variation(picture[:, :, first:stop]) for first, stop in self.in_pairs(picture)]
        parts = [sum(distances) * self.content_factor, self.style(grams), sum(variations) * self.tv_factor]
        return stack(parts), grams, inputs

    def in_pairs(self, picture: Tensor) -> Iterator[tuple[int, int]]:
        """Yield (first, stop) for rows of a picture: with each strip the row below it, which is its neighbour."""
        height = picture.shape[2]
        return ((first, min(first + self.rows + 1, height)) for first in range(0, height, self.rows))

    def gradient(self, picture: Tensor, gparts: Tensor, grams: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
        """Return the gradient by a picture of <``gparts``, its parts>; ``inputs`` are used up, and freed."""
        gcontent, gstyle, gtv = (gparts[i] for i in range(3))
        leaves = [gram.detach().requires_grad_() for gram in grams.values()]
        with enable_grad():
            style = self.style(dict(zip(grams, leaves, strict=True)))
        ggrams = dict(zip(grams, autograd.grad(style, leaves, gstyle), strict=True))
        gy: Any = None  # of the stage's output
        for stage in reversed(self.stages):
            x = inputs.pop()
            gx = array_module(x._data).zeros_like(x._data)
            for strip in strips(x.shape[2], self.rows, stage):
                gx[:, :, strip.start : strip.stop] += self._back(stage, strip, x, ggrams, gcontent, gy)
            gy = gx
        for first, stop in self.in_pairs(picture):
            leaf = picture[:, :, first:stop].detach().requires_grad_()
            with enable_grad():
                variation = total_variation(leaf) * self.tv_factor
            gy[:, :, first:stop] += autograd.grad(variation, leaf, gtv)[0]._data
        return Tensor(gy)

    def _back(
        self, stage: Stage, strip: Strip, x: Tensor, ggrams: dict[str, Tensor], gcontent: Tensor, gy: Any
    ) -> Any:
        """Return what the rows of one strip, and those beside it, get from the losses and from ``gy``."""
        leaf = x[:, :, strip.start : strip.stop].detach().requires_grad_()
        outputs, cotangents = [], []
        with enable_grad():
            found, y = self.run(stage, leaf)
            for name, (activation, step) in found.items():
                rows = strip.core(activation, step)
                if name in ggrams:
                    outputs.append(gram(rows))
                    cotangents.append(ggrams[name])
                if name == self.content_layer:
                    first = strip.first // step
                    target = self.content[:, :, first : first + rows.shape[2]]
                    outputs.append(squared_distance(rows, target) * self.content_factor)
                    cotangents.append(gcontent)
            if gy is not None:
                outputs.append(strip.core(y, stage.step))
                cotangents.append(Tensor(gy[:, :, strip.first // stage.step : strip.last // stage.step]))
        return autograd.grad(outputs, leaf, cotangents)[0]._data


def add(grams: dict[str, Tensor], name: str, rows: Tensor) -> None:
    """Add what some rows contribute to a layer's Gram matrix."""
    found = gram(rows)
    grams[name] = grams[name] + found if name in grams else found


# -------------------------------------------------------------------------------------------------- a bound of memory

MB = 1_000_000
LEAST_ROWS = 8
# Python, NumPy, Numba, compiled kernels, and the memory that those keep for their next call
PROGRAM = 300 * MB
# What a strip of the widest layer takes beside all activations of its stage: gradients on their way, and workspace.
# Measured with VGG19: 707 MB at 400 x 533 in strips of 256, where this says 852; 461 for 561 in strips of 16; 1,312
# for 1,607 at 1024 x 1365 in strips of 64.
BESIDE = 7


def rows_within(
    memory: int, settings: Any, network: Network, shape: tuple[int, int], paintings: Sequence[tuple[int, int]] = ()
) -> int:
    """Return the height of strips, the largest of 8, 16, 32, ... with which a run stays within ``memory`` megabytes.

    It depends on the sizes alone, so that an equal run takes equal strips, and gives the same bytes.

    Args:
        memory: the bound, in megabytes.
        settings: of :class:`tinygen.generators.style.Settings`.
        network: a chain of convolutions and poolings.
        shape: height and width of the picture.
        paintings: those of the paintings.

    Raises:
        ValueError: if strips of 8 rows need more; the line says how much.
    """
    content, styles = chosen_layers(settings, network)
    parts = stages(network, [content, *styles])
    vectors = 2 * (settings.history_size + 1) + 8 if settings.optimizer == "lbfgs" else 4

    def needed(rows: int) -> int:
        return max([bytes_needed(rows, network, parts, content, shape, vectors),
                    *(bytes_needed(rows, network, parts, content, painting) for painting in paintings)])

    if (least := needed(LEAST_ROWS)) > memory * MB:
        height, width = shape
        raise ValueError(f"`memory` is {memory}; a picture of {height} x {width} needs at least {-(-least // MB)} MB "
                         "here (less with a smaller --size or --history-size, or --optimizer adam)")
    rows = LEAST_ROWS
    while rows < max(shape[0], *(h for h, _ in paintings), 0) and needed(2 * rows) <= memory * MB:
        rows *= 2
    return rows


def bytes_needed(
    rows: int, network: Network, parts: Sequence[Stage], content: str, shape: tuple[int, int], vectors: int = 0
) -> int:
    """Return an estimate of the most memory that a picture takes in strips of ``rows``, the program's included.

    Args:
        rows: height of a strip.
        network: whose weights count.
        parts: its stages.
        content: the layer of the content.
        shape: height and width of the picture.
        vectors: of the picture's size that the optimiser holds.
    """
    height, width = shape
    picture = 12 * height * width
    weights = sum(4 * math.prod(parameter.shape) for parameter in network.parameters())
    inputs, strip, target, channels = [picture], 0, 0, 3
    for stage in parts:
        window = min(height, rows + 2 * math.ceil(stage.reach / stage.step) * stage.step)
        activations = []
        for name, module in stage.layers:
            step = stage.step
            if isinstance(module, Conv2d):
                channels, step = module.out_channels, 1
            activations.append(4 * channels * (window // step) * (width // step))
            if name == content:
                target = 4 * channels * (height // step) * (width // step)
        strip = max(strip, sum(activations) + BESIDE * max(activations))
        height, width = height // stage.step, width // stage.step
        inputs.append(4 * channels * height * width)
    gradients = sum(sorted(inputs)[-2:])  # of a stage's input and output
    return PROGRAM + weights + (vectors + 6) * picture + sum(inputs) + gradients + strip + target
