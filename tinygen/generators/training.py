"""The story of every training run: it begins or goes on, takes its steps, saves, and comes to an end.

A generator brings its own part: how a run begins, from data to a :class:`Trainer`; and its loop, what is logged, said
and drawn between one step and the next::

    def train(settings, out, **options):
        return training.train(begin, loop, settings, out, command=COMMAND, may_change=MAY_CHANGE, **options)

    def loop(trainer, run, quiet, say):
        with Interruption() as interruption, Progress(trainer.last_step, quiet=quiet) as progress:
            for epoch_ended in steps(trainer, run, interruption):
                run.log(step=trainer.step, ...)
        return ended(trainer, run, say)

What ends otherwise than after a number of steps (dreams, paintings) uses :func:`opened` alone.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tinygen import nn, optim
from tinygen.backend import check_device
from tinygen.checkpoint import LAST
from tinygen.data import DataLoader
from tinygen.generators.weights import start_from
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Checkpoint, Interruption, Run


class Diverged(ValueError):
    """Training went off course: the loss became NaN or infinite, or the run has gone back often enough."""


class Trainer(Protocol):
    """A training run: what is trained, how, and where it stands."""

    settings: Any
    model: nn.Module
    step: int  # steps done
    last_step: int  # after which it is over

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs; raises :class:`Diverged` rather than give NaN."""

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""


class Stepper(Trainer, Protocol):
    """One that :func:`steps` can lead."""

    def steps(self) -> Iterator[bool]:
        """Train to the end; yields after each step whether it was the last of an epoch."""


def train(
    begin: Callable[[Any, str, Callable[[str], None]], tuple[Trainer, dict[str, Any]]],
    loop: Callable[[Any, Run, bool, Callable[[str], None]], int],
    settings: Any,
    out: str | Path,
    *,
    command: str,
    may_change: Collection[str],
    resume: bool = False,
    device: str | None = None,
    init_from: str | Path | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Train into the run directory ``out``.

    Args:
        begin: makes, from the settings, the device and ``say``, a trainer at the start, and what the run keeps beside
            the settings, to know its data again.
        loop: trains on and keeps the run directory up to date; returns the exit status.
        settings: what to do.
        out: the run directory.
        command: what runs.
        may_change: settings that a resumed run may be told anew.
        resume: go on from the last checkpoint there; from the start where there is none.
        device: ``"cpu"``, ``"cuda"``, ``"auto"``; None as :func:`tinygen.backend.check_device` decides.
        init_from: a file of weights to start from.
        quiet: say nothing but what went wrong.
        say: what prints a line.

    Returns:
        0 when it is finished, 130 when it was interrupted (and can be resumed).

    Raises:
        ValueError: for data that cannot be read or do not fit the settings, a run that is in the way.
        Diverged: for a loss that is not finite.
    """
    say = (lambda line: None) if quiet else say
    trainer, kept = begin(settings, check_device(device), say)
    # Before the run is made, so that a wrong file leaves nothing half-written; a run that goes on does not need it.
    if init_from is not None and not (resume and (Path(out) / LAST).exists()):
        start_from(trainer.model, init_from)
    kept = asdict(settings) | {"init_from": None if init_from is None else str(init_from)} | kept
    with opened(out, command, kept, may_change, resume, say) as (run, checkpoint):
        if checkpoint is not None:
            trainer.load_state(checkpoint.weights, checkpoint.state)
            if trainer.step >= trainer.last_step:
                say(f"{run.path}: finished already, at step {trainer.step}")
                return 0
            say(f"{run.path}: going on from step {trainer.step} of {trainer.last_step}")
        return loop(trainer, run, quiet, say)


@contextmanager
def opened(
    out: str | Path, command: str, kept: Mapping[str, Any], may_change: Collection[str], resume: bool,
    say: Callable[[str], None],
) -> Iterator[tuple[Run, Checkpoint | None]]:
    """Open a new run, or one to go on with; gives it, and the checkpoint to go on from, None: from the start."""
    if resume:
        run = Run.resume(out, command, kept, may_change=may_change)
    else:
        run = Run.create(out, command, kept)
    with run:
        checkpoint = run.restore() if resume else None
        for warning in run.warnings:
            say(f"tinygen: {warning}")
        yield run, checkpoint


def steps(trainer: Stepper, run: Run, interruption: Interruption) -> Iterator[bool]:
    """Train until the end or an interruption; a step is saved, if it is time, after the caller has seen to it."""
    total, save_every = trainer.last_step, trainer.settings.save_every
    for epoch_ended in trainer.steps():
        step = trainer.step
        stop = step == total or interruption.requested  # looked at once: it may change at any time
        yield epoch_ended
        if stop or epoch_ended or step % save_every == 0:
            run.checkpoint(trainer.model.state_dict(), trainer.state(), step=step, finished=step == total)
        if stop:
            return


def ended(trainer: Trainer, run: Run, say: Callable[[str], None]) -> int:
    """Say how a run has ended, and return its exit status."""
    if trainer.step < trainer.last_step:
        say(f"stopped at step {trainer.step} of {trainer.last_step}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    say(f"finished: {run.path}")
    return 0


class Pace:
    """Tells how long it took since the last time, and how quick that was.

    Args:
        step: where it begins.
        per_step: examples in a step.
    """

    def __init__(self, step: int, per_step: int) -> None:
        self.per_step = per_step
        self.begin(step)

    def begin(self, step: int) -> None:
        """Count from here."""
        self.step, self.clock = step, time.monotonic()

    def at(self, step: int) -> tuple[float, float]:
        """Return the seconds since the last time, and the examples in one of them; count anew."""
        seconds = time.monotonic() - self.clock
        speed = (step - self.step) * self.per_step / seconds
        self.begin(step)
        return seconds, speed


def make_optimizer(settings: Any, parameters: list[nn.Parameter]) -> optim.Optimizer:
    """Return the optimiser of ``settings``; RMSprop's constants are Keras'."""
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(parameters, settings.lr, alpha=0.9, eps=1e-7)
    return optim.Adam(parameters, settings.lr)


def states(optimizer: optim.Optimizer, generators: Mapping[str, Generator], loader: DataLoader) -> dict[str, Any]:
    """Return what moves in every training run: the optimiser, the random numbers and the place in the data."""
    return {
        "optimizer": optimizer.state_dict(),
        "generators": {name: generator.state() for name, generator in generators.items()},
        "loader": loader.state_dict(),
    }


def load_states(
    state: Mapping[str, Any], optimizer: optim.Optimizer, generators: Mapping[str, Generator], loader: DataLoader
) -> None:
    """Put it back as :func:`states` found it."""
    optimizer.load_state_dict(state["optimizer"])
    for name, value in state["generators"].items():
        generators[name].set_state(value)
    loader.load_state_dict(state["loader"])


def checksum(*arrays: np.ndarray) -> int:
    """Return the CRC-32 of arrays, one after the other: by it a run knows its data again."""
    crc = 0
    for array in arrays:
        crc = zlib.crc32(np.ascontiguousarray(array), crc)
    return crc
