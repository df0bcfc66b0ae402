"""Time the convolutions of the generators, forward and both gradients, against PyTorch where it is installed.

    python benchmarks/convolution.py [--rounds 7] [--only VGG] [--what dW] [--threads 2] [--write]

Each shape runs as tinygen's CPU kernels, as PyTorch with contiguous and with channels-last arrays (the better of the
two counts), or, without PyTorch, as the plain reference. All sides take turns within one process, with a pause before
each turn so that the threads of the one before have gone to sleep. The first result of every side is compared. Inputs
and results of ours lie channels last, as between two layers; weights are packed or transformed within the time.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np

import tinygen_ops as ops
from tinygen.bench.machine import describe
from tinygen.bench.peak import MultiplyAdds
from tinygen_ops.convolution import conv_size, same_padding, transposed_same

try:
    import torch
except ImportError:
    torch = None

RESULTS = Path(__file__).parent / "results" / "convolution.md"
PAUSE, SLOT = 0.02, 0.03  # seconds
Sides = dict[str, Callable[[], np.ndarray]]


class Layer(NamedTuple):
    """One convolution: samples, channels in, lengths in, channels out, kernel, stride, padding, transposed?"""

    name: str
    n: int
    c: int
    size: tuple[int, int]
    o: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "same"
    transposed: bool = False


def square(name: str, n: int, c: int, size: int, o: int, kernel: int, *more, **named) -> Layer:
    return Layer(name, n, c, (size, size), o, (kernel, kernel), *more, **named)


LAYERS = [
    *(
        layer
        for n in (16, 128)
        for layer in (
            square("VAE 3x3", n, 1, 28, 32, 3),
            square("VAE 3x3 /2", n, 32, 28, 64, 3, 2),
            square("VAE 3x3", n, 64, 14, 64, 3),
            square("VAE 3x3 x2", n, 64, 14, 32, 3, 2, transposed=True),
            square("VAE 3x3", n, 32, 28, 1, 3),
        )
    ),
    square("GAN 5x5", 20, 128, 16, 256, 5),
    square("GAN 4x4 x2", 20, 256, 16, 256, 4, 2, transposed=True),
    square("GAN 5x5", 20, 256, 32, 256, 5),
    square("GAN 7x7", 20, 256, 32, 3, 7),
    square("GAN 3x3", 40, 3, 32, 128, 3, 1, "valid"),
    square("GAN 4x4 /2", 40, 128, 30, 128, 4, 2, "valid"),
    square("GAN 4x4 /2", 40, 128, 14, 128, 4, 2, "valid"),
    square("GAN 4x4 /2", 40, 128, 6, 128, 4, 2, "valid"),
    Layer("VGG 3x3", 1, 3, (400, 533), 64, (3, 3)),
    Layer("VGG 3x3", 1, 64, (400, 533), 64, (3, 3)),
    Layer("VGG 3x3", 1, 128, (200, 266), 128, (3, 3)),
    Layer("VGG 3x3", 1, 256, (100, 133), 256, (3, 3)),
    Layer("VGG 3x3", 1, 512, (50, 66), 512, (3, 3)),
    Layer("VGG 3x3", 1, 512, (25, 33), 512, (3, 3)),
    square("Inception 3x3 /2", 1, 3, 350, 32, 3, 2, "valid"),
    square("Inception 3x3", 1, 32, 174, 32, 3, 1, "valid"),
    square("Inception 3x3", 1, 32, 172, 64, 3),
    square("Inception 1x1", 1, 64, 85, 80, 1),
    square("Inception 3x3", 1, 80, 85, 192, 3, 1, "valid"),
    square("Inception 5x5", 1, 48, 41, 64, 5),
    square("Inception 3x3", 1, 96, 41, 96, 3),
    square("Inception 1x1", 1, 288, 41, 64, 1),
    square("Inception 3x3 /2", 1, 288, 41, 384, 3, 2, "valid"),
    square("Inception 1x1", 1, 768, 20, 192, 1),
    Layer("Inception 1x7", 1, 160, (20, 20), 160, (1, 7)),
    Layer("Inception 7x1", 1, 160, (20, 20), 160, (7, 1)),
]


def settings(layer: Layer) -> tuple[tuple, tuple, tuple]:
    """Stride, (lo, hi) per axis, lengths of the result."""
    stride = (layer.stride,) * 2
    axes = list(zip(layer.size, layer.kernel, strict=True))
    if layer.transposed:
        sizes, padding = zip(*(transposed_same(s, k, layer.stride, 1) for s, k in axes), strict=True)
        return stride, padding, sizes
    padding = ((0, 0), (0, 0))
    if layer.padding == "same":
        padding = tuple(same_padding(s, k, layer.stride, 1) for s, k in axes)
    return stride, padding, tuple(conv_size(s, k, layer.stride, p, 1) for (s, k), p in zip(axes, padding, strict=True))


def cases(layer: Layer) -> tuple[dict[str, Sides], float]:
    """The sides of forward, dX and dW, and the multiplications and additions of each in GFLOP."""
    rng = np.random.default_rng(0)
    stride, padding, sizes = settings(layer)
    x, gy = (
        rng.standard_normal((layer.n, *size, channels)).astype(np.float32).transpose(0, 3, 1, 2)
        for size, channels in ((layer.size, layer.c), (sizes, layer.o))
    )
    shape = (layer.c, layer.o) if layer.transposed else (layer.o, layer.c)
    w = rng.standard_normal((*shape, *layer.kernel)).astype(np.float32)
    window = stride, padding, (1, 1)
    if layer.transposed:  # a transposed convolution is the input gradient of one, and the other way round
        calls = {
            "forward": (ops.conv_input_gradient, x, w, sizes, *window),
            "dX": (ops.conv_forward, gy, w, *window),
            "dW": (ops.conv_weight_gradient, gy, x, layer.kernel, *window),
        }
    else:
        calls = {
            "forward": (ops.conv_forward, x, w, *window),
            "dX": (ops.conv_input_gradient, gy, w, layer.size, *window),
            "dW": (ops.conv_weight_gradient, x, gy, layer.kernel, *window),
        }
    found: dict[str, Sides] = {}
    for what, (kernel, *args) in calls.items():
        found[what] = {"tinygen": lambda f=kernel, a=args: f(*a)}
        if torch is None:
            found[what]["reference"] = lambda f=kernel, a=args: f.reference(*a)
    if torch is not None:
        for name, layout in (("torch", torch.contiguous_format), ("torch cl", torch.channels_last)):
            for what, side in torch_sides(layer, x, w, gy, padding, layout).items():
                found[what][name] = side
    places = layer.size if layer.transposed else sizes
    return found, 2e-9 * layer.n * layer.c * layer.o * np.prod(layer.kernel) * np.prod(places)


def torch_sides(layer, x, w, gy, padding, layout):
    """PyTorch's calls. Where Keras' padding differs at the two ends, x is padded before, outside of the time."""
    stride, kernel = [layer.stride] * 2, layer.kernel
    x, w, gy = (torch.from_numpy(np.ascontiguousarray(a)).to(memory_format=layout) for a in (x, w, gy))
    inside, crop = (...,), [0, 0]
    convolve, gradient = torch.nn.functional.conv2d, torch.ops.aten.convolution_backward
    if layer.transposed:
        crop = [lo for lo, _ in padding]
        extra = [lo - hi for lo, hi in padding]
        if min(extra) < 0:  # torch crops alike on both sides: gy is padded by a row and a column at the end
            crop = [0, 0]
            gy = torch.nn.functional.pad(gy, (0, padding[1][1], 0, padding[0][1])).contiguous(memory_format=layout)
            inside = (..., slice(0, gy.shape[2] - padding[0][1]), slice(0, gy.shape[3] - padding[1][1]))
        options = (None, stride, crop, [1, 1], True, [0, 0], 1)

        def forward():
            return torch.nn.functional.conv_transpose2d(x, w, None, stride, crop)[inside].numpy()

    else:
        if all(lo == hi for lo, hi in padding):
            crop = [lo for lo, _ in padding]
        else:
            (top, bottom), (left, right) = padding
            inside = (..., slice(top, x.shape[2] + top), slice(left, x.shape[3] + left))
            x = torch.nn.functional.pad(x, (left, right, top, bottom)).contiguous(memory_format=layout)
        options = (None, stride, crop, [1, 1], False, [0, 0], 1)

        def forward():
            return convolve(x, w, None, stride, crop).numpy()

    def to_x():
        gx = gradient(gy, x, w, *options, [True, False, False])[0]
        return gx.numpy() if layer.transposed else gx[inside].numpy()

    def to_w():
        return gradient(gy, x, w, *options, [False, True, False])[1].numpy()

    assert kernel == tuple(w.shape[2:])
    return {"forward": forward, "dX": to_x, "dW": to_w}


def measure(sides: Sides, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of each call by side, and the largest difference between results relative to the largest number."""
    first = {name: side() for name, side in sides.items()}
    ours = first.pop("tinygen")
    scale = max(np.abs(ours).max(), 1e-30)
    error = max(float(np.abs(ours - other).max() / scale) for other in first.values())
    del first, ours
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(PAUSE)
            side()  # wakes the threads
            end = time.perf_counter() + SLOT
            while True:
                begin = time.perf_counter()
                side()
                times[name].append(time.perf_counter() - begin)
                if time.perf_counter() > end:
                    break
    return times, error


def peak_gflops() -> float:
    """The best of some rounds of multiply-adds that stay in registers, on all threads."""
    peak, best = MultiplyAdds(), float("inf")
    for _ in range(20):
        begin = time.perf_counter()
        peak.step()
        best = min(best, time.perf_counter() - begin)
    return peak.gflop / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="a part of the layer's name")
    parser.add_argument("--threads", type=int, default=ops.machine().threads)
    parser.add_argument("--what", default="", help="forward, dX or dW only")
    parser.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name} too")
    arguments = parser.parse_args()
    numba.set_num_threads(arguments.threads)
    if torch is not None:
        torch.set_grad_enabled(False)
        torch.set_num_threads(arguments.threads)
    about, peak = describe(arguments.threads), peak_gflops()
    lines = [
        "# Convolutions: forward and both gradients", "",
        f"{about['cpu']}, {about['threads']} threads; numpy {about['numpy']}, numba {about['numba']}, torch "
        f"{about['torch']}; {about['date']}; {arguments.rounds} rounds. Peak of multiply-adds in registers: "
        f"{peak:.0f} GFLOP/s.",
        "GFLOP/s count the operations of the direct sum, so that Winograd may pass the peak.", "",
        "| layer | in | out | | tinygen ms (min) | other ms (min) | times as fast, medians / minima "
        "| GFLOP/s | of peak | difference |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    print("\n".join(lines))
    for layer in LAYERS:
        if arguments.only not in layer.name:
            continue
        found, work = cases(layer)
        for what, sides in found.items():
            if arguments.what not in what:
                continue
            times, error = measure(sides, arguments.rounds)
            middle = {name: 1e3 * statistics.median(t) for name, t in times.items()}
            least = {name: 1e3 * min(t) for name, t in times.items()}
            ours, ours_least = middle.pop("tinygen"), least.pop("tinygen")
            best = min(middle, key=middle.get)
            size = "x".join(map(str, layer.size))
            rate = work / ours_least * 1e3
            lines.append(
                f"| {layer.name} | {layer.n} x {layer.c} @{size} | {layer.o} | {what} "
                f"| {ours:.2f} ({ours_least:.2f}) | "
                f"{best} {middle[best]:.2f} ({min(least.values()):.2f}) | {middle[best] / ours:.2f} / "
                f"{min(least.values()) / ours_least:.2f} | {rate:.0f} | {rate / peak:.2f} | {error:.0e} |"
            )
            print(lines[-1], flush=True)
    if arguments.write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
