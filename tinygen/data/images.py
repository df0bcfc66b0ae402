"""Pictures: where they come from, their labels, and batches of them.

Pictures stay uint8 in memory, a quarter of what float32 takes; a batch becomes float32 when it is handed out.
"""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.data.download import cache_dir, cached, find, writable
from tinygen.data.loader import Dataset
from tinygen.data.synthetic import SHAPE_ATTRIBUTES, font_digits, shapes
from tinygen.pictures import read_image, write_file
from tinygen.pictures import resize as resize_image
from tinygen.random import Generator
from tinygen.tensor import Tensor

SPLITS = {  # the data sets with a name, and the parts that they come in
    "mnist": ("train", "test"),
    "cifar10": ("train", "test"),
    "cifar10-frogs": ("train",),
    "font-digits": ("train", "test"),
    "shapes": ("train", "test"),
}
DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FROGS = "cifar10_frogs.npz"
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
MOST_BYTES = 8 << 30

Report = Callable[[str], None]


@dataclass(frozen=True)
class ImageData:
    """Pictures of one size, and what is known about each.

    Attributes:
        images: uint8 (N, C, H, W), C = 1 (grey) or 3 (red, green, blue).
        labels: None, the class of each, int64 (N,), or its attributes, bool (N, A).
        names: of the classes or attributes.
        name: where the pictures come from.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    names: list[str] = field(default_factory=list)
    name: str = ""

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(f"`images` is {images.dtype} of shape {images.shape}; it must be uint8 (N, 1 or 3, H, W)")
        if labels is None:
            return
        kinds = {1: np.int64, 2: bool}
        if labels.ndim not in kinds or labels.dtype != kinds[labels.ndim] or len(labels) != len(images):
            raise ValueError(
                f"`labels` is {labels.dtype} of shape {labels.shape}; for {len(images)} pictures it must be "
                f"int64 ({len(images)},) or bool ({len(images)}, A)"
            )
        needed = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=-1)) + 1
        if len(self.names) < needed or (labels.ndim == 2 and len(self.names) > needed):
            raise ValueError(f"`names` has {len(self.names)} entries; `labels` needs {needed}")

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: Any) -> ImageData:
        """Return the pictures at ``indices`` (integers, a slice or a mask) with their labels."""
        labels = None if self.labels is None else self.labels[indices]
        return replace(self, images=self.images[indices], labels=labels)

    def split(self, fraction: float, seed: int = 0) -> tuple[ImageData, ImageData]:
        """Return (what to train on, what to hold out), drawn at random, each in the order that they have here.

        Args:
            fraction: the part to hold out, above 0 and below 1; at least one picture stays on either side.
            seed: the same one gives the same parts.
        """
        n = len(self)
        if not 0 < fraction < 1:
            raise ValueError(f"`fraction` is {fraction}; it must lie between 0 and 1")
        if n < 2:
            raise ValueError(f"`images` has {n} pictures; at least 2 are needed to hold some out")
        held_out = np.zeros(n, bool)
        held_out[Generator(seed).permutation(n)[: min(max(round(n * fraction), 1), n - 1)]] = True
        return self.subset(~held_out), self.subset(held_out)


class ImageDataset(Dataset):
    """Batches of pictures as float32, for a :class:`~tinygen.data.DataLoader`.

    value = low + (high - low) * byte / 255

    Args:
        data: the pictures.
        low: what black becomes.
        high: what white becomes.
        with_labels: hand out (pictures, labels) and not (pictures,) alone.
        flip: a generator; then each picture is mirrored left to right with probability 1/2. Its state has to be kept
            together with the loader's where a run is to continue exactly.
    """

    def __init__(
        self, data: ImageData, low: float = 0.0, high: float = 1.0, with_labels: bool = False,
        flip: Generator | None = None,
    ) -> None:
        if with_labels and data.labels is None:
            raise ValueError(f"`data` ({data.name}) has no labels, and `with_labels` asks for them")
        self.data, self.low, self.high, self.with_labels, self.flip = data, low, high, with_labels, flip

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(Tensor(part._data[0]) for part in self.batch(np.array([index])))

    def batch(self, indices: np.ndarray) -> tuple[Tensor, ...]:
        """Return pictures (N, C, H, W) float32 and, if asked for, labels (N,) int64 or (N, A) bool."""
        pictures = self.data.images[indices]
        if self.flip is not None:
            mirrored = self.flip.uniform((len(pictures),)) < 0.5
            pictures[mirrored] = pictures[mirrored, :, :, ::-1]
        values = pictures.astype(np.float32)
        values *= np.float32((self.high - self.low) / 255)
        if self.low:
            values += np.float32(self.low)
        return (Tensor(values), Tensor(self.data.labels[indices])) if self.with_labels else (Tensor(values),)


def load_images(
    source: str | Path,
    *,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    labels: str | Path | None = None,
    report: Report | None = None,
) -> ImageData:
    """Return pictures.

    Args:
        source: a name of :data:`SPLITS`, a folder of pictures (searched with its subfolders, in the order of their
            paths), or FILE.npz: its array ``images``, else its first, uint8 (N, H, W), (N, H, W, C) or (N, C, H, W),
            and, where it has them, ``labels`` and ``names``.
        split: ``"train"`` or ``"test"``; folders and files have only ``"train"``: cut them with ``ImageData.split``.
        size: (height, width), or one number for both: scaled smoothly until it covers that, and the middle cut out.
            None: as they are; the pictures of a folder must then agree.
        channels: 1 for grey, 3 for colour; None: as they are, a folder in grey if every picture of it is.
        labels: for a folder, a table of what the pictures show: CSV, its first column the file's name, then either
            one column with the class or columns of attributes (1, and 0 or -1); or CelebA's list_attr_celeba.txt.
            Pictures that it does not name are left out.
        report: called with a line before a download, and for what was left out; None: the latter are warnings.

    Returns:
        The pictures, uint8 (N, C, H, W).

    Raises:
        ValueError: if ``source`` is none of these or holds no pictures, or another argument does not fit it.
        RuntimeError: if a download fails.
    """
    name = str(source)
    valid = SPLITS.get(name, ("train",))
    if split not in valid:
        raise ValueError(f"`split` is {split!r}; {name} has {' and '.join(valid)}")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` is {channels!r}; valid are 1 (grey) and 3 (colour)")
    size = _pair(size)
    path = Path(source)
    if name not in SPLITS and path.is_dir():
        return _load_folder(path, size, channels, labels, report or _warn)
    if labels is not None:
        raise ValueError(f"`labels` is {str(labels)!r}; a table of labels goes with a folder of pictures, not {name}")
    if name in SPLITS:
        data = _NAMED[name](split, size, report)
    elif path.suffix == ".npz" and path.is_file():
        data = _load_npz(path)
    elif path.is_file():
        raise ValueError(f"`data` is {name!r}, a file; it must be a folder of pictures, a .npz or {_names()}")
    else:
        raise ValueError(f"`data` is {name!r}, which is neither a folder nor a .npz file nor {_names()}")
    return _convert(data, size, channels)


def is_here(name: str) -> bool:
    """Return whether data set ``name`` of :data:`SPLITS` needs no download."""
    if name == "cifar10-frogs":
        return (cache_dir() / FROGS).is_file() or all(cached("cifar10"))
    return name in ("font-digits", "shapes") or all(cached(name))


def _names() -> str:
    *most, last = SPLITS
    return f"{', '.join(most)} or {last}"


def _warn(line: str) -> None:
    warnings.warn(line, RuntimeWarning, stacklevel=4)


def _pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = (size, size) if isinstance(size, (int, np.integer)) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"`size` is {size!r}; it must be a number of pixels, at least 1, or (height, width)")
    return int(pair[0]), int(pair[1])


def _convert(data: ImageData, size: tuple[int, int] | None, channels: int | None) -> ImageData:
    """Bring pictures to a size and to grey or colour."""
    images = data.images
    if channels == 3 and images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    elif channels == 1 and images.shape[1] == 3:
        # the luma of ITU-R BT.601 in integers, as Pillow has it
        weights = np.array([19595, 38470, 7471], np.uint32)[:, None, None]
        images = np.concatenate(
            [((part * weights).sum(1, keepdims=True) + 0x8000 >> 16).astype(np.uint8) for part in _parts(images)]
        )
    if size is not None and images.shape[2:] != size:
        _check_bytes(len(images), images.shape[1], size)
        images = np.stack([resize_image(image, size, crop=True) for image in images])
    return replace(data, images=images)


def _parts(images: np.ndarray, n: int = 1024) -> list[np.ndarray]:
    return [images[i : i + n] for i in range(0, len(images), n)]


def _check_bytes(n: int, channels: int, size: tuple[int, int]) -> None:
    if (needed := n * channels * size[0] * size[1]) > MOST_BYTES:
        raise ValueError(
            f"`size` is {size[0]} x {size[1]}: {n} pictures would take {needed / 2**30:.0f} GiB; "
            f"give a smaller size (at most {MOST_BYTES >> 30} GiB)"
        )


# Data sets with a name --------------------------------------------------------------------------------------


def _mnist(split: str, size: Any, report: Report | None) -> ImageData:
    prefix = {"train": "train", "test": "t10k"}[split]
    for path in (cache_dir() / "mnist" / "mnist.npz", cache_dir() / "mnist.npz"):  # as Keras keeps it
        if path.is_file() and not all(cached("mnist")):
            arrays = _read_npz(path)
            if {f"x_{split}", f"y_{split}"} <= arrays.keys():
                images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
                return ImageData(images[:, None], labels.astype(np.int64), list(DIGITS), "mnist")
    files = {path.name: path for path in find("mnist", report)}
    images = _read_idx(files[f"{prefix}-images-idx3-ubyte.gz"])
    labels = _read_idx(files[f"{prefix}-labels-idx1-ubyte.gz"])
    return ImageData(images[:, None], labels.astype(np.int64), list(DIGITS), "mnist")


def _read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes: 0, 0, 8 (bytes), the number of axes, each as a big-endian 32-bit number, the data."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _cifar10(split: str, size: Any, report: Report | None) -> ImageData:
    start = {"train": "data", "test": "test"}[split]
    chosen = [path for path in find("cifar10", report) if path.name.startswith(start)]
    records = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, 3073) for path in sorted(chosen)])
    images = records[:, 1:].reshape(-1, 3, 32, 32)  # 1 byte for the class, then the red, green and blue planes
    return ImageData(np.ascontiguousarray(images), records[:, 0].astype(np.int64), list(CIFAR10), "cifar10")


def _frogs(split: str, size: Any, report: Report | None) -> ImageData:
    """The frogs of the training set, in its order; kept apart once they were picked out."""
    path = cache_dir() / FROGS
    if path.is_file():
        images = _read_npz(path)["x_train"].transpose(0, 3, 1, 2)
        if images.shape != (5000, 3, 32, 32):
            raise ValueError(f"{path} holds {images.shape}; it must hold 5000 frogs: remove it")
        return ImageData(np.ascontiguousarray(images), name="cifar10-frogs")
    whole = _cifar10(split, size, report)
    frogs = whole.images[whole.labels == CIFAR10.index("frog")]
    if writable():
        buffer = io.BytesIO()
        np.savez_compressed(buffer, x_train=frogs.transpose(0, 2, 3, 1))
        write_file(path, buffer.getvalue())
    return ImageData(frogs, name="cifar10-frogs")


def _font_digits(split: str, size: Any, report: Report | None) -> ImageData:
    images, labels = font_digits({"train": 60_000, "test": 10_000}[split], split)
    return ImageData(images, labels, list(DIGITS), "font-digits")


def _shapes(split: str, size: Any, report: Report | None) -> ImageData:
    side = min(size) if size else 32  # drawn as large as asked for
    images, labels = shapes({"train": 20_000, "test": 4_000}[split], split, side)
    return ImageData(images, labels, list(SHAPE_ATTRIBUTES), "shapes")


_NAMED: dict[str, Callable[[str, Any, Report | None], ImageData]] = {
    "mnist": _mnist,
    "cifar10": _cifar10,
    "cifar10-frogs": _frogs,
    "font-digits": _font_digits,
    "shapes": _shapes,
}


# A file of arrays -------------------------------------------------------------------------------------------


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # opened here: NumPy leaves a damaged file open
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise ValueError(f"`data` is {str(path)!r}, which cannot be read as .npz: {reason}") from None


def _load_npz(path: Path) -> ImageData:
    arrays = _read_npz(path)
    if not arrays:
        raise ValueError(f"`data` is {str(path)!r}, which holds no arrays")
    key = "images" if "images" in arrays else next(iter(arrays))
    images = arrays[key]
    if images.ndim == 3:  # (N, H, W) -> (N, 1, H, W)
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3, 4) and images.shape[1] not in (1, 3):
        images = images[..., :3].transpose(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W); no opacity
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size or images.dtype != np.uint8:
        raise ValueError(
            f"`data` is {str(path)!r}, whose {key!r} is {arrays[key].dtype} of shape {arrays[key].shape}; it must be "
            "uint8 (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3"
        )
    labels = arrays.get("labels")
    if labels is None:
        return ImageData(np.ascontiguousarray(images), name=path.name)
    if labels.ndim not in (1, 2) or len(labels) != len(images) or labels.dtype.kind not in "biuU":
        raise ValueError(
            f"`data` is {str(path)!r}, whose 'labels' is {labels.dtype} of shape {labels.shape}; for {len(images)} "
            f"pictures it must be classes ({len(images)},) or attributes ({len(images)}, A)"
        )
    names = [str(n) for n in arrays["names"].ravel()] if "names" in arrays else []
    if labels.ndim == 2:
        labels = _attributes(labels, str(path))
        names = names or [f"attribute_{i}" for i in range(labels.shape[1])]
    elif not names or labels.dtype.kind == "U":
        labels, names = _classes(labels.tolist())
    else:
        labels = labels.astype(np.int64)
        if labels.min() < 0:
            raise ValueError(f"`data` is {str(path)!r}, whose 'labels' go down to {labels.min()}; classes count from 0")
    return ImageData(np.ascontiguousarray(images), labels, names, path.name)


def _classes(values: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """Number the classes: in the order of numbers where all are, else of names."""
    try:
        kinds = sorted(set(values), key=int)
    except ValueError:
        kinds = sorted(set(values))
    number = {kind: i for i, kind in enumerate(kinds)}
    return np.array([number[value] for value in values], np.int64), [str(kind) for kind in kinds]


def _attributes(table: np.ndarray, where: str) -> np.ndarray:
    if table.dtype.kind not in "biu" or not np.isin(table, (-1, 0, 1)).all():
        raise ValueError(f"`labels` of {where} has several columns; they must hold 1, 0 or -1 only")
    return table > 0


# A folder of pictures ---------------------------------------------------------------------------------------


def _load_folder(
    folder: Path, size: tuple[int, int] | None, channels: int | None, table: str | Path | None, report: Report
) -> ImageData:
    found = [path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file()]
    paths = {path.relative_to(folder).as_posix(): path for path in found}
    if not paths:
        raise ValueError(f"`data` is {str(folder)!r}, a folder without pictures ({' '.join(ENDINGS)})")
    names = sorted(paths)
    labels: dict[str, Any] = {}
    kinds: list[str] = []
    if table is not None:
        labels, kinds = _read_table(Path(table), names)
        if len(labels) < len(names):
            unknown = [name for name in names if name not in labels]
            report(f"`labels` is {str(table)!r}, which does not name {_some(unknown)}; left out")
            names = [name for name in names if name in labels]
    images, names = _read_all(folder, paths, names, size, channels, report)
    chosen = np.array([labels[name] for name in names]) if table is not None else None
    return ImageData(images, chosen, kinds, folder.name or str(folder))


def _read_all(
    folder: Path, paths: dict[str, Path], names: list[str], size: tuple[int, int] | None, channels: int | None,
    report: Report,
) -> tuple[np.ndarray, list[str]]:
    """Read pictures into one array; return it and the names of those that could be read."""
    images: np.ndarray | None = None
    good: list[str] = []
    bad: list[str] = []
    grey = True
    for name in names:
        try:
            image = read_image(paths[name], size, channels or 3)
        except (ValueError, OSError):
            bad.append(name)
            continue
        if images is None:
            _check_bytes(len(names), image.shape[0], image.shape[1:])
            images = np.empty((len(names), *image.shape), np.uint8)
        elif image.shape != images.shape[1:]:
            (h, w), (h0, w0) = image.shape[1:], images.shape[2:]
            raise ValueError(
                f"`size` is None, but the pictures of {folder} differ: {good[0]} is {h0} x {w0}, {name} is {h} x {w}; "
                "say what size they shall have"
            )
        images[len(good)] = image
        good.append(name)
        grey = grey and (channels is not None or bool((image[:1] == image[1:]).all()))
    if images is None:
        raise ValueError(f"`data` is {str(folder)!r}, where no picture can be read: {_some(bad)}")
    if bad:
        report(f"`data` is {str(folder)!r}: cannot be read and left out: {_some(bad)}")
    images = images[: len(good)]
    if channels is None and grey:
        images = np.ascontiguousarray(images[:, :1])
    return images, good


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _read_table(path: Path, names: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Read a table of labels.

    Returns:
        For each picture that it names its class or its row of attributes, and the names of these.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ValueError(f"`labels` is {str(path)!r}, which does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"`labels` is {str(path)!r}, which is no text file: {type(error).__name__}") from None
    rows = _celeba(lines) or [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise ValueError(f"`labels` is {str(path)!r}, which has no columns of labels behind the file names")
    header, width = rows[0], len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ValueError(f"`labels` is {str(path)!r}, whose row {number} has {len(row)} columns, the first {width}")
    # by path, or by the file's own name where only one picture has it
    own = [name.rpartition("/")[2] for name in names]
    known = {short: name for short, name in zip(own, names, strict=True) if own.count(short) == 1} if len(
        set(own)
    ) < len(own) else dict(zip(own, names, strict=True))
    known |= {name: name for name in names}
    if header[0].strip() in known:  # no header: the first row is a picture
        header = ["", *(f"attribute_{i}" for i in range(width - 1))]
    else:
        rows = rows[1:]
    chosen = {known[row[0].strip()]: [cell.strip() for cell in row[1:]] for row in rows if row[0].strip() in known}
    if not chosen:
        raise ValueError(
            f"`labels` is {str(path)!r}, which names none of the {len(names)} pictures: "
            f"its first is {rows[0][0]!r}, the folder's {names[0]!r}"
        )
    cells = {cell for row in rows for cell in row[1:]}
    if {cell.strip() for cell in cells} <= {"0", "1", "-1"}:
        return {name: [cell == "1" for cell in row] for name, row in chosen.items()}, [c.strip() for c in header[1:]]
    if width > 2:
        strange = next(cell for row in chosen.values() for cell in row if cell not in ("0", "1", "-1"))
        raise ValueError(
            f"`labels` is {str(path)!r}, which has {width - 1} columns of labels and in them {strange!r}; "
            "attributes are 1, 0 or -1; classes take one column"
        )
    numbers, kinds = _classes([row[0] for row in chosen.values()])
    return dict(zip(chosen, numbers.tolist(), strict=True)), kinds


def _celeba(lines: list[str]) -> list[list[str]] | None:
    """Read CelebA's own list: the number of pictures, the names of the attributes, then name and -1 or 1 for each."""
    if len(lines) < 3 or not lines[0].strip().isdigit():
        return None
    return [["file", *lines[1].split()], *(line.split() for line in lines[2:] if line.strip())]
