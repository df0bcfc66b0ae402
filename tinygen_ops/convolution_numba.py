"""Convolutions on the CPU: which algorithm serves which shape, and the calls of `convolution.py` on it.

Two algorithms: `direct_numba.py` computes the sum as it stands and serves every shape; `winograd_numba.py` needs fewer
multiplications and rounds more. A convolution over one axis is one over two with height 1.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from tinygen_ops import direct_numba, winograd_numba
from tinygen_ops.convolution import check
from tinygen_ops.direct_numba import W
from tinygen_ops.rectify import rectify
from tinygen_ops.registry import mode
from tinygen_ops.winograd import POINTS

__all__ = ["Choice", "choose", "conv_forward", "conv_input_gradient", "conv_weight_gradient"]

# One multiplication of the transformed product against one of the direct sum, transforms included; measured.
OVERHEAD = 1.35
FEWEST = 2 * W  # channels, on both sides
NARROW = W // 2 + 1  # channels of the result


class Choice(NamedTuple):
    """An algorithm, and why it was chosen."""

    name: str  # "direct", "narrow" (the same for few output channels) or "winograd"
    m: tuple[int, int]  # outputs of a plane, (0, 0) for the direct sum
    why: str


@functools.lru_cache(maxsize=4096)
def choose(
    channels: int,
    out: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    size: tuple[int, int],
    exact: bool,
) -> Choice:
    """Choose the algorithm of a convolution with outputs of `size`; its gradients follow the same rule.

    Args:
        channels: that are summed over.
        out: channels of the result.
        kernel: (R, S).
        stride: per axis.
        dilation: per axis.
        groups: number of groups.
        size: lengths of the result (P, Q).
        exact: leave out algorithms whose rounding differs in kind.
    """
    none = (0, 0)
    if out < NARROW and channels > out and stride == (1, 1) and groups == 1 and kernel[1] > 1:
        return Choice("narrow", none, f"{out} output channels would leave most of a vector of {W} empty")
    if exact:
        return Choice("direct", none, "TINYGEN_KERNELS=exact")
    if stride != (1, 1) or dilation != (1, 1) or groups > 1 or kernel == (1, 1):
        return Choice("direct", none, "Winograd needs a kernel larger than 1, stride 1, dilation 1 and one group")
    if channels % W or out % W or min(channels, out) < FEWEST:
        return Choice("direct", none, f"Winograd needs at least {FEWEST} channels on both sides, multiples of {W}")
    planes = [[m for m, r in POINTS if r == k] if k > 1 else [1] for k in kernel]
    best, least = none, float("inf")
    for mh in planes[0]:
        for mw in planes[1]:
            tiles = -(-size[0] // mh) * -(-size[1] // mw)
            products = tiles * (mh + kernel[0] - 1) * (mw + kernel[1] - 1)
            if products < least:
                best, least = (mh, mw), products
    direct = size[0] * size[1] * kernel[0] * kernel[1]
    if least * OVERHEAD >= direct:
        return Choice("direct", none, f"Winograd saves too little: {least} products for {direct}")
    return Choice("winograd", best, f"{least} products in place of {direct}")


def conv_forward(x, w, stride, padding, dilation, groups=1, bias=None, slope=None):
    """Convolve; arguments as the reference."""
    size = check(x.shape, w.shape, stride, padding, dilation, groups)
    if x.ndim == 3:
        stride, padding, dilation = _flat(stride, padding, dilation)
        return conv_forward(x[:, :, None], w[:, :, None], stride, padding, dilation, groups, bias, slope)[:, :, 0]
    choice = choose(w.shape[1], w.shape[0], w.shape[2:], stride, dilation, groups, size, mode() == "exact")
    if choice.name == "direct":
        return direct_numba.forward(x, w, stride, padding, dilation, groups, bias, slope)
    if choice.name == "narrow":
        return _rectified(direct_numba.forward_narrow(x, w, padding, dilation, bias), slope)
    weights = winograd_numba.weights_for(w, *choice.m)
    corner = padding[0][0], padding[1][0]
    y = winograd_numba.convolve(x, weights, w.shape[0], w.shape[2:], corner, size, choice.m, bias)
    return _rectified(y, slope)


def conv_input_gradient(gy, w, size, stride, padding, dilation, groups=1, bias=None, slope=None):
    """Carry a gradient to the input; arguments as the reference."""
    check((gy.shape[0], w.shape[1] * groups, *size), w.shape, stride, padding, dilation, groups, gy.shape)
    if gy.ndim == 3:
        stride, padding, dilation = _flat(stride, padding, dilation)
        settings = (1, *size), stride, padding, dilation, groups, bias, slope
        return conv_input_gradient(gy[:, :, None], w[:, :, None], *settings)[:, :, 0]
    choice = choose(w.shape[0], w.shape[1], w.shape[2:], stride, dilation, groups, size, mode() == "exact")
    if choice.name == "direct":
        return direct_numba.input_gradient(gy, w, size, stride, padding, dilation, groups, bias, slope)
    # At stride 1 it is a convolution with the kernel read backwards and its two channel axes exchanged.
    turned, (kh, kw) = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), w.shape[2:]
    reach = zip((kh, kw), dilation, padding, size, gy.shape[2:], strict=True)
    around = tuple(((k - 1) * d - lo, n - q + lo) for k, d, (lo, _), n, q in reach)
    if choice.name == "narrow":
        return _rectified(direct_numba.forward_narrow(gy, turned, around, dilation, bias), slope)
    weights = winograd_numba.weights_for(turned, *choice.m)
    corner = around[0][0], around[1][0]
    gx = winograd_numba.convolve(gy, weights, w.shape[1], (kh, kw), corner, size, choice.m, bias)
    return _rectified(gx, slope)


def conv_weight_gradient(x, gy, kernel, stride, padding, dilation, groups=1):
    """Carry a gradient to the weights; arguments as the reference."""
    shape = (gy.shape[1], x.shape[1] // groups, *kernel)
    check(x.shape, shape, stride, padding, dilation, groups, gy.shape)
    if x.ndim == 3:
        stride, padding, dilation = _flat(stride, padding, dilation)
        gw = conv_weight_gradient(x[:, :, None], gy[:, :, None], (1, *kernel), stride, padding, dilation, groups)
        return gw[:, :, 0]
    choice = choose(x.shape[1], gy.shape[1], kernel, stride, dilation, groups, gy.shape[2:], mode() == "exact")
    if choice.name == "direct":
        return direct_numba.weight_gradient(x, gy, kernel, stride, padding, dilation, groups)
    if choice.name == "narrow":
        return direct_numba.weight_gradient_narrow(x, gy, kernel, padding, dilation)
    return winograd_numba.weight_gradient(x, gy, kernel, (padding[0][0], padding[1][0]), choice.m)


def _rectified(y, slope):
    """The result of a way that has no rectifier of its own."""
    return y if slope is None else rectify(y, slope)


def _flat(stride, padding, dilation):
    """The settings of one axis as those of two, the first of length 1."""
    return (1, *stride), ((0, 0), *padding), (1, *dilation)
