"""A photograph in the manner of a painting: neural style transfer.

What: a picture is sought that a convolutional network sees as it sees the photograph in a high layer (what is where),
and whose layers' correlations between channels are those of the painting (strokes, colours, textures). Nothing is
trained: the pixels are the parameters, and L-BFGS moves them.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.3. L. Gatys, A. Ecker and M. Bethge, "Image
Style Transfer Using Convolutional Neural Networks" (CVPR 2016). Original colours: L. Gatys et al., "Preserving Color in
Neural Artistic Style Transfer" (2016), section 3, the luminance of the result with the colours of the photograph.

Presets: ``book`` and ``book-python`` are the chapter to the letter: sums of squares, the Gram matrices of *every* layer
divided by the picture's own numbers (Q4: 4 * 3^2 * (rows * columns)^2), the painting stretched to the photograph's
shape, and L-BFGS started anew for each of 20 rounds (Q5), which forgets the curvature that it has measured: of 15
iterations with 5 pairs remembered (R's optim) or of 20 evaluations with 10 (SciPy). ``tuned`` keeps one L-BFGS alive
over all rounds of 20 evaluations, leaves the painting its proportions, and measures each loss by its target (see
:class:`Objective`), so that the same weights serve every network, layer and size.

The parameters are the picture's red, green and blue from 0 to 255, in ``tuned`` divided by sqrt(3 H W): L-BFGS begins
with a step of length 1, which is then one grey level for every pixel, and in the chapter a grey level for all together.

Expect: the chapter's run (400 pixels high, its own two pictures, VGG19) published 7.41e9, 3.07e9, 2.17e9, 1.61e9 and
1.31e9 after the first five rounds, 7.47e8 after ten and 5.00e8 at the end. What this program reached is in
docs/style.md.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.autograd import Function, Node
from tinygen.backend import check_device, to_device
from tinygen.io import load
from tinygen.models import NETWORKS, Network
from tinygen.modes import no_grad
from tinygen.ops.join import stack
from tinygen.pictures import read_image, resize, save_png, to_uint8
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run
from tinygen.tensor import Tensor
from tinygen.version import __version__
from tinygen_ops.arrays import array_module

COMMAND = "style"
MOST_PIXELS = 16_000_000
BLOCKS = tuple(f"block{i}_conv1" for i in range(1, 6))
LAYERS = {  # network -> the layer of the content, those of the style; VGG's are the chapter's
    "vgg19": ("block5_conv2", BLOCKS),
    "vgg16": ("block5_conv2", BLOCKS),
    "squeezenet": ("fire5/concat", ("relu_conv1", "fire2/concat", "fire3/concat", "fire4/concat", "fire6/concat")),
    "inception_v3": ("mixed4", ("activation_1", "activation_3", "mixed0", "mixed2", "mixed3")),
    "resnet50": ("conv4_block2_out", ("conv1_relu", "conv2_block1_out", "conv2_block3_out", "conv3_block4_out",
                                      "conv4_block1_out")),
    "xception": ("block5_sepconv3_act", ("block1_conv1_act", "block1_conv2_act", "block3_sepconv1_act",
                                         "block4_sepconv2_act", "block5_sepconv2_act")),
}


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a run is told.

    Attributes:
        content: the photograph's file.
        styles: files of one or more paintings.
        preset: which preset the other values come from.
        network: a name of ``tinygen.models.NETWORKS``.
        weights: ``"imagenet"``, a file, or ``"random"``.
        size: height of the picture; its width follows from the photograph.
        style_size: height of the paintings, in their own proportions; 0: the picture's; negative: height and width
            of the picture, as the chapter.
        content_layer: "" for the network's in :data:`LAYERS`.
        style_layers: likewise, [] for those.
        content_weight: of the content's loss.
        style_weight: of the style's, a mean over the layers.
        tv_weight: of the total variation.
        style_blend_weights: a share for each painting, [] for equal ones.
        relative: losses measured by their targets; False: the chapter's sums.
        init: ``"content"``, ``"random"`` or a picture's file.
        optimizer: ``"lbfgs"`` or ``"adam"``.
        lr: grey levels that a step of Adam takes.
        restart: a new L-BFGS for each round.
        history_size: pairs that L-BFGS remembers.
        iterations: rounds; after each there is a picture.
        evaluations: of the losses and their gradient in a round; 0: as many as its inner iterations take.
        inner_iterations: steps of L-BFGS in a round; 0: as many as its evaluations allow.
        original_colors: keep the photograph's colours.
        seed: of every random number.
        log_every: rounds between rows of ``metrics.jsonl``.
        save_every: rounds between checkpoints.
        sample_every: rounds between pictures.
        max_steps: stop after so many rounds; 0 for no limit.
    """

    content: str
    styles: list[str]
    preset: str = "tuned"
    network: str = "vgg19"
    weights: str = "imagenet"
    size: int = 400
    style_size: int = 0
    content_layer: str = ""
    style_layers: list[str] = field(default_factory=list)
    content_weight: float = 0.025
    style_weight: float = 1.0
    tv_weight: float = 0.1
    style_blend_weights: list[float] = field(default_factory=list)
    relative: bool = True
    init: str = "content"
    optimizer: str = "lbfgs"
    lr: float = 5.0
    restart: bool = False
    history_size: int = 10
    iterations: int = 20
    evaluations: int = 20
    inner_iterations: int = 0
    original_colors: bool = False
    seed: int = 0
    log_every: int = 1
    save_every: int = 1
    sample_every: int = 1
    max_steps: int = 0

    def __post_init__(self) -> None:
        if not self.content or not self.styles:
            raise ValueError("a photograph and at least one painting are needed: CONTENT STYLE [STYLE ...]")
        least = {"size": 1, "history_size": 1, "iterations": 1, "evaluations": 0, "inner_iterations": 0, "seed": 0,
                 "log_every": 1, "save_every": 1, "sample_every": 1, "max_steps": 0}
        for name, low in least.items():
            if (value := getattr(self, name)) < low:
                raise ValueError(f"`{name}` is {value}; it must be at least {low}")
        if self.seed >= 2**56:
            raise ValueError(f"`seed` is {self.seed}; it must be below 2**56")
        for name in ("content_weight", "style_weight", "tv_weight"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"`{name}` is {value}; it must be finite and at least 0")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"`lr` is {self.lr}; it must be above 0")
        for name, valid in {"preset": PRESETS, "network": NETWORKS, "optimizer": ("lbfgs", "adam")}.items():
            if getattr(self, name) not in valid:
                raise ValueError(f"`{name}` is {getattr(self, name)!r}; valid are {', '.join(valid)}")
        if not self.evaluations and not (self.inner_iterations and self.optimizer == "lbfgs"):
            raise ValueError("`evaluations` is 0; it must be at least 1, unless `inner_iterations` limits L-BFGS")
        shares = self.style_blend_weights
        if shares and (len(shares) != len(self.styles) or min(shares) < 0 or not 0 < sum(shares) < math.inf):
            raise ValueError(f"`style_blend_weights` is {shares}; for {len(self.styles)} paintings it must be as many "
                             "numbers of at least 0, not all of them 0")


CHAPTER = {"style_size": -1, "tv_weight": 1e-4, "relative": False, "restart": True}
PRESETS: dict[str, dict[str, Any]] = {
    "book": CHAPTER | {"evaluations": 0, "inner_iterations": 15, "history_size": 5},
    "book-python": CHAPTER,
    "tuned": {},
}
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("iterations", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    if preset not in PRESETS:
        raise ValueError(f"`preset` is {preset!r}; valid are {', '.join(PRESETS)}")
    return Settings(**{**PRESETS[preset], "preset": preset, **changes})


def settings_of(run: Run, example: Any = None, **changes: Any) -> Any:
    """Return the settings of a run that is there, with ``changes``.

    Args:
        run: the run.
        example: settings of the kind that is wanted; None: :class:`Settings`.
        changes: values to have instead.

    Raises:
        ValueError: if its ``config.json`` lacks something, or holds a value of the wrong kind.
    """
    example = example or Settings("content", ["style"])
    stored = {}
    for name, value in asdict(example).items():
        kind = (int, float) if isinstance(value, float) else type(value)
        if not isinstance(run.settings.get(name), kind):
            raise ValueError(f"`{run.path / 'config.json'}` is damaged: its `{name}` is {run.settings.get(name)!r}")
        stored[name] = run.settings[name]
    return type(example)(**stored | changes)


# ------------------------------------------------------------------------------------------------------ pictures


def read_styles(settings: Settings, shape: tuple[int, int]) -> list[np.ndarray]:
    """Return the paintings, uint8 (3, H, W), for a picture of (height, width) ``shape``."""
    if settings.style_size < 0:
        return [resize(read_image(path), shape) for path in settings.styles]
    return [read_picture(path, settings.style_size or shape[0]) for path in settings.styles]


def read_picture(path: str, height: int) -> np.ndarray:
    """Return a picture at this height, in its own proportions, uint8 (3, height, W)."""
    image = read_image(path)
    width = max(1, round(image.shape[2] * height / image.shape[1]))
    if height * width > MOST_PIXELS:
        raise ValueError(f"`{path}` would be {height} x {width} pixels; it must not have more than {MOST_PIXELS:,}: "
                         "choose a smaller size")
    return resize(image, (height, width))


def first_picture(settings: Settings, content: np.ndarray, generator: Generator) -> np.ndarray:
    """Return where the search begins, float32 (3, H, W) from 0 to 255: the photograph, noise, or a file."""
    if settings.init == "content":
        return content.astype(np.float32)
    if settings.init == "random":
        return np.clip(127.5 + 40 * generator.normal(content.shape, np.float32, "cpu"), 0, 255)
    return resize(read_image(settings.init), content.shape[1:]).astype(np.float32)


def luminance(image: np.ndarray) -> np.ndarray:
    """Return Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) of a picture (3, H, W): (H, W) float32."""
    return np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), image.astype(np.float32), 1)


def keep_colors(image: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the luminance of one picture with the colours of another.

        out_c = Y + s (content_c - Y_content),  s the largest number up to 1 that leaves out_c within 0 to 255

    R - Y, G - Y and B - Y are the colour. Their Y is 0, so any s leaves the luminance as it is.

    Args:
        image: (3, H, W) from 0 to 255.
        content: the same shape.

    Returns:
        float32 (3, H, W) from 0 to 255.
    """
    y = np.clip(luminance(image), 0, 255)
    color = content.astype(np.float32) - luminance(content)
    room = np.where(color > 0, 255 - y, y)
    share = np.minimum(1, room / np.maximum(np.abs(color), 1e-6)).min(0)
    return y + share * color


# ---------------------------------------------------------------------------------------------- network and losses


def load_network(settings: Any, device: str, report: Callable[[str], None] | None = None) -> Network:
    """Return the network of ``settings`` (``network``, ``weights``, ``seed``), its weights frozen."""
    make = NETWORKS[settings.network]
    if settings.weights == "random":
        network = make(None, generator=Generator((settings.seed << 8) + 1), report=report)
    else:
        network = make(settings.weights, report=report)
    return network.requires_grad_(False).to(device)


def chosen_layers(settings: Any, network: Network) -> tuple[str, list[str]]:
    """Return the layer of the content and those of the style.

    Raises:
        ValueError: for one that the network lacks, or whose weights are missing.
    """
    content, styles = LAYERS[settings.network]
    content, styles = settings.content_layer or content, list(settings.style_layers or styles)
    available = network.available
    for argument, names in (("content_layer", [content]), ("style_layers", styles)):
        for name in names:
            if name not in available:
                problem = "whose weights are missing" if name in network.layer_names else f"which {network.name} lacks"
                raise ValueError(f"`{argument}` has {name!r}, {problem}; valid are {', '.join(available)}")
    return content, styles


class Correlation(Function):
    """z = x^T x, matrices in the last two axes;  gx = x (gz + gz^T).

    As a product of two tensors that happen to be one it would have two gradients, to be added up. With the chapter's
    lower three layers at 128 x 171 pixels, one thread, that took 68 ms in an evaluation; this takes 21.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        """Multiply, on arrays."""
        ctx.save(x)
        return array_module(x).matmul(x.swapaxes(-2, -1), x)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> Tensor:
        """Multiply, on Tensors."""
        (x,) = ctx.saved
        return x @ (gz + gz.transpose(-2, -1))


def gram(features: Tensor) -> Tensor:
    """Return how channels go together: G_ncd = sum over places i of F_nci F_ndi.

    A sum over all 213,200 places of a picture of 400 x 533 is right to 1e-6 in float32: a matrix product adds up
    blocks of places, and then the blocks.

    Args:
        features: (N, C, H, W).

    Returns:
        (N, C, C).
    """
    n, channels, height, width = features.shape
    # (N, C, H, W) -> (N, H W, C), no copy where a convolution made them: it keeps the channels side by side
    return Correlation.apply(features.permute(0, 2, 3, 1).reshape(n, height * width, channels))


def total_variation(x: Tensor) -> Tensor:
    """Return sum over i, j of ((x_ij - x_i+1,j)^2 + (x_ij - x_i,j+1)^2)^1.25, over all channels too.

    Args:
        x: (N, C, H, W); the last row and column count as neighbours only.

    Returns:
        A number: how unquiet neighbouring pixels are.
    """
    here = x[:, :, :-1, :-1]
    down, right = here - x[:, :, 1:, :-1], here - x[:, :, :-1, 1:]
    return ((down * down + right * right) ** 1.25).sum()


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return sum (x - y)^2."""
    difference = x - y
    return (difference * difference).sum()


class Objective:
    """What a picture costs; the targets are computed once.

    The chapter (``relative`` False), with P the features of a layer, G its Gram matrix, L style layers and size = H W:
        content = w_content sum (P - P_photograph)^2
        style = w_style / L  sum over layers of  sum (G - G_painting)^2 / (4 3^2 size^2)
        tv = w_tv sum ((x_ij - x_i+1,j)^2 + (x_ij - x_i,j+1)^2)^1.25

    ``relative``: the first is divided by sum P_photograph^2, each layer's part of the second by sum G_painting^2, and
    the third is a mean over pixels of a picture from 0 to 1.

    Several paintings: the sum of their losses, each times its share. A painting of another size: its Gram matrices
    are multiplied by the ratio of the numbers of places.

    Args:
        network: computes the features.
        settings: weights and layers.
        content: the photograph, uint8 (3, H, W).
        styles: the paintings, uint8 (3, H', W').
        device: where to compute.
    """

    def __init__(
        self, network: Network, settings: Settings, content: np.ndarray, styles: Sequence[np.ndarray],
        device: str = "cpu",
    ) -> None:
        self.network = network
        self.content_layer, self.style_layers = chosen_layers(settings, network)
        self.layers = list(dict.fromkeys([*self.style_layers, self.content_layer]))
        size = content.shape[1] * content.shape[2]
        shares = settings.style_blend_weights or [1.0] * len(styles)
        each = settings.style_weight / len(self.style_layers) / sum(shares)
        with no_grad():
            there = self._targets(content, device, settings.content)
            self.content = there[self.content_layer]
            self.content_factor = settings.content_weight
            self.tv_factor = settings.tv_weight
            if settings.relative:
                self.content_factor /= size_of(self.content)
                self.tv_factor /= size * 255**2.5
            # (layer, target, factor), one for each painting and layer
            self.styles: list[tuple[str, Tensor, float]] = []
            for share, path, style in zip(shares, settings.styles, styles, strict=True):
                found = self._targets(style, device, path)
                for name in self.style_layers:
                    places = [math.prod(f[name].shape[2:]) for f in (there, found)]
                    target = gram(found[name]) * (places[0] / places[1])
                    factor = each * share / (size_of(target) if settings.relative else 4 * 3**2 * size**2)
                    self.styles.append((name, target, factor))

    def _targets(self, image: np.ndarray, device: str, path: str) -> dict[str, Tensor]:
        try:
            return self.features(Tensor(to_device(image[None].astype(np.float32), device)))
        except ValueError as error:
            height, width = image.shape[1:]
            raise ValueError(f"`{path}`, {height} x {width} pixels here, is too small for the layers "
                             f"{', '.join(self.layers)} of {self.network.name} ({error})") from None

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Map pictures (N, 3, H, W), red, green, blue from 0 to 255, to the layers' activations, by name."""
        return self.network(self.network.preprocess(picture), layers=self.layers)

    def __call__(self, picture: Tensor) -> Tensor:
        """Return what content, style and tv of a picture (1, 3, H, W) cost, (3,); their sum is the loss."""
        found = self.features(picture)
        content = squared_distance(found[self.content_layer], self.content) * self.content_factor
        grams = {name: gram(found[name]) for name in self.style_layers}
        style = sum(squared_distance(grams[name], target) * factor for name, target, factor in self.styles)
        return stack([content, style, total_variation(picture) * self.tv_factor])


def size_of(target: Tensor) -> float:
    """Return the sum of squares that a loss is measured by; 1 for a target of zeros."""
    return (target.double() ** 2).sum().item() or 1.0


# ---------------------------------------------------------------------------------------------------------- loop


class Transfer:
    """A picture on its way: the pixels, their optimiser, and where it stands.

    Args:
        settings: what to do.
        objective: what a picture costs.
        start: float32 (3, H, W), where to begin.
        device: where to compute.
    """

    def __init__(self, settings: Settings, objective: Objective, start: np.ndarray, device: str = "cpu") -> None:
        self.settings, self.objective = settings, objective
        # With these the first step of L-BFGS, which is 1 long where the gradient is not smaller than that, moves
        # every pixel by about one grey level.
        self.unit, self.scale = (math.sqrt(start.size), start.size) if settings.relative else (1.0, 1.0)
        self.pixels = nn.Parameter(Tensor(to_device(start[None] / np.float32(self.unit), device)))
        self.optimizer = self._make_optimizer()
        self.last_step = min(settings.iterations, settings.max_steps or settings.iterations)
        self.step = self.evaluations = 0
        self.status = ""

    def _make_optimizer(self) -> optim.Optimizer:
        settings = self.settings
        if settings.optimizer == "adam":
            return optim.Adam([self.pixels], settings.lr / self.unit)
        evaluations = settings.evaluations or 25 * settings.inner_iterations
        iterations = settings.inner_iterations or settings.evaluations
        return optim.LBFGS([self.pixels], max_iter=iterations, max_eval=evaluations, tolerance_grad=0,
                           tolerance_change=0, history_size=settings.history_size)

    def picture(self) -> Tensor:
        """The picture, (1, 3, H, W), red, green, blue from 0 to 255 or somewhat beyond."""
        return self.pixels * self.unit

    def loss(self) -> Tensor:
        """Evaluate once: set the gradient, return the loss as the optimiser is to see it."""
        self.optimizer.zero_grad()
        loss = self.objective(self.picture()).sum() * self.scale
        loss.backward()
        return loss

    def round(self) -> None:
        """Optimise for one round."""
        if self.settings.optimizer == "adam":
            for _ in range(self.settings.evaluations):
                self.loss()
                self.optimizer.step()
            self.evaluations += self.settings.evaluations
        else:
            if self.settings.restart:
                self.optimizer = self._make_optimizer()
            before = self.optimizer.evaluations
            self.optimizer.step(self.loss)
            self.evaluations += self.optimizer.evaluations - before
            self.status = self.optimizer.status or ""
        self.step += 1

    def parts(self) -> dict[str, float]:
        """Return loss, content, style and tv of the picture as it stands.

        Raises:
            ValueError: if one is not finite.
        """
        with no_grad():
            content, style, tv = self.objective(self.picture()).to("cpu").double().tolist()
        found = {"loss": content + style + tv, "content": content, "style": style, "tv": tv}
        if not all(map(math.isfinite, found.values())):
            raise ValueError(f"the loss became {found['loss']} in round {self.step}; the last checkpoint stands. "
                             "Smaller weights or a smaller --lr may prevent it")
        return found

    def image(self, content: np.ndarray) -> np.ndarray:
        """Return the picture as uint8 (3, H, W), with the colours of ``content`` where they are to be kept."""
        image = np.clip(self.picture().detach().to("cpu").numpy()[0], 0, 255)
        return to_uint8(keep_colors(image, content) if self.settings.original_colors else image, 0, 255)

    def state(self) -> dict[str, Any]:
        """Everything but the picture that a continuation needs."""
        return {"optimizer": self.optimizer.state_dict(), "step": self.step, "evaluations": self.evaluations,
                "status": self.status}

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.pixels.data = to_device(weights["picture"], self.pixels.device)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.evaluations, self.status = state["step"], state["evaluations"], state["status"]


def transfer(
    settings: Settings,
    out: str | Path,
    *,
    final: str | Path | None = None,
    resume: bool = False,
    device: str | None = None,
    init_from: str | Path | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Paint a picture, in the run directory ``out``.

    Args:
        settings: what to do.
        out: the run directory.
        final: the PNG file that the last picture is written to; None: ``out/picture.png``.
        resume: go on from the last checkpoint there; from the start where there is none.
        device: ``"cpu"``, ``"cuda"``, ``"auto"``; None as :func:`tinygen.backend.check_device` decides.
        init_from: ``last.safetensors`` of another run, whose picture this one starts from.
        quiet: say nothing but what went wrong.
        say: what prints a line.

    Returns:
        0 when it is finished, 130 when it was interrupted (and can be resumed).

    Raises:
        ValueError: for pictures that cannot be read, layers that are not there, a run that is in the way.
    """
    say = (lambda line: None) if quiet else say
    device = check_device(device)
    content = read_picture(settings.content, settings.size)
    styles = read_styles(settings, content.shape[1:])
    network = load_network(settings, device, say)
    objective = Objective(network, settings, content, styles, device)
    start = first_picture(settings, content, Generator(settings.seed << 8))
    work = Transfer(settings, objective, start, device)
    if init_from is not None:
        start_from(work, init_from)
    crc = 0
    for array in (content, *styles, start, *(p.detach().to("cpu").numpy() for p in network.parameters())):
        crc = zlib.crc32(np.ascontiguousarray(array), crc)
    kept = asdict(settings) | {"init_from": None if init_from is None else str(init_from), "data_crc32": crc}
    open_run = Run.resume if resume else Run.create
    with open_run(out, COMMAND, kept, **({"may_change": MAY_CHANGE} if resume else {})) as run:
        checkpoint = run.restore() if resume else None
        for warning in run.warnings:
            say(f"tinygen: {warning}")
        if checkpoint is not None:
            work.load_state(checkpoint.weights, checkpoint.state)
            if work.step >= work.last_step:
                say(f"{run.path}: finished already, after {work.step} rounds")
                return 0
            say(f"{run.path}: going on after round {work.step} of {work.last_step}")
        return _loop(work, run, content, Path(final or run.path / "picture.png"), quiet, say)


def _loop(
    work: Transfer, run: Run, content: np.ndarray, final: Path, quiet: bool, say: Callable[[str], None]
) -> int:
    """Go through the rounds, and keep the run directory up to date."""
    settings, total = work.settings, work.last_step
    if work.step == 0:
        height, width = content.shape[1:]
        say(f"{height} x {width} pixels, {settings.network}: content {work.objective.content_layer}, style "
            f"{', '.join(work.objective.style_layers)}; at the start {_told(work.parts())}")
    with Interruption() as interruption, Progress(total, start=work.step, unit="rounds", quiet=quiet) as progress:
        while work.step < total:
            clock, before = time.monotonic(), work.evaluations
            work.round()
            step, parts = work.step, work.parts()
            stop = step == total or interruption.requested  # looked at once: it may change at any time
            seconds = time.monotonic() - clock
            progress.update(step, loss=parts["loss"])
            progress.print(f"round {step}: {_told(parts)}; {work.evaluations - before} evaluations, {seconds:.1f} s")
            if step % settings.log_every == 0:
                run.log(step=step, **parts, evaluations=work.evaluations, status=work.status)
            run.log_timing(step=step, seconds=seconds, evaluations=work.evaluations - before)
            told = about(settings, Step=step)
            if step % settings.sample_every == 0 or step == total:
                save_png(run.sample_path(step, ".png"), work.image(content), told)
            if step == total:
                save_png(final, work.image(content), told)
            if stop or step % settings.save_every == 0:
                run.checkpoint({"picture": work.pixels}, work.state(), step=step, finished=step == total)
            if stop:
                break
    if work.step < total:
        say(f"stopped after round {work.step} of {total}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    say(f"finished: {final}")
    return 0


def _told(parts: dict[str, float]) -> str:
    return "loss {loss:.4g} = content {content:.4g} + style {style:.4g} + tv {tv:.4g}".format(**parts)


def start_from(work: Transfer, path: str | Path) -> None:
    """Take the picture of another run.

    Raises:
        ValueError: if it has another shape, or the file holds none.
    """
    found = load(path).get("picture")
    if found is None or found.shape != work.pixels.shape:
        held = "none" if found is None else f"one of shape {found.shape}"
        raise ValueError(f"`init_from` is {str(path)!r}, which must hold a picture of shape {work.pixels.shape}, and "
                         f"holds {held}")
    work.pixels.data = to_device(found, work.pixels.device)


def about(settings: Settings, **more: Any) -> dict[str, str]:
    """Return what a picture keeps about where it comes from: the version, the settings, and ``more``.

    Settings that a resumed run may change do not count, so that it draws the same bytes.
    """
    kept = {name: value for name, value in asdict(settings).items() if name not in MAY_CHANGE}
    return {"Software": f"tinygen {__version__}", "Settings": json.dumps(kept)} | {k: str(v) for k, v in more.items()}
