"""Files that are fetched once from where their publishers keep them, and checked by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A file that can be had.

    Attributes:
        path: where it lies in the cache.
        url: where its publisher keeps it.
        sha256: what it must hash to; "" where only ``md5`` is known.
        size: its bytes.
        text: what it is, in a line.
        members: for a tar archive, what is unpacked from it: each file's place in the cache, which is also its name in
            the archive, and its bytes. The archive itself is not kept.
        md5: what it must hash to where its publisher says no more than that.
    """

    path: str
    url: str
    sha256: str
    size: int
    text: str
    members: tuple[tuple[str, int], ...] = ()
    md5: str = ""

    @property
    def known_hash(self) -> tuple[str, str]:
        """(name of the algorithm, what the file must hash to)."""
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)


_NOTTINGHAM = (
    "https://raw.githubusercontent.com/jukedeck/nottingham-dataset/0992bb6cd864f6d4b90d6663e08c0ef53ffaa08f/ABC_original"
)

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
    "mnist": tuple(
        Remote(
            f"mnist/{name}", f"https://storage.googleapis.com/cvdf-datasets/mnist/{name}", sha256, size,
            "70,000 handwritten digits, 28 x 28, grey; LeCun, Cortes, Burges; CC BY-SA 3.0",
        )
        for name, sha256, size in (
            (
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422,
            ),
            (
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881,
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877,
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542,
            ),
        )
    ),
    "cifar10": (
        Remote(
            "cifar-10-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170_052_171,
            "60,000 photographs of 10 kinds of things, 32 x 32, colour; Krizhevsky (2009)",
            tuple(
                (f"cifar-10-batches-bin/{name}.bin", 30_730_000)
                for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
            ),
        ),
    ),
    "jsb-chorales": (
        Remote(
            "music/Jsb16thSeparated.json",
            "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/"
            "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d/Jsb16thSeparated.json",
            "79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7",
            1_666_444,
            "382 four-part chorales of J. S. Bach, one chord for each sixteenth; public domain",
        ),
    ),
    "nottingham": tuple(
        Remote(
            f"music/nottingham_abc/{name}.abc", f"{_NOTTINGHAM}/{name}.abc", sha256, size,
            "1,037 tunes for dancing, in ABC notation: the Nottingham Music Database; traditional",
        )
        for name, sha256, size in (
            ("ashover", "60718dddd70489e627f43c4fd35eb8d53710bfff4a852cb52288852c0e1217e5", 19_682),
            ("hpps", "08c6d866ff240754269ccbd17b7248cb36268ee98e4d72a78c6fc943dcfd28d6", 25_231),
            ("jigs", "15e09bb61576eae45c4dafa7519b3b3494214d018348d145e679d323ab393a19", 129_993),
            ("morris", "89d408d5c1685bebd005a65903e51c48c84cc765be91c6f86771b93a60a2acb2", 11_975),
            ("playford", "502d9b3e58fe2832706685aa5f15f29162c8c78e855f9e1846a198b209f053c1", 5_176),
            ("reelsa-c", "eab7237b9485c6353549cad4a7897a371fbdd36a68788bda51a05d54864fdbb4", 37_915),
            ("reelsd-g", "913e032ae40ee85efeb2c8ef9699501e0a5c08b7db906ad3d3fd8b5015406c55", 42_640),
            ("reelsh-l", "a161c193515e2dc485445793a197c082f2ba9004106fc3038708529c0e5305ef", 47_884),
            ("reelsm-q", "57ae97b0647a7562b13f8e8722a5264e8eb3aea4ca76a3e0a8230b964dc78787", 38_383),
            ("reelsr-t", "d2defab5de1d259ff6b286405805caeb383222a5b2a09fff89003f9a093d5b41", 46_899),
            ("reelsu-z", "48fe1255405da036f695854694f2bad6b1104054f531d2d066f345725e5fa18c", 17_334),
            ("slip", "1d507fb33ee50c0157f2e224f4f2e61ebce0d650981c1bd0b3f473ab093aeea7", 3_803),
            ("waltzes", "dc0a5f157c4c98801a99603c05066515b8a35ebc35e054820b622ec10316ceec", 21_744),
            ("xmas", "76e5997ed7a90600394af164034c89306537bb1649be243d86c2381704bce21c", 3_840),
        )
    ),
}


def cache_dir() -> Path:
    """Return the folder that downloads are kept in: ``TINYGEN_HOME``, else the platform's cache folder."""
    if os.environ.get("TINYGEN_HOME"):
        return Path(os.environ["TINYGEN_HOME"])
    import pooch

    return Path(pooch.os_cache("tinygen"))


def _hash(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def writable() -> bool:
    """Return whether the cache may be written to: a folder whose mode forbids it is left alone, even by root."""
    folder = cache_dir()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


def cached(name: str) -> list[bool]:
    """Return for each file of data set ``name`` whether the cache holds it.

    A file must have the right hash; what was unpacked from an archive, whose hash was right, the right size.
    """
    return [is_here(remote) for remote in DATASETS[name]]


def state(remotes: Sequence[Remote]) -> str:
    """Return what the cache has of these files: ``"here"``, ``"partial"``, ``"damaged"`` or ``"not here"``.

    Args:
        remotes: the files. Partial: some of them, or some of what is unpacked from them, are there. Damaged: one is
            there, and not what its publisher keeps.
    """
    here = [is_here(remote) for remote in remotes]
    if all(here):
        return "here"
    lacking = [remote for remote, found in zip(remotes, here, strict=True) if not found]
    if any(not remote.members and (cache_dir() / remote.path).is_file() for remote in lacking):
        return "damaged"
    some = any((cache_dir() / path).is_file() for remote in lacking for path, _ in remote.members)
    return "partial" if some or any(here) else "not here"


def is_here(remote: Remote) -> bool:
    """Return whether the cache holds a file, or what was unpacked from it, as it must be."""
    if remote.members:
        files = [(cache_dir() / path, size) for path, size in remote.members]
        return all(path.is_file() and path.stat().st_size == size for path, size in files)
    path = cache_dir() / remote.path
    algorithm, known = remote.known_hash
    return path.is_file() and _hash(path, algorithm) == known


def find(name: str, report: Callable[[str], None] | None = None) -> list[Path]:
    """Return the files of data set ``name``, downloaded (and unpacked) if the cache does not hold them.

    Args:
        name: a key of :data:`DATASETS`.
        report: called with a line before each download; None for silence.

    Raises:
        ValueError: for an unknown name, or a download whose hash is wrong.
        RuntimeError: where the download fails; the line says what to fetch and where to put it.
    """
    if name not in DATASETS:
        raise ValueError(f"`data` is {name!r}; valid are {', '.join(DATASETS)}")
    return [path for remote in DATASETS[name] for path in fetch(remote, report)]


def fetch(remote: Remote, report: Callable[[str], None] | None = None) -> list[Path]:
    """Return a file, or what is unpacked from it; downloaded if the cache does not hold it.

    Args:
        remote: the file.
        report: called with a line before a download, which then shows its progress; None for silence.

    Raises:
        ValueError: for a download whose hash is wrong.
        RuntimeError: where the download fails; the line says what to fetch and where to put it.
    """
    path = cache_dir() / remote.path
    if not is_here(remote):
        if not writable():
            raise RuntimeError(
                f"{path} is not there, and {cache_dir()} must not be written to; set TINYGEN_HOME, or put it there: "
                f"{remote.url}"
            )
        if report is not None:
            report(f"downloading {remote.url} ({remote.size / 1e6:.1f} MB) to {path}")
        _download(remote, path, progress=report is not None)
        if remote.members:
            _unpack(remote, path)
    return [cache_dir() / member for member, _ in remote.members] or [path]


def _download(remote: Remote, path: Path, progress: bool) -> None:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    try:
        pooch.retrieve(
            remote.url, ":".join(remote.known_hash), path.name, path.parent,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=60),
        )
    except OSError as error:  # requests' own errors are OSErrors
        reason = str(error).splitlines()[0]
        raise RuntimeError(
            f"could not download {remote.url} ({type(error).__name__}: {reason[:120]}); "
            f"fetch it by other means and put it at {path}"
        ) from error


def _unpack(remote: Remote, archive: Path) -> None:
    """Take the members out of an archive whose hash was right, then remove it."""
    with tarfile.open(archive) as tar:
        for member, size in remote.members:
            target = cache_dir() / member
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")  # the name itself stands for the whole file
            with tar.extractfile(member) as source, part.open("wb") as file:
                shutil.copyfileobj(source, file)
            if part.stat().st_size != size:
                raise ValueError(f"{member} in {archive} has {part.stat().st_size} bytes; it must have {size}")
            part.replace(target)
    archive.unlink()
