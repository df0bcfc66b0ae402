"""Recurrent layers over whole sequences: LSTM and GRU."""

from __future__ import annotations

from typing import Any

from tinygen.autograd import Node
from tinygen.fusion import FusedFunction
from tinygen.ops._inputs import as_tensor
from tinygen.ops.arithmetic import where
from tinygen.ops.elementwise import sigmoid, tanh
from tinygen.ops.indexing import embedding, getitem
from tinygen.ops.join import split, stack
from tinygen.ops.matmul import linear
from tinygen.ops.shape import reshape, transpose
from tinygen.tensor import Tensor
from tinygen_ops.gru import gru_backward, gru_forward
from tinygen_ops.lstm import GATES, lstm_backward, lstm_forward

# What both share ----------------------------------------------------------------------------------------------------


def _check(op: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, gates: int, **others: Tensor | None) -> None:
    """Check one layer's arguments, x (..., N, I) or (..., N) tokens: in ``others`` states are h.. c.., biases b.. ."""
    floats = {"w_ih": w_ih, "w_hh": w_hh} | {name: t for name, t in others.items() if t is not None or name[0] != "b"}
    for name, t in floats.items():
        as_tensor(t, name)
    tokens = x.dtype.kind in "iu"
    n, units = x.shape[-1 if tokens else -2], w_hh.shape[-1] if w_hh.ndim else 0
    if w_hh.shape != (gates * units, units):
        raise ValueError(f"{op}: `w_hh` has shape {w_hh.shape}; it must be ({gates}H, H)")
    if w_ih.ndim != 2 or w_ih.shape[0] != gates * units or (not tokens and x.shape[-1] != w_ih.shape[1]):
        what = "tokens" if tokens else f"`input` {x.shape}"
        raise ValueError(f"{op}: {what} does not fit `w_ih` {w_ih.shape}; it must be ({gates * units}, I)")
    for name, t in floats.items():
        wanted = {"h": (n, units), "c": (n, units), "b": (gates * units,), "w": t.shape}[name[0]]
        if t.shape != wanted:
            raise ValueError(f"{op}: `{name}` has shape {t.shape}; for N = {n}, H = {units} it must be {wanted}")
        if t.dtype.kind != "f" or t.dtype != (w_ih if tokens else x).dtype:
            first = f"`w_ih` is {w_ih.dtype}" if tokens else f"`input` is {x.dtype}"
            raise ValueError(f"{op}: {first}, `{name}` {t.dtype}; all must have one floating dtype")


def _sequence(op: str, input: Tensor) -> Tensor:
    """Return ``input`` if it is (T, N, I) float, or (T, N) integer tokens."""
    x = as_tensor(input, "input")
    if x.ndim != (2 if x.dtype.kind in "iu" else 3):
        raise ValueError(f"{op}: `input` has shape {x.shape}; it must be (T, N, I), or (T, N) for integer tokens")
    if not x.shape[0]:
        raise ValueError(f"{op}: `input` has no steps; T must be at least 1")
    return x


def _table(x: Tensor, w_ih: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the input's share of the pre-activations, and for tokens the index into it.

    A token stands for its one-hot vector, of which the product with ``w_ih`` is just one of its columns.
    """
    if x.dtype.kind in "iu":
        table = transpose(w_ih, 0, 1)  # (G H, V) -> (V, G H): one row for each token
        return (table if bias is None else table + bias), x
    rows = reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))  # (T, N, I) -> (T N, I)
    return linear(rows, w_ih, bias), None


def _step(table: Tensor, index: Tensor | None, t: int, n: int) -> Tensor:
    """The share of step ``t``: (N, G H)."""
    return getitem(table, slice(t * n, (t + 1) * n)) if index is None else embedding(index[t], table)


# LSTM ---------------------------------------------------------------------------------------------------------------


class LSTMScan(FusedFunction):
    """The recurrence of an LSTM layer over T steps, gates in the order i f g o, y = sigmoid or hard sigmoid.

    a_t = table[index_t] + w_hh h_{t-1};  i, f, o = y(a);  g = tanh(a);  c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)
    dc = dc' + dh o (1 - tanh(c_t)**2);  da = (dc g y', dc c_{t-1} y', dc i (1 - g**2), dh tanh(c_t) y')
    to the step before: dc f and w_hh^T da;  dw_hh = sum_t da_t h_{t-1}^T;  dtable[index_t] += da_t

    Derivation: walk back in time with dh and dc', the gradients that reach h_t (from the output and from step t + 1)
    and c_t (from step t + 1). h_t = o tanh(c_t): the product rule gives o the gradient dh tanh(c_t), and c_t a
    further dh o (1 - tanh(c_t)**2). c_t = f c_{t-1} + i g: likewise each factor gets dc times the other one. Behind
    each gate stands its slope, y (1 - y) for the sigmoid, 1 - g**2 for tanh. c_{t-1} gets dc f: where f is near 1
    the gradient passes undamped through many steps, which is the point of an LSTM. The weights are the same at every
    step, so their gradient is the sum over the steps; a row of the table is summed over all who used it.
    """

    @staticmethod
    def forward(ctx: Node, table: Any, index: Any, h0: Any, c0: Any, w_hh: Any, gate: str, steps: int) -> tuple:
        h, c, gates = lstm_forward(table, index, h0, c0, w_hh, gate)
        ctx.save(table, index, h0, c0, w_hh, h, c)
        ctx.kept, ctx.settings = (h, c, gates), {"gate": gate, "steps": steps}
        ctx.materialize = False  # most often only one of the three outputs is used
        return h[1:], h[-1], c[-1]

    @staticmethod
    def fast_backward(ctx: Node, inputs: list[Any], output_gradients: list[Any]) -> tuple:
        table, index, _, _, w_hh = inputs
        h, c, gates = ctx.kept
        to_table, to_h0, to_c0, to_w_hh = lstm_backward(
            w_hh, index, table.shape[0], gates, c, h, *output_gradients, gate=ctx.settings["gate"]
        )
        return to_table, None, to_h0, to_c0, to_w_hh

    @staticmethod
    def reference(
        table: Tensor, index: Tensor | None, h0: Tensor, c0: Tensor, w_hh: Tensor, gate: str, steps: int
    ) -> tuple:
        h, c, outputs = h0, c0, []
        for t in range(steps):
            h, c = _lstm_step(_step(table, index, t, h0.shape[0]) + linear(h, w_hh), c, gate)
            outputs.append(h)
        return stack(outputs), h, c


def _lstm_step(a: Tensor, c: Tensor, gate: str) -> tuple[Tensor, Tensor]:
    """One step from the pre-activations a (N, 4H): (h, c)."""
    i, f, g, o = split(a, c.shape[1], 1)
    squash = sigmoid if gate == "sigmoid" else _hard_sigmoid
    c = squash(f) * c + squash(i) * tanh(g)
    return squash(o) * tanh(c), c


def _hard_sigmoid(x: Tensor) -> Tensor:
    """Keras 2's cheap sigmoid: clip(0.2 x + 0.5, 0, 1); at its two kinks the slope is 0, as in the kernel."""
    y = 0.2 * x + 0.5
    return where(y <= 0, 0.0, where(y >= 1, 1.0, y))


def _check_gate(gate: str) -> None:
    if gate not in GATES:
        raise ValueError(f"`gate` is {gate!r}; valid are {', '.join(GATES)}")


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None = None, gate: str = "sigmoid"
) -> tuple[Tensor, Tensor]:
    """Run one step of an LSTM.

        i, f, g, o = split(w_ih x + w_hh h + b);  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')

    Args:
        x: the input (N, I) float.
        h: hidden state (N, H).
        c: cell state (N, H).
        w_ih: (4H, I), gates in the order i f g o.
        w_hh: (4H, H).
        bias: (4H,) or None.
        gate: ``"sigmoid"`` or ``"hard_sigmoid"``, clip(0.2 x + 0.5, 0, 1), whose slope at its kinks is 0.

    Returns:
        h' and c', both (N, H).

    Raises:
        ValueError: if the shapes do not fit, or the dtypes differ.

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); the forget gate is of Gers et al. (2000).
    """
    _check_gate(gate)
    _check_cell("lstm_cell", x, w_ih, w_hh, 4, h=h, c=c, bias=bias)
    return _lstm_step(linear(x, w_ih, bias) + linear(h, w_hh), c, gate)


def _check_cell(op: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, gates: int, **others: Tensor | None) -> None:
    if as_tensor(x, "x").ndim != 2 or x.dtype.kind != "f":
        raise ValueError(f"{op}: `x` is {x.dtype} of shape {x.shape}; it must be floating, (N, I)")
    _check(op, x, w_ih, w_hh, gates, **others)


def lstm(
    input: Tensor,
    h0: Tensor,
    c0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor | None = None,
    gate: str = "sigmoid",
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one LSTM layer over a sequence.

        i, f, g, o = split(w_ih x_t + w_hh h_{t-1} + b)
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g);  h_t = sigmoid(o) tanh(c_t)

    Args:
        input: (T, N, I) float, or (T, N) int token numbers below I. A token stands for its one-hot vector, of which
            the product with ``w_ih`` is just one of its columns: it is looked up, never multiplied.
        h0: hidden state before the first step (N, H).
        c0: cell state before the first step (N, H).
        w_ih: (4H, I), gates in the order i f g o.
        w_hh: (4H, H).
        bias: (4H,) or None.
        gate: ``"sigmoid"`` or ``"hard_sigmoid"``, clip(0.2 x + 0.5, 0, 1), whose slope at its kinks is 0.

    Returns:
        The hidden state after every step (T, N, H), and h and c after the last (N, H).

    Raises:
        ValueError: if the shapes do not fit, or the dtypes differ.
        IndexError: if a token is not below I.

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); the forget gate is of Gers et al. (2000).
    """
    _check_gate(gate)
    x = _sequence("lstm", input)
    _check("lstm", x, w_ih, w_hh, 4, h0=h0, c0=c0, bias=bias)
    scan = LSTMScan.apply if x.shape[1] else LSTMScan.reference  # no sequences: nothing to do for a kernel
    return scan(*_table(x, w_ih, bias), h0, c0, w_hh, gate=gate, steps=x.shape[0])


# GRU ----------------------------------------------------------------------------------------------------------------


class GRUScan(FusedFunction):
    """The recurrence of a GRU layer over T steps, gates in the order r z n.

    x_t = table[index_t];  a_t = w_hh h_{t-1} + b_hh;  r, z = sigmoid(x + a);  n = tanh(x + r a)
    h_t = (1 - z) n + z h_{t-1}
    dx_n = dh (1 - z) (1 - n**2);  da_n = dx_n r;  dx_r = da_r = dx_n a_n r (1 - r)
    dx_z = da_z = dh (h_{t-1} - n) z (1 - z);  to the step before: dh z + w_hh^T da
    dw_hh = sum_t da_t h_{t-1}^T;  db_hh = sum_t da_t;  dtable[index_t] += dx_t

    Derivation: walk back in time with dh, the gradient that reaches h_t from the output and from step t + 1. h_t
    mixes n and h_{t-1}: n gets dh (1 - z), h_{t-1} gets dh z, and z, which moves the mixture from n to h_{t-1}, gets
    dh (h_{t-1} - n). Behind z and r stands the sigmoid's slope y (1 - y), behind n that of tanh, 1 - n**2. Inside
    the tanh the product rule on r a_n gives a_n the factor r and r the factor a_n; so x and a, alike for r and z,
    differ in their part for n. Where z is near 1 the old state and its gradient pass undamped. The weights are the
    same at every step, so their gradient is the sum over the steps.
    """

    @staticmethod
    def forward(ctx: Node, table: Any, index: Any, h0: Any, w_hh: Any, b_hh: Any, steps: int) -> tuple:
        h, gates = gru_forward(table, index, h0, w_hh, b_hh)
        ctx.save(table, index, h0, w_hh, b_hh, h)
        ctx.kept, ctx.settings = (h, gates), {"steps": steps}
        ctx.materialize = False  # most often only one of the two outputs is used
        return h[1:], h[-1]

    @staticmethod
    def fast_backward(ctx: Node, inputs: list[Any], output_gradients: list[Any]) -> tuple:
        table, index, _, w_hh, _ = inputs
        h, gates = ctx.kept
        to_table, *others = gru_backward(w_hh, index, table.shape[0], gates, h, *output_gradients)
        return to_table, None, *others

    @staticmethod
    def reference(
        table: Tensor, index: Tensor | None, h0: Tensor, w_hh: Tensor, b_hh: Tensor | None, steps: int
    ) -> tuple:
        h, outputs = h0, []
        for t in range(steps):
            h = _gru_step(_step(table, index, t, h0.shape[0]), linear(h, w_hh, b_hh), h)
            outputs.append(h)
        return stack(outputs), h


def _gru_step(x: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """One step from the shares of input and state in the pre-activations, both (N, 3H)."""
    x_r, x_z, x_n = split(x, h.shape[1], 1)
    a_r, a_z, a_n = split(a, h.shape[1], 1)
    n = tanh(x_n + sigmoid(x_r + a_r) * a_n)
    return n + sigmoid(x_z + a_z) * (h - n)


def gru_cell(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Run one step of a GRU.

        r, z = sigmoid(w_ih x + b_ih + w_hh h + b_hh);  n = tanh(w_in x + b_in + r (w_hn h + b_hn))
        h' = (1 - z) n + z h

    Args:
        x: the input (N, I) float.
        h: hidden state (N, H).
        w_ih: (3H, I), gates in the order r z n.
        w_hh: (3H, H).
        b_ih: (3H,) or None.
        b_hh: (3H,) or None.

    Returns:
        h', (N, H).

    Raises:
        ValueError: if the shapes do not fit, or the dtypes differ.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), section 2.3; r outside
    the recurrent product, as in PyTorch and cuDNN.
    """
    _check_cell("gru_cell", x, w_ih, w_hh, 3, h=h, b_ih=b_ih, b_hh=b_hh)
    return _gru_step(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh), h)


def gru(
    input: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run one GRU layer over a sequence.

        r, z = sigmoid(w_ih x_t + b_ih + w_hh h_{t-1} + b_hh);  n = tanh(w_in x_t + b_in + r (w_hn h_{t-1} + b_hn))
        h_t = (1 - z) n + z h_{t-1}

    Args:
        input: (T, N, I) float, or (T, N) int token numbers below I, which are looked up, as in :func:`lstm`.
        h0: hidden state before the first step (N, H).
        w_ih: (3H, I), gates in the order r z n.
        w_hh: (3H, H).
        b_ih: (3H,) or None.
        b_hh: (3H,) or None; its part for n is multiplied by r, so it is no mere second half of ``b_ih``.

    Returns:
        The hidden state after every step (T, N, H), and after the last (N, H).

    Raises:
        ValueError: if the shapes do not fit, or the dtypes differ.
        IndexError: if a token is not below I.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), section 2.3; r outside
    the recurrent product, as in PyTorch and cuDNN.
    """
    x = _sequence("gru", input)
    _check("gru", x, w_ih, w_hh, 3, h0=h0, b_ih=b_ih, b_hh=b_hh)
    scan = GRUScan.apply if x.shape[1] else GRUScan.reference  # no sequences: nothing to do for a kernel
    return scan(*_table(x, w_ih, b_ih), h0, w_hh, b_hh, steps=x.shape[0])
