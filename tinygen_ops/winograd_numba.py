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

from tinygen_ops import memory, winograd_generated
from tinygen_ops.compile import address, jit
from tinygen_ops.direct_numba import Image, image, packed, panels
from tinygen_ops.frozen import once
from tinygen_ops.layout import channels_last
from tinygen_ops.simd import W, broadcast, call_address, load, maximum, store
from tinygen_ops.tiles import ROWS, compiled, table, tile_rows

# Floats of transformed patches that are in work at a time, for each thread: 1.6 MB, so that they stay in the cache.
# With 12 MB in all the 3 x 3 layers of 64 > 64 channels at batch 128 took 1.4 times as long, 5 x 5 of 256 channels 1.5,
# VGG's of 128 and 512 channels 1.4 and 1.3 (AMD EPYC, caches of 1 and 32 MB, shared with others); from 1 to 2.8 MB
# nothing changes.
ROOM = 400_000
TILE = 12 * ROWS  # patches that one panel of weights passes over
CHUNK = 4 * W  # channels that are transformed together: the patch between the two axes stays in the first-level cache
DEPTH = 256  # channels that are summed in registers before they are added to the result
PAD = W  # floats between the rows of matrices: steps of a power of two would meet in a few lines of the caches


class Part(NamedTuple):
    """An image to convolve, and how many rows and columns before its first the patches begin."""

    image: Image
    top: int
    left: int


class Target(NamedTuple):
    """Where to write, and for each place, for each part: whether its weights are other than 0 there."""

    image: Image
    used: tuple[tuple[bool, ...], ...]


@functools.cache
def transform(name: str, m: int, r: int) -> int:
    """Return the address of the code of one matrix of F(m, r), or 0 for an axis without kernel (r = 1)."""
    return 0 if r == 1 else compiled(getattr(winograd_generated, f"{name}_{m}_{r}")).address


@jit(parallel=True)
def transform_patches(
    along_h, along_w, in_h, in_w, nh, nw, mh, mw, x, image_of, top, left, channels, first, last, tiles, v, row_of_v,
    step, scratch,
):  # fmt: skip
    """Write L x R^T of patches `first` to `last` to v[place][patch][channel]; what lies outside the image is 0.

    Args:
        along_h: address of the matrix for rows (0: none).
        along_w: for columns.
        in_h: rows of a patch.
        in_w: its columns.
        nh: rows of the transformed patch, at least as many.
        nw: its columns.
        mh: rows from one patch to the next.
        mw: columns.
        x: address of the image.
        image_of: steps (sample, row, pixel), height, width.
        top: rows of zeros above the image.
        left: columns of zeros before it.
        channels: a multiple of W.
        first: number of the first patch.
        last: one behind the last.
        tiles: patches in a sample: (rows, columns).
        v: where to write.
        row_of_v: floats from one patch to the next.
        step: floats from one place to the next.
        scratch: room for each thread, nh nw (CHUNK + channels).
    """
    per_sample = tiles[0] * tiles[1]
    for block in prange((last - first + 7) // 8):
        room = scratch + 4 * get_thread_id() * nh * nw * (CHUNK + channels)
        zeroed = room + 4 * nh * nw * CHUNK
        for t in range(first + 8 * block, min(first + 8 * block + 8, last)):
            n, rest = t // per_sample, t % per_sample
            h, w = rest // tiles[1] * mh - top, rest % tiles[1] * mw - left
            patch, row, pixel = x + 4 * (n * image_of[0] + h * image_of[1] + w * image_of[2]), image_of[1], image_of[2]
            if h < 0 or w < 0 or h + in_h > image_of[3] or w + in_w > image_of[4]:
                for i in range(in_h):
                    for j in range(in_w):
                        inside = 0 <= h + i < image_of[3] and 0 <= w + j < image_of[4]
                        for c in range(0, channels, W):
                            value = broadcast(np.float32(0))
                            if inside:
                                value = load(patch, i * row + j * pixel + c)
                            store(zeroed, (i * in_w + j) * channels + c, value)
                patch, row, pixel = zeroed, in_w * channels, channels
            to = v + 4 * (t - first) * row_of_v
            for c in range(0, channels, CHUNK):
                vectors = min(CHUNK, channels - c) // W
                both_axes(
                    along_h, along_w, in_h, in_w, nh, nw, patch + 4 * c, row, pixel, to + 4 * c, nw * step, step, room,
                    vectors,
                )  # fmt: skip


@jit
def both_axes(along_h, along_w, in_h, in_w, out_h, out_w, x, row, pixel, y, y_row, y_pixel, room, vectors):
    """Write y = L x R^T: first along the columns of x (in_h to out_h), then along its rows (in_w to out_w)."""
    wide = CHUNK
    if along_h == 0:
        for i in range(in_h):
            call_address(along_w, (x + 4 * i * row, pixel, y + 4 * i * y_row, y_pixel, vectors))
    elif along_w == 0:
        for j in range(in_w):
            call_address(along_h, (x + 4 * j * pixel, row, y + 4 * j * y_pixel, y_row, vectors))
    else:
        for j in range(in_w):
            call_address(along_h, (x + 4 * j * pixel, row, room + 4 * j * wide, in_w * wide, vectors))
        for i in range(out_h):
            call_address(along_w, (room + 4 * i * in_w * wide, wide, y + 4 * i * y_row, y_pixel, vectors))


@jit(parallel=True)
def multiply_back(
    table_of, along_h, along_w, nh, nw, mh, mw, v, row_of_v, step, runs, channels, cut, weights, many, blocks, first,
    tiles, bias, floor, slope, y_steps, z, scratch,
):  # fmt: skip
    """Multiply transformed patches and weights, transform back, add the bias, rectify, write.

    Args:
        table_of: addresses of the product's tiles.
        along_h: address of A^T for rows.
        along_w: for columns.
        nh: rows of a patch.
        nw: its columns.
        mh: rows of a plane of outputs.
        mw: its columns.
        v: transformed patches [place][patch][channel].
        row_of_v: floats from one patch to the next.
        step: floats from one place to the next.
        runs: what is summed: (place, first channel, channels, whether it is added to the place's result).
        channels: of the weights.
        cut: for each panel (first output channel, vectors, place in weights, address of its output, rows and columns
            that this has, first run, one behind the last).
        weights: panels of [place][channel][columns].
        many: patches in work.
        blocks: into which they are cut, between tiles.
        first: number of the first patch.
        tiles: patches in a sample: (rows, columns).
        bias: address of the bias, one number for each output channel.
        floor: what is smaller becomes this, -inf: nothing.
        slope: then the result is the larger one of v and slope v, 1: v itself.
        y_steps: of the outputs (sample, row, pixel).
        z: room for each thread: nh nw PANEL for each patch of the largest block.
        scratch: room for each thread, nh nw CHUNK + mh mw 2 W.
    """
    per_sample, count = tiles[0] * tiles[1], cut.shape[0]
    groups = (many + ROWS - 1) // ROWS
    block = (groups + blocks - 1) // blocks * ROWS
    lowest, factor = broadcast(floor), broadcast(slope)
    for item in prange(blocks * count):
        panel, t0 = item % count, item // count * groups // blocks * ROWS
        t1 = min(many, (item // count + 1) * groups // blocks * ROWS)
        vectors = cut[panel, 1]
        wide = vectors * W
        products = z + 4 * get_thread_id() * nh * nw * block * 2 * W
        room = scratch + 4 * get_thread_id() * (nh * nw * CHUNK + mh * mw * 2 * W)
        plane = room + 4 * nh * nw * CHUNK
        pieces = (t1 - t0 + ROWS - 1) // ROWS
        small, larger = (t1 - t0) // pieces, (t1 - t0) % pieces
        for run in range(cut[panel, 6], cut[panel, 7]):
            p, c, depth, add = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3]
            b = weights + 4 * (cut[panel, 2] + (p * channels + c) * wide)
            t = t0
            for k in range(pieces):
                size = small + (1 if k < larger else 0)
                a, to = v + 4 * (p * step + t * row_of_v + c), products + 4 * (p * block + t - t0) * wide
                call_address(table_of[vectors, size], (a, row_of_v, 0, 1, b, 0, wide, to, wide, 1, depth, add))
                t += size
        for t in range(t0, t1):
            n, rest = (first + t) // per_sample, (first + t) % per_sample
            h, w = rest // tiles[1] * mh, rest % tiles[1] * mw
            here, place = products + 4 * (t - t0) * wide, block * wide
            both_axes(along_h, along_w, nh, nw, mh, mw, here, nw * place, place, plane, mw * wide, wide, room, vectors)
            to = cut[panel, 3] + 4 * (n * y_steps[0] + h * y_steps[1] + w * y_steps[2] + cut[panel, 0])
            for i in range(min(mh, cut[panel, 4] - h)):
                for j in range(min(mw, cut[panel, 5] - w)):
                    for c in range(0, wide, W):
                        value = load(plane, (i * mw + j) * wide + c) + load(bias, cut[panel, 0] + c)
                        value = maximum(lowest, value)  # not a number stays so: `maximum` then returns its second
                        store(to, i * y_steps[1] + j * y_steps[2] + c, maximum(factor * value, value))


@jit(parallel=True)
def transform_weights(along_h, along_w, kh, kw, nh, nw, w, depth, cut, result, first, channels, scratch):
    """Write G w G^T for panels of w, [kernel place][channel][columns], into panels of [place][channel][columns].

    Args:
        along_h: address of G for rows (0: none).
        along_w: for columns.
        kh: kernel rows.
        kw: kernel columns.
        nh: rows of the result.
        nw: its columns.
        w: address of the weights.
        depth: their channels.
        cut: for each panel (first output channel, vectors, place in the result).
        result: where to write.
        first: channel of the result that the first one goes to.
        channels: of the result.
        scratch: room for each thread, nh kw CHUNK.
    """
    for c in prange(depth):
        room = scratch + 4 * get_thread_id() * nh * kw * CHUNK
        for panel in range(cut.shape[0]):
            wide = cut[panel, 1] * W
            from_, place = w + 4 * (kh * kw * depth * cut[panel, 0] + c * wide), depth * wide
            to, step = result + 4 * (cut[panel, 2] + (first + c) * wide), channels * wide
            both_axes(
                along_h, along_w, kh, kw, nh, nw, from_, kw * place, place, to, nw * step, step, room, cut[panel, 1],
            )  # fmt: skip


@functools.lru_cache(maxsize=64)
def cut_of(columns: int, depth: int, places: int) -> np.ndarray:
    """For each panel: first column, vectors, place of its weights."""
    rows, at = [], 0
    for j, v in panels(columns):
        rows.append((j, v, at))
        at += places * depth * v * W
    return np.array(rows, np.int64)


@functools.lru_cache(maxsize=256)
def runs_of(channels: int, used: tuple[tuple[bool, ...], ...]) -> list[tuple[int, int, int, int]]:
    """List what is summed: (place, first channel, channels, whether it is added).

    Args:
        channels: of a part.
        used: for each place, for each part: whether its weights are other than 0 there.
    """
    rows = []
    for place, parts in enumerate(used):
        begun, at = len(rows), 0
        for there, group in itertools.groupby(parts):
            length = channels * len(list(group))
            cuts = -(-length // DEPTH)
            edges = [at + k * (length // W) // cuts * W for k in range(cuts + 1)]
            for a, b in itertools.pairwise(edges) if there else ():
                rows.append((place, a, b - a, int(len(rows) > begun)))
            at += length
        if len(rows) == begun:
            rows.append((place, 0, 0, 0))  # a sum of nothing: zeros are stored
    return rows


@once
def weights_for(w: np.ndarray, mh: int, mw: int) -> np.ndarray:
    """Return the transformed weights of w (O, C, R, S), in panels; made once where w is frozen."""
    out, depth, kh, kw = w.shape
    flat = packed(w.transpose(2, 3, 1, 0)[None])  # panels of (R, S, C, columns)
    result = memory.empty(((mh + kh - 1) * (mw + kw - 1) * depth * out,))
    put_weights(flat, depth, out, (kh, kw), (mh, mw), address(result), 0, depth)
    return result


def put_weights(flat, depth, out, kernel, m, result, first, channels):
    """Call `transform_weights` for packed weights."""
    (kh, kw), (mh, mw) = kernel, m
    nh, nw = mh + kh - 1, mw + kw - 1
    scratch = np.empty(get_num_threads() * nh * kw * CHUNK, np.float32)
    transform_weights(
        transform("g", mh, kh), transform("g", mw, kw), kh, kw, nh, nw, address(flat), depth,
        cut_of(out, channels, nh * nw), result, first, channels, address(scratch),
    )  # fmt: skip


def convolve(x, weights, out, kernel, padding, size, m, bias=None, floor=-np.inf, slope=1.0):
    """Convolve x (N, C, H, W) at stride 1 with transformed weights: (N, out, P, Q), channels last in memory.

    Args:
        x: float32, C a multiple of W.
        weights: of :func:`weights_for`.
        out: O, a multiple of W.
        kernel: (R, S).
        padding: (top, left).
        size: (P, Q).
        m: outputs of a plane (mh, mw).
        bias: (O,) or None.
        floor: the result v becomes at least this, -inf: it stays as it is.
        slope: above 0 and at most 1; then v becomes max(v, slope v), 1: it stays as it is.
    """
    y = memory.empty((x.shape[0], *size, out))
    parts, targets = [Part(image(channels_last(x)), *padding)], [Target(image(y), all_used(kernel, m))]
    multiply_parts(parts, targets, x.shape, weights, out, kernel, m, bias, floor, slope)
    return y.transpose(0, 3, 1, 2)


def all_used(kernel: tuple[int, int], m: tuple[int, int]) -> tuple[tuple[bool, ...], ...]:
    """For one part: it is used at every place."""
    return ((True,),) * ((m[0] + kernel[0] - 1) * (m[1] + kernel[1] - 1))


def multiply_parts(parts, targets, shape, weights, out, kernel, m, bias, floor, slope) -> None:
    """Convolve images, and write the sum of their results to each target.

    Args:
        parts: the images.
        targets: where to write; their steps are the same.
        shape: (N, C, ...), samples and channels of a part.
        weights: transformed, for each target len(parts) C channels.
        out: O.
        kernel: (R, S).
        m: outputs of a plane (mh, mw).
        bias: as :func:`convolve`, and likewise the following.
        floor: what is smaller becomes this.
        slope: of what is negative.
    """
    (samples, channels), (mh, mw), (kh, kw) = shape[:2], m, kernel
    nh, nw, deep = mh + kh - 1, mw + kw - 1, channels * len(parts)
    tiles = (-(-max(y.height for y, _ in targets) // mh), -(-max(y.width for y, _ in targets) // mw))
    total, row_of_v, threads = samples * tiles[0] * tiles[1], deep + PAD, get_num_threads()
    batch = max(ROWS, ROOM * threads // (nh * nw * deep))
    batch = -(-total // (-(-total // batch) * ROWS)) * ROWS  # nearly equal batches, of whole tiles
    runs, cut = [], []
    for k, (y, used) in enumerate(targets):
        begun, at = len(runs), k * nh * nw * deep * out
        runs += runs_of(channels, used)
        about = y.address, y.height, y.width, begun, len(runs)
        cut += [(j, vectors, at + place, *about) for j, vectors, place in cut_of(out, deep, nh * nw).tolist()]
    blocks = {many: blocks_of(many, len(cut), threads) for many in (min(batch, total), total % batch) if many}
    v = memory.empty((nh * nw * batch * row_of_v,))
    z = memory.empty((threads * nh * nw * min(batch, TILE) * 2 * W,))
    scratch = memory.empty((threads * nh * nw * (channels + 2 * CHUNK),))
    bias = np.zeros(out, np.float32) if bias is None else np.ascontiguousarray(bias)
    tile_table = table({size for many in blocks for size in _sizes(many, blocks[many])})
    runs, cut, y_steps = np.array(runs, np.int64), np.array(cut, np.int64), _steps(targets[0].image)
    for first in range(0, total, batch):
        many = min(batch, total - first)
        transform_parts(parts, channels, kernel, m, first, first + many, tiles, v, batch, scratch)
        multiply_back(
            tile_table, transform("at", mh, kh), transform("at", mw, kw), nh, nw, mh, mw, address(v), row_of_v,
            batch * row_of_v, runs, deep, cut, address(weights), many, blocks[many], first, tiles, address(bias),
            np.float32(floor), np.float32(slope), y_steps, address(z), address(scratch),
        )  # fmt: skip


def transform_parts(parts, channels, kernel, m, first, last, tiles, v, batch, scratch) -> None:
    """Write the patches `first` to `last` of all parts to v[place][patch][part and channel]."""
    (mh, mw), (kh, kw), row_of_v = m, kernel, channels * len(parts) + PAD
    nh, nw = mh + kh - 1, mw + kw - 1
    for k, part in enumerate(parts):
        transform_patches(
            transform("bt", mh, kh), transform("bt", mw, kw), nh, nw, nh, nw, mh, mw, part.image.address,
            _steps(part.image), part.top, part.left, channels, first, last, tiles, address(v) + 4 * k * channels,
            row_of_v, batch * row_of_v, address(scratch),
        )  # fmt: skip


def _steps(x: Image) -> np.ndarray:
    """Steps (sample, row, pixel), height, width."""
    return np.array([x.sample, x.row, x.pixel, x.height, x.width], np.int64)


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


def _sizes(many: int, blocks: int) -> set[int]:
    """The tile sizes that come up where `many` patches are cut into blocks: whole ones, and those of the last block."""
    groups = -(-many // ROWS)
    _, small, larger = tile_rows(many - (blocks - 1) * groups // blocks * ROWS)
    return {ROWS, small, small + 1} if larger else {ROWS, small}


@jit(parallel=True)
def sum_products(tiles, v, row_of_v, v_step, runs, channels, g, row_of_g, g_step, columns, cut, many, sums, add):
    """sums[place][channel][column] (+)= sum over patches of v[place][patch][channel] g[place][patch][column].

    Args:
        tiles: addresses of the tile functions.
        v: transformed patches.
        row_of_v: floats from one patch to the next.
        v_step: floats from one place to the next.
        runs: the channels that are wanted: (place, first channel, channels, -).
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
        p, c, last = runs[run, 0], runs[run, 1], runs[run, 1] + runs[run, 2]
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
    parts, over = [Part(image(channels_last(x)), *padding)], image(channels_last(gy))
    sums = sum_parts(parts, over, x.shape, columns, all_used(kernel, m), kernel, m)
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


def sum_parts(parts, gy, shape, columns, used, kernel, m):
    """Sum the products of transformed patches and transformed gradients: [place][part and channel][column].

    Args:
        parts: the images.
        gy: gradient of the output.
        shape: (N, C, ...), samples and channels of a part.
        columns: channels of gy.
        used: as in a `Target`; where a part is not used, its sums stay undefined.
        kernel: (R, S).
        m: outputs of a plane (mh, mw).
    """
    (samples, channels), (mh, mw), (kh, kw) = shape[:2], m, kernel
    nh, nw, deep = mh + kh - 1, mw + kw - 1, channels * len(parts)
    tiles = (-(-gy.height // mh), -(-gy.width // mw))
    total, row_of_v, row_of_g = samples * tiles[0] * tiles[1], deep + PAD, columns + PAD
    batch = -(-total // -(-total // summed(deep, columns)))
    v, g = memory.empty((nh * nw * batch * row_of_v,)), memory.empty((nh * nw * batch * row_of_g,))
    sums = memory.empty((nh * nw * deep * columns,))
    scratch = memory.empty((get_num_threads() * nh * nw * (max(channels, columns) + CHUNK),))
    cut, runs = cut_of(columns, deep, 0), [run for run in runs_of(channels, used) if run[2]]
    tile_table = table({size for _, _, depth, _ in runs for size in (min(ROWS, depth), depth % ROWS)} - {0})
    runs = np.array(runs, np.int64)
    for first in range(0, total, batch):
        last = min(total, first + batch)
        transform_parts(parts, channels, kernel, m, first, last, tiles, v, batch, scratch)
        transform_patches(
            transform("a", mh, kh), transform("a", mw, kw), mh, mw, nh, nw, mh, mw, gy.address, _steps(gy), 0, 0,
            columns, first, last, tiles, address(g), row_of_g, batch * row_of_g, address(scratch),
        )  # fmt: skip
        sum_products(
            tile_table, address(v), row_of_v, batch * row_of_v, runs, deep, address(g), row_of_g, batch * row_of_g,
            columns, cut, last - first, address(sums), 1 if first else 0,
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
