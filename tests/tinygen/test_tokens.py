"""Tokens: characters, words, notes; what goes in comes out again, and what it costs to spell what has no token."""

import itertools
import math

import numpy as np
import pytest

from tinygen.data.text import Streams, load_text
from tinygen.data.tokens import (
    UNKNOWN,
    Speller,
    Tokenizer,
    Vocabulary,
    VoiceVocabulary,
    WordVocabulary,
    tokenizer_of,
)

WORDS = """The cat's paw -- a cat's paw! -- is "soft", isn't it?

  The dog's is not;	the dog's is  hard.
"""
CHORALES = "74 70 65 58\n74 70 65 58\n75 70 - 55\n\n60 - 48 36\n60 55 48 36\n\n"


def all_of(text):
    """The vocabularies of characters and of words that can say all of ``text``."""
    return [Vocabulary.of(text), WordVocabulary(dict.fromkeys(WordVocabulary([]).split(text)))]


ODD = ["a", " ", "\n\n", "  two  spaces ", "Ünï’s—“quoted” 3.14%\r\n\tend", "don''t '' _x_"]


@pytest.mark.parametrize("text", [WORDS, *ODD])
def test_decoding_gives_the_text_back(text):
    for vocabulary in all_of(text):
        tokens = vocabulary.encode(text)
        assert tokens.dtype == np.int32
        assert vocabulary.decode(tokens) == text
        assert tokens.min() >= (1 if vocabulary.kind == "word" else 0)
        assert tokens.max() < len(vocabulary) == len(vocabulary.names)


def test_a_words_space_and_apostrophe_belong_to_it_and_signs_stand_alone():
    vocabulary = WordVocabulary([])
    assert vocabulary.split(WORDS)[:9] == ["The", " cat's", " paw", " -", "-", " a", " cat's", " paw", "!"]
    assert vocabulary.split("x\n  y") == ["x", "\n", " ", " y"]


def test_the_vocabulary_of_words_is_by_frequency_then_alphabet_and_leaves_out_what_occurs_once():
    text = "b b b a a c c c d once"
    vocabulary = WordVocabulary.of(text)
    assert vocabulary.kept == [" c", " a", " b"]  # the first "b" has no space before it; equal ones by alphabet
    assert WordVocabulary.of(text, size=2).kept == [" c"]
    assert len(WordVocabulary.of(text, size=2)) == 2
    with pytest.raises(ValueError, match="3 distinct words and none of them twice"):
        WordVocabulary.of("one two three")


def test_unknown_words_are_one_token_shown_plainly_and_named_in_a_prompt():
    vocabulary = WordVocabulary.of("the cat the cat\nthe cat", lower_case=True)
    tokens = vocabulary.encode("The mouse\nthe cat")
    assert vocabulary.kept == [" cat", "the"]  # " the" and "\\n" occur once
    assert vocabulary.decode(tokens) == f"the{UNKNOWN}{UNKNOWN}the cat"
    assert vocabulary.unknown_words("a mouse, a cat") == ["a", " mouse", ",", " a"]
    with pytest.raises(ValueError, match="`--prompt` has words that this model does not know: 'mouse' 'dog'; it knows"):
        vocabulary.encode_prompt("the mouse cat dog")
    assert vocabulary.encode_prompt(f"the{UNKNOWN} cat  ").tolist() == [2, 0, 1]
    assert vocabulary.encode_prompt("cat").tolist() == [1]  # known with a space before it only
    assert vocabulary.silent == (0,)


def test_notes_and_their_form():
    vocabulary = VoiceVocabulary.of(CHORALES)
    assert vocabulary.kept == [
        "S60", "S74", "S75", "A-", "A55", "A70", "T-", "T48", "T65", "B36", "B55", "B58",
    ]  # fmt: skip
    tokens = vocabulary.encode(CHORALES)
    assert len(tokens) == 4 * 5 + 2
    assert tokens[12] == tokens[-1] == 0
    assert vocabulary.decode(tokens) == CHORALES
    # what is cut off in the middle of a step, at the end or before the end of a chorale, is left out
    assert vocabulary.decode(tokens[:-3]) == CHORALES[: -len("60 55 48 36\n\n")]
    assert vocabulary.decode([*tokens[:6], 0, *tokens[:4]]) == "74 70 65 58\n\n74 70 65 58\n"


def test_a_voice_too_many_or_too_few_costs_one_step():
    vocabulary = VoiceVocabulary.of(CHORALES)
    soprano, alto, tenor, bass = vocabulary.encode("74 70 65 58\n")
    step = [soprano, alto, tenor, bass]
    assert vocabulary.decode([soprano, alto, bass, *step]) == "74 70 65 58\n"
    assert vocabulary.decode([soprano, alto, alto, tenor, bass, *step]) == 2 * "74 70 65 58\n"
    assert vocabulary.decode([tenor, bass, *step, soprano]) == "74 70 65 58\n"


def test_passages_of_notes_are_whole_steps():
    vocabulary = VoiceVocabulary.of(CHORALES)
    tokens = vocabulary.encode(CHORALES)
    found = {(i, n): vocabulary.decode(vocabulary.passage(tokens, i, n)) for i in range(12) for n in (4, 9)}
    assert found[2, 4] == found[0, 4] == "74 70 65 58\n"
    assert found[9, 9] == "75 70 - 55\n\n60 - 48 36\n"
    after = vocabulary.passage(tokens, 15, 8)
    assert vocabulary.decode(after) == "60 - 48 36\n60 55 48 36\n"
    assert WordVocabulary.of("a b a b").passage(np.arange(9), 2, 3).tolist() == [2, 3, 4]


def test_where_chorales_can_be_cut():
    text = CHORALES
    for place in range(len(text)):
        cut = VoiceVocabulary.cut(text, place)
        assert cut >= place
        assert text[:cut].endswith("\n\n")
    assert VoiceVocabulary.cut("60 60 60 60\n61 61 61 61\n", 3) == 12
    assert Tokenizer.cut("abc", 2) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60 61 62", "line 1, is '60 61 62'"),
        ("60 61 62 63\n60 61 62 128", "line 2, is '60 61 62 128'"),
        ("60 61 62 x", "four MIDI numbers from 0 to 127, or - for a rest"),
        ("60 61 62 -1", "line 1"),
    ],
)
def test_what_is_no_chorale(text, message):
    with pytest.raises(ValueError, match=message):
        VoiceVocabulary.of(text)


def test_notes_that_were_never_seen():
    message = "`--prompt` has notes that this model has never seen in these voices: A1 T2; it knows S60 S74"
    with pytest.raises(ValueError, match=message):
        VoiceVocabulary.of(CHORALES).encode_prompt("60 1 2 36")


@pytest.mark.parametrize("vocabulary", [*all_of(WORDS), VoiceVocabulary.of(CHORALES)])
def test_made_anew_from_what_it_keeps(vocabulary):
    again = tokenizer_of(vocabulary.kind, vocabulary.kept)
    assert type(again) is type(vocabulary)
    assert list(again.names) == list(vocabulary.names)


def test_what_belongs_to_another_kind_is_refused():
    for kind, kept in {"word": "abc", "char": ["a"], "voice": [1]}.items():
        with pytest.raises(ValueError, match=f"does not belong to tokens of the kind {kind}"):
            tokenizer_of(kind, kept)
    with pytest.raises(ValueError, match="`tokens` is 'bytes'; valid are char, word, voice"):
        tokenizer_of("bytes", "")


def test_spelling_is_a_distribution_over_words():
    """All words of up to 12 letters over {a, b} together have nearly all of the probability."""
    speller = Speller(["ab", "a", "bbb"], "ab")
    assert speller.cost("ab") == pytest.approx(-math.log(3 / 6 * 2 / 5 * 3 / 7))  # by hand: ^a 2, ab 1, b$ 2, ...
    words = ("".join(word) for n in range(13) for word in itertools.product("ab", repeat=n))
    assert 0.97 < sum(math.exp(-speller.cost(word)) for word in words) < 1
    assert Speller([], "abc").cost("zz") == pytest.approx(3 * math.log(4))


# ------------------------------------------------------------------------------------------------------- streams


def test_streams_are_contiguous_and_give_every_token_once():
    tokens = np.arange(103, dtype=np.int32)
    streams = Streams(tokens, 4, 10)
    assert (streams.length, streams.size, len(streams)) == (25, 100, 3)
    parts = [streams[i] for i in range(3)]
    assert [p[0].shape for p in parts] == [(10, 4), (10, 4), (5, 4)]
    for k in range(4):
        read = np.concatenate([p[0].numpy()[:, k] for p in parts])
        np.testing.assert_array_equal(read, np.arange(25) + 25 * k)
        np.testing.assert_array_equal(np.concatenate([p[1].numpy()[:, k] for p in parts]), read + 1)
    np.testing.assert_array_equal(streams.batch(np.array([2]))[0].numpy(), parts[2][0].numpy())


def test_streams_shorter_than_the_window_are_refused():
    with pytest.raises(ValueError, match="`batch_size` is 20, but the text has only 103 tokens: streams of 5, shorter"):
        Streams(np.arange(103), 20, 10)
    with pytest.raises(ValueError, match="`window` is 0"):
        Streams(np.arange(103), 2, 0)


def test_music_has_names_too(monkeypatch):
    from tinygen.data import text

    monkeypatch.setitem(text.MUSIC, "jsb-chorales", lambda report: CHORALES)
    assert load_text("jsb-chorales") == CHORALES
    assert {"jsb-chorales", "nottingham"} <= set(text.TEXTS)
