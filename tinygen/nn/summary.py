"""A table of a model: layers, shapes, parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygen.backend import to_device
from tinygen.modes import no_grad
from tinygen.nn.module import Module, Parameter
from tinygen.tensor import Tensor


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        name: of the layer, such as ``"0.weight"``'s ``"0"``.
        kind: its class.
        shape: of its output, None where that is not known.
        parameters: how many numbers it holds itself.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int


def summary(model: Module, input_shape: tuple[int, ...] | list[tuple[int, ...]], dtype: Any = np.float32) -> str:
    """Return a table of a model's layers in the order in which they run, their output shapes and parameters.

    The model runs once, on zeros, as in evaluation.

    Args:
        model: any Module. One that has ``summary_rows(*inputs)`` gives its own rows.
        input_shape: of its input with the batch, such as (1, 3, 224, 224), or a list of several inputs' shapes.
        dtype: of the inputs; integers for a model that begins with an embedding.

    Returns:
        The table, lines of text.
    """
    shapes = input_shape if isinstance(input_shape, list) else [input_shape]
    first = next(model.parameters(), None)
    device = "cpu" if first is None else first.device
    inputs = [Tensor(to_device(np.zeros(shape, dtype), device)) for shape in shapes]
    own = getattr(model, "summary_rows", None)
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        rows = own(*inputs) if own is not None else module_rows(model, lambda: model(*inputs))
    finally:
        for module, mode in training.items():
            module.training = mode
    return _table(rows, model)


def module_rows(model: Module, run: Callable[[], Any]) -> list[Row]:
    """Return a row for every layer that ``run`` makes use of: every module without modules inside, or with parameters.

    Args:
        model: the model.
        run: calls it; no gradients are recorded.
    """
    shapes: dict[str, Any] = {}  # by path, in the order of the first call
    handles = []
    for path, module in model.named_modules():
        if _own(module) or next(module.named_children(), None) is None:

            def before(module: Module, inputs: tuple, path: str = path) -> None:
                shapes.setdefault(path, None)

            def after(module: Module, inputs: tuple, output: Any, path: str = path) -> None:
                shapes[path] = _shape(output)

            handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        with no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    modules = dict(model.named_modules())
    return [Row(path, type(modules[path]).__name__, shape, _own(modules[path])) for path, shape in shapes.items()]


def _own(module: Module) -> int:
    """How many parameters belong to a module itself."""
    return sum(math.prod(value.shape) for value in module.__dict__.values() if isinstance(value, Parameter))


def _shape(output: Any) -> tuple[int, ...] | None:
    """The shape of a module's output, or of its first part that has one."""
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return output.shape if isinstance(output, Tensor) else None


def _table(rows: list[Row], model: Module) -> str:
    cells = [("layer", "kind", "output", "parameters")]
    for row in rows:
        shape = "" if row.shape is None else " x ".join(map(str, row.shape))
        cells.append((row.name or "(itself)", row.kind, shape, f"{row.parameters:,}" if row.parameters else ""))
    widths = [max(len(line[i]) for line in cells) for i in range(4)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in cells]
    lines.insert(1, "-" * len(lines[0]))
    parameters = list(model.parameters())
    total = sum(math.prod(p.shape) for p in parameters)
    trained = sum(math.prod(p.shape) for p in parameters if p.requires_grad)
    size = sum(math.prod(p.shape) * p.dtype.itemsize for p in parameters) / 2**20
    lines.append("-" * len(lines[0]))
    lines.append(f"{total:,} parameters, {trained:,} of them trained; {size:,.1f} MiB")
    return "\n".join(line.rstrip() for line in lines)
