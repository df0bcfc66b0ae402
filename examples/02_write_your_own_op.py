"""Your own op: forward on arrays, backward on Tensors, and a check that it is right.

What: log cosh, a loss that is square near 0 and straight far out, as an op; gradient checks of first and second
    order; the same check on a backward that is wrong; and what the op is good for.
When: after 01, when an op is missing, or one that is there is built of too many small ones.
How long: a second on one CPU core.
"""

import numpy as np

import tinygen as tg
from tinygen.testing import GradcheckError, gradcheck, gradgradcheck


class LogCosh(tg.autograd.Function):
    """y = log cosh x;  dy/dx = tanh x."""

    @staticmethod
    def forward(ctx, x):
        """Take an array, return an array; keep what backward needs.

        cosh overflows float32 at 90. With cosh x = e^|x| (1 + e^(-2 |x|)) / 2 nothing does.
        """
        ctx.save(x)
        size = np.abs(x)
        return size + np.log1p(np.exp(-2 * size)) - np.log(x.dtype.type(2))

    @staticmethod
    def backward(ctx, gy):
        """Take the output's gradient, a Tensor, and return the input's, made by ops: so it has a gradient too."""
        (x,) = ctx.saved
        return gy * x.tanh()


class WrongLogCosh(LogCosh):
    """The same with a slip that a training run would survive, and nobody would see."""

    @staticmethod
    def backward(ctx, gy):
        """Forget the gradient that comes in: right only if it is 1."""
        (x,) = ctx.saved
        return x.tanh()


def log_cosh(x: tg.Tensor) -> tg.Tensor:
    """Return log cosh x: the function that users call."""
    return LogCosh.apply(x)


def check(op: type[tg.autograd.Function]) -> str:
    """Compare both orders of derivative with finite differences; they need float64."""
    x = tg.tensor(np.random.default_rng(0).normal(size=(3, 4)), requires_grad=True)
    try:
        gradcheck(op.apply, x)
        gradgradcheck(op.apply, x)
    except GradcheckError as error:
        return str(error).splitlines()[0]
    return "both orders are right"


def slope(loss_of, steps: int = 300) -> float:
    """Fit y = a x + b to points on y = 2 x + 1, a tenth of which are far off, and return a."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, 200)
    y = 2 * x + 1 + 0.05 * rng.normal(size=200) + np.where(np.arange(200) < 20, -12 * x, 0)
    x, y = tg.tensor(x), tg.tensor(y)
    a, b = (tg.zeros(1, dtype=tg.float64, requires_grad=True) for _ in "ab")
    optimizer = tg.optim.Adam([a, b], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(10 * (a * x + b - y)).mean().backward()
        optimizer.step()
    return a.item()


if __name__ == "__main__":
    print("log cosh of -1000, 0, 1:", log_cosh(tg.tensor([-1000.0, 0.0, 1.0])))
    print("LogCosh:     ", check(LogCosh))
    print("WrongLogCosh:", check(WrongLogCosh))
    print("slope of a line through points of which a tenth are wrong (2 is right):")
    print(f"  squared error {slope(tg.square):.2f}, log cosh {slope(log_cosh):.2f}")
