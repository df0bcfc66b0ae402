"""Put the explorer's page together: weights, encoded pictures and directions go into it, and it loads nothing."""

from __future__ import annotations

import base64
import html
import json
import math
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from tinygen import nn
from tinygen.data.images import ImageData
from tinygen.generators.latent import find_concept, flags_of
from tinygen.generators.vae import VAE

LEAST_EXTENT = 2.5  # the map reaches from -extent to extent on both axes


def explorer_page(model: VAE, held_out: ImageData, known: ImageData, title: str = "Latent explorer") -> str:
    """Return the page.

    Args:
        model: a trained network, on the CPU.
        held_out: pictures (N, C, H, W) that become the points of the map, with their labels if they have any.
        known: labelled pictures that the directions come from, as ``tinygen vae concept`` finds them (method mean).
        title: of the page.

    Returns:
        HTML that loads nothing.

    Raises:
        ValueError: if there is no picture, or one of another shape than the model's.
    """
    for name, data in (("held_out", held_out), ("known", known)):
        if not len(data) or data.images.shape[1:] != model.shape:
            raise ValueError(f"`{name}` is of shape {data.images.shape}; it must be (N, {model.shape}), N at least 1")
    z = model.points(held_out.images)
    content = {
        "shape": model.shape,
        "latentDim": model.latent_dim,
        "network": network_of(model),
        "points": _base64(z),
        "extent": _extent(z),
        "colourings": _colourings(held_out),
        "concepts": _concepts(model, known, held_out, z),
        "count": len(z),
        "data": held_out.name,
    }
    folder = files(__package__)
    read = {name: (folder / name).read_text(encoding="utf-8") for name in (
        "page.html", "page.css", "decoder.js", "explorer.js")}
    return Template(read["page.html"]).substitute(
        title=html.escape(title),
        style=read["page.css"],
        script=read["decoder.js"] + "\n" + read["explorer.js"],
        # "</script>" in a label must not end the element
        content=json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"),
    )


def network_of(model: VAE) -> list[dict[str, Any]]:
    """Return the decoder's layers as ``decoder.js`` reads them: kind, sizes, weights as base64 of float32."""
    layers: list[dict[str, Any]] = []
    for layer in model.decoder:
        if isinstance(layer, nn.ReLU):
            layers.append({"kind": "relu"})
        elif isinstance(layer, nn.Unflatten):
            layers.append({"kind": "reshape", "shape": layer.unflattened_size})
        else:
            kinds = {nn.Linear: "linear", nn.ConvTranspose2d: "convTranspose2d", nn.Conv2d: "conv2d"}
            arrays = {"weight": _base64(layer.weight.detach().numpy()), "bias": _base64(layer.bias.detach().numpy())}
            layers.append({"kind": kinds[type(layer)], **arrays})
    _, height, width = model.shape
    return [*layers, {"kind": "crop", "height": height, "width": width}, {"kind": "sigmoid"}]


def _base64(array: np.ndarray, dtype: str = "<f4") -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def _extent(z: np.ndarray) -> float:
    """How far the map reaches: nearly all points are on it."""
    return max(LEAST_EXTENT, math.ceil(10.5 * float(np.quantile(np.abs(z), 0.998))) / 10)


def _colourings(data: ImageData) -> list[dict[str, Any]]:
    """The ways to colour the points: by class, or by each attribute; none without labels."""
    if data.labels is None:
        return []
    if data.labels.ndim == 1:
        return [{"name": "class", "groups": data.names, "of": _base64(data.labels, "<u2")}]
    return [
        {"name": name, "groups": [f"not {name}", name], "of": _base64(data.labels[:, k], "<u2")}
        for k, name in enumerate(data.names)
    ]


def _concepts(model: VAE, known: ImageData, held_out: ImageData, z: np.ndarray) -> list[dict[str, Any]]:
    """The direction of each class or attribute that some known pictures have and some have not."""
    if known.labels is None:
        return []
    found, points = [], model.points(known.images)
    for name in known.names:
        has = flags_of(known, name)
        if has.any() and not has.all():
            concept = find_concept(points, has)
            tells = None
            if held_out.labels is not None and name in held_out.names:
                tells = round(concept.balanced_accuracy(z, flags_of(held_out, name)), 4)
            found.append({"name": name, "direction": concept.direction.tolist(), "tells": tells})
    return found
