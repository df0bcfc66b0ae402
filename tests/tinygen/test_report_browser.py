"""The report in a browser: it shows what it should, loads nothing, fits a phone, and has a dark side."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

from tinygen.report import read_record, report_page
from tinygen.run import Run

SPEC = importlib.util.spec_from_file_location("browser", Path(__file__).parents[1] / "browser.py")
BROWSER = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BROWSER)


@pytest.fixture(scope="module")
def browser():
    with BROWSER.Browser() as started:
        yield started


def make(path, runs=2):
    """A page of runs with curves over epochs, pictures, texts and long names."""
    from PIL import Image

    records = []
    for k in range(runs):
        settings = {"image_shape": [1, 2, 2], "data": "<b>x</b>" + "y" * 120, "lr": 0.1 * (k + 1), "seed": 0}
        with Run.create(path / f"a-rather-long-name-of-a-run-{k}", "vae train", settings) as run:
            for epoch in (1, 2, 3, 4):
                run.log(step=epoch * 10, epoch=epoch, loss=2.0 / epoch + k, val_loss=2.1 / epoch + k, epoch_end=True)
            buffer = io.BytesIO()
            Image.new("RGB", (300, 200), (200, 30, 30)).save(buffer, "PNG")
            run.write_bytes(40, buffer.getvalue(), ".png")
            run.write_text(40, "a sample <i>text</i> " + "word " * 100 + "w" * 300)
        records.append(read_record(run.path))
    page = path / "page.html"
    page.write_text(report_page(records), encoding="utf-8")
    return page


def healthy(page):
    assert page.problems == []
    assert page.requests == []


@pytest.mark.parametrize(("width", "phone"), [(1200, False), (390, True), (320, True)])
@pytest.mark.parametrize("runs", [1, 2])
def test_it_fits(browser, tmp_path, width, phone, runs):
    page = browser.open(make(tmp_path, runs), width, 800, phone=phone)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelectorAll('img').length") == runs
    loaded = page.evaluate("[...document.querySelectorAll('img')].every((i) => i.complete && i.naturalWidth === 300)")
    assert loaded
    # the words on the axes keep their size
    assert page.evaluate("getComputedStyle(document.querySelector('.plot .y')).fontSize") == "12px"
    assert page.evaluate("document.querySelectorAll('b > b, i, script').length") == 0
    healthy(page)


def test_lines_are_drawn_in_their_colours(browser, tmp_path):
    from PIL import Image

    page = browser.open(make(tmp_path), 1000, 900)
    left, top, width, height = page.box(".plot")
    picture = Image.open(io.BytesIO(page.screenshot(whole=False))).convert("RGB")
    part = np.asarray(picture)[int(top) : int(top + height), int(left) : int(left + width)].astype(int)
    for colour in ((46, 94, 170), (194, 87, 12)):
        near = np.abs(part - colour).sum(2) < 12
        assert near.sum() > 300
        columns = np.flatnonzero(near.any(0))
        assert columns.max() - columns.min() > 0.95 * (width - 10)  # from the first epoch to the last
    points = page.evaluate("[...document.querySelectorAll('.dot title')].map((t) => t.textContent)")
    assert "a-rather-long-name-of-a-run-1: training: 1.5 at 4" in points
    healthy(page)


def test_folded_parts_open(browser, tmp_path):
    page = browser.open(make(tmp_path, 1), 1000, 900)
    assert not page.evaluate("document.querySelector('details').open")
    page.click("details summary")
    assert page.evaluate("document.querySelector('details').open")
    shown = page.evaluate("document.querySelector('details').innerText")
    assert "<b>x</b>" in shown
    assert "version of numpy" in shown
    healthy(page)


def test_light_and_dark(browser, tmp_path):
    from PIL import Image

    path, mean = make(tmp_path), {}
    for dark in (False, True):
        page = browser.open(path, 900, 700, dark=dark)
        page.settle()
        pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(whole=False))).convert("L"))
        mean[dark] = pixels[:16].mean()  # the paper above the heading
        left, top, width, height = page.box(".plot")
        assert np.ptp(pixels[int(top) : int(top + height), int(left) : int(left + width)]) > 60
        healthy(page)
    assert mean[True] < 60
    assert mean[False] > 200
