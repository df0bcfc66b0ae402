"""Music as text: chorales as lines of four numbers, folk tunes in ABC notation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tinygen.data.download import find

CHORALES, TUNES = "jsb-chorales", "nottingham"
SPLITS = ("train", "valid", "test")
REST = "-"
SILENT = ("S:", "N:", "%")  # how lines begin that nobody hears: where a tune was found, notes, comments

Report = Callable[[str], None]


def chorales(split: str | None = None, report: Report | None = None) -> list[list[list[int]]]:
    """Return the chorales: for each, for each sixteenth, four MIDI numbers, soprano first; -1 for a rest.

    Args:
        split: ``"train"``, ``"valid"`` or ``"test"``; None for all, in that order.
        report: called with a line before a download.

    Raises:
        ValueError: for another ``split``, or a file that is damaged.
        RuntimeError: if the download fails.

    Source: Boulanger-Lewandowski et al. (2012), the parts of the data set; sixteenths with the voices apart: Huang et
    al. (2017), *Counterpoint by convolution*.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"`split` is {split!r}; valid are {', '.join(SPLITS)} and None for all")
    (path,) = find(CHORALES, report)
    parts = json.loads(path.read_text(encoding="utf-8"))
    return [chorale for name in (SPLITS if split is None else (split,)) for chorale in parts[name]]


def chorales_text(split: str | None = None, report: Report | None = None) -> str:
    """Return the chorales as text: a line for each sixteenth; an empty line ends a chorale.

    A line has four MIDI numbers with a space between them, soprano first; ``-`` stands for a rest.

    Args:
        split: as :func:`chorales`.
        report: called with a line before a download.

    Raises:
        ValueError: as :func:`chorales`.
        RuntimeError: if the download fails.
    """
    texts = []
    for chorale in chorales(split, report):
        lines = (" ".join(REST if pitch < 0 else str(pitch) for pitch in chord) for chord in chorale)
        texts.append("".join(f"{line}\n" for line in lines) + "\n")
    return "".join(texts)


def abc_text(report: Report | None = None) -> str:
    """Return the tunes of the Nottingham Music Database in ABC notation, an empty line between two.

    Lines that nobody hears are left out (comments; ``S:`` and ``N:``, where a tune was found). The tunes of the 14
    files (jigs, reels, waltzes, ...) are shuffled into each other evenly, so that any stretch of the text, and what is
    held out at its end, has the same mixture; ``X:`` counts them anew.

    Args:
        report: called with a line before a download.

    Raises:
        RuntimeError: if a download fails.
    """
    placed = []
    for k, path in enumerate(find(TUNES, report)):
        tunes = _tunes_of(path)
        placed += [((i + 0.5) / len(tunes), k, tune) for i, tune in enumerate(tunes)]
    ordered = [tune for _, _, tune in sorted(placed)]
    return "\n".join(f"X:{number}\n{tune}" for number, tune in enumerate(ordered, 1))


def _tunes_of(path: Path) -> list[str]:
    """The tunes of a file, without their ``X:`` lines."""
    tunes: list[list[str]] = []
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.partition("%")[0].rstrip()
        if line.startswith("X:"):
            tunes.append([])
        elif line and tunes and not raw.startswith(SILENT):
            tunes[-1].append(line)
    return ["".join(f"{line}\n" for line in tune) for tune in tunes]
