"""Is it well-formed? What can be counted of tunes and chorales without hearing them.

Each figure means little alone: hold it against that of the corpus, counted by the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

from tinygen.music import abc, chorale
from tinygen.music.chorale import Chord
from tinygen.music.playing import Bar

# What singers of each voice are expected to reach, in MIDI numbers: Aldwell, Schachter, *Harmony and Voice Leading*, 5.
RANGES = ((60, 79), (55, 74), (48, 67), (40, 60))
FIFTH, OCTAVE = 7, 0


def form_statistics(text: str, form: str, corpus: str | None = None) -> dict[str, float | int | None]:
    """Return what can be counted of a text's music.

    Args:
        text: tunes in ABC notation, or chorales as :func:`tinygen.data.chorales_text` writes them.
        form: ``"abc"`` or ``"chorale"``.
        corpus: for chorales: what the sonorities are looked up in; None for none.

    Returns:
        name -> value; see :func:`of_tunes` and :func:`of_chorales`. A share of nothing is None.

    Raises:
        ValueError: for another form.
    """
    if form == "abc":
        return of_tunes(text)
    if form == "chorale":
        return of_chorales(text, corpus)
    raise ValueError(f"`form` is {form!r}; valid are abc, chorale")


def share(part: float, whole: float) -> float | None:
    """Return part / whole, None of nothing."""
    return part / whole if whole else None


# ---------------------------------------------------------------------------------------------------------- tunes


def of_tunes(text: str) -> dict[str, float | int | None]:
    """Return what can be counted of tunes in ABC notation.

    A bar is right if its notes and rests add up to the metre. One that is shorter and is the first or the last of its
    part (next to a repeat sign, a double line, an ending, or at the tune's begin or end) is left out: it is a pick-up,
    or what a pick-up completes. Where a tune cannot be read any further, the bar counts as wrong, and the rest of
    the tune not at all. Bars without a metre are not counted.

    Returns:
        ``tunes``; ``tunes_read``: the share that can be read whole; ``bars``: that are counted; ``bars_right``: the
        share that is right; ``bars_left_out``: pick-ups and their like, as a share of all bars; ``notes``;
        ``notes_in_key``: the share in the scale of the signature; ``ends_on_tonic``: the share of tunes whose last
        note is the tonic.
    """
    tunes = abc.tunes(text)
    read = right = wrong = left_out = notes = in_key = on_tonic = ended = 0
    for tune in tunes:
        found, error = abc.read_so_far(tune)
        read += error is None
        wrong += error is not None
        for bars in found.voices.values():
            verdicts = [_verdict(bars, i) for i in range(len(bars))]
            right += verdicts.count("right")
            wrong += verdicts.count("wrong")
            left_out += verdicts.count("left out")
            sounds = [sound for bar in bars for sound in bar.sounds]
            notes += len(sounds)
            in_key += sum(sound.key.holds(sound.pitch) for sound in sounds)
        if error is None:
            last = [sound for bar in next(iter(found.voices.values())) for sound in bar.sounds][-1]
            ended += 1
            on_tonic += last.pitch % 12 == last.key.tonic
    return {
        "tunes": len(tunes), "tunes_read": share(read, len(tunes)), "bars": right + wrong,
        "bars_right": share(right, right + wrong), "bars_left_out": share(left_out, right + wrong + left_out),
        "notes": notes, "notes_in_key": share(in_key, notes), "ends_on_tonic": share(on_tonic, ended),
    }


def _verdict(bars: Sequence[Bar], i: int) -> str:
    bar = bars[i]
    if bar.metre is None:
        return "no metre"
    if bar.length == bar.metre:
        return "right"
    edge = _parted(bars, i) or _parted(bars, i + 1)
    return "left out" if bar.length < bar.metre and edge else "wrong"


def _parted(bars: Sequence[Bar], i: int) -> bool:
    """Whether a part begins with bar ``i``, or would if there were one."""
    if i in (0, len(bars)):
        return True
    before, after = bars[i - 1], bars[i]
    return (
        after.begins_repeat or before.ends_repeat or before.double or before.part != after.part
        or before.endings != after.endings
    )


# ------------------------------------------------------------------------------------------------------- chorales


def of_chorales(text: str, corpus: str | None = None) -> dict[str, float | int | None]:
    """Return what can be counted of chorales.

    Args:
        text: the chorales; lines that are none are counted and passed over.
        corpus: what to look the sonorities up in.

    Returns:
        ``chorales``; ``lines``; ``lines_read``: the share with four notes; ``in_range``: the share of notes within the
        voice's range, from soprano C4 to G5 down to bass E2 to C4; ``crossings``: the share of lines in which a voice
        is below its lower neighbour; ``moves``: lines at which two voices or more move; ``parallel_fifths`` and
        ``parallel_octaves``: how many pairs of voices move from a fifth (an octave, a unison) to another, in a hundred
        moves; ``known_sonorities``: the share of lines whose four notes stand together in the corpus too, None
        without one.
    """
    pieces, lines, whole = _lenient(text)
    chords = [chord for piece in pieces for chord in piece]
    sung = [(pitch, RANGES[k]) for chord in chords for k, pitch in enumerate(chord) if pitch is not None]
    crossed = sum(
        any(a is not None and b is not None and a < b for a, b in pairwise(chord)) for chord in chords
    )
    moves = [move for piece in pieces for move in pairwise(piece) if _moving(*move) >= 2]
    fifths, octaves = (sum(_parallels(*move, interval) for move in moves) for interval in (FIFTH, OCTAVE))
    known = None
    if corpus is not None:
        seen = {chord for piece in chorale.read(corpus) for chord in piece}
        known = share(sum(chord in seen for chord in chords), len(chords))
    return {
        "chorales": len(pieces), "lines": lines, "lines_read": share(whole, lines),
        "in_range": share(sum(low <= pitch <= high for pitch, (low, high) in sung), len(sung)),
        "crossings": share(crossed, len(chords)), "moves": len(moves),
        "parallel_fifths": share(100 * fifths, len(moves)), "parallel_octaves": share(100 * octaves, len(moves)),
        "known_sonorities": known,
    }


def _lenient(text: str) -> tuple[list[list[Chord]], int, int]:
    """The chorales of the lines that are whole, how many lines there are, how many are whole."""
    pieces: list[list[Chord]] = [[]]
    lines = whole = 0
    rows = text.split("\n")
    for i, line in enumerate(rows):
        if not line.strip():
            pieces.append([])
            continue
        chord = chorale.chord_of(line)
        if chord is None and i == len(rows) - 1:
            continue  # cut off
        lines += 1
        if chord is not None:
            whole += 1
            pieces[-1].append(chord)
    return [piece for piece in pieces if piece], lines, whole


def _moving(before: Chord, after: Chord) -> int:
    """How many voices go on another pitch."""
    return sum(a is not None and b is not None and a != b for a, b in zip(before, after, strict=True))


def _parallels(before: Chord, after: Chord, interval: int) -> int:
    """How many pairs of voices both move, from this interval, or it and octaves, to the same, in one direction."""
    return sum(_parallel([(before[i], after[i]), (before[j], after[j])], interval) for i, j in _PAIRS)


_PAIRS = tuple(combinations(range(len(chorale.VOICES)), 2))


def _parallel(steps: Iterable[tuple[int | None, int | None]], interval: int) -> bool:
    (high, high_after), (low, low_after) = steps
    if None in (high, high_after, low, low_after) or high == high_after or low == low_after:
        return False
    same_way = (high_after > high) == (low_after > low)
    return same_way and (high - low) % 12 == interval == (high_after - low_after) % 12
