"""The demo's GAN part: two networks play against one another until digits come out that nobody drew."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygen.data.images import load_images
from tinygen.demo import page
from tinygen.demo.part import Part, Stopped
from tinygen.generators import gan
from tinygen.pictures import read_image, write_file
from tinygen.run import EXIT_INTERRUPTED, Run

PICTURES = 6_000  # of the 10,000 of the test split, which is drawn in less time than the other
STAGES = 4  # grids on the page


def run(folder: Path, say: Callable[[str], None], pictures: int = PICTURES, steps: int = 600) -> Part:
    """Train (or go on training), and make the page's part of it.

    Args:
        folder: of the demo; the run goes to ``gan`` in it, its pictures to ``gan-digits.npz``.
        say: prints a line.
        pictures: how many digits to learn from.
        steps: of training, a multiple of ``STAGES``.

    Raises:
        Stopped: when it was interrupted.
    """
    begun, out, data = time.monotonic(), folder / "gan", folder / "gan-digits.npz"
    say("gan: training a generator against a discriminator, on digits drawn from a font")
    digits = load_images("font-digits", split="test").subset(slice(pictures))
    buffer = io.BytesIO()
    np.savez(buffer, images=digits.images)
    write_file(data, buffer.getvalue())
    settings = gan.settings_for(
        "tuned", data=str(data), width=0.5, latent_dim=32, batch_size=32, augment="",
        d_lr=0.0005, g_lr=0.0005, ema=0.98, steps=steps, log_every=5, sample_every=steps // STAGES,
    )
    if gan.train(settings, out, resume=True, say=say) == EXIT_INTERRUPTED:
        raise Stopped
    seconds = time.monotonic() - begun  # of this call: an earlier, interrupted one is not counted
    return Part("Pictures out of a contest", _describe(out, steps, seconds), time.monotonic() - begun)


def _describe(out: Path, steps: int, seconds: float) -> str:
    """The part's HTML."""
    from PIL import Image

    run = Run.open(out)
    rows = [row for row in run.metrics() if row.get("d_loss") is not None]  # not those of a return
    looks = [row for row in rows if "variety" in row]
    stages = [steps * (i + 1) // STAGES for i in range(STAGES)]
    grids = [read_image(out / "samples" / f"step_{step:06d}.png") for step in stages]
    white = np.full((3, grids[0].shape[1], 8), 255, np.uint8)
    film = np.concatenate([part for one in grids for part in (white, one)][1:], axis=2)
    parts = [
        "<p>One network, the generator, turned random numbers into pictures. Another, the discriminator, was shown "
        "those and real digits, and learned to tell which are which. The generator never saw a digit: it learned only "
        "from what would have deceived the other.</p>",
        page.tiles({
            "steps of training": f"{steps:,}",
            "the discriminator's loss at the end": f"{rows[-1]['d_loss']:.2f}",
            "variety, that of real digits being 1": f"{looks[-1]['variety']:.2f}" if looks else "not looked at",
            "training": f"{seconds:.1f} s",
        }),
        page.picture(
            Image.fromarray(np.ascontiguousarray(film.transpose(1, 2, 0))), "four grids of generated digits",
            f"The same 64 random points after {', '.join(map(str, stages[:-1]))} and {stages[-1]} steps; below the "
            "white line, real digits.",
        ),
        "<h3>How the contest went</h3>",
        page.chart(
            [page.Curve("discriminator", [(row["step"], row["d_loss"]) for row in rows]),
             page.Curve("generator", [(row["step"], row["g_loss"]) for row in rows], "orange")],
            "step", "nats per picture", (float(np.log(2)), "ln 2: a toss-up"),
            "Neither loss says how good the pictures are: each network is measured against the other, which learns "
            "too. So no loss falls for good, and a run is judged by looking.",
        ),
        "<p>In so short a run many of the digits are still malformed. A run of the default "
        "length has 10,000 steps.</p>",
        page.details("Every setting", page.table(run.settings)),
        "<h3>Next: the chapter's frogs</h3>",
        page.shell(
            "tinygen gan train --data cifar10-frogs --out frogs\n"
            "tinygen gan sample frogs -n 64 --zoom 2\n"
            "tinygen gan morph frogs\n"
            "tinygen gan nearest frogs"
        ),
    ]
    return "\n".join(parts)
