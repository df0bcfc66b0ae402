"""``tinygen data``: what can be had, what is cached; download it."""

from __future__ import annotations

import argparse
from typing import Any

from tinygen.data.download import DATASETS, cache_dir, cached, find


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("data", help="data sets: list, fetch")
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="list|fetch")
    commands.add_parser("list", help="what can be had, and what is here").set_defaults(run=_list)
    fetch = commands.add_parser("fetch", help="download a data set")
    fetch.add_argument("name", metavar="NAME", help=f"one of {', '.join(DATASETS)}")
    fetch.set_defaults(run=_fetch)


def _list(arguments: argparse.Namespace) -> int:
    print(f"cache: {cache_dir()}")
    for name, files in DATASETS.items():
        here = "here" if all(cached(name)) else "not here"
        size = sum(remote.size for remote in files) / 1e6
        print(f"{name:<16} {size:6.1f} MB  {here:<9} {files[0].text}")
    text = "the language reference that comes with Python; varies with its version"
    print(f"{'python-docs':<16} {'':>9}  {'here':<9} {text}")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    for path in find(arguments.name, report=print):
        print(path)
    return 0
