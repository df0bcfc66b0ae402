"""A style in one pass: a small network learns to paint, and then restyles any picture at once.

What: what ``tinygen style`` does to one picture with hundreds of evaluations of a large network, a small network does
in one pass once it is trained for a style: it maps a photograph to a picture, and what is minimised is the loss of that
picture, over many photographs. No pairs of photographs and results are needed.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, the end of chapter 8.3, which describes it and has no
program (so the presets are alike). J. Johnson, A. Alahi and L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer
and Super-Resolution" (2016), and its supplement for the network. Instance normalisation: D. Ulyanov et al. (2016).
Enlarging before a convolution, against checkerboards: A. Odena et al., "Deconvolution and Checkerboard Artifacts"
(2016).

Deviations from Johnson: instance instead of batch normalisation; upsampling and convolutions instead of transposed
ones; mirrored borders at every convolution instead of a wide one at the first; losses measured by their targets, as in
``tinygen style``, but content weighs 0.2: there the search begins at the photograph, here at a network that knows
nothing, and with 0.025 it had painted the style alone after 150 steps.

Cost: training is a pass of the small network and of the large one, forward and backward, for every picture; applying it
is one pass of the small one (docs/style.md has what was measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.backend import to_device
from tinygen.data import DataLoader
from tinygen.data.images import ImageData, ImageDataset, load_images
from tinygen.generators import training
from tinygen.generators.settings import check, preset_values, stored_settings
from tinygen.generators.style_loss import (
    LAYERS,
    check_loss_weights,
    chosen_layers,
    gram,
    load_network,
    size_of,
    squared_distance,
    total_variation,
    weights_of,
)
from tinygen.generators.style_pictures import read_picture
from tinygen.generators.training import Diverged, Pace
from tinygen.generators.weights import with_weights_of
from tinygen.models import Network
from tinygen.modes import no_grad
from tinygen.ops.join import stack
from tinygen.pictures import grid, save_png, to_uint8
from tinygen.random import Generator
from tinygen.run import Interruption, Progress, Run
from tinygen.tensor import Tensor

COMMAND = "style-net train"
PRESETS: dict[str, dict[str, Any]] = {"book": {}, "book-python": {}, "tuned": {}}
LEAST = 5  # pixels on a side: a border of 4 is mirrored
MOST = 8_000_000  # pixels of a picture to restyle: 6 GB of memory at a width of 32


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a training run is told.

    Attributes:
        style: the painting's file.
        data: a folder of photographs, a .npz file or a name of :func:`tinygen.data.images.load_images`.
        preset: all of them are alike.
        network: whose features count: a name of ``tinygen.models.NETWORKS``.
        weights: ``"imagenet"``, a file, or ``"random"``.
        size: height and width of the photographs, scaled and cut out of their middle.
        style_size: height of the painting, in its own proportions; 0: ``size``.
        content_layer: "" for the network's in :data:`tinygen.generators.style.LAYERS`.
        style_layers: likewise, [] for those.
        content_weight: of the content's loss.
        style_weight: of the style's, a mean over the layers.
        tv_weight: of the total variation.
        width: channels of the first layer; the middle has four times as many.
        blocks: residual blocks in the middle.
        flip: mirror photographs at random.
        steps: of training.
        batch_size: photographs in a step.
        lr: Adam's learning rate.
        seed: of every random number.
        log_every: steps between rows of ``metrics.jsonl``.
        save_every: steps between checkpoints.
        sample_every: steps between pictures of samples.
        max_steps: stop after so many steps; 0 for no limit.
    """

    style: str
    data: str
    preset: str = "tuned"
    network: str = "vgg19"
    weights: str = "imagenet"
    size: int = 256
    style_size: int = 0
    content_layer: str = ""
    style_layers: list[str] = field(default_factory=list)
    content_weight: float = 0.2
    style_weight: float = 1.0
    tv_weight: float = 0.1
    width: int = 32
    blocks: int = 5
    flip: bool = True
    steps: int = 2000
    batch_size: int = 4
    lr: float = 0.001
    seed: int = 0
    log_every: int = 10
    save_every: int = 100
    sample_every: int = 100
    max_steps: int = 0

    def __post_init__(self) -> None:
        for name, what in {"style": "a painting", "data": "photographs"}.items():
            if not getattr(self, name):
                raise ValueError(f"--{name} is needed: {what}")
        check(
            self,
            at_least={"size": LEAST, "style_size": 0, "width": 1, "blocks": 0, "steps": 1, "batch_size": 1,
                      "sample_every": 1},
            above_zero=("lr",),
            choices={"preset": PRESETS, "network": LAYERS},
        )
        check_loss_weights(self)


# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("steps", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    return Settings(**{"style": "", "data": ""} | preset_values(PRESETS, preset) | changes)


# --------------------------------------------------------------------------------------------------------- model


def convolution(before: int, channels: int, kernel: int, stride: int, generator: Generator | None) -> nn.Sequential:
    """Return a convolution with mirrored borders and its instance normalisation, which has the bias."""
    conv = nn.Conv2d(before, channels, kernel, stride, kernel // 2, bias=False, padding_mode="reflect",
                     generator=generator)
    return nn.Sequential(conv, nn.InstanceNorm2d(channels, affine=True))


class Residual(nn.Module):
    """x + f(x), f two 3 x 3 convolutions with a ReLU between them; the shape stays."""

    def __init__(self, channels: int, generator: Generator | None) -> None:
        super().__init__()
        self.first = convolution(channels, channels, 3, 1, generator)
        self.second = convolution(channels, channels, 3, 1, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two convolutions make of it."""
        return x + self.second(nn.functional.relu(self.first(x)))


class Double(nn.Module):
    """Every pixel becomes 2 x 2 of them: (N, C, H, W) to (N, C, 2H, 2W).

    What ``nn.Upsample(scale_factor=2)`` gives, by copying all channels of a pixel at once: they lie side by side in
    what a convolution returns. 64 channels of 256 x 256 took 13 ms of processor time so, and 270 ms by weighted sums.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Double both sides."""
        n, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(n, height, 1, width, 1, channels)
        copies = pixels.expand(n, height, 2, width, 2, channels)
        return copies.reshape(n, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


class StyleNet(nn.Module):
    """Maps pictures to restyled ones: halves them twice, works there, doubles them twice.

    Args:
        width: channels of the first layer.
        blocks: residual blocks, of 4 ``width`` channels.
        generator: of the initial values.
    """

    def __init__(self, width: int = 32, blocks: int = 5, generator: Generator | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, channels, kernel, stride in ((3, width, 9, 1), (width, 2 * width, 3, 2),
                                                 (2 * width, 4 * width, 3, 2)):
            layers += [convolution(before, channels, kernel, stride, generator), nn.ReLU()]
        layers += [Residual(4 * width, generator) for _ in range(blocks)]
        for before, channels in ((4 * width, 2 * width), (2 * width, width)):
            layers += [Double(), convolution(before, channels, 3, 1, generator), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(width, 3, 9, 1, 4, padding_mode="reflect", generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) from 0 to 255 to the same shape; H and W of at least 5.

        y = 127.5 + 150 tanh z: as Johnson, somewhat beyond 0 and 255, so that black and white are no limits.
        """
        height, width = x.shape[2:]
        if min(height, width) < LEAST:
            raise ValueError(f"`x` has shape {x.shape}; pictures must be at least {LEAST} x {LEAST}")
        hidden = self.layers(x * (1 / 127.5) - 1)[:, :, :height, :width]  # sides that 4 does not divide come out longer
        return 127.5 + 150 * self.last(hidden).tanh()


def restyle(model: StyleNet, image: np.ndarray) -> np.ndarray:
    """Restyle a uint8 picture (3, H, W) of any size in one pass; uint8 of the same shape."""
    x = Tensor(to_device(image[None].astype(np.float32), model.last.weight.device))
    with no_grad():
        return to_uint8(model(x).to("cpu").numpy()[0], 0, 255)


# ---------------------------------------------------------------------------------------------------------- loss


class PerceptualLoss:
    """What restyled pictures cost, with P the features of a layer, G its Gram matrix per place, L style layers.

        content = w_content sum (P - P_photograph)^2 / sum P_photograph^2
        style = w_style / L  mean over pictures, sum over layers of  sum (G - G_painting)^2 / sum G_painting^2
        tv = w_tv mean over pixels of ((x_ij - x_i+1,j)^2 + (x_ij - x_i,j+1)^2)^1.25, x from 0 to 1

    Args:
        network: computes the features.
        settings: weights and layers.
        style: the painting, uint8 (3, H, W).
        device: where to compute.
    """

    def __init__(self, network: Network, settings: Settings, style: np.ndarray, device: str = "cpu") -> None:
        self.network, self.settings = network, settings
        self.content_layer, self.style_layers = chosen_layers(settings, network)
        with no_grad():
            found = self.features(Tensor(to_device(style[None].astype(np.float32), device)), self.style_layers)
            self.targets = {name: _gram(features) for name, features in found.items()}
            self.factors = {name: settings.style_weight / len(found) / size_of(g) for name, g in self.targets.items()}

    def features(self, pictures: Tensor, layers: list[str]) -> dict[str, Tensor]:
        """Map pictures (N, 3, H, W) from 0 to 255 to activations, by name."""
        return self.network(self.network.preprocess(pictures), layers=layers)

    def __call__(self, made: Tensor, photographs: Tensor) -> Tensor:
        """Return content, style and tv of pictures (N, 3, H, W), (3,); their sum is the loss."""
        settings = self.settings
        with no_grad():
            wanted = self.features(photographs, [self.content_layer])[self.content_layer]
        found = self.features(made, list(dict.fromkeys([*self.style_layers, self.content_layer])))
        distance = squared_distance(found[self.content_layer], wanted)
        content = distance / (wanted * wanted).sum().clip(min=1e-12) * settings.content_weight
        style = sum(squared_distance(_gram(found[name]), target) * (self.factors[name] / len(made))
                    for name, target in self.targets.items())
        pixels = len(made) * made.shape[2] * made.shape[3]
        return stack([content, style, total_variation(made * (1 / 255)) * (settings.tv_weight / pixels)])


def _gram(features: Tensor) -> Tensor:
    return gram(features) * (1 / math.prod(features.shape[2:]))


# ---------------------------------------------------------------------------------------------------------- loop


class Trainer:
    """A training run: model, optimiser, data and generators, and where it stands.

    Args:
        settings: what to do.
        data: the photographs, uint8 (N, 3, H, W).
        loss: what restyled pictures cost.
        device: where to compute.
    """

    def __init__(self, settings: Settings, data: ImageData, loss: PerceptualLoss, device: str = "cpu") -> None:
        self.settings, self.data, self.loss, self.device = settings, data, loss, device
        # One stream for each purpose, so that a change in one leaves the others as they were. Number 1 is the large
        # network's, where its weights are random.
        self.generators = {
            name: Generator((settings.seed << 8) + i) for name, i in {"init": 0, "order": 2, "flip": 3}.items()
        }
        self.model = StyleNet(settings.width, settings.blocks, self.generators["init"]).to(device)
        self.optimizer = optim.Adam(list(self.model.parameters()), settings.lr)
        dataset = ImageDataset(data, high=255.0, flip=self.generators["flip"] if settings.flip else None)
        self.loader = DataLoader(dataset, settings.batch_size, shuffle=True, generator=self.generators["order"])
        self.last_step = min(settings.steps, settings.max_steps or settings.steps)
        self.step = 0
        self.sums, self.count = Tensor(to_device(np.zeros(3), device)), 0  # of the losses since the last row

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs."""
        if self.count:
            self.means()  # never save what has diverged
        return training.states(self.optimizer, self.generators, self.loader) | {
            "step": self.step, "sums": self.sums.to("cpu").tolist(), "count": self.count,
        }

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)
        training.load_states(state, self.optimizer, self.generators, self.loader)
        self.step, self.count = state["step"], state["count"]
        self.sums = Tensor(to_device(np.asarray(state["sums"], np.float64), self.device))

    def steps(self) -> Iterator[bool]:
        """Train to the end; yields after each step False: the end of an epoch is a step like any other here."""
        while self.step < self.last_step:
            for (x,) in self.loader:
                x = x.to(self.device)
                self.optimizer.zero_grad()
                parts = self.loss(self.model(x), x)
                parts.sum().backward()
                self.optimizer.step()
                self.sums, self.count = self.sums + parts.detach().double(), self.count + 1
                self.step += 1
                yield False
                if self.step == self.last_step:
                    return

    def means(self) -> dict[str, float]:
        """Loss, content, style and tv: means over the steps since the last row.

        Raises:
            Diverged: if one is not finite.
        """
        content, style, tv = (self.sums.to("cpu").numpy() / self.count).tolist()
        found = {"loss": content + style + tv, "content": content, "style": style, "tv": tv}
        if not all(map(math.isfinite, found.values())):
            raise Diverged(f"the loss became {found['loss']} at step {self.step}; the last checkpoint stands. A "
                           "lower --lr may prevent it")
        return found

    def start_row(self) -> None:
        """Begin to count anew."""
        self.sums, self.count = self.sums * 0, 0

    def samples(self) -> np.ndarray:
        """Return the first photographs, up to 4, above what becomes of them: uint8 (3, height, width)."""
        images = self.data.images[:4]
        made = np.stack([restyle(self.model, image) for image in images])
        return grid(np.concatenate([images, made]), len(images))


def train(settings: Settings, out: str | Path, **options: Any) -> int:
    """Train a network into the run directory ``out``; ``options`` and result: :func:`.training.train`."""
    return training.train(begin, loop, settings, out, command=COMMAND, may_change=MAY_CHANGE, **options)


def begin(settings: Settings, device: str, say: Callable[[str], None]) -> tuple[Trainer, dict[str, Any]]:
    """Return a trainer at the start, and what its run keeps beside the settings."""
    style = read_picture(settings.style, settings.style_size or settings.size)
    data = load_images(settings.data, size=settings.size, channels=3, report=say)
    network = load_network(settings, device, say)
    for path, image in ((settings.style, style), (settings.data, data.images[0])):
        check_size(network, settings, path, image, device)
    trainer = Trainer(settings, data, PerceptualLoss(network, settings, style, device), device)
    return trainer, {"data_crc32": training.checksum(data.images, style, *weights_of(network))}


def check_size(network: Network, settings: Settings, path: str, image: np.ndarray, device: str) -> None:
    """Refuse pictures that are too small for the layers that count, by looking at one, uint8 (3, H, W)."""
    content, styles = chosen_layers(settings, network)
    try:
        with no_grad():
            network(network.preprocess(Tensor(to_device(image[None].astype(np.float32), device))), [content, *styles])
    except ValueError as error:
        height, width = image.shape[1:]
        raise ValueError(f"`{path}`, {height} x {width} pixels here, is too small for the layers "
                         f"{', '.join(dict.fromkeys([*styles, content]))} of {network.name} ({error})") from None


def loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    if trainer.step == 0:
        parameters = sum(p.numel() for p in trainer.model.parameters())
        say(f"{len(trainer.data):,} photographs, {parameters:,} parameters; content {trainer.loss.content_layer}, "
            f"style {', '.join(trainer.loss.style_layers)} of {settings.network}; {total:,} steps on {trainer.device}")
    per_step = settings.batch_size
    pace = Pace(trainer.step, per_step)
    with Interruption() as interruption, Progress(total, unit="pictures", per_step=per_step, quiet=quiet) as progress:
        for _ in training.steps(trainer, run, interruption):
            step = trainer.step
            progress.update(step, loss=lambda: trainer.means()["loss"])
            if step % settings.log_every == 0:
                means, (seconds, speed) = trainer.means(), pace.at(step)
                run.log(step=step, **means)
                run.log_timing(step=step, seconds=seconds, pictures_per_second=speed)
                progress.print("step {}: loss {loss:.4g} = content {content:.4g} + style {style:.4g} + tv {tv:.4g}; "
                               "{:.1f} s".format(step, seconds, **means))
                trainer.start_row()
            if step % settings.sample_every == 0 or step == total:
                save_png(run.sample_path(step, ".png"), trainer.samples())
    return training.ended(trainer, run, say)


# --------------------------------------------------------------------------------------------- a run that is there


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; see :func:`.settings.stored_settings`."""
    return stored_settings(run, Settings, **changes)


def load_model(path: str | Path, warn: Callable[[str], None] | None = None) -> tuple[StyleNet, Settings]:
    """Return the network of a run on the CPU, and the run's settings.

    Args:
        path: the run directory.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is a run of something else, or not whole.
    """
    run = Run.open(path, COMMAND)
    settings = settings_of(run)
    return with_weights_of(run, StyleNet(settings.width, settings.blocks), "last", warn), settings
