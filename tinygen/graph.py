"""The graph: what a recorded op remembers for its backward."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.modes import mode
from tinygen.tensor import Tensor
from tinygen.writes import mark_of, now, unchanged

_births = itertools.count()


class Node:
    """One recorded op: the ``ctx`` that its forward and backward share. Ops may hang settings on it."""

    __slots__ = ("__dict__", "_sources", "edges", "function", "number", "outputs", "saved_arrays", "time")
    materialize = True  # whether a missing output gradient reaches backward as zeros, or as None
    wanted = None  # in a pass that goes to some inputs only: for each edge, whether its gradient is asked for
    hooks = None  # output number -> the hooks on its gradient (autograd.hooks)
    cuts_off = False  # whether a gradient goes no further where the output is not above 0: the op ends with a ReLU
    segment = None  # the checkpointed function that has to run again before this node's backward can

    def __init__(self) -> None:
        self.saved_arrays = ()

    @property
    def name(self) -> str:
        """The op's name."""
        return self.function.__name__

    @property
    def needs_input_grad(self) -> list[bool]:
        """In backward: for each input, whether its gradient is wanted."""
        return [edge is not None for edge in self.edges] if self.wanted is None else self.wanted

    def may_cut(self, i: int) -> bool:
        """In backward: whether the gradient of input ``i`` may be given as 0 where that input is not above 0.

        It may where the op that made the input cuts it off there anyway, and nobody else gets to see it. Who does so
        sets ``_is_cut`` on the gradient, and saves that op a pass over memory.
        """
        if mode.recording or mode.running is None:  # recorded, the cut has to stand in the graph of the gradient
            return False
        return _cuts(self.edges[i], mode.running.kept)

    def take_waiting(self, i: int) -> Tensor | None:
        """In backward: the gradient that others have sent for input ``i`` so far, if it may be added to in arrays.

        Who takes it gives back the sum of it and its own, which saves the engine a pass over memory.
        """
        if mode.recording or mode.running is None:  # recorded, the sum has to stand in the graph of the gradient
            return None
        return mode.running.take(self.edges[i])

    def save(self, *arrays: Any) -> None:
        """Keep arrays for backward: inputs, outputs, or others, which count as constants."""
        self.saved_arrays = arrays

    @property
    def saved(self) -> list[Tensor]:
        """What :meth:`save` kept, as Tensors that stand in the graph where the arrays stood in the forward."""
        return [self._attach(array, *source) for array, source in zip(self.saved_arrays, self._sources, strict=True)]

    def record(
        self, function: type, inputs: Sequence[Any], arrays: list, results: tuple, outputs: tuple
    ) -> None:
        """Become part of the graph; ``outputs`` are the ``results`` of the forward with scalars made arrays."""
        self.number = next(_births)
        self.time = now()
        self.function = function
        self.edges = tuple([None if t is None or not t._requires_grad else edge_of(t) for t in inputs])
        self.outputs = [(out.shape, out.dtype) for out in outputs]
        if any([isinstance(array, np.generic) for array in self.saved_arrays]):
            arrays_of = {id(result): out for result, out in zip(results, outputs, strict=True)}
            self.saved_arrays = tuple([
                arrays_of.get(id(array), np.asarray(array)) if isinstance(array, np.generic) else array
                for array in self.saved_arrays
            ])
        self._sources = [self._source(array, arrays, outputs) for array in self.saved_arrays]

    @staticmethod
    def _source(array: Any, arrays: list, outputs: tuple) -> tuple:
        """Where a saved array stood (input number, ~output number or None), and its mark against later writes."""
        mark = None if array is None else mark_of(array)
        for i, candidate in enumerate(arrays):
            if candidate is array and array is not None:
                return i, mark
        for i, candidate in enumerate(outputs):
            if candidate is array:
                return ~i, mark
        return None, mark

    def _attach(self, array: Any, source: int | None, mark: int | None) -> Tensor | None:
        if array is None:
            return None
        edge = self.edges[source] if source is not None and source >= 0 else None
        leaf = edge[0] if edge is not None and type(edge[0]) is not Node and mode.recording else None
        if not unchanged(array, mark, self.time) or (leaf is not None and leaf._data is not array):
            raise RuntimeError(
                f"an array of shape {array.shape} that {self.name} needs for its gradient was written to after "
                "the forward; write into a copy, or after backward"
            )
        if leaf is not None:
            return leaf  # second order flows into the leaf itself
        saved = Tensor(array)
        if mode.recording and source is not None and (source < 0 or edge is not None):
            saved._node, saved._index = (self, ~source) if source < 0 else edge
            saved._requires_grad = True
        return saved

    def release(self) -> None:
        """Let go of the arrays and of the nodes behind; a second backward then says so."""
        self.saved_arrays = self._sources = self.edges = None
        self.__dict__.clear()


def _cuts(edge: tuple[Any, int], kept: dict | None) -> bool:
    """Whether a gradient for this output goes no further where the output is not above 0, and nobody looks at it."""
    waiting, seen = [edge], set()
    while waiting:
        target, index = waiting.pop()
        if type(target) is not Node or target.hooks is not None or (kept and (id(target), index) in kept):
            return False
        if target.cuts_off or id(target) in seen:
            continue
        if not target.function.selects or target.edges is None:
            return False
        seen.add(id(target))
        waiting.extend([each for each in target.edges if each is not None])
    return True


def edge_of(tensor: Tensor) -> tuple[Any, int]:
    """Where the gradient of ``tensor`` goes: (node, output number), or (the leaf itself, 0)."""
    return (tensor, 0) if tensor._node is None else (tensor._node, tensor._index)
