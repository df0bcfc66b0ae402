"""Layers with memory: the LSTM."""

from __future__ import annotations

import math

import numpy as np

from tinygen.nn import init
from tinygen.nn.layers import check_sizes
from tinygen.nn.module import Module, Parameter
from tinygen.ops import activation, rnn, shape
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module

GATES = ("sigmoid", "hard_sigmoid")


class LSTM(Module):
    """One or more LSTM layers over a sequence.

        i, f, g, o = split(w_ih x_t + b_ih + w_hh h_{t-1} + b_hh)
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g);   h_t = sigmoid(o) tanh(c_t)

    Args:
        input_size: I, the length of an input vector, or the number of tokens.
        hidden_size: H, the number of units.
        num_layers: layers, one on top of the other.
        bias: whether there are b_ih and b_hh.
        batch_first: inputs and outputs are (N, T, ...) instead of (T, N, ...).
        dropout: the probability with which the outputs of all layers but the last are dropped in training.
        bidirectional: must be False (not here yet).
        gate: ``"sigmoid"``, or Keras 2's ``"hard_sigmoid"`` = clip(0.2 x + 0.5, 0, 1).
        generator: where initial values and dropout come from.

    Attributes:
        weight_ih_l0: (4H, I), gates in the order i f g o; (4H, H) for the layers above.
        weight_hh_l0: (4H, H).
        bias_ih_l0: (4H,).
        bias_hh_l0: (4H,).

    Source: Hochreiter and Schmidhuber (1997); Gers, Schmidhuber and Cummins (2000). Names and layout are PyTorch's.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        gate: str = "sigmoid",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if gate not in GATES:
            raise ValueError(f"`gate` is {gate!r}; valid are {', '.join(GATES)}")
        if bidirectional:
            raise ValueError("`bidirectional` is True; only False is supported")
        if not 0 <= dropout <= 1:
            raise ValueError(f"`dropout` is {dropout!r}; a probability lies from 0 to 1")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.gate, self.generator = gate, generator
        bound = 1 / math.sqrt(hidden_size)
        for k in range(num_layers):
            sizes = {"weight_ih": (4 * hidden_size, hidden_size if k else input_size)}
            sizes["weight_hh"] = (4 * hidden_size, hidden_size)
            if bias:
                sizes["bias_ih"] = sizes["bias_hh"] = (4 * hidden_size,)
            for name, size in sizes.items():
                parameter = Parameter(np.empty(size, np.float32))
                setattr(self, f"{name}_l{k}", init.uniform_(parameter, -bound, bound, generator))

    def layer(self, k: int) -> tuple[Parameter, Parameter, Tensor | None]:
        """Return w_ih, w_hh and b_ih + b_hh of layer ``k``."""
        bias = getattr(self, f"bias_ih_l{k}") + getattr(self, f"bias_hh_l{k}") if self.bias else None
        return getattr(self, f"weight_ih_l{k}"), getattr(self, f"weight_hh_l{k}"), bias

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the layers.

        Args:
            input: (T, N, I) float or (T, N) int tokens; with ``batch_first`` (N, T, I) or (N, T).
            hx: h and c to start from, both (layers, N, H); None for zeros.

        Returns:
            The last layer's h at every step (T, N, H), or (N, T, H); and the final (h, c), both (layers, N, H).
        """
        x = shape.transpose(input, 0, 1) if self.batch_first else input
        n = x.shape[1]
        if hx is None:
            xp = array_module(self.weight_hh_l0._data)
            zeros = Tensor(xp.zeros((self.num_layers, n, self.hidden_size), self.weight_hh_l0.dtype))
            hx = (zeros, zeros)
        wanted = (self.num_layers, n, self.hidden_size)
        for name, state in zip("hc", hx, strict=True):
            if state.shape != wanted:
                raise ValueError(f"LSTM: the starting {name} has shape {state.shape}; it must be {wanted}")
        last_h, last_c = [], []
        for k in range(self.num_layers):
            if k:
                x = activation.dropout(x, self.dropout, self.training, self.generator)
            x, h, c = rnn.lstm(x, hx[0][k], hx[1][k], *self.layer(k), gate=self.gate)
            last_h.append(h)
            last_c.append(c)
        output = shape.transpose(x, 0, 1) if self.batch_first else x
        return output, (shape.stack(last_h), shape.stack(last_c))

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"


class LSTMCell(Module):
    """One step of an LSTM: x (N, I) and (h, c), both (N, H), give the next (h, c). Arguments as :class:`LSTM`."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size = input_size, hidden_size
        bound = 1 / math.sqrt(hidden_size)
        sizes = {"weight_ih": (4 * hidden_size, input_size), "weight_hh": (4 * hidden_size, hidden_size)}
        sizes |= {"bias_ih": (4 * hidden_size,), "bias_hh": (4 * hidden_size,)} if bias else {}
        for name, size in sizes.items():
            setattr(self, name, init.uniform_(Parameter(np.empty(size, np.float32)), -bound, bound, generator))
        self.has_bias = bias

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Run one step; without ``hx`` from zeros."""
        if hx is None:
            zeros = Tensor(array_module(input._data).zeros((input.shape[0], self.hidden_size), self.weight_hh.dtype))
            hx = (zeros, zeros)
        bias = self.bias_ih + self.bias_hh if self.has_bias else None
        return rnn.lstm_cell(input, *hx, self.weight_ih, self.weight_hh, bias)
