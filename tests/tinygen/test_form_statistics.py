"""What is counted of tunes and chorales."""

import pytest

from tinygen.data import abc_text, cache_dir, chorales_text, music
from tinygen.data.download import cached
from tinygen.music import form_statistics


def abc(*bodies, head="M:4/4\nL:1/4\nK:G"):
    return "\n".join(f"X:{i}\n{head}\n{body}\n" for i, body in enumerate(bodies, 1))


@pytest.mark.parametrize(
    ("body", "right", "wrong", "left_out"),
    [
        ("GABc|GABc|", 2, 0, 0),
        ("G|GABc|GAB|", 1, 0, 2),  # a pick-up, and what it completes
        ("GABc|GAB|GABc|", 2, 1, 0),  # short in the middle
        ("GABcd|GABc|", 1, 1, 0),  # long at the edge
        ("GABc|GAB:|G|GABc|", 2, 0, 2),  # around a repeat sign
        ("GABc|GAB||G|GABc|", 2, 0, 2),
        ("GABc|GAB|:G|GABc|", 2, 0, 2),
        ("GABc|GAB\nP:B\nG|GABc|", 2, 0, 2),
        ("GABc|GABc|1GAB:|2GAB|]", 2, 0, 2),
        ("GABc|GABc|\\\nM:3/4\nGAB|G3|", 4, 0, 0),
        ("GABc||||GABc|", 2, 0, 0),  # nothing between bar lines is no bar
        ("GABc|GA?|GABc|", 1, 1, 0),  # where reading stops
    ],
)
def test_bars(body, right, wrong, left_out):
    found = form_statistics(abc(body), "abc")
    assert (found["bars"], found["bars_right"]) == (right + wrong, right / (right + wrong))
    assert found["bars_left_out"] == left_out / (right + wrong + left_out)


def test_keys_and_tonics_and_tunes():
    found = form_statistics(abc("GABc|d^cBG|", "GABc|d^dBA|", "G;"), "abc")
    assert found["tunes"] == 3
    assert found["tunes_read"] == 2 / 3
    assert found["notes"] == 16  # the bar of the third tune never ended
    assert found["notes_in_key"] == 14 / 16
    assert found["ends_on_tonic"] == 1 / 2
    assert form_statistics(abc("A2GA|", head="M:4/4\nL:1/4\nK:Am"), "abc")["ends_on_tonic"] == 1


def test_no_metre_no_verdict():
    found = form_statistics(abc("GAB|GABcd|", head="M:none\nL:1/4\nK:G"), "abc")
    assert (found["bars"], found["bars_right"], found["bars_left_out"]) == (0, None, None)


def test_nothing():
    assert form_statistics("", "abc")["tunes_read"] is None
    assert form_statistics("", "chorale")["lines_read"] is None
    with pytest.raises(ValueError, match="`form` is 'midi'"):
        form_statistics("", "midi")


def test_chorales():
    text = "67 60 55 36\n67 60 55 36\n\n72 74 55 48\n72 x 55 48\n"
    found = form_statistics(text, "chorale", "67 60 55 36\n\n72 60 55 48\n")
    assert (found["chorales"], found["lines"], found["lines_read"]) == (2, 4, 3 / 4)
    assert found["in_range"] == 10 / 12  # 36 is below a bass
    assert found["crossings"] == 1 / 3
    assert found["known_sonorities"] == 2 / 3
    assert form_statistics(text, "chorale")["known_sonorities"] is None


@pytest.mark.parametrize(
    ("before", "after", "fifths", "octaves"),
    [
        ("67 60 52 48", "69 60 52 50", 1, 0),  # soprano and bass, a fifth and an octave apart
        ("67 60 52 48", "65 60 52 58", 0, 0),  # against each other
        ("67 60 52 48", "67 60 52 50", 0, 0),  # one stays
        ("72 64 52 48", "74 65 52 50", 0, 1),
        ("67 60 52 48", "69 62 53 50", 2, 1),  # soprano with alto and with bass; alto with bass
        ("- 60 52 48", "69 60 52 50", 0, 0),
    ],
)
def test_parallels(before, after, fifths, octaves):
    found = form_statistics(f"{before}\n{after}\n", "chorale")
    moves = found["moves"]
    assert (found["parallel_fifths"] or 0) * moves == 100 * fifths
    assert (found["parallel_octaves"] or 0) * moves == 100 * octaves
    apart = form_statistics(f"{before}\n\n{after}\n", "chorale")  # from one chorale to the next nothing moves
    assert apart["moves"] == 0


def test_the_corpus():
    if not all(cached(music.CHORALES) + cached(music.TUNES)):
        pytest.skip(f"{cache_dir()} does not hold the music data sets")
    tunes = form_statistics(abc_text()[:60_000], "abc")
    assert tunes["tunes_read"] == 1
    assert tunes["bars_right"] > 0.99
    found = form_statistics(chorales_text("test"), "chorale", chorales_text("train"))
    assert found["lines_read"] == 1
    assert found["parallel_fifths"] < 0.5  # in a hundred moves; Bach avoids them
    assert 0.8 < found["known_sonorities"] < 1
