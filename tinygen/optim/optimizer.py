"""What all optimisers share: parameter groups, and a state that can be saved and continues bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

from tinygen.backend import device_of, to_device
from tinygen.modes import enable_grad
from tinygen.tensor import Tensor
from tinygen.writes import written
from tinygen_ops.arrays import array_module


class Optimizer:
    """Updates parameters from their gradients.

    Args:
        params: Tensors, or dicts ``{"params": [...], "lr": ...}`` with settings of their own.
        defaults: the settings of groups that do not say otherwise.

    Attributes:
        param_groups: a dict for each group: ``params`` and its settings; change ``lr`` here.
        state: for each parameter (by its number over all groups) its arrays by name.
    """

    # the names of the arrays that the rule keeps for each parameter
    state_names: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("`params` is one Tensor; it takes a list of Tensors or of groups")
        params = list(params)
        if not params:
            raise ValueError("`params` is empty: there is nothing to optimise")
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        for group in params if isinstance(params[0], dict) else [{"params": params}]:
            self.add_param_group(group)
        self.state: dict[int, dict[str, Any]] = {}
        self._counts: dict[int, int] = {}  # how often each parameter was updated
        self.steps = 0

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Optimise further parameters, such as a layer that was frozen so far.

        Args:
            group: ``{"params": [...], ...}``; settings that it does not name are the defaults.

        Raises:
            TypeError: if it holds something else than leaf Tensors.
            ValueError: for a parameter that is there already, or an unknown setting.
        """
        unknown = set(group) - {"params", *self.defaults}
        if unknown or "params" not in group:
            valid = ["params", *sorted(self.defaults)]
            raise ValueError(f"unknown settings {sorted(unknown)}; valid are {valid}, and `params` must be there")
        members = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        seen = {id(p) for other in self.param_groups for p in other["params"]}
        for p in members:
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(f"`params` holds {type(p).__name__}; it takes leaf Tensors")
            if id(p) in seen:
                raise ValueError("`params` holds the same parameter twice")
            seen.add(id(p))
        self.param_groups.append({**self.defaults, **group, "params": members})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients (or with ``set_to_none=False`` make them zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else Tensor(array_module(p._data).zeros_like(p._data))

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients again; None if they are there already.

        Returns:
            The loss that ``closure`` returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        number = 0
        for group in self.param_groups:
            numbered = list(enumerate(group["params"], number))
            number += len(numbered)
            batches: dict[int, list] = {}  # how often it was updated -> parameters; nearly always one batch
            for i, p in numbered:
                if p.grad is not None:
                    if getattr(getattr(p._data, "flags", None), "writeable", True) is False:
                        raise ValueError(f"parameter {i} of `params`, of shape {p.shape}, is frozen: its array is "
                                         "read-only; model.requires_grad_() undoes that")
                    arrays = self.state.setdefault(i, {})
                    for name in self._names(group):
                        if name not in arrays:
                            arrays[name] = array_module(p._data).zeros_like(p._data)
                    self._counts[i] = self._counts.get(i, 0) + 1
                    written(p._data)
                    batches.setdefault(self._counts[i], []).append((i, p))
            for count, batch in batches.items():
                arrays = {name: [self.state[i][name] for i, _ in batch] for name in self._names(group)}
                self._update([p._data for _, p in batch], [p.grad._data for _, p in batch], arrays, group, count)
        self.steps += 1
        return loss

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that ``group`` needs for each parameter."""
        return self.state_names

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        """Change ``params`` and ``state`` in place, for the ``count``-th time; a subclass defines it."""
        raise TypeError(f"{type(self).__name__} does not define _update()")

    def state_dict(self) -> dict[str, Any]:
        """Return steps, settings and arrays: with them, an equal optimiser continues bit for bit."""
        groups = [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups]
        state = {str(i): dict(arrays) for i, arrays in self.state.items()}
        counts = {str(i): count for i, count in self._counts.items()}
        return {"steps": self.steps, "groups": groups, "counts": counts, "state": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises:
            ValueError: if it belongs to other parameters.
        """
        params = [p for group in self.param_groups for p in group["params"]]
        if len(state["groups"]) != len(self.param_groups):
            raise ValueError(f"the state has {len(state['groups'])} groups, the optimiser {len(self.param_groups)}")
        loaded = {}
        for key, arrays in state["state"].items():
            i = int(key)
            for name, array in arrays.items():
                if i >= len(params) or tuple(array.shape) != params[i].shape:
                    raise ValueError(f"the state's `{name}` of parameter {i} does not fit the optimiser's parameters")
            if arrays:
                home = device_of(params[i]._data)
                loaded[i] = {name: to_device(array.copy(), home) for name, array in arrays.items()}
        for mine, theirs in zip(self.param_groups, state["groups"], strict=True):
            mine.update(theirs)
        self._counts = {int(i): int(count) for i, count in state["counts"].items()}
        self.state, self.steps = loaded, int(state["steps"])


def check_range(name: str, value: float, low: float = 0.0, high: float = float("inf")) -> None:
    """Raise ValueError unless ``low <= value <= high``, TypeError unless it is a real number."""
    if not isinstance(value, Real):
        raise TypeError(f"`{name}` is {value!r}; it must be a number")
    if not low <= value <= high:
        limit = f"at least {low}" if high == float("inf") else f"from {low} to {high}"
        raise ValueError(f"`{name}` is {value!r}; it must be {limit}")
