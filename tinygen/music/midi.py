"""A standard MIDI file, written byte by byte.

Source: MIDI Manufacturers Association, *Standard MIDI Files 1.0* (1988): a header chunk, then one chunk for each track;
an event is a time since the last one, as a number of seven bits in each byte, and what happens.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from fractions import Fraction

from tinygen.music.score import Score, Voice

TICKS = 480  # in a quarter note: halves down to 1/128 of a whole note, thirds and fifths of those are whole numbers
LOUDNESS = 80
PERCUSSION = 9  # a channel that has drums and no pitches


def midi_file(score: Score) -> bytes:
    """Return a piece as the bytes of a MIDI file of format 1: a track of tempo and metre, then one for each voice.

    Args:
        score: the piece.
    """
    tracks = [_conductor(score), *(_track(voice, i, score.program) for i, voice in enumerate(score.voices))]
    header = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), TICKS)
    return header + b"".join(struct.pack(">4sI", b"MTrk", len(track)) + track for track in tracks)


def variable_length(number: int) -> bytes:
    """Return a number in groups of seven bits, the highest first; every byte but the last has its eighth bit set."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))


def ticks(time: Fraction) -> int:
    """Return a time, in whole notes, in ticks."""
    return round(time * 4 * TICKS)


def _conductor(score: Score) -> bytes:
    events = [(0, _meta(0x03, score.title.encode())), (0, _meta(0x59, struct.pack("bB", score.key, 0)))]
    for when, beats, unit in score.metres:
        # the unit as a power of two; 24 clocks of MIDI to a quarter note, of which the metronome ticks so many
        click = 36 if unit == 8 and beats % 3 == 0 else 96 // unit
        events.append((ticks(when), _meta(0x58, bytes((beats, unit.bit_length() - 1, max(click, 1), 8)))))
    for when, tempo in score.tempos:
        events.append((ticks(when), _meta(0x51, round(60e6 / tempo).to_bytes(3, "big"))))  # microseconds to a quarter
    return _events(events, ticks(score.end))


def _track(voice: Voice, number: int, program: int) -> bytes:
    channel = number % 15
    channel += channel >= PERCUSSION
    events = [(0, _meta(0x03, voice.name.encode())), (0, bytes((0xC0 | channel, program)))]
    for note in voice.notes:
        begin = ticks(note.start)
        end = max(ticks(note.start + note.length), begin + 1)
        events.append((begin, bytes((0x90 | channel, note.pitch, LOUDNESS))))
        events.append((end, bytes((0x80 | channel, note.pitch, 0))))
    return _events(events)


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + variable_length(len(data)) + data


def _events(events: Iterable[tuple[int, bytes]], end: int = 0) -> bytes:
    """Events in time, each behind the time since the last; at one time, notes end before others begin."""
    track, now = bytearray(), 0
    for when, event in sorted(events, key=lambda e: (e[0], e[1][0] & 0xF0 != 0x80, e[1][0] & 0xF0 == 0x90)):
        track += variable_length(when - now) + event
        now = when
    return bytes(track + variable_length(max(end - now, 0)) + _meta(0x2F, b""))
