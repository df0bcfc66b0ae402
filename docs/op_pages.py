"""Write ``docs/ops/``: a page for every op, from its docstring, its code and its record: ``python docs/op_pages.py``.

Nothing on the pages is written by hand; a test fails when they are out of date. ``--check`` says what is and writes
nothing.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import op_pictures  # noqa: E402
import op_source  # noqa: E402

import tinygen as tg  # noqa: E402
from tinygen.nn import functional  # noqa: E402
from tinygen.testing.check import RTOL, check_op, samples_to_check  # noqa: E402
from tinygen.testing.records import RECORDS, OpRecord, Sample, results_of  # noqa: E402

OUT = HERE / "ops"
# The one thing on a page that differs from machine to machine: the last bits of a measured error.
ERROR = re.compile(r"\d\.\de[-+]\d\d")
SECTIONS = ("Args", "Returns", "Raises", "Source", "Gradient", "Derivation", "Example")


class Book:
    """All pages: which op is at home where, and which Functions it is made of."""

    def __init__(self) -> None:
        self.nodes = {name: op_source.nodes_of(record) for name, record in RECORDS.items()}
        self.homes: dict[type, str] = {}  # Function -> the op whose page explains it
        for name in sorted(RECORDS, key=lambda n: len(self.nodes[n])):
            for function in op_source.with_helpers(self.nodes[name], module_of(RECORDS[name])):
                self.homes.setdefault(function, name)

    def pages(self, measured: bool = True) -> dict[str, str]:
        """Return file name -> text of all pages.

        Args:
            measured: whether gradients are checked; without, the errors on the pages read 0.0e-00.
        """
        files = {"README.md": self.index()}
        for record in RECORDS.values():
            files.update(self.page(record, measured))
        return files

    def index(self) -> str:
        """The list of all ops, family by family."""
        lines = ["# The ops, one page each", ""]
        lines += ["Made by `python docs/op_pages.py` from docstrings, code and records; do not edit."]
        lines += ["Each page: equation, code of forward and backward, plain NumPy reference, check.", ""]
        families: dict[str, list[OpRecord]] = {}
        for record in RECORDS.values():
            families.setdefault(module_of(record).__name__, []).append(record)
        for home in families:
            module = importlib.import_module(home)
            lines += [f"## {home.rpartition('.')[2].capitalize()}", "", first_line(module.__doc__), ""]
            lines += [f"* [{r.name}]({r.name}.md): {first_line(public(r).__doc__)}" for r in families[home]]
            lines.append("")
        return "\n".join(lines)

    def page(self, record: OpRecord, measured: bool) -> dict[str, str]:
        """Return the files of one op: its page, and a picture where there is one."""
        function, files = public(record), {}
        doc = parsed(function.__doc__)
        lines = [f"# {record.name}", "", f"`{names(record)[0]}{op_source.calls(function)}`", ""]
        lines += [markdown(doc["Summary"]), "", names_line(record), ""]
        lines += pictured(record, files)
        for title in ("Args", "Returns", "Raises"):
            if title in doc:
                lines += [f"## {title if title != 'Args' else 'Arguments'}", "", items(doc[title], title), ""]
        lines += example(record)
        lines += self.gradient(record, function, doc)
        lines += ["## Plain reference", "", "What the tests compare with; NumPy, no shortcuts.", ""]
        lines += ["```python", op_source.reference_source(record), "```", ""]
        lines += checks(record, measured)
        if "Source" in doc:
            lines += ["## Source", "", markdown(doc["Source"]), ""]
        files[f"{record.name}.md"] = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
        return files

    def gradient(self, record: OpRecord, function: Any, doc: dict[str, str]) -> list[str]:
        """The part of the page about the gradient: the op's own Functions, and links to the others."""
        if not record.order:
            return ["## Gradient", "", "None: the result does not change smoothly with the input.", ""]
        lines = ["## Gradient", ""]
        if "Gradient" in doc:
            lines += [markdown(doc["Gradient"]), ""]
        mine = [f for f, home in self.homes.items() if home == record.name]
        others = [f for f in self.nodes[record.name] if f not in mine]
        for f in mine:
            parts = parsed(f.__doc__)
            lines += [f"### {f.__name__}", "", "```text", parts["Summary"].strip(), "```", ""]
            if "Derivation" in parts:
                lines += [markdown(parts["Derivation"]), ""]
            lines += ["```python", op_source.own_source(f), "```", ""]
        if others:
            made = "It also uses" if mine else "It is made of"
            lines += [f"{made} {', '.join(self.link(f) for f in others)}; their gradients make up its own.", ""]
        if not mine:
            lines += ["```python", op_source.own_source(function), "```", ""]
        return lines

    def link(self, function: type) -> str:
        """The name of a Function, linked to the page that explains it."""
        home = self.homes.get(function)
        return f"[{function.__name__}]({home}.md)" if home else function.__name__


def module_of(record: OpRecord) -> Any:
    """The module that an op is written in."""
    return inspect.getmodule(public(record))


def public(record: OpRecord) -> Any:
    """The function that users call; a record may hold a variant of it with settings fixed."""
    for home in (tg, functional, tg.Tensor):
        found = getattr(home, record.name, None)
        if inspect.isfunction(found) and found.__module__.startswith("tinygen.ops."):
            return found
    return record.function


def names(record: OpRecord) -> list[str]:
    """All that users may type for an op."""
    function, found = public(record), []
    for prefix, home in (("tg", tg), ("F", functional)):
        found += [f"{prefix}.{n}" for n in home.__all__ if n[0] != "_" and getattr(home, n, None) is function]
    found += [f"x.{n}" for n, v in vars(tg.Tensor).items() if v is function and not n.startswith("_")]
    return found or [f"{function.__module__}.{function.__name__}"]


def names_line(record: OpRecord) -> str:
    """One line: the other names, and PyTorch's."""
    others = ", ".join(f"`{name}`" for name in names(record)[1:])
    torch = f"PyTorch: `torch.{record.torch}`." if isinstance(record.torch, str) and record.torch else ""
    return " ".join(part for part in (f"Also {others}." if others else "", torch) if part)


def pictured(record: OpRecord, files: dict[str, str]) -> list[str]:
    """Draw what helps; return the lines that show it."""
    curve = op_pictures.curve_of(record)
    if curve:
        files[f"{record.name}.svg"] = curve
        return [f"![f, its slope f' and its curvature f'' over x]({record.name}.svg)", ""]
    drawn = op_pictures.jacobian_of(record)
    if not drawn:
        return []
    files[f"{record.name}.svg"], sample = drawn
    about = f"`{call_text(record, sample)}`"
    return [
        f"![the Jacobian at a small input]({record.name}.svg)",
        "",
        f"The Jacobian of {about}: row = output element, column = element of the first input (both in C order); "
        "orange is positive, blue negative, pale zero.",
        "",
    ]


def call_text(record: OpRecord, sample: Sample) -> str:
    """A call with shapes in place of arrays."""
    parts = [shown(value) for value in sample.inputs] + [f"{k}={shown(v)}" for k, v in sample.settings.items()]
    return f"{record.name}({', '.join(parts)})"


def shown(value: Any) -> str:
    """A value as the page shows it: arrays by kind and shape."""
    if isinstance(value, np.ndarray):
        kind = {"f": "", "i": "int ", "u": "int ", "b": "bool "}[value.dtype.kind]
        return kind + "x".join(map(str, value.shape)) if value.ndim else f"{kind}0-d"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(shown, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"tg.{value.__name__.rstrip('_')}"
    return str(value) if isinstance(value, np.dtype) else repr(value)


def example(record: OpRecord) -> list[str]:
    """A small call with its numbers, run when the page is made."""
    for sample in record.calls():
        arrays = sample.arrays
        if not arrays or sample.gaps or not all(2 <= a.size <= 12 for a in arrays):
            continue
        rounded = [a if a.dtype.kind != "f" else np.round(a, 1) + 0.0 for a in arrays]
        if not sample.gradients or not all(np.isfinite(a).all() for a in rounded if a.dtype.kind == "f"):
            continue
        lines = ["## Example", "", "```python"]
        kinds = [kind for kind in (np.dtype(np.float64), *record.dtypes) if kind in record.dtypes]
        if not any(a.dtype == np.float64 for a in arrays) or kinds[0].kind == "f":
            tensors = [tg.tensor(a) for a in rounded]
        else:  # an op of integers or booleans
            tensors = sample.tensors(kinds[0], requires_grad=False)
            rounded = [t.numpy() for t in tensors]
        labels = iter("xyzuvw"[: len(arrays)]) if len(arrays) <= 6 else None
        if labels is None:
            continue
        texts = []
        for array in rounded:
            label = next(labels)
            texts.append(label)
            lines.append(f"{label} = tg.tensor({compact(array)})")
        inputs = sample.with_arrays(Verbatim(t) for t in texts)
        parts = [*map(shown, inputs), *(f"{k}={shown(v)}" for k, v in sample.settings.items())]
        lines.append(f"{record.name}({', '.join(parts)})")
        for result in results_of(record.on_tensors(sample)(*tensors)):
            text = np.array2string(result.numpy(), precision=4, suppress_small=True, separator=", ")
            lines += [f"# {line}" for line in text.replace("-0. ", "0. ").splitlines()]
        return [*lines, "```", ""]
    return []


class Verbatim:
    """A name that is shown as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def compact(array: np.ndarray) -> str:
    """An array as nested lists, on one line."""
    return str(array.tolist())


def checks(record: OpRecord, measured: bool) -> list[str]:
    """What was checked, and how large the errors were."""
    lines = ["## Check", ""]
    if record.order:
        lines += [f"| gradient of order | calls | largest error (allowed {RTOL:.0e}) |", "|---|---:|---:|"]
        for order in range(1, record.order + 1):
            calls = len(list(samples_to_check(record, order)))
            error = check_op(record, order) if measured else 0.0
            lines.append(f"| {order} | {calls} | {error:.1e} |" if measured else f"| {order} | {calls} | 0.0e-00 |")
        lines += ["", f"`tinygen gradcheck {record.name}` runs it: finite differences in float64, relative error.", ""]
    kinds: dict[str, list[str]] = {}
    for given, made in record.dtypes.items():
        made = made if isinstance(made, tuple) else (made,)
        kinds.setdefault(", ".join(str(np.dtype(m)) for m in made), []).append(str(np.dtype(given)))
    lines += ["| data | result |", "|---|---|"]
    lines += [f"| {', '.join(given)} | {made} |" for made, given in kinds.items()]
    lines += ["", "<details><summary>The calls that are tried</summary>", ""]
    for call in unique(call_text(record, sample) + gaps(sample) for sample in record.calls()):
        lines.append(f"* `{call}`")
    lines += ["", "</details>", "", "Errors:", ""]
    lines += [f"* `{case.exception.__name__}`: ... {case.message} ..." for case in record.errors]
    return [*lines, ""]


def gaps(sample: Sample) -> str:
    """A remark."""
    return ", with gaps in memory" if sample.gaps else ""


def unique(lines: Iterable[str]) -> list[str]:
    """Each line once."""
    return list(dict.fromkeys(lines))


def first_line(doc: str | None) -> str:
    """The first line of a docstring, for a list."""
    return markdown((doc or "").strip().splitlines()[0])


def parsed(doc: str | None) -> dict[str, str]:
    """Cut a docstring into its sections; what stands before them is the "Summary"."""
    sections, title = {"Summary": ""}, "Summary"
    for line in inspect.cleandoc(doc or "").splitlines():
        head = re.match(rf"({'|'.join(SECTIONS)}):(.*)", line)
        if head:
            title = head[1]
            sections[title] = head[2].strip() + "\n"
        else:
            sections[title] += line + "\n"
    return {title: text.rstrip() for title, text in sections.items()}


def items(text: str, title: str) -> str:
    """A section of a docstring as a list; continuation lines are joined to their item."""
    base = min((len(line) - len(line.lstrip()) for line in text.splitlines() if line.strip()), default=0)
    found: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if title == "Returns" or len(line) - len(line.lstrip()) > base:
            found[-1:] = [f"{found[-1]} {line.strip()}" if found else line.strip()]
        else:
            found.append(re.sub(r"^(\*{0,2}\w+): ", r"`\1`: ", line.strip()))
    return "\n".join(markdown(f"* {item}" if title != "Returns" else item) for item in found)


def markdown(text: str) -> str:
    """Turn a docstring's marks into Markdown's: ``x`` and roles into code, indented lines into blocks."""
    text = re.sub(r":\w+:`\.?([^`]*)`", r"`\1`", text).replace("``", "`")
    lines, block = [], False
    for line in text.splitlines():
        indented = line.startswith("    ") and bool(line.strip())
        if indented and not block:
            lines += ["", "```text"] if lines and lines[-1] else ["```text"]
            block = True
        elif block and not indented and line.strip():
            while not lines[-1].strip():
                lines.pop()
            lines += ["```", ""]
            block = False
        lines.append(line[4:].replace("`", "") if block and indented else line)
    return "\n".join([*lines, "```"] if block else lines).strip()


def stale(written: str, made: str, picture: bool) -> bool:
    """Whether two versions of a file differ in more than what differs between machines."""
    if not picture:
        return ERROR.sub("0.0e-00", written) != ERROR.sub("0.0e-00", made)
    numbers = re.compile(r"-?\d+\.\d+")
    if numbers.sub("0", written) != numbers.sub("0", made):
        return True
    pairs = zip(numbers.findall(written), numbers.findall(made), strict=True)
    return any(abs(float(a) - float(b)) > 0.21 for a, b in pairs)


def out_of_date(files: dict[str, str]) -> list[str]:
    """Return a line for each page that is missing, too many, or says something else than it would if made now."""
    have = {path.name: path.read_text(encoding="utf-8") for path in OUT.glob("*.*")} if OUT.exists() else {}
    lines = [f"{name} is not made from a record" for name in have if name not in files]
    for name, text in files.items():
        if name not in have:
            lines.append(f"{name} is missing")
        elif stale(have[name], text, name.endswith(".svg")):
            lines.append(f"{name} is out of date")
    return lines


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="say what is out of date, write nothing")
    arguments = parser.parse_args()
    files = Book().pages(measured=not arguments.check)
    lines = out_of_date(files)
    if arguments.check:
        print("\n".join(lines) or "all pages are up to date")
        return 1 if lines else 0
    OUT.mkdir(exist_ok=True)
    for path in OUT.glob("*.*"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (OUT / name).write_text(text, encoding="utf-8")
    print(f"{len(RECORDS)} ops, {len(files)} files in docs/ops; {len(lines)} were out of date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
