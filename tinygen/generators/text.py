"""Text, token by token: characters with an LSTM, as in the chapter, and words, convolutions, GRUs and larger networks.

What: a network reads 60 characters and says how likely each character is to come next; drawing from that, again and
again, writes text in the manner of what it was trained on. A token may also be a word, or a note of a chorale.

Read in this order: :mod:`tinygen.generators.text_settings`; :mod:`tinygen.generators.text_models`, the networks;
:mod:`tinygen.generators.text_loss`; this file, one step and the run around it; and then
:mod:`tinygen.generators.text_sampling`, writing, and :mod:`tinygen.data.tokens`, what a token is.

Source: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.1 (LSTM text generation on Nietzsche).

Presets: ``book`` is the chapter to the letter: one LSTM of 128 units, a dense layer, RMSprop at 0.01, no limit on
the gradient; its probabilities are clipped at 1e-7 as Keras does. Its loss explodes late in the published run.
``book-python`` is the same (the two editions do not differ here). ``tuned`` is the same network and task, trained
with Adam, a rate that rises and falls, and a limit on the gradient's norm, against explosions. ``large`` has two
layers of 256 units and dropout, and reads the text in long streams (below).

Deviations from the chapter: characters stay numbers, a one-hot vector times a matrix is a row of it (the one-hot
tensor would be 2.7 GB); sampling works with log-probabilities, so it never takes log 0; and it carries the LSTM's
state from character to character where the chapter runs its 60-step window anew for each.

Windows and streams: the chapter cuts the text into overlapping windows and shuffles them. ``stateful`` lays it out as
``batch_size`` streams instead, each a contiguous stretch, and reads ``window`` tokens of all of them in a step; the
network's state, without its gradient, is carried to the next step (truncated backpropagation through time: R. Williams
and J. Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network Trajectories", 1990). So
every token is read once in an epoch, with all that came before it.

Expect: a loss of ln 57 = 4.04 at step 0; 1.99 after the first epoch, 1.47 after the fifth (``PUBLISHED``, below).
Cost: an epoch of Nietzsche under ``book`` took 17 to 18 s on two quiet cores (AMD Zen 5). Others: docs/text.md.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.backend import to_device
from tinygen.data import DataLoader, Windows, load_text
from tinygen.data.text import Streams
from tinygen.data.tokens import Speller, divided
from tinygen.generators import training
from tinygen.generators.text_loss import Candidates, held_out_losses, loss_at_every_place, loss_of
from tinygen.generators.text_models import CharLSTM, LanguageModel, State, build
from tinygen.generators.text_runs import COMMAND, load_model, settings_of, younger_settings
from tinygen.generators.text_sampling import at_temperature, next_distribution, temperature_figure
from tinygen.generators.text_settings import MAY_CHANGE, PRESETS, Settings, settings_for
from tinygen.generators.training import Diverged, Pace, make_optimizer
from tinygen.modes import no_grad
from tinygen.nn import functional as F
from tinygen.random import Generator
from tinygen.run import Interruption, Progress, Run
from tinygen.tensor import Tensor

__all__ = [
    "COMMAND", "PRESETS", "CharLSTM", "Diverged", "Settings", "Trainer", "at_temperature", "load_model",
    "loss_at_every_place", "loss_of", "next_distribution", "settings_for", "settings_of", "temperature_figure", "train",
    "train_step",
]

TEMPERATURES = (0.2, 0.5, 1.0, 1.2)
SAMPLE_LENGTH = 400

# The mean loss of an epoch in the book's companion notebook (Nietzsche, 2017).
PUBLISHED = {1: 1.9895, 2: 1.6382, 3: 1.5460, 4: 1.4973, 5: 1.4682, 10: 1.3947, 20: 1.3391, 30: 1.3154, 40: 1.3098}
PUBLISHED |= {54: 1.3014, 56: 1.5978, 57: 4.73, 58: 12.60, 59: 14.57}


# ---------------------------------------------------------------------------------------------------------- step


def learning_rate(settings: Settings, step: int, total: int) -> float:
    """Return the learning rate of step ``step`` (from 0) of ``total``."""
    if settings.schedule == "constant":
        return settings.lr
    warmup = min(200, total // 10)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    progress = (step - warmup) / max(total - warmup, 1)
    left = 1 - progress if settings.schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return settings.lr * (0.01 + 0.99 * left)


def train_step(
    model: LanguageModel, optimizer: optim.Optimizer, tokens: Tensor, following: Tensor, settings: Settings
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


def stream_step(
    model: LanguageModel, optimizer: optim.Optimizer, tokens: Tensor, following: Tensor, state: State | None,
    settings: Settings, candidates: Candidates | None = None,
) -> tuple[Tensor, State]:
    """Run one step on the next stretch of all streams, tokens and those that follow each (T, N), from ``state``.

    Returns the mean loss, still on the device, and the state for the next stretch, without its gradient.
    """
    optimizer.zero_grad()
    hidden, state = model.features(tokens, state)
    targets = following.flatten()
    if candidates is None:
        loss = F.cross_entropy(model.score(hidden).flatten(0, 1), targets)
    else:
        loss = candidates.loss(model, model.thinned(hidden).flatten(0, 1), targets)
    loss.backward()
    if settings.clip_norm:
        nn.utils.clip_grad_norm_(model.trained(), settings.clip_norm)
    optimizer.step()
    return loss.detach(), [s.detach() for s in state]


# ---------------------------------------------------------------------------------------------------------- loop


class Trainer:
    """A training run: model, optimiser, data and generators, and where it stands.

    Args:
        settings: what to do.
        text: the corpus.
        device: where to compute.
    """

    def __init__(self, settings: Settings, text: str, device: str = "cpu") -> None:
        self.settings, self.device = settings, device
        self.vocabulary, trained, held_out = divided(
            text, settings.tokens, settings.val_fraction, not settings.keep_case, settings.vocabulary_size
        )
        self.train_tokens = self.vocabulary.encode(trained)
        # One stream for each purpose, so that a change in one leaves the others as they were.
        names = ("init", "order", "sample") + (("candidates",) if settings.softmax == "sampled" else ())
        self.generators = {name: Generator((settings.seed << 8) + i) for i, name in enumerate(names)}
        self._arrange(held_out)
        # What the network is charged for: nats for a token, told as nats for a character of the text.
        self.per_character = 1.0
        if settings.tokens == "word":
            self.per_character = len(self.train_tokens) / len(trained)
            self.speller = Speller(self.vocabulary.unknown_words(trained), trained + held_out)
            self.held_out_text = held_out
        self.model = build(settings, len(self.vocabulary), self.generators["init"]).to(device)
        self.optimizer = make_optimizer(settings, self.model.trained())
        self.candidates = None
        if settings.softmax == "sampled":
            self.candidates = Candidates(
                self.train_tokens, len(self.vocabulary), settings.candidates, self.generators["candidates"]
            )
        self.total = settings.epochs * len(self.loader)
        self.last_step = min(self.total, settings.max_steps or self.total)
        self.step, self.epoch = 0, 1
        self.sum = Tensor(to_device(np.zeros((), np.float64), device))  # of the epoch's losses times their examples
        self.seen = 0  # examples in this epoch: windows, or tokens of streams
        self.carried: State | None = None  # between the steps of a stateful run
        self.best = math.inf

    def _arrange(self, held_out: str) -> None:
        """Lay the tokens out as windows or streams, and what is held out likewise."""
        settings, order = self.settings, self.generators["order"]
        if settings.stateful:
            self.windows = Streams(self.train_tokens, settings.batch_size, settings.window)
            self.examples = self.windows.size
            self.loader = DataLoader(self.windows, 1, generator=order)
        else:
            self.windows = Windows(self.train_tokens, settings.window, settings.stride)
            self.examples = len(self.windows)
            self.loader = DataLoader(self.windows, settings.batch_size, shuffle=True, generator=order)
        self.val_windows = self.val_tokens = None
        if settings.val_fraction:
            tokens = self.vocabulary.encode(held_out)
            if len(tokens) <= settings.window:
                raise ValueError(
                    f"`val_fraction` {settings.val_fraction} holds out {len(tokens)} {self.vocabulary.unit}, which is "
                    f"no more than the window of {settings.window}; take a larger share or 0"
                )
            if settings.in_windows:
                self.val_windows = Windows(tokens, settings.window, settings.stride)
            else:  # its first token is predicted from the last one before it
                self.val_tokens = np.concatenate([self.train_tokens[-1:], tokens])

    # -- saving

    def state(self) -> dict[str, Any]:
        """Everything but the weights that a continuation needs."""
        if self.seen:
            self.mean_loss()  # never save what has diverged
        return training.states(self.optimizer, self.generators, self.loader) | {
            "step": self.step, "epoch": self.epoch, "sum": self.sum.item(), "seen": self.seen, "best": self.best,
            **({"carried": self.carried} if self.settings.stateful else {}),
        }

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.model.load_state_dict(weights)
        training.load_states(state, self.optimizer, self.generators, self.loader)
        self.step, self.epoch, self.seen, self.best = state["step"], state["epoch"], state["seen"], state["best"]
        self.sum.fill_(state["sum"])
        if state.get("carried") is not None:
            self.carried = [Tensor(to_device(array, self.device)) for array in state["carried"]]

    # -- learning

    def steps(self) -> Iterator[bool]:
        """Train to the end; yields after each step whether it was the last of an epoch."""
        while self.step < self.last_step:
            for tokens, following in self.loader:
                if self.device != "cpu":
                    tokens, following = tokens.to(self.device), following.to(self.device)
                for group in self.optimizer.param_groups:
                    group["lr"] = learning_rate(self.settings, self.step, self.total)
                if self.settings.stateful:
                    loss, self.carried = stream_step(
                        self.model, self.optimizer, tokens, following, self.carried, self.settings, self.candidates
                    )
                else:
                    loss = train_step(self.model, self.optimizer, tokens, following, self.settings)
                n = following.numel()
                self.sum = self.sum + loss.double() * n
                self.seen += n
                self.step += 1
                yield self.seen == self.examples
                if self.step == self.last_step:
                    return

    def end_epoch(self) -> None:
        """Count the epoch; the next one begins at the beginning of the streams, with no state."""
        self.epoch += 1
        self.seen = 0
        self.sum = self.sum * 0
        self.carried = None

    def mean_loss(self) -> float:
        """The mean loss of the running epoch so far, in nats per character.

        Raises:
            Diverged: if it is not finite.
        """
        loss = self.sum.item() / self.seen * self.per_character
        if not math.isfinite(loss):
            raise Diverged(
                f"the loss became {loss} at step {self.step} (epoch {self.epoch}), after training had gone off course; "
                "the last checkpoint stands. A lower --lr, --clip-norm 1 or --preset tuned prevents it"
            )
        return loss

    def validate(self) -> dict[str, float]:
        """What the held-out text costs, ``val_loss`` in nats per character, and what else there is to say of it."""
        if self.val_tokens is not None:
            return self._validate_in_one_go(self.val_tokens)
        if self.val_windows is None:
            return {}
        total, n = 0.0, 0
        self.model.eval()
        with no_grad():
            for tokens, following in DataLoader(self.val_windows, 1024):
                tokens, following = tokens.to(self.device), following.to(self.device)
                total += loss_of(self.model, tokens, following).item() * len(following)
                n += len(following)
        self.model.train()
        return {"val_loss": total / n}

    def _validate_in_one_go(self, tokens: np.ndarray) -> dict[str, float]:
        """All of the held-out text as one stream.

        Words: an unknown word is charged for the token that says so, and for its letters (:class:`Speller`). All
        nats together, divided by the characters and by the words of the text, give the two perplexities.
        """
        losses = held_out_losses(self.model, tokens)
        if self.settings.tokens != "word":
            return {"val_loss": float(losses.mean())}
        spelling = sum(map(self.speller.cost, self.vocabulary.unknown_words(self.held_out_text)))
        nats, words, characters = float(losses.sum()) + spelling, len(losses), len(self.held_out_text)
        return {
            "val_loss": nats / characters,
            "val_perplexity_char": math.exp(nats / characters),
            "val_perplexity_word": math.exp(min(nats / words, 700)),
            "val_loss_word": float(losses.mean()),  # the unknown one is a word like any other, and its letters are free
            "val_unknown": float((tokens[1:] == 0).mean()),
        }

    # -- writing

    def samples(self) -> str:
        """Text at each temperature, from one random window of the corpus."""
        generator, window = self.generators["sample"], self.settings.window
        start = int(generator.integers(0, len(self.train_tokens) - window))
        seed = self.vocabulary.passage(self.train_tokens, start, window)
        length = SAMPLE_LENGTH // (4 if self.settings.tokens == "word" else 1)  # about as much to read
        parts = [f"--- seed: {self.vocabulary.decode(seed)!r}\n"]
        self.model.eval()
        for temperature in TEMPERATURES:
            tokens = self.model.sample(seed, length, generator, temperature, silent=self.vocabulary.silent)
            parts.append(f"--- temperature {temperature}\n{self.vocabulary.decode(tokens)}\n")
        self.model.train()
        return "\n".join(parts)


def verdict(settings: Settings, epoch: int, loss: float) -> str:
    """Say where ``loss`` stands beside the published run at the same epoch."""
    if settings.data != "nietzsche":
        return "no published run for this text"
    if settings.tokens != "char" or settings.stateful:
        return "the published run read characters in windows"
    if epoch in PUBLISHED:
        there = PUBLISHED[epoch]
        return f"published {there:.4f}, this is {abs(loss - there):.4f} {'lower' if loss < there else 'higher'}"
    known = sorted(PUBLISHED)
    below, above = max(e for e in known if e < epoch), min((e for e in known if e > epoch), default=None)
    if above is None:
        return f"the published run ended at epoch {below}"
    return f"published {PUBLISHED[below]:.4f} at epoch {below} and {PUBLISHED[above]:.4f} at epoch {above}"


def train(settings: Settings, out: str | Path, *, resume: bool = False, **options: Any) -> int:
    """Train a model into the run directory ``out``; ``options`` and result: :func:`.training.train`."""
    may_change = (*MAY_CHANGE, *(younger_settings(out, settings) if resume else ()))
    return training.train(begin, loop, settings, out, command=COMMAND, may_change=may_change, resume=resume, **options)


def begin(settings: Settings, device: str, say: Callable[[str], None]) -> tuple[Trainer, dict[str, Any]]:
    """Return a trainer at the start, and what its run keeps beside the settings."""
    text = load_text(settings.data, report=say)
    trainer = Trainer(settings, text, device)
    # The vocabulary is kept for sampling; with the text's checksum it also tells another text on resuming.
    kept = {
        "vocabulary": trainer.vocabulary.kept,
        "text_crc32": zlib.crc32(text.encode()),
        "prompt": trainer.vocabulary.decode(trainer.vocabulary.passage(trainer.train_tokens, 0, settings.window)),
    }
    if settings.receptive_field:
        kept["receptive_field"] = settings.receptive_field
    return trainer, kept


def loop(trainer: Trainer, run: Run, quiet: bool, say: Callable[[str], None]) -> int:
    """Train, and keep the run directory up to date."""
    settings, total = trainer.settings, trainer.last_step
    if trainer.step == 0:
        _say_beginning(trainer, say)
    per_step = settings.batch_size * settings.window
    unit = "chars" if settings.tokens == "char" else trainer.vocabulary.unit
    pace = Pace(trainer.step, per_step)
    with Interruption() as interruption, Progress(total, unit=unit, per_step=per_step, quiet=quiet) as progress:
        for epoch_ended in training.steps(trainer, run, interruption):
            step = trainer.step
            progress.update(step, epoch=trainer.epoch, loss=trainer.mean_loss)
            if epoch_ended:
                row = {"step": step, "epoch": trainer.epoch, "loss": trainer.mean_loss(), "epoch_end": True}
                row |= trainer.validate()
                val_loss = row.get("val_loss")
                if val_loss is not None and val_loss < trainer.best:
                    trainer.best = val_loss
                    run.save_best(trainer.model.state_dict(), {"step": step, "val_loss": val_loss})
                run.log(**row)
                seconds, speed = pace.at(step)
                held_out = "" if val_loss is None else f", held out {val_loss:.4f}"
                if "val_perplexity_word" in row:
                    held_out += f" (perplexity of a word {row['val_perplexity_word']:,.1f})"
                progress.print(
                    f"epoch {trainer.epoch}: loss {row['loss']:.4f}{held_out}; "
                    f"{verdict(settings, trainer.epoch, row['loss'])}; {speed:,.0f} {unit}/s"
                )
                run.log_timing(step=step, epoch=trainer.epoch, seconds=seconds, **{f"{unit}_per_second": speed})
            elif step % settings.log_every == 0:
                run.log(step=step, epoch=trainer.epoch, loss=trainer.mean_loss())
            if step % settings.sample_every == 0 if settings.sample_every else epoch_ended:
                text = trainer.samples()
                run.write_text(step, text)
                progress.print(text)
            if epoch_ended:
                trainer.end_epoch()
    return training.ended(trainer, run, say)


def _say_beginning(trainer: Trainer, say: Callable[[str], None]) -> None:
    """Say what there is to learn from, how large the network is, and whether it starts right."""
    settings, vocabulary = trainer.settings, len(trainer.vocabulary)
    unit, length = trainer.vocabulary.unit, settings.window
    if settings.stateful:
        streams = trainer.windows
        lies = f"{settings.batch_size} streams of {streams.length:,} {unit}, read {length} at a time"
    else:
        lies = f"{len(trainer.windows):,} windows of {length} {unit}"
    parameters = sum(p.numel() for p in trainer.model.trained())
    say(f"{lies}, {vocabulary:,} distinct; {parameters:,} parameters; {trainer.last_step:,} steps on {trainer.device}")
    if settings.receptive_field:
        say(f"receptive field: {settings.receptive_field} {unit}")
    if settings.tokens == "word":
        share = float((trainer.train_tokens == 0).mean())
        say(f"{share:.1%} of the words are unknown; a word has {1 / trainer.per_character:.2f} characters")
    with no_grad():
        if settings.stateful:
            tokens, following = (t.to(trainer.device) for t in trainer.windows[0])
            scores = trainer.model.score(trainer.model.features(tokens)[0]).flatten(0, 1)
            found = F.cross_entropy(scores, following.flatten()).item()
        else:
            first = trainer.windows.batch(np.arange(min(len(trainer.windows), settings.batch_size)))
            found = loss_of(trainer.model, *(t.to(trainer.device) for t in first)).item()
    say(f"loss at step 0: {found:.4f}; a guess in the dark has ln {vocabulary} = {math.log(vocabulary):.4f}")
