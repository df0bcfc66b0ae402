"""How a tensor shows itself in a notebook: what it is, its range, a picture where it looks like one, its numbers."""

from __future__ import annotations

import base64
import html
import io

import numpy as np

from tinygen.tensor import Tensor

_SMALLEST, _LARGEST, _THUMBNAIL = 8, 4096, 512  # sides of what counts as a picture; longest side of what is sent
# Colours of a heat map, evenly spaced: dark blue, violet, red, orange, pale yellow. Brightness grows throughout.
_HEAT = np.array([[10, 8, 40], [88, 20, 110], [187, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64)
_NOT_FINITE = (0, 200, 200)


def as_html(x: Tensor) -> str:
    """Return a tensor as HTML: shape, dtype, device, the op that made it, its range, a picture, its numbers.

    A floating tensor (H, W) is shown as a heat map, (1, H, W) in grey and (3, H, W) in colour, if its sides have 8 to
    4096 elements; large ones are thinned out. What is not finite is turquoise.

    Args:
        x: a Tensor on any device; its values are copied to the host.

    Returns:
        One ``<div>``; everything in it is escaped.
    """
    array = x.detach().to("cpu").numpy()
    facts = [f"shape {x.shape}", str(x.dtype), x.device]
    if x.grad_fn is not None:
        facts.append(f"grad_fn {x.grad_fn}")
    elif x.requires_grad:
        facts.append("requires_grad")
    lines = [f"<b>tensor</b> {html.escape(' · '.join(facts))}", html.escape(_range_of(array))]
    picture, caption = _picture_of(array)
    if picture is not None:
        lines.append(_as_img(picture) + f"<br><small>{html.escape(caption)}</small>")
    numbers = np.array2string(array, separator=", ", threshold=200, precision=4, max_line_width=100)
    numbers = f'<pre style="margin:0">{html.escape(numbers)}</pre>'
    lines.append(numbers if picture is None else f"<details><summary>numbers</summary>{numbers}</details>")
    return '<div style="font-family:monospace">' + "<br>".join(line for line in lines if line) + "</div>"


def _range_of(array: np.ndarray) -> str:
    """Smallest, mean and largest of the finite elements, and how many are not finite."""
    values = array if array.dtype.kind != "f" else array[np.isfinite(array)]
    missing = array.size - values.size
    text = ""
    if values.size:
        text = f"min {values.min():.4g} · mean {values.mean(dtype=np.float64):.4g} · max {values.max():.4g}"
    return text + (f"{' · ' if text else ''}{missing} not finite" if missing else "")


def _picture_of(array: np.ndarray) -> tuple[np.ndarray | None, str]:
    """The tensor as a picture (H, W, 3) uint8 and how it was made; None if it does not look like one."""
    planes = array[None] if array.ndim == 2 else array
    if array.dtype.kind != "f" or planes.ndim != 3 or planes.shape[0] not in (1, 3):
        return None, ""
    if not all(_SMALLEST <= n <= _LARGEST for n in planes.shape[1:]):
        return None, ""
    step = -(-max(planes.shape[1:]) // _THUMBNAIL)
    planes = planes[:, ::step, ::step].astype(np.float64)  # (C, H, W)
    finite = np.isfinite(planes)
    known = planes[finite]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    if array.ndim == 3 and low >= -1 and high <= 1:  # a picture in one of the usual ranges
        low, high = -1.0 if low < 0 else 0.0, 1.0
    span = high - low
    unit = np.clip((np.where(finite, planes, low) - low) / (span if span > 0 else 1.0), 0, 1)
    if array.ndim == 2:
        place = unit[0] * (len(_HEAT) - 1)  # (H, W)
        colours = [np.interp(place, np.arange(len(_HEAT)), channel) for channel in _HEAT.T]
    else:
        colours = [plane * 255 for plane in unit]
    picture = np.stack([np.round(c) for c in colours], -1).astype(np.uint8)  # (H, W, C)
    picture = np.broadcast_to(picture, (*picture.shape[:2], 3)).copy()
    picture[~finite.all(0)] = _NOT_FINITE
    kind = "heat map" if array.ndim == 2 else "picture"
    return picture, f"{kind} from {low:.4g} to {high:.4g}" + (f", 1 of {step} rows and columns" if step > 1 else "")


def _as_img(picture: np.ndarray) -> str:
    """The picture as an ``<img>`` that holds it, at least 128 pixels wide."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    height, width = picture.shape[:2]
    times = max(1, 128 // max(height, width))
    return (
        f'<img alt="" style="image-rendering:pixelated" width="{width * times}" height="{height * times}" '
        f'src="data:image/png;base64,{data}">'
    )

