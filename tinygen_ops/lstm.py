"""Long short-term memory over a whole sequence: forward, backward, and sampling one token at a time.

One step, with the gates in PyTorch's order i f g o and x_t the input's share of the pre-activation, bias
included:

    z = x_t + h_{t-1} W_hh^T                                     (N, 4H)
    i, f, o = gate(z_i), gate(z_f), gate(z_o);   g = tanh(z_g)
    c_t = f c_{t-1} + i g;   h_t = o tanh(c_t)                   (N, H)

`gate` is the logistic sigmoid, or Keras 2's hard sigmoid clip(0.2 z + 0.5, 0, 1).

The input's share arrives as `table`, with an `index` where it is one-hot: see `recurrent.py`.

Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; the forget gate: Gers, Schmidhuber and
Cummins, Learning to Forget, 2000.
"""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module
from tinygen_ops.recurrent import add_rows, check_gradients, check_table, fits_numba, rows_of, sigmoid, states_shape
from tinygen_ops.registry import kernel

__all__ = ["lstm_backward", "lstm_forward", "lstm_sample"]

Array = Any  # numpy.ndarray or cupy.ndarray
GATES = ("sigmoid", "hard_sigmoid")


def _fits_numba(gate: str, *arrays: Array) -> bool | str:
    """The Numba forms take the logistic sigmoid only, and see `fits_numba`."""
    return fits_numba(*arrays) if gate == "sigmoid" else "the gate is not the logistic sigmoid"


def _supports_forward(
    table: Array, index: Array, h0: Array, c0: Array, w_hh: Array, gate: str = "sigmoid"
) -> bool | str:
    return _fits_numba(gate, table, c0, w_hh, h0)


def _supports_backward(
    w_hh: Array, index: Array, rows: int, gates: Array, c: Array, h: Array, *args: Any, **kwargs: Any
) -> bool | str:
    return _fits_numba(args[3] if len(args) > 3 else kwargs.get("gate", "sigmoid"), gates, c, w_hh, h)


def _supports_sample(
    layers: Any, w_out: Array, b_out: Array, h: Array, c: Array, *args: Any, **kwargs: Any
) -> bool | str:
    return _fits_numba("sigmoid", b_out, *(array for layer in layers for array in layer), w_out, c, h)


def _gate(xp: Any, z: Array, gate: str) -> Array:
    return sigmoid(xp, z) if gate == "sigmoid" else xp.clip(0.2 * z + 0.5, 0, 1)


def _gate_slope(xp: Any, y: Array, gate: str) -> Array:
    """Derivative of the gate from its value y. For the hard sigmoid 0 at y = 0 and y = 1."""
    return y * (1 - y) if gate == "sigmoid" else xp.where((y > 0) & (y < 1), 0.2, 0.0).astype(y.dtype)


def check_forward(
    table: Array, index: Array | None, h0: Array, c0: Array, w_hh: Array, gate: str
) -> tuple[int, int, int]:
    """Check the arguments of `lstm_forward`; return (T, N, H)."""
    array_module(table, index, h0, c0, w_hh)  # all on one device
    if gate not in GATES:
        raise ValueError(f"`gate` is {gate!r}; valid are {', '.join(GATES)}")
    if h0.ndim != 2 or h0.shape != c0.shape:
        raise ValueError(f"`h0` has shape {h0.shape} and `c0` {c0.shape}; both must be (N, H)")
    n, units = h0.shape
    if w_hh.shape != (4 * units, units):
        raise ValueError(f"`w_hh` has shape {w_hh.shape}; with H = {units} it must be {(4 * units, units)}")
    return check_table(table, index, n, 4 * units), n, units


@kernel(numba="tinygen_ops.lstm_numba:forward", supports=_supports_forward)
def lstm_forward(
    table: Array, index: Array | None, h0: Array, c0: Array, w_hh: Array, gate: str = "sigmoid"
) -> tuple[Array, Array, Array]:
    """Run an LSTM layer over a whole sequence.

    z_t = table[index_t] + h_{t-1} w_hh^T;  c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)

    Args:
        table: (R, 4H) float, rows of x W_ih^T + b_ih + b_hh, gates i f g o.
        index: (T, N) int in [0, R), the row that sequence n uses at step t; None: row t * N + n, R = T * N.
        h0: (N, H) hidden state before the first step.
        c0: (N, H) cell state before the first step.
        w_hh: (4H, H) recurrent weights.
        gate: "sigmoid" or "hard_sigmoid".

    Returns:
        h (T + 1, N, H) with h[0] = h0, c (T + 1, N, H) with c[0] = c0, and the gates after activation,
        (T, N, 4H): what `lstm_backward` needs.

    Raises:
        ValueError: shapes or `gate` do not fit.
        IndexError: `index` names a row that `table` does not have (checked for host arrays).
    """
    xp = array_module(table, index, h0, c0, w_hh)
    steps, n, units = check_forward(table, index, h0, c0, w_hh, gate)
    h = xp.empty((steps + 1, n, units), h0.dtype)
    c = xp.empty((steps + 1, n, units), h0.dtype)
    gates = xp.empty((steps, n, 4 * units), h0.dtype)
    h[0], c[0] = h0, c0
    for t in range(steps):
        z = rows_of(table, index, t, n) + h[t] @ w_hh.T  # (N, 4H)
        i, f, g, o = (z[:, k * units : (k + 1) * units] for k in range(4))
        i, f, g, o = _gate(xp, i, gate), _gate(xp, f, gate), xp.tanh(g), _gate(xp, o, gate)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * xp.tanh(c[t + 1])
        gates[t] = xp.concatenate((i, f, g, o), axis=1)
    return h, c, gates


@kernel(numba="tinygen_ops.lstm_numba:backward", supports=_supports_backward)
def lstm_backward(
    w_hh: Array,
    index: Array | None,
    rows: int,
    gates: Array,
    c: Array,
    h: Array,
    grad_h: Array | None = None,
    grad_h_last: Array | None = None,
    grad_c_last: Array | None = None,
    gate: str = "sigmoid",
) -> tuple[Array, Array, Array, Array]:
    """Gradients of `lstm_forward`, back through time.

    dc = dh o (1 - tanh(c)^2) + dc_next f_next;  dz = slope of each gate times its share of dc or dh;
    dh_{t-1} += dz w_hh;  dw_hh = sum_t dz_t^T h_{t-1};  dtable[index_t] += dz_t

    Args:
        w_hh: (4H, H) recurrent weights.
        index: what `lstm_forward` got, (T, N) int or None.
        rows: R, the number of rows of its `table`.
        gates: (T, N, 4H), from `lstm_forward`.
        c: (T + 1, N, H), from `lstm_forward`.
        h: (T + 1, N, H), from `lstm_forward`.
        grad_h: (T, N, H) gradient with respect to h[1:], every step's output; None: zero.
        grad_h_last: (N, H) further gradient with respect to h[T]; None: zero.
        grad_c_last: (N, H) gradient with respect to c[T]; None: zero.
        gate: what `lstm_forward` got.

    Returns:
        Gradients of `table` (R, 4H), `h0` (N, H), `c0` (N, H) and `w_hh` (4H, H).

    Raises:
        ValueError: shapes or `gate` do not fit.
    """
    xp = array_module(w_hh, index, gates, c, h, grad_h, grad_h_last, grad_c_last)
    check_backward(w_hh, index, rows, gates, c, h, grad_h, grad_h_last, grad_c_last, gate)
    steps, n, units = gates.shape[0], h.shape[1], h.shape[2]
    dh = xp.zeros((n, units), h.dtype) if grad_h_last is None else grad_h_last
    dc = xp.zeros((n, units), h.dtype) if grad_c_last is None else grad_c_last
    dz = xp.empty(gates.shape, gates.dtype)
    for t in reversed(range(steps)):
        dh = dh if grad_h is None else dh + grad_h[t]
        i, f, g, o = (gates[t, :, k * units : (k + 1) * units] for k in range(4))
        tanh_c = xp.tanh(c[t + 1])
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        dz[t, :, :units] = dc * g * _gate_slope(xp, i, gate)
        dz[t, :, units : 2 * units] = dc * c[t] * _gate_slope(xp, f, gate)
        dz[t, :, 2 * units : 3 * units] = dc * i * (1 - g * g)
        dz[t, :, 3 * units :] = dh * tanh_c * _gate_slope(xp, o, gate)
        dc = dc * f
        dh = dz[t] @ w_hh  # (N, 4H) @ (4H, H)
    flat = dz.reshape(steps * n, 4 * units)
    grad_w_hh = flat.T @ h[:-1].reshape(steps * n, units)
    return add_rows(flat, index, rows), dh, dc, grad_w_hh


def check_backward(
    w_hh: Array,
    index: Array | None,
    rows: int,
    gates: Array,
    c: Array,
    h: Array,
    grad_h: Array | None,
    grad_h_last: Array | None,
    grad_c_last: Array | None,
    gate: str,
) -> None:
    """Check the arguments of `lstm_backward`."""
    if gate not in GATES:
        raise ValueError(f"`gate` is {gate!r}; valid are {', '.join(GATES)}")
    steps, n, units = states_shape(h)
    wanted = {
        "w_hh": (w_hh, (4 * units, units)),
        "index": (index, (steps, n)),
        "gates": (gates, (steps, n, 4 * units)),
        "c": (c, h.shape),
        "grad_h": (grad_h, (steps, n, units)),
        "grad_h_last": (grad_h_last, (n, units)),
        "grad_c_last": (grad_c_last, (n, units)),
    }
    check_gradients(wanted, h, index, rows)


def check_sample(
    layers: list[tuple[Array, ...]],
    w_out: Array,
    b_out: Array,
    h: Array,
    c: Array,
    token: int,
    temperature: float,
    top_k: int,
    top_p: float,
    greedy: bool,
) -> None:
    """Check the arguments of `lstm_sample`."""
    vocabulary, units = w_out.shape
    shapes = {"h": (h, (len(layers), units)), "c": (c, (len(layers), units)), "b_out": (b_out, (vocabulary,))}
    for number, layer in enumerate(layers):
        if len(layer) != (3 if number else 2):
            raise ValueError(
                f"`layers[{number}]` has {len(layer)} arrays; "
                "layer 0 is (table, w_hh), the others are (w_ih, bias, w_hh)"
            )
        shapes[f"layers[{number}][-1]"] = (layer[-1], (4 * units, units))
        if number:
            shapes[f"layers[{number}][0]"] = (layer[0], (4 * units, units))
            shapes[f"layers[{number}][1]"] = (layer[1], (4 * units,))
        else:
            shapes["layers[0][0]"] = (layer[0], (vocabulary, 4 * units))
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise ValueError(f"`{name}` has shape {array.shape}; it must be {shape}")
    if not 0 <= token < vocabulary:
        raise IndexError(f"`token` is {token}; it must be in 0 to {vocabulary - 1}")
    if not greedy and not temperature > 0:
        raise ValueError(f"`temperature` is {temperature}; it must be above 0 (or set `greedy`)")
    if not 0 <= top_k:
        raise ValueError(f"`top_k` is {top_k}; it must be 0 (off) or above")
    if not 0 < top_p <= 1:
        raise ValueError(f"`top_p` is {top_p}; it must be above 0 and at most 1 (off)")


def _draw(xp: Any, logits: Array, uniform: float, temperature: float, top_k: int, top_p: float) -> int:
    """Draw from softmax(logits / temperature), cut to top k and top p, by inverting its CDF at `uniform`."""
    z = logits.astype(np.float64) / temperature
    if 0 < top_k < z.size:
        z = xp.where(z >= xp.sort(z)[z.size - top_k], z, -np.inf)
    p = xp.exp(z - z.max())
    if top_p < 1:
        falling = xp.sort(p)[::-1]
        last = min(int((xp.cumsum(falling) < top_p * p.sum()).sum()), p.size - 1)
        p = xp.where(p >= falling[last], p, 0)
    cdf = xp.cumsum(p)
    return int((cdf <= uniform * cdf[-1]).sum())  # uniform < 1, so the last possible token is the limit


@kernel(numba="tinygen_ops.lstm_numba:sample", supports=_supports_sample)
def lstm_sample(
    layers: list[tuple[Array, ...]],
    w_out: Array,
    b_out: Array,
    h: Array,
    c: Array,
    token: int,
    uniforms: Array,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    greedy: bool = False,
) -> tuple[np.ndarray, Array, Array]:
    """Generate tokens one at a time, each the next step's input.

    p = softmax((w_out h_t + b_out) / temperature);  token_t = the first k with p_0 + ... + p_k > uniform_t

    Of equally likely tokens at the edge of `top_k` or `top_p` all are kept. `top_p` looks at what `top_k`
    left.

    Args:
        layers: layer 0 as (table (V, 4H), w_hh (4H, H)), table = W_ih^T + b_ih + b_hh; every further layer as
            (w_ih (4H, H), bias (4H,), w_hh (4H, H)). Gates i f g o, logistic sigmoid.
        w_out: (V, H) output weights.
        b_out: (V,) output bias.
        h: (L, H) hidden state of the L layers; not changed.
        c: (L, H) cell state; not changed.
        token: the last token seen, in [0, V): the first input.
        uniforms: (n,) float, uniform random numbers in [0, 1), one per token to draw.
        temperature: above 0; below 1 sharpens.
        top_k: keep only the k likeliest tokens; 0: all.
        top_p: keep only the likeliest tokens that together reach this probability; 1: all.
        greedy: take the likeliest token; `uniforms` then only counts.

    Returns:
        tokens (n,) int64 in host memory, and the states h (L, H) and c (L, H) after the last step.

    Raises:
        ValueError: shapes or settings do not fit.
        IndexError: `token` is not in [0, V).

    Source: top-p: Holtzman et al., The Curious Case of Neural Text Degeneration, 2020, section 3.1.
    """
    xp = array_module(w_out, b_out, h, c, *(array for layer in layers for array in layer))
    check_sample(layers, w_out, b_out, h, c, token, temperature, top_k, top_p, greedy)
    h, c, tokens = h.copy(), c.copy(), []
    for uniform in uniforms.tolist():
        for number, layer in enumerate(layers):
            x = layer[0][token] if number == 0 else layer[0] @ h[number - 1] + layer[1]  # (4H,)
            i, f, g, o = (x + layer[-1] @ h[number]).reshape(4, -1)
            c[number] = sigmoid(xp, f) * c[number] + sigmoid(xp, i) * xp.tanh(g)
            h[number] = sigmoid(xp, o) * xp.tanh(c[number])
        logits = w_out @ h[-1] + b_out
        token = int(logits.argmax()) if greedy else _draw(xp, logits, uniform, temperature, top_k, top_p)
        tokens.append(token)
    return np.array(tokens, np.int64), h, c
