"""Layers without memory of the past: dense, embedding, dropout, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.nn import init
from tinygen.nn.module import Module, Parameter
from tinygen.ops import activation, elementwise, indexing, matmul, shape
from tinygen.random import Generator
from tinygen.tensor import Tensor


class Linear(Module):
    """y = x w^T + b.

    Args:
        in_features: I, the length of the last axis of the input (..., I).
        out_features: O, that of the output (..., O).
        bias: whether there is a b.
        generator: where the initial values come from.

    Attributes:
        weight: (O, I), drawn evenly from +-1/sqrt(I), as PyTorch does.
        bias: (O,), likewise, or None.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        check_sizes(in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        init.uniform_(self.weight, -bound, bound, generator)
        self.bias = Parameter(np.empty(out_features, np.float32)) if bias else None
        if bias:
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        return matmul.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors, one for each token.

    Args:
        num_embeddings: V, the number of tokens.
        embedding_dim: D, the length of a vector.
        generator: where the initial values (normal) come from.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_sizes(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        init.normal_(self.weight, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Look up integer tokens (...): (..., D)."""
        return indexing.embedding(tokens, self.weight)

    def extra_repr(self) -> str:
        """The sizes."""
        return "{}, {}".format(*self.weight.shape)


class Dropout(Module):
    """Sets elements to 0 with probability ``p`` in training, and scales the others by 1 / (1 - p).

    Args:
        p: the probability, from 0 to 1.
        inplace: taken for PyTorch's sake; must be False.
        generator: where the random numbers come from.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"`p` is {p!r}; a probability lies from 0 to 1")
        if inplace:
            raise ValueError("`inplace` is True; tinygen's layers do not write into their input")
        self.p, self.generator = p, generator

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements, in training."""
        return activation.dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Flatten(Module):
    """Merges the axes from ``start_dim`` to ``end_dim`` into one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Flatten."""
        return shape.flatten(x, self.start_dim, self.end_dim)


def _activation(name: str, function: Any, text: str) -> type[Module]:
    return type(name, (Module,), {"__doc__": text, "forward": lambda self, x: function(x), "__module__": __name__})


ReLU = _activation("ReLU", activation.relu, "max(x, 0)")
Tanh = _activation("Tanh", elementwise.tanh, "The hyperbolic tangent.")
Sigmoid = _activation("Sigmoid", elementwise.sigmoid, "1 / (1 + e**-x)")


class LeakyReLU(Module):
    """x where x > 0, else ``negative_slope`` x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function."""
        return activation.leaky_relu(x, self.negative_slope)


class Softmax(Module):
    """Softmax along ``dim``."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function."""
        return activation.softmax(x, self.dim)


def check_sizes(**sizes: int) -> None:
    """Raise ValueError for a size that is not an integer of at least 1."""
    for name, value in sizes.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"`{name}` is {value!r}; it must be an integer of at least 1")
