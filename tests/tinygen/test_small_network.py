"""The small network that the package carries: its file, its accuracy, and that one can dream and paint with it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygen as tg
from tinygen.cli import main
from tinygen.data import cache_dir
from tinygen.generators import dream, style
from tinygen.models import small
from tinygen.models.weights import CARRIED, find

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def network():
    return small("imagenet", include_top=True)


def test_the_file_is_small_whole_and_says_where_it_comes_from():
    weights, about = tg.io.load_with_metadata(CARRIED["small"])
    assert CARRIED["small"].stat().st_size < 1_000_000
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float16)}
    assert all(np.isfinite(array).all() for array in weights.values())
    assert about["data"].startswith("CIFAR-10 (A. Krizhevsky, 2009), data_batch_1.bin, SHA-256 cee91656")
    script = about["command"].split()[0]
    assert (ROOT / script).is_file()
    assert about["accuracy"].endswith(" on 1,000 held-out pictures")


def test_the_package_takes_the_file_along():
    about_the_package = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"models/*.safetensors"' in about_the_package
    assert CARRIED["small"].match("tinygen/models/*.safetensors")


def test_nothing_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_HOME", str(tmp_path))
    said = []
    assert find("small", report=said.append) == CARRIED["small"]
    network = small("imagenet", report=said.append)
    assert not said
    assert network.missing == ()
    assert network.layer_names[-1] == "block4_pool"
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_layers_by_name_are_those_of_plain_numpy(network):
    weights = tg.load(CARRIED["small"])
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 20), np.uint8)
    found = network(network.preprocess(image), layers=["block1_conv1", "block1_conv2", "block1_pool"])
    x = image[0] / 127.5 - 1
    for name in ("block1_conv1", "block1_conv2"):
        kernel, bias = (weights[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, [(0, 0), (1, 1), (1, 1)]), (3, 3), (1, 2))
        x = np.maximum(np.einsum("chwij,ocij->ohw", windows, kernel) + bias[:, None, None], 0)
        np.testing.assert_allclose(found[name].numpy()[0], x, rtol=0, atol=1e-5 * x.max())
    x = x.reshape(32, 8, 2, 10, 2).mean((2, 4))
    np.testing.assert_allclose(found["block1_pool"].numpy()[0], x, rtol=0, atol=1e-5 * x.max())


def test_the_accuracy_that_the_file_claims(network):
    """On the pictures that its training held out, drawn as in the example."""
    path = cache_dir() / "cifar-10-batches-bin" / "data_batch_1.bin"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    records = np.fromfile(path, np.uint8).reshape(-1, 3073)
    held_out = tg.Generator(1).permutation(len(records))[:1000]
    images, labels = records[held_out, 1:].reshape(-1, 3, 32, 32), records[held_out, 0]
    with tg.no_grad():
        found = np.concatenate([
            network(network.preprocess(images[i : i + 250])).numpy().argmax(1) for i in range(0, 1000, 250)
        ])
    claimed = float(tg.io.load_with_metadata(CARRIED["small"])[1]["accuracy"].split()[0])
    assert (found == labels).mean() == pytest.approx(claimed, abs=0.0021)  # another machine may round otherwise
    assert claimed > 0.65


def write(path, height=32, width=40, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return str(path)


def test_dream_takes_it(tmp_path, capsys):
    out = tmp_path / "dream.png"
    image = write(tmp_path / "x.png")
    assert main(["dream", image, "--network", "small", "--octaves", "2", "--steps", "2", "-o", str(out)]) == 0
    assert "small, block2_conv2 1, block3_conv2 1; 28 x 22, 40 x 32" in capsys.readouterr().out
    assert dream.LAYERS["small"] == "block2_conv2=1,block3_conv2=1"
    rows = [json.loads(line) for line in (tmp_path / "dream.run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[1]["loss"] > rows[0]["loss"]
    assert main(["dream", "--network", "small", "--list-layers"]) == 0
    assert "block4_conv2" in capsys.readouterr().out


def test_style_takes_it(tmp_path, capsys):
    content, manner = write(tmp_path / "a.png"), write(tmp_path / "b.png", seed=1)
    few = ["--size", "32", "--iterations", "2", "--evaluations", "4"]
    assert main(["style", content, manner, "--network", "small", *few, "-o", str(tmp_path / "style.png")]) == 0
    out = capsys.readouterr().out
    assert "small: content block4_conv2, style block1_conv1, block2_conv1, block3_conv1, block4_conv1" in out
    layers = style.LAYERS["small"]
    assert {layers[0], *layers[1]} <= set(small().layer_names)
    rows = [json.loads(line) for line in (tmp_path / "style.run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[1]["loss"] < rows[0]["loss"]
