"""The report's parts, and what its command says to bad input."""

import base64
import io
import json
import re

import numpy as np
import pytest

from tinygen.cli import main
from tinygen.generators import gan, text, vae
from tinygen.report import chart, page, published, read_record, report_page, samples, writing
from tinygen.run import Run


def make(path, command="vae train", rows=None, settings=None, texts=(), pictures=()):
    """A run directory with these rows of metrics, and samples after these steps."""
    from PIL import Image

    with Run.create(path, command, {"image_shape": [1, 28, 28]} | (settings or {})) as run:
        for row in rows if rows is not None else [{"step": 10, "epoch": 1, "loss": 2.0}]:
            run.log(**row)
        run.log_timing(step=1, pictures_per_second=10.0)
        run.log_timing(step=2, pictures_per_second=30.0)
        for step in texts:
            run.write_text(step, f"written after {step} <b>steps</b> & more")
        for step in pictures:
            buffer = io.BytesIO()
            Image.new("RGB", (600, 300), (step % 256, 0, 0)).save(buffer, "PNG")
            run.write_bytes(step, buffer.getvalue(), ".png")
    return path


def epochs(losses, val_losses=None, per_epoch=100):
    rows = []
    for epoch, loss in enumerate(losses, 1):
        row = {"step": epoch * per_epoch, "epoch": epoch, "loss": loss, "epoch_end": True}
        rows += [{"step": epoch * per_epoch - 50, "epoch": epoch, "loss": 99.0}]
        rows.append(row | ({"val_loss": val_losses[epoch - 1]} if val_losses else {}))
    return rows


def words(html):
    """What is to be read on a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("</style>")[-1]))


# --------------------------------------------------------------------------------------------------------- record


def test_a_record_has_curves_and_figures(tmp_path):
    record = read_record(make(tmp_path / "a", rows=epochs([3.0, 2.0, 2.5], [3.1, 2.2, 2.4])))
    assert record.name == "a"
    assert record.metrics == ["loss", "val_loss"]
    assert record.in_epochs
    assert record.points("loss", "epoch") == [[(1, 3.0), (2, 2.0), (3, 2.5)]]
    assert record.points("loss", "step")[0][:3] == [(50, 99.0), (100, 3.0), (150, 99.0)]
    assert record.last("loss") == 2.5
    assert record.best("val_loss") == (2.2, 200)
    assert record.best("elbo") is None
    assert record.last("elbo") is None
    assert record.speeds == {"pictures_per_second": 20.0}


def test_curves_are_broken_where_nothing_was_known_and_at_octaves(tmp_path):
    rows = [{"octave": 1, "step": 1, "loss": 1.0}, {"octave": 1, "step": 2, "loss": float("nan")},
            {"octave": 1, "step": 3, "loss": 2.0}, {"octave": 2, "step": 4, "loss": 0.5}]
    record = read_record(make(tmp_path / "a", "dream", rows))
    assert record.points("loss", "step") == [[(1, 1.0)], [(3, 2.0)], [(4, 0.5)]]
    assert record.metrics == ["loss"]
    assert not record.in_epochs


def test_a_row_that_is_still_being_written_is_left_out(tmp_path):
    path = make(tmp_path / "a")
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "lo')
    with (path / "timing.jsonl").open("a") as file:
        file.write('{"step": 20, "pic')
    assert len(read_record(path).rows) == 1


# ---------------------------------------------------------------------------------------------------------- chart


def places(svg, kind):
    """The points of the lines of a kind: (x, y) in units of the drawing."""
    found = re.findall(rf'<path class="line {kind}"[^>]* d="M([^"]*)"', svg.split("legend")[0])
    return [[tuple(map(float, point.split(","))) for point in line.split("L")] for line in found]


def test_points_are_where_their_numbers_say():
    svg = chart.chart("T", [chart.Curve("a", [[(0, 1.0), (5, 3.0), (10, 2.0)]])], "steps", "nats")
    ((first, second, third),) = places(svg, "c0")
    margin = 0.04 * chart.HEIGHT / 1.08
    assert first == pytest.approx((0, chart.HEIGHT - margin), abs=0.1)
    assert second == pytest.approx((chart.WIDTH / 2, margin), abs=0.1)
    assert third == pytest.approx((chart.WIDTH, chart.HEIGHT / 2), abs=0.1)
    assert "logarithmic" not in svg


def test_a_wide_range_is_drawn_logarithmically():
    svg = chart.chart("T", [chart.Curve("a", [[(0, 1e-2), (1, 1.0), (2, 1e2)]])], "steps", "")
    ((first, second, third),) = places(svg, "c0")
    assert first[1] - second[1] == pytest.approx(second[1] - third[1], abs=0.2)
    assert "logarithmic" in svg
    for value in ("0.01", "1", "100"):
        assert f">{value}<" in svg
    signed = chart.chart("T", [chart.Curve("a", [[(0, -1.0), (1, 1e4)]])], "steps", "")
    assert "logarithmic" not in signed


@pytest.mark.parametrize(
    "values", [(0.2, 0.21), (3.0, 3.0), (1.0, 1e9), (-5e-7, 4e-7), (0.0, 0.0), (1.2e9, 7e9), (0, 9)]
)
def test_ticks_are_few_and_round_and_within(values):
    for logarithmic in (False, min(values) > 0):
        axis = chart._Axis(values, logarithmic, 0.04)
        ticks = axis.ticks()
        assert 1 <= len(ticks) <= 8
        assert all(-1e-9 <= axis.place(tick) <= 1 + 1e-9 for tick in ticks)
        assert all(len(f"{tick:.3g}") <= 8 for tick in ticks)


def test_epochs_and_steps_are_whole():
    assert chart._Axis((1, 2)).ticks(whole=True) == [1, 2]
    assert chart._Axis((1, 6)).ticks(whole=True) == [1, 2, 3, 4, 5, 6]
    assert chart._Axis((3, 3)).ticks(whole=True) == [3]
    assert chart._Axis((100, 5000)).ticks(whole=True) == [1000, 2000, 3000, 4000, 5000]


def test_published_points_beyond_the_run_do_not_stretch_the_axes():
    curves = [chart.Curve("a", [[(1, 2.0), (5, 1.0)]]), chart.Curve("p", [[(1, 2.5), (5, 1.5), (59, 14.0)]], None)]
    svg = chart.chart("T", curves, "epochs", "", [chart.Band("where", 0.5, 3.0)])
    ((first, last),) = places(svg, "published")
    assert (first[0], last[0]) == (0, chart.WIDTH)
    assert 'class="band"' in svg
    assert "where" in svg


def test_long_curves_are_thinned_to_means():
    points = [(i, i % 2) for i in range(10_000)]
    few = chart.thinned(points)
    assert len(few) <= chart.MOST_POINTS
    assert np.mean([y for _, y in few]) == pytest.approx(0.5, abs=0.02)
    assert few[0][0] < 25
    assert chart.thinned(points[:10]) == points[:10]


def test_names_are_escaped_in_charts():
    curve, band = chart.Curve("<a>&", [[(0, 1.0), (1, 2.0)]]), chart.Band("<b>", 0, 1)
    svg = chart.chart("<T>", [curve], "<x>", "<y>", [band], "<c>")
    for name in ("<T>", "<a>", "<x>", "<y>", "<c>"):
        assert name not in svg
    assert "&lt;a&gt;&amp;" in svg


# -------------------------------------------------------------------------------------------------------- samples


def test_samples_are_few_spread_and_within_the_page(tmp_path):
    assert samples.spread(range(20), 5) == [0, 5, 10, 14, 19]
    assert samples.spread([1, 2], 5) == [1, 2]
    record = read_record(make(tmp_path / "a", texts=range(1, 30), pictures=[7]))
    assert [step for step, _ in record.samples] == sorted(step for step, _ in record.samples)
    html = samples.samples_of(record)
    assert "8 of 30 samples" in html
    assert "written after 29 &lt;b&gt;steps&lt;/b&gt; &amp; more" in html
    assert html.count("<details open>") == 1
    (uri,) = re.findall(r'src="data:image/png;base64,([^"]+)"', samples.samples_of(
        read_record(make(tmp_path / "b", pictures=[200]))))
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(uri)))
    assert picture.size == (480, 240)
    assert picture.getpixel((5, 5)) == (200, 0, 0)


def test_a_damaged_sample_is_named(tmp_path):
    path = make(tmp_path / "a", pictures=[7])
    (path / "samples" / "step_000007.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"step_000007.png` is no picture"):
        samples.samples_of(read_record(path))


# ------------------------------------------------------------------------------------------------------ published


def kept(settings, **more):
    from dataclasses import asdict

    return asdict(settings) | more


def test_where_runs_stand(tmp_path):
    settings = kept(text.settings_for("book"), vocabulary="ab", prompt="ab")
    record = read_record(make(tmp_path / "t", text.COMMAND, epochs([1.99, 1.60]), settings))
    first, second = published.standing(record)
    assert first == "Loss of epoch 2: 1.6000 nats per character; published 1.6382, this is 0.0382 lower."
    assert "Its lowest: 1.6000. The published run's lowest was 1.3014" in second
    assert published.published_for(record)[0].points[0] == (1, 1.9895)
    other = read_record(make(tmp_path / "t2", text.COMMAND, epochs([1.0]), settings | {"data": "x.txt"}))
    assert "read something else" in published.standing(other)[0]
    assert published.published_for(other) == []
    streams = settings | {"stateful": True, "targets": "all"}
    record = read_record(make(tmp_path / "t3", text.COMMAND, epochs([1.4, 1.3], [1.3, 1.25]), streams))
    assert published.published_for(record) == []
    first, second = published.standing(record)
    assert "its epochs do not compare" in first
    assert "at its lowest: 1.2500 nats" in second

    settings = kept(vae.settings_for("book"), image_shape=[1, 28, 28], data_crc32=0, init_from=None)
    record = read_record(make(tmp_path / "v", vae.COMMAND, epochs([0.22, 0.2], [0.2, 0.18]), settings))
    assert published.standing(record) == [
        "Validation loss of epoch 2: 0.1800; published 0.1899, this is 0.0099 lower."]
    tuned = kept(vae.settings_for("tuned"), image_shape=[1, 28, 28], data_crc32=0, init_from=None)
    record = read_record(make(tmp_path / "v2", vae.COMMAND, epochs([150.0]), tuned))
    assert "this run's is another" in published.standing(record)[0]

    settings = kept(gan.settings_for("book-python"), image_shape=[3, 32, 32], data_crc32=0, init_from=None)
    rows = [{"step": i, "epoch": 1, "d_loss": 0.7, "g_loss": g} for i, g in enumerate([0.3, 0.8, 0.9, 2.0], 1)]
    record = read_record(make(tmp_path / "g", gan.COMMAND, rows, settings))
    lines = published.standing(record)
    assert lines[0] == "Median of d_loss over 4 steps: 0.7000; published 0.6925 over 10,000."
    assert lines[2].startswith("50% of the values of g_loss lie from 0.51 to 1.14")

    rows = [{"step": i, "loss": 1e9 / i} for i in (1, 2)]
    record = read_record(make(tmp_path / "s", "style", rows, {"preset": "book", "network": "vgg19", "size": 400,
                                                                "content_layer": "", "style_layers": []}))
    assert published.standing(record)[0].startswith("iteration 1: 1e+09 (published 7.41e+09); iteration 2: 5e+08")
    record = read_record(make(tmp_path / "s2", "style", rows, {"preset": "book", "network": "vgg19", "size": 256}))
    assert "on another scale" in published.standing(record)[0]

    rows = [{"octave": 1, "step": 1, "loss": 0.5}, {"octave": 1, "step": 2, "loss": 9.0}]
    record = read_record(make(tmp_path / "d", "dream", rows, {"preset": "book-python", "layers": ""}))
    assert published.standing(record)[0] == "Octave 1: from 0.5 to 9 in 2 steps; published 0.672 to 9.94 in 20."
    record = read_record(make(tmp_path / "n", "style-net train"))
    assert published.standing(record) == [
        "The book has no run of style-net train; there is nothing to hold it against."]


# ------------------------------------------------------------------------------------------------- models of text


CORPUS = "".join(f"the {a} cat sat on the {b} mat; " for a in ("old", "red", "fat") for b in ("big", "dry", "new")) * 12


@pytest.fixture(scope="module")
def text_run(tmp_path_factory):
    """A run of few steps, char by char, with an eighth held out."""
    folder = tmp_path_factory.mktemp("text")
    corpus = folder / "corpus.txt"
    corpus.write_text(CORPUS)
    settings = text.settings_for("tuned", data=str(corpus), units=8, window=10, epochs=2, val_fraction=0.125,
                                 batch_size=32)
    assert text.train(settings, folder / "run", quiet=True, device="cpu") == 0
    return folder / "run"


def test_a_model_of_text_is_judged(text_run):
    record = read_record(text_run)
    found = writing.judge(record, 300)
    held_out = CORPUS[len(CORPUS) - round(len(CORPUS) / 8) :]
    assert (found.characters, found.tokens, found.unit) == (len(held_out), len(held_out), "characters")
    assert found.loss == record.best("val_loss")[0]
    assert found.counted[1] > found.counted[2] > found.counted[5] > 0
    train = CORPUS[: -len(held_out)]
    for s in found.sampled:
        assert len(s.text) == 300
        assert s.copied in train
        assert s.copied in s.text
        assert 0 <= s.known <= s.words
    assert [s.name for s in found.sampled] == [f"temperature {t}" for t in (0.2, 0.5, 1.0, 1.2)]
    assert found.beside.text == held_out[:300]
    assert found.beside.known == found.beside.words - 1 > 0  # the last word is cut off
    assert writing.judge(record, 300).sampled == found.sampled  # the same draws
    shown = words(writing.judgement_html(found))
    assert f"{found.counted[5]:.4f}" in shown
    assert f"this model {found.loss:.4f}" in shown
    assert "not trained on" in shown


def test_why_a_model_is_not_judged_is_told(text_run, tmp_path):
    record = read_record(text_run)
    config = json.loads((text_run / "config.json").read_text())
    corpus = config["settings"]["data"]
    with open(corpus, "a") as file:
        file.write("more")
    try:
        shown = words(report_page([record], 50))
        assert f"Not judged: its text, {corpus}, has changed since it was trained." in shown
        assert "Samples over time" in shown
    finally:
        with open(corpus, "w") as file:
            file.write(CORPUS)
    assert "How good is it?" not in report_page([record], 0)
    settings = config["settings"] | {"data": "nietzsche"}
    absent = make(tmp_path / "r", text.COMMAND, settings=settings)
    assert "Not judged" in words(report_page([read_record(absent)], 50))  # no weights


def test_nothing_held_out_nothing_counted(tmp_path):
    corpus = tmp_path / "c.txt"
    corpus.write_text(CORPUS)
    settings = text.settings_for("book", data=str(corpus), units=4, window=10, epochs=1, max_steps=2, log_every=1)
    text.train(settings, tmp_path / "run", quiet=True, device="cpu")
    found = writing.judge(read_record(tmp_path / "run"), 20)
    assert (found.characters, found.counted, found.loss, found.beside) == (0, {}, None, None)
    assert "held nothing out" in writing.judgement_html(found)


@pytest.mark.parametrize("kind", ["word", "voice"])
def test_words_and_notes_are_judged_by_the_character(kind, tmp_path, monkeypatch):
    corpus = tmp_path / "c.txt"
    notes = "".join(f"{60 + i % 5} 55 5{i % 3} 48\n" + "\n" * (i % 16 == 15) for i in range(320))
    content = notes if kind == "voice" else CORPUS
    corpus.write_text(content)
    settings = text.settings_for("tuned", data=str(corpus), tokens=kind, units=8, epochs=2, window=12, batch_size=8,
                                 val_fraction=0.25)
    assert text.train(settings, tmp_path / "run", quiet=True, device="cpu") == 0
    record = read_record(tmp_path / "run")
    found = writing.judge(record, 40)
    assert 0 < found.tokens < found.characters < len(content)
    share = found.tokens / found.characters if kind == "voice" else 1.0
    assert found.loss == pytest.approx(record.best("val_loss")[0] * share)
    assert 0 < found.counted[5] < found.counted[1]
    shown = words(writing.judgement_html(found))
    unit = {"voice": "note", "word": "word"}[kind]
    assert f"nats per character nats per {unit}" in shown
    assert f"{found.counted[1] * found.characters / found.tokens:.4f}" in shown
    assert ("nats per note" in report_page([record], 0)) == (kind == "voice")
    monkeypatch.setattr(writing, "MOST", 1000)  # of a long text, the end
    short = writing.judge(record, 40)
    assert 900 < short.trained <= 1000 < found.trained
    assert short.counted[5] > 0


def test_the_form_of_music_is_counted(tmp_path, monkeypatch):
    tune = "X:1\nM:2/4\nL:1/4\nK:C\nCE|GE|C2|\n\n"
    corpus = tmp_path / "c.txt"
    corpus.write_text(tune * 30)
    settings = text.settings_for("tuned", data=str(corpus), units=8, epochs=1, window=10, keep_case=True,
                                 val_fraction=0.25, max_steps=3)
    text.train(settings, tmp_path / "run", quiet=True, device="cpu")
    monkeypatch.setitem(writing.FORMS, str(corpus), "abc")
    found = writing.judge(read_record(tmp_path / "run"), 60)
    assert found.is_music
    assert found.corpus_form["bars_right"] == 1
    assert len(found.sampled[0].form) == len(found.corpus_form)
    shown = words(writing.judgement_html(found))
    assert "bars that fill their metre" in shown
    assert "words that the corpus has" not in shown


# ----------------------------------------------------------------------------------------------------------- page


def test_everything_is_escaped_and_nothing_is_loaded(tmp_path):
    settings = {"title": "<script>alert(1)</script>", "long": "x" * 1000, "path": 'a"b'}
    rows = [{"step": 1, "<i>odd</i>": 1.0}, {"step": 2, "<i>odd</i>": 2.0}]
    html = report_page([read_record(make(tmp_path / "<img src=x>", "<u>", rows, settings, texts=[1], pictures=[2]))])
    body = html.split("</style>")[1]
    for bad in ("<script", "<img src=x", "<u>", "<i>odd", "<b>steps"):
        assert bad not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "x" * 161 not in body
    assert not re.findall(r'(?:src|href)="(?!data:)', body)
    assert "@import" not in html
    assert "://" not in html


def test_a_page_of_several_runs(tmp_path):
    def record(name, losses, val_losses=None, **settings):
        return read_record(make(tmp_path / name, rows=epochs(losses, val_losses), settings=settings))

    one = record("one", [3.0, 2.0], [3.1, 2.1], per_pixel=True, lr=0.1)
    two = record("two", [4.0, 1.0], [4.1, 1.1], per_pixel=True, lr=0.2)
    other = record("other", [400.0, 100.0], per_pixel=False, lr=0.1)
    shown = words(report_page([one, two]))
    assert "2 runs" in shown
    assert "one: training" in shown
    assert "two: held out" in shown
    assert re.search(r"What differs\s+one two\s+lr 0.1 0.2 \s*What is the same", shown)
    apart = report_page([one, two, other])  # its loss means another thing
    assert apart.count("<h2>vae train, per_pixel") == 2
    assert "Their settings are the same" not in apart
    with pytest.raises(ValueError, match="`records` is empty"):
        report_page([])


def test_the_axis_counts_epochs_where_all_runs_have_them(tmp_path):
    one = read_record(make(tmp_path / "one", rows=epochs([3.0, 2.0])))
    early = read_record(make(tmp_path / "early", rows=epochs([3.0])))
    assert ">epochs</p>" in report_page([one])
    assert ">steps</p>" in report_page([one, early])
    assert ">epochs</p>" not in report_page([one, early])


def test_what_no_chart_knows_is_drawn_too(tmp_path):
    rows = [{"step": i, "loss": 1.0 / i, "surprise": i} for i in (1, 2, 3)]
    html = report_page([read_record(make(tmp_path / "a", "something new", rows))])
    assert "All else that was measured" in html
    assert "<b>surprise</b>" in html


# -------------------------------------------------------------------------------------------------------- command


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "runs" / "a")
    make(tmp_path / "others" / "a")
    assert main(["report", "runs/a"]) == 0
    assert capsys.readouterr().out == "runs/a/report.html\n"
    assert "<h1>a</h1>" in (tmp_path / "runs/a/report.html").read_text()
    assert main(["report", "runs/a", "others/a"]) == 0
    shown = words((tmp_path / "report.html").read_text())
    assert "runs/a, others/a" in shown  # two of one name go by their paths
    assert main(["report", "runs/a", "--out", "new/folder/x.html"]) == 0
    assert (tmp_path / "new/folder/x.html").exists()


@pytest.mark.parametrize(
    ("damage", "arguments", "message"),
    [
        (None, ["nosuch"], "`nosuch` holds no run"),
        (None, ["a", "--out", "x.png"], "`--out` is 'x.png'; a page's name must end in .html"),
        (None, ["a", "--length", "-1"], "`--length` is -1"),
        (b"", ["a"], "`a` has no metrics yet"),
        (None, ["a", "a/samples"], "`a/samples` holds no run"),
        (b'{"step":1,"loss":2.0}\n{"step":2,"lo\n{"step":3}\n', ["a"], "`a/metrics.jsonl`, line 2, is damaged"),
        (b'{"step":1}\n[1, 2]\n', ["a"], "`a/metrics.jsonl`, line 2, is damaged: '[1, 2]' is no row with a `step`"),
        (b'{"step":1}\n{"loss":1.0}\n', ["a"], "`a/metrics.jsonl`, line 2, is damaged"),
        (b'{"step":"1"}\n', ["a"], "`a/metrics.jsonl`, line 1, is damaged"),
        (b'{"step":1,"epoch":"x"}\n', ["a"], "`a/metrics.jsonl`, line 1, is damaged"),
        (b'{"step":1}\n\xff\xfe\n', ["a"], "`a/metrics.jsonl`, line 2, is damaged"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(damage, arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "a", texts=[1])
    if damage is not None:
        (tmp_path / "a" / "metrics.jsonl").write_bytes(damage)
    before = sorted(tmp_path.rglob("*"))
    assert main(["report", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_without_curves_still_has_a_page(tmp_path):
    html = report_page([read_record(make(tmp_path / "a", rows=[{"step": 1, "status": "none"}]))])
    assert "<h1>a</h1>" in html
    assert page.STYLE in html
