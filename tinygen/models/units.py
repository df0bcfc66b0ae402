"""What networks are made of: a convolution with what belongs to it, and the layers between.

Each unit that has weights knows how Keras files hold them: see :class:`KerasLayer`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygen.backend import to_device
from tinygen.nn import BatchNorm2d, Conv2d, Linear, Module, Parameter, init
from tinygen.nn import functional as F
from tinygen.ops.join import cat
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.convolution import same_padding


class KerasArray(NamedTuple):
    """One array of a Keras layer, and the tensor that it fills.

    Attributes:
        shape: in Keras' layout.
        target: the parameter or buffer.
        to_ours: from Keras' layout to that of ``target``.
    """

    shape: tuple[int, ...]
    target: Tensor
    to_ours: Callable[[np.ndarray], np.ndarray] = np.asarray


class KerasLayer(NamedTuple):
    """A layer with weights as Keras has it.

    Attributes:
        name: such as ``"block1_conv1"``.
        kind: Keras' name of its class, such as ``"conv2d"``.
        arrays: by Keras' names, in Keras' order.
    """

    name: str
    kind: str
    arrays: dict[str, KerasArray]

    @property
    def parameters(self) -> int:
        """How many numbers, moving statistics included."""
        return sum(math.prod(array.shape) for array in self.arrays.values())


def _float64(tensor: Tensor) -> np.ndarray:
    return to_device(tensor._data, "cpu").astype(np.float64)


class ConvUnit(Conv2d):
    """A convolution, and the batch normalisation and ReLU that follow it: y = relu(norm(w * x + b)).

    The one place where these three are applied. Made with zeros: a network fills in its weights.

    Args:
        in_channels: C.
        out_channels: O.
        kernel: KH and KW, or one number for both.
        stride: the step of the window.
        padding: "same" (Keras': the odd pixel at the bottom and right), "valid", or zeros on all sides.
        groups: parts into which the channels are cut.
        bias: whether there is a b.
        norm: whether a normalisation follows.
        scale: whether the normalisation has a factor (gamma).
        eps: added to its variance.
        relu: whether the ReLU follows.

    Attributes:
        weight: (O, C, KH, KW).
        bias: (O,) or None; after :meth:`fold` always there.
        norm: the normalisation; None where there is none, and after :meth:`fold`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | str = "same",
        *,
        groups: int = 1,
        bias: bool = True,
        norm: bool = False,
        scale: bool = True,
        eps: float = 1e-3,
        relu: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=bias)
        self.norm = BatchNorm2d(out_channels, eps, momentum=0.01) if norm else None  # Keras' momentum: 1 - 0.99
        if norm and not scale:
            self.norm.weight = None
        self.relu = relu

    def _draw(self, channels: tuple[int, int], bias: bool, generator: Generator | None) -> None:
        """Zeros in place of random numbers: for a network of 20 million weights that is a quarter of a second."""
        self.weight = Parameter(np.zeros((*channels, *self.kernel_size), np.float32))
        self.bias = Parameter(np.zeros(self.out_channels, np.float32)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, O, OH, OW)."""
        if self.norm is None:  # bias and ReLU are applied as the sums leave the registers
            return self._convolve(x, 0.0 if self.relu else None)
        y = self.norm(self._convolve(x))
        return F.relu(y) if self.relu else y

    def _convolve(self, x: Tensor, slope: float | None = None) -> Tensor:
        return super().forward(x, negative_slope=slope)

    def steps(self, x: Tensor) -> Iterator[Tensor]:
        """Yield what the convolution, the normalisation and the ReLU give, one after the other."""
        y = self._convolve(x)
        yield y
        if self.norm is not None:
            y = self.norm(y)
            yield y
        if self.relu:
            yield F.relu(y)

    def fill(self, generator: Generator | None) -> None:
        """Draw the weights as Keras does: Glorot's uniform distribution; biases stay 0."""
        init.xavier_uniform_(self.weight, generator=generator)

    def fold(self) -> None:
        """Merge the normalisation with the running statistics into weight and bias; does nothing where there is none.

            w' = w gamma / sqrt(var + eps);   b' = (b - mean) gamma / sqrt(var + eps) + beta

        in float64, kept in the dtype of the weight.
        """
        if (norm := self.norm) is None:
            return
        mean, var, beta = map(_float64, (norm.running_mean, norm.running_var, norm.bias))
        factor = 1 / np.sqrt(var + norm.eps)
        if norm.weight is not None:
            factor *= _float64(norm.weight)
        bias = 0.0 if self.bias is None else _float64(self.bias)
        weight = _float64(self.weight) * factor[:, None, None, None]
        dtype, device, wanted = self.weight.dtype, self.weight.device, self.weight.requires_grad
        self.weight = Parameter(to_device(weight.astype(dtype), device), wanted)
        self.bias = Parameter(to_device(((bias - mean) * factor + beta).astype(dtype), device), wanted)
        self.norm = None

    def keras_layers(self, names: tuple[str, ...]) -> list[KerasLayer]:
        """Say how Keras holds the weights of this unit.

        Args:
            names: Keras' names of the convolution and, where there is one, of the normalisation.
        """
        layers = [KerasLayer(names[0], "conv2d", self._keras_kernels() | self._keras_bias())]
        if (norm := self.norm) is not None:
            held = {"gamma": norm.weight, "beta": norm.bias, "moving_mean": norm.running_mean,
                    "moving_variance": norm.running_var}
            arrays = {role: KerasArray((self.out_channels,), t) for role, t in held.items() if t is not None}
            layers.append(KerasLayer(names[1], "batch_normalization", arrays))
        return layers

    def _keras_kernels(self) -> dict[str, KerasArray]:
        o, c, kh, kw = self.weight.shape
        # (KH, KW, C, O) -> (O, C, KH, KW)
        return {"kernel": KerasArray((kh, kw, c, o), self.weight, lambda w: w.transpose(3, 2, 0, 1))}

    def _keras_bias(self) -> dict[str, KerasArray]:
        return {} if self.bias is None else {"bias": KerasArray((self.out_channels,), self.bias)}


class SeparableUnit(ConvUnit):
    """A convolution of each channel by itself, then a 1 x 1 convolution across them, normalisation and ReLU.

    Args:
        in_channels: C.
        out_channels: O.
        kernel: KH and KW of the first, which is padded as "same"; neither has a bias.
        options: ``norm``, ``scale``, ``eps`` and ``relu`` of :class:`ConvUnit`.

    Attributes:
        depthwise: the first convolution, weight (C, 1, KH, KW).
        weight: (O, C, 1, 1).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, **options: Any) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False, **options)
        self.depthwise = ConvUnit(in_channels, in_channels, kernel, groups=in_channels, bias=False, relu=False)

    def _convolve(self, x: Tensor, slope: float | None = None) -> Tensor:
        return super()._convolve(self.depthwise(x), slope)

    def fill(self, generator: Generator | None) -> None:
        """Draw both weights as Keras does: Glorot's uniform distribution."""
        self.depthwise.fill(generator)
        super().fill(generator)

    def keras_layers(self, names: tuple[str, ...]) -> list[KerasLayer]:
        """Say how Keras holds the weights: as one separable convolution."""
        first, *rest = super().keras_layers(names)
        return [first._replace(kind="separable_conv2d"), *rest]

    def _keras_kernels(self) -> dict[str, KerasArray]:
        weight = self.depthwise.weight
        c, _, kh, kw = weight.shape
        # (KH, KW, C, M) -> (C M, 1, KH, KW), M = 1 output for each channel
        depthwise = KerasArray((kh, kw, c, 1), weight, lambda w: w.transpose(2, 3, 0, 1).reshape(c, 1, kh, kw))
        return {"depthwise_kernel": depthwise, "pointwise_kernel": super()._keras_kernels()["kernel"]}


class DenseUnit(Linear):
    """A dense layer with its activation: (N, I) to (N, O). Made with zeros.

    Args:
        in_features: I.
        out_features: O.
        activation: ``"relu"`` or ``"softmax"``.
        flattened: the (C, H, W) that the input was before it was flattened, since Keras flattens (H, W, C).
    """

    def __init__(
        self, in_features: int, out_features: int, activation: str, flattened: tuple[int, int, int] | None = None
    ) -> None:
        Module.__init__(self)  # not Linear's: 100 million random numbers that nobody wants
        self.in_features, self.out_features = in_features, out_features
        self.activation, self.flattened = activation, flattened
        self.weight = Parameter(np.zeros((out_features, in_features), np.float32))
        self.bias = Parameter(np.zeros(out_features, np.float32))

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, I) to (N, O)."""
        y = super().forward(input)
        return F.relu(y) if self.activation == "relu" else F.softmax(y, 1)

    def fill(self, generator: Generator | None) -> None:
        """Draw the weight as Keras does: Glorot's uniform distribution; the bias stays 0."""
        init.xavier_uniform_(self.weight, generator=generator)

    def fold(self) -> None:
        """Do nothing: there is no normalisation."""

    def keras_layers(self, names: tuple[str, ...]) -> list[KerasLayer]:
        """Say how Keras holds the weights."""
        shape = (self.in_features, self.out_features)
        arrays = {"kernel": KerasArray(shape, self.weight, self._kernel), "bias": KerasArray(shape[1:], self.bias)}
        return [KerasLayer(names[0], "dense", arrays)]

    def _kernel(self, w: np.ndarray) -> np.ndarray:
        if self.flattened is not None:
            c, h, width = self.flattened
            # (H W C, O) -> (C H W, O)
            w = w.reshape(h, width, c, -1).transpose(2, 0, 1, 3).reshape(w.shape)
        return w.T


class MaxPoolSame(Module):
    """The maximum of each window, (N, C, H, W) to (N, C, ceil(H / stride), ceil(W / stride)), as Keras' "same".

    Args:
        kernel: height and width of the window, odd.
        stride: from one window to the next, at least 2.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Pool. What is padded more at the bottom and right is a last window that reaches over the edge."""
        before = tuple(same_padding(side, self.kernel, self.stride, 1)[0] for side in x.shape[2:])
        return F.max_pool2d(x, self.kernel, self.stride, before, ceil_mode=True)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel={self.kernel}, stride={self.stride}"


class Concatenate(Module):
    """Puts the channels of several pictures behind one another: (N, C_i, H, W) to (N, sum of C_i, H, W)."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Concatenate."""
        return cat(inputs, 1)


class Add(Module):
    """The sum of two: the end of a residual block."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add."""
        return x + y


class GlobalAverage(Module):
    """The mean of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean."""
        return x.mean((2, 3))
