"""The machine that was measured on: enough to read the figures by, nothing that tells whose it is."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

from tinygen.version import __version__

PACKAGES = ("numpy", "numba", "torch")


def physical_cores() -> int:
    """The number of CPU cores that this process may use; two hardware threads of one core count once."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for cpu in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.exists() else str(cpu))
    return len(cores)


def cpu_model() -> str:
    """The CPU's name, with what tells similar ones apart where the system knows it."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    facts = dict(re.findall(r"^(model name|cpu family|model)\s*: *(.+)$", path.read_text(), re.MULTILINE))
    name = facts.get("model name", platform.machine())
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def describe(threads: int) -> dict[str, Any]:
    """Return CPU, threads, system and versions; None for a package that is not installed."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "cpu": cpu_model(),
        "cores": physical_cores(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tinygen": __version__,
        **versions,
        "date": datetime.date.today().isoformat(),
    }
