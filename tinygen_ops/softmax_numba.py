"""Numba forms of `softmax.py`: each row goes through a scratch row of whole vectors, in the first cache."""

import math

import numba
import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit, subroutine
from tinygen_ops.simd import (
    W,
    broadcast,
    exp,
    largest,
    load,
    load_float,
    load_int,
    maximum,
    store,
    store_float,
    total,
)
from tinygen_ops.softmax import check_cross_entropy

PARALLEL = 16384  # elements below which a second thread costs more than it helps
LOWEST = np.float32(-np.inf)


def cross_entropy_forward(logits, target):
    """See `tinygen_ops.cross_entropy_forward`."""
    check_cross_entropy(logits, target)
    rows, columns = logits.shape
    x, target = np.ascontiguousarray(logits), np.ascontiguousarray(target, np.int64)
    losses, dlogits = np.empty(rows, np.float32), np.empty((rows, columns), np.float32)
    scratch, strips = _scratch(rows, columns)
    arrays = (x, target, losses, dlogits, scratch)
    _cross_entropy(*(address(array) for array in arrays), rows, columns, strips)
    return losses, dlogits


def softmax(x):
    """See `tinygen_ops.softmax`."""
    return _softmax_family(x, False)


def log_softmax(x):
    """See `tinygen_ops.log_softmax`."""
    return _softmax_family(x, True)


def _softmax_family(x, logarithm):
    x, columns = np.ascontiguousarray(x), x.shape[-1]
    rows, out = x.size // columns, np.empty(x.shape, np.float32)
    scratch, strips = _scratch(rows, columns)
    _softmax(address(x), address(out), address(scratch), rows, columns, strips, logarithm)
    return out


def _scratch(rows, columns):
    """Two scratch rows of whole vectors for each strip of rows, and the number of strips."""
    strips = min(numba.get_num_threads(), rows) if rows * columns >= PARALLEL else 1
    return np.empty((strips, 2, -(-columns // W) * W), np.float32), strips


@subroutine
def _exponentials(x, columns, room, shifted):
    """Write x - max(x) of one row into `shifted`, its exp into `room`, in whole vectors; return exp's sum."""
    for j in range(columns):
        store_float(shifted, j, load_float(x, j))
    for j in range(columns, (columns + W - 1) // W * W):
        store_float(shifted, j, LOWEST)
    top = load(shifted, 0)
    for j in range(W, columns, W):
        top = maximum(top, load(shifted, j))
    peak, added = broadcast(largest(top)), broadcast(np.float32(0))
    for j in range(0, columns, W):
        v = load(shifted, j) - peak
        e = exp(v)
        store(shifted, j, v)
        store(room, j, e)
        added = added + e
    return total(added)


@jit(parallel=True)
def _cross_entropy(x, target, losses, dlogits, scratch, rows, columns, strips):
    room_size = (columns + W - 1) // W * W
    for strip in prange(strips):
        room = scratch + 8 * strip * room_size
        shifted = room + 4 * room_size
        for row in range(strip * rows // strips, (strip + 1) * rows // strips):
            added = _exponentials(x + 4 * row * columns, columns, room, shifted)
            k = load_int(target, row)
            store_float(losses, row, math.log(added) - load_float(shifted, k))
            share = broadcast(np.float32(1) / added)
            for j in range(0, columns, W):
                store(room, j, load(room, j) * share)
            store_float(room, k, load_float(room, k) - np.float32(1))
            for j in range(columns):
                store_float(dlogits, row * columns + j, load_float(room, j))


@jit(parallel=True)
def _softmax(x, out, scratch, rows, columns, strips, logarithm):
    room_size = (columns + W - 1) // W * W
    for strip in prange(strips):
        room = scratch + 8 * strip * room_size
        shifted = room + 4 * room_size
        for row in range(strip * rows // strips, (strip + 1) * rows // strips):
            added = _exponentials(x + 4 * row * columns, columns, room, shifted)
            for j in range(0, columns, W):
                if logarithm:
                    store(room, j, load(shifted, j) - broadcast(np.float32(math.log(added))))
                else:
                    store(room, j, load(room, j) * broadcast(np.float32(1) / added))
            for j in range(columns):
                store_float(out, row * columns + j, load_float(room, j))
