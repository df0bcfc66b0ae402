"""Text, character by character, with an LSTM.

What: a network reads 60 characters and says how likely each character is to come next; drawing from that, again and
again, writes text in the manner of what it was trained on.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.1 (LSTM text generation on Nietzsche).

Presets: ``book`` is the chapter to the letter: one LSTM of 128 units, a dense layer, RMSprop at 0.01, no limit on
the gradient; its probabilities are clipped at 1e-7 as Keras does. Its loss explodes late in the published run.
``book-python`` is the same (the two editions do not differ here). ``tuned`` is the same network and task, trained
with Adam, a rate that rises and falls, and a limit on the gradient's norm, against explosions.

Deviations from the chapter: characters stay numbers, a one-hot vector times a matrix is a row of it (the one-hot
tensor would be 2.7 GB); sampling works with log-probabilities, so it never takes log 0; and it carries the LSTM's
state from character to character where the chapter runs its 60-step window anew for each.

Expect: a loss of ln 57 = 4.04 at step 0; 1.99 after the first epoch, 1.47 after the fifth (``PUBLISHED``, below).
Cost: an epoch of Nietzsche under ``book`` took 17 to 18 s on two quiet cores (AMD Zen 5).
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.backend import check_device, to_device
from tinygen.charts import bar_panels
from tinygen.data import DataLoader, Vocabulary, Windows, load_text
from tinygen.io import load
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.ops.join import cat
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Interruption, Progress, Run
from tinygen.tensor import Tensor
from tinygen_ops.lstm import lstm_sample

COMMAND = "text train"
TEMPERATURES = (0.2, 0.5, 1.0, 1.2)
SAMPLE_LENGTH = 400
FIGURE_TEMPERATURES = (0.01, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the chapter's figure 8.2
FIGURE_BARS = 28

# The mean loss of an epoch in the book's companion notebook (Nietzsche, 2017).
PUBLISHED = {1: 1.9895, 2: 1.6382, 3: 1.5460, 4: 1.4973, 5: 1.4682, 10: 1.3947, 20: 1.3391, 30: 1.3154, 40: 1.3098}
PUBLISHED |= {54: 1.3014, 56: 1.5978, 57: 4.73, 58: 12.60, 59: 14.57}


# ------------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True)
class Settings:
    """Everything that a training run is told.

    Attributes:
        data: a name of :func:`tinygen.data.load_text`, or a text file.
        preset: which preset the other values come from.
        tokens: what a token is: ``"char"``.
        model: ``"lstm"``.
        layers: LSTM layers, one on the other.
        units: units of each layer.
        gate: ``"sigmoid"``, or ``"hard_sigmoid"`` as in the Keras of the published run.
        dropout: between the layers.
        window: characters that the network reads.
        stride: how far one window starts behind the other.
        keep_case: whether capitals stay.
        val_fraction: the share of the text, at its end, that is held out.
        epochs: passes over all windows.
        batch_size: windows in a step.
        optimizer: ``"rmsprop"`` or ``"adam"``.
        lr: learning rate, the highest if it changes.
        schedule: ``"constant"``, or ``"cosine"``: up over the first 200 steps, then down to a hundredth.
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
        at_least = {"layers": 1, "units": 1, "window": 1, "stride": 1, "epochs": 1, "batch_size": 1, "log_every": 1,
                    "save_every": 1, "sample_every": 0, "max_steps": 0, "seed": 0, "clip_norm": 0,
                    "clip_probability": 0}
        for name, low in at_least.items():
            if getattr(self, name) < low:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it must be at least {low}")
        if self.seed >= 2**56:
            raise ValueError(f"`seed` is {self.seed}; it must be below 2**56")
        if not 0 <= self.val_fraction < 1:
            raise ValueError(f"`val_fraction` is {self.val_fraction}; it must be from 0 to below 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"`dropout` is {self.dropout}; it must be from 0 to below 1")
        if not self.lr > 0:
            raise ValueError(f"`lr` is {self.lr}; it must be above 0")
        choices = {"preset": PRESETS, "tokens": ("char",), "model": ("lstm",), "optimizer": ("rmsprop", "adam"),
                   "schedule": ("constant", "cosine"), "targets": ("last", "all"), "gate": ("sigmoid", "hard_sigmoid")}
        for name, valid in choices.items():
            if getattr(self, name) not in valid:
                raise ValueError(f"`{name}` is {getattr(self, name)!r}; valid are {', '.join(valid)}")


_BOOK = {"optimizer": "rmsprop", "lr": 0.01, "schedule": "constant", "clip_norm": 0.0, "clip_probability": 1e-7,
         "val_fraction": 0.0, "targets": "last"}
PRESETS: dict[str, dict[str, Any]] = {"book": _BOOK, "book-python": _BOOK, "tuned": {}}
# What a resumed run may be told anew; everything else must be as it was.
MAY_CHANGE = ("epochs", "log_every", "save_every", "sample_every", "max_steps")


def settings_for(preset: str, **changes: Any) -> Settings:
    """Return the settings of a preset, with ``changes``."""
    if preset not in PRESETS:
        raise ValueError(f"`preset` is {preset!r}; valid are {', '.join(PRESETS)}")
    return Settings(**{**PRESETS[preset], "preset": preset, **changes})


# --------------------------------------------------------------------------------------------------------- model


class CharLSTM(nn.Module):
    """LSTM layers over a window of characters, and a dense layer to a score for each character that may follow.

    Args:
        vocabulary: V, the number of characters.
        units: H.
        layers: how many LSTM layers.
        gate: see :class:`tinygen.nn.LSTM`.
        dropout: between the layers.
        generator: of the initial values and of dropout.
    """

    def __init__(
        self, vocabulary: int, units: int, layers: int = 1, gate: str = "sigmoid", dropout: float = 0.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(vocabulary, units, layers, dropout=dropout, gate=gate, generator=generator)
        self.dense = nn.Linear(units, vocabulary, generator=generator)
        self._start_as_keras(units, layers, generator)

    def _start_as_keras(self, units: int, layers: int, generator: Generator | None) -> None:
        """Glorot-uniform inputs, orthogonal recurrence (the four gates as one matrix), biases 0, forget gate 1.

        Keras has one bias where PyTorch has two that are added. Two would move twice as fast under RMSprop, so the
        second one is left at 0 and not trained.
        """
        for k in range(layers):
            nn.init.xavier_uniform_(getattr(self.lstm, f"weight_ih_l{k}"), generator=generator)
            nn.init.orthogonal_(getattr(self.lstm, f"weight_hh_l{k}"), generator=generator)
            bias = np.zeros(4 * units, np.float32)
            bias[units : 2 * units] = 1.0  # gates i f g o
            getattr(self.lstm, f"bias_ih_l{k}").data = bias
            nn.init.zeros_(getattr(self.lstm, f"bias_hh_l{k}")).requires_grad = False
        nn.init.xavier_uniform_(self.dense.weight, generator=generator)
        nn.init.zeros_(self.dense.bias)

    def forward(self, tokens: Tensor, every: bool = False) -> Tensor:
        """Map windows (T, N) int to scores of the character behind each (N, V), or behind ``every`` place (T, N, V)."""
        output, (h, _) = self.lstm(tokens)
        return self.dense(output if every else h[-1])

    def trained(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [p for p in self.parameters() if p.requires_grad]

    def sample(
        self, prompt: np.ndarray, length: int, generator: Generator, temperature: float = 1.0, top_k: int = 0,
        top_p: float = 1.0, greedy: bool = False,
    ) -> np.ndarray:
        """Continue ``prompt`` by ``length`` characters, carrying the LSTM's state from one to the next.

        p_k ~ exp(score_k / temperature), of which the ``top_k`` largest and the smallest set that holds ``top_p``
        of all probability may be drawn; with ``greedy`` always the largest.

        Args:
            prompt: tokens (length,) int, at least one.
            length: how many characters to write.
            generator: where the draws come from.
            temperature: below 1 bolder, above 1 stranger; above 0.
            top_k: 0 for all.
            top_p: 1 for all.
            greedy: take the likeliest.

        Returns:
            The new tokens (length,).
        """
        lstm, layers = self.lstm, []
        with no_grad():
            device = self.dense.weight.device
            states = None
            if len(prompt) > 1:
                tokens = Tensor(to_device(np.ascontiguousarray(prompt[:-1, None], np.int32), device))  # (T, 1)
                _, states = lstm(tokens)
            for k in range(lstm.num_layers):
                w_ih, w_hh, bias = lstm.layer(k)
                # a token's row of the table is its column of w_ih, plus the bias
                layers.append(((w_ih.T + bias)._data, w_hh._data) if k == 0 else (w_ih._data, bias._data, w_hh._data))
            if states is None:
                h = c = to_device(np.zeros((lstm.num_layers, lstm.hidden_size), np.float32), device)
            else:
                h, c = (state[:, 0]._data for state in states)
        uniforms = generator.uniform((length,), np.float64, "cpu")
        tokens, _, _ = lstm_sample(
            layers, self.dense.weight._data, self.dense.bias._data, h, c, int(prompt[-1]), uniforms, temperature,
            top_k, top_p, greedy,
        )
        return tokens


# ---------------------------------------------------------------------------------------------------------- loss


def loss_of(model: CharLSTM, tokens: Tensor, following: Tensor, clip_probability: float = 0.0) -> Tensor:
    """Return the mean of -ln p(the character behind the window), in nats; p not below ``clip_probability``."""
    losses = F.cross_entropy(model(tokens), following, reduction="none")
    if clip_probability:
        losses = losses.clip(max=-math.log(clip_probability))
    return losses.mean()


def loss_at_every_place(model: CharLSTM, tokens: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of -ln p over all places of the windows, and that over the last one, as :func:`loss_of`."""
    targets = cat([tokens[1:], following.reshape(1, -1)])  # (T, N)
    scores = model(tokens, every=True)  # (T, N, V)
    losses = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.mean(), losses[-len(following) :].mean()


def learning_rate(settings: Settings, step: int, total: int) -> float:
    """Return the learning rate of step ``step`` (from 0) of ``total``."""
    if settings.schedule == "constant":
        return settings.lr
    warmup = min(200, total // 10)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    progress = (step - warmup) / max(total - warmup, 1)
    return settings.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def make_optimizer(settings: Settings, parameters: list[nn.Parameter]) -> optim.Optimizer:
    """Return the optimiser of ``settings``; RMSprop's constants are Keras'."""
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(parameters, settings.lr, alpha=0.9, eps=1e-7)
    return optim.Adam(parameters, settings.lr)


def train_step(
    model: CharLSTM, optimizer: optim.Optimizer, tokens: Tensor, following: Tensor, settings: Settings
) -> Tensor:
    """Run one step: loss, gradients, update. Returns the loss behind the windows, still on the device."""
    optimizer.zero_grad()
    if settings.targets == "all":
        objective, loss = loss_at_every_place(model, tokens, following)
    else:
        objective = loss = loss_of(model, tokens, following, settings.clip_probability)
    objective.backward()
    if settings.clip_norm:
        nn.utils.clip_grad_norm_(model.trained(), settings.clip_norm)
    optimizer.step()
    return loss.detach()


# ---------------------------------------------------------------------------------------------------------- loop


class Diverged(ValueError):
    """The loss became NaN or infinite."""


class Trainer:
    """A training run: model, optimiser, data and generators, and where it stands.

    Args:
        settings: what to do.
        text: the corpus.
        device: where to compute.
    """

    def __init__(self, settings: Settings, text: str, device: str = "cpu") -> None:
        self.settings, self.device = settings, device
        self.vocabulary = Vocabulary.of(text, lower_case=not settings.keep_case)
        if len(self.vocabulary) < 2:
            raise ValueError(f"the text has only {len(self.vocabulary)} distinct character; there is nothing to learn")
        tokens = self.vocabulary.encode(text)
        held_out = round(len(tokens) * settings.val_fraction)
        self.train_tokens = tokens[: len(tokens) - held_out]
        self.windows = Windows(self.train_tokens, settings.window, settings.stride)
        self.val_windows = None
        if settings.val_fraction:
            if held_out <= settings.window:
                raise ValueError(
                    f"`val_fraction` {settings.val_fraction} holds out {held_out} characters, which is no more than "
                    f"the window of {settings.window}; take a larger share or 0"
                )
            self.val_windows = Windows(tokens[len(tokens) - held_out :], settings.window, settings.stride)
        # One stream for each purpose, so that a change in one leaves the others as they were.
        self.generators = {
            name: Generator((settings.seed << 8) + i) for i, name in enumerate(("init", "order", "sample"))
        }
        self.model = CharLSTM(
            len(self.vocabulary), settings.units, settings.layers, settings.gate, settings.dropout,
            self.generators["init"],
        ).to(device)
        self.optimizer = make_optimizer(settings, self.model.trained())
        self.loader = DataLoader(
            self.windows, settings.batch_size, shuffle=True, generator=self.generators["order"]
        )
        self.total = settings.epochs * len(self.loader)
        self.last_step = min(self.total, settings.max_steps or self.total)
        self.step, self.epoch = 0, 1
        self.sum = Tensor(to_device(np.zeros((), np.float64), device))  # of the epoch's losses times their windows
        self.seen = 0  # windows in this epoch
        self.best = math.inf

    # -- saving

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "generators": {name: generator.state() for name, generator in self.generators.items()},
            "loader": self.loader.state_dict(),
            "step": self.step, "epoch": self.epoch, "sum": self.sum.item(), "seen": self.seen, "best": self.best,
        }

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["generators"].items():
            self.generators[name].set_state(value)
        self.loader.load_state_dict(state["loader"])
        self.step, self.epoch, self.seen, self.best = state["step"], state["epoch"], state["seen"], state["best"]
        self.sum.fill_(state["sum"])

    # -- learning

    def steps(self) -> Iterator[bool]:
        """Train to the end; yields after each step whether it was the last of an epoch."""
        while self.step < self.last_step:
            for tokens, following in self.loader:
                if self.device != "cpu":
                    tokens, following = tokens.to(self.device), following.to(self.device)
                for group in self.optimizer.param_groups:
                    group["lr"] = learning_rate(self.settings, self.step, self.total)
                loss = train_step(self.model, self.optimizer, tokens, following, self.settings)
                n = len(following)
                self.sum = self.sum + loss.double() * n
                self.seen += n
                self.step += 1
                yield self.seen == len(self.windows)
                if self.step == self.last_step:
                    return

    def end_epoch(self) -> None:
        """Count the epoch."""
        self.epoch += 1
        self.seen = 0
        self.sum = self.sum * 0

    def mean_loss(self) -> float:
        """The mean loss of the running epoch so far, in nats per character.

        Raises:
            Diverged: if it is not finite.
        """
        loss = self.sum.item() / self.seen
        if not math.isfinite(loss):
            raise Diverged(
                f"the loss became {loss} at step {self.step} (epoch {self.epoch}), after training had gone off course; "
                "the last checkpoint stands. A lower --lr, --clip-norm 1 or --preset tuned prevents it"
            )
        return loss

    def validate(self) -> float | None:
        """The mean loss over the held-out windows, None without any."""
        if self.val_windows is None:
            return None
        total, n = 0.0, 0
        self.model.eval()
        with no_grad():
            for tokens, following in DataLoader(self.val_windows, 1024):
                tokens, following = tokens.to(self.device), following.to(self.device)
                total += loss_of(self.model, tokens, following).item() * len(following)
                n += len(following)
        self.model.train()
        return total / n

    # -- writing

    def samples(self) -> str:
        """Text at each temperature, from one random window of the corpus."""
        generator = self.generators["sample"]
        start = int(generator.integers(0, len(self.train_tokens) - self.settings.window))
        seed = self.train_tokens[start : start + self.settings.window]
        parts = [f"--- seed: {self.vocabulary.decode(seed)!r}\n"]
        for temperature in TEMPERATURES:
            tokens = self.model.sample(seed, SAMPLE_LENGTH, generator, temperature)
            parts.append(f"--- temperature {temperature}\n{self.vocabulary.decode(tokens)}\n")
        return "\n".join(parts)


def verdict(settings: Settings, epoch: int, loss: float) -> str:
    """Say where ``loss`` stands beside the published run at the same epoch."""
    if settings.data != "nietzsche":
        return "no published run for this text"
    if epoch in PUBLISHED:
        there = PUBLISHED[epoch]
        return f"published {there:.4f}, this is {abs(loss - there):.4f} {'lower' if loss < there else 'higher'}"
    known = sorted(PUBLISHED)
    below, above = max(e for e in known if e < epoch), min((e for e in known if e > epoch), default=None)
    if above is None:
        return f"the published run ended at epoch {below}"
    return f"published {PUBLISHED[below]:.4f} at epoch {below} and {PUBLISHED[above]:.4f} at epoch {above}"


def train(
    settings: Settings,
    out: str | Path,
    *,
    resume: bool = False,
    device: str | None = None,
    init_from: str | Path | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Train a model into the run directory ``out``.

    Args:
        settings: what to do.
        out: the run directory.
        resume: go on from the last checkpoint there; from the start where there is none.
        device: ``"cpu"``, ``"cuda"``, ``"auto"``; None as :func:`tinygen.backend.check_device` decides.
        init_from: a file of weights to start from.
        quiet: say nothing but what went wrong.
        say: what prints a line.

    Returns:
        0 when it is finished, 130 when it was interrupted (and can be resumed).

    Raises:
        ValueError: for settings that do not fit the text, a run that is in the way, a loss that is not finite.
    """
    say = (lambda line: None) if quiet else say
    text = load_text(settings.data, report=say)
    trainer = Trainer(settings, text, check_device(device))
    if init_from is not None and not resume:  # here, so that a wrong file leaves nothing half-written
        start_from(trainer.model, init_from)
    # The vocabulary is kept for sampling; with the text's checksum it also tells another text on resuming.
    kept = asdict(settings) | {
        "init_from": None if init_from is None else str(init_from),
        "vocabulary": trainer.vocabulary.characters,
        "text_crc32": zlib.crc32(text.encode()),
        "prompt": trainer.vocabulary.decode(trainer.train_tokens[: settings.window]),
    }
    open_run = Run.resume if resume else Run.create
    with open_run(out, COMMAND, kept, **({"may_change": MAY_CHANGE} if resume else {})) as run:
        checkpoint = run.restore() if resume else None
        for warning in run.warnings:
            say(f"tinygen: {warning}")
        if checkpoint is not None:
            trainer.load_state(checkpoint.weights, checkpoint.state)
            if trainer.step >= trainer.last_step:
                say(f"{run.path}: finished already, at step {trainer.step}")
                return 0
            say(f"{run.path}: going on from step {trainer.step} of {trainer.last_step}")
        elif resume and init_from is not None:
            start_from(trainer.model, init_from)
        return _loop(trainer, run, quiet, say)


def _loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    vocabulary = len(trainer.vocabulary)
    if trainer.step == 0:
        say(
            f"{len(trainer.windows):,} windows of {settings.window} characters, {vocabulary} distinct; "
            f"{sum(p.numel() for p in trainer.model.trained()):,} parameters; {total:,} steps on {trainer.device}"
        )
        expected = math.log(vocabulary)
        with no_grad():
            first = trainer.windows.batch(np.arange(min(len(trainer.windows), settings.batch_size)))
            found = loss_of(trainer.model, *(t.to(trainer.device) for t in first)).item()
        say(f"loss at step 0: {found:.4f}; a guess in the dark has ln {vocabulary} = {expected:.4f}")
    per_step = settings.batch_size * settings.window
    clock, clock_step = time.monotonic(), trainer.step
    with Interruption() as interruption, Progress(total, unit="chars", per_step=per_step, quiet=quiet) as progress:
        for epoch_ended in trainer.steps():
            step = trainer.step
            stop = step == total or interruption.requested  # looked at once: it may change at any time
            progress.update(step, epoch=trainer.epoch, loss=trainer.mean_loss)
            if epoch_ended:
                row = {"step": step, "epoch": trainer.epoch, "loss": trainer.mean_loss(), "epoch_end": True}
                val_loss = trainer.validate()
                if val_loss is not None:
                    row["val_loss"] = val_loss
                    if val_loss < trainer.best:
                        trainer.best = val_loss
                        run.save_best(trainer.model.state_dict(), {"step": step, "val_loss": val_loss})
                run.log(**row)
                speed = (step - clock_step) * per_step / (time.monotonic() - clock)
                held_out = "" if val_loss is None else f", held out {val_loss:.4f}"
                progress.print(
                    f"epoch {trainer.epoch}: loss {row['loss']:.4f}{held_out}; "
                    f"{verdict(settings, trainer.epoch, row['loss'])}; {speed:,.0f} chars/s"
                )
                run.log_timing(
                    step=step, epoch=trainer.epoch, seconds=time.monotonic() - clock, chars_per_second=speed
                )
                clock, clock_step = time.monotonic(), step
            elif step % settings.log_every == 0:
                run.log(step=step, epoch=trainer.epoch, loss=trainer.mean_loss())
            if step % settings.sample_every == 0 if settings.sample_every else epoch_ended:
                text = trainer.samples()
                run.write_text(step, text)
                progress.print(text)
            if epoch_ended:
                trainer.end_epoch()
            if stop or epoch_ended or step % settings.save_every == 0:
                if trainer.seen:
                    trainer.mean_loss()  # never save what has diverged
                run.checkpoint(trainer.model.state_dict(), trainer.state(), step=step, finished=step == total)
            if stop:
                break
    if trainer.step < total:
        say(f"stopped at step {trainer.step} of {total}; the same command with --resume goes on from here")
        return EXIT_INTERRUPTED
    say(f"finished: {run.path}")
    return 0


def start_from(model: nn.Module, path: str | Path) -> None:
    """Load weights from a file into ``model``.

    Raises:
        ValueError: if they belong to another model.
    """
    weights = load(path)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`init_from` is {str(path)!r}, which holds other weights: {error.args[0]}") from None


# ------------------------------------------------------------------------------------------------------ sampling


def settings_of(run: Run, **changes: Any) -> Settings:
    """Return the settings of a run that is there, with ``changes``.

    Raises:
        ValueError: if its ``config.json`` lacks something, or holds a value of the wrong kind.
    """
    damaged = f"`{run.path / 'config.json'}` is damaged"
    for name in ("vocabulary", "prompt"):
        if not isinstance(run.settings.get(name), str):
            raise ValueError(f"{damaged}: it has no `{name}`")
    known = {f.name for f in fields(Settings)}
    stored = {name: value for name, value in run.settings.items() if name in known}
    for name, value in stored.items():
        kind = type(getattr(Settings, name))  # of the default
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"{damaged}: its `{name}` is {value!r}")
    return Settings(**stored | changes)


def load_model(
    path: str | Path, which: str = "auto", warn: Callable[[str], None] | None = None
) -> tuple[CharLSTM, Vocabulary, Settings, str]:
    """Return the model of a run, its vocabulary and settings, and a prompt from its text.

    Args:
        path: the run directory.
        which: ``"last"`` or ``"best"`` weights; ``"auto"``: the best, where some were held out, else the last.
        warn: called with a line where the last weights are damaged and the ones before them are taken.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: if it is a run of something else, or not whole.
    """
    run = Run.open(path, COMMAND)
    settings = settings_of(run)
    vocabulary = Vocabulary(run.settings["vocabulary"], lower_case=not settings.keep_case)
    model = CharLSTM(len(vocabulary), settings.units, settings.layers, settings.gate)
    if which == "auto":
        which = "best" if (Path(path) / "best.safetensors").exists() else "last"
    weights = run.weights(which)
    for warning in run.warnings if warn is not None else ():
        warn(warning)
    try:
        model.load_state_dict(weights)
    except (KeyError, ValueError) as error:
        raise ValueError(f"`{run.path}` has weights of another model than its settings: {error.args[0]}") from None
    return model.eval(), vocabulary, settings, run.settings["prompt"]


def next_distribution(model: CharLSTM, prompt: np.ndarray) -> np.ndarray:
    """Return how likely each character is to follow ``prompt``, at temperature 1: (V,) float64."""
    with no_grad():
        scores = model(Tensor(np.ascontiguousarray(prompt[:, None]))).numpy()[0].astype(np.float64)
    p = np.exp(scores - scores.max())
    return p / p.sum()


def at_temperature(p: np.ndarray, temperature: float) -> np.ndarray:
    """Return p**(1 / temperature), normalised, computed from logarithms: no log 0, no overflow."""
    if not temperature > 0:
        raise ValueError(f"`temperature` is {temperature}; it must be above 0")
    with np.errstate(divide="ignore"):
        logs = np.log(p) / temperature
    q = np.exp(logs - logs.max())
    return q / q.sum()


def temperature_figure(model: CharLSTM, vocabulary: Vocabulary, prompt: str, width: int = 1200) -> Any:
    """Draw the chapter's figure 8.2: the next character's distribution after ``prompt``, at six temperatures.

    Returns:
        A Pillow image; it shows the likeliest characters only.
    """
    p = next_distribution(model, vocabulary.encode(prompt, "prompt"))
    order = p.argsort()[::-1][:FIGURE_BARS]
    names = {" ": "space", "\n": "line"}
    # Pillow's own font has the ASCII letters only
    shown = [names.get(c, c if c.isascii() else f"U+{ord(c):X}") for c in (vocabulary.characters[i] for i in order)]
    panels = [(f"temperature {t}", at_temperature(p, t)[order]) for t in FIGURE_TEMPERATURES]
    return bar_panels(f"The {len(order)} likeliest characters after {prompt[-40:]!r}", shown, panels, width)
