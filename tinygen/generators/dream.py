"""Pictures that a network dreams: a photograph is changed until layers of a convnet are as active as can be.

What: the mean squared activations of some layers of a network trained on ImageNet are raised by gradient ascent on the
picture, first at a small scale, then at larger ones. What the layers look for, textures, eyes, animals, grows out of
whatever resembled it.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.2, and 5.4 for single filters. A. Mordvintsev,
C. Olah, M. Tyka, "Inceptionism" (2015) and the notebook of google/deepdream: jitter, guides, detail that is put back
before the ascent, the zoom.

Presets: ``book`` is the chapter in R: Inception V3, mixed2 to mixed5, four scales 1.4 apart, 20 steps of 0.01 times
the gradient over its mean size, an octave ends when the loss exceeds 10; detail lost in resizing is put back after the
ascent. ``book-python`` is the Python edition: three scales, and two places at each border of an activation do not
count. Both resize as they did, with SciPy's ``zoom`` of order 1: linear, corners on corners, without smoothing before
shrinking; ``F.interpolate(mode="bilinear", align_corners=True)`` gives its values to 1e-7. ``tuned`` has the same
layers and weights; it takes 12 steps in every octave, with no limit to the loss, shifts the picture at random in each
step, evens out the bands of the gradient, puts detail back before the ascent, where the network can see it, smooths
before shrinking and keeps pixels in their range.

Pictures are (1, 3, H, W) from -1 to 1, red, green, blue, whatever the network takes.

Expect: at 350 x 350 the published losses of another photograph in ``book-python``, from 0.672 to 9.94 in 20 steps at
178 x 178, from 2.18 to 9.61 (10 steps) at 250, from 2.31 to 9.99 (7 steps) at 350. A step there takes about 0.2 s
on one core, and 1.1 GB of memory for a million pixels.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.backend import check_device, to_device
from tinygen.generators.dream_gradient import normalised, shifted_gradient
from tinygen.generators.dream_loss import (
    LAYERS,
    Objective,
    coefficients_of,
    fitting,
    load_network,
    parse_filter,
    parse_layers,
    random_layers,
)
from tinygen.generators.dream_pictures import grey_noise, read_photograph, with_colors_of, zoomed
from tinygen.generators.settings import check, origin, preset_values, stored_settings
from tinygen.generators.training import checksum, opened
from tinygen.models import NETWORKS, Network
from tinygen.nn import functional as F
from tinygen.pictures import read_image, save_gif, save_png, to_uint8
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run
from tinygen.tensor import Tensor

__all__ = [
    "COMMAND", "LAYERS", "MAY_CHANGE", "PRESETS", "Dreamer", "Objective", "Settings", "about_picture", "dream",
    "load_network", "octave_shapes", "parse_layers", "random_layers", "settings_for", "settings_of",
]

COMMAND = "dream"
GUIDE_SIZE = 350  # longest side of the picture that guides
NOISE_SIZE = 256  # of the noise that filters are shown from
ZOOM_STEPS = 5  # for a picture of the animation


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a dream is told.

    Attributes:
        image: the photograph; "" for grey noise (with ``filter``).
        preset: which preset the other values come from.
        network: a name in :data:`tinygen.models.NETWORKS`.
        weights: ``"imagenet"`` or a file.
        layers: ``name=coefficient,...``; a name alone counts 1; ``"random"``: drawn with the seed; "": the network's
            own.
        filter: ``layer:channel``: the mean of that channel is maximised instead.
        guide: a picture whose features are called forth; "": the layers' own.
        size: longest side to bring the picture to; 0: as it is.
        octaves: how many scales; those too small for the network are left out.
        octave_scale: from one to the next.
        steps: in an octave.
        step_size: of the normalised gradient.
        max_loss: an octave ends where the loss exceeds it; 0: no limit.
        border: places of an activation at each edge that do not count.
        inject: detail that resizing lost is put back ``"before"`` or ``"after"`` the ascent, or ``"never"``.
        normalise: the gradient: ``"mean"`` or ``"bands"``, see :func:`~.dream_gradient.normalised`.
        resize: ``"corners"`` as SciPy, or ``"smooth"``: pixels are areas, and shrinking takes means.
        clip: keep pixels from -1 to 1.
        jitter: roll the picture by up to so many pixels in each step.
        tile: width of the windows that the gradient comes from, a multiple of 64; 0: the whole picture.
        original_colors: keep the photograph's colours, take the dream's brightness.
        zoom: pictures of an animation that goes into the dream; 0 for none.
        seed: of every random number.
        log_every: steps between rows of ``metrics.jsonl``.
        save_every: steps between checkpoints (there is one after every octave too).
        sample_every: steps between pictures; there is one after every octave in any case. 0: no others.
        max_steps: stop after so many steps in all; 0 for no limit.
    """

    image: str = ""
    preset: str = "tuned"
    network: str = "inception_v3"
    weights: str = "imagenet"
    layers: str = ""
    filter: str = ""
    guide: str = ""
    size: int = 0
    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 12
    step_size: float = 0.01
    max_loss: float = 0.0
    border: int = 0
    inject: str = "before"
    normalise: str = "bands"
    resize: str = "smooth"
    clip: bool = True
    jitter: int = 16
    tile: int = 0
    original_colors: bool = False
    zoom: int = 0
    seed: int = 0
    log_every: int = 1
    save_every: int = 10
    sample_every: int = 0
    max_steps: int = 0

    def __post_init__(self) -> None:
        check(
            self,
            at_least={"size": 0, "octaves": 1, "steps": 1, "max_loss": 0, "border": 0, "jitter": 0, "tile": 0,
                      "zoom": 0, "sample_every": 0},
            above_zero=("step_size",),
            choices={"preset": PRESETS, "network": NETWORKS, "inject": ("before", "after", "never"),
                     "normalise": ("mean", "bands"), "resize": ("corners", "smooth")},
        )
        if not (self.octave_scale >= 1.01 and math.isfinite(self.octave_scale)):
            raise ValueError(f"`octave_scale` is {self.octave_scale}; it must be at least 1.01")
        if self.tile % 64:
            raise ValueError(f"`tile` is {self.tile}; it must be a multiple of 64, such as {self.tile // 64 * 64 + 64}")
        if not self.image and not self.filter:
            raise ValueError("`image` is missing: give a picture (only --filter can start from noise)")
        given = [name for name in ("layers", "filter", "guide") if getattr(self, name)]
        if "filter" in given and len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` are both given; a filter is shown alone")
        if self.original_colors and (self.zoom or not self.image):
            raise ValueError(f"`original_colors` does not go with {'`zoom`' if self.zoom else '`filter` from noise'}")
        if self.layers and self.layers != "random":
            parse_layers(self.layers)
        if self.filter:
            parse_filter(self.filter)


CHAPTER = {"octaves": 4, "octave_scale": 1.4, "steps": 20, "step_size": 0.01, "max_loss": 10.0, "border": 0,
           "inject": "after", "normalise": "mean", "resize": "corners", "clip": False, "jitter": 0}
PRESETS: dict[str, dict[str, Any]] = {
    "book": CHAPTER, "book-python": CHAPTER | {"octaves": 3, "border": 2}, "tuned": {},
}  # fmt: skip
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``.

    The limit of the loss is made for the activations of Inception V3: with other networks, and for single filters and
    guides, there is none unless it is given.
    """
    usual = preset_values(PRESETS, preset)
    if changes.get("network", "inception_v3") != "inception_v3" or changes.get("filter") or changes.get("guide"):
        usual["max_loss"] = 0.0
    if changes.get("filter") and not changes.get("image"):
        usual["inject"] = "never"  # noise is no detail to keep
    return Settings(**usual | changes)


# ------------------------------------------------------------------------------------------------------- octaves


def octave_shapes(shape: tuple[int, int], octaves: int, scale: float) -> list[tuple[int, int]]:
    """Return (height, width) of the scales, smallest first: int(side / scale^i), i = octaves - 1 ... 0."""
    most = int(math.log(min(shape), scale)) + 2  # more come to nothing
    shapes = [tuple(int(side / scale**i) for side in shape) for i in range(min(octaves, most))]
    return [s for s in shapes[::-1] if min(s) >= 1]


class Dreamer:
    """A dream: the picture, and where it stands.

    Args:
        settings: what to do.
        network: whose layers are maximised.
        image: uint8 (3, H, W).
        guide: uint8 (3, H, W).
        device: where to compute.

    Attributes:
        x: the picture at the scale of the octave, (1, 3, h, w).
        shapes: (h, w) of each octave; those of the zoom follow, all of the last shape.
        octave: which one is running, from 0.
        done: steps done in it.
        step: steps done in all.
    """

    def __init__(
        self, settings: Settings, network: Network, image: np.ndarray, guide: np.ndarray | None = None,
        device: str = "cpu",
    ) -> None:
        self.settings, self.network, self.device = settings, network.to(device), device
        self.original = self.tensor(image)
        self.coefficients = coefficients_of(settings, network)
        channel = parse_filter(settings.filter)[1] if settings.filter else None
        self.objective = Objective(network, self.coefficients, settings.border, channel,
                                   None if guide is None else self.tensor(guide))
        wanted = octave_shapes(self.original.shape[2:], settings.octaves, settings.octave_scale)
        shapes = fitting(self.objective, wanted, settings.tile)
        self.left_out = settings.octaves - len(shapes)
        self.octaves = len(shapes)
        self.shapes = shapes + [shapes[-1]] * settings.zoom
        self.generator = Generator((settings.seed << 8) + 2)  # of shifts
        self.x = self.resized(self.original, shapes[0])
        self.octave, self.done, self.step = 0, 0, 0

    def tensor(self, image: np.ndarray) -> Tensor:
        """uint8 (3, H, W) -> (1, 3, H, W) from -1 to 1."""
        return Tensor(to_device(image[None].astype(np.float32) * np.float32(1 / 127.5) - 1, self.device))

    def resized(self, x: Tensor, shape: tuple[int, int]) -> Tensor:
        """Bring a picture to (h, w), as ``resize`` has it."""
        if tuple(x.shape[2:]) == tuple(shape):
            return x
        how = {"align_corners": True} if self.settings.resize == "corners" else {"antialias": True}
        return F.interpolate(x, tuple(shape), mode="bilinear", **how)

    def lost_detail(self, small: tuple[int, int], large: tuple[int, int]) -> Tensor:
        """What the photograph at scale ``large`` has and its form at scale ``small`` has not, (1, 3, *large)."""
        return self.resized(self.original, large) - self.resized(self.resized(self.original, small), large)

    def steps_of(self, octave: int) -> int:
        """How many steps an octave has at most."""
        return self.settings.steps if octave < self.octaves else ZOOM_STEPS

    @property
    def finished(self) -> bool:
        """Whether all octaves are over."""
        return self.octave == len(self.shapes)

    @property
    def most_steps(self) -> int:
        """How many steps there are, if the loss ends no octave early."""
        return sum(self.steps_of(i) for i in range(len(self.shapes)))

    def ascend(self) -> float | None:
        """Take a step; return the loss before it. None: it exceeds the limit, and no step is taken."""
        s = self.settings
        loss, g = shifted_gradient(self.objective, self.x, s.jitter, s.tile, self.generator)
        value = loss.item()
        if not math.isfinite(value):
            raise ValueError(f"the loss became {value} at step {self.step + 1}; a lower --step-size may prevent it")
        if s.max_loss and value > s.max_loss:
            return None
        x = self.x + normalised(g, s.normalise) * s.step_size
        self.x = x.clip(-1, 1) if s.clip else x
        self.done += 1
        self.step += 1
        return value

    def end_octave(self) -> None:
        """Put the detail back that this octave's enlargement lost, where that comes after the ascent."""
        if self.settings.inject == "after" and 0 < self.octave < self.octaves:
            self.x = self.x + self.lost_detail(self.shapes[self.octave - 1], self.shapes[self.octave])

    def begin_next(self) -> None:
        """Bring the picture to the scale of the next octave."""
        small, self.octave, self.done = self.shapes[self.octave], self.octave + 1, 0
        if self.finished:
            return
        if self.octave >= self.octaves:
            self.x = zoomed(self.x)
            return
        self.x = self.resized(self.x, self.shapes[self.octave])
        if self.settings.inject == "before":
            self.x = self.x + self.lost_detail(small, self.shapes[self.octave])

    def octaves_of_steps(self) -> Iterator[tuple[float | None, bool]]:
        """Dream to the end: after each step yields its loss, and whether its octave has ended with it.

        An octave that the loss ends yields (None, True). The octave's end is seen before the next one begins.
        """
        while not self.finished:
            loss = self.ascend()
            ended = loss is None or self.done == self.steps_of(self.octave)
            if ended:
                self.end_octave()
            yield loss, ended

    def picture(self) -> np.ndarray:
        """The dream as it stands, at the full size: uint8 (3, H, W)."""
        full, here = self.shapes[-1], tuple(self.x.shape[2:])
        x = self.resized(self.x, full)
        if here != full and self.settings.inject != "never":
            x = x + self.lost_detail(here, full)
        return self.as_bytes(x)

    def as_bytes(self, x: Tensor) -> np.ndarray:
        """(1, 3, h, w) from -1 to 1 -> uint8 (3, h, w), in the photograph's colours if that is wanted."""
        if self.settings.original_colors:
            x = with_colors_of(self.resized(self.original, x.shape[2:]), x)
        return to_uint8(x.to("cpu").numpy()[0], -1, 1)

    def state(self) -> dict[str, Any]:
        """Everything but the picture that a continuation needs."""
        return {"octave": self.octave, "done": self.done, "step": self.step, "shifts": self.generator.state()}

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.x = Tensor(to_device(weights["picture"], self.device))
        self.octave, self.done, self.step = state["octave"], state["done"], state["step"]
        self.generator.set_state(state["shifts"])


# ---------------------------------------------------------------------------------------------------------- loop


def dream(
    settings: Settings,
    out: str | Path,
    *,
    picture: str | Path | None = None,
    resume: bool = False,
    device: str | None = None,
    network: Network | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Dream into the run directory ``out``.

    Args:
        settings: what to do.
        out: the run directory.
        picture: the final picture's file, PNG; None: ``dream.png`` in the run directory. With ``zoom`` there is a GIF
            of the same name beside it.
        resume: go on from the last checkpoint there; from the start where there is none.
        device: ``"cpu"``, ``"cuda"``, ``"auto"``; None as :func:`tinygen.backend.check_device` decides.
        network: one that is loaded already; None: that of ``settings``.
        quiet: say nothing.
        say: what prints a line.

    Returns:
        0 when it is finished, 130 when it was interrupted (and can be resumed).

    Raises:
        ValueError: for pictures, layers or weights that cannot be used, a run that is in the way.
    """
    say = (lambda line: None) if quiet else say
    device = check_device(device)
    if settings.image:
        image = read_photograph(settings.image, settings.size, settings.tile)
    else:
        image = grey_noise(settings.size or NOISE_SIZE, Generator((settings.seed << 8) + 3))
    guide = read_photograph(settings.guide, GUIDE_SIZE) if settings.guide else None
    network = load_network(settings, say) if network is None else network
    dreamer = Dreamer(settings, network, image, guide, device)
    crcs = {f"{name}_crc32": zlib.crc32(array) for name, array in (("image", image), ("guide", guide))
            if array is not None}
    crcs["weights_crc32"] = checksum(*(to_device(p._data, "cpu") for p in network.parameters()))
    with opened(out, COMMAND, asdict(settings) | crcs, MAY_CHANGE, resume, say) as (run, checkpoint):
        if checkpoint is not None:
            dreamer.load_state(checkpoint.weights, checkpoint.state)
            if dreamer.finished or dreamer.step >= (settings.max_steps or math.inf):
                say(f"{run.path}: finished already, at step {dreamer.step}")
                return 0
            say(f"{run.path}: going on from step {dreamer.step}, in octave {dreamer.octave + 1}")
        return _loop(dreamer, run, Path(picture or run.path / "dream.png"), quiet, say)


def _loop(dreamer: Dreamer, run: Run, path: Path, quiet: bool, say: Callable[[str], None]) -> int:
    """Dream, and keep the run directory up to date."""
    s, about = dreamer.settings, about_picture(dreamer.settings)
    limit = min(dreamer.most_steps, s.max_steps or dreamer.most_steps)
    if dreamer.step == 0:
        say(_plan(dreamer))
    clock, first = time.monotonic(), None
    with Interruption() as interruption, Progress(limit, quiet=quiet) as progress:
        for loss, ended in dreamer.octaves_of_steps():
            step, octave = dreamer.step, dreamer.octave + 1
            if loss is not None:
                first, last = loss if first is None else first, loss
                progress.update(step, octave=octave, loss=loss)
                if ended or step % s.log_every == 0:
                    run.log(octave=octave, step=step, loss=loss)
            if ended:
                seconds, (height, width) = time.monotonic() - clock, dreamer.x.shape[2:]
                why = f", stopped above {s.max_loss:g}" if loss is None else ""
                count = f"{dreamer.done} step{'s' * (dreamer.done != 1)}"
                went = "no step" if first is None else f"loss {first:.4g} to {last:.4g}, {count}"
                progress.print(f"octave {octave}, {width} x {height}: {went}{why}; {seconds:.1f} s")
                run.log_timing(step=step, octave=octave, seconds=seconds)
                clock, first = time.monotonic(), None
                save_png(run.sample_path(step, f"-octave{octave}.png"), dreamer.as_bytes(dreamer.x), about)
                if octave == dreamer.octaves:
                    save_png(path, dreamer.as_bytes(dreamer.x), about)
                dreamer.begin_next()
            elif s.sample_every and step % s.sample_every == 0:
                save_png(run.sample_path(step, ".png"), dreamer.as_bytes(dreamer.x), about)
            over = dreamer.finished or step == limit
            if over:  # before the checkpoint says so
                _write_results(dreamer, run, path)
            stop = over or interruption.requested
            if stop or ended or step % s.save_every == 0:
                run.checkpoint({"picture": dreamer.x}, dreamer.state(), step=step, finished=dreamer.finished)
            if stop:
                break
    if not dreamer.finished and dreamer.step < limit:
        say(f"stopped at step {dreamer.step} of {limit}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    zoom = f", {path.with_suffix('.gif')}" if s.zoom and dreamer.finished else ""
    say(f"finished: {path}{zoom}")
    return 0


def _write_results(dreamer: Dreamer, run: Run, path: Path) -> None:
    """Write what the octaves have not written yet: the picture of a dream that ends before the last, the zoom."""
    if dreamer.octave < dreamer.octaves:
        save_png(path, dreamer.picture(), about_picture(dreamer.settings))
    if dreamer.settings.zoom and dreamer.finished:
        frames = [read_image(run.path / "samples" / name) for name in _frames(run, dreamer)]
        save_gif(path.with_suffix(".gif"), frames)


def _plan(dreamer: Dreamer) -> str:
    """What is about to be dreamt, in a line."""
    s = dreamer.settings
    layers = s.filter or ", ".join(f"{name} {value:g}" for name, value in dreamer.coefficients.items())
    scales = ", ".join(f"{w} x {h}" for h, w in dreamer.shapes[: dreamer.octaves])
    left_out = f" ({dreamer.left_out} too small for the network left out)" if dreamer.left_out else ""
    return f"{s.image or 'grey noise'}: {dreamer.network.name}, {layers}; {scales}{left_out}; on {dreamer.device}"


def _frames(run: Run, dreamer: Dreamer) -> list[str]:
    """The names of the last octave's picture and the zoom's, in order."""
    octaves = range(dreamer.octaves, len(dreamer.shapes) + 1)
    return [next(p.name for p in (run.path / "samples").glob(f"step_*-octave{octave}.png")) for octave in octaves]


def about_picture(settings: Settings) -> dict[str, str]:
    """Return what a picture keeps about where it comes from."""
    return origin(settings, MAY_CHANGE)


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; see :func:`.settings.stored_settings`."""
    return stored_settings(run, Settings, **changes)
