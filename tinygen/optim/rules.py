"""SGD, RMSprop, Adam and AdamW. The arithmetic is in ``tinygen_ops/update.py``: one pass over all parameters.

Arguments come in PyTorch's order. Its switches ``foreach`` and ``fused`` choose among implementations of the same
rule there; they are taken and change nothing here. ``capturable`` and ``differentiable`` would change what a step is,
and are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygen.optim.optimizer import Optimizer, check_range
from tinygen_ops import update
from tinygen_ops.arrays import array_module


def _refuse(**switches: bool) -> None:
    """Raise for a switch of PyTorch's that has no counterpart here."""
    for name, value in switches.items():
        if value:
            raise ValueError(f"`{name}` is {value!r}; tinygen's optimisers know only False")


class SGD(Optimizer):
    """Stochastic gradient descent.

        b <- momentum b + (1 - dampening) g (b = g at the first step);   p <- p - lr b
        nesterov:                                                         p <- p - lr (g + momentum b)

    Args:
        params: what to optimise.
        lr: learning rate.
        momentum: the share of the last step that is kept, 0 for none.
        dampening: the share of the gradient that momentum leaves out.
        weight_decay: adds this times the parameter to the gradient.
        nesterov: look ahead; needs momentum, and no dampening.
        maximize: climb: the gradient's sign is turned first.
        foreach: no effect, see the top of this file.
        differentiable: only False.
        fused: no effect.

    Raises:
        ValueError: for a setting out of its range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:
        _refuse(differentiable=differentiable)
        check_range("lr", lr)
        check_range("momentum", momentum)
        check_range("dampening", dampening)
        check_range("weight_decay", weight_decay)
        if nesterov and not momentum:
            raise ValueError("`nesterov` is True, but `momentum` is 0; it needs momentum")
        if nesterov and dampening:
            raise ValueError(f"`nesterov` is True, but `dampening` is {dampening!r}; it needs 0")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        })

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        settings = {k: group[k] for k in ("lr", "momentum", "dampening", "nesterov", "weight_decay")}
        buffers = state.get("momentum_buffer")
        update.sgd(params, grads, buffers, first_step=count == 1, grad_scale=_sign(group), **settings)


def _sign(group: dict[str, Any]) -> float:
    """What gradients are multiplied by first."""
    return -1.0 if group["maximize"] else 1.0


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
        capturable: only False.
        foreach: no effect, see the top of this file.
        maximize: climb: the gradient's sign is turned first.
        differentiable: only False.
        clip_value: limit each gradient element to +-this before it is squared; None for no limit.
        decay: the learning rate at step t (from 0) is lr / (1 + decay t), Keras' form.

    Raises:
        ValueError: for a setting out of its range.

    Source: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, *,
        clip_value: float | None = None, decay: float = 0.0,
    ) -> None:
        _refuse(capturable=capturable, differentiable=differentiable)
        for name, value in {"lr": lr, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}.items():
            check_range(name, value)
        check_range("alpha", alpha, 0, 1)
        check_range("decay", decay)
        if clip_value is not None:
            check_range("clip_value", clip_value)
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
            "centered": centered, "maximize": maximize, "clip_value": clip_value, "decay": decay,
        })

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = ("square_avg",) + (("grad_avg",) if group["centered"] else ())
        return names + (("momentum_buffer",) if group["momentum"] else ())

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        settings = {k: group[k] for k in ("alpha", "eps", "weight_decay", "momentum", "clip_value")}
        settings["lr"] = group["lr"] / (1 + group["decay"] * self.steps)
        update.rmsprop(
            params, grads, state["square_avg"], state.get("grad_avg"), state.get("momentum_buffer"),
            grad_scale=_sign(group), **settings,
        )


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at zero.

        m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g**2;   (amsgrad: u <- max(u, v), and u instead of v below)
        p <- p - lr (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)

    Args:
        params: what to optimise.
        lr: learning rate.
        betas: b1 and b2, from 0 to below 1.
        eps: keeps the division finite.
        weight_decay: adds this times the parameter to the gradient (AdamW: see there).
        amsgrad: divide by the largest v so far.
        foreach: no effect, see the top of this file.
        maximize: climb: the gradient's sign is turned first.
        capturable: only False.
        differentiable: only False.
        fused: no effect.
        decoupled_weight_decay: AdamW's weight decay.

    Raises:
        ValueError: for a setting out of its range.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015), algorithm 1; Reddi, Kale and
    Kumar, "On the convergence of Adam and beyond" (ICLR 2018), algorithm 2 (amsgrad).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _refuse(capturable=capturable, differentiable=differentiable)
        for name, value in {"lr": lr, "eps": eps, "weight_decay": weight_decay}.items():
            check_range(name, value)
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"`betas[{i}]` is {beta!r}; it must be from 0 to below 1")
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        })

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq") + (("max_exp_avg_sq",) if group["amsgrad"] else ())

    def _update(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        if group["amsgrad"]:
            self._amsgrad(params, grads, state, group, count)
            return
        beta1, beta2 = group["betas"]
        settings = {k: group[k] for k in ("lr", "eps", "weight_decay")}
        update.adam(
            params, grads, state["exp_avg"], state["exp_avg_sq"], step=count, beta1=beta1, beta2=beta2,
            decoupled=group["decoupled_weight_decay"], grad_scale=_sign(group), **settings,
        )

    def _amsgrad(self, params: list, grads: list, state: dict[str, list], group: dict[str, Any], count: int) -> None:
        """The rule with the largest v so far: plain arrays, no fused kernel."""
        (beta1, beta2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
        arrays = (state[name] for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"))
        for p, g, m, v, u in zip(params, grads, *arrays, strict=True):
            xp = array_module(p)
            g = _sign(group) * g
            if group["decoupled_weight_decay"]:
                p *= 1 - lr * decay
            else:
                g = g + decay * p
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            u[...] = xp.maximum(u, v)
            p -= lr / (1 - beta1**count) * m / (xp.sqrt(u / (1 - beta2**count)) + group["eps"])


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p <- p - lr weight_decay p, then Adam's step.

    Args:
        params: what to optimise.
        lr: learning rate.
        betas: b1 and b2, from 0 to below 1.
        eps: keeps the division finite.
        weight_decay: the share of each parameter (times lr) that is taken away at every step.
        amsgrad: divide by the largest v so far.
        maximize: climb: the gradient's sign is turned first.
        foreach: no effect, see the top of this file.
        capturable: only False.
        differentiable: only False.
        fused: no effect.

    Raises:
        ValueError: for a setting out of its range.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (ICLR 2019), algorithm 2.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )
