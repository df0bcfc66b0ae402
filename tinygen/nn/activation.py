"""Activations as layers: no weights, the settings of the functions in ``nn.functional``."""

from __future__ import annotations

from tinygen.nn.module import Module
from tinygen.ops import activation, elementwise
from tinygen.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0).

    Args:
        inplace: taken for PyTorch's sake; must be False, here and below.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        activation.refuse_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.nn.functional.relu`."""
        return activation.relu(input)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        activation.refuse_inplace(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.nn.functional.leaky_relu`."""
        return activation.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """y = x where x > 0, else alpha (e**x - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        activation.refuse_inplace(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.nn.functional.elu`."""
        return activation.elu(input, self.alpha)

    def extra_repr(self) -> str:
        """The depth below 0."""
        return f"alpha={self.alpha}"


class SiLU(Module):
    """y = x sigmoid(x)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        activation.refuse_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.nn.functional.silu`."""
        return activation.silu(input)


class GELU(Module):
    """y = x P(x), P the probability that a normal number is below x.

    Args:
        approximate: "none", or "tanh" for the approximation by a tanh.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.nn.functional.gelu`."""
        return activation.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """The form."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """y = ln(1 + e**(beta x)) / beta, and x itself where beta x is above the threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.nn.functional.softplus`."""
        return elementwise.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Tanh(Module):
    """y = tanh x, from -1 to 1."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.tanh`."""
        return elementwise.tanh(input)


class Sigmoid(Module):
    """y = 1 / (1 + e**-x), from 0 to 1."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.sigmoid`."""
        return elementwise.sigmoid(input)


class _AlongAxis(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """y_i = e**x_i / sum_j e**x_j along an axis.

    Args:
        dim: the axis; a call without one is refused.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.softmax`."""
        return activation.softmax(input, self.dim)


class LogSoftmax(_AlongAxis):
    """y_i = x_i - ln(sum_j e**x_j) along an axis.

    Args:
        dim: the axis; a call without one is refused.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.log_softmax`."""
        return activation.log_softmax(input, self.dim)
