"""Numba forms of `lstm.py`: recurrent product and gates in one kernel, no BLAS, no barrier between steps.

The batch is cut into blocks of rows, and a thread takes a block through all time steps. No sum runs across
rows there, and the weight gradient is one product over all steps, so results do not depend on the number of
threads.

What it costs at T = 60, N = 128, H = 128 on two cores of an AMD Zen 5 (500 GFLOP/s together, 250 each):

    forward         1.0 GFLOP -> at least 2.0 ms; measured 2.8 (gates: exp, division; 24 MB written)
    sweep back      1.0 GFLOP -> at least 2.0 ms; measured 3.0 (likewise)
    weight gradient 1.0 GFLOP -> at least 2.0 ms; measured 2.4 (dz is read with steps of 2 KB)
    table gradient  16 MB read -> at least 0.3 ms at 50 GB/s; measured 0.3
    together 8.8 to 9.2 (PyTorch 2.13: 27 to 32; our kernels with AVX2 alone 18, with SSE2 alone about 100)
"""

import numpy as np
from numba import prange

from tinygen_ops.compile import address, jit, subroutine, workspace
from tinygen_ops.lstm import check_backward, check_forward, check_sample
from tinygen_ops.matmul_numba import matmul
from tinygen_ops.product import ROWS, panel_columns, product
from tinygen_ops.recurrent_numba import count_blocks, pack, scatter_add, whole
from tinygen_ops.simd import W, broadcast, exp, fmuladd, load, load_int, sigmoid, store, tanh, tile_functions

ONE = np.float32(1)


def forward(table, index, h0, c0, w_hh, gate="sigmoid"):
    """See `tinygen_ops.lstm_forward`."""
    steps, n, units = check_forward(table, index, h0, c0, w_hh, gate)
    table, w_hh = whole(table), whole(w_hh)
    rows = np.arange(steps * n).reshape(steps, n) if index is None else whole(index, np.int64)
    h = np.empty((steps + 1, n, units), np.float32)
    c = np.empty((steps + 1, n, units), np.float32)
    gates = np.empty((steps, n, 4 * units), np.float32)
    h[0], c[0] = h0, c0
    panels = np.empty(units * 4 * units, np.float32)
    pack(address(w_hh), 1, units, units, 4 * units, address(panels))  # w_hh^T (H, 4H)
    arrays = (table, rows, panels, h, c, gates)
    _forward(*(address(array) for array in arrays), steps, n, units, count_blocks(n))
    return h, c, gates


@jit(parallel=True)
def _forward(table, index, panels, h, c, gates, steps, n, units, blocks):
    tiles, width = (n + ROWS - 1) // ROWS, 4 * units
    for block in prange(blocks):
        first, last = block * tiles // blocks * ROWS, min(n, (block + 1) * tiles // blocks * ROWS)
        for t in range(steps):
            at = t * n + first  # the block's first row, counted over (T, N)
            h_old, c_old, z = h + 4 * at * units, c + 4 * at * units, gates + 4 * at * width
            product(h_old, units, 1, last - first, units, panels, width, z, width, False)
            for r in range(last - first):
                x = table + 4 * load_int(index, at + r) * width
                _activate(z, x, c_old, h_old, n * units, units)
                z, c_old, h_old = z + 4 * width, c_old + 4 * units, h_old + 4 * units


@subroutine
def _activate(z, x, c, h, step, units):
    """One row of one step: gates from z + x in the place of z; the new states `step` floats behind c and h."""
    for u in range(0, units, W):
        i = sigmoid(load(z, u) + load(x, u))
        f = sigmoid(load(z, units + u) + load(x, units + u))
        g = tanh(load(z, 2 * units + u) + load(x, 2 * units + u))
        o = sigmoid(load(z, 3 * units + u) + load(x, 3 * units + u))
        c_new = fmuladd(f, load(c, u), i * g)
        store(z, u, i)
        store(z, units + u, f)
        store(z, 2 * units + u, g)
        store(z, 3 * units + u, o)
        store(c, step + u, c_new)
        store(h, step + u, o * tanh(c_new))


def backward(w_hh, index, rows, gates, c, h, grad_h=None, grad_h_last=None, grad_c_last=None, gate="sigmoid"):
    """See `tinygen_ops.lstm_backward`."""
    check_backward(w_hh, index, rows, gates, c, h, grad_h, grad_h_last, grad_c_last, gate)
    steps, n, width = gates.shape
    units = width // 4
    w_hh, gates, c, h = (whole(array) for array in (w_hh, gates, c, h))
    dh = np.zeros((n, panel_columns(units)), np.float32)  # wide enough for whole panels
    if grad_h_last is not None:
        dh[:, :units] = grad_h_last
    dc = np.zeros((n, units), np.float32)
    if grad_c_last is not None:
        dc[:] = grad_c_last
    every = None if grad_h is None else whole(grad_h)
    size = steps * n * width
    dz = np.empty(size, np.float32) if index is None else workspace(size)  # (T, N, 4H): a result, or scratch
    panels = np.empty(width * dh.shape[1], np.float32)
    pack(address(w_hh), units, 1, width, units, address(panels))  # w_hh (4H, H)
    arrays = (panels, gates, c, dh, dc, dz)
    addresses = [address(array) for array in arrays] + [0 if every is None else address(every)]
    _sweep(*addresses, steps, n, units, dh.shape[1], count_blocks(n))
    flat = dz.reshape(steps * n, width)
    grad_w_hh = matmul(flat.T, h[:-1].reshape(steps * n, units))
    grad_table = flat if index is None else scatter_add(flat, index, rows)
    return grad_table, np.ascontiguousarray(dh[:, :units]), dc, grad_w_hh


@jit(parallel=True)
def _sweep(panels, gates, c, dh, dc, dz, grad_h, steps, n, units, columns, blocks):
    """Back through time: the gradients dz of the pre-activations; dh and dc carry those of the states."""
    tiles, width = (n + ROWS - 1) // ROWS, 4 * units
    for block in prange(blocks):
        first, last = block * tiles // blocks * ROWS, min(n, (block + 1) * tiles // blocks * ROWS)
        for t in range(steps - 1, -1, -1):
            for r in range(first, last):
                at, to = t * n + r, dh + 4 * r * columns
                if grad_h != 0:
                    for u in range(0, units, W):
                        store(to, u, load(to, u) + load(grad_h, at * units + u))
                states = c + 4 * at * units
                _gate_gradients(
                    gates + 4 * at * width,
                    states,
                    n * units,
                    to,
                    dc + 4 * r * units,
                    dz + 4 * at * width,
                    units,
                )
            left, to = dz + 4 * (t * n + first) * width, dh + 4 * first * columns
            product(left, width, 1, last - first, width, panels, columns, to, columns, False)


@subroutine
def _gate_gradients(gates, c, step, dh, dc, dz, units):
    """One row of one step: dz, and the dc of the step before; the new c stands `step` floats behind c."""
    one = broadcast(ONE)
    for u in range(0, units, W):
        i, f = load(gates, u), load(gates, units + u)
        g, o = load(gates, 2 * units + u), load(gates, 3 * units + u)
        tanh_c, gh = tanh(load(c, step + u)), load(dh, u)
        gc = fmuladd(gh * o, one - tanh_c * tanh_c, load(dc, u))
        store(dz, u, gc * g * (i * (one - i)))
        store(dz, units + u, gc * load(c, u) * (f * (one - f)))
        store(dz, 2 * units + u, gc * i * (one - g * g))
        store(dz, 3 * units + u, gh * tanh_c * (o * (one - o)))
        store(dc, u, gc * f)


WIDE = 4 * W  # columns of a panel here: one row of four vectors, whose four sums run side by side
_zeros_row, _add_outer_row, _, _add_to_row = tile_functions(1, 4)


def sample(layers, w_out, b_out, h, c, token, uniforms, temperature=1.0, top_k=0, top_p=1.0, greedy=False):
    """See `tinygen_ops.lstm_sample`. All tokens come out of one compiled loop, on one thread.

    At H = 128, V = 57 a token takes 65,536 multiplications and reads 256 KB of weights from the second cache:
    about 1 us at 64 bytes a cycle. The launch of a second thread would take twice that.
    """
    check_sample(layers, w_out, b_out, h, c, token, temperature, top_k, top_p, greedy)
    (depth, units), vocabulary = h.shape, w_out.shape[0]
    table, biases = whole(layers[0][0]), np.empty((depth, 4 * units), np.float32)
    # Layer 0 multiplies its own state (H), a further layer the state below and its own side by side (2 H).
    panels = [_packed(layers[0][1])]
    for number, (w_ih, bias, w_hh) in enumerate(layers[1:], 1):
        panels.append(_packed(np.concatenate((w_ih, w_hh), axis=1)))
        biases[number] = bias
    panels.append(_packed(w_out))
    weights = np.concatenate(panels)
    h, c = np.array(h, np.float32, order="C"), np.array(c, np.float32, order="C")
    uniforms, tokens = whole(uniforms, np.float64), np.empty(len(uniforms), np.int64)
    columns = -(-vocabulary // WIDE) * WIDE
    buffer, start = np.empty(max(columns, 4 * units), np.float32), np.zeros(columns, np.float32)
    start[:vocabulary] = b_out
    kept = vocabulary if top_k == 0 else min(top_k, vocabulary)
    arrays = tuple(address(array) for array in (table, biases, weights, h, c))
    _sample(
        *arrays,
        depth,
        units,
        vocabulary,
        token,
        uniforms,
        start,
        buffer,
        temperature,
        kept,
        top_p,
        greedy,
        tokens,
    )
    return tokens, h, c


def _packed(w):
    """The matrix w (M, K) as the right operand w^T of `_row_product`, in panels of WIDE columns, flat."""
    m, depth = w.shape
    panels = np.zeros((-(-m // WIDE), depth, WIDE), np.float32)
    for p in range(panels.shape[0]):
        part = w[p * WIDE : (p + 1) * WIDE]
        panels[p, :, : part.shape[0]] = part.T
    return panels.reshape(-1)


@jit
def _sample(
    table,
    biases,
    weights,
    h,
    c,
    depth,
    units,
    vocabulary,
    token,
    uniforms,
    start,
    buffer,
    temperature,
    kept,
    top_p,
    greedy,
    tokens,
):
    z, first, logits = buffer.ctypes.data, start.ctypes.data, buffer[:vocabulary]
    columns, width = start.size, 4 * units
    p = np.empty(columns, np.float32)
    for step in range(tokens.size):
        panels, x = weights, table + 4 * token * width
        for layer in range(depth):
            below = max(layer - 1, 0)
            deep = (layer + 1 - below) * units
            _row_product(h + 4 * below * units, deep, panels, width, x if layer == 0 else biases + 4 * layer * width, z)
            own_h, own_c = h + 4 * layer * units, c + 4 * layer * units
            for u in range(0, units, W):
                i, f = sigmoid(load(z, u)), sigmoid(load(z, units + u))
                g, o = tanh(load(z, 2 * units + u)), sigmoid(load(z, 3 * units + u))
                c_new = fmuladd(f, load(own_c, u), i * g)
                store(own_c, u, c_new)
                store(own_h, u, o * tanh(c_new))
            panels += 4 * deep * width
        _row_product(h + 4 * (depth - 1) * units, units, panels, columns, first, z)
        token = np.argmax(logits) if greedy else _draw(logits, p, temperature, kept, top_p, uniforms[step])
        tokens[step] = token


@subroutine
def _row_product(x, depth, panels, columns, start, out):
    """Write out = start + x b for one row x (depth,) and b (depth, columns) in panels of WIDE columns."""
    for j in range(0, columns, WIDE):
        panel, row = panels + 4 * j * depth, _zeros_row()
        for k in range(depth):
            row = _add_outer_row(row, x + 4 * k, 0, panel + 4 * k * WIDE, W)
        for i in range(0, WIDE, W):
            store(out, j + i, load(start, j + i))
        _add_to_row(row, out + 4 * j, 0, W)


@subroutine
def _draw(logits, p, temperature, kept, top_p, uniform):
    """The token at `uniform` of the distribution's CDF, after the cuts; p is scratch."""
    count = logits.size
    top = logits.max()
    for k in range(count):
        p[k] = (logits[k] - top) / temperature
    for k in range(0, count, W):  # p is a whole number of vectors long
        store(p.ctypes.data, k, exp(load(p.ctypes.data, k)))
    if kept < count:
        _cut(p, count, False, float(kept))
    if top_p < 1:
        mass = 0.0
        for k in range(count):
            mass += p[k]
        _cut(p, count, True, top_p * mass)
    mass = 0.0
    for k in range(count):
        mass += p[k]
    limit, reached, last = uniform * mass, 0.0, 0
    for k in range(count):
        if p[k] > 0:
            reached, last = reached + p[k], k
            if reached > limit:
                break
    return last


@subroutine
def _cut(p, count, weighted, goal):
    """Find the largest x such that the p >= x number, or `weighted` weigh, at least `goal`; zero the others.

    No sorting: the bits of floats that are not negative are ordered as integers are, so 31 halvings find x
    exactly.
    """
    bits = p.view(np.int32)
    low, high = 0, 0x3F800001  # x = 0 always reaches the goal; nothing is above 1
    while high - low > 1:
        middle, reached = (low + high) // 2, 0.0
        for k in range(count):
            if bits[k] >= middle:
                reached += p[k] if weighted else 1.0
        if reached >= goal:
            low = middle
        else:
            high = middle
    for k in range(count):
        if bits[k] < low:
            p[k] = 0
