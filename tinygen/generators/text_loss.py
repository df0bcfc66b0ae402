"""What a network of text is told it got wrong: cross-entropy in nats, over all tokens or over a few drawn ones."""

from __future__ import annotations

import math

import numpy as np

from tinygen.backend import to_device
from tinygen.generators.text_models import NEVER, LanguageModel
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.join import cat
from tinygen.random import Generator
from tinygen.tensor import Tensor


def loss_of(model: LanguageModel, tokens: Tensor, following: Tensor, clip_probability: float = 0.0) -> Tensor:
    """Return the mean of -ln p(the character behind the window), in nats; p not below ``clip_probability``."""
    losses = F.cross_entropy(model(tokens), following, reduction="none")
    if clip_probability:
        losses = losses.clip(max=-math.log(clip_probability))
    return losses.mean()


def loss_at_every_place(model: LanguageModel, tokens: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of -ln p over all places of the windows, and that over the last one, as :func:`loss_of`."""
    targets = cat([tokens[1:], following.reshape(1, -1)])  # (T, N)
    scores = model(tokens, every=True)  # (T, N, V)
    losses = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.mean(), losses[-len(following) :].mean()


class Candidates:
    """Random tokens that stand for all others in the sampled softmax.

        Z = sum_k exp(s_k)  is taken to be  exp(s_t) + sum over candidates c, c not t, of exp(s_c) / (S q_c)

    for the token t that follows and S candidates drawn with probabilities q, and the loss is ln Z - s_t: S + 1 products
    instead of V. The estimate of Z is right on average, so that of ln Z is a little too low; with many candidates loss
    and gradient are those of the full softmax.

    Args:
        tokens: the training text; q is how often each occurs in it, once more than it does.
        vocabulary: V.
        count: S.
        generator: where the draws come from.

    Source: Y. Bengio and J.-S. Senecal, "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic
    Language Model" (2008), section III; S. Jean et al., "On Using Very Large Target Vocabulary for Neural Machine
    Translation" (2015), section 3.
    """

    def __init__(self, tokens: np.ndarray, vocabulary: int, count: int, generator: Generator) -> None:
        q = np.bincount(tokens, minlength=vocabulary) + 1.0
        self.reached, self.count, self.generator = np.cumsum(q / q.sum()), count, generator
        self.correction = np.log(count * q / q.sum()).astype(np.float32)  # (V,)

    def loss(self, model: LanguageModel, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of vectors (M, H) before ``targets`` (M,): an estimate, below the full softmax's."""
        device = hidden.device
        uniforms = self.generator.uniform((self.count,), np.float64, "cpu")
        drawn = np.minimum(np.searchsorted(self.reached, uniforms, "right"), len(self.reached) - 1)  # (S,)

        def on_device(array: np.ndarray) -> Tensor:
            return Tensor(to_device(np.ascontiguousarray(array), device))

        rows, bias, others = model.dense.weight, model.dense.bias, on_device(drawn)
        hits = targets.reshape(-1, 1) == others  # a candidate that is the token itself does not count
        right = (hidden * rows[targets]).sum(1) + bias[targets]  # (M,)
        wrong = F.linear(hidden, rows[others], bias[others] - on_device(self.correction[drawn]))  # (M, S)
        wrong = wrong.masked_fill(hits, NEVER)
        scores = cat([right.reshape(-1, 1), wrong], 1)  # (M, 1 + S)
        return F.cross_entropy(scores, on_device(np.zeros(len(targets), np.int64)))


def held_out_losses(model: LanguageModel, tokens: np.ndarray, stretch: int = 1000) -> np.ndarray:
    """Return -ln p of every token but the first, read as one stream with all before it: (length - 1,) float64, nats."""
    training = model.training
    model.eval()
    losses, state, device = [], None, model.dense.weight.device
    with no_grad():
        for start in range(0, len(tokens) - 1, stretch):
            part = np.ascontiguousarray(tokens[start : start + stretch + 1])
            inputs, targets = (Tensor(to_device(a, device)) for a in (part[:-1, None], part[1:]))
            hidden, state = model.features(inputs, state)
            each = F.cross_entropy(model.score(hidden[:, 0]), targets, reduction="none")
            losses.append(each.to("cpu").numpy().astype(np.float64))
    model.train(training)
    return np.concatenate(losses)
