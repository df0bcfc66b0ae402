"""Winograd's convolution on the CPU: fewer multiplications than the sum itself takes.

A plane of m x m outputs comes from a patch of n x n inputs, n = m + r - 1. Patches are transformed (B^T x B), so
that each of the n n places is a matrix product of its own over the channels; its results are transformed back
(A^T z A). F(4, 3) takes 2.25 multiplications an output where the direct sum takes 9, F(4, 5) 4 for 25.

The price is rounding: the transforms mix numbers of different sizes. Largest error against float64, relative to the
largest output, measured over the shapes of the tests: see `docs/convolution.md`.

As many patches are in work at a time as fit into ROOM. The weight's gradient is the adjoint: the products of
transformed patches and transformed gradients, summed over all patches, transformed once at the end (G^T z G).
"""

import functools

import numpy as np
from numba import get_num_threads, get_thread_id, prange

from tinygen_ops import winograd_generated
from tinygen_ops.compile import address, jit
from tinygen_ops.direct_numba import channels_last, image, packed, panels
from tinygen_ops.simd import W, broadcast, call_address, load, maximum, store
from tinygen_ops.tiles import ROWS, compiled, table, tile_rows

ROOM = 3_000_000  # floats of transformed patches at a time: 12 MB
TILE = 12 * ROWS  # patches that one panel of weights passes over
CHUNK = 4 * W  # channels that are transformed together: the patch between the two axes stays in the first-level cache


def transform(name: str, m: int, r: int) -> int:
    """Return the address of the code of one matrix of F(m, r), or 0 for an axis without kernel (r = 1)."""
    return 0 if r == 1 else compiled(getattr(winograd_generated, f"{name}_{m}_{r}")).address


@jit(parallel=True)
def transform_patches(
    along_h, along_w, in_h, in_w, nh, nw, mh, mw, x, image_of, top, left, channels, first, last, tiles, v, step, scratch
):
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
            to = v + 4 * (t - first) * channels
            for c in range(0, channels, CHUNK):
                vectors = min(CHUNK, channels - c) // W
                both_axes(
                    along_h,
                    along_w,
                    in_h,
                    in_w,
                    nh,
                    nw,
                    patch + 4 * c,
                    row,
                    pixel,
                    to + 4 * c,
                    nw * step,
                    step,
                    room,
                    vectors,
                )


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
    table_of,
    along_h,
    along_w,
    nh,
    nw,
    mh,
    mw,
    v,
    step,
    channels,
    cut,
    weights,
    many,
    block,
    first,
    tiles,
    bias,
    floor,
    y,
    image_of,
    z,
    scratch,
):
    """Multiply transformed patches and weights, transform back, add the bias, limit from below, write.

    Args:
        table_of: addresses of the product's tiles.
        along_h: address of A^T for rows.
        along_w: for columns.
        nh: rows of a patch.
        nw: its columns.
        mh: rows of a plane of outputs.
        mw: its columns.
        v: transformed patches [place][patch][channel].
        step: floats from one place to the next.
        channels: that are summed over.
        cut: for each panel (first output channel, vectors, place in weights).
        weights: panels of [place][channel][columns].
        many: patches in work.
        block: patches that one item takes.
        first: number of the first patch.
        tiles: patches in a sample: (rows, columns).
        bias: address of the bias, one number for each output channel.
        floor: 0 or -inf.
        y: address of the output.
        image_of: its steps (sample, row, pixel), height, width.
        z: room for each thread: nh nw block PANEL.
        scratch: room for each thread, nh nw CHUNK + mh mw 2 W.
    """
    per_sample, count = tiles[0] * tiles[1], cut.shape[0]
    blocks = (many + block - 1) // block
    lowest = broadcast(floor)
    for item in prange(blocks * count):
        t0, panel = item // count * block, item % count
        t1 = min(many, t0 + block)
        vectors = cut[panel, 1]
        wide = vectors * W
        products = z + 4 * get_thread_id() * nh * nw * block * 2 * W
        room = scratch + 4 * get_thread_id() * (nh * nw * CHUNK + mh * mw * 2 * W)
        plane = room + 4 * nh * nw * CHUNK
        pieces = (t1 - t0 + ROWS - 1) // ROWS
        small, larger = (t1 - t0) // pieces, (t1 - t0) % pieces
        for p in range(nh * nw):
            b = weights + 4 * (cut[panel, 2] + p * channels * wide)
            t = t0
            for k in range(pieces):
                size = small + (1 if k < larger else 0)
                a, to = v + 4 * (p * step + t * channels), products + 4 * (p * block + t - t0) * wide
                call_address(table_of[vectors, size], (a, channels, 0, 1, b, 0, wide, to, wide, 1, channels, 0))
                t += size
        for t in range(t0, t1):
            n, rest = (first + t) // per_sample, (first + t) % per_sample
            h, w = rest // tiles[1] * mh, rest % tiles[1] * mw
            here, place = products + 4 * (t - t0) * wide, block * wide
            both_axes(along_h, along_w, nh, nw, mh, mw, here, nw * place, place, plane, mw * wide, wide, room, vectors)
            to = y + 4 * (n * image_of[0] + h * image_of[1] + w * image_of[2] + cut[panel, 0])
            for i in range(min(mh, image_of[3] - h)):
                for j in range(min(mw, image_of[4] - w)):
                    for c in range(0, wide, W):
                        value = load(plane, (i * mw + j) * wide + c) + load(bias, cut[panel, 0] + c)
                        store(to, i * image_of[1] + j * image_of[2] + c, maximum(lowest, value))


@jit(parallel=True)
def transform_weights(along_h, along_w, kh, kw, nh, nw, w, depth, cut, result, scratch):
    """Write G w G^T for panels of w, [kernel place][channel][columns], into panels of [place][channel][columns]."""
    for c in prange(depth):
        room = scratch + 4 * get_thread_id() * nh * kw * CHUNK
        for panel in range(cut.shape[0]):
            wide = cut[panel, 1] * W
            from_ = w + 4 * (kh * kw * depth * cut[panel, 0] + c * wide)
            to, place = result + 4 * (cut[panel, 2] + c * wide), depth * wide
            both_axes(
                along_h,
                along_w,
                kh,
                kw,
                nh,
                nw,
                from_,
                kw * place,
                place,
                to,
                nw * depth * wide,
                depth * wide,
                room,
                cut[panel, 1],
            )


@functools.lru_cache(maxsize=64)
def cut_of(columns: int, depth: int, places: int) -> np.ndarray:
    """For each panel: first column, vectors, place of its weights."""
    rows, at = [], 0
    for j, v in panels(columns):
        rows.append((j, v, at))
        at += places * depth * v * W
    return np.array(rows, np.int64)


def weights_for(w: np.ndarray, mh: int, mw: int) -> np.ndarray:
    """Return the transformed weights of w (O, C, R, S), in panels."""
    out, depth, kh, kw = w.shape
    nh, nw = mh + kh - 1, mw + kw - 1
    flat, _ = packed(w.transpose(2, 3, 1, 0)[None])  # panels of (R, S, C, columns)
    result = np.empty(nh * nw * depth * out, np.float32)
    scratch = np.empty(get_num_threads() * nh * kw * CHUNK, np.float32)
    transform_weights(
        transform("g", mh, kh),
        transform("g", mw, kw),
        kh,
        kw,
        nh,
        nw,
        address(flat),
        depth,
        cut_of(out, depth, nh * nw),
        address(result),
        address(scratch),
    )
    return result


def convolve(x, weights, out, kernel, padding, size, m, bias=None, relu=False):
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
        relu: whether negative results become 0.
    """
    (mh, mw), (kh, kw), channels = m, kernel, x.shape[1]
    nh, nw = mh + kh - 1, mw + kw - 1
    xs = channels_last(x)
    source, y = image(xs), np.empty((x.shape[0], *size, out), np.float32)
    to = image(y)
    tiles = (-(-size[0] // mh), -(-size[1] // mw))
    total = x.shape[0] * tiles[0] * tiles[1]
    batch = max(ROWS, min(total, ROOM // (nh * nw * channels)))
    batch = -(-total // -(-total // batch)) if total else 1  # equal batches
    threads = get_num_threads()
    cut = cut_of(out, channels, nh * nw)
    block = TILE
    while block > ROWS and -(-batch // block) * len(cut) < 4 * threads:
        block -= ROWS
    v = np.empty(nh * nw * batch * channels, np.float32)
    z = np.empty(threads * nh * nw * block * 2 * W, np.float32)
    scratch = np.empty(threads * nh * nw * (channels + 2 * CHUNK), np.float32)
    bias = np.zeros(out, np.float32) if bias is None else np.ascontiguousarray(bias)
    sizes = {size for many in {batch, total % batch or batch} for size in _sizes(many, block)}
    tile_table = table(sizes)
    read = np.array([source.sample, source.row, source.pixel, source.height, source.width], np.int64)
    write = np.array([to.sample, to.row, to.pixel, *size], np.int64)
    for first in range(0, total, batch):
        many = min(batch, total - first)
        transform_patches(
            transform("bt", mh, kh),
            transform("bt", mw, kw),
            nh,
            nw,
            nh,
            nw,
            mh,
            mw,
            source.address,
            read,
            *padding,
            channels,
            first,
            first + many,
            tiles,
            address(v),
            batch * channels,
            address(scratch),
        )
        multiply_back(
            tile_table,
            transform("at", mh, kh),
            transform("at", mw, kw),
            nh,
            nw,
            mh,
            mw,
            address(v),
            batch * channels,
            channels,
            cut,
            address(weights),
            many,
            block,
            first,
            tiles,
            address(bias),
            np.float32(0 if relu else -np.inf),
            to.address,
            write,
            address(z),
            address(scratch),
        )
    return y.transpose(0, 3, 1, 2)


def _sizes(many: int, block: int) -> set[int]:
    """The tile sizes that come up where `many` rows are cut into blocks."""
    found = set()
    for rows in {min(many, block), many % block} - {0}:
        _, small, larger = tile_rows(rows)
        found |= {small, small + 1} if larger else {small}
    return found


SUM_BLOCK = 160  # patches whose products are summed at a time: 20 KB of a panel of transformed gradients


@jit(parallel=True)
def sum_products(tiles, v, v_step, channels, g, g_step, columns, cut, many, places, sums, add):
    """sums[place][channel][column] (+)= sum over patches of v[place][patch][channel] g[place][patch][column]."""
    for item in prange(places * cut.shape[0]):
        p, panel = item // cut.shape[0], item % cut.shape[0]
        b = g + 4 * (p * g_step + cut[panel, 0])
        c = 0
        while c < channels:
            size = min(ROWS, channels - c)
            to = sums + 4 * ((p * channels + c) * columns + cut[panel, 0])
            a = v + 4 * (p * v_step + c)
            call_address(tiles[cut[panel, 1], size], (a, 1, 0, channels, b, 0, columns, to, columns, 1, many, add))
            c += size


@jit(parallel=True)
def transform_sums(along_h, along_w, nh, nw, kh, kw, sums, channels, columns, gw, scratch):
    """Write G^T z G of sums [place][channel][column] to gw [kernel place][channel][column]."""
    step = channels * columns
    for c in prange(channels):
        room = scratch + 4 * get_thread_id() * nh * nw * CHUNK
        for j in range(0, columns, CHUNK):
            at = 4 * (c * columns + j)
            vectors = min(CHUNK, columns - j) // W
            both_axes(
                along_h, along_w, nh, nw, kh, kw, sums + at, nw * step, step, gw + at, kw * step, step, room, vectors
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
    (mh, mw), (kh, kw), channels, columns = m, kernel, x.shape[1], gy.shape[1]
    nh, nw = mh + kh - 1, mw + kw - 1
    xs, gs = channels_last(x), channels_last(gy)
    source, over = image(xs), image(gs)
    tiles = (-(-gy.shape[2] // mh), -(-gy.shape[3] // mw))
    total = x.shape[0] * tiles[0] * tiles[1]
    batch = -(-total // -(-total // SUM_BLOCK))
    v, g = np.empty(nh * nw * batch * channels, np.float32), np.empty(nh * nw * batch * columns, np.float32)
    sums = np.empty(nh * nw * channels * columns, np.float32)
    wide = max(channels, columns)
    scratch = np.empty(get_num_threads() * nh * nw * (wide + CHUNK), np.float32)
    read = np.array([source.sample, source.row, source.pixel, source.height, source.width], np.int64)
    read_g = np.array([over.sample, over.row, over.pixel, over.height, over.width], np.int64)
    cut = cut_of(columns, channels, 0)
    tile_table = table({min(ROWS, channels), channels % ROWS} - {0})
    for first in range(0, total, batch):
        last = min(total, first + batch)
        transform_patches(
            transform("bt", mh, kh),
            transform("bt", mw, kw),
            nh,
            nw,
            nh,
            nw,
            mh,
            mw,
            source.address,
            read,
            *padding,
            channels,
            first,
            last,
            tiles,
            address(v),
            batch * channels,
            address(scratch),
        )
        transform_patches(
            transform("a", mh, kh),
            transform("a", mw, kw),
            mh,
            mw,
            nh,
            nw,
            mh,
            mw,
            over.address,
            read_g,
            0,
            0,
            columns,
            first,
            last,
            tiles,
            address(g),
            batch * columns,
            address(scratch),
        )
        sum_products(
            tile_table,
            address(v),
            batch * channels,
            channels,
            address(g),
            batch * columns,
            columns,
            cut,
            last - first,
            nh * nw,
            address(sums),
            1 if first else 0,
        )
    gw = np.empty((kh, kw, channels, columns), np.float32)
    transform_sums(
        transform("gt", mh, kh),
        transform("gt", mw, kw),
        nh,
        nw,
        kh,
        kw,
        address(sums),
        channels,
        columns,
        address(gw),
        address(scratch),
    )
    return gw.transpose(3, 2, 0, 1)
