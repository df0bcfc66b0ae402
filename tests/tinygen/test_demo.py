"""``tinygen demo``: its page, and what it does when something is in the way."""

import html.parser
import os
import re
import signal
from types import SimpleNamespace

import numpy as np
import pytest

from tinygen import demo
from tinygen.cli import main
from tinygen.demo import page, scenery
from tinygen.demo.text import _between_rows
from tinygen.generators import text

CORPUS = "if the value of the expression is a quick brown fox, it jumps over the lazy dog.\n" * 12


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The demo with a tiny text part; its settings."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(CORPUS)
    settings = text.settings_for(
        "tuned", data=str(corpus), units=16, window=12, batch_size=16, epochs=2, val_fraction=0.1, log_every=4,
        save_every=4,
    )
    part = SimpleNamespace(run=lambda folder, say: demo.text.run(folder, say, settings))
    monkeypatch.setattr(demo, "PARTS", (part,))
    return settings


class WellFormed(html.parser.HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.words, self.sources = [], [], []

    def handle_starttag(self, tag, attributes):
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def read(path):
    parser = WellFormed()
    parser.feed(path.read_text(encoding="utf-8"))
    assert not parser.open
    return parser, re.sub(r"\s+", " ", "".join(parser.words))


def test_the_page_says_what_ran_and_stands_alone(tmp_path, small, capsys):
    folder = tmp_path / "demo"
    assert main(["demo", "-o", str(folder)]) == 0
    assert f"now open {folder / 'index.html'}" in capsys.readouterr().out
    parser, words = read(folder / "index.html")
    assert all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert len(parser.sources) == 1
    for temperature in text.TEMPERATURES:
        assert f"temperature {temperature}" in words
    assert words.count(demo.text.PROMPT) >= 4
    assert re.search(r"ln \d+ = \d\.\d\d", words)
    assert "tinygen text train --data nietzsche" in words
    assert "units16" in words  # the settings
    assert "polyline" in (folder / "index.html").read_text()
    assert (folder / "text/best.safetensors").exists()


def test_a_finished_demo_other_files_and_a_file_are_refused(tmp_path, small, capsys):
    folder, other, file = tmp_path / "demo", tmp_path / "other", tmp_path / "file"
    assert main(["demo", "-o", str(folder)]) == 0
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    file.write_text("mine")
    capsys.readouterr()
    for path, words in ((folder, "holds a page already"), (other, "holds other files"), (file, "is a file")):
        assert main(["demo", "-o", str(path)]) == 2
        out, err = capsys.readouterr()
        assert not out
        assert words in err
        assert err.count("\n") == 1
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert [p.name for p in other.iterdir()] == ["mine.txt"]
    assert main(["demo", "-o", str(file / "below")]) == 2
    assert "cannot make the folder" in capsys.readouterr().err


def test_an_empty_folder_will_do(tmp_path, small):
    assert main(["demo", "-o", str(tmp_path / "new" / "demo")]) == 0
    (tmp_path / "empty").mkdir()
    assert main(["demo", "-o", str(tmp_path / "empty")]) == 0


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_interrupted_it_goes_on_with_the_same_command(tmp_path, small, capsys, monkeypatch):
    folder, step = tmp_path / "demo", text.train_step

    def stopping(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return step(*arguments)

    monkeypatch.setattr(text, "train_step", stopping)
    assert main(["demo", "-o", str(folder)]) == 130
    assert "interrupted; the same command goes on from here" in capsys.readouterr().err
    assert not (folder / "index.html").exists()
    monkeypatch.undo()
    part = SimpleNamespace(run=lambda folder, say: demo.text.run(folder, say, small))
    monkeypatch.setattr(demo, "PARTS", (part,))
    assert main(["demo", "-o", str(folder)]) == 0
    assert "going on from step 1" in capsys.readouterr().out
    assert main(["demo", "-o", str(tmp_path / "whole")]) == 0
    for name in ("last.safetensors", "metrics.jsonl"):
        assert (folder / "text" / name).read_bytes() == (tmp_path / "whole/text" / name).read_bytes()


def test_the_gan_part_goes_on_where_it_was_and_its_page_is_whole(tmp_path):
    told = []
    part = demo.gan.run(tmp_path, told.append, pictures=200, steps=20)
    (tmp_path / "index.html").write_text(page.page("title", "lead", [part], "footer"))
    parser, words = read(tmp_path / "index.html")
    assert len(parser.sources) == 1
    assert parser.sources[0].startswith("data:image/png;base64,")
    assert "The same 64 random points after 5, 10, 15 and 20 steps" in words
    assert "ln 2: a toss-up" in words
    again = demo.gan.run(tmp_path, told.append, pictures=200, steps=20)
    assert any("finished already" in line for line in told)
    assert again.html.count("<svg") == part.html.count("<svg") == 1


def test_the_curve_undoes_the_running_mean():
    losses = [4.0, 2.0, 3.0, 1.0, 0.5, 0.25]
    rows = [
        {"step": 2, "loss": 3.0},  # of 4 and 2
        {"step": 4, "loss": 2.5},  # of 4, 2, 3 and 1
        {"step": 4, "loss": 2.5, "epoch_end": True},
        {"step": 6, "loss": 0.375},
    ]
    assert _between_rows(rows) == [(2, sum(losses[:2]) / 2), (4, sum(losses[2:4]) / 2), (6, sum(losses[4:]) / 2)]


@pytest.mark.parametrize(
    ("end", "expected"), [(4.5, [0, 1, 2, 3, 4]), (1380, [0, 500, 1000]), (0.07, [0, 0.02, 0.04, 0.06])]
)
def test_ticks_are_round_numbers(end, expected):
    assert page.ticks(end) == expected


def test_labels_do_not_overlap_and_markup_is_escaped():
    drawn = page.chart([page.Curve("a<b", [(0, 1), (1, 1)]), page.Curve("c", [(0, 2), (1, 1.01)])], "x", "y", None, "&")
    assert "a&lt;b 1.00" in drawn
    ys = [float(y) for y in re.findall(r'-text" x="[\d.]+" y="([\d.]+)"', drawn)]
    assert abs(ys[0] - ys[1]) >= 17
    assert "<script>" not in page.sample("t", "<script>", "<b>")


def test_the_vae_part_goes_on_where_it_was_and_its_page_is_whole(tmp_path):
    told = []
    part = demo.vae.run(tmp_path, told.append, pictures=200, epochs=1)
    (tmp_path / "index.html").write_text(page.page("title", "lead", [part], "footer"))
    parser, words = read(tmp_path / "index.html")
    assert len(parser.sources) == 1
    assert parser.sources[0].startswith("data:image/png;base64,")
    assert "15 x 15 points of the plane" in words
    again = demo.vae.run(tmp_path, told.append, pictures=200, epochs=1)
    assert any("finished already" in line for line in told)
    assert again.html.count("<svg") == part.html.count("<svg") == 1


def test_the_dream_part_goes_on_where_it_was_and_its_page_is_whole(tmp_path):
    told = []
    part = demo.dream.run(tmp_path, told.append, height=48, steps=2)
    (tmp_path / "index.html").write_text(page.page("title", "lead", [part], "footer"))
    parser, words = read(tmp_path / "index.html")
    assert len(parser.sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert "One layer at a time: block2_conv2, block3_conv2 and block4_conv2" in words
    assert "tinygen dream photo.jpg --network small" in words
    assert "networksmall" in words  # the settings
    again = demo.dream.run(tmp_path, told.append, height=48, steps=2)
    assert sum("finished already" in line for line in told) == 4
    assert again.html.split("four dreams")[1] == part.html.split("four dreams")[1]


def test_the_style_part_goes_on_where_it_was_and_its_page_is_whole(tmp_path):
    told = []
    part = demo.style.run(tmp_path, told.append, height=48, rounds=2)
    (tmp_path / "index.html").write_text(page.page("title", "lead", [part], "footer"))
    parser, words = read(tmp_path / "index.html")
    assert len(parser.sources) == 2
    assert "The landscape in the manner of the painting." in words
    assert "tinygen style photo.jpg painting.jpg --network small" in words
    again = demo.style.run(tmp_path, told.append, height=48, rounds=2)
    assert any("finished already" in line for line in told)
    assert again.html.count("<svg") == part.html.count("<svg") == 1


@pytest.mark.parametrize("draw", [scenery.landscape, scenery.painting])
def test_pictures_that_the_demo_draws(draw):
    image = draw(60, 80)
    assert image.shape == (3, 60, 80)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(draw(60, 80), image)
    assert (draw(60, 80, seed=1) != image).any()
    assert image.std((1, 2)).min() > 20


def test_the_landscape_is_one():
    image = scenery.landscape(120, 160).astype(int)
    sky, meadow = image[:, :20, 40:90], image[:, 105:, 80:]
    assert (sky[2] > sky[0]).mean() > 0.9  # blue
    assert (meadow[1] > meadow[2]).mean() > 0.7  # green
    row, column = (round(place * side) for place, side in zip(scenery.SUN[::-1], (120, 160), strict=True))
    assert image[:, row, column].min() > 200


def test_every_generator_has_a_part():
    assert demo.PARTS == (demo.text, demo.dream, demo.style, demo.vae, demo.gan)
