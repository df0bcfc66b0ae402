"""Normalisation layers: batch, instance, layer and group."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tinygen.modes import mode
from tinygen.nn.layers import check_sizes
from tinygen.nn.module import Module, Parameter
from tinygen.ops import norm
from tinygen.tensor import Tensor
from tinygen.writes import written
from tinygen_ops.arrays import array_module


class _Affine(Module):
    """A layer with a factor and a shift for each channel, or for each element of a sample."""

    def _make_parameters(self, shape: tuple[int, ...], affine: bool, bias: bool) -> None:
        self.weight = Parameter(np.ones(shape, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if affine and bias else None


class _RunningNorm(_Affine):
    """What batch and instance normalisation share: parameters, running statistics, checks."""

    axes: tuple[int, ...]  # how many axes the input may have

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        check_sizes(num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_parameters((num_features,), affine, bias)
        tracked = track_running_stats
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, np.float32)) if tracked else None)
        self.register_buffer("running_var", Tensor(np.ones(num_features, np.float32)) if tracked else None)
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)) if tracked else None)

    def _check_axes(self, x: Tensor) -> None:
        if x.ndim not in self.axes:
            wanted = " or ".join(map(str, self.axes))
            raise ValueError(f"{type(self).__name__}: `x` has {x.ndim} axes {x.shape}; it must have {wanted}")

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel; the shape stays."""
        self._check_axes(x)
        if x.shape[1] != self.num_features:
            raise ValueError(f"`x` has shape {x.shape}; axis 1 must have length {self.num_features}")
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and not mode.recomputing:
            count = self.num_batches_tracked._data
            written(count)
            count += 1
            if self.momentum is None:  # the plain mean over all batches; stays on the device
                # by arrays, not by an op: a checkpoint around would find that what the op read has changed
                momentum = Tensor(array_module(count).asarray(1 / count))
        running = (self.running_mean, self.running_var)
        own = self.training or not self.track_running_stats
        return norm.batch_norm(x, *running, self.weight, self.bias, own, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalises each channel over the batch: :func:`tinygen.nn.functional.batch_norm`.

    In training by the batch's own mean and variance, in evaluation by the running ones.

    Args:
        num_features: C of the input (N, C) or (N, C, L).
        eps: added to the variance.
        momentum: the share of a new batch in the running statistics; None for the plain mean over all batches.
        affine: whether there are ``weight`` and ``bias``.
        track_running_stats: whether there are running statistics; without, evaluation too uses the batch's own.
        bias: with ``affine``, whether there is a ``bias``.

    Attributes:
        weight: (C,), ones at first, or None.
        bias: (C,), zeros at first, or None.
        running_mean: (C,), zeros at first, or None.
        running_var: (C,), ones at first, or None.
        num_batches_tracked: () int64, the batches seen in training, or None.
    """

    axes = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel over the batch and the picture; as :class:`BatchNorm1d`, for (N, C, H, W)."""

    axes = (4,)


class _InstanceNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel of each sample; the shape stays."""
        self._check_axes(x)
        single = x.ndim == self.axes[0]  # one sample, without the batch axis
        axis = 0 if single else 1
        if x.shape[axis] != self.num_features:
            problem = f"`x` has shape {x.shape}; axis {axis} should have length {self.num_features}"
            if self.affine or self.track_running_stats:
                raise ValueError(problem)
            warnings.warn(f"{problem}; it does no harm where neither affine nor running statistics ask", stacklevel=3)
        running = (self.running_mean, self.running_var)
        own = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        batch = x.unsqueeze(0) if single else x
        y = norm.instance_norm(batch, *running, self.weight, self.bias, own, momentum, self.eps)
        return y.squeeze(0) if single else y


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample: :func:`tinygen.nn.functional.instance_norm`.

    By the sample's own mean and variance; in evaluation by the running ones where they are tracked.

    Args:
        num_features: C of the input (N, C, L) or (C, L).
        eps: added to the variance.
        momentum: the share of a new batch in the running statistics; None for 0.
        affine: whether there are ``weight`` and ``bias``.
        track_running_stats: whether there are running statistics.
        bias: with ``affine``, whether there is a ``bias``.

    Attributes:
        weight: (C,), ones at first, or None.
        bias: (C,), zeros at first, or None.
        running_mean: (C,), zeros at first, or None.
        running_var: (C,), ones at first, or None.
        num_batches_tracked: () int64, always 0, as in PyTorch; or None.
    """

    axes = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each picture; as :class:`InstanceNorm1d`, for (N, C, H, W) or (C, H, W)."""

    axes = (3, 4)


class LayerNorm(_Affine):
    """Normalises each sample over its last axes: :func:`tinygen.nn.functional.layer_norm`.

    Args:
        normalized_shape: the lengths of the last axes, or that of the last one.
        eps: added to the variance.
        elementwise_affine: whether there are ``weight`` and ``bias``.
        bias: with ``elementwise_affine``, whether there is a ``bias``.

    Attributes:
        weight: of ``normalized_shape``, ones at first, or None.
        bias: of ``normalized_shape``, zeros at first, or None.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        sizes = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        for size in sizes:
            check_sizes(normalized_shape=size)
        self.normalized_shape, self.eps, self.elementwise_affine = tuple(sizes), eps, elementwise_affine
        self._make_parameters(self.normalized_shape, elementwise_affine, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return norm.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """Normalises groups of channels of each sample: :func:`tinygen.nn.functional.group_norm`.

    Args:
        num_groups: G, which divides C.
        num_channels: C of the input (N, C, ...).
        eps: added to the variance.
        affine: whether there are ``weight`` and ``bias``.
        bias: with ``affine``, whether there is a ``bias``.

    Attributes:
        weight: (C,), ones at first, or None.
        bias: (C,), zeros at first, or None.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, bias: bool = True
    ) -> None:
        super().__init__()
        check_sizes(num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"`num_groups` is {num_groups}; it must divide `num_channels`, {num_channels}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._make_parameters((num_channels,), affine, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return norm.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
