"""A piano roll: time to the right, pitch upwards, one colour for each voice."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tinygen.music.score import Score

COLOURS = ((190, 60, 50), (214, 140, 30), (60, 140, 90), (46, 94, 170), (130, 80, 160), (90, 90, 100))
INK, SOFT, PAPER = (30, 30, 36), (120, 120, 130), (255, 255, 255)
BLACK_KEY, LINE, BAR = (243, 243, 246), (226, 226, 232), (150, 150, 160)
LETTERS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LEFT, RIGHT, TOP, BELOW, GAP = 46, 18, 58, 22, 20
ROW = 6  # pixels of a semitone
QUARTER = 26  # pixels of a quarter note
TALLEST = 30_000  # pixels


def draw(score: Score, width: int = 1100, title: str | None = None) -> Any:
    """Draw a piece, in as many lines as it takes; a line is broken at a bar line.

    Args:
        score: the piece.
        width: of the picture in pixels.
        title: what stands above; None for the piece's own.

    Returns:
        A Pillow image.

    Raises:
        ValueError: if no voice has a note, or the picture would be too tall.
    """
    from PIL import Image, ImageDraw, ImageFont

    pitches = [note.pitch for voice in score.voices for note in voice.notes]
    if not pitches:
        raise ValueError("`score` has no notes; there is nothing to draw")
    low, high = min(pitches) - 1, max(pitches) + 1
    height = (high - low + 1) * ROW
    systems = _systems(score, Fraction(width - LEFT - RIGHT, 4 * QUARTER))
    tall = TOP + len(systems) * (height + BELOW + GAP)
    if tall > TALLEST:
        raise ValueError(f"`score` would take a picture {tall} pixels tall; {TALLEST} is the most: draw less of it")
    image = Image.new("RGB", (width, tall), PAPER)
    canvas = ImageDraw.Draw(image)
    big, small = ImageFont.load_default(18), ImageFont.load_default(12)
    canvas.text((LEFT, 10), _ascii(score.title if title is None else title), INK, big)
    x = LEFT
    for k, voice in enumerate(score.voices):
        canvas.rectangle((x, 39, x + 10, 49), COLOURS[k % len(COLOURS)])
        canvas.text((x + 15, 44), _ascii(voice.name), INK, small, anchor="lm")
        x += 15 + int(canvas.textlength(_ascii(voice.name), small)) + 18
    for i, (begin, end) in enumerate(systems):
        top = TOP + i * (height + BELOW + GAP)
        _paper(canvas, score, begin, end, low, high, top, small)
        for k, voice in enumerate(score.voices):
            for note in voice.notes:
                if note.start < end and note.start + note.length > begin:
                    x0, x1 = (_x(time, begin) for time in (max(note.start, begin), min(note.start + note.length, end)))
                    y = top + (high - note.pitch) * ROW
                    canvas.rectangle((x0, y + 1, max(x1 - 2, x0 + 1), y + ROW - 1), COLOURS[k % len(COLOURS)])
    return image


def _systems(score: Score, most: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Where each line of the picture begins and ends: as many whole bars as fit into ``most`` whole notes."""
    ends = [bar for bar in score.bars if 0 < bar < score.end] + [score.end]
    systems, begin, last = [], Fraction(0), Fraction(0)
    for end in ends:
        if end - begin > most and last > begin:
            systems.append((begin, last))
            begin = last
        while end - begin > most:  # a bar that is longer than a line
            systems.append((begin, begin + most))
            begin += most
        last = end
    if last > begin:
        systems.append((begin, last))
    return systems


def _x(time: Fraction, begin: Fraction) -> int:
    return LEFT + round((time - begin) * 4 * QUARTER)


def _paper(
    canvas: Any, score: Score, begin: Fraction, end: Fraction, low: int, high: int, top: int, font: Any
) -> None:
    """The background of a line: rows, the names of the Cs and Gs, bar lines with their numbers."""
    right, bottom = _x(end, begin), top + (high - low + 1) * ROW
    for pitch in range(low, high + 1):
        y = top + (high - pitch) * ROW
        if len(LETTERS[pitch % 12]) > 1:  # a black key
            canvas.rectangle((LEFT, y, right, y + ROW), BLACK_KEY)
        if pitch % 12 in (0, 7):
            canvas.line((LEFT, y + ROW, right, y + ROW), LINE)
            name = f"{LETTERS[pitch % 12]}{pitch // 12 - 1}"
            canvas.text((LEFT - 6, y + ROW // 2), name, SOFT, font, anchor="rm")
    quarter = begin
    while quarter <= end:
        canvas.line((_x(quarter, begin), top, _x(quarter, begin), bottom), LINE)
        quarter += Fraction(1, 4)
    for number, bar in enumerate(score.bars, 1):
        if begin <= bar < end:
            canvas.line((_x(bar, begin), top, _x(bar, begin), bottom), BAR)
            canvas.text((_x(bar, begin) + 1, bottom + 3), str(number), SOFT, font)
    canvas.line((right, top, right, bottom), BAR)


def _ascii(text: str) -> str:
    """Pillow's own font has the ASCII letters only."""
    return text.encode("ascii", "replace").decode()
