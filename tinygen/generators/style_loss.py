"""What a picture costs in style transfer: content, style and total variation; the layers that they look at.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.3. L. Gatys, A. Ecker and M. Bethge, "Image
Style Transfer Using Convolutional Neural Networks" (CVPR 2016), section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygen.autograd import Function, Node
from tinygen.backend import to_device
from tinygen.generators.squares import squares
from tinygen.models import NETWORKS, Network
from tinygen.modes import no_grad
from tinygen.ops.join import stack
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.gram import gram as gram_kernel

MOST_FROZEN = 16_000_000  # bytes of weights
BLOCKS = tuple(f"block{i}_conv1" for i in range(1, 6))
LAYERS = {  # network -> the layer of the content, those of the style; VGG's are the chapter's
    "vgg19": ("block5_conv2", BLOCKS),
    "vgg16": ("block5_conv2", BLOCKS),
    "small": ("block4_conv2", BLOCKS[:4]),
    "squeezenet": ("fire5/concat", ("relu_conv1", "fire2/concat", "fire3/concat", "fire4/concat", "fire6/concat")),
    "inception_v3": ("mixed4", ("activation_1", "activation_3", "mixed0", "mixed2", "mixed3")),
    "resnet50": ("conv4_block2_out", ("conv1_relu", "conv2_block1_out", "conv2_block3_out", "conv3_block4_out",
                                      "conv4_block1_out")),
    "xception": ("block5_sepconv3_act", ("block1_conv1_act", "block1_conv2_act", "block3_sepconv1_act",
                                         "block4_sepconv2_act", "block5_sepconv2_act")),
}


def check_loss_weights(settings: Any) -> None:
    """Refuse weights of the parts of the loss that cannot be."""
    for name in ("content_weight", "style_weight", "tv_weight"):
        if not 0 <= (value := getattr(settings, name)) < math.inf:
            raise ValueError(f"`{name}` is {value}; it must be finite and at least 0")


def load_network(settings: Any, device: str, report: Callable[[str], None] | None = None) -> Network:
    """Return the network of ``settings`` (``network``, ``weights``, ``seed``, layers), its weights constants.

    The smallest of them are frozen, up to :data:`MOST_FROZEN` bytes: of frozen weights kernels keep up to eight times
    their size in other forms (see ``tinygen_ops/frozen.py``). Of VGG19 these are the layers nearest to the picture: an
    evaluation at 400 x 533 then takes 112 MB more, and 0.96 of the time. In strips memory is what counts.
    """
    make = NETWORKS[settings.network]
    if settings.weights == "random":
        network = make(None, generator=Generator((settings.seed << 8) + 1), report=report)
    else:
        network = make(settings.weights, report=report)
    content, styles = chosen_layers(settings, network)
    network.requires_grad_()  # which makes them writable, those that stay so
    in_strips = getattr(settings, "tile", 0) or getattr(settings, "memory", 0)
    return network.to(device).freeze(0 if in_strips else MOST_FROZEN, [content, *styles])


def weights_of(network: Network) -> list[np.ndarray]:
    """Return the weights on the host: the arrays themselves, since those that .numpy() hands out are fingerprinted."""
    return [to_device(p._data, "cpu") for p in network.parameters()]


def chosen_layers(settings: Any, network: Network) -> tuple[str, list[str]]:
    """Return the layer of the content and those of the style.

    Raises:
        ValueError: for one that the network lacks, or whose weights are missing.
    """
    content, styles = LAYERS[settings.network]
    content, styles = settings.content_layer or content, list(settings.style_layers or styles)
    available = network.available
    for argument, names in (("content_layer", [content]), ("style_layers", styles)):
        for name in names:
            if name not in available:
                problem = "whose weights are missing" if name in network.layer_names else f"which {network.name} lacks"
                raise ValueError(f"`{argument}` has {name!r}, {problem}; valid are {', '.join(available)}")
    return content, styles


class Correlation(Function):
    """z = x^T x, matrices in the last two axes;  gx = x (gz + gz^T).

    As a product of two tensors that happen to be one it would have two gradients, to be added up, and do all of z where
    half is enough. With the chapter's lower three layers at 128 x 171 pixels, forward and backward, one thread, that
    took 20.7 ms; this takes 8.5.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        """Multiply, on arrays."""
        ctx.save(x)
        return gram_kernel(x)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> Tensor:
        """Multiply, on Tensors."""
        (x,) = ctx.saved
        return x @ (gz + gz.transpose(-2, -1))


def gram(features: Tensor) -> Tensor:
    """Return how channels go together: G_ncd = sum over places i of F_nci F_ndi.

    A sum over all 213,200 places of a picture of 400 x 533 is right to 1e-6 in float32: a matrix product adds up
    blocks of places, and then the blocks.

    Args:
        features: (N, C, H, W).

    Returns:
        (N, C, C).
    """
    n, channels, height, width = features.shape
    # (N, C, H, W) -> (N, H W, C), no copy where a convolution made them: it keeps the channels side by side
    return Correlation.apply(features.permute(0, 2, 3, 1).reshape(n, height * width, channels))


def total_variation(x: Tensor) -> Tensor:
    """Return sum over i, j of ((x_ij - x_i+1,j)^2 + (x_ij - x_i,j+1)^2)^1.25, over all channels too.

    Args:
        x: (N, C, H, W); the last row and column count as neighbours only.

    Returns:
        A number: how unquiet neighbouring pixels are.
    """
    here = x[:, :, :-1, :-1]
    down, right = here - x[:, :, 1:, :-1], here - x[:, :, :-1, 1:]
    return ((down * down + right * right) ** 1.25).sum()


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return sum (x - y)^2."""
    return squares(x - y)


class Seen(NamedTuple):
    """What the network sees in a picture.

    Attributes:
        grams: the Gram matrices (1, C, C) of the layers of the style.
        places: how many places each of those layers has.
        content: the activation (1, C, h, w) of the content's layer.
    """

    grams: dict[str, Tensor]
    places: dict[str, int]
    content: Tensor


class Objective:
    """What a picture costs; the targets are computed once.

    The chapter (``relative`` False), with P the features of a layer, G its Gram matrix, L style layers and size = H W:
        content = w_content sum (P - P_photograph)^2
        style = w_style / L  sum over layers of  sum (G - G_painting)^2 / (4 3^2 size^2)
        tv = w_tv sum ((x_ij - x_i+1,j)^2 + (x_ij - x_i,j+1)^2)^1.25

    ``relative``: the first is divided by sum P_photograph^2, each layer's part of the second by sum G_painting^2, and
    the third is a mean over pixels of a picture from 0 to 1.

    Several paintings: the sum of their losses, each times its share. A painting of another size: its Gram matrices
    are multiplied by the ratio of the numbers of places.

    Args:
        network: computes the features.
        settings: weights and layers, of :class:`tinygen.generators.style.Settings`.
        content: the photograph, uint8 (3, H, W).
        styles: the paintings, uint8 (3, H', W').
        device: where to compute.
    """

    def __init__(
        self, network: Network, settings: Any, content: np.ndarray, styles: Sequence[np.ndarray], device: str = "cpu"
    ) -> None:
        self.network = network
        self.content_layer, self.style_layers = chosen_layers(settings, network)
        self.layers = list(dict.fromkeys([*self.style_layers, self.content_layer]))
        size = content.shape[1] * content.shape[2]
        shares = settings.style_blend_weights or [1.0] * len(styles)
        each = settings.style_weight / len(self.style_layers) / sum(shares)
        with no_grad():
            here = self._look_at(content, device, settings.content)
            self.content = here.content
            self.content_factor = settings.content_weight
            self.tv_factor = settings.tv_weight
            if settings.relative:
                self.content_factor /= size_of(self.content)
                self.tv_factor /= size * 255**2.5
            # (layer, target, factor), one for each painting and layer
            self.styles: list[tuple[str, Tensor, float]] = []
            for share, path, style in zip(shares, settings.styles, styles, strict=True):
                seen = self._look_at(style, device, path)
                for name in self.style_layers:
                    target = seen.grams[name] * (here.places[name] / seen.places[name])
                    factor = each * share / (size_of(target) if settings.relative else 4 * 3**2 * size**2)
                    self.styles.append((name, target, factor))

    def _look_at(self, image: np.ndarray, device: str, path: str) -> Seen:
        try:
            return self.seen(Tensor(to_device(image[None].astype(np.float32), device)))
        except ValueError as error:
            height, width = image.shape[1:]
            raise ValueError(f"`{path}`, {height} x {width} pixels here, is too small for the layers "
                             f"{', '.join(self.layers)} of {self.network.name} ({error})") from None

    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Map pictures (N, 3, H, W), red, green, blue from 0 to 255, to the layers' activations, by name."""
        return self.network(self.network.preprocess(picture), layers=self.layers)

    def seen(self, picture: Tensor) -> Seen:
        """Return what the targets are made of, for a picture (1, 3, H, W)."""
        found = self.features(picture)
        places = {name: math.prod(found[name].shape[2:]) for name in self.style_layers}
        return Seen({name: gram(found[name]) for name in self.style_layers}, places, found[self.content_layer])

    def style(self, grams: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of the style, for the layers' Gram matrices (1, C, C)."""
        return sum(squared_distance(grams[name], target) * factor for name, target, factor in self.styles)

    def __call__(self, picture: Tensor) -> Tensor:
        """Return what content, style and tv of a picture (1, 3, H, W) cost, (3,); their sum is the loss."""
        found = self.features(picture)
        content = squared_distance(found[self.content_layer], self.content) * self.content_factor
        style = self.style({name: gram(found[name]) for name in self.style_layers})
        return stack([content, style, total_variation(picture) * self.tv_factor])


def size_of(target: Tensor) -> float:
    """Return the sum of squares that a loss is measured by; 1 for a target of zeros."""
    return (target.double() ** 2).sum().item() or 1.0
