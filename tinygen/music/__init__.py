"""Music: from the text that a model reads and writes to notes, MIDI files and pictures of them.

``score.py`` says what a piece is; ``chorale.py`` and ``abc.py`` read one from text; ``midi.py`` writes it as a MIDI
file, ``roll.py`` draws it.
"""

from __future__ import annotations

from typing import Any

from tinygen.music import abc, chorale, midi, roll
from tinygen.music.score import Note, Score, Voice, in_sequence
from tinygen.music.statistics import form_statistics

READERS = {"chorale": chorale.scores, "abc": abc.scores}


def score_of(text: str, form: str, strict: bool = False) -> Score:
    """Return what a text notates, its pieces one after another.

    Networks make mistakes, and their texts are cut off somewhere. What cannot be read is left out, unless ``strict``:
    of a tune, all from there to its end; of a chorale, the line.

    Args:
        text: chorales as :func:`tinygen.data.chorales_text` writes them, or tunes in ABC notation.
        form: ``"chorale"`` or ``"abc"``.
        strict: refuse a text that cannot be read whole.

    Raises:
        ValueError: for another form, a text of which nothing can be read, and, if ``strict``, for what cannot be read;
            the line is named.
    """
    if form not in READERS:
        raise ValueError(f"`form` is {form!r}; valid are {', '.join(READERS)}")
    return in_sequence(READERS[form](text, strict))


def midi_of(text: str, form: str, strict: bool = False) -> bytes:
    """Return the text's music as a MIDI file.

    Args:
        text: as :func:`score_of`.
        form: ``"chorale"`` or ``"abc"``.
        strict: as :func:`score_of`.

    Returns:
        The bytes of a standard MIDI file, format 1.

    Raises:
        ValueError: as :func:`score_of`.
    """
    return midi.midi_file(score_of(text, form, strict))


def piano_roll(text: str, form: str, strict: bool = False) -> Any:
    """Return a picture of the text's music: time to the right, pitch upwards, a colour for each voice.

    Args:
        text: as :func:`score_of`.
        form: ``"chorale"`` or ``"abc"``.
        strict: as :func:`score_of`.

    Returns:
        A Pillow image.

    Raises:
        ValueError: as :func:`score_of`; or if there is no note, or far too many for a picture.
    """
    return roll.draw(score_of(text, form, strict))
