"""The demo's style part: the landscape in the manner of a painting, both of which the demo made itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tinygen.demo import page
from tinygen.demo.part import Part, Stopped
from tinygen.demo.scenery import landscape, painting
from tinygen.generators import style
from tinygen.pictures import read_image, save_png
from tinygen.run import EXIT_INTERRUPTED, Run

HEIGHT = 288  # of both pictures, which are 4 : 3


def run(folder: Path, say: Callable[[str], None], height: int = HEIGHT, rounds: int = 6) -> Part:
    """Paint (or go on painting), and make the page's part of it.

    Args:
        folder: of the demo; the run goes to ``style`` in it, the pictures to ``landscape.png`` and ``painting.png``.
        say: prints a line.
        height: of the pictures, in pixels.
        rounds: of ten evaluations each.

    Raises:
        Stopped: when it was interrupted.
    """
    begun, out, content, manner = time.monotonic(), folder / "style", folder / "landscape.png", folder / "painting.png"
    say("style: painting the landscape in the manner of brush strokes")
    save_png(content, landscape(height, height * 4 // 3))
    save_png(manner, painting(height, height * 4 // 3))
    settings = style.settings_for(
        "tuned", content=str(content), styles=[str(manner)], network="small", size=height, iterations=rounds,
        evaluations=10,
    )
    if style.transfer(settings, out, resume=True, say=say) == EXIT_INTERRUPTED:
        raise Stopped
    seconds = time.monotonic() - begun  # of this call: an earlier, interrupted one is not counted
    described = _describe(out, content, manner, seconds)
    return Part("A picture in the manner of another", described, time.monotonic() - begun)


def _describe(out: Path, content: Path, manner: Path, seconds: float) -> str:
    """The part's HTML."""
    run = Run.open(out)
    rows = run.metrics()
    last = rows[-1]
    parts = [
        "<p>Again the network stays as it is and the picture changes, by L-BFGS. Two things are asked of it: that a "
        "high layer sees in it what it sees in the landscape, so that everything stays in its place; and that in "
        "several layers the channels go together as they do in the painting, so that it has its strokes and "
        "colours.</p>",
        page.tiles({
            "evaluations of the loss and its gradient": str(last["evaluations"]),
            "the style's loss after ten of them": f"{rows[0]['style']:.3f}",
            "and at the end": f"{last['style']:.3f}",
            "painting": f"{seconds:.1f} s",
        }),
        page.picture(
            page.beside([read_image(content), read_image(manner)]),
            "a landscape, and swirls of blue and yellow strokes",
            "The landscape, and the painting: strokes that a program drew along the contour lines of a random surface.",
        ),
        page.picture(
            page.beside([read_image(out / "picture.png")], times=2),
            "the landscape in the painting's colours and strokes",
            "The landscape in the manner of the painting.",
        ),
        "<h3>What it cost</h3>",
        page.chart(
            [page.Curve("content", [(row["evaluations"], row["content"]) for row in rows], "orange", dots=True),
             page.Curve("style", [(row["evaluations"], row["style"]) for row in rows], dots=True)],
            "evaluation", "loss", None,
            "Content, times its weight, and style, after each round. The search begins at the landscape, where the "
            "content costs nothing and the style the most; then each is paid for with the other.",
        ),
        "<p>So small a network knows strokes and textures of a few pixels. VGG19 also carries over larger forms.</p>",
        page.details("Every setting", page.table(run.settings)),
        "<h3>Next: your own pictures</h3>",
        "<p>The first line needs no download; the second fetches VGG19, 80 MB, as in the book.</p>",
        page.shell(
            "tinygen style photo.jpg painting.jpg --network small -o small.png\n"
            "tinygen style photo.jpg painting.jpg -o painted.png\n"
            "tinygen style photo.jpg painting.jpg --original-colors -o colours.png"
        ),
    ]
    return "\n".join(parts)
