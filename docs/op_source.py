"""The source texts that the op pages show: of an op, of its Functions, of its NumPy reference."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

import tinygen as tg
from tinygen.testing.records import OpRecord, results_of


def own_source(thing: Any) -> str:
    """Return the source of a function or class, from the left margin, without its docstring."""
    source = textwrap.dedent(inspect.getsource(thing))
    node = ast.parse(source).body[0]
    first = node.body[0]
    if not (isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)):
        return source.rstrip()
    lines = source.splitlines()
    kept = lines[: first.lineno - 1] + lines[first.end_lineno :]
    while len(kept) > first.lineno - 1 and not kept[first.lineno - 1].strip():
        del kept[first.lineno - 1]
    return "\n".join(kept).rstrip()


def reference_source(record: OpRecord) -> str:
    """Return the source of a record's NumPy reference and of all that it calls in its file."""
    parts: dict[str, str] = {}
    _collect(record.reference, parts, record.name)
    return "\n\n\n".join(reversed(parts.values()))


def _collect(function: Any, parts: dict[str, str], name: str) -> None:
    """Add ``function`` and, after it, the functions of the same file that it uses."""
    if not isinstance(function, FunctionType):
        module = "np" if isinstance(function, np.ufunc) else getattr(function, "__module__", "")
        parts[name] = f"{name} = {module}.{getattr(function, '__name__', repr(function))}"
        return
    label = f"{name} (reference)" if function.__name__ == "<lambda>" else function.__name__
    if label in parts:
        return
    parts[label] = _lambda_source(function, name) if function.__name__ == "<lambda>" else own_source(function)
    closure = inspect.getclosurevars(function)
    inner = {**closure.nonlocals, **{k: v for k, v in _globals(function).items() if _of_records(v)}}
    values = []
    for key, value in inner.items():
        if isinstance(value, FunctionType) and _of_records(value):
            _collect(value, parts, key)
            if value.__name__ not in (key, "<lambda>"):
                values.append(f"{key} = {value.__name__}")
        elif key in closure.nonlocals:
            values.append(f"{key} = {_named(value)}")
    if values:
        parts[label] = "\n".join([*values, "", "", parts[label]])


def _globals(function: FunctionType) -> dict[str, Any]:
    """The globals that a function names, those that are named only in functions inside it too."""
    names, codes = set(), [function.__code__]
    for code in codes:  # grows while it is walked
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return {name: value for name, value in function.__globals__.items() if name in names}


def _of_records(value: Any) -> bool:
    return getattr(value, "__module__", "").startswith("tinygen.testing.records")


def _named(value: Any) -> str:
    """How a value is typed, if it is a function of NumPy; else its repr."""
    name = getattr(value, "__name__", None)
    if name is None:
        return repr(value)
    home = getattr(value, "__module__", "") or ""
    return f"np.{name}" if isinstance(value, np.ufunc) or home.startswith("numpy") else name


def _lambda_source(function: FunctionType, name: str) -> str:
    """Return ``name = lambda ...`` from the middle of whatever statement it stands in."""
    path = Path(function.__code__.co_filename)
    text = path.read_text(encoding="utf-8")
    wanted = inspect.getfullargspec(function).args
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Lambda) and node.lineno == function.__code__.co_firstlineno:
            if [a.arg for a in (*node.args.posonlyargs, *node.args.args)] == wanted:
                return f"{name} = {textwrap.dedent(ast.get_source_segment(text, node))}"
    raise ValueError(f"the lambda of `{name}` was not found in {path.name}")


def nodes_of(record: OpRecord) -> list[type]:
    """Return the Functions that an op leaves in the graph, over all its samples, first used first."""
    found: dict[type, None] = {}
    for sample in record.calls() if record.order else ():
        if not sample.gradients:
            continue
        for result in results_of(record.on_tensors(sample)(*sample.tensors(np.float64))):
            for function in _walk(result):
                found.setdefault(function)
    return list(found)


def _walk(tensor: tg.Tensor) -> Iterator[type]:
    """Yield the Functions of the graph behind a tensor, from its inputs on."""
    seen, stack = {}, [tensor._node]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen and hasattr(node, "edges"):
            seen[node] = node.number
            stack.extend(edge[0] for edge in node.edges or () if edge is not None)
    for node in sorted(seen, key=seen.__getitem__):
        yield node.function


def with_helpers(functions: list[type], module: Any) -> list[type]:
    """Return the Functions defined in ``module``, and those of that module whose ``apply`` they call in turn."""
    result = [f for f in functions if f.__module__ == module.__name__]
    for function in result:  # grows while it is walked
        for name in re.findall(r"\b([A-Z]\w+)\.apply", own_source(function)):
            helper = getattr(module, name, None)
            if helper is not None and helper.__module__ == module.__name__ and helper not in result:
                result.append(helper)
    return result


def calls(function: Callable[..., Any]) -> str:
    """Return a function's signature as it is typed, without annotations."""
    signature = inspect.signature(function)
    parts = []
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and "*" not in parts and not any(x.startswith("*") for x in parts):
            parts.append("*")
        star = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        parts.append(star + p.name + ("" if p.default is p.empty else f"={p.default!r}"))
    return f"({', '.join(parts)})"
