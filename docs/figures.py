"""Put the measured figures into README.md: ``python docs/figures.py`` after ``python benchmarks/generators.py GROUP``.

The tables between the two marks are made from ``text-*.json`` and ``pictures-*.json`` in ``benchmarks/results``, from
nothing else; a test fails where README.md says something else than the results.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
# What the rows of the benchmark mean to a reader.
NAMES = {
    "text train batch 128": "text: one step of training, 128 windows of 60 characters",
    "text sample": "text: writing 400 characters",
    "vae train batch 16": "VAE: one step of training of the chapter's network, batch 16",
    "vae train batch 128": "the same, batch 128",
    "gan step": "GAN: one step of the chapter's, discriminator and generator",
    "dream gradient": "DeepDream: one loss and gradient, Inception V3 to mixed5, 350 x 350",
    "style gradient": "style transfer: one loss and gradient, VGG19 to block5_conv2, 400 x 533",
    "text start": "text: from nothing to a trained step and a saved run",
    "import": "importing the package, beyond NumPy",
    "ops add 10x10 forward+backward": "adding two 10 x 10 tensors, forward and backward",
}


def milliseconds(value: float) -> str:
    """Return a time with three digits, and its unit."""
    if value >= 1000:
        return f"{value / 1000:.3g} s"
    return f"{value:.3g} ms" if value >= 0.1 else f"{value * 1000:.3g} µs"


def rows(report: dict[str, Any]) -> list[str]:
    """Return the lines of one report's table: rows measured against PyTorch in at least one undisturbed round."""
    lines = ["| | tinygen | PyTorch | tinygen / PyTorch |", "|---|---:|---:|---:|"]
    for row in report["rows"]:
        undisturbed = row.get("rounds", 1) > (row.get("disturbed") or 0)
        if row["ratio"] is not None and row["name"] in NAMES and undisturbed:
            ours, theirs = milliseconds(row["tinygen_ms"]), milliseconds(row["torch_ms"])
            lines.append(f"| {NAMES[row['name']]} | {ours} | {theirs} | {row['ratio']:.2f} |")
    for row in report["rows"]:
        if row["name"] == "text train memory" and row["peak_mb"]:
            lines.append(f"| text: memory of a training run on Nietzsche | {row['peak_mb']:.0f} MB | | |")
    return lines


def figures(folder: Path = ROOT / "benchmarks" / "results") -> str:
    """Return what belongs between the marks."""
    parts = []
    for path in sorted([*folder.glob("text-*.json"), *folder.glob("pictures-*.json")]):
        report = json.loads(path.read_text(encoding="utf-8"))
        machine = report["machine"]
        about = f"{machine['cpu']}, {machine['threads']} threads, PyTorch {machine['torch']}, {machine['date']}."
        parts.append("\n".join([*rows(report), "", about]) + "\n")
    return "\n".join(parts)


def filled(readme: str, text: str) -> str:
    """Return ``readme`` with ``text`` between the marks.

    Raises:
        ValueError: if it has not the two marks.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"`readme` needs the lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}{text}{end}{after}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    readme = path.read_text(encoding="utf-8")
    text = filled(readme, figures())
    path.write_text(text, encoding="utf-8")
    sys.exit(print("README.md is up to date" if text == readme else "README.md was filled"))
