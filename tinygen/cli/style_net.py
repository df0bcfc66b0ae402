"""``tinygen style-net``: train a network that restyles pictures in one pass, and apply it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from tinygen.backend import check_device
from tinygen.cli.common import add_training_options, device_of, eprint, names_picture, spare, train
from tinygen.cli.style import names
from tinygen.generators import style_net
from tinygen.generators.style import keep_colors, read_picture
from tinygen.models import NETWORKS
from tinygen.pictures import read_image, save_png, to_uint8


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    told = "fast style transfer: train a network for a style, restyle any picture with it in one pass"
    parser = subparsers.add_parser("style-net", help=told, description=style_net.__doc__)
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="train|apply")
    _add_train(commands)
    _add_apply(commands)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a network for a style")
    add = parser.add_argument
    add("--style", metavar="IMAGE", help="the painting")
    add("--data", metavar="DIR|FILE.npz|NAME", help="photographs: the more, and the more of all kinds, the better")
    add("--preset", choices=style_net.PRESETS, help="all alike: the chapter has no program for this")
    add("--steps", type=int, metavar="N", help="steps of training (2000)")
    add("--batch-size", type=int, metavar="N", help="photographs in a step (4)")
    add("--size", type=int, metavar="N", help="bring photographs to N x N (256)")
    add("--style-size", type=int, metavar="N", help="height of the painting, which sets the scale of its strokes (0: "
        "that of the photographs)")
    add("--flip", action=argparse.BooleanOptionalAction, help="mirror photographs at random (on)")
    add("--width", type=int, metavar="N", help="channels of the first layer (32); half of them cost a quarter")
    add("--blocks", type=int, metavar="N", help="residual blocks (5)")
    add("--lr", type=float, metavar="X", help="learning rate (0.001)")
    add("--network", choices=list(NETWORKS), help="whose features count (vgg19)")
    add("--weights", metavar="imagenet|FILE|random", help="of that network (imagenet)")
    add("--content-layer", metavar="NAME", help="(vgg19: block5_conv2)")
    add("--style-layers", type=names, metavar="A,B,...", help="(vgg19: block1_conv1 to block5_conv1)")
    add("--content-weight", type=float, metavar="X", help="(0.2)")
    add("--style-weight", type=float, metavar="X", help="(1)")
    add("--tv-weight", type=float, metavar="X", help="of the total variation: smoothness (0.1)")
    add_training_options(parser)
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    return train(arguments, style_net, max_steps=2, sample_every=2)


def _add_apply(commands: Any) -> None:
    parser = commands.add_parser("apply", help="restyle pictures of any size, one pass each")
    add = parser.add_argument
    add("run_path", type=Path, metavar="RUN", help="a run directory of tinygen style-net train")
    add("images", type=Path, nargs="+", metavar="IMAGE", help="a picture, or several")
    add("--out", "-o", type=Path, default=Path("styled"), metavar="DIR|X.png", help="a folder, or, for one picture, a "
        "file (default styled)")
    add("--size", type=int, default=0, metavar="N", help="height to bring the pictures to (0: as they are)")
    add("--original-colors", action="store_true", help="keep the pictures' own colours")
    add("--device", help="cpu, cuda, cuda:N or auto (default TINYGEN_DEVICE, else auto)")
    parser.set_defaults(run=_apply)


def _apply(arguments: argparse.Namespace) -> int:
    images, out = arguments.images, arguments.out
    if arguments.size < 0:
        raise ValueError(f"`--size` is {arguments.size}; it must be at least 0")
    if names_picture(out):
        if len(images) > 1:
            raise ValueError(f"`--out` is {str(out)!r}, one file; for {len(images)} pictures it must be a folder")
        targets = [out]
    else:
        targets = [out / f"{path.stem}.png" for path in images]
        if twice := {path.stem for i, path in enumerate(images) if targets[i] in targets[:i]}:
            raise ValueError(f"two pictures are called {min(twice)!r}: give them to two folders")
    for target in targets:
        spare(target, image=[str(path) for path in images])
    model, settings = style_net.load_model(arguments.run_path, eprint)
    model.to(check_device(device_of(arguments)))
    for path, target in zip(images, targets, strict=True):
        image = read_picture(str(path), arguments.size) if arguments.size else read_image(path)
        if min(image.shape[1:]) < style_net.LEAST:
            raise ValueError(f"`{path}` is {image.shape[1]} x {image.shape[2]} pixels; at least {style_net.LEAST} x "
                             f"{style_net.LEAST} are needed")
        if (pixels := image.shape[1] * image.shape[2]) > style_net.MOST:
            size = int(image.shape[1] * (style_net.MOST / pixels) ** 0.5)
            raise ValueError(f"`{path}` is {image.shape[1]} x {image.shape[2]} pixels, more than the "
                             f"{style_net.MOST / 1e6:g} million that fit into 6 GB of memory: give --size {size}")
        clock = time.monotonic()
        made = style_net.restyle(model, image)
        seconds = time.monotonic() - clock
        if arguments.original_colors:
            made = to_uint8(keep_colors(made, image), 0, 255)
        save_png(target, made, {"Command": "style-net apply", "Style": settings.style})
        print(f"{target} ({seconds:.2f} s)")
    return 0
