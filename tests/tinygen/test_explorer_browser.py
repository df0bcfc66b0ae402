"""The latent explorer in a browser: it draws what the model draws, wherever one points; skipped without Chromium."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.data.images import ImageData
from tinygen.explorer import explorer_page
from tinygen.generators import latent, vae

SPEC = importlib.util.spec_from_file_location("browser", Path(__file__).parents[1] / "browser.py")
BROWSER = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BROWSER)
COUNT = 60
# read from a copy: Chromium warns of a canvas that is read again and again
PIXELS = """(() => {
  const copy = document.createElement("canvas");
  const [, height, width] = content.shape;
  Object.assign(copy, { width, height });
  copy.getContext("2d").drawImage(element("picture"), 0, 0);
  return Array.from(copy.getContext("2d").getImageData(0, 0, width, height).data);
})()"""


@pytest.fixture(scope="module")
def browser():
    with BROWSER.Browser() as started:
        yield started


def make(folder, shape=(1, 12, 12), length=2, network="light", attributes=False):
    """A model whose pictures differ, its data, and its page."""
    model = vae.VAE(shape, length, network, generator=tg.Generator(5))
    rng = np.random.default_rng(0)
    for parameter in model.decoder.parameters():
        noise = rng.normal(scale=0.1, size=parameter.shape).astype(np.float32)
        parameter.data = parameter.data * np.float32(3) + noise * (parameter.ndim == 1)
    for parameter in model.mean.parameters():
        parameter.data = parameter.data * np.float32(4)
    images = rng.integers(0, 256, (COUNT, *shape)).astype(np.uint8)
    images[1::3] //= 4
    images[2::3] //= 16
    labels = np.arange(COUNT) % 3
    labels = np.stack([labels == 0, labels == 1], 1) if attributes else labels
    data = ImageData(images, labels, ["bright", "grey"] if attributes else ["one", "two", "three"], "noise")
    path = folder / "page.html"
    path.write_text(explorer_page(model, data, data), encoding="utf-8")
    return model, data, path


def shown(page):
    """(z, bytes (C, H, W)) that the page shows: z as it says, the picture from the pixels of the canvas."""
    z = page.evaluate("drawn.z")
    channels, height, width = page.evaluate("content.shape")
    pixels = np.array(page.evaluate(PIXELS), np.uint8).reshape(height, width, 4)
    assert (pixels[..., 3] == 255).all()
    return np.array(z), pixels[..., :channels].transpose(2, 0, 1)


def check(page, model, z):
    """The page is at z and draws what the model draws there; returns the picture."""
    at, picture = shown(page)
    np.testing.assert_allclose(at, z, atol=1e-6)
    difference = np.abs(picture.astype(int) - model.pictures(np.asarray(z)[None])[0])
    assert difference.max() <= 1
    return picture


def healthy(page):
    assert page.problems == []
    assert page.requests == []


@pytest.mark.parametrize(
    ("shape", "length", "network"),
    [((1, 28, 28), 2, "light"), ((1, 28, 28), 2, "book"), ((3, 9, 7), 5, "book"), ((3, 18, 13), 20, "light"),
     ((1, 1, 1), 1, "light")],
)
def test_the_pages_decoder_draws_the_models_pictures(browser, tmp_path, shape, length, network):
    model, _, path = make(tmp_path, shape, length, network)
    page = browser.open(path)
    z = np.random.default_rng(2).normal(size=(4, length))
    found = [page.evaluate(f"Array.from(decode(network, {point.tolist()}).data)") for point in z]
    expected = model.pictures(z)
    assert expected.std() > 10 or shape == (1, 1, 1)
    assert np.abs(np.array(found).reshape(expected.shape) - expected.astype(int)).max() <= 1
    page.settle()
    check(page, model, np.zeros(length))
    healthy(page)


def test_the_picture_follows_the_mouse_and_a_click_stays(browser, tmp_path):
    model, _, path = make(tmp_path)
    page = browser.open(path)
    left, top, side, height = page.box("#marker")
    assert side == height
    extent = page.evaluate("extent")

    def point(x, y):
        return [((x - left) / side * 2 - 1) * extent, (1 - (y - top) / side * 2) * extent]

    seen = []
    for share in ((0.2, 0.3), (0.7, 0.6), (0.9, 0.1)):
        x, y = left + share[0] * side, top + share[1] * side
        page.mouse(x, y)
        seen.append(check(page, model, point(x, y)))
    assert (seen[0] != seen[1]).any()
    assert (seen[1] != seen[2]).any()
    page.mouse(left + side + 40, top + 5)  # off the map: back to what was chosen, which is the middle
    check(page, model, [0, 0])
    x, y = left + 0.25 * side, top + 0.8 * side
    page.mouse(x, y)
    page.mouse(x, y, "mousePressed", "left")
    page.mouse(x, y, "mouseReleased", "left")
    page.mouse(left + side + 40, top + 5)
    check(page, model, point(x, y))
    assert page.evaluate("element('z').value") == ", ".join(f"{value:.2f}" for value in point(x, y))
    healthy(page)


def test_a_finger_draws_the_point_along(browser, tmp_path):
    model, _, path = make(tmp_path)
    page = browser.open(path, 390, 844, phone=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    left, top, side, _ = page.box("#marker")
    places = [(left + share * side, top + share * side) for share in (0.3, 0.5, 0.75)]
    page.touch(*places)
    extent = page.evaluate("extent")
    check(page, model, [extent / 2, -extent / 2])
    healthy(page)


def test_nothing_moves_when_the_first_picture_comes(browser, tmp_path):
    _, _, path = make(tmp_path, (1, 12, 9))
    # a browser whose first frame takes its time
    late = browser.open(path, 390, 844, phone=True, script="window.requestAnimationFrame = () => 0")
    page = browser.open(path, 390, 844, phone=True)
    page.settle()
    assert late.evaluate("drawn") is None
    assert page.evaluate("drawn") is not None
    for name in ("picture", "marker", "legend", "help"):
        place = f"(({{ top, height }}) => [top + scrollY, height])(element('{name}').getBoundingClientRect())"
        assert late.evaluate(place) == page.evaluate(place)


def test_the_keyboard_moves_the_point(browser, tmp_path):
    model, _, path = make(tmp_path)
    page = browser.open(path)
    page.evaluate("element('marker').focus()")
    step = page.evaluate("extent") / 50
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.key(key)
    check(page, model, [2 * step, step])
    page.key("ArrowLeft", "Shift")
    check(page, model, [-3 * step, step])
    page.key("Home")
    check(page, model, [0, 0])
    page.evaluate("element('z').select()")
    page.type("0.5 -1.25")
    page.key("Enter")
    check(page, model, [0.5, -1.25])
    page.evaluate("element('z').select()")
    page.type("0.5")
    page.key("Enter")
    assert page.evaluate("element('message').textContent") == "z takes 2 numbers, with commas between them"
    check(page, model, [0.5, -1.25])
    healthy(page)


def slide(page, selector, value):
    page.evaluate(
        f"(() => {{ const s = document.querySelector('{selector}'); s.value = {value};"
        " s.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.settle()


def test_sliders_of_directions_and_of_further_dimensions(browser, tmp_path):
    model, data, path = make(tmp_path, (3, 8, 8), 4, attributes=True)
    page = browser.open(path)
    assert page.evaluate("document.querySelectorAll('#dimension-sliders input').length") == 2
    slide(page, "#dimension-sliders label:nth-child(2) input", 1.5)
    check(page, model, [0, 0, 0, 1.5])
    concept = latent.find_concept(model.points(data.images), data.labels[:, 1])
    slide(page, "#concept-sliders label:nth-child(2) input", -0.5)
    z = np.array([0, 0, 0, 1.5]) - 0.5 * concept.direction
    check(page, model, z)
    slide(page, "#concept-sliders label:nth-child(2) input", 0)  # back again
    check(page, model, [0, 0, 0, 1.5])
    # the map in the first and the last dimension: what was the second one has a slider now
    page.evaluate("element('axis-y').value = 3; element('axis-y').dispatchEvent(new Event('change'))")
    page.settle()
    page.evaluate("element('marker').focus()")
    page.key("Home")
    check(page, model, [0, 0, 0, 0])
    slide(page, "#dimension-sliders label:nth-child(1) input", -1)
    check(page, model, [0, -1, 0, 0])
    assert "bright" in page.evaluate("described(0)")
    healthy(page)


def test_buttons_and_choices(browser, tmp_path):
    model, data, path = make(tmp_path)
    page = browser.open(path)
    page.settle()
    page.click("#random")
    page.mouse(2, 2)
    z, _ = shown(page)
    assert np.abs(z).max() > 0
    check(page, model, z)
    page.click("#reset")
    page.mouse(2, 2)
    check(page, model, [0, 0])
    plain = page.evaluate("element('dots').toDataURL()")
    page.click("#legend button:nth-child(2)")
    assert page.evaluate("document.querySelector('#legend button:nth-child(2)').ariaPressed") == "true"
    assert page.evaluate("element('dots').toDataURL()") != plain
    points = model.points(data.images)
    nearest = np.sqrt(((points - [0, 0]) ** 2).sum(1))
    name = data.names[data.labels[nearest.argmin()]]
    assert page.evaluate("element('nearest').textContent").endswith(f": {name} ({nearest.min():.2f} away)")
    page.click("#show-dots")  # off
    page.click("#show-backdrop")  # on
    page.evaluate(
        "new Promise(function done(tell) { backdrop.length < 225 ? setTimeout(() => done(tell), 20) : tell(1); })"
    )
    page.settle()
    cell, extent = page.evaluate("element('dots').clientWidth / 15"), page.evaluate("extent")
    # the middle of the backdrop's picture in row 3, column 11, seen on the map
    middle = page.evaluate("Array.from(backdrop[3 * 15 + 11].getContext('2d').getImageData(6, 6, 1, 1).data)")
    at = [(2 * 11.5 / 15 - 1) * extent, (1 - 2 * 3.5 / 15) * extent]
    assert abs(middle[0] - int(model.pictures([at])[0, 0, 6, 6])) <= 1
    assert cell > 10
    healthy(page)


def test_the_coordinates_can_be_copied(browser, tmp_path):
    _, _, path = make(tmp_path)
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page = browser.open(path)
    page.settle()
    page.click("#copy")
    assert page.evaluate("element('message').textContent") == "copied"
    assert page.evaluate("navigator.clipboard.readText()") == "0.00, 0.00"
    page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('forbidden'))")
    page.click("#copy")
    assert page.evaluate("element('message').textContent") == "marked; copy it with Ctrl-C"
    assert page.evaluate("getSelection().toString()") == "0.00, 0.00"
    healthy(page)


def test_one_dimension_and_no_labels(browser, tmp_path):
    model = vae.VAE((1, 6, 6), 1, generator=tg.Generator(0))
    data = ImageData(np.random.default_rng(0).integers(0, 256, (20, 1, 6, 6)).astype(np.uint8), name="noise")
    path = tmp_path / "page.html"
    path.write_text(explorer_page(model, data, data), encoding="utf-8")
    page = browser.open(path)
    left, top, side, _ = page.box("#marker")
    page.mouse(left + 0.75 * side, top + 0.1 * side)
    check(page, model, [page.evaluate("extent") / 2])
    hidden = page.evaluate("['axes', 'colour-by-label', 'concepts', 'others'].map((id) => element(id).hidden)")
    assert hidden == [True] * 4
    assert "nearest of the encoded pictures: an encoded picture" in page.evaluate("element('nearest').textContent")
    healthy(page)


def test_it_glides_for_those_who_like_motion(browser, tmp_path):
    model, _, path = make(tmp_path)
    page = browser.open(path, calm=False)
    page.evaluate("element('z').value = '1, 1'; typed()")
    page.settle()
    assert 0 <= shown(page)[0][0] < 1
    page.evaluate("new Promise((done) => setTimeout(done, 700))")
    page.settle()
    check(page, model, [1, 1])
    healthy(page)


def test_light_and_dark(browser, tmp_path):
    from PIL import Image

    _, _, path = make(tmp_path)
    mean = {}
    for dark in (False, True):
        page = browser.open(path, 900, 700, dark=dark)
        page.settle()
        name = tmp_path / f"{dark}.png"
        page.screenshot(name)
        with Image.open(name) as image:
            pixels = np.asarray(image.convert("RGB"))
        mean[dark] = pixels[:20].mean()  # the paper above the heading
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
        healthy(page)
    assert mean[True] < 60
    assert mean[False] > 200
