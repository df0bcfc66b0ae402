"""Pictures for dreams: photographs of any size, grey noise, sheets, a zoom."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinygen.backend import to_device
from tinygen.nn import functional as F
from tinygen.pictures import grid, read_image, resize, unreadable
from tinygen.random import Generator
from tinygen.tensor import Tensor

# A gradient of Inception V3 up to mixed5 takes 1.1 GB of memory for a million pixels.
MOST_WHOLE, MOST_TILED = 3_000_000, 24_000_000  # pixels
TURNED = (5, 6, 7, 8)  # values of the EXIF field "orientation" at which width and height change places


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return (height, width) as the picture is shown, without reading its pixels.

    Raises:
        ValueError: if it is no picture, or too large to be read at all.
        FileNotFoundError: if it is not there.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            width, height = opened.size
            return (width, height) if opened.getexif().get(0x0112) in TURNED else (height, width)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise unreadable(path, error) from None


def read_photograph(path: str | Path, size: int = 0, tile: int = 0) -> np.ndarray:
    """Read a picture to dream on.

    Args:
        path: anything that :func:`tinygen.pictures.read_image` reads; transparent parts on white.
        size: bring its longest side to so many pixels; 0: as it is.
        tile: width of the tiles that gradients come from; 0: from the whole picture.

    Returns:
        uint8 (3, H, W).

    Raises:
        ValueError: if it is no picture, or its gradient would need too much memory.
        FileNotFoundError: if it is not there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about large pictures: they are refused here, or made smaller
        height, width = picture_size(path)
        if size:
            factor = size / max(height, width)
            height, width = (max(1, round(side * factor)) for side in (height, width))
        most = MOST_TILED if tile else MOST_WHOLE
        if height * width > most:
            also = "" if tile or height * width > MOST_TILED else " or --tile 256 (gradients piece by piece)"
            raise ValueError(
                f"`{path}` is {width} x {height}, more than {most / 1e6:.0f} million pixels: give --size 1024 "
                f"(the longest side){also}"
            )
        return read_image(path, (height, width) if size else None)


def grey_noise(size: int, generator: Generator) -> np.ndarray:
    """Return a grey picture (3, size, size) uint8 with a little noise, from 118 to 137."""
    return generator.integers(118, 138, (3, size, size), np.uint8, "cpu")


def with_colors_of(original: Tensor, x: Tensor) -> Tensor:
    """Return the brightness of ``x`` with the colours of ``original``, both (1, 3, H, W).

    Brightness is Y = 0.299 R + 0.587 G + 0.114 B. All three values of a pixel change by the difference of Y, which
    leaves R - Y and B - Y, the colour, as they were.
    """
    weights = Tensor(to_device(np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1), x.device))
    return original + ((x - original) * weights).sum(1, keepdim=True)


def zoomed(x: Tensor, share: float = 0.05) -> Tensor:
    """Cut ``share`` of the height and width off at the edges, and bring the rest back to (1, 3, H, W)."""
    height, width = x.shape[2:]
    dy, dx = (min(max(1, round(side * share / 2)), (side - 1) // 2) for side in (height, width))
    return F.interpolate(x[:, :, dy : height - dy, dx : width - dx], (height, width), mode="bilinear")


def sheet(pictures: Sequence[np.ndarray], most: int = 256) -> np.ndarray:
    """Put pictures (3, H, W) of one size on a sheet, their longest sides no longer than ``most``."""
    height, width = pictures[0].shape[1:]
    factor = min(1.0, most / max(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return grid(np.stack([resize(picture, size) if factor < 1 else picture for picture in pictures]))
