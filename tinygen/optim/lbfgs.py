"""L-BFGS: Newton's direction from the last few steps and gradients, with a search along it.

Three parts: :class:`History` is the method (one matrix of past steps and gradient changes; what is decided is
decided by a handful of scalars), ``line_search.py`` says how far to go, :class:`LBFGS` evaluates, moves the
parameters and says why it stopped.

All vectors stay on the device of the parameters. An iteration waits for it three times if its first step is taken:
once for the loss, the slope and the largest element of the gradient at the new point (and again for every further
step that the search tries), once for all inner products with the history, once for the slope along the direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygen.backend import device_of
from tinygen.modes import enable_grad
from tinygen.optim.history import History, dot, layout, moved, numbers
from tinygen.optim.line_search import Trial, strong_wolfe
from tinygen.optim.optimizer import Optimizer, check_range
from tinygen.tensor import Tensor
from tinygen.writes import written
from tinygen_ops.arrays import array_module

SEARCH = 25  # evaluations that one line search may take
# Losses this many roundings apart count as equal. Without it five fits in float32 (logistic and linear regression, a
# smoothed signal) ended with gradients 1, 1700, 2500, 3000 and 8000 times larger: the loss stops changing long before
# the gradient is 0.
NOISE = 4


class LBFGS(Optimizer):
    """Limited-memory BFGS: a quasi-Newton method for losses without noise (a picture, a small fit).

        p <- p + t d,   d = -H g

    with H the approximation of the inverse Hessian that the last ``history_size`` steps imply, and t from a search
    for the strong Wolfe conditions, which begins at ``lr``. Where there is no history it begins at
    lr min(1, 1 / |g|): at most a unit step along the gradient.

    Differences from PyTorch: the search is on unless ``line_search_fn=None`` asks for fixed steps (PyTorch's default);
    a step into NaN or infinity is taken back and shortened; a direction that does not descend, or along which no
    lower loss is found, is given up and the history with it, and the gradient is tried; with the search a pair is
    formed of two gradients of one call, so that parameters may be changed between calls; pairs are refused by a
    relative measure (PyTorch's is absolute: s.y > 1e-10, which stalls it on small losses); ``history_size`` stays what
    it is (a change drops the history); :attr:`status` says why a call ended. Tolerances are absolute, as there.

    Memory: 2 (history_size + 1) vectors of all parameters, and about 8 more while it works.

    Args:
        params: what to optimise, one group, on one device.
        lr: the first step length that is tried; with ``line_search_fn=None`` the step length.
        max_iter: directions per call of :meth:`step`.
        max_eval: evaluations of the closure per call; None for ``max_iter * 5 // 4``. A search that it ends keeps the
            best point found.
        tolerance_grad: stop when the largest element of the gradient is at most this.
        tolerance_change: stop when the loss changes by less than this, or no parameter by more, or the slope along
            the direction is above minus this.
        history_size: pairs of steps and gradient changes that are kept; 3 to 20 do for most problems.
        line_search_fn: ``"strong_wolfe"``, or None: every step is ``lr`` long (the first one
            lr min(1, 1 / sum |g|)), whatever the loss does, and after the last of a call there is no evaluation.

    Attributes:
        status: why the last call ended: ``"gradient"`` or ``"change"`` (the tolerances), ``"max_iter"``,
            ``"max_eval"``, ``"line_search"`` (even along the gradient no lower loss was found), ``"non_finite"`` (loss
            or gradient are NaN or infinite at the start of a call, which changes nothing, or after a fixed step, which
            is taken back); None before the first call.
        evaluations: of the closure, in all calls.
        iterations: steps taken, in all calls.
        loss: the last loss at the point where the parameters stand (of a fixed step without evaluation: before it).

    Raises:
        ValueError: for settings out of their range, or more than one group.
        TypeError: for parameters on different devices.

    Source: Liu and Nocedal, "On the limited memory BFGS method" (1989); Nocedal and Wright, "Numerical Optimization"
    (2006), algorithms 7.4 and 7.5.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = "strong_wolfe",
    ) -> None:
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        for name, value in {"lr": lr, "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}.items():
            check_range(name, value)
        for name, value in {"max_iter": max_iter, "max_eval": max_eval, "history_size": history_size}.items():
            check_range(name, value, 1)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"`line_search_fn` is {line_search_fn!r}; valid are 'strong_wolfe' and None")
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn,
        })
        self._params = self.param_groups[0]["params"]
        devices = {device_of(p._data) for p in self._params}
        if len(devices) > 1:
            raise TypeError(f"`params` lie on {' and '.join(sorted(devices))}; L-BFGS wants one device: use .to()")
        self._device = devices.pop()
        sizes = [p._data.size for p in self._params]
        if not sum(sizes):
            raise ValueError("`params` have no elements: there is nothing to optimise")
        self._ends = np.cumsum(sizes).tolist()
        self._dtype = np.result_type(np.float32, *(p._data.dtype for p in self._params))
        self._shape = layout(self._ends[-1], rows=self._device == "cpu")
        self._history: History | None = None
        self.status: str | None = None
        self.evaluations = self.iterations = 0
        self.loss: float | None = None

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Take the only group; refuse any other.

        Raises:
            ValueError: if there is a group already.
        """
        if self.param_groups:
            raise ValueError("`params` has more than one group; L-BFGS takes one, since all parameters move together")
        super().add_param_group(group)

    def step(self, closure: Callable[[], Tensor | float]) -> Tensor | float:
        """Minimise for up to ``max_iter`` iterations or ``max_eval`` evaluations.

        If the closure raises, the parameters are put back to the best point so far, and history and counts are as if
        the call had ended there.

        Args:
            closure: sets the gradients to zero, computes the loss, calls ``backward()`` and returns the loss: a Tensor
                with one element, or a number.

        Returns:
            What the first evaluation returned: the loss where the parameters stood before.

        Raises:
            TypeError: without a closure.
            ValueError: if the loss has more than one element.
        """
        if not callable(closure):
            raise TypeError(f"`closure` is {closure!r}; L-BFGS evaluates the loss itself: give it a function")
        group = self.param_groups[0]
        if self._history is None or self._history.size != group["history_size"]:
            self._history = History(self._flat([None] * len(self._params)), group["history_size"])
        limit = self.evaluations + group["max_eval"]
        self.status = None  # in case the closure raises
        first, start = self._evaluate(closure)
        self.steps += 1
        if not start.finite:
            self.status, self._history.pending = "non_finite", False
            return first
        self.loss = start.loss
        if self._history.pending:
            self._history.complete(start.gradient)
        else:
            self._history.products(start.gradient)
        self.status = self._minimise(closure, self._flat([p._data for p in self._params]), start, limit)
        return first

    def _minimise(self, closure: Callable[[], Tensor | float], x: Any, start: Trial, limit: int) -> str:
        """Iterate from ``x``, whose loss, gradient and products are known; return why it ended."""
        group, history = self.param_groups[0], self._history
        search, tolerance = group["line_search_fn"] is not None, group["tolerance_change"]
        last = self.iterations + group["max_iter"]
        while start.largest > group["tolerance_grad"]:
            d, longest = self._descent(start)
            if d is None:
                return "non_finite"
            t = group["lr"] * (1.0 if history.order else self._caution(start.gradient, search))
            if -start.slope < tolerance or t == 0:
                return "change"
            if search:
                end, point = self._search(closure, x, d, start, t, limit, tolerance / longest)
            else:
                evaluate = self.iterations + 1 < last and self.evaluations < limit
                end, point = self._fixed(closure, x, d, start, t, evaluate)
            if end is None:
                return "non_finite"
            if end.t == 0:  # no lower loss was found
                if self.evaluations >= limit:
                    return "max_eval"
                if not history.order:
                    return "line_search"
                history.clear()  # once more, along the gradient
                history.products(start.gradient)
                continue
            history.begin(point - x, start.gradient)
            self.iterations += 1
            x, before, start = point, start.loss, replace(end, t=0.0)
            self.loss = start.loss
            if start.gradient is None:  # a fixed step without evaluation
                return "max_iter" if self.iterations >= last else "max_eval"
            history.complete(start.gradient)
            if start.largest <= group["tolerance_grad"]:
                return "gradient"
            if end.t * longest <= tolerance or abs(start.loss - before) < tolerance:
                return "change"
            if self.iterations >= last:
                return "max_iter"
            if self.evaluations >= limit:
                return "max_eval"
        return "gradient"

    def _descent(self, start: Trial) -> tuple[Any, float]:
        """Return a direction and its largest element, its slope put into ``start``; None if there is no finite one."""
        d = self._history.direction(start.gradient)
        start.slope, longest = numbers(dot(start.gradient, d), abs(d).max())
        if not -math.inf < start.slope < 0 and self._history.order:  # rounding, or a history of a noisy loss
            self._history.clear()
            self._history.products(start.gradient)
            return self._descent(start)
        return (d if math.isfinite(start.slope) else None), longest

    def _caution(self, gradient: Any, search: bool) -> float:
        """The share of ``lr`` for a step along the gradient, whose length says nothing of how far to go."""
        size = math.sqrt(self._history.g_g) if search else numbers(abs(gradient).sum(dtype=np.float64))[0]
        return min(1.0, 1 / size) if size else 1.0

    def _search(
        self, closure: Callable[[], Tensor | float], x: Any, d: Any, start: Trial, t: float, limit: int, shortest: float
    ) -> tuple[Trial, Any]:
        """Search along ``d``; return the trial found (or ``start``) and its point, where the parameters then are."""
        if self.evaluations >= limit:
            return start, x
        here, point = 0.0, x

        def evaluate(t: float) -> Trial:
            nonlocal here, point
            here, point = t, moved(x, t, d)
            self._place(point)
            return self._evaluate(closure, t, d)[1]

        noise = NOISE * float(np.finfo(self._dtype).eps) * abs(start.loss)
        try:
            end, _ = strong_wolfe(evaluate, start, t, min(SEARCH, limit - self.evaluations), shortest, noise)
        except BaseException:
            self._place(x)
            raise
        if end.t != here:
            point = moved(x, end.t, d) if end.t else x
            self._place(point)
        return end, point

    def _fixed(
        self, closure: Callable[[], Tensor | float], x: Any, d: Any, start: Trial, t: float, evaluate: bool
    ) -> tuple[Trial | None, Any]:
        """Go ``t`` along ``d``, whatever the loss does there, unless it is not finite: then None, back at ``x``."""
        point = moved(x, t, d)
        self._place(point)
        if not evaluate:
            return Trial(t, start.loss, start.slope), point
        try:
            end = self._evaluate(closure, t, d)[1]
        except BaseException:
            self._place(x)
            raise
        if end.finite:
            return end, point
        self._place(x)
        return None, x

    def _evaluate(self, closure: Callable[[], Tensor | float], t: float = 0.0, d: Any = None) -> tuple[Any, Trial]:
        """Return what the closure returned, and the loss, the slope along ``d`` and the gradient as a trial."""
        self.evaluations += 1
        with enable_grad():
            loss = closure()
        if isinstance(loss, Tensor) and loss._data.size != 1:
            raise ValueError(f"`closure` returned a tensor of shape {loss.shape}; the loss has one element")
        gradient = self._flat([None if p.grad is None else p.grad._data for p in self._params])
        wanted = [abs(gradient).max()] + ([] if d is None else [dot(gradient, d)])
        if isinstance(loss, Tensor) and loss.device == self._device:
            *found, value = numbers(*wanted, loss._data)
        else:
            found, value = numbers(*wanted), float(loss)
        slope = found[1] if len(found) > 1 else 0.0
        return loss, Trial(t, value, slope, found[0], gradient)

    def _flat(self, arrays: list[Any]) -> Any:
        """One new vector (C, K) of all parameters' arrays; zeros for None, and in what is left of the last row."""
        xp = array_module(self._params[0]._data)
        parts = [
            xp.zeros(p._data.size, self._dtype) if a is None else a.reshape(-1).astype(self._dtype, copy=False)
            for p, a in zip(self._params, arrays, strict=True)
        ]
        rows, length = self._shape
        parts.append(xp.zeros(rows * length - self._ends[-1], self._dtype))
        return xp.concatenate(parts).reshape(self._shape)

    def _place(self, vector: Any) -> None:
        """Write a vector (C, K) into the parameters."""
        vector, begin = vector.reshape(-1), 0
        for p, end in zip(self._params, self._ends, strict=True):
            written(p._data)
            p._data[...] = vector[begin:end].reshape(p._data.shape)
            begin = end

    def state_dict(self) -> dict[str, Any]:
        """Return settings, history and counts: with them, an equal optimiser continues bit for bit."""
        state = {"evaluations": self.evaluations, "iterations": self.iterations, "loss": self.loss,
                 "status": self.status, "history": None if self._history is None else self._history.state()}
        return {**super().state_dict(), "state": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises:
            ValueError: if it belongs to other parameters.
        """
        mine = state["state"]
        history = None
        if mine["history"] is not None:
            rows, _, length = mine["history"]["pairs"].shape
            if (rows, length) != self._shape or mine["history"]["pairs"].dtype != self._dtype:
                raise ValueError(
                    f"the state's vectors are {rows} x {length} {mine['history']['pairs'].dtype}, "
                    f"the optimiser's {self._shape[0]} x {self._shape[1]} {self._dtype}: it is of other parameters"
                )
            history = History(self._flat([None] * len(self._params)), state["groups"][0]["history_size"])
            history.load(mine["history"])
        super().load_state_dict({**state, "state": {}})
        self._history = history
        self.evaluations, self.iterations = int(mine["evaluations"]), int(mine["iterations"])
        self.loss, self.status = mine["loss"], mine["status"]
