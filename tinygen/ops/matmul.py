"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

from tinygen.autograd import Function, Node
from tinygen.backend import device_of
from tinygen.ops._inputs import as_tensor, common_shape
from tinygen.ops.shape import reshape, squeeze, sum_to, transpose, unsqueeze
from tinygen.tensor import Tensor
from tinygen_ops.arrays import array_module
from tinygen_ops.matmul import matmul as matmul_kernel


def matrix_product(x: Any, y: Any) -> Any:
    """Return the products of the matrices in the last two axes of two arrays; leading axes broadcast."""
    if x.ndim == y.ndim and all(n == 1 for n in (*x.shape[:-2], *y.shape[:-2])):
        z = matmul_kernel(x.reshape(x.shape[-2:]), y.reshape(y.shape[-2:]))
        return z.reshape(*x.shape[:-2], *z.shape)
    return array_module(x, y).matmul(x, y)


class MatMul(Function):
    """z = x y, matrices in the last two axes;  gx = gz y^T, gy = x^T gz.

    Derivation: z_ij = sum_k x_ik y_kj, so dz_ij/dx_ab = [i = a] y_bj and gx_ab = sum_j gz_aj y_bj, which is gz times y
    transposed; likewise gy_ab = sum_i x_ia gz_ib. Over leading axes that were broadcast the gradients add up.
    """

    @staticmethod
    def forward(ctx: Node, x: Any, y: Any) -> Any:
        ctx.save(x, y)
        return matrix_product(x, y)

    @staticmethod
    def backward(ctx: Node, gz: Tensor) -> tuple:
        x, y = ctx.saved
        to_x, to_y = ctx.needs_input_grad
        gx = _summed(MatMul.apply(gz, transpose(y, -2, -1)), x.shape) if to_x else None
        gy = _summed(MatMul.apply(transpose(x, -2, -1), gz), y.shape) if to_y else None
        return gx, gy


def _summed(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if x.shape == shape else sum_to(x, shape)


def _check_alike(op: str, x: Tensor, y: Tensor) -> None:
    """Refuse operands on two devices, of two dtypes, or booleans, as PyTorch."""
    if type(x._data) is not type(y._data):
        raise TypeError(f"{op}: operands on {device_of(x._data)} and {device_of(y._data)}; move one with .to(device)")
    if x.dtype != y.dtype:
        raise TypeError(f"{op}: operands of {x.dtype} and {y.dtype}; convert one with .to(dtype)")
    if x.dtype.kind == "b":
        raise TypeError(f"{op}: the operands are booleans, which do not add up; convert them with .to(dtype)")


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product.

        z[..., i, j] = sum over k of x[..., i, k] y[..., k, j]

    Args:
        input: (..., M, K), or (K,), which counts as a row. Numbers of any dtype but boolean.
        other: (..., K, N), or (K,), which counts as a column; leading axes broadcast. Of the same dtype.

    Returns:
        (..., M, N), without the axis of an operand that had one axis.

    Raises:
        ValueError: if the inner lengths differ, the leading axes do not broadcast, or an operand has no axes.
        TypeError: for different dtypes or devices, or booleans.
    """
    x, y = as_tensor(input, "input"), as_tensor(other, "other")
    _check_alike("matmul", x, y)
    if not x.ndim or not y.ndim:
        raise ValueError(f"matmul: shapes {x.shape} and {y.shape}; both operands need at least one axis")
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(f"matmul: shapes {x.shape} and {y.shape}; the inner lengths must be equal")
    row, column = x.ndim == 1, y.ndim == 1
    x = unsqueeze(x, 0) if row else x
    y = unsqueeze(y, 1) if column else y
    if x.ndim > 2 and y.ndim == 2:  # (..., M, K) times one matrix: all rows in one product, as in its backward
        rows = reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
        z = reshape(MatMul.apply(rows, y), (*x.shape[:-1], y.shape[1]))
    else:
        common_shape("matmul", x.shape[:-2], y.shape[:-2])
        z = MatMul.apply(x, y)
    if row:
        z = squeeze(z, -2)
    return squeeze(z, -1) if column else z


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices.

        z[i, j] = sum over k of x[i, k] y[k, j]

    Args:
        input: (M, K).
        mat2: (K, N), of the same dtype.

    Returns:
        (M, N).

    Raises:
        ValueError: if an operand is no matrix, or the inner lengths differ.
        TypeError: for different dtypes or devices, or booleans.
    """
    input, mat2 = as_tensor(input, "input"), as_tensor(mat2, "mat2")
    if input.ndim != 2 or mat2.ndim != 2:
        raise ValueError(f"mm: shapes {input.shape} and {mat2.shape}; both must be (rows, columns)")
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices.

        z[b, i, j] = sum over k of x[b, i, k] y[b, k, j]

    Args:
        input: (B, M, K).
        mat2: (B, K, N), of the same dtype.

    Returns:
        (B, M, N).

    Raises:
        ValueError: if the shapes do not fit.
        TypeError: for different dtypes or devices, or booleans.
    """
    input, mat2 = as_tensor(input, "input"), as_tensor(mat2, "mat2")
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: shapes {input.shape} and {mat2.shape}; both must be (B, rows, columns) with one B")
    return matmul(input, mat2)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return all products of the elements of two vectors.

        z[i, j] = x[i] y[j]

    Args:
        input: (M,) any dtype.
        vec2: (N,) any dtype; the two are promoted.

    Returns:
        (M, N).

    Raises:
        ValueError: if an operand has not one axis.
    """
    input, vec2 = as_tensor(input, "input"), as_tensor(vec2, "vec2")
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer: shapes {input.shape} and {vec2.shape}; both must have one axis")
    return unsqueeze(input, 1) * vec2


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the affine map of the last axis.

        y[..., o] = sum over i of x[..., i] w[o, i] + b[o]

    Args:
        input: (..., I).
        weight: (O, I), of the same dtype; or (I,), for a single output without an axis.
        bias: (O,), or () for a weight (I,); of the same dtype; or None.

    Returns:
        (..., O), or (...) for a weight (I,).

    Raises:
        ValueError: if the lengths do not fit.
        TypeError: for different dtypes or devices.
    """
    x, w = as_tensor(input, "input"), as_tensor(weight, "weight")
    if w.ndim not in (1, 2) or not x.ndim or x.shape[-1] != w.shape[-1]:
        raise ValueError(f"linear: `input` {x.shape} and `weight` {w.shape}; the last axes must have one length")
    _check_alike("linear", x, w)
    if bias is not None:
        if as_tensor(bias, "bias").shape != w.shape[:-1]:
            raise ValueError(f"linear: `bias` has shape {bias.shape}; it must be {w.shape[:-1]}")
        _check_alike("linear", w, bias)
    y = matmul(x, transpose(w, 0, 1) if w.ndim == 2 else w)  # one 2-d product whatever the number of axes
    return y if bias is None else y + bias
