"""``tinygen dream`` as a user meets it: it dreams, goes on after a stop, refuses bad input in one line."""

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
from tinygen.generators import dream
from tinygen.models import squeezenet
from tinygen.pictures import read_image, save_png

SMALL = ["--network", "squeezenet", "--weights", "w.safetensors", "--layers", "fire2/concat=2,fire3/concat",
         "--octaves", 2, "--steps", 4]
RESULTS = ("last.safetensors", "state.safetensors", "metrics.jsonl")


@pytest.fixture(scope="session")
def random_squeezenet(tmp_path_factory):
    """A file with random weights of SqueezeNet."""
    path = tmp_path_factory.mktemp("squeezenet") / "w.safetensors"
    network = squeezenet(generator=tg.Generator(0))
    tg.save(path, network.state_dict())
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, random_squeezenet):
    """A working directory with a photograph and those weights."""
    monkeypatch.chdir(tmp_path)
    for name in ("TINYGEN_SEED", "TINYGEN_DEVICE", "TINYGEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(random_squeezenet, "w.safetensors")
    y, x = np.mgrid[:50, :64]
    save_png("x.png", np.stack([x * 4, y * 5, (x + 2 * y) % 256]).astype(np.uint8))


def status_of(*arguments):
    try:
        return main(["dream", *map(str, arguments)])
    except SystemExit as error:
        return error.code


def contents():
    return {str(p): p.read_bytes() for p in Path().rglob("*") if p.is_file() and not p.name.endswith(".lock")}


def test_a_dream_a_run_beside_it_and_the_same_bytes_again(capsys):
    assert status_of("x.png", *SMALL, "-o", "out/a.png") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "x.png: squeezenet, fire2/concat 2, fire3/concat 1; 45 x 35, 64 x 50; on cpu"
    assert "octave 2, 64 x 50: loss" in out
    assert out.splitlines()[-1] == "finished: out/a.png"
    assert read_image("out/a.png").shape == (3, 50, 64)
    run = Path("out/a.run")
    assert {p.name for p in run.iterdir()} >= {"config.json", "timing.jsonl", "samples", *RESULTS}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [["octave", "step", "loss"]] * 8
    for octave in (1, 2):
        losses = [row["loss"] for row in rows if row["octave"] == octave]
        assert losses[-1] > losses[0]
    assert json.loads((run / "config.json").read_text())["settings"]["preset"] == "tuned"
    assert status_of("x.png", *SMALL, "-o", "b.png", "--quiet") == 0
    assert capsys.readouterr().out == ""
    for name in RESULTS:
        assert (Path("b.run") / name).read_bytes() == (run / name).read_bytes()
    assert Path("b.png").read_bytes() == Path("out/a.png").read_bytes()
    assert status_of("x.png", *SMALL, "-o", "c.png", "--quiet", "--seed", "1") == 0
    assert Path("c.png").read_bytes() != Path("b.png").read_bytes()


def test_without_out_and_into_a_folder():
    assert status_of("x.png", *SMALL, "--max-steps", 1, "--quiet") == 0
    assert read_image("runs/dream-1/dream.png").shape == (3, 50, 64)
    assert status_of("x.png", *SMALL, "--max-steps", 1, "--quiet", "-o", "folder") == 0
    assert (Path("folder") / "dream.png").read_bytes() == Path("runs/dream-1/dream.png").read_bytes()


def test_resuming_needs_no_more_than_the_name(capsys):
    assert status_of("x.png", *SMALL, "-o", "whole.png", "--quiet") == 0
    assert status_of("x.png", *SMALL, "-o", "cut.png", "--max-steps", 6) == 0
    assert status_of("-o", "cut.png", "--resume", "--max-steps", 0) == 0
    assert "going on from step 6, in octave 2" in capsys.readouterr().out
    assert Path("cut.png").read_bytes() == Path("whole.png").read_bytes()
    for name in RESULTS:
        assert (Path("cut.run") / name).read_bytes() == (Path("whole.run") / name).read_bytes()
    assert status_of("-o", "cut.png", "--resume") == 0
    assert capsys.readouterr().out == "cut.run: finished already, at step 8\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_or_killed_it_goes_on_to_the_same_bytes(number):
    options = map(str, [*SMALL, "--steps", 20, "--save-every", 1, "--seed", 2])
    arguments = [sys.executable, "-m", "tinygen", "dream", "x.png", *options]
    subprocess.run([*arguments, "-o", "whole.png"], check=True, capture_output=True, timeout=120)
    process = subprocess.Popen([*arguments, "-o", "cut.png"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while process.poll() is None and not Path("cut.run/state.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number), err
    assert ("--resume goes on from here" in out) == (number == signal.SIGINT)
    assert "Traceback" not in err
    subprocess.run([*arguments, "-o", "cut.png", "--resume"], check=True, capture_output=True, timeout=120)
    assert Path("cut.png").read_bytes() == Path("whole.png").read_bytes()
    for name in RESULTS:
        assert (Path("cut.run") / name).read_bytes() == (Path("whole.run") / name).read_bytes()


def test_a_dry_run_leaves_nothing(capsys):
    before = contents()
    assert status_of("x.png", *SMALL, "--dry-run", "--zoom", 3) == 0
    assert contents() == before
    out = capsys.readouterr().out
    assert "octave 3, 64 x 50" in out
    assert out.endswith("all works; nothing was kept\n")


def test_layers_are_listed(capsys):
    assert status_of("--list-layers", "--network", "squeezenet", "--weights", "w.safetensors") == 0
    out = capsys.readouterr().out
    assert "fire2/concat" in out
    assert "1 x 128 x 56 x 56" in out  # for 227 x 227
    assert "722,496 parameters" in out


def test_random_layers_on_a_sheet(capsys):
    arguments = [*SMALL[:4], *SMALL[6:], "x.png", "--layers", "random", "--count", 3, "--seed", 5, "-o", "s.png"]
    assert status_of(*arguments) == 0
    out = capsys.readouterr().out
    assert "finished: s.png, seeds 5 to 7 by rows" in out
    shown = read_image("s.png")
    assert shown.shape == (3, 2 * 52 + 2, 2 * 66 + 2)
    np.testing.assert_array_equal(shown[:, 2:52, 2:66], read_image("s.run/seed-5/dream.png"))
    alone = [*SMALL[:4], *SMALL[6:], "x.png", "--layers", "random", "--seed", 6, "-o", "one.png", "--quiet"]
    assert status_of(*alone) == 0
    assert Path("one.png").read_bytes() == Path("s.run/seed-6/dream.png").read_bytes()
    assert status_of(*arguments, "--resume") == 0
    assert "finished already" in capsys.readouterr().out


def test_filter_guide_zoom_tiles_and_colours():
    from PIL import Image

    base = [*SMALL[:4], "--steps", 2, "--octaves", 1, "--quiet"]
    assert status_of("--filter", "fire3/concat:4", "--size", 48, *base, "-o", "f.png") == 0
    assert read_image("f.png").shape == (3, 48, 48)
    assert status_of("x.png", "--guide", "x.png", "--layers", "fire3/concat", *base, "-o", "g.png") == 0
    assert status_of("x.png", "--zoom", 3, "--layers", "fire3/concat", *base, "-o", "z.png") == 0
    with Image.open("z.gif") as gif:
        assert gif.size == (64, 50)
        assert gif.n_frames == 4
    assert status_of("x.png", "--tile", 64, "--size", 90, "--layers", "fire2/concat", *base, "-o", "t.png") == 0
    assert read_image("t.png").shape == (3, 70, 90)
    assert status_of("x.png", "--original-colors", "--step-size", 0.2, "--layers", "fire3/concat", *base, "-o",
                     "c.png") == 0
    made, photo = (read_image(name).astype(float) for name in ("c.png", "x.png"))
    inside = ((made > 0) & (made < 255)).all(0)
    assert inside.mean() > 0.3
    difference = (made - photo)[:, inside]
    assert np.abs(difference).mean() > 3
    assert np.ptp(difference, axis=0).max() <= 1  # the same for red, green and blue, but for rounding


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK", "I;16"])
def test_pictures_of_every_kind(mode):
    from PIL import Image

    name = "y.jpg" if mode == "CMYK" else "y.png"
    Image.new(mode, (48, 40)).save(name)
    assert status_of(name, *SMALL, "--max-steps", 1, "-o", "d.png", "--quiet") == 0
    assert read_image("d.png").shape == (3, 40, 48)


def test_a_turned_photograph_keeps_its_proportions():
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40), (10, 200, 90)).save("turned.jpg", exif=exif)
    assert status_of("turned.jpg", *SMALL, "--size", 64, "--max-steps", 1, "-o", "d.png", "--quiet") == 0
    assert read_image("d.png").shape == (3, 64, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch.png", *SMALL], "`nosuch.png` does not exist"),
        (["w.safetensors", *SMALL], "`w.safetensors` is no picture that can be read"),
        (["cut.jpg", *SMALL], "`cut.jpg` is no picture that can be read: image file is truncated"),
        (["one.png", *SMALL], "a picture of 1 x 1 is too small for fire2/concat, fire3/concat of squeezenet"),
        (["long.png", *SMALL], "`long.png` is 20000 x 200, more than 3 million pixels: give --size 1024"),
        (["long.png", *SMALL, "--size", 20000], "or --tile 256"),
        (["x.png", *SMALL, "--size", 20000], "give --size 1024 (the longest side)\n"),  # too large for tiles too
        (["x.png", *SMALL, "--layers", "fire2/conct"], "`layers` has 'fire2/conct', which squeezenet lacks; close are"),
        (["x.png", *SMALL, "--layers", "zzz"], "`layers` has 'zzz', which squeezenet lacks; some are "),
        (["x.png", *SMALL, "--layers", "fire2/concat=x"], "`layers` has 'fire2/concat=x'"),
        (["x.png", *SMALL[:4], "--filter", "fire2/concat:128"], "fire2/concat has channels 0 to 127"),
        (["x.png", *SMALL, "--guide", "nosuch.png"], "`nosuch.png` does not exist"),
        (["x.png", *SMALL, "--guide", "long.png"], "`guide`, 350 x 4 pixels here, is too small for fire2/concat"),
        (["x.png", *SMALL[:2], "--weights", "nosuch.h5"], "nosuch.h5"),
        (["x.png", *SMALL[:2], "--weights", "x.png"], "`weights` is 'x.png'"),
        (["x.png", "--network", "alexnet"], "invalid choice: 'alexnet'"),
        (["x.png", *SMALL, "-o", "y.jpg"], "must end in .png"),
        (["x.png", *SMALL, "-o", "x.png"], "which is the `image` itself"),
        (["y.gif", *SMALL, "--zoom", 2, "-o", "y.png"], "`--out` is 'y.gif', which is the `image` itself"),
        (["x.png", *SMALL, "--count", 3], "`--count` goes with --layers random"),
        (["x.png", *SMALL[:4], "--layers", "random", "--count", 0], "`--count` is 0"),
        (["x.png", *SMALL, "--octaves", 0], "`octaves` is 0"),
        (["x.png", *SMALL, "--tile", 100], "`tile` is 100"),
        ([], "`image` is missing"),
        (["x.png", *SMALL, "--resume"], "--resume needs --out"),
        (["-o", "done.png", "--resume", "--steps", 9], "`steps` was 4 and is 9 now"),
        (["x.png", *SMALL, "-o", "done.png"], "`done.run` already holds a run"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    from PIL import Image

    photo = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(photo).save("whole.jpg")
    Image.fromarray(photo).save("y.gif")
    Path("cut.jpg").write_bytes(Path("whole.jpg").read_bytes()[:2000])
    save_png("one.png", np.zeros((3, 1, 1), np.uint8))
    save_png("long.png", np.zeros((1, 200, 20000), np.uint8))
    if "done.png" in arguments:
        assert status_of("x.png", *SMALL, "-o", "done.png", "--quiet") == 0
    before = contents()
    assert status_of(*arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert contents() == before


def test_the_layers_of_a_partial_file(capsys):
    """What the file does not reach is named; the network's usual layers become those that it reaches."""
    network = squeezenet(generator=tg.Generator(0))
    state = {k: v for k, v in network.state_dict().items() if not k.startswith(("fire7", "fire8", "fire9"))}
    tg.save("part.safetensors", state)
    base = ["x.png", "--network", "squeezenet", "--weights", "part.safetensors", "--octaves", 1, "--steps", 1]
    assert status_of(*base, "--layers", "fire8/concat") == 2
    assert "which the file of weights does not reach" in capsys.readouterr().err
    assert status_of(*base, "-o", "a.png") == 0
    told, plan = capsys.readouterr().out.splitlines()[:2]
    assert told.startswith("part.safetensors holds 16 of the 25 layers")
    assert told.endswith("lacks is fire7/squeeze1x1")
    assert plan.startswith("x.png: squeezenet, fire5/concat 1; 64 x 50;")
    assert status_of("--network", "squeezenet", "--weights", "part.safetensors", "--list-layers") == 0
    assert capsys.readouterr().err.startswith("part.safetensors holds 16 of the 25 layers")
    assert dream.LAYERS["squeezenet"] == "fire5/concat=1,fire8/concat=1"
