"""Networks: Keras' topology and counts, only what is wanted computed, merged normalisations, preprocessing, tables."""

import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.models import NETWORKS
from tinygen.models.network import Graph, Network
from tinygen.models.preprocessing import deprocess, preprocess
from tinygen.models.units import ConvUnit, DenseUnit, MaxPoolSame
from tinygen.modes import no_grad

# name: parameters in Keras' counting, the smallest input that comes through, the output's shape there, some layers
FACTS = {
    "inception_v3": (21_802_784, 75, (1, 2048, 1, 1),
                     ["activation_1", "max_pooling2d_4", "mixed0", "mixed4", "mixed9_0", "mixed10"]),
    "vgg19": (20_024_384, 32, (1, 512, 1, 1), ["block1_conv1", "block4_conv4", "block5_conv2", "block5_pool"]),
    "vgg16": (14_714_688, 32, (1, 512, 1, 1), ["block1_conv1", "block4_conv3", "block5_pool"]),
    "resnet50": (23_587_712, 32, (1, 2048, 1, 1),
                 ["conv1_relu", "pool1_pool", "conv2_block1_0_bn", "conv4_block6_add", "conv5_block3_out"]),
    "xception": (20_861_480, 71, (1, 2048, 3, 3),
                 ["block1_conv1_act", "block2_sepconv2_act", "block13_pool", "add_12", "block14_sepconv2_act"]),
    "squeezenet": (722_496, 33, (1, 512, 1, 1), ["conv1", "relu_conv1", "pool5", "fire2/expand3x3", "fire9/concat"]),
    "small": (462_304, 16, (1, 128, 1, 1), ["block1_conv1", "block3_conv2", "block4_pool"]),
}  # fmt: skip
TOPS = {"inception_v3": 23_851_784, "resnet50": 25_636_712, "xception": 22_910_480, "squeezenet": 1_235_496,
        "small": 463_594}


@pytest.fixture(scope="module")
def networks():
    """Every network, made once, with random weights."""
    return {name: build(weights=None, generator=tg.Generator(0)) for name, build in NETWORKS.items()}


@pytest.fixture(scope="module")
def squeezenet(networks):
    return networks["squeezenet"]


def random_input(size, seed=0, n=1):
    return np.random.default_rng(seed).normal(0, 1, (n, 3, size, size)).astype(np.float32)


def mini(fold=False, seed=0):
    """A small network with all that the large ones have; random weights and statistics."""
    graph = Graph("mini", "tf", 8)
    x = graph.conv(graph.input, "conv2d_1", 6, 3, 2, bias=False, scale=False, norm="batch_normalization_1",
                   relu="activation_1")
    left = graph.conv(x, "conv2d_2", 4, 1, norm="batch_normalization_2", relu=False, eps=1.001e-5)
    right = graph.conv(x, "conv2d_3", 5, 3, norm="batch_normalization_3", relu="activation_3")
    right = graph.conv(right, "conv2d_4", 4, (1, 3), norm="batch_normalization_4", relu=False)
    x = graph.add(left, right, "add_1")
    both = [graph.separable(x, "sep", 3, 3, norm="sep_bn", relu="sep_act"), x]
    x = graph.layer(graph.concatenate(both, "mixed"), "pool", MaxPoolSame(3, 2))
    x = graph.flatten(x, "flatten", 2, 2)
    graph.dense(x, "fc", 5, "softmax", flattened=(7, 2, 2))
    network = Network(graph).fill(tg.Generator(seed))
    rng = np.random.default_rng(seed)
    for _, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if tensor.ndim == 1:
            tensor._data[...] = rng.uniform(0.3, 1.5, tensor.shape)
    return network.fold() if fold else network


# Topology -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_names_and_shape(name, networks):
    count, size, shape, layers = FACTS[name]
    network = networks[name]
    assert network.keras_parameters == count
    assert set(layers) <= set(network.layer_names)
    assert network.layer_names[-1] == layers[-1]
    assert len(set(network.layer_names)) == len(network.layer_names)
    with no_grad():
        y = network(random_input(size))
    assert y.shape == shape
    assert np.isfinite(y.numpy()).all()


@pytest.mark.parametrize("name", TOPS)
def test_with_the_classifier(name):
    network = NETWORKS[name](include_top=True, generator=tg.Generator(0))
    assert network.keras_parameters == TOPS[name]
    with no_grad():
        y = network(random_input(FACTS[name][1])).numpy()
    assert y.shape == (1, 10 if name == "small" else 1000)
    assert y.sum() == pytest.approx(1, abs=1e-5)


def test_the_order_in_which_keras_lists_layers():
    """Of the first convolutions of Inception V3, as ``model.summary()`` of Keras shows them."""
    convolutions = [layer.name for layer in NETWORKS["inception_v3"](fold=False).keras_order()
                    if layer.kind == "conv2d"]
    first = [1, 2, 3, 4, 5, 9, 7, 10, 6, 8, 11, 12, 16, 14, 17, 13, 15, 18, 19, 23, 21, 24, 20, 22, 25, 26, 28, 29, 27,
             30, 35, 36, 32, 37, 33, 38, 31, 34, 39, 40]
    assert convolutions[:40] == [f"conv2d_{i}" for i in first]
    assert convolutions[-4:] == ["conv2d_92", "conv2d_93", "conv2d_86", "conv2d_94"]


@pytest.mark.parametrize("size", [(1, 1), (4, 5), (5, 4), (7, 7), (8, 8)])
def test_max_pooling_pads_as_keras(size):
    x = np.random.default_rng(1).normal(-5, 1, (2, 3, *size)).astype(np.float32)  # all below 0: zeros must not win
    out = [-(-side // 2) for side in size]
    total = [max((o - 1) * 2 + 3 - side, 0) for o, side in zip(out, size, strict=True)]
    padded = np.pad(x, [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)], constant_values=-np.inf)
    want = [[padded[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((2, 3)) for j in range(out[1])]
            for i in range(out[0])]
    np.testing.assert_array_equal(MaxPoolSame(3, 2)(tg.tensor(x)).numpy(), np.transpose(want, (2, 3, 0, 1)))


def test_the_weights_are_drawn_as_keras_does():
    unit = ConvUnit(20, 30, 5)
    unit.fill(tg.Generator(3))
    limit = np.sqrt(6 / (20 * 25 + 30 * 25))
    assert 0.99 * limit < np.abs(unit.weight.data).max() <= limit
    assert not unit.bias.data.any()
    assert not DenseUnit(3, 2, "relu").weight.data.any()


# What is computed ---------------------------------------------------------------------------------------------------


def calls(network, *layers):
    """The names of the nodes that run when these layers are asked for, and what they give."""
    seen, handles = [], []
    for node in network.nodes:
        def note(module, inputs, output, key=node.key):
            seen.append(key)

        handles.append(node.module.register_forward_hook(note))
    try:
        with no_grad():
            found = network(random_input(48), layers=list(layers))
    finally:
        for handle in handles:
            handle.remove()
    return seen, found


def test_nothing_is_computed_behind_the_last_layer(squeezenet):
    seen, found = calls(squeezenet, "fire3/concat", "pool1")
    assert list(found) == ["fire3/concat", "pool1"]  # in the order asked for
    assert seen == ["conv1", "pool1", "fire2/squeeze1x1", "fire2/expand1x1", "fire2/expand3x3", "fire2/concat",
                    "fire3/squeeze1x1", "fire3/expand1x1", "fire3/expand3x3", "fire3/concat"]


def test_no_branch_is_computed_that_is_not_needed(squeezenet):
    seen, _ = calls(squeezenet, "fire3/relu_expand3x3")
    assert "fire3/expand3x3" in seen
    assert "fire3/expand1x1" not in seen
    assert "fire3/concat" not in seen


def test_values_between_are_the_same_as_alone():
    network = mini(fold=True)
    x = random_input(8)
    with no_grad():
        together = network(x, layers=network.layer_names)
        for name in network.layer_names:
            np.testing.assert_allclose(network(x, layers=[name])[name].numpy(), together[name].numpy(), rtol=1e-5,
                                       atol=1e-6)
        assert (together["batch_normalization_1"].numpy() < 0).any()
        np.testing.assert_allclose(together["activation_1"].numpy(),
                                   np.maximum(together["batch_normalization_1"].numpy(), 0), atol=1e-6)
        assert network(x).shape == (1, 5)


def test_activations_are_forgotten_when_they_are_used_up(squeezenet):
    alive, most = [], []

    def note(module, inputs, output):
        alive.append(weakref.ref(output._data))
        most.append(sum(array() is not None for array in alive))

    handles = [node.module.register_forward_hook(note) for node in squeezenet.nodes]
    with no_grad():
        squeezenet(random_input(48))
    for handle in handles:
        handle.remove()
    assert len(most) == len(squeezenet.nodes)
    assert max(most) <= 4  # what goes into a fire module, its two sides, and what comes out


def test_gradients_reach_the_input(squeezenet):
    def loss(x):
        return sum((f * f).mean() for f in squeezenet(x, layers=["fire2/concat", "relu_conv1"]).values())

    x = tg.tensor(random_input(40), requires_grad=True)
    gradient = tg.autograd.grad(loss(x), x)[0].numpy()
    step = 1e-2 * gradient / np.abs(gradient).max()
    with no_grad():
        up, down = (loss(x.detach().numpy() + sign * step).item() for sign in (1, -1))
    assert up - down == pytest.approx(2 * float((gradient * step).sum()), rel=2e-2)


def test_unknown_layers(squeezenet):
    with pytest.raises(ValueError, match=r"`layers` has 'fire2/squeze1x1', which squeezenet lacks; "
                                         r"valid are fire2/squeeze1x1, .*conv1.* more$"):
        squeezenet(random_input(33), layers=["fire2/squeze1x1"])
    network = mini(fold=True)
    with pytest.raises(ValueError, match=r"'conv2d_3', which is merged .* use 'batch_normalization_3', .*fold=False"):
        network(random_input(8), layers=["conv2d_3"])
    for bad in ("conv1", [1]):
        with pytest.raises(ValueError, match="must be a list of names"):
            squeezenet(random_input(33), layers=bad)
    with pytest.raises(ValueError, match="`layers` is empty"):
        squeezenet(random_input(33), layers=[])


def test_wrong_input(squeezenet):
    for shape in ((3, 40, 40), (1, 1, 40, 40)):
        with pytest.raises(ValueError, match=r"`x` has shape .*; it must be \(N, 3, H, W\)"):
            squeezenet(np.zeros(shape, np.float32))


# Normalisations -----------------------------------------------------------------------------------------------------


def test_merging_normalisations_changes_nothing():
    apart, merged = mini(), mini(fold=True)
    assert "conv2d_1" in apart.layer_names
    assert "conv2d_1" not in merged.layer_names
    assert not any(".norm" in name for name in merged.state_dict())
    x = random_input(8, n=3)
    with no_grad():
        a, b = (network(x, layers=merged.layer_names) for network in (apart, merged))
    for name in merged.layer_names:
        scale = np.abs(a[name].numpy()).max()
        np.testing.assert_allclose(b[name].numpy(), a[name].numpy(), rtol=0, atol=2e-6 * scale, err_msg=name)
    assert apart.keras_parameters == merged.keras_parameters


def test_merging_leaves_no_second_copy_of_the_weights():
    network = mini()
    old = weakref.ref(network.conv2d_3.weight._data)
    network.fold()
    assert old() is None
    assert [layer.name for layer in network.weight_layers][:2] == ["conv2d_1", "batch_normalization_1"]


def test_a_merged_convolution_by_the_formula():
    unit = ConvUnit(2, 3, 1, norm=True, eps=0.5, relu=False)
    rng = np.random.default_rng(2)
    for tensor in (unit.weight, unit.bias, unit.norm.weight, unit.norm.bias, unit.norm.running_mean,
                   unit.norm.running_var):
        tensor._data[...] = rng.uniform(0.5, 2, tensor.shape)
    w, b = unit.weight.data.copy(), unit.bias.data.copy()
    gamma, beta, mean, var = (t.data.copy() for t in (unit.norm.weight, unit.norm.bias, unit.norm.running_mean,
                                                      unit.norm.running_var))
    unit.requires_grad_(False).fold()
    factor = gamma / np.sqrt(var.astype(np.float64) + 0.5)
    np.testing.assert_allclose(unit.weight.data, w * factor[:, None, None, None], rtol=1e-6)
    np.testing.assert_allclose(unit.bias.data, (b - mean) * factor + beta, rtol=1e-6)
    assert unit.weight.dtype == np.float32
    assert not unit.weight.requires_grad
    unit.fold()  # again: nothing is left to merge
    np.testing.assert_allclose(unit.weight.data, w * factor[:, None, None, None], rtol=1e-6)


# Preprocessing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["caffe", "tf"])
def test_every_byte_comes_back(mode):
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(3, 1)
    images[:, 1] = images[:, 1, ::-1]
    x = preprocess(images, mode)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(deprocess(x, mode), images)
    np.testing.assert_array_equal(deprocess(tg.tensor(x), mode), images)
    np.testing.assert_array_equal(preprocess(tg.tensor(images), mode).numpy(), x)
    np.testing.assert_array_equal(deprocess(np.full_like(x, 1e6), mode), np.full_like(images, 255))
    np.testing.assert_array_equal(deprocess(np.full_like(x, np.nan), mode) // 200, np.zeros_like(images))


def test_the_numbers_of_keras(networks):
    red = np.zeros((1, 3, 1, 1), np.uint8)
    red[0, 0] = 200
    caffe = networks["vgg19"].preprocess(red).ravel()
    np.testing.assert_allclose(caffe, [-103.939, -116.779, 200 - 123.68], rtol=1e-6)
    np.testing.assert_allclose(networks["xception"].preprocess(red).ravel(), [200 / 127.5 - 1, -1, -1], rtol=1e-6)
    modes = {name: network.preprocessing for name, network in networks.items()}
    assert {name for name, mode in modes.items() if mode == "tf"} == {"inception_v3", "xception", "small"}


def test_gradients_pass_through_preprocessing():
    x = tg.tensor(np.full((1, 3, 2, 2), 100.0, np.float32), requires_grad=True)
    y = preprocess(x, "caffe")
    y[:, 0].sum().backward()  # blue
    np.testing.assert_array_equal(x.grad.numpy().sum((0, 2, 3)), [0, 0, 4])


@pytest.mark.parametrize("name", ["small", "squeezenet"])  # "tf", "caffe"
def test_pictures_get_the_dtype_of_the_weights(name):
    network = NETWORKS[name](weights=None, generator=tg.Generator(0)).to(np.float64)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 40, 40))
    x = network.preprocess(picture)
    assert x.dtype == np.float64
    exact = picture / 127.5 - 1 if name == "small" else picture[:, ::-1] - np.c_[[103.939, 116.779, 123.68]][..., None]
    np.testing.assert_allclose(x, exact, rtol=1e-14, atol=1e-13)
    pixels = tg.tensor(picture, requires_grad=True)
    network(network.preprocess(pixels)).sum().backward()
    assert pixels.grad.dtype == np.float64

    network.to(np.float32)  # and a network in float32 can be called with what a float64 picture becomes
    assert network.preprocess(picture).dtype == network.preprocess(picture.astype(np.uint8)).dtype == np.float32
    pixels = tg.tensor(picture, requires_grad=True)
    network(network.preprocess(pixels)).sum().backward()
    assert pixels.grad.dtype == np.float64


def test_preprocessing_refuses():
    with pytest.raises(ValueError, match=r"`images` has shape \(3, 4, 4\); it must be \(N, 3, H, W\)"):
        preprocess(np.zeros((3, 4, 4), np.uint8), "tf")
    with pytest.raises(ValueError, match="`mode` is 'torch'; valid are caffe, tf"):
        deprocess(np.zeros((1, 3, 4, 4)), "torch")


# Tables, devices, imports -------------------------------------------------------------------------------------------


def test_summary_of_a_network(squeezenet):
    lines = squeezenet.summary((1, 3, 64, 64)).splitlines()
    assert lines == tg.nn.summary(squeezenet, (1, 3, 64, 64)).splitlines()
    (first,) = [line for line in lines if line.startswith("conv1, relu_conv1 ")]
    assert first.split()[-8:] == ["1", "x", "64", "x", "31", "x", "31", "1,792"]
    assert lines[-1].startswith("722,496 parameters, 722,496 of them trained")
    assert len(lines) == len(squeezenet.nodes) + 4
    squeezenet.missing = ("fire9/expand3x3",)
    try:
        lines = squeezenet.summary((1, 3, 64, 64)).splitlines()
        assert "1 x 512" not in next(line for line in lines if line.startswith("fire9/concat"))
        assert "1 x 512" in next(line for line in lines if line.startswith("fire8/concat"))
    finally:
        squeezenet.missing = ()


def test_summary_of_any_module():
    model = tg.nn.Sequential(tg.nn.Embedding(7, 4), tg.nn.LSTM(4, 5, batch_first=True))
    assert model[0].training
    lines = tg.nn.summary(model, (2, 3), dtype=np.int64).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters"]
    assert lines[2].split() == ["0", "Embedding", "2", "x", "3", "x", "4", "28"]
    assert lines[3].split() == ["1", "LSTM", "2", "x", "3", "x", "5", "220"]
    assert lines[-1].startswith("248 parameters, 248 of them trained; 0.0 MiB")
    assert model[0].training
    assert model[0]._hooks is None or not model[0]._hooks.after

    class Sum(tg.nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = tg.nn.Parameter(np.zeros(3, np.float32), requires_grad=False)

        def forward(self, x, y):
            return x + y + self.shift

    assert "(itself)  Sum   2 x 3" in tg.nn.summary(Sum(), [(2, 3), (2, 3)])
    assert "3 parameters, 0 of them trained" in tg.nn.summary(Sum(), [(2, 3), (2, 3)])


def test_runs_on_a_device(fake):
    x = random_input(8)
    with no_grad():
        want = mini(fold=True)(x, layers=["mixed", "fc"])
        network = mini(fold=True).to("fake")
        fake.waits.clear()
        found = network(x, layers=["mixed", "fc"])
        assert fake.waits == []
        assert found["fc"].device == "fake:0"
        assert deprocess(preprocess(tg.zeros(1, 3, 2, 2).to("fake"), "caffe"), "caffe").max() == 0
    for name, value in want.items():
        np.testing.assert_allclose(found[name].to("cpu").numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


def test_import_is_light():
    heavy = {"numba", "h5py", "pooch", "safetensors", "PIL", "tqdm"}
    code = (f"import sys, tinygen; assert 'tinygen.models' not in sys.modules; tinygen.models.vgg19; "
            f"print(*({heavy!r} & set(sys.modules)))")
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert run.stdout.split() == []


def test_as_many_weights_are_frozen_as_are_wanted():
    model = tg.models.squeezenet()
    most, layers = 40_000, ["fire3/concat"]
    model.freeze(most, layers)
    frozen = [p for p in model.parameters() if not p._data.flags.writeable]
    assert 20_000 < sum(p._data.nbytes for p in frozen) <= most
    assert not any(p.requires_grad for p in model.parameters())
    names = {name for name, p in model.named_parameters() if not p._data.flags.writeable}
    assert all(name.startswith(("conv1", "fire2", "fire3")) for name in names), names
    model.load_state_dict({name: 2 * array for name, array in model.state_dict().items()})
    assert names == {name for name, p in model.named_parameters() if not p._data.flags.writeable}
    assert all(p._data.flags.writeable for p in model.freeze(0).requires_grad_().parameters())


def test_frozen_weights_are_read_only_until_they_are_wanted():
    model = tg.models.squeezenet().freeze()
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    first = model(x).numpy()
    weight = next(model.parameters())
    assert not weight.requires_grad
    with pytest.raises(ValueError, match="read-only"):
        weight._data[...] = 0
    state = {name: 2 * array for name, array in model.state_dict().items()}
    model.load_state_dict(state)  # frozen again, and nothing of the old weights is used any more
    assert not next(model.parameters())._data.flags.writeable
    other = tg.models.squeezenet()
    other.load_state_dict(state)
    np.testing.assert_array_equal(model(x).numpy(), other(x).detach().numpy())
    assert not np.array_equal(model(x).numpy(), first)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    for parameter in model.parameters():
        parameter.requires_grad = True
    model(x).sum().backward()
    with pytest.raises(ValueError, match=r"parameter 0 of `params`, of shape .* is frozen"):
        optimizer.step()
    model.requires_grad_()
    optimizer.step()
    assert not np.array_equal(next(model.parameters()).detach().numpy(), next(other.parameters()).detach().numpy())
