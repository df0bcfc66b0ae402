"""Data sets of pictures: names, folders, arrays, tables of labels, batches, and what does not fit."""

import numpy as np
import pytest

from tinygen import pictures
from tinygen.data.images import SPLITS, ImageData, ImageDataset, is_here, load_images
from tinygen.random import Generator


def some(n=6, channels=3, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, channels, side, side), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Six pictures a0.png to b5.png, three of them in a subfolder."""
    for i, image in enumerate(some()):
        pictures.save_png(tmp_path / "pictures" / ("a" if i < 3 else "sub/b") / f"{i}.png", image)
    return tmp_path / "pictures"


def table(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    return tmp_path / "labels.csv"


def test_folder(folder):
    data = load_images(folder)
    np.testing.assert_array_equal(data.images, some())
    assert load_images(folder, size=(4, 6), channels=1).images.shape == (6, 1, 4, 6)


def test_unreadable_pictures_are_named_and_left_out(folder):
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    lines = []
    assert len(load_images(folder, report=lines.append)) == 6
    assert len(lines) == 1
    assert "broken.png" in lines[0]
    with pytest.warns(RuntimeWarning, match=r"broken\.png"):
        load_images(folder)


def test_sizes_must_agree_or_be_given(folder):
    pictures.save_png(folder / "z.png", some(1, side=9)[0])
    with pytest.raises(ValueError, match=r"9 x 9|size"):
        load_images(folder)
    assert load_images(folder, size=8).images.shape == (7, 3, 8, 8)


def test_classes_from_a_table(folder, tmp_path):
    rows = "".join(f"{i}.png,{'frog' if i % 2 else 'cat'}\n" for i in range(5))
    lines = []
    data = load_images(folder, labels=table(tmp_path, "file,animal\n" + rows), report=lines.append)
    assert "5.png" in lines[0]
    assert data.names == ["cat", "frog"]
    np.testing.assert_array_equal(data.labels, [0, 1, 0, 1, 0])
    assert len(data) == 5  # the sixth is not in the table


def test_attributes_from_a_table_and_from_celebas_list(folder, tmp_path):
    rows = [f"{i}.png,{i % 2},{-1 if i < 3 else 1}\n" for i in range(6)]
    data = load_images(folder, labels=table(tmp_path, "file,odd,late\n" + "".join(rows)))
    lines = ["6", "odd late", *(f"{i}.png  {1 if i % 2 else -1} {-1 if i < 3 else 1}" for i in range(6))]
    celeba = load_images(folder, labels=table(tmp_path, "\n".join(lines)))
    for found in (data, celeba):
        assert found.names == ["odd", "late"]
        np.testing.assert_array_equal(found.labels, [[i % 2 == 1, i >= 3] for i in range(6)])


@pytest.mark.parametrize(("text", "message"), [
    ("", "no columns of labels"),
    ("file,a\nnone.png,1\n", "names none of the 6 pictures"),
    ("file,a\n0.png,1,2\n", "row 2 has 3 columns"),
    ("file,a,b\n0.png,1,frog\n", "'frog'"),
])  # fmt: skip
def test_tables_that_do_not_fit(folder, tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_images(folder, labels=table(tmp_path, text))


def test_npz(tmp_path):
    path, images = tmp_path / "a.npz", some()
    np.savez(path, images=images.transpose(0, 2, 3, 1), labels=np.arange(6) % 2, names=np.array(["cat", "frog"]))
    data = load_images(path)
    np.testing.assert_array_equal(data.images, images)
    np.testing.assert_array_equal(data.labels, np.arange(6) % 2)
    assert data.names == ["cat", "frog"]
    np.savez(path, anything=images[:, 0])
    np.testing.assert_array_equal(load_images(path).images, images[:, :1])
    np.savez(path, images=images / 255.0)
    with pytest.raises(ValueError, match="float64"):
        load_images(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"cannot be read as \.npz"):
        load_images(path)


def test_what_is_no_source(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("x")
    for source, message in (
        (tmp_path / "empty", "without pictures"), (tmp_path / "none", "neither a folder"),
        (tmp_path / "a.txt", "a file"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            load_images(source)
    for named, message in (
        ({"split": "valid"}, "`split` is 'valid'"), ({"channels": 2}, "`channels` is 2"),
        ({"size": 0}, "`size` is 0"), ({"labels": "x.csv"}, "goes with a folder"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            load_images("shapes", **named)


def test_grey_is_pillows():
    from PIL import Image

    image = some(1, side=40)[0]
    with_pillow = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L"))
    from tinygen.data.images import _convert

    np.testing.assert_array_equal(_convert(ImageData(image[None]), None, 1).images[0, 0], with_pillow)


def test_split_is_a_partition():
    data = ImageData(some(10), np.arange(10) % 3, ["a", "b", "c"])
    train, held_out = data.split(0.3, seed=4)
    assert (len(train), len(held_out)) == (7, 3)
    both = np.concatenate([train.images, held_out.images])
    assert sorted(i.tobytes() for i in both) == sorted(i.tobytes() for i in data.images)
    np.testing.assert_array_equal(data.split(0.3, seed=4)[1].images, held_out.images)
    for fraction in (0, 1, -1):
        with pytest.raises(ValueError, match="`fraction`"):
            data.split(fraction)


@pytest.mark.parametrize(("images", "labels", "names", "message"), [
    (some() / 255, None, [], "`images` is float64"), (some(channels=2), None, [], "`images` is uint8"),
    (some(), np.arange(5), list("abcde"), "`labels`"), (some(), np.arange(6), ["a"], "`names` has 1"),
    (some(), np.zeros((6, 2), bool), ["a"], "`names` has 1"),
])  # fmt: skip
def test_data_that_does_not_fit(images, labels, names, message):
    with pytest.raises(ValueError, match=message):
        ImageData(images, labels, names)


def test_batches():
    data = ImageData(some(), np.arange(6), list("abcdef"))
    chosen = np.array([4, 1])
    x, y = ImageDataset(data, -1, 1, with_labels=True).batch(chosen)
    assert x.numpy().dtype == np.float32
    np.testing.assert_allclose(x.numpy(), data.images[chosen] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(y.numpy(), chosen)
    flipped = ImageDataset(data, flip=Generator(0)).batch(np.arange(6))[0].numpy()
    straight = data.images / np.float32(255)
    turned = [np.allclose(a, b[:, :, ::-1]) for a, b in zip(flipped, straight, strict=True)]
    same = [np.allclose(a, b) for a, b in zip(flipped, straight, strict=True)]
    assert 0 < sum(turned) < 6
    assert all(a != b for a, b in zip(turned, same, strict=True))
    with pytest.raises(ValueError, match="no labels"):
        ImageDataset(ImageData(some()), with_labels=True)


@pytest.mark.parametrize("name", [n for n in SPLITS if n not in ("font-digits", "shapes")])
def test_real_data(name):
    if not is_here(name):
        pytest.skip(f"{name} is not in the cache")
    sizes = {"mnist": (60000, 1, 28, 28), "cifar10": (50000, 3, 32, 32), "cifar10-frogs": (5000, 3, 32, 32)}
    data = load_images(name)
    assert data.images.shape == sizes[name]
    if name == "mnist":
        assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]  # as every reader of the data set finds them
        assert len(load_images(name, split="test")) == 10_000
