"""Writing with a trained network: one token, one step.

A network that is run anew over the window for every token computes nearly everything again and again. What it needs
of the past is little: an LSTM and a GRU their state, a causal convolution the inputs that its kernel still reaches.
The steppers keep just that, and read one token at a time, in plain NumPy: the scores are those of the whole window,
to the rounding (``tests/tinygen/test_text_models.py``). The LSTM's step is a kernel, :func:`tinygen_ops.lstm_sample`.

Source: caches of a dilated convolution: T. Le Paine et al., "Fast Wavenet Generation Algorithm" (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygen.charts import bar_panels
from tinygen.data.tokens import Tokenizer
from tinygen.modes import no_grad
from tinygen.random import Generator
from tinygen.tensor import Tensor

FIGURE_TEMPERATURES = (0.01, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the chapter's figure 8.2
FIGURE_BARS = {"char": 28, "word": 12, "voice": 28}  # words need room


Stepper = Callable[[int], np.ndarray]  # reads a token, scores the next (V,), and keeps what it needs of earlier ones


def write(
    step: Stepper, prompt: np.ndarray, length: int, generator: Generator, temperature: float = 1.0, top_k: int = 0,
    top_p: float = 1.0, greedy: bool = False, silent: tuple[int, ...] = (),
) -> np.ndarray:
    """Read ``prompt``, then write ``length`` tokens, each read as soon as it is written.

    ``step`` is a stepper that has read nothing yet; the others are those of ``LanguageModel.sample``.
    """
    for token in prompt[:-1].tolist():
        step(token)
    token, written = int(prompt[-1]), []
    for uniform in generator.uniform((length,), np.float64, "cpu").tolist():
        scores = step(token).astype(np.float64)
        scores[list(silent)] = -np.inf
        token = int(scores.argmax()) if greedy else draw(scores, uniform, temperature, top_k, top_p)
        written.append(token)
    return np.array(written, np.int64)


def draw(scores: np.ndarray, uniform: float, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> int:
    """Return the token at ``uniform`` in [0, 1) of the distribution of scores (V,), after the cuts.

    Of equally likely tokens at the edge of a cut all are kept; ``top_p`` looks at what ``top_k`` left.
    """
    z = scores / temperature
    if 0 < top_k < len(z):
        z = np.where(z >= np.sort(z)[-top_k], z, -np.inf)
    p = np.exp(z - z.max())
    if top_p < 1:
        falling = np.sort(p)[::-1]
        last = min(int((np.cumsum(falling) < top_p * p.sum()).sum()), len(p) - 1)
        p = np.where(p >= falling[last], p, 0)
    reached = np.cumsum(p)
    return int((reached <= uniform * reached[-1]).sum())


# ------------------------------------------------------------------------------------------------------ steppers


class GRUStepper:
    """Steps of a GRU.

    Args:
        table: what each token adds to the first layer's gates (V, 3 H).
        layers: w_ih, b_ih, w_hh, b_hh of each layer, gates r z n; the first one's w_ih and b_ih are in ``table``.
        w_out: (V, H).
        b_out: (V,).
    """

    def __init__(self, table: np.ndarray, layers: list[tuple], w_out: np.ndarray, b_out: np.ndarray) -> None:
        self.table, self.layers, self.w_out, self.b_out = table, layers, w_out, b_out
        self.h = [np.zeros(w_out.shape[1], np.float32) for _ in layers]

    def __call__(self, token: int) -> np.ndarray:
        """Read a token; return the scores of the next."""
        x = self.table[token]
        for k, (w_ih, b_ih, w_hh, b_hh) in enumerate(self.layers):
            if k:
                x = w_ih @ self.h[k - 1] + b_ih  # (3 H,)
            a = w_hh @ self.h[k] + b_hh
            (x_r, x_z, x_n), (a_r, a_z, a_n) = x.reshape(3, -1), a.reshape(3, -1)
            r, z = _sigmoid(x_r + a_r), _sigmoid(x_z + a_z)
            self.h[k] = (1 - z) * np.tanh(x_n + r * a_n) + z * self.h[k]
        return self.w_out @ self.h[-1] + self.b_out


@dataclass(frozen=True)
class Block:
    """A block of :class:`tinygen.generators.text_models.ConvModel` as arrays: its norm, its kernel, its dilation."""

    scale: np.ndarray  # (C,)
    shift: np.ndarray  # (C,)
    w: np.ndarray  # (2 C, C, K)
    b: np.ndarray  # (2 C,)
    dilation: int


class ConvStepper:
    """Steps of dilated causal convolutions.

    A block with kernel K and dilation d needs its inputs at t, t - d, ..., t - (K - 1) d. A ring of (K - 1) d rows
    holds those of the past; row t modulo its length has been there longest when step t comes, and is overwritten.

    Args:
        table: the embedding (V, C).
        blocks: the blocks, the first one first.
        scale: of the last norm (C,).
        shift: of the last norm (C,).
        w_out: (V, C).
        b_out: (V,).
    """

    def __init__(
        self, table: np.ndarray, blocks: list[Block], scale: np.ndarray, shift: np.ndarray, w_out: np.ndarray,
        b_out: np.ndarray,
    ) -> None:
        self.table, self.blocks, self.scale, self.shift, self.w_out, self.b_out = (
            table, blocks, scale, shift, w_out, b_out)
        self.t, self.rings, self.kernels = 0, [], []
        for block in blocks:
            outputs, channels, kernel = block.w.shape
            self.rings.append(np.zeros(((kernel - 1) * block.dilation, channels), np.float32))
            self.kernels.append(block.w.transpose(0, 2, 1).reshape(outputs, kernel * channels))  # oldest tap first

    def __call__(self, token: int) -> np.ndarray:
        """Read a token; return the scores of the next."""
        x = self.table[token]
        for block, ring, kernel in zip(self.blocks, self.rings, self.kernels, strict=True):
            z = _normalised(x, block.scale, block.shift)
            past = [ring[(self.t + row) % len(ring)] for row in range(0, len(ring), block.dilation)]
            a, b = (kernel @ np.concatenate([*past, z]) + block.b).reshape(2, -1)
            ring[self.t % len(ring)] = z
            x = x + a * _sigmoid(b)
        self.t += 1
        return self.w_out @ _normalised(x, self.scale, self.shift) + self.b_out


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # exp would overflow far below 0


def _normalised(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Layer normalisation of one vector, with the constant that ``nn.LayerNorm`` has."""
    centred = x - x.mean()
    return centred / np.sqrt((centred * centred).mean() + np.float32(1e-5)) * scale + shift


# ----------------------------------------------------------------------------------------------- what it expects


def next_distribution(model: Any, prompt: np.ndarray) -> np.ndarray:
    """Return how likely each token is to follow ``prompt``, at temperature 1: (V,) float64."""
    with no_grad():
        scores = model(Tensor(np.ascontiguousarray(prompt[:, None]))).numpy()[0].astype(np.float64)
    p = np.exp(scores - scores.max())
    return p / p.sum()


def at_temperature(p: np.ndarray, temperature: float) -> np.ndarray:
    """Return p**(1 / temperature), normalised, computed from logarithms: no log 0, no overflow."""
    if not temperature > 0:
        raise ValueError(f"`temperature` is {temperature}; it must be above 0")
    with np.errstate(divide="ignore"):
        logs = np.log(p) / temperature
    q = np.exp(logs - logs.max())
    return q / q.sum()


def temperature_figure(model: Any, vocabulary: Tokenizer, prompt: str, width: int = 1200) -> Any:
    """Draw the chapter's figure 8.2: the next token's distribution after ``prompt``, at six temperatures.

    Returns:
        A Pillow image; it shows the likeliest tokens only.
    """
    p = next_distribution(model, vocabulary.encode_prompt(prompt, "prompt"))
    order = p.argsort()[::-1][: FIGURE_BARS[vocabulary.kind]]
    shown = [_shown(vocabulary.names[i]) for i in order]
    panels = [(f"temperature {t}", at_temperature(p, t)[order]) for t in FIGURE_TEMPERATURES]
    title = f"The {len(order)} likeliest {vocabulary.unit} after {prompt[-40:]!r}"
    return bar_panels(title, shown, panels, width)


def _shown(name: str) -> str:
    """A token as a label; Pillow's own font has the ASCII letters only."""
    names = {" ": "space", "\n": "line"}
    if name in names:
        return names[name]
    return "".join(c if c.isascii() else f"U+{ord(c):X}" for c in name.strip(" "))[:12]
