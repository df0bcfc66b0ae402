"""The demo's text part: an LSTM learns Python's language reference in some seconds, and writes."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygen.demo import page
from tinygen.demo.part import Part, Stopped
from tinygen.generators import text
from tinygen.random import Generator
from tinygen.run import EXIT_INTERRUPTED, Run

# The tuned preset on fewer windows: 345 steps an epoch with Python 3.11. No samples while it runs: the page has them.
SETTINGS = text.settings_for(
    "tuned", data="python-docs", stride=20, batch_size=64, epochs=3, lr=0.02, log_every=15, save_every=200,
    sample_every=1_000_000,
)
PROMPT = "if the value of the expression is "
LENGTH = 300


def run(folder: Path, say: Callable[[str], None], settings: text.Settings = SETTINGS) -> Part:
    """Train (or go on training), let the model write, and make the page's part of it.

    Args:
        folder: of the demo; the run goes to ``text`` in it.
        say: prints a line.
        settings: how to train.

    Raises:
        Stopped: when it was interrupted.
    """
    begun, out = time.monotonic(), folder / "text"
    say("text: training an LSTM, character by character, on the language reference that comes with Python")
    if text.train(settings, out, resume=True, say=say) == EXIT_INTERRUPTED:
        raise Stopped
    seconds = time.monotonic() - begun  # of this call: an earlier, interrupted one is not counted
    model, vocabulary, _, _ = text.load_model(out)
    tokens, generator = vocabulary.encode(PROMPT), Generator(settings.seed)
    written = {t: vocabulary.decode(model.sample(tokens, LENGTH, generator, t)) for t in text.TEMPERATURES}
    figure = text.temperature_figure(model, vocabulary, PROMPT, width=1000)
    described = _describe(Run.open(out), settings, seconds, written, figure)
    return Part("Text, character by character", described, time.monotonic() - begun)


def _describe(run: Run, settings: text.Settings, seconds: float, written: dict[float, str], figure: Any) -> str:
    """The part's HTML."""
    rows, size = run.metrics(), len(run.settings["vocabulary"])
    ends = [row for row in rows if row.get("epoch_end")]
    uniform = math.log(size)
    parts = [
        f"<p>A network with one LSTM layer of {settings.units} units read windows of {settings.window} characters of "
        "Python's language reference, and learned to say how likely each character is to come next. Drawing from that, "
        "again and again, writes text. It was never told what a word is.</p>",
        page.tiles({
            "characters to choose from": str(size),
            "steps of training": f"{rows[-1]['step']:,}",
            "loss on held-out text, nats": f"{ends[-1]['val_loss']:.3f}",
            "training and validation": f"{seconds:.1f} s",
        }),
        "<h3>How the loss fell</h3>",
        page.chart(
            [page.Curve("training", _between_rows(rows)),
             page.Curve("held out", [(row["step"], row["val_loss"]) for row in ends], "orange", dots=True)],
            "step", "nats per character", (uniform, f"ln {size} = {uniform:.2f}"),
            f"Not knowing anything costs ln {size} = {uniform:.2f} nats per character: there a run that is set up "
            "right begins.",
        ),
        "<h3>What it writes</h3>",
        f"<p>The same beginning at the chapter's four temperatures: <code>{html.escape(PROMPT.strip())}</code>. A low "
        "temperature keeps to the likeliest characters and repeats itself; a high one takes risks and misspells.</p>",
        *(page.sample(f"temperature {t}", PROMPT, words) for t, words in written.items()),
        "<h3>What it expects next</h3>",
        page.picture(
            figure, "bar charts of the next character's probabilities at six temperatures",
            f"The chapter's figure 8.2 for this model: its probabilities for the character after {PROMPT!r}, each to "
            "the power 1 / temperature, and normalised.",
        ),
        page.details("Every setting", page.table(run.settings)),
        "<h3>Next: the chapter's corpus</h3>",
        "<p>The same on Nietzsche, as in the book: 200,278 windows, 60 epochs. Ctrl-C saves and stops; "
        "<code>--resume</code> goes on as if nothing had happened, bit for bit.</p>",
        page.shell(
            "tinygen text train --data nietzsche --out nietzsche            # mended: does not explode\n"
            "tinygen text train --data nietzsche --preset book --out book   # the chapter to the letter\n"
            "tinygen text sample nietzsche --prompt \"what is noble? \" --temperature 0.5"
        ),
    ]
    return "\n".join(parts)


def _between_rows(rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """The mean loss between one row of the metrics and the next; the rows have the mean since the epoch began."""
    points, start, step, total = [], 0, 0, 0.0  # where the epoch began; the last row's step and sum
    for row in rows:
        if row.get("epoch_end"):  # its last batch is shorter, so steps are no measure of it
            start, step, total = row["step"], row["step"], 0.0
            continue
        now = row["loss"] * (row["step"] - start)
        points.append((row["step"], (now - total) / (row["step"] - step)))
        step, total = row["step"], now
    return points
