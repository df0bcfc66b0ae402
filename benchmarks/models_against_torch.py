"""Compare the gradients of pictures through the networks with PyTorch's, and tell decisions from rounding.

    TINYGEN_HOME=FOLDER python benchmarks/models_against_torch.py [--only vgg19] [--write]

Needs PyTorch beside tinygen; in the cache the photographs and, of VGG19, Inception V3 and SqueezeNet, weights from
ImageNet (the beginning will do). The small one has its own, the others get random ones. PyTorch computes what the
network's nodes say on the same arrays, in float64 and float32; the losses are those of ``tinygen dream`` and
``tinygen style``.

Where a number lies within rounding of the border of a decision (ReLU, max pooling), two right programs may decide
differently, and then their gradients differ by whole terms, not by rounding. So the gradients in float32 are taken
twice: as they come, and with all decisions fixed as in the float64 run, by the same kernels. The second says how exact
the kernels are.

Set NUMBA_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1: PyTorch has one thread too. 5 minutes there, and 5.4 GB.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

import numpy as np
import torch
from models_in_torch import Decisions, Flips, Ours, Theirs, decisions_in, differing, needed, random_network

from tinygen.autograd import grad
from tinygen.bench.machine import describe
from tinygen.data.download import cache_dir
from tinygen.generators import dream, style
from tinygen.generators.dream_loss import coefficients_of
from tinygen.generators.dream_pictures import read_photograph
from tinygen.generators.style_loss import Objective as StyleObjective
from tinygen.generators.style_pictures import read_picture
from tinygen.models import NETWORKS, Network
from tinygen.modes import no_grad
from tinygen.pictures import resize
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.registry import use

RESULTS = Path(__file__).parent / "results" / "models-against-torch.md"
WEIGHTS = {"vgg19": "ImageNet", "inception_v3": "ImageNet", "squeezenet": "ImageNet", "small": "CIFAR-10",
           "vgg16": "random", "resnet50": "random", "xception": "random"}  # fmt: skip
DREAM_SIZE, STYLE_HEIGHT = 350, 400
STYLE = {"content_layer": "block3_conv3", "style_layers": ["block1_conv1", "block2_conv1", "block3_conv1"]}
PICTURES = ("tubingen", "flowers", "shipwreck", "sky1024px", "starry_night", "the_scream")
OURS = ("auto", "exact")
FORMS = (*OURS, "PyTorch")


# --------------------------------------------------------------------------------------------------------- losses


class Dream:
    """The loss of ``tinygen dream``, the network's usual layers, for a photograph uint8 (3, H, W)."""

    name = "dream"

    def __init__(self, network: Network, photograph: np.ndarray) -> None:
        settings = dream.settings_for("book", image="photograph", network=network.name)
        self.coefficients = coefficients_of(settings, network)
        self.layers = list(self.coefficients)
        self.picture = photograph[None].astype(np.float32) * np.float32(1 / 127.5) - 1  # (1, 3, H, W)

    def input(self, run: Ours | Theirs) -> Any:
        """What a network is given for the picture."""
        x = Tensor(self.picture.astype(run.dtype)) if isinstance(run, Ours) else run.tensor(self.picture)
        return run.preprocess((x + 1) * 127.5)

    def ours(self, run: Ours) -> Callable[[Tensor], Tensor]:
        """The generator's own."""
        return dream.Objective(run, self.coefficients)

    def theirs(self, run: Theirs) -> Callable[[torch.Tensor], torch.Tensor]:
        """Sum over layers of coefficient times mean square."""

        def loss(x: torch.Tensor) -> torch.Tensor:
            found = run(run.preprocess((x + 1) * 127.5), self.layers)
            return sum(c * found[name].square().mean() for name, c in self.coefficients.items())

        return loss


class Style:
    """The loss of ``tinygen style --preset book``, lower layers, for a picture on its way from photograph to painting.

    Args:
        network: VGG.
        photograph: uint8 (3, H, W).
        painting: likewise, of the same size.
    """

    name = "style"

    def __init__(self, network: Network, photograph: np.ndarray, painting: np.ndarray) -> None:
        self.settings = style.settings_for("book", content="photograph", styles=["painting"], **STYLE)
        self.layers = [*STYLE["style_layers"], STYLE["content_layer"]]
        self.photograph, self.painting = photograph, painting
        # of the photograph itself the content costs nothing, and has no gradient
        self.picture = (0.75 * photograph + 0.25 * painting)[None].astype(np.float32)

    def input(self, run: Ours | Theirs) -> Any:
        """What a network is given for the picture."""
        return run.preprocess(Tensor(self.picture) if isinstance(run, Ours) else run.tensor(self.picture))

    def ours(self, run: Ours) -> Callable[[Tensor], Tensor]:
        """The generator's own; its targets are computed with the network's own decisions."""
        decisions, run.decisions = run.decisions, None
        objective = StyleObjective(run, self.settings, self.photograph, [self.painting])
        run.decisions = decisions
        return lambda x: objective(x).sum()

    def theirs(self, run: Theirs) -> Callable[[torch.Tensor], torch.Tensor]:
        """Content, style and total variation with the chapter's weights."""

        def seen(x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
            *layers, content = run(run.preprocess(x), self.layers).values()
            rows = [a[0].flatten(1) for a in layers]  # (1, C, H, W) -> (C, H W)
            return content, [a @ a.T for a in rows]

        s, (h, w) = self.settings, self.photograph.shape[1:]
        decisions, run.decisions = run.decisions, None
        with torch.no_grad():
            content, grams = seen(run.tensor(self.photograph)[None])[0], seen(run.tensor(self.painting)[None])[1]
        run.decisions = decisions

        def loss(x: torch.Tensor) -> torch.Tensor:
            here, correlations = seen(x)
            total = s.content_weight * (here - content).square().sum()
            for a, b in zip(correlations, grams, strict=True):
                total = total + s.style_weight / len(grams) * (a - b).square().sum() / (4 * 3**2 * (h * w) ** 2)
            down, right = x[:, :, :-1, :-1] - x[:, :, 1:, :-1], x[:, :, :-1, :-1] - x[:, :, :-1, 1:]
            return total + s.tv_weight * (down.square() + right.square()).pow(1.25).sum()

        return loss


# ----------------------------------------------------------------------------------------------------- comparison


def gradient(case: Dream | Style, run: Ours | Theirs, decisions: Decisions | None = None) -> tuple[float, np.ndarray]:
    """Return the loss of the case's picture, and its gradient (1, 3, H, W); with ``decisions``, these imposed."""
    run.decisions = decisions
    if isinstance(run, Ours):
        x = Tensor(case.picture.astype(run.dtype), requires_grad=True)
        loss = case.ours(run)(x)
        (g,) = grad(loss, x)
    else:
        x = run.tensor(case.picture).requires_grad_(True)
        loss = case.theirs(run)(x)
        (g,) = torch.autograd.grad(loss, x)
    run.decisions = None
    return loss.item(), g.numpy()


def activations(case: Dream | Style, run: Ours | Theirs, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the activations of the case's picture."""
    with torch.no_grad(), no_grad():
        return {name: a.numpy() for name, a in run(case.input(run), layers).items()}


def worst(found: np.ndarray | float, right: np.ndarray | float) -> float:
    """Return max |found - right| / max |right|."""
    return float(np.abs(np.subtract(found, right, dtype=np.float64)).max() / np.abs(right).max())


def usual(found: np.ndarray, right: np.ndarray) -> float:
    """The same of root mean squares."""
    return float(np.sqrt(np.square(found - right, dtype=np.float64).mean() / np.square(right).mean()))


class Errors(NamedTuple):
    """Of a run, relative to PyTorch's in float64; those of gradients are (:func:`worst`, :func:`usual`).

    Attributes:
        flips: decisions that differ.
        loss: |loss - right| / right.
        free: of the gradient.
        fixed: of the gradient with the decisions of the float64 run; None where it was not asked for, like the rest.
        activation: of the named activation with the largest error, :func:`worst`.
        layer: its name.
    """

    flips: Flips
    loss: float
    free: tuple[float, float]
    fixed: tuple[float, float] | None = None
    activation: float | None = None
    layer: str = ""


class Truth:
    """What PyTorch finds in float64, for a network, and a loss with its picture."""

    def __init__(self, network: Network, case: Dream | Style) -> None:
        self.case, self.nodes, self.named = case, needed(network, case.layers), network.available
        self.outputs = [node.names[-1] for node in self.nodes]
        self.run = Theirs(network, np.float64)
        self.loss, self.gradient = gradient(case, self.run)
        self.values = activations(case, self.run, self.outputs)
        self.decisions = decisions_in(self.nodes, self.values)
        self.count = sum(a.size for a in self.decisions.values())

    @cached_property
    def activations(self) -> dict[str, np.ndarray]:
        """Of all layers that have a name."""
        return activations(self.case, self.run, self.named)

    def free(self, run: Ours | Theirs) -> Errors:
        """Return how far a run is from it that decides for itself."""
        here = decisions_in(self.nodes, activations(self.case, run, self.outputs))
        flips = differing(self.nodes, self.values, self.decisions, here)
        loss, g = gradient(self.case, run)
        return Errors(flips, worst(loss, self.loss), (worst(g, self.gradient), usual(g, self.gradient)))

    def all(self, run: Ours | Theirs) -> Errors:
        """Return the same, with the errors of activations, and of the gradient with the decisions fixed."""
        found = activations(self.case, run, self.named)
        layers = {name: worst(found.pop(name), right) for name, right in self.activations.items()}
        layer = max(layers, key=layers.get)
        _, g = gradient(self.case, run, self.decisions)
        fixed = worst(g, self.gradient), usual(g, self.gradient)
        return self.free(run)._replace(fixed=fixed, activation=layers[layer], layer=layer)


def in_float32(network: Network, find: Callable[[Ours | Theirs], Errors]) -> dict[str, Errors]:
    """Return what is found for tinygen's two ways of convolving, and for PyTorch."""
    found = {}
    for form in OURS:
        with use(form):
            found[form] = find(Ours(network, np.float32))
    return found | {"PyTorch": find(Theirs(network, np.float32))}


# --------------------------------------------------------------------------------------------------------- report


class Row(NamedTuple):
    """A network and its loss: errors by form, "float64" and :data:`FORMS`; by the latter on other pictures too."""

    name: str
    about: str
    layers: int
    decisions: int
    errors: dict[str, Errors]
    others: list[dict[str, Errors]]

    def each(self, form: str) -> list[Errors]:
        """The errors on all pictures."""
        return [errors[form] for errors in (self.errors, *self.others)]

    def pooled(self, form: str) -> float:
        """The rms error of the gradient as it comes on all pictures: the root of the mean square."""
        return math.sqrt(mean(e.free[1] ** 2 for e in self.each(form)))


def measure(weights: str, network: Network, case: Dream | Style, others: Iterable[Dream | Style]) -> Row:
    """Compare all there is for a picture; on the others only what comes where each decides for itself."""
    truth = Truth(network, case)
    errors = {"float64": truth.all(Ours(network, np.float64))} | in_float32(network, truth.all)
    about = "{} | {} x {}".format(weights, *case.picture.shape[2:])
    more = [in_float32(network, Truth(network, other).free) for other in others]
    return Row(f"{network.name}, {case.name}", about, len(truth.named), truth.count, errors, more)


def rows_of(only: str) -> Iterator[Row]:
    """Measure all networks whose name holds ``only``."""
    images = cache_dir() / "images"
    for name, weights in WEIGHTS.items():
        if only not in name:
            continue
        network = random_network(name, Generator(0)) if weights == "random" else NETWORKS[name]("imagenet", report=None)
        first, *others = (Dream(network, read_photograph(images / f"{file}.jpg", DREAM_SIZE)) for file in PICTURES)
        yield measure(weights, network, first, others if weights != "random" else ())
        if name == "vgg19":
            photographs = [read_picture(str(images / f"{file}.jpg"), STYLE_HEIGHT) for file in PICTURES[:2]]
            painting = read_picture(str(images / "starry_night.jpg"), STYLE_HEIGHT)
            first, *others = (Style(network, photo, resize(painting, photo.shape[1:])) for photo in photographs)
            yield measure(weights, network, first, others)


def pair(errors: tuple[float, float]) -> str:
    """The largest error and that of root mean squares, as two cells."""
    return "{:.1e} | {:.1e}".format(*errors)


def told(flips: Flips) -> str:
    """How many, and in brackets how many of them ties."""
    return f"{flips.all:,}" + (f" ({flips.ties:,})" if flips.ties else "")


def exact_line(row: Row) -> str:
    """What float64 gives."""
    e = row.errors["float64"]
    return (f"| {row.name} | {row.about} | {row.layers} | {e.loss:.0e} | {e.activation:.0e} ({e.layer}) | "
            f"{e.free[0]:.0e} | {e.flips.all} of {row.decisions:,} |")  # fmt: skip


def gradient_lines(row: Row) -> Iterator[str]:
    """What float32 gives, by form."""
    for form in FORMS:
        e, what = row.errors[form], f"{row.name} | {row.decisions:,}" if form == FORMS[0] else " | "
        cells = (what, form, f"{e.loss:.0e}", f"{e.activation:.1e}", told(e.flips), pair(e.free), pair(e.fixed))
        yield f"| {' | '.join(cells)} |"


def picture_lines(row: Row) -> Iterator[str]:
    """Flips on each picture, and the error of the gradient as it comes, by form."""
    for form in FORMS:
        each = row.each(form)
        cells = [told(e.flips) for e in each] + [""] * (len(PICTURES) - len(each))
        errors = f"{median(e.free[1] for e in each):.1e} | {row.pooled(form):.1e}"
        yield f"| {row.name if form == FORMS[0] else ''} | {form} | {' | '.join(cells)} | {errors} |"


BOUNDS: list[tuple[str, float, tuple[str, ...], Callable[[Row, str], float]]] = [
    ("float64: loss", 1e-9, ("float64",), lambda row, form: row.errors[form].loss),
    ("float64: each named activation", 1e-9, ("float64",), lambda row, form: row.errors[form].activation),
    ("float64: gradient", 1e-9, ("float64",), lambda row, form: row.errors[form].free[0]),
    ("float32: loss", 1e-4, OURS, lambda row, form: row.errors[form].loss),
    ("float32: each named activation", 1e-4, OURS, lambda row, form: row.errors[form].activation),
    ("float32: gradient, decisions fixed", 1e-4, OURS, lambda row, form: row.errors[form].fixed[0]),
    ("float32: the same, largest error over PyTorch's", 2, OURS,
     lambda row, form: row.errors[form].fixed[0] / row.errors["PyTorch"].fixed[0]),
    ("float32: gradient as it comes, largest error over PyTorch's", 2, OURS,
     lambda row, form: row.errors[form].free[0] / row.errors["PyTorch"].free[0]),
    ("float32: the same, rms error on all pictures over PyTorch's", 2, OURS,
     lambda row, form: row.pooled(form) / row.pooled("PyTorch")),
]  # fmt: skip


def bound_line(rows: Sequence[Row], what: str, bound: float, forms: Sequence[str], value: Callable) -> str:
    """What came nearest to a bound, and all that passed it."""
    found = {f"{row.name}, {form}": value(row, form) for row in rows for form in forms}
    nearest = max(found, key=found.get)
    passed = "; ".join(f"{name} {number:.2g}" for name, number in found.items() if not number <= bound)
    return f"| {what} | {bound:g} | {found[nearest]:.2g} ({nearest}) | {passed or 'none'} |"


def report(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the page."""
    machine = describe(threads=1)
    return [
        "# Gradients of pictures against PyTorch's", "",
        f"{machine['cpu']}; numpy {machine['numpy']}, numba {machine['numba']}, PyTorch {machine['torch']}; "
        f"{machine['date']}. Made by `benchmarks/models_against_torch.py --write`.", "",
        "Errors are relative to PyTorch in float64, on the same weights and picture: largest is max |difference| / max",
        "|right|, rms the same of root mean squares. Dreams on tubingen.jpg, style on a blend of it and a quarter of",
        "starry_night.jpg. ImageNet: as far as the files in the cache go.", "",
        "## What was asked", "",
        "| | at most | nearest to it | passed by |", "|---|---:|---|---|", *(bound_line(rows, *b) for b in BOUNDS), "",
        "## float64", "",
        "| | weights | pixels | layers | loss | activations (worst) | gradient, largest | decided otherwise |",
        "|---|---|---|---:|---:|---|---:|---|", *map(exact_line, rows), "",
        "## float32", "",
        "`auto` convolves by Winograd's algorithm where that is faster, `exact` does not. A decision is a ReLU at one",
        "number, or the place of one maximum. In brackets: how many of those decided otherwise are ties, maxima that",
        "several places have in float64 (flat parts of a picture); each of the places is right. Fixed: all decisions",
        "imposed as in float64, the kernels the same.", "",
        "| | decisions | | loss | activations | decided otherwise | gradient as it comes: largest | rms "
        "| decisions fixed: largest | rms |", "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
        *(line for row in rows for line in gradient_lines(row)), "",
        "## More pictures", "",
        "Decided otherwise in each of them (in brackets: ties), and the rms error of the gradient as it comes: the",
        "median over the pictures, and the root of the mean square. Style: the first two; random weights: the first.",
        "",
        f"| | | {' | '.join(PICTURES)} | median | root |", f"|---|---|{'---:|' * (len(PICTURES) + 2)}",
        *(line for row in rows for line in picture_lines(row)),
    ]  # fmt: skip


def main() -> None:
    """Compare, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for row in rows_of(arguments.only):
        print(exact_line(row), *gradient_lines(row), *picture_lines(row), sep="\n", flush=True)
        rows.append(row)
    lines = "\n".join(report(rows)) + "\n"
    if arguments.write:
        RESULTS.write_text(lines)
    else:
        print(lines)


if __name__ == "__main__":
    main()
