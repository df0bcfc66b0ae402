"""The demo's DeepDream part: a landscape that was drawn a moment ago, as the small network dreams it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tinygen.demo import page
from tinygen.demo.part import Part, Stopped
from tinygen.demo.scenery import landscape
from tinygen.generators import dream
from tinygen.pictures import read_image, save_png
from tinygen.run import EXIT_INTERRUPTED, Run

HEIGHT = 288  # of the landscape, which is 4 : 3
# Each of the other dreams has one layer, from low to high.
ALONE = ("block2_conv2", "block3_conv2", "block4_conv2")


def run(folder: Path, say: Callable[[str], None], height: int = HEIGHT, steps: int = 12) -> Part:
    """Dream (or go on dreaming), and make the page's part of it.

    Args:
        folder: of the demo; the runs go to ``dream``, ``dream-LAYER`` ... in it, the landscape to ``landscape.png``.
        say: prints a line.
        height: of the landscape, in pixels.
        steps: in each octave.

    Raises:
        Stopped: when it was interrupted.
    """
    begun, image = time.monotonic(), folder / "landscape.png"
    say("dream: drawing a landscape, and raising the activations of the small network that comes with tinygen")
    save_png(image, landscape(height, height * 4 // 3))
    settings = dream.settings_for("tuned", image=str(image), network="small", steps=steps)
    alone = [dream.settings_for("tuned", image=str(image), network="small", steps=steps, layers=layer, octaves=3,
                                size=height * 5 // 6) for layer in ALONE]
    network = dream.load_network(settings)
    outs = [folder / "dream", *(folder / f"dream-{layer}" for layer in ALONE)]
    for one, out in zip([settings, *alone], outs, strict=True):
        if dream.dream(one, out, resume=True, network=network, say=say) == EXIT_INTERRUPTED:
            raise Stopped
    seconds = time.monotonic() - begun  # of this call: an earlier, interrupted one is not counted
    return Part("A picture that a network dreams", _describe(image, outs, seconds), time.monotonic() - begun)


def _describe(image: Path, outs: list[Path], seconds: float) -> str:
    """The part's HTML."""
    first = Run.open(outs[0])
    rows = first.metrics()
    octaves = sorted({row["octave"] for row in rows})
    losses = [[row["loss"] for row in rows if row["octave"] == octave] for octave in octaves]
    parts = [
        "<p>The landscape below was drawn by a program. A network of eight convolutions looked at it, and then the "
        "<em>picture</em> was changed, a little in each step, so that two of the network's layers answered more "
        "strongly: first at a small scale, then at larger ones. What grows out of the hills is what those layers have "
        "learned to look for.</p>",
        page.tiles({
            "steps": str(rows[-1]["step"]),
            "answer of the layers at full size, before": f"{losses[-1][0]:.2f}",
            "and after": f"{losses[-1][-1]:.2f}",
            "four dreams": f"{seconds:.1f} s",
        }),
        page.picture(
            page.beside([read_image(image), read_image(outs[0] / "dream.png")]),
            "a landscape with a tree, and the same covered with bright stripes and scales",
            "The landscape, and what became of it: every edge has turned into a coloured outline, every texture into "
            "a stronger one.",
        ),
        page.picture(
            page.beside([read_image(out / "dream.png") for out in outs[1:]]),
            "three dreams of the same landscape, with outlines, arches and rays",
            f"One layer at a time: {', '.join(ALONE[:-1])} and {ALONE[-1]}. The higher the layer, the larger what it "
            "looks for: outlines, then arches, then rays.",
        ),
        "<p>This network is small, and has seen 9,000 photographs of 32 x 32 pixels: it dreams of textures. For eyes, "
        "feathers and faces it takes one that was trained on ImageNet.</p>",
        page.details("Every setting", page.table(first.settings)),
        "<h3>Next: your own photograph</h3>",
        "<p>The first line needs no download; the second fetches Inception V3, 88 MB, as in the book.</p>",
        page.shell(
            "tinygen dream photo.jpg --network small --size 400 -o small.png\n"
            "tinygen dream photo.jpg --size 400 -o dream.png\n"
            "tinygen dream --filter mixed4:30 --size 200 --steps 20 -o filter.png"
        ),
    ]
    return "\n".join(parts)
