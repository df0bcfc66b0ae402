"""Look inside a training step: hooks see tensors pass, the profile sees what they cost.

What: why a deep network with small weights does not learn: hooks write down how large activations and gradients are in
    each layer. Then a hook that clips a gradient, and a table of where time and memory go.
When: a network does not train, or not quickly enough.
How long: a second.
"""

import tinygen as tg


def network(gain: float) -> tg.nn.Sequential:
    """Return six layers of tanh whose weights are ``gain`` times Glorot's."""
    generator = tg.Generator(0)
    layers = []
    for _ in range(6):
        layer = tg.nn.Linear(100, 100, generator=generator)
        tg.nn.init.xavier_normal_(layer.weight, gain, generator=generator)
        layers += [layer, tg.nn.Tanh()]
    return tg.nn.Sequential(*layers)


def sizes(net: tg.nn.Sequential, x: tg.Tensor) -> tuple[list[float], list[float]]:
    """Return the standard deviation of each tanh's output, and of the gradient that comes to it, first layer first."""
    forward, backward, handles = [], [], []

    def after(layer: tg.nn.Module, inputs: tuple, output: tg.Tensor) -> None:
        forward.append(output.std().item())

    def after_backward(layer: tg.nn.Module, grad_input: tuple, grad_output: tuple) -> None:
        backward.insert(0, grad_output[0].std().item())  # the last layer comes first

    for layer in net:
        if isinstance(layer, tg.nn.Tanh):
            handles += [layer.register_forward_hook(after), layer.register_full_backward_hook(after_backward)]
    net(x).square().sum().backward()
    for handle in handles:
        handle.remove()
    return forward, backward


def clipped(net: tg.nn.Sequential, x: tg.Tensor) -> tuple[float, float]:
    """Return the largest gradient of the first weight without a hook, and with one that clips at 0.1."""
    largest = []
    for hook in (None, lambda g: g.clip(-0.1, 0.1)):
        weight = net[0].weight
        net.zero_grad()
        if hook is None:
            net(x).sum().backward()
        else:
            with weight.register_hook(hook):
                net(x).sum().backward()
        largest.append(weight.grad.abs().max().item())
    return largest[0], largest[1]


if __name__ == "__main__":
    x = tg.tensor(tg.Generator(1).normal((256, 100)))
    for gain in (0.5, 1.0):
        forward, backward = sizes(network(gain), x)
        print(f"gain {gain}: activations {' '.join(f'{s:.4f}' for s in forward)}")
        print(f"          gradients   {' '.join(f'{s:.4f}' for s in backward)}")
    before, after = clipped(network(1.0), x)
    print(f"largest gradient of a weight: {before:.3f}, with a hook that clips it {after:.3f}\n")

    net = network(1.0)
    with tg.autograd.profile() as profile:
        net(x).square().mean().backward()
    print(profile.table(limit=8))
