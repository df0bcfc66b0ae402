"""Pictures for style transfer: photographs and paintings at their sizes, where the search begins, original colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.backend import to_device
from tinygen.nn import functional as F
from tinygen.pictures import read_image, resize
from tinygen.random import Generator
from tinygen.tensor import Tensor

MOST_PIXELS = 16_000_000
MOST_WHOLE = 3_000_000  # without strips; a step of VGG19 takes 2.6 GB of memory for a million


def read_styles(settings: Any, shape: tuple[int, int]) -> list[np.ndarray]:
    """Return the paintings, uint8 (3, H, W), for a picture of (height, width) ``shape``."""
    if settings.style_size < 0:
        return [resize(read_image(path), shape) for path in settings.styles]
    return [read_picture(path, settings.style_size or shape[0]) for path in settings.styles]


def read_picture(path: str, height: int) -> np.ndarray:
    """Return a picture at this height, in its own proportions, uint8 (3, height, W)."""
    image = read_image(path)
    width = max(1, round(image.shape[2] * height / image.shape[1]))
    if height * width > MOST_PIXELS:
        raise ValueError(f"`{path}` would be {height} x {width} pixels; it must not have more than {MOST_PIXELS:,}: "
                         "choose a smaller size")
    return resize(image, (height, width))


def check_whole(path: str, image: np.ndarray) -> None:
    """Refuse a picture (3, H, W) that would take too much memory without strips.

    Raises:
        ValueError: with what can be done.
    """
    height, width = image.shape[1:]
    if height * width > MOST_WHOLE:
        raise ValueError(f"`{path}` would be {height} x {width} pixels, more than the {MOST_WHOLE / 1e6:.0f} million "
                         "that are worked on as a whole: choose a smaller size, or give --tile 64 (VGG, small)")


def first_picture(settings: Any, content: np.ndarray, generator: Generator) -> np.ndarray:
    """Return where the search begins, float32 (3, H, W) from 0 to 255: the photograph, noise, or a file."""
    if settings.init == "content":
        return content.astype(np.float32)
    if settings.init == "random":
        return np.clip(127.5 + 40 * generator.normal(content.shape, np.float32, "cpu"), 0, 255)
    try:
        image = read_image(settings.init)
    except FileNotFoundError:
        told = f"`init` is {settings.init!r}; valid are 'content', 'random' and the file of a picture"
        raise FileNotFoundError(told) from None
    return resize(image, content.shape[1:]).astype(np.float32)


def luminance(image: np.ndarray) -> np.ndarray:
    """Return Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) of a picture (3, H, W): (H, W) float32."""
    return np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), image.astype(np.float32), 1)


def keep_colors(image: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the luminance of one picture with the colours of another.

        out_c = Y + s (content_c - Y_content),  s the largest number up to 1 that leaves out_c within 0 to 255

    R - Y, G - Y and B - Y are the colour. Their Y is 0, so any s leaves the luminance as it is.

    Args:
        image: (3, H, W) from 0 to 255.
        content: the same shape.

    Returns:
        float32 (3, H, W) from 0 to 255.
    """
    y = np.clip(luminance(image), 0, 255)
    color = content.astype(np.float32) - luminance(content)
    room = np.where(color > 0, 255 - y, y)
    share = np.minimum(1, room / np.maximum(np.abs(color), 1e-6)).min(0)
    return y + share * color


def enlarged(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring a picture on its way to another size, float32 (3, H, W) to (3, *shape)."""
    return F.interpolate(Tensor(to_device(picture[None], "cpu")), shape, mode="bicubic").numpy()[0]
