"""Curves as inline SVG. The words stand around it as HTML, so that they keep their size on a narrow screen."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

MOST_POINTS = 400  # of a curve
COLOURS = 6  # classes c0 to c5 of the page's style
DASHES = ("", "7 5", "2 4", "12 4 2 4")
LOG_FROM = 30  # the axis is logarithmic where values differ by more than this factor
WIDTH, HEIGHT = 1000, 300  # units of the drawing, which is stretched to its place


@dataclass(frozen=True)
class Curve:
    """A curve.

    Attributes:
        name: what the legend calls it.
        pieces: of points (x, y) in the order of x.
        colour: a number below ``COLOURS``; None for a curve of published figures.
        dash: a number below ``len(DASHES)``.
    """

    name: str
    pieces: Sequence[Points]
    colour: int | None = 0
    dash: int = 0


@dataclass(frozen=True)
class Band:
    """A range of values that the whole chart is wide: its name, lowest and highest."""

    name: str
    low: float
    high: float


class _Axis:
    """Places numbers from ``low`` to ``high`` on 0 to 1, on a logarithmic scale if need be."""

    def __init__(self, values: Sequence[float], logarithmic: bool = False, margin: float = 0.0) -> None:
        low, high = min(values), max(values)
        self.logarithmic = logarithmic
        if logarithmic:
            self.low, self.high = math.log10(low), math.log10(high)
        else:
            self.low, self.high = low, high
        if self.low == self.high:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        span = self.high - self.low
        self.low, self.high = self.low - margin * span, self.high + margin * span

    def place(self, value: float) -> float:
        number = math.log10(value) if self.logarithmic else value
        return (number - self.low) / (self.high - self.low)

    def ticks(self, whole: bool = False) -> list[float]:
        """Round numbers within, at most eight; ``whole``: no fractions."""
        if self.logarithmic:
            decades = range(math.ceil(self.low), math.floor(self.high) + 1)
            fine = [m * 10.0**d for d in range(math.floor(self.low), math.ceil(self.high) + 1) for m in (1, 2, 5)]
            within = [value for value in fine if self.low <= math.log10(value) <= self.high]
            coarse = [10.0**d for d in decades]
            return within if len(within) <= 8 else coarse[:: -(-len(coarse) // 8)]
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (m * step) <= 7)
        step = max(step, 1.0) if whole else step
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(i * step, 12) for i in range(first, last + 1)]


def chart(
    title: str, curves: Sequence[Curve], x_name: str, y_name: str, bands: Sequence[Band] = (), caption: str = ""
) -> str:
    """Draw curves over common axes.

    Args:
        title: what the chart shows.
        curves: what to draw; at least one point in all. Those without a colour do not widen the x axis.
        x_name: what x counts.
        y_name: what y counts, with its unit.
        bands: ranges behind the curves.
        caption: a line below.

    Returns:
        A figure.
    """
    own = [p for curve in curves if curve.colour is not None for piece in curve.pieces for p in piece]
    xs = [x for x, _ in own]
    shown = [(curve, [_within(piece, min(xs), max(xs)) for piece in curve.pieces]) for curve in curves]
    ys = [y for _, pieces in shown for piece in pieces for _, y in piece] + [y for b in bands for y in (b.low, b.high)]
    logarithmic = min(ys) > 0 and max(ys) > LOG_FROM * min(ys)
    across, up = _Axis(xs), _Axis(ys, logarithmic, 0.04)
    drawn = [_band(band, up) for band in bands]
    for y in up.ticks():
        at = _y(up.place(y))
        drawn.append(f'<path class="grid" d="M0,{at}H{WIDTH}"/>')
    drawn += [_curve(curve, pieces, across, up) for curve, pieces in shown if any(pieces)]
    labels = [f'<span class="y" style="bottom:{100 * up.place(y):.2f}%">{html.escape(_short(y))}</span>'
              for y in up.ticks()]
    labels += [f'<span class="x" style="left:{100 * across.place(x):.2f}%">{html.escape(_short(x))}</span>'
               for x in across.ticks(whole=True)]
    names = [_legend(curve.name, curve.colour, curve.dash) for curve, pieces in shown if any(pieces)]
    names += [f'<li><svg viewBox="0 0 28 10"><rect class="band" width="28" height="10"/></svg>{html.escape(band.name)}'
              "</li>" for band in bands]
    told = ", ".join(filter(None, [y_name, "logarithmic" if logarithmic else ""]))
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="card"><p class="axis"><b>{html.escape(title)}</b> {html.escape(told)}</p>'
        f'<div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{html.escape(title)}">{"".join(drawn)}</svg>{"".join(labels)}</div>'
        f'<p class="axis across">{html.escape(x_name)}</p><ul class="legend">{"".join(names)}</ul>{below}</figure>'
    )


def thinned(points: Points) -> list[tuple[float, float]]:
    """Return at most ``MOST_POINTS`` points: the means of as many stretches of equal length."""
    if len(points) <= MOST_POINTS:
        return list(points)
    size = -(-len(points) // MOST_POINTS)
    chunks = [points[i : i + size] for i in range(0, len(points), size)]
    return [(sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk)) for chunk in chunks]


def _within(points: Points, low: float, high: float) -> list[tuple[float, float]]:
    return thinned([(x, y) for x, y in points if low <= x <= high])


def _y(share: float) -> str:
    return f"{HEIGHT * (1 - share):.1f}"


def _curve(curve: Curve, pieces: Sequence[Points], across: _Axis, up: _Axis) -> str:
    kind = "published" if curve.colour is None else f"c{curve.colour % COLOURS}"
    dash = f' stroke-dasharray="{DASHES[curve.dash % len(DASHES)]}"' if curve.dash % len(DASHES) else ""
    parts = []
    for piece in pieces:
        places = [f"{WIDTH * across.place(x):.1f},{_y(up.place(y))}" for x, y in piece]
        if len(places) > 1:
            parts.append(f'<path class="line {kind}"{dash} d="M{"L".join(places)}"/>')
        if len(places) <= 60:  # a line of no length with round ends is a dot, however the drawing is stretched
            parts += [
                f'<path class="dot {kind}" d="M{place}h0"><title>{html.escape(curve.name)}: {y:.6g} at {x:g}</title>'
                "</path>" for place, (x, y) in zip(places, piece, strict=True)
            ]
    return "".join(parts)


def _band(band: Band, up: _Axis) -> str:
    top, bottom = _y(up.place(band.high)), _y(up.place(band.low))
    return f'<path class="band" d="M0,{top}H{WIDTH}V{bottom}H0Z"/>'


def _legend(name: str, colour: int | None, dash: int) -> str:
    kind = "published" if colour is None else f"c{colour % COLOURS}"
    dashes = f' stroke-dasharray="{DASHES[dash % len(DASHES)]}"' if dash % len(DASHES) else ""
    line = f'<svg viewBox="0 0 28 10"><path class="line {kind}"{dashes} d="M1,5H27"/></svg>'
    return f"<li>{line}{html.escape(name)}</li>"


def _short(value: float) -> str:
    """A number on an axis: 10000 as 10,000, 7.4e9 as it is."""
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:.3g}"
    return f"{value:,.10g}"
