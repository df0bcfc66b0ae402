"""How the layers of a file of weights find their places in a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygen.backend import to_device
from tinygen.io import load as load_safetensors
from tinygen.models import torch_names
from tinygen.models.keras_files import StoredArray, StoredLayer, StoredWeights, opened, read_array, read_start
from tinygen.models.network import Network
from tinygen.models.units import KerasLayer
from tinygen.writes import written

TOP = {"fc1", "fc2", "predictions", "conv10"}  # layers of classifiers, which a network without one leaves alone

# Layers that Keras named by counting, and the class that it counted; the longer ways of writing are Keras 1's.
COUNTED = {
    kind: re.compile(rf"(?:{names})(?:_(\d+))?")
    for kind, names in {
        "conv2d": "conv2d|convolution2d",
        "batch_normalization": "batch_normalization|batchnormalization",
        "separable_conv2d": "separable_conv2d|separableconvolution2d",
        "dense": "dense",
    }.items()
}
# What the end of an array's name says: block1_conv1_W_1:0, conv2d_1/kernel:0, batch_normalization/gamma.
ROLES = {
    "depthwise_kernel": "depthwise_kernel", "pointwise_kernel": "pointwise_kernel", "kernel": "kernel", "W": "kernel",
    "bias": "bias", "b": "bias", "gamma": "gamma", "beta": "beta", "moving_mean": "moving_mean",
    "running_mean": "moving_mean", "moving_variance": "moving_variance", "running_std": "moving_variance",
}  # fmt: skip
_ROLE = re.compile(rf"(?:.*?[/_])?({'|'.join(ROLES)})(?:_\d+)?(?::0)?")


def load(network: Network, path: Path, report: Callable[[str], None] | None = None) -> None:
    """Read weights into a network whose normalisations are not merged yet; if the file does not fit, into none of it.

    Args:
        network: it gets the weights, and ``missing`` names the layers that the file lacks.
        path: Keras HDF5 (Keras 1 to 3), its layers known by their names; numbered ones may be counted from any number,
            and a whole file under other names must be in the order of Keras' model. Or safetensors under tinygen's
            names, as ``tg.save`` of a ``state_dict()`` gives it, merged or not; of VGG also under those of PyTorch
            users, see :mod:`tinygen.models.torch_names`. A file may hold only the beginning of a network.
        report: called with a line where it does.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, damaged, or of another network.
    """
    if read_start(path)[8:9] == b"{":
        _load_safetensors(network, path)
    else:
        with opened(path) as stored:
            _load_keras(network, stored, path)
    if network.missing and report is not None:
        total = len(network.weight_layers)
        report(
            f"{path.name} holds {total - len(network.missing)} of the {total} layers with weights of {network.name}; "
            f"the first that it lacks is {network.missing[0]}"
        )


def _check_finite(value: np.ndarray, name: str, path: Path) -> None:
    """Refuse weights that would make every activation behind them NaN."""
    if not np.isfinite(value).all():
        raise ValueError(f"`weights` is {str(path)!r}, whose {name!r} has NaN or infinity among its numbers")


def _misfit(network: Network, path: Path, problem: str) -> ValueError:
    return ValueError(f"`weights` is {str(path)!r}, which does not fit {network.name}: {problem}")


def _accept(network: Network, path: Path, present: set[str]) -> None:
    """Note which layers are missing, if the others are the beginning of the network."""
    missing = tuple(layer.name for layer in network.weight_layers if layer.name not in present)
    cut_off = network.cut_off(missing)
    for node in network.nodes:
        held = [layer.name for layer in node.weights if layer.name in present]
        if held and node.names[-1] in cut_off:
            lacking = cut_off[node.names[-1]]
            raise _misfit(network, path, f"it holds {held[0]}, but not {lacking}, which that needs")
    network.missing = missing


# safetensors ------------------------------------------------------------------------------------------------


def _load_safetensors(network: Network, path: Path) -> None:
    state = load_safetensors(path)
    if not any(".norm." in name for name in state):
        network.fold()  # saved by a network whose normalisations were merged, or that has none
    own, theirs = network.state_dict(), torch_names.names_of(network)
    if any(name in theirs for name in state):
        if torch_names.is_other_input(state):
            raise _misfit(network, path, f"its classifier is all NaN, so it is {torch_names.OTHER_INPUT}")
        found = _under_our_names(network, torch_names.as_dense(network, state), theirs, torch_names.TOP, path)
        torch_names.convert_first(found)
    else:
        found = _under_our_names(network, state, {name: name for name in own}, TOP, path)
    present = set()
    for node in network.nodes:
        names = [name for name in own if name.startswith(f"{node.key}.") and not name.endswith("num_batches_tracked")]
        if names and all(name in found for name in names):
            present.update(layer.name for layer in node.weights)
    _accept(network, path, present)
    network.load_state_dict(found, strict=False)


def _under_our_names(
    network: Network, state: dict[str, np.ndarray], names: dict[str, str], top: set[str], path: Path
) -> dict[str, np.ndarray]:
    """Return the arrays of a file under our names, their names, shapes and numbers checked.

    Args:
        network: what they are for.
        state: by the file's names.
        names: from the file's to ours.
        top: how the names of classifiers begin; a file with the classifier serves a network without one.
        path: of the file.
    """
    held = sorted(name for name in state if name in names or name.partition(".")[0] not in top)
    if unknown := [name for name in held if name not in names]:
        problem = f"it holds {unknown[0]!r}; valid are {', '.join(list(names)[:4])}, ..."
        if unknown == held and torch_names.is_torchvision(state):
            problem += f"; {torch_names.ONLY_VGG}"
        raise _misfit(network, path, problem)
    own = network.state_dict()
    for name in held:
        shape = own[names[name]].shape
        if state[name].shape != shape:
            raise _misfit(network, path, f"{name!r} has shape {state[name].shape}; it must be {shape}")
        _check_finite(state[name], name, path)
    return {names[name]: state[name] for name in held}


# Keras ------------------------------------------------------------------------------------------------------


def _load_keras(network: Network, stored: StoredWeights, path: Path) -> None:
    pairs = _match(network, stored, path)
    _accept(network, path, set(pairs))
    values = []
    for layer in network.weight_layers:
        if layer.name in pairs:
            for role, stored_array in _by_role(pairs[layer.name], layer).items():
                values.append((layer.arrays[role], read_array(stored_array)))
                _check_finite(values[-1][1], stored_array.data.name, path)
    for array, value in values:  # only now that all of them could be read
        written(array.target._data)
        array.target._data[...] = to_device(array.to_ours(value), array.target.device)


def _match(network: Network, stored: StoredWeights, path: Path) -> dict[str, StoredLayer]:
    """Map layers of the network, by name, to their layers in the file.

    Raises:
        ValueError: if the file's layers are not this network's.
    """
    ours = network.weight_layers
    names = {layer.name for layer in ours}
    layers = [layer for layer in stored.layers if layer.name in names or layer.name not in TOP]
    ordered = network.keras_order()
    if stored.counted:
        pairs, unknown = _by_count(layers, ordered, in_order=True)
    else:
        pairs = {layer.name: layer for layer in layers if layer.name in names and _counted(layer.name) is None}
        counted, unknown = _by_count([layer for layer in layers if layer.name not in pairs], ours)
        pairs |= counted
    problems = [f"it has {name!r}, which {network.name} lacks" for name in unknown]
    problems += [p for layer in ours if layer.name in pairs and (p := _problem(pairs[layer.name], layer))]
    if not layers:
        problems = ["it holds no weights"]
    elif problems and len(layers) == len(ours):  # under other names, perhaps; then Keras goes by the order
        pairs = {layer.name: found for layer, found in zip(ordered, layers, strict=True)}
        if not any(_problem(pairs[layer.name], layer) for layer in ours):
            return pairs
    if problems:
        raise _misfit(network, path, problems[0])
    return pairs


def _counted(name: str) -> tuple[str, int] | None:
    """The class and the number in a name like conv2d_12 (or fire/conv2d_12); conv2d comes before conv2d_1."""
    for kind, pattern in COUNTED.items():
        if found := pattern.fullmatch(name.rpartition("/")[2]):
            return kind, int(found[1] or 0)
    return None


def _by_count(
    layers: list[StoredLayer], ours: list[KerasLayer], in_order: bool = False
) -> tuple[dict[str, StoredLayer], list[str]]:
    """Match layers that are counted by class: by number where that fits, else in the order of the numbers.

    Args:
        layers: of the file.
        ours: of the network, in the order in which they are counted.
        in_order: the numbers are not the names of ours, but count them all.

    Returns:
        (the file's layer for ours, by name; names in the file that could not be matched).
    """
    groups: dict[str, dict[int, StoredLayer]] = {}
    unknown = []
    for layer in layers:
        if found := _counted(layer.name):
            groups.setdefault(found[0], {})[found[1]] = layer
        else:
            unknown.append(layer.name)
    pairs: dict[str, StoredLayer] = {}
    for kind, group in groups.items():
        mine = [layer for layer in ours if layer.kind == kind and (in_order or _counted(layer.name))]
        numbers = sorted(group)
        unknown += [group[number].name for number in numbers[len(mine) :]]
        in_turn = dict(zip((layer.name for layer in mine), (group[number] for number in numbers), strict=False))
        exact = {layer.name: group[n] for layer in mine if (n := (_counted(layer.name) or ("", -1))[1]) in group}
        fits = len(exact) == len(group) and not any(
            _problem(exact[layer.name], layer) for layer in mine if layer.name in exact
        )
        pairs |= exact if fits and not in_order else in_turn
    return pairs, unknown


def _by_role(stored: StoredLayer, layer: KerasLayer) -> dict[str, StoredArray]:
    """The arrays of a file's layer by what they are: as their names say, else in Keras' order; {} if neither."""
    found = [_ROLE.fullmatch(array.name) for array in stored.arrays]
    roles = [ROLES[match[1]] if match else "" for match in found]
    if sorted(roles) != sorted(layer.arrays):
        roles = list(layer.arrays)
    return dict(zip(roles, stored.arrays, strict=True)) if len(roles) == len(found) else {}


def _problem(stored: StoredLayer, layer: KerasLayer) -> str | None:
    """What keeps a layer of the file from being this one."""
    arrays = _by_role(stored, layer)
    if not arrays:
        held, wanted = ", ".join(array.name for array in stored.arrays), ", ".join(layer.arrays)
        return f"{stored.name!r} holds {held}; {layer.name} needs {wanted}"
    for role, array in arrays.items():
        if array.shape != layer.arrays[role].shape:
            return (
                f"the {role} of {stored.name!r} has shape {array.shape}; that of {layer.name} has "
                f"{layer.arrays[role].shape}"
            )
    return None
