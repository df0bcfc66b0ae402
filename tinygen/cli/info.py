"""``tinygen info``: versions, devices, which kernels are in use and why, cache folders."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from typing import Any

from tinygen.backend import cuda_problem
from tinygen.data.download import cache_dir
from tinygen.version import __version__
from tinygen_ops import registry

PACKAGES = ("numpy", "numba", "llvmlite", "cupy", "pillow", "safetensors", "pooch", "h5py", "tqdm")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("info", help="versions, devices, kernels, cache folders")
    parser.set_defaults(run=run)


def _version(package: str) -> str:
    names = ["cupy-cuda13x", "cupy-cuda12x", "cupy"] if package == "cupy" else [package]
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    print(f"tinygen {__version__}, Python {platform.python_version()} ({sys.executable})")
    print(f"{platform.platform()}, {os.cpu_count()} CPU cores")
    print("packages: " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    problem = cuda_problem()
    print(f"devices: cpu{', cuda' if problem is None else f' (no cuda: {problem})'}")
    variables = ("TINYGEN_HOME", "TINYGEN_DEVICE", "TINYGEN_SEED", "TINYGEN_KERNELS", "TINYGEN_DEBUG",
                 "NUMBA_NUM_THREADS", "NUMBA_CPU_NAME", "NUMBA_DISABLE_JIT", "OMP_NUM_THREADS")
    set_ = [f"{name}={os.environ[name]}" for name in variables if name in os.environ]
    print(f"environment: {', '.join(set_) or 'nothing set'}")
    print(f"data cache: {cache_dir()}")
    print(f"kernels: mode {registry.mode()}")
    machine = registry.machine()
    if machine is None:
        print(f"  Numba is off: {registry.numba_problem()}")
    else:
        print(f"  threads: {machine.threads}, threading layer: {machine.threading_layer}")
        print(f"  compiled for {machine.cpu} (by {machine.target_from}), vectors of {machine.width} float32")
        print(f"  compiled code is kept in {machine.cache_folder}")
    for name, variants, runs, why in registry.available():
        print(f"  {name:<22} {runs:<10} of {', '.join(variants)}: {why}")
    return 0
