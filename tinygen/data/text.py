"""Text: where it comes from, its characters as numbers, and windows of it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tinygen.data.download import find
from tinygen.data.loader import Dataset
from tinygen.tensor import Tensor

TEXTS = ("nietzsche", "tinyshakespeare", "python-docs")


def load_text(name: str, report: Callable[[str], None] | None = None) -> str:
    """Return a text.

    Args:
        name: ``"nietzsche"``, ``"tinyshakespeare"`` (fetched once), ``"python-docs"`` (comes with Python), or the
            path of a text file in UTF-8.
        report: called with a line before a download.

    Raises:
        ValueError: if ``name`` is none of these, or the file is empty or not UTF-8.
        RuntimeError: if a download fails.
    """
    if name == "python-docs":
        return _python_docs()
    path = Path(name)
    if name in TEXTS:
        path = find(name, report)[0]
    elif path.is_dir():
        raise ValueError(f"`data` is {name!r}, a folder; it must be a text file or one of {', '.join(TEXTS)}")
    elif not path.is_file():
        raise ValueError(f"`data` is {name!r}, which is neither a file nor one of {', '.join(TEXTS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"`data` is {name!r}, which is not UTF-8 text (byte {error.start})") from None
    if not text.strip():
        raise ValueError(f"`data` is {name!r}, which holds no text")
    return text


def _python_docs() -> str:
    """The language reference that pydoc shows: some 700,000 characters of English, in every Python."""
    topics = importlib.import_module("pydoc_data.topics").topics
    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    text = text.translate(str.maketrans("‘’“”–—", "''\"\"--"))
    text = re.sub(r"[^\x20-\x7e\n]", "", text)  # a few stray symbols would each cost a row of the model's table
    return re.sub(r"\n{3,}", "\n\n", text)


class Vocabulary:
    """The characters of a text, in order, and their numbers.

    Args:
        characters: the characters, each once.
        lower_case: whether texts are lower-cased before they are encoded.
    """

    def __init__(self, characters: Iterable[str], lower_case: bool = False) -> None:
        self.characters = "".join(characters)
        self.lower_case = lower_case
        self._numbers = {c: i for i, c in enumerate(self.characters)}

    @classmethod
    def of(cls, text: str, lower_case: bool = False) -> Vocabulary:
        """Return the vocabulary of ``text``."""
        return cls(sorted(set(text.lower() if lower_case else text)), lower_case)

    def __len__(self) -> int:
        return len(self.characters)

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


class Windows(Dataset):
    """Windows of a text and the character that follows each.

    Args:
        tokens: the text as numbers (length,) int32.
        window: characters in a window.
        stride: how far one window starts behind the other.

    Raises:
        ValueError: if the text is not longer than the window.
    """

    def __init__(self, tokens: np.ndarray, window: int, stride: int) -> None:
        for name, value in {"window": window, "stride": stride}.items():
            if value < 1:
                raise ValueError(f"`{name}` is {value}; it must be at least 1")
        if len(tokens) <= window:
            raise ValueError(f"`window` is {window}, but the text has only {len(tokens)} characters; it must be longer")
        self.tokens, self.window = tokens, window
        self.starts = np.arange(0, len(tokens) - window, stride)
        self._offsets = np.arange(window)[:, None]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        start = int(self.starts[index])
        return Tensor(self.tokens[start : start + self.window]), Tensor(np.asarray(self.tokens[start + self.window]))

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return windows (T, N) int32 and the characters behind them (N,) int32; one-hot vectors are never made."""
        starts = self.starts[indices]
        return Tensor(self.tokens[self._offsets + starts]), Tensor(self.tokens[starts + self.window])
