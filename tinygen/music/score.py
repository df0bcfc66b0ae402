"""What a piece of music is here: voices of notes, and where its bars begin. Times are fractions of a whole note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

LOWEST, HIGHEST = 0, 127  # pitches of MIDI; 60 is middle C


@dataclass(frozen=True)
class Note:
    """A note.

    Attributes:
        start: when it begins.
        length: how long it sounds, above 0.
        pitch: as MIDI counts, semitones with middle C at 60.
    """

    start: Fraction
    length: Fraction
    pitch: int


@dataclass(frozen=True)
class Voice:
    """A voice: its name and its notes, in the order of their starts."""

    name: str
    notes: Sequence[Note]


@dataclass(frozen=True)
class Score:
    """A piece.

    Attributes:
        title: what it is called.
        voices: from high to low, or in the order in which they are notated.
        end: when it is over.
        bars: where each bar begins, from 0.
        metres: (from when, beats in a bar, notes of the beat in a whole), such as (0, 6, 8).
        tempos: (from when, quarter notes in a minute).
        program: the instrument, as General MIDI counts from 0.
        key: sharps in the signature at the beginning; flats count below 0.
    """

    title: str
    voices: Sequence[Voice]
    end: Fraction
    bars: Sequence[Fraction]
    metres: Sequence[tuple[Fraction, int, int]]
    tempos: Sequence[tuple[Fraction, float]]
    program: int = 0
    key: int = 0


def in_sequence(scores: Sequence[Score]) -> Score:
    """Return pieces as one, each after the one before it and a silence of one whole note.

    Raises:
        ValueError: if there is none.
    """
    if not scores:
        raise ValueError("`text` holds no music")
    if len(scores) == 1:
        return scores[0]
    names = list(dict.fromkeys(voice.name for score in scores for voice in score.voices))
    notes: dict[str, list[Note]] = {name: [] for name in names}
    bars, metres, tempos, at = [], [], [], Fraction(0)
    for score in scores:
        for voice in score.voices:
            notes[voice.name] += [Note(at + n.start, n.length, n.pitch) for n in voice.notes]
        bars += [at + bar for bar in score.bars] + [at + score.end]
        metres += [(at + when, *metre) for when, *metre in score.metres]
        tempos += [(at + when, tempo) for when, tempo in score.tempos]
        end = at + score.end
        at = end + 1
    voices = [Voice(name, notes[name]) for name in names]
    first = scores[0]
    return Score(first.title, voices, end, bars, metres, tempos, first.program, first.key)
