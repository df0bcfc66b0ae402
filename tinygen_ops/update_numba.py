"""Numba forms of `update.py`: all parameters in one parallel pass over a table of their addresses.

The parameters are cut into pieces of at most PIECE elements; a row of the table holds a piece's length and
the addresses of its part of each array. Pieces are worked on independently, element by element, always by the
same vector instructions (the rest behind the last whole vector goes through a scratch vector), so neither the
number of threads nor the cut changes a bit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit, subroutine
from tinygen_ops.simd import (
    W,
    broadcast,
    fmuladd,
    load,
    load_float,
    load_int,
    maximum,
    minimum,
    sqrt,
    store,
    store_float,
)
from tinygen_ops.update import check_adam, check_update

Arrays = Sequence[np.ndarray]
F = np.float32
LISTS = 6  # columns of the table: length, parameter, gradient, and up to three states
PIECE = 8192  # elements, a multiple of every W: 32 KB of each array


def sgd(
    params: Arrays,
    grads: Arrays,
    momentum_buffer: Arrays | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    first_step: bool = False,
    **common: Any,
) -> None:
    """See `tinygen_ops.sgd`."""
    check_update(params, grads, momentum_buffer=momentum_buffer)
    grads = [np.ascontiguousarray(g) for g in grads]
    keep, fresh = (0.0, 1.0) if first_step else (momentum, 1.0 - dampening)
    table = _pieces(params, grads, momentum_buffer)
    _sgd(address(table), len(table), *_common(lr, **common), F(keep), F(fresh), F(momentum), nesterov)


def rmsprop(
    params: Arrays,
    grads: Arrays,
    square_avg: Arrays,
    grad_avg: Arrays | None = None,
    momentum_buffer: Arrays | None = None,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    **common: Any,
) -> None:
    """See `tinygen_ops.rmsprop`."""
    check_update(params, grads, square_avg=square_avg, grad_avg=grad_avg, momentum_buffer=momentum_buffer)
    grads = [np.ascontiguousarray(g) for g in grads]
    table = _pieces(params, grads, square_avg, grad_avg, momentum_buffer)
    _rmsprop(address(table), len(table), *_common(lr, **common), F(alpha), F(1 - alpha), F(eps), F(momentum))


def adam(
    params: Arrays,
    grads: Arrays,
    exp_avg: Arrays,
    exp_avg_sq: Arrays,
    *,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    **common: Any,
) -> None:
    """See `tinygen_ops.adam`."""
    check_adam(params, grads, exp_avg, exp_avg_sq, step)
    grads = [np.ascontiguousarray(g) for g in grads]
    table = _pieces(params, grads, exp_avg, exp_avg_sq)
    shrink, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rule = (F(beta1), F(1 - beta1), F(beta2), F(1 - beta2), F(eps), F(1 / (1 - beta2**step)), F(shrink))
    _adam(address(table), len(table), *_common(lr / (1 - beta1**step), decay, **common), *rule)


def _common(
    lr: float, weight_decay: float = 0.0, clip_value: float | None = None, grad_scale: float = 1.0
) -> tuple[np.float32, ...]:
    """What every rule takes: lr, and the gradient's scale, bound and decay; neutral values change nothing."""
    return F(lr), F(grad_scale), F(np.inf if clip_value is None else clip_value), F(weight_decay)


def _pieces(*lists: Arrays | None) -> np.ndarray:
    """The table of pieces, (pieces, LISTS) int64: length, and the address in each list's array, 0 for none."""
    rows = []
    for k, parameter in enumerate(lists[0]):
        starts = [address(arrays[k]) if arrays else 0 for arrays in lists]
        starts += [0] * (LISTS - 1 - len(starts))
        for first in range(0, parameter.size, PIECE):
            offset = 4 * first
            rows.append([min(PIECE, parameter.size - first), *(start and start + offset for start in starts)])
    return np.array(rows, np.int64).reshape(len(rows), LISTS)


@subroutine
def _tail_in(row, first, room):
    """Copy the elements from `first` on, fewer than a vector, of every list to a scratch vector each."""
    for column in range(1, LISTS):
        if load_int(row, column) != 0:
            for k in range(load_int(row, 0) - first):
                store_float(room, W * column + k, load_float(load_int(row, column), first + k))


@subroutine
def _tail_out(row, first, room):
    """Copy them back, all but the gradient (column 2), which is only read."""
    for column in range(1, LISTS):
        if column != 2 and load_int(row, column) != 0:
            for k in range(load_int(row, 0) - first):
                store_float(load_int(row, column), first + k, load_float(room, W * column + k))


@subroutine
def _prepared(p, g, scale, bound, decay):
    """The gradient as the rule sees it: scaled, clipped (not a number stays so), with weight decay."""
    clipped = maximum(broadcast(-bound), minimum(broadcast(bound), load(g, 0) * broadcast(scale)))
    return fmuladd(broadcast(decay), load(p, 0), clipped)


@subroutine
def _sgd_vector(p, g, b, lr, scale, bound, decay, keep, fresh, momentum, nesterov):
    d = _prepared(p, g, scale, bound, decay)
    if b != 0:
        new = fmuladd(broadcast(keep), load(b, 0), broadcast(fresh) * d)
        store(b, 0, new)
        d = fmuladd(broadcast(momentum), new, d) if nesterov else new
    store(p, 0, fmuladd(broadcast(-lr), d, load(p, 0)))


@jit(parallel=True)
def _sgd(table, pieces, lr, scale, bound, decay, keep, fresh, momentum, nesterov):
    for piece in prange(pieces):
        row, tail = table + 8 * LISTS * piece, np.zeros(LISTS * W, np.float32)
        count, p, g, b = load_int(row, 0), load_int(row, 1), load_int(row, 2), load_int(row, 3)
        whole, step, room = count // W * W, 4 if b else 0, tail.ctypes.data
        for i in range(0, whole, W):
            _sgd_vector(p + 4 * i, g + 4 * i, b + step * i, lr, scale, bound, decay, keep, fresh, momentum, nesterov)
        if whole < count:
            _tail_in(row, whole, room)
            p, g, b = room + 4 * W, room + 8 * W, room + 12 * W if b else 0
            _sgd_vector(p, g, b, lr, scale, bound, decay, keep, fresh, momentum, nesterov)
            _tail_out(row, whole, room)


@subroutine
def _rmsprop_vector(p, g, v, a, b, lr, scale, bound, decay, alpha, fresh, eps, momentum):
    d = _prepared(p, g, scale, bound, decay)
    variance = fmuladd(broadcast(alpha), load(v, 0), broadcast(fresh) * d * d)
    store(v, 0, variance)
    if a != 0:
        mean = fmuladd(broadcast(alpha), load(a, 0), broadcast(fresh) * d)
        store(a, 0, mean)
        variance = maximum(broadcast(F(0)), variance - mean * mean)
    d = d / (sqrt(variance) + broadcast(eps))
    if b != 0:
        d = fmuladd(broadcast(momentum), load(b, 0), d)
        store(b, 0, d)
    store(p, 0, fmuladd(broadcast(-lr), d, load(p, 0)))


@jit(parallel=True)
def _rmsprop(table, pieces, lr, scale, bound, decay, alpha, fresh, eps, momentum):
    for piece in prange(pieces):
        row, tail = table + 8 * LISTS * piece, np.zeros(LISTS * W, np.float32)
        count, p, g, v = load_int(row, 0), load_int(row, 1), load_int(row, 2), load_int(row, 3)
        a, b = load_int(row, 4), load_int(row, 5)
        whole, a_step, b_step, room = count // W * W, 4 if a else 0, 4 if b else 0, tail.ctypes.data
        for i in range(0, whole, W):
            o, ai, bi = 4 * i, a + a_step * i, b + b_step * i
            _rmsprop_vector(p + o, g + o, v + o, ai, bi, lr, scale, bound, decay, alpha, fresh, eps, momentum)
        if whole < count:
            _tail_in(row, whole, room)
            p, g, v = room + 4 * W, room + 8 * W, room + 12 * W
            a, b = room + 16 * W if a else 0, room + 20 * W if b else 0
            _rmsprop_vector(p, g, v, a, b, lr, scale, bound, decay, alpha, fresh, eps, momentum)
            _tail_out(row, whole, room)


@subroutine
def _adam_vector(p, g, m, v, lr, scale, bound, decay, beta1, fresh1, beta2, fresh2, eps, correction, shrink):
    d = _prepared(p, g, scale, bound, decay)
    mean = fmuladd(broadcast(beta1), load(m, 0), broadcast(fresh1) * d)
    square = fmuladd(broadcast(beta2), load(v, 0), broadcast(fresh2) * d * d)
    store(m, 0, mean)
    store(v, 0, square)
    root = sqrt(square * broadcast(correction)) + broadcast(eps)
    store(p, 0, fmuladd(broadcast(-lr), mean / root, load(p, 0) * broadcast(shrink)))


@jit(parallel=True)
def _adam(table, pieces, lr, scale, bound, decay, beta1, fresh1, beta2, fresh2, eps, correction, shrink):
    for piece in prange(pieces):
        row, tail = table + 8 * LISTS * piece, np.zeros(LISTS * W, np.float32)
        count, p, g, m, v = (
            load_int(row, 0),
            load_int(row, 1),
            load_int(row, 2),
            load_int(row, 3),
            load_int(row, 4),
        )
        whole, room, rule = (
            count // W * W,
            tail.ctypes.data,
            (beta1, fresh1, beta2, fresh2, eps, correction, shrink),
        )
        for i in range(0, whole, W):
            o = 4 * i
            _adam_vector(p + o, g + o, m + o, v + o, lr, scale, bound, decay, *rule)
        if whole < count:
            _tail_in(row, whole, room)
            p, g, m, v = room + 4 * W, room + 8 * W, room + 12 * W, room + 16 * W
            _adam_vector(p, g, m, v, lr, scale, bound, decay, *rule)
            _tail_out(row, whole, room)
