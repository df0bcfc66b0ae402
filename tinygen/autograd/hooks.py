"""Hooks on tensors: look at a gradient on its way, replace it, or keep it.

A leaf keeps its hooks itself; those of any other tensor hang on the node that made it, which gets the gradient.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

from tinygen.backend import device_of
from tinygen.graph import Node
from tinygen.tensor import Tensor

_numbers = itertools.count()


class Hooks(dict):
    """Number -> hook, in the order in which they run."""

    __slots__ = ("__weakref__", "keeper")  # a plain dict takes no weak references

    def __init__(self) -> None:
        super().__init__()
        self.keeper: weakref.ref[Tensor] | None = None  # the tensor whose .grad gets what leaves the last hook


class Handle:
    """A registered hook: :meth:`remove` takes it away, and so does the end of a ``with`` block."""

    def __init__(self, hooks: Hooks, hook: Any, first: bool = False) -> None:
        # weakly, so that a hook that knows its own handle makes no reference cycle
        self._hooks = weakref.ref(hooks)
        self._number = next(_numbers)
        others = list(hooks.items()) if first else []
        if first:
            hooks.clear()
        hooks[self._number] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self._number, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Call ``hook(gradient)`` whenever the gradient with respect to ``tensor`` has been computed.

    The gradient is complete: the sum over all uses of the tensor in this backward pass, and not yet added to
    ``.grad``. Hooks run in the order of registration, those of leaves at the end of the pass. With
    ``create_graph=True`` what a hook computes is recorded.

    Args:
        tensor: one that requires grad.
        hook: gets the gradient, a Tensor that it must not write into, and returns None, or a Tensor of the same
            shape, dtype and device that takes its place.

    Returns:
        A handle; ``handle.remove()`` takes the hook away.

    Raises:
        RuntimeError: if ``tensor`` does not require grad; in backward, if the replacement does not fit.
        TypeError: if ``hook`` cannot be called; in backward, if it returns something else.
    """
    if not tensor._requires_grad:
        raise RuntimeError("register_hook: no gradient ever reaches a tensor that does not require grad")
    return Handle(_hooks_of(tensor), callable_or_raise(hook))


def retain_grad(tensor: Tensor) -> None:
    """Let backward fill in ``.grad`` of a tensor that is no leaf (a leaf has it anyway).

    It gets what leaves the last hook, added to what is there.

    Raises:
        RuntimeError: if ``tensor`` does not require grad.
    """
    if not tensor._requires_grad:
        raise RuntimeError("retain_grad: no gradient ever reaches a tensor that does not require grad")
    if tensor._node is not None:
        _hooks_of(tensor).keeper = weakref.ref(tensor)


def retains_grad(tensor: Tensor) -> bool:
    """Whether :meth:`retain_grad` was called on this tensor, and it is no leaf."""
    found = ((tensor._node is not None and tensor._node.hooks) or {}).get(tensor._index)
    return found is not None and found.keeper is not None and found.keeper() is tensor


def callable_or_raise(hook: Any) -> Any:
    """Return ``hook``; raise TypeError if it cannot be called."""
    if not callable(hook):
        raise TypeError(f"`hook` is {hook!r}; it must be a function")
    return hook


def _hooks_of(tensor: Tensor) -> Hooks:
    """The hooks on ``tensor``'s gradient, made where there are none yet."""
    node: Node | None = tensor._node
    if node is None:
        if getattr(tensor, "_hooks", None) is None:
            tensor._hooks = Hooks()
        return tensor._hooks
    if node.hooks is None:
        node.hooks = {}
    return node.hooks.setdefault(tensor._index, Hooks())


def run_hooks(hooks: Hooks, gradient: Tensor) -> Tensor:
    """Return what the hooks make of ``gradient``."""
    for hook in list(hooks.values()):
        result = hook(gradient)
        if result is None:
            continue
        name = getattr(hook, "__name__", type(hook).__name__)
        if not isinstance(result, Tensor):
            raise TypeError(f"hook `{name}` returned {result!r}; it must return None or a Tensor")
        old, new = ((t.shape, str(t.dtype), device_of(t._data)) for t in (gradient, result))
        if old != new:
            raise RuntimeError(f"hook `{name}` was given a gradient {old} and returned {new}; they must agree")
        gradient = result
    tensor = hooks.keeper and hooks.keeper()
    if tensor is not None:
        tensor.grad = gradient.clone() if tensor.grad is None else tensor.grad + gradient
    return gradient
