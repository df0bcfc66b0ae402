"""Compare every network of tinygen.models with Keras' own, layer by layer, on random weights that Keras has saved.

    KERAS_BACKEND=torch python benchmarks/models_against_keras.py [--only xception] [--top] [--write]

Needs Keras 3 (with PyTorch) beside tinygen. For each network Keras builds its model, with random weights and random
statistics of the normalisations, and saves it in four layouts; tinygen loads each. Then both compute all activations
of one random picture. What is compared is max |ours - Keras'| / max |Keras'| of each layer, and the number of
parameters. SqueezeNet is not in Keras: the script builds it from Keras' layers. Nothing is downloaded.
"""

import argparse
import os
import re
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import h5py
import keras
import numpy as np
from keras import layers as L
from keras.src.legacy.saving import legacy_h5_format

import tinygen as tg
from tinygen.bench.machine import describe

RESULTS = Path(__file__).parent / "results" / "models.md"
COUNTED = re.compile(
    r"(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|concatenate|add)(?:_(\d+))?"
)
# Odd and even sides turn up on the way down, so that both kinds of padding are met
SMALL = {"inception_v3": 107, "xception": 107, "resnet50": 97, "vgg16": 70, "vgg19": 70, "squeezenet": 99}


def squeezenet(include_top=False, input_shape=None, weights=None):
    def fire(x, name, squeeze, expand):
        x = L.Activation("relu", name=f"{name}_relu_squeeze1x1")(L.Conv2D(squeeze, 1, name=f"{name}_squeeze1x1")(x))
        one = L.Conv2D(expand, 1, name=f"{name}_expand1x1")(x)
        three = L.Conv2D(expand, 3, padding="same", name=f"{name}_expand3x3")(x)
        one = L.Activation("relu", name=f"{name}_relu_expand1x1")(one)
        three = L.Activation("relu", name=f"{name}_relu_expand3x3")(three)
        return L.Concatenate(name=f"{name}_concat")([one, three])

    inputs = L.Input(input_shape)
    x = L.Activation("relu", name="relu_conv1")(L.Conv2D(64, 3, strides=2, name="conv1")(inputs))
    x = L.MaxPooling2D(3, 2, name="pool1")(x)
    for i, (squeeze, expand) in enumerate(((16, 64), (32, 128), (48, 192), (64, 256)), 1):
        x = fire(fire(x, f"fire{2 * i}", squeeze, expand), f"fire{2 * i + 1}", squeeze, expand)
        if i < 3:
            x = L.MaxPooling2D(3, 2, name=f"pool{2 * i + 1}")(x)
    if include_top:
        x = L.Activation("relu", name="relu_conv10")(L.Conv2D(1000, 1, name="conv10")(x))
        x = L.Activation("softmax", name="loss")(L.GlobalAveragePooling2D(name="global_average_pooling2d_1")(x))
    return keras.Model(inputs, x)


KERAS = {
    "inception_v3": keras.applications.InceptionV3,
    "vgg19": keras.applications.VGG19,
    "vgg16": keras.applications.VGG16,
    "resnet50": keras.applications.ResNet50,
    "xception": keras.applications.Xception,
    "squeezenet": squeezenet,
}
PREPROCESS = {
    "inception_v3": keras.applications.inception_v3, "vgg19": keras.applications.vgg19,
    "vgg16": keras.applications.vgg16, "resnet50": keras.applications.resnet50,
    "xception": keras.applications.xception,
}  # fmt: skip


def randomise(model, rng):
    """Random numbers for all that Keras starts with zeros and ones; kernels stay as they are drawn."""
    draws = {
        "bias": lambda s: rng.normal(0, 0.1, s), "beta": lambda s: rng.normal(0, 0.3, s),
        "gamma": lambda s: rng.uniform(0.7, 1.6, s), "moving_mean": lambda s: rng.normal(0, 0.1, s),
        "moving_variance": lambda s: rng.uniform(0.3, 1.2, s),
    }  # fmt: skip
    for variable in model.weights:
        draw = draws.get(variable.path.rpartition("/")[2])
        if draw is not None:
            variable.assign(draw(tuple(variable.shape)).astype(np.float32))


def save(model, folder):
    """Save in every layout; return name -> path."""
    paths = {"Keras 3, .weights.h5": folder / "three.weights.h5", "Keras 3, whole .h5": folder / "whole.h5"}
    model.save_weights(paths["Keras 3, .weights.h5"])
    legacy_h5_format.save_model_to_hdf5(model, paths["Keras 3, whole .h5"], include_optimizer=False)
    paths["Keras 2, .h5"] = folder / "two.h5"
    with h5py.File(paths["Keras 2, .h5"], "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    paths["Keras 3.0, without names"] = folder / "nameless.weights.h5"
    paths["Keras 3.0, without names"].write_bytes(paths["Keras 3, .weights.h5"].read_bytes())
    with h5py.File(paths["Keras 3.0, without names"], "a") as file:
        for group in file["layers"].values():
            group.attrs.pop("name", None)
    return paths


def our_names(model, network):
    """Map our names to the layers of a Keras model; numbered ones in the order of their numbers."""
    counted, found = {}, {}
    for layer in model.layers:
        if match := COUNTED.fullmatch(layer.name):
            counted.setdefault(match[1], []).append((int(match[2] or 0), layer))
        else:
            found[layer.name] = layer
    for kind, group in counted.items():
        for i, (_, layer) in enumerate(sorted(group, key=lambda pair: pair[0]), 1):
            found[f"{kind}_{i}"] = layer
    if network == "squeezenet":  # Keras 3 allows no slash in a name
        found = {re.sub(r"^(fire\d)_", r"\1/", name): layer for name, layer in found.items()}
    return found


def compare(ours, theirs, names, x):
    """Return name -> relative difference of activations."""
    wanted = [name for name in ours.layer_names if name in names]
    assert set(ours.layer_names) == set(wanted), sorted(set(ours.layer_names) - set(wanted))
    outputs = keras.Model(theirs.inputs[0], [names[name].output for name in wanted]).predict_on_batch(x)
    found = ours(np.ascontiguousarray(x.transpose(0, 3, 1, 2)), layers=wanted)
    alone = ours(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).detach().numpy()
    last = found[wanted[-1]].detach().numpy()
    assert np.abs(alone - last).max() <= 1e-5 * np.abs(last).max()  # computed by itself: in fewer, larger steps
    differences = {}
    for name, output in zip(wanted, outputs, strict=True):
        mine = found[name].detach().numpy()
        mine = mine.transpose(0, 2, 3, 1) if mine.ndim == 4 else mine
        if name == "flatten":  # (C, H, W) here, (H, W, C) there
            mine = mine.reshape(len(mine), 512, -1).transpose(0, 2, 1).reshape(mine.shape)
        assert mine.shape == output.shape, (name, mine.shape, output.shape)
        differences[name] = float(np.abs(mine - output).max() / np.abs(output).max())
    return differences


def check(name, top, rng, folder):
    size = 224 if top and name.startswith("vgg") else SMALL[name]
    theirs = KERAS[name](weights=None, include_top=top, input_shape=(size, size, 3))
    randomise(theirs, rng)
    names = our_names(theirs, name)
    x = rng.normal(0, 1, (1, size, size, 3)).astype(np.float32)
    layouts, reference = [], None
    for layout, path in save(theirs, folder).items():
        ours = tg.models.NETWORKS[name](path, include_top=top)
        assert not ours.missing
        state = ours.state_dict()
        if reference is None:
            reference = state
            merged = compare(ours, theirs, names, x)
            apart = compare(tg.models.NETWORKS[name](path, include_top=top, fold=False), theirs, names, x)
        assert all((state[key] == reference[key]).all() for key in reference), layout
        layouts.append(layout)
        path.unlink()
    counts = theirs.count_params(), ours.keras_parameters
    assert counts[0] == counts[1], counts
    worst = max(apart, key=apart.get)
    return (
        f"| {name}{' with top' if top else ''} | {size} | {counts[0]:,} | {counts[1]:,} | {len(apart)} | "
        f"{max(merged.values()):.1e} | {max(apart.values()):.1e} ({worst}) | {'; '.join(layouts)} |"
    )


def check_preprocessing(rng):
    images = rng.integers(0, 256, (2, 3, 11, 13)).astype(np.uint8)
    worst = 0.0
    for name, module in PREPROCESS.items():
        ours = tg.models.NETWORKS[name](weights=None).preprocess(images)
        theirs = module.preprocess_input(images.transpose(0, 2, 3, 1).astype(np.float32)).transpose(0, 3, 1, 2)
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--top", action="store_true", help="with the classifiers too (VGG: half a gigabyte a file)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    lines = []
    for name in KERAS:
        for top in (False, True) if arguments.top else (False,):
            if arguments.only in name:
                with tempfile.TemporaryDirectory() as folder:
                    lines.append(check(name, top, rng, Path(folder)))
                print(lines[-1], flush=True)
    preprocessing = check_preprocessing(rng)
    print(f"preprocessing: {preprocessing:.1e}")
    if arguments.write:
        machine = describe(threads=1)
        head = [
            "# Networks against Keras, layer by layer", "",
            f"{machine['cpu']}; numpy {machine['numpy']}, numba {machine['numba']}, Keras {keras.version()} on PyTorch "
            f"{machine['torch']}; {machine['date']}.", "",
            "Random weights and statistics, saved by Keras, loaded by tinygen; one random picture. Difference: the",
            "largest over all named layers of max |tinygen - Keras| / max |Keras|, with the normalisations merged",
            "into the convolutions, and apart. All layouts of the file gave the same weights.", "",
            "| network | pixels | parameters (Keras) | (tinygen) | layers | difference, merged | apart (worst layer) "
            "| layouts |", "|---|---:|---:|---:|---:|---:|---:|---|",
        ]  # fmt: skip
        tail = ["", f"Preprocessing of bytes, largest difference to Keras' on any network: {preprocessing:.1e}."]
        RESULTS.write_text("\n".join(head + lines + tail) + "\n")


if __name__ == "__main__":
    main()
