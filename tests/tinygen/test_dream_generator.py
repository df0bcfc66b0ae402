"""DeepDream: the chapter's loss and ascent, octaves with their detail, tiles, guides, a continuation in mid-octave."""

import json
import math
import os
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

import tinygen as tg
from tinygen.data.download import cache_dir, is_here
from tinygen.generators import dream, dream_gradient, dream_pictures
from tinygen.models import NETWORKS
from tinygen.models.network import Graph, Network
from tinygen.models.weights import OFFICIAL
from tinygen.nn import MaxPool2d
from tinygen.nn import functional as F
from tinygen.pictures import read_image, save_png
from tinygen.run import Run
from tinygen_ops import memory

RESULTS = ("last.safetensors", "state.safetensors", "metrics.jsonl")


def tiny(seed=0, padding="valid", depth=1):
    """A network of small layers that sees 8 + 4 depth pixels; random weights."""
    graph = Graph("tiny", "tf", 32)
    x = graph.conv(graph.input, "conv_a", 6, 3, padding=padding, relu=True)
    x = graph.layer(x, "pool", MaxPool2d(2, 2))
    x = graph.conv(x, "conv_b", 8, 3, padding=padding, relu=True)
    for letter in "cdefgh"[:depth]:
        x = graph.conv(x, f"conv_{letter}", 5, 3, padding=padding, relu=True)
    return Network(graph).fill(tg.Generator(seed)).requires_grad_(False)


def photograph(height=48, width=40, seed=0):
    """uint8 (3, H, W): smooth and not flat."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 7, 6)).astype(np.float32)
    large = F.interpolate(tg.tensor(small[None]), (height, width), mode="bilinear").numpy()[0]
    return np.rint(large).astype(np.uint8)


def settings(preset="tuned", **changes):
    return dream.settings_for(preset, **{"image": "x.png", "layers": "conv_b=2,conv_c", "max_loss": 0.0, **changes})


@pytest.fixture
def path(tmp_path):
    save_png(tmp_path / "x.png", photograph())
    return str(tmp_path / "x.png")


def rows_of(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


# ------------------------------------------------------------------------------------------------- the chapter's parts


def test_the_presets_are_the_chapter():
    book, python = dream.settings_for("book", image="x"), dream.settings_for("book-python", image="x")
    for s, octaves, border in ((book, 4, 0), (python, 3, 2)):
        assert (s.octaves, s.border, s.octave_scale, s.steps, s.step_size, s.max_loss) == (
            octaves, border, 1.4, 20, 0.01, 10.0)
        assert (s.inject, s.normalise, s.resize, s.clip, s.jitter) == ("after", "mean", "corners", False, 0)
    assert dream.parse_layers(dream.LAYERS["inception_v3"]) == {"mixed2": 0.2, "mixed3": 3, "mixed4": 2, "mixed5": 1.5}
    assert [h for h, _ in dream.octave_shapes((350, 350), 3, 1.4)] == [178, 250, 350]
    assert [h for h, _ in dream.octave_shapes((350, 350), 4, 1.4)] == [127, 178, 250, 350]
    assert dream.octave_shapes((3, 8), 10**6, 2) == [(1, 4), (3, 8)]  # those of less than a pixel are left out
    assert dream.octave_shapes((3, 8), 10**6, 1e300) == [(3, 8)]
    assert dream.settings_for("book", image="x", network="squeezenet").max_loss == 0


@pytest.mark.parametrize("border", [0, 2])
def test_the_loss_is_the_chapters_formula(border):
    network, x = tiny(), tg.tensor(np.random.default_rng(1).uniform(-1, 1, (1, 3, 30, 26)).astype(np.float32))
    found = dream.Objective(network, {"conv_b": 0.2, "conv_c": 3.0}, border)(x).item()
    want = 0.0
    for name, coefficient in (("conv_b", 0.2), ("conv_c", 3.0)):
        a = network(x, layers=[name])[name].numpy().astype(np.float64)
        inner = a[:, :, border : a.shape[2] - border, border : a.shape[3] - border]
        want += coefficient * (inner**2).sum() / a.size
    assert found == pytest.approx(want, rel=1e-5)


def test_a_step_is_the_chapters_formula():
    s = settings("book", layers="conv_b", steps=1, octaves=1)
    dreamer = dream.Dreamer(s, tiny(), photograph())
    x = dreamer.x.numpy().astype(np.float64)
    np.testing.assert_allclose(x, photograph()[None] / 127.5 - 1, atol=1e-6)
    _, g = dream_gradient.gradient(dreamer.objective, dreamer.x)
    g = g.numpy().astype(np.float64)
    loss = dreamer.ascend()
    assert loss == pytest.approx(dreamer.objective(tg.tensor(x.astype(np.float32))).item(), rel=1e-6)
    np.testing.assert_allclose(dreamer.x.numpy(), x + 0.01 * g / np.abs(g).mean(), atol=1e-6)


def test_the_gradient_of_a_flat_picture_is_not_blown_up():
    g = tg.tensor(np.full((1, 3, 8, 8), 1e-9, np.float32))
    np.testing.assert_allclose(dream_gradient.normalised(g).numpy(), 1e-2, rtol=1e-5)


def test_bands_are_evened_out():
    """A fine pattern a thousand times as strong as a broad one no longer hides it."""
    y, x = np.mgrid[:64, :64]
    fine, broad = np.where((x + y) % 2, 1.0, -1.0), np.sin(x * (2 * np.pi / 64))
    g = tg.tensor(np.broadcast_to(1000 * fine + broad, (1, 3, 64, 64)).astype(np.float32).copy())
    shares = []
    for how in ("mean", "bands"):
        found = dream_gradient.normalised(g, how).numpy()[0, 0]
        assert np.abs(found).mean() == pytest.approx(1, rel=1e-4)
        shares.append(abs((found * broad).mean()) / abs((found * fine).mean()))
    assert shares[1] > 100 * shares[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (33, 20)])
def test_bands_of_any_size(shape):
    g = tg.tensor(np.random.default_rng(0).normal(size=(1, 3, *shape)).astype(np.float32))
    found = dream_gradient.normalised(g, "bands").numpy()
    assert found.shape == g.shape
    assert np.abs(found).mean() == pytest.approx(1, rel=1e-4)


def test_resizing_is_scipys():
    zoom = pytest.importorskip("scipy.ndimage").zoom
    dreamer = dream.Dreamer(settings("book"), tiny(), photograph())
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 40)).astype(np.float32)
    for h, w in ((34, 28), (24, 20), (61, 55)):
        # with its default mode SciPy loses the last line, to rounding, at some sizes
        want = zoom(x, (1, 1, h / 48, w / 40), order=1, mode="nearest")
        np.testing.assert_allclose(dreamer.resized(tg.tensor(x), (h, w)).numpy(), want, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------- octaves


@pytest.mark.parametrize("preset", ["book", "tuned"])
def test_detail_is_put_back(preset):
    """With steps of nothing, every octave ends with the photograph at its scale."""
    s = settings(preset, octaves=3, steps=1, step_size=1e-12, jitter=0)
    dreamer = dream.Dreamer(s, tiny(), photograph(90, 80))
    for _, ended in dreamer.octaves_of_steps():
        assert ended
        want = dreamer.resized(dreamer.original, dreamer.shapes[dreamer.octave])
        np.testing.assert_allclose(dreamer.x.numpy(), want.numpy(), atol=1e-5)
        assert dreamer.x.shape[2:] == [(45, 40), (64, 57), (90, 80)][dreamer.octave]
        np.testing.assert_array_equal(dreamer.picture(), photograph(90, 80))
        dreamer.begin_next()
    assert dreamer.finished


@pytest.mark.parametrize("preset", ["book", "book-python", "tuned"])
def test_the_loss_rises_in_each_octave(preset, path, tmp_path):
    s = settings(preset, image=path, octaves=2, steps=12, jitter=0)
    assert dream.dream(s, tmp_path / "run", network=tiny(), quiet=True) == 0
    rows = rows_of(tmp_path / "run")
    assert [(row["octave"], row["step"]) for row in rows] == [(1 + i // 12, 1 + i) for i in range(24)]
    for octave in (1, 2):
        losses = [row["loss"] for row in rows if row["octave"] == octave]
        assert losses == sorted(losses)
        assert losses[-1] > 1.2 * losses[0]
    samples = sorted(p.name for p in (tmp_path / "run" / "samples").iterdir())
    assert samples == ["step_000012-octave1.png", "step_000024-octave2.png"]
    made = read_image(tmp_path / "run" / "dream.png")
    np.testing.assert_array_equal(made, read_image(tmp_path / "run" / "samples" / samples[1]))
    assert made.shape == (3, 48, 40)
    assert 1 < np.abs(made.astype(float) - photograph()).mean() < 60


def test_an_octave_ends_where_the_loss_exceeds_the_limit(path, tmp_path):
    free = settings("book", image=path, octaves=2, steps=8)
    dream.dream(free, tmp_path / "free", network=tiny(), quiet=True)
    losses = [row["loss"] for row in rows_of(tmp_path / "free")]
    s = settings("book", image=path, octaves=2, steps=8, max_loss=(losses[3] + losses[4]) / 2)
    told = []
    dream.dream(s, tmp_path / "run", network=tiny(), say=told.append)
    first = [row["loss"] for row in rows_of(tmp_path / "run") if row["octave"] == 1]
    assert first == losses[:4]  # the loss of the next exceeds it: no step there
    assert len((tmp_path / "run" / "config.json").read_bytes())
    low = settings("book", image=path, octaves=2, steps=8, max_loss=losses[0] / 1000)
    assert dream.dream(low, tmp_path / "low", network=tiny(), quiet=True) == 0
    assert rows_of(tmp_path / "low") == []
    made = read_image(tmp_path / "low" / "dream.png").astype(int)  # no step at all: the photograph
    assert np.abs(made - photograph()).max() <= 1


def test_scales_too_small_for_the_network_are_left_out():
    dreamer = dream.Dreamer(settings("book", octaves=9), tiny(), photograph())
    assert min(dreamer.shapes[0]) >= 12 > min(dreamer.shapes[0]) / 1.4  # the network sees 12 pixels
    assert dreamer.left_out == 9 - len(dreamer.shapes)
    assert dream.Dreamer(settings("book-python", octaves=9), tiny(), photograph()).shapes[0] > dreamer.shapes[0]
    for shape in ((1, 1), (11, 40)):
        with pytest.raises(ValueError, match=f"a picture of {shape[1]} x {shape[0]} is too small for conv_b, conv_c"):
            dream.Dreamer(settings(), tiny(), photograph(*shape))


@pytest.mark.parametrize("options", [{}, {"preset": "book"}, {"tile": 64, "size": 100}, {"zoom": 2}])
def test_a_run_cut_in_the_middle_of_octaves_ends_with_the_same_bytes(options, path, tmp_path):
    s = {"image": path, "octaves": 2, "steps": 5, "save_every": 2, **options}
    assert dream.dream(settings(**s), tmp_path / "whole", network=tiny(), quiet=True) == 0
    for steps in (2, 7, 9, 0):
        made = settings(**s, max_steps=steps)
        assert dream.dream(made, tmp_path / "cut", network=tiny(), resume=True, quiet=True) == 0
        assert read_image(tmp_path / "cut" / "dream.png").shape == read_image(tmp_path / "whole" / "dream.png").shape
    names = [*RESULTS, "dream.png", *(f"samples/{p.name}" for p in (tmp_path / "whole" / "samples").iterdir())]
    names += ["dream.gif"] if "zoom" in options else []
    for name in names:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    before = (tmp_path / "cut" / "state.safetensors").read_bytes()
    told = []
    assert dream.dream(settings(**s), tmp_path / "cut", network=tiny(), resume=True, say=told.append) == 0
    assert told == [f"{tmp_path / 'cut'}: finished already, at step {10 + 5 * options.get('zoom', 0)}"]
    assert (tmp_path / "cut" / "state.safetensors").read_bytes() == before


def test_interrupted_it_stops_after_the_step_and_goes_on(path, tmp_path, monkeypatch):
    s = settings(image=path, octaves=2, steps=5)
    dream.dream(s, tmp_path / "whole", network=tiny(), quiet=True)
    ascend, told = dream.Dreamer.ascend, []

    def ascend_and_interrupt(self):
        if self.step == 6:
            os.kill(os.getpid(), 2)
        return ascend(self)

    monkeypatch.setattr(dream.Dreamer, "ascend", ascend_and_interrupt)
    assert dream.dream(s, tmp_path / "cut", network=tiny(), say=told.append) == 130
    assert told[-1] == "stopped at step 7 of 10; the same command with --resume goes on from here"
    monkeypatch.undo()
    assert dream.dream(s, tmp_path / "cut", network=tiny(), resume=True, quiet=True) == 0
    for name in (*RESULTS, "dream.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("options", "steps", "result"), [({"zoom": 1}, 15, "dream.gif"), ({"max_steps": 3}, 3, "dream.png")]
)
def test_killed_behind_the_last_checkpoint_all_is_there(options, steps, result, path, tmp_path, monkeypatch):
    s = settings(image=path, octaves=2, steps=5, **options)
    dream.dream(s, tmp_path / "whole", network=tiny(), quiet=True)
    checkpoint = Run.checkpoint

    def checkpoint_and_die(self, *args, step, **more):
        checkpoint(self, *args, step=step, **more)
        if step == steps:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "checkpoint", checkpoint_and_die)
    with pytest.raises(KeyboardInterrupt):
        dream.dream(s, tmp_path / "cut", network=tiny(), quiet=True)
    assert (tmp_path / "cut" / result).read_bytes() == (tmp_path / "whole" / result).read_bytes()


def test_another_picture_or_network_is_not_resumed(path, tmp_path):
    s = settings(image=path, octaves=1, steps=3)
    dream.dream(settings(image=path, octaves=1, steps=3, max_steps=1), tmp_path / "run", network=tiny(), quiet=True)
    save_png(path, photograph(seed=1))
    with pytest.raises(ValueError, match="`image_crc32` was"):
        dream.dream(s, tmp_path / "run", network=tiny(), resume=True, quiet=True)
    save_png(path, photograph())
    with pytest.raises(ValueError, match="`weights_crc32` was"):
        dream.dream(s, tmp_path / "run", network=tiny(seed=1), resume=True, quiet=True)
    assert dream.dream(s, tmp_path / "run", network=tiny(), resume=True, quiet=True) == 0


# ---------------------------------------------------------------------------------------------- jitter, tiles, filters


def test_jitter_changes_nothing_but_where_the_borders_lie():
    def mean(x):
        return (x[:, :, :-1] * x[:, :, 1:]).mean() + (x * x * x).mean()

    x = tg.tensor(np.random.default_rng(0).normal(size=(1, 3, 20, 24)).astype(np.float32))
    _, still = dream_gradient.gradient(mean, x)
    _, moved = dream_gradient.shifted_gradient(mean, x, 5, 0, tg.Generator(3))
    same = np.isclose(still.numpy(), moved.numpy(), atol=1e-6).all((0, 1, 3))  # by row
    assert 16 <= same.sum() < 20
    _, again = dream_gradient.shifted_gradient(mean, x, 5, 0, tg.Generator(3))
    np.testing.assert_array_equal(again.numpy(), moved.numpy())
    assert not np.array_equal(dream_gradient.shifted_gradient(mean, x, 5, 0, tg.Generator(4))[1].numpy(), moved.numpy())


@pytest.mark.parametrize("length", [1, 128, 129, 200, 321, 1000])
@pytest.mark.parametrize("shift", [1, 37, 96])
def test_spans_fill_the_axis(length, shift):
    found = dream_gradient.spans(length, 128, shift)
    assert (found[0].first, found[-1].last) == (0, length)
    assert all(a.last == b.first for a, b in pairwise(found))
    for span in found:
        assert 0 <= span.start <= span.first < span.last <= span.stop <= length
        assert span.start % 32 == 0
        assert span.stop - span.start >= min(128, length)
        assert span.stop - span.start < 128 + 64
        assert span.first - span.start >= 16 or span.start == 0
        assert span.stop - span.last >= 16 or span.stop == length


def test_tiled_and_whole_gradients_agree_away_from_the_seams():
    x = tg.tensor(np.random.default_rng(0).uniform(-1, 1, (1, 3, 160, 200)).astype(np.float32))
    seams = [np.arange(32, 160, 96), np.arange(51, 200, 96)]
    to_seam = [np.abs(np.arange(n)[:, None] + 0.5 - lines).min(1) for n, lines in zip((160, 200), seams, strict=True)]
    to_seam = np.minimum(to_seam[0][:, None], to_seam[1])  # (160, 200)
    off = {}  # where the two differ
    for depth, layer in ((1, "conv_c"), (5, "conv_g")):  # sees 12 and 28 pixels; windows reach 16 beyond a seam
        objective = dream.Objective(tiny(padding="same", depth=depth), {layer: 1.0})
        _, whole = dream_gradient.gradient(objective, x)
        _, tiled = dream_gradient.tiled_gradient(objective, x, 128, (32, 51))
        off[depth] = np.abs(tiled.numpy() - whole.numpy()).max((0, 1)) > 1e-5 * np.abs(whole.numpy()).max()
    assert not off[1].any()
    assert off[5].any()
    assert to_seam[off[5]].max() < 14


def test_tiles_of_a_plain_mean_give_the_very_same_gradient():
    def objective(x):
        return (x * x * x).mean()

    x = tg.tensor(np.random.default_rng(0).normal(size=(1, 3, 150, 333)).astype(np.float32))
    (value, whole), (mean, tiled) = (dream_gradient.gradient(objective, x),
                                     dream_gradient.tiled_gradient(objective, x, 128, (64, 32)))
    np.testing.assert_allclose(tiled.numpy(), whole.numpy(), rtol=1e-5)
    assert math.isfinite(mean.item())
    assert value.shape == mean.shape == ()


def test_tiles_take_less_memory(monkeypatch):
    """The smaller they are, the less; over several steps, too, whose windows have other shapes."""
    x = tg.tensor(np.random.default_rng(0).uniform(-1, 1, (1, 3, 320, 420)).astype(np.float32))
    objective, generator, peaks = dream.Objective(tiny(padding="same", depth=4), {"conv_f": 1.0}), tg.Generator(0), []
    for tile in (0, 256, 128):
        for _ in range(2):
            dream_gradient.shifted_gradient(objective, x, 4, tile, generator)  # the kernels have kept what they keep
        # a pool of its own: what arrays of before have left would not be counted
        pool = memory.Pool(kept=0)
        monkeypatch.setattr(memory, "empty", pool.empty)
        tracemalloc.start()
        for _ in range(2):
            dream_gradient.shifted_gradient(objective, x, 4, tile, generator)
        peaks.append(pool.most + tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.85 * peaks[0]
    assert peaks[2] < 0.85 * peaks[1]


def test_a_filter_from_noise(tmp_path):
    s = dream.settings_for("tuned", filter="conv_c:3", size=40, octaves=2, steps=10)
    assert (s.inject, s.max_loss) == ("never", 0)
    assert dream.dream(s, tmp_path / "run", network=tiny(), quiet=True) == 0
    losses = [row["loss"] for row in rows_of(tmp_path / "run")]
    assert losses[-1] > 2 * losses[0]
    x = tg.tensor(np.random.default_rng(0).uniform(-1, 1, (1, 3, 30, 30)).astype(np.float32))
    a = tiny()(x, layers=["conv_c"])["conv_c"].numpy()
    assert dream.Objective(tiny(), {"conv_c": 1.0}, channel=3)(x).item() == pytest.approx(a[0, 3].mean(), rel=1e-5)
    with pytest.raises(ValueError, match="`filter` is 'conv_c:5'; conv_c has channels 0 to 4"):
        dream.Dreamer(dream.settings_for("tuned", filter="conv_c:5"), tiny(), photograph())


def test_a_guide_counts_by_its_best_places():
    network, rng = tiny(), np.random.default_rng(0)
    x, guide = (tg.tensor(rng.uniform(-1, 1, (1, 3, n, n)).astype(np.float32)) for n in (24, 30))
    found = dream.Objective(network, {"conv_b": 2.0}, guide=guide)(x).item()
    a, y = (network(t, layers=["conv_b"])["conv_b"].numpy()[0].reshape(8, -1).astype(np.float64) for t in (x, guide))
    assert found == pytest.approx(2 * (a.T @ y).max(1).sum() / a.size, rel=1e-5)
    dreamer = dream.Dreamer(settings(guide="g.png", octaves=1, jitter=0), network, photograph(), photograph(seed=5))
    losses = [dreamer.ascend() for _ in range(5)]
    assert losses == sorted(losses)


def test_a_negative_coefficient_calms_a_layer():
    dreamer = dream.Dreamer(settings(layers="conv_b=-1", octaves=1, jitter=0), tiny(), photograph())
    losses = [dreamer.ascend() for _ in range(5)]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1] <= 0


def test_random_layers_come_from_the_seed():
    network = NETWORKS["squeezenet"](generator=tg.Generator(0))
    found = [dream.random_layers(network, tg.Generator(seed)) for seed in range(20)]
    assert found == [dream.random_layers(network, tg.Generator(seed)) for seed in range(20)]
    assert len({tuple(layers) for layers in found}) > 10
    assert {len(layers) for layers in found} == {1, 2, 3, 4}
    for layers in found:
        assert set(layers) <= set(network.layer_names)
        assert all(0.2 <= value <= 5 for value in layers.values())


@pytest.mark.parametrize("changes", [{"jitter": 3}, {"preset": "book"}, {"tile": 64}, {"guide": "g.png", "zoom": 1}])
def test_on_another_device(changes, fake):
    """Every array is where it belongs, and the numbers are those of the CPU."""
    found = []
    for device in ("cpu", "fake:0"):
        s = settings(octaves=2, steps=2, original_colors="guide" not in changes, **changes)
        guide = photograph(seed=5) if s.guide else None
        dreamer = dream.Dreamer(s, tiny(), photograph(90, 70), guide, device)
        losses = []
        for loss, ended in dreamer.octaves_of_steps():
            losses.append(loss)
            if ended:
                dreamer.begin_next()
        found.append((losses, dreamer.as_bytes(dreamer.x)))
    (cpu, image), (other, same) = found
    assert other[0] == pytest.approx(cpu[0], rel=1e-5)
    assert other == pytest.approx(cpu, rel=1e-2)  # other kernels: a place near a kink may fall on its other side
    assert np.abs(image.astype(int) - same).mean() < 0.2


# ------------------------------------------------------------------------------------------------------------ pictures


def test_original_colours_change_brightness_only():
    rng = np.random.default_rng(0)
    original, x = (tg.tensor(rng.uniform(-1, 1, (1, 3, 5, 6)).astype(np.float32)) for _ in range(2))
    made, weights = dream_pictures.with_colors_of(original, x).numpy(), np.array([0.299, 0.587, 0.114])

    def brightness(a):
        return (np.asarray(a) * weights[:, None, None]).sum(1, keepdims=True)

    np.testing.assert_allclose(brightness(made), brightness(x.numpy()), atol=1e-6)
    colour = original.numpy() - brightness(original.numpy())
    np.testing.assert_allclose(made - brightness(made), colour, atol=1e-6)


def test_a_zoom_goes_to_the_middle():
    x = tg.tensor(np.random.default_rng(0).normal(size=(1, 3, 40, 60)).astype(np.float32))
    made = dream_pictures.zoomed(x, 0.5)
    want = F.interpolate(x[:, :, 10:30, 15:45], (40, 60), mode="bilinear")
    np.testing.assert_array_equal(made.numpy(), want.numpy())
    for shape in ((1, 1), (2, 3), (3, 3)):
        assert dream_pictures.zoomed(tg.zeros(1, 3, *shape)).shape == (1, 3, *shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"octaves": 0}, "`octaves` is 0"), ({"step_size": math.nan}, "`step_size` is nan"), ({"tile": 100}, "`tile` is"),
     ({"octave_scale": 1.0}, "`octave_scale` is 1.0"), ({"network": "x"}, "`network` is 'x'; valid are inception_v3"),
     ({"layers": "mixed3=a"}, "`layers` has 'mixed3=a'"), ({"layers": "a,a"}, "`layers` has 'a' twice"),
     ({"layers": ""}, None), ({"filter": "mixed4"}, "`layers` and `filter` are both given"),
     ({"layers": "", "filter": "mixed4"}, "`filter` is 'mixed4'; it must be LAYER:CHANNEL"),
     ({"zoom": 2, "original_colors": True}, "`original_colors` does not go with `zoom`"),
     ({"image": ""}, "`image` is missing"), ({"max_loss": math.inf}, "`max_loss` is inf")],
)
def test_bad_settings(changes, message):
    if message is None:
        settings(**changes)
        return
    with pytest.raises(ValueError, match=message):
        settings(**changes)


# -------------------------------------------------------------------------------------------------------- real weights


@pytest.mark.slow
def test_inception_dreams(tmp_path):
    """Real weights: the loss rises in each octave."""
    if not is_here(OFFICIAL["inception_v3", False]) and not list(cache_dir().glob("inception_v3_imagenet_*_notop.h5")):
        pytest.skip("the weights of inception_v3 are not in the cache (TINYGEN_HOME)")
    y, x = np.mgrid[:125, :125] / 125
    image = np.stack([x, y, (np.sin(9 * x) * np.cos(7 * y) + 1) / 2])
    save_png(tmp_path / "x.png", np.rint(image * 255).astype(np.uint8))
    s = dream.settings_for("book", image=str(tmp_path / "x.png"), octaves=2, steps=5, max_loss=0.0)
    assert dream.dream(s, tmp_path / "run", quiet=True) == 0
    rows = rows_of(tmp_path / "run")
    assert {row["octave"] for row in rows} == {1, 2}
    for octave in (1, 2):
        losses = [row["loss"] for row in rows if row["octave"] == octave]
        assert losses == sorted(losses)
        assert losses[-1] > 1.3 * losses[0]
