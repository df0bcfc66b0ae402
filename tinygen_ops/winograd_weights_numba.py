"""Transformed weights of Winograd's convolution: G w G^T, in panels [place][channel][columns].

Made once where weights are frozen (`weights_for`). Other weights change from call to call; where threads share the
patches, each makes a panel just before it multiplies with it (`transform_panel`). Both from the array as it lies.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, get_thread_id, prange

from tinygen_ops import memory, winograd_generated
from tinygen_ops.compile import address, jit, subroutine, workspace
from tinygen_ops.direct_numba import panels
from tinygen_ops.frozen import is_frozen, once
from tinygen_ops.simd import W, call_address, load_float, store_float, take, transpose
from tinygen_ops.tiles import compiled

CHUNK = 4 * W  # channels that are transformed together: the patch between the two axes stays in the first-level cache
TOGETHER = 64  # channels of a panel that a thread transforms at a time
PACKED = 16  # channels whose weights are laid out together: of these kernels each column is read line by line
PAD = W  # floats between the rows of matrices: steps of a power of two would meet in a few lines of the caches
NOT_FRESH = np.zeros(11, np.int64)


@functools.cache
def transform(name: str, m: int, r: int) -> int:
    """Return the address of the code of one matrix of F(m, r), or 0 for an axis without kernel (r = 1)."""
    return 0 if r == 1 else compiled(getattr(winograd_generated, f"{name}_{m}_{r}")).address


@jit
def both_axes(along_h, along_w, in_h, in_w, out_h, out_w, x, row, pixel, y, y_row, y_pixel, room, vectors):
    """Write y = L x R^T: first along the columns of x (in_h to out_h), then along its rows (in_w to out_w)."""
    if along_h == 0:
        call_address(along_w, (x, row, pixel, y, y_row, y_pixel, in_h, vectors))
    elif along_w == 0:
        call_address(along_h, (x, pixel, row, y, y_pixel, y_row, in_w, vectors))
    else:
        call_address(along_h, (x, pixel, row, room, CHUNK, in_w * CHUNK, in_w, vectors))
        call_address(along_w, (room, in_w * CHUNK, CHUNK, y, y_row, y_pixel, out_h, vectors))


@functools.lru_cache(maxsize=64)
def cut_of(columns: int, depth: int, places: int) -> np.ndarray:
    """For each panel: first column, vectors, place of its weights."""
    rows, at = [], 0
    for j, v in panels(columns):
        rows.append((j, v, at))
        at += places * (depth * v * W + PAD)
    return np.array(rows, np.int64)


def floats_of(columns: int, depth: int, places: int) -> int:
    """Return the size of all panels."""
    return places * (depth * columns + len(panels(columns)) * PAD)


@once
def weights_for(w: np.ndarray, mh: int, mw: int, back: bool = False) -> np.ndarray:
    """Return the transformed weights of w (O, C, R, S), in panels; made once where w is frozen.

    Args:
        w: the weights.
        mh: rows of a plane of outputs.
        mw: its columns.
        back: for the gradient of the input, where the kernel is read backwards and its two channel axes change places.
    """
    laid, kernel = np.ascontiguousarray(w), w.shape[2:]
    out, depth = w.shape[1::-1] if back else w.shape[:2]
    nh, nw = mh + kernel[0] - 1, mw + kernel[1] - 1
    size = floats_of(out, depth, nh * nw)
    # what is kept would lie between what comes and goes: 344 MB more for style transfer at 1024 x 1365
    result = np.empty(size, np.float32) if is_frozen(w) else memory.empty((size,))
    fresh = fresh_of(kernel, (mh, mw), depth).about(laid, back)
    threads, room = get_num_threads(), scratch_of(nh * kernel[1], kernel)
    work = workspace(threads * room)
    cut = cut_of(out, depth, nh * nw)
    transform_panels(threads, fresh, nh, nw, depth, cut, address(result), address(work), room)
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


def turned_back(w: np.ndarray) -> np.ndarray:
    """The weights of the gradient of the input, a view."""
    return w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)


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
    parts = (depth + CHUNK - 1) // CHUNK
    for item in prange(cut.shape[0] * parts):  # channel after channel of a panel: their places are then side by side
        panel, part = item // parts, item % parts
        room, wide = scratch + 4 * get_thread_id() * nh * kw * CHUNK, cut[panel, 1] * W
        place, step = depth * wide, channels * wide + PAD
        for c in range(part * CHUNK, min(depth, (part + 1) * CHUNK)):
            from_ = w + 4 * (kh * kw * depth * cut[panel, 0] + c * wide)
            to = result + 4 * (cut[panel, 2] + (first + c) * wide)
            both_axes(
                along_h, along_w, kh, kw, nh, nw, from_, kw * place, place, to, nw * step, step, room, cut[panel, 1],
            )  # fmt: skip


class Fresh(NamedTuple):
    """How weights are transformed: addresses of G for both axes, room for channels of a panel, how many these are."""

    along_h: int
    along_w: int
    room: int
    channels: int

    def about(self, w: np.ndarray, back: bool) -> np.ndarray:
        """Return what `transform_panel` needs to know of contiguous weights.

        Args:
            w: (O, C, R, S); `back`: (C, O, R, S).
            back: as in `weights_for`.
        """
        taps, size = w.shape[2] * w.shape[3], w.shape[1] * w.shape[2] * w.shape[3]
        channel, column = (size, taps) if back else (taps, size)
        return _numbers(
            address(w), 4 * w.size + address(w), channel, column, *w.shape[2:], back, *self,
        )  # fmt: skip


def fresh_of(kernel: tuple[int, int], m: tuple[int, int], channels: int) -> Fresh:
    """Say how weights are transformed, so many channels of a panel at a time."""
    (kh, kw), (mh, mw) = kernel, m
    room = floats_of(2 * W, channels, (mh + kh - 1) * (mw + kw - 1))
    return Fresh(transform("g", mh, kh), transform("g", mw, kw), room, channels)


def scratch_of(places: int, kernel: tuple[int, int]) -> int:
    """Return the floats of scratch memory that a thread needs in `transform_panel`.

    Args:
        places: nh kw, of the weights between the two axes.
        kernel: (R, S).
    """
    return places * CHUNK + (PACKED * kernel[0] * kernel[1] + W) * 2 * W


@jit(parallel=True)
def transform_panels(threads, fresh, nh, nw, depth, cut, to, scratch, room):
    """Write G w G^T for all panels.

    Args:
        threads: that share the work.
        fresh: as `transform_panel`, and likewise the following.
        nh: rows of the result.
        nw: its columns.
        depth: channels of a panel.
        cut: the panels.
        to: address of the result.
        scratch: address of `room` floats for each thread.
        room: see `scratch_of`.
    """
    parts = (depth + TOGETHER - 1) // TOGETHER
    counter = np.zeros(1, np.int64)
    for _worker in prange(threads):
        own = scratch + 4 * room * get_thread_id()
        item = take(counter)
        while item < cut.shape[0] * parts:
            first = item % parts * TOGETHER
            last = min(depth, first + TOGETHER)
            transform_panel(fresh, nh, nw, depth, first, last, cut[item // parts], to, own)
            item = take(counter)


@subroutine
def transform_panel(fresh, nh, nw, depth, first_channel, last_channel, panel, to, scratch):
    """Write G w G^T for channels of one panel of weights, as they lie in memory, to its place among the panels.

    Args:
        fresh: address of the weights, address behind them, floats from channel to channel and from column to column,
            kernel rows and columns, 1 to read the kernel backwards, addresses of G for both axes, ...
        nh: rows of the result.
        nw: its columns.
        depth: channels of a panel in `to`.
        first_channel: what is wanted.
        last_channel: one behind the last.
        panel: (first column, vectors, place in `to`, ...).
        to: address of the panels.
        scratch: room for `scratch_of` floats.
    """
    w, channel, column, kh, kw, wide = fresh[0], fresh[2], fresh[3], fresh[4], fresh[5], panel[1] * W
    taps, laid, step = kh * kw, scratch + 4 * nh * kw * CHUNK, depth * wide + PAD
    first, row, pixel = 0, kw * wide, wide  # in `laid`, which is [channel][kernel place][column]
    if fresh[6]:
        first, row, pixel = (taps - 1) * wide, -row, -pixel
    for c0 in range(first_channel, last_channel, PACKED):
        many = min(PACKED, last_channel - c0)
        runs, length = many, taps  # how many numbers of a column lie side by side: of a channel, or of all of them
        if channel == taps:
            runs, length = 1, many * taps
        for run in range(runs):
            for j in range(0, wide, W):
                _lay_out(
                    w + 4 * ((c0 + run) * channel + (panel[0] + j) * column), column, length, fresh[1],
                    laid + 4 * (run * length * wide + j), wide,
                )  # fmt: skip
        for c in range(many):
            both_axes(
                fresh[7], fresh[8], kh, kw, nh, nw, laid + 4 * (c * taps * wide + first), row, pixel,
                to + 4 * (panel[2] + (c0 + c) * wide), nw * step, step, scratch, panel[1],
            )  # fmt: skip


@subroutine
def _lay_out(x, column, length, end, to, wide):
    """Write W columns of `length` numbers as rows of W, `wide` apart; what stands in the next W rows may be lost.

    Args:
        x: address of the first column.
        column: floats from one column to the next.
        length: numbers of each.
        end: address behind what may be read.
        to: address of the first row.
        wide: floats from one row to the next.
    """
    if length < W and x + 4 * ((W - 1) * column + W) > end:
        for j in range(W):
            for i in range(length):
                store_float(to, i * wide + j, load_float(x, j * column + i))
    else:
        for i in range(0, length, W):
            at = max(0, min(i, length - W))  # the last W again, rather than what is behind them
            transpose(x + 4 * at, column, to + 4 * at * wide, wide)


def _numbers(*values) -> np.ndarray:
    return np.array(values, np.int64)
