"""``quality RUN``, a command of every generator of pictures: how good are they, in figures?"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.cli.common import eprint, seed_of
from tinygen.data.images import ImageData
from tinygen.io import write_atomically
from tinygen.quality import Features, compare, features, judge_classes, report
from tinygen.random import Generator

# (run, n, generator) -> n generated pictures uint8 (n, C, H, W), the training pictures, the held-out ones if any
PicturesOf = Callable[[Path, int, Generator], tuple[np.ndarray, ImageData, ImageData | None]]
# (run, pictures uint8 (N, C, H, W)) -> their reconstructions, likewise
Reconstruct = Callable[[Path, np.ndarray], np.ndarray]


def add_quality(commands: Any, pictures_of: PicturesOf, reconstruct: Reconstruct | None = None) -> None:
    """Add ``quality RUN`` to a generator's commands.

    Args:
        commands: the generator's sub-parsers.
        pictures_of: generates pictures of a run, and loads its data in the shape that they have.
        reconstruct: encodes and decodes pictures, where the generator can.
    """
    parser = commands.add_parser(
        "quality", help="distances of generated pictures to real ones, in features of SqueezeNet",
        epilog="values depend on the number of pictures: hold them against real against real, of the same number",
    )
    parser.add_argument("run_path", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("-n", "--count", type=int, default=2000, metavar="N", help="pictures on each side (2000)")
    parser.add_argument("--weights-file", type=Path, metavar="FILE",
                        help="weights of SqueezeNet (default: the official)")
    parser.add_argument("--layer", default=features.LAYER, metavar="NAME", help=f"of SqueezeNet ({features.LAYER})")
    parser.add_argument("--seed", type=int, help="of all random numbers (default TINYGEN_SEED, else 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--digits", action="store_true",
                        help="for pictures with classes, such as digits: small networks, trained here, judge them too")
    parser.add_argument("--classifier", type=Path, metavar="FILE",
                        help="with --digits: keep the class network there (safetensors), and use it again")
    parser.set_defaults(run=functools.partial(_quality, pictures_of=pictures_of, reconstruct=reconstruct))


def _quality(arguments: argparse.Namespace, pictures_of: PicturesOf, reconstruct: Reconstruct | None) -> int:
    n, path, seed = arguments.count, arguments.run_path, seed_of(arguments) or 0
    if n < report.LEAST:
        raise ValueError(f"`--count` is {n}; it must be at least {report.LEAST}")
    if arguments.classifier is not None and not arguments.digits:
        raise ValueError(f"`--classifier` is {str(arguments.classifier)!r}; it goes with --digits")
    for name in ("json", "classifier"):  # told now, not after minutes of computing
        file = getattr(arguments, name)
        if file is not None and (file.is_dir() or not file.parent.is_dir()):
            raise ValueError(f"`--{name}` is {str(file)!r}; it must name a file in a folder that is there")
    network = Features(arguments.weights_file or "imagenet", arguments.layer, report=eprint)
    generated, train, held_out = pictures_of(path, n, Generator((seed << 8) + 4))
    if arguments.digits and (train.labels is None or train.labels.ndim != 1):
        raise ValueError(f"`--digits` needs pictures with classes; the data of `{path}` ({train.name}) has none")
    told: dict[str, Any] = {"run": str(path), "seed": seed, "distances": []}
    sets = [(train.images, None, "training pictures")]
    if held_out is not None:
        sets.append((held_out.images, train.images, "held-out pictures"))
    for real, reference, name in sets:
        if reference is not None and len(real) < report.LEAST:
            eprint(f"only {len(real)} {name}: too few to compare with")
            continue
        eprint(f"computing features of the generated and the {name} ({network})")
        found = compare(generated, real, network, reference=reference, n=n, seed=seed, name=name)
        _print(found.lines())
        told["distances"].append(asdict(found))
    if arguments.digits:
        rebuild = None if reconstruct is None else functools.partial(reconstruct, path)
        judged = judge_classes(generated, train, held_out, reconstruct=rebuild, n=n, seed=seed,
                               classifier=arguments.classifier, say=eprint)
        _print(judged.lines())
        told["digits"] = asdict(judged) | {"difference": judged.difference}
    if arguments.json is not None:
        write_atomically(arguments.json, [(json.dumps(told, indent=2) + "\n").encode()])
        print(arguments.json)
    return 0


def _print(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)
