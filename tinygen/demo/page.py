"""The pieces of the demo's page: one HTML file that needs nothing but a browser, on a light or a dark screen."""

from __future__ import annotations

import base64
import html
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygen.demo.part import Part

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #1d2430; --soft: #5d6675;
  --line: #e3e0d8; --blue: #2e5eaa; --orange: #c2570c; --seed: #8a8f99; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --card: #1c2027; --ink: #e6e8ec; --soft: #9aa3b2;
  --line: #313742; --blue: #82aaf0; --orange: #f0a35e; --seed: #7d8694; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.6 Georgia, "Iowan Old Style", "DejaVu Serif", serif; }
main { max-width: 860px; margin: 0 auto; padding: 56px 24px 80px; }
h1 { font-size: 40px; line-height: 1.15; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 28px; line-height: 1.25; margin: 64px 0 8px; padding-top: 28px; border-top: 1px solid var(--line); }
h3 { font-size: 18px; margin: 36px 0 8px; }
p { margin: 0 0 14px; }
.lead { color: var(--soft); font-size: 19px; }
.note, figcaption, th, .tile span { color: var(--soft); font: 14px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 14px; }
pre { margin: 0 0 14px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.55; }
.card, pre.shell { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 20px; }
figure { margin: 0 0 14px; }
figure svg { display: block; width: 100%; height: auto; }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: 6px; }
figcaption { margin-top: 8px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 8px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile span { display: block; line-height: 1.35; }
.tile b { display: block; font: 600 22px/1.3 system-ui, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; }
.sample { margin-bottom: 12px; }
.sample h4 { margin: 0 0 6px; font: 600 14px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; color: var(--blue); }
.sample pre { margin: 0; }
.seed { color: var(--seed); }
details { margin-bottom: 14px; } summary { cursor: pointer; color: var(--blue); }
table { border-collapse: collapse; margin-top: 10px; }
th, td { text-align: left; padding: 3px 24px 3px 0; vertical-align: top; font-weight: normal; }
svg text { font: 13px system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--soft); }
svg .blue { stroke: var(--blue); fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .blue-text { fill: var(--blue); } svg .orange-text { fill: var(--orange); }
svg .orange { stroke: var(--orange); fill: none; stroke-width: 2; } svg circle { fill: var(--orange); }
svg .grid { stroke: var(--line); } svg .level { stroke: var(--soft); stroke-dasharray: 6 5; }
"""


def page(title: str, lead: str, parts: Sequence[Part], footer: str) -> str:
    """Return the whole page.

    Args:
        title: the heading.
        lead: the lines below it, HTML.
        parts: what ran.
        footer: the last lines, HTML.
    """
    sections = "\n".join(
        f'<section>\n<h2>{html.escape(part.title)}</h2>\n<p class="note">took {part.seconds:.1f} s</p>\n'
        f"{part.html}\n</section>"
        for part in parts
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{html.escape(title)}</h1>\n<div class="lead">{lead}</div>\n{sections}\n'
        f"<h2>Where from here</h2>\n{footer}\n</main>\n</body>\n</html>\n"
    )


def shell(lines: str) -> str:
    """Return commands to copy."""
    return f'<pre class="shell">{html.escape(lines)}</pre>'


def tiles(values: Mapping[str, str]) -> str:
    """Return figures side by side: caption -> value."""
    cells = [f"<b>{html.escape(value)}</b><span>{html.escape(name)}</span>" for name, value in values.items()]
    return '<div class="tiles">' + "".join(f'<div class="tile">{cell}</div>' for cell in cells) + "</div>"


def table(rows: Mapping[str, Any]) -> str:
    """Return names and values in two columns."""
    cells = [f"<th>{html.escape(k)}</th><td><code>{html.escape(str(v))}</code></td>" for k, v in rows.items()]
    return "<table>" + "".join(f"<tr>{cell}</tr>" for cell in cells) + "</table>"


def details(summary: str, body: str) -> str:
    """Return ``body`` folded away behind ``summary``."""
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"


def sample(heading: str, seed: str, text: str) -> str:
    """Return a text that a model wrote, the ``seed`` it was given set apart."""
    words = f'<span class="seed">{html.escape(seed)}</span>{html.escape(text)}'
    return f'<div class="sample card"><h4>{html.escape(heading)}</h4><pre>{words}</pre></div>'


def picture(image: Any, alt: str, caption: str) -> str:
    """Return a Pillow image, kept within the page."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure class="card"><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def beside(images: Sequence[np.ndarray], gap: int = 6, times: int = 1) -> Any:
    """Return uint8 pictures (3, H, W) of one height side by side, on white, as a Pillow image ``times`` as large."""
    from PIL import Image

    white = np.full((3, images[0].shape[1], gap), 255, np.uint8)
    row = np.concatenate([part for image in images for part in (white, image)][1:], axis=2)
    height, width = row.shape[1:]
    picture = Image.fromarray(np.ascontiguousarray(row.transpose(1, 2, 0)))
    return picture.resize((width * times, height * times), Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Curve:
    """One curve of a chart.

    Attributes:
        name: what stands at its end.
        points: (x, y).
        colour: ``"blue"`` or ``"orange"``.
        dots: mark every point.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: str = "blue"
    dots: bool = False


class _Axes:
    """Where numbers lie in a drawing of ``WIDTH`` by ``HEIGHT``, both axes from 0; and the SVG that was drawn."""

    WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 800, 340, 48, 680, 30, 296

    def __init__(self, x_end: float, y_end: float) -> None:
        self.x_end, self.y_end = x_end, y_end
        self.svg: list[str] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        return (
            round(self.LEFT + x / self.x_end * (self.RIGHT - self.LEFT), 1),
            round(self.BOTTOM - y / self.y_end * (self.BOTTOM - self.TOP), 1),
        )

    def text(self, x: float, y: float, words: str, anchor: str = "start", colour: str = "") -> None:
        kind = f' class="{colour}-text"' if colour else ""
        self.svg.append(f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>')

    def across(self, y: float, kind: str) -> float:
        """Draw a line across at ``y``, and return where it lies."""
        at = self.place(0, y)[1]
        self.svg.append(f'<line class="{kind}" x1="{self.LEFT}" x2="{self.RIGHT}" y1="{at}" y2="{at}"/>')
        return at

    def curve(self, curve: Curve) -> None:
        places = [self.place(x, y) for x, y in curve.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        self.svg.append(f'<polyline class="{curve.colour}" points="{path}"/>')
        for (x, y), (px, py) in zip(curve.points, places, strict=True) if curve.dots else ():
            self.svg.append(f'<circle cx="{px}" cy="{py}" r="4"><title>{y:.4f} at {x:g}</title></circle>')


def chart(curves: Sequence[Curve], x_name: str, y_name: str, level: tuple[float, str] | None, caption: str) -> str:
    """Draw curves over common axes, both from 0; each curve's name and last value stand at its end.

    Args:
        curves: what to draw; each with a point at least.
        x_name: what x counts.
        y_name: what y counts, with its unit.
        level: (y, name) of a dashed line across; None for none.
        caption: the line below.

    Returns:
        A figure with an SVG in it.
    """
    points = [point for curve in curves for point in curve.points]
    axes = _Axes(max(x for x, _ in points), 1.08 * max([y for _, y in points] + ([level[0]] if level else [])))
    beside = axes.RIGHT + 8
    for y in ticks(axes.y_end):
        axes.text(axes.LEFT - 8, axes.across(y, "grid") + 4, f"{y:g}", "end")
    for x in ticks(axes.x_end):
        axes.text(axes.place(x, 0)[0], axes.BOTTOM + 20, f"{x:g}", "middle")
    axes.text((axes.LEFT + axes.RIGHT) / 2, axes.HEIGHT - 4, x_name, "middle")
    axes.text(12, 14, y_name)
    if level:
        axes.text(beside, axes.across(level[0], "level") + 4, level[1])
    labels = _apart([axes.place(*curve.points[-1])[1] + 4 for curve in curves], 17)
    for curve, label in zip(curves, labels, strict=True):
        axes.curve(curve)
        axes.text(beside, label, f"{curve.name} {curve.points[-1][1]:.2f}", colour=curve.colour)
    return (
        f'<figure class="card"><svg viewBox="0 0 {axes.WIDTH} {axes.HEIGHT}" role="img" '
        f'aria-label="{html.escape(caption)}">{"".join(axes.svg)}</svg>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def ticks(end: float) -> list[float]:
    """Return four to eight round numbers from 0 to at most ``end``."""
    raw = end / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.8)
    return [round(i * step, 10) for i in range(int(end / step) + 1)]


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """Move labels down until each is ``gap`` below the one above it."""
    result = list(places)
    order = sorted(range(len(places)), key=lambda i: places[i])
    for above, below in itertools.pairwise(order):
        result[below] = max(result[below], result[above] + gap)
    return result
