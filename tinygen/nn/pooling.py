"""Layers without weights that change the size of sequences and pictures: pooling, resizing, pixel shuffle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tinygen.nn.module import Module
from tinygen.ops import pool, resize
from tinygen.ops.conv import Ints, per_axis
from tinygen.tensor import Tensor


class _MaxPool(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, x: Tensor) -> Any:
        """Take the maximum of each window."""
        options = (self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return type(self)._function(x, self.kernel_size, *options)

    def extra_repr(self) -> str:
        """The options."""
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class MaxPool1d(_MaxPool):
    """The maximum of each window of a sequence, (N, C, L) or (C, L); see ``functional.max_pool1d``.

    Args:
        kernel_size: places in a window.
        stride: from one window to the next; default ``kernel_size``.
        padding: places before and behind the sequence, which never win.
        dilation: from one place of a window to the next.
        return_indices: return where the maxima stood too.
        ceil_mode: also a last window that reaches over the end.
    """

    _function = pool.max_pool1d


class MaxPool2d(_MaxPool):
    """The maximum of each window of a picture, (N, C, H, W) or (C, H, W); see ``functional.max_pool2d``.

    Args:
        kernel_size: places in a window; here and below one number or two (height, width).
        stride: from one window to the next; default ``kernel_size``.
        padding: places around the picture, which never win.
        dilation: from one place of a window to the next.
        return_indices: return where the maxima stood too.
        ceil_mode: also last windows that reach over the edge.
    """

    _function = pool.max_pool2d


class AvgPool1d(Module):
    """The mean of each window of a sequence, (N, C, L) or (C, L); see ``functional.avg_pool1d``.

    Args:
        kernel_size: places in a window.
        stride: from one window to the next; default ``kernel_size``.
        padding: zeros before and behind the sequence.
        ceil_mode: also a last window that reaches over the end.
        count_include_pad: whether the mean counts the padding.
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = per_axis(kernel_size, "kernel_size", 1, 1)
        self.stride = self.kernel_size if stride is None else per_axis(stride, "stride", 1, 1)
        self.padding = per_axis(padding, "padding", 1, 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean of each window."""
        options = (self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return pool.avg_pool1d(x, self.kernel_size, *options)

    def extra_repr(self) -> str:
        """The options."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window of a picture, (N, C, H, W) or (C, H, W); see ``functional.avg_pool2d``.

    Args:
        kernel_size: places in a window; here and below one number or two (height, width).
        stride: from one window to the next; default ``kernel_size``.
        padding: zeros around the picture.
        ceil_mode: also last windows that reach over the edge.
        count_include_pad: whether the mean counts the padding.
        divisor_override: what the sums are divided by; None for the number of places.
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean of each window."""
        options = (self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override)
        return pool.avg_pool2d(x, self.kernel_size, *options)

    def extra_repr(self) -> str:
        """The options."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AdaptivePool(Module):
    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """The means of ``output_size`` windows that share a sequence; see ``functional.adaptive_avg_pool1d``.

    Args:
        output_size: length of the output.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean of each window."""
        return pool.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The means of windows that share a picture evenly; see ``functional.adaptive_avg_pool2d``.

    Args:
        output_size: height and width of the output, or one number for both; None keeps an axis as it is.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean of each window."""
        return pool.adaptive_avg_pool2d(x, self.output_size)


class _AdaptiveMaxPool(_AdaptivePool):
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: int | Sequence[int | None] | None, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Any:
        """Take the maximum of each window."""
        return type(self)._function(x, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima of ``output_size`` windows that share a sequence; see ``functional.adaptive_max_pool1d``.

    Args:
        output_size: length of the output.
        return_indices: return where the maxima stood too.
    """

    _function = pool.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of windows that share a picture evenly; see ``functional.adaptive_max_pool2d``.

    Args:
        output_size: height and width of the output, or one number for both; None keeps an axis as it is.
        return_indices: return where the maxima stood too.
    """

    _function = pool.adaptive_max_pool2d


class Upsample(Module):
    """Resizes the spatial axes of (N, C, L), (N, C, H, W) or (N, C, D, H, W); see ``functional.interpolate``.

    Args:
        size: the new lengths, one number for all or one each.
        scale_factor: instead of ``size``: what the lengths are multiplied with.
        mode: how to interpolate.
        align_corners: whether the first and last elements stay where they are.
        recompute_scale_factor: whether the step follows from the rounded lengths.
    """

    def __init__(
        self,
        size: Ints | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        if isinstance(scale_factor, (tuple, list)):
            scale_factor = tuple(float(f) for f in scale_factor)
        elif scale_factor is not None:
            scale_factor = float(scale_factor)
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """Resize."""
        options = (self.mode, self.align_corners, self.recompute_scale_factor)
        return resize.interpolate(x, self.size, self.scale_factor, *options)

    def extra_repr(self) -> str:
        """Size or factor, and mode."""
        what = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{what}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Turns r**2 channels into r x r pixels: (N, C r**2, H, W) to (N, C, H r, W r); see ``functional.pixel_shuffle``.

    Args:
        upscale_factor: r.
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """Shuffle."""
        return resize.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turns r x r pixels into r**2 channels: (N, C, H r, W r) to (N, C r**2, H, W); see ``functional.pixel_unshuffle``.

    Args:
        downscale_factor: r.
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """Unshuffle."""
        return resize.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"
