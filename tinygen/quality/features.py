"""Features of pictures: what a network trained on photographs makes of them.

A picture becomes the spatial mean of a late layer of SqueezeNet. What layer, and what size pictures are brought to
before, was chosen by how well the distances order known damage to real pictures: docs/quality.md has the table.

Source: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size" (2016).
Distances of features: M. Heusel et al. (2017), who take Inception V3: values are not comparable with theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygen.models.squeezenet import squeezenet
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.tensor import Tensor

LAYER, SIZE = "fire9/concat", 96
SMALLEST = 31  # below, SqueezeNet has nothing left of a picture
PIXELS = 1 << 20  # of the pictures in a batch: its largest activation takes 64 MB


class Features:
    """Turns pictures into features.

    Args:
        weights: ``"imagenet"``, or a file of SqueezeNet's weights.
        layer: one of SqueezeNet's layers.
        size: height and width that pictures are brought to, whatever they are: bilinear, with antialiasing where they
            shrink. At least 31.
        report: called with a line before a download; None for silence.

    Raises:
        ValueError: for a layer that is not there, a size that is too small, or a file of something else.
        OSError, RuntimeError: if the weights cannot be had.
    """

    def __init__(
        self, weights: str | Path = "imagenet", layer: str = LAYER, size: int = SIZE,
        report: Callable[[str], None] | None = None,
    ) -> None:
        if size < SMALLEST:
            raise ValueError(f"`size` is {size}; it must be at least {SMALLEST}")
        self.model = squeezenet(weights, report=report)
        if layer not in self.model.available:
            raise ValueError(f"`layer` is {layer!r}; valid are {', '.join(self.model.available)}")
        self.layer, self.size = layer, size
        self._known: dict[bytes, np.ndarray] = {}  # hash of a picture -> its features

    def __str__(self) -> str:
        return f"SqueezeNet {self.layer} at {self.size} x {self.size}"

    def __call__(self, images: np.ndarray, keep: bool = False) -> np.ndarray:
        """Return the features of pictures.

        Args:
            images: uint8 (N, 1 or 3, H, W); grey ones become three equal channels.
            keep: remember each picture's features as long as this object lives, and use what is remembered. For real
                pictures, which are asked for again and again.

        Returns:
            (N, D) float32, D the channels of the layer (512 for fire9/concat).

        Raises:
            ValueError: for pictures of another kind, or none.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
            raise ValueError(f"`images` is {images.dtype} of shape {images.shape}; it must be uint8 (N, 1 or 3, H, W)")
        if not keep:
            return self._compute(images)
        kind = repr(images.shape[1:]).encode()
        keys = [hashlib.sha256(kind + image.tobytes()).digest() for image in images]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            self._known |= zip((keys[i] for i in new), self._compute(images[new]), strict=True)
        return np.stack([self._known[key] for key in keys])

    def _compute(self, images: np.ndarray) -> np.ndarray:
        count = max(1, PIXELS // self.size**2)
        with no_grad():
            return np.concatenate([self._batch(images[i : i + count]) for i in range(0, len(images), count)])

    def _batch(self, images: np.ndarray) -> np.ndarray:
        if images.shape[1] == 1:
            images = images.repeat(3, 1)
        # Resizing after preprocessing is the same as before it, for both are linear, and needs no rounding to bytes.
        x = Tensor(np.ascontiguousarray(self.model.preprocess(images)))
        if images.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, self.size, mode="bilinear", antialias=True)
        return self.model(x, layers=[self.layer])[self.layer].mean((2, 3)).numpy()  # (N, D, h, w) -> (N, D)
