"""``tinygen vae`` as a user meets it: it trains, draws, morphs, finds directions, and refuses bad input in one line."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.demo import vae as demo_vae
from tinygen.generators import latent, vae
from tinygen.pictures import read_image, save_png

SMALL = "--batch-size 8 --epochs 6 --lr 0.01 --log-every 5 --save-every 7".split()


def make_bars(path):
    """64 pictures of 8 x 8, a bar on the left or on top, with their class."""
    rng, labels = np.random.default_rng(0), np.arange(64) % 2
    images = rng.integers(0, 60, (64, 8, 8)).astype(np.uint8)
    images[labels == 0, :, :3] = 240
    images[labels == 1, :3] = 240
    np.savez(path, images=images, labels=labels, names=["left", "top"])


@pytest.fixture(scope="session")
def vae_trained(tmp_path_factory):
    """A run, trained once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("vae_trained")
    make_bars(folder / "bars.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TINYGEN_SEED", raising=False)
        assert main(["vae", "train", "--data", "bars.npz", *SMALL, "-o", "run", "--quiet"]) == 0
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, vae_trained):
    """That run and its data, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("TINYGEN_SEED", "TINYGEN_DEVICE", "TINYGEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(vae_trained / "bars.npz", "bars.npz")
    return shutil.copytree(vae_trained / "run", Path("run"))


def status_of(arguments):
    try:
        return main(list(map(str, arguments)))
    except SystemExit as error:
        return error.code


def test_training_again_gives_the_same_bytes_and_resuming_too(run, capsys):
    whole = ["vae", "train", "--data", "bars.npz", *SMALL]
    assert main([*whole, "-o", "cut", "--max-steps", "10"]) == 0
    assert main(["vae", "train", "-o", "cut", "--resume", "--max-steps", "0"]) == 0
    assert "going on from step 10" in capsys.readouterr().out
    for name in ("last.safetensors", "best.safetensors", "state.safetensors", "metrics.jsonl"):
        assert (Path("cut") / name).read_bytes() == (run / name).read_bytes(), name
    samples = sorted(path.name for path in (run / "samples").iterdir())
    assert samples == [f"step_{8 * epoch:06d}.png" for epoch in range(1, 7)]
    for name in samples:
        assert (Path("cut/samples") / name).read_bytes() == (run / "samples" / name).read_bytes()


def test_a_dry_run_leaves_nothing(run):
    before = sorted(map(str, Path().rglob("*")))
    assert main(["vae", "train", "--data", "bars.npz", "--preset", "book", "--dry-run", "--quiet"]) == 0
    assert sorted(map(str, Path().rglob("*"))) == before


def test_grid(run):
    assert main(["vae", "grid", "run", "-n", "4", "--zoom", "2", "-o", "g.png"]) == 0
    assert read_image("g.png").shape == (3, 4 * 8 * 2, 4 * 8 * 2)


def test_morph_between_a_file_and_a_held_out_picture(run):
    from PIL import Image

    save_png("a.png", np.full((1, 20, 20), 200, np.uint8))
    assert main(["vae", "morph", "run", "a.png", "2", "--frames", "5"]) == 0
    with Image.open("morph.gif") as gif:
        assert gif.size == (32, 32)
        assert gif.n_frames <= 8  # frames that are alike are one that is shown longer


def test_concept_tells_the_bars_apart(run, capsys):
    for method in latent.METHODS:
        assert main(["vae", "concept", "run", "--attribute", "top", "--method", method, "--steps", "5"]) == 0
    out = capsys.readouterr().out
    accuracies = [float(line.split()[1]) for line in out.splitlines() if "told apart" in line]
    assert len(accuracies) == 4
    assert min(accuracies) == 1.0
    assert read_image("concept.png").shape[1:] == (2 * (2 + 3 * 10), 2 * (2 + 5 * 10))  # 3 of the 6 are on the left


def test_moving_along_the_direction_changes_the_picture_into_the_other_kind(run):
    model, settings = vae.load_model("run")
    data, _ = vae.load_data(settings)
    top = latent.flags_of(data, "top")
    concept = latent.find_concept(model.points(data.images), top)
    before, after = latent.apply_concept(model, data.images[~top][:1], concept, 2, 1.0)[:, 0]
    assert int(before[6, 0]) > int(before[0, 6])  # a bar on the left
    assert int(after[0, 6]) > int(after[6, 0])  # a bar on top


def test_concept_with_a_folder_and_a_table(run):
    arrays = np.load("bars.npz")
    rows = ["file,top"]
    for i in range(20):
        save_png(f"folder/{i:02d}.png", arrays["images"][i][None])
        rows.append(f"{i:02d}.png,{arrays['labels'][i]}")
    Path("table.csv").write_text("\n".join(rows) + "\n")
    given = ["--data", "folder", "--labels", "table.csv", "--attribute", "top", "--picture", "0"]
    assert main(["vae", "concept", "run", *given]) == 0


def test_logistic_regression_finds_a_known_plane():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 3))
    has = rng.random(4000) < 1 / (1 + np.exp(-(z @ [2.0, -1.0, 0.0] + 0.5)))
    found = latent.find_concept(z, has, "logistic")
    np.testing.assert_allclose([*found.normal, -found.threshold], [2, -1, 0, 0.5], atol=0.2)


def test_the_importance_bound_is_tighter_than_the_elbo(run, capsys):
    model, settings = vae.load_model("run")
    images = vae.load_data(settings)[1].images
    bounds = [latent.importance_bound(model, np.repeat(images, 20, 0), k, tg.Generator(3)) for k in (1, 4, 32)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert main(["vae", "likelihood", "run", "-k", "4", "-n", "3"]) == 0
    assert "3 held-out pictures, bernoulli likelihood" in capsys.readouterr().out


def test_the_importance_bound_reaches_the_likelihood_of_a_decoder_that_ignores_z(run):
    model, settings = vae.load_model("run")
    images = vae.load_data(settings)[1].images[:2]
    weights = model.state_dict()
    name = next(name for name in weights if name.startswith("decoder") and weights[name].shape[-1:] == (2,))
    weights[name] = weights[name] * 0
    model.load_state_dict(weights)
    x = tg.tensor(images.astype(np.float32) / 255)
    with tg.no_grad():
        truth = -vae.reconstruction_of(model, model.scores(tg.zeros(2, 2)), x).mean().item()
    # the weights are then p(z) / q(z), whose mean is 1
    wide = model.log_var.bias.detach().numpy() * 0 + 0.3
    model.log_var.weight.data, model.mean.weight.data = (np.zeros_like(model.mean.weight.detach().numpy()),) * 2
    model.log_var.bias.data, model.mean.bias.data = wide, wide * 0
    assert latent.importance_bound(model, images, 300, tg.Generator(0)) == pytest.approx(truth, abs=0.15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "nosuch"], "`data` is 'nosuch'"),
        (["train", "--data", "bars.npz", "--latent-dim", "0"], "`latent_dim` is 0"),
        (["train", "--data", "bars.npz", "-o", "run"], "`run` already holds a run"),
        (["train", "--data", "bars.npz", "-o", "run", "--resume", "--latent-dim", "3"], "`latent_dim` was 2"),
        (["train", "--resume"], "--resume needs --out"),
        (["train", "--nosuch"], "unrecognized arguments: --nosuch"),
        (["grid", "nosuch"], "`nosuch` holds no run"),
        (["grid", "run", "-o", "x.jpg"], "must end in .png"),
        (["grid", "run", "-n", "0"], "`--side` is 0"),
        (["morph", "run", "0", "1", "-o", "x.png"], "must end in .gif"),
        (["morph", "run", "0", "99"], "picture 99 is not there"),
        (["morph", "run", "0", "no.png"], "`no.png` does not exist"),
        (["concept", "run", "--attribute", "nose"], "`attribute` is 'nose'; valid are left, top"),
        (["concept", "run"], "the following arguments are required: --attribute"),
        (["likelihood", "run", "-k", "0"], "`--draws` is 0"),
        ([], "the following arguments are required: train|grid"),
    ],
)
def test_bad_input_is_one_line(arguments, message, run, capsys):
    before = sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock"))
    assert status_of(["vae", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert sorted(str(path) for path in Path().rglob("*") if not path.name.endswith(".lock")) == before


def test_the_demo_part(tmp_path):
    told = []
    part = demo_vae.run(tmp_path, told.append, pictures=400, epochs=1)
    assert "data:image/png;base64," in part.html
    assert "<svg" in part.html
    again = demo_vae.run(tmp_path, told.append, pictures=400, epochs=1)
    assert again.html.count("<figure") == part.html.count("<figure") == 2
    assert any("finished already" in line for line in told)
