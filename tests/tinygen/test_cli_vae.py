"""``tinygen vae`` as a user meets it: it trains, draws, morphs, finds directions, and refuses bad input in one line."""

import json
import math
import shutil
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.demo import vae as demo_vae
from tinygen.generators import latent, vae
from tinygen.pictures import enlarge, read_image, save_png

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


def test_a_grid_around_a_picture_with_its_axes_and_settings(run):
    from PIL import Image

    assert main(["vae", "grid", "run", "-n", "5", "--around", "1", "-o", "g.png"]) == 0
    model, settings = vae.load_model("run")
    z = model.points(vae.load_data(settings)[1].images[1:2])[0]
    np.testing.assert_array_equal(read_image("g.png"), vae.traversals(model, 5, z))
    with Image.open("g.png") as image:
        assert image.text["Command"] == "vae grid"
        assert json.loads(image.text["Settings"])["data"] == "bars.npz"
    assert main(["vae", "grid", "run", "-n", "5", "--zoom", "3", "--axes", "-o", "a.png"]) == 0
    with_axes = read_image("a.png")
    assert with_axes.shape == (3, 5 * 24 + 18, 5 * 24 + 44)
    np.testing.assert_array_equal(with_axes[:, :120, 44:], enlarge(vae.manifold(model, 5), 3))
    assert (with_axes[:, :120, :44] < 128).any()  # something is written beside the rows
    assert (with_axes[:, 120:] < 128).any()


def test_words_that_have_no_room_are_left_out():
    sheet = np.zeros((3, 12, 400), np.uint8)
    made = latent.with_axes(sheet, ["-0.55"] * 100, ["z1"] * 4)
    assert made.shape == (3, 30, 444)
    assert (made[:, 12:, 44:] == 255).any(axis=(0, 1)).sum() > 300  # the words do not run into one another


def test_morph_between_a_file_and_a_held_out_picture(run):
    from PIL import Image

    save_png("a.png", np.full((1, 20, 20), 200, np.uint8))
    assert main(["vae", "morph", "run", "a.png", "2", "--frames", "5"]) == 0
    with Image.open("morph.gif") as gif:
        assert gif.size == (32, 32)
        assert gif.n_frames <= 8  # frames that are alike are one that is shown longer
    model, settings = vae.load_model("run")
    last = vae.load_data(settings)[1].images[2]
    frames = latent.morph(model, read_image("a.png", 8, 1), last, 5)
    a, b = model.points(np.stack([read_image("a.png", 8, 1), last]))
    assert frames.shape == (8, 1, 8, 8)
    for k, share in enumerate((0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25)):
        difference = model.pictures((a + share * (b - a))[None])[0].astype(int) - frames[k]
        assert np.abs(difference).max() <= 1, k


def test_concept_tells_the_bars_apart(run, capsys):
    for method in latent.METHODS:
        assert main(["vae", "concept", "run", "--attribute", "top", "--method", method, "--steps", "5"]) == 0
    out = capsys.readouterr().out
    accuracies = [float(line.split()[1]) for line in out.splitlines() if "told apart" in line]
    assert len(accuracies) == 4
    assert min(accuracies) == 1.0
    assert out.count("balanced accuracy 1.0000") == 4
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


def test_concept_with_celebas_own_list(run, capsys):
    arrays = np.load("bars.npz")
    lines = ["16", "Left Top"]
    for i in range(16):
        save_png(f"faces/{i:06d}.jpg.png", arrays["images"][i][None])
        top = arrays["labels"][i]
        lines.append(f"{i:06d}.jpg.png  {1 - 2 * top}  {2 * top - 1}")
    Path("list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    given = ["--data", "faces", "--labels", "list_attr_celeba.txt", "--attribute", "Top"]
    assert main(["vae", "concept", "run", *given]) == 0
    assert "mean: 1.0000 of 2 held-out pictures told apart" in capsys.readouterr().out


def test_a_rare_attribute_is_told_by_the_likelier_answer_and_judged_without_its_rarity():
    """Two normal distributions, 1.5 deviations apart, of which one has a tenth: both figures in closed form."""
    phi = NormalDist().cdf
    rng = np.random.default_rng(1)

    def draw(n):
        has = rng.random(n) < 0.1
        z = rng.normal(size=(n, 3))
        z[:, 1] += 1.5 * has
        return z, has

    threshold = 0.75 + math.log(9) / 1.5
    for method in latent.METHODS:
        found = latent.find_concept(*draw(20_000), method)
        z, has = draw(20_000)
        best = 0.9 * phi(threshold) + 0.1 * phi(1.5 - threshold)
        assert found.accuracy(z, has) == pytest.approx(best, abs=0.006)
        assert found.accuracy(z, has) > 1 - has.mean()
        assert found.balanced_accuracy(z, has) == pytest.approx(phi(0.75), abs=0.015)
        np.testing.assert_allclose(found.direction, [0, 1.5, 0], atol=0.1)


def test_an_attribute_that_no_direction_shows_is_at_chance():
    z, has = np.zeros((40, 2)), np.arange(40) % 4 == 0
    for method in latent.METHODS:
        found = latent.find_concept(z, has, method)
        assert (found.accuracy(z, has), found.balanced_accuracy(z, has)) == (0.75, 0.5)
        np.testing.assert_array_equal(found.direction, [0, 0])


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


class LinearGaussian:
    """p(z) = N(0, 1), p(x | z) = N(W z + b, s^2), W orthogonal: what a VAE approximates is known exactly.

    ln p(x) = ln N(x; b, W W' + s^2); p(z | x) = N(W'(x - b) / (c + s^2), s^2 / (c + s^2)) in each dimension, with
    W'W = c. ``wrong`` is added to the mean of q, and ``wider`` multiplies its deviation.
    """

    shape, latent_dim, s, c = (1, 2, 2), 2, 0.3, 0.5

    def __init__(self, wrong=0.0, wider=1.0):
        self.wrong, self.wider = wrong, wider
        self.w = np.array([[1.0, 1], [1, -1], [1, 1], [1, -1]]) * math.sqrt(self.c / 4)
        self.b = np.array([0.5, 0.4, 0.3, 0.2])

    def encode(self, x):
        m = (x.numpy().reshape(-1, 4) - self.b) @ self.w / (self.c + self.s**2) + self.wrong
        v = np.full_like(m, math.log(self.s**2 / (self.c + self.s**2)) + 2 * math.log(self.wider))
        return tg.tensor(m.astype(np.float32)), tg.tensor(v.astype(np.float32))

    def deviation(self, v):
        return (v / 2).exp()

    def scores(self, z):
        return z @ tg.tensor(self.w.T.astype(np.float32)) + tg.tensor(self.b.astype(np.float32))

    def nats(self, scores, x):
        return ((x.reshape(-1, 4) - scores) ** 2).sum(1) / (2 * self.s**2) + 2 * math.log(2 * math.pi * self.s**2)

    def log_likelihood(self, images):
        d = images.reshape(-1, 4) / 255 - self.b
        covariance = self.w @ self.w.T + self.s**2 * np.eye(4)
        squares = np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
        return float(-(squares + np.linalg.slogdet(2 * math.pi * covariance)[1]).mean() / 2)

    def elbo_gap(self):
        """KL(q | p(z | x)) in closed form, for two dimensions."""
        square = self.wrong**2 * (self.c + self.s**2) / self.s**2
        return square + self.wider**2 - 1 - 2 * math.log(self.wider)


def test_the_importance_bound_of_a_linear_model_is_its_likelihood_in_closed_form(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 2, 2)).astype(np.uint8)
    monkeypatch.setattr(latent, "reconstruction_of", lambda model, scores, x: model.nats(scores, x))
    exact = LinearGaussian()  # q is the posterior: every draw has the same weight, and the bound is reached at once
    for k in (1, 5):
        found = latent.importance_bound(exact, images, k, tg.Generator(k))
        assert found == pytest.approx(exact.log_likelihood(images), abs=1e-4)
    off = LinearGaussian(wrong=0.3, wider=1.3)
    truth, many = off.log_likelihood(images), np.repeat(images, 2000, 0)
    elbo = latent.importance_bound(off, many, 1, tg.Generator(1))
    assert elbo == pytest.approx(truth - off.elbo_gap(), abs=0.05)
    assert truth - off.elbo_gap() < truth - 0.3
    assert latent.importance_bound(off, images, 4000, tg.Generator(2)) == pytest.approx(truth, abs=0.05)


def bad_inputs(run):
    """Folders, files and runs with something wrong."""
    png = lambda name, *shape: save_png(name, np.full(shape, 90, np.uint8))  # noqa: E731
    for i, size in enumerate((8, 8, 9)):
        png(f"sizes/{i}.png", 1, size, 8)
    Path("empty").mkdir()
    for i in range(3):
        Path("corrupt").mkdir(exist_ok=True)
        Path(f"corrupt/{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
        png(f"good/{i}.png", 1, 8, 8)
    Path("strangers.csv").write_text("file,top\nx.png,1\ny.png,0\n")
    Path("ragged.csv").write_text("file,top\n0.png,1\n1.png\n")
    Path("short.txt").write_text("3\nA B\n0.png 1 -1\n1.png 1\n2.png 1 1\n")
    np.savez("floats.npz", images=np.zeros((4, 8, 8), np.float32))
    np.savez("flat.npz", images=np.zeros((4, 64), np.uint8))
    np.savez("labels.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.arange(3))
    Path("text.npz").write_text("no zip")
    changes = {"wide": {"latent_dim": 3}, "large": {"image_shape": [1, 9, 20]}, "odd": {"network": "book"}}
    for name, change in changes.items():
        config = json.loads(Path(shutil.copytree(run, name), "config.json").read_text())
        config["settings"] |= change
        Path(name, "config.json").write_text(json.dumps(config))
    (shutil.copytree(run, Path("cut")) / "best.safetensors").write_bytes(b"12345678")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "sizes"], "pictures of sizes differ: 0.png is 8 x 8, 2.png is 9 x 8"),
        (["train", "--data", "empty"], "`data` is 'empty', a folder without pictures"),
        (["train", "--data", "corrupt"], "`data` is 'corrupt', where no picture can be read: 0.png, 1.png, 2.png"),
        (["train", "--data", "good", "--labels", "strangers.csv"], "names none of the 3 pictures: its first is 'x"),
        (["train", "--data", "good", "--labels", "ragged.csv"], "whose row 3 has 1 columns, the first 2"),
        (["train", "--data", "good", "--labels", "short.txt"], "whose row 3 has 2 columns, the first 3"),
        (["train", "--data", "good", "--labels", "no.csv"], "`labels` is 'no.csv', which does not exist"),
        (["train", "--data", "bars.npz", "--labels", "strangers.csv"], "goes with a folder of pictures"),
        (["train", "--data", "floats.npz"], "whose 'images' is float32 of shape (4, 8, 8); it must be uint8"),
        (["train", "--data", "flat.npz"], "whose 'images' is uint8 of shape (4, 64)"),
        (["train", "--data", "labels.npz"], "whose 'labels' is int64 of shape (3,); for 4 pictures"),
        (["train", "--data", "text.npz"], "which cannot be read as .npz"),
        (["train", "--data", "good", "--size", "-1"], "`size` is -1"),
        (["train", "--data", "good", "--init-from", "run/best.safetensors", "--latent-dim", "5"], "other weights"),
        (["train", "--preset", "books"], "invalid choice: 'books'"),
        (["grid", "wide"], "`wide` has weights of another model than its settings"),
        (["grid", "large"], "`large` has weights of another model than its settings"),
        (["explore", "odd"], "`odd` has weights of another model than its settings"),
        (["grid", "cut"], "best.safetensors"),
        (["grid", "run", "--around", "no.png"], "`no.png` does not exist"),
        (["morph", "run", "corrupt/0.png", "1"], "`corrupt/0.png` is no picture that can be read"),
        (["concept", "run", "--attribute", "top", "--data", "good"], "has no labels; a table of them is given"),
        (["concept", "run", "--attribute", "top", "--strength", "nan"], "`--strength` is nan"),
    ],
)
def test_what_is_wrong_with_data_and_runs_is_one_line(arguments, message, run, capsys):
    bad_inputs(run)
    before = sorted(map(str, Path().rglob("*")))
    assert status_of(["vae", *arguments, *(["-o", "new"] if arguments[0] == "train" else [])]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert sorted(map(str, Path().rglob("*"))) == before


def test_a_folder_of_mixed_modes_is_read_in_colour_and_a_corrupt_picture_is_left_out(run, capsys):
    from PIL import Image

    Path("mixed").mkdir()
    for name, mode in {"a": "L", "b": "RGBA", "c": "P", "d": "1", "e": "I;16", "f": "CMYK"}.items():
        Image.new(mode, (8, 8)).save(f"mixed/{name}.{'jpg' if mode == 'CMYK' else 'png'}")
    Image.new("RGB", (8, 8), (200, 10, 10)).save("mixed/g.png")
    Path("mixed/h.png").write_bytes(b"no picture")
    assert main("vae train --data mixed --epochs 1 --batch-size 4 -o new".split()) == 0
    out = capsys.readouterr().out
    assert "`data` is 'mixed': cannot be read and left out: h.png" in out
    assert "6 pictures 3x8x8, 1 held out" in out


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
