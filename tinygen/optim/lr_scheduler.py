"""Learning rates that change over time. Call ``step()`` after each epoch (or step) of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygen.optim.optimizer import Optimizer


class LRScheduler:
    """Sets each group's ``lr`` to its first value times :meth:`factor`.

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

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base * self.factor(self.last_epoch)

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
    """Factor = a function of the epoch."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.factor = lr_lambda
        super().__init__(optimizer)


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
        warmup: epochs over which the rate first rises in a straight line.

    Source: Loshchilov and Hutter, "SGDR" (ICLR 2017), equation 5, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, warmup: int = 0) -> None:
        if T_max < 1:
            raise ValueError(f"`T_max` is {T_max}; it must be at least 1")
        self.T_max, self.eta_min, self.warmup = T_max, eta_min, warmup
        super().__init__(optimizer)

    def factor(self, epoch: int) -> float:
        """Return the share of the first learning rate."""
        if epoch < self.warmup:
            return (epoch + 1) / (self.warmup + 1)
        progress = min((epoch - self.warmup) / max(self.T_max - self.warmup, 1), 1.0)
        lowest = self.eta_min / self.base_lrs[0] if self.base_lrs[0] else 0.0
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * progress)) / 2


class ReduceLROnPlateau:
    """Multiplies the learning rates by ``factor`` when a value has not fallen for ``patience`` epochs.

    Args:
        optimizer: whose learning rates to set.
        factor: below 1.
        patience: how many epochs without a new best value are borne.
        threshold: a new best value is below the old one by this share of it.
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"`factor` is {factor}; it must lie between 0 and 1")
        self.optimizer, self.factor, self.patience, self.threshold = optimizer, factor, patience, threshold
        self.best, self.bad_epochs = math.inf, 0

    def step(self, metrics: float) -> None:
        """Look at the epoch's value, and lower the learning rates if it is time."""
        if metrics < self.best * (1 - self.threshold):
            self.best, self.bad_epochs = float(metrics), 0
            return
        self.bad_epochs += 1
        if self.bad_epochs > self.patience:
            self.bad_epochs = 0
            for group in self.optimizer.param_groups:
                group["lr"] *= self.factor

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs (the learning rates are in the optimiser's state)."""
        return {"best": self.best, "bad_epochs": self.bad_epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.best, self.bad_epochs = float(state["best"]), int(state["bad_epochs"])
