"""Time every kernel's Numba form against its plain reference and, where it is installed, PyTorch.

    python benchmarks/kernels.py [--rounds 7] [--only lstm] [--threads 2]

The sides take turns within one process, round after round, with a pause before each so that the worker
threads of the one before have gone to sleep. Shown are medians over all calls, and ratios of these
medians: below 1 means the Numba form is faster. GFLOP/s count multiplications and additions
of the products only. The updates of the 0.1 million parameters of the text model stay in the cache.

What to expect at T = 60, N = 128, H = 128, V = 57 on two Zen 5 cores (500 GFLOP/s in float32 together): each
of the three products of a training step, 1.0 GFLOP, takes at least 2.0 ms, so forward 2.0 and backward 4.0
ms. Beside them stand 0.5 million sigmoids and hyperbolic tangents a product (0.3 ms at 25 ns per 16, over two
cores) and 24 and 40 MB of memory traffic (0.8 and 1.3 ms at 30 GB/s, partly hidden): 2.3 to 3.1 and 4.4 to
5.6 ms. Measured: 2.8 and 5.7.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import tinygen_ops as ops

try:
    import torch
except ImportError:
    torch = None

T, N, H, V = 60, 128, 128, 57
PAUSE, SLOT = 0.05, 0.08  # seconds
rng = np.random.default_rng(0)
Sides = dict[str, Callable[[], object]]


def normal(*shape: int, scale: float = 0.08) -> np.ndarray:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def both(kernel: ops.Kernel, *args, **kwargs) -> Sides:
    """The Numba form and the reference of one kernel on the same arguments."""
    return {
        "numba": lambda: kernel.load("numba")(*args, **kwargs),
        "reference": lambda: kernel.reference(*args, **kwargs),
    }


def lstm_cases() -> dict[str, tuple[Sides, float]]:
    index, table, w_hh = rng.integers(0, V, (T, N)), normal(V, 4 * H), normal(4 * H, H)
    state, grad_last = np.zeros((N, H), np.float32), normal(N, H)
    h, c, gates = ops.lstm_forward(table, index, state, state, w_hh)
    forward = both(ops.lstm_forward, table, index, state, state, w_hh)
    backward = both(ops.lstm_backward, w_hh, index, V, gates, c, h, None, grad_last)
    together = {}
    for side in ("numba", "reference"):
        together[side] = lambda f=forward[side], b=backward[side]: (f(), b())
    if torch:
        one_hot = torch.nn.functional.one_hot(torch.from_numpy(index), V).float()
        net, gradient = torch.nn.LSTM(V, H), torch.from_numpy(grad_last)

        def torch_forward():
            with torch.no_grad():
                net(one_hot)

        def torch_together():
            net.zero_grad(set_to_none=True)
            net(one_hot)[0][-1].backward(gradient)

        forward["torch"], together["torch"] = torch_forward, torch_together
    flops = 2 * T * N * H * 4 * H
    return {
        "lstm forward": (forward, flops),
        "lstm backward": (backward, 2 * flops),
        "lstm forward + backward": (together, 3 * flops),
    }


def step_cases() -> dict[str, tuple[Sides, float]]:
    """A whole training step of the character model: LSTM, dense head, cross-entropy, RMSprop."""
    index, target = rng.integers(0, V, (T, N)), rng.integers(0, V, N)
    params = [normal(V, 4 * H), normal(4 * H, H), normal(V, H), normal(V)]
    averages, state = [np.zeros_like(p) for p in params], np.zeros((N, H), np.float32)

    def step():
        table, w_hh, w_out, b_out = params
        h, c, gates = ops.lstm_forward(table, index, state, state, w_hh)
        losses, dlogits = ops.cross_entropy_forward(ops.matmul(h[-1], w_out.T) + b_out, target)
        dlogits = dlogits * np.float32(1 / N)
        grad_last = ops.matmul(dlogits, w_out)
        grad_table, _, _, grad_w = ops.lstm_backward(w_hh, index, V, gates, c, h, None, grad_last)
        grads = [grad_table, grad_w, ops.matmul(dlogits.T, h[-1]), dlogits.sum(axis=0)]
        ops.rmsprop(params, grads, averages, lr=0.01, alpha=0.9, eps=1e-7)
        return losses.mean()

    def reference():
        with ops.use("reference"):
            step()

    sides = {"numba": step, "reference": reference}
    if torch:
        for name, kwargs in (("torch", {}), ("torch foreach", {"foreach": True})):
            sides[name] = torch_step(index, target, kwargs)
    return {"text step": (sides, 3 * 2 * T * N * H * 4 * H)}


def torch_step(index: np.ndarray, target: np.ndarray, kwargs: dict) -> Callable[[], object]:
    x = torch.nn.functional.one_hot(torch.from_numpy(index), V).float()
    y, net, head = torch.from_numpy(target), torch.nn.LSTM(V, H), torch.nn.Linear(H, V)
    params = [*net.parameters(), *head.parameters()]
    optimizer = torch.optim.RMSprop(params, lr=0.01, alpha=0.9, eps=1e-7, **kwargs)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(head(net(x)[0][-1]), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def sample_cases() -> dict[str, tuple[Sides, float]]:
    """400 characters, one at a time; PyTorch as a scripted loop over a table, its fastest form."""
    count, table, w_hh, w_out, b_out = 400, normal(V, 4 * H), normal(4 * H, H), normal(V, H), normal(V)
    h, c, uniforms = normal(1, H), normal(1, H), rng.random(400)
    sides = both(ops.lstm_sample, [(table, w_hh)], w_out, b_out, h, c, 3, uniforms, temperature=0.5)
    if torch:
        generate = torch.jit.script(torch_sample)
        arrays = (h, c, table, w_hh.T, w_out.T * 2, b_out * 2)
        tensors = [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays]

        def torch_side():
            with torch.inference_mode():
                return torch.stack(generate(count, torch.tensor([3]), *tensors)).tolist()

        sides["torch"] = torch_side
    return {"lstm sample, 400": (sides, count * 2 * (4 * H * H + V * H))}


if torch:
    Tensor = torch.Tensor

    def torch_sample(
        n: int, k: Tensor, h: Tensor, c: Tensor, table: Tensor, u: Tensor, w: Tensor, b: Tensor
    ) -> list[Tensor]:
        out = []
        for _ in range(n):
            z = torch.addmm(table[k], h, u)
            s = torch.sigmoid(z)
            units = h.shape[1]
            c = s[:, units : 2 * units] * c + s[:, :units] * torch.tanh(z[:, 2 * units : 3 * units])
            h = s[:, 3 * units :] * torch.tanh(c)
            k = torch.multinomial(torch.softmax(torch.addmm(b, h, w), 1), 1)[0]
            out.append(k)
        return out


def small_cases() -> dict[str, tuple[Sides, float]]:
    cases = {}
    for m, k, n in ((128, 128, 57), (128, 57, 128), (57, 128, 128), (512, 512, 512), (7680, 128, 512)):
        a, b = normal(m, k), normal(k, n)
        cases[f"matmul {m} x {k} x {n}"] = (both(ops.matmul, a, b), 2 * m * k * n)
        if torch:
            x, y = torch.from_numpy(a), torch.from_numpy(b)
            cases[f"matmul {m} x {k} x {n}"][0]["torch"] = lambda x=x, y=y: x @ y
    for rows in (128, 7680):
        logits, target = normal(rows, V, scale=3), rng.integers(0, V, rows)
        cases[f"cross-entropy {rows} x {V}"] = (both(ops.cross_entropy_forward, logits, target), 0)
        cases[f"softmax {rows} x {V}"] = (both(ops.softmax, logits), 0)
        if torch:
            x, y = torch.from_numpy(logits), torch.from_numpy(target)
            cases[f"softmax {rows} x {V}"][0]["torch"] = lambda x=x: torch.softmax(x, 1)
            leaf = x.clone().requires_grad_()
            cases[f"cross-entropy {rows} x {V}"][0]["torch"] = lambda x=leaf, y=y: torch.autograd.grad(
                torch.nn.functional.cross_entropy(x, y), x
            )
    return cases


def gram_cases() -> dict[str, tuple[Sides, float]]:
    """What style transfer multiplies in five layers of VGG19 on 400 x 533; the operations of the whole product."""
    cases = {}
    for places, channels in ((213_200, 64), (53_300, 128), (13_300, 256), (3_300, 512), (825, 512)):
        x = normal(1, places, channels)
        sides, name = both(ops.gram, x), f"gram {places} x {channels}"
        back, square = both(ops.matmul, x[0], normal(channels, channels)), 2 * places * channels**2
        if torch:
            features = torch.from_numpy(x[0])
            sides["torch"] = lambda x=features: x.T @ x
        cases |= {name: (sides, square), f"{name} back": (back, square)}
    return cases


def update_cases() -> dict[str, tuple[Sides, float]]:
    cases = {}
    models = {"text model": [(V, 4 * H), (4 * H, H), (V, H), (V,)], "6.2 million": [(6_200_000,)]}
    for label, shapes in models.items():
        p, g, m = ([normal(*shape) for shape in shapes] for _ in range(3))
        v = [abs(a) for a in m]
        for kernel, states, kwargs in (
            (ops.sgd, [m], {"lr": 1e-4, "momentum": 0.9}),
            (ops.rmsprop, [v], {"lr": 1e-4, "alpha": 0.9}),
            (ops.adam, [m, v], {"lr": 1e-4, "step": 9}),
        ):
            sides = both(kernel, p, g, *states, **kwargs)
            if torch:
                sides |= torch_updates(kernel.name, p, g)
            cases[f"{kernel.name}, {label}"] = (sides, 0)
    return cases


def pool_cases() -> dict[str, tuple[Sides, float]]:
    """Pools of Inception V3 on 350 x 350 and of VGG19 on 400 x 533, channels last; PyTorch forward only."""
    cases = {}
    for kind, channels, height, width, size, stride, padding in (
        ("max", 64, 172, 172, 3, 2, 0),
        ("max", 192, 83, 83, 3, 2, 0),
        ("max", 256, 100, 133, 2, 2, 0),
        ("avg", 288, 41, 41, 3, 1, 1),
        ("avg", 768, 20, 20, 3, 1, 1),
    ):
        x = normal(1, height, width, channels).transpose(0, 3, 1, 2)
        over = tuple(ops.pooling.lay_windows(n, size, stride, padding) for n in (height, width))
        if kind == "max":
            y, winners = ops.max_pool_forward(x, over)
            forward, backward = both(ops.max_pool_forward, x, over), both(ops.max_pool_backward, y, winners, over)
        else:
            y = ops.avg_pool_forward(x, over, False, None)
            forward = both(ops.avg_pool_forward, x, over, False, None)
            backward = both(ops.avg_pool_backward, y, over, False, None)
        if torch:
            picture, pool = torch.from_numpy(x), torch.nn.MaxPool2d(size, stride, padding)
            if kind == "avg":
                pool = torch.nn.AvgPool2d(size, stride, padding, count_include_pad=False)
            forward["torch"] = lambda pool=pool, x=picture: pool(x)
        name = f"{kind}pool {channels}x{height}x{width}"
        cases |= {name: (forward, 0), f"{name} back": (backward, 0)}
    return cases


def torch_updates(name: str, params: list[np.ndarray], grads: list[np.ndarray]) -> Sides:
    kind = {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}[name]
    base = {"lr": 1e-4, **{"sgd": {"momentum": 0.9}, "rmsprop": {"alpha": 0.9}, "adam": {}}[name]}
    sides = {}
    for form in ("plain", "foreach", "fused"):
        if name == "rmsprop" and form == "fused":
            continue  # PyTorch has none
        leaves = [torch.from_numpy(p.copy()).requires_grad_() for p in params]
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.from_numpy(g)
        sides[f"torch {form}"] = kind(leaves, **base, **({} if form == "plain" else {form: True})).step
    return sides


def measure(sides: Sides, rounds: int) -> dict[str, float]:
    """Median seconds a call, the sides taking turns."""
    repeats, times = {}, {name: [] for name in sides}
    for name, call in sides.items():
        call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, min(2000, int(SLOT / (time.perf_counter() - start))))
    for _ in range(rounds):
        for name, call in sides.items():
            time.sleep(PAUSE)
            call()
            for _ in range(repeats[name]):
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--threads", type=int, default=0, help="threads of Numba and PyTorch (default: all)")
    options = parser.parse_args()
    if ops.numba_problem():
        raise SystemExit(ops.numba_problem())
    import numba

    if options.threads:
        numba.set_num_threads(options.threads)
    if torch:
        torch.set_num_threads(numba.get_num_threads())
    print(ops.machine(), f"PyTorch {torch.__version__ if torch else 'not installed'}", sep="\n")
    print(f"{'':26}{'numba ms':>10}{'GFLOP/s':>9}{'reference':>11}{'ratio':>7}{'best torch':>12}{'ratio':>7}")
    for cases in (lstm_cases, step_cases, sample_cases, small_cases, gram_cases, update_cases, pool_cases):
        for name, (sides, flops) in cases().items():
            if options.only not in name:
                continue
            seconds = measure(sides, options.rounds)
            own, plain = seconds["numba"], seconds["reference"]
            rate = f"{flops / own / 1e9:9.0f}" if flops else " " * 9
            row = f"{name:26}{own * 1e3:10.3f}{rate}{plain * 1e3:11.3f}{own / plain:7.2f}"
            peers = {peer: value for peer, value in seconds.items() if peer.startswith("torch")}
            if peers:
                best = min(peers, key=peers.get)
                row += f"{peers[best] * 1e3:12.3f}{own / peers[best]:7.2f}  {best}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
