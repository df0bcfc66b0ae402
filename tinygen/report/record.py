"""What a report knows of a run: its settings, its rows of metrics, its samples."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tinygen.run import METRICS, SAMPLES, TIMING, Run

NO_CURVE = ("step", "epoch", "octave", "evaluations", "rollback", "to_step")  # numbers that say where, not how well
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Record:
    """A run as it is read for a report.

    Attributes:
        run: the run, open for reading.
        name: what it is called on the page.
        rows: of ``metrics.jsonl``.
        samples: (step, file), in the order of the steps.
        speeds: name -> median, of what ``timing.jsonl`` says is done in a second.
    """

    run: Run
    name: str
    rows: Sequence[dict[str, Any]]
    samples: Sequence[tuple[int, Path]]
    speeds: dict[str, float]

    @property
    def metrics(self) -> list[str]:
        """The names of what was measured, in the order in which they came."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return [n for n in names if n not in NO_CURVE and any(_number(row.get(n)) is not None for row in self.rows)]

    @property
    def in_epochs(self) -> bool:
        """Whether it has come to the end of two epochs, so that there is a curve over epochs."""
        return sum(bool(row.get("epoch_end")) for row in self.rows) > 1

    def points(self, metric: str, over: str) -> list[Points]:
        """Return the curve of a metric: (x, value), in pieces, broken where a new picture begins or nothing was known.

        Args:
            metric: one of :attr:`metrics`.
            over: ``"epoch"``, of which only the ends count, or ``"step"``.
        """
        pieces: list[Points] = [[]]
        octave = None
        for row in self.rows:
            if metric not in row or (over == "epoch" and not row.get("epoch_end")):
                continue
            y = _number(row[metric])
            if y is None or row.get("octave") != octave:
                octave = row.get("octave")
                pieces.append([])
            if y is not None:
                pieces[-1].append((row[over], y))
        return [piece for piece in pieces if piece]

    def last(self, metric: str) -> float | None:
        """Return the last value of a metric that is a number; of the ends of epochs, where there are some."""
        ends = [row for row in self.rows if row.get("epoch_end") and _number(row.get(metric)) is not None]
        known = ends or [row for row in self.rows if _number(row.get(metric)) is not None]
        return _number(known[-1][metric]) if known else None

    def best(self, metric: str) -> tuple[float, int] | None:
        """Return the lowest value of a metric and its step; None if it was never measured."""
        known = [(value, row["step"]) for row in self.rows if (value := _number(row.get(metric))) is not None]
        return min(known) if known else None


def read_record(path: str | Path, name: str | None = None) -> Record:
    """Read a run for a report.

    Args:
        path: the run directory.
        name: what to call it; None for the directory's name.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it has measured nothing yet, or a line of its metrics is damaged; the line is named.
    """
    run = Run.open(path)
    rows = _rows(run.path / METRICS)
    if not rows:
        raise ValueError(f"`{run.path}` has no metrics yet (`{METRICS}` is empty or not there): let it train first")
    samples = []
    for file in sorted((run.path / SAMPLES).glob("step_*")):
        match = re.match(r"step_(\d+)", file.name)
        if match and file.suffix in (".txt", ".png"):
            samples.append((int(match[1]), file))
    return Record(run, name or run.path.resolve().name, rows, samples, _speeds(run.path / TIMING))


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines; a last one without its end is still being written, and left out."""
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"`{path}`, line {number}, is damaged: {error}") from None
        whole = isinstance(row, dict) and all(
            isinstance(row.get(key, 0), int) for key in ("step", "epoch", "octave") if row.get(key) is not None
        )
        if not whole or not isinstance(row.get("step"), int):
            shown = line[:60].decode(errors="replace")
            raise ValueError(f"`{path}`, line {number}, is damaged: {shown!r} is no row with a `step`")
        rows.append(row)
    return rows


def _speeds(path: Path) -> dict[str, float]:
    """The medians of what is counted by the second; a file of times that is damaged says nothing."""
    found: dict[str, list[float]] = {}
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # no part of the result: a killed run may leave half a line, which resuming cuts off
        for name, value in row.items() if isinstance(row, dict) else ():
            if name.endswith("_per_second") and _number(value) is not None:
                found.setdefault(name, []).append(value)
    return {name: median(values) for name, values in found.items()}


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
