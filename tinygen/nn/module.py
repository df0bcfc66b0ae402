"""Module: where parameters live. Layers and models are Modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygen.autograd import Handle
from tinygen.backend import check_device, device_of, to_device
from tinygen.nn.hooks import ModuleHooks
from tinygen.tensor import Tensor
from tinygen.writes import written
from tinygen_ops.arrays import array_module


class Parameter(Tensor):
    """A Tensor that a Module trains."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data._data if isinstance(data, Tensor) else data, requires_grad)


class Module:
    """A layer or a model: parameters, buffers, and modules inside it, found as attributes.

    A subclass assigns :class:`Parameter` objects and Modules to attributes in ``__init__`` and defines
    ``forward``; calling the module runs it.

    Attributes:
        training: whether layers such as dropout act as in training; set by :meth:`train` and :meth:`eval`.
    """

    _hooks: ModuleHooks | None = None

    def __init__(self) -> None:
        self.training = True
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Run the module, and the hooks that were registered."""
        if self._hooks is not None:
            return self._hooks.call(self, inputs, settings)
        return self.forward(*inputs, **settings)

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; a subclass defines it."""
        raise TypeError(f"{type(self).__name__} does not define forward()")

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """Keep a Tensor that is saved with the parameters but not trained, as attribute ``name``."""
        self._buffers[name] = tensor
        object.__setattr__(self, name, tensor)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in getattr(self, "_buffers", ()):
            self._buffers[name] = value
        object.__setattr__(self, name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) of the modules directly inside, in the order they were assigned."""
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield (path, module) of this module and all inside it."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all inside it."""
        for _, module in self.named_modules():
            yield module

    def _named(self, kind: Callable[[Module], Mapping[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, tensor), each tensor once, in a fixed order."""
        seen = set()
        for path, module in self.named_modules():
            for name, tensor in kind(module).items():
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield (f"{path}.{name}" if path else name), tensor

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (path, parameter), such as ``("0.weight", ...)``; a shared parameter once."""
        return self._named(lambda m: {k: v for k, v in m.__dict__.items() if isinstance(v, Parameter)})

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters, in the order of :meth:`named_parameters`."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, buffer)."""
        return self._named(lambda m: m._buffers)

    def state_dict(self) -> dict[str, Any]:
        """Return the arrays of all parameters and buffers by path: the module's own memory, not copies."""
        found = OrderedDict()
        for path, module in self.named_modules():
            own = {k: v for k, v in module.__dict__.items() if isinstance(v, Parameter)} | module._buffers
            for name, tensor in own.items():
                if tensor is not None:
                    found[f"{path}.{name}" if path else name] = tensor._data
        return found

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Take over the values in ``state``; nothing is changed if something does not fit.

        Args:
            state: path -> array or Tensor.
            strict: whether every path must be there, and no other.

        Raises:
            KeyError: for missing or unknown paths.
            ValueError: for a shape that differs.
        """
        own = self.state_dict()
        missing, unknown = [k for k in own if k not in state], [k for k in state if k not in own]
        if strict and (missing or unknown):
            name = type(self).__name__
            raise KeyError(f"state dict does not fit {name}: missing {missing}, unknown {unknown}")
        values = {k: v._data if isinstance(v, Tensor) else v for k, v in state.items() if k in own}
        for name, value in values.items():
            if tuple(np.shape(value)) != own[name].shape:
                shape = tuple(np.shape(value))
                raise ValueError(f"`{name}` has shape {shape} in the state dict, {own[name].shape} here")
        for name, value in values.items():
            mine = own[name]
            written(mine)
            array = value if hasattr(value, "dtype") else array_module(mine).asarray(value)
            mine[...] = to_device(array, device_of(mine))

    def train(self, mode: bool = True) -> Module:
        """Switch this module and all inside it to training (or with False to evaluation)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: no dropout, running statistics."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Say of all parameters whether their gradients are wanted."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self) -> None:
        """Drop the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, target: Any) -> Module:
        """Move all parameters and buffers, in place, to a device (``"cuda"``) or into a floating dtype."""
        device = check_device(target) if isinstance(target, str) and not hasattr(np, target) else None
        for _, tensor in [*self.named_parameters(), *self.named_buffers()]:
            array = tensor._data
            if device is not None:
                # not through .data: nobody else was handed the new array, so nobody need be watched
                tensor._data = to_device(array, device)
            elif array.dtype.kind == "f":
                tensor._data = array.astype(target)
        return self

    def apply(self, function: Callable[[Module], None]) -> Module:
        """Call ``function`` on all modules inside and then on this one."""
        for _, child in self.named_children():
            child.apply(function)
        function(self)
        return self

    def _add_hook(self, kind: str, hook: Callable, prepend: bool, **options: bool) -> Handle:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks.add(kind, hook, prepend, **options)

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, inputs)`` before every forward.

        Args:
            hook: gets the positional inputs as a tuple and returns None, or what takes their place: a tuple, or a
                single value.
            prepend: run it before the hooks that are there.
            with_kwargs: call ``hook(module, inputs, settings)``; it returns None or ``(inputs, settings)``.

        Returns:
            A handle; ``handle.remove()`` takes the hook away, and so does the end of a ``with`` block.
        """
        return self._add_hook("before", hook, prepend, with_kwargs=with_kwargs)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> Handle:
        """Call ``hook(module, inputs, output)`` after every forward.

        Args:
            hook: returns None, or what takes the place of the output.
            prepend: run it before the hooks that are there.
            with_kwargs: call ``hook(module, inputs, settings, output)``.
            always_call: call it also where the forward, or a hook before it, raised an error; the output is then None.

        Returns:
            A handle, as from :meth:`register_forward_pre_hook`.
        """
        return self._add_hook("after", hook, prepend, with_kwargs=with_kwargs, always_call=always_call)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_output)`` when the gradients of the module's outputs have been computed.

        Args:
            hook: gets a tuple, None for outputs without gradient; returns None, or the gradients to go on with. It must
                not write into them.
            prepend: run it before the hooks that are there.

        Returns:
            A handle, as from :meth:`register_forward_pre_hook`. Removing it does not concern forwards that have run.
        """
        return self._add_hook("backward_before", hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs have been computed.

        Where no input requires grad, it is called as soon as those of the outputs are there, with None for each input.

        Args:
            hook: gets two tuples, for the positional inputs and for the outputs, with None where there is no gradient;
                returns None, or the input gradients to go on with. It must not write into them.
            prepend: run it before the hooks that are there.

        Returns:
            A handle, as from :meth:`register_forward_pre_hook`. Removing it does not concern forwards that have run.

        Raises:
            TypeError: in the forward, if the module returns neither a Tensor nor a tuple with Tensors.
            RuntimeError: in backward, if the hook returns another number of gradients.
        """
        return self._add_hook("backward", hook, prepend)

    def extra_repr(self) -> str:
        """What the layer's line shows in brackets; a subclass may define it."""
        return ""

    def __repr__(self) -> str:
        children = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return head + ("\n" + "\n".join(children) + "\n)" if children else ")")
