"""Learning rates that change over time. Call ``step()`` after each epoch (or step) of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygen.optim.optimizer import Optimizer


class LRScheduler:
    """Sets each group's ``lr`` to its first value times :meth:`factor`.

    Of a group that joins later, the rate it joins with counts as the first.

    Args:
        optimizer: whose learning rates to set.

    Attributes:
        last_epoch: how often :meth:`step` was called.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self._set()

    def factor(self, epoch: int) -> float:
        """Return what the first learning rate is multiplied by; a subclass defines it."""
        raise TypeError(f"{type(self).__name__} does not define factor()")

    def _rate(self, base: float, number: int) -> float:
        """The learning rate of group ``number``, whose first one is ``base``."""
        return base * self.factor(self.last_epoch)

    def _set(self) -> None:
        groups = self.optimizer.param_groups
        self.base_lrs += [group["lr"] for group in groups[len(self.base_lrs) :]]
        for number, (group, base) in enumerate(zip(groups, self.base_lrs, strict=True)):
            group["lr"] = self._rate(base, number)

    def step(self) -> None:
        """Count one epoch and set the learning rates."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """Return the learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.last_epoch, self.base_lrs = int(state["last_epoch"]), list(state["base_lrs"])
        self._set()


class LambdaLR(LRScheduler):
    """Factor = a function of the epoch.

    Args:
        optimizer: whose learning rates to set.
        lr_lambda: epoch -> factor; or a list with a function for each group.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | list[Callable[[int], float]]) -> None:
        groups = len(optimizer.param_groups)
        self.lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else None
        if self.lambdas is not None and len(self.lambdas) != groups:
            raise ValueError(f"`lr_lambda` has {len(self.lambdas)} functions; the optimiser has {groups} groups")
        self.factor = None if self.lambdas else lr_lambda
        super().__init__(optimizer)

    def _rate(self, base: float, number: int) -> float:
        return base * (self.lambdas[number] if self.lambdas else self.factor)(self.last_epoch)


class StepLR(LRScheduler):
    """Factor = gamma**(epoch // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"`step_size` is {step_size}; it must be at least 1")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def factor(self, epoch: int) -> float:
        """Return gamma**(epoch // step_size)."""
        return self.gamma ** (epoch // self.step_size)


class ExponentialLR(LRScheduler):
    """Factor = gamma**epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def factor(self, epoch: int) -> float:
        """Return gamma**epoch."""
        return self.gamma**epoch


class CosineAnnealingLR(LRScheduler):
    """From the first learning rate down to ``eta_min`` along half a cosine over ``T_max`` epochs.

    Args:
        optimizer: whose learning rates to set.
        T_max: how many epochs the way down takes; after them the rate stays at ``eta_min``.
        eta_min: the lowest rate, as a learning rate.
        warmup: epochs over which the rate first rises in a straight line (PyTorch has no such argument).

    Source: Loshchilov and Hutter, "SGDR" (ICLR 2017), equation 5, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, *, warmup: int = 0) -> None:
        if T_max < 1:
            raise ValueError(f"`T_max` is {T_max}; it must be at least 1")
        self.T_max, self.eta_min, self.warmup = T_max, eta_min, warmup
        super().__init__(optimizer)

    def _rate(self, base: float, number: int) -> float:
        if self.last_epoch < self.warmup:
            return base * (self.last_epoch + 1) / (self.warmup + 1)
        progress = min((self.last_epoch - self.warmup) / max(self.T_max - self.warmup, 1), 1.0)
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * progress)) / 2


class ReduceLROnPlateau:
    """Multiplies the learning rates by ``factor`` when a value has not become better for ``patience`` epochs.

    Args:
        optimizer: whose learning rates to set.
        mode: ``"min"``: lower is better; ``"max"``: higher is.
        factor: below 1.
        patience: how many epochs without a new best value are borne.
        threshold: a new best value is better than the old one by this share of it.
        threshold_mode: ``"rel"``, or ``"abs"``: by ``threshold`` itself.
        cooldown: epochs after a change that do not count.
        min_lr: the lowest rate; or a list with one for each group.
        eps: a change smaller than this is not made.

    Raises:
        ValueError: for a setting out of its range.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: str = "rel", cooldown: int = 0, min_lr: float | list[float] = 0.0, eps: float = 1e-8,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"`factor` is {factor}; it must lie between 0 and 1")
        if mode not in ("min", "max"):
            raise ValueError(f"`mode` is {mode!r}; valid are 'min' and 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"`threshold_mode` is {threshold_mode!r}; valid are 'rel' and 'abs'")
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ValueError(f"`min_lr` has {len(self.min_lrs)} values; the optimiser has {groups} groups")
        self.optimizer, self.factor, self.patience, self.threshold = optimizer, factor, patience, threshold
        self.lower, self.relative, self.cooldown, self.eps = mode == "min", threshold_mode == "rel", cooldown, eps
        self.best, self.bad_epochs, self.cooldown_counter = math.inf if self.lower else -math.inf, 0, 0

    def _better(self, value: float) -> bool:
        change = -self.threshold if self.lower else self.threshold
        bound = self.best * (1 + change) if self.relative else self.best + change
        return value < bound if self.lower else value > bound

    def step(self, metrics: float) -> None:
        """Look at the epoch's value, and lower the learning rates if it is time."""
        if self._better(float(metrics)):
            self.best, self.bad_epochs = float(metrics), 0
        else:
            self.bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.patience:
            self.cooldown_counter, self.bad_epochs = self.cooldown, 0
            for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, lowest)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """Return the learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs (the learning rates are in the optimiser's state)."""
        return {"best": self.best, "bad_epochs": self.bad_epochs, "cooldown_counter": self.cooldown_counter}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.best, self.bad_epochs = float(state["best"]), int(state["bad_epochs"])
        self.cooldown_counter = int(state["cooldown_counter"])
