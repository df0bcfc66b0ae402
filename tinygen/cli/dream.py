"""``tinygen dream``: a photograph as a network dreams it; a contact sheet of random layers; one filter of a layer."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinygen.cli.common import device_of, dry_run, eprint, names_picture, settings_told, spare
from tinygen.generators import dream
from tinygen.generators.dream_pictures import sheet
from tinygen.models import NETWORKS
from tinygen.pictures import read_image, save_png
from tinygen.run import new_run_path


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "dream", help="DeepDream: raise the activations of a network's layers by changing a photograph",
        description=dream.__doc__,
        epilog="presets: book is the chapter to the letter, book-python its Python edition; tuned is the default",
    )
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="the photograph (not needed for --filter)")
    parser.add_argument("--network", choices=list(NETWORKS), help="whose layers (inception_v3)")
    parser.add_argument("--list-layers", action="store_true", help="name the network's layers, shapes, parameters")
    parser.add_argument("--weights", metavar="FILE", help="of the network: HDF5 or safetensors (default ImageNet's)")
    parser.add_argument("--layers", metavar="A=X,B=Y|random", help="what to maximise (Inception: "
                        f"{dream.LAYERS['inception_v3']}); random: drawn with the seed")
    parser.add_argument("--filter", metavar="LAYER:CHANNEL", help="maximise one channel; without IMAGE from grey noise")
    parser.add_argument("--guide", metavar="IMAGE", help="call forth the features of this picture")
    parser.add_argument("--count", type=int, metavar="N", help="with --layers random: N dreams, with the seeds from "
                        "--seed on, on a sheet")
    parser.add_argument("--preset", choices=list(dream.PRESETS), help="where all other values come from (tuned)")
    parser.add_argument("--size", type=int, metavar="N", help="bring the longest side to N (default: as it is)")
    parser.add_argument("--octaves", type=int, metavar="N", help="scales in all (tuned and book 4, book-python 3)")
    parser.add_argument("--octave-scale", type=float, metavar="X", help="from one to the next (1.4)")
    parser.add_argument("--steps", type=int, metavar="N", help=f"in an octave (book 20, tuned {dream.Settings.steps})")
    parser.add_argument("--step-size", type=float, metavar="X", help="of the normalised gradient (0.01)")
    parser.add_argument("--max-loss", type=float, metavar="X", help="ends an octave (book 10; 0: no limit)")
    parser.add_argument("--jitter", type=int, metavar="N",
                        help=f"shift by up to N pixels in each step (tuned {dream.Settings.jitter}, book 0)")
    parser.add_argument("--normalise", choices=["mean", "bands"],
                        help="the gradient over its mean size, or its bands of frequencies evened out (tuned)")
    parser.add_argument("--tile", type=int, metavar="N", help="gradients by windows of N, a multiple of 64")
    parser.add_argument("--original-colors", action=argparse.BooleanOptionalAction, default=None,
                        help="keep the photograph's colours")
    parser.add_argument("--zoom", type=int, metavar="N", help="N more pictures that go into the dream: a GIF")
    parser.add_argument("--out", "-o", type=Path, metavar="X.png", help="the picture; the run is X.run beside it. "
                        "Or a run directory, with dream.png in it (default runs/dream-NUMBER)")
    parser.add_argument("--resume", action="store_true", help="go on exactly with the run of --out")
    parser.add_argument("--device", help="cpu, cuda, cuda:N or auto (default TINYGEN_DEVICE, else auto)")
    parser.add_argument("--dry-run", action="store_true", help="a step of each octave in a temporary place")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--seed", type=int, help="of all random numbers (default TINYGEN_SEED, else 0)")
    parser.add_argument("--max-steps", type=int, metavar="N", help="end after N steps in all")
    parser.add_argument("--log-every", type=int, metavar="N", help="steps between rows of metrics.jsonl (1)")
    parser.add_argument("--save-every", type=int, metavar="N", help="steps between checkpoints (10)")
    parser.add_argument("--sample-every", type=int, metavar="N", help="steps between pictures, beside those of octaves")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list_layers:
        network = NETWORKS[arguments.network or "inception_v3"](arguments.weights, report=eprint)
        print(network.summary())
        return 0
    run_path, picture = _places(arguments)
    settings, _ = settings_told(arguments, dream, run_path)
    for target in (picture, picture.with_suffix(".gif")):  # the second is the zoom's
        spare(target, image=settings.image, guide=settings.guide)
    if arguments.count is not None:
        return _contact_sheet(arguments, settings, run_path, picture)
    options = {"device": device_of(arguments), "quiet": arguments.quiet}
    if arguments.dry_run:
        with dry_run() as (out, say):
            return dream.dream(replace(settings, steps=1, zoom=min(settings.zoom, 1)), out, say=say, **options)
    return dream.dream(settings, run_path, picture=picture, resume=arguments.resume, **options)


def _places(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """The run directory, and the final picture."""
    if arguments.resume and arguments.out is None:
        raise ValueError("--resume needs --out, the picture or run to go on with")
    out = arguments.out or new_run_path(dream.COMMAND)
    return (out.with_suffix(".run"), out) if names_picture(out) else (out, out / "dream.png")


def _contact_sheet(arguments: argparse.Namespace, settings: dream.Settings, run_path: Path, picture: Path) -> int:
    """Dream with the layers of several seeds, each in a run of its own, and put the pictures on a sheet."""
    count = arguments.count
    if settings.layers != "random":
        raise ValueError("`--count` goes with --layers random")
    if count < 1:
        raise ValueError(f"`--count` is {count}; it must be at least 1")
    if arguments.dry_run:
        raise ValueError("`--count` does not go with --dry-run: try one dream, without --count")
    network = dream.load_network(settings, None if arguments.quiet else print)
    seeds = range(settings.seed, settings.seed + count)
    for seed in seeds:
        status = dream.dream(replace(settings, seed=seed), run_path / f"seed-{seed}", resume=arguments.resume,
                             device=device_of(arguments), network=network, quiet=arguments.quiet)
        if status:
            return status
    made = [read_image(run_path / f"seed-{seed}" / "dream.png") for seed in seeds]
    save_png(picture, sheet(made), dream.about_picture(settings) | {"Seeds": f"{seeds[0]} to {seeds[-1]}, by rows"})
    if not arguments.quiet:
        print(f"finished: {picture}, seeds {seeds[0]} to {seeds[-1]} by rows")
    return 0
