"""Memory for time: run a part of the network twice, and keep next to nothing of it.

What: a chain of 64 layers, trained one step in four ways: as it is, and in 2, 8 and 32 checkpoints. Each way gives the
    same gradients, to the last bit; what differs is the memory at its highest.
When: a network, or its batch, does not fit into memory.
How long: two seconds.
"""

import tracemalloc
from itertools import pairwise

import numpy as np

import tinygen as tg
from tinygen.autograd import checkpoint

LAYERS, WIDTH, BATCH = 64, 64, 1000


def network() -> tg.nn.ModuleList:
    """Return 64 layers, each of them a product and a tanh; a layer keeps an array of 256 kB for its backward."""
    generator = tg.Generator(0)
    return tg.nn.ModuleList([
        tg.nn.Sequential(tg.nn.Linear(WIDTH, WIDTH, generator=generator), tg.nn.Tanh()) for _ in range(LAYERS)
    ])


def forward(layers: tg.nn.ModuleList, x: tg.Tensor, segments: int) -> tg.Tensor:
    """Run the layers, in so many segments of which only the inputs are kept; 0: all is kept."""

    def run(h: tg.Tensor, start: int, stop: int) -> tg.Tensor:
        for layer in list(layers)[start:stop]:
            h = layer(h)
        return h

    if not segments:
        return run(x, 0, LAYERS)
    for start, stop in pairwise(range(0, LAYERS + 1, LAYERS // segments)):
        x = checkpoint(run, x, start, stop)  # the weights, too, get their gradients
    return x


def step(layers: tg.nn.ModuleList, x: tg.Tensor, segments: int) -> tuple[int, list[np.ndarray]]:
    """Return the highest number of bytes in use during forward and backward, and the gradients."""
    for parameter in layers.parameters():
        parameter.grad = None
    tracemalloc.start()
    forward(layers, x, segments).square().mean().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, [parameter.grad.numpy().copy() for parameter in layers.parameters()]


if __name__ == "__main__":
    layers, x = network(), tg.tensor(tg.Generator(1).normal((BATCH, WIDTH)))
    step(layers, x, 0)  # the first time also loads what is loaded when first used
    usual, gradients = step(layers, x, 0)
    print(f"no checkpoint:  {usual / 1e6:5.1f} MB")
    for segments in (2, 8, 32):
        peak, others = step(layers, x, segments)
        same = all(np.array_equal(a, b) for a, b in zip(gradients, others, strict=True))
        print(f"{segments:2} checkpoints: {peak / 1e6:5.1f} MB, gradients {'the same' if same else 'differ'}")
