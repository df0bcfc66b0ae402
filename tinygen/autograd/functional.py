"""Whole derivatives of functions: Jacobians, Hessians, and their products with vectors.

``func`` takes Tensors and returns a Tensor or a tuple of Tensors. Below, i numbers its inputs and o its outputs; a
result is a Tensor, or a tuple of as many as there are inputs or outputs if these were given as a tuple. Common to all:

* ``create_graph=True`` records the computation, so that the result can be differentiated again; otherwise inputs are
  taken without their history and the results have none.
* ``strict=True`` raises a RuntimeError where an output does not depend on an input. Otherwise that derivative is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygen.autograd.gradients import grad
from tinygen.fusion import Alias
from tinygen.modes import enable_grad
from tinygen.ops.join import stack
from tinygen.ops.shape import reshape
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

Tensors = Tensor | tuple[Tensor, ...]


def jacobian(
    func: Callable[..., Tensors],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return all derivatives of ``func`` at ``inputs``: J[o][i] = d output_o / d input_i.

    One backward for each element of the outputs.

    Args:
        func: a function of as many Tensors as there are inputs.
        inputs: a floating Tensor, or a tuple of them.
        create_graph: record the computation.
        strict: raise where a derivative is 0 because nothing connects the two.
        vectorize: must be False: PyTorch's experiment with batched backwards is not supported.
        strategy: must be ``"reverse-mode"``; forward mode exists for :func:`jvp`.

    Returns:
        J of shape (*output shape, *input shape); a tuple of these over the inputs if ``inputs`` is a tuple, and a tuple
        over the outputs, outside of it, if ``func`` returns one.

    Raises:
        TypeError: if inputs or outputs are no floating Tensors.
        ValueError: for a ``vectorize`` or ``strategy`` that is not supported.
        RuntimeError: if ``strict``, and some derivative cannot be other than 0.
    """
    _only_reverse("strategy", strategy, vectorize)
    with enable_grad():
        in_tuple, at = _prepared(inputs, create_graph)
        out_tuple, outputs = _tensors(func(*at), "the outputs of `func`")
        if strict:
            _check_outputs(outputs)
        rows = tuple([_rows(o, output, at, create_graph, strict) for o, output in enumerate(outputs)])
    rows = rows if in_tuple else tuple([row[0] for row in rows])
    return rows if out_tuple else rows[0]


def _rows(o: int, output: Tensor, inputs: tuple, create_graph: bool, strict: bool) -> tuple[Tensor, ...]:
    """The Jacobian of output number ``o``, for each input."""
    xp, parts = array_module(output._data), [[] for _ in inputs]
    for k in range(output._data.size):
        one = xp.zeros(output._data.size, output.dtype)
        one[k] = 1
        found = _gradients([output], inputs, [Tensor(one.reshape(output.shape))], create_graph, retain_graph=True)
        for part, gradient in zip(parts, _filled(found, inputs, strict, create_graph, f"output {o}"), strict=True):
            part.append(gradient)
    shapes = [(*output.shape, *t.shape) for t in inputs]
    if not output._data.size:
        return tuple([Tensor(xp.zeros(shape, t.dtype)) for shape, t in zip(shapes, inputs, strict=True)])
    return tuple([reshape(stack(part), shape) for part, shape in zip(parts, shapes, strict=True)])


def hessian(
    func: Callable[..., Tensor],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return all second derivatives of a single number: H[i][j] = d**2 func / d input_i d input_j.

    Args:
        func: returns a Tensor with one element.
        inputs: a floating Tensor, or a tuple of them.
        create_graph: record the computation.
        strict: raise where a derivative is 0 because nothing connects the two.
        vectorize: must be False, as in :func:`jacobian`.
        outer_jacobian_strategy: must be ``"reverse-mode"``.

    Returns:
        H of shape (*input shape, *input shape); a tuple of tuples of these if ``inputs`` is a tuple.

    Raises:
        TypeError: as :func:`jacobian`.
        ValueError: as :func:`jacobian`.
        RuntimeError: if the function returns more than one number, or if ``strict`` as :func:`jacobian`.
    """
    _only_reverse("outer_jacobian_strategy", outer_jacobian_strategy, vectorize)
    in_tuple, at = _tensors(inputs, "`inputs`")

    def gradient(*tensors: Tensor) -> tuple[Tensor, ...]:
        output = _single(func(*tensors), strict)
        return _first_order(output, tensors, strict)

    found = jacobian(gradient, at, create_graph, strict)
    return found if in_tuple else found[0][0]


def vjp(
    func: Callable[..., Tensors], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the outputs, and a vector times the Jacobian: g_i = sum_o v_o d output_o / d input_i. One backward.

    Args:
        func: a function of as many Tensors as there are inputs.
        inputs: a floating Tensor, or a tuple of them.
        v: like the outputs; may be left out if that is a single number.
        create_graph: record the computation.
        strict: raise where a derivative is 0 because nothing connects the two.

    Returns:
        The outputs, and g, like the inputs.

    Raises:
        TypeError: as :func:`jacobian`.
        RuntimeError: if ``v`` does not fit, or if ``strict`` as :func:`jacobian`.
    """
    with enable_grad():
        in_tuple, at = _prepared(inputs, create_graph)
        out_tuple, outputs = _tensors(func(*at), "the outputs of `func`")
        if strict:
            _check_outputs(outputs)
        v = _vector(v, outputs, "output", create_graph)
        found = _gradients(outputs, at, v, create_graph)
        found = _filled(found, at, strict, create_graph, "the output")
    return _finished(outputs, out_tuple, create_graph), _finished(found, in_tuple, create_graph)


def jvp(
    func: Callable[..., Tensors], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the outputs, and the Jacobian times a vector: t_o = sum_i d output_o / d input_i v_i.

    The engine goes backwards only. But g(u) = u J is linear in u, and the derivative of g . v with respect to u is J v:
    two backwards, whatever u is.

    Args:
        func: a function of as many Tensors as there are inputs.
        inputs: a floating Tensor, or a tuple of them.
        v: like the inputs, the direction; may be left out if that is a single number.
        create_graph: record the computation.
        strict: raise where a derivative is 0 because nothing connects the two.

    Returns:
        The outputs, and t, like the outputs.

    Raises:
        TypeError: as :func:`jacobian`.
        RuntimeError: if ``v`` does not fit, or if ``strict`` as :func:`jacobian`.

    Source: J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
    """
    with enable_grad():
        _, at = _prepared(inputs, create_graph)
        v = _vector(v, at, "input", create_graph)
        out_tuple, outputs = _tensors(func(*at), "the outputs of `func`")
        if strict:
            _check_outputs(outputs)
        along = _along(outputs, at, v, create_graph, strict, "the output")
    return _finished(outputs, out_tuple, create_graph), _finished(along, out_tuple, create_graph)


def vhp(
    func: Callable[..., Tensor], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the output, and a vector times the Hessian: p_j = sum_i v_i H[i][j]. Two backwards, H is never made.

    Args:
        func: returns a Tensor with one element.
        inputs: a floating Tensor, or a tuple of them.
        v: like the inputs; may be left out if that is a single number.
        create_graph: record the computation.
        strict: raise where a derivative is 0 because nothing connects the two.

    Returns:
        The output, and p, like the inputs.

    Raises:
        TypeError: as :func:`jacobian`.
        RuntimeError: as :func:`hessian`, or if ``v`` does not fit.
    """
    with enable_grad():
        in_tuple, at = _prepared(inputs, create_graph)
        v = _vector(v, at, "input", create_graph)
        output = _single(func(*at), strict)
        gradient = _first_order(output, at, strict)
        found = _filled(_gradients(gradient, at, v, create_graph), at, strict, create_graph, "the gradient")
    return _finished((output,), False, create_graph), _finished(found, in_tuple, create_graph)


def hvp(
    func: Callable[..., Tensor], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the output, and the Hessian times a vector: p_i = sum_j H[i][j] v_j: the gradient's change along v.

    H is symmetric where second derivatives are continuous; there :func:`vhp` gives the same with one backward less.

    Args:
        func: returns a Tensor with one element.
        inputs: a floating Tensor, or a tuple of them.
        v: like the inputs; may be left out if that is a single number.
        create_graph: record the computation.
        strict: raise where a derivative is 0 because nothing connects the two.

    Returns:
        The output, and p, like the inputs.

    Raises:
        TypeError: as :func:`jacobian`.
        RuntimeError: as :func:`hessian`, or if ``v`` does not fit.

    Source: B. Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
    """
    with enable_grad():
        in_tuple, at = _prepared(inputs, create_graph)
        v = _vector(v, at, "input", create_graph)
        output = _single(func(*at), strict)
        gradient = _first_order(output, at, strict)
        along = _along(gradient, at, v, create_graph, strict, "the gradient")
    return _finished((output,), False, create_graph), _finished(along, in_tuple, create_graph)


# What they have in common -----------------------------------------------------------------------------------------


def _tensors(values: Any, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether ``values`` is a tuple, and the tuple."""
    tensors = values if isinstance(values, tuple) else (values,)
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} must be a Tensor or a tuple of Tensors, got {type(t).__name__}")
    return isinstance(values, tuple), tensors


def _prepared(inputs: Any, create_graph: bool) -> tuple[bool, tuple[Tensor, ...]]:
    """The inputs at places of their own in the graph, with their history if that is wanted."""
    in_tuple, tensors = _tensors(inputs, "`inputs`")
    fresh = [Alias.apply(t) if create_graph and t._requires_grad else Tensor(t._data) for t in tensors]
    for t in fresh:
        t.requires_grad = True
    return in_tuple, tuple(fresh)


def _single(output: Any, strict: bool) -> Tensor:
    """The output, checked to be one number."""
    in_tuple, tensors = _tensors(output, "the output of `func`")
    if in_tuple or tensors[0]._data.size != 1:
        shapes = [t.shape for t in tensors]
        raise RuntimeError(f"`func` must return one Tensor with one element, it returned shapes {shapes}")
    if strict:
        _check_outputs(tensors)
    return tensors[0]


def _vector(v: Any, like: Sequence[Tensor], what: str, create_graph: bool) -> list[Tensor]:
    """``v`` as a list that fits ``like``."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(f"`v` may be left out only if there is one {what} with one element")
        return [Tensor(array_module(like[0]._data).ones_like(like[0]._data))]
    _, tensors = _tensors(v, "`v`")
    if [t.shape for t in tensors] != [t.shape for t in like]:
        raise RuntimeError(f"`v` has shapes {[t.shape for t in tensors]}, each {what} {[t.shape for t in like]}")
    return [t if create_graph else Tensor(t._data) for t in tensors]


def _gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], v: Any, create_graph: bool, retain_graph: bool | None = None
) -> tuple[Tensor | None, ...]:
    """As grad(), but an output may be a constant."""
    v = [None] * len(outputs) if v is None else v
    flowing = [(out, cotangent) for out, cotangent in zip(outputs, v, strict=True) if out._requires_grad]
    if not flowing:
        return (None,) * len(inputs)
    outs, cotangents = zip(*flowing, strict=True)
    return grad(outs, inputs, cotangents, retain_graph, create_graph, allow_unused=True)


def _filled(
    found: Sequence[Tensor | None], like: Sequence[Tensor], strict: bool, create_graph: bool, what: str
) -> tuple[Tensor, ...]:
    """Zeros for None; an error instead if ``strict``."""
    for i, gradient in enumerate(found):
        if strict and gradient is None:
            raise RuntimeError(f"strict: {what} is independent of input {i}")
        if strict and create_graph and not gradient._requires_grad:
            raise RuntimeError(f"strict: the derivative of {what} is independent of input {i}")
    zeros = [Tensor(array_module(t._data).zeros(t.shape, t.dtype)) for t in like]
    return tuple([zero if gradient is None else gradient for gradient, zero in zip(found, zeros, strict=True)])


def _first_order(output: Tensor, inputs: Sequence[Tensor], strict: bool) -> tuple[Tensor, ...]:
    """The gradient of one number, recorded."""
    return _filled(_gradients([output], inputs, None, True), inputs, strict, True, "the output")


def _along(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], v: list, create_graph: bool, strict: bool, what: str
) -> tuple[Tensor, ...]:
    """Jacobian times ``v``, by differentiating the product with a vector from the left."""
    left = [Tensor(array_module(t._data).zeros_like(t._data), requires_grad=True) for t in outputs]
    products = _filled(_gradients(outputs, inputs, left, True), inputs, strict, False, what)
    return _filled(_gradients(products, left, v, create_graph), outputs, strict, create_graph, what)


def _check_outputs(outputs: Sequence[Tensor]) -> None:
    for o, output in enumerate(outputs):
        if not output._requires_grad:
            raise RuntimeError(f"strict: output {o} does not depend on any input by a differentiable path")


def _finished(values: Sequence[Tensor], as_tuple: bool, create_graph: bool) -> Any:
    values = tuple(values if create_graph else [t.detach() for t in values])
    return values if as_tuple else values[0]


def _only_reverse(name: str, strategy: str, vectorize: bool) -> None:
    if strategy != "reverse-mode":
        raise ValueError(f"`{name}` is {strategy!r}; only 'reverse-mode' is supported")
    if vectorize:
        raise ValueError("`vectorize` is True; only False is supported: one backward for each row, the same result")
