"""Differentiation: the names. ``engine.py`` is the file to read first."""

from __future__ import annotations

import importlib
from typing import Any

from tinygen.autograd.engine import Add, Function
from tinygen.autograd.gradients import backward, grad, tensor_backward
from tinygen.autograd.hooks import Handle, register_hook, retain_grad, retains_grad
from tinygen.autograd.profiler import profile
from tinygen.autograd.recomputation import checkpoint
from tinygen.autograd.watching import detect_anomaly
from tinygen.graph import Node
from tinygen.modes import enable_grad, is_grad_enabled, no_grad


def __getattr__(name: str) -> Any:
    if name == "functional":  # built on the ops, which are built on this package: loaded when first touched
        return importlib.import_module("tinygen.autograd.functional")
    raise AttributeError(f"module 'tinygen.autograd' has no attribute {name!r}")
