"""The same work in PyTorch, in each of its usual forms: what ``tinygen bench --against torch`` compares with.

The only file of the package that imports PyTorch, and it imports nothing of tinygen: it runs in a process of its
own. Each form has ``reset`` (back to the starting weights), ``step`` (what is timed) and ``evidence`` (numbers that
tinygen's side must reproduce, so that both are known to do the same work).

Left out: torch.compile of the loop over steps. It needs a C++ compiler, took 53 s to its first step, and then 1.6
times as long as nn.LSTM with time first (65 against 41 ms, taken in turn). RMSprop has no fused form in PyTorch 2.13.

Run as a script with the path of a text, it trains one step on it from a standing start.
"""

import sys
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LR, ALPHA, EPS = 0.01, 0.9, 1e-7
TEMPERATURE, LENGTH = 0.5, 400
CALLS = 100  # of a small op in one step


class WindowLSTM(nn.Module):
    """nn.LSTM over one-hot windows, a dense layer on its last output."""

    def __init__(self, vocabulary: int, units: int, batch_first: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(vocabulary, units, batch_first=batch_first)
        self.dense = nn.Linear(units, vocabulary)
        self.lstm.bias_hh_l0.requires_grad_(False)  # one trained bias, as Keras and tinygen

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """(T, N) int to one-hot vectors, (N, T, V) or (T, N, V)."""
        tokens = tokens.t() if self.lstm.batch_first else tokens
        return F.one_hot(tokens, self.lstm.input_size).float().contiguous()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, V)."""
        output, _ = self.lstm(x)
        return self.dense(output[:, -1] if self.lstm.batch_first else output[-1])


def _unrolled(x: torch.Tensor, table: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """The last hidden state of an LSTM whose input products are rows of ``table``; the gates i f g o."""
    z = F.embedding(x, table)  # (T, N, 4H)
    units = u.shape[0]
    h = torch.zeros(x.shape[1], units)
    c = torch.zeros(x.shape[1], units)
    for t in range(x.shape[0]):
        i, f, g, o = torch.addmm(z[t], h, u).split(units, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h


class LoopLSTM(nn.Module):
    """An LSTM written out: characters look their rows up, the loop over steps is Python's or TorchScript's."""

    def __init__(self, vocabulary: int, units: int, loop: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.lstm = nn.LSTM(vocabulary, units)
        self.dense = nn.Linear(units, vocabulary)
        self.lstm.bias_hh_l0.requires_grad_(False)
        self.loop = loop

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """(T, N) int as they are."""
        return tokens

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, V)."""
        table = self.lstm.weight_ih_l0.t() + self.lstm.bias_ih_l0
        return self.dense(self.loop(x, table, self.lstm.weight_hh_l0.t()))


class TextTraining:
    """One training step of the character LSTM: loss, gradients, RMSprop."""

    def __init__(self, arrays: dict[str, np.ndarray], make: Callable[[int, int], nn.Module], foreach: bool) -> None:
        self.weights = {k: torch.from_numpy(v) for k, v in arrays.items() if "." in k}
        vocabulary, units = self.weights["dense.weight"].shape
        self.net, self.foreach = make(vocabulary, units), foreach
        tokens = torch.from_numpy(arrays["tokens"]).long()
        self.batches = list(
            zip((self.net.encode(t) for t in tokens), torch.from_numpy(arrays["following"]).long(), strict=True)
        )
        self.reset()

    def reset(self) -> None:
        """Go back to the starting weights and a fresh optimiser."""
        self.net.load_state_dict(self.weights)
        trained = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = torch.optim.RMSprop(trained, lr=LR, alpha=ALPHA, eps=EPS, foreach=self.foreach)
        self.count = 0

    def step(self) -> float:
        """One step; its loss."""
        x, y = self.batches[self.count % len(self.batches)]
        self.count += 1
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evidence(self) -> list[float]:
        """The losses of the first three steps."""
        self.reset()
        return [self.step() for _ in range(3)]


def _written_with_lstm(net: "TextSampling", h: torch.Tensor, c: torch.Tensor, k: torch.Tensor, n: int) -> list:
    state, out = (h[None], c[None]), []
    for _ in range(n):
        output, state = net.lstm(net.eye[k][None], state)
        k = torch.multinomial(torch.softmax(net.dense(output[0]) / net.temperature, 1), 1)[0]
        out.append(int(k))
    return out


def _written_with_cell(net: "TextSampling", h: torch.Tensor, c: torch.Tensor, k: torch.Tensor, n: int) -> list:
    out = []
    for _ in range(n):
        h, c = net.cell(net.eye[k], (h, c))
        k = torch.multinomial(torch.softmax(net.dense(h) / net.temperature, 1), 1)[0]
        out.append(int(k))
    return out


def _multinomial_loop(
    h: torch.Tensor, c: torch.Tensor, k: torch.Tensor, table: torch.Tensor, u: torch.Tensor, w: torch.Tensor,
    b: torch.Tensor, noise: torch.Tensor,
) -> torch.Tensor:
    units = h.shape[1]
    out = torch.empty(noise.shape[0], dtype=torch.long)
    for t in range(noise.shape[0]):
        z = torch.addmm(table[k], h, u)
        s = torch.sigmoid(z)
        c = s[:, units : 2 * units] * c + s[:, :units] * torch.tanh(z[:, 2 * units : 3 * units])
        h = s[:, 3 * units :] * torch.tanh(c)
        k = torch.multinomial(torch.softmax(torch.addmm(b, h, w), 1), 1)[0]
        out[t] = k[0]
    return out


def _gumbel_loop(
    h: torch.Tensor, c: torch.Tensor, k: torch.Tensor, table: torch.Tensor, u: torch.Tensor, w: torch.Tensor,
    b: torch.Tensor, noise: torch.Tensor,
) -> torch.Tensor:
    units = h.shape[1]
    out = torch.empty(noise.shape[0], dtype=torch.long)
    for t in range(noise.shape[0]):
        z = torch.addmm(table[k], h, u)
        s = torch.sigmoid(z)
        c = s[:, units : 2 * units] * c + s[:, :units] * torch.tanh(z[:, 2 * units : 3 * units])
        h = s[:, 3 * units :] * torch.tanh(c)
        k = torch.addmm(noise[t], h, w).argmax(1)
        out[t] = k[0]
    return out


class TextSampling:
    """A window is read, then ``LENGTH`` characters are drawn one at a time with the state carried."""

    def __init__(
        self, arrays: dict[str, np.ndarray], write: Callable, looped: bool = False, gumbel: bool = False
    ) -> None:
        weights = {k: torch.from_numpy(v) for k, v in arrays.items() if "." in k}
        vocabulary, units = weights["dense.weight"].shape
        self.net = WindowLSTM(vocabulary, units, False)
        self.net.load_state_dict(weights)
        self.lstm, self.dense = self.net.lstm, self.net.dense
        self.cell = nn.LSTMCell(vocabulary, units)
        self.cell.load_state_dict({k.replace("_l0", ""): v for k, v in self.lstm.state_dict().items()})
        self.eye = torch.eye(vocabulary)
        with torch.no_grad():
            self.table = (self.lstm.weight_ih_l0.t() + self.lstm.bias_ih_l0).contiguous()
            self.u, self.w = self.lstm.weight_hh_l0.t().contiguous(), self.dense.weight.t().contiguous()
        self.prompt = torch.from_numpy(arrays["prompt"]).long()
        self.write, self.looped, self.gumbel = write, looped, gumbel
        self.temperature = TEMPERATURE

    def reset(self) -> None:
        """There is nothing to reset: writing changes no weight."""

    def step(self) -> list[int]:
        """Write ``LENGTH`` characters."""
        return self._text(LENGTH)

    def _text(self, n: int) -> list[int]:
        with torch.inference_mode():
            _, (h, c) = self.lstm(self.eye[self.prompt[:-1]][:, None])
            if not self.looped:
                return self.write(self, h[0], c[0], self.prompt[-1:], n)
            w, b = self.w / self.temperature, self.dense.bias.detach() / self.temperature
            if self.gumbel:  # argmax(scores + Gumbel noise) is a draw from their softmax; all noise at once
                noise = b - torch.empty(n, 1, len(b)).exponential_().log_()
            else:
                noise = torch.empty(n, 0)
            return self.write(h[0], c[0], self.prompt[-1:], self.table, self.u, w, b, noise).tolist()

    def evidence(self) -> list[float]:
        """What is written where the likeliest character always wins."""
        self.temperature = 1e-5
        try:
            return [float(k) for k in self._text(40)]
        finally:
            self.temperature = TEMPERATURE


class SmallAdd:
    """z = x + y on (10, 10), and its backward, ``CALLS`` times."""

    units = CALLS

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.x, self.y, self.g = (torch.from_numpy(arrays[name]) for name in "xyg")
        self.x.requires_grad_(True)
        self.y.requires_grad_(True)

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> None:
        """Run them."""
        x, y, g = self.x, self.y, self.g
        for _ in range(CALLS):
            x.grad = y.grad = None
            (x + y).backward(g)

    def evidence(self) -> list[float]:
        """Sums of the gradients."""
        self.step()
        return [self.x.grad.sum().item(), self.y.grad.sum().item()]


def _windows(batch_first: bool) -> Callable[[int, int], nn.Module]:
    return lambda vocabulary, units: WindowLSTM(vocabulary, units, batch_first)


def _loops(script: bool) -> Callable[[int, int], nn.Module]:
    return lambda vocabulary, units: LoopLSTM(vocabulary, units, torch.jit.script(_unrolled) if script else _unrolled)


def _training_forms() -> dict[str, Callable]:
    nets = {
        "nn.LSTM batch first": _windows(True),
        "nn.LSTM time first": _windows(False),
        "loop with embedding": _loops(False),
        "scripted loop with embedding": _loops(True),
    }
    return {
        f"{name}, RMSprop {'foreach' if foreach else 'for-loop'}":
            lambda arrays, make=make, foreach=foreach: TextTraining(arrays, make, foreach)
        for name, make in nets.items()
        for foreach in (False, True)
    }


# Row -> form -> what builds it from the arrays.
WORKLOADS: dict[str, dict[str, Callable]] = {
    "text train batch 128": _training_forms(),
    "text sample": {
        "nn.LSTM": lambda arrays: TextSampling(arrays, _written_with_lstm),
        "nn.LSTMCell": lambda arrays: TextSampling(arrays, _written_with_cell),
        "loop with table": lambda arrays: TextSampling(arrays, _multinomial_loop, looped=True),
        "scripted loop with table": lambda arrays: TextSampling(
            arrays, torch.jit.script(_multinomial_loop), looped=True
        ),
        "scripted loop with table, Gumbel noise": lambda arrays: TextSampling(
            arrays, torch.jit.script(_gumbel_loop), looped=True, gumbel=True
        ),
    },
    "ops add 10x10 forward+backward": {"eager": SmallAdd},
}


def first_step(path: str) -> float:
    """Read a text, build the network, train one step; the work of ``tinygen text train --max-steps 1``."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read().lower()
    numbers = {c: i for i, c in enumerate(sorted(set(text)))}
    tokens = torch.tensor([numbers[c] for c in text])
    starts = torch.randperm((len(tokens) - 60) // 3)[:128] * 3
    windows = tokens[torch.arange(60)[:, None] + starts]  # (T, N)
    net = WindowLSTM(len(numbers), 128, False)
    optimizer = torch.optim.RMSprop([p for p in net.parameters() if p.requires_grad], lr=LR, alpha=ALPHA, eps=EPS)
    loss = F.cross_entropy(net(net.encode(windows)), tokens[starts + 60])
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
    print(f"loss {first_step(sys.argv[1]):.4f}")
