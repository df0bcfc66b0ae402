"""``tinygen report``: one page on a run, or on several side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygen.cli.common import eprint
from tinygen.io import write_atomically
from tinygen.report import read_record, report_page
from tinygen.report.writing import LENGTH

NAME = "report.html"


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "report", help="a page on runs: losses, samples, settings, the published figures beside them",
        epilog="the page is one HTML file that loads nothing; runs of several commands may be mixed",
    )
    parser.add_argument("run_paths", type=Path, nargs="+", metavar="RUN", help="a run directory")
    parser.add_argument("--out", "-o", type=Path, metavar="FILE.html",
                        help=f"where to write it (default RUN/{NAME}, of several runs {NAME} here)")
    parser.add_argument("--length", type=int, default=LENGTH, metavar="N",
                        help=f"tokens a model of text writes at each temperature, to be judged ({LENGTH}; 0: none)")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    paths, length = arguments.run_paths, arguments.length
    if length < 0:
        raise ValueError(f"`--length` is {length}; it must be at least 0")
    out = arguments.out or (paths[0] / NAME if len(paths) == 1 else Path(NAME))
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise ValueError(f"`--out` is {str(out)!r}; a page's name must end in .html")
    names = _names(paths)
    records = [read_record(path, name) for path, name in zip(paths, names, strict=True)]
    page = report_page(records, length, eprint)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the folder `{out.parent}`: {error.strerror}") from error
    write_atomically(out, [page.encode()])
    print(out)
    return 0


def _names(paths: list[Path]) -> list[str]:
    """What each run is called: its directory's name, or its path where two would be called the same."""
    short = [path.resolve().name for path in paths]
    return [name if short.count(name) == 1 else str(path) for name, path in zip(short, paths, strict=True)]
