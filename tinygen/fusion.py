"""Ops with a fused kernel: fast where it counts, and differentiated by their plain form at higher order."""

from __future__ import annotations

from typing import Any

from tinygen.autograd import Function, Node, grad
from tinygen.modes import mode
from tinygen.tensor import Tensor


class Alias(Function):
    """y = x;  dy/dx = 1: a place of its own in the graph, at which a partial derivative can be taken."""

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        return x

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        return gy


class FusedFunction(Function):
    """A Function whose forward and first-order backward are kernels on arrays.

    A subclass gives, beside ``forward`` (which must ``ctx.save`` its inputs, all and in order, and behind them the
    arrays that its outputs look at, so that a write into these is noticed; keep what else the kernel needs in
    ``ctx.kept``, and its settings as a dict in ``ctx.settings``):

    * ``fast_backward(ctx, inputs, output_gradients)``, on arrays: the gradient of each input or None;
    * ``reference(*inputs, **settings)``, on Tensors: the same op composed of the engine's ops.

    With ``create_graph=True`` the reference is what gets differentiated, so nobody writes a second derivative by
    hand; and the kernels are tested against it at both orders.
    """

    @staticmethod
    def fast_backward(ctx: Node, inputs: list[Any], output_gradients: list[Any]) -> tuple:
        """Compute the gradient of each input, on arrays."""
        raise TypeError("a FusedFunction needs a static method `fast_backward(ctx, inputs, output_gradients)`")

    @staticmethod
    def reference(*inputs: Tensor | None, **settings: Any) -> Any:
        """Compute the outputs with the engine's own ops."""
        raise TypeError("a FusedFunction needs a static method `reference(*inputs, **settings)`")

    @staticmethod
    def backward(ctx: Node, *output_gradients: Tensor | None) -> tuple:
        """Run the fast backward, or differentiate the reference where the gradient is itself recorded."""
        inputs = ctx.saved[: len(ctx.edges)]
        if not mode.recording:
            arrays = [None if t is None else t._data for t in inputs]
            gradients = [None if g is None else g._data for g in output_gradients]
            results = ctx.function.fast_backward(ctx, arrays, gradients)
            return tuple([None if r is None else Tensor(r) for r in results])
        # Partial derivatives: each input gets a place of its own, so that one input's history is not taken for
        # part of another's.
        places = [None if t is None else Alias.apply(t) for t in inputs]
        outputs = ctx.function.reference(*places, **ctx.settings)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        flowing = [(out, g) for out, g in zip(outputs, output_gradients, strict=True) if g is not None]
        wanted = [p for p, needed in zip(places, ctx.needs_input_grad, strict=True) if needed]
        starts, seeds = [out for out, _ in flowing], [g for _, g in flowing]
        found = iter(grad(starts, wanted, seeds, create_graph=True, allow_unused=True))
        return tuple([next(found) if needed else None for needed in ctx.needs_input_grad])
