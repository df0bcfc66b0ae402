"""Gradients: what a Tensor remembers, and a curve that is learned from it.

What: an expression and its gradient, by the engine and by hand; then a network of 64 numbers learns a sine.
When: first. Nothing is needed but NumPy and calculus.
How long: a second on one CPU core.
"""

import numpy as np

import tinygen as tg


def by_hand_and_by_engine() -> float:
    """Return the largest difference between a gradient worked out on paper and the engine's."""
    x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    w = tg.tensor([0.5, -1.0, 0.25], requires_grad=True)  # (3,): stretched over both rows of x
    y = (x * w).tanh()
    print("y is", y)  # it says which op made it
    y.sum().backward()  # d(sum y) / d(every leaf) is added to the leaf's .grad

    print("d sum(y) / dw =", w.grad)
    x_array, w_array = x.detach().numpy(), w.detach().numpy()
    slope = 1 - np.tanh(x_array * w_array) ** 2  # tanh' = 1 - tanh**2
    differences = x.grad.numpy() - slope * w_array, w.grad.numpy() - (slope * x_array).sum(0)
    return max(float(np.abs(d).max()) for d in differences)


def learn_a_sine(steps: int = 400, rate: float = 0.1) -> tuple[float, float]:
    """Fit sin x on [-3, 3] by gradient descent; return the mean squared error before and after.

    y = w2 tanh(w1 x + b1) + b2 with 21 hidden units; momentum keeps 0.9 of the last step.
    """
    generator = tg.Generator(0)
    x = tg.linspace(-3, 3, 121).reshape(-1, 1)  # (121, 1)
    target = x.sin()
    w1 = tg.tensor(generator.normal((1, 21)), requires_grad=True)
    b1 = tg.tensor(generator.normal((21,)), requires_grad=True)
    w2 = tg.tensor(0.2 * generator.normal((21, 1)), requires_grad=True)
    b2 = tg.zeros(1, requires_grad=True)
    leaves = [w1, b1, w2, b2]
    speed = [tg.zeros_like(leaf) for leaf in leaves]
    losses = []
    for step in range(steps):
        hidden = (x @ w1 + b1).tanh()  # (121, 21)
        loss = (hidden @ w2 + b2 - target).square().mean()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step:3}: loss {losses[-1]:.5f}")
        loss.backward()
        with tg.no_grad():  # the update itself is no part of the graph
            for i, leaf in enumerate(leaves):
                speed[i] = 0.9 * speed[i] - rate * (1 - step / steps) * leaf.grad
                leaf.copy_(leaf + speed[i])
                leaf.grad = None  # otherwise the next backward would add to it
    print(f"step {steps}: loss {losses[-1]:.5f}")
    return losses[0], losses[-1]


if __name__ == "__main__":
    print(f"largest difference from the gradient by hand: {by_hand_and_by_engine():.1e}\n")
    learn_a_sine()
