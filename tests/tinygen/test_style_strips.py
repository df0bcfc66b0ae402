"""Style transfer in strips: the very losses and gradients of the whole picture, the bound of memory, several scales."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import tinygen as tg
from tinygen import models, optim
from tinygen.generators import style, style_strips
from tinygen.models.network import Graph, Network
from tinygen.nn import AvgPool2d, MaxPool2d
from tinygen_ops import memory

LAYERS = {"content_layer": "c4", "style_layers": ["c1", "c3", "p2"]}


class Small(Network):
    """Seven layers in float64: convolutions of two sizes, and both poolings, one of them of three rows."""

    def __init__(self):
        graph = Graph("small", "tf", 32)
        x = graph.conv(graph.input, "c1", 4, 3)
        x = graph.conv(x, "c2", 5, 5)
        x = graph.layer(x, "p1", AvgPool2d(3))
        x = graph.conv(x, "c3", 6, 3)
        x = graph.layer(x, "p2", MaxPool2d(2))
        x = graph.conv(x, "c4", 6, 3)
        graph.conv(x, "c5", 7, 3)
        super().__init__(graph)
        self.fill(tg.Generator(0)).requires_grad_(False)
        for parameter in self.parameters():
            parameter.data = parameter.numpy().astype(np.float64)

    def preprocess(self, x):
        return x.double() * (1 / 127.5) - 1


def pictures(height, width):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (3, *shape)).astype(np.uint8) for shape in ((height, width), (20, 31), (41, 17))]


def settings_for(preset="tuned", **changes):
    given = {"content": "c.png", "styles": ["s.png"] * 2, "style_blend_weights": [3.0, 1.0], "tv_weight": 0.3}
    return style.settings_for(preset, **given | LAYERS | changes)


def parts_and_gradient(objective, x):
    x = tg.tensor(x, requires_grad=True)
    parts = objective(x)
    (parts * tg.tensor([0.5, 2.0, 3.0], dtype=parts.dtype)).sum().backward()
    return parts.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("preset", ["tuned", "book"])
@pytest.mark.parametrize("height", [36, 41])
def test_strips_give_the_losses_and_the_gradient_of_the_whole_picture(preset, height):
    settings, network = settings_for(preset), Small()
    content, *styles = pictures(height, 23)
    x = np.random.default_rng(1).random((1, 3, height, 23)) * 255
    want, gradient = parts_and_gradient(style.Objective(network, settings, content, styles), x)
    assert want.dtype == np.float64
    for rows in (1, 2, 7, 12, 100):
        objective = style.StripedObjective(network, settings, content, styles, rows=rows)
        parts, found = parts_and_gradient(objective, x)
        np.testing.assert_allclose(parts, want, rtol=1e-12)
        np.testing.assert_allclose(found, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())


def test_strips_whose_halo_is_too_small_are_noticed(monkeypatch):
    """The test above can fail."""
    settings, (content, *styles) = settings_for(), pictures(36, 23)
    x = np.random.default_rng(1).random((1, 3, 36, 23)) * 255
    _, gradient = parts_and_gradient(style.Objective(Small(), settings, content, styles), x)
    objective = style.StripedObjective(Small(), settings, content, styles, rows=6)
    objective.stages = [stage._replace(reach=stage.reach - 1) for stage in objective.stages]
    _, found = parts_and_gradient(objective, x)
    assert np.abs(found - gradient).max() > 1e-6 * np.abs(gradient).max()


def test_vgg_in_strips():
    layers = {"content_layer": "block3_conv2", "style_layers": ["block1_conv1", "block2_conv1", "block3_conv1"]}
    settings = settings_for(weights="random", **layers)
    network = style.load_network(settings, "cpu")
    content, *styles = pictures(37, 40)
    y, x = np.mgrid[:37, :40]
    image = (np.stack([5 * y, 6 * x, 200 - 3 * y - x])[None]).astype(np.float32)
    want, gradient = parts_and_gradient(style.Objective(network, settings, content, styles), image)
    parts, found = parts_and_gradient(style.StripedObjective(network, settings, content, styles, rows=10), image)
    np.testing.assert_allclose(parts, want, rtol=1e-5)
    assert np.linalg.norm(found - gradient) < 1e-3 * np.linalg.norm(gradient)  # a maximum may be another one's


def test_where_a_network_is_cut():
    found = style_strips.stages(Small(), ["c1", "c3", "p2", "c4"])
    assert [(stage.reach, stage.step, [name for name, _ in stage.layers]) for stage in found] == [
        (3, 3, ["c1", "c2", "p1"]), (1, 2, ["c3", "p2"]), (1, 1, ["c4"])
    ]
    vgg = style_strips.stages(models.vgg19(), ["block5_conv2"])
    assert [(stage.reach, stage.step, len(stage.layers)) for stage in vgg] == [
        (2, 2, 3), (2, 2, 3), (4, 2, 5), (4, 2, 5), (2, 1, 2)
    ]
    for name in ("squeezenet", "inception_v3", "resnet50", "xception"):
        with pytest.raises(ValueError, match=f"are a chain of .* of {name} is none of these"):
            style_strips.stages(models.NETWORKS[name](), [style.LAYERS[name][0]])


@pytest.mark.parametrize("height", [1, 2, 3, 24, 25, 26, 27, 100])
@pytest.mark.parametrize("rows", [1, 3, 8, 64])
def test_strips_fill_the_picture(height, rows):
    for reach, step in ((1, 1), (2, 2), (3, 3)):
        found = list(style_strips.strips(height, rows, style_strips.Stage([], reach, step)))
        assert (found[0].first, found[-1].last) == (0, height)
        assert all(a.last == b.first for a, b in pairwise(found))
        for strip in found:
            assert strip.start % step == strip.first % step == 0
            assert strip.first - strip.start >= reach or strip.start == 0
            assert strip.stop - strip.last >= reach or strip.stop == height
            assert strip.last - strip.first >= min(step, height)
            assert strip.last - strip.first < max(rows, step) + step


def test_on_another_device(fake):
    settings, (content, *styles) = settings_for(), pictures(36, 23)
    x = np.random.default_rng(1).random((1, 3, 36, 23)) * 255
    found = []
    for device in ("cpu", "fake:0"):
        objective = style.StripedObjective(Small().to(device), settings, content, styles, device, rows=8)
        t = tg.tensor(x).to(device).requires_grad_()
        objective(t).sum().backward()
        found.append(t.grad.to("cpu").numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-12 * np.abs(found[0]).max())


def test_what_strips_cannot_do_is_told():
    settings, (content, *styles) = settings_for(), pictures(36, 23)
    objective = style.StripedObjective(Small(), settings, content, styles, rows=8)
    x = tg.tensor(content[None].astype(np.float64), requires_grad=True)
    with pytest.raises(RuntimeError, match="has no second derivative"):
        tg.autograd.grad(objective(x).sum(), x, create_graph=True)
    loss = objective(x).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="a second time"):
        loss.backward()


# ------------------------------------------------------------------------------------------------------------ memory


def test_a_bound_of_memory_chooses_the_rows():
    settings, network, shape = settings_for(content_layer="", style_layers=[]), models.vgg19(), (1024, 1365)
    bounds = (1450, 1700, 2300, 3000, 9000)
    rows = [style_strips.rows_within(bound, settings, network, shape) for bound in bounds]
    assert rows == sorted(rows)
    assert rows[0] < rows[2]
    assert rows[-1] == 1024
    with pytest.raises(ValueError, match="`memory` is 300; a picture of 1024 x 1365 needs at least") as error:
        style_strips.rows_within(300, settings, network, shape)
    least = int(str(error.value).split("at least ")[1].split(" MB")[0])
    assert style_strips.rows_within(least, settings, network, shape) == 8
    with pytest.raises(ValueError, match="`memory` is"):
        style_strips.rows_within(least - 1, settings, network, shape)
    # a shorter history, or a painting that is no larger, leaves more room; a larger one needs it
    assert style_strips.rows_within(least - 100, replace(settings, history_size=3), network, shape) >= 8
    assert style_strips.rows_within(least, settings, network, shape, [(800, 1000)]) == 8
    with pytest.raises(ValueError, match="`memory` is"):
        style_strips.rows_within(least, settings, network, shape, [(4000, 4000)])


def test_strips_take_less_memory(monkeypatch):
    settings = settings_for(weights="random", content_layer="block2_conv2", style_layers=["block1_conv1"])
    network = style.load_network(settings, "cpu")
    content, *styles = pictures(200, 200)
    peaks = []
    for objective in (style.Objective(network, settings, content, styles),
                      style.StripedObjective(network, settings, content, styles, rows=16)):
        x = tg.tensor(content[None].astype(np.float32), requires_grad=True)
        objective(x).sum().backward()  # the first time also loads what is loaded when first used
        # a pool of its own: what arrays of before have left would not be counted
        pool = memory.Pool(kept=0)
        monkeypatch.setattr(memory, "empty", pool.empty)
        tracemalloc.start()
        objective(x).sum().backward()
        peaks.append(pool.most + tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.5 * peaks[0]


# ------------------------------------------------------------------------------------------------------------ search


def test_single_steps_of_lbfgs_are_a_round_in_one_call():
    """What a round finds is what one call of the optimiser for all of it finds."""
    settings, (content, *styles) = settings_for(evaluations=25), pictures(21, 23)
    objective = style.Objective(Small(), settings, content, styles)
    work = style.Transfer(settings, objective, content.astype(np.float64))
    alone = style.Transfer(settings, objective, content.astype(np.float64))
    alone.optimizer = optim.LBFGS([alone.pixels], max_iter=25, max_eval=25, tolerance_grad=0, tolerance_change=0,
                                  history_size=settings.history_size)
    for _ in range(2):
        work.round()
        alone.optimizer.step(alone.loss)
    assert work.evaluations == alone.optimizer.evaluations == 50
    assert work.status == alone.optimizer.status == "max_eval"
    np.testing.assert_allclose(work.raw(), alone.raw(), rtol=0, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ scales


def test_the_sizes_of_the_scales():
    settings = settings_for(size=400, style_size=600, scales=3, iterations=20)
    sizes = [style.settings_at(settings, i) for i in range(3)]
    assert [(s.size, s.style_size) for s in sizes] == [(200, 300), (283, 424), (400, 600)]
    assert [style.rounds_until(settings, i) for i in range(3)] == [7, 14, 20]
    assert style.settings_at(replace(settings, style_size=-1), 0).style_size == -1
    assert style.settings_at(replace(settings, scales=1), 0) == replace(settings, scales=1)
