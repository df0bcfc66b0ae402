"""From bytes to what a network was trained on, and back.

``"caffe"``: blue, green, red, each minus its mean over ImageNet; VGG, ResNet50, SqueezeNet.
``"tf"``: red, green, blue, from -1 to 1; Inception, Xception, the small network.

Source: ``preprocess_input`` of Keras' applications.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.backend import to_device
from tinygen.tensor import Tensor

MODES = ("caffe", "tf")
# blue, green, red; (C, 1, 1)
MEAN = np.array([103.939, 116.779, 123.68]).reshape(3, 1, 1)


def preprocess(images: Any, mode: str, dtype: Any = np.float32) -> Any:
    """Turn pictures into a network's input.

        caffe: y[n, c] = x[n, 2 - c] - mean[c];   tf: y = x / 127.5 - 1

    Args:
        images: (N, 3, H, W), red, green, blue, from 0 to 255: uint8 or floating. A Tensor stays one, and gradients
            pass through it.
        mode: ``"caffe"`` or ``"tf"``.
        dtype: to compute in, floating: that of the network's weights.

    Returns:
        (N, 3, H, W) of ``dtype``, an array for an array, a Tensor for a Tensor.

    Raises:
        ValueError: for another shape or mode.
    """
    _check(images, mode, "images")
    x = images.to(dtype) if isinstance(images, Tensor) else np.asarray(images, dtype)
    if mode == "tf":
        return x * (1 / 127.5) - 1
    return x[:, ::-1] - _mean(x)


def deprocess(x: Any, mode: str) -> np.ndarray:
    """Turn a network's input back into pictures; what lies outside of 0 to 255 is cut off.

    Args:
        x: (N, 3, H, W), as :func:`preprocess` returns it; an array or a Tensor.
        mode: ``"caffe"`` or ``"tf"``.

    Returns:
        uint8 (N, 3, H, W), red, green, blue. ``deprocess(preprocess(images, mode), mode)`` gives uint8 images back.

    Raises:
        ValueError: for another shape or mode.
    """
    _check(x, mode, "x")
    array = np.asarray(x.detach().to("cpu").numpy() if isinstance(x, Tensor) else x, np.float32)
    bytes_ = (array + 1) * 127.5 if mode == "tf" else (array + _mean(array))[:, ::-1]
    return np.rint(np.clip(np.nan_to_num(bytes_), 0, 255)).astype(np.uint8)


def _mean(like: Any) -> Any:
    mean = MEAN.astype(like.dtype)
    return Tensor(to_device(mean, like.device)) if isinstance(like, Tensor) else mean


def _check(images: Any, mode: str, name: str) -> None:
    if mode not in MODES:
        raise ValueError(f"`mode` is {mode!r}; valid are {', '.join(MODES)}")
    shape = tuple(np.shape(images)) if not isinstance(images, Tensor) else images.shape
    if len(shape) != 4 or shape[1] != 3:
        raise ValueError(f"`{name}` has shape {shape}; it must be (N, 3, H, W)")
