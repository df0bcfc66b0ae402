"""Layers that slide a kernel: convolution, transposed convolution, unfold, fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from tinygen.nn import init
from tinygen.nn.layers import check_sizes
from tinygen.nn.module import Module, Parameter
from tinygen.ops import conv
from tinygen.ops.conv import Ints, check_padding, per_axis
from tinygen.ops.pad import pad
from tinygen.random import Generator
from tinygen.tensor import Tensor
from tinygen_ops.convolution import same_padding, transposed_size

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What convolutions and transposed convolutions have in common: settings, weights, the line that shows them."""

    _axes: ClassVar[int]
    _function: ClassVar[Callable[..., Tensor]]

    def _set_up(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints,
        padding: Ints | str,
        dilation: Ints,
        groups: int,
        padding_mode: str,
    ) -> None:
        """Check the settings and keep them, one number per axis."""
        check_sizes(in_channels=in_channels, out_channels=out_channels, groups=groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"`{name}` is {channels}; it must be divisible by `groups`, {groups}")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"`padding_mode` is {padding_mode!r}; valid are {', '.join(_PADDING_MODES)}")
        amount = check_padding(padding, self._axes)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = per_axis(kernel_size, "kernel_size", self._axes, 1)
        self.stride = per_axis(stride, "stride", self._axes, 1)
        self.padding = padding if isinstance(padding, str) else amount
        self.dilation = per_axis(dilation, "dilation", self._axes, 1)
        self.output_padding = (0,) * self._axes
        self.padding_mode = padding_mode

    def _draw(self, channels: tuple[int, int], bias: bool, generator: Generator | None) -> None:
        """Make the weight, (*channels, *kernel_size), and the bias, drawn evenly from +-1/sqrt(inputs).

        That is PyTorch's kaiming_uniform_(weight, a=sqrt(5)); it counts channels[1] * kernel as the inputs of a unit.
        """
        bound = 1 / math.sqrt(channels[1] * math.prod(self.kernel_size))
        self.weight = Parameter(np.empty((*channels, *self.kernel_size), np.float32))
        init.uniform_(self.weight, -bound, bound, generator)
        self.bias = Parameter(np.empty(self.out_channels, np.float32)) if bias else None
        if bias:
            init.uniform_(self.bias, -bound, bound, generator)

    def extra_repr(self) -> str:
        """The settings; those at their usual value are left out, as PyTorch does."""
        zeros, ones = (0,) * self._axes, (1,) * self._axes
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ]
        for name, usual in (("padding", zeros), ("dilation", ones), ("output_padding", zeros), ("groups", 1)):
            if getattr(self, name) != usual:
                parts.append(f"{name}={getattr(self, name)}")
        parts += ["bias=False"] if self.bias is None else []
        parts += [] if self.padding_mode == "zeros" else [f"padding_mode={self.padding_mode}"]
        return ", ".join(parts)


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self._set_up(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        self._draw((out_channels, in_channels // groups), bias, generator)

    def forward(self, x: Tensor, *, negative_slope: float | None = None) -> Tensor:
        """Convolve; ``negative_slope`` as the function takes it."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x, padding = pad(x, self._border(x), mode=self.padding_mode), 0
        return type(self)._function(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups, negative_slope=negative_slope
        )

    def _border(self, x: Tensor) -> list[int]:
        """How much to add to x for a mode other than zeros, as `pad` takes it: last axis first."""
        amount = check_padding(self.padding, self._axes)
        if amount == "same":
            size = x.shape[-self._axes :]
            both = list(map(same_padding, size, self.kernel_size, self.stride, self.dilation))
        else:
            both = [(p, p) for p in amount]
        return [p for lo_hi in reversed(both) for p in lo_hi]


class Conv1d(_Conv):
    """Slides a kernel along a sequence: (N, C, L) or (C, L) to (N, O, OL) or (O, OL); see ``functional.conv1d``.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: K.
        stride: the step of the window.
        padding: zeros on both sides, "valid" or "same".
        dilation: the step within the window.
        groups: parts into which the channels are cut.
        bias: whether there is one.
        padding_mode: what stands beyond the ends: "zeros", "reflect", "replicate" or "circular".
        generator: where the initial values come from.

    Attributes:
        weight: (O, C / groups, K), drawn evenly from +-1/sqrt(C / groups K).
        bias: (O,), likewise, or None.
    """

    _axes, _function = 1, conv.conv1d


class Conv2d(_Conv):
    """Slides a kernel over pictures: (N, C, H, W) or (C, H, W) to (N, O, OH, OW) or (O, OH, OW).

    See ``functional.conv2d``. Numbers may be one for both axes or a pair for rows and columns.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: KH and KW.
        stride: the step of the window.
        padding: zeros on all sides, "valid" or "same".
        dilation: the step within the window.
        groups: parts into which the channels are cut.
        bias: whether there is one.
        padding_mode: what stands beyond the border: "zeros", "reflect", "replicate" or "circular".
        generator: where the initial values come from.

    Attributes:
        weight: (O, C / groups, KH, KW), drawn evenly from +-1/sqrt(C / groups KH KW).
        bias: (O,), likewise, or None.
    """

    _axes, _function = 2, conv.conv2d


class _ConvTranspose(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f"`padding_mode` is {padding_mode!r}; {type(self).__name__} knows 'zeros' only")
        self._set_up(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        self.output_padding = per_axis(output_padding, "output_padding", self._axes, 0)
        self._draw((in_channels, out_channels // groups), bias, generator)

    def forward(
        self, x: Tensor, output_size: Sequence[int] | None = None, *, negative_slope: float | None = None
    ) -> Tensor:
        """Convolve, transposed.

        Args:
            x: (N, C, *S) or (C, *S).
            output_size: the lengths of the result's spatial axes (or its whole shape), of the ``stride`` lengths that
                would lead back to those of x; None: as ``output_padding`` says.
            negative_slope: as the function takes it.
        """
        more = self.output_padding if output_size is None else self._more(x, output_size)
        return type(self)._function(
            x, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation,
            negative_slope=negative_slope,
        )

    def _more(self, x: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that leads to ``output_size``."""
        if self.padding == "same":
            raise ValueError(f"`output_size` is {output_size}; with `padding` 'same' it is stride times the input's")
        wanted = tuple(output_size)
        if len(wanted) == x.ndim:
            wanted = wanted[-self._axes :]
        if len(wanted) != self._axes:
            raise ValueError(f"`output_size` is {output_size}; it must have {self._axes} or {x.ndim} lengths")
        padding = check_padding(self.padding, self._axes)
        window = (self.kernel_size, self.stride, padding, self.dilation, (0,) * self._axes)
        least = [size for size, _ in map(transposed_size, x.shape[-self._axes :], *window)]
        more = tuple(w - size for w, size in zip(wanted, least, strict=True))
        if any(not 0 <= m < s for m, s in zip(more, self.stride, strict=True)):
            most = [size + s - 1 for size, s in zip(least, self.stride, strict=True)]
            raise ValueError(f"`output_size` is {output_size}; valid are lengths from {least} to {most}")
        return more


class ConvTranspose1d(_ConvTranspose):
    """The adjoint of Conv1d, as a layer: (N, C, L) or (C, L) to (N, O, OL) or (O, OL).

    See ``functional.conv_transpose1d``.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: K.
        stride: the step of the window in the output.
        padding: places cropped on both sides, "valid" or "same".
        output_padding: places added at the end.
        groups: parts into which the channels are cut.
        bias: whether there is one.
        dilation: the step within the window.
        padding_mode: taken for PyTorch's sake; must be "zeros".
        generator: where the initial values come from.

    Attributes:
        weight: (C, O / groups, K), drawn evenly from +-1/sqrt(O / groups K), as PyTorch does.
        bias: (O,), likewise, or None.
    """

    _axes, _function = 1, conv.conv_transpose1d


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of Conv2d, as a layer: (N, C, H, W) or (C, H, W) to (N, O, OH, OW) or (O, OH, OW).

    See ``functional.conv_transpose2d``. Numbers may be one for both axes or a pair for rows and columns.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: KH and KW.
        stride: the step of the window in the output.
        padding: places cropped on all sides, "valid" or "same".
        output_padding: places added at the bottom and on the right.
        groups: parts into which the channels are cut.
        bias: whether there is one.
        dilation: the step within the window.
        padding_mode: taken for PyTorch's sake; must be "zeros".
        generator: where the initial values come from.

    Attributes:
        weight: (C, O / groups, KH, KW), drawn evenly from +-1/sqrt(O / groups KH KW), as PyTorch does.
        bias: (O,), likewise, or None.
    """

    _axes, _function = 2, conv.conv_transpose2d


class Unfold(Module):
    """Lays out every window of a picture as a column; see ``functional.unfold``."""

    def __init__(self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x: Tensor) -> Tensor:
        """Lay the windows out."""
        return conv.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings."""
        names = ("kernel_size", "dilation", "padding", "stride")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class Fold(Module):
    """Adds columns up to a picture; see ``functional.fold``."""

    def __init__(
        self,
        output_size: Ints,
        kernel_size: Ints,
        dilation: Ints = 1,
        padding: Ints = 0,
        stride: Ints = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, x: Tensor) -> Tensor:
        """Add up."""
        return conv.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings."""
        names = ("output_size", "kernel_size", "dilation", "padding", "stride")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)
