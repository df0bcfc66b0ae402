"""Pictures in and out: read, resize, put side by side, write as PNG and GIF. Pillow is loaded when first used.

Arrays are channels first, as the engine has them: (C, H, W), C = 1 (grey) or 3 (red, green, blue), uint8.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BACKGROUND = 24  # between the pictures of a grid


def read_image(path: str | Path, size: int | tuple[int, int] | None = None, channels: int = 3) -> np.ndarray:
    """Read a picture.

    Turned as the camera says (EXIF), transparent parts on white, the first frame of several.

    Args:
        path: PNG, JPEG, WebP, BMP, GIF, whatever Pillow reads.
        size: (height, width), or one number for both: scaled until it covers that, the middle cut out. None: as is.
        channels: 3 for colour, 1 for grey.

    Returns:
        uint8 (channels, H, W).

    Raises:
        ValueError: if it is no picture.
        FileNotFoundError: if it is not there.
    """
    from PIL import Image, ImageOps

    if channels not in (1, 3):
        raise ValueError(f"`channels` is {channels!r}; valid are 1 (grey) and 3 (colour)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's about large or odd pictures, which are read all the same
            with Image.open(path) as opened:
                picture = _eight_bits(ImageOps.exif_transpose(opened), opened.format)
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                paper = Image.new("RGBA", picture.size, (255, 255, 255, 255))
                picture = Image.alpha_composite(paper, picture)
            picture = picture.convert("RGB" if channels == 3 else "L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise unreadable(path, error) from None
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    array = np.asarray(picture)
    return np.ascontiguousarray(array[None] if channels == 1 else array.transpose(2, 0, 1))


def unreadable(path: str | Path, error: Exception) -> Exception:
    """What to raise for an error of Pillow's: one line that names the file, a FileNotFoundError or a ValueError."""
    from PIL import Image

    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"`{path}` does not exist; give the path of a picture")
    if isinstance(error, Image.DecompressionBombError):
        most = f"{2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} million"
        return ValueError(f"`{path}` has more than the {most} pixels that are read: make it smaller first")
    lines = (getattr(error, "strerror", None) or str(error)).splitlines() or [type(error).__name__]
    return ValueError(f"`{path}` is no picture that can be read: {lines[0][:100]}")


def _eight_bits(picture: Any, kind: str) -> Any:
    """A Pillow image of bytes. By itself Pillow cuts larger numbers off at 255, which leaves nothing but white."""
    from PIL import Image

    if picture.mode.startswith("I;16") or (picture.mode == "I" and kind in ("PNG", "PPM")):
        return Image.fromarray(np.rint(np.asarray(picture) / 257).astype(np.uint8))  # white is 65535 = 255 * 257
    if picture.mode in ("I", "F"):
        raise ValueError("its numbers have 32 bits, and what is black and white is not said; save it with 8 or 16 bits")
    return picture


def resize(image: np.ndarray, size: tuple[int, int], crop: bool = False) -> np.ndarray:
    """Return a uint8 picture (C, H, W) in another (height, width), smoothly.

    Args:
        image: the picture.
        size: (height, width).
        crop: keep the proportions: scale until it covers ``size``, and cut the middle out.
    """
    from PIL import Image, ImageOps

    height, width = size
    picture, smooth = _picture(image), Image.Resampling.LANCZOS
    changed = ImageOps.fit(picture, (width, height), smooth) if crop else picture.resize((width, height), smooth)
    return _array(changed, image.shape[0])


def to_uint8(images: Any, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Return numbers from ``low`` (black) to ``high`` (white) as uint8; what lies outside is cut off, NaN is black."""
    array = np.nan_to_num(np.asarray(images, np.float32), nan=low)
    return np.rint((np.clip(array, low, high) - low) * (255.0 / (high - low))).astype(np.uint8)


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Put pictures side by side, row by row.

    Args:
        images: uint8 (N, C, H, W).
        columns: how many in a row; None: as square as can be.
        gap: pixels between them and around.

    Returns:
        uint8 (3, rows (H + gap) + gap, columns (W + gap) + gap).
    """
    n, _, height, width = images.shape
    if not n:
        raise ValueError("`images` is empty; a grid needs at least one")
    columns = columns or math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    sheet = np.full((3, rows * (height + gap) + gap, columns * (width + gap) + gap), BACKGROUND, np.uint8)
    for i in range(n):
        y, x = gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap)
        sheet[:, y : y + height, x : x + width] = images[i]  # one channel fills all three
    return sheet


def enlarge(image: np.ndarray, times: int) -> np.ndarray:
    """Return a picture (C, H, W) with each pixel as a square of ``times`` x ``times``."""
    return image.repeat(times, axis=1).repeat(times, axis=2)


def save_png(path: str | Path, image: np.ndarray, about: dict[str, str] | None = None) -> None:
    """Write a uint8 picture (C, H, W) as PNG: all of it or nothing, the same bytes for the same picture.

    Args:
        path: where; its folder is made.
        image: the picture.
        about: text fields to keep in the file.
    """
    from PIL import PngImagePlugin

    fields = PngImagePlugin.PngInfo()
    for key, value in (about or {}).items():
        fields.add_text(key, value)
    buffer = io.BytesIO()
    _picture(image).save(buffer, "PNG", pnginfo=fields)
    write_file(path, buffer.getvalue())


def save_gif(path: str | Path, frames: Sequence[np.ndarray], seconds: float = 0.08, loop: bool = True) -> None:
    """Write uint8 pictures (C, H, W) of one size as an animation; one palette serves all frames.

    Args:
        path: where; its folder is made.
        frames: at least one.
        seconds: that each is shown; GIF counts hundredths.
        loop: whether it starts anew at its end.
    """
    if not len(frames):
        raise ValueError("`frames` is empty; an animation needs at least one")
    pictures = [_picture(frame).convert("RGB") for frame in frames]
    # the palette comes from a sheet of up to 16 frames, spread over all
    spread = np.linspace(0, len(pictures) - 1, min(16, len(pictures))).astype(int)
    chosen = np.stack([_array(pictures[i], 3) for i in spread])
    palette = _picture(grid(chosen, gap=0)).quantize(256)
    first, *others = [picture.quantize(palette=palette, dither=0) for picture in pictures]
    buffer = io.BytesIO()
    again = {"loop": 0} if loop else {}
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=round(seconds * 1000), **again)
    write_file(path, buffer.getvalue())


def _picture(image: np.ndarray) -> Any:
    """A Pillow image of (C, H, W) uint8."""
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"`image` is {image.dtype} of shape {image.shape}; it must be uint8 (1 or 3, height, width)")
    return Image.fromarray(image[0] if image.shape[0] == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def _array(picture: Any, channels: int) -> np.ndarray:
    array = np.asarray(picture)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def write_file(path: str | Path, content: bytes) -> None:
    """Write a file so that it is never seen half-written."""
    path = Path(path)
    try:
        _write(path, content)
    except OSError as error:  # it would name the temporary file, or none
        raise OSError(error.errno, f"cannot write `{path}`: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp makes files for their owner alone
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
