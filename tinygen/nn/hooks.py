"""Hooks on Modules: look at, or replace, what goes into a module and comes out of it, forward and backward.

The backward hooks sit in two gates, identities in the graph: one behind the module's inputs, one before its outputs.
The output gate meets the gradients first; it hands them over to the input gate, where the hooks run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinygen.autograd import Function, Handle, Node
from tinygen.autograd.hooks import Hooks, callable_or_raise
from tinygen.modes import mode
from tinygen.tensor import Tensor


class _Hook(NamedTuple):
    function: Callable
    with_kwargs: bool = False
    always_call: bool = False


class ModuleHooks:
    """The four kinds of hooks of one module."""

    def __init__(self) -> None:
        self.before, self.after = Hooks(), Hooks()
        self.backward_before, self.backward = Hooks(), Hooks()

    def add(self, kind: str, function: Callable, prepend: bool, **options: bool) -> Handle:
        """Register ``function`` behind the others, or before them."""
        return Handle(getattr(self, kind), _Hook(callable_or_raise(function), **options), first=prepend)

    def call(self, module: Any, inputs: tuple, settings: dict) -> Any:
        """Run the module and its hooks."""
        pending = [hook for hook in self.after.values() if hook.always_call]
        try:
            inputs, settings = self._before(module, inputs, settings)
            gates = None
            if self.backward or self.backward_before:
                gates = _Gates(module, list(self.backward_before.values()), list(self.backward.values()))
                inputs = gates.behind_inputs(inputs)
            result = module.forward(*inputs, **settings)
            for hook in list(self.after.values()):
                if hook in pending:
                    pending.remove(hook)
                returned = _call_after(hook, module, inputs, settings, result)
                result = result if returned is None else returned
            return result if gates is None else gates.before_outputs(result)
        except Exception:
            for hook in pending:  # these want to be called in any case
                _call_after(hook, module, inputs, settings, None)
            raise

    def _before(self, module: Any, inputs: tuple, settings: dict) -> tuple[tuple, dict]:
        for hook in list(self.before.values()):
            if hook.with_kwargs:
                result = hook.function(module, inputs, settings)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise RuntimeError(
                            f"a forward pre-hook with keywords returned {result!r}; it must return None or a tuple "
                            "(inputs, settings)"
                        )
                    inputs, settings = result
            else:
                result = hook.function(module, inputs)
                if result is not None:
                    inputs = result if isinstance(result, tuple) else (result,)
        return inputs, settings


def _call_after(hook: _Hook, module: Any, inputs: tuple, settings: dict, result: Any) -> Any:
    if hook.with_kwargs:
        return hook.function(module, inputs, settings, result)
    return hook.function(module, inputs, result)


class Gate(Function):
    """y_i = x_i;  gx = whatever the hooks make of gy."""

    @staticmethod
    def forward(ctx: Node, *arrays: Any, backward: Callable) -> tuple:
        """Pass the arrays on."""
        ctx.hooked = backward
        ctx.materialize = False
        return arrays

    @staticmethod
    def backward(ctx: Node, *gradients: Tensor | None) -> tuple:
        """Run the hooks."""
        return ctx.hooked(gradients)


class _Gates:
    """The two gates of one call of a module."""

    def __init__(self, module: Any, before: list[_Hook], hooks: list[_Hook]) -> None:
        self.module, self.before, self.hooks = module, before, hooks
        self.inputs: list[int] = []  # which of the module's inputs go through the gate
        self.outputs: list[int] = []

    def behind_inputs(self, inputs: tuple) -> tuple:
        """Put those inputs through the gate that require grad."""
        self.inputs, self.input_count = _flowing(inputs), len(inputs)
        return _through(inputs, self.inputs, self._at_inputs)

    def before_outputs(self, result: Any) -> Any:
        """Put the outputs through the gate."""
        outputs = result if isinstance(result, tuple) else (result,)
        if mode.recording and not any(isinstance(t, Tensor) for t in outputs):
            kind = f"{type(self.module).__name__} returned {type(result).__name__}"
            raise TypeError(f"a module with backward hooks must return a Tensor or a tuple with Tensors; {kind}")
        self.outputs, self.output_count = _flowing(outputs), len(outputs)
        outputs = _through(outputs, self.outputs, self._at_outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _at_outputs(self, gradients: tuple) -> tuple:
        spread = _spread(gradients, self.outputs, self.output_count)
        for hook in self.before:
            spread = _replaced(hook.function(self.module, spread), spread, "backward pre-hook", "output")
        if self.inputs:
            # Kept with the pass, not here: where it never comes to the inputs, the gradients go with it.
            mode.running.scratch[self] = spread
        else:
            nothing = (None,) * self.input_count
            for hook in self.hooks:
                if any(g is not None for g in _replaced(hook.function(self.module, nothing, spread), nothing)):
                    raise RuntimeError("backward hook: no input requires grad, there is no gradient to replace")
        return tuple([spread[i] for i in self.outputs])

    def _at_inputs(self, gradients: tuple) -> tuple:
        to_outputs = mode.running.scratch.pop(self, None)
        if to_outputs is None:  # the gradient came another way than through the outputs
            return gradients
        spread = _spread(gradients, self.inputs, self.input_count)
        for hook in self.hooks:
            spread = _replaced(hook.function(self.module, spread, to_outputs), spread)
        return tuple([spread[i] for i in self.inputs])


def _flowing(values: tuple) -> list[int]:
    """The places of the Tensors that require grad, if that is of interest."""
    return [i for i, t in enumerate(values) if mode.recording and isinstance(t, Tensor) and t._requires_grad]


def _through(values: tuple, places: list[int], backward: Callable) -> tuple:
    """Put the values at ``places`` through a gate."""
    if not places:
        return values
    passed = dict(zip(places, Gate.apply(*[values[i] for i in places], backward=backward), strict=True))
    return tuple([passed.get(i, value) for i, value in enumerate(values)])


def _spread(gradients: tuple, places: list[int], count: int) -> tuple:
    """One gradient for each of ``count`` values, None where there is none."""
    spread: list[Tensor | None] = [None] * count
    for i, gradient in zip(places, gradients, strict=True):
        spread[i] = gradient
    return tuple(spread)


def _replaced(result: Any, gradients: tuple, kind: str = "backward hook", of: str = "input") -> tuple:
    """What a hook returned in place of ``gradients``."""
    if result is None:
        return gradients
    result = (result,) if isinstance(result, Tensor) else tuple(result)
    if len(result) != len(gradients):
        raise RuntimeError(f"a {kind} returned {len(result)} gradients; the module has {len(gradients)} {of}s")
    for given in result:
        if given is not None and not isinstance(given, Tensor):
            raise TypeError(f"a {kind} returned {given!r} as a gradient; it must be a Tensor or None")
    return result
