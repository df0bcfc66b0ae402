"""``tinygen demo``: every generator, small, without the internet; ends with a page to look at."""

from __future__ import annotations

import argparse
import html
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import demo, io
from tinygen.cli.common import eprint
from tinygen.demo import page
from tinygen.run import EXIT_INTERRUPTED
from tinygen.version import __version__
from tinygen_ops.registry import machine, numba_problem

DEFAULT = Path("tinygen-demo")
PAGE = "index.html"
_OPENED = ".tinygen-demo"  # marks a folder as ours, so that an interrupted demo goes on in it


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo", help="see it work: all five generators, small, offline, in a few minutes",
        description="Runs every generator, small, on what Python and this package carry, and writes DIR/index.html.",
    )
    told = f"a new folder (default {DEFAULT})"
    parser.add_argument("--out", "-o", type=Path, default=DEFAULT, metavar="DIR", help=told)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the parts and write the page."""
    begun, folder = time.monotonic(), arguments.out
    if _claim(folder):
        print(f"{folder}: going on with the demo that was interrupted here")
    try:
        parts = [part.run(folder, print) for part in demo.PARTS]
    except demo.Stopped:
        eprint("tinygen: interrupted; the same command goes on from here")
        return EXIT_INTERRUPTED
    seconds = time.monotonic() - begun
    text = page.page("tinygen, a first look", _lead(seconds), parts, _footer())
    io.write_atomically(folder / PAGE, [text.encode()])
    print(f"done in {seconds:.0f} s; now open {folder / PAGE}")
    return 0


def _claim(folder: Path) -> bool:
    """Make the folder; return whether an interrupted demo is to go on in it.

    Raises:
        ValueError: where something else is in the way.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise ValueError(f"`{folder}` is a file; the demo needs a folder: choose another --out")
    if (folder / PAGE).exists():
        raise ValueError(f"`{folder}` holds a page already, look at {folder / PAGE}; or choose another --out")
    going_on = (folder / _OPENED).exists()
    if not going_on and folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"`{folder}` holds other files; choose a new folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the folder `{folder}`: {error.strerror}") from error
    io.write_atomically(folder / _OPENED, [__version__.encode() + b"\n"])
    return going_on


def _lead(seconds: float) -> str:
    numba = numba_problem()
    how = machine()
    kernels = f"Numba is off: {html.escape(numba)}" if how is None else (
        f"kernels compiled by Numba {how.numba} for {html.escape(how.cpu)}, {how.threads} threads"
    )
    return (
        "<p>A deep-learning engine written from scratch on NumPy, and generators built on it. Everything on this page "
        f"was computed on your machine, without the internet, in {seconds:.0f} seconds.</p>"
        f'<p class="note">tinygen {__version__}, Python {platform.python_version()}, NumPy {np.__version__}; '
        f"{platform.machine()}, {os.cpu_count()} CPU cores; {kernels}</p>"
    )


def _footer() -> str:
    return (
        "<p>The README has the Python interface in fifteen lines; <code>docs/learning-path.md</code> says in which "
        "order to read the code; <code>examples/</code> has short programs to change. What the command line can do:</p>"
        + page.shell("tinygen --help\ntinygen text train --help\ntinygen info")
    )
