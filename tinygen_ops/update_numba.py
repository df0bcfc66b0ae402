"""Numba forms of `update.py`: all parameters in one parallel pass over a table of their addresses.

The parameters are cut into pieces of at most PIECE elements; a row of the table holds a piece's length and the
addresses of its part of each array. Pieces are worked on independently, element by element, always by the same vector
instructions (the rest behind the last whole vector goes through a scratch vector), so neither the number of threads
nor the cut changes a bit.
"""

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
from tinygen_ops.update import check_update

PIECE = 8192  # elements, a multiple of every W: 32 KB of each array


def sgd(params, grads, momentum_buffer=None, *, lr, momentum=0.0, dampening=0.0, nesterov=False, first_step=False, **rest):
    """See `tinygen_ops.sgd`."""
    check_update(params, grads, momentum_buffer=momentum_buffer)
    grads = [np.ascontiguousarray(g) for g in grads]
    keep, fresh = (0.0, 1.0) if first_step else (momentum, 1.0 - dampening)
    buffered = momentum_buffer is not None
    table = _pieces(params, grads, *((momentum_buffer,) if buffered else ()))
    _sgd(address(table), len(table), table.shape[1], *_common(lr=lr, **rest), F(keep), F(fresh), F(momentum), buffered, nesterov)


def rmsprop(params, grads, square_avg, grad_avg=None, momentum_buffer=None, *, lr, alpha=0.99, eps=1e-8, momentum=0.0, **rest):
    """See `tinygen_ops.rmsprop`."""
    check_update(params, grads, square_avg=square_avg, grad_avg=grad_avg, momentum_buffer=momentum_buffer)
    grads = [np.ascontiguousarray(g) for g in grads]
    centred, buffered = grad_avg is not None, momentum_buffer is not None
    # A list that is not there is stood in for by one that is; the kernel does not touch it.
    table = _pieces(params, grads, square_avg, grad_avg or square_avg, momentum_buffer or square_avg)
    rule = (F(alpha), F(1 - alpha), F(eps), F(momentum), centred, buffered)
    _rmsprop(address(table), len(table), *_common(lr=lr, **rest), *rule)


def adam(params, grads, exp_avg, exp_avg_sq, *, step, lr, beta1=0.9, beta2=0.999, eps=1e-8, decoupled=False, weight_decay=0.0, **rest):
    """See `tinygen_ops.adam`."""
    check_adam(params, grads, exp_avg, exp_avg_sq, step)
    grads = [np.ascontiguousarray(g) for g in grads]
    table = _pieces(params, grads, exp_avg, exp_avg_sq)
    common = _common(lr=lr / (1 - beta1**step), weight_decay=0.0 if decoupled else weight_decay, **rest)
    shrink = 1 - lr * weight_decay if decoupled else 1.0
    rule = (F(beta1), F(1 - beta1), F(beta2), F(1 - beta2), F(eps), F(1 / (1 - beta2**step)), F(shrink))
    _adam(address(table), len(table), *common, *rule)


def _common(lr, weight_decay=0.0, clip_value=None, grad_scale=1.0):
    """What every rule takes: lr, then scale, bound and decay of the gradient; the neutral values change nothing."""
    return F(lr), F(grad_scale), F(np.inf if clip_value is None else clip_value), F(weight_decay)


def _pieces(*lists):
    """The table of pieces: (length, address in each list's array), int64."""
    rows = []
    for arrays in zip(*lists, strict=True):
        size, starts = arrays[0].size, [address(array) for array in arrays]
        for first in range(0, size, PIECE):
            rows.append([min(PIECE, size - first), *(start + 4 * first for start in starts)])
    return np.array(rows, np.int64).reshape(len(rows), 1 + len(lists))
