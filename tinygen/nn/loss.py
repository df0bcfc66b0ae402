"""Losses as layers: the functions of ``tinygen.nn.functional`` with their settings kept."""

from __future__ import annotations

from tinygen.nn.module import Module
from tinygen.ops import classification, loss
from tinygen.tensor import Tensor


class _Loss(Module):
    """What the losses share. The settings go by keyword: older positional ones of PyTorch's are not there."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction


class MSELoss(_Loss):
    """The squared error: :func:`tinygen.nn.functional.mse_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two Tensors of one shape."""
        return loss.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """The absolute error: :func:`tinygen.nn.functional.l1_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two Tensors of one shape."""
        return loss.l1_loss(input, target, self.reduction)


class HuberLoss(_Loss):
    """Squared for small errors, straight for large ones: :func:`tinygen.nn.functional.huber_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        delta: where the parts meet, more than 0.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two Tensors of one shape."""
        return loss.huber_loss(input, target, self.reduction, self.delta)


class SmoothL1Loss(_Loss):
    """The absolute error with its corner rounded: :func:`tinygen.nn.functional.smooth_l1_loss`.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: where the parts meet, at least 0.
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare two Tensors of one shape."""
        return loss.smooth_l1_loss(input, target, self.reduction, self.beta)


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence: :func:`tinygen.nn.functional.kl_div`.

    Args:
        reduction: ``"batchmean"``, ``"mean"``, ``"sum"`` or ``"none"``.
        log_target: whether the target holds logarithms.
    """

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare log probabilities with probabilities of the same shape."""
        return loss.kl_div(input, target, self.reduction, self.log_target)


class BCELoss(_Loss):
    """Cross-entropy of yes-or-no predictions: :func:`tinygen.nn.functional.binary_cross_entropy`.

    Args:
        weight: broadcasts to the input, or None; saved with the state.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare probabilities with targets of the same shape."""
        return loss.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The same from logits: :func:`tinygen.nn.functional.binary_cross_entropy_with_logits`.

    Args:
        weight: broadcasts to the input, or None; saved with the state.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: factor of the positive part, broadcasts to the input, or None; saved with the state.
    """

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare logits with targets of the same shape."""
        return loss.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class NLLLoss(_Loss):
    """Negative log likelihood of classes: :func:`tinygen.nn.functional.nll_loss`.

    Args:
        weight: (C,), a factor for each class, or None; saved with the state.
        ignore_index: a class number that counts nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare log probabilities (N, C, ...) with classes (N, ...)."""
        return classification.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Loss):
    """Cross-entropy of classes or probabilities, from logits: :func:`tinygen.nn.functional.cross_entropy`.

    Args:
        weight: (C,), a factor for each class, or None; saved with the state.
        ignore_index: a class number that counts nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: the share of the target that is spread evenly over all classes.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare logits (N, C, ...) with classes (N, ...) or probabilities (N, C, ...)."""
        return classification.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
