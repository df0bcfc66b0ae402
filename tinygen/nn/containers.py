"""Modules made of modules."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tinygen.nn.activation import LeakyReLU, ReLU
from tinygen.nn.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from tinygen.nn.module import Module

_CONVOLUTIONS = (Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d)


class Sequential(Module):
    """Modules run one after the other, named "0", "1", ...

    A convolution with a rectifier behind it runs as one op (``negative_slope`` of ``functional.conv2d``): the same
    numbers, with a pass over memory less. Where one of the two has hooks, they run apart.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def __iter__(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]

    def forward(self, x: Any) -> Any:
        """Run the modules in order."""
        modules = list(self)
        done = False  # with the rectifier that stands here: it ran with the convolution before it
        for module, following in itertools.zip_longest(modules, modules[1:]):
            if done:
                done = False
                continue
            slope = _slope(module, following)
            done = slope is not None
            x = module(x, negative_slope=slope) if done else module(x)
        return x


def _slope(module: Module, following: Module | None) -> float | None:
    """The slope of a rectifier that can run with the convolution before it; None for anything else."""
    if type(module) not in _CONVOLUTIONS or module._hooks is not None:
        return None
    if type(following) is ReLU:
        slope = 0.0
    elif type(following) is LeakyReLU and 0 < following.negative_slope <= 1:
        slope = following.negative_slope
    else:
        return None
    return slope if following._hooks is None else None


class ModuleList(Module):
    """A list of Modules, named "0", "1", ..."""

    def __init__(self, modules: Any = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end."""
        setattr(self, str(len(self)), module)
        return self

    def __iter__(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]
