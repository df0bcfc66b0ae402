"""Gated recurrent units over a whole sequence: forward and backward.

One step, with the gates in PyTorch's order r z n and x_t the input's share of the pre-activation, its bias b_ih
included:

    a = h_{t-1} w_hh^T + b_hh                                    (N, 3H)
    r = sigmoid(x_r + a_r);   z = sigmoid(x_z + a_z);   n = tanh(x_n + r a_n)
    h_t = (1 - z) n + z h_{t-1}                                  (N, H)

The reset gate r stands outside the recurrent product, which therefore is one product for all three gates; in the
paper it is inside, n = tanh(x_n + (r h_{t-1}) w_n^T). With r outside, b_hh is no mere second half of b_ih: its part
for n is multiplied by r.

The input's share arrives as `table`, with an `index` where it is one-hot: see `recurrent.py`.

Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014, section 2.3; r outside the
product: as in PyTorch and cuDNN.
"""

from typing import Any

from tinygen_ops.arrays import array_module
from tinygen_ops.recurrent import add_rows, check_gradients, check_table, fits_numba, rows_of, sigmoid, states_shape
from tinygen_ops.registry import kernel

__all__ = ["gru_backward", "gru_forward"]

Array = Any  # numpy.ndarray or cupy.ndarray


def _supports_forward(
    table: Array, index: Array | None, h0: Array, w_hh: Array, b_hh: Array | None = None
) -> bool | str:
    return fits_numba(table, w_hh, *([] if b_hh is None else [b_hh]), h0)


def _supports_backward(
    w_hh: Array, index: Array | None, rows: int, gates: Array, h: Array, *args: Any, **kwargs: Any
) -> bool | str:
    return fits_numba(gates, w_hh, h)


def check_forward(
    table: Array, index: Array | None, h0: Array, w_hh: Array, b_hh: Array | None
) -> tuple[int, int, int]:
    """Check the arguments of `gru_forward`; return (T, N, H)."""
    array_module(table, index, h0, w_hh, b_hh)  # all on one device
    if h0.ndim != 2:
        raise ValueError(f"`h0` has shape {h0.shape}; it must be (N, H)")
    n, units = h0.shape
    if w_hh.shape != (3 * units, units):
        raise ValueError(f"`w_hh` has shape {w_hh.shape}; with H = {units} it must be {(3 * units, units)}")
    if b_hh is not None and b_hh.shape != (3 * units,):
        raise ValueError(f"`b_hh` has shape {b_hh.shape}; with H = {units} it must be {(3 * units,)}")
    return check_table(table, index, n, 3 * units), n, units


@kernel(numba="tinygen_ops.gru_numba:forward", supports=_supports_forward)
def gru_forward(
    table: Array, index: Array | None, h0: Array, w_hh: Array, b_hh: Array | None = None
) -> tuple[Array, Array]:
    """Run a GRU layer over a whole sequence.

    a = h_{t-1} w_hh^T + b_hh;  r, z = sigmoid(x + a);  n = tanh(x_n + r a_n);  h_t = n + z (h_{t-1} - n)

    Args:
        table: (R, 3H) float, rows of x w_ih^T + b_ih, gates r z n.
        index: (T, N) int in [0, R), the row that sequence n uses at step t; None: row t * N + n, R = T * N.
        h0: (N, H) hidden state before the first step.
        w_hh: (3H, H) recurrent weights.
        b_hh: (3H,) recurrent bias, or None.

    Returns:
        h (T + 1, N, H) with h[0] = h0, and r, z, n, a_n side by side, (T, N, 4H): what `gru_backward` needs.

    Raises:
        ValueError: shapes do not fit.
        IndexError: `index` names a row that `table` does not have (checked for host arrays).
    """
    xp = array_module(table, index, h0, w_hh, b_hh)
    steps, n, units = check_forward(table, index, h0, w_hh, b_hh)
    h = xp.empty((steps + 1, n, units), h0.dtype)
    gates = xp.empty((steps, n, 4 * units), h0.dtype)
    h[0] = h0
    for t in range(steps):
        x, a = rows_of(table, index, t, n), h[t] @ w_hh.T  # (N, 3H)
        a = a if b_hh is None else a + b_hh
        r = sigmoid(xp, x[:, :units] + a[:, :units])
        z = sigmoid(xp, x[:, units : 2 * units] + a[:, units : 2 * units])
        new = xp.tanh(x[:, 2 * units :] + r * a[:, 2 * units :])
        h[t + 1] = new + z * (h[t] - new)
        gates[t] = xp.concatenate((r, z, new, a[:, 2 * units :]), axis=1)
    return h, gates


@kernel(numba="tinygen_ops.gru_numba:backward", supports=_supports_backward)
def gru_backward(
    w_hh: Array,
    index: Array | None,
    rows: int,
    gates: Array,
    h: Array,
    grad_h: Array | None = None,
    grad_h_last: Array | None = None,
) -> tuple[Array, Array, Array, Array]:
    """Gradients of `gru_forward`, back through time.

    dx_n = dh (1 - z) (1 - n^2);  da_n = dx_n r;  dx_r = da_r = dx_n a_n r (1 - r);
    dx_z = da_z = dh (h_{t-1} - n) z (1 - z);  dh_{t-1} += dh z + da w_hh;
    dw_hh = sum_t da_t^T h_{t-1};  db_hh = sum_t da_t;  dtable[index_t] += dx_t

    Args:
        w_hh: (3H, H) recurrent weights.
        index: what `gru_forward` got, (T, N) int or None.
        rows: R, the number of rows of its `table`.
        gates: (T, N, 4H), from `gru_forward`.
        h: (T + 1, N, H), from `gru_forward`.
        grad_h: (T, N, H) gradient with respect to h[1:], every step's output; None: zero.
        grad_h_last: (N, H) further gradient with respect to h[T]; None: zero.

    Returns:
        Gradients of `table` (R, 3H), `h0` (N, H), `w_hh` (3H, H) and `b_hh` (3H,).

    Raises:
        ValueError: shapes do not fit.
    """
    xp = array_module(w_hh, index, gates, h, grad_h, grad_h_last)
    check_backward(w_hh, index, rows, gates, h, grad_h, grad_h_last)
    steps, n, units = gates.shape[0], h.shape[1], h.shape[2]
    dh = xp.zeros((n, units), h.dtype) if grad_h_last is None else grad_h_last
    dx = xp.empty((steps, n, 3 * units), h.dtype)
    da = xp.empty((steps, n, 3 * units), h.dtype)
    for t in reversed(range(steps)):
        dh = dh if grad_h is None else dh + grad_h[t]
        r, z, new, a_n = (gates[t, :, k * units : (k + 1) * units] for k in range(4))
        dx_n = dh * (1 - z) * (1 - new * new)
        dx_r = dx_n * a_n * r * (1 - r)
        dx_z = dh * (h[t] - new) * z * (1 - z)
        dx[t] = xp.concatenate((dx_r, dx_z, dx_n), axis=1)
        da[t] = xp.concatenate((dx_r, dx_z, dx_n * r), axis=1)
        dh = dh * z + da[t] @ w_hh  # (N, 3H) @ (3H, H)
    dx, da = dx.reshape(steps * n, 3 * units), da.reshape(steps * n, 3 * units)
    return add_rows(dx, index, rows), dh, da.T @ h[:-1].reshape(steps * n, units), da.sum(axis=0)


def check_backward(
    w_hh: Array,
    index: Array | None,
    rows: int,
    gates: Array,
    h: Array,
    grad_h: Array | None,
    grad_h_last: Array | None,
) -> None:
    """Check the arguments of `gru_backward`."""
    steps, n, units = states_shape(h)
    wanted = {
        "w_hh": (w_hh, (3 * units, units)),
        "index": (index, (steps, n)),
        "gates": (gates, (steps, n, 4 * units)),
        "grad_h": (grad_h, (steps, n, units)),
        "grad_h_last": (grad_h_last, (n, units)),
    }
    check_gradients(wanted, h, index, rows)
