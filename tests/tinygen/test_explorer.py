"""The latent explorer's page: what it carries is the model, and it needs nothing beside itself."""

import base64
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.data.images import ImageData
from tinygen.explorer import explorer_page, page
from tinygen.generators import latent, vae


def pictures(n, shape, labels=None, names=()):
    images = np.random.default_rng(0).integers(0, 256, (n, *shape)).astype(np.uint8)
    return ImageData(images, labels, list(names), "noise")


def content_of(text):
    """The JSON that a page carries."""
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.S)[1])


def numbers(text, dtype="<f4"):
    return np.frombuffer(base64.b64decode(text), dtype)


def run_layers(layers, z):
    """The equations in decoder.js, in NumPy."""
    x = np.asarray(z, np.float64)
    for layer in layers:
        kind = layer["kind"]
        if "weight" in layer:
            weight, bias = (numbers(layer[name]).astype(np.float64) for name in ("weight", "bias"))
        if kind == "linear":
            x = weight.reshape(len(bias), -1) @ x + bias
        elif kind == "relu":
            x = np.maximum(x, 0)
        elif kind == "reshape":
            x = x.reshape(layer["shape"])
        elif kind == "convTranspose2d":
            n, h, w = x.shape
            weight = weight.reshape(n, len(bias), 3, 3)
            y = np.zeros((len(bias), 2 * h + 1, 2 * w + 1)) + bias[:, None, None]
            for i in range(3):
                for j in range(3):
                    y[:, i : i + 2 * h : 2, j : j + 2 * w : 2] += np.einsum("no,nhw->ohw", weight[:, :, i, j], x)
            x = y[:, :-1, :-1]
        elif kind == "conv2d":
            n, h, w = x.shape
            weight, padded = weight.reshape(len(bias), n, 3, 3), np.pad(x, ((0, 0), (1, 1), (1, 1)))
            x = bias[:, None, None] + sum(
                np.einsum("on,nhw->ohw", weight[:, :, i, j], padded[:, i : i + h, j : j + w])
                for i in range(3) for j in range(3)
            )
        elif kind == "crop":
            x = x[:, : layer["height"], : layer["width"]]
        else:
            assert kind == "sigmoid"
            x = 1 / (1 + np.exp(-x))
    return np.rint(255 * x)


@pytest.mark.parametrize("network", ["book", "light"])
@pytest.mark.parametrize(("shape", "length"), [((1, 28, 28), 2), ((3, 9, 7), 5), ((1, 1, 1), 1)])
def test_the_layers_in_the_page_are_the_decoder(network, shape, length):
    model = vae.VAE(shape, length, network, generator=tg.Generator(0))
    for parameter in model.decoder.parameters():  # as fresh ones are, all pictures would be grey
        parameter.data = parameter.data * 3 + np.float32(0.02)
    z = np.random.default_rng(1).normal(size=(3, length))
    found = np.stack([run_layers(page.network_of(model), point) for point in z])
    expected = model.pictures(z)
    assert expected.std() > 5 or shape == (1, 1, 1)
    assert np.abs(found - expected).max() <= 1


def test_points_directions_and_colourings_are_those_of_the_data():
    model = vae.VAE((1, 6, 6), 3, generator=tg.Generator(0))
    known = pictures(40, (1, 6, 6), np.arange(40) % 3, ["a", "b", "c", "never"])
    held_out = pictures(10, (1, 6, 6), np.arange(10) % 3, known.names)
    content = content_of(explorer_page(model, held_out, known))
    np.testing.assert_array_equal(numbers(content["points"]).reshape(10, 3), model.points(held_out.images))
    (colouring,) = content["colourings"]
    assert (colouring["name"], colouring["groups"]) == ("class", known.names)
    np.testing.assert_array_equal(numbers(colouring["of"], "<u2"), held_out.labels)
    assert [concept["name"] for concept in content["concepts"]] == ["a", "b", "c"]  # nothing is known of "never"
    expected = latent.find_concept(model.points(known.images), known.labels == 1)
    np.testing.assert_allclose(content["concepts"][1]["direction"], expected.direction)
    tells = expected.balanced_accuracy(model.points(held_out.images), held_out.labels == 1)
    assert content["concepts"][1]["tells"] == pytest.approx(tells, abs=1e-4)


def test_attributes_are_a_colouring_each_and_without_labels_there_is_none():
    model = vae.VAE((3, 5, 5), 2, generator=tg.Generator(0))
    flags = np.arange(24).reshape(12, 2) % 5 < 2
    content = content_of(explorer_page(model, *[pictures(12, (3, 5, 5), flags, ["red", "round"])] * 2))
    assert [colouring["groups"] for colouring in content["colourings"]] == [["not red", "red"], ["not round", "round"]]
    np.testing.assert_array_equal(numbers(content["colourings"][1]["of"], "<u2"), flags[:, 1])
    content = content_of(explorer_page(model, *[pictures(12, (3, 5, 5))] * 2))
    assert (content["colourings"], content["concepts"]) == ([], [])


def test_the_map_holds_nearly_all_points():
    z = np.random.default_rng(0).normal(size=(5000, 2)) * 3
    assert 0.996 < (np.abs(z) < page._extent(z)).mean() < 1
    assert page._extent(z * 1e-3) == page.LEAST_EXTENT


def test_the_page_loads_nothing_and_labels_cannot_break_out_of_it():
    model = vae.VAE((1, 4, 4), 2, generator=tg.Generator(0))
    data = pictures(6, (1, 4, 4), np.arange(6) % 2, ["</script><b>", "$title"])
    text = explorer_page(model, data, data, title="<i>")
    assert "http:" not in text
    assert "https:" not in text
    assert re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^")\s>]+)', text) == ["data:,"]
    assert text.count("</script>") == 2
    assert "<title>&lt;i&gt;</title>" in text
    assert content_of(text)["colourings"][0]["groups"] == data.names


def test_pictures_of_another_shape_are_refused():
    model = vae.VAE((1, 4, 4), 2, generator=tg.Generator(0))
    with pytest.raises(ValueError, match="`held_out` is of shape"):
        explorer_page(model, pictures(3, (1, 5, 5)), pictures(3, (1, 4, 4)))
    with pytest.raises(ValueError, match="`known` is of shape"):
        explorer_page(model, pictures(3, (1, 4, 4)), pictures(0, (1, 4, 4)))


def test_every_file_of_the_page_is_installed():
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    names = [path.name for path in files("tinygen.explorer").iterdir() if not path.name.startswith("__")]
    for name in names:
        assert name.endswith(".py") or f'"explorer/*{Path(name).suffix}"' in pyproject, name
    assert {"page.html", "page.css", "decoder.js", "explorer.js"} <= set(names)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGEN_SEED", raising=False)
    np.savez("some.npz", images=pictures(30, (1, 6, 6)).images, labels=np.arange(30) % 2)
    assert main("vae train --data some.npz --epochs 1 --batch-size 8 -o run --quiet".split()) == 0
    assert main("vae explore run --points 2 -o there/page.html".split()) == 0
    assert content_of(Path("there/page.html").read_text(encoding="utf-8"))["count"] == 2
    capsys.readouterr()
    for arguments, message in ((["-o", "x.png"], "must end in .html"), (["--points", "0"], "`--points` is 0"),
                               (["--data", "nosuch"], "`data` is 'nosuch'")):
        assert main(["vae", "explore", "run", *arguments]) == 2
        out, err = capsys.readouterr()
        assert message in err
        assert (out, err.count("\n")) == ("", 1)
    assert not Path("explorer.html").exists()
