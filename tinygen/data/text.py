"""Text: where it comes from, and windows and streams of its tokens."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygen.data.download import find
from tinygen.data.loader import Dataset
from tinygen.data.music import CHORALES, TUNES, abc_text, chorales_text
from tinygen.data.tokens import Vocabulary
from tinygen.tensor import Tensor

__all__ = ["TEXTS", "Streams", "Vocabulary", "Windows", "load_text"]

MUSIC = {CHORALES: chorales_text, TUNES: abc_text}
TEXTS = ("nietzsche", "tinyshakespeare", "python-docs", *MUSIC)


def load_text(name: str, report: Callable[[str], None] | None = None) -> str:
    """Return a text.

    Args:
        name: ``"nietzsche"``, ``"tinyshakespeare"`` (fetched once), ``"python-docs"`` (comes with Python), music as
            text, ``"jsb-chorales"`` or ``"nottingham"``, or the path of a text file in UTF-8.
        report: called with a line before a download.

    Raises:
        ValueError: if ``name`` is none of these, or the file is empty or not UTF-8.
        RuntimeError: if a download fails.
    """
    if name == "python-docs":
        return _python_docs()
    if name in MUSIC:
        return MUSIC[name](report=report)
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


class Streams(Dataset):
    """A text as streams side by side, each a contiguous stretch of it, in the order in which they are read.

    Item k is what a step reads: the tokens k * window to (k + 1) * window of every stream, and those that follow each.
    The last item may be shorter; up to ``streams`` tokens at the end of the text are left out.

    Args:
        tokens: the text as numbers (length,) int32.
        streams: N, how many.
        window: T, the tokens of each stream that a step reads.

    Attributes:
        length: tokens in a stream.
        size: tokens that are predicted in one pass.

    Raises:
        ValueError: if a stream would be shorter than the window.
    """

    def __init__(self, tokens: np.ndarray, streams: int, window: int) -> None:
        for name, value in {"streams": streams, "window": window}.items():
            if value < 1:
                raise ValueError(f"`{name}` is {value}; it must be at least 1")
        self.length, self.window = (len(tokens) - 1) // streams, window
        if self.length < window:
            raise ValueError(
                f"`batch_size` is {streams}, but the text has only {len(tokens)} tokens: streams of {self.length}, "
                f"shorter than the window of {window}; take a smaller batch or window"
            )
        self.size = streams * self.length
        shape = (streams, self.length)
        self.tokens = np.ascontiguousarray(tokens[: self.size].reshape(shape).T)  # (N, L) -> (L, N)
        self.following = np.ascontiguousarray(tokens[1 : self.size + 1].reshape(shape).T)

    def __len__(self) -> int:
        return -(-self.length // self.window)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        stretch = slice(index * self.window, (index + 1) * self.window)
        return Tensor(self.tokens[stretch]), Tensor(self.following[stretch])

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the one stretch that ``indices`` names, tokens and those that follow each: (T, N) int32."""
        (index,) = indices
        return self[int(index)]
