"""tinygen: a deep-learning engine from scratch on NumPy, CuPy and Numba, and five generators built on it.

``import tinygen as tg``. The names are PyTorch's; ``docs/architecture.md`` tells how it is built.
"""

from __future__ import annotations

import importlib
from typing import Any

import tinygen.operators
from tinygen import autograd
from tinygen.autograd import enable_grad, is_grad_enabled, no_grad
from tinygen.backend import bool_, float16, float32, float64, int32, int64, uint8
from tinygen.creation import (
    arange,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from tinygen.ops.activation import log_softmax, relu, softmax
from tinygen.ops.arithmetic import (
    add,
    clip,
    div,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    sub,
    where,
)
from tinygen.ops.arithmetic import power as pow
from tinygen.ops.elementwise import abs_ as abs
from tinygen.ops.elementwise import (
    cos,
    exp,
    expm1,
    isfinite,
    isnan,
    log,
    log1p,
    logical_not,
    rsqrt,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    square,
    tanh,
)
from tinygen.ops.indexing import gather, index_select
from tinygen.ops.matmul import bmm, matmul, outer
from tinygen.ops.reduce import amax, argmax, argmin, cumsum, logsumexp, max, mean, min, norm, std, var
from tinygen.ops.reduce import sum_ as sum
from tinygen.ops.shape import (
    broadcast_to,
    cat,
    chunk,
    clone,
    flatten,
    flip,
    permute,
    repeat,
    reshape,
    split,
    squeeze,
    stack,
    sum_to,
    transpose,
    unsqueeze,
)
from tinygen.ops.shape import broadcast_to as expand
from tinygen.ops.shape import repeat as tile
from tinygen.ops.shape import transpose as swapaxes
from tinygen.random import Generator, manual_seed
from tinygen.tensor import Tensor
from tinygen.version import __version__

_SUBMODULES = {"nn", "optim", "testing", "data", "io", "generators", "run"}  # loaded when first touched


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"tinygen.{name}")
    if name in ("save", "load"):
        return getattr(importlib.import_module("tinygen.io"), name)
    raise AttributeError(f"module 'tinygen' has no attribute {name!r}")


_PLUMBING = ("annotations", "importlib", "Any", "tinygen")
__all__ = sorted(name for name in globals() if not name.startswith("_") and name not in _PLUMBING)
__all__ += ["__version__", "load", "save", *sorted(_SUBMODULES)]
