"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

from tinygen.autograd import Function, Node
from tinygen.backend import device_of, promote
from tinygen.ops._inputs import as_tensor, cast, common_shape
from tinygen.ops.shape import reshape, squeeze, sum_to, transpose, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.matmul import matmul as matmul_kernel


class MatMul(Function):
    """z = x y, matrices in the last two axes;  gx = gz y^T, gy = x^T gz."""

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        ctx.save(x, y)
        return matmul_kernel(x, y) if x.ndim == y.ndim == 2 else array_module(x, y).matmul(x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        x, y = ctx.saved
        to_x, to_y = ctx.needs_input_grad
        gx = sum_to(matmul(gz, transpose(y, -2, -1)), x.shape) if to_x else None
        gy = sum_to(matmul(transpose(x, -2, -1), gz), y.shape) if to_y else None
        return gx, gy


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product.

        z[..., i, j] = sum over k of x[..., i, k] y[..., k, j]

    Args:
        input: (..., M, K), or (K,), which counts as a row.
        other: (..., K, N), or (K,), which counts as a column; leading axes broadcast.

    Returns:
        (..., M, N), without the axis of an operand that had one axis.

    Raises:
        ValueError: if the inner lengths differ or an operand has no axes.
    """
    x, y = as_tensor(input, "input"), as_tensor(other, "other")
    if type(x._data) is not type(y._data):
        raise TypeError(f"matmul: operands on {device_of(x._data)} and {device_of(y._data)}; move one with .to(device)")
    if not x.ndim or not y.ndim:
        raise ValueError(f"matmul: shapes {x.shape} and {y.shape}; both operands need at least one axis")
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(f"matmul: shapes {x.shape} and {y.shape}; the inner lengths must be equal")
    if x.dtype != y.dtype:
        dtype = promote(x._data, y._data)
        x, y = cast(x, dtype), cast(y, dtype)
    row, column = x.ndim == 1, y.ndim == 1
    x = unsqueeze(x, 0) if row else x
    y = unsqueeze(y, 1) if column else y
    common_shape("matmul", x.shape[:-2], y.shape[:-2]) if x.ndim > 2 and y.ndim > 2 else None
    z = MatMul.apply(x, y)
    if row:
        z = squeeze(z, -2)
    return squeeze(z, -1) if column else z


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices: (B, M, K) and (B, K, N) give (B, M, N)."""
    input, mat2 = as_tensor(input, "input"), as_tensor(mat2, "mat2")
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: shapes {input.shape} and {mat2.shape}; both must be (B, rows, columns) with one B")
    return matmul(input, mat2)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return z[i, j] = x[i] y[j]: (M,) and (N,) give (M, N)."""
    input, vec2 = as_tensor(input, "input"), as_tensor(vec2, "vec2")
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer: shapes {input.shape} and {vec2.shape}; both must have one axis")
    return unsqueeze(input, 1) * vec2


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the affine map of the last axis.

        y[..., o] = sum over i of x[..., i] w[o, i] + b[o]

    Args:
        input: (..., I) float.
        weight: (O, I) float.
        bias: (O,) float or None.

    Returns:
        (..., O).

    Raises:
        ValueError: if the lengths do not fit.
    """
    x, w = as_tensor(input, "input"), as_tensor(weight, "weight")
    if w.ndim != 2 or not x.ndim or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear: `input` {x.shape} and `weight` {w.shape}; the last axes must have one length")
    if bias is not None and as_tensor(bias, "bias").shape != w.shape[:1]:
        raise ValueError(f"linear: `bias` has shape {bias.shape}; it must be {w.shape[:1]}")
    rows = x if x.ndim == 2 else reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
    y = matmul(rows, transpose(w, 0, 1))  # one 2-d product whatever the number of axes
    if bias is not None:
        y = y + bias
    return y if x.ndim == 2 else reshape(y, (*x.shape[:-1], w.shape[0]))


