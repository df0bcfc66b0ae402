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

ONE = np.float32(1)
PARALLEL = 16384  # elements below which a second thread costs more than it helps
LOWEST = np.float32(-np.inf)


def cross_entropy_forward(logits, target):
    """See `tinygen_ops.cross_entropy_forward`."""
    check_cross_entropy(logits, target)
    rows, columns = logits.shape
    x, target = np.ascontiguousarray(logits), np.ascontiguousarray(target, np.int64)
    losses, dlogits = np.empty(rows, np.float32), np.empty((rows, columns), np.float32)
    scratch, strips = _scratch(rows, columns)
    arguments = (*(address(array) for array in (x, target, losses, dlogits, scratch)), rows, columns)
    _cross_entropy(*arguments) if strips == 1 else _cross_entropy_parallel(*arguments, strips)
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
    arguments = (address(x), address(out), address(scratch), rows, columns, logarithm)
    _softmax(*arguments) if strips == 1 else _softmax_parallel(*arguments, strips)
    return out


def _scratch(rows, columns):
    """Two scratch rows of whole vectors for each strip of rows, and the number of strips."""
    strips = min(numba.get_num_threads(), rows) if rows * columns >= PARALLEL else 1
    return np.empty((strips, 2, -(-columns // W) * W), np.float32), strips


@subroutine
def _copy(source, to, columns):
    """Copy one row, which may end within a vector."""
    whole = columns // W * W
    for j in range(0, whole, W):
        store(to, j, load(source, j))
    for j in range(whole, columns):
        store_float(to, j, load_float(source, j))


@subroutine
def _exponentials(x, columns, room, shifted):
    """Write x - max(x) of one row into `shifted`, its exp into `room`, in whole vectors; return exp's sum."""
    _copy(x, shifted, columns)
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


@subroutine
def _cross_entropy_rows(x, target, losses, dlogits, room, first, last, columns):
    shifted = room + 4 * ((columns + W - 1) // W * W)
    for row in range(first, last):
        added = _exponentials(x + 4 * row * columns, columns, room, shifted)
        k = load_int(target, row)
        store_float(losses, row, math.log(added) - load_float(shifted, k))
        share = broadcast(ONE / added)
        for j in range(0, columns, W):
            store(room, j, load(room, j) * share)
        store_float(room, k, load_float(room, k) - ONE)
        _copy(room, dlogits + 4 * row * columns, columns)


@jit
def _cross_entropy(x, target, losses, dlogits, scratch, rows, columns):
    _cross_entropy_rows(x, target, losses, dlogits, scratch, 0, rows, columns)


@jit(parallel=True)
def _cross_entropy_parallel(x, target, losses, dlogits, scratch, rows, columns, strips):
    room = (columns + W - 1) // W * W
    for strip in prange(strips):
        first, last = strip * rows // strips, (strip + 1) * rows // strips
        _cross_entropy_rows(x, target, losses, dlogits, scratch + 8 * strip * room, first, last, columns)


@subroutine
def _softmax_rows(x, out, room, first, last, columns, logarithm):
    shifted = room + 4 * ((columns + W - 1) // W * W)
    for row in range(first, last):
        added = _exponentials(x + 4 * row * columns, columns, room, shifted)
        share, log_sum = broadcast(ONE / added), broadcast(np.float32(math.log(added)))
        for j in range(0, columns, W):
            store(room, j, load(shifted, j) - log_sum if logarithm else load(room, j) * share)
        _copy(room, out + 4 * row * columns, columns)


@jit
def _softmax(x, out, scratch, rows, columns, logarithm):
    _softmax_rows(x, out, scratch, 0, rows, columns, logarithm)


@jit(parallel=True)
def _softmax_parallel(x, out, scratch, rows, columns, logarithm, strips):
    room = (columns + W - 1) // W * W
    for strip in prange(strips):
        first, last = strip * rows // strips, (strip + 1) * rows // strips
        _softmax_rows(x, out, scratch + 8 * strip * room, first, last, columns, logarithm)
