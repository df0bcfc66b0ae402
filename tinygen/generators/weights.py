"""Weights from a file into a generator's network: those that training starts from, and those of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tinygen import nn
from tinygen.io import load
from tinygen.run import Run

Network = TypeVar("Network", bound=nn.Module)


def start_from(model: nn.Module, path: str | Path) -> None:
    """Load weights from a file into ``model``.

    Raises:
        ValueError: if they belong to another model.
    """
    weights = load(path)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`init_from` is {str(path)!r}, which holds other weights: {error.args[0]}") from None


def with_weights_of(
    run: Run, model: Network, which: str = "last", warn: Callable[[str], None] | None = None
) -> Network:
    """Load a run's weights into ``model``, and return it, ready for use.

    Args:
        run: the run.
        model: the network of its settings.
        which: ``"last"`` or ``"best"``; ``"auto"``: the best where there are any.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        ValueError: if the run is not whole.
    """
    if which == "auto":
        which = "best" if (run.path / "best.safetensors").exists() else "last"
    weights = run.weights(which)
    for warning in run.warnings if warn is not None else ():
        warn(warning)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`{run.path}` has weights of another model than its settings: {error.args[0]}") from None
    return model.eval()
