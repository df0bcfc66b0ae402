"""``tinygen vae``: train a variational autoencoder, look at what it can draw, move pictures about in its space."""

from __future__ import annotations

import argparse
from dataclasses import replace
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
from tinygen.explorer import explorer_page
from tinygen.generators import latent, vae
from tinygen.pictures import enlarge, grid, read_image, save_gif, save_png, write_file
from tinygen.random import Generator


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    told = "variational autoencoder: train, grid, morph, concept, explore, likelihood, quality"
    parser = subparsers.add_parser("vae", help=told, description=vae.__doc__)
    names = "train|grid|morph|concept|explore|likelihood|quality"
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar=names)
    _add_train(commands)
    _add_grid(commands)
    _add_morph(commands)
    _add_concept(commands)
    _add_explore(commands)
    _add_likelihood(commands)
    add_quality(commands, _generated, _rebuilt)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train on pictures",
        epilog="presets: book is the chapter to the letter; tuned (the default) minimises the bound in nats",
    )
    parser.add_argument("--data", metavar="NAME|DIR|FILE.npz",
                        help=f"{', '.join(SPLITS)}, a folder of pictures, or a .npz file (default mnist)")
    parser.add_argument("--labels", metavar="FILE", help="table for a folder: CSV, or CelebA's list_attr_celeba.txt")
    parser.add_argument("--size", type=int, metavar="N", help="bring pictures to N x N (default: as they are)")
    parser.add_argument("--channels", type=int, choices=[1, 3], help="1 grey, 3 colour (default: as they are)")
    parser.add_argument("--preset", choices=list(vae.PRESETS), help="where all other values come from (default tuned)")
    parser.add_argument("--latent-dim", type=int, metavar="L", help="dimensions of the latent space (2)")
    parser.add_argument("--likelihood", choices=["auto", "bernoulli", "logistic"],
                        help="of a pixel; logistic: over the 256 bytes (tuned: that for colour, bernoulli for grey)")
    parser.add_argument("--beta", type=float, metavar="B", help="weight of the KL (tuned 1, book 0.001 pixels / L)")
    parser.add_argument("--anneal", type=float, metavar="E", help="epochs in which it rises from 0 (tuned 1, book 0)")
    parser.add_argument("--free-bits", type=float, metavar="X", help="nats of each dimension that cost nothing (0)")
    parser.add_argument("--val-fraction", type=float, metavar="F", help="share held out of data without a test set")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the pictures (10)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="pictures in a step (tuned 64, book 16)")
    parser.add_argument("--optimizer", choices=["adam", "rmsprop"], help="tuned adam, book rmsprop")
    parser.add_argument("--lr", type=float, metavar="X", help="learning rate (0.001)")
    add_training_options(parser)
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    return train(arguments, vae, max_steps=3, sample_every=3)


def _add_run(parser: argparse.ArgumentParser, out: str = "") -> None:
    parser.add_argument("run_path", type=Path, metavar="RUN", help="a run directory of tinygen vae train")
    parser.add_argument("--weights", choices=["auto", "last", "best"], default="auto",
                        help="which weights (auto: best where there are any, else last)")
    if out:
        parser.add_argument("--out", "-o", type=Path, default=Path(out), metavar="FILE", help=f"(default {out})")


def _model(arguments: argparse.Namespace) -> tuple[vae.VAE, vae.Settings]:
    return vae.load_model(arguments.run_path, arguments.weights, eprint)


def _add_grid(commands: Any) -> None:
    parser = commands.add_parser(
        "grid", help="draw a lattice of points of the latent space",
        epilog="two dimensions: quantiles of the normal distribution on both axes; others: a row for each dimension",
    )
    _add_run(parser, "grid.png")
    parser.add_argument("-n", "--side", type=int, default=15, metavar="N", help="pictures in a row (15)")
    parser.add_argument("--zoom", type=int, default=1, metavar="K", help="draw a pixel as K x K (1)")
    parser.add_argument("--around", metavar="P", help="a row for each dimension around the point of a picture: a file, "
                        "or the number of a held-out one")
    parser.add_argument("--axes", action="store_true", help="write the coordinates along the edges")
    parser.set_defaults(run=_grid)


def _grid(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".png")
    check_at_least(arguments, side=1, zoom=1)
    model, settings = _model(arguments)
    n, around = arguments.side, None
    if arguments.around is not None:
        around = model.points(_Pictures(model, settings)[arguments.around][None])[0]
    lattice = model.latent_dim == 2 and around is None
    sheet = enlarge(vae.manifold(model, n) if lattice else vae.traversals(model, n, around), arguments.zoom)
    if arguments.axes:
        values = [f"{round(float(value), 2) + 0.0:.2f}" for value in vae.quantiles(n)]  # + 0.0: never -0.00
        sheet = latent.with_axes(
            sheet, values, values[::-1] if lattice else [f"z{j + 1}" for j in range(model.latent_dim)]
        )
    save_png(arguments.out, sheet, vae.about(settings, Command="vae grid", Around=arguments.around or ""))
    print(arguments.out)
    return 0


class _Pictures:
    """Pictures as they are named on the command line: a file, or the number of a held-out picture of the data."""

    def __init__(self, model: vae.VAE, settings: vae.Settings) -> None:
        self.model, self.settings, self.held_out = model, settings, None

    def __getitem__(self, name: str) -> np.ndarray:
        channels, height, width = self.model.shape
        if not name.isdecimal():
            return read_image(name, (height, width), channels)
        if self.held_out is None:
            self.held_out = vae.load_data(self.settings, eprint, self.model.shape)[1]
        if int(name) >= len(self.held_out):
            raise ValueError(f"picture {name} is not there; the data holds out {len(self.held_out)}, from 0")
        return self.held_out.images[int(name)]


def _add_morph(commands: Any) -> None:
    parser = commands.add_parser("morph", help="turn one picture into another: an animation")
    _add_run(parser, "morph.gif")
    for name in ("first", "last"):
        parser.add_argument(name, metavar=name[0].upper(), help="a picture, or the number of a held-out one")
    parser.add_argument("--frames", type=int, default=24, metavar="N", help="pictures from one to the other (24)")
    parser.add_argument("--seconds", type=float, default=0.08, metavar="S", help="that each is shown (0.08)")
    parser.add_argument("--zoom", type=int, default=4, metavar="K", help="draw a pixel as K x K (4)")
    parser.set_defaults(run=_morph)


def _morph(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".gif")
    check_at_least(arguments, frames=2, zoom=1)
    check_seconds(arguments.seconds)
    model, settings = _model(arguments)
    pictures = _Pictures(model, settings)
    frames = latent.morph(model, pictures[arguments.first], pictures[arguments.last], arguments.frames)
    save_gif(arguments.out, [enlarge(frame, arguments.zoom) for frame in frames], arguments.seconds)
    print(arguments.out)
    return 0


def _add_labelled(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="NAME|DIR|FILE.npz", help="labelled pictures (default: the run's data)")
    parser.add_argument("--labels", metavar="FILE", help="table for a folder: CSV, or CelebA's list_attr_celeba.txt")


def _add_concept(commands: Any) -> None:
    parser = commands.add_parser(
        "concept", help="find the direction of an attribute, and move pictures along it",
        epilog="the direction comes from labelled training pictures; its accuracy is that on held-out ones",
    )
    _add_run(parser, "concept.png")
    parser.add_argument("--attribute", required=True, metavar="NAME", help="an attribute or class of the labels")
    _add_labelled(parser)
    parser.add_argument("--method", choices=latent.METHODS, default="mean",
                        help="difference of means, or the normal of a logistic regression (mean)")
    parser.add_argument("--picture", action="append", metavar="P", help="a picture, or the number of a held-out one; "
                        "may be given several times (default: the first 4 held-out ones without the attribute)")
    parser.add_argument("--steps", type=int, default=9, metavar="N", help="pictures in a row (9)")
    parser.add_argument("--strength", type=float, default=2.0, metavar="X", help="how far: from -X to X times it (2)")
    parser.add_argument("--zoom", type=int, default=2, metavar="K", help="draw a pixel as K x K (2)")
    parser.set_defaults(run=_concept)


def _concept(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".png")
    check_at_least(arguments, steps=2, zoom=1)
    if not 0 < arguments.strength < 1e6:
        raise ValueError(f"`--strength` is {arguments.strength}; it must be above 0 and below a million")
    model, settings = _model(arguments)
    data, held_out = _labelled(arguments, model, settings)
    has, held_has = (latent.flags_of(part, arguments.attribute) for part in (data, held_out))
    z, held_z = model.points(data.images), model.points(held_out.images)
    for method in latent.METHODS:
        found = latent.find_concept(z, has, method)
        print(f"{method}: {found.accuracy(held_z, held_has):.4f} of {len(held_out):,} held-out pictures told apart "
              f"({max(held_has.mean(), 1 - held_has.mean()):.4f} by always giving the commoner answer); balanced "
              f"accuracy {found.balanced_accuracy(held_z, held_has):.4f} (0.5 is chance)")
        if method == arguments.method:
            concept = found
    images = _chosen(arguments, model, settings, held_out, held_has)
    sheet = grid(latent.apply_concept(model, images, concept, arguments.steps, arguments.strength), arguments.steps)
    told = {"Command": "vae concept", "Attribute": arguments.attribute, "Method": arguments.method,
            "Steps": arguments.steps, "Strength": arguments.strength}
    save_png(arguments.out, enlarge(sheet, arguments.zoom), vae.about(settings, **told))
    print(arguments.out)
    return 0


def _labelled(
    arguments: argparse.Namespace, model: vae.VAE, settings: vae.Settings
) -> tuple[ImageData, ImageData]:
    """The data that --data and --labels name, else the run's: what was trained on, and what was held out."""
    changes = {name: getattr(arguments, name) for name in ("data", "labels") if getattr(arguments, name) is not None}
    if "data" in changes:
        changes.setdefault("labels", "")
    return vae.load_data(replace(settings, **changes), eprint, model.shape)


def _chosen(
    arguments: argparse.Namespace, model: vae.VAE, settings: vae.Settings, held_out: ImageData, has: np.ndarray
) -> np.ndarray:
    """The pictures to move (N, C, H, W)."""
    if not arguments.picture:
        without = np.flatnonzero(~has)[:4]
        return held_out.images[without if len(without) else slice(0, 4)]
    pictures = _Pictures(model, settings)
    pictures.held_out = held_out
    return np.stack([pictures[name] for name in arguments.picture])


def _add_explore(commands: Any) -> None:
    parser = commands.add_parser(
        "explore", help="make a page on which one walks through the latent space",
        epilog="one HTML file with the decoder in it: it needs a browser, and neither a network nor tinygen",
    )
    _add_run(parser, "explorer.html")
    _add_labelled(parser)
    parser.add_argument("--points", type=int, default=3000, metavar="N", help="held-out pictures on the map (3000)")
    parser.add_argument("--known", type=int, default=10_000, metavar="N",
                        help="training pictures that the directions with a meaning come from (10000)")
    parser.set_defaults(run=_explore)


def _explore(arguments: argparse.Namespace) -> int:
    check_ending(arguments.out, ".html")
    check_at_least(arguments, points=1, known=1)
    model, settings = _model(arguments)
    known, held_out = _labelled(arguments, model, settings)
    known, held_out = known.subset(slice(arguments.known)), held_out.subset(slice(arguments.points))
    page = explorer_page(model, held_out, known)
    write_file(arguments.out, page.encode())
    print(f"{arguments.out} ({len(page) / 1e6:.1f} MB)")
    return 0


def _add_likelihood(commands: Any) -> None:
    parser = commands.add_parser("likelihood", help="bounds of ln p(picture) on held-out pictures, in nats")
    _add_run(parser)
    parser.add_argument("-k", "--draws", type=int, default=64, metavar="K", help="draws for each picture (64)")
    parser.add_argument("-n", "--count", type=int, default=0, metavar="N", help="take the first N held-out pictures")
    parser.add_argument("--seed", type=int, help="of the draws (default TINYGEN_SEED, else 0)")
    parser.set_defaults(run=_likelihood)


def _likelihood(arguments: argparse.Namespace) -> int:
    check_at_least(arguments, draws=1, count=0)
    model, settings = _model(arguments)
    seed = seed_of(arguments) or 0
    images = vae.load_data(settings, eprint, model.shape)[1].images
    images = images[: arguments.count or len(images)]
    elbo = latent.importance_bound(model, images, 1, Generator(seed))
    print(f"{len(images):,} held-out pictures, {model.likelihood} likelihood, nats per picture")
    print(f"ELBO, one draw each:           {elbo:.3f}")
    if arguments.draws > 1:
        tighter = latent.importance_bound(model, images, arguments.draws, Generator(seed))
        print(f"importance weighted, k = {arguments.draws:<6} {tighter:.3f}")
    return 0


def _generated(path: Path, n: int, generator: Generator) -> tuple[np.ndarray, ImageData, ImageData]:
    """Decode n points of the normal distribution; return the pictures, and the data of the run."""
    model, settings = vae.load_model(path, warn=eprint)
    z = generator.normal((n, model.latent_dim), np.float32, "cpu")
    return model.pictures(z), *vae.load_data(settings, eprint, model.shape)


def _rebuilt(path: Path, images: np.ndarray) -> np.ndarray:
    """Encode and decode pictures."""
    model, _ = vae.load_model(path, warn=eprint)
    return model.pictures(model.points(images))
