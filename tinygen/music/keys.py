"""Keys: how many sharps or flats stand in the signature, and which pitches that makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # from C, upwards
# how many sharps more than the major scale on the same tonic
MODES = {"": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3, "mix": -1, "dor": -2, "phr": -4, "loc": -5, "lyd": 1}
NAMES = "major, ionian, m, minor, aeolian, mixolydian, dorian, phrygian, locrian, lydian"


@dataclass(frozen=True)
class Key:
    """A key signature and its tonic.

    Attributes:
        sharps: in the signature, from -7 to 7; flats count below 0.
        tonic: pitch class, 0 for C to 11 for B.
    """

    sharps: int = 0
    tonic: int = 0

    def accidental(self, letter: str) -> int:
        """Return what the signature does to a letter from ``"A"`` to ``"G"``: 1 raised, -1 lowered, 0 neither."""
        # sharps come in the order F C G D A E B, flats the other way round
        return (self.sharps + 5 - FIFTHS[letter]) // 7

    def holds(self, pitch: int) -> bool:
        """Return whether a pitch belongs to the scale of the signature."""
        # the scale is seven neighbours in the circle of fifths, of which F in C major is the lowest
        return (7 * pitch + 1 - self.sharps) % 12 < 7


def key_of(text: str) -> Key:
    """Return the key that ABC's field ``K:`` names: ``"D"``, ``"F#m"``, ``"A dorian"``, ``"none"``.

    Args:
        text: the field's value; what follows ``clef=`` is passed over.

    Raises:
        ValueError: for what is no key.

    Source: the ABC music standard 2.1, section 4.6; only the first three letters of a mode count.
    """
    name = re.sub(r"\s*(clef=.*|treble|bass|alto|tenor)$", "", text.strip())
    if name in ("", "none"):
        return Key()
    match = re.fullmatch(r"([A-G])([#b]?)\s*([A-Za-z]*)", name)
    mode = match[3].lower()[:3] if match else "?"
    if mode not in MODES:
        raise ValueError(f"`K:` is {text!r}; it must be a letter from A to G, # or b if need be, and one of {NAMES}")
    sign = {"#": 1, "b": -1, "": 0}[match[2]]
    sharps = FIFTHS[match[1]] + 7 * sign + MODES[mode]
    if not -7 <= sharps <= 7:
        raise ValueError(f"`K:` is {text!r}, which would need {abs(sharps)} accidentals; at most 7 are possible")
    return Key(sharps, (SEMITONES[match[1]] + sign) % 12)
