"""``tinygen gan``: train a generative adversarial network, draw from it, walk through its space, judge its pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.cli.common import (
    add_training_options,
    check_at_least,
    check_ending,
    check_seconds,
    eprint,
    seed_of,
    train,
)
from tinygen.cli.quality import add_quality
from tinygen.data.images import SPLITS, ImageData
from tinygen.generators import gan, gan_pictures
from tinygen.generators.augment import POLICIES
from tinygen.pictures import enlarge, grid, save_gif, save_png
from tinygen.random import Generator


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    told = "generative adversarial network: train, sample, morph, nearest, quality"
    parser = subparsers.add_parser("gan", help=told, description=gan.__doc__)
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="train|sample|morph|nearest|quality")
    _add_train(commands)
    _add_sample(commands)
    _add_morph(commands)
    _add_nearest(commands)
    add_quality(commands, _generated)


def _generated(path: Path, n: int, generator: Generator) -> tuple[np.ndarray, ImageData, ImageData | None]:
    model, settings = gan.load_model(path, warn=eprint)
    return gan.generate(model, n, generator), gan.load_data(settings, eprint), None


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train on pictures",
        epilog="presets: book is the chapter to the letter (the R edition), book-python the Python edition, which the "
        "published figures come from; tuned (the default) mends the quirks, with networks that are much cheaper",
    )
    add = parser.add_argument
    add("--data", metavar="NAME|DIR|FILE.npz",
        help=f"{', '.join(SPLITS)}, a folder of pictures, or a .npz file (default cifar10-frogs)")
    add("--size", type=int, metavar="N", help="bring pictures to N x N (default: as they are)")
    add("--channels", type=int, choices=[1, 3], help="1 grey, 3 colour (default: as they are)")
    add("--preset", choices=list(gan.PRESETS), help="where all other values come from (default tuned)")
    add("--steps", type=int, metavar="N", help="steps of training (10000)")
    add("--batch-size", type=int, metavar="N", help="real pictures in a step, and as many generated (book 20)")
    _add_network(parser.add_argument_group("the networks"))
    _add_contest(parser.add_argument_group("the contest"))
    _add_health(parser.add_argument_group("health"))
    add_training_options(parser)
    parser.set_defaults(run=_train)


def _add_network(group: Any) -> None:
    add = group.add_argument
    add("--network", choices=["book", "light"], help="light: from 4 x 4 pixels up, cheap (tuned); book: the chapter's")
    add("--width", type=float, metavar="X", help="multiplies all numbers of channels (1): 0.5 costs about a quarter")
    add("--latent-dim", type=int, metavar="L", help="numbers that a picture is made of (tuned 64, book 32)")
    add("--latent", choices=["normal", "uniform"],
        help="how they are drawn (normal: the chapter's advice, a ball has no corners that are rarely visited)")
    add("--output", choices=["tanh", "sigmoid"],
        help="the generator's last function (tanh: the chapter's advice, its slope at 0 is four times the sigmoid's)")
    add("--black", type=int, choices=[-1, 0],
        help="the value of black, white is 1 (tuned -1, all that a tanh can say; book 0, so that half of it is lost)")
    add("--slope", type=float, metavar="X", help="of the leaky relus below 0 (tuned 0.2, book 0.3; 0: relu, whose "
        "zeros make gradients sparse, which hinders the generator)")
    add("--kernel", type=int, metavar="K", help="of strided layers (4: the stride 2 divides it, so that every pixel is "
        "reached by as many places of the kernel; 3 or 5 draw checkerboards)")
    add("--downsample", choices=["strided", "pool"], help="how the discriminator halves (strided: every pixel gets a "
        "gradient; pool: only the maxima do, sparse gradients)")
    add("--dropout", type=float, metavar="P", help="in the discriminator, before its last layer (tuned 0, book 0.4): "
        "chance keeps the contest from getting stuck, and the discriminator from winning")
    add("--g-norm", choices=["batch", "none"], help="normalisation in the light generator (tuned batch)")


def _add_contest(group: Any) -> None:
    add = group.add_argument
    add("--loss", choices=list(gan.CHANCE), help="bce: the chapter's cross-entropy; hinge: no more once it is sure; "
        "least-squares: pulls back what is too sure; wgan-gp: a distance, with a penalty on the critic's slope")
    add("--label-noise", type=float, metavar="X", help="X times a uniform number is added to the discriminator's "
        "labels (book 0.5, book-python 0.05, tuned 0): a discriminator that cannot be sure stays useful; bce and "
        "least-squares only")
    add("--critic-steps", type=int, metavar="K", help="steps of the discriminator for each of the generator (1; for "
        "wgan-gp 5 are usual)")
    add("--penalty", type=float, metavar="X", help="weight of wgan-gp's gradient penalty (10)")
    add("--optimizer", choices=["adam", "rmsprop"], help="tuned adam, book rmsprop")
    add("--d-lr", type=float, metavar="X", help="the discriminator's learning rate (tuned 0.002, book 0.0008): lower "
        "it where the discriminator dominates")
    add("--g-lr", type=float, metavar="X", help="the generator's (tuned 0.0005, book 0.0004)")
    add("--beta1", type=float, metavar="X", help="Adam's memory of gradients (0.5: the opponent changes, so old ones "
        "mislead)")
    add("--clip-value", type=float, metavar="X", help="limit on each number of the gradients, 0 for none (book 1)")
    add("--decay", type=float, metavar="X", help="rate of step t: lr / (1 + X t) (book 1e-8; rmsprop only)")
    add("--ema", type=float, metavar="X", help="draw samples with an average of the generator's weights that keeps X "
        "of itself at each step (tuned 0.999); 0: none")
    add("--augment", metavar="NAMES", help=f"change pictures at random before the discriminator sees them, real and "
        f"generated alike, against learning few pictures by heart: {', '.join(POLICIES)}, joined by commas, or '' "
        "(tuned translation,cutout; book '')")
    add("--flip", action=argparse.BooleanOptionalAction, help="mirror real pictures at random (off)")
    add("--shuffle", action=argparse.BooleanOptionalAction, help="a new order for each pass (book: off)")


def _add_health(group: Any) -> None:
    add = group.add_argument
    add("--health-every", type=int, metavar="N", help="steps between looks at how much the pictures differ (100)")
    add("--rollbacks", type=int, metavar="N", help="how often a run that collapsed or diverged goes back to its last "
        "good checkpoint, with half the rate for the discriminator (tuned 2); 0: a collapse is only told (book)")


def _train(arguments: argparse.Namespace) -> int:
    return train(arguments, gan, max_steps=3, sample_every=3, health_every=3)


def _add_run(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("run_path", type=Path, metavar="RUN", help="a run directory of tinygen gan train")
    parser.add_argument("--weights", choices=["auto", "average", "last"], default="auto",
                        help="whose pictures: the averaged generator's, or the last one's (auto: average if there)")
    parser.add_argument("--seed", type=int, help="of the draws (default TINYGEN_SEED, else 0)")
    parser.add_argument("--out", "-o", type=Path, default=Path(out), metavar="FILE", help=f"(default {out})")


def _model(arguments: argparse.Namespace) -> tuple[gan.GAN, gan.Settings]:
    return gan.load_model(arguments.run_path, arguments.weights, eprint)


def _add_sample(commands: Any) -> None:
    parser = commands.add_parser("sample", help="draw pictures")
    _add_run(parser, "samples.png")
    parser.add_argument("-n", "--count", type=int, default=64, metavar="N", help="how many (64)")
    parser.add_argument("--truncation", type=float, default=0.0, metavar="X",
                        help="keep all numbers of a point within X of 0: better pictures, more alike (0: no limit)")
    parser.add_argument("--columns", type=int, default=0, metavar="N", help="pictures in a row (0: as many as rows)")
    parser.add_argument("--zoom", type=int, default=1, metavar="K", help="draw a pixel as K x K (1)")
    parser.set_defaults(run=_sample)


def _sample(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".png")
    check_at_least(arguments, count=1, truncation=0, columns=0, zoom=1)
    if 0 < arguments.truncation < 0.05:
        raise ValueError(f"`--truncation` is {arguments.truncation}; it must be 0, or at least 0.05")
    model, settings = _model(arguments)
    seed = seed_of(arguments) or 0
    z = model.latents(arguments.count, Generator(seed), arguments.truncation)
    sheet = enlarge(grid(model.pictures(z), arguments.columns or None), arguments.zoom)
    save_png(arguments.out, sheet, gan.about(settings, seed=seed, truncation=arguments.truncation))
    print(arguments.out)
    return 0


def _add_morph(commands: Any) -> None:
    parser = commands.add_parser(
        "morph", help="walk through the space of pictures: an animation",
        epilog="several walkers, side by side, each through points of its own and back to the first",
    )
    _add_run(parser, "morph.gif")
    parser.add_argument("-n", "--count", type=int, default=16, metavar="N", help="walkers (16)")
    parser.add_argument("--points", type=int, default=5, metavar="N", help="that each one visits (5)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="pictures from one to the next (16)")
    parser.add_argument("--path", choices=gan_pictures.PATHS, default="spherical", help="spherical: at the distance "
                        "from the middle where normal points lie (default); linear: straight, nearer to the middle")
    parser.add_argument("--seconds", type=float, default=0.08, metavar="S", help="that each is shown (0.08)")
    parser.add_argument("--zoom", type=int, default=2, metavar="K", help="draw a pixel as K x K (2)")
    parser.set_defaults(run=_morph)


def _morph(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".gif")
    check_at_least(arguments, count=1, points=2, frames=1, zoom=1)
    check_seconds(arguments.seconds)
    model, _ = _model(arguments)
    z = model.latents(arguments.points * arguments.count, Generator(seed_of(arguments) or 0))
    stops = z.reshape(arguments.points, arguments.count, -1)
    frames = gan_pictures.walk(model, stops, arguments.frames, arguments.path)
    save_gif(arguments.out, [enlarge(grid(frame), arguments.zoom) for frame in frames], arguments.seconds)
    print(arguments.out)
    return 0


def _add_nearest(commands: Any) -> None:
    parser = commands.add_parser(
        "nearest", help="does it copy? each sample beside the training picture nearest to it",
        epilog="distances: root mean square differences of pixel values (0 to 255), to a picture or its mirror image",
    )
    _add_run(parser, "nearest.png")
    parser.add_argument("-n", "--count", type=int, default=8, metavar="N", help="samples (8)")
    parser.add_argument("--real", type=int, default=500, metavar="N",
                        help="real pictures whose nearest other one is looked up for comparison (500)")
    parser.add_argument("--zoom", type=int, default=2, metavar="K", help="draw a pixel as K x K (2)")
    parser.set_defaults(run=_nearest)


def _nearest(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".png")
    check_at_least(arguments, count=1, real=1, zoom=1)
    model, settings = _model(arguments)
    images = gan.load_data(settings, eprint).images
    if images.shape[1:] != model.shape:
        raise ValueError(f"`{arguments.run_path}` draws pictures {model.shape}; its data now has {images.shape[1:]}")
    generator = Generator(seed_of(arguments) or 0)
    samples = gan.generate(model, arguments.count, generator)
    found = gan_pictures.nearest(samples, images)
    own = generator.permutation(len(images))[: arguments.real]
    usual = gan_pictures.nearest(images[own], images, own).distance
    for i, (k, mirrored, distance) in enumerate(zip(found.index, found.mirrored, found.distance, strict=True)):
        nearer = (usual < distance).mean()
        print(f"sample {i}: training picture {k}{' (mirrored)' if mirrored else ''}, distance {distance:.1f}; "
              f"{nearer:.0%} of real pictures have a nearer one")
    print(gan_pictures.says(found.distance, usual))
    sheet = grid(np.concatenate([samples, found.of(images)]), arguments.count)
    save_png(arguments.out, enlarge(sheet, arguments.zoom), gan.about(settings))
    print(arguments.out)
    return 0
