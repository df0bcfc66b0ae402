"""Normalisation: batch, layer, instance and group. They differ only in the axes that share a mean and a deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.modes import mode
from tinygen.ops._inputs import as_tensor, cast, refuse_gradient
from tinygen.ops.elementwise import rsqrt
from tinygen.ops.reduce import sum_
from tinygen.ops.shape import broadcast_to, reshape
from tinygen.tensor import Tensor
from tinygen.writes import written
from tinygen_ops.arrays import array_module
from tinygen_ops.normalization import norm_backward, norm_forward


class Normalize(Function):
    """y = (x - m) r, m = mean(x), r = 1 / sqrt(mean((x - m)**2) + eps);  gx = r (gy - mean(gy) - y mean(gy y)).

    The means are over the given axes. The op returns y, m and r.

    Derivation: where n elements share a mean, dm/dx_j = 1/n. In the variance v = mean((x - m)**2) the part that comes
    through m drops out, since x - m has mean 0: dv/dx_j = 2 (x_j - m) / n, and with r = (v + eps)**-0.5

        dr/dx_j = -r**3 (x_j - m) / n = -r**2 y_j / n.

    The product rule on y_i = (x_i - m) r gives dy_i/dx_j = r [i = j] - r / n - r y_i y_j / n, and the sum over i of
    gy_i dy_i/dx_j is gx as above. Gradients of m and r themselves add gm / n and -gr r**2 y / n. For the second
    derivative it matters that r is no constant: here y and r are outputs of the op, and so depend on x.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
        y, mean, inv_std = norm_forward(x, None, None, axes, eps)
        ctx.save(y, inv_std)
        ctx.axes, ctx.count = axes, max(math.prod(x.shape[axis] for axis in axes), 1)
        ctx.materialize = False
        return y, mean, inv_std

    @staticmethod
    def backward(ctx: Node, gy: Tensor | None, gm: Tensor | None, gr: Tensor | None) -> Tensor:
        y, r = ctx.saved
        if gm is None and gr is None and not mode.recording:
            return Tensor(norm_backward(gy._data, y._data, r._data, ctx.axes))

        def mean(g: Tensor) -> Tensor:
            return sum_(g, ctx.axes, keepdim=True) / ctx.count

        parts = []
        if gy is not None:
            parts.append(r * (gy - mean(gy) - y * mean(gy * y)))
        if gr is not None:
            parts.append(y * (gr * r * r / -ctx.count))
        if gm is not None:
            parts.append(broadcast_to(gm / ctx.count, y.shape))
        return sum(parts[1:], parts[0])


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return each channel normalised over the batch and over all places, scaled and shifted.

        y_nci = (x_nci - m_c) / sqrt(v_c + eps) * w_c + b_c

    In training m and v are the mean and the variance (divided by the count K) of the channel in this batch, and the
    running ones are updated in place: running = (1 - momentum) running + momentum new, where the new variance is
    divided by K - 1. Otherwise m and v are the running ones.

    Args:
        input: (N, C, ...) float.
        running_mean: (C,) float, or None.
        running_var: (C,) float, or None; the two come together, and are needed where ``training`` is False.
        weight: w (C,) float, or None for 1.
        bias: b (C,) float, or None for 0.
        training: whether the batch's own statistics are used.
        momentum: the share of the new value in the running ones: a number, or a 0-d Tensor.
        eps: added to the variance; more than 0 in training, else at least 0.

    Returns:
        A Tensor of the shape and dtype of ``input``; float16 is computed as float32.

    Raises:
        ValueError: if a shape does not fit, in training with a single value per channel, for a wrong ``eps``.
        TypeError: if dtypes differ (beside float16, the others may be float32) or devices do.
        RuntimeError: if a running statistic requires a gradient: it gets none.

    Source: Ioffe, Szegedy, "Batch Normalization" (ICML 2015), algorithms 1 and 2.
    """
    x = _checked(input, eps, 2)
    channels = x.shape[1]
    _check_parameters(x, (channels,), weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    _check_running(running_mean, running_var, not training, momentum)
    if not training:
        return _by_running(x, running_mean, running_var, weight, bias, eps)
    if eps == 0:
        raise ValueError(f"`eps` is {eps}; in training it must be more than 0")
    count = x.shape[0] * math.prod(x.shape[2:])
    if count == 1:
        raise ValueError(f"batch_norm: more than one value per channel is needed in training, `input` is {x.shape}")
    y, mean, inv_std = Normalize.apply(_wide(x), axes=(0, *range(2, x.ndim)), eps=eps)
    _update(running_mean, running_var, mean, inv_std, count, momentum, eps)
    return cast(_scaled(y, weight, bias, _per_channel(x)), x.dtype)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return each channel of each sample normalised over its places, scaled and shifted.

        y_nci = (x_nci - m_nc) / sqrt(v_nc + eps) * w_c + b_c

    m and v are the mean and the variance over i, or, without ``use_input_stats``, the running ones of the channel.
    Running statistics that are given are updated in place as in :func:`batch_norm`, with the mean over the batch.

    Args:
        input: (N, C, ...) float.
        running_mean: (C,) float, or None.
        running_var: (C,) float, or None; the two come together.
        weight: w (C,) float, or None for 1.
        bias: b (C,) float, or None for 0.
        use_input_stats: whether the sample's own statistics are used.
        momentum: the share of the new value in the running ones.
        eps: added to the variance; at least 0.

    Returns:
        A Tensor of the shape and dtype of ``input``; float16 is computed as float32.

    Raises:
        ValueError: if a shape does not fit, for a single place per channel, for a negative ``eps``.
        TypeError: if dtypes differ (beside float16, the others may be float32) or devices do.
        RuntimeError: if a running statistic requires a gradient: it gets none.

    Source: Ulyanov, Vedaldi, Lempitsky, "Instance Normalization" (arXiv:1607.08022), equation 2.
    """
    x = _checked(input, eps, 2)
    channels = x.shape[1]
    _check_parameters(x, (channels,), weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    _check_running(running_mean, running_var, not use_input_stats, momentum)
    if not use_input_stats:
        return _by_running(x, running_mean, running_var, weight, bias, eps)
    count = math.prod(x.shape[2:])
    if count == 1:
        raise ValueError(f"instance_norm: more than one place per channel is needed, `input` is {x.shape}")
    y, mean, inv_std = Normalize.apply(_wide(x), axes=tuple(range(2, x.ndim)), eps=eps)
    _update(running_mean, running_var, mean, inv_std, count, momentum, eps)
    return cast(_scaled(y, weight, bias, _per_channel(x)), x.dtype)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return each sample normalised over its last axes, scaled and shifted.

        y_ni = (x_ni - m_n) / sqrt(v_n + eps) * w_i + b_i

    m and v are the mean and the variance over i, which runs over all of the last axes.

    Args:
        input: (..., *normalized_shape) float.
        normalized_shape: the lengths of the last axes, at least one.
        weight: w of ``normalized_shape``, float, or None for 1.
        bias: b of ``normalized_shape``, float, or None for 0.
        eps: added to the variance; at least 0.

    Returns:
        A Tensor of the shape and dtype of ``input``; float16 is computed as float32.

    Raises:
        ValueError: if a shape does not fit, or for a negative ``eps``.
        TypeError: if dtypes differ (beside float16, the others may be float32) or devices do.

    Source: Ba, Kiros, Hinton, "Layer Normalization" (arXiv:1607.06450), equation 3.
    """
    x = _checked(input, eps, 0)
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(f"`normalized_shape` is {normalized_shape!r}; it must be a tuple of integers")
    shape = tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"`normalized_shape` is {shape}; it must be the end of the shape of `input`, {x.shape}")
    _check_parameters(x, shape, weight=weight, bias=bias)
    y, _, _ = Normalize.apply(_wide(x), axes=tuple(range(x.ndim - len(shape), x.ndim)), eps=eps)
    return cast(_scaled(y, weight, bias, shape), x.dtype)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Return each group of channels of each sample normalised, scaled and shifted.

        y_nci = (x_nci - m_ng) / sqrt(v_ng + eps) * w_c + b_c,   g = c // (C / G)

    m and v are the mean and the variance over the channels of group g and over all places i.

    Args:
        input: (N, C, ...) float.
        num_groups: G, which divides C.
        weight: w (C,) float, or None for 1.
        bias: b (C,) float, or None for 0.
        eps: added to the variance; at least 0.

    Returns:
        A Tensor of the shape and dtype of ``input``; float16 is computed as float32.

    Raises:
        ValueError: if a shape does not fit, if there is a single value for a group in the whole batch, for a
            negative ``eps``.
        TypeError: if dtypes differ (beside float16, the others may be float32) or devices do.

    Source: Wu, He, "Group Normalization" (ECCV 2018), equations 1 and 7.
    """
    x = _checked(input, eps, 2)
    channels = x.shape[1]
    if not isinstance(num_groups, (int, np.integer)) or isinstance(num_groups, bool):
        raise TypeError(f"`num_groups` is {num_groups!r}; it must be an integer")
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"`num_groups` is {num_groups}; it must divide the {channels} channels of `input`")
    _check_parameters(x, (channels,), weight=weight, bias=bias)
    if x.shape[0] * (channels // num_groups) * math.prod(x.shape[2:]) == 1:
        raise ValueError(f"group_norm: more than one value per group is needed, `input` is {x.shape}")
    # (N, C, ...) -> (N, G, C / G, ...)
    grouped = reshape(_wide(x), (x.shape[0], num_groups, channels // num_groups, *x.shape[2:]))
    y, _, _ = Normalize.apply(grouped, axes=tuple(range(2, grouped.ndim)), eps=eps)
    return cast(_scaled(reshape(y, x.shape), weight, bias, _per_channel(x)), x.dtype)


def _checked(input: Tensor, eps: float, ndim: int) -> Tensor:
    x = as_tensor(input, "input")
    if x.dtype.kind != "f":
        raise TypeError(f"`input` has dtype {x.dtype}; it must be floating, use .float()")
    if x.ndim < ndim:
        raise ValueError(f"`input` has shape {x.shape}; it must be (N, C, ...)")
    if not eps >= 0:
        raise ValueError(f"`eps` is {eps!r}; it must be at least 0")
    return x


def _check_parameters(x: Tensor, shape: tuple[int, ...], **parameters: Tensor | None) -> None:
    """Check those that are not None against what ``x`` asks for."""
    for name, parameter in parameters.items():
        if parameter is None:
            continue
        if as_tensor(parameter, name).shape != shape:
            raise ValueError(f"`{name}` has shape {parameter.shape}; for `input` {x.shape} it must be {shape}")
        if parameter.dtype != x.dtype and (x.dtype, parameter.dtype) != (np.float16, np.float32):
            raise TypeError(f"`{name}` has dtype {parameter.dtype}, `input` {x.dtype}; they must be the same")
        array_module(x._data, parameter._data)  # both on one device


def _check_running(mean: Tensor | None, var: Tensor | None, needed: bool, momentum: float | Tensor) -> None:
    if (mean is None) != (var is None):
        raise ValueError("`running_mean` and `running_var` must both be given or both be None")
    if needed and mean is None:
        raise ValueError("`running_mean` and `running_var` are None; they are needed where `input` is not measured")
    refuse_gradient(mean, "running_mean")
    refuse_gradient(var, "running_var")
    if not isinstance(momentum, (int, float, np.number)) and not (isinstance(momentum, Tensor) and not momentum.ndim):
        raise TypeError(f"`momentum` is {momentum!r}; it must be a number or a 0-d Tensor")


def _wide(x: Tensor) -> Tensor:
    """Return float16 as float32."""
    return cast(x, np.float32) if x.dtype == np.float16 else x


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """Return y weight + bias, both brought to ``shape`` first."""
    if weight is not None:
        y = y * reshape(weight, shape)
    return y if bias is None else y + reshape(bias, shape)


def _per_channel(x: Tensor) -> tuple[int, ...]:
    """The shape in which a number for each channel meets (N, C, ...): (1, C, 1, ...)."""
    return (1, x.shape[1]) + (1,) * (x.ndim - 2)


def _by_running(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Normalise by the running statistics, which are constants."""
    shape, wide = _per_channel(x), _wide(x)
    centre, variance = (reshape(cast(s.detach(), wide.dtype), shape) for s in (mean, var))
    factor = rsqrt(variance + eps)
    y = (wide - centre) * (factor if weight is None else reshape(weight, shape) * factor)
    return cast(_scaled(y, None, bias, shape), x.dtype)


def _update(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    inv_std: Tensor,
    count: int,
    momentum: float | Tensor,
    eps: float,
) -> None:
    """Move the running statistics towards those of the batch, in place.

    A batch without elements changes nothing, nor does a forward that is run once more for its backward.
    """
    if mode.recomputing or running_mean is None or not count or not mean._data.size:
        return
    share = momentum._data if isinstance(momentum, Tensor) else momentum
    xp, channels = array_module(mean._data), running_mean.shape[0]
    # Back from r = 1 / sqrt(v + eps): off by at most the rounding of v + eps, and the fast kernels need not return v.
    with np.errstate(divide="ignore", over="ignore"):
        variance = xp.maximum(1 / (inv_std._data * inv_std._data) - eps, 0) * (count / (count - 1))
    for running, new in ((running_mean, mean._data), (running_var, variance)):
        array = running._data
        written(array)
        # (1 or N, C, 1, ...) -> (C,)
        array[...] = (1 - share) * array + share * new.reshape(-1, channels).mean(axis=0)
