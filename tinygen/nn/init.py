"""Ways to fill a parameter before training, in place. Each takes a generator; default the global one."""

from __future__ import annotations

import math

import numpy as np

from tinygen.backend import device_of, to_device
from tinygen.random import Generator, default_generator
from tinygen.tensor import Tensor
from tinygen.writes import written


def _write(tensor: Tensor, values: np.ndarray) -> Tensor:
    written(tensor._data)
    tensor._data[...] = to_device(np.asarray(values, tensor.dtype), device_of(tensor._data))
    return tensor


def _fans(tensor: Tensor) -> tuple[int, int]:
    """The number of inputs and outputs of one unit: weights are (outputs, inputs, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError(f"`tensor` has shape {tensor.shape}; fans need at least two axes")
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers drawn evenly from [a, b)."""
    return _write(tensor, a + (b - a) * (generator or default_generator).uniform(tensor.shape, device="cpu"))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from the normal distribution."""
    return _write(tensor, mean + std * (generator or default_generator).normal(tensor.shape, device="cpu"))


def constant_(tensor: Tensor, value: float) -> Tensor:
    """Fill with one value."""
    return _write(tensor, np.full(tensor.shape, value))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill evenly from [-a, a), a = gain sqrt(6 / (inputs + outputs)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from the normal distribution of deviation gain sqrt(2 / (inputs + outputs)). As xavier_uniform_."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, generator: Generator | None = None) -> Tensor:
    """Fill evenly from [-b, b), b = sqrt(6 / ((1 + a**2) inputs)), a being the slope of the leaky relu behind.

    Source: He et al., "Delving deep into rectifiers" (ICCV 2015).
    """
    bound = math.sqrt(6.0 / ((1 + a * a) * _fans(tensor)[0]))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Tensor, a: float = 0.0, generator: Generator | None = None) -> Tensor:
    """Fill from the normal distribution of deviation sqrt(2 / ((1 + a**2) inputs)). As kaiming_uniform_."""
    return normal_(tensor, 0.0, math.sqrt(2.0 / ((1 + a * a) * _fans(tensor)[0])), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill so that the rows (or, of a tall matrix, the columns) are orthonormal, times ``gain``.

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning" (ICLR 2014).
    """
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    draw = (generator or default_generator).normal((rows, columns), np.float64, "cpu")
    q, r = np.linalg.qr(draw if rows >= columns else draw.T)
    q = q * np.sign(np.diag(r))  # makes the distribution uniform over all such matrices
    return _write(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))
