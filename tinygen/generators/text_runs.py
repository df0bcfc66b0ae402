"""A run of text that is there already: its settings, its network, its tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinygen.data.tokens import Tokenizer, tokenizer_of
from tinygen.generators.settings import damaged, stored_settings
from tinygen.generators.text_models import LanguageModel, build
from tinygen.generators.text_settings import Settings
from tinygen.generators.weights import with_weights_of
from tinygen.run import Run

COMMAND = "text train"


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; see :func:`.settings.stored_settings`."""
    for name, kinds in {"vocabulary": (str, list), "prompt": (str,)}.items():
        if not isinstance(run.settings.get(name), kinds):
            raise damaged(run, f"it has no `{name}`")
    return stored_settings(run, Settings, **changes)


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
    model = with_weights_of(run, build(settings, len(vocabulary)), which, warn)
    return model, vocabulary, settings, run.settings["prompt"]


def younger_settings(out: str | Path, settings: Settings) -> list[str]:
    """The settings that did not exist when the run in ``out`` began, and that are as they were before they did."""
    if not (Path(out) / "config.json").is_file():
        return []
    there = Run.open(out, COMMAND).settings
    return [f.name for f in fields(Settings) if f.name not in there and getattr(settings, f.name) == f.default]
