"""What starts a backward pass: ``backward`` fills in ``.grad``, ``grad`` returns gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygen.autograd.engine import Add, Pass
from tinygen.autograd.hooks import retain_grad
from tinygen.graph import Node, edge_of
from tinygen.modes import mode
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradient of ``tensors`` with respect to every leaf to that leaf's ``.grad``.

    Args:
        tensors: where to start: a Tensor or several.
        grad_tensors: for each d(objective)/d(tensor), of its shape, or None for 1 at a single element.
        retain_graph: keep the graph for another backward; default ``create_graph``.
        create_graph: record the backward itself, for higher derivatives.
        inputs: add to the ``.grad`` of these alone, and visit no more of the graph than that takes. One that is no leaf
            is made to retain its gradient.

    Raises:
        RuntimeError: for an output without gradient, a non-scalar output without ``gradient``, a graph that is
            freed already, or an array that was written to since the forward.
    """
    if mode.segment is not None:
        raise RuntimeError("backward() in a checkpointed function would add to .grad twice; use autograd.grad there")
    tensors, gradients = _paired(tensors, grad_tensors)
    kept = None
    if inputs is not None:
        inputs = _listed(inputs)
        kept = dict.fromkeys((id(target), index) for target, index in map(edge_of, inputs))
        for tensor in inputs:
            retain_grad(tensor)
    with Pass(create_graph) as pass_:
        pass_.start(tensors, gradients)
        retain = create_graph if retain_graph is None else retain_graph
        pass_.run(retain, kept, None if kept is None else _between(tensors, kept))
        # Memory that is somebody's: the caller's gradient, the leaves themselves, and each .grad handed out here.
        shared = {id(_owner(g._data if isinstance(g, Tensor) else g)) for g in gradients}
        shared.update([id(_owner(leaf._data)) for _, _, leaf in pass_.leaves.values()])
        for leaf, total, hooked in pass_.finished(kept):
            if leaf.grad is not None:
                leaf.grad = Add.apply(leaf.grad, total)
                continue
            # Every .grad has memory of its own, so that a user may write into it. A hook's result may be anybody's.
            flags = total._data.flags
            usable = flags.c_contiguous and getattr(flags, "writeable", True) and not hooked
            if not usable or id(_owner(total._data)) in shared:
                total = total.clone() if create_graph else Tensor(total._data.copy())
            shared.add(id(_owner(total._data)))
            leaf.grad = total


def tensor_backward(
    tensor: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradient of this tensor with respect to every leaf to that leaf's ``.grad``: see autograd.backward."""
    backward(tensor, gradient, retain_graph, create_graph, inputs)


def _owner(array: Any) -> Any:
    """The object whose memory ``array`` looks at."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def _listed(inputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """``inputs`` as a list of Tensors that require grad."""
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if not inputs:
        raise RuntimeError("`inputs` is empty; name at least one Tensor")
    for i, tensor in enumerate(inputs):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"`inputs` holds {tensor!r} at {i}; it must hold Tensors")
        if not tensor._requires_grad:
            raise RuntimeError(f"input {i} does not require grad")
    return inputs


def _paired(outputs: Tensor | Sequence[Tensor], gradients: Any) -> tuple[list[Tensor], list]:
    """Lists of outputs and of as many gradients."""
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    if gradients is None:
        gradients = [None] * len(outputs)
    elif not isinstance(gradients, (list, tuple)):
        gradients = [gradients]
    if len(outputs) != len(gradients):
        raise RuntimeError(f"{len(outputs)} outputs need as many gradients (or None), got {len(gradients)}")
    return outputs, gradients


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
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
        is_grads_batched: must be False: cotangents come one at a time.
        materialize_grads: give zeros for such an input.

    Returns:
        For each input its gradient, as its hooks leave it.

    Raises:
        RuntimeError: as :func:`backward`; or if an input is unused.
        ValueError: if ``is_grads_batched``, or ``allow_unused`` is False and ``materialize_grads`` True.
    """
    if is_grads_batched:
        raise ValueError("`is_grads_batched` is True; only False is supported: call grad() once for each cotangent")
    if materialize_grads and allow_unused is False:
        raise ValueError("`allow_unused` is False; with `materialize_grads` it must be True or left out")
    outputs, gradients = _paired(outputs, grad_outputs)
    inputs = _listed(inputs)
    wanted = [(id(target), index) for target, index in map(edge_of, inputs)]
    kept: dict[tuple[int, int], Tensor | None] = dict.fromkeys(wanted)
    with Pass(create_graph) as pass_:
        pass_.start(outputs, gradients)
        pass_.run(create_graph if retain_graph is None else retain_graph, kept, _between(outputs, kept))
        kept.update({(id(leaf), 0): total for leaf, total, _ in pass_.finished(kept)})
    for i, (edge, tensor) in enumerate(zip(wanted, inputs, strict=True)):
        if kept[edge] is None and materialize_grads:
            kept[edge] = Tensor(array_module(tensor._data).zeros(tensor.shape, tensor.dtype))
        elif kept[edge] is None and not allow_unused:
            raise RuntimeError(f"input {i} was not used to make the outputs; with allow_unused=True it gets None")
    return tuple([kept[edge] for edge in wanted])


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
