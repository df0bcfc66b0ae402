"""``tinygen text``: train a model of a text, let it write, look at temperatures."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from tinygen.cli.common import add_training_options, check_at_least, eprint, seed_of, train, write_picture
from tinygen.data.music import CHORALES, TUNES
from tinygen.data.text import TEXTS
from tinygen.data.tokens import KINDS
from tinygen.generators import text, text_settings
from tinygen.io import write_atomically
from tinygen.music import midi_of, piano_roll
from tinygen.random import Generator


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    told = "text, by characters, words or notes: train, sample, temperature"
    parser = subparsers.add_parser("text", help=told, description=text.__doc__)
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="train|sample|temperature")
    _add_train(commands)
    _add_sample(commands)
    _add_temperature(commands)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train on a text",
        epilog="presets: book and book-python are the chapter to the letter; tuned (the default) limits the gradient; "
        "large has two layers of 256 units, dropout and streams. In brackets: the default of tuned with --model lstm "
        "and --tokens char; others have their own, which config.json of a run shows.",
        formatter_class=argparse.HelpFormatter,
    )
    add = parser.add_argument
    add("--data", metavar="NAME|FILE", help=f"{', '.join(TEXTS)}, or a text file (default nietzsche)")
    add("--preset", choices=list(text.PRESETS), help="where all other values come from (default tuned)")
    add("--tokens", choices=list(KINDS), help="what a token is: a character, a word, or a note of a chorale (char)")
    add("--model", choices=list(text_settings.MODELS), help="the kind of network (lstm)")
    add("--layers", type=int, metavar="N", help="layers, or blocks of --model conv (1)")
    add("--units", type=int, metavar="N", help="units, or channels, of each layer (128)")
    add("--dropout", type=float, metavar="P", help="dropout between the layers, or in the blocks (0)")
    add("--output-dropout", type=float, metavar="P", help="dropout before the scores (0)")
    add("--gate", choices=["sigmoid", "hard_sigmoid"], help="of the LSTM; hard_sigmoid: as the published run")
    add("--embedding", type=int, metavar="N", help="numbers that stand for a token, 0: one-hot (0)")
    add("--kernel", type=int, metavar="N", help="conv: tokens that one convolution looks at (2)")
    add("--cycle", type=int, metavar="N", help="conv: block k has dilation 2**(k %% N) (8)")
    add("--vocabulary", type=int, metavar="N", dest="vocabulary_size", help="word: so many words at most (10000)")
    add("--softmax", choices=["full", "sampled"], help="word: learn against all words, or against a few (full)")
    add("--candidates", type=int, metavar="N", help="sampled softmax: how many (512)")
    add("--stateful", action=argparse.BooleanOptionalAction, help="read the text in streams and carry the state")
    add("--window", type=int, metavar="N", help="tokens that the network reads in a step (60)")
    add("--stride", type=int, metavar="N", help="from one window's start to the next, without --stateful (3)")
    add("--keep-case", action="store_true", default=None, help="do not lower-case the text")
    add("--val-fraction", type=float, metavar="F", help="share held out (tuned 0.05, book 0)")
    add("--epochs", type=int, metavar="N", help="passes over the text (60)")
    add("--batch-size", type=int, metavar="N", help="windows, or streams, in a step (128)")
    add("--optimizer", choices=["adam", "rmsprop"], help="tuned adam, book rmsprop")
    add("--lr", type=float, metavar="X", help="learning rate (0.01)")
    add("--schedule", choices=["constant", "cosine", "linear"], help="of the learning rate")
    add("--targets", choices=["last", "all"], help="learn from the last place of a window or from all")
    add("--clip-norm", type=float, metavar="X", help="limit on the gradient's norm, 0 for none")
    add_training_options(parser)
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    return train(arguments, text, max_steps=3, sample_every=3)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_path", type=Path, metavar="RUN", help="a run directory of tinygen text train")
    parser.add_argument("--prompt", metavar="TEXT", help="what comes before (default: a passage of the run's text)")
    parser.add_argument("--weights", choices=["auto", "last", "best"], default="auto",
                        help="which weights (auto: best where some text was held out, else last)")


def _add_sample(commands: Any) -> None:
    parser = commands.add_parser("sample", help="let a model write")
    _add_run(parser)
    parser.add_argument("--length", type=int, default=400, metavar="N",
                        help="tokens to write: characters, words or notes, four to a step (400)")
    parser.add_argument("--temperature", type=float, default=0.5, metavar="T", help="below 1 safer, above wilder (0.5)")
    parser.add_argument("--top-k", type=int, default=0, metavar="K", help="draw from the K likeliest only")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P", help="draw from the likeliest that make up P")
    parser.add_argument("--greedy", action="store_true", help="always take the likeliest")
    parser.add_argument("-n", "--count", type=int, default=1, metavar="COUNT", help="how many texts (1)")
    parser.add_argument("--seed", type=int, help="of the draws (default TINYGEN_SEED, else 0)")
    parser.add_argument("--midi", type=Path, metavar="FILE.mid", help="a model of music: write it as a MIDI file too")
    parser.add_argument("--roll", type=Path, metavar="FILE.png", help="a model of music: draw its piano roll too")
    parser.set_defaults(run=_sample)


def _model_and_prompt(arguments: argparse.Namespace) -> tuple:
    model, vocabulary, settings, passage = text.load_model(arguments.run_path, arguments.weights, eprint)
    prompt = passage if arguments.prompt is None else arguments.prompt
    if not prompt:
        raise ValueError("`--prompt` is empty; it needs at least one character")
    tokens = vocabulary.encode_prompt(prompt)
    if not len(tokens):
        raise ValueError(f"`--prompt` is {prompt!r}; it needs at least one of the model's {vocabulary.unit}")
    return model, vocabulary, settings, prompt if vocabulary.kind == "char" else vocabulary.decode(tokens), tokens


def _sample(arguments: argparse.Namespace) -> int:
    check_at_least(arguments, length=0, count=1, top_k=0)
    if not arguments.temperature > 0:
        raise ValueError(f"`--temperature` is {arguments.temperature}; it must be above 0 (--greedy is its limit)")
    if not 0 < arguments.top_p <= 1:
        raise ValueError(f"`--top-p` is {arguments.top_p}; it must be above 0 and at most 1")
    model, vocabulary, settings, prompt, tokens = _model_and_prompt(arguments)
    music = {name: path for name in ("midi", "roll") if (path := getattr(arguments, name)) is not None}
    form = _form(settings, arguments, music) if music else ""
    generator = Generator(seed_of(arguments) or 0)
    for i in range(arguments.count):
        written = model.sample(
            tokens, arguments.length, generator, arguments.temperature, arguments.top_k, arguments.top_p,
            arguments.greedy, vocabulary.silent,
        )
        if i:
            print("\n---")
        whole = prompt + vocabulary.decode(written)
        print(whole)
        if "midi" in music:
            write_atomically(music["midi"], [midi_of(whole, form)])
        if "roll" in music:
            picture = io.BytesIO()
            piano_roll(whole, form).save(picture, format="PNG")
            write_atomically(music["roll"], [picture.getvalue()])
    for path in music.values():
        eprint(str(path))
    return 0


def _form(settings: text.Settings, arguments: argparse.Namespace, music: dict[str, Path]) -> str:
    """What notation the model writes; refuses what is not to be heard, or not to be written."""
    for name, ending in {"midi": ".mid", "roll": ".png"}.items():
        if name in music and music[name].suffix.lower() != ending:
            raise ValueError(f"`--{name}` is {str(music[name])!r}; the file's name must end in {ending}")
        if name in music and not music[name].parent.is_dir():
            raise ValueError(f"`--{name}` is {str(music[name])!r}, but there is no folder `{music[name].parent}`")
    if arguments.count > 1:
        raise ValueError(f"`--count` is {arguments.count}; --midi and --roll take one text")
    if settings.tokens == "voice" or settings.data == CHORALES:
        return "chorale"
    if settings.tokens == "char" and (settings.data == TUNES or settings.data.endswith(".abc")):
        return "abc"
    raise ValueError(
        f"`{arguments.run_path}` is a model of {settings.data!r}, which is no music; --midi and --roll need --tokens "
        f"voice, or characters of {TUNES} or of a file that ends in .abc"
    )


def _add_temperature(commands: Any) -> None:
    parser = commands.add_parser("temperature", help="draw the next token's distribution at several temperatures")
    _add_run(parser)
    parser.add_argument("--out", "-o", type=Path, default=Path("temperature.png"), metavar="FILE.png")
    parser.set_defaults(run=_temperature)


def _temperature(arguments: argparse.Namespace) -> int:
    model, vocabulary, _, prompt, _ = _model_and_prompt(arguments)
    write_picture(text.temperature_figure(model, vocabulary, prompt), arguments.out)
    return 0
