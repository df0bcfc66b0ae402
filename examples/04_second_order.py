"""Gradients of gradients: what ``create_graph=True`` is for.

What: derivatives of tanh up to the fifth; Newton's method with the true second derivatives; a product of the Hessian
    of an LSTM with a vector; a penalty on the size of a gradient, which is itself trained through.
When: after 02, for those who want curvature, meta-learning or gradient penalties.
How long: five seconds on two CPU cores, the first time; the LSTM's kernels are compiled then.
"""

import numpy as np

import tinygen as tg
from tinygen.autograd import grad


def derivatives_of_tanh(order: int = 5) -> list[float]:
    """Return tanh, tanh', tanh'' ... at 0.5: each is the gradient of the one before."""
    x = tg.tensor(np.float64(0.5), requires_grad=True)
    y, values = x.tanh(), []
    for _ in range(order + 1):
        values.append(y.item())
        (y,) = grad(y, x, create_graph=True)
    return values


def newton(start: tuple[float, float] = (-1.2, 1.0), steps: int = 7) -> np.ndarray:
    """Minimise Rosenbrock's (1 - x)**2 + 100 (y - x**2)**2, a bent valley with its minimum at (1, 1)."""
    at = tg.tensor(np.array(start), requires_grad=True)
    for step in range(steps):
        x, y = at
        f = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        (g,) = grad(f, at, create_graph=True)
        hessian = np.array([grad(g[i], at, retain_graph=True)[0].numpy() for i in range(2)])  # row i: d g_i / d at
        print(f"step {step}: f = {f.item():.3g} at {at.detach().numpy()}")
        at = tg.tensor(at.detach().numpy() - np.linalg.solve(hessian, g.detach().numpy()), requires_grad=True)
    return at.detach().numpy()


def hessian_of_an_lstm_times_a_vector() -> tuple[float, float]:
    """Return u.H u by two backward passes, and by a difference of gradients; H, of 64 x 64 numbers, is never made.

    Training runs the LSTM as one compiled kernel. Here its plain form is differentiated instead: a fast op never
    costs a derivative.
    """
    generator = tg.Generator(0)
    lstm = tg.nn.LSTM(3, 4, generator=generator).to(tg.float64)
    x = tg.tensor(generator.normal((6, 2, 3), np.float64))  # (T, N, I)
    w = lstm.weight_hh_l0  # (16, 4)
    u = tg.tensor(generator.normal(w.shape, np.float64))

    def gradient(create_graph: bool) -> tg.Tensor:
        return grad(lstm(x)[0].square().sum(), w, create_graph=create_graph)[0]

    (product,) = grad((gradient(True) * u).sum(), w)  # d (g . u) / dw = H u
    there, eps, ends = w.detach().clone(), 1e-5, []
    for sign in (1, -1):
        with tg.no_grad():
            w.copy_(there + sign * eps * u)
        ends.append(gradient(False))
    return (u * product).sum().item(), (u * (ends[0] - ends[1])).sum().item() / (2 * eps)


def gradient_penalty(steps: int = 60) -> tuple[float, float]:
    """Train a network's slope towards 1 everywhere, as Wasserstein GANs do; return the mean slope before and after.

    penalty = mean over the batch of (|d net(x) / dx| - 1)**2   (Gulrajani et al., 2017, equation 3)
    """
    generator = tg.Generator(0)
    net = tg.nn.Sequential(
        tg.nn.Linear(2, 16, generator=generator), tg.nn.Tanh(), tg.nn.Linear(16, 1, generator=generator)
    )
    optimizer = tg.optim.Adam(net.parameters(), lr=0.02)
    slopes = []
    for _ in range(steps):
        x = tg.tensor(generator.normal((64, 2)), requires_grad=True)
        (gx,) = grad(net(x).sum(), x, create_graph=True)  # (64, 2): a row depends on its own x only
        slope = gx.square().sum(1).sqrt()
        slopes.append(slope.mean().item())
        optimizer.zero_grad()
        (slope - 1).square().mean().backward()
        optimizer.step()
    return slopes[0], slopes[-1]


if __name__ == "__main__":
    print("derivatives of tanh at 0.5:", " ".join(f"{v:.4f}" for v in derivatives_of_tanh()), "\n")
    print("Newton's method ends at", newton(), "\n")
    engine, differences = hessian_of_an_lstm_times_a_vector()
    print(f"u.H u of an LSTM: {engine:.8f} by the engine, {differences:.8f} by differences\n")
    before, after = gradient_penalty()
    print(f"mean slope of a network: {before:.2f} before, {after:.2f} after it was trained towards 1")
