"""Tokens: the pieces that a text is cut into, and their numbers.

Three kinds. A character is a token (``char``); a word is (``word``); one voice's note at one time step is (``voice``).
Each kind puts the text together again from its tokens, and keeps in ``kept`` what it takes to make it anew.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

UNKNOWN = " <unknown>"  # token 0 of every vocabulary of words, and how it is shown
VOICES = "SATB"  # soprano, alto, tenor, bass
END = "end"  # of a chorale

# A word with the apostrophes inside it, or any other sign, each with the space before it; or a space or line break.
_WORD = re.compile(rf"{UNKNOWN}| ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")


class Tokenizer:
    """What every kind of tokens can do; a subclass gives ``encode`` and ``decode``.

    Attributes:
        kind: its name.
        unit: what its tokens are called, in the plural.
        names: how each token is shown, in the order of their numbers.
        kept: what makes it anew, with :func:`tokenizer_of`; for ``config.json``.
        silent: tokens that are read but never written.
    """

    kind = ""
    unit = "tokens"
    names: Sequence[str]
    kept: Any
    silent: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """Return the numbers of the tokens of ``text``: (length,) int32; errors call it ``name``."""
        raise TypeError(f"{type(self).__name__} does not define encode()")

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text that the numbers stand for."""
        raise TypeError(f"{type(self).__name__} does not define decode()")

    def encode_prompt(self, text: str, name: str = "--prompt") -> np.ndarray:
        """Return the tokens of a text that is to be continued.

        Raises:
            ValueError: naming what the tokens cannot say.
        """
        return self.encode(text, name)

    def passage(self, tokens: np.ndarray, start: int, length: int) -> np.ndarray:
        """Return ``length`` of the ``tokens`` from ``start`` on, moved and shortened to whole lines where need be."""
        return tokens[start : start + length]

    @staticmethod
    def cut(text: str, place: int) -> int:
        """Return the place at or behind ``place`` where ``text`` can be cut in two."""
        return place


class Vocabulary(Tokenizer):
    """The characters of a text, in order, and their numbers.

    Args:
        characters: the characters, each once.
        lower_case: whether texts are lower-cased before they are encoded.
    """

    kind, unit = "char", "characters"

    def __init__(self, characters: Iterable[str], lower_case: bool = False) -> None:
        self.names = self.kept = self.characters = "".join(characters)
        self.lower_case = lower_case
        self._numbers = {c: i for i, c in enumerate(self.characters)}

    @classmethod
    def of(cls, text: str, lower_case: bool = False) -> Vocabulary:
        """Return the vocabulary of ``text``."""
        return cls(sorted(set(text.lower() if lower_case else text)), lower_case)

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """Return the numbers of the characters: (length,) int32.

        Raises:
            ValueError: naming the characters that the vocabulary does not have.
        """
        if self.lower_case:
            text = text.lower()
        unknown = sorted(set(text) - self._numbers.keys())
        if unknown:
            raise ValueError(
                f"`{name}` has characters that this model has never seen: {' '.join(map(repr, unknown[:10]))}; "
                f"it knows {self.characters!r}"
            )
        return np.fromiter(map(self._numbers.__getitem__, text), np.int32, len(text))

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text that the numbers stand for."""
        return "".join([self.characters[i] for i in numbers])


class WordVocabulary(Tokenizer):
    """The words of a text, the frequent ones first, and their numbers.

    A token is a word or a punctuation mark *with the space before it*, or a line break; so decoding is putting tokens
    side by side, and gives the text back to the letter. " the" and "the" (at the start of a line) are two tokens.
    Token 0 stands for every word that the vocabulary lacks; it is read but never written.

    Args:
        words: the tokens, each once, without the unknown one.
        lower_case: whether texts are lower-cased before they are encoded.
    """

    kind, unit, silent = "word", "words", (0,)

    def __init__(self, words: Iterable[str], lower_case: bool = False) -> None:
        self.kept = list(words)
        self.names = [UNKNOWN, *self.kept]
        self.lower_case = lower_case
        self._numbers = {word: i for i, word in enumerate(self.names)}

    @classmethod
    def of(cls, text: str, lower_case: bool = False, size: int = 10_000) -> WordVocabulary:
        """Return the vocabulary of the most frequent words of ``text``.

        A word that occurs once is left out even where there is room: such words teach what an unknown one is like.

        Args:
            text: the words to count.
            lower_case: whether to lower-case them.
            size: how many tokens at most, the unknown one included.

        Raises:
            ValueError: if no word occurs twice.
        """
        counts = Counter(_WORD.findall(text.lower() if lower_case else text))
        often = [word for word, n in counts.items() if n > 1 and word != UNKNOWN]
        if not often:
            raise ValueError(f"the text has {len(counts)} distinct words and none of them twice; too few to learn from")
        often.sort(key=lambda word: (-counts[word], word))
        return cls(often[: size - 1], lower_case)

    def split(self, text: str) -> list[str]:
        """Return the words of ``text``, known or not."""
        return _WORD.findall(text.lower() if self.lower_case else text)

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """Return the numbers of the words, 0 for those that are not known: (length,) int32."""
        words = self.split(text)
        return np.fromiter((self._numbers.get(word, 0) for word in words), np.int32, len(words))

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text that the numbers stand for; an unknown word shows as ``<unknown>``."""
        return "".join([self.names[i] for i in numbers])

    def encode_prompt(self, text: str, name: str = "--prompt") -> np.ndarray:
        """Return the tokens of a text that is to be continued.

        Spaces at its end belong to the next word: they go. A first word that is known only with a space before it
        gets one.

        Raises:
            ValueError: naming the words that the vocabulary does not have.
        """
        text = text.rstrip(" ")
        first = " " + "".join(self.split(text)[:1])
        if first in self._numbers and first[1:] not in self._numbers:
            text = " " + text
        unknown = [word for word in dict.fromkeys(self.split(text)) if word not in self._numbers]
        if unknown:
            raise ValueError(
                f"`{name}` has words that this model does not know: {_quoted(unknown[:10])}; it knows "
                f"{len(self.kept):,} words, such as {_quoted(self.kept[:400:40])}"
            )
        return self.encode(text)

    def unknown_words(self, text: str) -> list[str]:
        """Return the words of ``text`` that the vocabulary lacks, in their order."""
        return [word for word in self.split(text) if self._numbers.get(word, 0) == 0]


def _quoted(words: Iterable[str]) -> str:
    return " ".join(repr(word.strip(" ")) for word in words)


class VoiceVocabulary(Tokenizer):
    """The notes of chorales in four voices.

    The text has a line for each time step: four MIDI numbers from 0 to 127 with a space between them, ``-`` for a
    rest; an empty line ends a chorale. Each of the four entries is a token of its voice, soprano to bass, so a step is
    four tokens; the end of a chorale is one token.

    A token says whose note it is. With the same tokens for all voices a network has to remember whose turn it is; one
    slip, and soprano and bass had changed places for the rest of the chorale.

    Args:
        notes: the entries that occur, each once, with the voice's letter before it: ``"S74"``.
    """

    kind, unit = "voice", "notes"

    def __init__(self, notes: Iterable[str]) -> None:
        self.kept = list(notes)
        self.names = [END, *self.kept]
        self._numbers = {note: i for i, note in enumerate(self.names)}

    @classmethod
    def of(cls, text: str) -> VoiceVocabulary:
        """Return the vocabulary of ``text``.

        Raises:
            ValueError: if it is not of that form.
        """
        found = {note for line in _steps(text, "text") for note in _named(line)}
        return cls(sorted(found, key=lambda note: (VOICES.index(note[0]), -1 if note[1:] == "-" else int(note[1:]))))

    def encode(self, text: str, name: str = "text") -> np.ndarray:
        """Return the tokens: (length,) int32, four for each line and one for each empty line.

        Raises:
            ValueError: naming the line that is not of that form, or the notes that the vocabulary does not have.
        """
        tokens, unknown = [], {}
        for line in _steps(text, name):
            for note in _named(line) or [END]:
                unknown |= {} if note in self._numbers else {note: None}
                tokens.append(self._numbers.get(note, 0))
        if unknown:
            raise ValueError(
                f"`{name}` has notes that this model has never seen in these voices: {' '.join(unknown)}; "
                f"it knows {' '.join(self.kept)}"
            )
        return np.array(tokens, np.int32)

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the lines. What makes no whole step, soprano to bass, is left out."""
        lines, step = [], []
        for number in numbers:
            voice, note = self.names[number][0], self.names[number][1:]
            if number == 0:
                lines.append("\n")
            if number == 0 or voice == VOICES[0]:
                step = []
            if number and voice == VOICES[len(step)]:
                step.append(note)
            if len(step) == len(VOICES):
                lines.append(" ".join(step) + "\n")
                step = []
        return "".join(lines)

    def passage(self, tokens: np.ndarray, start: int, length: int) -> np.ndarray:
        """Return at most ``length`` of the ``tokens`` from ``start`` or just before it on: whole steps."""
        ends = np.flatnonzero(tokens[:start] == 0)
        begin = int(ends[-1]) + 1 if len(ends) else 0  # of the chorale
        start -= (start - begin) % len(VOICES)
        return self.encode(self.decode(tokens[start : start + length]))

    @staticmethod
    def cut(text: str, place: int) -> int:
        """Return the end of the chorale, or where none ends any more of the line, that ``place`` is in."""
        end = text.find("\n\n", place)
        if end >= 0:
            return end + 2
        end = text.find("\n", place)
        return len(text) if end < 0 else end + 1


def _steps(text: str, name: str) -> Iterable[list[str]]:
    """Yield the four entries of each line, none for an empty one."""
    for number, line in enumerate(text.splitlines(), 1):
        entries = line.split()
        right = len(entries) == len(VOICES) and all(
            entry == "-" or (entry.isascii() and entry.isdecimal() and int(entry) < 128) for entry in entries
        )
        if entries and not right:
            raise ValueError(
                f"`{name}`, line {number}, is {line[:60]!r}; tokens of the kind voice need four MIDI numbers from 0 to "
                "127, or - for a rest, in each line, and an empty line between pieces"
            )
        yield entries


def _named(line: list[str]) -> list[str]:
    """The entries of a line with their voices' letters."""
    return [voice + note for voice, note in zip(VOICES, line, strict=False)]


KINDS = {cls.kind: cls for cls in (Vocabulary, WordVocabulary, VoiceVocabulary)}


def tokenizer_of(kind: str, kept: Any, lower_case: bool = False) -> Tokenizer:
    """Make a tokenizer anew from what it ``kept``.

    Raises:
        ValueError: if ``kind`` is none, or what was kept is not of that kind.
    """
    if kind not in KINDS:
        raise ValueError(f"`tokens` is {kind!r}; valid are {', '.join(KINDS)}")
    many = isinstance(kept, list) and all(isinstance(entry, str) for entry in kept)
    if kind == "voice":
        many = many and all(entry[:1] and entry[0] in VOICES for entry in kept)
    if not (isinstance(kept, str) if kind == "char" else many):
        raise ValueError(f"`vocabulary` is a {type(kept).__name__}, which does not belong to tokens of the kind {kind}")
    return VoiceVocabulary(kept) if kind == "voice" else KINDS[kind](kept, lower_case)


def divided(
    text: str, kind: str, val_fraction: float, lower_case: bool = False, size: int = 10_000
) -> tuple[Tokenizer, str, str]:
    """Return the tokens of a text, its part to train on, and the part at its end that is held out.

    The words are those of the first part; the characters and notes those of both.

    Args:
        text: the text.
        kind: of the tokens.
        val_fraction: the share that is held out.
        lower_case: whether to lower-case it.
        size: how many words at most.
    """
    if lower_case:
        text = text.lower()
    cut = KINDS[kind].cut(text, len(text) - round(len(text) * val_fraction))
    if kind == "word":
        vocabulary: Tokenizer = WordVocabulary.of(text[:cut], lower_case, size)
    else:
        vocabulary = VoiceVocabulary.of(text) if kind == "voice" else Vocabulary.of(text, lower_case)
    if len(vocabulary) < 2:
        raise ValueError(f"the text has only {len(vocabulary)} distinct character; there is nothing to learn")
    return vocabulary, text[:cut], text[cut:]


class Speller:
    """What it costs to spell a word that has no token, letter by letter.

    A model of words gives an unknown word one probability, whatever it is. To be compared with one of characters it
    must also say which word it was:

        -ln p(w) = -sum_i ln p(w_{i+1} | w_i),   p(b | a) = (n(a, b) + 1) / (n(a) + C + 1)

    over the letters of w, from the start to a sign for its end; n counts pairs in the words that the vocabulary left
    out of the training text, and C + 1 are all characters and that sign. The p of all words add up to 1.

    Args:
        words: those left out.
        characters: all that may occur.
    """

    def __init__(self, words: Iterable[str], characters: Iterable[str]) -> None:
        self._size = len(set(characters)) + 1
        self._pairs: Counter[tuple[str, str]] = Counter()
        for word in words:
            self._pairs.update(pairwise(["", *word, ""]))
        self._letters: Counter[str] = Counter()
        for (letter, _), n in self._pairs.items():
            self._letters[letter] += n

    def cost(self, word: str) -> float:
        """Return -ln p(word), in nats."""
        return sum(
            math.log((self._letters[a] + self._size) / (self._pairs[a, b] + 1)) for a, b in pairwise(["", *word, ""])
        )
