"""``tinygen gan``: train a pair of networks, sample pictures, walk from one to the next."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import pictures
from tinygen.cli.common import add_training_options, device_of, eprint, seed_of
from tinygen.data.images import SPLITS
from tinygen.generators import gan
from tinygen.run import Run, new_run_path


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    told = "pictures with a generative adversarial network: train, sample, morph"
    parser = subparsers.add_parser("gan", help=told, description=gan.__doc__)
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="train|sample|morph")
    _add_train(commands)
    _add_sample(commands)
    _add_morph(commands)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train on pictures",
        epilog="presets: book is the chapter to the letter, book-python has less label noise; tuned is the default",
    )
    switch = argparse.BooleanOptionalAction
    add = parser.add_argument
    add("--data", metavar="NAME|DIR|FILE.npz",
        help=f"{', '.join(SPLITS)}, a folder of pictures, or a .npz (default cifar10-frogs)")
    add("--preset", choices=list(gan.PRESETS), help="where all other values come from (default tuned)")
    add("--size", type=int, metavar="N", help="height and width (default: as they are)")
    add("--color", type=int, choices=[1, 3], help="channels: 3, or 1 for grey (default: as they are)")
    add("--steps", type=int, metavar="N", help="how many (10000)")
    add("--batch-size", type=int, metavar="N", help="generated and real pictures in a step (20)")
    add("--latent-dim", type=int, metavar="N", help="random numbers behind a picture (32)")

    tricks = parser.add_argument_group("the chapter's tricks, and why")
    add = tricks.add_argument
    add("--output", choices=["tanh", "sigmoid"],
        help="the generator's last function; tanh (default) is symmetric, so its gradients are too")
    add("--pixels", choices=["unit", "signed"],
        help="pictures from 0 to 1 (book) or from -1 to 1 (tuned), which is what tanh can reach")
    add("--latent", choices=["normal", "uniform"],
        help="normal (default): points between two samples are likely too, so that morphs stay good")
    add("--dropout", type=float, metavar="P",
        help="in the discriminator (0.4); training is a balance that gets stuck: randomness frees it")
    add("--label-noise", type=float, metavar="X",
        help="up to this on the discriminator's labels (book 0.5, others 0.05): keeps it from growing too sure")
    add("--slope", type=float, metavar="X",
        help="of the leaky relu (0.3); 0 is the plain relu, whose sparse gradients hinder a GAN")
    add("--downsample", choices=["stride", "maxpool"],
        help="stride (default): max pooling gives most inputs no gradient at all")
    add("--up-kernel", type=int, metavar="N",
        help="side of the kernel that doubles the size (4): divisible by the stride, 2, or checkerboards show")
    add("--d-lr", type=float, metavar="X",
        help="discriminator's learning rate; lower it where the discriminator wins (book 0.0008)")
    add("--g-lr", type=float, metavar="X", help="generator's learning rate (book 0.0004)")

    more = parser.add_argument_group("beyond the chapter")
    add = more.add_argument
    add("--loss", choices=list(gan.LOSSES),
        help="bce (default); hinge and lsgan: gradients that do not die; wgan-gp: steady but costs second order")
    add("--gp-weight", type=float, metavar="X", help="of the gradient penalty of wgan-gp (10)")
    add("--d-steps", type=int, metavar="N", help="discriminator steps for each generator step (1); wgan-gp likes 5")
    add("--augment", metavar="LIST",
        help="color,translation,cutout or '' on what the discriminator sees: it cannot learn few pictures by heart")
    add("--flip", action=switch, default=None, help="mirror real pictures at random")
    add("--shuffle", action=switch, default=None, help="another order in every pass (book: always the same)")
    add("--optimizer", choices=["rmsprop", "adam"], help="book rmsprop, tuned adam")
    add("--beta1", type=float, metavar="X", help="Adam's memory of the gradient (0.5): short, the target moves")
    add("--ema", type=float, metavar="X", help="decay of the running mean of the generator's weights, 0 for none: "
        "it circles about its goal, the mean is nearer (tuned 0.995)")
    add("--g-width", type=int, metavar="N", help="maps of the generator's layers (256)")
    add("--d-width", type=int, metavar="N", help="maps of the discriminator's layers (128)")
    add("--upsamplings", type=int, metavar="N", help="how often the generator doubles the size (1)")
    add("--health-every", type=int, metavar="N", help="steps between looks at how training goes (100), 0 for never")
    add("--max-rollbacks", type=int, metavar="N", help="how often to go back if it goes wrong (tuned 3, book 0)")
    add_training_options(parser)
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    names = {f.name for f in fields(gan.Settings)}
    given = {k: v for k, v in vars(arguments).items() if k in names and v is not None}
    init_from = arguments.init_from
    if arguments.resume and arguments.out is None:
        raise ValueError("--resume needs --out, the run to go on with")
    if arguments.resume and (arguments.out / "config.json").is_file():
        # what is not said again is as it was
        there = Run.open(arguments.out, gan.COMMAND)
        settings = gan.settings_of(there, **given)
        init_from = init_from or there.settings.get("init_from")
    else:
        if (seed := seed_of(arguments)) is not None:
            given["seed"] = seed
        settings = gan.settings_for(given.pop("preset", "tuned"), **given)
    options = {"device": device_of(arguments), "init_from": init_from, "quiet": arguments.quiet}
    if arguments.dry_run:
        with tempfile.TemporaryDirectory() as folder:
            changes = {"max_steps": 3, "sample_every": 3}
            settings = gan.Settings(**{name: getattr(settings, name) for name in names} | changes)
            return gan.train(settings, Path(folder) / "run", **options)
    out = arguments.out or new_run_path(gan.COMMAND)
    return gan.train(settings, out, resume=arguments.resume, **options)


def _add_run(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("run_path", type=Path, metavar="RUN", help="a run directory of tinygen gan train")
    parser.add_argument("--weights", choices=["ema", "last"], default="ema",
                        help="the running mean, where the run has one (default), or the last weights themselves")
    parser.add_argument("--zoom", type=int, default=2, metavar="N", help="each pixel as N x N (2)")
    parser.add_argument("--seed", type=int, help="of the latent vectors (default TINYGEN_SEED, else 0)")
    ending = default.rpartition(".")[2]
    parser.add_argument("--out", "-o", type=Path, default=Path(default), metavar=f"FILE.{ending}",
                        help=f"where to (default {default})")


def _add_sample(commands: Any) -> None:
    parser = commands.add_parser("sample", help="a grid of generated pictures")
    _add_run(parser, "sample.png")
    parser.add_argument("-n", "--count", type=int, default=64, metavar="N", help="how many pictures (64)")
    parser.add_argument("--nearest", action="store_true",
                        help="beside each the nearest training picture by pixels, and by the discriminator's features")
    parser.set_defaults(run=_sample)


def _check(arguments: argparse.Namespace, ending: str, **at_least: int) -> gan.Pair:
    """Check what all share before anything is computed, and load the networks."""
    for name, low in {**at_least, "zoom": 1}.items():
        if getattr(arguments, name) < low:
            raise ValueError(f"`--{name}` is {getattr(arguments, name)}; it must be at least {low}")
    if arguments.out.suffix.lower() != ending:
        raise ValueError(f"`--out` is {str(arguments.out)!r}; its name must end in {ending}")
    if arguments.out.is_dir():
        raise ValueError(f"`--out` is {str(arguments.out)!r}, a folder; a file name is needed")
    return gan.load_pair(arguments.run_path, arguments.weights == "ema", eprint)


def _sample(arguments: argparse.Namespace) -> int:
    pair = _check(arguments, ".png", count=1)
    seed = seed_of(arguments) or 0
    samples = pair.paint(pair.latents(arguments.count, seed))
    if arguments.nearest:
        real = gan.load_training_pictures(pair, arguments.run_path)
        sheet, told = gan.nearest_sheet(pair, samples, real)
        print(told)
    else:
        sheet = pictures.grid(samples)
    about = {"software": "tinygen", "seed": str(seed), "settings": repr(pair.settings)}
    pictures.save_png(arguments.out, pictures.enlarge(sheet, arguments.zoom), about)
    print(arguments.out)
    return 0


def _add_morph(commands: Any) -> None:
    parser = commands.add_parser("morph", help="an animation through latent space")
    _add_run(parser, "morph.gif")
    parser.add_argument("--stops", type=int, default=6, metavar="N", help="pictures to pass through (6)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="from one to the next (16)")
    parser.add_argument("--path", choices=["spherical", "linear"], default="spherical",
                        help="arcs keep the usual length of a normal vector (default); lines cut the corner")
    parser.add_argument("-n", "--count", type=int, default=4, metavar="N", help="walks side by side (4)")
    parser.set_defaults(run=_morph)


def _morph(arguments: argparse.Namespace) -> int:
    pair = _check(arguments, ".gif", count=1, stops=2, frames=1)
    seed, spherical = seed_of(arguments) or 0, arguments.path == "spherical"
    z = pair.latents(arguments.count * arguments.stops, seed)
    walks = [gan.walk(z[i :: arguments.count], arguments.frames, spherical) for i in range(arguments.count)]
    painted = [pair.paint(walk) for walk in walks]  # each (frames, C, S, S)
    together = np.stack(painted, axis=1)  # (frames, count, C, S, S)
    frames = [pictures.enlarge(pictures.grid(row), arguments.zoom) for row in together]
    pictures.save_gif(arguments.out, frames)
    print(arguments.out)
    return 0
