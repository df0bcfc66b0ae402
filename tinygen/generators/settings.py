"""What a generator is told: values that are checked, presets, and the settings of a run that is there already."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, TypeVar, get_origin, get_type_hints

from tinygen.run import Run
from tinygen.version import __version__

EVERYWHERE = {"seed": 0, "log_every": 1, "save_every": 1, "max_steps": 0}  # settings of all generators, their least
Settings = TypeVar("Settings")


def check(
    settings: Any,
    at_least: Mapping[str, int],
    above_zero: Collection[str] = (),
    below_one: Collection[str] = (),
    choices: Mapping[str, Collection[Any]] | None = None,
) -> None:
    """Refuse settings that are out of range; those of :data:`EVERYWHERE` need not be named.

    Args:
        settings: a dataclass.
        at_least: finite numbers, and the least of each.
        above_zero: finite numbers that are positive.
        below_one: numbers from 0 to below 1.
        choices: settings with a few valid values, and those.

    Raises:
        ValueError: for the first that is wrong, with its value and what is valid.
    """
    for name, low in {**at_least, **EVERYWHERE}.items():
        if not low <= (value := getattr(settings, name)) < math.inf:
            raise ValueError(f"`{name}` is {value}; it must be at least {low}")
    if settings.seed >= 2**56:  # shifted by 8 bits, it makes a stream of random numbers for each purpose
        raise ValueError(f"`seed` is {settings.seed}; it must be below 2**56")
    for name in above_zero:
        if not 0 < (value := getattr(settings, name)) < math.inf:
            raise ValueError(f"`{name}` is {value}; it must be above 0")
    for name in below_one:
        if not 0 <= (value := getattr(settings, name)) < 1:
            raise ValueError(f"`{name}` is {value}; it must be from 0 to below 1")
    for name, valid in (choices or {}).items():
        if (value := getattr(settings, name)) not in valid:
            raise ValueError(f"`{name}` is {value!r}; valid are {', '.join(map(str, valid))}")


def preset_values(presets: Mapping[str, Mapping[str, Any]], preset: str) -> dict[str, Any]:
    """Return the settings that a preset has other than by default, and its name.

    Raises:
        ValueError: if there is no such preset.
    """
    if preset not in presets:
        raise ValueError(f"`preset` is {preset!r}; valid are {', '.join(presets)}")
    return {**presets[preset], "preset": preset}


def stored_settings(run: Run, kind: type[Settings], **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``; defaults for those that it does not have.

    Args:
        run: the run.
        kind: a dataclass of strings, numbers and lists.
        changes: values to have instead.

    Raises:
        ValueError: if its ``config.json`` lacks something, or holds a value of the wrong kind.
    """
    stored = {}
    for name, hint in get_type_hints(kind).items():
        stored[name] = run.settings.get(name, getattr(kind, name, None))  # None: there is no default
        if not isinstance(stored[name], (int, float) if hint is float else get_origin(hint) or hint):
            raise damaged(run, f"its `{name}` is {stored[name]!r}")
    return kind(**stored | changes)


def image_shape(run: Run) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the pictures that a run was trained with.

    Raises:
        ValueError: if its ``config.json`` does not have it.
    """
    shape = run.settings.get("image_shape")
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise damaged(run, f"its `image_shape` is {shape!r}")
    return tuple(shape)


def damaged(run: Run, reason: str) -> ValueError:
    """Return the error of a run whose ``config.json`` cannot be used."""
    return ValueError(f"`{run.path / 'config.json'}` is damaged: {reason}")


def origin(settings: Any, may_change: Collection[str], *, under: str = "Settings", **more: Any) -> dict[str, str]:
    """Return what a picture's file keeps about where it comes from: the version, the settings, and ``more``.

    Args:
        settings: a dataclass.
        may_change: those that a resumed run may change; they do not count, so that it draws the same bytes.
        under: the name that the settings have in the file.
        more: further texts.
    """
    kept = {name: value for name, value in asdict(settings).items() if name not in may_change}
    return {"Software": f"tinygen {__version__}", under: json.dumps(kept)} | {k: str(v) for k, v in more.items()}
