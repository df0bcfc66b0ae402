"""Pictures that the package draws itself, where nothing can be downloaded: digits, and shapes with attributes.

Both are drawn from signed distances: how far a point lies inside (positive) or outside (negative) of a figure.
Brightness is then a ramp across the outline, and a thicker stroke is a constant added. Only + - * / and sqrt, which
are exact to the last bit everywhere, touch the random numbers, so that every machine with one version of Pillow has
the same pictures.
The first pictures of a data set do not depend on how many are drawn.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

CHUNK = 500  # pictures that share a stream of random numbers
SEEDS = {"train": 1, "test": 2}

# Digits -----------------------------------------------------------------------------------------------------

EXTENT, CELLS = 2.0, 16  # distances are kept for -2 ... 2, 16 cells for a length of 1; a digit is 2 high
SIDE, SCALE = 28, 10.0  # pixels of a picture, and for a length of 1: a digit is 20 high, as in MNIST
STYLES = 3
HALF_STROKE = 0.13


def font_digits(count: int, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Draw digits: the typeface in Pillow (Aileron) and two hands, turned, slanted, bent, thin and thick.

    Args:
        count: how many.
        split: ``"train"`` or ``"test"``: other random numbers.

    Returns:
        Pictures, uint8 (count, 1, 28, 28), white on black, and their digits, int64 (count,).

    Source: the bending is that of Simard, Steinkraus and Platt, "Best practices for convolutional neural networks
    applied to visual document analysis" (ICDAR 2003), section 2, with splines in place of smoothed noise.
    """
    atlas = _atlas()
    images = np.empty((count, 1, SIDE, SIDE), np.uint8)
    labels = np.empty(count, np.int64)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        random = _stream(1, split, start)
        labels[start : start + n] = (random.random(CHUNK) * 10).astype(np.int64)[:n]
        style = (random.random(CHUNK) * STYLES).astype(np.int64)[:n]
        x, y = _warped(random, n)
        inside = _look_up(atlas, style * 10 + labels[start : start + n], x, y)
        inside += random.uniform(-0.055, 0.09, (CHUNK, 1, 1)).astype(np.float32)[:n]  # thin ... thick
        inside *= SCALE / random.uniform(1.0, 1.8, (CHUNK, 1, 1)).astype(np.float32)[:n]  # sharp ... soft
        images[start : start + n, 0] = _bytes(inside + np.float32(0.5))
    return images, labels


def _stream(data_set: int, split: str, start: int) -> np.random.Generator:
    return np.random.default_rng([data_set, SEEDS[split], start // CHUNK])


def _bytes(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1, cut off outside, as bytes."""
    return (np.clip(values, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _warped(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of ``n`` pictures the point of the digit that it shows: x and y, float32 (n, 28, 28)."""

    def draw(low: float, high: float, *shape: int) -> np.ndarray:
        # all of a chunk, so that the first pictures do not depend on n
        return random.uniform(low, high, (CHUNK, *(shape or (1, 1)))).astype(np.float32)[:n]

    axis = (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2) / np.float32(SCALE)
    x, y = np.broadcast_to(axis, (n, SIDE, SIDE)), np.broadcast_to(axis[:, None], (n, SIDE, SIDE))
    x, y = x - draw(-0.12, 0.12), y - draw(-0.12, 0.12)
    half = draw(-0.1, 0.1)  # tan of half the angle gives its cosine and sine without either: up to 11 degrees
    one = 1 + half * half
    cos, sin = (1 - half * half) / one, 2 * half / one
    x, y = cos * x + sin * y, cos * y - sin * x
    x = (x + draw(-0.1, 0.35) * y) / draw(0.75, 1.15)  # mostly slanted to the right, as hands write
    y = y / draw(0.9, 1.05)
    bend = _splines()
    return x + _bent(draw(-0.38, 0.38, 5, 5), bend), y + _bent(draw(-0.38, 0.38, 5, 5), bend)


def _splines() -> np.ndarray:
    """Uniform cubic B-splines: the weight of each of 5 knots at each of 28 pixels, float32 (5, 28)."""
    knots = np.arange(5)[:, None] - 1.0
    t = np.abs(np.arange(SIDE) * (2.0 / (SIDE - 1)) - knots)  # distance in knots
    near, far = 2 / 3 - t * t + t * t * t / 2, (2 - t) * (2 - t) * (2 - t) / 6
    return np.where(t < 1, near, np.where(t < 2, far, 0)).astype(np.float32)


def _bent(knots: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Surface through random knots: (n, 5, 5) -> (n, 28, 28). Sums in a fixed order, which a matrix product has not."""
    rows = sum(knots[:, i, :, None] * weights[i] for i in range(5))  # (n, 5, 28)
    return sum(rows[:, i, None, :] * weights[i][:, None] for i in range(5))


def _look_up(atlas: np.ndarray, index: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distances of the figures ``index`` (n,) at the points x, y (n, H, W), bilinearly."""
    last = atlas.shape[1] - 1
    x = np.clip((x + np.float32(EXTENT)) * np.float32(CELLS), 0, np.float32(last) - np.float32(0.01))
    y = np.clip((y + np.float32(EXTENT)) * np.float32(CELLS), 0, np.float32(last) - np.float32(0.01))
    left, top = x.astype(np.int32), y.astype(np.int32)
    x, y = x - left, y - top
    corner = (index.astype(np.int32)[:, None, None] * (last + 1) + top) * (last + 1) + left
    flat = atlas.ravel()
    upper = flat[corner] * (1 - x) + flat[corner + 1] * x
    corner += last + 1
    return upper * (1 - y) + (flat[corner] * (1 - x) + flat[corner + 1] * x) * y


def _atlas() -> np.ndarray:
    """Distances of all digits in all styles: float32 (STYLES * 10, 65, 65)."""
    grid = np.arange(int(2 * EXTENT * CELLS) + 1) / CELLS - EXTENT
    points = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)  # (65 * 65, 2), x before y
    figures = [_typeset(str(digit), points) for digit in range(10)]
    figures += [HALF_STROKE - _to_strokes(hand[digit], points) for hand in _hands() for digit in range(10)]
    atlas = np.stack(figures).reshape(-1, len(grid), len(grid))
    # rounded: whatever a machine's cosine does to the last bit is gone
    return (np.rint(atlas * 4096) / 4096).astype(np.float32)


def _typeset(character: str, points: np.ndarray) -> np.ndarray:
    """Signed distances of a character of the typeface that comes with Pillow."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (256, 256))
    ImageDraw.Draw(picture).text((128, 128), character, 255, ImageFont.load_default(180), anchor="mm")
    ink = np.asarray(picture) > 127
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    scale = 2 / (rows[-1] - rows[0] + 1)
    # the outline: the middles of the edges between ink and paper
    y, x = np.nonzero(ink[:, 1:] != ink[:, :-1])
    v, u = np.nonzero(ink[1:] != ink[:-1])
    outline = np.concatenate([np.stack([x + 0.5, y], 1), np.stack([u, v + 0.5], 1)])
    middle = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
    at = np.rint(points / scale + middle).astype(int)
    within = ((at >= 0) & (at < 256)).all(1)
    sign = np.where(within & ink[at[:, 1].clip(0, 255), at[:, 0].clip(0, 255)], 1, -1)
    return sign * _nearest(points, (outline - middle) * scale)


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each of the points (P, 2) from the nearest of the others (Q, 2)."""
    parts = [
        np.min((part[:, :1] - others[:, 0]) ** 2 + (part[:, 1:] - others[:, 1]) ** 2, axis=1)
        for part in np.array_split(points, 64)
    ]
    return np.sqrt(np.concatenate(parts))


def _to_strokes(strokes: list[np.ndarray], points: np.ndarray) -> np.ndarray:
    """Distance of each of the points (P, 2) from the nearest stroke, a line through (K, 2)."""
    found = np.full(len(points), np.inf)
    for stroke in strokes:
        for start, end in itertools.pairwise(stroke):
            along, off = end - start, points - start
            part = np.clip((off[:, 0] * along[0] + off[:, 1] * along[1]) / (along[0] ** 2 + along[1] ** 2), 0, 1)
            x, y = off[:, 0] - part * along[0], off[:, 1] - part * along[1]
            found = np.minimum(found, x * x + y * y)
    return np.sqrt(found)


def _hands() -> list[list[list[np.ndarray]]]:
    """Two ways to write the ten digits: strokes in a box from -1 to 1, y downwards."""

    def line(*corners: tuple[float, float]) -> np.ndarray:
        return np.array(corners)

    def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> np.ndarray:
        """From one angle to another in degrees, 0 to the right and 90 downwards."""
        turns = [math.radians(start + (end - start) * i / 24) for i in range(25)]
        return np.array([(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns])

    def joined(*parts: np.ndarray) -> np.ndarray:
        return np.concatenate(parts)

    plain = [
        [arc(0, 0, 0.6, 0.9, 0, 360)],
        [line((0, -0.9), (0, 0.9))],
        [joined(arc(0, -0.42, 0.52, 0.48, 190, 385), line((-0.55, 0.88), (0.6, 0.88)))],
        [joined(arc(-0.05, -0.45, 0.5, 0.45, 205, 450), arc(-0.05, 0.44, 0.58, 0.46, -90, 150))],
        [line((0.2, -0.9), (-0.6, 0.35), (0.65, 0.35)), line((0.3, -0.2), (0.3, 0.9))],
        [joined(line((0.5, -0.88), (-0.4, -0.88), (-0.48, -0.1)), arc(-0.02, 0.32, 0.56, 0.56, 225, 505))],
        [joined(arc(0.35, 0.3, 0.9, 1.2, 262, 180), arc(0, 0.4, 0.55, 0.5, 190, 540))],
        [line((-0.58, -0.88), (0.58, -0.88), (-0.15, 0.9))],
        [arc(0, -0.44, 0.45, 0.44, 0, 360), arc(0, 0.44, 0.55, 0.46, 0, 360)],
        [arc(0, -0.4, 0.52, 0.48, 0, 360), line((0.52, -0.4), (0.4, 0.9))],
    ]
    other = [
        [arc(0.05, 0, 0.5, 0.92, -60, 290)],
        [line((-0.4, -0.5), (0.05, -0.9), (0.05, 0.88)), line((-0.4, 0.88), (0.5, 0.88))],
        [joined(arc(0, -0.4, 0.45, 0.5, 200, 400), arc(-0.38, 0.68, 0.2, 0.2, 270, -20),
            arc(0.3, 0.6, 0.4, 0.3, 150, 60))],
        [joined(line((-0.5, -0.88), (0.5, -0.88), (-0.05, -0.15)), arc(-0.05, 0.37, 0.58, 0.52, -90, 145))],
        [line((-0.5, -0.85), (-0.55, 0.05), (0.5, 0.05)), line((0.5, -0.85), (0.42, 0.9))],
        [joined(arc(0.02, 0.3, 0.5, 0.58, 140, -110), line((-0.35, -0.2), (-0.3, -0.85))),
            line((-0.3, -0.85), (0.6, -0.9))],
        [joined(line((0.3, -0.9), (-0.2, -0.3)), arc(0, 0.38, 0.5, 0.5, 200, 560))],
        [line((-0.55, -0.8), (0.55, -0.85), (-0.1, 0.9)), line((-0.3, 0.05), (0.5, 0.0))],
        [joined(arc(0, -0.45, 0.42, 0.43, 50, -230), line((0.35, 0.25)), arc(0.0, 0.5, 0.42, 0.4, -30, 210),
            line((0.3, -0.12)))],
        [joined(arc(0, -0.42, 0.45, 0.45, 0, -360), line((0.45, 0.2)), arc(-0.05, 0.35, 0.5, 0.53, 0, 130))],
    ]  # fmt: skip
    return [plain, other]


# Shapes -----------------------------------------------------------------------------------------------------

FORMS = ("circle", "square", "triangle", "star")
COLOURS = {
    "red": (0.86, 0.16, 0.18), "green": (0.18, 0.66, 0.28), "blue": (0.18, 0.36, 0.85), "yellow": (0.95, 0.8, 0.15),
}  # fmt: skip
SHAPE_ATTRIBUTES = (*FORMS, *COLOURS, "large", "outlined", "light")
EDGES = 5  # of the pentagon whose prolonged edges make the star


def shapes(count: int, split: str = "train", side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Draw one shape a picture, somewhere near the middle, turned at random, on a dark or a light ground.

    Args:
        count: how many.
        split: ``"train"`` or ``"test"``: other random numbers.
        side: height and width in pixels; the shapes are the same for every side.

    Returns:
        Pictures, uint8 (count, 3, side, side), and which of :data:`SHAPE_ATTRIBUTES` each has, bool (count, 11): one of
        the forms, one of the colours, and each of the others in half of the pictures.
    """
    images = np.empty((count, 3, side, side), np.uint8)
    labels = np.zeros((count, len(SHAPE_ATTRIBUTES)), bool)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        random = _stream(2, split, start)
        form = (random.random(CHUNK) * len(FORMS)).astype(int)
        colour = (random.random(CHUNK) * len(COLOURS)).astype(int)
        large, outlined, light = random.random((3, CHUNK)) < 0.5
        has = labels[start : start + n]
        has[np.arange(n), form[:n]] = True
        has[np.arange(n), len(FORMS) + colour[:n]] = True
        has[:, -3], has[:, -2], has[:, -1] = large[:n], outlined[:n], light[:n]

        radius = np.where(large, 0.62, 0.36) * random.uniform(0.92, 1.08, CHUNK)
        centre = random.uniform(-0.2, 0.2, (2, CHUNK))
        turn = random.uniform(-1, 1, CHUNK)  # tan of half the angle: from -90 to 90 degrees
        paint = np.array(list(COLOURS.values()))[colour] + random.uniform(-0.08, 0.08, (CHUNK, 3))
        ground = np.where(light, 0.85, 0.15)[:, None] + random.uniform(-0.08, 0.08, (CHUNK, 3))
        for i in range(0, n, 50):  # a few at a time stay in the processor's cache
            part = slice(i, min(i + 50, n))
            inside = _figure(form[part], radius[part], centre[:, part], turn[part], outlined[part], side)
            cover = np.clip(inside * np.float32(side / 2) + np.float32(0.5), 0, 1)[:, None]  # (n, 1, side, side)
            back, front = (c[part, :, None, None].astype(np.float32) for c in (ground, paint))
            images[start : start + n][part] = _bytes(back + (front - back) * cover)
    return images, labels


def _figure(
    form: np.ndarray, radius: np.ndarray, centre: np.ndarray, turn: np.ndarray, outlined: np.ndarray, side: int
) -> np.ndarray:
    """Signed distances (n, side, side) in a picture from -1 to 1."""
    radius, turn, cx, cy = (a.astype(np.float32)[:, None, None] for a in (radius, turn, *centre))
    axis = (np.arange(side, dtype=np.float32) * 2 + 1) / np.float32(side) - 1
    x, y = axis - cx, axis[:, None] - cy  # (n, 1, side), (n, side, 1)
    one = 1 + turn * turn
    cos, sin = (1 - turn * turn) / one, 2 * turn / one
    x, y = cos * x + sin * y, cos * y - sin * x  # (n, side, side)
    inside = np.empty_like(x)
    for number, distance in enumerate((_circle, _square, _triangle, _star)):
        chosen = form == number
        inside[chosen] = distance(x[chosen], y[chosen], radius[chosen])
    half = np.float32(0.5) * np.maximum(np.float32(0.2) * radius, np.float32(0.09))  # of the line of an outline
    return np.where(outlined[:, None, None], half - np.abs(inside - half), inside)


def _circle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    return radius - np.sqrt(x * x + y * y)


def _square(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    return np.float32(0.85) * radius - np.maximum(np.abs(x), np.abs(y))


def _triangle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Three equal sides, one of them below; the middle lies a third of the way up."""
    slanted = np.abs(x) * np.float32(0.8660254) - y * np.float32(0.5)
    return np.float32(0.6) * radius - np.maximum(slanted, y)


def _star(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The points that lie beyond at most one of the five edges of a pentagon: the second largest of five distances."""
    largest = np.full_like(x, -9)
    second = np.full_like(x, -9)
    for i in range(EDGES):
        angle = 2 * math.pi * i / EDGES
        distance = x * np.float32(round(math.sin(angle), 7)) + y * np.float32(round(math.cos(angle), 7))
        second = np.maximum(second, np.minimum(largest, distance))
        largest = np.maximum(largest, distance)
    return np.float32(0.42) * radius - second
