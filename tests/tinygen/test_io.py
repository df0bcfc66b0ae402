import contextlib
import errno
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from tinygen import io

ENV = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(io.__file__))}
DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, pipes and limits")


def some(dtype, shape=(4, 6), seed=0):
    values = np.random.default_rng(seed).integers(0, 100, shape)
    return (values % 2 if dtype == "?" else values).astype(dtype)


def leftovers(folder):
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


LAYOUTS = {
    "plain": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[::2, 1::3],
    "backwards": lambda a: a[::-1, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[0], (3, 6)),
    "fortran": lambda a: np.asfortranarray(a),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "big-endian transposed": lambda a: a.astype(a.dtype.newbyteorder(">")).T[1:],
    "0-d": lambda a: a[1, 1].reshape(()),
    "scalar": lambda a: a[1, 1],
    "empty": lambda a: a[:, :0],
    "one": lambda a: a[:1, :1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(tmp_path, dtype, layout):
    array = LAYOUTS[layout](some(dtype))
    before = array.copy()
    io.save(tmp_path / "a.safetensors", {"x": array, "other": np.ones(3, np.float32)})
    for back in (
        io.load(tmp_path / "a.safetensors")["x"],
        safetensors.numpy.load_file(tmp_path / "a.safetensors")["x"],  # the library agrees
    ):
        assert back.dtype == np.dtype(dtype)
        assert back.shape == array.shape
        np.testing.assert_array_equal(back, array, strict=False)
    np.testing.assert_array_equal(array, before)  # not touched
    mine = io.load(tmp_path / "a.safetensors")["x"]
    assert mine.flags.writeable
    assert mine.dtype.isnative


def test_special_floats_survive_bit_for_bit(tmp_path):
    bits = np.array([0x7FC00001, 0xFFC12345, 0x80000000, 1, 0x7F800000, 0xFF800000], np.uint32)
    io.save(tmp_path / "a", {"x": bits.view(np.float32)})
    np.testing.assert_array_equal(io.load(tmp_path / "a")["x"].view(np.uint32), bits)


def test_same_arrays_give_the_same_bytes(tmp_path):
    arrays = {name: some("f4", seed=i) for i, name in enumerate("abcdefgh")} | {
        "i": some("i8"),
        "z": some("?"),
    }
    names = {"step": "3", "loss": "0.25", "ä": "\N{SNOWMAN}\n\"'"}
    io.save(tmp_path / "1", arrays, names)
    changed = {name: np.asfortranarray(arrays[name]).astype(">f4") for name in "hgfedcba"}
    io.save(tmp_path / "2", {"z": arrays["z"], **changed, "i": arrays["i"]}, dict(reversed(names.items())))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert len({b"".join(bytes(c) for c in io.encode(arrays, names)[0]) for _ in range(5)}) == 1


def test_metadata(tmp_path):
    checksum = io.save(tmp_path / "a", {"x": some("f4")}, {"note": 'ü \x00 \\ "'})
    expected = {"note": 'ü \x00 \\ "', "format": "tinygen", "format_version": "1", "checksum": checksum}
    assert io.load_with_metadata(tmp_path / "a")[1] == expected
    with safetensors.safe_open(tmp_path / "a", framework="np") as file:
        assert file.metadata() == expected


def test_no_arrays(tmp_path):
    io.save(tmp_path / "a", {})
    assert io.load(tmp_path / "a") == {}


def test_arrays_lie_aligned(tmp_path):
    io.save(
        tmp_path / "a", {"a": some("u1", (3,)), "b": some("f8", (2,)), "c": some("?", (1,)), "d": some("f4")}
    )
    raw = (tmp_path / "a").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    assert size % 8 == 0
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % {"F64": 8, "F32": 4}.get(entry["dtype"], 1) == 0


class OnGpu:
    """What CuPy's arrays have: get(), and no silent way to NumPy."""

    def __init__(self, array):
        self.array, self.dtype, self.shape = array, array.dtype, array.shape

    def get(self):
        return self.array

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion to NumPy")


class TensorLike:
    def __init__(self, array, requires_grad=True):
        self.data, self.dtype, self.requires_grad = array, array.dtype, requires_grad

    def detach(self):
        return TensorLike(self.data, requires_grad=False)

    def numpy(self):
        if self.requires_grad:
            raise RuntimeError("detach() first")
        return self.data


@pytest.mark.parametrize("wrap", [OnGpu, TensorLike])
def test_arrays_of_other_kinds(tmp_path, wrap):
    io.save(tmp_path / "a", {"x": wrap(some("f4").T)})
    np.testing.assert_array_equal(io.load(tmp_path / "a")["x"], some("f4").T)


# --------------------------------------------------------------------------------------- other people's files


def test_file_of_another_writer_has_no_checksum(tmp_path):
    for metadata in (None, {"format": "pt"}, {"checksum": "of their own"}):
        safetensors.numpy.save_file({"x": some("i4")}, tmp_path / "a", metadata)
        arrays, found = io.load_with_metadata(tmp_path / "a")
        np.testing.assert_array_equal(arrays["x"], some("i4"))
        assert found == (metadata or {})


def write_raw(path, kind, shape, data):
    header = json.dumps({"x": {"dtype": kind, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def test_bfloat16_becomes_float32_exactly(tmp_path):
    bits = np.array(
        [[0x3F80, 0xC000, 0x0001], [0x7F80, 0x8000, 0x3EAB]], "<u2"
    )  # 1, -2, least, inf, -0, ~1/3
    write_raw(tmp_path / "a", "BF16", [2, 3], bits.tobytes())
    x = io.load(tmp_path / "a")["x"]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, [[1, -2, 2.0**-133], [np.inf, 0, 171 / 512]])
    assert np.signbit(x[1, 1])


def test_dtype_that_numpy_lacks_is_named(tmp_path):
    write_raw(tmp_path / "a", "F8_E4M3", [2], b"\0\0")
    with pytest.raises(ValueError, match=r"`x` has dtype F8_E4M3; valid are F64, .* and BF16"):
        io.load(tmp_path / "a")


@pytest.mark.torch
def test_torch_reads_ours(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import load_file

    arrays = {name: some(name).T for name in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?")}
    arrays["0-d"], arrays["empty"] = np.float32(2.5), np.zeros((0, 3), np.float32)
    io.save(tmp_path / "a", arrays)
    for name, tensor in load_file(tmp_path / "a").items():
        np.testing.assert_array_equal(tensor.numpy(), arrays[name])
    io.save(tmp_path / "b", {"x": torch.arange(6.0).reshape(2, 3).T.requires_grad_()})
    np.testing.assert_array_equal(io.load(tmp_path / "b")["x"], np.arange(6.0).reshape(2, 3).T)


@pytest.mark.torch
def test_we_read_torchs(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import save_file

    kinds = [torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.uint8]
    tensors = {
        str(kind): torch.arange(12).reshape(3, 4).to(kind) for kind in [*kinds, torch.int8, torch.bool]
    }
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    save_file({**tensors, "all bfloat16": every}, tmp_path / "a")
    found = io.load(tmp_path / "a")
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(found[name], tensor.numpy())
    bits = found["all bfloat16"].view(np.uint32)
    np.testing.assert_array_equal(
        bits, every.view(torch.int16).numpy().view(np.uint16).astype(np.uint32) << 16
    )
    np.testing.assert_array_equal(found["all bfloat16"], every.float().numpy())


# ---------------------------------------------------------------------------------------------- damaged files


def test_every_flipped_bit_is_noticed(tmp_path):
    io.save(tmp_path / "a", {"x": some("f4", (2, 3)), "y": some("?", (3,))}, {"step": "12"})
    good = (tmp_path / "a").read_bytes()
    arrays, metadata = io.load_with_metadata(tmp_path / "a")
    refused = 0
    for position in range(8 * len(good)):
        raw = bytearray(good)
        raw[position // 8] ^= 1 << position % 8
        (tmp_path / "b").write_bytes(raw)
        try:
            found, about = io.load_with_metadata(tmp_path / "b")
        except ValueError:
            refused += 1
        else:  # a blank of the header's padding that became another kind of blank
            assert about == metadata
            assert found.keys() == arrays.keys()
            assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    assert refused > 8 * len(good) - 40


def test_every_truncation_is_noticed(tmp_path):
    io.save(tmp_path / "a", {"x": some("f4", (2, 3))})
    good = (tmp_path / "a").read_bytes()
    for size in range(len(good)):
        (tmp_path / "b").write_bytes(good[:size])
        with pytest.raises(ValueError, match="damaged or not a safetensors file"):
            io.load(tmp_path / "b")
    (tmp_path / "b").write_bytes(good + b"\0")
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        io.load(tmp_path / "b")


def test_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(io, "FORMAT_VERSION", 2)
    io.save(tmp_path / "a", {"x": some("f4")})
    monkeypatch.undo()
    with pytest.raises(ValueError, match="format_version 2; this tinygen reads up to 1"):
        io.load(tmp_path / "a")


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing` does not exist"):
        io.load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="is a folder, not a safetensors file"):
        io.load(tmp_path)
    (tmp_path / "text").write_text("These are no weights, this is text, and more of it.")
    with pytest.raises(ValueError, match="text` is damaged or not a safetensors file"):
        io.load(tmp_path / "text")


# -------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "line"),
    [
        ({"x": [1.0, 2.0]}, None, TypeError, "`x` is a list; valid are"),
        ({"x": 1.0}, None, TypeError, "`x` is a float; valid are"),
        ({"x": {}}, None, TypeError, "`x` is a dict; valid are"),
        ({"x": np.ones(2, complex)}, None, TypeError, "`x` has dtype complex128; valid are float64, .*bool"),
        ({"x": np.array(["a"])}, None, TypeError, "`x` has dtype <U1"),
        ({"x": np.array([None])}, None, TypeError, "`x` has dtype object"),
        ({1: np.ones(2)}, None, TypeError, "array name 1 is a int; it must be a string"),
        ({"__metadata__": np.ones(2)}, None, ValueError, "`__metadata__` is the name"),
        ({"\ud800": np.ones(2)}, None, ValueError, "half a surrogate pair"),
        ({}, {"step": 1}, TypeError, "metadata `step` is a int; it must be a string"),
        ({}, {"checksum": "1"}, ValueError, "`checksum` is reserved"),
    ],
)
def test_errors(tmp_path, arrays, metadata, error, line):
    with pytest.raises(error, match=line):
        io.save(tmp_path / "a", arrays, metadata)
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        io.save(tmp_path, {})
    with pytest.raises(FileNotFoundError, match=r"cannot write .*there is no folder `.*no`"):
        io.save(tmp_path / "no" / "a", {})
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"cannot write .*there is no folder|Not a directory"):
        io.save(tmp_path / "file" / "a", {})
    with pytest.raises(OSError, match="not a regular file"):
        io.save(os.devnull, {})


# -------------------------------------------------------------------------------------------------- atomicity


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path):
    io.save(tmp_path / ("a" * 255), {"x": some("f4")})
    assert io.load(tmp_path / ("a" * 255)).keys() == {"x"}


@posix
def test_mode_follows_the_umask_and_links_are_followed(tmp_path):
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        old = os.umask(mask)
        try:
            io.save(tmp_path / "a", {})
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode
    (tmp_path / "link").symlink_to(tmp_path / "a")
    io.save(tmp_path / "link", {"x": some("f4")})
    assert (tmp_path / "link").is_symlink()
    assert io.load(tmp_path / "a").keys() == {"x"}


CALLS = ("open", "write", "fsync", "close", "replace")


@contextlib.contextmanager
def failing(monkeypatch, at, code=errno.ENOSPC):
    """The `at`-th of the system calls fails; a write has then done a part of its work."""
    count = iter(range(10**9))

    def wrapped(name, real):
        def call(*args, **kwargs):
            if next(count) == at:
                if name == "write":
                    real(args[0], memoryview(args[1])[: len(args[1]) // 2])
                if name == "close":
                    real(*args)
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, wrapped(name, getattr(os, name)))
        yield


def test_a_failure_anywhere_leaves_the_old_file_or_the_new(tmp_path, monkeypatch):
    io.save(tmp_path / "a", {"x": some("f4", seed=1)})
    old = (tmp_path / "a").read_bytes()
    io.save(tmp_path / "b", {"x": some("f4", seed=2)})
    new = (tmp_path / "b").read_bytes()
    failures = 0
    for at in range(100):
        line = ""
        with failing(monkeypatch, at):
            try:
                io.save(tmp_path / "a", {"x": some("f4", seed=2)})
            except OSError as error:
                line = str(error)
        if not line:
            break
        failures += 1
        assert line.endswith(f"cannot write `{tmp_path / 'a'}`: {os.strerror(errno.ENOSPC)}")
        assert sorted(os.listdir(tmp_path)) == ["a", "b"]
        found = (tmp_path / "a").read_bytes()
        assert found == old or (found == new and at > 5)  # new: only the folder's sync failed
    assert (
        failures == 9 if os.name == "posix" else failures > 5
    )  # open 2 writes fsync close replace; the folder's 3
    assert (tmp_path / "a").read_bytes() == new


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    io.save(tmp_path / "a", {"x": some("f4")})

    def interrupt(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            io.save(tmp_path / "a", {"x": some("i8")})
    assert os.listdir(tmp_path) == ["a"]
    assert io.load(tmp_path / "a")["x"].dtype == np.float32


def test_order_of_syncs(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def traced_fsync(descriptor):
        calls.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def traced_replace(old, new):
        calls.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "replace", traced_replace)
    io.save(tmp_path / "a", {"x": some("f4")})
    assert calls == ["sync file", "rename", "sync folder"][: 3 if os.name == "posix" else 2]


FULL = """
import resource, sys
import numpy as np
from tinygen import io
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    io.save(sys.argv[1], {"x": np.zeros(5000)})
except OSError as error:
    print(error)
"""


@posix
def test_a_real_limit_of_the_system(tmp_path):
    io.save(tmp_path / "a", {"x": some("f4")})
    command = [sys.executable, "-c", FULL, tmp_path / "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENV)
    assert "cannot write" in done.stdout
    assert os.strerror(errno.EFBIG) in done.stdout
    assert done.stdout.count("\n") == 1
    assert os.listdir(tmp_path) == ["a"]
    np.testing.assert_array_equal(io.load(tmp_path / "a")["x"], some("f4"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_write_all_reports_a_full_disk():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left"):
            io.write_all(descriptor, b"x")
    finally:
        os.close(descriptor)


def test_write_all_goes_on_after_short_writes(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:7])))
    io.save(tmp_path / "a", {"x": some("f4")})
    monkeypatch.undo()
    np.testing.assert_array_equal(io.load(tmp_path / "a")["x"], some("f4"))


def test_remove_temporaries(tmp_path):
    (tmp_path / "keep.tmp").write_text("")
    io.write_temporary(tmp_path / "a", [b"x"])
    assert len(leftovers(tmp_path)) == 2
    io.remove_temporaries(tmp_path)
    assert os.listdir(tmp_path) == ["keep.tmp"]
