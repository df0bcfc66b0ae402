"""Reverse-mode differentiation: Function, the graph, the backward pass. The file to read first.

Calling an op (``Mul.apply(x, y)``) runs its ``forward`` on arrays and, where a gradient is wanted, leaves a
Node (``graph.py``) behind. A node holds *edges* to the nodes (or leaves) its inputs came from, never its outputs: there
is no reference cycle, and a graph is freed at once, without the garbage collector. Nodes are numbered at birth;
backward takes them from a heap, highest number first, so that every node comes after all that used its outputs,
whatever the shape of the graph, and no recursion limits its depth.

``backward`` methods are written on Tensors with the engine's own ops. Ordinarily nothing is recorded while they
run; with ``create_graph=True`` they leave a graph of their own, and so gradients can be differentiated again.
What a user calls to start a pass, ``backward`` and ``grad``, is in ``gradients.py``.
"""

from __future__ import annotations

import functools
import heapq
import weakref
from collections.abc import Sequence
from typing import Any

from tinygen.autograd.hooks import run_hooks
from tinygen.autograd.watching import apply_watched, backward_watched
from tinygen.backend import FLOAT_ERRORS, IGNORED
from tinygen.graph import Node, edge_of
from tinygen.modes import mode
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.elementwise import add, add_to


class Function:
    """One op: ``forward`` on arrays, ``backward`` on Tensors. Subclass it, and call it with :meth:`apply`."""

    selects = False  # whether each number of the first output is one of the inputs': the maximum of a window is

    @staticmethod
    def forward(ctx: Node, *arrays: Any, **settings: Any) -> Any:
        """Compute the output array, or a tuple of them."""
        raise TypeError("a Function needs a static method `forward(ctx, *arrays, **settings)`")

    @staticmethod
    def backward(ctx: Node, *output_gradients: Tensor) -> Any:
        """Compute the gradient of each input from that of each output: a Tensor, or a tuple of Tensors and None."""
        raise TypeError("a Function needs a static method `backward(ctx, *output_gradients)`")

    @classmethod
    def apply(cls, *inputs: Tensor | None, **settings: Any) -> Any:
        """Run the op, and record it if a gradient may be wanted.

        Args:
            inputs: Tensors (None where an input is optional).
            settings: everything else, by keyword.

        Returns:
            A Tensor, or a tuple of Tensors where ``forward`` returns one.
        """
        if mode.watchers:
            return apply_watched(cls, inputs, settings)
        recording = False
        arrays = []
        for t in inputs:
            if t is None:
                arrays.append(None)
            elif isinstance(t, Tensor):
                arrays.append(t._data)
                recording = recording or t._requires_grad
            else:
                raise TypeError(f"{cls.__name__}.apply takes Tensors, got {t!r}; settings go by keyword")
        node = Node()
        token = FLOAT_ERRORS.set(IGNORED)  # inf and NaN come without a warning from NumPy, see backend.py
        try:
            results = cls.forward(node, *arrays, **settings)
        finally:
            FLOAT_ERRORS.reset(token)
        produced = results if type(results) is tuple else (results,)
        tensors = []
        for out in produced:
            if not hasattr(out, "shape"):
                raise TypeError(f"{cls.__name__}.forward must return arrays, it returned {results!r}")
            # NumPy hands back scalars (np.float32) where a result has no axes
            tensors.append(Tensor(out if out.shape else array_module(out).asarray(out)))
        if recording and mode.recording:
            node.record(cls, inputs, arrays, produced, tuple([tensor._data for tensor in tensors]))
            for i, tensor in enumerate(tensors):
                if tensor._data.dtype.kind == "f":  # integers and booleans carry no gradient
                    tensor._node, tensor._index, tensor._requires_grad = node, i, True
        return tuple(tensors) if type(results) is tuple else tensors[0]


class Add(Function):
    """z = x + y;  dz/dx = dz/dy = 1. The engine itself needs it, to sum gradients."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        return add(x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple[Tensor, Tensor]:
        return gz, gz


class Pass:
    """One backward pass: the gradients on their way, and the heap that orders the nodes."""

    def __init__(self, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.heap: list[tuple[int, Node]] = []
        self.waiting: dict[Any, list] = {}  # node -> for each output None or [gradient, is its array ours?]
        self.leaves: dict[int, list] = {}  # id(leaf) -> [gradient, ours?, leaf]
        self.kept: dict | None = None  # see `run`

    @functools.cached_property
    def scratch(self) -> weakref.WeakKeyDictionary:
        """Room for those whose things live as long as the pass, or as they themselves do: recomputation, hooks."""
        return weakref.WeakKeyDictionary()

    def __enter__(self) -> Pass:
        self.before = mode.recording, mode.running
        mode.recording, mode.running = self.create_graph, self
        return self

    def __exit__(self, *error: object) -> None:
        mode.recording, mode.running = self.before

    def start(self, outputs: Sequence[Tensor], gradients: Sequence[Any]) -> None:
        """Send the gradients of ``outputs`` off; None stands for 1 at a single element."""
        for output, gradient in zip(outputs, gradients, strict=True):
            if not isinstance(output, Tensor) or not output._requires_grad:
                raise RuntimeError("no gradient flows into this tensor: nothing it came from has requires_grad=True")
            data = output._data
            if gradient is None:
                if data.size != 1:
                    raise RuntimeError(
                        f"backward from a tensor of shape {output.shape} needs `gradient` of that shape; "
                        "only a single element implies a gradient of 1"
                    )
                gradient = Tensor(array_module(data).ones_like(data))
            elif not isinstance(gradient, Tensor):
                gradient = Tensor(array_module(data).asarray(gradient, dtype=data.dtype))
            if type(gradient._data) is not type(data):
                where = f"`gradient` is on {gradient.device}, the tensor on {output.device}"
                raise TypeError(f"{where}; move it with .to()")
            self.send(edge_of(output), gradient, None)

    def send(self, edge: tuple[Any, int], gradient: Tensor, sender: Node | None) -> None:
        """Add ``gradient`` to what is waiting at the other end of ``edge``; without a sender it starts the pass."""
        target, index = edge
        if type(target) is Node:
            slots = self.waiting.get(target)
            if slots is None:
                slots = self.waiting[target] = [None] * len(target.outputs)
                heapq.heappush(self.heap, (-target.number, target))
            shape, dtype = target.outputs[index]
        else:
            slots, index, shape, dtype = self.leaves, id(target), target._data.shape, target._data.dtype
            slots.setdefault(index, None)
        if gradient._data.shape != shape:
            source = f"a gradient from {sender.name}.backward" if sender else "`gradient`, the start of backward,"
            raise RuntimeError(f"{source} has shape {gradient.shape}, the tensor it belongs to {shape}")
        if gradient._data.dtype != dtype:
            gradient = gradient.to(dtype)
        before = slots[index]
        if before is None:
            slots[index] = [gradient, False, target]
        elif before[1]:  # the sum is ours, nobody else sees its array: it may grow in place
            add_to(before[0]._data, gradient._data)
        else:  # somebody else's array, perhaps another leaf's gradient too: never write into it
            total = Add.apply(before[0], gradient)
            slots[index] = [total, not self.create_graph and total._data.ndim > 0, target]

    def take(self, edge: tuple[Any, int]) -> Tensor | None:
        """Return what is waiting at the other end of ``edge`` and forget it; the taker is to send the sum."""
        target, index = edge
        slots = self.waiting.get(target) if type(target) is Node else None
        if slots is None or slots[index] is None:
            return None
        (gradient, *_), slots[index] = slots[index], None
        return gradient

    def run(self, retain_graph: bool, kept: dict | None = None, needed: set[Node] | None = None) -> None:
        """Empty the heap.

        Args:
            retain_graph: keep what the nodes saved.
            kept: (id of node, output number) -> gradient, filled in as the nodes are reached.
            needed: the nodes to visit; None means all.
        """
        self.kept = kept
        while self.heap:
            _, node = heapq.heappop(self.heap)
            slots = self.waiting.pop(node)
            if node.hooks is not None:
                for i, hooks in node.hooks.items():
                    if slots[i] is not None:
                        slots[i] = [run_hooks(hooks, slots[i][0])]
            if kept is not None:
                for i, slot in enumerate(slots):
                    if slot is not None and (id(node), i) in kept:
                        kept[id(node), i] = slot[0]
                if node not in needed:
                    continue
            if node.edges is None:
                raise RuntimeError(
                    f"backward a second time through {node.name}, whose arrays are freed: "
                    "pass retain_graph=True to the first backward"
                )
            if needed is not None:  # the others' gradients need not be computed; what was saved stays in the graph
                node.wanted = [bool(e) and ((id(e[0]), e[1]) in kept or e[0] in needed) for e in node.edges]
            segment = node.segment
            token = FLOAT_ERRORS.set(IGNORED)
            try:
                if segment is not None:
                    segment.fill(node, self.scratch)
                self._step(node, [slot and slot[0] for slot in slots])
            finally:
                FLOAT_ERRORS.reset(token)
                if needed is not None:
                    node.wanted = None
                if segment is not None:
                    segment.empty(node)
            if not retain_graph:
                node.release()

    def finished(self, kept: dict | None) -> list[tuple[Tensor, Tensor, bool]]:
        """List (leaf, gradient, had the leaf hooks?). Only now, the heap empty, are these gradients final."""
        found = []
        for total, _, leaf in self.leaves.values():
            if kept is None or (id(leaf), 0) in kept:
                hooks = getattr(leaf, "_hooks", None)
                found.append((leaf, run_hooks(hooks, total), True) if hooks else (leaf, total, False))
        return found

    def _step(self, node: Node, gradients: list[Tensor | None]) -> None:
        """Run one node's backward and send the results on."""
        if node.materialize and any([g is None for g in gradients]):
            like = next(g for g in gradients if g is not None)._data
            zeros = array_module(like).zeros
            gradients = [
                Tensor(zeros(*meta)) if g is None else g for g, meta in zip(gradients, node.outputs, strict=True)
            ]
        if mode.watchers:
            results = backward_watched(node, gradients)
        else:
            results = node.function.backward(node, *gradients)
        if type(results) is not tuple:
            results = (results,)
        if len(results) != len(node.edges):
            raise RuntimeError(f"{node.name}.backward returned {len(results)} gradients for {len(node.edges)} inputs")
        for edge, wanted, gradient in zip(node.edges, node.wanted or node.edges, results, strict=True):
            if wanted and gradient is not None:
                self.send(edge, gradient, node)
