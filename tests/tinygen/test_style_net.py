"""``tinygen style-net``: the network, its loss, training that goes on exactly, pictures of any size."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.generators import style, style_net
from tinygen.pictures import read_image, save_png

NETWORK = "--network squeezenet --weights random --content-layer fire2/concat --style-layers relu_conv1,fire2/concat"
SMALL = f"{NETWORK} --size 20 --width 4 --blocks 1 --batch-size 2 --steps 7 --log-every 3 --save-every 4".split()
SMALL += ["--sample-every", "7"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Photographs, a painting and a run, made once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("net")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:30, :42]
    for i in range(5):
        photograph = np.stack([5 * y, (i + 1) * x, 255 - 5 * y]) + rng.integers(0, 9, (3, 30, 42))
        save_png(folder / f"photos/{i}.png", np.clip(photograph, 0, 255).astype(np.uint8))
    waves = 128 + 100 * np.sin(x + np.array([0, 1, 2]).reshape(3, 1, 1) * y)
    save_png(folder / "waves.png", waves.astype(np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TINYGEN_SEED", raising=False)
        assert main(["style-net", "train", "--style", "waves.png", "--data", "photos", *SMALL, "-o", "run",
                     "--quiet"]) == 0
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, trained):
    """That run and its pictures, in the working directory."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("TINYGEN_SEED", "TINYGEN_DEVICE", "TINYGEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Path("run")


def status_of(arguments):
    try:
        return main(list(map(str, arguments)))
    except SystemExit as error:
        return error.code


def same_bytes(one, other):
    for name in ("last.safetensors", "state.safetensors", "metrics.jsonl", "samples/step_000007.png"):
        assert (Path(one) / name).read_bytes() == (Path(other) / name).read_bytes(), name


def test_every_size_comes_out_as_it_went_in():
    model = style_net.StyleNet(2, 1, tg.Generator(0))
    for height, width in ((5, 5), (6, 9), (16, 12), (23, 31)):
        image = np.random.default_rng(0).integers(0, 256, (3, height, width)).astype(np.uint8)
        made = style_net.restyle(model, image)
        assert made.shape == image.shape
        assert made.std() > 1
    with pytest.raises(ValueError, match="pictures must be at least 5 x 5"):
        model(tg.zeros(1, 3, 4, 9))


def test_doubling_is_what_upsampling_to_the_nearest_gives():
    x = tg.randn(2, 3, 4, 5, dtype=tg.float64, generator=tg.Generator(0)).requires_grad_()
    np.testing.assert_array_equal(
        style_net.Double()(x).detach().numpy(), tg.nn.Upsample(scale_factor=2)(x).detach().numpy()
    )
    tg.testing.gradcheck(style_net.Double(), [x])


def test_the_loss_is_that_of_the_slow_way(run):
    """One photograph at the painting's height: content and style as `tinygen style` measures them, tv too."""
    settings = style.Settings("photos/0.png", ["waves.png"], network="squeezenet", weights="random",
                              content_layer="fire2/concat", style_layers=["relu_conv1", "fire2/concat"])
    network = style.load_network(settings, "cpu")
    photograph, painting = read_image("photos/0.png"), read_image("waves.png")
    made = tg.tensor(np.random.default_rng(1).random((1, 3, 30, 42), np.float32) * 255)
    slow = style.Objective(network, settings, photograph, [painting])(made).numpy()
    fast = style_net.PerceptualLoss(network, settings, painting)(made, tg.tensor(photograph[None].astype(np.float32)))
    np.testing.assert_allclose(fast.numpy(), slow, rtol=1e-4)


def test_the_loss_of_a_batch_is_a_mean(run):
    settings = style_net.Settings("waves.png", "photos", network="squeezenet", weights="random",
                                  content_layer="fire2/concat", style_layers=["relu_conv1"])
    loss = style_net.PerceptualLoss(style.load_network(settings, "cpu"), settings, read_image("waves.png"))
    x = [tg.tensor(np.random.default_rng(i).random((1, 3, 20, 24), np.float32) * 255) for i in range(2)]
    photograph = tg.tensor(read_image("photos/0.png", (20, 24))[None].astype(np.float32))
    apart = [loss(one, photograph).numpy() for one in x]
    both = loss(tg.cat(x), tg.cat([photograph, photograph])).numpy()
    np.testing.assert_allclose(both, (apart[0] + apart[1]) / 2, rtol=1e-4)


def test_training_lowers_the_loss(run):
    given = ["--style", "waves.png", "--data", "photos", *SMALL, "--steps", "45", "--lr", "0.01"]
    assert main(["style-net", "train", *given, "-o", "longer", "--quiet"]) == 0
    rows = [json.loads(line) for line in Path("longer/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(3, 46, 3))
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    for row in rows:
        assert list(row) == ["step", "loss", "content", "style", "tv"]


def test_ctrl_c_finishes_the_step_and_the_rest_follows_exactly(run, capsys, monkeypatch):
    steps = style_net.Trainer.steps

    def interrupted(self):
        for epoch_ended in steps(self):
            if self.step == 5:
                signal.raise_signal(signal.SIGINT)
            yield epoch_ended

    monkeypatch.setattr(style_net.Trainer, "steps", interrupted)
    given = ["style-net", "train", "--style", "waves.png", "--data", "photos", *SMALL, "-o", "cut"]
    assert main(given) == 130
    assert "stopped at step 5 of 7; the same command with --resume goes on from here" in capsys.readouterr().out
    monkeypatch.setattr(style_net.Trainer, "steps", steps)
    assert main(["style-net", "train", "-o", "cut", "--resume"]) == 0
    assert "going on from step 5 of 7" in capsys.readouterr().out
    same_bytes("cut", run)
    assert main(["style-net", "train", "-o", "cut", "--resume"]) == 0
    assert "finished already" in capsys.readouterr().out


def test_a_dry_run_leaves_nothing(run):
    before = sorted(map(str, Path().rglob("*")))
    given = ["--style", "waves.png", "--data", "photos", *SMALL]
    assert main(["style-net", "train", *given, "--dry-run", "--quiet"]) == 0
    assert sorted(map(str, Path().rglob("*"))) == before


def test_apply(run, capsys):
    assert main(["style-net", "apply", "run", "photos/0.png", "waves.png", "-o", "made"]) == 0
    assert read_image("made/0.png").shape == read_image("made/waves.png").shape == (3, 30, 42)
    assert main(["style-net", "apply", "run", "photos/0.png", "-o", "x.png", "--size", "15"]) == 0
    assert read_image("x.png").shape == (3, 15, 21)
    model, _ = style_net.load_model("run")
    np.testing.assert_array_equal(read_image("made/0.png"), style_net.restyle(model, read_image("photos/0.png")))
    assert main(["style-net", "apply", "run", "photos/0.png", "-o", "y.png", "--original-colors"]) == 0
    kept, plain = style.luminance(read_image("y.png")), style.luminance(read_image("made/0.png"))
    np.testing.assert_allclose(kept, plain, atol=0.6)


def test_a_picture_that_is_too_large_is_refused(run, capsys, monkeypatch):
    monkeypatch.setattr(style_net, "MOST", 800)
    assert status_of(["style-net", "apply", "run", "waves.png", "-o", "x.png"]) == 2
    message = "is 30 x 42 pixels, more than the 0.0008 million that fit into 6 GB of memory: give --size 23"
    assert message in capsys.readouterr().err
    assert status_of(["style-net", "apply", "run", "waves.png", "-o", "x.png", "--size", "23"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "photos"], "--style is needed: a painting"),
        (["train", "--style", "waves.png"], "--data is needed: photographs"),
        (["train", "--style", "no.png", "--data", "photos"], "`no.png` does not exist"),
        (["train", "--style", "waves.png", "--data", "nowhere"], "`data` is 'nowhere'"),
        (["train", "--style", "waves.png", "--data", "photos", "--size", "4"], "`size` is 4; it must be at least 5"),
        (["train", "--style", "waves.png", "--data", "photos", "--lr", "0"], "`lr` is 0.0"),
        (["train", *SMALL, "--style", "waves.png", "--data", "photos", "--content-layer", "x"],
         "`content_layer` has 'x', which squeezenet lacks; valid are conv1"),
        (["train", *SMALL, "--style", "waves.png", "--data", "photos", "-o", "run"], "`run` already holds a run"),
        (["train", "-o", "run", "--resume", "--width", "8"], "`width` was 4 and is 8 now"),
        (["train", "--resume"], "--resume needs --out"),
        (["apply", "nowhere", "waves.png"], "`nowhere` holds no run"),
        (["apply", "run", "no.png"], "`no.png` does not exist"),
        (["apply", "run", "dot.png"], "`dot.png` is 1 x 1 pixels; at least 5 x 5 are needed"),
        (["apply", "run", "waves.png", "waves.png", "-o", "x.png"], "for 2 pictures it must be a folder"),
        (["apply", "run", "waves.png", "waves.png"], "two pictures are called 'waves'"),
        (["apply", "run", "waves.png", "--size", "-1"], "`--size` is -1"),
        (["apply", "run", "waves.png", "-o", "."], "`--out` is 'waves.png', which is the `image` itself"),
        (["apply", "run", "photos/0.png", "waves.png", "-o", "photos"], "`--out` is 'photos/0.png', which is the"),
        (["apply", "run", "waves.png", "-o", "x.jpg"], "`--out` is 'x.jpg'; a picture's name must end in .png"),
        (["train", *SMALL, "--style", "waves.png", "--data", "photos", "--size", "6", "--style-size", "20"],
         "`photos`, 6 x 6 pixels here, is too small for the layers"),
        (["train", *SMALL, "--style", "waves.png", "--data", "photos", "--style-size", "2"],
         "`waves.png`, 2 x 3 pixels here, is too small for the layers"),
    ],
)
def test_bad_input_is_one_line(arguments, message, run, capsys):
    save_png("dot.png", np.zeros((3, 1, 1), np.uint8))
    before = sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock"))
    assert status_of(["style-net", *arguments]) == 2
    printed, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not printed
    assert sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock")) == before
