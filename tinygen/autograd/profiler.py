"""Where do time and memory go? By op, forward and backward."""

from __future__ import annotations

import dataclasses
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygen.autograd.watching import Watcher
from tinygen.modes import mode, mode_set
from tinygen.tensor import Tensor
from tinygen.writes import owner_of
from tinygen_ops.arrays import array_module

FORWARD, BACKWARD, INSIDE, AGAIN = "forward", "backward", "in backward", "recomputed"


@dataclasses.dataclass
class Row:
    """What one op cost in one phase.

    Attributes:
        op: the op's name.
        phase: ``"forward"``; ``"backward"``, a node's; ``"in backward"``, an op that a backward is made of, or that the
            engine sums gradients with; ``"recomputed"``, an op in the second run of a checkpointed function.
        calls: how often.
        total: seconds, with the ops inside.
        self: seconds, without them.
        made: bytes of new memory that the results took (a view takes none), without the ops inside.
        kept: bytes that were saved for the backward. Memory that several ops keep is counted at the first; parameters
            (leaves that require grad) are not counted, they are there anyway.
    """

    op: str
    phase: str
    calls: int = 0
    total: float = 0.0
    self: float = 0.0
    made: int = 0
    kept: int = 0


_SORTS = ("self", "total", "calls", "made", "kept", "op")


class profile(Watcher):
    """Measure time and memory of every op that this thread runs inside the context.

        with tg.autograd.profile() as p:
            loss = model(x).square().mean()
            loss.backward()
        print(p)

    The self times of all rows and ``other`` add up to ``wall``. ``other`` is what passes between the ops: Python, the
    engine's own work, data, optimisers, and the profile itself. An op costs it about 4 us (measured), so that very
    small ops look as they are, and ``other`` larger.

    Args:
        synchronize: on a device, wait for each op. Without it the times there are those of the launches alone.

    Attributes:
        rows: the rows so far, a list of :class:`Row`.
        wall: seconds inside the context.
        other: seconds of these outside of all ops.
    """

    def __init__(self, synchronize: bool = False) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._inside: list[list] = []  # for each backward under way: nanoseconds in its ops, owners they made
        self._known: dict[int, weakref.ref] = {}  # memory that is counted as kept, or need not be
        self._elapsed, self._since = 0.0, None
        self._device = False
        self.synchronize = synchronize
        self.wait = self._synchronize if synchronize else None

    def __enter__(self) -> profile:
        if self._since is not None:
            raise RuntimeError("this profile is under way already")
        self._inside.clear()
        self._context = mode_set(watchers=(*mode.watchers, self))
        self._context.__enter__()
        self._since = time.perf_counter()
        return self

    def __exit__(self, *error: Any) -> None:
        self._elapsed, self._since = self.wall, None
        self._context.__exit__(None, None, None)

    # What the engine tells --------------------------------------------------------------------------------------

    def forward(self, function: type, inputs: tuple, outputs: tuple, node: Any, ns: int) -> None:
        """Count an op."""
        phase = AGAIN if mode.recomputing else FORWARD if mode.running is None else INSIDE
        row = self._row(function.__name__, phase)
        row.calls += 1
        row.total += ns * 1e-9
        row.self += ns * 1e-9
        new = _new_memory(outputs, inputs)
        row.made += sum(array.nbytes for array in new.values())
        for t in inputs:
            if t is not None and t._requires_grad and t._node is None:
                self._is_new(owner_of(t._data))
        if node is not None:
            kept = [owner_of(array) for array in _arrays([node.saved_arrays, node.__dict__])]
            row.kept += sum(owner.nbytes for owner in kept if self._is_new(owner))
        if self._inside:
            self._inside[-1][0] += ns
            self._inside[-1][1].update(new)
        self._device = self._device or type(outputs[0]._data) is not np.ndarray

    def backward_begins(self, node: Any) -> None:
        """The backward of ``node`` is about to run."""
        self._inside.append([0, {}])

    def backward(self, node: Any, gradients: Sequence[Any], results: tuple, ns: int) -> None:
        """Count a node's backward."""
        inside, made = self._inside.pop()
        row = self._row(node.name, BACKWARD)
        row.calls += 1
        row.total += ns * 1e-9
        row.self += (ns - inside) * 1e-9
        saved = [Tensor(array) for array in node.saved_arrays or () if array is not None]
        new = _new_memory(results, [*gradients, *saved])
        row.made += sum(array.nbytes for key, array in new.items() if key not in made)  # by a kernel
        if self._inside:
            self._inside[-1][0] += ns

    def _row(self, op: str, phase: str) -> Row:
        key = op, phase
        if key not in self._rows:
            self._rows[key] = Row(op, phase)
        return self._rows[key]

    def _is_new(self, owner: Any) -> bool:
        """Whether this memory is met for the first time."""
        key = id(owner)
        if key in self._known:
            return False
        self._known[key] = weakref.ref(owner, lambda _: self._known.pop(key, None))
        return True

    @staticmethod
    def _synchronize(tensors: tuple) -> None:
        for array in [t._data for t in tensors if t is not None][:1]:
            if type(array) is not np.ndarray:
                array_module(array).cuda.get_current_stream().synchronize()

    # What the user reads ----------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """The rows, the largest self time first."""
        return sorted(self._rows.values(), key=lambda row: -row.self)

    @property
    def wall(self) -> float:
        """Seconds inside the context."""
        return self._elapsed + (0.0 if self._since is None else time.perf_counter() - self._since)

    @property
    def other(self) -> float:
        """Seconds outside of all ops."""
        return self.wall - sum(row.self for row in self._rows.values())

    def table(self, sort_by: str = "self", limit: int | None = None) -> str:
        """Return an aligned table.

        Args:
            sort_by: ``"self"``, ``"total"``, ``"calls"``, ``"made"``, ``"kept"``: largest first; or ``"op"``.
            limit: how many rows; None for all.

        Raises:
            ValueError: for another ``sort_by``.
        """
        if sort_by not in _SORTS:
            raise ValueError(f"`sort_by` is {sort_by!r}; valid are {', '.join(_SORTS)}")
        rows = sorted(self.rows, key=lambda row: row.op if sort_by == "op" else -getattr(row, sort_by))
        shown = rows[:limit]
        wall = self.wall or 1.0
        lines = [("op", "phase", "calls", "total ms", "self ms", "of wall", "made MB", "kept MB")]
        for row in shown:
            times = f"{row.total * 1e3:.3f}", f"{row.self * 1e3:.3f}", f"{row.self / wall:.1%}"
            lines.append((row.op, row.phase, str(row.calls), *times, _megabytes(row.made), _megabytes(row.kept)))
        if len(shown) < len(rows):
            rest = rows[len(shown) :]
            seconds = sum(row.self for row in rest)
            sums = [sum(getattr(row, name) for row in rest) for name in ("calls", "made", "kept")]
            times = "", f"{seconds * 1e3:.3f}", f"{seconds / wall:.1%}"
            lines.append((f"{len(rest)} more", "", str(sums[0]), *times, *map(_megabytes, sums[1:])))
        lines.append(("other", "", "", "", f"{self.other * 1e3:.3f}", f"{self.other / wall:.1%}", "", ""))
        sums = [sum(getattr(row, name) for row in rows) for name in ("calls", "made", "kept")]
        times = "", f"{self.wall * 1e3:.3f}", "100.0%"
        lines.append(("wall", "", str(sums[0]), *times, *map(_megabytes, sums[1:])))
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = ["  ".join(_aligned(i, cell, widths[i]) for i, cell in enumerate(line)).rstrip() for line in lines]
        if self._device and not self.synchronize:
            text.append("Times on the device are those of the launches; profile(synchronize=True) waits for each op.")
        return "\n".join(text)

    def __str__(self) -> str:
        return self.table()


def _new_memory(outputs: Iterable[Any], inputs: Iterable[Any]) -> dict[int, Any]:
    """By its id, the memory that ``outputs`` look at and ``inputs`` do not."""
    old = {id(owner_of(t._data)) for t in inputs if t is not None}
    found = {id(owner): owner for owner in [owner_of(t._data) for t in outputs if t is not None]}
    return {key: owner for key, owner in found.items() if key not in old}


def _arrays(value: Any) -> Iterable[Any]:
    """The arrays in ``value``, also those in tuples, lists and dicts."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from _arrays(part)
    elif isinstance(value, dict):
        yield from _arrays(list(value.values()))
    elif hasattr(value, "nbytes") and hasattr(value, "base"):
        yield value


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.3f}"


def _aligned(column: int, cell: str, width: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)
