"""What the commands share: a parser whose errors are one line, and the options and the way common to all training."""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tinygen.io import write_atomically
from tinygen.run import Run, new_run_path


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line and exits with status 2."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print ``message`` with the command's name, and exit."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every training command has."""
    parser.add_argument("--out", "-o", type=Path, metavar="PATH", help="run directory (default runs/COMMAND-NUMBER)")
    parser.add_argument("--resume", action="store_true", help="go on exactly with the run in --out")
    parser.add_argument("--init-from", type=Path, metavar="FILE", help="start from these weights (safetensors)")
    parser.add_argument("--device", help="cpu, cuda, cuda:N or auto (default TINYGEN_DEVICE, else auto)")
    parser.add_argument("--dry-run", action="store_true", help="a few steps in a temporary place, to see if all works")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--seed", type=int, help="of all random numbers (default TINYGEN_SEED, else 0)")
    parser.add_argument("--max-steps", type=int, metavar="N", help="end the run after N steps in all")
    parser.add_argument("--log-every", type=int, metavar="N", help="steps between rows of metrics.jsonl")
    parser.add_argument("--save-every", type=int, metavar="N", help="steps between checkpoints")
    parser.add_argument("--sample-every", type=int, metavar="N", help="steps between samples")


def train(arguments: argparse.Namespace, generator: ModuleType, **dry: Any) -> int:
    """Train as the arguments of :func:`add_training_options` and those for the generator's settings have it.

    Args:
        arguments: those of the command line.
        generator: its ``COMMAND``, ``Settings``, ``settings_for``, ``settings_of`` and ``train`` count here.
        dry: settings of a dry run.
    """
    settings, init_from = settings_told(arguments, generator, arguments.out)
    options = {"device": device_of(arguments), "init_from": init_from, "quiet": arguments.quiet}
    if arguments.dry_run:
        with dry_run() as (out, say):
            return generator.train(replace(settings, **dry), out, say=say, **options)
    out = arguments.out or new_run_path(generator.COMMAND)
    return generator.train(settings, out, resume=arguments.resume, **options)


@contextmanager
def dry_run() -> Iterator[tuple[Path, Callable[[str], None]]]:
    """Give a run directory that is gone afterwards, and what prints a line that does not name it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "run", lambda line: print("all works; nothing was kept" if folder in line else line)


def settings_told(arguments: argparse.Namespace, generator: ModuleType, out: Path | None) -> tuple[Any, Any]:
    """Return the settings that the arguments make, and the file of weights to start from.

    Args:
        arguments: those of the command line.
        generator: as for :func:`train`.
        out: the run directory; what a run that goes on is not told again is as it was there.
    """
    names = {f.name for f in fields(generator.Settings)}
    given = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    init_from = getattr(arguments, "init_from", None)
    if arguments.resume and out is None:
        raise ValueError("--resume needs --out, the run to go on with")
    if arguments.resume and (out / "config.json").is_file():
        run = Run.open(out, generator.COMMAND)
        return generator.settings_of(run, **given), init_from or run.settings.get("init_from")
    if (seed := seed_of(arguments)) is not None:
        given["seed"] = seed
    return generator.settings_for(given.pop("preset", "tuned"), **given), init_from


def device_of(arguments: argparse.Namespace) -> str:
    """The device that was asked for."""
    return arguments.device or os.environ.get("TINYGEN_DEVICE") or "auto"


def seed_of(arguments: argparse.Namespace) -> int | None:
    """The seed that was asked for, None for the default.

    Raises:
        ValueError: if ``TINYGEN_SEED`` is no number.
    """
    text = os.environ.get("TINYGEN_SEED")
    if arguments.seed is None and text:
        if not text.isdecimal():
            raise ValueError(f"`TINYGEN_SEED` is {text!r}; it must be an integer of at least 0")
        return int(text)
    return arguments.seed


def check_ending(path: Path, ending: str) -> None:
    """Refuse a name for the result that ends otherwise."""
    if path.suffix.lower() != ending:
        raise ValueError(f"`--out` is {str(path)!r}; its name must end in {ending}")


def names_picture(out: Path) -> bool:
    """Return whether ``--out`` is the name of a picture; if not, it is that of a folder.

    Raises:
        ValueError: for a picture that is not PNG.
    """
    if out.suffix.lower() in (".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"):
        raise ValueError(f"`--out` is {str(out)!r}; a picture's name must end in .png")
    return out.suffix.lower() == ".png"


def spare(target: Path, **inputs: str | list[str]) -> None:
    """Refuse to write over one of the ``inputs``, files by what they are called in an error."""
    for name, given in inputs.items():
        for source in [given] if isinstance(given, str) else given:
            if target.is_file() and Path(source).is_file() and target.samefile(source):
                raise ValueError(f"`--out` is {str(target)!r}, which is the `{name}` itself: choose another name")


def check_at_least(arguments: argparse.Namespace, **lows: float) -> None:
    """Refuse numbers that are too low, or not finite."""
    for name, low in lows.items():
        if not low <= getattr(arguments, name) < math.inf:
            option = name.replace("_", "-")
            raise ValueError(f"`--{option}` is {getattr(arguments, name)}; it must be at least {low}")


def check_seconds(seconds: float) -> None:
    """Refuse a time that a picture of an animation cannot be shown."""
    if not 0.02 <= seconds <= 60:
        raise ValueError(f"`--seconds` is {seconds}; it must be from 0.02 to 60")


def write_picture(image: Any, path: Path) -> None:
    """Save a Pillow image as PNG, all of it or nothing.

    Raises:
        ValueError: if ``path`` does not end in .png.
        OSError: if it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"`--out` is {str(path)!r}; a picture's name must end in .png")
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the folder `{path.parent}`: {error.strerror}") from error
    write_atomically(path, [buffer.getvalue()])
    print(path)


def eprint(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)
