"""Gradients of pictures through the networks against PyTorch's: float64, and float32 with all decisions fixed."""

import copy
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygen.models import NETWORKS
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
