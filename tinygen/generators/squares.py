"""The sum of squares as an op of its own, for losses over large activations."""

from __future__ import annotations

from typing import Any

from tinygen.autograd import Function, Node
from tinygen.tensor import Tensor
from tinygen_ops.elementwise import sum_of_squares


class SumOfSquares(Function):
    """y = sum over all i of x_i^2;  gx_i = 2 gy x_i.

    Put together from a product and a sum, it would write x^2, the gradient of the sum, two products and their sum to
    memory, where this reads x twice and writes gx.
    """

    @staticmethod
    def forward(ctx: Node, x: Any) -> Any:
        """Sum, on arrays."""
        ctx.save(x)
        return sum_of_squares(x)

    @staticmethod
    def backward(ctx: Node, gy: Tensor) -> Tensor:
        """Multiply, on Tensors."""
        (x,) = ctx.saved
        return x * (gy * 2)


def squares(x: Tensor) -> Tensor:
    """Return the sum of x^2 over all numbers, without axes."""
    return SumOfSquares.apply(x)
