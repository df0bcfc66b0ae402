"""Files of weights: every layout of Keras, partial ones, wrong ones, where they are looked for; and the real ones."""

import hashlib
import re
import shutil

import numpy as np
import pytest

import tinygen as tg
from tinygen.data.download import Remote, cache_dir
from tinygen.models import torch_names
from tinygen.models import weights as official
from tinygen.models.loading import load
from tinygen.models.network import Graph, Network
from tinygen.models.preprocessing import preprocess
from tinygen.modes import no_grad
from tinygen.pictures import read_image

h5py = pytest.importorskip("h5py")

HERE = {
    "squeezenet": "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "inception_v3": "inception_v3_imagenet_mixed0-8_notop.h5",
    "vgg19": "vgg19_imagenet_block1-3_notop.h5",
}


def graph():
    """Numbered and named layers, two branches, a separable convolution and a dense layer."""
    g = Graph("mini", "tf", 4)
    x = g.conv(g.input, "conv2d_1", 4, 3, 2, bias=False, scale=False, norm="batch_normalization_1", relu="activation_1")
    left = g.conv(x, "conv2d_2", 4, 1, norm="batch_normalization_2", relu=False)
    right = g.conv(g.conv(x, "conv2d_3", 5, 3), "conv2d_4", 4, (1, 3), norm="batch_normalization_3", relu=False)
    x = g.separable(g.add(left, right, "add_1"), "sep", 3, 3, norm="sep_bn", relu="sep_act")
    g.dense(g.flatten(x, "flatten", 2, 2), "fc", 5, "softmax", flattened=(3, 2, 2))
    return g


NAMES = [layer.name for layer in Network(graph()).weight_layers]


@pytest.fixture
def arrays():
    """For every layer of the mini network, by name, its arrays as Keras has them."""
    rng = np.random.default_rng(7)
    return {layer.name: {role: rng.uniform(0.2, 2, array.shape).astype(np.float32)
                         for role, array in layer.arrays.items()} for layer in Network(graph()).weight_layers}


def write_legacy(path, layers, weight_name="{layer}/{role}:0", root="", names=None):
    """Keras 1 and 2: ``layers`` are (name, {role: array})."""
    with h5py.File(path, "w") as file:
        top = file.require_group(root) if root else file
        top.attrs["layer_names"] = [name.encode() for name, _ in [("input_1", {}), *layers]]
        top.create_group("input_1").attrs["weight_names"] = []
        for name, held in layers:
            group, stored = top.create_group(name), []
            for role, array in held.items():
                stored.append(weight_name.format(layer=name, role=role))
                group.create_dataset(stored[-1], data=array)
            group.attrs["weight_names"] = [s.encode() for s in stored]
    return path


def write_keras3(path, layers, names=True):
    """``.weights.h5``: ``layers`` are (name, kind, {role: array}), in the model's order."""
    counts = {}
    with h5py.File(path, "w") as file:
        for name, kind, held in layers:
            i = counts[kind] = counts.get(kind, -1) + 1
            group = file.create_group(f"layers/{kind}{f'_{i}' if i else ''}")
            if names:
                group.attrs["name"] = name
            for j, array in enumerate(held.values()):
                group.create_dataset(f"vars/{j}", data=array)
        file.create_dataset("optimizer/vars/0", data=np.zeros(3))
    return path


def loaded(path, **report):
    network = Network(graph())
    load(network, path, **report)
    return network


def check(network, arrays, renamed=lambda name: name):
    """Every array has arrived where it belongs, in our layout."""
    for layer in network.weight_layers:
        for role, place in layer.arrays.items():
            want = place.to_ours(arrays[renamed(layer.name)][role])
            np.testing.assert_array_equal(place.target.detach().numpy(), want, err_msg=f"{layer.name} {role}")
    assert network.missing == ()


# Layouts of a file --------------------------------------------------------------------------------------------------


def test_layouts_of_arrays():
    """Kernels, separable kernels and dense layers behind pictures, each against the sum that defines it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 2, 2, 3)).astype(np.float32)  # Keras' (N, H, W, C)
    g = Graph("x", "tf", 2)
    a = g.conv(g.input, "plain", 2, (1, 2), 1, "valid", relu=False)
    b = g.separable(g.input, "sep", 2, 1, relu=False)
    g.dense(g.flatten(b, "flatten", 2, 2), "fc", 3, "relu", flattened=(2, 2, 2))
    network = Network(g)
    assert a.channels == b.channels == 2
    held = {layer.name: {role: rng.normal(size=array.shape) for role, array in layer.arrays.items()}
            for layer in network.weight_layers}
    for layer in network.weight_layers:
        for role, array in layer.arrays.items():
            array.target._data[...] = array.to_ours(held[layer.name][role])
    with no_grad():
        found = network(x.transpose(0, 3, 1, 2), layers=["plain", "sep", "fc"])
    kernel = held["plain"]["kernel"]  # (KH, KW, C, O)
    want = sum(np.einsum("nhc,co->nho", x[:, :, j], kernel[0, j]) for j in (0, 1)) + held["plain"]["bias"]
    np.testing.assert_allclose(found["plain"].numpy()[..., 0], want.transpose(0, 2, 1), rtol=1e-5, atol=1e-6)
    depth, point = held["sep"]["depthwise_kernel"], held["sep"]["pointwise_kernel"]  # (1, 1, C, 1), (1, 1, C, O)
    separable = np.einsum("nhwc,co->nhwo", x * depth[0, 0, :, 0], point[0, 0])
    np.testing.assert_allclose(found["sep"].numpy(), separable.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)
    dense = separable.reshape(1, -1) @ held["fc"]["kernel"] + held["fc"]["bias"]
    np.testing.assert_allclose(found["fc"].numpy(), np.maximum(dense, 0), rtol=1e-5, atol=1e-6)


def test_keras_2(arrays, tmp_path):
    check(loaded(write_legacy(tmp_path / "w.h5", list(arrays.items()))), arrays)


def test_keras_3_whole_model(arrays, tmp_path):
    path = write_legacy(tmp_path / "w.h5", list(arrays.items()), "{layer}/{role}", root="model_weights")
    check(loaded(path), arrays)


def test_keras_1_names(arrays, tmp_path):
    roles = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std"}
    old = [(name.replace("conv2d", "convolution2d").replace("batch_normalization", "batchnormalization"),
            {f"{name}_{roles.get(role, role)}_1": array for role, array in held.items()})
           for name, held in arrays.items()]
    check(loaded(write_legacy(tmp_path / "w.h5", old, "{role}:0")), arrays)


def test_names_of_arrays_that_say_nothing(arrays, tmp_path):
    old = [(name, {f"uniform{i}": array for i, array in enumerate(held.values())}) for name, held in arrays.items()]
    check(loaded(write_legacy(tmp_path / "w.h5", old, "{role}")), arrays)


def test_names_of_arrays_tell_their_order(arrays, tmp_path):
    backwards = [(name, dict(reversed(held.items()))) for name, held in arrays.items()]
    check(loaded(write_legacy(tmp_path / "w.h5", backwards)), arrays)


def test_long_lists_of_names_in_pieces(arrays, tmp_path):
    path = write_legacy(tmp_path / "w.h5", list(arrays.items()))
    with h5py.File(path, "a") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:3], names[3:]
    check(loaded(path), arrays)


def shifted(name, by):
    """conv2d_3 counted from elsewhere; Keras 3 begins with conv2d, then conv2d_1."""
    found = re.fullmatch(r"(conv2d|batch_normalization)_(\d+)", name)
    if not found:
        return name
    number = int(found[2]) + by
    return f"{found[1]}_{number}" if number else found[1]


@pytest.mark.parametrize("by", [-1, 94])
def test_numbers_that_begin_elsewhere(arrays, by, tmp_path):
    layers = [(shifted(name, by), held) for name, held in reversed(arrays.items())]
    check(loaded(write_legacy(tmp_path / "w.h5", layers)), arrays)


def in_keras_order(arrays):
    """(name, kind, arrays) as Keras lists the layers: here the branches are mixed."""
    order = [(layer.name, layer.kind, arrays[layer.name]) for layer in Network(graph()).keras_order()]
    assert [name for name, _, _ in order if name.startswith("conv")] == ["conv2d_1", "conv2d_3", "conv2d_2", "conv2d_4"]
    return order


@pytest.mark.parametrize("names", [True, False])
def test_keras_3_weights(arrays, names, tmp_path):
    path = write_keras3(tmp_path / "w.weights.h5", in_keras_order(arrays), names)
    check(loaded(path), arrays)
    path = write_keras3(path, [(shifted(name, 40), *rest) for name, *rest in in_keras_order(arrays)], names)
    check(loaded(path), arrays)


def test_a_model_within_a_model(arrays, tmp_path):
    path = write_keras3(tmp_path / "w.weights.h5", in_keras_order(arrays))
    with h5py.File(path, "a") as file:
        file.move("layers", "inner")
        file.create_group("layers/functional").move("/inner", "layers/functional/layers")
    check(loaded(path), arrays)


def test_other_names_in_the_order_of_keras(arrays, tmp_path):
    layers = [(f"layer{i}", held) for i, (_, _, held) in enumerate(in_keras_order(arrays))]
    check(loaded(write_legacy(tmp_path / "w.h5", layers)), arrays)
    with pytest.raises(ValueError, match="it has 'layer1', which mini lacks"):
        loaded(write_legacy(tmp_path / "w.h5", layers[1:]))


def test_half_precision(arrays, tmp_path):
    halves = {name: {role: a.astype(np.float16) for role, a in held.items()} for name, held in arrays.items()}
    network = loaded(write_legacy(tmp_path / "w.h5", list(halves.items())))
    check(network, halves)
    assert network.conv2d_1.weight.dtype == np.float32


# safetensors --------------------------------------------------------------------------------------------------------


def test_own_names(tmp_path):
    source = Network(graph()).fill(tg.Generator(0))
    source.conv2d_1.norm.running_mean._data[...] = 3
    tg.save(tmp_path / "apart.safetensors", source.state_dict())
    state = source.state_dict()
    network = loaded(tmp_path / "apart.safetensors")
    assert all((network.state_dict()[name] == array).all() for name, array in state.items())
    without = {name: array for name, array in state.items() if "num_batches" not in name}
    tg.save(tmp_path / "apart.safetensors", without)
    assert loaded(tmp_path / "apart.safetensors").missing == ()
    source.fold()
    tg.save(tmp_path / "merged.safetensors", source.state_dict())
    merged = loaded(tmp_path / "merged.safetensors").fold()
    assert merged.missing == ()
    assert all((merged.state_dict()[name] == array).all() for name, array in source.state_dict().items())


def test_a_file_with_the_classifier_serves_a_network_without_one(tmp_path):
    whole = tg.models.small(include_top=True, generator=tg.Generator(0))
    tg.save(tmp_path / "w.safetensors", whole.state_dict())
    network = tg.models.small(tmp_path / "w.safetensors", report=pytest.fail)
    x = np.ones((1, 3, 16, 16), np.float32)
    wanted = whole(x, layers=["block4_pool"])["block4_pool"].detach().numpy()
    np.testing.assert_array_equal(network(x).numpy(), wanted)


def test_own_names_that_do_not_fit(tmp_path):
    state = dict(Network(graph()).fill(tg.Generator(0)).fold().state_dict())
    path = tmp_path / "w.safetensors"
    tg.save(path, {name: array for name, array in state.items() if not name.startswith("fc")})
    assert loaded(path).missing == ("fc",)
    tg.save(path, {name: array for name, array in state.items() if not name.startswith("sep")})
    with pytest.raises(ValueError, match="does not fit mini: it holds fc, but not sep, which that needs"):
        loaded(path)
    tg.save(path, state | {"features.0.weight": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"it holds 'features.0.weight'; valid are conv2d_1.weight, conv2d_1.bias"):
        loaded(path)
    tg.save(path, state | {"fc.bias": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"'fc.bias' has shape \(3,\); it must be \(5,\)"):
        loaded(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="damaged"):
        loaded(path)


# The names of PyTorch users -----------------------------------------------------------------------------------------


def small_vgg(top=False):
    """VGG in small: three convolutions, two poolings, the classifier behind 5 x 2 x 2 numbers."""
    g = Graph("vgg16", "caffe", 8)
    x = g.conv(g.conv(g.input, "block1_conv1", 4, 3), "block1_conv2", 4, 3)
    x = g.conv(g.layer(x, "block1_pool", tg.nn.MaxPool2d(2)), "block2_conv1", 5, 3)
    x = g.layer(x, "block2_pool", tg.nn.MaxPool2d(2))
    if top:
        x = g.dense(g.flatten(x, "flatten", 2, 2), "fc1", 6, "relu", flattened=(5, 2, 2))
        g.dense(g.dense(x, "fc2", 6, "relu"), "predictions", 3, "softmax")
    return Network(g)


@pytest.fixture
def theirs():
    """A file of the small VGG under torchvision's names."""
    rng = np.random.default_rng(11)
    weights = {"features.0": (4, 3, 3, 3), "features.2": (4, 4, 3, 3), "features.5": (5, 4, 3, 3),
               "classifier.0": (6, 20), "classifier.3": (6, 6), "classifier.6": (3, 6)}
    state = {f"{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in weights.items()}
    return state | {f"{name}.bias": rng.normal(size=shape[0]).astype(np.float32) for name, shape in weights.items()}


def load_theirs(state, tmp_path, network=None, **report):
    network = network or small_vgg()
    tg.save(tmp_path / "w.safetensors", state)
    load(network, tmp_path / "w.safetensors", **report)
    return network


def convolve(x, weight, bias):
    """(C, H, W) by (O, C, KH, KW), without a border, in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), weight.shape[2:], (1, 2))
    return np.einsum("chwij,ocij->ohw", windows, weight.astype(np.float64)) + bias.astype(np.float64)[:, None, None]


def test_the_names_are_torchvisions():
    """The positions that ``make_layers`` of its vgg.py gives the convolutions of configurations D and E."""
    for make, positions in ((tg.models.vgg16, [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]),
                            (tg.models.vgg19, [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34])):
        network = make()
        ours = [layer.name for layer in network.weight_layers]
        assert torch_names.names_of(network) == {f"features.{i}.{role}": f"{name}.{role}" for i, name in
                                                 zip(positions, ours, strict=True) for role in ("weight", "bias")}
    assert torch_names.names_of(tg.models.small()) == {}


def test_the_first_convolution_is_converted(theirs):
    """Each on its own input gives the same, in float64; the bytes of a picture are the one thing they share."""
    weight, bias = theirs["features.0.weight"], theirs["features.0.bias"]
    picture = np.random.default_rng(12).integers(0, 256, (3, 9, 11), np.uint8)
    mean, std = np.array([[[0.485]], [[0.456]], [[0.406]]]), np.array([[[0.229]], [[0.224]], [[0.225]]])
    wanted = convolve((picture / 255 - mean) / std, weight, bias)
    found = convolve(preprocess(picture[None], "caffe", np.float64)[0], *torch_names.for_our_input(weight, bias))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())


@pytest.mark.parametrize("form", ["torchvision", "timm"])
def test_a_whole_file_of_pytorch_users(theirs, form, tmp_path):
    if form == "timm":
        names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
        state = {name: theirs[name] for name in theirs if name.startswith("features")}
        for name, other in names.items():
            state |= {f"{other}.weight": theirs[f"{name}.weight"], f"{other}.bias": theirs[f"{name}.bias"]}
        state["pre_logits.fc1.weight"] = state["pre_logits.fc1.weight"].reshape(6, 5, 2, 2)
        state["pre_logits.fc2.weight"] = state["pre_logits.fc2.weight"].reshape(6, 6, 1, 1)
    else:
        state = theirs
    network = load_theirs(state, tmp_path, small_vgg(top=True), report=pytest.fail)
    weight, bias = torch_names.for_our_input(theirs["features.0.weight"], theirs["features.0.bias"])
    wanted = {"block1_conv1": (weight, bias)}
    for ours, name in (("block1_conv2", "features.2"), ("block2_conv1", "features.5"), ("fc1", "classifier.0"),
                       ("fc2", "classifier.3"), ("predictions", "classifier.6")):
        wanted[ours] = theirs[f"{name}.weight"], theirs[f"{name}.bias"]
    assert network.missing == ()
    for name, arrays in wanted.items():
        for role, array in zip(("weight", "bias"), arrays, strict=True):
            found = getattr(getattr(network, name), role).detach().numpy()
            np.testing.assert_array_equal(found, array.astype(np.float32), err_msg=f"{name}.{role}")
    without = load_theirs(state, tmp_path, report=pytest.fail)  # the classifier is left alone
    assert (without.block2_conv1.weight.detach().numpy() == theirs["features.5.weight"]).all()


def test_the_beginning_of_a_file_of_pytorch_users(theirs, tmp_path):
    state = {name: theirs[name].astype(np.float16) for name in theirs if name.startswith(("features.0", "features.2"))}
    said = []
    network = load_theirs(state, tmp_path, report=said.append)
    assert network.missing == ("block2_conv1",)
    assert said == ["w.safetensors holds 2 of the 3 layers with weights of vgg16; the first that it lacks is "
                    "block2_conv1"]
    weight, _ = torch_names.for_our_input(state["features.0.weight"], state["features.0.bias"])
    assert (network.block1_conv1.weight.detach().numpy() == weight.astype(np.float32)).all()


def test_files_of_pytorch_users_that_do_not_fit(theirs, tmp_path):
    def refused(state, message, network=None):
        with pytest.raises(ValueError, match=message) as caught:
            load_theirs(state, tmp_path, network)
        assert "\n" not in str(caught.value)

    def without(*names):
        return {name: array for name, array in theirs.items() if name not in names}

    refused(without("features.2.weight"), "does not fit vgg16: it holds block2_conv1, but not block1_conv2")
    refused(without("features.0.bias"), "it holds block1_conv2, but not block1_conv1")
    refused(theirs | {"features.2.weight": np.zeros((4, 3, 3, 3))}, r"'features.2.weight' has shape \(4, 3, 3, 3\)")
    refused(theirs | {"features.0.weight": np.zeros((4, 1, 3, 3))}, r"'features.0.weight' has shape \(4, 1, 3, 3\)")
    other_order = theirs["classifier.0.weight"].reshape(6, 2, 2, 5)
    refused(theirs | {"classifier.0.weight": other_order}, r"shape \(6, 2, 2, 5\); it must be", small_vgg(top=True))
    refused(theirs | {"features.2.bias": np.full(4, np.nan)}, "whose 'features.2.bias' has NaN")
    refused(theirs | {"features.1.weight": np.zeros(4)}, r"it holds 'features.1.weight'; valid are features\.0\.weight")
    nan = {name: np.full_like(array, np.nan) for name, array in theirs.items() if name.startswith("classifier")}
    refused(theirs | nan, "its classifier is all NaN, so it is torchvision's IMAGENET1K_FEATURES")
    only_vgg = ".*; of torchvision's networks vgg16 and vgg19 can be read"
    resnet = {"conv1.weight": np.zeros((64, 3, 7, 7)), "bn1.weight": np.zeros(64), "layer1.0.conv1.weight": np.zeros(2)}
    for state in (resnet, {"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 3, 3))}):
        refused(state, "it holds '(bn1|Conv2d_1a_3x3.conv).weight'" + only_vgg)
        refused(state, "does not fit inception_v3" + only_vgg, tg.models.inception_v3())
    refused(theirs, "does not fit mini: it holds 'classifier.0.bias'" + only_vgg, Network(graph()))
    squeezenet = {"features.0.weight": np.zeros((4, 3, 3, 3)), "features.3.squeeze.weight": np.zeros((2, 4, 1, 1))}
    refused(squeezenet, "it holds 'features.3.squeeze.weight'")


def test_torchvisions_vgg16_is_not_vgg19(tmp_path):
    network = tg.models.vgg16()
    own = network.state_dict()
    state = {name: np.zeros(own[ours].shape, np.float16) for name, ours in torch_names.names_of(network).items()}
    with pytest.raises(ValueError, match=r"fit vgg19: it holds 'features.17.bias'; valid are features.0.*\.\.\.$"):
        load_theirs(state, tmp_path, tg.models.vgg19())
    load_theirs(state, tmp_path, network, report=pytest.fail)


# Partial files, and files of other networks -------------------------------------------------------------------------


def test_a_partial_file(arrays, tmp_path):
    some = [(name, arrays[name]) for name in NAMES[: NAMES.index("sep")]]
    said = []
    network = loaded(write_legacy(tmp_path / "w.h5", some), report=said.append)
    assert network.missing == ("sep", "sep_bn", "fc")
    assert network.available[-1] == "add_1"
    assert said == ["w.h5 holds 7 of the 10 layers with weights of mini; the first that it lacks is sep"]
    x = np.zeros((1, 3, 4, 4), np.float32)
    assert network(x, layers=["add_1"])["add_1"].shape == (1, 4, 2, 2)
    with pytest.raises(ValueError, match=r"`layers` asks for fc, which needs sep, .*lacked; these work: .*"):
        network(x)
    assert "without the weights of sep, sep_bn, fc" in repr(network)


def test_a_file_with_a_hole_is_of_another_network(arrays, tmp_path):
    some = [(name, held) for name, held in arrays.items() if name != "sep"]
    with pytest.raises(ValueError, match="does not fit mini: it holds sep_bn, but not sep, which that needs"):
        loaded(write_legacy(tmp_path / "w.h5", some))


def test_vgg16_is_not_vgg19(tmp_path):
    """The first holds nothing that the second lacks, but it has no block3_conv4."""
    network = tg.models.vgg16(generator=tg.Generator(0))
    layers = [(layer.name, {role: array.target.detach().numpy().transpose(2, 3, 1, 0) if role == "kernel"
                            else array.target.detach().numpy() for role, array in layer.arrays.items()})
              for layer in network.weight_layers]
    path = write_legacy(tmp_path / "vgg16.h5", layers)
    with pytest.raises(ValueError, match="does not fit vgg19: it holds block4_conv1, but not block3_conv4"):
        tg.models.vgg19(path)
    with pytest.raises(ValueError, match="does not fit squeezenet: it has 'block1_conv1', which squeezenet lacks"):
        tg.models.squeezenet(path)
    again = tg.models.vgg16(path, report=pytest.fail)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert all((again.state_dict()[name] == array).all() for name, array in network.state_dict().items())


def test_classifiers_are_left_alone(arrays, tmp_path):
    layers = [*arrays.items(), ("predictions", {"kernel": np.zeros((5, 2)), "bias": np.zeros(2)})]
    check(loaded(write_legacy(tmp_path / "w.h5", layers)), arrays)


def test_wrong_shapes_and_counts(arrays, tmp_path):
    wide = {**arrays, "sep_bn": {role: np.zeros(4, np.float32) for role in arrays["sep_bn"]}}
    with pytest.raises(ValueError, match=r"the gamma of 'sep_bn' has shape \(4,\); that of sep_bn has \(3,\)"):
        loaded(write_legacy(tmp_path / "w.h5", list(wide.items())))
    few = {**arrays, "fc": {"kernel": arrays["fc"]["kernel"]}}
    with pytest.raises(ValueError, match="'fc' holds fc/kernel:0; fc needs kernel, bias"):
        loaded(write_legacy(tmp_path / "w.h5", list(few.items())))
    more = [*arrays.items(), ("conv2d_5", arrays["conv2d_1"])]
    with pytest.raises(ValueError, match="it has 'conv2d_5', which mini lacks"):
        loaded(write_legacy(tmp_path / "w.h5", more))
    with pytest.raises(ValueError, match="it holds no weights"):
        loaded(write_legacy(tmp_path / "w.h5", [("fc", {})]))


# What is no such file -----------------------------------------------------------------------------------------------


def test_other_files(arrays, tmp_path):
    path = tmp_path / "w.h5"
    for start, message in ((b"\x80\x04\x95abcdefghijklmnop", "a pickle, which could run anything.*torch.save_file"),
                           (b"PK\x03\x04" + b"x" * 30, "a zip archive; a .keras file.*torch.save_file"),
                           (b"<html>not found</html>", "no HDF5 file"), (b"", "no HDF5 file")):
        path.write_bytes(start)
        with pytest.raises(ValueError, match=f"`weights` is '.*w.h5', which is {message}") as caught:
            tg.models.squeezenet(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"`weights` is .*gone.h5', which does not exist"):
        tg.models.squeezenet(tmp_path / "gone.h5")
    with pytest.raises(IsADirectoryError, match="a folder; it must be a file"):
        tg.models.squeezenet(str(tmp_path))
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"not of Keras weights: it holds \['images'\]"):
        loaded(path)


def test_a_file_cut_short_anywhere(arrays, tmp_path):
    whole = write_legacy(tmp_path / "w.h5", list(arrays.items())).read_bytes()
    path = tmp_path / "cut.h5"
    for length in (9, 100, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="damaged or cut short") as caught:
            loaded(path)
        assert "\n" not in str(caught.value)


def test_damage_in_the_middle_gives_one_line_or_other_numbers(arrays, tmp_path):
    whole = write_legacy(tmp_path / "w.h5", list(arrays.items())).read_bytes()
    path, rng, problems = tmp_path / "bad.h5", np.random.default_rng(3), []
    for _ in range(24):
        bad = bytearray(whole)
        at = int(rng.integers(8, len(bad) - 40))
        bad[at : at + 32] = rng.bytes(32)
        path.write_bytes(bad)
        try:
            loaded(path)
        except ValueError as error:
            problems.append(str(error))
    assert len(problems) > 3
    assert not any("\n" in problem for problem in problems)


def test_nothing_is_written_by_a_file_that_does_not_fit(arrays, tmp_path):
    path = write_legacy(tmp_path / "w.h5", list(arrays.items()))
    with h5py.File(path, "a") as file:
        del file["fc/fc/bias:0"]
        file["fc/fc/bias:0"] = np.arange(5)
    network = Network(graph())
    with pytest.raises(ValueError, match="/fc/fc/bias:0 holds int64; it must be floating"):
        load(network, path)
    assert not any(parameter.detach().numpy().any() for parameter in network.parameters() if parameter.ndim > 1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(arrays, wrong, tmp_path):
    arrays["conv2d_2"]["bias"][1] = wrong
    write_legacy(tmp_path / "a.h5", arrays.items())
    with pytest.raises(ValueError, match=r"a\.h5', whose '/conv2d_2/conv2d_2/bias:0' has NaN or infinity"):
        loaded(tmp_path / "a.h5")
    state = Network(graph()).fill(tg.Generator(0)).state_dict()
    tg.save(tmp_path / "a.safetensors", state | {"sep.norm.bias": np.full(3, wrong, np.float32)})
    with pytest.raises(ValueError, match=r"a\.safetensors', whose 'sep\.norm\.bias' has NaN or infinity"):
        loaded(tmp_path / "a.safetensors")


def test_links_are_not_followed(arrays, tmp_path):
    write_legacy(tmp_path / "other.h5", list(arrays.items()))
    path = write_legacy(tmp_path / "w.h5", list(arrays.items()))
    with h5py.File(path, "a") as file:
        del file["fc"]
        file["fc"] = h5py.ExternalLink("other.h5", "/fc")
    with pytest.raises(ValueError, match="/fc is a link, which is not followed"):
        loaded(path)
    path = write_legacy(tmp_path / "w.h5", list(arrays.items()))
    arrays["fc"]["bias"].tofile(tmp_path / "raw")
    with h5py.File(path, "a") as file:
        del file["fc/fc/bias:0"]
        file["fc/fc"].create_dataset("bias:0", (5,), "f4", external=[(str(tmp_path / "raw"), 0, 20)])
    with pytest.raises(ValueError, match="keeps its numbers in another file"):
        loaded(path)


# Where the official files are looked for ----------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache, and an official file that no server has."""
    monkeypatch.setenv("TINYGEN_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    content = b"the official file"
    remote = Remote("vgg19_official.h5", "http://127.0.0.1:9/vgg19_official.h5", "", len(content), "",
                    md5=hashlib.md5(content, usedforsecurity=False).hexdigest())
    monkeypatch.setitem(official.OFFICIAL, ("vgg19", False), remote)
    return tmp_path / "home"


def test_the_official_file_comes_first(home):
    (home / "vgg19_imagenet_part_notop.h5").write_bytes(b"partial")
    assert official.find("vgg19").name == "vgg19_imagenet_part_notop.h5"
    (home / "vgg19_official.h5").write_bytes(b"the official file")
    assert official.find("vgg19") == home / "vgg19_official.h5"
    (home / "vgg19_official.h5").write_bytes(b"something else")  # the wrong hash
    assert official.find("vgg19").name == "vgg19_imagenet_part_notop.h5"


def test_without_a_network_the_line_says_what_to_do(home):
    said = []
    with pytest.raises(RuntimeError, match=r"could not download http://127.0.0.1:9/vgg19_official.h5 .*put it at "
                                           r".*vgg19_official.h5$") as caught:
        tg.models.vgg19(weights="imagenet", report=said.append)
    assert str(home) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert said[0].startswith("downloading http://127.0.0.1:9/vgg19_official.h5 (0.0 MB) to ")


def test_no_official_classifier_of_squeezenet():
    with pytest.raises(ValueError, match="no official file of squeezenet with include_top=True is known; give a file"):
        tg.models.squeezenet(weights="imagenet", include_top=True)


def test_the_table_of_official_files():
    assert {name for name, _ in official.OFFICIAL} == set(tg.models.NETWORKS) - set(official.CARRIED)
    for (name, include_top), remote in official.OFFICIAL.items():
        algorithm, known = remote.known_hash
        assert len(known) == {"md5": 32, "sha256": 64}[algorithm]
        assert ("notop" in remote.path) != include_top
        assert remote.path.startswith(name)
        assert remote.url.endswith(remote.path)


# The real ones ------------------------------------------------------------------------------------------------------


def here(name):
    path = cache_dir() / HERE[name]
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path


def photograph(name, size):
    path = cache_dir() / "images" / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return read_image(path, size)[None]


def plain_convolution(x, kernel, stride=1, same=True):
    """In float64, by the definition: x (C, H, W), kernel (KH, KW, C, O) as the file has it."""
    kh, kw = kernel.shape[:2]
    if same:  # stride 1
        x = np.pad(x, [(0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ijco->ohw", windows, kernel.astype(np.float64), optimize=True)


def test_real_squeezenet():
    """The first layers, from the numbers of the file alone."""
    path = here("squeezenet")
    network = tg.models.squeezenet(weights="imagenet", report=pytest.fail)
    assert network.missing == ()
    image = photograph("flowers.jpg", 60)
    with no_grad():
        found = network(network.preprocess(image), layers=["relu_conv1", "pool1", "fire2/concat", "fire9/concat"])
    with h5py.File(path) as file:
        def held(name):
            return [np.asarray(file[name][weight]) for weight in file[name].attrs["weight_names"]]

        x = image[0, ::-1].astype(np.float64) - np.array([103.939, 116.779, 123.68])[:, None, None]
        kernel, bias = held("conv1")
        x = np.maximum(plain_convolution(x, kernel, 2, same=False) + bias[:, None, None], 0)
        np.testing.assert_allclose(found["relu_conv1"].numpy()[0], x, rtol=0, atol=1e-5 * x.max())
        x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max((3, 4))
        np.testing.assert_allclose(found["pool1"].numpy()[0], x, rtol=0, atol=1e-5 * x.max())
        kernel, bias = held("fire2/squeeze1x1")
        x = np.maximum(plain_convolution(x, kernel) + bias[:, None, None], 0)
        sides = []
        for name in ("expand1x1", "expand3x3"):
            kernel, bias = held(f"fire2/{name}")
            sides.append(np.maximum(plain_convolution(x, kernel) + bias[:, None, None], 0))
        x = np.concatenate(sides)
        np.testing.assert_allclose(found["fire2/concat"].numpy()[0], x, rtol=0, atol=2e-5 * x.max())
    assert (found["fire9/concat"].numpy() > 0).mean() > 0.02


def test_real_squeezenet_knows_what_is_alike():
    """The halves of each of six pictures find one another; with random weights 6 of the 12 do."""
    here("squeezenet")
    network = tg.models.squeezenet(weights="imagenet")
    names = ("flowers", "starry_night", "tubingen", "shipwreck", "the_scream", "sky1024px")
    images = [photograph(f"{name}.jpg", (128, 256))[0] for name in names]
    halves = np.stack([image[:, :, i : i + 128] for image in images for i in (0, 128)])
    with no_grad():
        features = network(network.preprocess(halves)).numpy().mean((2, 3))
    features -= features.mean(0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    alike = features @ features.T - 2 * np.eye(12)
    assert (alike.argmax(1) == np.arange(12) ^ 1).sum() >= 11


def test_real_inception():
    """Its normalisations make the standard deviation of every pre-activation about 1 on photographs."""
    here("inception_v3")
    said = []
    network = tg.models.inception_v3(weights="imagenet", report=said.append)
    assert "152 of the 188 layers" in said[0]
    assert network.missing[0] == "conv2d_77"
    assert "mixed8" in network.available
    assert "mixed9" not in network.available
    names = [f"batch_normalization_{i}" for i in range(1, 77)]
    images = np.concatenate([photograph("sky1024px.jpg", 235), photograph("shipwreck.jpg", 235)])
    with no_grad():
        found = network(network.preprocess(images), layers=names)
    deviations = [float(found[name].numpy().std()) for name in names]
    assert 0.9 < np.median(deviations) < 1.15
    with pytest.raises(ValueError, match=r"asks for mixed10, which needs conv2d_77, .* these work: mixed0, .*mixed8"):
        network(network.preprocess(images))


def test_real_inception_first_layers():
    """Convolution, normalisation and ReLU from the numbers of the file; ours has them merged."""
    path = here("inception_v3")
    network = tg.models.inception_v3(weights="imagenet", report=None)
    image = photograph("sky1024px.jpg", 64)
    with no_grad():
        found = network(network.preprocess(image), layers=["activation_1", "activation_3"])
    x = image[0].astype(np.float64) / 127.5 - 1
    with h5py.File(path) as file:
        for i, stride, same in ((1, 2, False), (2, 1, False), (3, 1, True)):
            group = file[f"batch_normalization_{i}"][f"batch_normalization_{i}"]
            beta, mean, var = (np.asarray(group[f"{name}:0"], np.float64)[:, None, None]
                               for name in ("beta", "moving_mean", "moving_variance"))
            x = plain_convolution(x, np.asarray(file[f"conv2d_{i}/conv2d_{i}/kernel:0"]), stride, same)
            x = np.maximum((x - mean) / np.sqrt(var + 1e-3) + beta, 0)
            if i != 2:
                ours = found[f"activation_{i}"].numpy()[0]
                np.testing.assert_allclose(ours, x, rtol=0, atol=2e-5 * x.max(), err_msg=f"activation_{i}")


def test_real_vgg19():
    path = here("vgg19")
    network = tg.models.vgg19(weights="imagenet", report=None)
    assert network.missing[0] == "block4_conv1"
    assert network.available[-1] == "block3_pool"
    image = photograph("tubingen.jpg", 48)
    with no_grad():
        found = network(network.preprocess(image), layers=["block1_conv2", "block2_conv1"])
    x = image[0, ::-1].astype(np.float64) - np.array([103.939, 116.779, 123.68])[:, None, None]
    with h5py.File(path) as file:
        for name in ("block1_conv1", "block1_conv2", "block2_conv1"):
            kernel, bias = (np.asarray(file[name][f"{name}_{role}_1:0"]) for role in "Wb")
            x = np.maximum(plain_convolution(x, kernel) + bias[:, None, None], 0)
            if name == "block1_conv2":
                np.testing.assert_allclose(found[name].numpy()[0], x, rtol=0, atol=2e-5 * x.max())
                x = x.reshape(64, 24, 2, 24, 2).max((2, 4))
        np.testing.assert_allclose(found[name].numpy()[0], x, rtol=0, atol=2e-5 * x.max())


def test_a_real_file_under_another_name(tmp_path):
    shutil.copy(here("vgg19"), tmp_path / "mine.h5")
    network = tg.models.vgg19(tmp_path / "mine.h5", report=None)
    assert len(network.missing) == 8
    with pytest.raises(ValueError, match="does not fit vgg16: it has 'block3_conv4', which vgg16 lacks"):
        tg.models.vgg16(tmp_path / "mine.h5")
