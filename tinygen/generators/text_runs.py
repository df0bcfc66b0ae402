"""A run of text that is there already: its settings, its network, its tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinygen import nn
from tinygen.data.tokens import Tokenizer, tokenizer_of
from tinygen.generators.text_models import LanguageModel, build
from tinygen.generators.text_settings import Settings
from tinygen.io import load
from tinygen.run import Run

COMMAND = "text train"


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``.

    Raises:
        ValueError: if its ``config.json`` lacks something, or holds a value of the wrong kind.
    """
    damaged = f"`{run.path / 'config.json'}` is damaged"
    for name, kinds in {"vocabulary": (str, list), "prompt": (str,)}.items():
        if not isinstance(run.settings.get(name), kinds):
            raise ValueError(f"{damaged}: it has no `{name}`")
    known = {f.name for f in fields(Settings)}
    stored = {name: value for name, value in run.settings.items() if name in known}
    for name, value in stored.items():
        kind = type(getattr(Settings, name))  # of the default
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{damaged}: its `{name}` is {value!r}")
    return Settings(**stored | changes)


def load_model(
    path: str | Path, which: str = "auto", warn: Callable[[str], None] | None = None
) -> tuple[LanguageModel, Tokenizer, Settings, str]:
    """Return the model of a run, its vocabulary and settings, and a prompt from its text.

    Args:
        path: the run directory.
        which: ``"last"`` or ``"best"`` weights; ``"auto"``: the best, where some were held out, else the last.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is a run of something else, or not whole.
    """
    run = Run.open(path, COMMAND)
    settings = settings_of(run)
    vocabulary = tokenizer_of(settings.tokens, run.settings["vocabulary"], lower_case=not settings.keep_case)
    model = build(settings, len(vocabulary))
    if which == "auto":
        which = "best" if (Path(path) / "best.safetensors").exists() else "last"
    weights = run.weights(which)
    for warning in run.warnings if warn is not None else ():
        warn(warning)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`{run.path}` has weights of another model than its settings: {error.args[0]}") from None
    return model.eval(), vocabulary, settings, run.settings["prompt"]


def younger_settings(out: str | Path, settings: Settings) -> list[str]:
    """The settings that did not exist when the run in ``out`` began, and that are as they were before they did."""
    if not (Path(out) / "config.json").is_file():
        return []
    there = Run.open(out, COMMAND).settings
    return [f.name for f in fields(Settings) if f.name not in there and getattr(settings, f.name) == f.default]


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
