"""Pictures in and out: values, layout, the same bytes for the same picture, and what is no picture."""

import io

import numpy as np
import pytest
from PIL import Image

from tinygen import pictures


@pytest.fixture
def colourful():
    return np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)


def test_png_there_and_back(tmp_path, colourful):
    for image, channels in ((colourful, 3), (colourful[:1], 1)):
        path = tmp_path / "new" / "picture.png"
        pictures.save_png(path, image, {"seed": "7"})
        np.testing.assert_array_equal(pictures.read_image(path, channels=channels), image)
        assert Image.open(path).text == {"seed": "7"}
        first = path.read_bytes()
        pictures.save_png(path, image, {"seed": "7"})
        assert path.read_bytes() == first
        assert [p.name for p in path.parent.iterdir()] == ["picture.png"]  # no file left half-written


def test_gif_has_all_frames_and_times(tmp_path):
    frames = [np.full((3, 4, 6), 60 * i, np.uint8) for i in range(4)]
    path = tmp_path / "a.gif"
    pictures.save_gif(path, frames, seconds=0.1)
    with Image.open(path) as opened:
        assert opened.n_frames == 4
        for i in range(4):
            opened.seek(i)
            assert opened.info["duration"] == 100
            assert abs(np.asarray(opened.convert("RGB")).astype(int) - 60 * i).max() <= 2
    first = path.read_bytes()
    pictures.save_gif(path, frames, seconds=0.1)
    assert path.read_bytes() == first


def test_grid():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 3), np.uint8) * 40
    sheet = pictures.grid(images, columns=3, gap=1)
    assert sheet.shape == (3, 2 * 3 + 1, 3 * 4 + 1)
    for i in range(5):
        y, x = 1 + i // 3 * 3, 1 + i % 3 * 4
        assert (sheet[:, y : y + 2, x : x + 3] == 40 * i).all()
    assert (sheet[:, 0] == pictures.BACKGROUND).all()
    with pytest.raises(ValueError, match="`images` is empty"):
        pictures.grid(images[:0])


def test_to_uint8():
    np.testing.assert_array_equal(pictures.to_uint8([0, 0.5, 1, 2, -1, np.nan]), [0, 128, 255, 255, 0, 0])
    np.testing.assert_array_equal(pictures.to_uint8([-1, 0, 1], -1, 1), [0, 128, 255])


def test_enlarge_and_resize(colourful):
    large = pictures.enlarge(colourful, 3)
    assert large.shape == (3, 15, 21)
    assert (large[:, :3, :3] == colourful[:, :1, :1]).all()
    assert pictures.resize(colourful, (4, 4)).shape == (3, 4, 4)
    flat = np.full((1, 10, 20), 90, np.uint8)
    flat[:, :, :5] = flat[:, :, 15:] = 0
    assert (pictures.resize(flat, (10, 10), crop=True) == 90).all()  # the middle


def test_turned_and_transparent_pictures(tmp_path):
    picture = Image.new("RGB", (4, 2), (255, 0, 0))
    exif = picture.getexif()
    exif[0x0112] = 6  # the camera lay on its side
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert pictures.read_image(tmp_path / "turned.jpg").shape == (3, 4, 2)
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (pictures.read_image(tmp_path / "clear.png") == 255).all()
    Image.new("CMYK", (2, 2), (0, 0, 0, 0)).save(tmp_path / "print.jpg")
    assert pictures.read_image(tmp_path / "print.jpg").min() > 250
    assert pictures.read_image(tmp_path / "clear.png", size=(3, 5), channels=1).shape == (1, 3, 5)


@pytest.mark.parametrize("name", ["deep.png", "deep.tif", "deep.pgm"])
def test_sixteen_bits(tmp_path, name):
    grey = np.arange(256, dtype=np.uint16).reshape(16, 16)
    if name == "deep.pgm":  # numbers are big-endian there
        (tmp_path / name).write_bytes(b"P5 16 16 65535\n" + (grey * 257).astype(">u2").tobytes())
    else:
        Image.fromarray(grey * 257).save(tmp_path / name)
    np.testing.assert_array_equal(pictures.read_image(tmp_path / name, channels=1)[0], grey)
    assert pictures.read_image(tmp_path / name).shape == (3, 16, 16)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers_without_a_white_are_refused(tmp_path, dtype):
    Image.fromarray(np.full((4, 4), 1, dtype)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a.tif` is no picture that can be read: its numbers have 32 bits"):
        pictures.read_image(tmp_path / "a.tif")


def test_very_large_pictures(tmp_path, monkeypatch):
    Image.new("RGB", (40, 40)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow warns above that, which would be an error here
    assert pictures.read_image(tmp_path / "large.png").shape == (3, 40, 40)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)  # and refuses what is twice as large
    with pytest.raises(ValueError, match=r"large.png` has more than the 0 million pixels that are read"):
        pictures.read_image(tmp_path / "large.png")


def test_what_cannot_be_written_is_named(tmp_path, colourful):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"^\[Errno \d+\] cannot write `[^`]*/a.png`: Is a directory$"):
        pictures.save_png(tmp_path / "a.png", colourful)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_what_is_no_picture(tmp_path, colourful):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        pictures.read_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="is no picture that can be read"):
        pictures.read_image(tmp_path / "text.png")
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(buffer, "PNG")
    (tmp_path / "half.png").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(ValueError, match="is no picture that can be read"):
        pictures.read_image(tmp_path / "half.png")
    with pytest.raises(ValueError, match=r"is no picture that can be read: Is a directory$"):
        pictures.read_image(tmp_path)
    with pytest.raises(ValueError, match="`channels` is 2"):
        pictures.read_image(tmp_path / "text.png", channels=2)
    with pytest.raises(ValueError, match="`image` is float64"):
        pictures.save_png(tmp_path / "a.png", colourful / 255)
    with pytest.raises(ValueError, match="`frames` is empty"):
        pictures.save_gif(tmp_path / "a.gif", [])
