"""tinygen's side of every comparison, and the arrays that both sides get.

A job has ``reset`` (back to the start), ``step`` (what is timed) and ``evidence`` (numbers that the other side must
reproduce, so that both are known to do the same work).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.bench.network_workloads import DreamGradient, StyleGradient
from tinygen.bench.picture_workloads import GANStep, VAETraining
from tinygen.generators import text
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops import cross_entropy_forward, lstm_backward, lstm_forward, lstm_sample, matmul, numba_problem, rmsprop

VOCABULARY, UNITS, WINDOW, BATCH, BATCHES = 57, 128, 60, 128, 4
LENGTH, TEMPERATURE = 400, 0.5  # of a written text
CALLS = 100  # of a small op in one step
# Keras' clip of the probabilities is switched off: PyTorch's side has none.
SETTINGS = text.settings_for("book", clip_probability=0.0)


def text_arrays(units: int = UNITS, batch: int = BATCH) -> dict[str, np.ndarray]:
    """Return the weights of a character LSTM by PyTorch's names, batches of windows, and a prompt."""
    rng = np.random.default_rng(0)
    model = text.CharLSTM(VOCABULARY, units, generator=Generator(0))
    arrays = {name: np.array(array) for name, array in model.state_dict().items()}
    arrays["dense.weight"] *= 4  # a trained model has likes and dislikes
    arrays["tokens"] = rng.integers(0, VOCABULARY, (BATCHES, WINDOW, batch), np.int32)
    arrays["following"] = rng.integers(0, VOCABULARY, (BATCHES, batch), np.int32)
    arrays["prompt"] = rng.integers(0, VOCABULARY, WINDOW, np.int32)
    return arrays


def small_arrays() -> dict[str, np.ndarray]:
    """Return two summands x and y and a cotangent g, each (10, 10)."""
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal((10, 10), np.float32) for name in "xyg"}


class TextTraining:
    """One training step of the character LSTM, as ``tinygen text train`` runs it, and the loss as a number."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.weights = {name: array for name, array in arrays.items() if "." in name}
        vocabulary, units = self.weights["dense.weight"].shape
        self.model = text.CharLSTM(vocabulary, units)
        self.batches = [
            (Tensor(tokens), Tensor(following))
            for tokens, following in zip(arrays["tokens"], arrays["following"], strict=True)
        ]
        self.reset()

    def reset(self) -> None:
        """Go back to the starting weights and a fresh optimiser."""
        self.model.load_state_dict(self.weights)
        self.optimizer = text.make_optimizer(SETTINGS, self.model.trained())
        self.count = 0

    def step(self) -> float:
        """Run one step; return its loss."""
        tokens, following = self.batches[self.count % len(self.batches)]
        self.count += 1
        return text.train_step(self.model, self.optimizer, tokens, following, SETTINGS).item()

    def evidence(self) -> list[float]:
        """Return the losses of the first three steps."""
        self.reset()
        return [self.step() for _ in range(3)]


class TextSampling:
    """A window is read, then ``LENGTH`` characters are written, as ``tinygen text sample`` does."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        weights = {name: array for name, array in arrays.items() if "." in name}
        self.model = text.CharLSTM(*weights["dense.weight"].shape)
        self.model.load_state_dict(weights)
        self.prompt, self.generator = arrays["prompt"], Generator(0)

    def reset(self) -> None:
        """There is nothing to reset: writing changes no weight."""

    def step(self) -> np.ndarray:
        """Write a text."""
        return self.model.sample(self.prompt, LENGTH, self.generator, TEMPERATURE)

    def evidence(self) -> list[float]:
        """Return what is written where the likeliest character always wins."""
        return self.model.sample(self.prompt, 40, self.generator, 1e-5).astype(float).tolist()


class SmallAdd:
    """z = x + y on (10, 10), and its backward, ``CALLS`` times."""

    units = CALLS

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.x, self.y, self.g = (Tensor(arrays[name], requires_grad=name != "g") for name in "xyg")

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> None:
        """Run them."""
        x, y, g = self.x, self.y, self.g
        for _ in range(CALLS):
            x.grad = y.grad = None
            (x + y).backward(g)

    def evidence(self) -> list[float]:
        """Return the sums of the gradients."""
        self.step()
        return [self.x.grad.sum().item(), self.y.grad.sum().item()]


class KernelCall:
    """One kernel on arrays of the size that a training step of the character LSTM hands it.

    Args:
        call: runs the kernel; returns an array or a tuple of them.
        units: how many calls make a step: short kernels are timed several at once.
    """

    def __init__(self, call: Callable[[], Any], units: int = 1) -> None:
        self.call, self.units = call, units

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> None:
        """Run the calls."""
        for _ in range(self.units):
            self.call()

    def evidence(self) -> list[float]:
        """Return the mean magnitude of each result."""
        results = self.call()
        return [float(np.abs(r).mean()) for r in (results if isinstance(results, tuple) else (results,))]


def _kernel_jobs() -> dict[str, Callable[[dict[str, np.ndarray]], KernelCall]]:
    """Kernel -> what builds its job."""

    def scan(arrays: dict[str, np.ndarray]) -> tuple:
        table = arrays["lstm.weight_ih_l0"].T + arrays["lstm.bias_ih_l0"]
        zeros = np.zeros((arrays["tokens"].shape[2], arrays["lstm.weight_hh_l0"].shape[1]), np.float32)
        return np.ascontiguousarray(table), arrays["tokens"][0], zeros, zeros, arrays["lstm.weight_hh_l0"]

    def forward(arrays: dict[str, np.ndarray]) -> KernelCall:
        inputs = scan(arrays)
        return KernelCall(lambda: lstm_forward(*inputs))

    def backward(arrays: dict[str, np.ndarray]) -> KernelCall:
        table, index, h0, c0, w_hh = scan(arrays)
        h, c, gates = lstm_forward(table, index, h0, c0, w_hh)
        g = np.random.default_rng(1).standard_normal(h0.shape, np.float32)
        return KernelCall(lambda: lstm_backward(w_hh, index, len(table), gates, c, h, grad_h_last=g))

    def sample(arrays: dict[str, np.ndarray]) -> KernelCall:
        table, _, h0, c0, w_hh = scan(arrays)
        out, uniforms = (arrays["dense.weight"], arrays["dense.bias"]), np.random.default_rng(1).random(LENGTH)
        return KernelCall(lambda: lstm_sample([(table, w_hh)], *out, h0[:1], c0[:1], 0, uniforms, TEMPERATURE))

    def cross_entropy(arrays: dict[str, np.ndarray]) -> KernelCall:
        target = arrays["following"][0]
        scores = np.random.default_rng(1).standard_normal((len(target), VOCABULARY), np.float32)
        return KernelCall(lambda: cross_entropy_forward(scores, target), units=50)

    def update(arrays: dict[str, np.ndarray]) -> KernelCall:
        params = [np.array(array) for name, array in arrays.items() if "." in name]
        grads, squares = [np.full_like(p, 1e-3) for p in params], [np.ones_like(p) for p in params]

        def call() -> np.ndarray:
            rmsprop(params, grads, squares, lr=1e-6)
            return params[0]

        return KernelCall(call, units=20)

    def product(arrays: dict[str, np.ndarray]) -> KernelCall:
        rng = np.random.default_rng(1)
        a = rng.standard_normal((WINDOW * arrays["tokens"].shape[2], VOCABULARY), np.float32)  # (T N, V)
        b = rng.standard_normal((VOCABULARY, 4 * arrays["lstm.weight_hh_l0"].shape[1]), np.float32)  # (V, 4H)
        return KernelCall(lambda: matmul(a, b), units=5)

    return {
        "lstm_forward": forward, "lstm_backward": backward, "lstm_sample": sample,
        "cross_entropy_forward": cross_entropy, "rmsprop": update, "matmul": product,
    }


class SquareProduct:
    """The peak where Numba cannot run: NumPy's product of two matrices (1536, 1536)."""

    how = "sgemm, 1536 x 1536 (NumPy)"
    gflop = 2e-9 * 1536**3

    def __init__(self) -> None:
        self.a = np.ones((1536, 1536), np.float32)

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> None:
        """Multiply."""
        self.a @ self.a


def _peak(arrays: dict[str, np.ndarray]) -> Any:
    """Multiply-adds on registers where Numba works, else NumPy's matrix product."""
    if numba_problem():
        return SquareProduct()
    return importlib.import_module("tinygen.bench.peak").MultiplyAdds()


KERNELS = _kernel_jobs()
# Row -> form -> what builds it from the arrays.
WORKLOADS: dict[str, dict[str, Callable[[dict[str, np.ndarray]], Any]]] = {
    "text train batch 128": {"tinygen": TextTraining},
    "text train reference kernels": {"tinygen": TextTraining},
    "text sample": {"tinygen": TextSampling},
    "vae train batch 16": {"tinygen": VAETraining},
    "vae train batch 128": {"tinygen": VAETraining},
    "gan step": {"tinygen": GANStep},
    "dream gradient": {"tinygen": DreamGradient},
    "style gradient": {"tinygen": StyleGradient},
    "ops add 10x10 forward+backward": {"tinygen": SmallAdd},
    "peak": {"tinygen": _peak},
    **{f"kernels {name}": {"tinygen": build} for name, build in KERNELS.items()},
}
