"""SGD, RMSprop, Adam and AdamW. The arithmetic is in ``tinygen_ops/update.py``: one pass over all parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygen.optim.optimizer import Optimizer, check_range
from tinygen_ops import update


class SGD(Optimizer):
    """Stochastic gradient descent.

        b <- momentum b + g (b = g at the first step);   p <- p - lr b      (nesterov: p <- p - lr (g + momentum b))

    Args:
        params: what to optimise.
        lr: learning rate.
        momentum: the share of the last step that is kept, 0 for none.
        nesterov: look ahead; needs momentum.
        weight_decay: adds this times the parameter to the gradient.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        check_range("lr", lr)
        check_range("momentum", momentum)
        check_range("weight_decay", weight_decay)
        if nesterov and not momentum:
            raise ValueError("`nesterov` is True, but `momentum` is 0; it needs momentum")
        settings = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(params, settings)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        settings = {k: group[k] for k in ("lr", "momentum", "nesterov", "weight_decay")}
        # zeros before the first step: momentum 0 + g = g
        update.sgd(params, grads, state.get("momentum_buffer"), **settings)


class RMSprop(Optimizer):
    """Divides each gradient by the running root mean square of its like.

        v <- alpha v + (1 - alpha) g**2;   p <- p - lr g / (sqrt(v) + eps)

    PyTorch's form, which is Keras 2's too (there alpha is called rho and is 0.9, eps 1e-7).

    Args:
        params: what to optimise.
        lr: learning rate.
        alpha: how much of v is kept.
        eps: keeps the division finite.
        weight_decay: adds this times the parameter to the gradient.
        momentum: the share of the last step that is kept.
        centered: use the variance: subtract the square of the running mean from v.
        clip_value: limit each gradient element to +-this before it is squared; None for no limit.
        decay: the learning rate at step t (from 0) is lr / (1 + decay t), Keras' form.

    Source: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
        clip_value: float | None = None, decay: float = 0.0,
    ) -> None:
        for name, value in {"lr": lr, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}.items():
            check_range(name, value)
        check_range("alpha", alpha, 0, 1)
        check_range("decay", decay)
        if clip_value is not None:
            check_range("clip_value", clip_value)
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
            "centered": centered, "clip_value": clip_value, "decay": decay,
        })

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = ("square_avg",) + (("grad_avg",) if group["centered"] else ())
        return names + (("momentum_buffer",) if group["momentum"] else ())

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        settings = {k: group[k] for k in ("alpha", "eps", "weight_decay", "momentum", "clip_value")}
        settings["lr"] = group["lr"] / (1 + group["decay"] * self.steps)
        update.rmsprop(
            params, grads, state["square_avg"], state.get("grad_avg"), state.get("momentum_buffer"), **settings
        )


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at zero.

        m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g**2
        p <- p - lr (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)

    Args:
        params: what to optimise.
        lr: learning rate.
        betas: b1 and b2, from 0 to below 1.
        eps: keeps the division finite.
        weight_decay: adds this times the parameter to the gradient (AdamW: see there).

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015), algorithm 1.
    """

    state_names = ("exp_avg", "exp_avg_sq")
    _decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in {"lr": lr, "eps": eps, "weight_decay": weight_decay}.items():
            check_range(name, value)
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"`betas[{i}]` is {beta!r}; it must be from 0 to below 1")
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay})

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        beta1, beta2 = group["betas"]
        settings = {k: group[k] for k in ("lr", "eps", "weight_decay")}
        update.adam(
            params, grads, state["exp_avg"], state["exp_avg_sq"], step=count, beta1=beta1, beta2=beta2,
            decoupled=self._decoupled, **settings,
        )


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p <- p - lr weight_decay p, then Adam's step.

    Args:
        params: what to optimise.
        lr: learning rate.
        betas: b1 and b2, from 0 to below 1.
        eps: keeps the division finite.
        weight_decay: the share of each parameter (times lr) that is taken away at every step.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (ICLR 2019), algorithm 2.
    """

    _decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
