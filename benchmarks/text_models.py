"""Measure the networks of ``tinygen text``: writing, the two softmaxes, and held-out text.

    python benchmarks/text_models.py sampling              # one token: from what was kept, and from the whole window
    python benchmarks/text_models.py softmax --seconds 120  # words: full and sampled softmax, equal steps, equal time
    python benchmarks/text_models.py held-out RUN ...      # any runs, by one measure: the held-out text as one stream

Set NUMBA_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1: times are of the CPU, so that other work on the machine does not
count, and those of several threads would be added up.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

from tinygen.data import load_text
from tinygen.data.tokens import Speller, divided
from tinygen.generators import text
from tinygen.generators.text_loss import held_out_losses
from tinygen.generators.text_models import LanguageModel, build
from tinygen.modes import no_grad
from tinygen.random import Generator
from tinygen.tensor import Tensor

CHARACTERS = 57
MODELS = {
    "conv, 8 blocks of 128": ("tuned", {"model": "conv"}),
    "conv, 9 blocks of 128, kernel 3": ("large", {"model": "conv"}),
    "GRU, 1 x 128": ("tuned", {"model": "gru"}),
    "GRU, 2 x 256": ("tuned", {"model": "gru", "layers": 2, "units": 256}),
    "LSTM, 1 x 128": ("tuned", {}),
    "LSTM, 2 x 256": ("large", {}),
}


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The median of several runs, after one that does not count."""
    call()
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return median(times)


def times_of(model: LanguageModel, window: int) -> tuple[float, float]:
    """Seconds for a token from what was kept, and from running the window again."""
    prompt = np.random.default_rng(0).integers(0, CHARACTERS, window, np.int32)
    tokens = Tensor(prompt[:, None])

    def again() -> None:
        with no_grad():
            model(tokens).numpy()

    long, short = (seconds(partial(model.sample, prompt, n, Generator(0)), 5) for n in (420, 20))
    return (long - short) / 400, seconds(again, 15)


def sampling() -> None:
    """A token from kept activations, and from the window: the receptive field, or 60 tokens."""
    print("| network | window | token, kept | token, window again | ratio |\n|---|---:|---:|---:|---:|")
    for name, (preset, changes) in MODELS.items():
        settings = text.settings_for(preset, **changes)
        window = settings.receptive_field or 60
        kept, whole = times_of(build(settings, CHARACTERS, Generator(0)).eval(), window)
        print(f"| {name} | {window} | {kept * 1e6:,.0f} us | {whole * 1e6:,.0f} us | {whole / kept:,.0f} |", flush=True)


def softmax(limit: float, vocabulary: int) -> None:
    """Words of Nietzsche: what each softmax costs and reaches, by steps and by the clock."""
    corpus = load_text("nietzsche")
    print("| softmax | words | ms a step | steps | seconds | val_loss | perplexity of a word |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, changes in {
        "full": {},
        "sampled, 512": {"softmax": "sampled", "candidates": 512},
        "sampled, 128": {"softmax": "sampled", "candidates": 128},
    }.items():
        common = {"tokens": "word", "schedule": "constant", "epochs": 1000, "vocabulary_size": vocabulary}
        trainer = text.Trainer(text.settings_for("tuned", **common, **changes), corpus)
        marks, spent, steps = [limit / 4, limit / 2, limit], 0.0, []
        begun = time.process_time()
        for ended in trainer.steps():
            now = time.process_time()
            steps.append(now - begun)
            spent += now - begun
            if ended:
                trainer.end_epoch()
            if spent >= marks[0] or (ended and trainer.epoch in (2, 4)):
                if spent >= marks[0]:
                    marks.pop(0)
                found = trainer.validate()
                cells = [
                    name, f"{len(trainer.vocabulary):,}", f"{1e3 * median(steps):.0f}", trainer.step, f"{spent:.0f}",
                    f"{found['val_loss']:.4f}", f"{found['val_perplexity_word']:,.0f}",
                ]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)
            if not marks:
                break
            begun = time.process_time()


def held_out(paths: list[str]) -> None:
    """The best weights of runs on the text they held out, read from its beginning to its end."""
    print("| run | parameters | nats per character | perplexity of a character | of a word |")
    print("|---|---:|---:|---:|---:|")
    for path in paths:
        model, vocabulary, settings, _ = text.load_model(path, "auto")
        corpus = load_text(settings.data)
        _, trained, rest = divided(corpus, settings.tokens, settings.val_fraction, not settings.keep_case)
        tokens = vocabulary.encode(rest)
        losses = held_out_losses(model, np.concatenate([vocabulary.encode(trained)[-1:], tokens]))
        nats, words = float(losses.sum()), ""
        if settings.tokens == "word":
            speller = Speller(vocabulary.unknown_words(trained), trained + rest)
            nats += sum(map(speller.cost, vocabulary.unknown_words(rest)))
            words = f"{math.exp(nats / len(losses)):,.1f}"
        each = nats / len(rest)
        parameters = sum(p.numel() for p in model.trained())
        print(f"| {path} | {parameters:,} | {each:.4f} | {math.exp(each):.3f} | {words} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("sampling")
    words = commands.add_parser("softmax")
    words.add_argument("--seconds", type=float, default=120, metavar="S", help="of training, for each (120)")
    words.add_argument("--vocabulary", type=int, default=10_000, metavar="N", help="words at most (10000)")
    commands.add_parser("held-out").add_argument("runs", nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    if arguments.what == "sampling":
        sampling()
    elif arguments.what == "softmax":
        softmax(arguments.seconds, arguments.vocabulary)
    else:
        held_out(arguments.runs)


if __name__ == "__main__":
    sys.exit(main())
