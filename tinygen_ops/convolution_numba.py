"""Convolutions on the CPU: which algorithm serves which shape, and the calls of `convolution.py` on it.

Three algorithms: `direct_numba.py` computes the sum as it stands and serves every shape; `winograd_numba.py` (stride 1)
and `polyphase_numba.py` (stride 2) need fewer multiplications and round more. A convolution over one axis is one over
two with height 1.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import sys
from typing import NamedTuple

from tinygen_ops import direct_numba, polyphase_numba, winograd_numba
from tinygen_ops.convolution import check
from tinygen_ops.direct_numba import W
from tinygen_ops.elementwise import add
from tinygen_ops.layout import as_channels_last
from tinygen_ops.rectify import rectify, rectify_gradient
from tinygen_ops.registry import mode
from tinygen_ops.winograd import POINTS

__all__ = ["Choice", "choose", "conv_forward", "conv_input_gradient", "conv_weight_gradient"]

# What Winograd's steps take, in multiplications of the direct sum; fitted to the times of 37 layers.
PRODUCT = 1.2  # a multiplication of the transformed product
PATCH, BACK = 25, 20  # a number of a transformed patch; a product that is transformed back
WEIGHT = 15, 45  # a transformed weight, where all together stay in the cache and where not
SUM = 5, 30  # likewise, a sum of the weight's gradient that is transformed back
CACHE = 750_000  # floats of weights that stay: 3 MB
DIRECT = 1.15  # a multiplication of the weight's gradient by the direct sum itself
SAVES = 0.85  # Winograd is chosen where it takes at most this part of the direct sum
FEWEST = 2 * W  # channels, on both sides
NARROW = W // 2 + 1  # channels of the result


check_once = functools.lru_cache(maxsize=4096)(check)  # what passes once passes ever after


class Choice(NamedTuple):
    """An algorithm, and why it was chosen."""

    name: str  # "direct", "narrow" and "columns" (the same for few output channels), "winograd" or "polyphase"
    m: tuple[int, int]  # outputs of a plane, (0, 0) for the direct sum
    why: str

    def __str__(self) -> str:
        return f"{self.name}{f' F({self.m[0]} x {self.m[1]})' if any(self.m) else ''}: {self.why}"


@functools.lru_cache(maxsize=4096)
def choose(
    samples: int,
    channels: int,
    out: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    size: tuple[int, int],
    exact: bool,
    weights: bool = False,
    back: bool = False,
) -> Choice:
    """Choose the algorithm of a convolution or of one of its gradients; with TINYGEN_DEBUG set, say which and why.

    Args:
        samples: N.
        channels: that are summed over.
        out: channels of the result.
        kernel: (R, S).
        stride: per axis.
        dilation: per axis.
        groups: number of groups.
        size: lengths of the result (P, Q); for the gradient of the input at a stride those of its longest phase.
        exact: leave out algorithms whose rounding differs in kind.
        weights: it is the gradient of the weight.
        back: it is the gradient of the input.
    """
    choice = _best(samples, channels, out, kernel, stride, dilation, groups, size, exact, weights, back)
    if os.environ.get("TINYGEN_DEBUG"):  # once for each shape: the answer is kept
        what = "gradient of the weight" if weights else "gradient of the input" if back else "convolution"
        sides = [" x ".join(map(str, pair)) for pair in (size, kernel, stride)]
        print(f"tinygen: {what} of {samples} x {channels} to {out} channels at {sides[0]}, kernel {sides[1]}, stride "
              f"{sides[2]}: {choice}", file=sys.stderr)
    return choice


def _best(samples, channels, out, kernel, stride, dilation, groups, size, exact, weights, back) -> Choice:
    none = (0, 0)
    if out < NARROW and channels > out and groups == 1 and kernel[1] > 1 and (stride == (1, 1) or back):
        name = "narrow" if stride == (1, 1) else "columns"
        return Choice(name, none, f"{out} output channels would leave most of a vector of {W} empty")
    if exact:
        return Choice("direct", none, "TINYGEN_KERNELS=exact")
    if stride not in ((1, 1), (2, 2)) or dilation != (1, 1) or groups > 1 or min(kernel) < stride[0]:
        return Choice("direct", none, "Winograd needs stride 1 or 2, a kernel as long, dilation 1 and one group")
    if channels % W or out % W or min(channels, out) < FEWEST:
        return Choice("direct", none, f"Winograd needs at least {FEWEST} channels on both sides, multiples of {W}")
    step = stride[0]
    taps = [-(-k // step) for k in kernel]  # of the longest phase
    planes = [[m for m, r in POINTS if r == t] if t > 1 else [1] for t in taps]
    if max(taps) == 1 or not all(planes):
        return Choice("direct", none, f"no Winograd form for a kernel of {kernel[0]} x {kernel[1]} at stride {step}")

    def cost(m: tuple[int, int]) -> tuple[float, int]:
        places = math.prod(step * (a + t - 1) - k % step for a, t, k in zip(m, taps, kernel, strict=True))
        patches = samples * math.prod(-(-n // a) for n, a in zip(size, m, strict=True))
        each = PRODUCT + PATCH / out + BACK / channels
        far = places * channels * out > CACHE
        return places * (patches * each + (SUM if weights else WEIGHT)[far]), places * patches

    direct = samples * math.prod(size) * math.prod(kernel)
    (least, products), best = min((cost(m), m) for m in itertools.product(*planes))
    time = least / (direct * (DIRECT if weights else 1))
    why = f"{products} products in place of {direct}, with all transforms about {time:.2f} of the time"
    if time > SAVES:
        return Choice("direct", none, f"Winograd saves too little: {why}")
    return Choice("winograd" if step == 1 else "polyphase", best, why)


def conv_forward(x, w, stride, padding, dilation, groups=1, bias=None, slope=None):
    """Convolve; arguments as the reference."""
    size = check_once(x.shape, w.shape, stride, padding, dilation, groups)
    if x.ndim == 3:
        stride, padding, dilation = _flat(stride, padding, dilation)
        return conv_forward(x[:, :, None], w[:, :, None], stride, padding, dilation, groups, bias, slope)[:, :, 0]
    samples, (out, channels, *_), kernel, exact = x.shape[0], w.shape, w.shape[2:], mode() == "exact"
    choice = choose(samples, channels, out, kernel, stride, dilation, groups, size, exact)
    if choice.name == "direct":
        return direct_numba.forward(x, w, stride, padding, dilation, groups, bias, slope)
    if choice.name == "narrow":
        return _rectified(direct_numba.forward_narrow(x, w, padding, dilation, bias), slope)
    corner = padding[0][0], padding[1][0]
    if choice.name == "polyphase":
        return polyphase_numba.forward(x, w, corner, size, choice.m, bias, *_limits(slope))
    return winograd_numba.convolve(x, w, corner, size, choice.m, False, bias, *_limits(slope))


def conv_input_gradient(gy, w, size, stride, padding, dilation, groups=1, bias=None, slope=None, alive=None, plus=None):
    """Carry a gradient to the input; arguments as the reference."""
    shape, others = (gy.shape[0], w.shape[1] * groups, *size), [x if x is None else x.shape for x in (alive, plus)]
    check_once(shape, w.shape, stride, padding, dilation, groups, gy.shape, *others)
    if gy.ndim == 3:
        stride, padding, dilation = _flat(stride, padding, dilation)
        alive, plus = (x if x is None else x[:, :, None] for x in (alive, plus))
        settings = (1, *size), stride, padding, dilation, groups, bias, slope, alive, plus
        return conv_input_gradient(gy[:, :, None], w[:, :, None], *settings)[:, :, 0]
    samples, (channels, out, *kernel), exact = gy.shape[0], w.shape, mode() == "exact"
    phase = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    choice = choose(samples, channels, out, tuple(kernel), stride, dilation, groups, phase, exact, back=True)
    if choice.name in ("narrow", "columns"):
        way = _narrow_gradient if choice.name == "narrow" else direct_numba.input_gradient_by_columns
        gx = _rectified(way(gy, w, size, stride, padding, dilation, bias), slope)
        gx = gx if plus is None else add(gx, plus)
        return gx if alive is None else rectify_gradient(gx, alive)
    alive, plus = (x if x is None else as_channels_last(x) for x in (alive, plus))
    if choice.name == "direct":
        return direct_numba.input_gradient(gy, w, size, stride, padding, dilation, groups, bias, slope, alive, plus)
    if choice.name == "polyphase":
        corner = padding[0][0], padding[1][0]
        return polyphase_numba.input_gradient(gy, w, size, corner, choice.m, bias, *_limits(slope), alive, plus)
    # At stride 1 it is a convolution with the kernel read backwards and its two channel axes exchanged.
    corner = kernel[0] - 1 - padding[0][0], kernel[1] - 1 - padding[1][0]
    return winograd_numba.convolve(gy, w, corner, size, choice.m, True, bias, *_limits(slope), alive, plus)


def _narrow_gradient(gy, w, size, stride, padding, dilation, bias):
    """The gradient of the input at stride 1 for few channels."""
    reach = zip(w.shape[2:], dilation, padding, size, gy.shape[2:], strict=True)
    around = tuple(((k - 1) * d - lo, n - q + lo) for k, d, (lo, _), n, q in reach)
    return direct_numba.forward_narrow(gy, w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), around, dilation, bias)


def conv_weight_gradient(x, gy, kernel, stride, padding, dilation, groups=1):
    """Carry a gradient to the weights; arguments as the reference."""
    shape = (gy.shape[1], x.shape[1] // groups, *kernel)
    check_once(x.shape, shape, stride, padding, dilation, groups, gy.shape)
    if x.ndim == 3:
        stride, padding, dilation = _flat(stride, padding, dilation)
        gw = conv_weight_gradient(x[:, :, None], gy[:, :, None], (1, *kernel), stride, padding, dilation, groups)
        return gw[:, :, 0]
    (samples, channels), out, exact = x.shape[:2], gy.shape[1], mode() == "exact"
    choice = choose(samples, channels, out, kernel, stride, dilation, groups, gy.shape[2:], exact, weights=True)
    if choice.name == "direct":
        return direct_numba.weight_gradient(x, gy, kernel, stride, padding, dilation, groups)
    if choice.name == "narrow":
        return direct_numba.weight_gradient_narrow(x, gy, kernel, padding, dilation)
    way = polyphase_numba if choice.name == "polyphase" else winograd_numba
    return way.weight_gradient(x, gy, kernel, (padding[0][0], padding[1][0]), choice.m)


def _rectified(y, slope):
    """The result of a way that has no rectifier of its own."""
    return y if slope is None else rectify(y, slope)


def _limits(slope):
    """The rectifier max(slope v, v) of v = max(floor, y) with this slope, as (floor, slope)."""
    return (-math.inf, 1.0) if slope is None else (-math.inf, slope) if slope else (0.0, 1.0)


def _flat(stride, padding, dilation):
    """The settings of one axis as those of two, the first of length 1."""
    return (1, *stride), ((0, 0), *padding), (1, *dilation)
