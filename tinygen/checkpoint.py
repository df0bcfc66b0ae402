"""Checkpoints that a kill at any instant cannot spoil: weights and state, the last pair and the one before.

Four files: ``last.safetensors`` (weights) and ``state.safetensors`` (all else), and the same two of the
checkpoint before, ``last.previous.safetensors`` and ``state.previous.safetensors``. Two files cannot be
renamed at once, so each state file names the checksum of the weights it belongs to, and reading takes the
newest two that belong together. Writing goes so; a complete pair is on the disk at every instant of it:

1. write and sync both new files under temporary names: a full disk ends it here, with nothing changed;
2. give the good pair its ``previous`` names, by hard links, so that ``last.safetensors`` is never missing;
3. sync the folder, rename the new state into place, then the new weights, sync the folder.

A pair that was found damaged is never moved over a good one: only what this object wrote or read counts as
good. For a moment three generations are on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import io

LAST, STATE = "last.safetensors", "state.safetensors"
LAST_PREVIOUS, STATE_PREVIOUS = "last.previous.safetensors", "state.previous.safetensors"
FILES = (LAST, STATE, LAST_PREVIOUS, STATE_PREVIOUS)

# newest first; a crossed pair is whole when a kill came between two renames
_PAIRS = ((STATE, LAST), (STATE, LAST_PREVIOUS), (STATE_PREVIOUS, LAST_PREVIOUS), (STATE_PREVIOUS, LAST))
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True)
class Checkpoint:
    """One moment of a training run.

    Args:
        weights: name -> array, as they were given to be written.
        state: all else, nested as it was given; arrays as NumPy.
        step: steps done.
        finished: whether the run had come to its end.
        extra: the strings written beside it.
    """

    weights: dict[str, np.ndarray]
    state: Any
    step: int
    finished: bool = False
    extra: dict[str, str] = field(default_factory=dict)


class Checkpoints:
    """The checkpoint files of one folder; see the top of this file for how they are written.

    Args:
        folder: an existing folder that no other process writes to.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        self.warnings: list[str] = []
        self._good: dict[str, str] = {}  # "weights" and "state" -> the file that holds the newest good one

    def write(
        self,
        weights: Mapping[str, Any],
        state: Any,
        *,
        step: int,
        finished: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Write a checkpoint; the one before stays beside it.

        Args:
            weights: name -> array.
            state: as for :func:`encode_state`.
            step: steps done, 0 or more.
            finished: whether the run has come to its end.
            extra: further strings, given back by :meth:`read`.

        Raises:
            TypeError, ValueError: something that cannot be written; the files are as they were.
            OSError: one line with the file and the reason; a good checkpoint is still there.
        """
        arrays, tree = encode_state(state)
        weight_chunks, checksum = io.encode(weights, {"step": str(step)})
        strings = {"step": str(step), "finished": json.dumps(finished), "weights": checksum, "state": tree}
        strings |= {f"extra.{key}": value for key, value in (extra or {}).items()}
        state_chunks, _ = io.encode(arrays, strings)
        temporaries = {}
        try:
            for name, chunks in ((LAST, weight_chunks), (STATE, state_chunks)):
                temporaries[name] = io.write_temporary(self.folder / name, chunks)
            try:
                self._publish(temporaries)
            except OSError as error:
                raise io.unwritable(self.folder / STATE, error) from error
        finally:
            for temporary in temporaries.values():
                with contextlib.suppress(OSError):  # renamed, as a rule
                    os.unlink(temporary)

    def read(self, accept: Callable[[Checkpoint], str | None] | None = None) -> Checkpoint | None:
        """Read the newest whole checkpoint; nothing on the disk is changed.

        Where the newest was damaged, or cut off while it was written, a line in :attr:`warnings` says so.

        Args:
            accept: looks at a checkpoint and returns None, or one line why it cannot be used.

        Returns:
            The checkpoint, or None where none was ever completed.

        Raises:
            ValueError: there are files, but no pair that can be used.
        """
        present = {name for name in FILES if os.path.lexists(self.folder / name)}
        if not present:
            return None
        if present == {STATE}:  # state goes first, so this is what a kill within the first checkpoint leaves
            self.warnings.append("the run was cut off within its first checkpoint: starting from the start")
            return None
        cache: dict[str, Any] = {}
        problems: list[str] = []
        for state_name, weights_name in _PAIRS:
            found = self._pair(state_name, weights_name, cache)
            reason = found if isinstance(found, str) else accept(found) if accept else None
            if reason is not None:
                problems += [reason] if reason not in problems else []
                continue
            self._good = {"weights": weights_name, "state": state_name}
            if problems:
                self.warnings.append(f"{problems[0]}; going on from the checkpoint before, step {found.step}")
            return found
        raise ValueError(
            f"no checkpoint in `{self.folder}` can be used, and nothing was changed: {'; '.join(problems)}"
        )

    def _pair(self, state_name: str, weights_name: str, cache: dict[str, Any]) -> Checkpoint | str:
        """The checkpoint that two files make up, or one line why they do not."""
        for name in (state_name, weights_name):
            if name not in cache:
                try:
                    cache[name] = io.load_with_metadata(self.folder / name)
                except PermissionError:
                    raise
                except (ValueError, OSError) as error:
                    cache[name] = str(error)
            if isinstance(cache[name], str):
                return cache[name]
        (arrays, strings), (weights, about) = cache[state_name], cache[weights_name]
        if not {"step", "finished", "weights", "state"} <= strings.keys():
            return f"`{self.folder / state_name}` is not a state file of tinygen"
        if strings["weights"] != about.get("checksum") or strings["step"] != about.get("step"):
            return (
                f"`{weights_name}` (step {about.get('step', 'unknown')}) and `{state_name}` "
                f"(step {strings['step']}) in `{self.folder}` are not of one checkpoint"
            )
        extra = {key[len("extra.") :]: value for key, value in strings.items() if key.startswith("extra.")}
        state = decode_state(arrays, strings["state"])
        return Checkpoint(weights, state, int(strings["step"]), json.loads(strings["finished"]), extra)

    def _publish(self, temporaries: Mapping[str, Path]) -> None:
        """Give the good pair its previous names, then the new files theirs."""
        for kind, name, previous in (("weights", LAST, LAST_PREVIOUS), ("state", STATE, STATE_PREVIOUS)):
            if self._good.get(kind) == name:
                self._keep(self.folder / name, self.folder / previous)
                self._good[kind] = previous
        io.sync_folder(self.folder)
        os.replace(temporaries[STATE], self.folder / STATE)
        os.replace(temporaries[LAST], self.folder / LAST)
        self._good = {"weights": LAST, "state": STATE}
        io.sync_folder(self.folder)

    def _keep(self, path: Path, previous: Path) -> None:
        link = io.temporary_name(self.folder)
        try:
            os.link(path, link)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            os.replace(path, previous)  # then `path` is missing for a moment, which read() allows for
            return
        try:
            os.replace(link, previous)
        finally:  # rename() of a link onto another link to the same file does nothing, and leaves both
            with contextlib.suppress(FileNotFoundError):
                os.unlink(link)


# ----------------------------------------------------------------------------------------------- nested state


def encode_state(state: Any) -> tuple[dict[str, np.ndarray], str]:
    """Take a nested state apart into named arrays and JSON text.

    Args:
        state: dicts (of any keys that can be written), lists, tuples, None, bools, integers of any size,
            floats, strings, NumPy scalars, arrays and tensors, nested as you like.

    Returns:
        (name -> array, JSON text); :func:`decode_state` puts them together again, floats bit for bit.

    Raises:
        TypeError: something else is in it; the line says where.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = _encode(state, "state", arrays)
    return arrays, json.dumps(tree, allow_nan=False, separators=(",", ":"))


def decode_state(arrays: Mapping[str, np.ndarray], text: str) -> Any:
    """Put together what :func:`encode_state` took apart.

    Args:
        arrays: name -> array.
        text: the JSON text.

    Returns:
        The state: lists as lists, tuples as tuples, arrays as NumPy arrays.
    """
    return _decode(json.loads(text), arrays)


def _encode(value: Any, where: str, arrays: dict[str, np.ndarray]) -> Any:
    # JSON as it is, wherever JSON can hold it; else {"$kind": ...}
    if isinstance(value, np.generic):  # before float: numpy.float64 is one
        return {"$scalar": _put(value, where, arrays)}
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:  # repr is exact, and JSON uses it
        return value if math.isfinite(value) else {"$float": struct.pack(">d", value).hex()}
    if isinstance(value, Mapping):
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _encode(entry, f"{where}.{key}", arrays) for key, entry in value.items()}
        pairs = [
            [_encode(key, f"{where} key", arrays), _encode(entry, f"{where}.{key}", arrays)]
            for key, entry in value.items()
        ]
        return {"$dict": pairs}
    if isinstance(value, list | tuple):
        entries = [_encode(entry, f"{where}.{i}", arrays) for i, entry in enumerate(value)]
        return {"$tuple": entries} if isinstance(value, tuple) else entries
    if hasattr(value, "dtype"):
        return {"$array": _put(value, where, arrays)}
    kinds = "dicts, lists, tuples, None, bools, integers, floats, strings and arrays"
    raise TypeError(f"`{where}` is a {type(value).__name__}; a state may hold {kinds}")


def _put(value: Any, where: str, arrays: dict[str, np.ndarray]) -> str:
    name = where
    while name in arrays:  # {"a.b": x, "a": {"b": y}}
        name += "'"
    arrays[name] = io.host_array(value, where)
    return name


def _decode(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return [_decode(entry, arrays) for entry in tree]
    if not isinstance(tree, dict):
        return tree
    match next(iter(tree.items()), ("", None)):
        case "$array", name:
            return arrays[name]
        case "$scalar", name:
            return arrays[name][()]
        case "$float", bits:
            return struct.unpack(">d", bytes.fromhex(bits))[0]
        case "$tuple", entries:
            return tuple(_decode(entry, arrays) for entry in entries)
        case "$dict", pairs:
            return {_decode(key, arrays): _decode(entry, arrays) for key, entry in pairs}
    return {key: _decode(entry, arrays) for key, entry in tree.items()}
