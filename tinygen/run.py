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

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tinygen import io
from tinygen.checkpoint import FILES, LAST, LAST_PREVIOUS, Checkpoint, Checkpoints
from tinygen.metrics import METRICS, TIMING, Metrics, add_timing, counted, cut_timing, problem_with, row_bytes
from tinygen.progress import EXIT_INTERRUPTED, Interruption, Progress
from tinygen.run_config import CONFIG, check_same, config_bytes, config_of, plain, read_config
from tinygen.run_lock import locked

__all__ = ["EXIT_INTERRUPTED", "Checkpoint", "Interruption", "Progress", "Run", "new_run_path"]

BEST, SAMPLES = "best.safetensors", "samples"
_OURS = (*FILES, BEST, METRICS, TIMING, SAMPLES)


class Run:
    """A run directory; made by :meth:`create`, :meth:`resume` or :meth:`open`.

    ``path``, ``command``, ``settings`` and ``config`` say what it is, ``warnings`` has lines for the user.
    A run that writes holds a lock on its directory until it is closed or its process ends, however it ends.
    """

    def __init__(self, path: Path, config: dict[str, Any], *, lock: int | None = None):
        self._metrics, self._lock = Metrics(path), lock  # the lock is an open file; None: for reading only
        self.path, self.config = path, config
        self.command: str = config["command"]
        self.settings: dict[str, Any] = config["settings"]
        self.warnings: list[str] = []
        self._checkpoints = Checkpoints(path)
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
        path, config = Path(path), config_of(command, settings)
        cls._refuse_existing(path, overwrite)
        run = cls(path, config, lock=locked(path))
        try:
            cls._refuse_existing(path, overwrite)  # again: another process may have been quicker
            _clear(path)
            io.write_atomically(path / CONFIG, [config_bytes(config)])
            run._metrics.open()
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
        path, config = Path(path), config_of(command, settings)
        if not os.path.lexists(path / CONFIG):
            present = [name for name in FILES if os.path.lexists(path / name)]
            if present:
                raise ValueError(f"`{path}` holds `{present[0]}` but no `{CONFIG}`: it cannot be resumed")
            return cls.create(path, command, settings)
        lock = locked(path)
        try:
            stored = read_config(path)
            check_same(path, stored, config, may_change)
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
        config = read_config(path)
        if command is not None and config["command"] != command:
            raise ValueError(f"`{path}` holds a run of `{config['command']}`; a run of `{command}` is needed")
        return cls(path, config)

    def close(self) -> None:
        """Let go of the directory; nothing can be written after."""
        self._metrics.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

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
        if self._metrics.file is not None:
            if self._metrics.length:
                raise RuntimeError("restore() comes before the first log(): rows were written already")
            return None  # a new run
        self._check_writes()
        metrics = self._metrics.read()
        checkpoint = self._checkpoints.read(lambda found: problem_with(self._metrics.path, metrics, found))
        self.warnings += self._checkpoints.warnings
        self._checkpoints.warnings.clear()
        cut_timing(self.path, 0 if checkpoint is None else checkpoint.step)
        if self.config != self._stored:
            io.write_atomically(self.path / CONFIG, [config_bytes(self.config)])
        self._metrics.open(b"" if checkpoint is None else counted(metrics, checkpoint))
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
        self._check_writable()
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
            raise ValueError(f"`step` is {step!r}; it must be an integer of 0 or more")
        extra = self._metrics.synced()
        self._checkpoints.write(weights, state, step=int(step), finished=bool(finished), extra=extra)

    def save_best(self, weights: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Write ``best.safetensors``, all of it or nothing.

        Args:
            weights: name -> array or tensor.
            metadata: what it is the best by, such as ``{"step": 1200, "val_loss": 1.25}``.

        Raises:
            TypeError, ValueError, OSError: as :func:`tinygen.io.save`.
        """
        self._check_writable()
        strings = {}
        for key, value in (metadata or {}).items():
            strings[key] = value if isinstance(value, str) else json.dumps(plain(value, f"metadata `{key}`"))
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
        self._check_writable()
        self._metrics.append(row_bytes(row))

    def log_timing(self, **row: Any) -> None:
        """Add a row to ``timing.jsonl``: seconds, speed, memory; no part of an exact resume.

        Args:
            **row: as for :meth:`log`; with a ``step``, so that a resume can drop the rows it will repeat.

        Raises:
            TypeError: a value of another kind.
            OSError: from the system.
        """
        self._check_writable()
        add_timing(self.path, row_bytes(row))

    def metrics(self) -> list[dict[str, Any]]:
        """Read the rows of ``metrics.jsonl``.

        Returns:
            One dict a row; a last row that is still being written is left out.

        Raises:
            ValueError: a row is damaged.
        """
        return self._metrics.rows()

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
        self._check_writable()
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
            read_config(path)  # somebody else's config.json is not overwritten
            return
        present = [name for name in _OURS if os.path.lexists(path / name)]
        if present:
            raise ValueError(f"`{path}` is no run but holds `{present[0]}`: choose another --out")

    def _check_writes(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"the run `{self.path}` is open for reading only, or closed")

    def _check_writable(self) -> None:
        self._check_writes()
        if self._metrics.file is None:
            raise RuntimeError("a resumed run needs restore() before anything is written")

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
