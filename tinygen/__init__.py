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
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    tensor,
    zeros,
    zeros_like,
)
from tinygen.operators import allclose, equal
from tinygen.ops.activation import log_softmax, relu, softmax
from tinygen.ops.arithmetic import (
    add,
    clip,
    div,
    floor_divide,
    masked_fill,
    maximum,
    minimum,
    mul,
    neg,
    remainder,
    sub,
    where,
)
from tinygen.ops.arithmetic import clip as clamp
from tinygen.ops.arithmetic import power as pow
from tinygen.ops.arrange import diagonal, flip, repeat, repeat_interleave, roll, tile, tril, triu
from tinygen.ops.comparison import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    ge,
    greater,
    greater_equal,
    gt,
    le,
    less,
    less_equal,
    logical_and,
    logical_or,
    logical_xor,
    lt,
    ne,
    not_equal,
)
from tinygen.ops.einsum import einsum
from tinygen.ops.elementwise import abs_ as abs
from tinygen.ops.elementwise import (
    ceil,
    cos,
    erf,
    exp,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    logical_not,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    square,
    tanh,
)
from tinygen.ops.extremes import all, amax, amin, any, argmax, argmin, max, min
from tinygen.ops.indexing import gather, index_select, scatter_add, sort, topk
from tinygen.ops.join import cat, chunk, split, stack, unbind
from tinygen.ops.matmul import bmm, matmul, mm, outer
from tinygen.ops.pad import pad
from tinygen.ops.reduce import cumsum, logsumexp, mean, norm, prod, std, var
from tinygen.ops.reduce import sum_ as sum
from tinygen.ops.resize import pixel_shuffle, pixel_unshuffle
from tinygen.ops.shape import (
    broadcast_to,
    clone,
    flatten,
    meshgrid,
    movedim,
    permute,
    reshape,
    squeeze,
    sum_to,
    swapaxes,
    transpose,
    unflatten,
    unsqueeze,
    view,
)
from tinygen.ops.shape import broadcast_to as expand
from tinygen.random import Generator, manual_seed
from tinygen.tensor import Tensor
from tinygen.version import __version__

_SUBMODULES = {"nn", "optim", "testing", "data", "io", "models", "generators", "run"}  # loaded when first touched


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"tinygen.{name}")
    if name in ("save", "load"):
        return getattr(importlib.import_module("tinygen.io"), name)
    raise AttributeError(f"module 'tinygen' has no attribute {name!r}")


_PLUMBING = ("annotations", "importlib", "Any", "tinygen")
__all__ = sorted(name for name in globals() if not name.startswith("_") and name not in _PLUMBING)
__all__ += ["__version__", "load", "save", *sorted(_SUBMODULES)]
