"""Tunes in ABC notation: from text to bars of notes, and from those to what is played.

What is read: the fields ``T: M: L: K: Q: P: V:``, also within a tune and in brackets; notes with accidentals (which
hold to the end of the bar, in all octaves), octaves and lengths; rests, chords (``[ceg]`` and, as it was written once,
``+ceg+``), ties, tuplets, broken rhythm, bar lines, repeats and endings. What is passed over: chord symbols and other
words in quotation marks, decorations, grace notes, slurs, the order of the parts (``P:AABA`` in the head), *D.S.* and
the like.

Source: the ABC music standard 2.1 (2011), sections 3 and 4; the corpus is older and has some of 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from tinygen.music.keys import SEMITONES, Key, key_of
from tinygen.music.playing import Bar, Sound, played
from tinygen.music.score import Score

TEMPO = 120.0  # beats in a minute where `Q:` says nothing; a beat is a quarter, in 6/8, 9/8 and 12/8 a dotted one

_LENGTH = r"\d{0,3}(?:/\d{0,3}){0,4}"  # no longer: a network may write digits without end
_NUMBERS = r"\d{1,2}(?:[,-]\d{1,2}){0,9}"
_TOKEN = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in {
            "skip": r"[\s\\`*$y)]|![^!|]*!|\{[^}|]*\}|\"[^\"]*\"|[.~HLMOPSTuv]",
            "field": r"\[[A-Za-z]:[^\]]*\]",
            "ending": rf"\[\s*{_NUMBERS}",
            "bar": rf"(?::*\|+[:\]]*|::+|\[\|)(?:{_NUMBERS})?",
            "chord": rf"(?:\[[^\[\]|]*\]|\+[^+|]*\+){_LENGTH}",
            "note": rf"[\^_=]*[A-Ga-g][,']*{_LENGTH}",
            "rest": rf"[zx]{_LENGTH}",
            "silence": r"Z\d{0,2}",
            "tuplet": r"\(\d(?::\d?){0,2}",
            "slur": r"\(",
            "broken": r">+|<+",
            "tie": r"-",
        }.items()
    )
)
_NOTE = re.compile(rf"(\^\^|__|[\^_=]?)([A-Ga-g])([,']*)({_LENGTH})")
_FIELD = re.compile(r"([A-Za-z]):(?![|:])(.*)")
_ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}


@dataclass
class Tune:
    """A tune as it is written: the bars of each voice, by the voice's name."""

    title: str = ""
    tempo: float | None = None  # quarter notes in a minute
    voices: dict[str, list[Bar]] = field(default_factory=dict)


def tunes(text: str) -> list[str]:
    """Cut a text into its tunes: each begins with ``X:``; what comes before the first is none.

    A text without ``X:`` is taken for one tune. One that does not end with a line break was cut off by whoever wrote
    it: what stands behind its last bar line is left out.
    """
    if not text.endswith("\n") and "|" in text:
        text = text[: text.rindex("|") + 1]
    found = [tune for tune in re.split(r"^(?=X:)", text, flags=re.MULTILINE) if tune.startswith("X:")]
    return found or ([text] if text.strip() else [])


def scores(text: str, strict: bool = True) -> list[Score]:
    """Return the tunes of a text, as :func:`tunes` cuts it, as they are played, with repeats.

    Args:
        text: the tunes.
        strict: False: of a tune that cannot be read whole, the bars up to there.

    Raises:
        ValueError: for a tune that cannot be read; it is named. Where not ``strict``, only if no tune has a note.
    """
    found, errors = [], []
    for i, text_of_one in enumerate(tunes(text), 1):
        tune, error = read_so_far(text_of_one)
        if error is not None:
            errors.append(f"tune {i}: {error}")
        if any(bar.sounds for bars in tune.voices.values() for bar in bars):
            found.append(score_of(tune))
    if errors and (strict or not found):
        raise ValueError(errors[0])
    return found


def read(text: str) -> Tune:
    """Return a tune from its text.

    Raises:
        ValueError: for what is no ABC, or has no ``K:`` or no note; the line is named.
    """
    tune, error = read_so_far(text)
    if error is not None:
        raise error
    return tune


def read_so_far(text: str) -> tuple[Tune, ValueError | None]:
    """Return a tune, as far as it can be read, and why not further; None where all of it could be."""
    reader = _Reader()
    try:
        reader.read(text)
    except ValueError as error:
        reader.finish()
        return reader.tune, error
    return reader.tune, None


def score_of(tune: Tune) -> Score:
    """Return a tune as it is played: repeats twice, each time with its own ending."""
    first = next(iter(tune.voices.values()))[0]
    compound = first.beats % 3 == 0 and first.unit == 8
    return played(tune.voices, tune.title, tune.tempo or TEMPO * (1.5 if compound else 1.0))


def length_of(text: str) -> Fraction:
    """Return a length as ABC writes it behind a note: ``"3/2"``, ``"/"`` (a half), ``"//"`` (a quarter), ``""`` (1).

    Raises:
        ValueError: for a length of 0.
    """
    first, *divisors = text.split("/")
    length = Fraction(int(first or 1))
    for divisor in divisors:
        if divisor and not int(divisor):
            raise ValueError("a note is divided by 0")
        length /= int(divisor or 2)
    if not length:
        raise ValueError("a note has the length 0")
    return length


def fraction_of(text: str, name: str) -> Fraction:
    """Return the fraction that a field gives.

    Raises:
        ValueError: naming the field, if it is none above 0.
    """
    match = re.fullmatch(r"\s*(\d{1,3})/(\d{1,3})\s*", text)
    if not match or not int(match[1]) or not int(match[2]):
        raise ValueError(f"`{name}:` is {text!r}; it must be a fraction such as 1/8")
    return Fraction(int(match[1]), int(match[2]))


class _Reader:
    """Reads a tune line by line; at each moment it is somewhere in a bar of a voice."""

    def __init__(self) -> None:
        self.tune = Tune()
        self.key: Key | None = None
        self.beats, self.unit = 4, 4
        self.default_length: Fraction | None = None
        self.part = 0
        self.state: dict[str, _Place] = {}
        self.place = _Place()
        self.state["1"] = self.place

    def read(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            line = line.partition("%")[0].rstrip()
            try:
                match = _FIELD.match(line)
                if match:
                    self.field(match[1], match[2].strip())
                elif self.key is not None:
                    self.music(line)
                elif line:
                    raise ValueError(f"{line[:30]!r} stands before `K:`, where only fields may")
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
        if self.key is None:
            raise ValueError("it has no `K:`")
        for place in self.state.values():
            place.close("", self.part)
        self.finish()
        if not any(bar.sounds for bars in self.tune.voices.values() for bar in bars):
            raise ValueError("it has no notes")

    def finish(self) -> None:
        """Hand the bars over that are closed."""
        self.tune.voices = {name: place.bars for name, place in self.state.items() if place.bars}

    # ------------------------------------------------------------------------------------------------ fields

    def field(self, name: str, value: str) -> None:
        if name == "T":
            self.tune.title = self.tune.title or value
        elif name == "K":
            self.key = key_of(value)
            if self.default_length is None:  # the metre of the head decides, not those of later changes
                short = 0 < Fraction(self.beats, self.unit) < Fraction(3, 4)
                self.default_length = Fraction(1, 16 if short else 8)
            self.place.accidentals.clear()
        elif name == "M":
            self.metre(value)
        elif name == "L":
            self.default_length = fraction_of(value, "L")
        elif name == "Q":
            self.tempo(value)
        elif name == "P" and re.match(r"[A-Z](\s|$)", value) and self.key is not None:
            for place in self.state.values():
                place.close("||", self.part)
            self.part += 1
        elif name == "V" and self.key is not None:
            self.place = self.state.setdefault((value.split() or ["1"])[0], _Place())

    def metre(self, value: str) -> None:
        known = {"C": (4, 4), "C|": (2, 2), "none": (0, 4), "": (0, 4)}
        if value in known:
            self.beats, self.unit = known[value]
            return
        match = re.fullmatch(r"(\d{1,2})\s*/\s*(1|2|4|8|16|32)", value)
        if not match or not int(match[1]):
            raise ValueError(f"`M:` is {value!r}; it must be a metre such as 6/8, C or C|")
        self.beats, self.unit = int(match[1]), int(match[2])

    def tempo(self, value: str) -> None:
        """Words are passed over; a number alone counts unit notes, ``1/4=120`` quarter notes."""
        match = re.search(r"(?:(\d{1,2}/\d{1,2})\s*=\s*)?(\d{1,3})", value)
        if match and int(match[2]) and self.tune.tempo is None:
            unit = fraction_of(match[1], "Q") if match[1] else self.default_length or Fraction(1, 8)
            self.tune.tempo = float(4 * unit * int(match[2]))

    # ------------------------------------------------------------------------------------------------- music

    def music(self, line: str) -> None:
        at = 0
        handlers: dict[str, Callable[[str], None]] = {
            "field": lambda token: self.field(token[1], token[3:-1].strip()),
            "ending": lambda token: self.ending(token[1:]),
            "bar": self.bar,
            "chord": self.chord,
            "note": lambda token: self.sound([self.note(token)]),
            "rest": lambda token: self.sound([], length_of(token[1:])),
            "silence": self.silence,
            "tuplet": self.tuplet,
            "broken": self.broken,
            "tie": lambda token: self.place.tie(),
        }
        while at < len(line):
            match = _TOKEN.match(line, at)
            if not match:
                raise ValueError(f"{line[at : at + 20]!r} is no ABC")
            if match.lastgroup in handlers:
                handlers[match.lastgroup](match[0])
            at = match.end()

    def ending(self, numbers: str) -> None:
        self.place.close("", self.part)
        self.place.ending = _numbers(numbers.strip())

    def bar(self, token: str) -> None:
        line = token.rstrip("0123456789,-")
        self.place.close(line, self.part)
        if len(line) < len(token):
            self.place.ending = _numbers(token[len(line) :])

    def note(self, text: str) -> tuple[int, tuple[str, int], Fraction]:
        """The pitch of a note, which letter and octave it has, and its length in unit notes."""
        match = _NOTE.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no note")
        accidental, letter, octaves, length = match.groups()
        octave = int(letter.islower()) + octaves.count("'") - octaves.count(",")
        letter = letter.upper()
        place, which = self.place, (letter, octave)
        if accidental:
            place.accidentals[letter] = _ACCIDENTALS[accidental]
        elif which in place.tied and letter not in place.accidentals:
            return place.tied[which], which, length_of(length)
        sign = place.accidentals.get(letter, self.key.accidental(letter))
        pitch = 60 + 12 * octave + SEMITONES[letter] + sign
        if not 0 <= pitch <= 127:
            raise ValueError(f"{text!r} lies outside the 128 pitches of MIDI")
        return pitch, which, length_of(length)

    def chord(self, token: str) -> None:
        closing = "]" if token[0] == "[" else "+"
        inside, _, length = token[1:].rpartition(closing)
        inside = re.sub(r"[\s.~HLMOPSTuvz-]|![^!]*!|\"[^\"]*\"", "", inside)
        notes = [self.note(note) for note in re.findall(rf"[\^_=]*[A-Ga-g][,']*{_LENGTH}|.", inside)]
        if not notes:
            raise ValueError(f"{token!r} is a chord without notes")
        self.sound(notes, notes[0][2] * length_of(length))

    def sound(
        self, notes: list[tuple[int, tuple[str, int], Fraction]], length: Fraction | None = None
    ) -> None:
        length = (notes[0][2] if length is None else length) * self.default_length
        self.place.add(notes, length, self.key, self.beats, self.unit)

    def silence(self, token: str) -> None:
        bars = int(token[1:] or 1)
        if not self.beats or not 0 < bars <= 64:
            raise ValueError(f"{token!r} must be 1 to 64 bars of a metre")
        for _ in range(bars):
            self.place.close("", self.part)
            self.place.add([], Fraction(self.beats, self.unit), self.key, self.beats, self.unit)

    def tuplet(self, token: str) -> None:
        """``(p:q:r``: p notes in the time of q, for the next r notes."""
        numbers = [int(n) if n else None for n in token[1:].split(":")] + [None, None]
        p, q, r = numbers[0], numbers[1], numbers[2]
        if p < 2:
            raise ValueError(f"{token!r} is no tuplet; it begins with 2 to 9")
        three = 3 if self.unit == 8 and self.beats % 3 == 0 else 2
        q = q or {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, three)
        self.place.tuplet = Fraction(q, p), r or p

    def broken(self, token: str) -> None:
        if not self.place.last:
            raise ValueError(f"{token!r} stands between no two notes")
        share = Fraction(1, 2 ** len(token))
        before, after = (2 - share, share) if token[0] == ">" else (share, 2 - share)
        self.place.stretch(before)
        self.place.next_factor = after


def _numbers(text: str) -> frozenset[int]:
    """The endings that ``1``, ``1,3`` or ``1-3`` names."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return frozenset(found)


class _Place:
    """Where the reader is in a voice: its bars so far, and what has been read of the next one."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.bar: Bar | None = None
        self.begins_repeat = False
        self.ending: frozenset[int] = frozenset()
        self.accidentals: dict[str, int] = {}  # letter -> semitones, to the end of the bar
        self.tied: dict[tuple[str, int], int] = {}  # (letter, octave) -> pitch, until the next note
        self.last: tuple[Fraction, list[Sound]] | None = None  # the length of what was read last, and its notes
        self.names: list[tuple[tuple[str, int], int]] = []  # of those: (letter, octave), pitch
        self.tuplet: tuple[Fraction, int] | None = None  # factor, for how many notes still
        self.next_factor = Fraction(1)

    def add(
        self, notes: list[tuple[int, tuple[str, int], Fraction]], length: Fraction, key: Key, beats: int, unit: int
    ) -> None:
        """Add a note, the notes of a chord, or a rest."""
        length *= self.next_factor
        self.next_factor = Fraction(1)
        if self.tuplet:
            factor, count = self.tuplet
            length *= factor
            self.tuplet = (factor, count - 1) if count > 1 else None
        if self.bar is None:
            self.bar = Bar(beats, unit, endings=self.ending, begins_repeat=self.begins_repeat)
            self.begins_repeat = False
        sounds = [Sound(self.bar.length, length, pitch, key) for pitch in dict.fromkeys(pitch for pitch, _, _ in notes)]
        self.bar.sounds += sounds
        self.bar.length += length
        self.last, self.tied = (length, sounds), {}
        self.names = [(which, pitch) for pitch, which, _ in notes]

    def tie(self) -> None:
        """Let the last notes go on in the next ones."""
        if self.last:
            for sound in self.last[1]:
                sound.tied = True
            self.tied = dict(self.names)

    def stretch(self, factor: Fraction) -> None:
        """Multiply the length of what was read last."""
        length, sounds = self.last
        for sound in sounds:
            sound.length *= factor
        self.bar.length += length * (factor - 1)

    def close(self, line: str, part: int) -> None:
        """End the bar with a bar line; an empty one only adds its signs to the bar before."""
        if self.tuplet or self.next_factor != 1:
            raise ValueError("a tuplet or a broken rhythm lacks a note")
        if self.bar is not None:
            self.bar.part = part
            self.bars.append(self.bar)
            self.bar = None
        if self.bars and self.bars[-1].part == part:
            self.bars[-1].ends_repeat |= line.startswith(":")
            self.bars[-1].double |= line in ("||", "|]", "[|", "||:", "[|:")
        self.begins_repeat |= line.endswith(":")
        if line.startswith(":") or "||" in line or "]" in line or "[" in line:
            self.ending = frozenset()
        self.accidentals.clear()
        self.last = None
