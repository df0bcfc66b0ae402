"""``metrics.jsonl`` and ``timing.jsonl`` of a run directory: rows that were measured.

Two equal runs write the same bytes to the first, which has no times in it; a checkpoint records its length and its
checksum, so that a run that goes on can cut it back to what it was. The second has the times.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygen import io
from tinygen.checkpoint import Checkpoint
from tinygen.run_config import plain

METRICS, TIMING = "metrics.jsonl", "timing.jsonl"


class Metrics:
    """The rows of ``metrics.jsonl``: read at any time, added to once it is open.

    Args:
        folder: the run directory.

    Attributes:
        file: what rows are added to; None: it is not open.
        length: bytes in it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS
        self.file: int | None = None
        self.length = self._crc = 0

    def read(self) -> bytes:
        """Return what the file holds, b"" where there is none."""
        return _read(self.path)

    def rows(self) -> list[dict[str, Any]]:
        """Return one dict a row; a last row that is still being written is left out.

        Raises:
            ValueError: a row is damaged.
        """
        lines = self.read().split(b"\n")[:-1]
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise ValueError(f"`{self.path}` is damaged: {error}") from None

    def open(self, kept: bytes = b"") -> None:
        """Open the file, cut back to ``kept``, which is how it begins."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self.file = os.open(self.path, flags, 0o666)
        os.ftruncate(self.file, len(kept))
        self.length, self._crc = len(kept), zlib.crc32(kept)

    def append(self, line: bytes) -> None:
        """Add a row; the file holds whole rows only, on a full disk too.

        Raises:
            OSError: from the system.
        """
        try:
            io.write_all(self.file, line)
        except BaseException as error:  # a part of the row may be written
            os.ftruncate(self.file, self.length)
            if isinstance(error, OSError):
                raise io.unwritable(self.path, error) from error
            raise
        self.length += len(line)
        self._crc = zlib.crc32(line, self._crc)

    def synced(self) -> dict[str, str]:
        """Bring all rows to the disk; return what a checkpoint records of them."""
        os.fsync(self.file)
        return {"metrics_length": str(self.length), "metrics_crc32": f"{self._crc:08x}"}

    def close(self) -> None:
        """Let go of the file."""
        file, self.file = self.file, None
        if file is not None:
            os.close(file)


def counted(metrics: bytes, checkpoint: Checkpoint) -> bytes:
    """Return the rows of ``metrics`` that a checkpoint knows of."""
    return metrics[: int(checkpoint.extra["metrics_length"])]


def problem_with(path: Path, metrics: bytes, checkpoint: Checkpoint) -> str | None:
    """Say why the contents of ``metrics.jsonl`` do not fit a checkpoint, None if they do."""
    length, rows = int(checkpoint.extra["metrics_length"]), counted(metrics, checkpoint)
    if len(rows) == length and f"{zlib.crc32(rows):08x}" == checkpoint.extra["metrics_crc32"]:
        return None
    change = "was changed since" if len(rows) == length else f"has only {len(rows)} of {length} bytes"
    return f"`{path}` {change}: it does not fit the checkpoint of step {checkpoint.step}"


def add_timing(folder: Path, line: bytes) -> None:
    """Add a row to ``timing.jsonl``."""
    with open(folder / TIMING, "ab") as file:
        file.write(line)


def cut_timing(folder: Path, step: int) -> None:
    """Drop the rows of ``timing.jsonl`` from the first that is behind ``step``, or that a kill cut off."""
    data, kept = _read(folder / TIMING), 0
    for line in data.splitlines(keepends=True):
        try:
            row = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n") or step == 0 or row.get("step", 0) > step:
            break
        kept += len(line)
    if kept < len(data):
        os.truncate(folder / TIMING, kept)


def row_bytes(row: Mapping[str, Any]) -> bytes:
    """Return a row as one line of JSON.

    Raises:
        TypeError: a value that cannot be written.
    """
    kept = {name: plain(value, f"`{name}`") for name, value in row.items()}
    return (json.dumps(kept, allow_nan=False, separators=(",", ":")) + "\n").encode()


def _read(path: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
