"""``config.json`` of a run directory: what the run was told, and whether one that goes on is told the same."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.version import __version__

CONFIG = "config.json"


def config_of(command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``config.json`` keeps: command, settings, versions of what computes, platform."""
    kept = {name: plain(value, f"setting `{name}`", finite=True) for name, value in settings.items()}
    versions = {"tinygen": __version__, "python": platform.python_version(), "numpy": np.__version__}
    for package in ("numba", "cupy-cuda13x", "cupy-cuda12x"):  # asked of the installer: nothing is imported
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "command": command,
        "seed": kept.get("seed"),
        "settings": kept,
        "versions": versions,
        "platform": f"{platform.system()} {platform.machine()}",
    }


def config_bytes(config: Mapping[str, Any]) -> bytes:
    """Return the file's contents."""
    return (json.dumps(config, indent=2, allow_nan=False) + "\n").encode()


def read_config(path: Path) -> dict[str, Any]:
    """Read it.

    Raises:
        ValueError: if it is damaged, or not of a run.
    """
    try:
        config = json.loads((path / CONFIG).read_bytes())
    except ValueError as error:
        raise ValueError(f"`{path / CONFIG}` is damaged: {error}") from None
    kinds = {"command": str, "settings": dict, "versions": dict}
    if not isinstance(config, dict) or not all(isinstance(config.get(k), kind) for k, kind in kinds.items()):
        raise ValueError(f"`{path / CONFIG}` is not of a tinygen run: choose another --out")
    return config


def check_same(path: Path, stored: dict[str, Any], config: dict[str, Any], may_change: Collection[str]) -> None:
    """Refuse to go on with a run under another command or other settings, those in ``may_change`` excepted.

    Raises:
        ValueError: with each name, the value there and the value now.
    """
    before, now = stored["command"], config["command"]
    if before != now:
        raise ValueError(f"`{path}` holds a run of `{before}`, not of `{now}`: choose another --out")
    there, here = stored["settings"], config["settings"]
    differences = []
    for name in dict.fromkeys([*there, *here]):
        if name not in may_change:
            before, now = (json.dumps(s[name]) if name in s else "not set" for s in (there, here))
            if before != now:
                differences.append(f"`{name}` was {before} and is {now} now")
    if differences:
        raise ValueError(
            f"`{path}` holds a run of other settings ({'; '.join(differences)}): "
            "give the same to resume it, or choose another --out"
        )


def plain(value: Any, what: str, finite: bool = False) -> Any:
    """Return a value as JSON has it; NaN and infinities as null, or refused where it must be ``finite``."""
    if hasattr(value, "dtype") and callable(getattr(value, "item", None)):
        if math.prod(value.shape) != 1:
            raise TypeError(f"{what} has shape {tuple(value.shape)}; one element is needed")
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if finite and not math.isfinite(value):
            raise ValueError(f"{what} is {value}; a run can keep finite numbers only")
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [plain(entry, what, finite) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): plain(entry, what, finite) for key, entry in value.items()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    kinds = "strings, bools, numbers, None, lists, dicts"
    raise TypeError(f"{what} is a {type(value).__name__}; valid are {kinds}")
