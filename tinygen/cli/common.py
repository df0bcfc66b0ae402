"""What the commands share: a parser whose errors are one line, and the options common to all training."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from tinygen.io import write_atomically


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
