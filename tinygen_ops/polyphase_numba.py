"""Convolutions at stride 2 on the CPU, by Winograd's method on phases.

The even and the odd rows and columns of the input are four images (phases), and a convolution at stride 2 is the sum
of four at stride 1, of each phase with every other row and column of the kernel. Along an axis, with r = 2 t + a:

    y[q] = sum over a, t of x_a[q + t] w[2 t + a],    x_a[j] = x[2 j + a - lo]

So they are one convolution of four times the channels with a kernel half as long: 25 multiplications for 16 outputs
of a 4 x 4 kernel, where the sum itself takes 64. The gradient of the input, which is the transposed convolution, goes
the other way: each phase of the output is a convolution at stride 1 of gy. The gradient of the weight is the adjoint
of the first.

A kernel of odd length has phases of two lengths; the shorter is filled up with a zero at its end. Then its
transformed weights are 0 at the last place, the point at infinity, which is left out: of a 3 x 3 kernel that leaves
25 + 20 + 20 + 16 multiplications in place of 144.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from numba import get_num_threads

from tinygen_ops import memory
from tinygen_ops.compile import address
from tinygen_ops.direct_numba import Steps, distance, pack, panels, steps_of
from tinygen_ops.layout import as_channels_last
from tinygen_ops.simd import W
from tinygen_ops.winograd_numba import Part, Target, multiply_parts, sum_parts, tables_of, weights_of
from tinygen_ops.winograd_weights_numba import floats_of, put_weights


class Phase(NamedTuple):
    """One axis of a phase."""

    first: int  # the even (0) or the odd (1) places of the long side
    begin: int  # where output 0 begins to read
    taps: slice  # of the kernel, in the order in which they are read
    length: int  # how many


def phases_in(kernel: int, lo: int) -> list[Phase]:
    """The phases of the input along one axis: x_a[q + t] is x[2 (q + t + begin) + first]."""
    return [Phase((a - lo) % 2, (a - lo) // 2, slice(a, None, 2), (kernel - a + 1) // 2) for a in (0, 1)]


def phases_out(kernel: int, lo: int, size: int) -> list[Phase]:
    """The phases of the input's gradient along one axis: place 2 q + first gets gy[q + begin + t] times tap t.

    Place i gets gy[j] w[k] for 2 j + k - lo = i: k is odd where i + lo is, and goes down as j goes up.
    """
    found = []
    for first in range(min(2, size)):
        odd = (first + lo) % 2
        length = (kernel - odd + 1) // 2
        last = odd + 2 * (length - 1)  # tap, read first
        found.append(Phase(first, (first + lo - last) // 2, slice(last, None, -2), length))
    return found


def half(x: Steps, down: Phase, across: Phase) -> tuple[int, Steps]:
    """The pixels of a phase: the first float, and how they lie."""
    height, width = (x.height - down.first + 1) // 2, (x.width - across.first + 1) // 2
    return down.first * x.row + across.first * x.pixel, Steps(x.sample, 2 * x.row, 2 * x.pixel, height, width)


@functools.lru_cache(maxsize=256)
def places_used(lengths: tuple[tuple[int, int], ...], m: tuple[int, int], r: tuple[int, int]):
    """For each place of F(m, r), for each phase with so many kernel rows and columns: whether its weights are not 0."""
    last_h, last_w = m[0] + r[0] - 2, m[1] + r[1] - 2
    return tuple(
        tuple((i < last_h or down == r[0]) and (j < last_w or across == r[1]) for down, across in lengths)
        for i in range(last_h + 1)
        for j in range(last_w + 1)
    )


def put_phase(w: np.ndarray, down: Phase, across: Phase, m, r, result: int, first: int, channels: int) -> None:
    """Write the transformed weights of a phase of w (O, C, R, S), as `put_weights`."""
    (out, depth), (kh, kw) = w.shape[:2], r
    whole = (down.length, across.length) == r
    flat = (memory.empty if whole else np.zeros)((kh * kw * depth * out,), np.float32)
    # (O, C, R, S) -> (t, 1, u, C, O); as groups, the kernel rows can be given their places one by one
    matrix = w[:, :, down.taps, across.taps].transpose(2, 3, 1, 0)[:, None]
    cut = [(t, j, v, v * W, (kh * j + t * v * W) * kw * depth) for j, v in panels(out) for t in range(down.length)]
    pack(matrix, cut, flat)
    put_weights(flat, depth, out, r, m, result, first, channels)


def halves(kernel: tuple[int, int]) -> tuple[int, int]:
    """The lengths of the longest phase of a kernel."""
    return (kernel[0] + 1) // 2, (kernel[1] + 1) // 2


def parts_of(shape: tuple[int, ...], kernel: tuple[int, int], padding: tuple[int, int]) -> tuple[list, list[Part]]:
    """The phases of an input (N, H, W, C): (along both axes), and the images."""
    whole, phases = steps_of(shape), list(itertools.product(*map(phases_in, kernel, padding)))
    return phases, [Part(*half(whole, down, across), -down.begin, -across.begin) for down, across in phases]


def forward(x, w, padding, size, m, bias=None, floor=-np.inf, slope=1.0):
    """Convolve at stride 2: (N, C, H, W), (O, C, R, S) -> (N, O, P, Q), channels last in memory.

    Args:
        x: float32, C a multiple of W.
        w: float32, O a multiple of W.
        padding: (top, left).
        size: (P, Q).
        m: outputs of a plane (mh, mw).
        bias: (O,) or None.
        floor: as `winograd_numba.convolve`, and likewise the following.
        slope: of what is negative.
    """
    out, channels, *kernel = w.shape
    xs = as_channels_last(x)
    r, (phases, parts) = halves(kernel), parts_of(xs.shape, kernel, padding)
    weights = memory.empty((floats_of(out, 4 * channels, (m[0] + r[0] - 1) * (m[1] + r[1] - 1)),))
    for k, (down, across) in enumerate(phases):
        put_phase(w, down, across, m, r, address(weights), k * channels, 4 * channels)
    y = memory.empty((x.shape[0], *size, out))
    used = places_used(tuple((down.length, across.length) for down, across in phases), m, r)
    targets = (Target(0, steps_of(y.shape), used),)
    tables = tables_of(x.shape[0], channels, tuple(parts), targets, out, r, m, get_num_threads())
    multiply_parts(tables, address(xs), address(weights), address(y), bias, floor, slope)
    return y.transpose(0, 3, 1, 2)


def input_gradient(gy, w, size, padding, m, bias=None, floor=-np.inf, slope=1.0, alive=None, plus=None):
    """The gradient of the input at stride 2: (N, O, P, Q), (O, C, R, S) -> (N, C, H, W), channels last in memory.

    Args:
        gy: float32, O a multiple of W.
        w: float32, C a multiple of W.
        size: (H, W).
        padding: (top, left).
        m: outputs of a plane (mh, mw).
        bias: (C,) or None.
        floor: as :func:`forward`, and likewise the following.
        slope: of what is negative.
        alive: (N, H, W, C), contiguous: the result is 0 where this is not above 0; None: it stays as it is.
        plus: (N, H, W, C), contiguous: it is added before that; None: nothing is.
    """
    channels, out, *kernel = w.shape
    r, gs, turned = halves(kernel), as_channels_last(gy), w.transpose(1, 0, 2, 3)
    gx = memory.empty((gy.shape[0], *size, out))
    source, whole = steps_of(gs.shape), steps_of(gx.shape)
    together = {}  # phases that begin at the same place of gy share its patches
    for down, across in itertools.product(*map(phases_out, kernel, padding, size)):
        together.setdefault((-down.begin, -across.begin), []).append((down, across))
    each = floats_of(out, channels, (m[0] + r[0] - 1) * (m[1] + r[1] - 1))
    for corner, phases in together.items():
        weights, targets = memory.empty((len(phases) * each,)), []
        for k, (down, across) in enumerate(phases):
            put_phase(turned, down, across, m, r, address(weights) + 4 * k * each, 0, channels)
            used = places_used(((down.length, across.length),), m, r)
            targets.append(Target(*half(whole, down, across), used))
        parts = (Part(0, source, *corner),)
        tables = tables_of(gy.shape[0], channels, parts, tuple(targets), out, r, m, get_num_threads())
        to = address(gx)
        others = distance(to, alive), distance(to, plus)
        multiply_parts(tables, address(gs), address(weights), to, bias, floor, slope, *others)
    return gx.transpose(0, 3, 1, 2)


def weight_gradient(x, gy, kernel, padding, m):
    """The gradient of the weight at stride 2: (N, C, H, W), (N, O, P, Q) -> (O, C, R, S).

    Args:
        x: float32, C a multiple of W.
        gy: float32, O a multiple of W.
        kernel: (R, S).
        padding: (top, left).
        m: outputs of a plane (mh, mw).
    """
    channels, columns, (kh, kw) = x.shape[1], gy.shape[1], halves(kernel)
    xs = as_channels_last(x)
    phases, parts = parts_of(xs.shape, kernel, padding)
    used = places_used(tuple((down.length, across.length) for down, across in phases), m, (kh, kw))
    sums = sum_parts(xs, parts, as_channels_last(gy), channels, used, (kh, kw), m)
    gw = memory.empty((2 * kh, 2 * kw, channels, columns))
    step = channels * columns
    for k, (a, b) in enumerate(itertools.product((0, 1), (0, 1))):  # as `phases_in`: tap 2 t + a
        to = address(gw) + 4 * (2 * kw * a + b) * step
        weights_of(sums, 4 * step, channels, columns, (kh, kw), m, k * step, to, 4 * kw * step, 2 * step)
    if (2 * kh, 2 * kw) != kernel:  # the last tap of a shorter phase is not the kernel's
        gw = np.ascontiguousarray(gw[: kernel[0], : kernel[1]])
    return gw.transpose(3, 2, 0, 1)
