import errno
import json
import os
import random
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest

from tinygen import io
from tinygen.checkpoint import (
    FILES,
    LAST,
    LAST_PREVIOUS,
    STATE,
    STATE_PREVIOUS,
    Checkpoints,
    decode_state,
    encode_state,
)

ENV = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(io.__file__)), "OPENBLAS_NUM_THREADS": "1"}


def weights(step):
    return {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T + step, "b": np.full(3, step, np.float32)}


def state(step):
    return {"momentum": {"w": np.full((2, 3), -step, np.float32)}, "step": step, "lr": 0.1 / step}


def write(folder, step, store=None):
    (store or Checkpoints(folder)).write(weights(step), state(step), step=step, extra={"note": str(step)})


def check(folder, *steps):
    """The newest checkpoint is whole and of one of the steps; returns its step."""
    found = Checkpoints(folder).read()
    assert found.step in steps
    for name, array in weights(found.step).items():
        np.testing.assert_array_equal(found.weights[name], array, strict=True)
    np.testing.assert_array_equal(found.state["momentum"]["w"], state(found.step)["momentum"]["w"])
    assert {k: v for k, v in found.state.items() if k != "momentum"} == {
        "step": found.step,
        "lr": 0.1 / found.step,
    }
    assert found.extra == {"note": str(found.step)}
    return found.step


@pytest.fixture
def two(tmp_path):
    """A folder with the checkpoints of step 1 and 2."""
    store = Checkpoints(tmp_path)
    for step in (1, 2):
        write(tmp_path, step, store)
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)
    return tmp_path


# ------------------------------------------------------------------------------------------------------ state


def same(a, b):
    if isinstance(a, np.ndarray | np.generic):
        assert type(a) is type(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif isinstance(a, dict):
        assert list(a) == list(b)  # also the order
        assert [type(key) for key in a] == [type(key) for key in b]
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert type(a) is type(b)
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, float):
        assert type(b) is float
        assert struct.pack("d", a) == struct.pack("d", b)
    else:
        assert type(a) is type(b)
        assert a == b


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        {"z": 1, "a": [True, None, "text", "", 10**40, -5]},
        [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, float("inf"), float("-inf")],
        struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0],  # a NaN with a message
        (1, (2.5, [3, ()])),
        {0: "int key", "0": "str key", None: 1, (1, 2): 3, 1.5: 4, True: 5},
        {"$array": "not one", "$dict": [["a", 1]]},
        {"a.b": np.ones(1), "a": {"b": np.zeros(2)}, "a.b'": np.ones(3)},
        [np.float64(0.1), np.float32(0.1), np.int64(3), np.bool_(True), np.array(2.5), np.array(True)],
        [np.arange(12).reshape(3, 4).T, np.zeros((0, 3)), np.ones(3, np.float16)],
        random.Random(1).getstate(),
        *(np.random.Generator(kind(3)).bit_generator.state for kind in (np.random.PCG64, np.random.SFC64)),
        *(np.random.Generator(kind(3)).bit_generator.state for kind in (np.random.MT19937, np.random.Philox)),
        {"unicode \N{SNOWMAN} \ud800": "\ud800"},
    ],
    ids=str,
)
def test_state_comes_back_exactly(value, tmp_path):
    if isinstance(value, dict) and any(np.ndim(v) for v in value.values()):
        value = {**value, "nested": [value]}
    arrays, text = encode_state(value)
    io.save(tmp_path / "a", arrays, {"state": text})
    arrays, metadata = io.load_with_metadata(tmp_path / "a")
    same(value, decode_state(arrays, metadata["state"]))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"a": {"b": object()}}, r"`state\.a\.b` is a object; a state may hold dicts"),
        ({"a": [1, {2}]}, r"`state\.a\.1` is a set"),
        ({"a": 1j}, r"`state\.a` is a complex"),
        ({"a": np.array(["x"])}, r"`state\.a` has dtype <U1"),
        ({"a": b"x"}, r"`state\.a` is a bytes"),
    ],
)
def test_what_a_state_cannot_hold(value, line, two):
    with pytest.raises(TypeError, match=line):
        Checkpoints(two).write(weights(3), value, step=3)
    check(two, 2)
    assert sorted(os.listdir(two)) == sorted(FILES)


# ---------------------------------------------------------------------------------------- damaged and cut off


def test_nothing_there(tmp_path):
    store = Checkpoints(tmp_path)
    assert store.read() is None
    assert store.warnings == []


def test_metadata_holds_no_more_than_it_must(two):
    assert io.load_with_metadata(two / LAST)[1].keys() == {"format", "format_version", "checksum", "step"}
    assert json.loads(io.load_with_metadata(two / STATE)[1]["state"])["step"] == 2


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 4
    path.unlink()  # hard links: the other name keeps its contents
    path.write_bytes(raw)


def remove(path):
    path.unlink()


def nonsense(path):
    path.unlink()
    path.write_text("no safetensors file")


def foreign(path):
    path.unlink()
    io.save(path, {"x": np.ones(3)})


DAMAGES = [truncate, flip, remove, nonsense, foreign]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("names", [[LAST], [STATE], [LAST, STATE]])
def test_a_damaged_checkpoint_is_passed_over(two, damage, names):
    for name in names:
        damage(two / name)
    store = Checkpoints(two)
    assert store.read().step == 1
    check(two, 1)
    (line,) = store.warnings
    assert line.endswith("; going on from the checkpoint before, step 1")
    assert any(name in line for name in names)
    assert "\n" not in line
    write(two, 5, store)  # the good one is kept, not the damaged one
    check(two, 5)
    flip(two / STATE)
    check(two, 1)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_the_previous_one_goes_unnoticed(two, damage):
    damage(two / LAST_PREVIOUS)
    damage(two / STATE_PREVIOUS)
    store = Checkpoints(two)
    assert store.read().step == 2
    assert store.warnings == []
    write(two, 3, store)
    flip(two / LAST)
    check(two, 2)


@pytest.mark.parametrize(
    "names", [[LAST, LAST_PREVIOUS], [STATE, STATE_PREVIOUS], [LAST, STATE_PREVIOUS], FILES]
)
def test_no_good_one_is_refused_and_nothing_is_changed(two, names):
    for name in names:
        flip(two / name)
    before = {name: (two / name).read_bytes() for name in FILES}
    with pytest.raises(ValueError, match=r"^no checkpoint in `.*` can be used, and nothing was changed: .*$"):
        Checkpoints(two).read()
    assert {name: (two / name).read_bytes() for name in FILES} == before


def test_weights_alone_are_not_started_over(two):
    for name in (STATE, STATE_PREVIOUS, LAST_PREVIOUS):
        (two / name).unlink()
    with pytest.raises(ValueError, match=r"state\.safetensors` does not exist"):
        Checkpoints(two).read()


def test_files_of_two_runs_do_not_pair(two, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    Checkpoints(other).write({"w": np.ones(3)}, {}, step=2)
    shutil.copy(other / LAST, two / LAST)
    store = Checkpoints(two)
    assert store.read().step == 1
    assert "are not of one checkpoint; going on from the checkpoint before, step 1" in store.warnings[0]


def test_accept_can_pass_one_over(two):
    store = Checkpoints(two)
    assert store.read(lambda found: "no good" if found.step == 2 else None).step == 1
    assert store.warnings == ["no good; going on from the checkpoint before, step 1"]
    with pytest.raises(ValueError, match="nothing was changed: never"):
        Checkpoints(two).read(lambda found: "never")


def test_without_hard_links(tmp_path, monkeypatch):
    def link(*args):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    store = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        write(tmp_path, step, store)
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)
    check(tmp_path, 3)
    flip(tmp_path / LAST)
    check(tmp_path, 2)


def test_same_step_twice(two):
    store = Checkpoints(two)
    store.read()
    store.write(weights(2), state(2), step=2, finished=True, extra={"note": "2"})
    check(two, 2)
    assert Checkpoints(two).read().finished


# ------------------------------------------------------------------------------- a fault at every system call

CALLS = ("open", "write", "fsync", "close", "link", "replace", "unlink")


def wrap(monkeypatch, at):
    """Make the `at`-th system call fail, after half its work where it is a write; returns the calls made."""
    made = []

    def wrapped(name, real):
        def call(*args, **kwargs):
            made.append(name)
            if len(made) - 1 == at:
                if name == "write":
                    real(args[0], memoryview(args[1])[: len(args[1]) // 2])
                if name == "close":
                    real(*args)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, wrapped(name, getattr(os, name)))
    return made


@pytest.mark.parametrize("first", [False, True])
def test_an_error_at_every_system_call(two, tmp_path_factory, monkeypatch, first):
    failures = 0
    for at in range(200):
        folder = tmp_path_factory.mktemp("fault")
        if not first:
            shutil.copytree(two, folder, dirs_exist_ok=True)
        store = Checkpoints(folder)
        assert (store.read() is None) == first
        line = ""
        with monkeypatch.context() as patch:
            made = wrap(patch, at)
            try:
                write(folder, 3, store)
            except OSError as error:
                line = str(error)
        if len(made) <= at:
            break
        failures += bool(line)
        if made[at] != "unlink":  # a temporary file that cannot be removed is no failure
            assert "cannot write `" in line
            assert line.endswith(": No space left on device")
        if not first:
            check(folder, 2, 3)
        elif Checkpoints(folder).read() is not None:
            check(folder, 3)
        write(folder, 4, store)  # the run may go on, and so may one that is resumed
        check(folder, 4)
        flip(folder / LAST)
        check(folder, 2, 3) if not first else None
    assert failures >= (25 if not first else 15)


# Forks, each of which dies at the k-th system call: before it, after it, or (a write) half-way; as with
# SIGKILL, no clean-up runs. Then chains of such deaths, each process going on from what the one before left.
KILLER = """
import os, random, shutil, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_checkpoint import *

def dying(k, how):
    made = 0
    def wrapped(name, real):
        def call(*args, **kwargs):
            nonlocal made
            made += 1
            if made - 1 != k:
                return real(*args, **kwargs)
            if how == "after":
                try:
                    real(*args, **kwargs)
                finally:
                    os._exit(9)
            if how == "half" and name == "write":
                real(args[0], memoryview(args[1])[: len(args[1]) // 2])
            os._exit(9)
        return call
    for name in CALLS:
        setattr(os, name, wrapped(name, getattr(os, name)))

def child(folder, step, k, how, links):
    pid = os.fork()
    if pid == 0:
        try:
            store = Checkpoints(folder)
            store.read()
            if not links:
                def link(*args):
                    raise OSError(errno.EPERM, "no links")
                os.link = link
            dying(k, how)
            write(folder, step, store)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

root = Path(sys.argv[2])
kills = 0
for begun in (False, True):
    for links in (True, False):
        for how in ("before", "after", "half"):
            for k in range(200):
                folder = root / "run"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                if begun:
                    store = Checkpoints(folder)
                    write(folder, 1, store)
                    write(folder, 2, store)
                code = child(folder, 3, k, how, links)
                if code == 0:
                    break
                assert code == 9, code
                kills += 1
                if links and begun:
                    io.load(folder / LAST)  # never missing, never half-written
                if begun or Checkpoints(folder).read() is not None:
                    check(folder, *((2, 3) if begun else (3,)))
                io.remove_temporaries(folder)
                assert set(os.listdir(folder)) <= set(FILES)
            assert k > 15, k
dice = random.Random(0)
for links in (True, False):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write(folder, 1)
    step = 1
    for _ in range(100):
        how = dice.choice(["before", "after", "half"])
        kills += child(folder, step + 1, dice.randrange(35), how, links) == 9
        step = check(folder, step, step + 1)
print(kills, step)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_kill_at_every_system_call(tmp_path):
    command = [sys.executable, "-c", KILLER, os.path.dirname(__file__), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENV)
    assert done.returncode == 0, done.stderr
    kills, step = map(int, done.stdout.split())
    assert kills > 300
    assert step > 5
