"""What a training run of text is told: its settings, the presets, and what goes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygen.data.tokens import KINDS
from tinygen.generators.settings import check, preset_values


@dataclass(frozen=True)
class Settings:
    """Everything that a training run is told.

    Attributes:
        data: a name of :func:`tinygen.data.load_text`, or a text file.
        preset: which preset the other values come from.
        tokens: what a token is: ``"char"``, ``"word"``, or ``"voice"``: a note of a chorale in four voices.
        model: ``"lstm"``, ``"gru"``, or ``"conv"``: dilated causal convolutions with gates.
        layers: layers, one on the other; blocks of ``"conv"``.
        units: units of each layer; channels of ``"conv"``.
        gate: ``"sigmoid"``, or ``"hard_sigmoid"`` as in the Keras of the published run.
        dropout: between the layers; in the blocks of ``"conv"``.
        output_dropout: before the scores.
        embedding: numbers that stand for a token in ``"lstm"`` and ``"gru"``; 0: its one-hot vector.
        kernel: tokens that one convolution looks at.
        cycle: the dilation of block k is 2**(k % cycle).
        vocabulary_size: of words, the unknown one included, at most.
        softmax: ``"full"``, or ``"sampled"``: against ``candidates`` random tokens instead of all.
        candidates: how many random tokens a step of the sampled softmax has.
        stateful: read the text in contiguous streams and carry the state, instead of shuffled windows.
        window: tokens that the network reads in a step.
        stride: how far one window starts behind the other (not ``stateful``).
        keep_case: whether capitals stay.
        val_fraction: the share of the text, at its end, that is held out.
        epochs: passes over all windows.
        batch_size: windows, or streams, in a step.
        optimizer: ``"rmsprop"`` or ``"adam"``.
        lr: learning rate, the highest if it changes.
        schedule: ``"constant"``; ``"cosine"`` or ``"linear"``: up over the first 200 steps, then down to a hundredth.
        targets: ``"last"``: only the character behind the window is predicted in training; ``"all"``: the one behind
            every place of it, which costs little more and teaches 60 times as much.
        clip_norm: limit on the norm of the gradient, 0 for none.
        clip_probability: probabilities below this count as this in the loss (Keras: 1e-7), 0 for no limit.
        seed: of every random number.
        log_every: steps between rows of ``metrics.jsonl``.
        save_every: steps between checkpoints (there is one after every epoch too).
        sample_every: steps between samples; 0 for after every epoch.
        max_steps: stop the run after so many steps; 0 for no limit.
    """

    data: str = "nietzsche"
    preset: str = "tuned"
    tokens: str = "char"
    model: str = "lstm"
    layers: int = 1
    units: int = 128
    gate: str = "sigmoid"
    dropout: float = 0.0
    output_dropout: float = 0.0
    embedding: int = 0
    kernel: int = 2
    cycle: int = 8
    vocabulary_size: int = 10_000
    softmax: str = "full"
    candidates: int = 512
    stateful: bool = False
    window: int = 60
    stride: int = 3
    keep_case: bool = False
    val_fraction: float = 0.05
    epochs: int = 60
    batch_size: int = 128
    optimizer: str = "adam"
    lr: float = 0.01
    schedule: str = "cosine"
    targets: str = "all"
    clip_norm: float = 1.0
    clip_probability: float = 0.0
    seed: int = 0
    log_every: int = 100
    save_every: int = 500
    sample_every: int = 0
    max_steps: int = 0

    def __post_init__(self) -> None:
        check(
            self,
            at_least={"layers": 1, "units": 1, "window": 1, "stride": 1, "epochs": 1, "batch_size": 1,
                      "sample_every": 0, "clip_norm": 0, "clip_probability": 0, "embedding": 0, "kernel": 2, "cycle": 1,
                      "vocabulary_size": 2, "candidates": 1},
            above_zero=("lr",),
            below_one=("val_fraction", "dropout", "output_dropout"),
            choices={"preset": PRESETS, "tokens": KINDS, "model": MODELS, "optimizer": ("rmsprop", "adam"),
                     "schedule": ("constant", "cosine", "linear"), "targets": ("last", "all"),
                     "gate": ("sigmoid", "hard_sigmoid"), "softmax": ("full", "sampled")},
        )
        self._check_together()

    def _check_together(self) -> None:
        """Refuse what does not go with something else."""
        if self.stateful and self.targets != "all":
            raise ValueError(f"`targets` is {self.targets!r}; a stateful run learns from every place: 'all'")
        if self.softmax == "sampled" and not self.stateful:
            raise ValueError("`softmax` is 'sampled', which needs a stateful run")
        if self.gate != "sigmoid" and self.model != "lstm":
            raise ValueError(f"`gate` is {self.gate!r}, which only the model lstm has; it is {self.model!r}")
        if self.embedding and self.model == "conv":
            raise ValueError(f"`embedding` is {self.embedding}; the model conv has one of its own width: 0")
        if not self.stateful and self.window < self.receptive_field:
            raise ValueError(
                f"`window` is {self.window}, less than the receptive field of {self.receptive_field} tokens; take a "
                "window as long, fewer layers, a smaller cycle or kernel, or a stateful run"
            )

    @property
    def receptive_field(self) -> int:
        """How many tokens the next one's scores depend on: 1 + sum (kernel - 1) dilation; 0: all of them."""
        if self.model != "conv":
            return 0
        return 1 + (self.kernel - 1) * sum(dilations(self.layers, self.cycle))

    @property
    def in_windows(self) -> bool:
        """Whether held-out text is cut into windows, as the chapter trains; else it is read in one go."""
        return self.tokens == "char" and self.model != "conv" and not self.stateful


_BOOK = {"optimizer": "rmsprop", "lr": 0.01, "schedule": "constant", "clip_norm": 0.0, "clip_probability": 1e-7,
         "val_fraction": 0.0, "targets": "last"}
_LARGE = {"layers": 2, "units": 256, "dropout": 0.3, "output_dropout": 0.3, "stateful": True, "window": 64,
          "batch_size": 32, "lr": 0.006, "epochs": 15}
PRESETS: dict[str, dict[str, Any]] = {"book": _BOOK, "book-python": _BOOK, "tuned": {}, "large": _LARGE}
MODELS = ("lstm", "gru", "conv")
# What other tokens and models need, where neither the preset nor the user says something else.
_WORDS = {"stateful": True, "targets": "all", "batch_size": 32, "window": 35, "embedding": 128, "output_dropout": 0.3,
          "lr": 0.006, "epochs": 10}
_VOICES = {"stateful": True, "targets": "all", "batch_size": 32, "window": 128, "units": 256, "output_dropout": 0.3,
           "lr": 0.006, "epochs": 20}
_CONV = {"stateful": True, "targets": "all", "layers": 8, "units": 128, "batch_size": 32, "window": 64, "dropout": 0.1,
         "output_dropout": 0.1, "lr": 0.012, "epochs": 10}
_LARGE_CONV = {"layers": 9, "units": 128, "kernel": 3, "cycle": 6, "dropout": 0.1, "output_dropout": 0.1, "lr": 0.012}
DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("tokens", "word"): _WORDS, ("tokens", "voice"): _VOICES, ("model", "conv"): _CONV,
    ("data", "jsb-chorales"): {"tokens": "voice"},
    ("data", "nottingham"): {"keep_case": True},  # in ABC notation c is an octave above C
}
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("epochs", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``; other tokens and models bring defaults of their own."""
    values = preset_values(PRESETS, preset)
    chosen: dict[str, Any] = {}
    for name in ("data", "tokens", "model"):
        value = {**chosen, **values, **changes}.get(name, getattr(Settings, name))
        chosen |= DEFAULTS.get((name, value), {})
    chosen |= values
    if changes.get("model") == "conv":
        chosen.pop("embedding", None)  # it has one of its own
        chosen |= _LARGE_CONV if preset == "large" else {}
    if chosen.get("targets") == "last":  # the chapter's presets read windows, whatever the network
        for name in ("stateful", "window"):
            chosen.pop(name, None)
    return Settings(**chosen | changes)


def dilations(layers: int, cycle: int) -> list[int]:
    """Return the dilation of each block: 1, 2, 4, ..., and again from 1 after ``cycle`` of them."""
    return [2 ** (k % cycle) for k in range(layers)]
