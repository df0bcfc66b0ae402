"""A photograph in the manner of a painting: neural style transfer.

What: a picture is sought that a convolutional network sees as it sees the photograph in a high layer (what is where),
and whose layers' correlations between channels are those of the painting (strokes, colours, textures). Nothing is
trained: the pixels are the parameters, and L-BFGS moves them.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.3. L. Gatys, A. Ecker and M. Bethge, "Image
Style Transfer Using Convolutional Neural Networks" (CVPR 2016). Original colours: L. Gatys et al., "Preserving Color in
Neural Artistic Style Transfer" (2016), section 3, the luminance of the result with the colours of the photograph.
Several sizes in one run: L. Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017),
section 6, coarse to fine.

Presets: ``book`` and ``book-python`` are the chapter to the letter: sums of squares, the Gram matrices of *every* layer
divided by the picture's own numbers (Q4: 4 * 3^2 * (rows * columns)^2), the painting stretched to the photograph's
shape, and L-BFGS started anew for each of 20 rounds (Q5), which forgets the curvature that it has measured: of 15
iterations with 5 pairs remembered (R's optim) or of 20 evaluations with 10 (SciPy). ``tuned`` keeps one L-BFGS alive
over all rounds of 20 evaluations, leaves the painting its proportions, and measures each loss by its target, so
that the same weights serve every network, layer and size.

This file has what a run is told and its loop. The losses are in ``style_loss.py``, the search in ``style_search.py``,
pictures in ``style_pictures.py``, and in ``style_strips.py`` the same losses in little memory.

Expect: the chapter's run (400 pixels high, its own two pictures, VGG19) published 7.41e9, 3.07e9, 2.17e9, 1.61e9 and
1.31e9 after the first five rounds, 7.47e8 after ten and 5.00e8 at the end. What this program reached is in
docs/style.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.backend import check_device, to_device
from tinygen.generators.settings import check, origin, preset_values, stored_settings
from tinygen.generators.style_loss import (
    LAYERS,
    Objective,
    check_loss_weights,
    chosen_layers,
    gram,
    load_network,
    size_of,
    squared_distance,
    total_variation,
    weights_of,
)
from tinygen.generators.style_pictures import (
    check_whole,
    enlarged,
    first_picture,
    keep_colors,
    luminance,
    read_picture,
    read_styles,
)
from tinygen.generators.style_search import Transfer
from tinygen.generators.style_strips import StripedObjective, rows_within
from tinygen.generators.training import checksum, opened
from tinygen.io import load
from tinygen.models import NETWORKS, Network
from tinygen.pictures import save_png
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run

__all__ = [
    "COMMAND", "LAYERS", "MAY_CHANGE", "NETWORKS", "PRESETS", "Objective", "Painting", "Settings", "StripedObjective",
    "Transfer", "about", "chosen_layers", "first_picture", "gram", "keep_colors", "load_network", "luminance",
    "read_picture", "read_styles", "rounds_until", "settings_at", "settings_for", "settings_of", "size_of",
    "squared_distance", "start_from", "total_variation", "transfer",
]

COMMAND = "style"

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
        scales: sizes that the picture goes through, each sqrt 2 times the one before, with equal parts of the rounds.
        tile: work in strips of so many rows, see :mod:`tinygen.generators.style_strips`; 0: with the whole picture.
        memory: megabytes that the program may take, by strips of a fitting height; 0: no bound.
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
    scales: int = 1
    tile: int = 0
    memory: int = 0
    seed: int = 0
    log_every: int = 1
    save_every: int = 1
    sample_every: int = 1
    max_steps: int = 0

    def __post_init__(self) -> None:
        if not self.content or not self.styles:
            raise ValueError("a photograph and at least one painting are needed: CONTENT STYLE [STYLE ...]")
        check(
            self,
            at_least={"size": 1, "history_size": 1, "iterations": 1, "evaluations": 0, "inner_iterations": 0,
                      "scales": 1, "tile": 0, "memory": 0, "sample_every": 1},
            above_zero=("lr",),
            choices={"preset": PRESETS, "network": NETWORKS, "optimizer": ("lbfgs", "adam")},
        )
        check_loss_weights(self)
        if not self.evaluations and not (self.inner_iterations and self.optimizer == "lbfgs"):
            raise ValueError("`evaluations` is 0; it must be at least 1, unless `inner_iterations` limits L-BFGS")
        if self.scales > self.iterations:
            raise ValueError(f"`scales` is {self.scales}; with `iterations` {self.iterations} it must be at most that")
        if self.tile and self.memory:
            raise ValueError(f"`tile` is {self.tile} and `memory` is {self.memory}; one of them is enough")
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
    return Settings(**{"content": "", "styles": []} | preset_values(PRESETS, preset) | changes)


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; see :func:`.settings.stored_settings`."""
    return stored_settings(run, Settings, **changes)


# ------------------------------------------------------------------------------------------------------- the scales


def settings_at(settings: Settings, scale: int) -> Settings:
    """Return the settings for one of the scales, from 0 to ``settings.scales`` - 1: the last has the full size."""
    factor = 2 ** ((scale + 1 - settings.scales) / 2)
    sizes = {"size": settings.size, "style_size": settings.style_size}
    return replace(settings, **{name: max(1, round(size * factor)) for name, size in sizes.items() if size > 0})


def rounds_until(settings: Settings, scale: int) -> int:
    """Return after how many rounds a scale is over."""
    return math.ceil((scale + 1) * settings.iterations / settings.scales)


class Painting:
    """A picture at one of its scales: the photograph there, and the search.

    Args:
        settings: what to do.
        network: computes the features.
        device: where to compute.
        scale: which one, from 0.
        picture: where to begin, float32 (3, H, W) of any size; None: as ``settings.init`` says.
        rows: height of the strips to work in; 0: with the whole picture.

    Attributes:
        content: the photograph, uint8 (3, H, W).
        styles: the paintings, likewise.
        start: where the search begins, float32 (3, H, W).
        work: the search.
    """

    def __init__(
        self, settings: Settings, network: Network, device: str = "cpu", scale: int = 0,
        picture: np.ndarray | None = None, rows: int = 0,
    ) -> None:
        self.settings, self.network, self.device, self.scale, self.rows = settings, network, device, scale, rows
        here = settings_at(settings, scale)
        self.content = read_picture(here.content, here.size)
        shape = self.content.shape[1:]
        if picture is None:
            self.start = first_picture(here, self.content, Generator(settings.seed << 8))
        else:
            self.start = enlarged(picture, shape)
        self.styles = read_styles(here, shape)
        if rows:
            objective = StripedObjective(network, here, self.content, self.styles, device, rows)
        else:
            objective = Objective(network, here, self.content, self.styles, device)
        self.work = Transfer(here, objective, self.start, device)

    def next(self) -> Painting:
        """Return the painting at the next scale, which begins with this one's picture and its count of rounds."""
        found = Painting(self.settings, self.network, self.device, self.scale + 1, self.work.raw(), self.rows)
        found.work.step, found.work.evaluations = self.work.step, self.work.evaluations
        return found


# ---------------------------------------------------------------------------------------------------------- loop


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
    rows = settings.tile
    if settings.memory:
        rows = rows_within(settings.memory, settings, network, content.shape[1:], [s.shape[1:] for s in styles])
    if not rows:
        for path, image in zip([settings.content, *settings.styles], [content, *styles], strict=True):
            check_whole(path, image)
    painting = Painting(settings, network, device, rows=rows)
    if init_from is not None:
        start_from(painting.work, init_from)
    crc = checksum(content, *styles, painting.start, *weights_of(network))
    kept = asdict(settings) | {"init_from": None if init_from is None else str(init_from), "data_crc32": crc}
    with opened(out, COMMAND, kept, MAY_CHANGE, resume, say) as (run, checkpoint):
        if checkpoint is not None:
            if (scale := checkpoint.state["scale"]) != painting.scale:
                painting = Painting(settings, network, device, scale, rows=rows)
            work = painting.work
            work.load_state(checkpoint.weights, checkpoint.state)
            if work.step >= last_round(settings):
                say(f"{run.path}: finished already, after {work.step} rounds")
                return 0
            part = f" and {work.spent} evaluations" if work.spent else ""
            say(f"{run.path}: going on after round {work.step}{part} of {last_round(settings)}")
        return _loop(painting, run, Path(final or run.path / "picture.png"), quiet, say)


def last_round(settings: Settings) -> int:
    """Return the number of rounds that a run has."""
    return min(settings.iterations, settings.max_steps or settings.iterations)


def _loop(painting: Painting, run: Run, final: Path, quiet: bool, say: Callable[[str], None]) -> int:
    """Go through the rounds, and keep the run directory up to date."""
    settings, total = painting.settings, last_round(painting.settings)
    work = painting.work
    if work.step == work.spent == 0:
        _introduce(painting, say)
    with Interruption() as interruption, Progress(total, start=work.step, unit="rounds", quiet=quiet) as progress:
        while True:
            while not work.spent and painting.scale + 1 < settings.scales and work.step >= rounds_until(
                settings, painting.scale
            ):
                painting = painting.next()
                work = painting.work
                _introduce(painting, progress.print)
            clock, before = time.monotonic(), work.evaluations
            over = work.round(lambda: interruption.requested)
            step, seconds = work.step, time.monotonic() - clock
            if over:
                parts, spent = work.parts(), work.evaluations - before
                progress.update(step, loss=parts["loss"])
                progress.print(f"round {step}: {_told(parts)}; {spent} evaluations, {seconds:.1f} s")
                if step % settings.log_every == 0:
                    scale = {"scale": painting.scale + 1} if settings.scales > 1 else {}
                    run.log(step=step, **scale, **parts, evaluations=work.evaluations, status=work.status)
                run.log_timing(step=step, seconds=seconds, evaluations=spent)
                told = about(settings, Step=step)
                if step % settings.sample_every == 0 or step == total:
                    save_png(run.sample_path(step, ".png"), work.image(painting.content), told)
                if step == total:
                    save_png(final, work.image(painting.content), told)
            stop = step == total or interruption.requested  # looked at once: it may change at any time
            if stop or not over or step % settings.save_every == 0:
                state = work.state() | {"scale": painting.scale}
                run.checkpoint({"picture": work.pixels}, state, step=step, finished=step == total)
            if stop or not over:
                break
    if work.step < total:
        part = f" and {work.spent} evaluations" if work.spent else ""
        say(f"stopped after round {work.step}{part} of {total}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    say(f"finished: {final}")
    return 0


def _introduce(painting: Painting, say: Callable[[str], None]) -> None:
    """Say what is about to be painted."""
    settings, objective, (height, width) = painting.settings, painting.work.objective, painting.content.shape[1:]
    scales = f", scale {painting.scale + 1} of {settings.scales}" if settings.scales > 1 else ""
    strips = f", strips of {painting.rows} rows" if painting.rows else ""
    say(f"{height} x {width} pixels{scales}{strips}, {settings.network}: content {objective.content_layer}, style "
        f"{', '.join(objective.style_layers)}; at the start {_told(painting.work.parts())}")


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
    """Return what a picture keeps about where it comes from: the version, the settings, and ``more``."""
    return origin(settings, MAY_CHANGE, **more)
