"""Pictures for the op pages, as SVG text: curves of functions of one variable, Jacobians of all others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import tinygen as tg
from tinygen.testing.records import OpRecord, Sample, results_of

WIDTH, HEIGHT, MARGIN = 520, 300, 36
COLOURS = {"f": "#1f6feb", "f'": "#d1600a", "f''": "#2da44e"}
NEGATIVE, POSITIVE = "#1f6feb", "#d1600a"
GREY = "#8b949e"  # reads on white and on black
CELLS = 24  # longest side of a Jacobian that is drawn


def curve_of(record: OpRecord) -> str | None:
    """Return the curves of a function of one variable and of its two derivatives; None if the op is no such thing."""
    sample = next((s for s in record.calls() if _one_array(s) and s.arrays[0].size >= 12 and not s.settings), None)
    if sample is None or not record.order or len(sample.inputs) > 1:
        return None
    low, high = math.floor(sample.arrays[0].min()), math.ceil(sample.arrays[0].max())
    # the ends are left out: a function may have a pole there; an odd number of points would meet the kinks at 0
    x = np.linspace(low, high, 242)[1:-1]
    if not _elementwise(record.function, x):
        return None
    curves = {"f": record.function(tg.tensor(x)).detach().numpy()}
    point = tg.tensor(x, requires_grad=True)
    first = _slope(record.function(point), point, create_graph=True)
    curves["f'"] = first.detach().numpy()
    if record.order > 1:
        curves["f''"] = _slope(first, point).detach().numpy() if first.requires_grad else np.zeros_like(x)
    return _plot(x, curves, low, high)


def _slope(y: tg.Tensor, x: tg.Tensor, create_graph: bool = False) -> tg.Tensor:
    (found,) = tg.autograd.grad([y], [x], [tg.ones_like(y)], create_graph=create_graph, allow_unused=True)
    return tg.zeros_like(x) if found is None else found


def _one_array(sample: Sample) -> bool:
    return sample.gradients and len(sample.arrays) == 1 and sample.arrays[0].dtype == np.float64


def _elementwise(function: Callable, x: np.ndarray) -> bool:
    """Whether each element of the result depends on the element at its own place alone."""
    try:
        y = function(tg.tensor(x))
    except ValueError:  # it wants more axes than one
        return False
    if not isinstance(y, tg.Tensor) or y.shape != x.shape or y.dtype.kind != "f":
        return False
    some = x[::-1][7:50:3].copy()
    return bool(np.array_equal(function(tg.tensor(some)).numpy(), y.numpy()[::-1][7:50:3]))


def _plot(x: np.ndarray, curves: dict[str, np.ndarray], left: float, right: float) -> str:
    shown = np.concatenate([c[np.isfinite(c)] for c in curves.values()])
    bottom, top = max(float(shown.min()), -4.0), min(float(shown.max()), 6.0)
    pad = 0.06 * (top - bottom) or 1.0
    bottom, top = bottom - pad, top + pad

    def at(u: np.ndarray | float, v: np.ndarray | float) -> tuple:
        across = MARGIN + (u - left) / (right - left) * (WIDTH - 2 * MARGIN)
        return across, HEIGHT - MARGIN - (v - bottom) / (top - bottom) * (HEIGHT - 2 * MARGIN)

    parts = []
    for value in _ticks(left, right):
        across, _ = at(value, bottom)
        parts.append(_line(across, MARGIN, across, HEIGHT - MARGIN, GREY, 0.8 if value == 0 else 0.25))
        parts.append(_text(across, HEIGHT - MARGIN + 15, f"{value:g}", "middle"))
    for value in _ticks(bottom, top):
        _, up = at(left, value)
        parts.append(_line(MARGIN, up, WIDTH - MARGIN, up, GREY, 0.8 if value == 0 else 0.25))
        parts.append(_text(MARGIN - 6, up + 4, f"{value:g}", "end"))
    for number, (name, curve) in enumerate(curves.items()):
        for piece in _pieces(curve, bottom, top):
            across, up = at(x[piece], curve[piece])
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
            parts.append(f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="2" points="{points}"/>')
        parts.append(_text(MARGIN + 12 + 44 * number, MARGIN - 10, name, "start", COLOURS[name]))
    return _svg(WIDTH, HEIGHT, parts)


def _pieces(curve: np.ndarray, bottom: float, top: float) -> list[slice]:
    """The runs of points inside the frame that hang together: a jump breaks the line."""
    inside = np.isfinite(curve) & (curve >= bottom) & (curve <= top)
    jumps = np.abs(np.diff(curve, prepend=curve[:1])) > 0.15 * (top - bottom)
    pieces, start = [], None
    for i, ok in enumerate(inside):
        if start is not None and (not ok or jumps[i]):
            pieces.append(slice(start, i))
            start = None
        if ok and start is None:
            start = i
    if start is not None:
        pieces.append(slice(start, len(curve)))
    return [p for p in pieces if p.stop - p.start > 1]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends, about five."""
    rough = (high - low) / 5
    step = next(s for s in (m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5)) if s >= rough)
    return [round(k * step, 6) + 0.0 for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def jacobian_of(record: OpRecord) -> tuple[str, Sample] | None:
    """Return d(output)/d(first input) at a small sample as a grid of cells, and the sample; None: there is none."""
    if not record.order:
        return None
    for sample in record.calls():
        if not sample.gradients or not sample.arrays or sample.gaps:
            continue
        tensors = sample.tensors(np.float64)
        shape, size = tensors[0].shape, tensors[0]._data.size
        if not tensors[0].requires_grad or not 4 <= size <= CELLS or 1 in shape[-1:] or (1 in shape and size < 8):
            continue
        y = results_of(record.on_tensors(sample)(*tensors))[0]
        if not y.requires_grad or not 1 <= y._data.size <= CELLS:
            continue
        rows = []
        for i in range(y._data.size):
            seed = np.zeros(y._data.size)
            seed[i] = 1
            seed = tg.tensor(seed.reshape(y.shape))
            (g,) = tg.autograd.grad([y], [tensors[0]], [seed], retain_graph=True, allow_unused=True)
            rows.append(np.zeros(tensors[0]._data.size) if g is None else g.numpy().reshape(-1))
        return _grid(np.array(rows)), sample
    return None


def _grid(jacobian: np.ndarray) -> str:
    """Rows are output elements, columns input elements, both in C order."""
    cell, left, up = 16, 28, 24
    height, width = jacobian.shape
    largest = float(np.abs(jacobian).max()) or 1.0
    parts = [_text(left, up - 8, "input elements", "start")]
    parts.append(
        f'<text x="{up - 10}" y="{up}" font-size="12" fill="{GREY}" text-anchor="end" '
        f'transform="rotate(-90 {up - 10} {up})">output</text>'
    )
    for i, j in np.ndindex(height, width):
        value = float(jacobian[i, j])
        share = abs(value) / largest
        colour = GREY if share < 1e-9 else POSITIVE if value > 0 else NEGATIVE
        opacity = 0.08 if share < 1e-9 else 0.15 + 0.85 * share
        parts.append(
            f'<rect x="{left + cell * j}" y="{up + cell * i}" width="{cell - 1}" height="{cell - 1}" '
            f'fill="{colour}" fill-opacity="{opacity:.2f}"/>'
        )
    return _svg(max(left + cell * width + 8, 120), max(up + cell * height + 8, 84), parts)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, opacity: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = GREY) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="{colour}" text-anchor="{anchor}">{text}</text>'


def _svg(width: int, height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    return "\n".join([head + 'font-family="sans-serif">', *parts, "</svg>"]) + "\n"
