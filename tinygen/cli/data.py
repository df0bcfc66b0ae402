"""``tinygen data``: what can be had, what is cached; download it."""

from __future__ import annotations

import argparse
from typing import Any

from tinygen.data.download import DATASETS, Remote, cache_dir, fetch, state
from tinygen.models.weights import CARRIED, OFFICIAL, partial_file

NETWORKS = {name: remote for (name, include_top), remote in OFFICIAL.items() if not include_top}
DRAWN = {  # what the package makes itself
    "python-docs": "text: the language reference that comes with Python; varies with its version",
    "font-digits": "pictures: digits drawn from a font",
    "shapes": "pictures: circles, squares, triangles and stars, with attributes",
}


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("data", help="data sets and weights of networks: list, fetch")
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="list|fetch")
    commands.add_parser("list", help="what can be had, and what is here").set_defaults(run=_list)
    fetching = commands.add_parser("fetch", help="download a data set, or the weights of a network")
    fetching.add_argument("name", metavar="NAME", help=_valid())
    fetching.set_defaults(run=_fetch)


def _valid() -> str:
    return f"data sets: {', '.join(DATASETS)}; networks: {', '.join(NETWORKS)}"


def _list(arguments: argparse.Namespace) -> int:
    print(f"cache: {cache_dir()}\n\ndata sets")
    for name, remotes in DATASETS.items():
        _row(name, remotes, state(remotes), remotes[0].text)
    for name, text in DRAWN.items():
        print(f"{name:<16} {'':>9}  {'here':<9} {text}")
    print("\nnetworks: weights for ImageNet, without their classifiers")
    for name, remote in NETWORKS.items():
        found, beginning = state([remote]), partial_file(name)
        if found != "here" and beginning is not None:
            _row(name, [remote], "partial", f"{beginning.name}; the whole: {remote.url}")
        else:
            _row(name, [remote], found, remote.url)
    for name, path in CARRIED.items():
        print(f"{name:<16} {path.stat().st_size / 1e6:6.1f} MB  {'here':<9} comes with tinygen; trained on CIFAR-10")
    return 0


def _row(name: str, remotes: tuple[Remote, ...] | list[Remote], found: str, text: str) -> None:
    print(f"{name:<16} {sum(remote.size for remote in remotes) / 1e6:6.1f} MB  {found:<9} {text}")


def _fetch(arguments: argparse.Namespace) -> int:
    name = arguments.name
    if name in DRAWN or name in CARRIED:
        print(f"{name} comes with tinygen: there is nothing to fetch")
        return 0
    if name not in DATASETS and name not in NETWORKS:
        raise ValueError(f"`name` is {name!r}; valid are {_valid()}")
    for remote in DATASETS.get(name) or [NETWORKS[name]]:
        for path in fetch(remote, report=print):
            print(path)
    return 0
