"""Winograd's convolution on the CPU: fewer multiplications than the sum itself takes.

A plane of m x m outputs comes from a patch of n x n inputs, n = m + r - 1. Patches are transformed (B^T x B), so
that each of the n n places is a matrix product of its own over the channels; its results are transformed back
(A^T z A). F(4, 3) takes 2.25 multiplications an output where the direct sum takes 9, F(4, 5) 4 for 25.

The price is rounding: the transforms mix numbers of different sizes. Largest error against float64, relative to the
largest output, measured over the shapes of the tests: see `docs/convolution.md`.

As many patches are in work at a time as fit into ROOM. The weight's gradient is the adjoint: the products of
transformed patches and transformed gradients, summed over all patches, transformed once at the end (G^T z G).

`convolve` and `weight_gradient` are the calls at stride 1. They, and those of `polyphase_numba.py`, go through
`multiply_parts` and `sum_parts`. There the input is a list of parts, images of as many channels each, whose results
are added up, and there may be several outputs, each with weights of its own.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, get_thread_id, prange

from tinygen_ops import memory
from tinygen_ops.compile import address, jit, subroutine, workspace
from tinygen_ops.direct_numba import Steps, distance, steps_of
from tinygen_ops.frozen import is_frozen
from tinygen_ops.layout import as_channels_last, as_pixels
from tinygen_ops.simd import W, broadcast, call_address, load, maximum, select_less, settle, store, stream, take
from tinygen_ops.tiles import ROWS, table, tile_rows
from tinygen_ops.winograd_weights_numba import (
    CHUNK,
    NOT_FRESH,
    PAD,
    Fresh,
    both_axes,
    cut_of,
    floats_of,
    fresh_of,
    scratch_of,
    transform,
    transform_panel,
    turned_back,
    weights_for,
)

# Floats of transformed patches and of their products that a thread has in work at a time: 0.6 MB, so that they stay in
# its core's second-level cache. With 1.6 MB VGG's layers of 64 and 256 channels took 1.06 times as long, Inception's of
# 32 to 96 channels 1.1 (AMD EPYC, caches of 1 MB for each core and 32 MB shared with others).
ROOM = 150_000
LEAST = 2  # groups of ROWS patches that are in work at a time, however many channels: a panel of weights serves each
# Bytes of outputs above which they are written past the caches, which they would leave before they are read again; an
# ordinary store first reads what it overwrites. 64 > 64 channels at 400 x 533, two threads: 27.5 ms for 30.3.
# `memory.empty` aligns arrays of that size.
STREAMED = 16_000_000
TILE = 12 * ROWS  # patches that one panel of weights passes over
SUMMED = 32  # channels, at most, that are summed in registers before they are added to the result: see `runs_of`
# Where threads share the transformed patches, so many times as many: for each batch all weights are read, or
# transformed, anew. 512 > 512 channels at 50 x 66 pixels, weights that are not kept: 0.82 of the time with 3 times as
# many, 0.96 of that with 16 times, one batch.
AHEAD = 8
# Channels, about, whose weights are transformed on the way before they are multiplied with: 0.6 MB of a panel, so that
# they stay in the core's second-level cache. There all channels at a time take 1.03 of the time.
FRESH = 128


NO_PANELS, NO_STEPS, NO_BIAS = np.empty((0, 8), np.int64), np.zeros(3, np.int64), np.zeros(0, np.float32)


class Part(NamedTuple):
    """An image to convolve: its first float, how it lies, and how many rows and columns before it the patches begin."""

    first: int
    steps: Steps
    top: int
    left: int


class Target(NamedTuple):
    """Where to write: first float, how it lies, and for each place, for each part: whether its weights are not 0."""

    first: int
    steps: Steps
    used: tuple[tuple[bool, ...], ...]


TRANSFORM, MULTIPLY, WEIGHTS = 1, 2, 4  # the stages of `run_blocks`


@jit(parallel=True)
def run_blocks(
    threads, blocks, stages, matrices, shape, x, parts, v, table_of, runs, cut, weights, fresh, bias, floor, slope, y,
    y_steps, apart, plus, work, room,
):
    """Transform patches, or multiply transformed ones with the weights and write the outputs, or both, block by block.

    Args:
        threads: that share the work.
        blocks: what they take one by one, whichever is free: (first patch, one behind the last, the patch that v begins
            with, first panel, one behind the last).
        stages: TRANSFORM, MULTIPLY or their sum; MULTIPLY + WEIGHTS: each block transforms the weights of its panels,
            some channels at a time, and multiplies with them.
        matrices: addresses of L and R of the patches' transform, and of the outputs'; 0 where an axis has none.
        shape: (rows of a patch, its columns, those of the transformed patch, those of a plane of outputs, channels of a
            part, rows and columns of patches in a sample, 1 to write outputs past the caches): 10 numbers.
        x: address of the images.
        parts: for each image (first float, steps of sample, row and pixel, height, width, zeros above, zeros to the
            left).
        v: of the transformed patches [place][patch][part and channel] the floats from one patch to the next, from one
            place to the next, from one thread's to the next's (0: all have the same).
        table_of: addresses of the product's tiles.
        runs: what is summed: (place, first channel, channels of a partial sum, how many of these, whether it is added
            to the place's result).
        cut: for each panel (first output channel, vectors, place in weights, first float of its output, rows and
            columns that this has, first run, one behind the last).
        weights: address of panels of [place][channel][columns], or of room for them.
        fresh: what they are made of, as `transform_panel` takes it; last the floats from one thread's room for channels
            of a panel to the next's, and how many channels these are.
        bias: address of the bias, one number for each output channel, or 0.
        floor: what is smaller becomes this.
        slope: then v becomes the larger of v and slope v.
        y: address of the outputs.
        y_steps: of the outputs (sample, row, pixel).
        apart: bytes from each number of the output to the one that it is cut off by: it becomes 0 where that is not
            above 0; 0: it stays as it is.
        plus: before that, bytes from each number of the output to the one that is added to it; 0: none is.
        work: address of scratch memory, which begins with the transformed patches.
        room: in it, first float of the products, patches that they have room for, floats from one thread's to the
            next's; first float of what is left and floats of one thread: for a patch between the two axes and as it was
            read (with the channels of a part), or a plane of outputs.
    """
    # Cores are not equally quick, nor left alone: of two that had been given a half each, one took 20 ms, the other 28.
    counter = np.zeros(1, np.int64)
    for _worker in prange(threads):
        own = 4 * get_thread_id()
        mine, scratch = work + own * v[2], work + 4 * room[3] + own * room[4]
        products, most, deep = work + 4 * room[0] + own * room[2], room[1], v[0] - PAD
        item = take(counter)
        while item < blocks.shape[0]:
            if stages & TRANSFORM:
                _transform(blocks[item], matrices, shape, x, parts, mine, v, scratch)
            if stages & MULTIPLY:
                for panel in range(blocks[item, 3], blocks[item, 4]):
                    step = fresh[10] if stages & WEIGHTS else deep
                    for first in range(0, deep, step):
                        last, panels = min(deep, first + step), weights
                        if stages & WEIGHTS:  # to the thread's own room, as if the panel began with these channels
                            panels += own * fresh[9] - 4 * (cut[panel, 2] + first * cut[panel, 1] * W)
                            transform_panel(
                                fresh, shape[2], shape[3], last - first, first, last, cut[panel], panels, scratch
                            )
                        _multiply(
                            blocks[item], mine, v, table_of, runs, first, last, cut[panel], panels, products, most
                        )
                    _finish(
                        blocks[item], matrices, shape, cut[panel], bias, floor, slope, y, y_steps, apart, plus,
                        products, most, scratch,
                    )  # fmt: skip
            item = take(counter)


@subroutine
def _transform(block, matrices, shape, x, parts, to, v, scratch):
    """Write L x R^T of a block's patches to v; what lies outside of the image is 0."""
    in_h, in_w, nh, nw, mh, mw, channels, across = (
        shape[0], shape[1], shape[2], shape[3], shape[4], shape[5], shape[6], shape[8],
    )  # fmt: skip
    per_sample = shape[7] * across
    zeroed = scratch + 4 * nh * nw * CHUNK
    for k in range(parts.shape[0]):
        sample, row_of_x, pixel_of_x, height, width = parts[k, 1], parts[k, 2], parts[k, 3], parts[k, 4], parts[k, 5]
        for t in range(block[0], block[1]):
            n, rest = t // per_sample, t % per_sample
            h, w = rest // across * mh - parts[k, 6], rest % across * mw - parts[k, 7]
            patch = x + 4 * (parts[k, 0] + n * sample + h * row_of_x + w * pixel_of_x)
            row, pixel = row_of_x, pixel_of_x
            if h < 0 or w < 0 or h + in_h > height or w + in_w > width:
                for i in range(in_h):
                    for j in range(in_w):
                        inside = 0 <= h + i < height and 0 <= w + j < width
                        for c in range(0, channels, W):
                            value = broadcast(np.float32(0))
                            if inside:
                                value = load(patch, i * row + j * pixel + c)
                            store(zeroed, (i * in_w + j) * channels + c, value)
                patch, row, pixel = zeroed, in_w * channels, channels
            here = to + 4 * ((t - block[2]) * v[0] + k * channels)
            for c in range(0, channels, CHUNK):
                vectors = min(CHUNK, channels - c) // W
                both_axes(
                    matrices[0], matrices[1], in_h, in_w, nh, nw, patch + 4 * c, row, pixel, here + 4 * c, nw * v[1],
                    v[1], scratch, vectors,
                )  # fmt: skip


@subroutine
def _multiply(block, transformed, v, table_of, runs, first, last, panel, weights, products, most):
    """Multiply a block's transformed patches with channels of one panel: products[place][patch][column] (+)= ..."""
    vectors = panel[1]
    wide = vectors * W
    place = (last - first) * wide + PAD
    many = block[1] - block[0]
    pieces = (many + ROWS - 1) // ROWS
    small, larger = many // pieces, many % pieces  # rows of a tile, and how many tiles have one row more
    for run in range(panel[6], panel[7]):
        p, begin, depth, sums, add = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3], runs[run, 4]
        c = max(first, begin)
        if depth > 0:
            sums = (min(last, begin + depth * sums) - c) // depth
        if sums > 0:
            add += c - begin
            b = weights + 4 * (panel[2] + p * place + c * wide)
            a = transformed + 4 * (p * v[1] + (block[0] - block[2]) * v[0] + c)
            to = products + 4 * p * most * wide
            if larger > 0:
                size = small + 1
                call_address(table_of[vectors, size], (a, v[0], b, to, wide, sums, depth, add, larger))
                a, to = a + 4 * larger * size * v[0], to + 4 * larger * size * wide
            call_address(table_of[vectors, small], (a, v[0], b, to, wide, sums, depth, add, pieces - larger))


@subroutine
def _finish(block, matrices, shape, panel, bias, floor, slope, y, y_steps, apart, plus, products, most, scratch):
    """Transform products back, add the bias, rectify, add, cut off, write."""
    nh, nw, mh, mw, across = shape[2], shape[3], shape[4], shape[5], shape[8]
    per_sample, wide = shape[7] * across, panel[1] * W
    plane = scratch + 4 * nh * nw * CHUNK
    lowest, factor, zero = broadcast(floor), broadcast(slope), broadcast(np.float32(0))
    for t in range(block[0], block[1]):
        n, rest = t // per_sample, t % per_sample
        h, w = rest // across * mh, rest % across * mw
        here, place = products + 4 * (t - block[0]) * wide, most * wide
        both_axes(
            matrices[2], matrices[3], nh, nw, mh, mw, here, nw * place, place, plane, mw * wide, wide, scratch, panel[1]
        )
        to = y + 4 * (panel[3] + n * y_steps[0] + h * y_steps[1] + w * y_steps[2] + panel[0])
        for i in range(min(mh, panel[4] - h)):
            for j in range(min(mw, panel[5] - w)):
                at = i * y_steps[1] + j * y_steps[2]
                for c in range(0, wide, W):
                    value = load(plane, (i * mw + j) * wide + c)
                    if bias != 0:
                        value = value + load(bias, panel[0] + c)
                    value = maximum(lowest, value)  # not a number stays so: `maximum` then returns its second
                    value = maximum(factor * value, value)
                    if plus != 0:
                        value = value + load(to + plus, at + c)
                    if apart != 0:
                        value = select_less(zero, load(to + apart, at + c), value, zero)
                    if shape[9]:
                        stream(to, at + c, value)
                    else:
                        store(to, at + c, value)
    if shape[9]:
        settle()


@functools.lru_cache(maxsize=256)
def runs_of(channels: int, used: tuple[tuple[bool, ...], ...]) -> list[tuple[int, int, int, int, int]]:
    """List what is summed: (place, first channel, channels of a partial sum, how many of these, whether it is added).

    Most of what Winograd's convolution rounds away, it does in these sums, not in its transforms: with 512 channels of
    random numbers, cut off at 0, the root mean square error is 1.63e-6 in one sum, 0.67e-6 in partial sums of 64 and
    0.57e-6 in those of 32, and takes 45.5, 46.0 and 46.0 ms (50 x 66 pixels, one thread). Shorter ones gain nothing.

    Args:
        channels: of a part.
        used: for each place, for each part: whether its weights are other than 0 there.
    """
    rows = []
    for place, parts in enumerate(used):
        begun, at = len(rows), 0
        for there, group in itertools.groupby(parts):
            length = channels * len(list(group))
            if there:
                each = max(n for n in range(1, SUMMED + 1) if length % n == 0)
                rows.append((place, at, each, length // each, int(len(rows) > begun)))
            at += length
        if len(rows) == begun:
            rows.append((place, 0, 0, 1, 0))  # a sum of nothing: zeros are stored
    return rows


def convolve(x, w, padding, size, m, back=False, bias=None, floor=-np.inf, slope=1.0, alive=None, plus=None):
    """Convolve x (N, C, H, W) at stride 1: (N, O, P, Q), channels last in memory.

    Args:
        x: float32, C a multiple of W.
        w: the weights (O, C, R, S), O a multiple of W; `back`: (C, O, R, S).
        padding: (top, left).
        size: (P, Q).
        m: outputs of a plane (mh, mw).
        back: for the gradient of the input: the kernel is read backwards and its two channel axes change places.
        bias: (O,) or None.
        floor: the result v becomes at least this, -inf: it stays as it is.
        slope: above 0 and at most 1; then v becomes max(v, slope v), 1: it stays as it is.
        alive: (N, P, Q, O), contiguous: the result is 0 where this is not above 0; None: it stays as it is.
        plus: (N, P, Q, O), contiguous: it is added before that; None: nothing is.
    """
    turned, kernel = turned_back(w) if back else w, w.shape[2:]
    y, (xs, pixel) = memory.empty((x.shape[0], *size, len(turned))), as_pixels(x)
    settings = padding, tuple(size), len(turned), tuple(kernel), m, get_num_threads(), is_frozen(w)
    tables = plain_tables(x.shape, pixel, *settings)
    if tables.plan.fresh:
        weights = memory.empty((get_num_threads() * tables.fresh.room,))
        laid = np.ascontiguousarray(w)  # which must be there until all is done
        fresh = tables.fresh.about(laid, back)
    else:
        weights, fresh = weights_for(w, *m, back).array, NOT_FRESH
    to = address(y)
    others = distance(to, alive), distance(to, plus)
    multiply_parts(tables, address(xs), address(weights), to, bias, floor, slope, *others, fresh)
    return y.transpose(0, 3, 1, 2)


@functools.lru_cache(maxsize=4096)
def plain_tables(shape, pixel, padding, size, out, kernel, m, threads, kept) -> "Tables":
    """The tables of `convolve`: one image (of this shape, `pixel` floats apart), one output, all weights are used."""
    samples, channels, *lengths = shape
    parts = (Part(0, steps_of((samples, *lengths, channels), pixel), *padding),)
    targets = (Target(0, steps_of((samples, *size, out)), all_used(kernel, m)),)
    return tables_of(samples, channels, parts, targets, out, kernel, m, threads, kept)


def all_used(kernel: tuple[int, int], m: tuple[int, int]) -> tuple[tuple[bool, ...], ...]:
    """For one part: it is used at every place."""
    return ((True,),) * ((m[0] + kernel[0] - 1) * (m[1] + kernel[1] - 1))


def multiply_parts(tables, x, weights, y, bias, floor, slope, apart=0, plus=0, fresh=NOT_FRESH) -> None:
    """Convolve images, and write the sum of their results to each target.

    Args:
        tables: of `tables_of`.
        x: address of the array with the images.
        weights: address of the transformed ones, for each target those of all parts, or of room for them.
        y: address of the array with the targets.
        bias: as :func:`convolve`, and likewise the following.
        floor: what is smaller becomes this.
        slope: of what is negative.
        apart: bytes from a number of the result to the one that it is cut off by, or 0.
        plus: likewise to the one that is added to it before that.
        fresh: as `run_blocks`, for a plan that transforms weights on the way.
    """
    work = workspace(tables.work)
    bias = NO_BIAS if bias is None else np.ascontiguousarray(bias)
    for stages, blocks in tables.plan.blocks:
        run_blocks(
            get_num_threads(), blocks, stages, tables.matrices, tables.shape, x, tables.parts, tables.v, tables.tiles,
            tables.runs, tables.cut, weights, fresh, address(bias) if bias.size else 0, np.float32(floor),
            np.float32(slope), y, tables.y_steps, apart, plus, address(work), tables.room,
        )  # fmt: skip


class Tables(NamedTuple):
    """What `run_blocks` needs to know that depends on shapes alone, and the floats of scratch memory."""

    plan: "Plan"
    matrices: np.ndarray
    shape: np.ndarray
    parts: np.ndarray
    v: np.ndarray
    runs: np.ndarray
    cut: np.ndarray
    tiles: np.ndarray
    y_steps: np.ndarray
    room: np.ndarray
    fresh: Fresh
    work: int


@functools.lru_cache(maxsize=4096)
def tables_of(
    samples: int, channels: int, parts: tuple[Part, ...], targets: tuple[Target, ...], out: int,
    kernel: tuple[int, int], m: tuple[int, int], threads: int, kept: bool = True,
) -> Tables:
    """Prepare `multiply_parts`.

    Args:
        samples: N.
        channels: of a part.
        parts: the images.
        targets: where to write; they lie alike.
        out: O.
        kernel: (R, S).
        m: outputs of a plane (mh, mw).
        threads: that share the work.
        kept: the transformed weights are there; else they may be made on the way.
    """
    (mh, mw), (kh, kw) = m, kernel
    nh, nw, deep = mh + kh - 1, mw + kw - 1, channels * len(parts)
    tiles = -(-max(t.steps.height for t in targets) // mh), -(-max(t.steps.width for t in targets) // mw)
    size = 4 * samples * out * targets[0].steps.height * targets[0].steps.width
    runs, cut = [], []
    for k, (first, steps, used) in enumerate(targets):
        begun, at = len(runs), k * floats_of(out, deep, nh * nw)
        runs += runs_of(channels, used)
        about = first, steps.height, steps.width, begun, len(runs)
        cut += [(j, vectors, at + place, *about) for j, vectors, place in cut_of(out, deep, nh * nw).tolist()]
    plan = plan_of(samples * tiles[0] * tiles[1], nh * nw, deep, out, len(cut), threads, kept)
    row_of_v = deep + PAD
    of_v, of_z = nh * nw * plan.held * row_of_v, nh * nw * plan.longest * 2 * W
    of_thread = nh * nw * (CHUNK + max(channels, 2 * W))
    if plan.fresh:
        of_thread = max(of_thread, scratch_of(nh * kw, kernel))
    scratch = plan.threads * of_v + threads * of_z
    matrices = [transform(name, *form) for name in ("bt", "at") for form in ((mh, kh), (mw, kw))]
    sum_of = max(1, runs[0][2])  # channels of a partial sum
    fresh = fresh_of(kernel, m, sum_of * max(1, FRESH // sum_of))
    return Tables(
        plan, _numbers(*matrices), _numbers(nh, nw, nh, nw, mh, mw, channels, *tiles, size > STREAMED), _about(parts),
        _numbers(row_of_v, plan.held * row_of_v, of_v if plan.threads > 1 else 0), _numbers(*runs), _numbers(*cut),
        table(plan.sizes, "run"), _numbers(*targets[0].steps[:3]),
        _numbers(plan.threads * of_v, plan.longest, of_z, scratch, of_thread), fresh,
        scratch + threads * of_thread,
    )  # fmt: skip


class Plan(NamedTuple):
    """How the patches of a convolution are worked through.

    Attributes:
        blocks: one after the other (stages, blocks) of `run_blocks`.
        held: transformed patches that are held at a time.
        threads: how many hold some of their own; 1: they are held in common.
        longest: patches of the longest block that is multiplied.
        sizes: of the tiles.
        fresh: whether the blocks that multiply transform the weights that they need, a panel each.
    """

    blocks: list[tuple[int, np.ndarray]]
    held: int
    threads: int
    longest: int
    sizes: frozenset[int]
    fresh: bool = False


@functools.lru_cache(maxsize=1024)
def plan_of(total: int, places: int, deep: int, out: int, panels: int, threads: int, kept: bool) -> Plan:
    """Plan a convolution: threads that each transform and multiply patches of their own, or that share the patches.

    Alone, a thread waits for nobody, keeps its patches in its core's cache and reads all weights; where the patches
    are shared, each takes some panels of the weights. So the first is for more patches than output channels.
    (Inception V3 to mixed5 and back: the transforms of shared patches took 14 ms on two threads and 13 on one, since
    what one core had written the other had to fetch.)

    Args:
        total: patches.
        places: of a transformed patch.
        deep: channels of a transformed patch.
        out: output channels.
        panels: of the weights.
        threads: that share the work.
        kept: the transformed weights are there.
    """
    groups = -(-total // ROWS)
    if total >= out and groups >= threads:
        fitting = max(LEAST, min(TILE, ROOM // (places * (deep + PAD + 2 * W))) // ROWS)  # groups of ROWS patches
        each = -(-groups // (fitting * threads))  # blocks of a thread
        blocks = _cut(0, total, min(each * threads, groups), 0, panels)
        longest = _longest(blocks)
        return Plan([(TRANSFORM + MULTIPLY, blocks)], longest, threads, longest, _sizes(blocks))
    batch = max(ROWS, AHEAD * ROOM * threads // (places * deep))
    batch = -(-total // (-(-total // batch) * ROWS)) * ROWS  # nearly equal batches, of whole tiles
    found, longest, sizes, fresh = [], 0, frozenset(), not kept and panels >= threads
    for first in range(0, total, batch):
        last = min(total, first + batch)
        found.append((TRANSFORM, _cut(first, last, min(4 * threads, last - first), 0, 0, first, 1)))
        cuts = _cut(first, last, 1 if fresh else blocks_of(last - first, panels, threads), 0, 1, first)
        blocks = np.repeat(cuts, panels, 0)
        blocks[:, 3] = np.tile(np.arange(panels), len(cuts))
        blocks[:, 4] = blocks[:, 3] + 1
        found.append((MULTIPLY + (WEIGHTS if fresh else 0), blocks))
        longest, sizes = max(longest, _longest(blocks)), sizes | _sizes(blocks)
    return Plan(found, min(batch, total), 1, longest, sizes, fresh)


def _cut(first: int, last: int, count: int, panel: int, panels: int, held: int = -1, unit: int = ROWS) -> np.ndarray:
    """Cut patches into `count` blocks of whole units, nearly equal, as `run_blocks` takes them.

    Args:
        first: patch.
        last: one behind the last.
        count: of blocks.
        panel: the first of each block.
        panels: one behind the last.
        held: the patch that v begins with, -1: each block's own.
        unit: patches.
    """
    units = -(-(last - first) // unit)
    edges = [min(last, first + k * units // count * unit) for k in range(count + 1)]
    rows = [(a, b, a if held < 0 else held, panel, panels) for a, b in itertools.pairwise(edges)]
    return np.array(rows, np.int64)


def _longest(blocks: np.ndarray) -> int:
    return int((blocks[:, 1] - blocks[:, 0]).max())


def _sizes(blocks: np.ndarray) -> frozenset[int]:
    """The tile sizes that come up in blocks."""
    cuts = [tile_rows(int(many)) for many in set((blocks[:, 1] - blocks[:, 0]).tolist())]
    return frozenset(size for _, small, larger in cuts for size in ((small, small + 1) if larger else (small,)))


def _numbers(*values) -> np.ndarray:
    return np.array(values, np.int64)


def _about(parts) -> np.ndarray:
    """What `run_blocks` wants to know of images."""
    return _numbers(*[(first, *steps, top, left) for first, steps, top, left in parts])


@functools.lru_cache(maxsize=4096)
def blocks_of(many: int, count: int, threads: int) -> int:
    """Return into how many blocks to cut the patches: the fewest with which the busiest thread has least to do.

    Args:
        many: patches.
        count: panels, each of which passes over each block.
        threads: that share the blocks and panels, in order.
    """
    groups = -(-many // ROWS)

    def busiest(blocks: int) -> int:
        items = [(k + 1) * groups // blocks - k * groups // blocks for k in range(blocks) for _ in range(count)]
        share = -(-len(items) // threads)
        return max(sum(items[i : i + share]) for i in range(0, len(items), share))

    fewest = -(-groups * ROWS // TILE)
    return min(range(fewest, min(groups, fewest + 2 * threads) + 1), key=busiest)


@jit(parallel=True)
def sum_products(tiles, v, row_of_v, v_step, runs, channels, g, row_of_g, g_step, columns, cut, many, sums, add):
    """sums[place][channel][column] (+)= sum over patches of v[place][patch][channel] g[place][patch][column].

    Args:
        tiles: addresses of the tile functions.
        v: transformed patches.
        row_of_v: floats from one patch to the next.
        v_step: floats from one place to the next.
        runs: the channels that are wanted: (place, first channel, channels of a partial sum, how many of these, -).
        channels: of the sums.
        g: transformed gradients.
        row_of_g: floats from one patch to the next.
        g_step: floats from one place to the next.
        columns: of the sums.
        cut: for each panel (first column, vectors, -).
        many: patches.
        sums: where to write.
        add: whether the sums go on.
    """
    for item in prange(runs.shape[0] * cut.shape[0]):
        run, panel = item // cut.shape[0], item % cut.shape[0]
        p, c, last = runs[run, 0], runs[run, 1], runs[run, 1] + runs[run, 2] * runs[run, 3]
        b = g + 4 * (p * g_step + cut[panel, 0])
        while c < last:
            size = min(ROWS, last - c)
            to = sums + 4 * ((p * channels + c) * columns + cut[panel, 0])
            a = v + 4 * (p * v_step + c)
            call_address(tiles[cut[panel, 1], size], (a, 1, 0, row_of_v, b, 0, row_of_g, to, columns, 1, many, add))
            c += size


@jit(parallel=True)
def transform_sums(along_h, along_w, nh, nw, kh, kw, sums, step, channels, columns, gw, gw_row, gw_pixel, scratch):
    """Write G^T z G of sums [place][channel][column] to gw [kernel place][channel][column].

    Args:
        along_h: address of G^T for rows (0: none).
        along_w: for columns.
        nh: rows of places.
        nw: columns of places.
        kh: kernel rows.
        kw: kernel columns.
        sums: address.
        step: floats from one place to the next.
        channels: how many.
        columns: how many.
        gw: where to write.
        gw_row: floats from one kernel row to the next.
        gw_pixel: floats from one kernel column to the next.
        scratch: room for each thread, nh nw CHUNK.
    """
    for c in prange(channels):
        room = scratch + 4 * get_thread_id() * nh * nw * CHUNK
        for j in range(0, columns, CHUNK):
            at = 4 * (c * columns + j)
            vectors = min(CHUNK, columns - j) // W
            both_axes(
                along_h, along_w, nh, nw, kh, kw, sums + at, nw * step, step, gw + at, gw_row, gw_pixel, room, vectors
            )


def weight_gradient(x, gy, kernel, padding, m):
    """The gradient of the weight at stride 1: x (N, C, H, W), gy (N, O, P, Q) -> (O, C, R, S).

    Args:
        x: float32, C a multiple of W.
        gy: float32, O a multiple of W.
        kernel: (R, S).
        padding: (top, left).
        m: outputs of a plane (mh, mw).
    """
    (kh, kw), channels, columns = kernel, x.shape[1], gy.shape[1]
    xs, gs = as_channels_last(x), as_channels_last(gy)
    parts = [Part(0, steps_of(xs.shape), *padding)]
    sums = sum_parts(xs, parts, gs, channels, all_used(kernel, m), kernel, m)
    gw = np.empty((kh, kw, channels, columns), np.float32)
    step = channels * columns
    weights_of(sums, step, channels, columns, kernel, m, 0, address(gw), kw * step, step)
    return gw.transpose(3, 2, 0, 1)


def summed(channels: int, columns: int) -> int:
    """Return how many patches to sum at a time.

    Each time the sums are read and written once; more patches leave the cache. So there are as many as let the
    transformed patches and gradients take twice the memory of the sums, from 80 to 320 (ms at 80, 160 and 320: 64 > 64
    channels, 3 x 3: 11.1, 10.9, 12.5; 128 > 128: 63, 74, 72; 256 > 256, 5 x 5: 182, 170, 152).
    """
    return min(320, max(80, 2 * channels * columns // (channels + columns)))


def sum_parts(x, parts, gy, channels, used, kernel, m):
    """Sum the products of transformed patches and transformed gradients: [place][part and channel][column].

    Args:
        x: the array with the images.
        parts: where they lie in it.
        gy: gradient of the output, (N, P, Q, O), contiguous.
        channels: of a part.
        used: as in a `Target`; where a part is not used, its sums stay undefined.
        kernel: (R, S).
        m: outputs of a plane (mh, mw).
    """
    (samples, *lengths, columns), (mh, mw), (kh, kw) = gy.shape, m, kernel
    nh, nw, deep = mh + kh - 1, mw + kw - 1, channels * len(parts)
    tiles = [-(-n // a) for n, a in zip(lengths, m, strict=True)]
    total, row_of_v, row_of_g = samples * tiles[0] * tiles[1], deep + PAD, columns + PAD
    batch = -(-total // -(-total // summed(deep, columns)))
    of_v, of_g = nh * nw * batch * row_of_v, nh * nw * batch * row_of_g
    threads, of_thread = get_num_threads(), nh * nw * (max(channels, columns) + CHUNK)
    work = memory.empty((of_v + of_g + threads * of_thread,))
    v, g = address(work), address(work) + 4 * of_v
    sums = memory.empty((nh * nw * deep * columns,))
    cut, runs = cut_of(columns, deep, 0), [run for run in runs_of(channels, used) if run[2]]
    lengths = {each * sums for _, _, each, sums, _ in runs}
    tile_table = table({size for length in lengths for size in (min(ROWS, length), length % ROWS)} - {0})
    runs = np.array(runs, np.int64)
    for first in range(0, total, batch):
        last = min(total, first + batch)
        blocks = _cut(first, last, min(4 * threads, last - first), 0, 0, first, 1)
        forward = "bt", (nh, nw), channels, x, parts, v, row_of_v, of_v + of_g
        back = "a", (mh, mw), columns, gy, [Part(0, steps_of(gy.shape), 0, 0)], g, row_of_g, of_g
        for name, size, many, array, images, to, row, left in (forward, back):
            run_blocks(
                threads, blocks, TRANSFORM, _numbers(transform(name, mh, kh), transform(name, mw, kw), 0, 0),
                _numbers(*size, nh, nw, mh, mw, many, *tiles, 0), address(array), _about(images),
                _numbers(row, batch * row, 0), tile_table, runs, NO_PANELS, 0, NOT_FRESH, 0, np.float32(0),
                np.float32(1), 0, NO_STEPS, 0, 0, to, _numbers(0, 0, 0, left, of_thread),
            )  # fmt: skip
        sum_products(
            tile_table, v, row_of_v, batch * row_of_v, runs, deep, g, row_of_g, batch * row_of_g, columns, cut,
            last - first, address(sums), 1 if first else 0,
        )  # fmt: skip
    return sums


def weights_of(sums, step, channels, columns, kernel, m, first, gw, gw_row, gw_pixel):
    """Call `transform_sums`."""
    (mh, mw), (kh, kw) = m, kernel
    nh, nw = mh + kh - 1, mw + kw - 1
    scratch = np.empty(get_num_threads() * nh * nw * CHUNK, np.float32)
    transform_sums(
        transform("gt", mh, kh), transform("gt", mw, kw), nh, nw, kh, kw, address(sums) + 4 * first, step, channels,
        columns, gw, gw_row, gw_pixel, address(scratch),
    )  # fmt: skip
