"""Memory for time: a function whose arrays are forgotten after the forward, and computed again for the backward.

:func:`checkpoint` runs the function as usual: its ops leave their nodes in the graph, with the usual edges. Only what
the nodes *save* is dropped at once. When backward reaches the first of these nodes, the function runs a second time,
and the nodes that this run records hand over what they saved to the old ones, first to first, second to second.

So the graph is the same as without a checkpoint: parameters that the function finds in its closure, several results,
``create_graph=True`` and ``autograd.grad`` need nothing of their own.

Source: Chen, Xu, Zhang, Guestrin, "Training deep nets with sublinear memory cost" (2016); that a function is recorded
rather than replaced by one big op is the idea of PyTorch's non-reentrant form.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

from tinygen.autograd.watching import Watcher
from tinygen.graph import Node
from tinygen.modes import mode, mode_set
from tinygen.random import Generator, live_generators
from tinygen.writes import mark_of, now, unchanged


def checkpoint(function: Callable[..., Any], *inputs: Any, use_reentrant: bool = False, **settings: Any) -> Any:
    """Return ``function(*inputs, **settings)``; keep only the inputs, and run the function again for the backward.

    A chain of n equal layers in about sqrt(n) checkpoints needs memory for 2 sqrt(n) layers in place of n, and one
    forward more. Gradients are the same, at any order. Checkpoints may stand in one another. The book-keeping takes
    4 us for each op in the first run (measured), so it is for large arrays.

    The function must do the same a second time. That is taken care of for

    * random numbers: every :class:`tinygen.Generator`, the default one and others, is set back to where it stood for
      the second run, and afterwards to where it was. NumPy's own generators are not known here;
    * running statistics: ``batch_norm`` updates them in the first run only;
    * arrays that changed since: an error in backward, as anywhere else.

    Args:
        function: any function of Tensors and other things, a Module for example; what it finds in its closure
            (parameters, other Tensors) gets its gradients too. It may call ``autograd.grad``, not ``backward``. Hooks
            of Modules inside run both times.
        inputs: what it is called with.
        use_reentrant: must be False: there is this one form. (PyTorch has another.)
        settings: the function's arguments by keyword.

    Returns:
        What the function returns: a Tensor, or anything else.

    Raises:
        TypeError: if ``function`` cannot be called.
        ValueError: if ``use_reentrant``.
        RuntimeError: in backward, if the second run differs from the first, or a Tensor that the function used was
            written to in between.
    """
    if not callable(function):
        raise TypeError(f"`function` is {function!r}; it must be callable")
    if use_reentrant:
        raise ValueError("`use_reentrant` is True; only False is supported")
    if not mode.recording:
        return function(*inputs, **settings)
    outer = mode.segment
    call = _Call(function, inputs, settings, [(g, g.state()) for g in live_generators()])
    segment = Segment(call, outer)
    run = _FirstRun(segment)
    with mode_set(segment=run, watchers=_with(run)):
        result = function(*inputs, **settings)
    segment.finish(outer)
    return result


class _Call(NamedTuple):
    """What it takes to run a function again."""

    function: Callable
    inputs: tuple
    settings: dict[str, Any]
    generators: list[tuple[Generator, Any]]  # each with its state


class _Saved(NamedTuple):
    """What a node needs for its backward."""

    arrays: tuple
    sources: list
    time: int
    settings: dict[str, Any]


_KEPT = ("hooks", "origin", "place", "segment", "wanted")  # what the engine itself hangs on a node


class Segment:
    """One call of :func:`checkpoint`. Its nodes hold it, it holds none of them: no reference cycle.

    Its *steps* are what its first run recorded, in order: nodes with something to save, and checkpoints inside, whose
    call is itself forgotten and found again by running this segment: their inputs are arrays of this segment, too.
    """

    def __init__(self, call: _Call, outer: _Run | None) -> None:
        self.steps: list[tuple] = []  # (name, shapes and dtypes of the outputs)
        self.seen: dict[int, tuple] = {}  # id(Tensor) -> what tells whether it has changed since
        self.call: _Call | None = call
        self.outer: Segment | None = None
        if outer is not None:
            self.place = outer.step(("checkpoint", None), call)
        if isinstance(outer, _FirstRun):
            self.outer, self.call = outer.segment, None

    def finish(self, outer: _Run | None) -> None:
        """The first run is over: forget what it did not use."""
        self.seen = {key: known for key, known in self.seen.items() if known[0]() is not None}
        if isinstance(outer, _FirstRun):  # what it has seen itself, it has seen before
            around = outer.segment.seen
            around.update({key: k for key, k in self.seen.items() if key not in around or around[key][0]() is None})
        if self.call is not None:
            moved = [(g, state) for g, state in self.call.generators if (g.state() != state).any()]
            self.call = self.call._replace(generators=moved)

    def fill(self, node: Node, scratch: MutableMapping) -> None:
        """Give ``node`` what it saved; ``scratch`` lives as long as the backward pass."""
        contents = self._contents(scratch)
        saved, contents[node.place] = contents[node.place], None
        node.saved_arrays, node._sources, node.time = saved.arrays, saved.sources, saved.time
        node.__dict__.update(saved.settings)

    def empty(self, node: Node) -> None:
        """Drop what ``node`` saved."""
        node.saved_arrays = node._sources = ()
        for name in [name for name in node.__dict__ if name not in _KEPT]:
            del node.__dict__[name]

    def _contents(self, scratch: MutableMapping) -> list:
        """What each step needs, computed once in a pass; a step takes its own away."""
        if self not in scratch:
            call = self.call
            if call is None:
                above = self.outer._contents(scratch)
                call, above[self.place] = above[self.place], None
            scratch[self] = self._run_again(call)
        return scratch[self]

    def _run_again(self, call: _Call) -> list:
        for tensor, array, mark, time in self.seen.values():
            if tensor() is not None and not (tensor()._data is array() and unchanged(array(), mark, time)):
                raise RuntimeError(
                    f"a tensor of shape {tensor().shape} that a checkpointed function used was written to after the "
                    "forward; write into a copy, or after backward"
                )
        run = _SecondRun(self)
        present = [(generator, generator.state()) for generator, _ in call.generators]
        switches = {"recording": True, "recomputing": True, "running": None, "segment": run, "watchers": _with(run)}
        try:
            for generator, state in call.generators:
                generator.set_state(state)
            with mode_set(**switches):
                call.function(*call.inputs, **call.settings)
        except _Enough:
            pass
        finally:
            for generator, state in present:
                generator.set_state(state)
        if len(run.contents) != len(run.expected):
            raise RuntimeError(_differs(len(run.contents), run.expected[len(run.contents)], "nothing more"))
        return run.contents


class _Enough(BaseException):
    """The second run has recorded all that is needed. No Exception, so that the function does not catch it."""


class _Run(Watcher):
    """Takes the nodes that a run of the function records, in order."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment

    def step(self, kind: tuple, content: Any) -> int:
        """Note a step of this kind; return its number."""
        raise NotImplementedError

    def forward(self, function: type, inputs: tuple, outputs: tuple, node: Node | None, ns: int) -> None:
        """Note the op, if it saved anything."""
        if node is None:
            return
        settings = {name: value for name, value in node.__dict__.items() if name not in _KEPT}
        if settings or node.saved_arrays:
            saved = _Saved(node.saved_arrays, node._sources, node.time, settings)
            self.noted(node, self.step((function.__qualname__, node.outputs), saved))

    def noted(self, node: Node, number: int) -> None:
        """``node`` is step ``number``."""


class _FirstRun(_Run):
    """Counts the steps, and lets each node forget what it saved."""

    def step(self, kind: tuple, content: Any) -> int:
        self.segment.steps.append(kind)
        return len(self.segment.steps) - 1

    def forward(self, function: type, inputs: tuple, outputs: tuple, node: Node | None, ns: int) -> None:
        seen = self.segment.seen
        for tensor in inputs:
            if tensor is not None and (id(tensor) not in seen or seen[id(tensor)][0]() is not tensor):
                array = tensor._data
                seen[id(tensor)] = weakref.ref(tensor), weakref.ref(array), mark_of(array), now()
        super().forward(function, inputs, outputs, node, ns)

    def noted(self, node: Node, number: int) -> None:
        node.segment, node.place = self.segment, number
        self.segment.empty(node)


class _SecondRun(_Run):
    """Collects what the steps so far saved: the first run may not be over, if it calls ``autograd.grad`` itself."""

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment)
        self.expected = list(segment.steps)
        self.contents: list = []

    def step(self, kind: tuple, content: Any) -> int:
        number = len(self.contents)
        if kind != self.expected[number]:
            raise RuntimeError(_differs(number, self.expected[number], kind))
        self.contents.append(content)
        if len(self.contents) == len(self.expected):
            raise _Enough
        return number


def _differs(number: int, first: Any, second: Any) -> str:
    return (
        f"a checkpointed function did not do the same the second time: step {number} was {first}, now {second}; it may "
        "depend on nothing but its inputs, Tensors that stay as they are, and tinygen's generators"
    )


def _with(run: _Run) -> tuple:
    """The watchers while ``run`` is under way: it comes first, and takes the place of a run around it."""
    return (run, *[w for w in mode.watchers if not isinstance(w, _Run)])
