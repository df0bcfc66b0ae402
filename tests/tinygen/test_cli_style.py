"""``tinygen style`` as a user meets it: it paints, goes on exactly, and refuses bad input in one line."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from tinygen.cli import main
from tinygen.generators import style
from tinygen.pictures import read_image, save_png

NETWORK = "--network squeezenet --weights random --content-layer fire2/concat --style-layers relu_conv1,fire2/concat"
SMALL = f"{NETWORK} --size 20 --iterations 4 --evaluations 4".split()
FILES = ("last.safetensors", "state.safetensors", "metrics.jsonl", "samples/step_000004.png")


@pytest.fixture(scope="session")
def painted(tmp_path_factory):
    """Pictures and a run, made once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("painted")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:30, :42]
    photograph = np.stack([5 * y, 6 * x, 255 - 5 * y]) + rng.integers(0, 5, (3, 30, 42))
    save_png(folder / "photo.png", np.clip(photograph, 0, 255).astype(np.uint8))
    for name, k in (("waves.png", 1.0), ("other.png", 2.5)):
        waves = 128 + 100 * np.sin(k * (x + np.array([0, 1, 2]).reshape(3, 1, 1) * y))
        save_png(folder / name, waves.astype(np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TINYGEN_SEED", raising=False)
        assert main(["style", "photo.png", "waves.png", *SMALL, "-o", "whole.png", "--quiet"]) == 0
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, painted):
    """That run and its pictures, in the working directory."""
    shutil.copytree(painted, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("TINYGEN_SEED", "TINYGEN_DEVICE", "TINYGEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Path("whole.run")


def status_of(arguments):
    try:
        return main(list(map(str, arguments)))
    except SystemExit as error:
        return error.code


def same_bytes(one, other):
    for name in FILES:
        assert (Path(one) / name).read_bytes() == (Path(other) / name).read_bytes(), name


def test_a_picture_after_each_round_and_the_parts_of_the_loss(run):
    assert read_image("whole.png").shape == (3, 20, 28)
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"step_00000{i}.png" for i in range(1, 5)]
    assert Path("whole.png").read_bytes() == (run / "samples/step_000004.png").read_bytes()
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["evaluations"] for row in rows] == [4, 8, 12, 16]
    for row in rows:
        assert list(row) == ["step", "loss", "content", "style", "tv", "evaluations", "status"]
        assert row["loss"] == pytest.approx(row["content"] + row["style"] + row["tv"])
    assert rows[3]["loss"] < rows[1]["loss"] < rows[0]["loss"]


def test_a_run_that_is_cut_and_resumed_ends_with_the_same_bytes(run, capsys):
    given = ["style", "photo.png", "waves.png", *SMALL, "-o", "cut.png"]
    assert main([*given, "--max-steps", "2"]) == 0
    assert main(["style", "--resume", "-o", "cut.png", "--max-steps", "0"]) == 0
    out = capsys.readouterr().out
    assert "loss" in out
    assert "round 1:" in out
    assert "going on after round 2 of 4" in out
    same_bytes("cut.run", run)
    assert Path("cut.png").read_bytes() == Path("whole.png").read_bytes()
    assert main(["style", "--resume", "-o", "cut.png"]) == 0
    assert "finished already" in capsys.readouterr().out


def test_ctrl_c_ends_the_round_and_says_how_to_go_on(run, capsys, monkeypatch):
    rounds = style.Transfer.round

    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        rounds(self)

    monkeypatch.setattr(style.Transfer, "round", interrupted)
    given = ["style", "photo.png", "waves.png", *SMALL, "-o", "cut"]
    assert main(given) == 130
    assert "stopped after round 1 of 4; the same command with --resume goes on" in capsys.readouterr().out
    monkeypatch.setattr(style.Transfer, "round", rounds)
    assert main([*given, "--resume"]) == 0
    same_bytes("cut", run)
    assert Path("cut/picture.png").read_bytes() == Path("whole.png").read_bytes()


def test_a_dry_run_leaves_nothing(run):
    before = sorted(map(str, Path().rglob("*")))
    assert main(["style", "photo.png", "waves.png", *SMALL, "--preset", "book", "--dry-run", "--quiet"]) == 0
    assert sorted(map(str, Path().rglob("*"))) == before


def test_all_options_together(run, capsys):
    given = ["style", "photo.png", "waves.png", "other.png", *SMALL, "--style-blend-weights", "3,1", "--style-size",
             "24", "--original-colors", "--init", "other.png", "--optimizer", "adam", "--iterations", "1"]
    assert main([*given, "-o", "x.png"]) == 0
    assert main([*given, "-o", "y.png", "--init", "random", "--quiet"]) == 0
    assert (read_image("x.png") != read_image("y.png")).any()
    init = ["--init-from", "whole.run/last.safetensors", "--iterations", "1"]
    assert main(["style", "photo.png", "waves.png", *SMALL, *init, "-o", "z.png"]) == 0
    first = json.loads(Path("z.run/metrics.jsonl").read_text())
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert first["loss"] < last["loss"]  # it went on where the other one ended


def test_a_png_says_where_it_comes_from(run):
    from PIL import Image

    with Image.open("whole.png") as image:
        settings = json.loads(image.text["Settings"])
    assert settings["styles"] == ["waves.png"]
    assert "iterations" not in settings


def test_pictures_of_all_kinds(run):
    from PIL import Image

    kinds = {"RGBA": "png", "CMYK": "jpg", "L": "png", "P": "png", "1": "png"}
    for mode, ending in kinds.items():
        Image.new(mode, (9, 8)).save(f"{mode}.{ending}")
    Image.new("RGB", (1, 1), (200, 10, 10)).save("dot.png")
    content = style.read_picture("RGBA.png", 8)
    assert (content == 255).all()  # what is transparent is white
    assert style.read_picture("CMYK.jpg", 8).shape == (3, 8, 9)
    assert style.read_picture("dot.png", 8)[:, 4, 4].tolist() == [200, 10, 10]
    given = ["style", "dot.png", "RGBA.png", "CMYK.jpg", *SMALL, "--iterations", "1", "--quiet"]
    assert main([*given, "-o", "x.png"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png"], "a photograph and at least one painting are needed"),
        (["no.png", "waves.png"], "`no.png` does not exist"),
        (["photo.png", "no.png"], "`no.png` does not exist"),
        (["photo.png", "cut.png"], "`cut.png` is no picture that can be read"),
        (["photo.png", "cut.jpg"], "`cut.jpg` is no picture that can be read"),
        (["wide.png", "waves.png", "--size", "900"], "`wide.png` would be 900 x 1800000 pixels; it must not have more"),
        (["photo.png", "waves.png", "--size", "2"], "`photo.png`, 2 x 3 pixels here, is too small for the layers"),
        (["photo.png", "dot.png", "--style-size", "2"], "`dot.png`, 2 x 2 pixels here, is too small for the layers"),
        (["photo.png", "waves.png", "--content-layer", "fire99"],
         "`content_layer` has 'fire99', which squeezenet lacks; valid are conv1, relu_conv1, pool1"),
        (["photo.png", "waves.png", "--style-layers", "pool1,x"], "`style_layers` has 'x', which squeezenet lacks"),
        (["photo.png", "waves.png", "--style-blend-weights", "1,2"], "for 1 paintings it must be as many numbers"),
        (["photo.png", "waves.png", "--style-blend-weights", "a"], "'a' must be numbers joined by commas"),
        (["photo.png", "waves.png", "--init", "nowhere"], "`nowhere` does not exist"),
        (["photo.png", "waves.png", "--init-from", "whole.run/last.safetensors", "--size", "24"], "must hold a pict"),
        (["photo.png", "waves.png", "--evaluations", "0"], "`evaluations` is 0"),
        (["photo.png", "waves.png", "--iterations", "0"], "`iterations` is 0"),
        (["photo.png", "waves.png", "--content-weight", "nan"], "`content_weight` is nan"),
        (["photo.png", "waves.png", "--weights", "no.h5"], "`weights` is 'no.h5', which does not exist"),
        (["photo.png", "waves.png", "--network", "vgg"], "invalid choice: 'vgg'"),
        (["photo.png", "waves.png", "-o", "whole.png"], "`whole.run` already holds a run"),
        (["photo.png", "other.png", "-o", "whole.png", "--resume"], '`styles` was ["waves.png"] and is ["other.png"]'),
        (["photo.png", "waves.png", "--resume"], "--resume needs --out"),
    ],
)
def test_bad_input_is_one_line(arguments, message, run, capsys):
    from PIL import Image

    Image.new("RGB", (2000, 1)).save("wide.png")
    Image.new("RGB", (1, 1)).save("dot.png")
    Image.effect_noise((64, 64), 90).save("cut.jpg")
    for name in ("photo.png", "cut.jpg"):
        Path(f"cut{Path(name).suffix}").write_bytes(Path(name).read_bytes()[:700])
    before = sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock"))
    out = [] if "-o" in arguments or "--resume" in arguments else ["-o", "new.png"]
    assert status_of(["style", *arguments[:2], *SMALL, *arguments[2:], *out]) == 2
    printed, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not printed
    assert sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock")) == before
