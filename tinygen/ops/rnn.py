"""Recurrent layers over whole sequences."""

from __future__ import annotations

from typing import Any

from tinygen.autograd import Node
from tinygen.fusion import FusedFunction
from tinygen.ops._inputs import as_tensor
from tinygen.ops.arithmetic import clip
from tinygen.ops.elementwise import sigmoid, tanh
from tinygen.ops.indexing import embedding, getitem
from tinygen.ops.matmul import linear
from tinygen.ops.shape import split, stack, transpose
from tinygen.tensor import Tensor
from tinygen_ops.lstm import GATES, lstm_backward, lstm_forward


class LSTMScan(FusedFunction):
    """The recurrence of an LSTM layer over T steps, gates in the order i f g o.

    z_t = table[index_t] + w_hh h_{t-1};  i, f, o = gate(z);  g = tanh(z)
    c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)
    """

    @staticmethod
    def forward(ctx: Node, table: Any, index: Any, h0: Any, c0: Any, w_hh: Any, gate: str) -> tuple:
        h, c, gates = lstm_forward(table, index, h0, c0, w_hh, gate)
        ctx.save(table, index, h0, c0, w_hh)
        ctx.kept, ctx.settings = (h, c, gates), {"gate": gate}
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
    def reference(table: Tensor, index: Tensor | None, h0: Tensor, c0: Tensor, w_hh: Tensor, gate: str) -> tuple:
        units, n = h0.shape[1], h0.shape[0]
        steps = table.shape[0] // n if index is None else index.shape[0]
        h, c, outputs = h0, c0, []
        for t in range(steps):
            x = getitem(table, slice(t * n, (t + 1) * n)) if index is None else embedding(index[t], table)
            i, f, g, o = split(x + linear(h, w_hh), units, 1)
            h, c = _cell(i, f, g, o, c, gate)
            outputs.append(h)
        return stack(outputs), h, c


def _cell(i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor, gate: str) -> tuple[Tensor, Tensor]:
    """One step from the gates' pre-activations: (h, c)."""
    squash = sigmoid if gate == "sigmoid" else _hard_sigmoid
    c = squash(f) * c + squash(i) * tanh(g)
    return squash(o) * tanh(c), c


def _hard_sigmoid(x: Tensor) -> Tensor:
    """Keras 2's cheap sigmoid: clip(0.2 x + 0.5, 0, 1)."""
    return clip(0.2 * x + 0.5, 0.0, 1.0)


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None = None, gate: str = "sigmoid"
) -> tuple[Tensor, Tensor]:
    """Run one step of an LSTM.

        i, f, g, o = split(w_ih x + w_hh h + b);  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')

    Args:
        x: the input (N, I) float.
        h: hidden state (N, H).
        c: cell state (N, H).
        w_ih: (4H, I).
        w_hh: (4H, H).
        bias: (4H,) or None.
        gate: ``"sigmoid"`` or ``"hard_sigmoid"``, clip(0.2 x + 0.5, 0, 1).

    Returns:
        h' and c', both (N, H).

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); the forget gate is of Gers et al. (2000).
    """
    if gate not in GATES:
        raise ValueError(f"`gate` is {gate!r}; valid are {', '.join(GATES)}")
    if h.shape != c.shape or h.shape != (*x.shape[:1], w_hh.shape[-1]):
        shapes = f"`x` {x.shape} and `w_hh` {w_hh.shape}"
        raise ValueError(f"lstm_cell: `h` {h.shape} and `c` {c.shape} must be (N, H) for {shapes}")
    i, f, g, o = split(linear(x, w_ih, bias) + linear(h, w_hh), w_hh.shape[1], 1)
    return _cell(i, f, g, o, c, gate)


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

    Args:
        input: (T, N, I) float, or (T, N) int token numbers below I. A token stands for its one-hot vector, of which
            the product with ``w_ih`` is just one of its columns: it is looked up, never multiplied.
        h0: hidden state before the first step (N, H).
        c0: cell state before the first step (N, H).
        w_ih: (4H, I), gates in the order i f g o.
        w_hh: (4H, H).
        bias: (4H,) or None.
        gate: ``"sigmoid"`` or ``"hard_sigmoid"``.

    Returns:
        The hidden state after every step (T, N, H), and h and c after the last (N, H).

    Raises:
        ValueError: if the shapes do not fit.
        IndexError: if a token is not below I.
    """
    x = as_tensor(input, "input")
    tokens = x.dtype.kind in "iu"
    if x.ndim != (2 if tokens else 3):
        raise ValueError(f"lstm: `input` has shape {x.shape}; it must be (T, N, I), or (T, N) for integer tokens")
    if w_ih.ndim != 2 or (not tokens and x.shape[2] != w_ih.shape[1]):
        raise ValueError(f"lstm: `input` {x.shape} does not fit `w_ih` {w_ih.shape}; it must be (4H, I)")
    if not x.shape[0]:
        raise ValueError("lstm: `input` has no steps; T must be at least 1")
    if tokens:
        table = transpose(w_ih, 0, 1)  # (4H, V) -> (V, 4H): one row for each token
        table = table if bias is None else table + bias
        return LSTMScan.apply(table, x, h0, c0, w_hh, gate=gate)
    table = linear(x.reshape(-1, x.shape[2]), w_ih, bias)  # (T N, 4H)
    return LSTMScan.apply(table, None, h0, c0, w_hh, gate=gate)
