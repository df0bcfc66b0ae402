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


def contents():
    return {str(p): p.read_bytes() for p in Path().rglob("*") if p.is_file() and not p.name.endswith(".lock")}


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


@pytest.mark.parametrize("options", ["", "--scales 3", "--tile 6 --network vgg19", "--optimizer adam", "--preset book"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_after_any_step_it_goes_on_to_the_same_bytes(options, number, run, capsys, monkeypatch):
    """In the middle of a round, too, and of a scale; and it stops with the step that is under way."""
    given = ["style", "photo.png", "waves.png", *SMALL, "--evaluations", "9", *options.split()]
    if "vgg19" in options:
        given += ["--content-layer", "block2_conv1", "--style-layers", "block1_conv1,block2_conv1"]
    evaluate, evaluations = style.Transfer.loss, []

    def interrupted(self):
        evaluations.append(self.step)
        if len(evaluations) in (13, 23, 33):
            signal.raise_signal(number)
        return evaluate(self)

    assert main([*given, "-o", "all.png", "--quiet"]) == 0
    monkeypatch.setattr(style.Transfer, "loss", interrupted)
    assert main([*given, "-o", "cut.png"]) == 130
    assert 13 <= len(evaluations) <= 16  # a step may take several evaluations
    assert "stopped after round 1 and" in capsys.readouterr().out
    assert main([*given, "-o", "cut.png", "--resume"]) == 130
    assert "going on after round 1 and" in capsys.readouterr().out
    assert 23 <= len(evaluations) <= 26
    assert main([*given, "-o", "cut.png", "--resume"]) == 130
    assert "stopped after round 3 and" in capsys.readouterr().out
    assert main([*given, "-o", "cut.png", "--resume", "--quiet"]) == 0
    same_bytes("cut.run", "all.run")
    assert Path("cut.png").read_bytes() == Path("all.png").read_bytes()


def test_several_sizes_in_one_run(run, capsys):
    given = ["style", "photo.png", "waves.png", *SMALL, "--size", "40", "--scales", "3"]
    assert main([*given, "-o", "x.png"]) == 0
    out = capsys.readouterr().out
    for line in ("20 x 28 pixels, scale 1 of 3", "28 x 39 pixels, scale 2 of 3", "40 x 56 pixels, scale 3 of 3"):
        assert line in out
    rows = [json.loads(line) for line in Path("x.run/metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["scale"], row["evaluations"]) for row in rows] == [(1, 1, 4), (2, 1, 8), (3, 2, 12),
                                                                                (4, 3, 16)]
    shapes = [read_image(f"x.run/samples/step_00000{i}.png").shape for i in range(1, 5)]
    assert shapes == [(3, 20, 28), (3, 20, 28), (3, 28, 39), (3, 40, 56)]
    # the last size begins with what the one before has found
    start = float(out.split("scale 3 of 3")[1].split("loss ")[1].split(" ")[0])
    alone = capsys_loss_at_the_start([*given[:-2], "--max-steps", "1", "-o", "y.png"], capsys)
    assert start < alone / 3
    # with more rounds it goes on at the last one
    assert main([*given, "-o", "x.png", "--resume", "--iterations", "5", "--quiet"]) == 0
    last = json.loads(Path("x.run/metrics.jsonl").read_text().splitlines()[-1])
    assert (last["step"], last["scale"]) == (5, 3)


def capsys_loss_at_the_start(arguments, capsys):
    assert main(arguments) == 0
    return float(capsys.readouterr().out.split("at the start loss ")[1].split(" ")[0])


def test_strips_by_their_height_or_by_a_bound_of_memory(run, capsys):
    layers = ["--network", "vgg19", "--content-layer", "block2_conv1", "--style-layers", "block1_conv1,block2_conv1"]
    given = ["style", "photo.png", "waves.png", *SMALL, *layers, "--iterations", "2"]
    for name, options in {"whole": "", "tile": "--tile 6", "memory": "--memory 900"}.items():
        assert main([*given, *options.split(), "-o", f"{name}-2.png"]) == 0
        assert {"whole": "20 x 28 pixels, vgg19", "tile": "strips of 6 rows", "memory": "strips of 32 rows"}[
            name] in capsys.readouterr().out
    whole = read_image("whole-2.png").astype(int)
    for name in ("tile", "memory"):
        assert np.abs(read_image(f"{name}-2.png") - whole).mean() < 1


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
        (["photo.png", "waves.png", "--init", "nowhere"], "`init` is 'nowhere'; valid are 'content', 'random' and"),
        (["photo.png", "waves.png", "-o", "photo.png"], "`--out` is 'photo.png', which is the `content` itself"),
        (["photo.png", "waves.png", "-o", "waves.png"], "`--out` is 'waves.png', which is the `styles` itself"),
        (["photo.png", "waves.png", "--init", "other.png", "-o", "other.png"], "which is the `init` itself"),
        (["old/picture.png", "waves.png", "-o", "old"], "`--out` is 'old/picture.png', which is the `content` itself"),
        (["photo.png", "waves.png", "-o", "new.jpg"], "`--out` is 'new.jpg'; a picture's name must end in .png"),
        (["photo.png", "waves.png", "--size", "1500"], "`photo.png` would be 1500 x 2100 pixels, more than the 3 mill"),
        (["photo.png", "waves.png", "--style-size", "1500"], "`waves.png` would be 1500 x 2100 pixels, more than the"),
        (["photo.png", "waves.png", "--init-from", "whole.run/last.safetensors", "--size", "24"], "must hold a pict"),
        (["photo.png", "waves.png", "--evaluations", "0"], "`evaluations` is 0"),
        (["photo.png", "waves.png", "--iterations", "0"], "`iterations` is 0"),
        (["photo.png", "waves.png", "--scales", "0"], "`scales` is 0; it must be at least 1"),
        (["photo.png", "waves.png", "--scales", "5"], "`scales` is 5; with `iterations` 4 it must be at most that"),
        (["photo.png", "waves.png", "--scales", "a"], "invalid int value: 'a'"),
        (["photo.png", "waves.png", "--scales", "4", "--size", "4"], "`photo.png`, 1 x 1 pixels here, is too small"),
        (["photo.png", "waves.png", "--tile", "-1"], "`tile` is -1; it must be at least 0"),
        (["photo.png", "waves.png", "--memory", "-1"], "`memory` is -1; it must be at least 0"),
        (["photo.png", "waves.png", "--memory", "900", "--tile", "8"], "`tile` is 8 and `memory` is 900; one of them"),
        (["photo.png", "waves.png", "--tile", "8"], "`tile` and `memory` are for networks that are a chain of conv"),
        (["photo.png", "waves.png", "--memory", "900"], "small, vgg16, vgg19; relu_conv1 of squeezenet is none"),
        (["photo.png", "waves.png", "--memory", "9", "--network", "vgg19", "--content-layer", "block1_conv1",
          "--style-layers", "block1_conv1"], "`memory` is 9; a picture of 20 x 28 needs at least"),
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
    Path("old").mkdir()
    Image.new("RGB", (40, 40)).save("old/picture.png")
    Image.effect_noise((64, 64), 90).save("cut.jpg")
    for name in ("photo.png", "cut.jpg"):
        Path(f"cut{Path(name).suffix}").write_bytes(Path(name).read_bytes()[:700])
    before = contents()
    out = [] if "-o" in arguments or "--resume" in arguments else ["-o", "new.png"]
    assert status_of(["style", *arguments[:2], *SMALL, *arguments[2:], *out]) == 2
    printed, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not printed
    assert contents() == before
