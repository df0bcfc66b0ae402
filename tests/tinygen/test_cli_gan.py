"""``tinygen gan`` as a user meets it: it trains, draws, walks, looks for copies, and refuses bad input in one line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.data.images import is_here
from tinygen.generators import gan, gan_pictures
from tinygen.pictures import read_image, save_png

SMALL = ["--width", "0.0625", "--batch-size", "4", "--latent-dim", "6", "--log-every", "2", "--health-every", "5",
         "--save-every", "4", "--sample-every", "6"]
RESULTS = ("last.safetensors", "state.safetensors", "metrics.jsonl", "samples/step_000006.png")


def make_bars(path):
    """40 pictures of 8 x 8, a bar on the left or on top."""
    images = np.random.default_rng(0).integers(0, 60, (40, 8, 8)).astype(np.uint8)
    images[::2, :, :3] = 240
    images[1::2, :3] = 240
    np.savez(path, images=images)


@pytest.fixture(scope="session")
def gan_trained(tmp_path_factory):
    """A run, trained once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("gan_trained")
    make_bars(folder / "bars.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TINYGEN_SEED", raising=False)
        assert main(["gan", "train", "--data", "bars.npz", *SMALL, "--steps", "14", "-o", "run", "--quiet"]) == 0
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, gan_trained):
    """That run and its data, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("TINYGEN_SEED", "TINYGEN_DEVICE", "TINYGEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(gan_trained / "bars.npz", "bars.npz")
    return shutil.copytree(gan_trained / "run", Path("run"))


def train(*more, data="bars.npz"):
    return ["gan", "train", "--data", data, *SMALL, "--steps", "14", *map(str, more)]


def status_of(arguments):
    try:
        return main(list(map(str, arguments)))
    except SystemExit as error:
        return error.code


def about(path):
    from PIL import Image

    with Image.open(path) as picture:
        return picture.text


# ------------------------------------------------------------------------------------------------------ what it does


def test_training_again_gives_the_same_bytes_and_resuming_too(run, capsys):
    assert main(train("-o", "cut", "--max-steps", 9)) == 0
    assert main(["gan", "train", "-o", "cut", "--resume", "--max-steps", "0"]) == 0
    assert "going on from step 9 of 14" in capsys.readouterr().out
    for name in (*RESULTS, "samples/training.gif"):
        assert (Path("cut") / name).read_bytes() == (run / name).read_bytes(), name
    assert main(["gan", "train", "-o", "cut", "--resume"]) == 0
    assert "finished already, at step 14" in capsys.readouterr().out
    assert main(["gan", "train", "-o", "cut", "--resume", "--steps", "16"]) == 0
    assert json.loads(Path("cut/metrics.jsonl").read_text().splitlines()[-1])["step"] == 16


def test_the_run_directory(run):
    config = json.loads((run / "config.json").read_text())
    assert config["command"] == "gan train"
    assert config["settings"]["image_shape"] == [1, 8, 8]
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert set(rows[0]) == {"step", "epoch", "d_loss", "g_loss", "d_real", "d_fake"}
    assert [row["step"] for row in rows if "variety" in row] == [5, 10]
    assert rows[-1]["epoch"] == 2
    text = about(run / "samples/step_000012.png")
    assert text["step"] == "12"
    assert json.loads(text["settings"])["latent_dim"] == 6


@pytest.mark.parametrize("preset", gan.PRESETS)
def test_a_dry_run_leaves_nothing(preset, run, capsys):
    rng = np.random.default_rng(0)
    np.savez("big.npz", images=rng.integers(0, 256, (20, 24, 24, 3)).astype(np.uint8))
    before = sorted(map(str, Path().rglob("*")))
    given = ["--width", "0.03", "--batch-size", "4"]
    assert main(["gan", "train", "--data", "big.npz", "--preset", preset, *given, "--dry-run"]) == 0
    assert "3 steps" in capsys.readouterr().out
    assert sorted(map(str, Path().rglob("*"))) == before


def test_every_trick_of_the_chapter_is_an_option_with_its_reason(capsys):
    assert status_of(["gan", "train", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for option, reason in {
        "--output": "its slope at 0", "--latent": "corners", "--dropout": "chance keeps the contest from getting stuck",
        "--label-noise": "cannot be sure", "--downsample": "sparse gradients", "--slope": "sparse", "--kernel":
        "checkerboards", "--d-lr": "lower it where the discriminator dominates",
    }.items():
        assert option in told
        assert reason in told


@pytest.mark.parametrize(
    "tricks",
    [["--loss", "bce", "--label-noise", 0.1, "--dropout", 0.5, "--latent", "uniform"],
     ["--loss", "wgan-gp", "--critic-steps", 2, "--optimizer", "rmsprop"],
     ["--loss", "least-squares", "--output", "sigmoid", "--black", 0, "--downsample", "pool", "--slope", 0],
     ["--network", "book", "--size", 24, "--channels", 3, "--kernel", 3, "--no-shuffle", "--flip", "--augment", "",
      "--ema", 0, "--width", 0.03]],
)
def test_tricks(tricks, run):
    assert main(train("-o", "x", "--max-steps", 2, "--quiet", *tricks)) == 0
    assert main(["gan", "sample", "x", "-n", "3", "-o", "x.png"]) == 0


def test_sample(run, capsys):
    assert main(["gan", "sample", "run", "-n", "6", "--columns", "3", "--zoom", "2", "-o", "s.png"]) == 0
    assert capsys.readouterr().out == "s.png\n"
    first = read_image("s.png")
    assert first.shape == (3, 2 * (2 * 10 + 2), 2 * (3 * 10 + 2))
    assert about("s.png")["seed"] == "0"
    assert main(["gan", "sample", "run", "-n", "6", "--columns", "3", "--zoom", "2", "-o", "again.png"]) == 0
    assert Path("s.png").read_bytes() == Path("again.png").read_bytes()
    for other in (["--seed", "1"], ["--truncation", "0.5"], ["--weights", "last"]):
        assert main(["gan", "sample", "run", "-n", "6", "--columns", "3", "--zoom", "2", "-o", "o.png", *other]) == 0
        assert (read_image("o.png") != first).any()


@pytest.mark.parametrize("path", gan_pictures.PATHS)
def test_morph(path, run):
    from PIL import Image

    assert main(["gan", "morph", "run", "-n", "4", "--points", "3", "--frames", "4", "--path", path]) == 0
    with Image.open("morph.gif") as gif:
        assert gif.size == (2 * 22, 2 * 22)
        assert 1 < gif.n_frames <= 12  # frames that are alike are one that is shown longer


def test_nearest(run, capsys):
    assert main(["gan", "nearest", "run", "-n", "5", "--zoom", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("training picture") == 5
    assert "real pictures: half have another one within" in out
    assert read_image("nearest.png").shape == (3, 2 * 10 + 2, 5 * 10 + 2)


def test_initial_weights(run, capsys):
    assert main(train("-o", "x", "--init-from", "run/last.safetensors", "--max-steps", 1)) == 0
    assert main(["gan", "train", "-o", "x", "--resume", "--max-steps", "2"]) == 0
    before, after = (tg.load(path) for path in ("run/last.safetensors", "x/last.safetensors"))
    assert np.abs(before["generator.0.weight"] - after["generator.0.weight"]).max() < 0.005


def test_a_folder_of_pictures_of_several_sizes_and_modes(run, capsys):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(6):
        save_png(f"folder/{i}.png", rng.integers(0, 256, (1 if i % 2 else 3, 20 + i, 30)).astype(np.uint8))
    Image.fromarray(rng.integers(0, 256, (20, 20, 4)).astype(np.uint8), "RGBA").save("folder/clear.png")
    Path("folder/bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    assert main(train("-o", "x", "--size", 16, "--max-steps", 2, data="folder")) == 0
    out = capsys.readouterr().out
    assert "cannot be read and left out: bad.png" in out
    assert "7 pictures 3x16x16" in out


def test_real_frogs(run, capsys, monkeypatch):
    if not is_here("cifar10-frogs"):
        pytest.skip("CIFAR-10's frogs are not in the cache (TINYGEN_HOME)")
    monkeypatch.setenv("TINYGEN_DEVICE", "cpu")
    assert main(["gan", "train", "--preset", "book-python", "--width", "0.03", "--max-steps", "2", "-o", "frogs"]) == 0
    out = capsys.readouterr().out
    assert "5,000 pictures 3x32x32" in out
    assert "medians" not in out  # of another width than the published run's
    row = json.loads(Path("frogs/metrics.jsonl").read_text().splitlines()[0])
    assert row["d_loss"] == pytest.approx(np.log(2), abs=0.1)


# --------------------------------------------------------------------------------------------------- walks and copies


def test_a_spherical_walk_keeps_its_distance_and_a_linear_one_is_straight():
    rng = np.random.default_rng(0)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(2, 5, 7)))
    t = np.linspace(0, 1, 9)
    round_, straight = (gan_pictures.between(a, b, t, path) for path in ("spherical", "linear"))
    np.testing.assert_allclose(np.linalg.norm(round_, axis=2), 1, atol=1e-6)
    np.testing.assert_allclose(straight, a + t[:, None, None] * (b - a), atol=1e-6)
    for way in (round_, straight):
        np.testing.assert_allclose(way[[0, -1]], [a, b], atol=1e-6)
    steps = np.linalg.norm(np.diff(round_, axis=0), axis=2)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:1], steps.shape), rtol=1e-4)  # evenly
    np.testing.assert_allclose(gan_pictures.between(a, -a, t, "spherical")[[0, -1]], [a, -a], atol=1e-6)
    with pytest.raises(ValueError, match="`path` is 'x'; valid are linear, spherical"):
        gan_pictures.between(a, b, t, "x")


def test_a_walk_goes_from_stop_to_stop_in_a_circle(run):
    model, _ = gan.load_model("run")
    stops = model.latents(6, tg.Generator(0)).reshape(3, 2, -1)
    frames = gan_pictures.walk(model, stops, 4, "linear")
    assert frames.shape == (12, 2, 1, 8, 8)
    np.testing.assert_array_equal(frames[::4], np.stack([model.pictures(stop) for stop in stops]))


def test_copies_are_found_and_others_are_not(monkeypatch):
    monkeypatch.setattr(gan_pictures, "BLOCK", 7)
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 5)).astype(np.uint8)
    pictures = np.stack([images[11], images[4, :, :, ::-1], 255 - images[3]])
    pictures[0, 0, 0, 0] ^= 16
    found = gan_pictures.nearest(pictures, images)
    assert found.index[:2].tolist() == [11, 4]
    assert found.mirrored[:2].tolist() == [False, True]
    assert found.distance[:2] == pytest.approx([16 / np.sqrt(90), 0])
    np.testing.assert_array_equal(found.of(images)[1], pictures[1])
    both = np.stack([images, images[:, :, :, ::-1]]).astype(np.float64)
    gaps = np.sqrt(((both - pictures[2]) ** 2).mean((2, 3, 4)))
    assert found.distance[2] == pytest.approx(gaps.min())
    usual = gan_pictures.nearest(images[5:9], images, np.arange(5, 9))
    assert (usual.distance > 50).all()
    told = gan_pictures.says(found.distance, usual.distance)
    assert "2 of 3 samples are nearer than that: look whether they are copies" in told
    assert "none is a copy" in gan_pictures.says(usual.distance + 2, usual.distance)


# --------------------------------------------------------------------------------------------- one line, and status 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (train(data="nosuch"), "`data` is 'nosuch'"),
        (train(data="empty"), "a folder without pictures"),
        (train(data="several"), "say what size they shall have"),
        (train(data="corrupt"), "no picture can be read"),
        (train(data="odd.npz"), "the light network makes sides that 4 divides, from 8 to 128: give a --size"),
        (train(data="same.npz"), "whose pictures are all the same"),
        (train("--network", "book"), "the pictures are 8 x 8; the book network makes sides that 2 divides, from 24"),
        (train("--batch-size", 41), "a step takes 41 pictures, but there are only 40"),
        (train("--critic-steps", 11), "times `critic_steps` 11: a step takes 44 pictures, but there are only 40"),
        (train("--latent-dim", 0), "`latent_dim` is 0; it must be at least 1"),
        (train("--augment", "blur"), "`augment` has 'blur'"),
        (train("--loss", "mse"), "choose from 'bce', 'hinge', 'least-squares', 'wgan-gp'"),
        (train("--label-noise", 0.1, "--loss", "hinge"), "the hinge loss has no labels"),
        (train("--init-from", "run/last.safetensors", "--latent-dim", 7), "which holds other weights: "),
        (train("--init-from", "run/last.safetensors", "--width", 0.125), "which holds other weights: "),
        (train("--init-from", "nosuch"), "`nosuch` does not exist"),
        (train("-o", "run"), "`run` already holds a run"),
        (train("-o", "run", "--resume", "--latent-dim", 7), "`latent_dim` was 6 and is 7 now"),
        (["gan", "train", "--resume"], "--resume needs --out"),
        (["gan", "train", "--nosuch"], "unrecognized arguments: --nosuch"),
        (["gan", "sample", "nosuch"], "`nosuch` holds no run"),
        (["gan", "sample", "mixed"], "`mixed` has weights of another model than its settings"),
        (["gan", "sample", "run", "-o", "x.jpg"], "must end in .png"),
        (["gan", "sample", "run", "-n", "0"], "`--count` is 0"),
        (["gan", "sample", "run", "--truncation", "-1"], "`--truncation` is -1"),
        (["gan", "sample", "run", "--truncation", "0.001"], "`--truncation` is 0.001"),
        (["gan", "sample", "run", "--weights", "best"], "choose from 'auto', 'average', 'last'"),
        (["gan", "morph", "run", "-o", "x.png"], "must end in .gif"),
        (["gan", "morph", "run", "--points", "1"], "`--points` is 1; it must be at least 2"),
        (["gan", "morph", "run", "--path", "x"], "choose from 'linear', 'spherical'"),
        (["gan", "nearest", "run", "-n", "0"], "`--count` is 0"),
        (["gan"], "the following arguments are required: train|sample|morph|nearest|quality"),
    ],
)
def test_bad_input_is_one_line(arguments, message, run, capsys):
    Path("empty").mkdir()
    for size in (16, 20):
        save_png(f"several/{size}.png", np.zeros((3, size, size), np.uint8))
    Path("corrupt").mkdir()
    Path("corrupt/a.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    np.savez("odd.npz", images=np.arange(900, dtype=np.uint16).astype(np.uint8).reshape(9, 10, 10))
    np.savez("same.npz", images=np.ones((9, 8, 8), np.uint8))
    shutil.copytree("run", "mixed")
    config = Path("mixed/config.json")
    config.write_text(config.read_text().replace('"latent_dim": 6', '"latent_dim": 7'))
    before = sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock"))
    assert status_of(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock")) == before


# -------------------------------------------------------------------------------------------------- stopped and killed


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_interrupted_and_killed_it_goes_on_to_the_same_bytes(run):
    environment = {**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1]), "TINYGEN_KERNELS": "reference"}
    command = [sys.executable, "-m", "tinygen", *train("--resume"), "--steps", "150"]
    pipes = {"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    whole = subprocess.run([*command, "-o", "whole"], **pipes, timeout=120)
    assert whole.returncode == 0, whole.stderr
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130)):
        state = Path("cut/state.safetensors")
        before, deadline = state.stat().st_mtime_ns if state.exists() else None, time.monotonic() + 60
        process = subprocess.Popen([*command, "-o", "cut"], **pipes)
        while process.poll() is None and (not state.exists() or state.stat().st_mtime_ns == before):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == status, err
        assert "Traceback" not in err
        assert number == signal.SIGKILL or "the same command with --resume goes on from here" in out
    done = subprocess.run([*command, "-o", "cut"], **pipes, timeout=120)
    assert done.returncode == 0, done.stderr
    for name in (*RESULTS, "samples/training.gif", "samples/step_000150.png"):
        assert (Path("cut") / name).read_bytes() == (Path("whole") / name).read_bytes(), name
