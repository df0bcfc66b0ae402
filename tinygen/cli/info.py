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
from tinygen_ops.ways import way

PACKAGES = ("numpy", "numba", "llvmlite", "cupy", "pillow", "safetensors", "pooch", "h5py", "tqdm")


# Layers of the generators: name, (N, C, O, kernel, stride, lengths of the result).
CONVOLUTIONS = (
    ("VAE, second layer", (16, 32, 64, (3, 3), (2, 2), (14, 14))),
    ("VAE, third layer", (16, 64, 64, (3, 3), (1, 1), (14, 14))),
    ("GAN, generator 5 x 5", (20, 256, 256, (5, 5), (1, 1), (32, 32))),
    ("GAN, generator, last", (20, 256, 3, (7, 7), (1, 1), (32, 32))),
    ("GAN, discriminator 4 x 4", (40, 128, 128, (4, 4), (2, 2), (14, 14))),
    ("VGG19 block3", (1, 256, 256, (3, 3), (1, 1), (100, 133))),
    ("Inception 1 x 7", (1, 160, 160, (1, 7), (1, 1), (20, 20))),
    ("Inception 1 x 1", (1, 288, 64, (1, 1), (1, 1), (41, 41))),
)


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
    print("convolutions, by shape (TINYGEN_DEBUG=1 tells each as it first runs):")
    for name, layer in CONVOLUTIONS:
        print(f"  {name:<25} {way(*layer)}")
    return 0
