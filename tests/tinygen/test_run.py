import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygen import io
from tinygen.checkpoint import FILES, LAST, LAST_PREVIOUS, STATE
from tinygen.run import EXIT_INTERRUPTED, Run, new_run_path

ENV = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(io.__file__)), "OPENBLAS_NUM_THREADS": "1"}
SETTINGS = {"seed": 3, "units": 128, "lr": 0.01, "data": None, "layers": [1, 2], "epochs": 10}
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and locks")


def weights(step):
    return {"w": np.full((2, 3), step, np.float32)}


def train(run, first, last, save=()):
    for step in range(first, last + 1):
        run.log(step=step, loss=1 / step)
        run.log_timing(step=step, seconds=0.5)
        if step in save:
            run.checkpoint(weights(step), {"step": step}, step=step)


@pytest.fixture
def killed(tmp_path):
    """A run with checkpoints at steps 2 and 4 that logged up to 5 and half of 6."""
    path = tmp_path / "run"
    with Run.create(path, "text train", SETTINGS) as run:
        train(run, 1, 5, save=(2, 4))
    for name in ("metrics.jsonl", "timing.jsonl"):
        with open(path / name, "a") as file:
            file.write('{"step":6,"lo')
    return path


def resume(path, **changes):
    return Run.resume(path, "text train", {**SETTINGS, **changes}, may_change=("epochs",))


def contents(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def rows(path, name="metrics.jsonl"):
    return [json.loads(line) for line in (path / name).read_text().splitlines()]


# ----------------------------------------------------------------------------------------------------- create


def test_create(tmp_path):
    path = tmp_path / "deep" / "run"
    settings = {**SETTINGS, "out": Path("somewhere"), "pair": (1, 2.5), "np": np.float32(0.5)}
    with Run.create(path, "text train", settings) as run:
        assert (run.path, run.command) == (path, "text train")
        assert run.restore() is None
    config = json.loads((path / "config.json").read_text())
    assert config["command"] == "text train"
    assert config["settings"] == {**SETTINGS, "out": "somewhere", "pair": [1, 2.5], "np": 0.5}
    assert config["seed"] == 3
    assert config["versions"]["numpy"] == np.__version__
    assert {"tinygen", "python"} <= config["versions"].keys()
    assert (path / "metrics.jsonl").read_bytes() == b""


def test_create_refuses_a_run_a_file_and_what_looks_like_a_run(killed, tmp_path):
    before = contents(killed)
    with pytest.raises(
        ValueError, match="already holds a run; --resume continues it, or choose another --out"
    ):
        Run.create(killed, "text train", SETTINGS)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="file` is a file; a run needs a folder"):
        Run.create(tmp_path / "file", "text train", SETTINGS)
    with pytest.raises(OSError, match="cannot make the folder"):
        Run.create(tmp_path / "file" / "run", "text train", SETTINGS)
    for name in ("samples", "last.safetensors"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        with pytest.raises(ValueError, match=f"is no run but holds `{name}`"):
            Run.create(tmp_path / "mine", "text train", SETTINGS)
        (tmp_path / "mine" / name).rmdir()
    assert contents(killed) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_create_in_a_folder_with_other_things(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    Run.create(tmp_path, "text train", SETTINGS).close()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwrite_removes_the_run_and_nothing_else(killed):
    (killed / "notes.txt").write_text("mine")
    with resume(killed) as run:
        run.restore()
        run.write_text(4, "sample")
        run.save_best(weights(4))
    with Run.create(killed, "vae train", {}, overwrite=True) as run:
        assert run.restore() is None
        assert sorted(os.listdir(killed)) == [".lock", "config.json", "metrics.jsonl", "notes.txt"]
        assert (killed / "metrics.jsonl").read_bytes() == b""
    assert Run.open(killed).command == "vae train"


def test_overwrite_leaves_what_is_no_run(tmp_path):
    (tmp_path / "config.json").write_text('{"mine": 1}')
    with pytest.raises(ValueError, match="is not of a tinygen run"):
        Run.create(tmp_path, "text train", SETTINGS, overwrite=True)
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.parametrize(
    ("value", "error", "line"),
    [
        (float("inf"), ValueError, "setting `x` is inf; a run can keep finite numbers only"),
        ([1, float("nan")], ValueError, "setting `x` is nan"),
        (object(), TypeError, "setting `x` is a object; valid are strings"),
        (np.ones(3), TypeError, r"setting `x` has shape \(3,\); one element is needed"),
    ],
)
def test_settings_that_cannot_be_kept(tmp_path, value, error, line):
    with pytest.raises(error, match=line):
        Run.create(tmp_path / "run", "text train", {"x": value})
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_place_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="cannot make the folder"):
        Run.create(tmp_path / "run", "text train", SETTINGS)
    with pytest.raises(PermissionError, match="cannot write"):
        Run.create(tmp_path, "text train", SETTINGS)


def test_new_run_path(tmp_path):
    assert new_run_path("text train", tmp_path) == tmp_path / "text-train-1"
    (tmp_path / "text-train-1").mkdir()
    (tmp_path / "text-train-3").mkdir()
    assert new_run_path("text train", tmp_path) == tmp_path / "text-train-2"
    assert new_run_path("gan") == Path("runs/gan-1")


# ----------------------------------------------------------------------------------------------------- resume


def test_resume_cuts_the_rows_behind_the_checkpoint(killed):
    with resume(killed) as run:
        found = run.restore()
        assert run.warnings == []
        assert (found.step, found.state, found.finished) == (4, {"step": 4}, False)
        np.testing.assert_array_equal(found.weights["w"], weights(4)["w"], strict=True)
        assert [row["step"] for row in rows(killed)] == [1, 2, 3, 4]
        assert [row["step"] for row in rows(killed, "timing.jsonl")] == [1, 2, 3, 4]
        train(run, 5, 6, save=(6,))
    with resume(killed) as run:
        assert run.restore().step == 6
    assert [row["step"] for row in rows(killed)] == [1, 2, 3, 4, 5, 6]


def test_resume_passes_over_a_damaged_checkpoint_with_a_line(killed):
    raw = bytearray((killed / LAST).read_bytes())
    raw[-1] ^= 1
    (killed / LAST).unlink()
    (killed / LAST).write_bytes(raw)
    with resume(killed) as run:
        assert run.restore().step == 2
        (line,) = run.warnings
        assert "last.safetensors` is damaged: its checksum is" in line
        assert line.endswith("; going on from the checkpoint before, step 2")
        assert [row["step"] for row in rows(killed)] == [1, 2]


def test_resume_refuses_when_none_is_good(killed):
    for name in FILES:
        os.truncate(killed / name, 20)
    before = contents(killed)
    with resume(killed) as run, pytest.raises(ValueError, match=r"no checkpoint in .* can be used"):
        run.restore()
    assert {**contents(killed), ".lock": b""} == {**before, ".lock": b""}


def test_resume_checks_the_metrics(killed):
    data = (killed / "metrics.jsonl").read_bytes()
    (killed / "metrics.jsonl").write_bytes(data[:50])  # enough for the checkpoint of step 2
    with resume(killed) as run:
        assert run.restore().step == 2
        assert "metrics.jsonl` has only 50 of" in run.warnings[0]
    (killed / "metrics.jsonl").write_bytes(data.replace(b'"loss":1.0', b'"loss":9.0'))
    with resume(killed) as run, pytest.raises(ValueError, match=r"metrics.jsonl` was changed since"):
        run.restore()


def test_resume_of_what_never_began(tmp_path):
    with resume(tmp_path / "new") as run:
        assert run.restore() is None
        train(run, 1, 3)
    with resume(tmp_path / "new") as run:  # no checkpoint yet
        assert run.restore() is None
        assert rows(tmp_path / "new") == rows(tmp_path / "new", "timing.jsonl") == []
        train(run, 1, 3, save=(3,))
    (tmp_path / "empty").mkdir()
    with resume(tmp_path / "empty") as run:
        assert run.restore() is None


def test_resume_of_a_run_cut_off_in_its_first_checkpoint(tmp_path):
    with resume(tmp_path) as run:
        run.restore()
        train(run, 1, 3, save=(3,))
    (tmp_path / LAST).unlink()
    with resume(tmp_path) as run:
        assert run.restore() is None
        assert run.warnings == ["the run was cut off within its first checkpoint: starting from the start"]
        train(run, 1, 3, save=(3,))
    with resume(tmp_path) as run:
        assert run.restore().step == 3


def test_resume_of_a_finished_run(tmp_path):
    with Run.create(tmp_path, "text train", SETTINGS) as run:
        train(run, 1, 3)
        run.checkpoint(weights(3), {}, step=3, finished=True)
    before = contents(tmp_path)
    with resume(tmp_path) as run:
        assert run.restore().finished
    assert {**contents(tmp_path), ".lock": b""} == {**before, ".lock": b""}


def test_resume_refuses_another_command_and_other_settings(killed):
    before = contents(killed)
    with pytest.raises(
        ValueError, match="holds a run of `text train`, not of `vae train`: choose another --out"
    ):
        Run.resume(killed, "vae train", SETTINGS)
    line = (
        r"other settings \(`units` was 128 and is 64 now; `new` was not set and is true now\): give the same"
    )
    with pytest.raises(ValueError, match=line):
        resume(killed, units=64, new=True)
    with pytest.raises(ValueError, match="`epochs` was 10 and is 20 now"):
        Run.resume(killed, "text train", {**SETTINGS, "epochs": 20})
    assert {**contents(killed), ".lock": b""} == {**before, ".lock": b""}


def test_resume_takes_over_what_may_change(killed):
    with resume(killed, epochs=20) as run:
        assert run.settings["epochs"] == 20
        assert Run.open(killed).settings["epochs"] == 10  # nothing changes before restore()
        run.restore()
    assert Run.open(killed).settings["epochs"] == 20


def test_resume_needs_a_config(killed):
    (killed / "config.json").write_text('{"half')
    with pytest.raises(ValueError, match=r"config\.json` is damaged"):
        resume(killed)
    (killed / "config.json").unlink()
    with pytest.raises(ValueError, match=r"holds `last\.safetensors` but no `config\.json`"):
        resume(killed)


def test_resume_says_so_when_versions_differ(killed):
    config = json.loads((killed / "config.json").read_text())
    config["versions"]["numpy"] = "1.0"
    (killed / "config.json").write_text(json.dumps(config))
    with resume(killed) as run:
        (line,) = run.warnings
    assert line.startswith(f"numpy was 1.0 when this run began and is {np.__version__} now")


def test_resume_removes_what_a_killed_process_left(killed):
    (killed / "samples").mkdir()
    for folder in (killed, killed / "samples"):
        io.write_temporary(folder / "x", [b"x"])
    resume(killed).close()
    assert not list(killed.rglob("*.tmp"))


def test_order_of_calls(killed):
    with resume(killed) as run:
        for call in (
            lambda: run.log(step=1),
            lambda: run.log_timing(step=1),
            lambda: run.checkpoint({}, {}, step=1),
            lambda: run.save_best({}),
            lambda: run.write_text(1, "x"),
        ):
            with pytest.raises(RuntimeError, match="needs restore"):
                call()
        run.restore()
        run.log(step=5)
        with pytest.raises(RuntimeError, match="before the first log"):
            run.restore()
    for call in (lambda: run.log(step=1), lambda: run.checkpoint({}, {}, step=1), run.restore):
        with pytest.raises(RuntimeError, match="reading only, or closed"):
            call()


# ------------------------------------------------------------------------------------------------------- open


def test_open_reads_and_does_not_write(killed):
    before = contents(killed)
    run = Run.open(killed, "text train")
    assert run.settings == SETTINGS
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(run.weights()["w"], weights(4)["w"])
    for call in (lambda: run.log(step=1), lambda: run.write_text(1, ""), run.restore):
        with pytest.raises(RuntimeError, match="reading only"):
            call()
    assert contents(killed) == before


def test_open_refuses(killed, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run"):
        Run.open(tmp_path / "nothing")
    with pytest.raises(ValueError, match="holds a run of `text train`; a run of `vae train` is needed"):
        Run.open(killed, "vae train")


def test_open_while_it_trains(killed):
    with resume(killed) as run:
        run.restore()
        assert len(Run.open(killed).metrics()) == 4


def test_weights(killed):
    with resume(killed) as run:
        run.restore()
        run.save_best(weights(9), {"step": 9, "val_loss": np.float32(0.5), "note": "x"})
    run = Run.open(killed)
    np.testing.assert_array_equal(run.weights("best")["w"], weights(9)["w"])
    metadata = io.load_with_metadata(killed / "best.safetensors")[1]
    assert (metadata["step"], metadata["val_loss"], metadata["note"]) == ("9", "0.5", "x")
    os.truncate(killed / LAST, 30)
    np.testing.assert_array_equal(run.weights("last")["w"], weights(2)["w"])
    assert run.warnings[0].endswith("using `last.previous.safetensors`")
    with pytest.raises(ValueError, match="`which` is 'newest'; valid are 'last' and 'best'"):
        run.weights("newest")


def test_weights_that_are_not_there_yet(tmp_path):
    Run.create(tmp_path, "text train", {}).close()
    for which in ("last", "best"):
        with pytest.raises(FileNotFoundError, match=rf"has no `{which}\.safetensors` yet"):
            Run.open(tmp_path).weights(which)


# ------------------------------------------------------------------------------------------- rows and samples


def test_log(tmp_path):
    with Run.create(tmp_path, "x", {}) as run:
        run.log(
            step=1, z=0.1, a=np.float32(0.1), b=np.array(3), c=None, d=True, e=[1.5, "x"], f=np.array([2.5])
        )
        run.log(nan=float("nan"), inf=np.float32("inf"), tiny=5e-324, third=1 / 3)
        metrics = run.metrics()
    assert (tmp_path / "metrics.jsonl").read_text() == (
        '{"step":1,"z":0.1,"a":0.10000000149011612,"b":3,"c":null,"d":true,"e":[1.5,"x"],"f":2.5}\n'
        '{"nan":null,"inf":null,"tiny":5e-324,"third":0.3333333333333333}\n'
    )
    assert metrics[1]["third"] == 1 / 3
    with Run.create(tmp_path / "b", "x", {}) as run:
        with pytest.raises(TypeError, match=r"`loss` has shape \(2,\); one element is needed"):
            run.log(loss=np.ones(2))
        with pytest.raises(TypeError, match="`loss` is a complex"):
            run.log(loss=1j)
        assert run.metrics() == []


def test_metrics_that_are_damaged(tmp_path):
    Run.create(tmp_path, "x", {}).close()
    (tmp_path / "metrics.jsonl").write_text("{\n{}\n")
    with pytest.raises(ValueError, match=r"metrics\.jsonl` is damaged"):
        Run.open(tmp_path).metrics()


def test_log_on_a_full_disk_writes_whole_rows(tmp_path, monkeypatch):
    with Run.create(tmp_path, "x", {}) as run:
        run.log(step=1)
        run.checkpoint(weights(1), {}, step=1)
        real = os.write

        def full(descriptor, data):
            if len(data) <= 5:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(descriptor, data[:5])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(OSError, match=r"cannot write .*metrics\.jsonl`: No space left on device"):
                run.log(step=2)
            with pytest.raises(OSError, match=r"cannot write .*last\.safetensors`: No space left on device"):
                run.checkpoint(weights(2), {}, step=2)
        assert rows(tmp_path) == [{"step": 1}]
        assert sorted(os.listdir(tmp_path)) == [".lock", "config.json", LAST, "metrics.jsonl", STATE]
        run.log(step=2)
        run.checkpoint(weights(2), {}, step=2)
    with Run.resume(tmp_path, "x", {}) as run:
        assert run.restore().step == 2


def test_rows_reach_the_disk_before_the_checkpoint_that_counts_them(tmp_path, monkeypatch):
    synced = []
    with Run.create(tmp_path, "x", {}) as run:
        run.log(step=1)
        real = os.fsync

        def traced(descriptor):
            synced.append(os.fstat(descriptor).st_ino)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", traced)
        run.checkpoint(weights(1), {}, step=1)
        order = (
            ["metrics.jsonl", LAST, STATE, ".", "."] if os.name == "posix" else ["metrics.jsonl", LAST, STATE]
        )
        assert synced == [(tmp_path / name).stat().st_ino for name in order]


@pytest.mark.parametrize("step", [-1, 1.5, True, "1", None])
def test_step_must_be_a_count(tmp_path, step):
    with (
        Run.create(tmp_path, "x", {}) as run,
        pytest.raises(ValueError, match=r"`step` is .* integer of 0 or more"),
    ):
        run.checkpoint({}, {}, step=step)


def test_samples(tmp_path):
    with Run.create(tmp_path, "x", {}) as run:
        assert run.write_text(123, "ünï\n") == tmp_path / "samples" / "step_000123.txt"
        run.write_bytes(1234567, b"\x89PNG", "-grid.png")
        assert run.sample_path(0, ".gif") == tmp_path / "samples" / "step_000000.gif"
        for suffix in ("", "/../x.png"):
            with pytest.raises(ValueError, match="`suffix` is"):
                run.sample_path(1, suffix)
    assert (tmp_path / "samples" / "step_000123.txt").read_text("utf-8") == "ünï\n"
    assert sorted(os.listdir(tmp_path / "samples")) == ["step_000123.txt", "step_1234567-grid.png"]


# ------------------------------------------------------------------------------------------------------- lock

HOLD = """
import sys
from tinygen.run import Run
run = Run.resume(sys.argv[1], "text train", {})
print("holding", flush=True)
sys.stdin.read()
"""


@posix
def test_two_processes_cannot_train_in_one_directory(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV) as other:
        try:
            assert other.stdout.readline() == b"holding\n"
            line = rf"another process \(pid {other.pid}\) is training in `"
            with pytest.raises(RuntimeError, match=line):
                Run.resume(tmp_path, "text train", {})
            with pytest.raises(RuntimeError, match=line):
                Run.create(tmp_path, "text train", {}, overwrite=True)
            Run.open(tmp_path)
        finally:
            other.kill()
    Run.resume(tmp_path, "text train", {}).close()  # SIGKILL left no stale lock


def test_a_run_that_is_dropped_lets_go(tmp_path):
    Run.create(tmp_path, "text train", {})
    Run.resume(tmp_path, "text train", {}).close()


# ----------------------------------------------------------------------------------------- killed and resumed

# A training loop with all that an exact resume must bring back: weights, momentum, a generator's state, the
# order of the data within an epoch and the position in it, a running mean.
TOY = """
import os, random, signal, sys, time
import numpy as np
from tinygen.run import EXIT_INTERRUPTED, Interruption, Run

def train(path, steps, wait=False):
    settings = {"seed": 0, "steps": steps}
    data = np.random.default_rng(7).normal(size=(23, 5)).astype(np.float32)
    rng = np.random.default_rng(0)
    w, momentum = rng.normal(size=5).astype(np.float32), np.zeros(5, np.float32)
    order, position, step, mean = rng.permutation(23), 0, 0, 0.0
    with Run.resume(path, "toy", settings) as run, Interruption(notice="") as interruption:
        found = run.restore()
        if found is not None:
            w, momentum = found.weights["w"], found.state["momentum"]
            rng.bit_generator.state = found.state["rng"]
            order, position, mean, step = *found.state["data"], found.step
        stop = step == steps
        while not stop:
            x = data[order[position]] + rng.normal(scale=0.1, size=5).astype(np.float32)
            loss = np.float32(0.5) * (x @ w - 1) ** 2
            momentum *= np.float32(0.9)
            momentum += (x @ w - 1) * x
            w -= np.float32(0.01) * momentum
            mean, position, step = 0.95 * mean + 0.05 * float(loss), position + 1, step + 1
            if position == len(order):
                order, position = rng.permutation(23), 0
            stop = step == steps or interruption.requested
            run.log(step=step, loss=loss, mean=mean)
            run.log_timing(step=step, seconds=time.monotonic())
            if step % 5 == 0:
                run.write_text(step, repr(w))
            if stop or step % 3 == 0:
                state = {"momentum": momentum, "rng": rng.bit_generator.state}
                state["data"] = (order, position, mean)
                run.checkpoint({"w": w}, state, step=step, finished=step == steps)
            if step == 10 and wait:
                print("ready", flush=True)
                while not interruption.requested:
                    time.sleep(0.01)
        if interruption.requested:
            sys.exit(EXIT_INTERRUPTED)
"""

TORTURE = (
    TOY
    + """
root, steps = sys.argv[1], 60
began = time.monotonic()
train(os.path.join(root, "reference"), steps)
whole = time.monotonic() - began
dice, kills, number = random.Random(), 0, 0
while time.monotonic() - began < 5 or number < 2:
    number += 1
    code = None
    while code != 0:
        pid = os.fork()
        if pid == 0:
            try:
                train(os.path.join(root, f"killed-{number}"), steps)
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
        if time.monotonic() - began < 10:  # on a slow machine: let it end
            time.sleep(dice.uniform(0, whole / 3))
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, -signal.SIGKILL), code
        kills += code != 0
print(number, kills)
"""
)


def result(path):
    samples = {p.name: p.read_bytes() for p in (path / "samples").iterdir()}
    return samples | {
        name: (path / name).read_bytes() for name in (LAST, STATE, "metrics.jsonl", "config.json")
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_killed_at_random_instants_and_resumed_it_ends_the_same(tmp_path):
    command = [sys.executable, "-c", TORTURE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENV)
    assert done.returncode == 0, done.stderr
    runs, kills = map(int, done.stdout.split())
    print(f"{runs} runs, {kills} kills")
    assert kills > 10
    reference = result(tmp_path / "reference")
    for number in range(1, runs + 1):
        path = tmp_path / f"killed-{number}"
        assert result(path) == reference
        steps = [row["step"] for row in rows(path, "timing.jsonl")]
        assert steps == list(range(1, 61))


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_and_goes_on(tmp_path, number):
    namespace = {}
    exec(TOY, namespace)
    namespace["train"](tmp_path / "reference", 20)
    command = [sys.executable, "-c", TOY + "train(sys.argv[1], 20, wait=len(sys.argv) > 2)"]
    out = str(tmp_path / "stopped")
    with subprocess.Popen([*command, out, "wait"], stdout=subprocess.PIPE, env=ENV) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
    assert process.returncode == EXIT_INTERRUPTED
    assert io.load_with_metadata(tmp_path / "stopped" / LAST)[1]["step"] == "11"  # the step it was in
    assert len(rows(tmp_path / "stopped")) == 11
    subprocess.run([*command, out], check=True, env=ENV)
    assert result(tmp_path / "stopped") == result(tmp_path / "reference")


def test_what_is_loaded():
    heavy = ["numba", "cupy", "safetensors", "PIL", "h5py", "pooch", "tqdm"]
    code = f"import sys, tinygen.run; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV)
    assert done.stdout == "[]\n"


def test_previous_files_are_named_as_the_run_says(killed):
    assert io.load_with_metadata(killed / LAST_PREVIOUS)[1]["step"] == "2"
