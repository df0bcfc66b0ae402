"""Weights as Keras keeps them in HDF5 files, of Keras 1, 2 and 3.

Up to Keras 2 (and ``.h5`` files of Keras 3) the root, or its group ``model_weights``, has an attribute ``layer_names``;
the group of each layer has ``weight_names``, which are paths within it. ``.weights.h5`` files of Keras 3 have groups
``layers/conv2d_1`` with ``vars/0``, ``vars/1``, ...; the group's name counts the layers of one class, in the model's
order; an attribute ``name`` has the layer's own name, but not in files of the first versions.

Source: ``legacy_h5_format.py`` and ``saving_lib.py`` of Keras.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygen.models import hdf5_heaps

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TORCH = "safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'weights.safetensors')"
_OTHER_FORMATS = {
    b"\x80": f"a pickle, which could run anything and is not opened; if PyTorch wrote it: {_TORCH}",
    b"PK": f"a zip archive; a .keras file holds model.weights.h5: unzip it; if PyTorch wrote it: {_TORCH}",
}


class StoredArray(NamedTuple):
    """An array of a file, to be read when it is wanted.

    Attributes:
        name: such as ``"conv2d_1/kernel:0"`` or ``"0"``.
        shape: its shape.
        dtype: of its numbers.
        data: the HDF5 data set.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    data: Any


class StoredLayer(NamedTuple):
    """A layer of a file, with weights.

    Attributes:
        name: the layer's, or that of its group.
        arrays: in the file's order.
    """

    name: str
    arrays: list[StoredArray]


class StoredWeights(NamedTuple):
    """What a file holds.

    Attributes:
        layers: in the file's order.
        counted: the names are those of groups of Keras 3, which count the layers of a class in the model's order.
    """

    layers: list[StoredLayer]
    counted: bool


@contextlib.contextmanager
def opened(path: Path) -> Iterator[StoredWeights]:
    """Open a file of Keras weights; its arrays can be read until the block ends.

    Args:
        path: the file.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: it is something else, damaged, or cut short; also where that shows only as an array is read.
    """
    import h5py

    start = read_start(path)
    if not start.startswith(SIGNATURE):
        raise ValueError(f"`weights` is {str(path)!r}, which is {_what(start)}")
    try:
        hdf5_heaps.check(path)  # before libhdf5 gets lost in them
    except ValueError as error:
        raise ValueError(f"`weights` is {str(path)!r}, which is {_damage(error)}") from None
    with contextlib.ExitStack() as stack:
        try:
            stored = _read(stack.enter_context(h5py.File(path, "r")), path)
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:  # as h5py puts it
            if str(error).startswith("`weights`"):  # or as it was put below
                raise
            raise ValueError(f"`weights` is {str(path)!r}, which is {_damage(error)}") from None
        yield stored


def read_start(path: Path) -> bytes:
    """The first bytes of a file.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
    """
    if path.is_dir():
        raise IsADirectoryError(f"`weights` is {str(path)!r}, a folder; it must be a file")
    try:
        with path.open("rb") as file:
            return file.read(16)
    except FileNotFoundError:
        raise FileNotFoundError(f"`weights` is {str(path)!r}, which does not exist") from None


def read_array(array: StoredArray) -> np.ndarray:
    """Read an array as float32.

    Raises:
        ValueError: if it does not hold floating numbers, keeps them in another file, or is damaged.
    """
    data = array.data
    if data.external or data.is_virtual:
        raise ValueError(f"`weights`: {data.name} keeps its numbers in another file, which is not opened")
    if array.dtype.kind != "f":
        raise ValueError(f"`weights`: {data.name} holds {array.dtype}; it must be floating")
    try:
        return np.asarray(data[()], np.float32)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"`weights`: {data.name} cannot be read, the file is {_damage(error)}") from None


def _damage(error: Exception) -> str:
    reason = str(error).strip("'\"").splitlines()[0][:120] if str(error) else type(error).__name__
    return f"damaged or cut short: {reason}"


def _what(start: bytes) -> str:
    for sign, what in _OTHER_FORMATS.items():
        if start.startswith(sign):
            return what
    return f"no HDF5 file (it begins with {start[:8]!r}); valid are Keras' .h5 files, and safetensors"


def _read(file: Any, path: Path) -> StoredWeights:
    names, root = _strings(file, "layer_names"), file
    if not names and "model_weights" in file:
        root = _hard(file, "model_weights")
        names = _strings(root, "layer_names")
    if names:
        layers = [StoredLayer(name, _legacy_arrays(root, name)) for name in names]
        return StoredWeights([layer for layer in layers if layer.arrays], False)
    for key in ("layers", "_layer_checkpoint_dependencies"):  # the second: TensorFlow 2.12
        if key in file:
            groups = sorted(_groups(_hard(file, key)), key=lambda found: _count(found[0]))
            named = all("name" in group.attrs for _, group in groups)
            layers = [
                StoredLayer(str(_attribute(group, "name")) if named else name, _numbered_arrays(group))
                for name, group in groups
            ]
            return StoredWeights(layers, not named)
    raise ValueError(f"`weights` is {str(path)!r}, an HDF5 file, but not of Keras weights: it holds {list(file)[:5]}")


def _strings(group: Any, name: str) -> list[str]:
    """An attribute that is a list of strings; Keras cuts long ones into name0, name1, ..."""
    parts = [_attribute(group, name)] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(_attribute(group, f"{name}{len(parts)}"))
    return [s.decode() if isinstance(s, bytes) else str(s) for part in parts for s in part]


def _attribute(group: Any, name: str) -> Any:
    """An attribute of at most a mebibyte: Keras writes 64 KiB at most, a damaged file may claim anything."""
    known = group.attrs.get_id(name)
    if math.prod(known.shape or ()) * known.dtype.itemsize > 1 << 20:
        raise ValueError(f"`weights`: the attribute {name!r} of {group.name} is too large; the file is damaged")
    return group.attrs[name]


def _legacy_arrays(root: Any, name: str) -> list[StoredArray]:
    group = _hard(root, name)
    return [_array(group, weight, weight) for weight in _strings(group, "weight_names")]


def _groups(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, group) of every group with weights; models may stand within models."""
    for name in group:
        inner = _hard(group, name)
        if name == "vars" or not hasattr(inner, "keys"):
            continue
        if "vars" in inner and len(inner["vars"]):
            yield prefix + name, inner
        yield from _groups(inner, f"{prefix}{name}/")


def _numbered_arrays(group: Any) -> list[StoredArray]:
    return [_array(group, f"vars/{name}", name) for name in sorted(group["vars"], key=_count)]


def _count(name: str) -> tuple[str, int]:
    """Sorts conv2d, conv2d_1, ..., conv2d_10 (and 0, ..., 10) as they were counted."""
    found = re.search(r"_?(\d+)$", name)
    return (name[: found.start()], int(found[1])) if found else (name, 0)


def _array(group: Any, path: str, name: str) -> StoredArray:
    data = _hard(group, path)
    if not hasattr(data, "shape"):
        raise ValueError(f"`weights`: {data.name} is a group; it must be an array")
    return StoredArray(name, data.shape, data.dtype, data)


def _hard(group: Any, path: str) -> Any:
    """What lies at a path within the file, by no link that leads elsewhere."""
    for name in path.split("/"):
        if not hasattr(group, "keys"):
            raise ValueError(f"`weights`: {group.name} is an array; it must be a group")
        kind = group.get(name, getclass=True, getlink=True)
        if kind is not None and kind.__name__ != "HardLink":
            raise ValueError(f"`weights`: {group.name}/{name} is a link, which is not followed")
        group = group[name]
    return group
