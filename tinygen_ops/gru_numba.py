"""Numba forms of `gru.py`, made as those of `lstm.py`: recurrent product and gates in one kernel.

Blocks of rows go over the threads, each through all time steps; results do not depend on their number.

What it costs at T = 60, N = 128, H = 128 on two cores of an AMD Zen 5 (500 GFLOP/s together):

    forward         0.75 GFLOP -> at least 1.5 ms; measured 2.3
    sweep back      0.75 GFLOP -> at least 1.5 ms; measured 3.1
    weight gradient 0.75 GFLOP -> at least 1.5 ms; measured 2.1
    bias gradient, table gradient: measured 0.4 and 0.2
    together 8.2, dense or tokens (`lstm_numba.py` in the same run: 9.3)

nn.GRU forward and backward at these sizes, I = 57, against PyTorch 2.13's, taken in turn: 0.58 of its time for dense
input, 0.27 for tokens (which PyTorch gets one-hot).
"""

import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit, subroutine, workspace
from tinygen_ops.gru import check_backward, check_forward
from tinygen_ops.matmul_numba import matmul
from tinygen_ops.product import ROWS, panel_columns, product
from tinygen_ops.recurrent_numba import count_blocks, pack, scatter_add, whole
from tinygen_ops.simd import W, broadcast, fmuladd, load, load_int, sigmoid, store, tanh

ONE = np.float32(1)


def forward(table, index, h0, w_hh, b_hh=None):
    """See `tinygen_ops.gru_forward`."""
    steps, n, units = check_forward(table, index, h0, w_hh, b_hh)
    table, w_hh = whole(table), whole(w_hh)
    rows = np.arange(steps * n).reshape(steps, n) if index is None else whole(index, np.int64)
    bias = np.zeros(3 * units, np.float32) if b_hh is None else whole(b_hh)
    h = np.empty((steps + 1, n, units), np.float32)
    gates = np.empty((steps, n, 4 * units), np.float32)
    h[0] = h0
    panels = np.empty(units * panel_columns(3 * units), np.float32)
    pack(address(w_hh), 1, units, units, 3 * units, address(panels))  # w_hh^T (H, 3H)
    arrays = (table, rows, panels, bias, h, gates)
    _forward(*(address(array) for array in arrays), steps, n, units, count_blocks(n))
    return h, gates


@jit(parallel=True)
def _forward(table, index, panels, bias, h, gates, steps, n, units, blocks):
    tiles, width = (n + ROWS - 1) // ROWS, 4 * units
    for block in prange(blocks):
        first, last = block * tiles // blocks * ROWS, min(n, (block + 1) * tiles // blocks * ROWS)
        for t in range(steps):
            at = t * n + first  # the block's first row, counted over (T, N)
            h_old, a = h + 4 * at * units, gates + 4 * at * width
            # 3H columns into rows of 4H: where the last panel is not full, its rest falls into the fourth part
            product(h_old, units, 1, last - first, units, panels, 3 * units, a, width, False)
            for r in range(last - first):
                x = table + 4 * load_int(index, at + r) * 3 * units
                _activate(a, x, bias, h_old, n * units, units)
                a, h_old = a + 4 * width, h_old + 4 * units


@subroutine
def _activate(a, x, bias, h, step, units):
    """One row of one step: r z n a_n in the place of a; the new state `step` floats behind h."""
    for u in range(0, units, W):
        r = sigmoid(load(a, u) + load(bias, u) + load(x, u))
        z = sigmoid(load(a, units + u) + load(bias, units + u) + load(x, units + u))
        a_n = load(a, 2 * units + u) + load(bias, 2 * units + u)
        new = tanh(fmuladd(r, a_n, load(x, 2 * units + u)))
        store(a, u, r)
        store(a, units + u, z)
        store(a, 2 * units + u, new)
        store(a, 3 * units + u, a_n)
        store(h, step + u, fmuladd(z, load(h, u) - new, new))


def backward(w_hh, index, rows, gates, h, grad_h=None, grad_h_last=None):
    """See `tinygen_ops.gru_backward`."""
    check_backward(w_hh, index, rows, gates, h, grad_h, grad_h_last)
    steps, n, width = gates.shape
    units, count = width // 4, steps * n
    w_hh, gates, h = (whole(array) for array in (w_hh, gates, h))
    columns = panel_columns(units)
    dh = np.zeros((n, columns), np.float32)  # wide enough for whole panels
    if grad_h_last is not None:
        dh[:, :units] = grad_h_last
    every = None if grad_h is None else whole(grad_h)
    # da differs from dx in the part for n alone: that part (T, N, H) is scratch, and dx (T, N, 3H) too with an index
    scratch = workspace(count * units * (1 if index is None else 4))
    da_n = scratch[: count * units]
    dx = np.empty(3 * count * units, np.float32) if index is None else scratch[count * units :]
    panels = np.empty(3 * units * columns, np.float32)  # w_hh (3H, H) as (2H, H) for r z, then (H, H) for n
    pack(address(w_hh), units, 1, 2 * units, units, address(panels))
    pack(address(w_hh[2 * units :]), units, 1, units, units, address(panels[2 * units * columns :]))
    arrays = (panels, gates, h, dh, dx, da_n)
    addresses = [address(array) for array in arrays] + [0 if every is None else address(every)]
    _sweep(*addresses, steps, n, units, columns, count_blocks(n))
    dx, da_n, h = dx.reshape(count, 3 * units), da_n.reshape(count, units), h[:-1].reshape(count, units)
    da_rz = dx[:, : 2 * units]
    to_w_hh = np.concatenate((matmul(da_rz.T, h), matmul(da_n.T, h)))
    to_b_hh = np.concatenate((dx.sum(axis=0)[: 2 * units], da_n.sum(axis=0)))
    to_table = dx if index is None else scatter_add(dx, index, rows)
    return to_table, np.ascontiguousarray(dh[:, :units]), to_w_hh, to_b_hh


@jit(parallel=True)
def _sweep(panels, gates, h, dh, dx, da_n, grad_h, steps, n, units, columns, blocks):
    """Back through time: the gradients dx and da_n of the pre-activations; dh carries that of the state."""
    tiles, width = (n + ROWS - 1) // ROWS, 3 * units
    for block in prange(blocks):
        first, last = block * tiles // blocks * ROWS, min(n, (block + 1) * tiles // blocks * ROWS)
        for t in range(steps - 1, -1, -1):
            for r in range(first, last):
                at, to = t * n + r, dh + 4 * r * columns
                if grad_h != 0:
                    for u in range(0, units, W):
                        store(to, u, load(to, u) + load(grad_h, at * units + u))
                a, state = gates + 16 * at * units, h + 4 * at * units
                _gate_gradients(a, state, to, dx + 4 * at * width, da_n + 4 * at * units, units)
            at, to = t * n + first, dh + 4 * first * columns
            rest = panels + 8 * units * columns  # the panels of n, behind those of r and z
            product(dx + 4 * at * width, width, 1, last - first, 2 * units, panels, columns, to, columns, True)
            product(da_n + 4 * at * units, units, 1, last - first, units, rest, columns, to, columns, True)


@subroutine
def _gate_gradients(gates, h, dh, dx, da_n, units):
    """One row of one step: dx and da_n, and in dh what reaches h_{t-1} beside the recurrent product."""
    one = broadcast(ONE)
    for u in range(0, units, W):
        r, z = load(gates, u), load(gates, units + u)
        new, gh = load(gates, 2 * units + u), load(dh, u)
        to_n = gh * (one - z) * (one - new * new)
        to_r = to_n * r
        store(dx, u, to_r * (one - r) * load(gates, 3 * units + u))
        store(dx, units + u, gh * (load(h, u) - new) * (z * (one - z)))
        store(dx, 2 * units + u, to_n)
        store(da_n, u, to_r)
        store(dh, u, gh * z)
