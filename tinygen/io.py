"""Weights in safetensors files: the one place where arrays meet a disk.

A safetensors file is 8 bytes of header length, a JSON header and the arrays' bytes: no pickle, so that a
stranger's file can only be wrong, not dangerous. Files are read with the library. They are written here,
because the library (0.8.0) orders its header by a random hash (50 saves of one dict gave 20 different files),
saves a strided array with wrong values and without a word, and neither syncs the file nor honours the umask.

Source: the safetensors format, https://github.com/huggingface/safetensors (README, section "Format").
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

FORMAT_VERSION = 1

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_OWN_KEYS = ("format", "format_version", "checksum")
_TEMPORARY = ".tinygen-"  # + 16 hexadecimal digits + ".tmp": short, however long the final name is


# ---------------------------------------------------------------------------------------------- save and load


def save(
    path: str | os.PathLike[str], arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> str:
    """Write named arrays to a safetensors file, all of it or nothing.

    The same arrays and metadata give the same bytes, in whatever order, strides or byte order they come. The
    file is written beside its final name, synced, renamed: a failure or a kill leaves what was there before.

    Args:
        path: the file; its folder must exist. A symbolic link is followed.
        arrays: name -> NumPy array (any strides and byte order, 0-d and empty too), CuPy array, or tensor
            (anything with ``.numpy()``); bool, int8-64, uint8-64, float16-64.
        metadata: further strings for the file's header; ``format``, ``format_version`` and ``checksum`` are
            added here and may not be among them.

    Returns:
        The file's checksum, 8 hexadecimal digits.

    Raises:
        TypeError: a name or value that is no string, an array whose dtype safetensors cannot hold.
        ValueError: a reserved name.
        OSError: the file cannot be written; the line names the file and the reason.
    """
    chunks, checksum = encode(arrays, metadata)
    write_atomically(path, chunks)
    return checksum


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file, whoever wrote it.

    Args:
        path: the file.

    Returns:
        name -> NumPy array, writable and in this machine's byte order, of the dtype in the file; BF16, which
        NumPy lacks, becomes float32 of exactly the same value.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: the file is cut short, damaged, no safetensors file, or of a newer ``format_version``.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays of a safetensors file and the strings of its header.

    A file that tinygen wrote is checked against its checksum; other writers leave none, and are believed.

    Args:
        path: the file.

    Returns:
        (arrays as from :func:`load`, metadata with ``format``, ``format_version`` and ``checksum`` where
        tinygen wrote the file).

    Raises:
        FileNotFoundError, IsADirectoryError, ValueError: as :func:`load`.
    """
    import safetensors

    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"`{path}` is a folder, not a safetensors file")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"`{path}` does not exist") from None
    try:
        entries = safetensors.deserialize(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    except (safetensors.SafetensorError, ValueError) as error:
        raise ValueError(f"`{path}` is damaged or not a safetensors file: {error}") from None
    del raw  # `entries` holds copies
    metadata = header.get("__metadata__") or {}
    # Any two of the three keys make it ours: one flipped byte cannot pass a file off as somebody else's.
    ours = (metadata.get("format") == "tinygen") + ("format_version" in metadata) + ("checksum" in metadata)
    if ours >= 2:
        _verify(path, entries, metadata)
    return {name: _decode(path, name, entry) for name, entry in entries}, metadata


def _verify(path: Path, entries: list, metadata: dict[str, str]) -> None:
    version = metadata.get("format_version", "")
    if version.isdecimal() and int(version) > FORMAT_VERSION:
        raise ValueError(f"`{path}` has format_version {version}; this tinygen reads up to {FORMAT_VERSION}")
    records = [(name, entry["dtype"], list(entry["shape"]), entry["data"]) for name, entry in entries]
    found = _checksum(records, {key: value for key, value in metadata.items() if key != "checksum"})
    if metadata.get("format") != "tinygen" or metadata.get("checksum") != found:
        said = metadata.get("checksum", "missing")
        raise ValueError(f"`{path}` is damaged: its checksum is {said}, its contents give {found}")


def _decode(path: Path, name: str, entry: dict) -> np.ndarray:
    kind, shape, data = entry["dtype"], entry["shape"], entry["data"]
    if kind == "BF16":  # the upper half of a float32: the value is exact
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32).reshape(shape)
    if kind not in _DTYPES:
        raise ValueError(f"`{path}`: `{name}` has dtype {kind}; valid are {', '.join(_DTYPES)} and BF16")
    array = np.frombuffer(data, _DTYPES[kind]).reshape(shape)  # the library's own copy: a bytearray
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array if array.flags.writeable else array.copy()


# -------------------------------------------------------------------------------------------------- the bytes


def encode(arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> tuple[list, str]:
    """Turn named arrays into the bytes of a safetensors file.

    Args:
        arrays: as for :func:`save`.
        metadata: as for :func:`save`.

    Returns:
        (buffers that one after the other make up the file, checksum in 8 hexadecimal digits). The buffers are
        views of the arrays where those lie as the file wants them: write them before the arrays change.

    Raises:
        TypeError, ValueError: as :func:`save`.
    """
    strings = _checked_metadata(metadata or {})
    records = []
    for name, value in arrays.items():
        _check_string(name, f"array name {name!r}")
        if name == "__metadata__":
            raise ValueError("`__metadata__` is the name of the file's header; call the array something else")
        array = host_array(value, name)
        records.append((name, _NAMES[array.dtype], list(array.shape), array.reshape(-1).view(np.uint8)))
    # widest first, as the library does, so that each array is aligned; then by name
    records.sort(key=lambda record: (-np.dtype(_DTYPES[record[1]]).itemsize, record[0]))
    strings.update(format="tinygen", format_version=str(FORMAT_VERSION))
    strings["checksum"] = checksum = _checksum(records, strings)
    header: dict[str, Any] = {"__metadata__": dict(sorted(strings.items()))}
    start = 0
    for name, kind, shape, data in records:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, start + len(data)]}
        start += len(data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little") + text, *(data for *_, data in records)], checksum


def host_array(value: Any, name: str) -> np.ndarray:
    """Bring an array or tensor to the host, contiguous, little-endian, of a dtype that safetensors can hold.

    Args:
        value: NumPy array or scalar, CuPy array, or tensor with ``.numpy()``.
        name: what to call it in an error.

    Returns:
        A NumPy array of the same shape; `value` itself where it already is one.

    Raises:
        TypeError: `value` is no array, or of another dtype.
    """
    array = value
    if not isinstance(array, np.ndarray | np.generic):
        if callable(getattr(array, "detach", None)):
            array = array.detach()
        for to_host in ("numpy", "get"):  # a tensor's, a CuPy array's
            if hasattr(array, "dtype") and callable(getattr(array, to_host, None)):
                array = getattr(array, to_host)()
                break
    if not isinstance(array, np.ndarray | np.generic):
        raise TypeError(f"`{name}` is a {type(value).__name__}; valid are NumPy and CuPy arrays and tensors")
    little = array.dtype.newbyteorder("<")
    if little not in _NAMES:
        valid = ", ".join(str(np.dtype(code)) for code in _DTYPES.values())
        raise TypeError(f"`{name}` has dtype {array.dtype}; valid are {valid}")
    return np.asarray(array, dtype=little, order="C")  # not ascontiguousarray: that makes 0-d arrays 1-d


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        _check_string(key, f"metadata key {key!r}")
        _check_string(value, f"metadata `{key}`")
        if key in _OWN_KEYS:
            raise ValueError(f"metadata key `{key}` is reserved, as are all of {', '.join(_OWN_KEYS)}")
    return dict(metadata)


def _check_string(value: Any, what: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{what} is a {type(value).__name__}; it must be a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a surrogate pair; UTF-8 cannot write that") from None


def _checksum(records: Iterable[tuple], metadata: Mapping[str, str]) -> str:
    """CRC-32 of the metadata, then of every name, dtype, shape and bytes in the order of the names."""
    value = zlib.crc32(json.dumps(sorted(metadata.items())).encode())
    for name, kind, shape, data in sorted(records, key=lambda record: record[0]):
        value = zlib.crc32(data, zlib.crc32(json.dumps([name, kind, shape]).encode(), value))
    return f"{value:08x}"


# ------------------------------------------------------------------------------------------------ whole files


def write_atomically(path: str | os.PathLike[str], chunks: Iterable) -> None:
    """Replace a file by new contents in one step: a reader, a kill or a power cut sees the old or the new.

    Temporary file in the same folder, fsync, rename, fsync of the folder. The file's mode follows the umask.

    Args:
        path: the file; its folder must exist. A symbolic link is followed.
        chunks: bytes-like objects, one after the other the new contents.

    Raises:
        OSError: with one line that names the file and the reason; what was there before is untouched (unless
            only the folder's fsync failed: then the new file stands).
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"`{path}` is a folder; a file name is needed")
    if path.exists() and not path.is_file():
        raise OSError(f"`{path}` is not a regular file; choose another name")
    temporary = write_temporary(path, chunks)
    try:
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def write_temporary(path: Path, chunks: Iterable) -> Path:
    """Write and sync a file under a temporary name beside `path`, to be renamed to it.

    Args:
        path: the final name, for its folder and for errors.
        chunks: bytes-like objects.

    Returns:
        The temporary file's path. On any failure the file is removed again.

    Raises:
        OSError: with one line that names `path` and the reason.
    """
    temporary = temporary_name(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary, flags, 0o666)  # the umask takes its bits off
        try:
            for chunk in chunks:
                write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise
    return temporary


def write_all(descriptor: int, data: Any) -> None:
    """Write all of a bytes-like object: one write() may take less (Linux takes at most 2 GiB).

    Args:
        descriptor: an open file.
        data: the bytes.

    Raises:
        OSError: from the system.
    """
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut.

    Args:
        folder: the folder. Does nothing where the system or the file system cannot sync folders.

    Raises:
        OSError: the disk refused.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such thing
            raise
    finally:
        os.close(descriptor)


def temporary_name(folder: Path) -> Path:
    """A name in `folder` that no other process uses, and that :func:`remove_temporaries` knows."""
    return folder / f"{_TEMPORARY}{secrets.token_hex(8)}.tmp"


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes left in `folder`; the caller knows that no other process writes there.

    Args:
        folder: an existing folder.

    Raises:
        OSError: from the system.
    """
    for path in folder.glob(f"{_TEMPORARY}*.tmp"):
        path.unlink()


def unwritable(path: Path, error: OSError) -> OSError:
    """The same error with a line that names the file and says what it means, for ``raise ... from error``."""
    if not path.parent.is_dir():
        return FileNotFoundError(errno.ENOENT, f"cannot write `{path}`: there is no folder `{path.parent}`")
    reason = error.strerror or str(error)
    return OSError(error.errno or errno.EIO, f"cannot write `{path}`: {reason}")
