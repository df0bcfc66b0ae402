"""Files that are fetched once from where their publishers keep them, and checked by hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A file that can be had.

    Attributes:
        path: where it lies in the cache.
        url: where its publisher keeps it.
        sha256: what it must hash to.
        size: its bytes.
        text: what it is, in a line.
    """

    path: str
    url: str
    sha256: str
    size: int
    text: str


DATASETS: dict[str, tuple[Remote, ...]] = {
    "nietzsche": (
        Remote(
            "text/nietzsche.txt",
            "https://s3.amazonaws.com/text-datasets/nietzsche.txt",
            "23cf69874ab69d3d256099ab530ea4be24d47d9675b673bcc67cbcd6298ec647",
            600_901,
            "writings of Friedrich Nietzsche in English, the corpus of the Keras example; public domain",
        ),
    ),
    "tinyshakespeare": (
        Remote(
            "text/tinyshakespeare.txt",
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            1_115_394,
            "scenes from the plays of Shakespeare; public domain",
        ),
    ),
}


def cache_dir() -> Path:
    """Return the folder that downloads are kept in: ``TINYGEN_HOME``, else the platform's cache folder."""
    if os.environ.get("TINYGEN_HOME"):
        return Path(os.environ["TINYGEN_HOME"])
    import pooch

    return Path(pooch.os_cache("tinygen"))


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def cached(name: str) -> list[bool]:
    """Return for each file of data set ``name`` whether the cache holds it with the right hash."""
    paths = [(cache_dir() / remote.path, remote) for remote in DATASETS[name]]
    return [path.is_file() and _hash(path) == remote.sha256 for path, remote in paths]


def find(name: str, report: Callable[[str], None] | None = None) -> list[Path]:
    """Return the files of data set ``name``, downloaded if the cache does not hold them.

    Args:
        name: a key of :data:`DATASETS`.
        report: called with a line before each download; None for silence.

    Raises:
        ValueError: for an unknown name, or a download whose hash is wrong.
        RuntimeError: where the download fails; the line says what to fetch and where to put it.
    """
    if name not in DATASETS:
        raise ValueError(f"`data` is {name!r}; valid are {', '.join(DATASETS)}")
    found = []
    for remote, good in zip(DATASETS[name], cached(name), strict=True):
        path = cache_dir() / remote.path
        if not good:
            if report is not None:
                report(f"downloading {remote.url} ({remote.size / 1e6:.1f} MB) to {path}")
            _download(remote, path, progress=report is not None)
        found.append(path)
    return found


def _download(remote: Remote, path: Path, progress: bool) -> None:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    try:
        pooch.retrieve(
            remote.url, f"sha256:{remote.sha256}", path.name, path.parent,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=60),
        )
    except OSError as error:  # requests' own errors are OSErrors
        reason = str(error).splitlines()[0]
        raise RuntimeError(
            f"could not download {remote.url} ({type(error).__name__}: {reason[:120]}); "
            f"fetch it by other means and put it at {path}"
        ) from error
