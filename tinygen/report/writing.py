"""How good is a model of text? What it costs beside what counting costs; its words; what it has copied; its form."""

from __future__ import annotations

import html
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygen.data import DATASETS, load_text
from tinygen.data.download import cached
from tinygen.data.music import CHORALES, TUNES
from tinygen.data.tokens import Speller, Tokenizer, divided
from tinygen.generators import text
from tinygen.music import form_statistics
from tinygen.quality.text import Copies, baselines, known_words
from tinygen.random import Generator
from tinygen.report.record import Record

TEMPERATURES = (0.2, 0.5, 1.0, 1.2)
LENGTH = 2000  # tokens that are written at each temperature
FORMS = {TUNES: "abc", CHORALES: "chorale"}
MOST = 5_000_000  # characters of the training text, from its end, that are counted and searched
STREAM = 7  # of the random numbers, beside those of training
NAMES = {1: "how often each {} occurs", 2: "pairs of {}", 5: "five {} in a row"}
COUNTS = {"tunes": "tunes", "bars": "bars that are counted", "chorales": "chorales", "lines": "lines"}
FIGURES = COUNTS | {  # of the form: name -> what it is called; all further ones are shares, the last two by the hundred
    "tunes_read": "tunes that can be read whole", "bars_right": "bars that fill their metre",
    "notes_in_key": "notes in the key", "ends_on_tonic": "tunes that end on the tonic",
    "lines_read": "lines with four notes", "in_range": "notes within the voice's range",
    "crossings": "lines in which voices cross", "known_sonorities": "lines whose chord the corpus has",
    "parallel_fifths": "parallel fifths in 100 moves", "parallel_octaves": "parallel octaves in 100 moves",
}


@dataclass(frozen=True)
class Sampled:
    """What a model wrote at a temperature, and what is said of it.

    Attributes:
        name: the temperature of the draws, or where the text is from.
        text: what was written.
        known: how many of its words the training text has.
        words: how many words it has.
        copied: the longest passage that the training text has too.
        form: of music, what :func:`tinygen.music.form_statistics` counts; else empty.
    """

    name: str
    text: str
    known: int
    words: int
    copied: str
    form: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What is said of a model of text.

    Attributes:
        unit: what its tokens are called.
        trained: characters of the training text, which was counted and searched.
        characters: of the held-out text; 0 where nothing was held out.
        tokens: of the held-out text.
        loss: the model's on it, in nats per character; None where it was never measured.
        counted: order -> loss of counting, likewise.
        sampled: what it wrote, by temperature.
        beside: the same of as much of the held-out text; None where nothing was held out.
        corpus_form: the form of the held-out text, or of all where nothing was held out.
        is_music: whether the text is music, whose words mean little.
    """

    unit: str
    trained: int
    characters: int
    tokens: int
    loss: float | None
    counted: dict[int, float]
    sampled: Sequence[Sampled]
    beside: Sampled | None
    corpus_form: dict[str, Any]
    is_music: bool


def judge(record: Record, length: int = LENGTH, seed: int = 0) -> Judgement:
    """Judge the model of a run of ``tinygen text train``.

    Args:
        record: the run.
        length: tokens to write at each temperature.
        seed: of the draws.

    Raises:
        FileNotFoundError: if it has no weights yet.
        ValueError: if its text is not here or has changed, or its weights do not fit.
    """
    model, vocabulary, settings, prompt = text.load_model(record.run.path)
    corpus = _corpus(record, settings.data)
    _, trained, held_out = divided(
        corpus, settings.tokens, settings.val_fraction, not settings.keep_case, settings.vocabulary_size
    )
    if len(trained) > MOST:
        trained = trained[vocabulary.cut(trained, len(trained) - MOST) :]
    form = FORMS.get(settings.data)
    characters, tokens, loss, counted = 0, 0, None, {}
    if held_out:
        train_tokens, held_out_tokens = vocabulary.encode(trained), vocabulary.encode(held_out)
        characters, tokens = len(held_out), len(held_out_tokens)
        spelling = _spelling(vocabulary, trained, held_out) if settings.tokens == "word" else 0.0
        counted = baselines(train_tokens, held_out_tokens, len(vocabulary), characters, spelling)
        best = record.best("val_loss")
        # what a run of notes tells is for a note; all others tell it for a character
        loss = best and best[0] * (tokens / characters if settings.tokens == "voice" else 1.0)
    copies, generator, sampled = Copies(trained), Generator((seed << 8) + STREAM), []

    def said_of(name: str, words: str, before: str = "") -> Sampled:
        found = form_statistics(before + words, form, trained) if form else {}
        return Sampled(name, words, *known_words(words, trained), copies.longest(words), found)

    beginning = vocabulary.encode(prompt, "prompt")
    for temperature in TEMPERATURES:
        written = model.sample(beginning, length, generator, temperature, silent=vocabulary.silent)
        sampled.append(said_of(f"temperature {temperature}", vocabulary.decode(np.asarray(written)), prompt))
    beside = said_of("the held-out text", held_out[: max(len(s.text) for s in sampled)]) if held_out else None
    corpus_form = form_statistics(held_out or trained, form, trained) if form else {}
    return Judgement(
        vocabulary.unit, len(trained), characters, tokens, loss, counted, sampled, beside, corpus_form, form is not None
    )


def _corpus(record: Record, data: str) -> str:
    """The run's text, if it is here: a report downloads nothing."""
    if data in DATASETS and not all(cached(data)):
        raise ValueError(f"its text, {data}, is not here (tinygen data fetch {data})")
    corpus = load_text(data)
    if zlib.crc32(corpus.encode()) != record.run.settings.get("text_crc32"):
        raise ValueError(f"its text, {data}, has changed since it was trained")
    return corpus


def _spelling(vocabulary: Tokenizer, trained: str, held_out: str) -> float:
    """Nats for the letters of the held-out words that have no token."""
    speller = Speller(vocabulary.unknown_words(trained), trained + held_out)
    return sum(map(speller.cost, vocabulary.unknown_words(held_out)))


# ----------------------------------------------------------------------------------------------------------- HTML


def judgement_html(judgement: Judgement) -> str:
    """Return what is said of a model of text, as tables."""
    parts = [_losses(judgement), _samples(judgement)]
    if judgement.corpus_form:
        parts.append(_form(judgement))
    return "".join(parts)


def _losses(judgement: Judgement) -> str:
    if not judgement.characters:
        return ('<p class="note">This run held nothing out (--val-fraction), so there is no text that it has never '
                "read to hold it against counting.</p>")
    per_token = judgement.characters / judgement.tokens
    names = {1: _one(judgement.unit)}
    rows = [(f"counting {NAMES[k].format(names.get(k, judgement.unit))}", v) for k, v in judgement.counted.items()]
    rows.append(("this model", judgement.loss))
    head = "<tr><th>on the held-out text</th><th>nats per character</th>"
    head += f"<th>nats per {html.escape(_one(judgement.unit))}</th>" if judgement.unit != "characters" else ""
    lines = []
    for name, loss in rows:
        cells = ["not measured yet"] if loss is None else [f"{loss:.4f}"]
        if judgement.unit != "characters":
            cells.append("" if loss is None else f"{loss * per_token:.4f}")
        lines.append(f"<tr><th>{html.escape(name)}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return (
        f'<div class="wide"><table>{head}</tr>{"".join(lines)}</table></div><p class="note">'
        f"{judgement.characters:,} characters that were not trained on. Counting: interpolated modified Kneser-Ney "
        f"smoothing (Chen and Goodman, 1998) of {judgement.trained:,} characters of the training text, its discounts "
        "from there too.</p>"
    )


def _samples(judgement: Judgement) -> str:
    head = "<tr><th></th>" + ("" if judgement.is_music else "<th>words that the corpus has</th>")
    lines = []
    for s in [*judgement.sampled, *([judgement.beside] if judgement.beside else [])]:
        share = _percent(s.known / s.words if s.words else None)
        words = "" if judgement.is_music else f"<td>{share} of {s.words:,}</td>"
        shown = s.copied if len(s.copied) <= 90 else f"{s.copied[:90]} [...]"
        lines.append(f"<tr><th>{s.name}</th>{words}<td>{len(s.copied):,}</td>"
                     f'<td class="passage"><code>{html.escape(repr(shown)[1:-1])}</code></td></tr>')
    written = "".join(
        f'<h4>{s.name}</h4><pre class="card">{html.escape(s.text)}</pre>' for s in judgement.sampled
    )
    return (
        f'<div class="wide"><table>{head}<th>characters copied in a row</th><th>the longest passage copied</th></tr>'
        f'{"".join(lines)}</table></div><details><summary>What was written for this table</summary>{written}</details>'
    )


def _form(judgement: Judgement) -> str:
    names = [name for name in FIGURES if name in judgement.corpus_form]
    head = "".join(f"<th>{s.name}</th>" for s in judgement.sampled)
    lines = []
    for name in names:
        values = [s.form[name] for s in judgement.sampled] + [judgement.corpus_form[name]]
        told = _count if name in COUNTS else _hundredths if name.startswith("parallel") else _percent
        shown = [told(value) for value in values]
        lines.append(f"<tr><th>{FIGURES[name]}</th>" + "".join(f"<td>{cell}</td>" for cell in shown) + "</tr>")
    return (
        f'<div class="wide"><table><tr><th>form</th>{head}<th>the corpus</th></tr>{"".join(lines)}'
        "</table></div>"
    )


def _one(unit: str) -> str:
    return unit.removesuffix("s")


def _count(number: int) -> str:
    return f"{number:,}"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f}&#8239;%"


def _hundredths(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
