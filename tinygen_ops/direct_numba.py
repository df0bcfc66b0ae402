"""Convolutions on the CPU by the direct method: register tiles over rows of channels-last pixels.

In memory an image lies channels last: pixel after pixel, the C numbers of one side by side. An output row then is a
matrix product without any columns being laid out. Row q of the left operand begins at pixel q * stride: the tiles read
x where it lies. A *run* is one such product: for a kernel place (r, s), or, where C is small, for a whole
kernel row, whose S * C numbers lie side by side too:

    y[n, p, q, :] += x[n, p sh + dr, q sw + dc, 0:depth] @ weights[start : start + depth, :]      q0 <= q < q1

Zeros around the image are never stored: a run knows the range of q whose pixels exist, and rows outside are
skipped. The gradient of the input has the same form, with the kernel read backwards; where the forward has a stride,
the output places of each remainder (phase) are a convolution of their own with a part of the kernel. The gradient of
the weight swaps the roles: a run's depth becomes the rows of the tile, the pixels the sum.

Sums go in one order for every number of threads: results are equal bit for bit.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit
from tinygen_ops.frozen import once
from tinygen_ops.layout import as_channels_last, as_pixels
from tinygen_ops.simd import W, broadcast, call_address, load, load_float, maximum, select_less, store, store_float
from tinygen_ops.tiles import ROWS, table, tile_rows

DEPTH = 128  # of a run: 128 x 2 W weights are 16 KB, half of the first-level cache
SUMMED = 256  # numbers that are summed in registers before they are added to the result
MERGE = 64  # kernel rows are merged into one run below this many channels
BLOCK = 224  # pixels that one panel of weights passes over before the next panel comes
NO_BIAS = np.zeros(2 * W, np.float32)
SCALAR = np.dtype(np.float32)


class Runs(NamedTuple):
    """The products of a convolution: `depth_at (floats), depth, start, q0, q1`, and how to cut q into tiles."""

    rows: np.ndarray  # (runs, 8)
    sizes: frozenset[int]  # tile sizes in use
    taps: tuple[int, int, int, int]  # kernel rows: how many, first input row, step, depth of one


class Image(NamedTuple):
    """Where a channels-last array lies: address, and steps in floats from sample to sample, row to row, pixel to pixel.

    It holds the array: an address alone would not keep the memory.
    """

    address: int
    sample: int
    row: int
    pixel: int
    height: int
    width: int
    array: np.ndarray


@functools.lru_cache(maxsize=4096)
def plan(
    taps_h: tuple[int, ...],
    taps_w: tuple[int, ...],
    stride: int,
    width: int,
    places: int,
    channels: int,
    pixel: int,
    merge: bool,
) -> Runs:
    """List the runs of a convolution.

    Args:
        taps_h: for each kernel row the first input row that it reads; equally spaced.
        taps_w: for each kernel column the first input column that it reads; weights come in this order.
        stride: from one output place to the next in the input, along a row.
        width: of the input.
        places: of an output row.
        channels: that are summed over.
        pixel: floats from one input pixel to the next.
        merge: put the kernel columns together where they lie side by side.
    """
    side_by_side = all(b - a == 1 for a, b in itertools.pairwise(taps_w)) and pixel == channels
    ranges = []  # (first tap, last tap + 1, q0, q1)
    spans = [_valid(tap, stride, width, places) for tap in taps_w]
    if merge and side_by_side and taps_w:
        edges = sorted({0, places, *(q for span in spans for q in span)})
        for q0, q1 in itertools.pairwise(edges):
            taps = [i for i, (a, b) in enumerate(spans) if a <= q0 and q1 <= b]
            if taps:
                ranges.append((taps[0], taps[-1] + 1, q0, q1))
    else:
        ranges = [(i, i + 1, *span) for i, span in enumerate(spans) if span[0] < span[1]]
    rows = []
    for first, last, q0, q1 in ranges:
        depth = (last - first) * channels
        cuts = -(-depth // DEPTH)
        for k in range(cuts):
            a, b = k * depth // cuts, (k + 1) * depth // cuts
            rows.append((taps_w[first] * pixel + a, b - a, first * channels + a, q0, q1, *tile_rows(q1 - q0)))
    sizes = {n + more for row in rows for n in row[6:7] for more in ((0, 1) if row[7] else (0,))}
    step = taps_h[1] - taps_h[0] if len(taps_h) > 1 else 1
    taps = (len(taps_h), taps_h[0] if taps_h else 0, step, len(taps_w) * channels)
    return Runs(np.array(rows, np.int64).reshape(-1, 8), frozenset(sizes), taps)


def _valid(tap: int, stride: int, width: int, places: int) -> tuple[int, int]:
    """The output places q with 0 <= q stride + tap < width."""
    first = min(max(0, -(tap // stride)), places)
    return first, max(first, min(places, (width - 1 - tap) // stride + 1))


def panels(columns: int) -> list[tuple[int, int]]:
    """Cut columns into panels: (first column, vectors): two each, one where no more is left."""
    return [(j, 2 if columns - j > W else 1) for j in range(0, columns, 2 * W)]


@jit(parallel=True)
def pack_panels(matrix, steps, sizes, cut, packed):
    """Lay out weights in panels filled up with zeros, rows in the order (kernel row, kernel column, channel).

    Args:
        matrix: address of the weights.
        steps: in floats (group, kernel row, kernel column, channel, column).
        sizes: (kernel rows, kernel columns, channels).
        cut: (group, first column, vectors, columns that are there, place in packed).
        packed: address of the result.
    """
    rows, columns, depth = sizes[0], sizes[1], sizes[2]
    blocks = (depth + 15) // 16  # of 16 channels: a cache line, where the kernel is 1 x 1
    for i in prange(cut.shape[0] * blocks):
        p, c0 = i // blocks, i % blocks * 16
        c1, width, wide = min(depth, c0 + 16), cut[p, 3], cut[p, 2] * W
        to = packed + 4 * cut[p, 4]
        for j in range(wide):
            at = cut[p, 0] * steps[0] + (cut[p, 1] + j) * steps[4]
            for r in range(rows):
                for s in range(columns):
                    for c in range(c0, c1):
                        x = np.float32(0)
                        if j < width:
                            x = load_float(matrix, at + r * steps[1] + s * steps[2] + c * steps[3])
                        store_float(to, ((r * columns + s) * depth + c) * wide + j, x)


def pack(matrix, cut, packed):
    """Call `pack_panels` for weights (groups, R, S, depth, columns) of any strides."""
    steps, sizes = (np.array(n, np.int64) for n in ([step // 4 for step in matrix.strides], matrix.shape[1:4]))
    pack_panels(address(matrix), steps, sizes, np.array(cut, np.int64).reshape(-1, 5), address(packed))


@jit(parallel=True)
def correlate(
    tiles, x, x_steps, shape, taps, runs, cut, weights, bias, slope, rectified, y, y_steps, apart, plus, scratch,
    scratch_of,
):
    """Run the products of a plan over all rows and panels.

    Args:
        tiles: addresses of the tile functions.
        x: address of the input.
        x_steps: its (sample, row, pixel), and its height.
        shape: (samples, output rows, output places, row stride, place stride, blocks of rows).
        taps: `Runs.taps`.
        runs: `Runs.rows`.
        cut: for each panel (first output channel, vectors, channels that are there, place in weights, input offset).
        weights: address of the packed panels.
        bias: address of the bias, filled up to whole panels, or 0.
        slope: what negative results are multiplied by, where `rectified`.
        rectified: whether they are.
        y: address of the output.
        y_steps: its (sample, row, pixel).
        apart: bytes from each number of the output to the one that it is cut off by: it becomes 0 where that is not
            above 0; 0: it stays as it is.
        plus: before that, bytes from each number of the output to the one that is added to it; 0: none is.
        scratch: address of room for blocks of incomplete panels.
        scratch_of: floats of it for each item.
    """
    samples, height_out, places, sh, sw, blocks = shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
    rows, count = samples * height_out, cut.shape[0]
    for item in prange(blocks * count):
        block, panel = item // count, item % count
        r0, r1 = block * rows // blocks, (block + 1) * rows // blocks
        first, vectors, width = cut[panel, 0], cut[panel, 1], cut[panel, 2]
        wide = vectors * W
        whole = width == wide
        room = scratch + 4 * scratch_of * item
        pixel = y_steps[2] if whole else wide
        for row in range(r0, r1):
            n, p = row // height_out, row % height_out
            to = y + 4 * (n * y_steps[0] + p * y_steps[1] + first) if whole else room + 4 * (row - r0) * places * wide
            for q in range(places):
                for j in range(0, wide, W):
                    start = broadcast(np.float32(0))
                    if bias != 0:
                        start = load(bias, first + j)
                    store(to + 4 * q * pixel, j, start)
        for k in range(runs.shape[0]):
            depth = runs[k, 1]
            together = max(1, SUMMED // depth)  # kernel rows that are summed in registers
            for tap in range(0, taps[0], together):
                for row in range(r0, r1):
                    n, p = row // height_out, row % height_out
                    at = p * sh + taps[1] + tap * taps[2]
                    skip = max(0, (taps[2] - 1 - at) // taps[2])  # kernel rows above the image
                    last = min(min(together, taps[0] - tap), (x_steps[3] - 1 - at + taps[2]) // taps[2])
                    if skip >= last:
                        continue
                    here = n * x_steps[0] + (at + skip * taps[2]) * x_steps[1]
                    a = x + 4 * (here + runs[k, 0] + cut[panel, 4])
                    b = weights + 4 * (cut[panel, 3] + ((tap + skip) * taps[3] + runs[k, 2]) * wide)
                    to = room + 4 * (row - r0) * places * wide
                    if whole:
                        to = y + 4 * (n * y_steps[0] + p * y_steps[1] + first)
                    q = runs[k, 3]
                    for t in range(runs[k, 5]):
                        size = runs[k, 6] + (1 if t < runs[k, 7] else 0)
                        call_address(
                            tiles[vectors, size],
                            (
                                a + 4 * q * sw * x_steps[2], sw * x_steps[2], taps[2] * x_steps[1], 1, b,
                                taps[3] * wide, wide, to + 4 * q * pixel, pixel, last - skip, depth, 1,
                            ),
                        )  # fmt: skip
                        q += size
        if rectified:
            zero, factor = broadcast(np.float32(0)), broadcast(slope)
            for row in range(r0, r1):
                n, p = row // height_out, row % height_out
                to = room + 4 * (row - r0) * places * wide
                if whole:
                    to = y + 4 * (n * y_steps[0] + p * y_steps[1] + first)
                for q in range(places):
                    for j in range(0, wide, W):
                        here = to + 4 * q * pixel
                        value = load(here, j)
                        if slope == 0:
                            value = maximum(zero, value)  # 0 also of -inf
                        else:
                            value = select_less(zero, value, value, factor * value)
                        store(here, j, value)
        if whole and (apart != 0 or plus != 0):
            zero = broadcast(np.float32(0))
            for row in range(r0, r1):
                n, p = row // height_out, row % height_out
                to = y + 4 * (n * y_steps[0] + p * y_steps[1] + first)
                for q in range(places):
                    for j in range(0, wide, W):
                        here = to + 4 * q * pixel
                        value = load(here, j)
                        if plus != 0:
                            value = value + load(here + plus, j)
                        if apart != 0:
                            value = select_less(zero, load(here + apart, j), value, zero)
                        store(here, j, value)
        if not whole:
            for row in range(r0, r1):
                n, p = row // height_out, row % height_out
                to = y + 4 * (n * y_steps[0] + p * y_steps[1] + first)
                for q in range(places):
                    for j in range(width):
                        value = load_float(room, ((row - r0) * places + q) * wide + j)
                        if plus != 0:
                            value += load_float(to + plus, q * y_steps[2] + j)
                        if apart != 0 and not load_float(to + apart, q * y_steps[2] + j) > 0:
                            value = np.float32(0)
                        store_float(to, q * y_steps[2] + j, value)


class Steps(NamedTuple):
    """How a channels-last image lies: floats from sample to sample, row to row, pixel to pixel; height and width."""

    sample: int
    row: int
    pixel: int
    height: int
    width: int


class Layout(NamedTuple):
    """What `correlate` needs to know that depends on shapes alone, and the floats of scratch memory of each item."""

    tiles: np.ndarray
    x_steps: np.ndarray
    shape: np.ndarray
    taps: np.ndarray
    runs: np.ndarray
    cut: np.ndarray
    y_steps: np.ndarray
    items: int
    scratch: int


@functools.lru_cache(maxsize=4096)
def layout(
    taps_h: tuple[int, ...], taps_w: tuple[int, ...], sh: int, sw: int, samples: int, x: Steps, y: Steps,
    weights: tuple[int, ...], merge: bool, threads: int,
) -> Layout:
    """Lay out a convolution.

    Args:
        taps_h: see :func:`plan`, and likewise `taps_w` and `merge`.
        taps_w: likewise.
        sh: stride along the columns.
        sw: along the rows.
        samples: N.
        x: the input.
        y: the output.
        weights: their shape (groups, R, S, depth, columns).
        merge: put the kernel columns together.
        threads: that share the work.
    """
    groups, kh, kw, depth, columns = weights
    runs = plan(taps_h, taps_w, sw, x.width, y.width, depth, x.pixel, merge)
    _, cut = cuts_of(groups, kh * kw, depth, columns)
    rows = samples * y.height
    blocks = blocks_of(rows, y.width, len(cut), threads)
    partial = cut[-1, 1] * W > cut[-1, 2]  # each group's last panel is as wide
    scratch = -(-rows // blocks) * y.width * 2 * W if partial else 0
    x_steps, y_steps = np.array(x[:4], np.int64), np.array(y[:3], np.int64)
    shape = np.array([samples, y.height, y.width, sh, sw, blocks], np.int64)
    taps = np.array(runs.taps, np.int64)
    return Layout(table(runs.sizes), x_steps, shape, taps, runs.rows, cut, y_steps, blocks * len(cut), scratch)


def run(
    form: Layout, x: int, weights: int, y: int, bias: np.ndarray | None = None, slope: float | None = None,
    apart: int = 0, plus: int = 0,
) -> None:
    """Call `correlate`.

    Args:
        form: what it is to do.
        x: address of the input.
        weights: of the packed panels.
        y: of the output.
        bias: (O,) or None.
        slope: of the rectifier behind, or None.
        apart: as `correlate`.
        plus: likewise.
    """
    room = np.empty(max(1, form.items * form.scratch), np.float32)
    filled = NO_BIAS if bias is None else filled_up(bias)
    correlate(
        form.tiles, x, form.x_steps, form.shape, form.taps, form.runs, form.cut, weights,
        0 if bias is None else filled.address, np.float32(slope or 0), slope is not None, y, form.y_steps, apart,
        plus, address(room) if form.scratch else 0, form.scratch,
    )  # fmt: skip


@once
def filled_up(bias: np.ndarray) -> np.ndarray:
    """A bias with zeros behind: whole vectors are read."""
    return np.concatenate([bias, NO_BIAS])


@functools.lru_cache(maxsize=4096)
def blocks_of(rows: int, width: int, panels: int, threads: int) -> int:
    """Return into how many blocks of rows to cut an output, so that no thread has much more to do than the others.

    Args:
        rows: of all samples.
        width: of a row.
        panels: of the weights; each passes over each block.
        threads: that share blocks and panels, in order.
    """
    fewest = max(1, min(rows, -(-rows * max(1, width) // BLOCK)))

    def busiest(blocks: int) -> int:
        sizes = [(k + 1) * rows // blocks - k * rows // blocks for k in range(blocks) for _ in range(panels)]
        share = -(-len(sizes) // threads)
        return max(sum(sizes[i : i + share]) for i in range(0, len(sizes), share))

    if fewest * panels > 16 * threads:  # then they are many, and what one more makes is little
        return fewest
    return min(range(fewest, min(rows, fewest + 2 * threads) + 1), key=busiest)


@functools.lru_cache(maxsize=1024)
def cuts_of(groups: int, places: int, depth: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the weights of `groups` groups, each (places depth, columns), into panels: for `pack`, for `correlate`."""
    to_pack, to_correlate, at = [], [], 0
    for g in range(groups):
        for j, v in panels(columns):
            width = min(v * W, columns - j)
            to_pack.append((g, j, v, width, at))
            to_correlate.append((g * columns + j, v, width, at, g * depth))
            at += places * depth * v * W
    return np.array(to_pack, np.int64), np.array(to_correlate, np.int64)


def packed(matrix: np.ndarray) -> np.ndarray:
    """Return the panels of weights (groups, R, S, depth, columns) of any strides."""
    groups, rows, columns, depth, width = matrix.shape
    cut, _ = cuts_of(groups, rows * columns, depth, width)
    out = np.empty(cut[-1, 4] + rows * columns * depth * cut[-1, 2] * W, np.float32)
    pack(matrix, cut, out)
    return out


def image(x: np.ndarray) -> Image:
    """Describe a contiguous channels-last array (N, H, W, C)."""
    return Image(address(x), *steps_of(x.shape), x)


@functools.lru_cache(maxsize=4096)
def steps_of(shape: tuple[int, ...], pixel: int = 0) -> Steps:
    """The steps of an array (N, H, W, C) whose pixels lie `pixel` floats apart; 0: C, it is contiguous."""
    # not from the array's strides: NumPy leaves the step of an axis of length 1 as it happens to be
    _, height, width, channels = shape
    pixel = pixel or channels
    return Steps(height * width * pixel, width * pixel, pixel, height, width)


def distance(x: int, other: np.ndarray | None) -> int:
    """Return the bytes from the array at address x to `other`, which lies as it does; 0 for None."""
    return 0 if other is None else address(other) - x


def out_size(size, kernel, stride, padding, dilation) -> tuple[int, ...]:
    """Return the lengths of a convolution's result."""
    cases = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple((n + lo + hi - (k - 1) * d - 1) // s + 1 for n, k, s, (lo, hi), d in cases)


@once
def forward_panels(w: np.ndarray, groups: int) -> np.ndarray:
    """Pack weights for `forward`."""
    out, depth, kh, kw = w.shape
    # (O, C/g, R, S) -> (g, R, S, C/g, O/g)
    return packed(w.reshape(groups, out // groups, depth, kh, kw).transpose(0, 3, 4, 2, 1))


@functools.lru_cache(maxsize=4096)
def forward_form(x, pixel, w, stride, padding, dilation, groups, threads) -> tuple[tuple[int, ...], Layout]:
    """The shape (N, P, Q, O) of the result of `forward`, and the layout for it; x and w are shapes, pixel of x."""
    (sh, sw), (dh, dw), ((top, _), (left, _)) = stride, dilation, padding
    (samples, channels, *size), (out, depth, kh, kw) = x, w
    y = (samples, *out_size(size, (kh, kw), stride, padding, dilation), out)
    taps_h = tuple(r * dh - top for r in range(kh))
    taps_w = tuple(s * dw - left for s in range(kw))
    weights = (groups, kh, kw, depth, out // groups)
    steps = steps_of((samples, *size, channels), pixel), steps_of(y)
    return y, layout(taps_h, taps_w, sh, sw, samples, *steps, weights, depth < MERGE, threads)


def forward(x, w, stride, padding, dilation, groups, bias=None, slope=None):
    """(N, C, H, W), (O, C/g, R, S) -> (N, O, P, Q) in channels-last memory."""
    xs, pixel = as_pixels(x)
    shape, form = forward_form(x.shape, pixel, w.shape, stride, padding, dilation, groups, get_num_threads())
    y = memory.empty(shape)
    weights = forward_panels(w, groups)
    run(form, address(xs), weights.address, address(y), bias, slope)
    return y.transpose(0, 3, 1, 2)


@once
def phase_panels(w: np.ndarray, groups: int, places_h: tuple[int, ...], places_w: tuple[int, ...]) -> np.ndarray:
    """Pack the weights of these kernel places for `input_gradient`."""
    part = w[:, :, _slice(places_h), _slice(places_w)]
    # (O, C/g, R', S') -> (g, R', S', O/g, C/g)
    return packed(part.reshape(groups, w.shape[0] // groups, *part.shape[1:]).transpose(0, 3, 4, 1, 2))


class Phase(NamedTuple):
    """A phase of the input's gradient: its first float, the kernel places that reach it, and the layout."""

    first: int
    places_h: tuple[int, ...]
    places_w: tuple[int, ...]
    form: Layout


@functools.lru_cache(maxsize=4096)
def gradient_forms(gy, pixel, w, size, stride, padding, dilation, groups, threads) -> list[Phase]:
    """The phases of `input_gradient`; gy and w are shapes, pixel of gy."""
    (samples, outputs, *gy_size), depth, out_per_group = gy, w[1], w[0] // groups
    whole, source = steps_of((samples, *size, depth * groups)), steps_of((samples, *gy_size, outputs), pixel)
    axes = [
        [_phase(a, k, s, lo, d) for a in range(min(s, n))]
        for k, s, (lo, _), d, n in zip(w[2:], stride, padding, dilation, size, strict=True)
    ]
    phases = []
    for (a, (taps_h, places_h)), (b, (taps_w, places_w)) in itertools.product(*map(enumerate, axes)):
        rows, columns = -(-(size[0] - a) // stride[0]), -(-(size[1] - b) // stride[1])
        to = Steps(whole.sample, whole.row * stride[0], whole.pixel * stride[1], rows, columns)
        weights = (groups, len(places_h), len(places_w), out_per_group, depth)
        form = layout(taps_h, taps_w, 1, 1, samples, source, to, weights, out_per_group < MERGE, threads)
        phases.append(Phase(a * whole.row + b * whole.pixel, places_h, places_w, form))
    return phases


def input_gradient(gy, w, size, stride, padding, dilation, groups, bias=None, slope=None, alive=None, plus=None):
    """(N, O, P, Q), (O, C/g, R, S) -> (N, C, H, W): a convolution of gy for each phase of the stride."""
    (gs, pixel), gx = as_pixels(gy), memory.empty((gy.shape[0], *size, w.shape[1] * groups))
    source, whole = address(gs), address(gx)
    others = distance(whole, alive), distance(whole, plus)
    phases = gradient_forms(gy.shape, pixel, w.shape, tuple(size), stride, padding, dilation, groups, get_num_threads())
    for first, places_h, places_w, form in phases:
        weights = phase_panels(w, groups, places_h, places_w)
        run(form, source, weights.address, whole + 4 * first, bias, slope, *others)
    return gx.transpose(0, 3, 1, 2)


def forward_narrow(x, w, padding, dilation, bias=None):
    """`forward` at stride 1 in one group for few output channels, which would leave most of a vector empty.

    z[n, p, j, (s, o)] is a convolution with kernel columns of width 1 and S O channels, for all input columns j; then
    y[n, o, p, q] = sum over s of z[n, p, q + s dilation, (s, o)].
    """
    (top, _), (left, _) = padding
    out_channels, depth, kh, kw = w.shape
    height, width = out_size(x.shape[2:], (kh, kw), (1, 1), padding, dilation)
    reach = width + (kw - 1) * dilation[1]
    z = memory.empty((x.shape[0], height, reach, kw * out_channels))
    taps_h = tuple(r * dilation[0] - top for r in range(kh))
    # (O, C, R, S) -> (1, R, 1, C, S O)
    matrix = w.transpose(2, 1, 3, 0).reshape(1, kh, 1, depth, kw * out_channels)
    xs, weights = as_channels_last(x), packed(matrix)
    steps = steps_of(xs.shape), steps_of(z.shape)
    form = layout(taps_h, (-left,), 1, 1, x.shape[0], *steps, matrix.shape, False, get_num_threads())
    run(form, address(xs), address(weights), address(z))
    y = np.empty((x.shape[0], height, width, out_channels), np.float32)
    bias = np.zeros(out_channels, np.float32) if bias is None else np.ascontiguousarray(bias)
    add_columns(address(z), x.shape[0] * height, reach, kw, dilation[1], out_channels, width, address(bias), address(y))
    return y.transpose(0, 3, 1, 2)


@jit(parallel=True)
def add_columns(z, rows, reach, kw, step, columns, width, bias, y):
    """y[row, q, o] = bias[o] + sum over s of z[row, q + s step, (s, o)]."""
    for row in prange(rows):
        for q in range(width):
            for o in range(columns):
                total = load_float(bias, o)
                for s in range(kw):
                    total += load_float(z, ((row * reach + q + s * step) * kw + s) * columns + o)
                store_float(y, (row * width + q) * columns + o, total)


@once
def column_panels(w: np.ndarray) -> np.ndarray:
    """Pack weights for `input_gradient_by_columns`."""
    # (O, C, R, S) -> (1, 1, 1, O, R S C)
    return packed(w.transpose(0, 2, 3, 1).reshape(1, 1, 1, len(w), -1))


def input_gradient_by_columns(gy, w, size, stride, padding, dilation, bias=None):
    """`input_gradient` in one group for few input channels, which would leave most of a vector empty.

    z[n, p, q, (r, s, c)] = sum over o of gy[n, o, p, q] w[o, c, r, s] is one product for all phases of the stride;
    then gx[n, c, i, j] is the sum of all z with p sh + r dh - top = i and q sw + s dw - left = j.
    """
    channels, kernel = w.shape[1], w.shape[2:]
    samples, out_channels, height, width = gy.shape
    columns = channels * math.prod(kernel)
    z = memory.empty((samples, height, width, columns))
    gs, weights = as_channels_last(gy), column_panels(w)
    steps = steps_of(gs.shape), steps_of(z.shape)
    form = layout((0,), (0,), 1, 1, samples, *steps, (1, 1, 1, out_channels, columns), False, get_num_threads())
    run(form, address(gs), weights.address, address(z))
    gx = memory.empty((samples, *size, channels))
    axes = [
        (*sizes[:3], step, lo, away)
        for *sizes, step, (lo, _), away in zip(size, gy.shape[2:], kernel, stride, padding, dilation, strict=True)
    ]
    bias = np.zeros(channels, np.float32) if bias is None else np.ascontiguousarray(bias)
    gather_columns(address(z), samples, np.array(axes, np.int64), channels, address(bias), address(gx))
    return gx.transpose(0, 3, 1, 2)


@jit(parallel=True)
def gather_columns(z, samples, axes, channels, bias, gx):
    """gx[n, i, j, c] = bias[c] + the sum of z[n, p, q, (r, s, c)] over p sh + r dh - top = i, q sw + s dw - left = j.

    Args:
        z: address of (samples, P, Q, R S C).
        samples: N.
        axes: for both axes (length of gx, of z, of the kernel, stride, padding before, dilation).
        channels: C.
        bias: address.
        gx: address of (samples, H, W, C).
    """
    (height, rows, kh, sh, top, dh), (width, columns, kw, sw, left, dw) = axes[0], axes[1]
    for item in prange(samples * height):
        n, i = item // height, item % height
        to = gx + 4 * item * width * channels
        for j in range(width):
            for c in range(channels):
                store_float(to, j * channels + c, load_float(bias, c))
        for r in range(kh):
            p = i + top - r * dh
            if p < 0 or p % sh or p // sh >= rows:
                continue
            for s in range(kw):
                first = s * dw - left  # where the first z of the row belongs
                begin = max(0, -(first // sw))  # the first that lies in gx, and the end of those that do
                end = min(columns, (width - 1 - first) // sw + 1)
                source = ((n * rows + p // sh) * columns * kh * kw + r * kw + s) * channels
                for q in range(begin, end):
                    for c in range(channels):
                        at = (q * sw + first) * channels + c
                        here = source + q * kh * kw * channels + c
                        store_float(to, at, load_float(to, at) + load_float(z, here))


@functools.lru_cache(maxsize=4096)
def _phase(remainder: int, kernel: int, stride: int, lo: int, dilation: int) -> tuple[tuple[int, ...], ...]:
    """For input places with this remainder: the places of gy that reach them, in order, and by which kernel place.

    Input place i gets gy[j] w[k] for j stride + k dilation - lo = i.
    """
    taps = sorted(
        ((remainder + lo - k * dilation) // stride, k)
        for k in range(kernel)
        if (remainder + lo - k * dilation) % stride == 0
    )
    return tuple(j for j, _ in taps), tuple(k for _, k in taps)


def _slice(places: tuple[int, ...]) -> slice:
    """The slice that takes equally spaced places."""
    if not places:
        return slice(0, 0)
    step = places[1] - places[0] if len(places) > 1 else 1
    stop = places[-1] + step
    return slice(places[0], None if stop < 0 else stop, step)


@jit(parallel=True)
def accumulate(tiles, x, shape, taps, runs, cut, pieces, shared, gw):
    """Add up the weight's gradient: for each panel of gy's channels and each piece of a run's depth, over all pixels.

    Args:
        tiles: addresses of the tile functions.
        x: input address, steps (sample, row, pixel), height.
        shape: (samples, output rows, row stride, place stride, output rows that are summed in registers, chunks, floats
            from one chunk's result to the next's).
        taps: `Runs.taps`.
        runs: `Runs.rows`.
        cut: for each panel (address of its first pixel in gy, step of a sample, of a row, of a pixel, vectors, place in
            gw, input offset).
        pieces: (kernel row, run, first row of its depth, rows).
        shared: (first piece, last + 1) that one thread takes: those that add to the same numbers, at least.
        gw: address of the panels of the result, one set for each chunk of rows, zeros before.
    """
    height_out, sh, sw, together, chunks = shape[1], shape[2], shape[3], shape[4], shape[5]
    rows = shape[0] * height_out
    per_chunk = cut.shape[0] * shared.shape[0]
    for item in prange(chunks * per_chunk):  # chunk after chunk, so that its pixels stay in the cache
        chunk, panel, share = item // per_chunk, item % per_chunk // shared.shape[0], item % shared.shape[0]
        vectors = cut[panel, 4]
        wide = vectors * W
        r0, r1 = chunk * rows // chunks, (chunk + 1) * rows // chunks
        for n in range(r0 // height_out, (r1 + height_out - 1) // height_out):
            first, last = max(0, r0 - n * height_out), min(height_out, r1 - n * height_out)
            for begin in range(first, last, together):
                for piece in range(shared[share, 0], shared[share, 1]):
                    tap, k, offset, many = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2], pieces[piece, 3]
                    dr, q0, q1 = taps[1] + tap * taps[2], runs[k, 3], runs[k, 4]
                    p0 = max(begin, (sh - 1 - dr) // sh)  # the output rows whose input row exists
                    p1 = min(min(last, begin + together), (x[4] - 1 - dr + sh) // sh)
                    if p0 >= p1:
                        continue
                    a = x[0] + 4 * (
                        n * x[1] + (p0 * sh + dr) * x[2] + runs[k, 0] + offset + cut[panel, 6] + q0 * sw * x[3]
                    )
                    b = cut[panel, 0] + 4 * (n * cut[panel, 1] + p0 * cut[panel, 2] + q0 * cut[panel, 3])
                    to = gw + 4 * (chunk * shape[6] + cut[panel, 5] + (tap * taps[3] + runs[k, 2] + offset) * wide)
                    count = (many + ROWS - 1) // ROWS
                    i = 0
                    for t in range(count):
                        size = many // count + (1 if t < many % count else 0)
                        call_address(
                            tiles[vectors, size],
                            (
                                a + 4 * i, 1, sh * x[2], sw * x[3], b, cut[panel, 2], cut[panel, 3],
                                to + 4 * i * wide, wide, p1 - p0, q1 - q0, 1,
                            ),
                        )  # fmt: skip
                        i += size


PIECE = 8 * ROWS  # rows of the weight's gradient over which a block of pixels passes
CHUNK = 1 << 19  # bytes of pixels that all panels and pieces pass over while they are in the second-level cache
PARTIAL = 1 << 23  # bytes of results, one for each chunk, that are added up at the end


def chunks_of(rows: int, pixels: int, result: int) -> int:
    """Into how many chunks to cut the rows of all samples; their number does not depend on the threads, so no bit does.

    Read from memory once for every panel and piece, the 19 MB of a 3 x 3 layer of the VAE at batch 128 (32 to 64
    channels, stride 2) ran at 60 GFLOP/s, in chunks at 150. Each chunk has a result of its own, so that those are to be
    small beside the pixels (1 x 1, 768 to 192 channels at 20 x 20: 0.57 of PyTorch's speed in 3 chunks).

    Args:
        rows: of gy.
        pixels: floats of x and gy together.
        result: floats of the weight's gradient.
    """
    return max(1, min(rows, 4 * pixels // CHUNK, PARTIAL // (4 * result), pixels // (4 * result)))


def weight_gradient(x, gy, kernel, stride, padding, dilation, groups):
    """(N, C, H, W), (N, O, P, Q) -> (O, C/g, R, S)."""
    (kh, kw), samples = kernel, x.shape[0]
    out_per_group, depth = gy.shape[1] // groups, x.shape[1] // groups
    xs, gs = as_channels_last(x), as_channels_last(gy)
    source, over = image(xs), image(gs)
    taps_h = tuple(r * dilation[0] - padding[0][0] for r in range(kh))
    taps_w = tuple(s * dilation[1] - padding[1][0] for s in range(kw))
    # Single pixels at the edges cost a whole tile here, so kernel rows are merged only where C fills no tile.
    runs = plan(taps_h, taps_w, stride[1], x.shape[3], gy.shape[3], depth, x.shape[1], depth < ROWS)
    total = kh * kw * depth
    cut, keep, at = [], [], 0
    for g in range(groups):
        for j, v in panels(out_per_group):
            first, width = g * out_per_group + j, min(v * W, out_per_group - j)
            if width == v * W:
                where = (over.address + 4 * first, over.sample, over.row, over.pixel)
            else:  # a tile reads whole vectors: the last channels are copied to where there is room behind
                filled = np.zeros((*gs.shape[:3], v * W), np.float32)
                filled[..., :width] = gs[..., first : first + width]
                keep.append(filled)
                part = image(filled)
                where = (part.address, part.sample, part.row, part.pixel)
            cut.append((*where, v, at, g * depth))
            at += total * v * W
    chunks = chunks_of(samples * gy.shape[2], x.size + gy.size, at)
    gw = np.zeros((chunks, at), np.float32)
    pieces = [
        (r, k, i, min(PIECE, row[1] - i))
        for r in range(kh)
        for k, row in enumerate(runs.rows.tolist())
        for i in range(0, row[1], PIECE)
    ]
    # Merged runs of a kernel row add to the same numbers; others are kept together as long as there is work for all.
    alone = depth >= ROWS and len(cut) * kh < 8
    same = list(range(len(pieces))) if alone else [r for r, *_ in pieces]
    starts = [i for i in range(len(pieces)) if i == 0 or same[i] != same[i - 1]]
    shared = list(zip(starts, [*starts[1:], len(pieces)], strict=False))  # no pieces, no starts
    sizes = {size for *_, n in pieces for size in _tile_sizes(n)}
    accumulate(
        table(sizes), np.array([source.address, source.sample, source.row, source.pixel, source.height], np.int64),
        np.array([samples, gy.shape[2], *stride, max(1, SUMMED // gy.shape[3]), chunks, at], np.int64),
        np.array(runs.taps, np.int64), runs.rows, np.array(cut, np.int64),
        np.array(pieces, np.int64).reshape(-1, 4), np.array(shared, np.int64).reshape(-1, 2), address(gw),
    )  # fmt: skip
    gw = gw[0] if chunks == 1 else gw.sum(0)
    out = np.empty((groups, out_per_group, depth, kh * kw), np.float32)
    parts = iter(cut)
    for g in range(groups):
        for j, v in panels(out_per_group):
            place, width = next(parts)[5], min(v * W, out_per_group - j)
            block = gw[place : place + total * v * W].reshape(kh * kw, depth, v * W)[:, :, :width]
            out[g, j : j + width] = block.transpose(2, 1, 0)
    return out.reshape(-1, depth, kh, kw)


def _tile_sizes(rows: int) -> set[int]:
    """The sizes of the tiles into which `accumulate` cuts so many rows."""
    _, small, larger = tile_rows(rows)
    return {small, small + 1} if larger else {small}


def weight_gradient_narrow(x, gy, kernel, padding, dilation):
    """`weight_gradient` at stride 1 in one group for few output channels: gy and x change places.

    gw[o, c, k] = sum over n, p of x[n, c, p] gy[n, o, p + (K - 1 - k) dilation - lo'],  lo' = (K - 1) dilation - lo
    """
    swapped = tuple(((k - 1) * d - lo, 0) for k, d, (lo, _) in zip(kernel, dilation, padding, strict=True))
    gw = weight_gradient(gy, x, kernel, (1, 1), swapped, dilation, 1)  # (C, O, R, S), the kernel read backwards
    return np.ascontiguousarray(gw[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
