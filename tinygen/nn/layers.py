"""Layers without memory of the past: dense, embedding, dropout, other shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygen.nn import init
from tinygen.nn.module import Module, Parameter
from tinygen.ops import activation, indexing, matmul, shape
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

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        return matmul.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors, one for each token.

    Args:
        num_embeddings: V, the number of tokens.
        embedding_dim: D, the length of a vector.
        padding_idx: a token whose vector starts as zeros and gets no gradient, from -V to V - 1, or None.
        max_norm: None; PyTorch's rescaling of vectors is not here.
        norm_type: the norm of ``max_norm``.
        scale_grad_by_freq: False; PyTorch's scaling of gradients is not here.
        sparse: False; gradients are dense here.
        generator: where the initial values (normal) come from.

    Attributes:
        weight: (V, D).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        for name, value in (("max_norm", max_norm), ("scale_grad_by_freq", scale_grad_by_freq), ("sparse", sparse)):
            if value:
                raise ValueError(f"`{name}` is {value!r}; tinygen's Embedding does not have that")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"`padding_idx` is {padding_idx}; valid are {-num_embeddings} to {num_embeddings - 1}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        init.normal_(self.weight, generator=generator)
        if padding_idx is not None:
            self.weight._data[padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """Make the layer from a table (V, D), whose memory it shares; ``freeze`` keeps the table as it is."""
        layer = cls(*embeddings.shape, padding_idx=padding_idx, generator=Generator(0))  # leaves the global one alone
        layer.weight = Parameter(embeddings.data)
        layer.weight.requires_grad = not freeze
        return layer

    def forward(self, input: Tensor) -> Tensor:
        """Look up integer tokens (...): (..., D)."""
        return indexing.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


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
        activation.refuse_inplace(inplace)
        self.p, self.generator = p, generator

    def forward(self, input: Tensor) -> Tensor:
        """Drop elements, in training."""
        return activation.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace=False"


class Identity(Module):
    """y = x: a layer that is none.

    Args:
        args: taken, whatever they are, so that it can stand in for another layer.
        settings: the same.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class Flatten(Module):
    """Merges the axes from ``start_dim`` to ``end_dim`` into one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.flatten`."""
        return shape.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Cuts the axis ``dim`` into axes of lengths ``unflattened_size``, of which one may be -1."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(f"`unflattened_size` is {unflattened_size!r}; it must be a tuple of integers")
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """Apply :func:`tinygen.unflatten`."""
        return shape.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The settings."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def check_sizes(**sizes: int) -> None:
    """Raise ValueError for a size that is not an integer of at least 1."""
    for name, value in sizes.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"`{name}` is {value!r}; it must be an integer of at least 1")
