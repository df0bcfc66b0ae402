"""Bars as they are written, and the order in which they are played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tinygen.music.keys import Key
from tinygen.music.score import Note, Score, Voice

FLUTE = 73


@dataclass
class Sound:
    """A note in a bar.

    Attributes:
        start: from the beginning of the bar, in whole notes.
        length: likewise.
        pitch: as MIDI counts.
        key: what is in force.
        tied: whether it goes on in the next note of its pitch.
    """

    start: Fraction
    length: Fraction
    pitch: int
    key: Key
    tied: bool = False


@dataclass
class Bar:
    """A bar.

    Attributes:
        beats: the metre's, 0 for none.
        unit: the metre's, notes of the beat in a whole.
        sounds: its notes.
        length: its notes and rests, in whole notes.
        endings: in which passes of a repeat it is played; empty for all.
        part: how many parts (``P:``) began before it.
        begins_repeat: whether ``|:`` stands before it.
        ends_repeat: whether ``:|`` stands behind it.
        double: whether a double line stands behind it.
    """

    beats: int
    unit: int
    sounds: list[Sound] = field(default_factory=list)
    length: Fraction = Fraction(0)
    endings: frozenset[int] = frozenset()
    part: int = 0
    begins_repeat: bool = False
    ends_repeat: bool = False
    double: bool = False

    @property
    def metre(self) -> Fraction | None:
        """What its length should be; None where there is no metre."""
        return Fraction(self.beats, self.unit) if self.beats else None


def order(bars: Sequence[Bar]) -> list[int]:
    """Return which bars are played, one after another, with each repeat and its endings.

    A repeat goes back to the last ``|:``; where there is none, to behind the last repeat, or behind the double line
    after its last ending.
    """
    played: list[int] = []
    back, turn, explicit, i = 0, 1, False, 0
    while i < len(bars):
        bar = bars[i]
        if bar.begins_repeat and turn == 1:
            back, explicit = i, True
        if bar.endings and turn not in bar.endings:
            i += 1
            continue
        played.append(i)
        if bar.ends_repeat and turn < _turns(bars, back, i):
            i, turn = back, turn + 1
            continue
        i += 1
        leaves = bar.endings and turn > 1 and not (i < len(bars) and bars[i].endings)
        if bar.ends_repeat or leaves or (bar.double and not explicit):
            back, turn, explicit = i, 1, False
    return played


def _turns(bars: Sequence[Bar], back: int, last: int) -> int:
    """How often the bars from ``back`` to ``last`` are played: as often as there are endings, at least twice."""
    following = last + 1
    while following < len(bars) and bars[following].endings:
        following += 1
    named = [number for bar in bars[back:following] for number in bar.endings]
    return max([2, *named])


def played(voices: Mapping[str, Sequence[Bar]], title: str, tempo: float) -> Score:
    """Return bars as a piece. The voices begin each part together.

    Args:
        voices: by name, the bars as they are written.
        title: of the piece.
        tempo: quarter notes in a minute.
    """
    notes: dict[str, list[Note]] = {name: [] for name in voices}
    open_ties: dict[str, dict[int, int]] = {name: {} for name in voices}
    lines: set[Fraction] = set()
    metres: list[tuple[Fraction, int, int]] = []
    begin = Fraction(0)
    for part in sorted({bar.part for bars in voices.values() for bar in bars}):
        ends = [begin]
        for name, bars in voices.items():
            at, chosen = begin, [bar for bar in bars if bar.part == part]
            for bar in (chosen[i] for i in order(chosen)):
                lines.add(at)
                metre = (bar.beats or 4, bar.unit)
                if not metres or (metres[-1][1:] != metre and at >= metres[-1][0]):
                    metres.append((at, *metre))
                for sound in bar.sounds:
                    _place(notes[name], open_ties[name], at, sound)
                at += bar.length
            ends.append(at)
        begin = max(ends)
    key = next(sound.key for bars in voices.values() for bar in bars for sound in bar.sounds)
    parts = [Voice(f"Voice {name}" if len(voices) > 1 else "Melody", notes[name]) for name in voices]
    return Score(title, parts, begin, sorted(lines), metres, [(Fraction(0), tempo)], FLUTE, key.sharps)


def _place(notes: list[Note], ties: dict[int, int], at: Fraction, sound: Sound) -> None:
    """Add a note, or lengthen the one that is tied to it; ``ties`` has the places of notes that wait, by pitch."""
    start, held = at + sound.start, ties.pop(sound.pitch, None)
    if held is not None and notes[held].start + notes[held].length == start:
        notes[held] = Note(notes[held].start, notes[held].length + sound.length, sound.pitch)
    else:
        held = len(notes)
        notes.append(Note(start, sound.length, sound.pitch))
    if sound.tied:
        ties[sound.pitch] = held
