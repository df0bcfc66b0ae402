"""Gradients against finite differences, and comparison of arrays: for tinygen's own ops and for yours.

A check with a cotangent of ones passes a softmax whose backward is wrong; one that moves every element the same way
passes a permuted gradient. So cotangents and directions are random here, from a fixed generator, and everything is
float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygen.autograd import grad
from tinygen.backend import make_array
from tinygen.modes import no_grad
from tinygen.tensor import Tensor

__all__ = ["TOLERANCES", "GradcheckError", "assert_close", "gradcheck", "gradgradcheck", "gradient_error"]

# dtype -> (relative, absolute): how far two ways to compute the same number may lie apart. Integers and booleans: 0.
TOLERANCES: dict[Any, tuple[float, float]] = {
    np.dtype(np.float64): (1e-9, 1e-11),
    np.dtype(np.float32): (2e-5, 2e-6),
    np.dtype(np.float16): (4e-3, 2e-3),
}

_SHOWN = (
    4096  # a failed check looks for the worst element by moving one at a time, in inputs of at most this size
)


class GradcheckError(AssertionError):
    """A gradient does not agree with finite differences."""


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    scale: float = 1.0,
    message: str = "",
) -> None:
    """Raise unless both have one shape, one dtype and nearly the same values.

        |actual - expected| <= atol + rtol |expected|, element by element; NaN equals NaN

    Args:
        actual: a Tensor or an array.
        expected: a Tensor or an array.
        rtol: relative tolerance; None: that of the dtype in :data:`TOLERANCES`.
        atol: absolute tolerance; None: likewise.
        scale: a factor on the tolerances of the table, for results that add up many roundings.
        message: what the error begins with.

    Raises:
        AssertionError: naming the element that is furthest out, and both numbers.
    """
    a, e = _host(actual), _host(expected)
    head = message + ": " if message else ""
    if a.shape != e.shape or a.dtype != e.dtype:
        raise AssertionError(f"{head}got {a.dtype} of shape {a.shape}, expected {e.dtype} of shape {e.shape}")
    table = TOLERANCES.get(a.dtype, (0.0, 0.0))
    rtol = table[0] * scale if rtol is None else rtol
    atol = table[1] * scale if atol is None else atol
    with np.errstate(all="ignore"):
        a, e = a.astype(np.float64), e.astype(np.float64)
        same = (a == e) | (np.isnan(a) & np.isnan(e))
        gap = np.where(same, 0.0, np.abs(a - e))
        over = np.where(same, 0.0, gap - (atol + rtol * np.where(np.isfinite(e), np.abs(e), 0.0)))
    over = np.where(np.isnan(over), np.inf, over)  # NaN or infinity on one side only
    if (over > 0).any():
        at = np.unravel_index(int(over.argmax()), over.shape)
        raise AssertionError(
            f"{head}{int((over > 0).sum())} of {over.size} elements differ; worst at {_place(at)}: "
            f"{a[at]!r} against {e[at]!r}, allowed {atol + rtol * abs(e[at]):.3g}"
        )


def gradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-3,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    directions: int = 2,
    full: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> bool:
    """Compare the gradient of ``function`` with finite differences.

    For a random cotangent v and random directions u of +1 and -1, for each input alone:

        <v, 8 (f(x + eps u) - f(x - eps u)) - (f(x + 2 eps u) - f(x - 2 eps u))> / (12 eps) = <gradient, u>

    The four points leave an error of order eps**4, so the tolerances can be tight. The check is repeated on the same
    numbers in memory with gaps, and the inputs must be unchanged at the end.

    Args:
        function: takes the ``inputs``, returns a Tensor or a tuple of them; what it returns in integers is ignored.
        inputs: Tensors. Those with ``requires_grad`` are checked; they must be float64, and at least 2 ``eps`` away
            from kinks.
        eps: the step.
        rtol: allowed error, relative to the size of the terms of <gradient, u>.
        atol: allowed error, absolute.
        directions: how many random directions for each input.
        full: also compare the Jacobian element by element (time: outputs + 4 inputs evaluations).
        seed: of the random numbers.
        name: what error messages call the function; default its own name.

    Returns:
        True.

    Raises:
        GradcheckError: naming the function, the input, where the difference is largest, and both numbers.
        TypeError: if an input to check is not float64, or none is to be checked.
    """
    gradient_error(
        function,
        inputs,
        eps=eps,
        rtol=rtol,
        atol=atol,
        directions=directions,
        full=full,
        seed=seed,
        name=name,
    )
    return True


def gradgradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-3,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    directions: int = 2,
    full: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> bool:
    """Compare the second derivatives of ``function`` with finite differences of its gradient.

    The gradient with respect to each input alone, recorded with ``create_graph=True``, is checked as a function of
    all inputs and of the cotangents. It must also have the values of the gradient that is not recorded: a fused op
    computes the two in different ways. Arguments, result and errors as :func:`gradcheck`.
    """
    second_gradient_error(
        function,
        inputs,
        eps=eps,
        rtol=rtol,
        atol=atol,
        directions=directions,
        full=full,
        seed=seed,
        name=name,
    )
    return True


def second_gradient_error(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    seed: int = 0,
    name: str | None = None,
    **how: Any,
) -> float:
    """Do what :func:`gradgradcheck` does, and return the largest error found, as :func:`gradient_error`."""
    inputs = _checked(inputs)
    name = name or getattr(function, "__name__", "function")
    functions = _gradient_functions(function, inputs, seed, name)
    _compare_recorded(function, inputs, np.random.default_rng([seed, 3]), name)
    return max(gradient_error(f, extended, seed=seed, name=label, **how) for f, extended, label in functions)


def _compare_recorded(
    function: Callable[..., Any], inputs: list[Tensor], rng: np.random.Generator, name: str
) -> None:
    """Raise unless the gradient that is recorded equals the one that is not."""
    outputs = [out for out in _differentiable(function(*inputs)) if out.requires_grad]
    if not outputs:
        return
    seeds = [Tensor(make_array(rng.standard_normal(out.shape), device=out.device)) for out in outputs]
    checked = [i for i, x in enumerate(inputs) if x.requires_grad]
    wanted = [inputs[i] for i in checked]
    recorded = grad(outputs, wanted, seeds, create_graph=True, allow_unused=True)
    plain = grad(outputs, wanted, seeds, allow_unused=True)
    for i, a, b in zip(checked, recorded, plain, strict=True):
        zeros = np.zeros(inputs[i].shape)
        try:
            assert_close(zeros if a is None else a, zeros if b is None else b, scale=10)
        except AssertionError as error:
            message = (
                f"{name}: gradient of input {i} changes when it is recorded (create_graph=True): {error}"
            )
            raise GradcheckError(message) from None


def _gradient_functions(
    function: Callable[..., Any], inputs: list[Tensor], seed: int, name: str
) -> list[tuple[Callable[..., Any], list[Tensor], str]]:
    """For each input with a gradient: that gradient as a function, the inputs it takes (cotangents too), a name."""
    rng = np.random.default_rng([seed, 2])
    outputs = _differentiable(function(*inputs))
    count = len(inputs)
    cotangents = [
        Tensor(make_array(rng.standard_normal(o.shape), device=o.device), requires_grad=True) for o in outputs
    ]

    def gradient_of(i: int) -> Callable[..., Any]:
        def gradient(*everything: Tensor) -> tuple[Tensor, ...]:
            xs, vs = everything[:count], everything[count:]
            found = grad(
                _differentiable(function(*xs)), [xs[i]], list(vs), create_graph=True, allow_unused=True
            )
            return tuple([g for g in found if g is not None])

        return gradient

    checked = [i for i, x in enumerate(inputs) if x.requires_grad]
    return [(gradient_of(i), [*inputs, *cotangents], f"{name}, gradient of input {i}") for i in checked]


def gradient_error(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-3,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    directions: int = 2,
    full: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> float:
    """Do what :func:`gradcheck` does, and return the largest error found, scaled so that ``rtol`` is the limit."""
    inputs = _checked(inputs)
    name = name or getattr(function, "__name__", "function")
    check = _Check(function, inputs, eps, rtol, atol, np.random.default_rng(seed), name)
    before = [_host(x).copy() for x in inputs]
    analytic = check.analytic(inputs)
    worst = 0.0
    for i, gradient in analytic.items():
        for _ in range(directions):
            worst = max(worst, check.direction(i, gradient))
    if full:
        worst = max(worst, check.jacobian())
    with_gaps = [_with_gaps(x) for x in inputs]
    for i, gradient in check.analytic(with_gaps).items():
        try:
            assert_close(gradient, analytic[i])
        except AssertionError as error:
            raise GradcheckError(
                f"{name}: gradient of input {i} changes if memory has gaps: {error}"
            ) from None
    for i, (x, copy) in enumerate(zip(inputs, before, strict=True)):
        if not np.array_equal(_host(x), copy, equal_nan=copy.dtype.kind == "f"):
            raise GradcheckError(f"{name}: input {i} was changed")
    return worst * rtol


class _Check:
    """One function, its inputs, a cotangent for each output."""

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: list[Tensor],
        eps: float,
        rtol: float,
        atol: float,
        rng: np.random.Generator,
        name: str,
    ) -> None:
        self.function, self.inputs, self.name = function, inputs, name
        self.eps, self.rtol, self.atol, self.rng = eps, rtol, atol, rng
        outputs = _differentiable(function(*inputs))
        for number, out in enumerate(outputs):
            if out.dtype != np.float64:
                raise GradcheckError(f"{name}: output {number} is {out.dtype} though the inputs are float64")
        self.cotangents = [rng.standard_normal(out.shape) for out in outputs]

    def analytic(self, inputs: list[Tensor]) -> dict[int, np.ndarray]:
        """The gradient of each input that has one, by its number; zeros where the outputs do not depend on it."""
        outputs = _differentiable(self.function(*inputs))
        checked = [i for i, x in enumerate(inputs) if x.requires_grad]
        flowing = [(o, v) for o, v in zip(outputs, self.cotangents, strict=True) if o.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(checked)
        if flowing:
            seeds = [Tensor(make_array(v, device=o.device)) for o, v in flowing]
            found = grad([o for o, _ in flowing], [inputs[i] for i in checked], seeds, allow_unused=True)
        gradients = {}
        for i, g in zip(checked, found, strict=True):
            gradients[i] = np.zeros(inputs[i].shape) if g is None else _host(g)
            if gradients[i].shape != inputs[i].shape or gradients[i].dtype != np.float64:
                got = f"{gradients[i].dtype} {gradients[i].shape}"
                raise GradcheckError(
                    f"{self.name}: gradient of input {i} is {got}, the input {inputs[i].shape}"
                )
        return gradients

    def values(self, i: int, array: np.ndarray) -> list[np.ndarray]:
        """The outputs with input ``i`` replaced."""
        arguments = list(self.inputs)
        arguments[i] = Tensor(make_array(array, device=arguments[i].device), requires_grad=True)
        return [_host(out) for out in _differentiable(self.function(*arguments))]

    def slope(self, i: int, step: np.ndarray) -> list[np.ndarray]:
        """The derivative of each output as input ``i`` moves along ``step``."""
        x = _host(self.inputs[i])
        points = [self.values(i, x + k * self.eps * step) for k in (1, -1, 2, -2)]
        return [(8 * (a - b) - (c - d)) / (12 * self.eps) for a, b, c, d in zip(*points, strict=True)]

    def direction(self, i: int, gradient: np.ndarray) -> float:
        """Compare along one random direction; return the error as a share of what is allowed."""
        step = self.rng.choice([-1.0, 1.0], gradient.shape)
        terms = [v * s for v, s in zip(self.cotangents, self.slope(i, step), strict=True)]
        numeric = math.fsum(float(t.sum()) for t in terms)
        exact = float((gradient * step).sum())
        size = float(np.abs(gradient).sum()) + abs(numeric)
        allowed = self.atol * math.sqrt(max(gradient.size, 1)) + self.rtol * size
        error = abs(numeric - exact)
        if not error <= allowed:  # NaN too
            raise GradcheckError(self._explain(i, gradient, numeric, exact, allowed))
        return error / allowed

    def _explain(self, i: int, gradient: np.ndarray, numeric: float, exact: float, allowed: float) -> str:
        text = f"{self.name}: gradient of input {i} of shape {gradient.shape} is wrong: along a random direction "
        text += f"backward gives {exact:.9g}, finite differences {numeric:.9g} (allowed {allowed:.2g})"
        if not 0 < gradient.size <= _SHOWN:
            return text
        by_element = np.zeros(gradient.shape)
        for at in np.ndindex(gradient.shape):
            slopes = self.slope(i, _unit(gradient.shape, at))
            by_element[at] = sum(float((v * s).sum()) for v, s in zip(self.cotangents, slopes, strict=True))
        at = _worst(gradient, by_element)
        return f"{text}; furthest at {_place(at)}: {gradient[at]:.9g} against {by_element[at]:.9g}"

    def jacobian(self) -> float:
        """Compare d(output j)/d(input i) element by element; return the largest share of what is allowed."""
        worst = 0.0
        outputs = _differentiable(self.function(*self.inputs))
        for i, x in enumerate(self.inputs):
            if not x.requires_grad:
                continue
            columns = [self.slope(i, _unit(x.shape, at)) for at in np.ndindex(x.shape)]
            for j, out in enumerate(outputs):
                rows = np.zeros((*out.shape, *x.shape))
                for at in np.ndindex(out.shape) if out.requires_grad else ():
                    seed = Tensor(make_array(_unit(out.shape, at), device=out.device))
                    (g,) = grad([out], [x], [seed], retain_graph=True, allow_unused=True)
                    rows[at] = 0.0 if g is None else _host(g)
                # (inputs, *out.shape) -> (*out.shape, inputs) -> (*out.shape, *x.shape)
                stacked = np.array([c[j] for c in columns]).reshape(x._data.size, *out.shape)
                numeric = np.moveaxis(stacked, 0, -1).reshape(rows.shape)
                share = np.abs(rows - numeric) / (self.atol + self.rtol * np.abs(numeric))
                share = np.where(np.isnan(share), np.inf, share)
                worst = max(worst, float(share.max(initial=0.0)))
                if worst > 1:
                    at = np.unravel_index(int(share.argmax()), share.shape)
                    raise GradcheckError(
                        f"{self.name}: d(output {j})/d(input {i}) at {_place(at[: out.ndim])}, "
                        f"{_place(at[out.ndim :])}: backward gives {rows[at]:.9g}, finite differences {numeric[at]:.9g}"
                    )
        return worst


def _checked(inputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """The inputs as a list of Tensors, at least one of which wants a gradient, and those float64."""
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"`inputs[{i}]` is {type(x).__name__}; gradcheck takes Tensors")
        if x.requires_grad and x.dtype != np.float64:
            raise TypeError(f"`inputs[{i}]` is {x.dtype}; finite differences need float64")
    if not any(x.requires_grad for x in inputs):
        raise TypeError("`inputs`: none has requires_grad=True, there is nothing to check")
    return inputs


def _differentiable(result: Any) -> list[Tensor]:
    """The floating Tensors among what a function returned."""
    results = result if isinstance(result, (tuple, list)) else (result,)
    for r in results:
        if not isinstance(r, Tensor):
            raise TypeError(f"`function` returned {type(r).__name__}; it must return Tensors")
    return [r for r in results if r.dtype.kind == "f"]


def _with_gaps(x: Tensor) -> Tensor:
    """The same numbers, as every second element of a larger array; a leaf like ``x``."""
    if not x.ndim:
        return x
    wide = np.repeat(_host(x), 2, axis=-1)
    with no_grad():
        apart = Tensor(make_array(wide, device=x.device))[..., ::2]
    apart.requires_grad = x.requires_grad
    return apart


def _unit(shape: tuple[int, ...], at: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape)
    array[at] = 1.0
    return array


def _worst(a: np.ndarray, b: np.ndarray) -> tuple[int, ...]:
    gap = np.abs(a - b)
    return np.unravel_index(int(np.where(np.isnan(gap), np.inf, gap).argmax()), gap.shape)


def _place(at: Sequence[int]) -> str:
    """An index as it is typed."""
    return "[" + ", ".join(str(int(i)) for i in at) + "]"


def _host(x: Any) -> np.ndarray:
    array = x._data if isinstance(x, Tensor) else x
    return array.get() if hasattr(array, "get") else np.asarray(array)
