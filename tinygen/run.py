"""A run directory: what a training run was told, what it measured, and all it needs to go on exactly.

::

    run = Run.resume(out, "text train", settings, may_change=("epochs",)) if resume else Run.create(...)
    with run, Interruption() as interruption, Progress(steps) as progress:
        checkpoint = run.restore()                     # None: from the start
        stop = False
        while not stop:
            ...                                        # one step
            stop = step == steps or interruption.requested
            run.log(step=step, loss=loss)              # first the rows, then the checkpoint that covers them
            if stop or step % save_every == 0:
                run.checkpoint(weights, state, step=step, finished=step == steps)

A run that was killed at any moment, by SIGKILL too, and then resumed, ends with the same bytes in
``metrics.jsonl`` and in its weights as one that was never stopped: a checkpoint records the length and the
checksum of ``metrics.jsonl``, which is cut back to it before the rows come again.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import json
import math
import os
import platform
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tinygen import io
from tinygen.checkpoint import FILES, LAST, LAST_PREVIOUS, Checkpoint, Checkpoints
from tinygen.progress import EXIT_INTERRUPTED, Interruption, Progress
from tinygen.version import __version__

try:
    import fcntl
except ImportError:  # Windows: two processes in one run directory are not noticed there
    fcntl = None

__all__ = ["EXIT_INTERRUPTED", "Checkpoint", "Interruption", "Progress", "Run", "new_run_path"]

CONFIG, METRICS, TIMING = "config.json", "metrics.jsonl", "timing.jsonl"
BEST, SAMPLES = "best.safetensors", "samples"
_LOCK = ".lock"
_OURS = (*FILES, BEST, METRICS, TIMING, SAMPLES)


class Run:
    """A run directory; made by :meth:`create`, :meth:`resume` or :meth:`open`.

    ``path``, ``command``, ``settings`` and ``config`` say what it is, ``warnings`` has lines for the user.
    A run that writes holds a lock on its directory until it is closed or its process ends, however it ends.
    """

    _lock: int | None = None  # an open file; None: for reading only
    _metrics: int | None = None  # an open file, once it is known where to go on

    def __init__(self, path: Path, config: dict[str, Any], *, lock: int | None = None):
        self.path, self.config = path, config
        self.command: str = config["command"]
        self.settings: dict[str, Any] = config["settings"]
        self.warnings: list[str] = []
        self._checkpoints = Checkpoints(path)
        self._lock = lock
        self._length = self._crc = 0  # of metrics.jsonl
        self._stored = config  # as it is in the file

    # ------------------------------------------------------------------------------------- three ways to open

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        command: str,
        settings: Mapping[str, Any],
        *,
        overwrite: bool = False,
    ) -> Run:
        """Start a run in a directory of its own.

        Args:
            path: the directory; made if need be.
            command: what runs, such as "text train".
            settings: every setting: strings, bools, integers, finite floats, None, paths, lists, dicts.
            overwrite: remove the run that is there.

        Returns:
            The run, with ``config.json`` written and ``metrics.jsonl`` empty.

        Raises:
            ValueError: `path` is a file or holds a run already, or a setting cannot be written.
            RuntimeError: another process is training there.
            OSError: the directory cannot be written.
        """
        path, config = Path(path), _config(command, settings)
        cls._refuse_existing(path, overwrite)
        run = cls(path, config, lock=_lock(path))
        try:
            cls._refuse_existing(path, overwrite)  # again: another process may have been quicker
            _clear(path)
            io.write_atomically(path / CONFIG, [_config_bytes(config)])
            run._open_metrics(0)
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike[str],
        command: str,
        settings: Mapping[str, Any],
        *,
        may_change: Collection[str] = (),
    ) -> Run:
        """Go on with a run; :meth:`restore` says from where. A run that never began is begun.

        Args:
            path: the directory.
            command: must be the run's.
            settings: must be the run's, those in `may_change` excepted.
            may_change: settings that may differ from the run's, such as ``epochs``; the new value counts.

        Returns:
            The run; call :meth:`restore` before anything else.

        Raises:
            ValueError: another command's run or other settings (the line names both values), no run but
                other files, a damaged ``config.json``.
            RuntimeError: another process is training there.
            OSError: the directory cannot be written.
        """
        path, config = Path(path), _config(command, settings)
        if not os.path.lexists(path / CONFIG):
            present = [name for name in FILES if os.path.lexists(path / name)]
            if present:
                raise ValueError(f"`{path}` holds `{present[0]}` but no `{CONFIG}`: it cannot be resumed")
            return cls.create(path, command, settings)
        lock = _lock(path)
        try:
            stored = _read_config(path)
            _check_same(path, stored, config, may_change)
            for folder in (path, path / SAMPLES):
                io.remove_temporaries(folder)
        except BaseException:
            os.close(lock)
            raise
        run = cls(path, {**stored, "settings": config["settings"], "seed": config["seed"]}, lock=lock)
        run._stored = stored
        run._warn_of_versions(config["versions"])
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str], command: str | None = None) -> Run:
        """Look at a run, also while it is training: settings, metrics and weights; nothing can be written.

        Args:
            path: the directory.
            command: must be the run's, unless None.

        Returns:
            The run.

        Raises:
            FileNotFoundError: there is no run.
            ValueError: the run is another command's, or ``config.json`` is damaged.
        """
        path = Path(path)
        if not (path / CONFIG).is_file():
            raise FileNotFoundError(f"`{path}` holds no run (no `{CONFIG}` there)")
        config = _read_config(path)
        if command is not None and config["command"] != command:
            raise ValueError(f"`{path}` holds a run of `{config['command']}`; a run of `{command}` is needed")
        return cls(path, config)

    def close(self) -> None:
        """Let go of the directory; nothing can be written after."""
        metrics, lock, self._metrics, self._lock = self._metrics, self._lock, None, None
        for descriptor in (metrics, lock):
            if descriptor is not None:
                os.close(descriptor)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------- checkpoints

    def restore(self) -> Checkpoint | None:
        """Read the last good checkpoint, and cut the metrics back to what they were then.

        A damaged or half-renamed last checkpoint is passed over for the one before, with a line in
        :attr:`warnings`. Rows of ``timing.jsonl`` behind the checkpoint's step go too.

        Returns:
            The checkpoint (arrays as NumPy), or None: start from the start.

        Raises:
            ValueError: there are checkpoint files, but none that is whole and that ``metrics.jsonl`` fits;
                nothing was changed.
        """
        if self._metrics is not None:
            if self._length:
                raise RuntimeError("restore() comes before the first log(): rows were written already")
            return None  # a new run
        self._check_writes()
        metrics = self._read(METRICS)
        checkpoint = self._checkpoints.read(lambda found: _metrics_problem(self.path, metrics, found))
        self.warnings += self._checkpoints.warnings
        self._checkpoints.warnings.clear()
        length = 0 if checkpoint is None else int(checkpoint.extra["metrics_length"])
        self._cut_timing(0 if checkpoint is None else checkpoint.step)
        if self.config != self._stored:
            io.write_atomically(self.path / CONFIG, [_config_bytes(self.config)])
        self._open_metrics(length)
        self._crc = zlib.crc32(metrics[:length])
        return checkpoint

    def checkpoint(
        self, weights: Mapping[str, Any], state: Any, *, step: int, finished: bool = False
    ) -> None:
        """Save everything; killed at any instant, a complete checkpoint is on the disk.

        Args:
            weights: name -> array or tensor, written to ``last.safetensors``.
            state: what else the run needs to go on exactly: optimiser, generators, order and position of the
                data; nested as :func:`tinygen.checkpoint.encode_state` takes it. No times: the file's bytes
                are the same in every run of the same settings.
            step: steps done, 0 or more.
            finished: whether the run has come to its end.

        Raises:
            TypeError, ValueError: something that cannot be written; the last checkpoint stands.
            OSError: the disk is full or refuses; the last checkpoint stands.
        """
        metrics = self._writable()
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
            raise ValueError(f"`step` is {step!r}; it must be an integer of 0 or more")
        os.fsync(metrics)
        extra = {"metrics_length": str(self._length), "metrics_crc32": f"{self._crc:08x}"}
        self._checkpoints.write(weights, state, step=int(step), finished=bool(finished), extra=extra)

    def save_best(self, weights: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Write ``best.safetensors``, all of it or nothing.

        Args:
            weights: name -> array or tensor.
            metadata: what it is the best by, such as ``{"step": 1200, "val_loss": 1.25}``.

        Raises:
            TypeError, ValueError, OSError: as :func:`tinygen.io.save`.
        """
        self._writable()
        strings = {}
        for key, value in (metadata or {}).items():
            strings[key] = value if isinstance(value, str) else json.dumps(_plain(value, f"metadata `{key}`"))
        io.save(self.path / BEST, weights, strings)

    def weights(self, which: str = "last") -> dict[str, np.ndarray]:
        """Read the run's weights.

        Args:
            which: "last" (of the last checkpoint; where that is damaged, of the one before, with a line in
                :attr:`warnings`) or "best".

        Returns:
            name -> NumPy array.

        Raises:
            FileNotFoundError: the run has none yet.
            ValueError: `which` is neither, or the file is damaged.
        """
        if which not in ("last", "best"):
            raise ValueError(f"`which` is {which!r}; valid are 'last' and 'best'")
        name = LAST if which == "last" else BEST
        if which == "last" and (self.path / LAST_PREVIOUS).exists():
            try:
                return io.load(self.path / LAST)
            except (ValueError, FileNotFoundError) as error:
                weights = io.load(self.path / LAST_PREVIOUS)
                self.warnings.append(f"{error}; using `{LAST_PREVIOUS}`")
                return weights
        if not (self.path / name).exists():
            raise FileNotFoundError(f"`{self.path}` has no `{name}` yet")
        return io.load(self.path / name)

    # --------------------------------------------------------------------------------------- what it measures

    def log(self, **row: Any) -> None:
        """Add a row to ``metrics.jsonl``; no times, so that two runs give the same bytes.

        Args:
            **row: strings, bools, integers, floats (written so that they read back exactly), arrays and
                tensors of one element, None, lists and dicts, in the order given. NaN and infinities, which
                JSON lacks, become null: a run that diverges can still say so.

        Raises:
            TypeError: a value of another kind.
            OSError: the disk is full; the file holds whole rows only.
        """
        descriptor = self._writable()
        line = _row(row)
        try:
            io.write_all(descriptor, line)
        except BaseException as error:  # a part of the row may be written
            os.ftruncate(descriptor, self._length)
            if isinstance(error, OSError):
                raise io.unwritable(self.path / METRICS, error) from error
            raise
        self._length += len(line)
        self._crc = zlib.crc32(line, self._crc)

    def log_timing(self, **row: Any) -> None:
        """Add a row to ``timing.jsonl``: seconds, speed, memory; no part of an exact resume.

        Args:
            **row: as for :meth:`log`; with a ``step``, so that a resume can drop the rows it will repeat.

        Raises:
            TypeError: a value of another kind.
            OSError: from the system.
        """
        self._writable()
        line = _row(row)
        with open(self.path / TIMING, "ab") as file:
            file.write(line)

    def metrics(self) -> list[dict[str, Any]]:
        """Read the rows of ``metrics.jsonl``.

        Returns:
            One dict a row; a last row that is still being written is left out.

        Raises:
            ValueError: a row is damaged.
        """
        lines = self._read(METRICS).split(b"\n")[:-1]
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise ValueError(f"`{self.path / METRICS}` is damaged: {error}") from None

    # ------------------------------------------------------------------------------------------------ samples

    def sample_path(self, step: int, suffix: str) -> Path:
        """Name the sample of a step, in ``samples/``, which is made.

        Args:
            step: steps done.
            suffix: the end of the name, such as ".png" or "-grid.png".

        Returns:
            ``samples/step_000123`` + suffix, in the run directory.

        Raises:
            ValueError: a suffix with a folder in it.
        """
        self._writable()
        if not suffix or "/" in suffix or os.sep in suffix:
            raise ValueError(f"`suffix` is {suffix!r}; it must end a file name, such as '.png'")
        folder = self.path / SAMPLES
        folder.mkdir(exist_ok=True)
        return folder / f"step_{step:06d}{suffix}"

    def write_text(self, step: int, text: str, suffix: str = ".txt") -> Path:
        """Write a text sample, UTF-8, all of it or nothing; see :meth:`sample_path`.

        Args:
            step: steps done.
            text: the sample.
            suffix: the end of the name.

        Returns:
            The file.
        """
        return self.write_bytes(step, text.encode("utf-8", "backslashreplace"), suffix)

    def write_bytes(self, step: int, data: bytes, suffix: str) -> Path:
        """Write a sample, such as a picture's file, all of it or nothing; see :meth:`sample_path`.

        Args:
            step: steps done.
            data: the file's contents.
            suffix: the end of the name.

        Returns:
            The file.
        """
        path = self.sample_path(step, suffix)
        io.write_atomically(path, [data])
        return path

    # ------------------------------------------------------------------------------------------------- within

    @staticmethod
    def _refuse_existing(path: Path, overwrite: bool) -> None:
        if path.exists() and not path.is_dir():
            raise ValueError(f"`{path}` is a file; a run needs a folder: choose another --out")
        if os.path.lexists(path / CONFIG):
            if not overwrite:
                raise ValueError(
                    f"`{path}` already holds a run; --resume continues it, or choose another --out"
                )
            _read_config(path)  # somebody else's config.json is not overwritten
            return
        present = [name for name in _OURS if os.path.lexists(path / name)]
        if present:
            raise ValueError(f"`{path}` is no run but holds `{present[0]}`: choose another --out")

    def _check_writes(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"the run `{self.path}` is open for reading only, or closed")

    def _writable(self) -> int:
        self._check_writes()
        if self._metrics is None:
            raise RuntimeError("a resumed run needs restore() before anything is written")
        return self._metrics

    def _open_metrics(self, length: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._metrics = os.open(self.path / METRICS, flags, 0o666)
        os.ftruncate(self._metrics, length)
        self._length = length

    def _read(self, name: str) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            return (self.path / name).read_bytes()
        return b""

    def _cut_timing(self, step: int) -> None:
        """Drop the rows of timing.jsonl from the first that is behind `step`, or that a kill cut off."""
        data, kept = self._read(TIMING), 0
        for line in data.splitlines(keepends=True):
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or step == 0 or row.get("step", 0) > step:
                break
            kept += len(line)
        if kept < len(data):
            os.truncate(self.path / TIMING, kept)

    def _warn_of_versions(self, now: Mapping[str, str]) -> None:
        then = self.config.get("versions", {})
        for name in sorted({*then, *now}):
            before, after = then.get(name, "absent"), now.get(name, "absent")
            if before != after:
                line = f"{name} was {before} when this run began and is {after} now"
                self.warnings.append(f"{line}: the last bits may differ from an uninterrupted run")


def new_run_path(command: str, folder: str | os.PathLike[str] = "runs") -> Path:
    """Choose the directory of a run that was given none.

    Args:
        command: such as "text train".
        folder: where runs are kept.

    Returns:
        ``folder/text-train-N`` with the least N, from 1, that is not there; nothing is made.
    """
    number = 1
    while os.path.lexists(path := Path(folder) / f"{command.replace(' ', '-')}-{number}"):
        number += 1
    return path


# ------------------------------------------------------------------------------------------------ config.json


def _config(command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: _plain(value, f"setting `{name}`", finite=True) for name, value in settings.items()}
    versions = {"tinygen": __version__, "python": platform.python_version(), "numpy": np.__version__}
    for package in ("numba", "cupy-cuda13x", "cupy-cuda12x"):  # asked of the installer: nothing is imported
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "command": command,
        "seed": plain.get("seed"),
        "settings": plain,
        "versions": versions,
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _config_bytes(config: Mapping[str, Any]) -> bytes:
    return (json.dumps(config, indent=2, allow_nan=False) + "\n").encode()


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads((path / CONFIG).read_bytes())
    except ValueError as error:
        raise ValueError(f"`{path / CONFIG}` is damaged: {error}") from None
    kinds = {"command": str, "settings": dict, "versions": dict}
    if not isinstance(config, dict) or not all(isinstance(config.get(k), kind) for k, kind in kinds.items()):
        raise ValueError(f"`{path / CONFIG}` is not of a tinygen run: choose another --out")
    return config


def _check_same(
    path: Path, stored: dict[str, Any], config: dict[str, Any], may_change: Collection[str]
) -> None:
    before, now = stored["command"], config["command"]
    if before != now:
        raise ValueError(f"`{path}` holds a run of `{before}`, not of `{now}`: choose another --out")
    there, here = stored["settings"], config["settings"]
    differences = []
    for name in dict.fromkeys([*there, *here]):
        if name not in may_change:
            before, now = (json.dumps(s[name]) if name in s else "not set" for s in (there, here))
            if before != now:
                differences.append(f"`{name}` was {before} and is {now} now")
    if differences:
        raise ValueError(
            f"`{path}` holds a run of other settings ({'; '.join(differences)}): "
            "give the same to resume it, or choose another --out"
        )


def _metrics_problem(path: Path, metrics: bytes, found: Checkpoint) -> str | None:
    length, crc = int(found.extra["metrics_length"]), found.extra["metrics_crc32"]
    if len(metrics) >= length and f"{zlib.crc32(metrics[:length]):08x}" == crc:
        return None
    change = "was changed since" if len(metrics) >= length else f"has only {len(metrics)} of {length} bytes"
    return f"`{path / METRICS}` {change}: it does not fit the checkpoint of step {found.step}"


# ----------------------------------------------------------------------------------------------- small things


def _row(row: Mapping[str, Any]) -> bytes:
    plain = {name: _plain(value, f"`{name}`") for name, value in row.items()}
    return (json.dumps(plain, allow_nan=False, separators=(",", ":")) + "\n").encode()


def _plain(value: Any, what: str, finite: bool = False) -> Any:
    """The value as JSON has it; NaN and infinities as null, or refused where it must be `finite`."""
    if hasattr(value, "dtype") and callable(getattr(value, "item", None)):
        if math.prod(value.shape) != 1:
            raise TypeError(f"{what} has shape {tuple(value.shape)}; one element is needed")
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if finite and not math.isfinite(value):
            raise ValueError(f"{what} is {value}; a run can keep finite numbers only")
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(entry, what, finite) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, what, finite) for key, entry in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    kinds = "strings, bools, numbers, None, lists, dicts"
    raise TypeError(f"{what} is a {type(value).__name__}; valid are {kinds}")


def _lock(path: Path) -> int:
    """Make the directory if need be and lock it; when the process ends, however it ends, the lock is gone."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, f"cannot make the folder `{path}`: {reason}") from error
    try:
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise io.unwritable(path / CONFIG, error) from error
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace") or "unknown"
        os.close(descriptor)
        raise RuntimeError(f"another process (pid {holder}) is training in `{path}`") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):  # a file system without locks
            os.close(descriptor)
            raise io.unwritable(path / _LOCK, error) from error
    return descriptor


def _clear(path: Path) -> None:
    """Remove a run's files, and no others."""
    for name in (*FILES, BEST, METRICS, TIMING):
        (path / name).unlink(missing_ok=True)
    samples = path / SAMPLES
    for folder in (path, samples):
        io.remove_temporaries(folder)
    for sample in samples.glob("step_*"):
        sample.unlink()
    if samples.is_dir() and not any(samples.iterdir()):
        samples.rmdir()
