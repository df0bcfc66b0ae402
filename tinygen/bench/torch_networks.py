"""PyTorch's side of the comparisons on large networks: one loss and gradient of DeepDream and of style transfer.

Like ``torch_peer`` it knows PyTorch and nothing of tinygen. Both networks are in the form that is best for PyTorch:
batch normalisations merged into the convolutions, ReLU in place, the weights in the layout of the pictures.
"""

from collections.abc import Callable
from functools import partial
from itertools import count

import numpy as np
import torch
import torch.nn.functional as F

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
    """One loss and gradient of a picture."""

    def __init__(self, arrays: dict[str, np.ndarray], layout: torch.memory_format) -> None:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.weights = {n: t.to(memory_format=layout) if t.ndim == 4 else t for n, t in tensors.items() if "." in n}
        pictures = {n: t if t.ndim == 4 else t[None] for n, t in tensors.items() if "." not in n}
        self.pictures = {n: t.float().contiguous(memory_format=layout) for n, t in pictures.items()}
        self.x = self.pictures["x"].requires_grad_(True)

    def loss(self) -> torch.Tensor:
        """The loss of the picture."""
        raise NotImplementedError

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


def _forms(job: type) -> dict[str, Callable]:
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    return {name: partial(job, layout=layout) for name, layout in layouts.items()}


WORKLOADS: dict[str, dict[str, Callable]] = {
    "dream gradient": _forms(DreamGradient),
    "style gradient": _forms(StyleGradient),
}
