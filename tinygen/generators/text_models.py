"""The networks that write text: an LSTM, a GRU, and convolutions that look back only.

Each reads tokens and says, at every place, how likely each token is to come next. What they share is
:class:`LanguageModel`: ``features`` from tokens to vectors, with a state that is carried from one stretch of the text
to the next; ``score`` from vectors to a score for each token; ``sample``, which writes.

Source: the LSTM is the network of F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.1. Dropout between
layers and before the scores only: W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent Neural Network Regularization"
(2014). Dilated causal convolutions: A. van den Oord et al., "WaveNet" (2016), section 2.1; gated without a bound on
what passes: Y. Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2017), section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen import nn
from tinygen.backend import to_device
from tinygen.generators.text_sampling import Block, ConvStepper, GRUStepper, Stepper, write
from tinygen.generators.text_settings import Settings, dilations
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.join import cat
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.lstm import lstm_sample

State = list[Tensor]
NEVER = -1e9  # the score of a token that is not written; -inf would turn to NaN in a kernel that subtracts


class LanguageModel(nn.Module):
    """What the networks share; a subclass makes its layers, defines ``features``, and ``stepper`` or ``sample``.

    A subclass has ``dense``, the layer to the scores, and ``embedding``, None where tokens go in as they are.
    """

    dense: nn.Linear
    embedding: nn.Embedding | None = None
    output_dropout = 0.0
    generator: Generator | None = None

    def features(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Map tokens (T, N) int to vectors (T, N, H), from ``state``, None for the beginning; and the state after."""
        raise TypeError(f"{type(self).__name__} does not define features()")

    def stepper(self) -> Stepper:
        """Return what reads one token at a time and scores the next, on arrays."""
        raise TypeError(f"{type(self).__name__} does not define stepper()")

    def thinned(self, hidden: Tensor) -> Tensor:
        """Drop some of the vectors' numbers, in training."""
        if not self.output_dropout:
            return hidden
        return F.dropout(hidden, self.output_dropout, self.training, generator=self.generator)

    def score(self, hidden: Tensor) -> Tensor:
        """Map vectors (..., H) to the score of every token that may follow (..., V)."""
        return self.dense(self.thinned(hidden))

    def forward(self, tokens: Tensor, every: bool = False) -> Tensor:
        """Map windows (T, N) int to scores of the token behind each (N, V), or behind ``every`` place (T, N, V)."""
        hidden, state = self.features(tokens)
        return self.score(hidden if every else self.last(hidden, state))

    def last(self, hidden: Tensor, state: State) -> Tensor:
        """Return the vectors at the last place (N, H)."""
        return hidden[-1]

    def trained(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [p for p in self.parameters() if p.requires_grad]

    def sample(
        self, prompt: np.ndarray, length: int, generator: Generator, temperature: float = 1.0, top_k: int = 0,
        top_p: float = 1.0, greedy: bool = False, silent: tuple[int, ...] = (),
    ) -> np.ndarray:
        """Continue ``prompt`` by ``length`` tokens, carrying the network's state from one to the next.

        p_k ~ exp(score_k / temperature), of which the ``top_k`` largest and the smallest set that holds ``top_p``
        of all probability may be drawn; with ``greedy`` always the largest.

        Args:
            prompt: tokens (length,) int, at least one.
            length: how many tokens to write.
            generator: where the draws come from.
            temperature: below 1 bolder, above 1 stranger; above 0.
            top_k: 0 for all.
            top_p: 1 for all.
            greedy: take the likeliest.
            silent: tokens that must not be written.

        Returns:
            The new tokens (length,) int64.
        """
        with no_grad():
            step = self.stepper()
        return write(step, prompt, length, generator, temperature, top_k, top_p, greedy, silent)


class _RecurrentModel(LanguageModel):
    """Layers that carry a state from token to token, started as Keras starts them.

    Where tokens are characters, a one-hot vector times the input weights is one of their columns, so tokens go in as
    they are. A table of words is better kept narrow: ``embedding`` numbers for each.
    """

    layers: nn.LSTM | nn.GRU

    def last(self, hidden: Tensor, state: State) -> Tensor:
        """Return the vectors at the last place (N, H): the last layer's state after it."""
        return state[0][-1]

    def inputs(self, tokens: Tensor) -> Tensor:
        """The tokens themselves, or their vectors (T, N, E)."""
        return tokens if self.embedding is None else self.embedding(tokens)

    def _start_as_keras(self, layers: nn.LSTM | nn.GRU, forget: slice | None, generator: Generator | None) -> None:
        """Glorot-uniform inputs, orthogonal recurrence (the gates as one matrix), biases 0, forget gate 1.

        Keras has one bias where PyTorch has two that are added. Two would move twice as fast under RMSprop, so of an
        LSTM's the second one is left at 0 and not trained.
        """
        for k in range(layers.num_layers):
            nn.init.xavier_uniform_(getattr(layers, f"weight_ih_l{k}"), generator=generator)
            nn.init.orthogonal_(getattr(layers, f"weight_hh_l{k}"), generator=generator)
            bias = np.zeros(layers.gates * layers.hidden_size, np.float32)
            second = nn.init.zeros_(getattr(layers, f"bias_hh_l{k}"))
            if forget is not None:
                bias[forget] = 1.0
                second.requires_grad = False
            getattr(layers, f"bias_ih_l{k}").data = bias
        nn.init.xavier_uniform_(self.dense.weight, generator=generator)
        nn.init.zeros_(self.dense.bias)

    def _table(self, layers: nn.LSTM | nn.GRU, bias: Tensor) -> Tensor:
        """What each token adds to the first layer's gates (V, G H): its column of w_ih, plus the bias."""
        w_ih = layers.weight_ih_l0.T
        return (w_ih if self.embedding is None else self.embedding.weight @ w_ih) + bias


class LSTMModel(_RecurrentModel):
    """LSTM layers over tokens, and a dense layer to a score for each token that may follow.

    Args:
        vocabulary: V, the number of tokens.
        units: H.
        layers: how many LSTM layers.
        gate: see :class:`tinygen.nn.LSTM`.
        dropout: between the layers.
        generator: of the initial values and of dropout.
        embedding: E, numbers for each token; 0: one-hot.
        output_dropout: before the dense layer.
    """

    def __init__(
        self, vocabulary: int, units: int, layers: int = 1, gate: str = "sigmoid", dropout: float = 0.0,
        generator: Generator | None = None, embedding: int = 0, output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if embedding:
            self.embedding = nn.Embedding(vocabulary, embedding, generator=generator)
        self.lstm = nn.LSTM(embedding or vocabulary, units, layers, dropout=dropout, gate=gate, generator=generator)
        self.dense = nn.Linear(units, vocabulary, generator=generator)
        self._start_as_keras(self.lstm, slice(units, 2 * units), generator)  # gates i f g o
        self.output_dropout, self.generator = output_dropout, generator

    def features(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Map tokens (T, N) int to h of the last layer (T, N, H); the state is h and c, both (layers, N, H)."""
        output, ends = self.lstm(self.inputs(tokens), None if state is None else tuple(state))
        return output, list(ends)

    def sample(
        self, prompt: np.ndarray, length: int, generator: Generator, temperature: float = 1.0, top_k: int = 0,
        top_p: float = 1.0, greedy: bool = False, silent: tuple[int, ...] = (),
    ) -> np.ndarray:
        """Continue ``prompt`` as :meth:`LanguageModel.sample` does, in one compiled loop."""
        layers = []
        with no_grad():
            device = self.dense.weight.device
            states = None
            if len(prompt) > 1:
                tokens = Tensor(to_device(np.ascontiguousarray(prompt[:-1, None], np.int32), device))  # (T, 1)
                _, states = self.features(tokens)
            for k in range(self.lstm.num_layers):
                w_ih, w_hh, bias = self.lstm.layer(k)
                first = (self._table(self.lstm, bias)._data, w_hh._data)
                layers.append((w_ih._data, bias._data, w_hh._data) if k else first)
            if states is None:
                h = c = to_device(np.zeros((self.lstm.num_layers, self.lstm.hidden_size), np.float32), device)
            else:
                h, c = (state[:, 0]._data for state in states)
        b_out = self.dense.bias._data
        if silent:
            b_out = b_out.copy()
            b_out[list(silent)] = NEVER
        uniforms = generator.uniform((length,), np.float64, "cpu")
        tokens, _, _ = lstm_sample(
            layers, self.dense.weight._data, b_out, h, c, int(prompt[-1]), uniforms, temperature, top_k, top_p, greedy,
        )
        return tokens


CharLSTM = LSTMModel  # what the chapter's network is called elsewhere


class GRUModel(_RecurrentModel):
    """GRU layers over tokens, and a dense layer: three quarters of an LSTM's weights.

    Args:
        vocabulary: V, the number of tokens.
        units: H.
        layers: how many GRU layers.
        dropout: between the layers.
        generator: of the initial values and of dropout.
        embedding: E, numbers for each token; 0: one-hot.
        output_dropout: before the dense layer.
    """

    def __init__(
        self, vocabulary: int, units: int, layers: int = 1, dropout: float = 0.0, generator: Generator | None = None,
        embedding: int = 0, output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if embedding:
            self.embedding = nn.Embedding(vocabulary, embedding, generator=generator)
        self.gru = nn.GRU(embedding or vocabulary, units, layers, dropout=dropout, generator=generator)
        self.dense = nn.Linear(units, vocabulary, generator=generator)
        self._start_as_keras(self.gru, None, generator)
        self.output_dropout, self.generator = output_dropout, generator

    def features(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Map tokens (T, N) int to h of the last layer (T, N, H); the state is h (layers, N, H)."""
        output, h = self.gru(self.inputs(tokens), None if state is None else state[0])
        return output, [h]

    def stepper(self) -> Stepper:
        """Return what reads one token at a time: h of every layer is all that it carries."""
        layers = []
        for k in range(self.gru.num_layers):
            w_ih, w_hh, b_ih, b_hh = (
                getattr(self.gru, f"{name}_l{k}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            layers.append(tuple(map(_array, (w_ih, b_ih, w_hh, b_hh))))
        table = _array(self._table(self.gru, self.gru.bias_ih_l0))
        return GRUStepper(table, layers, _array(self.dense.weight), _array(self.dense.bias))


class GatedBlock(nn.Module):
    """One causal convolution with a gate, beside a way straight through.

        (a, b) = conv(norm(x));   y = x + dropout(a sigmoid(b))

    The gate, not a rectifier: a passes unbounded and unbent where its gate is open, so that gradients come through
    many blocks, and the gate can shut a channel by what stands before, as those of an LSTM do. On Nietzsche it is
    measurably better at equal parameters (docs/text.md).

    Args:
        channels: C.
        kernel: K, places that one output looks at, itself included.
        dilation: d, the step between them.
        dropout: of what is added.
        generator: of the initial values and of dropout.
    """

    def __init__(
        self, channels: int, kernel: int, dilation: int, dropout: float = 0.0, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv1d(channels, 2 * channels, kernel, dilation=dilation, generator=generator)
        nn.init.xavier_uniform_(self.conv.weight, generator=generator)
        nn.init.zeros_(self.conv.bias)
        self.channels, self.kernel, self.dilation = channels, kernel, dilation
        self.past = (kernel - 1) * dilation  # places that it looks back
        self.dropout, self.generator = dropout, generator

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map (T, N, C) to (T, N, C); ``past`` (N, C, (K - 1) d) stands before it, and the next past is returned.

        Without one, zeros stand there: the padding goes to the left only, so that no place sees what follows it.
        """
        z = self.norm(x).permute(1, 2, 0)  # (T, N, C) -> (N, C, T)
        z = F.pad(z, (self.past, 0)) if past is None else cat([past, z], 2)
        a, b = self.conv(z).permute(2, 0, 1).chunk(2, 2)  # (N, 2 C, T) -> (T, N, 2 C) -> twice (T, N, C)
        y = a * F.sigmoid(b)
        if self.dropout:
            y = F.dropout(y, self.dropout, self.training, generator=self.generator)
        return x + y, z[:, :, z.shape[2] - self.past :]


class ConvModel(LanguageModel):
    """Convolutions that look back, each twice as far as the one before, and a dense layer.

    Block k has dilation 2**(k % cycle). Together they see ``receptive_field`` = 1 + sum_k (K - 1) d_k tokens.

    Args:
        vocabulary: V, the number of tokens.
        units: C, the channels.
        layers: how many blocks.
        kernel: K of each block, at least 2.
        cycle: after so many blocks dilation begins again at 1.
        dropout: in the blocks.
        generator: of the initial values and of dropout.
        output_dropout: before the dense layer.
    """

    def __init__(
        self, vocabulary: int, units: int, layers: int, kernel: int = 2, cycle: int = 8, dropout: float = 0.0,
        generator: Generator | None = None, output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, units, generator=generator)
        self.blocks = nn.ModuleList(
            [GatedBlock(units, kernel, d, dropout, generator) for d in dilations(layers, cycle)]
        )
        self.norm = nn.LayerNorm(units)
        self.dense = nn.Linear(units, vocabulary, generator=generator)
        # small: what comes out of the norm has unit variance, and the first guess should be an even one
        nn.init.xavier_uniform_(self.dense.weight, 0.1, generator=generator)
        nn.init.zeros_(self.dense.bias)
        self.output_dropout, self.generator = output_dropout, generator

    @property
    def receptive_field(self) -> int:
        """How many tokens, the last one included, the next one's scores depend on."""
        return 1 + sum(block.past for block in self.blocks)

    def features(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Map tokens (T, N) int to vectors (T, N, C); the state is what each block still looks back to."""
        x, ends = self.embedding(tokens), []
        for k, block in enumerate(self.blocks):
            x, end = block(x, None if state is None else state[k])
            ends.append(end)
        return self.norm(x), ends

    def stepper(self) -> Stepper:
        """Return what reads one token at a time: each block keeps the inputs that it looks back to."""
        blocks = [
            Block(_array(b.norm.weight), _array(b.norm.bias), _array(b.conv.weight), _array(b.conv.bias), b.dilation)
            for b in self.blocks
        ]
        out = tuple(map(_array, (self.norm.weight, self.norm.bias, self.dense.weight, self.dense.bias)))
        return ConvStepper(_array(self.embedding.weight), blocks, *out)


def build(settings: Settings, vocabulary: int, generator: Generator | None = None) -> LanguageModel:
    """Return the network of ``settings`` over so many tokens."""
    s, common = settings, {"generator": generator, "output_dropout": settings.output_dropout}
    if s.model == "conv":
        return ConvModel(vocabulary, s.units, s.layers, s.kernel, s.cycle, s.dropout, **common)
    if s.model == "gru":
        return GRUModel(vocabulary, s.units, s.layers, s.dropout, embedding=s.embedding, **common)
    return LSTMModel(vocabulary, s.units, s.layers, s.gate, s.dropout, embedding=s.embedding, **common)


def _array(parameter: Tensor) -> Any:
    """The numbers of a parameter, on the host."""
    return parameter.detach().to("cpu").numpy()
