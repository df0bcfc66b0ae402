"""What a run has made over time: pictures and texts."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from tinygen.report.record import Record

MOST = 8  # samples on the page
WIDEST = 480  # pixels of a picture on the page
LONGEST = 6000  # characters of a text

T = TypeVar("T")


def spread(items: Sequence[T], most: int = MOST) -> list[T]:
    """Return at most ``most`` of some items, the first and the last among them, the others evenly between."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def samples_of(record: Record) -> str:
    """Return a run's samples, the earliest first, as HTML; a line where it has none."""
    chosen = spread(record.samples)
    if not chosen:
        return '<p class="note">It has made no sample yet.</p>'
    left = len(record.samples) - len(chosen)
    told = f'<p class="note">{len(chosen)} of {len(record.samples)} samples.</p>' if left else ""
    pictures = [_picture(step, file) for step, file in chosen if file.suffix == ".png"]
    texts = [(step, file) for step, file in chosen if file.suffix == ".txt"]
    shown = f'<div class="strip">{"".join(pictures)}</div>' if pictures else ""
    for i, (step, file) in enumerate(texts):
        shown += _text(step, file, is_open=i == len(texts) - 1)
    return told + shown


def data_uri(file: Path) -> tuple[str, int, int]:
    """Return a picture as a data URI, made smaller where it is large, with its width and height there.

    Raises:
        ValueError: if the file is no picture.
    """
    from PIL import Image

    try:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"`{file}` is no picture that can be read: {str(error).splitlines()[0][:100]}") from None
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), *picture.size


def _picture(step: int, file: Path) -> str:
    uri, width, height = data_uri(file)
    name = html.escape(file.stem)
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" alt="{name}">'
        f"<figcaption>{_after(step, file)}</figcaption></figure>"
    )


def _text(step: int, file: Path, is_open: bool) -> str:
    text = file.read_text(encoding="utf-8", errors="replace")
    cut = " [...]" if len(text) > LONGEST else ""
    return (
        f"<details{' open' if is_open else ''}><summary>{_after(step, file)}</summary>"
        f'<pre class="card">{html.escape(text[:LONGEST])}{cut}</pre></details>'
    )


def _after(step: int, file: Path) -> str:
    """When a sample was made, and what its name says beside."""
    rest = file.stem.partition("_")[2].lstrip("0123456789").strip("-")
    return f"step {step:,}" + (f", {html.escape(rest)}" if rest else "")
