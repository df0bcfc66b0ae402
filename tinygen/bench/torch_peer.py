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
from functools import partial
from itertools import count

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


def _padded(x: torch.Tensor) -> torch.Tensor:
    """A row and a column of zeros at the end: Keras' "same" at stride 2 on an even length."""
    return F.pad(x, (0, 1, 0, 1))


class ChapterVAE(nn.Module):
    """The variational autoencoder of the chapter; its layers by tinygen's names."""

    def __init__(self, rectify: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), rectify(), nn.Conv2d(32, 64, 3, 2), rectify(),
            nn.Conv2d(64, 64, 3, padding=1), rectify(), nn.Conv2d(64, 64, 3, padding=1), rectify(),
            nn.Flatten(), nn.Linear(12544, 32), rectify(),
        )
        self.mean, self.log_var = nn.Linear(32, 2), nn.Linear(32, 2)
        self.decoder = nn.Sequential(
            nn.Linear(2, 12544), rectify(), nn.Unflatten(1, (64, 14, 14)), nn.ConvTranspose2d(64, 32, 3, 2), rectify(),
            nn.Conv2d(32, 1, 3, padding=1),
        )

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores of the pixels, means and log-variances."""
        hidden = self.encoder[2:](_padded(self.encoder[:2](x)))
        m, v = self.mean(hidden), self.log_var(hidden)
        z = self.decoder[:4](m + v.exp() * noise)
        return self.decoder[4:](z[:, :, :28, :28]), m, v


class VAETraining:
    """One training step of the chapter's variational autoencoder."""

    def __init__(self, arrays: dict[str, np.ndarray], layout: torch.memory_format, foreach: bool) -> None:
        self.weights = {k[4:]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith("vae.")}
        self.net = ChapterVAE(lambda: nn.ReLU(inplace=True)).to(memory_format=layout)
        self.x = torch.from_numpy(arrays["x"]).to(memory_format=layout)
        self.noise, self.foreach = torch.from_numpy(arrays["noise"]), foreach
        self.reset()

    def reset(self, share: float = 1.0) -> None:
        """Go back to the starting weights and a fresh optimiser."""
        self.net.load_state_dict(self.weights)
        self.optimizer = torch.optim.RMSprop(
            self.net.parameters(), lr=0.001 * share, alpha=0.9, eps=1e-7, foreach=self.foreach
        )

    def step(self) -> float:
        """One step; its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        scores, m, v = self.net(self.x, self.noise)
        kl = 5e-4 * (m * m + v.exp() - 1 - v).mean()
        loss = F.binary_cross_entropy_with_logits(scores, self.x) + kl
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evidence(self) -> list[float]:
        """The losses of the first ten steps, with a tenth of the learning rate."""
        self.reset(0.1)
        return [self.step() for _ in range(10)]


def _chapter_gan() -> tuple[nn.Sequential, nn.Sequential]:
    """The two networks of the chapter; their layers by tinygen's numbers."""

    def lrelu() -> nn.Module:
        return nn.LeakyReLU(0.3, inplace=True)

    generator = nn.Sequential(
        nn.Linear(32, 128 * 256), lrelu(), nn.Unflatten(1, (128, 16, 16)), nn.Conv2d(128, 256, 5, padding=2), lrelu(),
        nn.ConvTranspose2d(256, 256, 4, 2, 1), lrelu(), nn.Conv2d(256, 256, 5, padding=2), lrelu(),
        nn.Conv2d(256, 256, 5, padding=2), lrelu(), nn.Conv2d(256, 3, 7, padding=3), nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, 128, 3), lrelu(), nn.Conv2d(128, 128, 4, 2), lrelu(), nn.Conv2d(128, 128, 4, 2), lrelu(),
        nn.Conv2d(128, 128, 4, 2), lrelu(), nn.Flatten(), nn.Dropout(0.0), nn.Linear(512, 1),
    )
    return generator, discriminator


class GANStep:
    """One step of the chapter's DCGAN: the discriminator on 40 pictures, the generator on 20."""

    def __init__(self, arrays: dict[str, np.ndarray], layout: torch.memory_format, foreach: bool) -> None:
        self.arrays = {k: torch.from_numpy(v) for k, v in arrays.items()}
        self.generator, self.discriminator = (net.to(memory_format=layout) for net in _chapter_gan())
        self.real, self.foreach = self.arrays["real"].to(memory_format=layout), foreach
        n = len(self.real)
        self.targets = torch.cat([torch.ones(n), torch.zeros(n)]) + self.arrays["labels"]
        self.reset()

    def reset(self, share: float = 1.0) -> None:
        """Go back to the starting weights and fresh optimisers."""
        self.optimizers = []
        for kind, lr in (("generator", 4e-4), ("discriminator", 8e-4)):
            net = getattr(self, kind)
            net.load_state_dict({k[len(kind) + 1 :]: v for k, v in self.arrays.items() if k.startswith(f"{kind}.")})
            self.optimizers.append(
                torch.optim.RMSprop(net.parameters(), lr=lr * share, alpha=0.9, eps=1e-7, foreach=self.foreach)
            )

    def _update(self, net: nn.Module, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_value_(net.parameters(), 1.0)
        optimizer.step()

    def step(self) -> list[float]:
        """One step; its two losses."""
        with torch.no_grad():
            both = torch.cat([self.generator(self.arrays["z_d"]), self.real])
        d_loss = F.binary_cross_entropy_with_logits(self.discriminator(both)[:, 0], self.targets)
        self._update(self.discriminator, self.optimizers[1], d_loss)
        self.discriminator.requires_grad_(False)
        scores = self.discriminator(self.generator(self.arrays["z_g"]))[:, 0]
        g_loss = F.binary_cross_entropy_with_logits(scores, torch.zeros(len(scores)))
        self._update(self.generator, self.optimizers[0], g_loss)
        self.discriminator.requires_grad_(True)
        return [d_loss.item(), g_loss.item()]

    def evidence(self) -> list[float]:
        """The losses of the first three steps, with a tenth of the learning rates."""
        self.reset(0.1)
        return [loss for _ in range(3) for loss in self.step()]


# Networks that look at pictures: batch normalisations merged into the convolutions, ReLU in place, the weights in the
# layout of the pictures. ---------------------------------------------------------------------------------------------

Weights = dict[str, torch.Tensor]
COEFFICIENTS = {"mixed2": 0.2, "mixed3": 3.0, "mixed4": 2.0, "mixed5": 1.5}
STYLE_LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1"]
CONTENT_LAYER = "block5_conv2"
VGG_BLOCKS = (2, 2, 4, 4, 2)  # convolutions, up to block5_conv2
BGR_MEANS = (103.939, 116.779, 123.68)


class Inception:
    """Inception V3 up to mixed5, its convolutions numbered in Keras' order."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def conv(self, x: torch.Tensor, stride: int = 1, padding: str = "same") -> torch.Tensor:
        """The next convolution, with its ReLU."""
        name = f"conv2d_{next(self.numbers)}"
        w, b = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.relu_(F.conv2d(x, w, b, stride, padding))

    def chain(self, x: torch.Tensor, length: int) -> torch.Tensor:
        """So many convolutions, one after the other."""
        for _ in range(length):
            x = self.conv(x)
        return x

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of the 3 x 3 pixels around each, and a convolution."""
        return self.conv(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))

    def __call__(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map (1, 3, H, W) to the activations that the dream counts."""
        self.numbers = count(1)
        x = self.conv(self.conv(self.conv(x, 2, "valid"), 1, "valid"))
        x = self.conv(self.conv(F.max_pool2d(x, 3, 2)), 1, "valid")
        x, found = F.max_pool2d(x, 3, 2), {}
        for i in range(3):
            x = torch.cat([self.conv(x), self.chain(x, 2), self.chain(x, 3), self.pooled(x)], 1)
            found[f"mixed{i}"] = x
        x = torch.cat([self.conv(x, 2, "valid"), self.conv(self.chain(x, 2), 2, "valid"), F.max_pool2d(x, 3, 2)], 1)
        found["mixed3"] = x
        for i in (4, 5):
            x = torch.cat([self.conv(x), self.chain(x, 3), self.chain(x, 5), self.pooled(x)], 1)
            found[f"mixed{i}"] = x
        return {name: found[name] for name in COEFFICIENTS}


def vgg19(weights: Weights, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Map pictures (1, 3, H, W), red, green, blue from 0 to 255, to activations by name."""
    x = x.flip(1) - torch.tensor(BGR_MEANS).reshape(1, 3, 1, 1)
    found = {}
    for block, convolutions in enumerate(VGG_BLOCKS, 1):
        if block > 1:
            x = F.max_pool2d(x, 2)
        for i in range(1, convolutions + 1):
            name = f"block{block}_conv{i}"
            x = F.relu_(F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1))
            found[name] = x
    return {name: found[name] for name in (*STYLE_LAYERS, CONTENT_LAYER)}


def gram(a: torch.Tensor) -> torch.Tensor:
    """Sums over places of products of channels, (1, C, H, W) to (C, C)."""
    rows = a[0].flatten(1)
    return rows @ rows.T


class PictureGradient:
    """One loss and gradient of a picture; a subclass defines the loss."""

    def __init__(self, arrays: dict[str, np.ndarray], layout: torch.memory_format) -> None:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.weights = {n: t.to(memory_format=layout) if t.ndim == 4 else t for n, t in tensors.items() if "." in n}
        pictures = {n: t if t.ndim == 4 else t[None] for n, t in tensors.items() if "." not in n}
        self.pictures = {n: t.float().contiguous(memory_format=layout) for n, t in pictures.items()}
        self.x = self.pictures["x"].requires_grad_(True)

    def reset(self) -> None:
        """There is nothing to reset."""

    def step(self) -> tuple[float, torch.Tensor]:
        """Evaluate once: the loss as a number, and the gradient."""
        self.x.grad = None
        loss = self.loss()
        loss.backward()
        return loss.item(), self.x.grad

    def evidence(self) -> list[float]:
        """Logarithms of the loss and of the gradient's mean magnitude."""
        loss, gradient = self.step()
        return [np.log(loss), gradient.double().abs().mean().log().item()]


class DreamGradient(PictureGradient):
    """The chapter's DeepDream."""

    def loss(self) -> torch.Tensor:
        """Sum over layers of coefficient times mean square."""
        activations = Inception(self.weights)(((self.x + 1) * 127.5) / 127.5 - 1)
        return sum(c * activations[name].square().mean() for name, c in COEFFICIENTS.items())


class StyleGradient(PictureGradient):
    """The chapter's style transfer, targets computed once."""

    def __init__(self, arrays: dict[str, np.ndarray], layout: torch.memory_format) -> None:
        super().__init__(arrays, layout)
        with torch.no_grad():
            self.content = vgg19(self.weights, self.pictures["content"])[CONTENT_LAYER]
            painted = vgg19(self.weights, self.pictures["painting"])
            self.grams = {name: gram(painted[name]) for name in STYLE_LAYERS}

    def loss(self) -> torch.Tensor:
        """Content, style and total variation with the chapter's weights."""
        found = vgg19(self.weights, self.x)
        size = self.x.shape[2] * self.x.shape[3]
        loss = 0.025 * (found[CONTENT_LAYER] - self.content).square().sum()
        for name in STYLE_LAYERS:
            distance = (self.grams[name] - gram(found[name])).square().sum()
            loss = loss + distance / (len(STYLE_LAYERS) * 4 * 3**2 * size**2)
        here = self.x[:, :, :-1, :-1]
        down, right = here - self.x[:, :, 1:, :-1], here - self.x[:, :, :-1, 1:]
        return loss + 1e-4 * (down.square() + right.square()).pow(1.25).sum()


def _picture_forms(job: type) -> dict[str, Callable]:
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    return {
        f"{name}, RMSprop {'foreach' if foreach else 'for-loop'}":
            lambda arrays, layout=layout, foreach=foreach: job(arrays, layout, foreach)
        for name, layout in layouts.items()
        for foreach in (False, True)
    }


def _gradient_forms(job: type) -> dict[str, Callable]:
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    return {name: partial(job, layout=layout) for name, layout in layouts.items()}


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
    "vae train batch 16": _picture_forms(VAETraining),
    "vae train batch 128": _picture_forms(VAETraining),
    "gan step": _picture_forms(GANStep),
    "dream gradient": _gradient_forms(DreamGradient),
    "style gradient": _gradient_forms(StyleGradient),
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
