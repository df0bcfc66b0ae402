"""Switches of the engine: whether ops are recorded, and whether every result is searched for NaN. Per thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from tinygen_ops.arrays import array_module


class _Mode(threading.local):
    recording = True
    anomaly = False


mode = _Mode()


@contextlib.contextmanager
def mode_set(name: str, value: bool) -> Iterator[None]:
    """Set one switch inside this context."""
    before = getattr(mode, name)
    setattr(mode, name, value)
    try:
        yield
    finally:
        setattr(mode, name, before)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Record nothing inside this context (or decorated function): quicker, and nothing is kept."""
    return mode_set("recording", False)


def enable_grad() -> contextlib.AbstractContextManager[None]:
    """Record inside this context, even within :func:`no_grad`."""
    return mode_set("recording", True)


def is_grad_enabled() -> bool:
    """Whether ops are being recorded."""
    return mode.recording


def detect_anomaly() -> contextlib.AbstractContextManager[None]:
    """Search every result for NaN, and raise at the op where one was born, forward or backward. Slow."""
    return mode_set("anomaly", True)


def refuse_new_nan(op: str, when: str, before: Sequence[Any], after: Sequence[Any], origin: str = "") -> None:
    """Raise RuntimeError if the arrays ``after`` hold a NaN that the arrays ``before`` do not."""

    def has_nan(array: Any) -> bool:
        return array.dtype.kind == "f" and bool(array_module(array).isnan(array).any())

    if any(map(has_nan, after)) and not any(map(has_nan, before)):
        shapes = ", ".join(str(a.shape) for a in before)
        raise RuntimeError(f"NaN was born in the {when} of {op} (inputs of shape {shapes}){origin}")
