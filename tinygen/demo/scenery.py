"""Pictures that the demo draws for itself, since the package carries none: a landscape, and a painting in strokes."""

from __future__ import annotations

import numpy as np

from tinygen.random import Generator

# Of the landscape: (how far down, colour) of the sky, places as parts of the height and width, colours.
SKY = ((0.0, (38, 72, 140)), (0.3, (94, 140, 190)), (0.45, (236, 190, 150)), (0.62, (250, 214, 160)))
SUN, SHORE = (0.7, 0.24), 0.63  # across and down; down
HAZE = np.array([226, 190, 172], np.float32)  # what far hills fade into
FOREST, MEADOW = (np.array(colour, np.float32) for colour in ((34, 62, 52), (96, 128, 52)))
FLOWERS = ((214, 60, 58), (246, 208, 66), (240, 240, 232), (150, 96, 190))
# Of the painting: its ground, and the colours of its strokes from the deepest to the brightest.
CANVAS = (24, 38, 92)
PAINTS = ((18, 30, 84), (30, 62, 140), (52, 104, 172), (104, 158, 196), (196, 214, 190), (244, 196, 70), (226, 118, 40))


def noise(shape: tuple[int, int], cells: tuple[int, int], generator: Generator, octaves: int = 4) -> np.ndarray:
    """Return clouds of numbers: smooth random surfaces, each twice as fine and half as strong as the one before.

    Args:
        shape: (H, W).
        cells: of the coarsest one, down and across.
        generator: of the numbers.
        octaves: how many surfaces.

    Returns:
        (H, W) float32, 0 to 1.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        down, across = (count * 2**octave for count in cells)
        knots = generator.uniform((down + 1, across + 1), device="cpu")
        total += _smooth(_smooth(knots, shape[0]).T, shape[1]).T * np.float32(0.5**octave)
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


def _smooth(knots: np.ndarray, count: int) -> np.ndarray:
    """Lead smooth curves through the knots, from the first to the last: (K, M) -> (count, M)."""
    place = np.linspace(0, len(knots) - 1, count, dtype=np.float32)
    first = np.minimum(place.astype(int), len(knots) - 2)
    t = (place - first)[:, None]
    t = t * t * (3 - 2 * t)
    return knots[first] * (1 - t) + knots[first + 1] * t


def landscape(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Draw hills in the evening light, a lake, and a meadow with a tree: uint8 (3, height, width)."""
    generator, shape = Generator(seed), (height, width)
    x, y = np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32)[:, None]
    stops, colours = zip(*SKY, strict=True)
    sky = np.stack([np.interp(y[:, 0], stops, channel) for channel in zip(*colours, strict=True)], -1)
    picture = np.repeat(sky[:, None].astype(np.float32), width, axis=1)  # (H, W, 3)
    far = np.hypot((x - SUN[0]) * width / height, y - SUN[1])
    picture = _over(picture, (255, 206, 140), 0.75 * np.exp(-((far / 0.24) ** 2)))
    clouds = np.clip(noise(shape, (5, 2), generator, 5) * 2.6 - 1.3, 0, 0.85) * np.clip(1.3 - y * 2, 0, 1)
    picture = _over(picture, (250, 222, 206), clouds)
    picture = _over(picture, (255, 248, 216), np.clip((0.055 - far) * height, 0, 1))
    for ridge in range(4):  # from the farthest to the nearest
        outline = noise((2, width), (1, 3 + ridge), generator, 5)[0]
        top = 0.45 + 0.05 * ridge - (0.17 - 0.02 * ridge) * (outline - 0.25)
        rough = noise(shape, (16, 24), generator, 3)[..., None]
        colour = HAZE + (FOREST - HAZE) * (0.25 + 0.25 * ridge)
        picture = _over(picture, colour * (0.8 + 0.4 * rough), np.clip((y - top) * height, 0, 1))
    mirrored = picture[np.clip((2 * SHORE * height - np.arange(height)).astype(int), 0, height - 1)]
    waves = noise(shape, (60, 4), generator, 2)[..., None]
    picture = _over(picture, mirrored * (0.65 + 0.35 * waves), np.clip((y - SHORE) * height, 0, 1))
    bank = 0.76 + 0.1 * (noise((2, width), (1, 2), generator, 3)[0] - 0.5)
    grass = 0.5 * noise(shape, (30, 40), generator, 3)[..., None] + noise(shape, (4, 5), generator)[..., None]
    picture = _over(picture, MEADOW * (0.45 + 0.6 * grass), np.clip((y - bank) * height, 0, 1))
    return _plants(np.clip(picture, 0, 255).astype(np.uint8), bank, generator).transpose(2, 0, 1).copy()


def _over(picture: np.ndarray, colour: np.ndarray | tuple[int, int, int], cover: np.ndarray) -> np.ndarray:
    """Paint a colour over a picture (H, W, 3) where ``cover`` (H, W) is 1, a part of it where it is less."""
    return picture + (np.asarray(colour, np.float32) - picture) * cover[..., None]


def _plants(picture: np.ndarray, bank: np.ndarray, generator: Generator) -> np.ndarray:
    """Add blades of grass, flowers that are larger in front, and a tree: uint8 (H, W, 3)."""
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    count = height * width // 60
    for u, v, lean, kind in generator.uniform((count, 4), device="cpu"):
        ground = bank[int(u * (width - 1))]
        at = ground + 0.02 + (1 - ground) * v
        x, y, size = u * width, at * height, height * (0.008 + 0.05 * (at - ground))
        green = tuple(int(c * (0.5 + 0.9 * lean)) for c in MEADOW)
        draw.line([(x, y), (x + (lean - 0.5) * size * 2, y - size * 2)], green, max(1, round(size / 3)))
        if kind < 0.07:
            colour = FLOWERS[int(kind / 0.07 * len(FLOWERS))]
            draw.ellipse([x - size * 0.6, y - size * 2.6, x + size * 0.6, y - size * 1.4], colour)
    foot, trunk = (0.17 * width, 0.9 * height), 0.012 * height
    draw.polygon([(foot[0] - 2 * trunk, foot[1]), (foot[0] + 2 * trunk, foot[1]),
                  (foot[0] + 0.5 * trunk, 0.45 * height), (foot[0] - 0.5 * trunk, 0.45 * height)], (62, 44, 34))
    for turn, far, shade in generator.uniform((900, 3), device="cpu"):
        angle, radius = 2 * np.pi * turn, np.sqrt(far)
        x, y = foot[0] + 0.17 * height * radius * np.cos(angle), (0.4 + 0.22 * radius * np.sin(angle)) * height
        light = 0.5 + 0.5 * shade + 0.25 * np.cos(angle + 0.6) * radius  # the sun stands to the right
        size = height * 0.012
        draw.ellipse([x - size, y - size, x + size, y + size], tuple(int(c * light) for c in (70, 96, 44)))
    return np.asarray(image)


def painting(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Paint swirls with a broad brush: strokes that follow the contour lines of a random surface, light on dark.

    Returns:
        uint8 (3, height, width).
    """
    from PIL import Image, ImageDraw

    generator, shape, unit = Generator(seed), (height, width), height / 100
    down, right = np.gradient(noise(shape, (2, 3), generator, 2))
    light = noise(shape, (3, 4), generator, 3)
    u, v, shade, tint = generator.uniform((4, height * width // 20), device="cpu")
    # (strokes, 2), x before y; some begin outside, so that the edges are covered
    lines = [np.stack([(u * 1.1 - 0.05) * width, (v * 1.1 - 0.05) * height], 1)]
    for _ in range(7):  # along the contour lines: across the gradient
        row, column = _pixels(lines[-1], shape)
        along = np.stack([-down[row, column], right[row, column]], 1)
        lines.append(lines[-1] + unit * along / np.maximum(np.hypot(*along.T), 1e-6)[:, None])
    tones = light[_pixels(lines[0], shape)] + 0.22 * (shade - 0.5)
    chosen = np.clip(tones * len(PAINTS), 0, len(PAINTS) - 1).astype(int)
    colours = np.clip(np.array(PAINTS)[chosen] * (0.85 + 0.3 * tint[:, None]), 0, 255).astype(int)
    image = Image.new("RGB", (width, height), CANVAS)
    draw = ImageDraw.Draw(image)
    for line, colour in zip(np.stack(lines, 1).reshape(len(u), -1).tolist(), colours.tolist(), strict=True):
        draw.line(line, tuple(colour), max(1, round(1.4 * unit)), joint="curve")
    return np.asarray(image).transpose(2, 0, 1).copy()


def _pixels(places: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels at places (N, 2), x before y, those outside moved to the edge."""
    return tuple(np.clip(places[:, 1 - axis], 0, shape[axis] - 1).astype(int) for axis in (0, 1))
