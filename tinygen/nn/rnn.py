"""Layers with memory: LSTM and GRU, over sequences or one step at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.creation import zeros
from tinygen.nn import init
from tinygen.nn.layers import check_sizes
from tinygen.nn.module import Module, Parameter
from tinygen.ops import activation, arrange, join, rnn, shape
from tinygen.ops._inputs import as_tensor
from tinygen.random import Generator
from tinygen.tensor import Tensor

GATES = ("sigmoid", "hard_sigmoid")


def _add_weights(layer: Module, gates: int, inputs: int, suffix: str, generator: Generator | None) -> None:
    """Give ``layer`` the weights of one direction, drawn evenly from +-1/sqrt(H) as PyTorch does."""
    units, bound = layer.hidden_size, 1 / math.sqrt(layer.hidden_size)
    sizes = {"weight_ih": (gates * units, inputs), "weight_hh": (gates * units, units)}
    sizes |= {"bias_ih": (gates * units,), "bias_hh": (gates * units,)} if layer.bias else {}
    for name, size in sizes.items():
        parameter = Parameter(np.empty(size, np.float32))
        setattr(layer, name + suffix, init.uniform_(parameter, -bound, bound, generator))


def _weights(layer: Module, suffix: str) -> tuple[Parameter, Parameter, Parameter | None, Parameter | None]:
    """Return w_ih, w_hh, b_ih, b_hh of one direction."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return tuple([getattr(layer, name + suffix, None) for name in names])


def _lstm_weights(layer: Module, suffix: str) -> tuple[Parameter, Parameter, Tensor | None]:
    """Return w_ih, w_hh, b_ih + b_hh of one direction."""
    w_ih, w_hh, b_ih, b_hh = _weights(layer, suffix)
    return w_ih, w_hh, None if b_ih is None else b_ih + b_hh


def _checked_states(layer: Module, hx: Any, names: str, wanted: tuple[int, ...], like: Tensor) -> list[Tensor]:
    """Return the states to start from, one for each letter of ``names``, all of the shape ``wanted``."""
    kind = type(layer).__name__
    if hx is None:
        return [zeros(wanted, dtype=like.dtype, device=like.device)] * len(names)
    states = [hx] if len(names) == 1 else hx
    if len(names) > 1 and not (isinstance(hx, (tuple, list)) and len(hx) == len(names)):
        raise TypeError(f"{kind}: `hx` must be a tuple of {len(names)} Tensors ({', '.join(names)}), or None")
    for name, state in zip(names, states, strict=True):
        if as_tensor(state, "hx").shape != wanted:
            raise ValueError(f"{kind}: `hx`: the starting {name} has shape {state.shape}; it must be {wanted}")
    return list(states)


class _Recurrent(Module):
    """What LSTM and GRU share: their arguments, and the way through layers and directions.

    A subclass defines ``_scan(x, states, suffix)``, which runs one direction of one layer and returns its outputs and
    each state after the last step.
    """

    gates: int  # a multiple of H: the rows of the weights
    states: str  # one letter for each state that is carried from step to step

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        generator: Generator | None,
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(f"`dropout` is {dropout!r}; a probability lies from 0 to 1")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.generator = generator
        for k in range(num_layers):
            inputs = hidden_size * (2 if bidirectional else 1) if k else input_size
            for suffix in self._suffixes(k):
                _add_weights(self, self.gates, inputs, suffix, generator)

    def _suffixes(self, k: int) -> list[str]:
        """How the names of the weights of layer ``k`` end, one for each direction."""
        return [f"_l{k}", f"_l{k}_reverse"] if self.bidirectional else [f"_l{k}"]

    def _run(self, input: Tensor, hx: Any) -> tuple[Tensor, list[Tensor]]:
        """Run all layers: the last one's outputs, and each state of all layers after the last step."""
        x = as_tensor(input, "input")
        tokens, kind = x.dtype.kind in "iu", type(self).__name__
        batched = x.ndim == (2 if tokens else 3)
        if not batched and x.ndim != (1 if tokens else 2):
            valid = "(T, N) or unbatched (T,) for integer tokens" if tokens else "(T, N, I), or unbatched (T, I)"
            valid = valid.replace("T, N", "N, T") if self.batch_first else valid
            raise ValueError(f"{kind}: `input` has shape {x.shape}; it must be {valid}")
        if not tokens and x.shape[-1] != self.input_size:
            raise ValueError(f"{kind}: `input` has shape {x.shape}; its last axis must be {self.input_size} long")
        if not batched:
            x = shape.unsqueeze(x, 1)  # (T, I) -> (T, 1, I)
        elif self.batch_first:
            x = shape.transpose(x, 0, 1)  # (N, T, I) -> (T, N, I)
        rows = self.num_layers * (2 if self.bidirectional else 1)
        wanted = (rows, x.shape[1], self.hidden_size) if batched else (rows, self.hidden_size)
        states = _checked_states(self, hx, self.states, wanted, self.weight_hh_l0)
        states = states if batched else [shape.unsqueeze(s, 1) for s in states]  # (L, H) -> (L, 1, H)
        x, ends = self._through_layers(x, states)
        if not batched:
            return shape.squeeze(x, 1), [shape.squeeze(s, 1) for s in ends]
        return shape.transpose(x, 0, 1) if self.batch_first else x, ends

    def _through_layers(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Run x (T, N, I) through all layers, from states (layers * directions, N, H)."""
        ends: list[tuple[Tensor, ...]] = []
        for k in range(self.num_layers):
            if k:
                x = activation.dropout(x, self.dropout, self.training, generator=self.generator)
            outputs = []
            for backwards, suffix in enumerate(self._suffixes(k)):
                start = [state[len(ends)] for state in states]
                y, *end = self._scan(arrange.flip(x, 0) if backwards else x, start, suffix)
                outputs.append(arrange.flip(y, 0) if backwards else y)
                ends.append(end)
            x = join.cat(outputs, 2) if len(outputs) > 1 else outputs[0]  # (T, N, directions * H)
        return x, [join.stack(state) for state in zip(*ends, strict=True)]

    def flatten_parameters(self) -> None:
        """Do nothing: there is no cuDNN to lay weights out for. Here for code written for PyTorch."""

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the default."""
        options = {
            "num_layers": (self.num_layers, 1),
            "bias": (self.bias, True),
            "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0),
            "bidirectional": (self.bidirectional, False),
        }
        told = [f"{name}={value}" for name, (value, default) in options.items() if value != default]
        return ", ".join([str(self.input_size), str(self.hidden_size), *told])


class LSTM(_Recurrent):
    """One or more LSTM layers over a sequence, one way or both.

        i, f, g, o = split(w_ih x_t + b_ih + w_hh h_{t-1} + b_hh)
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g);   h_t = sigmoid(o) tanh(c_t)

    A reverse direction runs the same equations from the last step to the first; its outputs stand behind those of
    the forward one, each at the step it belongs to.

    Args:
        input_size: I, the length of an input vector, or the number of tokens.
        hidden_size: H, the number of units.
        num_layers: layers, one on top of the other.
        bias: whether there are b_ih and b_hh.
        batch_first: inputs and outputs are (N, T, ...) instead of (T, N, ...); hx and what is returned for it not.
        dropout: the probability with which the outputs of all layers but the last are dropped in training.
        bidirectional: whether each layer also runs backwards; D below is then 2, else 1.
        proj_size: taken for PyTorch's sake; must be 0 (no projection of the outputs).
        gate: ``"sigmoid"``, or Keras 2's ``"hard_sigmoid"`` = clip(0.2 x + 0.5, 0, 1).
        generator: where initial values and dropout come from.

    Attributes:
        weight_ih_l0: (4H, I), gates in the order i f g o; (4H, D H) for the layers above, weight_ih_l1 and so on.
        weight_hh_l0: (4H, H).
        bias_ih_l0: (4H,).
        bias_hh_l0: (4H,).
        weight_ih_l0_reverse: of the reverse direction, as all the others.

    Source: Hochreiter and Schmidhuber (1997); Gers, Schmidhuber and Cummins (2000); both directions: Schuster and
    Paliwal, "Bidirectional recurrent neural networks" (1997). Names and layout are PyTorch's.
    """

    gates, states = 4, "hc"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        gate: str = "sigmoid",
        generator: Generator | None = None,
    ) -> None:
        if gate not in GATES:
            raise ValueError(f"`gate` is {gate!r}; valid are {', '.join(GATES)}")
        if proj_size:
            raise ValueError(f"`proj_size` is {proj_size!r}; only 0 (no projection of the outputs) is supported")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, generator)
        self.gate = gate

    def layer(self, k: int) -> tuple[Parameter, Parameter, Tensor | None]:
        """Return w_ih, w_hh and b_ih + b_hh of layer ``k``, forward direction."""
        return _lstm_weights(self, f"_l{k}")

    def _scan(self, x: Tensor, states: list[Tensor], suffix: str) -> tuple[Tensor, ...]:
        return rnn.lstm(x, *states, *_lstm_weights(self, suffix), gate=self.gate)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the layers.

        Args:
            input: (T, N, I) float or (T, N) int tokens; with ``batch_first`` (N, T, I) or (N, T). One sequence
                without a batch: (T, I) or (T,).
            hx: h and c to start from, both (layers * D, N, H), layer after layer, forward before reverse; None for
                zeros. Without a batch (layers * D, H).

        Returns:
            The last layer's h at every step (T, N, D H), (N, T, D H) or (T, D H); and the final (h, c), both of the
            shape of ``hx``: of a reverse direction those after step 0.

        Raises:
            ValueError: if shapes do not fit, or the dtypes of input, states and weights differ.
            IndexError: if a token is not below I.
        """
        output, (h, c) = self._run(input, hx)
        return output, (h, c)


class GRU(_Recurrent):
    """One or more GRU layers over a sequence, one way or both.

        r, z = sigmoid(w_ih x_t + b_ih + w_hh h_{t-1} + b_hh);  n = tanh(w_in x_t + b_in + r (w_hn h_{t-1} + b_hn))
        h_t = (1 - z) n + z h_{t-1}

    A reverse direction runs the same equations from the last step to the first; its outputs stand behind those of
    the forward one, each at the step it belongs to.

    Args:
        input_size: I, the length of an input vector, or the number of tokens.
        hidden_size: H, the number of units.
        num_layers: layers, one on top of the other.
        bias: whether there are b_ih and b_hh.
        batch_first: inputs and outputs are (N, T, ...) instead of (T, N, ...); hx and what is returned for it not.
        dropout: the probability with which the outputs of all layers but the last are dropped in training.
        bidirectional: whether each layer also runs backwards; D below is then 2, else 1.
        generator: where initial values and dropout come from.

    Attributes:
        weight_ih_l0: (3H, I), gates in the order r z n; (3H, D H) for the layers above, weight_ih_l1 and so on.
        weight_hh_l0: (3H, H).
        bias_ih_l0: (3H,).
        bias_hh_l0: (3H,).
        weight_ih_l0_reverse: of the reverse direction, as all the others.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), section 2.3, with r
    outside the recurrent product as in PyTorch and cuDNN. Names and layout are PyTorch's.
    """

    gates, states = 3, "h"

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
        generator: Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, generator)

    def _scan(self, x: Tensor, states: list[Tensor], suffix: str) -> tuple[Tensor, ...]:
        return rnn.gru(x, *states, *_weights(self, suffix))

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the layers.

        Args:
            input: (T, N, I) float or (T, N) int tokens; with ``batch_first`` (N, T, I) or (N, T). One sequence
                without a batch: (T, I) or (T,).
            hx: h to start from (layers * D, N, H), layer after layer, forward before reverse; None for zeros.
                Without a batch (layers * D, H).

        Returns:
            The last layer's h at every step (T, N, D H), (N, T, D H) or (T, D H); and the final h, of the shape of
            ``hx``: of a reverse direction that after step 0.

        Raises:
            ValueError: if shapes do not fit, or the dtypes of input, states and weights differ.
            IndexError: if a token is not below I.
        """
        output, (h,) = self._run(input, hx)
        return output, h


class _Cell(Module):
    """What LSTMCell and GRUCell share; a subclass defines ``_step(x, states)``, one step on x (N, I)."""

    gates: int
    states: str

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        _add_weights(self, self.gates, input_size, "", generator)

    def _run(self, input: Tensor, hx: Any) -> list[Tensor]:
        """Run one step on (N, I), or (I,) without a batch."""
        x = as_tensor(input, "input")
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            wanted = f"(N, {self.input_size}), or unbatched ({self.input_size},)"
            raise ValueError(f"{type(self).__name__}: `input` has shape {x.shape}; it must be {wanted}")
        wanted = (*x.shape[:-1], self.hidden_size)
        states = _checked_states(self, hx, self.states, wanted, self.weight_hh)
        if x.ndim == 2:
            return list(self._step(x, states))
        ends = self._step(shape.unsqueeze(x, 0), [shape.unsqueeze(s, 0) for s in states])
        return [shape.squeeze(s, 0) for s in ends]

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class LSTMCell(_Cell):
    """One step of an LSTM; the equations and weights are those of :class:`LSTM`, the names without ``_l0``.

    Args:
        input_size: I, the length of an input vector.
        hidden_size: H, the number of units.
        bias: whether there are b_ih and b_hh.
        generator: where initial values come from.
    """

    gates, states = 4, "hc"

    def _step(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, ...]:
        return rnn.lstm_cell(x, *states, *_lstm_weights(self, ""))

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Run one step: (N, I) and (h, c), both (N, H), None for zeros, give the next (h, c); or all without N."""
        h, c = self._run(input, hx)
        return h, c


class GRUCell(_Cell):
    """One step of a GRU; the equations and weights are those of :class:`GRU`, the names without ``_l0``.

    Args:
        input_size: I, the length of an input vector.
        hidden_size: H, the number of units.
        bias: whether there are b_ih and b_hh.
        generator: where initial values come from.
    """

    gates, states = 3, "h"

    def _step(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, ...]:
        return (rnn.gru_cell(x, *states, *_weights(self, "")),)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Run one step: (N, I) and h (N, H), None for zeros, give the next h; or all without N."""
        (h,) = self._run(input, hx)
        return h
