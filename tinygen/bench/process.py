"""Processes that are timed in turn, and what of a measurement was somebody else's work.

Two libraries in one process disturb each other: the worker threads of one still spin while the other is timed.
So each side has a process, which waits in a read while the other one works, and the two take turns in short slots,
so that a machine that is now fast and now slow is so for both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tinygen

QUIET = 0.12  # cores that others may use in a slot before its round counts as disturbed
PAUSE = 0.1  # seconds between slots: OpenMP's workers spin for some milliseconds after their last region
ROOT = Path(tinygen.__file__).parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment(threads: int, **changes: str) -> dict[str, str]:
    """Return the environment of a child: the same number of threads for every library, and this tinygen."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONPATH": path, **changes}


@dataclass
class Slot:
    """The steps of one side in one slot.

    Attributes:
        ms: milliseconds of each step.
        others: cores that other processes used meanwhile, None where that is not known.
    """

    ms: list[float]
    others: float | None


class Worker:
    """A child process that holds one side of a workload; see ``worker.py``.

    Args:
        module: where the side's ``WORKLOADS`` are.
        workload: the row.
        arrays: an .npz file.
        env: the child's environment.
    """

    def __init__(self, module: str, workload: str, arrays: Path, env: Mapping[str, str]) -> None:
        self.name = f"{module}, {workload}"
        self._stderr = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tinygen.bench.worker", module, workload, str(arrays)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True, env=env,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._process.stdin.close()
        if exception[0] is not None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._stderr.close()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Have something done.

        Raises:
            RuntimeError: if the child could not, or has died; with its words.
        """
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._stderr.seek(0)
            last = self._stderr.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise RuntimeError(f"the process of {self.name} ended: {last[0]}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"{self.name}, {arguments.get('form')}: {reply['error']}")
        return reply["answer"]

    def slot(self, form: str, seconds: float) -> Slot:
        """Time steps of ``form`` for ``seconds``, after a pause in which everybody comes to rest."""
        time.sleep(PAUSE)
        busy, start = _busy(), time.perf_counter()
        answer = self.ask("slot", form=form, seconds=seconds)
        return Slot(answer["ms"], _others(busy, start, answer["cpu"]))


def command_slot(measure: Callable[[], float]) -> Slot:
    """Call ``measure``, which runs a command to its end and returns milliseconds, and see what others did meanwhile."""
    time.sleep(PAUSE)
    busy, start, before = _busy(), time.perf_counter(), os.times()
    ms, after = measure(), os.times()
    return Slot([ms], _others(busy, start, sum(after[:4]) - sum(before[:4])))  # this process and its children


def _others(busy: float | None, start: float, own: float) -> float | None:
    """Cores that others have used since ``start``, when all had used ``busy`` CPU seconds; ``own`` are not theirs."""
    return None if busy is None else max(0.0, (_busy() - busy - own) / (time.perf_counter() - start))


def _busy() -> float | None:
    """CPU seconds that all processes, and other guests of the host, have used; None where that is not known."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, path.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@dataclass
class Rounds:
    """Slots of several sides, taken in turn: ``rounds[i][side]``.

    Attributes:
        disturbed: how many of the rounds others disturbed.
    """

    rounds: list[dict[str, Slot]]
    disturbed: int

    def median(self, side: str) -> float:
        """The median over all steps of a side, in ms."""
        return statistics.median(ms for round_ in self.rounds for ms in round_[side].ms)

    def ratios(self, side: str, other: str) -> list[float]:
        """For each round the ratio of the two sides' medians, in rising order."""
        medians = [{name: statistics.median(slot.ms) for name, slot in round_.items()} for round_ in self.rounds]
        return sorted(m[side] / m[other] for m in medians)


def take_turns(sides: Mapping[str, Callable[[], Slot]], rounds: int) -> Rounds:
    """Time several sides in turn.

    A round that other processes disturbed is run again, up to three times as many as asked for; if there still are
    not enough, the least disturbed are taken and counted.

    Args:
        sides: side -> what times it for one slot.
        rounds: how many rounds are wanted.
    """
    taken: list[tuple[float, dict[str, Slot]]] = []
    while len(taken) < 3 * rounds and sum(others <= QUIET for others, _ in taken) < rounds:
        order = list(sides) if len(taken) % 2 == 0 else list(reversed(sides))  # nobody is always the first
        round_ = {name: sides[name]() for name in order}
        taken.append((max(slot.others or 0.0 for slot in round_.values()), round_))
    taken.sort(key=lambda pair: pair[0])
    kept = taken[:rounds]
    return Rounds([round_ for _, round_ in kept], sum(others > QUIET for others, _ in kept))


def run_command(arguments: list[str], env: Mapping[str, str]) -> tuple[float, str, str]:
    """Run a command to its end: seconds from start to exit, its standard output and its standard error.

    Raises:
        RuntimeError: if it failed; with the last line it wrote.
    """
    start = time.perf_counter()
    done = subprocess.run(arguments, capture_output=True, text=True, env=env, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise RuntimeError(f"`{' '.join(arguments[1:4])} ...` ended with status {done.returncode}: {last[0]}")
    return seconds, done.stdout, done.stderr
