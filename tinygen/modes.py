"""Switches of the engine, one set per thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class _Mode(threading.local):
    recording = True  # whether ops leave nodes behind
    running: Any = None  # the backward pass that is under way (autograd.engine)
    watchers: tuple = ()  # who looks on at every op: profile, anomaly detection, recomputation (autograd.watching)
    segment: Any = None  # the checkpointed function that is being run (autograd.recomputation)
    # A checkpointed function is run a second time, for its backward. What an op changes beside its result (the running
    # statistics of batch_norm) it has changed already: such an op asks this flag.
    recomputing = False


mode = _Mode()


@contextlib.contextmanager
def mode_set(**values: Any) -> Iterator[None]:
    """Set some switches inside this context."""
    before = {name: getattr(mode, name) for name in values}
    for name, value in values.items():
        setattr(mode, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(mode, name, value)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Record nothing inside this context (or decorated function): quicker, and nothing is kept."""
    return mode_set(recording=False)


def enable_grad() -> contextlib.AbstractContextManager[None]:
    """Record inside this context, even within :func:`no_grad`."""
    return mode_set(recording=True)


def is_grad_enabled() -> bool:
    """Whether ops are being recorded."""
    return mode.recording
