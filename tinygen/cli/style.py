"""``tinygen style``: a photograph in the manner of one or more paintings."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from tinygen.cli.common import add_training_options, device_of, dry_run, names_picture, settings_told, spare
from tinygen.generators import style
from tinygen.models import NETWORKS
from tinygen.run import new_run_path


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "style", help="style transfer: a photograph in the manner of a painting", description=style.__doc__,
        epilog="presets: book is the chapter to the letter (the R edition), book-python the Python edition, which the "
        "published figures come from; tuned (the default) keeps L-BFGS alive and measures each loss by its target\n\n"
        "--out X.png is the picture, its run is X.run beside it; otherwise it is the run, with picture.png in it.\n"
        "--init-from takes last.safetensors of another run, and begins with its picture",
    )
    add = parser.add_argument
    add("content", nargs="?", metavar="CONTENT", help="the photograph")
    add("styles", nargs="*", metavar="STYLE", help="the painting, or several")
    add("--preset", choices=list(style.PRESETS), help="where all other values come from (default tuned)")
    add("--size", type=int, metavar="N", help="height of the picture (400)")
    add("--style-size", type=int, metavar="N", help="height of the paintings, which sets the scale of their strokes "
        "(0: that of the picture; -1: stretched to the picture's shape, as the book presets do)")
    add("--style-blend-weights", type=_numbers, metavar="A,B,...", help="a share for each painting (equal)")
    add("--init", metavar="content|random|FILE", help="where to begin (content)")
    add("--original-colors", action=argparse.BooleanOptionalAction, help="keep the photograph's colours (off)")
    add("--scales", type=int, metavar="N", help="paint at N sizes, each sqrt 2 times the one before, with equal parts "
        "of the rounds (1)")
    add("--tile", type=int, metavar="N", help="compute in strips of N rows: equal gradients, less memory (0: whole)")
    add("--memory", type=int, metavar="MB", help="stay within so many megabytes, by strips that fit (0: no bound)")
    _add_loss(parser.add_argument_group("the loss"))
    _add_search(parser.add_argument_group("the search"))
    add_training_options(parser)
    parser.set_defaults(run=_style)


def _add_loss(group: Any) -> None:
    add = group.add_argument
    add("--network", choices=list(NETWORKS), help="whose features count (vgg19)")
    add("--weights", metavar="imagenet|FILE|random", help="of the network (imagenet)")
    add("--content-layer", metavar="NAME", help="(vgg19: block5_conv2)")
    add("--style-layers", type=names, metavar="A,B,...", help="(vgg19: block1_conv1 to block5_conv1)")
    add("--content-weight", type=float, metavar="X", help="(0.025)")
    add("--style-weight", type=float, metavar="X", help="(1)")
    add("--tv-weight", type=float, metavar="X", help="of the total variation: smoothness (book 1e-4, tuned 0.1; the "
        "tuned loss is measured otherwise)")


def _add_search(group: Any) -> None:
    add = group.add_argument
    add("--iterations", type=int, metavar="N", help="rounds, with a picture after each (20)")
    add("--evaluations", type=int, metavar="N", help="of the loss in a round (20; book: what 15 iterations take)")
    add("--inner-iterations", type=int, metavar="N", help="of L-BFGS in a round (book 15, else as evaluations allow)")
    add("--optimizer", choices=["lbfgs", "adam"], help="(lbfgs)")
    add("--lr", type=float, metavar="X", help="grey levels that a step of adam takes (5)")
    add("--restart", action=argparse.BooleanOptionalAction, help="a new L-BFGS for each round (book: on, tuned: off)")
    add("--history-size", type=int, metavar="N", help="steps that L-BFGS remembers (10; book 5)")


def names(text: str) -> list[str]:
    """Read names joined by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be numbers joined by commas, such as 0.7,0.3") from None


def _style(arguments: argparse.Namespace) -> int:
    arguments.styles = arguments.styles or None
    out, final = arguments.out, None
    if out is not None and names_picture(out):
        out, final = out.with_suffix(".run"), out
    settings, init_from = settings_told(arguments, style, out)
    if out is not None:
        spare(final or out / "picture.png", content=settings.content, styles=settings.styles, init=settings.init)
    options = {"device": device_of(arguments), "init_from": init_from, "quiet": arguments.quiet}
    if arguments.dry_run:
        with dry_run() as (place, say):
            settings = replace(settings, max_steps=1, evaluations=3, inner_iterations=0)
            return style.transfer(settings, place, say=say, **options)
    return style.transfer(settings, out or new_run_path(style.COMMAND), final=final, resume=arguments.resume, **options)
