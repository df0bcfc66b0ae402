"""Gradients of pictures through the networks against PyTorch's: float64, and float32 with all decisions fixed.

At the end VGG as PyTorch users have it: their names, their input.
"""

import copy
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import NETWORKS
from tinygen.models.loading import load
from tinygen.models.network import Graph, Network
from tinygen.modes import no_grad
from tinygen.random import Generator
from tinygen_ops.registry import use

pytestmark = pytest.mark.torch
EXACT, CLOSE = 1e-9, 1e-4
SIZE = 96


@pytest.fixture(scope="module")
def compare(torch):
    """The module ``benchmarks/models_against_torch.py``; one thread, as arrays are small."""
    folder, threads = str(Path(__file__).parents[2] / "benchmarks"), torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path.insert(0, folder)
    yield importlib.import_module("models_against_torch")
    sys.path.remove(folder)
    torch.set_num_threads(threads)


def picture(seed, height=SIZE, width=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)


def dream_on(compare, name, fold=True):
    network = compare.random_network(name, Generator(1), fold)
    return network, compare.Truth(network, compare.Dream(network, picture(2)))


def check_float64(compare, network, truth):
    errors = truth.all(compare.Ours(network, np.float64))
    assert list(truth.activations) == network.layer_names
    assert max(errors.loss, errors.activation, *errors.free, *errors.fixed) < EXACT, errors
    assert errors.flips == (0, 0)
    assert truth.count > 100_000


@pytest.mark.parametrize("name", NETWORKS)
def test_float64(compare, name):
    """Normalisations apart, so that every layer that Keras names is met; sides are odd and even on the way down."""
    check_float64(compare, *dream_on(compare, name, fold=False))


@pytest.mark.parametrize("name", ["inception_v3", "resnet50", "xception"])
def test_float64_with_normalisations_merged(compare, name):
    check_float64(compare, *dream_on(compare, name))


def test_float64_of_style(compare):
    network = compare.random_network("vgg19", Generator(3))
    case = compare.Style(network, picture(4, 40, 56), picture(5, 40, 56))
    check_float64(compare, network, compare.Truth(network, case))


@pytest.mark.parametrize("name", ["vgg19", "inception_v3"])
def test_float32_with_decisions_fixed(compare, name):
    network, truth = dream_on(compare, name)
    for form, errors in compare.in_float32(network, truth.all).items():
        assert max(errors.loss, errors.activation, *errors.fixed) < CLOSE, (form, errors)
        assert errors.flips.all < truth.count / 1e4, (form, errors)


def test_the_right_decisions_are_fixed(compare):
    """One decision in a hundred the other way round: the gradient is another, in both libraries the same."""
    network, truth = dream_on(compare, "squeezenet")
    rng, other = np.random.default_rng(6), {}
    for key, decision in truth.decisions.items():
        chosen = rng.random(decision.shape) < 0.01
        other[key] = np.where(chosen, ~decision if decision.dtype == bool else 0, decision)
    (_, ours), (_, theirs) = (
        compare.gradient(truth.case, run(network, np.float64), other) for run in (compare.Ours, compare.Theirs)
    )
    assert compare.worst(ours, theirs) < EXACT
    assert compare.worst(ours, truth.gradient) > 100 * CLOSE


def test_what_differs_shows(compare):
    """A weight changed in its seventh digit, and float32 in the place of float64."""
    network, truth = dream_on(compare, "squeezenet")
    changed = copy.deepcopy(network)
    changed.nodes[0].module.weight._data[0, 0, 0, 0] *= np.float32(1 + 1e-6)
    with use("reference"):
        single = truth.free(compare.Ours(network, np.float32))
    for errors in (truth.free(compare.Ours(changed, np.float64)), single):
        assert errors.free[0] > 10 * EXACT


# VGG as PyTorch users have it -------------------------------------------------------------------------------

MEAN, STD = np.array([[[0.485]], [[0.456]], [[0.406]]]), np.array([[[0.229]], [[0.224]], [[0.225]]])
EDGE = np.array([[[123.68]], [[116.779]], [[103.939]]])  # red, green, blue of what Keras' input has as 0
BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
ROUNDING = 1e-5


def features(torch, blocks):
    """The convolutions, ReLUs and poolings in torchvision's order, float64."""
    layers, before = [], 3
    for count, channels in zip(blocks, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            layers += [torch.nn.Conv2d(before, channels, 3, padding=1), torch.nn.ReLU()]
            torch.nn.init.kaiming_normal_(layers[-2].weight)  # or the picture would fade on its way
            before = channels
        layers.append(torch.nn.MaxPool2d(2))
    return torch.nn.Sequential(*layers).double()


def behind_convolutions(torch, layers, x):
    """What each ReLU and each pooling gives."""
    found = []
    with torch.no_grad():
        for layer in layers:
            x = layer(x)
            if not isinstance(layer, torch.nn.Conv2d):
                found.append(x.numpy())
    return found


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_vgg_of_pytorch_users(torch, name, tmp_path):
    """All activations, on the same picture; where only the colour behind the edge differs, it is seen that it does."""
    torch.manual_seed(7)
    layers, image = features(torch, BLOCKS[name]), picture(8)
    state = {f"features.{key}": value.numpy().astype(np.float32) for key, value in layers.state_dict().items()}
    layers.load_state_dict({key.removeprefix("features."): torch.tensor(value) for key, value in state.items()})
    tg.save(tmp_path / "w.safetensors", state)
    network = NETWORKS[name](tmp_path / "w.safetensors", report=pytest.fail)
    with no_grad(), use("reference"):
        ours = network(network.preprocess(image[None]), layers=network.layer_names)
    theirs = behind_convolutions(torch, layers, torch.tensor((image / 255 - MEAN) / STD)[None])
    edge = np.tile(EDGE, (1, SIZE + 2, SIZE + 2))
    edge[:, 1:-1, 1:-1] = image
    layers[0].padding = (0, 0)
    same = behind_convolutions(torch, layers, torch.tensor((edge / 255 - MEAN) / STD)[None])
    margin = 0  # how far in from the border the colour behind it is seen
    for key, free, fixed in zip(network.layer_names, theirs, same, strict=True):
        found, scale = ours[key].numpy(), np.abs(free).max()
        margin = (margin + 1) // 2 if key.endswith("pool") else margin + 1
        away = np.abs(found - free) / scale
        assert np.abs(found - fixed).max() / scale < ROUNDING, key
        assert away[..., margin:-margin, margin:-margin].max(initial=0) < ROUNDING, key
        assert ROUNDING < away.max() < 1e-2, (key, away.max())


def test_classifier_of_pytorch_users(torch, tmp_path):
    """One block and a small classifier: PyTorch flattens before it as we do, or has convolutions over all."""
    g = Graph("vgg16", "caffe", 8)
    x = g.layer(g.conv(g.input, "block1_conv1", 4, 3), "block1_pool", tg.nn.MaxPool2d(2))
    x = g.dense(g.flatten(x, "flatten", 4, 4), "fc1", 6, "relu", flattened=(4, 4, 4))
    g.dense(g.dense(x, "fc2", 5, "relu"), "predictions", 3, "softmax")
    torch.manual_seed(9)
    nn, edge = torch.nn, np.tile(EDGE, (1, 10, 10))
    start = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    end = nn.Sequential(nn.Linear(64, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 5), nn.ReLU(), nn.Dropout(),
                        nn.Linear(5, 3))
    flat = nn.Sequential(start, nn.Flatten(), end).double().eval()
    head = nn.Sequential(nn.Conv2d(4, 6, 4), nn.ReLU(), nn.Conv2d(6, 5, 1), nn.ReLU(), nn.Flatten(), nn.Linear(5, 3))
    over_all = nn.Sequential(start, head).double().eval()
    image = edge[:, 1:-1, 1:-1] = picture(10, 8, 8)
    first = {f"features.0.{role}": value for role, value in start[0].state_dict().items()}
    torchvision = first | {f"classifier.{key}": value for key, value in end.state_dict().items()}
    timm = dict(first)
    for i, key in ((0, "pre_logits.fc1"), (2, "pre_logits.fc2"), (5, "head.fc")):
        timm |= {f"{key}.{role}": value for role, value in head[i].state_dict().items()}
    for state, theirs in ((torchvision, flat), (timm, over_all)):
        tg.save(tmp_path / "w.safetensors", {key: value.numpy() for key, value in state.items()})
        network = Network(g)
        load(network, tmp_path / "w.safetensors", report=pytest.fail)
        with torch.no_grad():
            wanted = theirs(torch.tensor((edge / 255 - MEAN) / STD)[None]).softmax(1).numpy()
        np.testing.assert_allclose(network(network.preprocess(image[None])).detach().numpy(), wanted, atol=ROUNDING)
