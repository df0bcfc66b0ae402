"""Looking on at every op: the base of profile and recomputation, and anomaly detection itself.

A Watcher stands in ``mode.watchers`` while its context is open. With none there, an op looks at an empty tuple.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from tinygen.modes import mode, mode_set
from tinygen_ops.arrays import array_module


class Watcher:
    """Is told of every op after it ran, and of every node before and after its backward.

    Attributes:
        inside: whether it is also told of the ops that a node's backward is made of.
        wait: called before the clock is stopped, or None.
    """

    inside = True
    wait: Callable[[Any], None] | None = None

    def forward(self, function: type, inputs: tuple, outputs: tuple, node: Any, ns: int) -> None:
        """Op ``function`` took ``ns`` nanoseconds; ``node`` is None if it was not recorded."""

    def backward_begins(self, node: Any) -> None:
        """The backward of ``node`` is about to run."""

    def backward(self, node: Any, gradients: Sequence[Any], results: tuple, ns: int) -> None:
        """The backward of ``node`` has run; ``results`` is empty where it raised an error."""


def apply_watched(function: Any, inputs: tuple, settings: dict) -> Any:
    """Run ``function.apply`` and tell the watchers."""
    watchers = mode.watchers
    mode.watchers = ()
    try:
        start = time.perf_counter_ns()
        returned = function.apply(*inputs, **settings)
        outputs = returned if type(returned) is tuple else (returned,)
        _wait(watchers, outputs)
        ns = time.perf_counter_ns() - start
    finally:
        mode.watchers = watchers
    node = next((t._node for t in outputs if t._node is not None), None)
    for watcher in watchers:
        watcher.forward(function, inputs, outputs, node, ns)
    return returned


def backward_watched(node: Any, gradients: Sequence[Any]) -> Any:
    """Run a node's backward and tell the watchers."""
    watchers = mode.watchers
    for watcher in watchers:
        watcher.backward_begins(node)
    mode.watchers = tuple([w for w in watchers if w.inside])
    results: tuple = ()
    start = time.perf_counter_ns()
    try:
        returned = node.function.backward(node, *gradients)
        results = returned if type(returned) is tuple else (returned,)
        _wait(watchers, results)
    finally:
        ns = time.perf_counter_ns() - start
        mode.watchers = watchers
        for watcher in watchers:
            watcher.backward(node, gradients, results, ns)
    return returned


def _wait(watchers: tuple, tensors: tuple) -> None:
    for watcher in watchers:
        if watcher.wait is not None:
            watcher.wait(tensors)


class _Anomaly(Watcher):
    """Raises where a NaN is born."""

    inside = False  # a NaN born in one of the ops inside is this backward's

    def forward(self, function: type, inputs: tuple, outputs: tuple, node: Any, ns: int) -> None:
        if node is not None:
            node.origin = "; it was called at\n" + "".join(traceback.format_stack(limit=8)[:-3])
        _refuse_new_nan(function.__name__, "forward", inputs, outputs)

    def backward(self, node: Any, gradients: Sequence[Any], results: tuple, ns: int) -> None:
        _refuse_new_nan(node.name, "backward", gradients, results, getattr(node, "origin", ""))


def detect_anomaly() -> contextlib.AbstractContextManager[None]:
    """Search every result for NaN, and raise at the op where one was born, forward or backward. Slow."""
    known = any(type(w) is _Anomaly for w in mode.watchers)
    return mode_set(watchers=mode.watchers if known else (*mode.watchers, _Anomaly()))


def _refuse_new_nan(op: str, when: str, before: Sequence[Any], after: Sequence[Any], origin: str = "") -> None:
    """Raise RuntimeError if the Tensors ``after`` hold a NaN that the Tensors ``before`` do not."""

    def has_nan(tensor: Any) -> bool:
        array = getattr(tensor, "_data", None)
        return array is not None and array.dtype.kind == "f" and bool(array_module(array).isnan(array).any())

    if any(map(has_nan, after)) and not any(map(has_nan, before)):
        shapes = ", ".join(str(t.shape) for t in before if t is not None)
        raise RuntimeError(f"NaN was born in the {when} of {op} (inputs of shape {shapes}){origin}")
