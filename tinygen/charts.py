"""Charts drawn with Pillow: no plotting library is needed for a few bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INK, FAINT, BAR, PAPER = (30, 30, 36), (205, 205, 212), (46, 94, 170), (255, 255, 255)


def bar_panels(
    title: str, labels: Sequence[str], panels: Sequence[tuple[str, Sequence[float]]], width: int = 1200
) -> Any:
    """Draw bar charts one below the other, over the same labels.

    Args:
        title: the line above all.
        labels: one for each bar.
        panels: (caption, heights from 0 to 1) of each chart.
        width: of the picture in pixels.

    Returns:
        A Pillow image.
    """
    from PIL import Image, ImageDraw, ImageFont

    left, right, top, height, gap = 64, 24, 70, 110, 52
    image = Image.new("RGB", (width, top + len(panels) * (height + gap) + 12), PAPER)
    draw = ImageDraw.Draw(image)
    big, small = ImageFont.load_default(20), ImageFont.load_default(13)
    draw.text((left, 20), title, INK, big)
    slot = (width - left - right) / max(len(labels), 1)
    for i, (caption, heights) in enumerate(panels):
        y0 = top + i * (height + gap) + 20  # of the full height
        y1 = y0 + height - 20
        draw.text((left, y0 - 20), caption, INK, small)
        highest = max(max(heights, default=0.0), 1e-12)
        for share in (0.0, 0.5, 1.0):  # the scale reaches to the highest bar, and says how high that is
            y = y1 - share * (y1 - y0)
            draw.line((left, y, width - right, y), FAINT)
            draw.text((left - 8, y), f"{share * highest:.2g}", INK, small, anchor="rm")
        for k, (label, value) in enumerate(zip(labels, heights, strict=True)):
            x = left + k * slot
            tall = value / highest * (y1 - y0)
            if tall >= 0.5:
                draw.rectangle((x + 2, y1 - tall, x + max(slot - 2, 3), y1), BAR)
            draw.text((x + slot / 2, y1 + 3), label, INK, small, anchor="ma")
    return image
