"""Reverse-mode differentiation: Function, the graph, backward. The file to read first.

Calling an op (``Mul.apply(x, y)``) runs its ``forward`` on arrays and, where a gradient is wanted, leaves a
Node (``graph.py``) behind. A node holds *edges* to the nodes (or leaves) its inputs came from, never its outputs: there
is no reference cycle, and a graph is freed at once, without the garbage collector. Nodes are numbered at birth;
backward takes them from a heap, highest number first, so that every node comes after all that used its outputs,
whatever the shape of the graph, and no recursion limits its depth.

``backward`` methods are written on Tensors with the engine's own ops. Ordinarily nothing is recorded while they
run; with ``create_graph=True`` they leave a graph of their own, and so gradients can be differentiated again.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

from tinygen.graph import Node, edge_of
from tinygen.modes import (  # noqa: F401  (detect_anomaly ... are part of this module's public face)
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    mode,
    mode_set,
    no_grad,
    refuse_new_nan,
)
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


class Function:
    """One op: ``forward`` on arrays, ``backward`` on Tensors. Subclass it, and call it with :meth:`apply`."""

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
        results = cls.forward(node, *arrays, **settings)
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
        if mode.anomaly:
            refuse_new_nan(cls.__name__, "forward", [a for a in arrays if a is not None], [t._data for t in tensors])
        return tuple(tensors) if type(results) is tuple else tensors[0]


class Add(Function):
    """z = x + y;  dz/dx = dz/dy = 1. The engine itself needs it, to sum gradients."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        return x + y

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple[Tensor, Tensor]:
        return gz, gz


class _Pass:
    """One backward pass: the gradients on their way, and the heap that orders the nodes."""

    def __init__(self, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.heap: list[tuple[int, Node]] = []
        self.waiting: dict[Any, list] = {}  # node -> for each output None or [gradient, is its array ours?]
        self.leaves: dict[int, list] = {}  # id(leaf) -> [gradient, ours?, leaf]

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
            before[0]._data += gradient._data
        else:  # somebody else's array, perhaps another leaf's gradient too: never write into it
            total = Add.apply(before[0], gradient)
            slots[index] = [total, not self.create_graph and total._data.ndim > 0, target]

    def run(self, retain_graph: bool, needed: set[Node] | None = None, kept: dict | None = None) -> None:
        """Empty the heap.

        Args:
            retain_graph: keep what the nodes saved.
            needed: the nodes to visit; None means all.
            kept: (id of node, output number) -> gradient, filled in as the nodes are reached.
        """
        while self.heap:
            _, node = heapq.heappop(self.heap)
            slots = self.waiting.pop(node)
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
            try:
                self._step(node, [slot and slot[0] for slot in slots])
            finally:
                if needed is not None:
                    node.wanted = None
            if not retain_graph:
                node.release()

    def _step(self, node: Node, gradients: list[Tensor | None]) -> None:
        """Run one node's backward and send the results on."""
        if node.materialize and any([g is None for g in gradients]):
            like = next(g for g in gradients if g is not None)._data
            zeros = array_module(like).zeros
            gradients = [
                Tensor(zeros(*meta)) if g is None else g for g, meta in zip(gradients, node.outputs, strict=True)
            ]
        if mode.anomaly:
            with mode_set("anomaly", False):  # a NaN born in one of the ops inside is this backward's
                results = node.function.backward(node, *gradients)
        else:
            results = node.function.backward(node, *gradients)
        if type(results) is not tuple:
            results = (results,)
        if len(results) != len(node.edges):
            raise RuntimeError(f"{node.name}.backward returned {len(results)} gradients for {len(node.edges)} inputs")
        if mode.anomaly:
            arrays = ([g._data for g in tensors if g is not None] for tensors in (gradients, results))
            refuse_new_nan(node.name, "backward", *arrays, getattr(node, "origin", ""))
        for edge, wanted, gradient in zip(node.edges, node.wanted or node.edges, results, strict=True):
            if wanted and gradient is not None:
                self.send(edge, gradient, node)


def backward(
    output: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """Add the gradient of ``output`` with respect to every leaf to that leaf's ``.grad``.

    Args:
        output: where to start.
        gradient: d(objective)/d(output), of its shape; may be left out for a single element (then 1).
        retain_graph: keep the graph for another backward; default ``create_graph``.
        create_graph: record the backward itself, for higher derivatives.

    Raises:
        RuntimeError: for an output without gradient, a non-scalar output without ``gradient``, a graph that is
            freed already, or an array that was written to since the forward.
    """
    with mode_set("recording", create_graph):
        pass_ = _Pass(create_graph)
        pass_.start([output], [gradient])
        # Memory that is somebody's: the caller's gradient, the leaves themselves, and each .grad handed out here.
        shared = {id(_owner(gradient._data if isinstance(gradient, Tensor) else gradient))}
        pass_.run(create_graph if retain_graph is None else retain_graph)
        shared.update([id(_owner(leaf._data)) for _, _, leaf in pass_.leaves.values()])
        for total, _, leaf in pass_.leaves.values():  # only now is a leaf's gradient final
            if leaf.grad is not None:
                leaf.grad = Add.apply(leaf.grad, total)
                continue
            # Every .grad has memory of its own, so that a user may write into it.
            flags = total._data.flags
            usable = flags.c_contiguous and getattr(flags, "writeable", True)
            if not usable or id(_owner(total._data)) in shared:
                total = total.clone() if create_graph else Tensor(total._data.copy())
            shared.add(id(_owner(total._data)))
            leaf.grad = total


def _owner(array: Any) -> Any:
    """The object whose memory ``array`` looks at."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return d(outputs)/d(inputs) contracted with ``grad_outputs``; no ``.grad`` is touched.

    Only the part of the graph between ``inputs`` and ``outputs`` is visited.

    Args:
        outputs: a Tensor or several.
        inputs: the Tensors, leaves or not, whose gradients are wanted.
        grad_outputs: for each output its cotangent, or None for 1 at a single element.
        retain_graph: keep the graph; default ``create_graph``.
        create_graph: record the backward itself.
        allow_unused: give None for an input that the outputs do not depend on, instead of raising.

    Returns:
        For each input its gradient.

    Raises:
        RuntimeError: as :func:`backward`; or if an input is unused.
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None:
        grad_outputs = [None] * len(outputs)
    elif not isinstance(grad_outputs, (list, tuple)):
        grad_outputs = [grad_outputs]
    wanted = [(id(target), index) for target, index in map(edge_of, inputs)]
    kept: dict[tuple[int, int], Tensor | None] = dict.fromkeys(wanted)
    with mode_set("recording", create_graph):
        pass_ = _Pass(create_graph)
        pass_.start(outputs, grad_outputs)
        pass_.run(create_graph if retain_graph is None else retain_graph, _between(outputs, kept), kept)
    for key, (total, _, _) in pass_.leaves.items():
        if (key, 0) in kept:
            kept[key, 0] = total
    gradients = tuple([kept[edge] for edge in wanted])
    for i, gradient in enumerate(gradients):
        if gradient is None and not allow_unused:
            raise RuntimeError(f"input {i} was not used to make the outputs; with allow_unused=True it gets None")
    return gradients


def _between(outputs: Sequence[Tensor], wanted: dict[tuple[int, int], Any]) -> set[Node]:
    """The nodes that lie on a path from ``outputs`` to a wanted edge."""
    reached: set[Node] = set()
    stack = [t._node for t in outputs if t._node is not None]
    while stack:
        node = stack.pop()
        if node not in reached:
            reached.add(node)
            stack.extend(e[0] for e in node.edges or () if e is not None and type(e[0]) is Node)
    needed: set[Node] = set()
    for node in sorted(reached, key=lambda n: n.number):  # inputs before what was made from them
        # a freed node counts as needed: the pass then reaches it and says so
        edges = [e for e in node.edges or () if e is not None]
        if node.edges is None or any((id(t), i) in wanted or t in needed for t, i in edges):
            needed.add(node)
    return needed
