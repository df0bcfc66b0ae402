"""Notes from text, MIDI files, piano rolls."""

import re
import struct
from fractions import Fraction as Fr

import numpy as np
import pytest

from tinygen.data import abc_text, cache_dir, chorales_text, music
from tinygen.data.download import cached
from tinygen.music import abc, chorale, midi_of, piano_roll, roll, score_of
from tinygen.music.keys import Key, key_of
from tinygen.music.midi import variable_length
from tinygen.music.playing import Bar, order


def tune(body, head="M:4/4\nL:1/4\nK:C"):
    return f"X:1\nT:A tune\n{head}\n{body}\n"


def melody(body, head="M:4/4\nL:1/4\nK:C"):
    """[(pitch, length in quarter notes), ...] of the first voice."""
    (score,) = abc.scores(tune(body, head))
    return [(note.pitch, note.length * 4) for note in score.voices[0].notes]


def pitches(body, head="M:4/4\nL:1/4\nK:C"):
    return [pitch for pitch, _ in melody(body, head)]


# ------------------------------------------------------------------------------------------------------------ ABC


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C D E F|G A B c|d c' C, C,,|", [60, 62, 64, 65, 67, 69, 71, 72, 74, 84, 48, 36]),
        ("^F _B =F ^^C|__D _B,|", [66, 70, 65, 62, 60, 58]),
        ("^F F f F,|F|", [66, 66, 78, 54, 65]),  # to the end of the bar, in all octaves
        ("^F=F F|", [66, 65, 65]),
        ('"Am"A"D7"d !trill!e ~f|.g {ab}a|', [69, 74, 76, 77, 79, 81]),
        ("(C D) (E2|", [60, 62, 64]),
        ("C D % E F|", [60, 62]),
    ],
)
def test_pitches(body, expected):
    assert pitches(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C2 C/2 C/ C// C3/2 C3/4|", [2, Fr(1, 2), Fr(1, 2), Fr(1, 4), Fr(3, 2), Fr(3, 4)]),
        ("C>D E<F G>>A|", [Fr(3, 2), Fr(1, 2), Fr(1, 2), Fr(3, 2), Fr(7, 4), Fr(1, 4)]),
        ("(3CDE F|", [Fr(2, 3)] * 3 + [1]),
        ('(3"C"C/2D/2E/2 F|', [Fr(1, 3)] * 3 + [1]),
        ("(2CD (4CDEF|", [Fr(3, 2)] * 2 + [Fr(3, 4)] * 4),
        ("(3:2:2C2D E|", [Fr(4, 3), Fr(2, 3), 1]),
        ("C-C D-|D E-F|", [2, 2, 1, 1]),
    ],
)
def test_lengths(body, expected):
    assert [length for _, length in melody(body)] == expected


def test_five_in_the_time_of_two_or_three():
    assert melody("(5CDEFG|")[0][1] == Fr(2, 5)
    assert melody("(5CDEFG|", "M:6/8\nL:1/8\nK:C")[0][1] == Fr(3, 10)


def test_a_tie_carries_an_accidental_over_the_bar_line():
    assert melody("^F3-F-|F F2 F|") == [(66, 5), (65, 2), (65, 1)]
    assert melody("[CE]-[CE]|") == [(60, 2), (64, 2)]


def test_rests_take_time():
    (score,) = abc.scores(tune("C z D x/2 E|Z2|F|"))
    assert [note.start * 4 for note in score.voices[0].notes] == [0, 2, Fr(7, 2), Fr(25, 2)]


def test_chords_new_and_old():
    for body in ("[CEG]2 c|", "+CEG+2 c|"):
        (score,) = abc.scores(tune(body))
        assert [(n.pitch, n.start * 4, n.length * 4) for n in score.voices[0].notes] == [
            (60, 0, 2), (64, 0, 2), (67, 0, 2), (72, 2, 1)]


def test_lengths_follow_from_the_metre_of_the_head():
    for metre, unit in (("6/8", 8), ("3/4", 8), ("C", 8), ("C|", 8), ("2/4", 16), ("none", 8)):
        (score,) = abc.scores(tune("C|", f"M:{metre}\nK:C"))
        assert score.voices[0].notes[0].length == Fr(1, unit), metre
    assert [length for _, length in melody("C|\nM:2/4\nC|[L:1/2]C|", "M:4/4\nK:C")] == [Fr(1, 2), Fr(1, 2), 2]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("|:C D:|E|", "CDCDE"),
        ("C D:|E|", "CDCDE"),
        ("C::D:|E|", "CCDDE"),
        ("|:C|1D:|2E|F|", "CDCEF"),
        ("|:C|[1D:|[2E||F|", "CDCEF"),
        ("|:C|[1,3D:|[2,4E:|F|", "CDCECDCEF"),
        ("C|D||E:|", "CDEE"),  # behind a double line
        ("|:C||D:|", "CDCD"),  # unless |: stands before it
        ("A|:B:|c|:d:|", "ABBcdd"),
        ("A:|\nP:B\nB|[1c:|[2d|]", "AABcBd"),
        ("|:A|[1B:|[2c:|d:|", "ABAcdd"),
    ],
)
def test_repeats(body, expected):
    names = {60: "C", 62: "D", 64: "E", 65: "F", 69: "A", 71: "B", 72: "c", 74: "d"}
    assert "".join(names[p] for p in pitches(body)) == expected


def test_a_repeat_without_end_or_begin_is_no_trap():
    assert order([Bar(4, 4, begins_repeat=True)] * 3) == [0, 1, 2]
    assert order([Bar(4, 4, endings=frozenset({2}))]) == []


def test_keys():
    assert pitches("F C G D A E B|", "M:4/4\nL:1/4\nK:D") == [66, 61, 67, 62, 69, 64, 71]
    assert pitches("B E A F|", "M:4/4\nL:1/4\nK:Eb") == [70, 63, 68, 65]
    assert pitches("F|\nK:G\nF|[K:C]F|") == [65, 66, 65]
    known = {"C": (0, 0), "Am": (0, 9), "D": (2, 2), "Bm": (2, 11), "F#m": (3, 6), "Bb": (-2, 10), "Gm": (-2, 7),
             "A dorian": (1, 9), "Dmix": (1, 2), "E Phrygian": (0, 4), "Flyd": (0, 5), "C#": (7, 1), "none": (0, 0)}
    for name, (sharps, tonic) in known.items():
        assert key_of(name) == Key(sharps, tonic), name
    major = {0, 2, 4, 5, 7, 9, 11}
    for sharps in range(-7, 8):
        scale = {(p + 7 * sharps) % 12 for p in major}
        assert {p for p in range(12) if Key(sharps).holds(p)} == scale
        letters = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
        assert {(p + Key(sharps).accidental(c)) % 12 for c, p in letters.items()} == scale
    for wrong in ("H", "G#", "Cfoo", "d"):
        with pytest.raises(ValueError, match="`K:` is"):
            key_of(wrong)


def test_tempo_and_metres():
    def tempo(head):
        return abc.scores(tune("C|", head))[0].tempos

    assert tempo("M:4/4\nL:1/4\nK:C") == [(0, 120.0)]
    assert tempo("M:6/8\nK:C") == [(0, 180.0)]  # dotted quarters at 120
    assert tempo("M:6/8\nQ:1/4=90\nK:C") == [(0, 90.0)]
    assert tempo("L:1/8\nQ:90\nK:C") == [(0, 45.0)]
    assert tempo("Q:fast\nK:C") == [(0, 120.0)]
    (score,) = abc.scores(tune("C4|\nM:6/8\nC3|", "M:4/4\nL:1/4\nK:C"))
    assert score.metres == [(0, 4, 4), (1, 6, 8)]
    assert score.bars == [0, 1]


def test_voices_begin_each_part_together():
    (score,) = abc.scores(tune("P:A\nC4|D4|\nP:B\nV:1\nE4|\nV:2\nG,4|\nV:1\nF4|\nV:2\nA,4|"))
    first, second = score.voices
    assert [(n.pitch, n.start) for n in first.notes] == [(60, 0), (62, 1), (64, 2), (65, 3)]
    assert [(n.pitch, n.start) for n in second.notes] == [(55, 2), (57, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (tune("C D ; E|"), "tune 1: line 6: '; E|' is no ABC"),
        (tune("C [E G|"), "line 6: '[E G|' is no ABC"),
        (tune('C "Am D|'), "line 6: '\"Am D|' is no ABC"),
        (tune("(3CD|E|"), "line 6: a tuplet or a broken rhythm lacks a note"),
        (tune("C>|E|"), "lacks a note"),
        (tune(">C|"), "stands between no two notes"),
        (tune("C0|"), "length 0"),
        (tune("C/0|"), "divided by 0"),
        (tune("[^]|"), "'^' is no note"),
        (tune("[zz]|"), "chord without notes"),
        (tune("c''''''|"), "128 pitches"),
        (tune("(1C|"), "no tuplet"),
        (tune("z|"), "it has no notes"),
        (tune("C|", "K:H"), "line 3: `K:` is 'H'"),
        (tune("C|", "M:4/5\nK:C"), "line 3: `M:` is '4/5'; it must be a metre"),
        (tune("C|", "L:8\nK:C"), "line 3: `L:` is '8'; it must be a fraction"),
        ("X:1\nT:x\n", "it has no `K:`"),
        ("X:1\nC D|\n", "line 2: 'C D|' stands before `K:`"),
        (tune("C|") + "\nX:2\nC|\n", "tune 2: line 2"),
    ],
)
def test_what_is_no_abc_is_told(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        abc.scores(text)
    assert "\n" not in str(caught.value)


def test_what_a_text_was_cut_off_in_is_left_out():
    whole = tune("C D|E F|")
    (score,) = abc.scores(whole + '\nG "A'[:-1])  # ends without a line break
    assert len(score.voices[0].notes) == 4
    assert len(abc.scores("rest of a tune|\n" + whole + "\n" + whole)) == 2


def test_mistakes_are_left_out_unless_one_is_strict():
    text = tune("C D|E ?|F|") + "\n" + "X:2\nno\n" + "\n" + tune("G|")
    score = score_of(text, "abc")
    assert [note.pitch for note in score.voices[0].notes] == [60, 62, 67]
    with pytest.raises(ValueError, match=re.escape("tune 1: line 6: '?|F|' is no ABC")):
        score_of(text, "abc", strict=True)
    with pytest.raises(ValueError, match="tune 1: line 2: 'no' stands before `K:`"):
        score_of("X:2\nno\n", "abc")  # nothing is left
    text = "67 60 55 36\nx\n67 60 55 36\n"
    assert score_of(text, "chorale").end * 16 == 2
    with pytest.raises(ValueError, match="in line 2"):
        midi_of(text, "chorale", strict=True)


# -------------------------------------------------------------------------------------------------------- chorales


def test_a_chorale():
    first, second = chorale.scores("67 60 55 36\n67 60 57 -\n69 60 57 -\n\n72 64 55 48\n")
    names = [voice.name for voice in first.voices]
    assert names == ["soprano", "alto", "tenor", "bass"]
    notes = [[(n.pitch, n.start * 16, n.length * 16) for n in voice.notes] for voice in first.voices]
    assert notes == [[(67, 0, 2), (69, 2, 1)], [(60, 0, 3)], [(55, 0, 1), (57, 1, 2)], [(36, 0, 1)]]
    assert first.end * 16 == 3
    assert second.end * 16 == 1


@pytest.mark.parametrize("line", ["67 60 55", "6 60 55 36 3", "67 60 55 x", "67 60 55 128", "67 60 55 -1", "٣ 60 55 4"])
def test_a_line_that_is_no_chord_is_told(line):
    with pytest.raises(ValueError, match=r"in line 2; a line of a chorale has four numbers"):
        chorale.read(f"67 60 55 36\n{line}\n")


def test_a_last_line_that_was_cut_off_is_left_out():
    assert len(chorale.read("67 60 55 36\n67 60 5")[0]) == 1
    assert len(chorale.read("67 60 55 36\n67 60 55 48")[0]) == 2


# ------------------------------------------------------------------------------------------------------------ MIDI


def read_midi(data):
    """(division, [track: (tempos, metres, name, [(on, off, channel, pitch)])]), and every byte accounted for."""
    kind, length, form, tracks, division = struct.unpack(">4sIHHH", data[:14])
    assert (kind, length, form) == (b"MThd", 6, 1)
    at, found = 14, []
    for _ in range(tracks):
        kind, length = struct.unpack(">4sI", data[at : at + 8])
        assert kind == b"MTrk"
        at += 8
        end, now, sounding = at + length, 0, {}
        track = {"tempos": [], "metres": [], "name": "", "notes": [], "program": None}
        over = False
        while at < end:
            delta = 0
            while True:
                byte, at = data[at], at + 1
                delta = delta << 7 | byte & 0x7F
                if byte < 0x80:
                    break
            now += delta
            status = data[at]
            if status == 0xFF:
                kind, size = data[at + 1], data[at + 2]
                assert size < 0x80
                content = data[at + 3 : at + 3 + size]
                at += 3 + size
                if kind == 0x51:
                    track["tempos"].append((now, int.from_bytes(content, "big")))
                elif kind == 0x58:
                    track["metres"].append((now, content[0], 2 ** content[1]))
                elif kind == 0x03:
                    track["name"] = content.decode()
                over = kind == 0x2F
                assert over == (at == end)
            elif status >> 4 == 0xC:
                track["program"] = data[at + 1]
                at += 2
            else:
                pitch, channel = data[at + 1], status & 15
                if status >> 4 == 9:
                    assert pitch not in sounding
                    sounding[pitch] = now
                else:
                    assert status >> 4 == 8
                    track["notes"].append((sounding.pop(pitch), now, channel, pitch))
                at += 3
        assert not sounding
        track["end"] = now
        found.append(track)
    assert at == len(data)
    return division, found


def test_numbers_of_seven_bits():
    for number, expected in {0: "00", 0x7F: "7f", 0x80: "8100", 0x3FFF: "ff7f", 0x4000: "818000"}.items():
        assert variable_length(number).hex() == expected  # the examples of the standard


def test_a_midi_file_of_a_chorale():
    division, (conductor, *voices) = read_midi(midi_of("67 60 55 36\n67 60 57 -\n\n72 64 55 48\n", "chorale"))
    step, tempo = division // 4, round(60e6 / chorale.TEMPO)
    assert conductor["tempos"] == [(0, tempo), (2 * step + 16 * step, tempo)]
    assert conductor["metres"][0] == (0, 4, 4)
    assert [voice["name"] for voice in voices] == ["soprano", "alto", "tenor", "bass"]
    again = 18 * step  # the second begins a whole note after the end of the first
    assert voices[0]["notes"] == [(0, 2 * step, 0, 67), (again, again + step, 0, 72)]
    assert voices[2]["notes"] == [(0, step, 2, 55), (step, 2 * step, 2, 57), (again, again + step, 2, 55)]
    assert voices[3]["notes"] == [(0, step, 3, 36), (again, again + step, 3, 48)]
    assert conductor["end"] == again + step


def test_a_midi_file_of_a_tune():
    text = tune("C C-|C (3DEF|:G/2:|", "M:3/4\nL:1/4\nQ:1/4=90\nK:G")
    division, (conductor, melody) = read_midi(midi_of(text, "abc"))
    times = [(on / division, off / division, pitch) for on, off, _, pitch in melody["notes"]]
    third = 2 / 3
    expected = [(0, 1, 60), (1, 3, 60), (3, 3 + third, 62), (3 + third, 3 + 2 * third, 64), (3 + 2 * third, 5, 66),
                (5, 5.5, 67), (5.5, 6, 67)]
    assert np.array(times) == pytest.approx(np.array(expected))
    assert conductor["tempos"] == [(0, 666_667)]
    assert conductor["metres"] == [(0, 3, 4)]
    assert conductor["name"] == "A tune"


def test_every_note_of_a_score_is_in_its_file():
    rng = np.random.default_rng(0)
    lines = [" ".join(str(p) for p in rng.integers(40, 80, 4)) for _ in range(200)]
    text = "\n".join(lines) + "\n"
    score = score_of(text, "chorale")
    _, (_, *tracks) = read_midi(midi_of(text, "chorale"))
    for voice, track in zip(score.voices, tracks, strict=True):
        assert [(n.start * 1920, (n.start + n.length) * 1920, n.pitch) for n in voice.notes] == [
            (on, off, pitch) for on, off, _, pitch in track["notes"]]


@pytest.mark.parametrize("function", [midi_of, piano_roll, score_of])
def test_bad_forms_and_empty_texts(function):
    with pytest.raises(ValueError, match="`form` is 'midi'; valid are chorale, abc"):
        function("x", "midi")
    for form in ("chorale", "abc"):
        with pytest.raises(ValueError, match="`text` holds no music"):
            function("\n", form)


def test_whatever_a_network_writes():
    """Random letters in random places: a ValueError or music, nothing else, and soon."""
    rng = np.random.default_rng(0)
    body = '|:"Am"A>B ^c2|(3def [ceg]2-|[1 [ceg]4:|[2 z2 C,2|]\n[K:D]M: 4/4\nP:B\nd\'/2e//|Z2|\nQ:1/4=90\n+ceg+2|'
    signs = list('ABCdefgz0123456789/|:[](){}<>"!+-=^_,\'\\\n %XMLKQPV~')
    read, refused = 0, []
    for _ in range(300):
        text = list(tune(body))
        for place in rng.integers(0, len(text), rng.integers(1, 8)):
            text[place] = "".join(rng.choice(signs, rng.integers(0, 3)))
        whole = "".join(text)
        try:
            data = midi_of(whole, "abc")
            roll.draw(score_of(whole, "abc"))
        except ValueError as error:
            refused.append(str(error))
            continue
        read += 1
        read_midi(data)
    assert read > 100
    assert len(refused) > 100
    assert not any("\n" in line for line in refused)


def test_digits_without_end_are_no_length():
    for body in ("C" + "9" * 5000 + "|", "C/" + "9" * 50 + "|", "Z" + "9" * 50 + "|C|", "C|[1-9999999999C:|"):
        with pytest.raises(ValueError, match=r"is no ABC|64 bars"):
            abc.scores(tune(body))
    _, (_, track) = read_midi(midi_of(tune("C/999/999D|"), "abc"))
    assert [pitch for *_, pitch in track["notes"]] == [60, 62]
    assert all(off > on for on, off, *_ in track["notes"])


# ------------------------------------------------------------------------------------------------------------ roll


def test_a_piano_roll_shows_each_note_where_it_is():
    picture = piano_roll("67 60 55 48\n" * 8 + "69 60 55 48\n" * 8, "chorale")
    pixels = np.asarray(picture)
    low, high = 47, 70
    for k, (pitch, begin, end) in enumerate([(67, 0, 8), (60, 0, 16), (55, 0, 16), (48, 0, 16), (69, 8, 16)]):
        y = roll.TOP + (high - pitch) * roll.ROW + roll.ROW // 2
        for step in range(begin, end):
            x = roll.LEFT + round((step + 0.5) * roll.QUARTER / 4)
            assert tuple(pixels[y, x]) == roll.COLOURS[k % 4], (pitch, step)
    y = roll.TOP + (high - 67) * roll.ROW + roll.ROW // 2
    assert tuple(pixels[y, roll.LEFT + round(8.5 * roll.QUARTER / 4)]) != roll.COLOURS[0]
    assert low < 48


def test_long_pieces_take_several_lines_broken_at_bars():
    short, long = (piano_roll("67 60 55 48\n" * n, "chorale") for n in (16, 16 * 12))
    assert short.width == long.width == 1100
    assert long.height > short.height
    begins = [begin for begin, _ in roll._systems(score_of("67 60 55 48\n" * 16 * 12, "chorale"), Fr(5, 2))]
    assert begins == [0, 2, 4, 6, 8, 10]
    begins = [begin for begin, _ in roll._systems(score_of("67 60 55 48\n" * 16 * 2, "chorale"), Fr(3, 4))]
    assert begins == [0, Fr(3, 4), 1, Fr(7, 4)]


def test_a_piano_roll_that_would_be_too_tall_is_refused():
    with pytest.raises(ValueError, match="pixels tall"):
        piano_roll("67 60 55 48\n" * 16 * 2000, "chorale")
    with pytest.raises(ValueError, match="no notes"):
        piano_roll("- - - -\n", "chorale")


# ------------------------------------------------------------------------------------------------------- real data


def test_the_corpus_can_be_read():
    if not all(cached(music.CHORALES) + cached(music.TUNES)):
        pytest.skip(f"{cache_dir()} does not hold the music data sets")
    failed = []
    for text in abc.tunes(abc_text()):
        try:
            abc.scores(text)
        except ValueError as error:
            failed.append(str(error))
    assert failed == [r"tune 1: line 19: '[a/2c/2+c/2c/2|\\' is no ABC"]  # a bracket is missing in the source
    scores = chorale.scores(chorales_text())
    assert len(scores) == 382
    text = abc.tunes(abc_text())[1]  # Abacus: 8 bars twice, 8 bars twice with two endings, 16 bars twice
    (score,) = abc.scores(text)
    assert score.end == 64 * Fr(3, 4)
    read_midi(midi_of(text, "abc"))
