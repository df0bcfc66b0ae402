"""The official files of weights: where they are, what they hash to, how a network gets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinygen.data.download import Remote, cache_dir, fetch, is_here
from tinygen.models.loading import load
from tinygen.models.network import Graph, Network
from tinygen.random import Generator

Report = Callable[[str], None]

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_SQUEEZENET = (
    "https://raw.githubusercontent.com/DeepCognition/keras-squeezenet/a73d4339aa4d37c51a0b3ba044bed55477abec73"
)


def _official(network: str, notop: str, notop_size: int, top: str, top_size: int) -> dict[tuple[str, bool], Remote]:
    """Both of Keras' files of a network, with their MD5s from the source of Keras 3."""
    folder = {"resnet50": "resnet"}.get(network, network)
    found = {}
    for include_top, md5, size, end in ((False, notop, notop_size, "_notop"), (True, top, top_size, "")):
        name = f"{network}_weights_tf_dim_ordering_tf_kernels{end}.h5"
        text = f"weights of {network} trained on ImageNet, from Keras' applications"
        found[network, include_top] = Remote(name, f"{_KERAS}/{folder}/{name}", "", size, text, md5=md5)
    return found


OFFICIAL: dict[tuple[str, bool], Remote] = {  # by network, and whether it is the one with the classifier
    **_official("vgg16", "6d6bbae143d832006294945121d1f1fc", 58_889_256,
                "64373286793e3c8b2b4e3219cbf3544b", 553_467_096),
    **_official("vgg19", "253f8cb515780f3b799900260a226db6", 80_134_624,
                "cbe5617147190e668d6c5d5026f83318", 574_710_816),
    **_official("inception_v3", "bcbd6486424b2319ff4ef7d526e38f63", 87_910_968,
                "9a0d58056eeedaa3f26cb7ebd46da564", 96_112_376),
    **_official("resnet50", "4d473c1dd8becc155b73f8504c6f6626", 94_765_736,
                "2cb95161c43110f7111970584f804107", 102_967_424),
    **_official("xception", "b0042744bf5b25fce3cb969f33bebb97", 83_683_744,
                "0a58e3b7378bc2990ea3b43d5981f1f6", 91_884_032),
    ("squeezenet", False): Remote(
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_SQUEEZENET}/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da", 3_002_560,
        "weights of SqueezeNet v1.1 trained on ImageNet; BSD, MIT",
    ),
}  # fmt: skip

CARRIED = {"small": Path(__file__).with_name("small.safetensors")}  # with the package; not trained on ImageNet


def finish(
    graph: Graph, weights: str | Path | None, include_top: bool, fold: bool, generator: Generator | None,
    report: Report | None,
) -> Network:
    """Make a network of a graph, fill in its weights, and merge its normalisations; see ``tinygen.models.vgg19``."""
    network = Network(graph)
    if weights is None:
        network.fill(generator)
    else:
        path = find(network.name, include_top, report) if weights == "imagenet" else Path(weights)
        load(network, path, report)
    network = network.fold() if fold else network
    return network if weights is None else network.freeze()


def find(name: str, include_top: bool = False, report: Report | None = None) -> Path:
    """Return the file of a network's weights for ImageNet.

    The official file if the cache holds it; else a partial one in the cache, ``NAME_imagenet_*_notop.h5``; else the
    official file is downloaded. Of the small network it is the file that the package carries (of other photographs).

    Args:
        name: of the network.
        include_top: whether the classifier's weights are wanted too.
        report: called with a line before a download; None for silence.

    Raises:
        ValueError: no official file is known, or the download has the wrong hash.
        RuntimeError: the download fails; the line says what to fetch and where to put it.
    """
    if name in CARRIED:
        return CARRIED[name]
    if (name, include_top) not in OFFICIAL:
        raise ValueError(
            f"`weights` is 'imagenet', but no official file of {name} with include_top={include_top} is known; "
            "give a file, or None"
        )
    remote = OFFICIAL[name, include_top]
    if not include_top and (path := partial_file(name)) is not None and not is_here(remote):
        return path
    return fetch(remote, report)[0]


def partial_file(name: str) -> Path | None:
    """Return the file in the cache that holds the beginning of a network; None where there is none."""
    return next(iter(sorted(cache_dir().glob(f"{name}_imagenet_*_notop.h5"))), None)
