"""Chorales as text: a line for each sixteenth, four MIDI numbers in it, soprano first, ``-`` for a rest."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tinygen.data.music import REST
from tinygen.music.score import HIGHEST, LOWEST, Note, Score, Voice

VOICES = ("soprano", "alto", "tenor", "bass")
STEP = Fraction(1, 16)
TEMPO = 72.0  # quarter notes in a minute; the text has none
ORGAN = 19

Chord = tuple[int | None, ...]


def read(text: str, strict: bool = True) -> list[list[Chord]]:
    """Return the chorales of a text: for each, for each sixteenth, four pitches, None for a rest.

    A last line without an end was cut off by whoever wrote the text, and is left out unless it is whole.

    Args:
        text: the chorales.
        strict: False: pass over lines that have no four numbers.

    Raises:
        ValueError: for a line that has no four numbers, if ``strict``.
    """
    chorales: list[list[Chord]] = [[]]
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            chorales.append([])
            continue
        chord = chord_of(line)
        if chord is not None:
            chorales[-1].append(chord)
        elif strict and number < len(lines):
            raise ValueError(
                f"`text` has {line[:40]!r} in line {number}; a line of a chorale has four numbers from {LOWEST} to "
                f"{HIGHEST} with spaces between them, {REST!r} for a rest"
            )
    return [chorale for chorale in chorales if chorale]


def chord_of(line: str) -> Chord | None:
    """Return the four pitches of a line; None if it has no such four."""
    words = line.split()
    if len(words) != len(VOICES):
        return None
    chord = []
    for word in words:
        if word == REST:
            chord.append(None)
        elif word.isdecimal() and word.isascii() and LOWEST <= int(word) <= HIGHEST:
            chord.append(int(word))
        else:
            return None
    return tuple(chord)


def scores(text: str, strict: bool = True) -> list[Score]:
    """Return the chorales of a text.

    One pitch on successive sixteenths is held as one note. The text does not say where a note is struck again: four
    quarter notes on G are heard as one whole note.

    Args:
        text: the chorales.
        strict: as :func:`read`.

    Raises:
        ValueError: as :func:`read`.
    """
    return [_score(chorale, f"Chorale {i}") for i, chorale in enumerate(read(text, strict), 1)]


def _score(chords: Sequence[Chord], title: str) -> Score:
    voices = []
    for k, name in enumerate(VOICES):
        notes: list[Note] = []
        begun = 0
        for i in range(1, len(chords) + 1):
            if i == len(chords) or chords[i][k] != chords[begun][k]:
                pitch = chords[begun][k]
                if pitch is not None:
                    notes.append(Note(begun * STEP, (i - begun) * STEP, pitch))
                begun = i
        voices.append(Voice(name, notes))
    end = len(chords) * STEP
    bars = [Fraction(bar) for bar in range(-(-len(chords) // 16))]
    return Score(title, voices, end, bars, [(Fraction(0), 4, 4)], [(Fraction(0), TEMPO)], ORGAN)
