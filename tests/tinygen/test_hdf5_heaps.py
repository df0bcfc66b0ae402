"""Damaged files of Keras weights: each gives one line, none hangs, none ends the process."""

import struct
import subprocess
import sys

import numpy as np
import pytest

from tinygen.models import hdf5_heaps
from tinygen.models.keras_files import opened

h5py = pytest.importorskip("h5py")

LAYERS = [f"conv2d_{i}" for i in range(1, 5)]
READ = """
import sys, warnings
from pathlib import Path
from tinygen.models.keras_files import opened, read_array

warnings.simplefilter("error")
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        with opened(path) as stored:
            for layer in stored.layers:
                for array in layer.arrays:
                    read_array(array)
    except ValueError as error:
        print(path.name, "refused:", str(error).replace(chr(10), "NEWLINE"), flush=True)
    except MemoryError:  # a shape that cannot be; loading compares it with the network's before it reads
        print(path.name, "refused: `weights`: too large", flush=True)
    else:
        print(path.name, "read", flush=True)
"""


def write(path, layout):
    rng = np.random.default_rng(1)
    arrays = [(rng.normal(size=(3, 3, 2, 4)).astype(np.float32), np.zeros(4, np.float32)) for _ in LAYERS]
    with h5py.File(path, "w", libver="latest" if layout == "latest" else None) as file:
        if layout == "legacy":
            file.attrs["layer_names"] = np.array(LAYERS, "S")
        for name, pair in zip(LAYERS, arrays, strict=True):
            if layout == "legacy":
                file.create_group(name).attrs["weight_names"] = np.array(["kernel:0", "bias:0"], "S")
                places = [f"{name}/kernel:0", f"{name}/bias:0"]
            else:
                file.create_group(f"layers/{name}").attrs["name"] = name
                places = [f"layers/{name}/vars/0", f"layers/{name}/vars/1"]
            for place, array in zip(places, pair, strict=True):
                file.create_dataset(place, data=array)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a file in each layout."""
    folder = tmp_path_factory.mktemp("whole")
    for layout in ("legacy", "keras3", "latest"):
        write(folder / layout, layout)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_first_string(data, number, size):
    """The first object of the first heap of strings gets another number and size; 0 is free space."""
    at = data.index(hdf5_heaps.GLOBAL) + 16
    return data[:at] + struct.pack("<H6xQ", number, size) + data[at + 16 :]


def with_a_circle(data):
    """The first gap of the last heap of names leads to itself."""
    at = data.rindex(hdf5_heaps.LOCAL)
    _, gap, contents = struct.unpack_from("<QQQ", data, at + 8)
    return data[: contents + gap] + struct.pack("<Q", gap) + data[contents + gap + 8 :]


def read_all(folder):
    """What reading each file of a folder in one process says; a file that hangs or crashes it has no line."""
    command = [sys.executable, "-c", READ, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"hangs after {(error.stdout or b'').decode()[-200:]}")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_damaged_files_give_a_line_each(whole, tmp_path):
    rng = np.random.default_rng(0)
    for layout, data in whole.items():
        (tmp_path / layout).write_bytes(data)
        for length in [0, 4, 8, 9, 40, 95, *rng.integers(100, len(data), 6).tolist(), len(data) - 1]:
            (tmp_path / f"{layout}-cut-{length}").write_bytes(data[:length])
        for i in range(40):
            changed = bytearray(data)
            for place in rng.integers(0, len(data), 1 + i % 4):
                changed[place] ^= 1 << rng.integers(8)
            (tmp_path / f"{layout}-flip-{i}").write_bytes(changed)
        for i in range(20):
            start, changed = int(rng.integers(0, len(data))), bytearray(data)
            changed[start : start + 64] = bytes([0, 255][i % 2] for _ in changed[start : start + 64])
            (tmp_path / f"{layout}-wiped-{i}").write_bytes(changed)
    found = read_all(tmp_path)
    assert set(found) == {path.name for path in tmp_path.iterdir()}
    assert all(found[layout] == "read" for layout in whole)
    refused = {name: line for name, line in found.items() if line.startswith("refused: ")}
    assert {name for name in found if "-cut-" in name} <= set(refused)
    assert sum("-flip-" in name for name in refused) > 10
    for name, line in refused.items():
        assert "NEWLINE" not in line, name
        assert line.startswith("refused: `weights`"), (name, line)


def test_heaps_that_would_be_read_for_ever(whole, tmp_path):
    (tmp_path / "empty").write_bytes(with_first_string(whole["keras3"], 0, 0))
    (tmp_path / "huge").write_bytes(with_first_string(whole["keras3"], 1, 2**64 - 1))
    (tmp_path / "names").write_bytes(with_a_circle(whole["legacy"]))
    found = read_all(tmp_path)
    for name, words in (("empty", "leads nowhere"), ("huge", "leads nowhere"), ("names", "gaps that lead in a circle")):
        assert "which is damaged or cut short: the heap of " in found[name]
        assert words in found[name]


@pytest.mark.parametrize("layout", ["legacy", "keras3", "latest"])
def test_whole_files_pass(whole, layout, tmp_path):
    assert any(sign in whole[layout] for sign in (hdf5_heaps.GLOBAL, hdf5_heaps.LOCAL))
    (tmp_path / "x").write_bytes(whole[layout])
    hdf5_heaps.check(tmp_path / "x")
    with opened(tmp_path / "x") as stored:
        assert len(stored.layers) == len(LAYERS)


def test_an_array_where_a_group_belongs(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = np.array(["a"], "S")
        file.create_group("a").attrs["weight_names"] = np.array(["b/c"], "S")
        file["a/b"] = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=r"/a/b is an array; it must be a group"), opened(tmp_path / "x.h5"):
        pass
