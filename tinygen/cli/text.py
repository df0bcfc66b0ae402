"""``tinygen text``: train a model of a text, let it write, look at temperatures."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinygen.cli.common import add_training_options, device_of, eprint, seed_of, write_picture
from tinygen.data.text import TEXTS
from tinygen.generators import text
from tinygen.random import Generator
from tinygen.run import Run, new_run_path


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    told = "text with an LSTM: train, sample, temperature"
    parser = subparsers.add_parser("text", help=told, description=text.__doc__)
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="train|sample|temperature")
    _add_train(commands)
    _add_sample(commands)
    _add_temperature(commands)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train on a text",
        epilog="presets: book and book-python are the chapter to the letter; tuned (the default) limits the gradient",
    )
    parser.add_argument("--data", metavar="NAME|FILE", help=f"{', '.join(TEXTS)}, or a text file (default nietzsche)")
    parser.add_argument("--preset", choices=list(text.PRESETS), help="where all other values come from (default tuned)")
    parser.add_argument("--tokens", choices=["char"], help="what a token is")
    parser.add_argument("--model", choices=["lstm"], help="the kind of network")
    parser.add_argument("--layers", type=int, metavar="N", help="LSTM layers (1)")
    parser.add_argument("--units", type=int, metavar="N", help="units of each layer (128)")
    parser.add_argument("--dropout", type=float, metavar="P", help="dropout between the layers (0)")
    parser.add_argument("--gate", choices=["sigmoid", "hard_sigmoid"], help="hard_sigmoid: as the published run")
    parser.add_argument("--window", type=int, metavar="N", help="characters that the network reads (60)")
    parser.add_argument("--stride", type=int, metavar="N", help="from one window's start to the next (3)")
    parser.add_argument("--keep-case", action="store_true", default=None, help="do not lower-case the text")
    parser.add_argument("--val-fraction", type=float, metavar="F", help="share held out (tuned 0.05, book 0)")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the text (60)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="windows in a step (128)")
    parser.add_argument("--optimizer", choices=["adam", "rmsprop"], help="tuned adam, book rmsprop")
    parser.add_argument("--lr", type=float, metavar="X", help="learning rate (0.01)")
    parser.add_argument("--schedule", choices=["constant", "cosine"], help="of the learning rate")
    parser.add_argument("--targets", choices=["last", "all"], help="learn from the last place of a window or from all")
    parser.add_argument("--clip-norm", type=float, metavar="X", help="limit on the gradient's norm, 0 for none")
    add_training_options(parser)
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    names = {f.name for f in fields(text.Settings)}
    given = {k: v for k, v in vars(arguments).items() if k in names and v is not None}
    init_from = arguments.init_from
    if arguments.resume and arguments.out is None:
        raise ValueError("--resume needs --out, the run to go on with")
    if arguments.resume and (arguments.out / "config.json").is_file():
        # what is not said again is as it was
        there = Run.open(arguments.out, text.COMMAND)
        settings = text.settings_of(there, **given)
        init_from = init_from or there.settings.get("init_from")
    else:
        if (seed := seed_of(arguments)) is not None:
            given["seed"] = seed
        settings = text.settings_for(given.pop("preset", "tuned"), **given)
    options = {"device": device_of(arguments), "init_from": init_from, "quiet": arguments.quiet}
    if arguments.dry_run:
        with tempfile.TemporaryDirectory() as folder:
            changes = {"max_steps": 3, "sample_every": 3}
            settings = text.Settings(**{name: getattr(settings, name) for name in names} | changes)
            return text.train(settings, Path(folder) / "run", **options)
    out = arguments.out or new_run_path(text.COMMAND)
    return text.train(settings, out, resume=arguments.resume, **options)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_path", type=Path, metavar="RUN", help="a run directory of tinygen text train")
    parser.add_argument("--prompt", metavar="TEXT", help="what comes before (default: a passage of the run's text)")
    parser.add_argument("--weights", choices=["auto", "last", "best"], default="auto",
                        help="which weights (auto: best where some text was held out, else last)")


def _add_sample(commands: Any) -> None:
    parser = commands.add_parser("sample", help="let a model write")
    _add_run(parser)
    parser.add_argument("--length", type=int, default=400, metavar="N", help="characters to write (400)")
    parser.add_argument("--temperature", type=float, default=0.5, metavar="T", help="below 1 safer, above wilder (0.5)")
    parser.add_argument("--top-k", type=int, default=0, metavar="K", help="draw from the K likeliest only")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P", help="draw from the likeliest that make up P")
    parser.add_argument("--greedy", action="store_true", help="always take the likeliest")
    parser.add_argument("-n", "--count", type=int, default=1, metavar="COUNT", help="how many texts (1)")
    parser.add_argument("--seed", type=int, help="of the draws (default TINYGEN_SEED, else 0)")
    parser.set_defaults(run=_sample)


def _model_and_prompt(arguments: argparse.Namespace) -> tuple:
    model, vocabulary, _, passage = text.load_model(arguments.run_path, arguments.weights, eprint)
    prompt = passage if arguments.prompt is None else arguments.prompt
    if not prompt:
        raise ValueError("`--prompt` is empty; it needs at least one character")
    return model, vocabulary, prompt, vocabulary.encode(prompt, "--prompt")


def _sample(arguments: argparse.Namespace) -> int:
    for name, low in {"length": 0, "count": 1, "top_k": 0}.items():
        if getattr(arguments, name) < low:
            raise ValueError(f"`--{name.replace('_', '-')}` is {getattr(arguments, name)}; it must be at least {low}")
    if not arguments.temperature > 0:
        raise ValueError(f"`--temperature` is {arguments.temperature}; it must be above 0 (--greedy is its limit)")
    if not 0 < arguments.top_p <= 1:
        raise ValueError(f"`--top-p` is {arguments.top_p}; it must be above 0 and at most 1")
    model, vocabulary, prompt, tokens = _model_and_prompt(arguments)
    generator = Generator(seed_of(arguments) or 0)
    for i in range(arguments.count):
        written = model.sample(
            tokens, arguments.length, generator, arguments.temperature, arguments.top_k, arguments.top_p,
            arguments.greedy,
        )
        if i:
            print("\n---")
        print(prompt + vocabulary.decode(written))
    return 0


def _add_temperature(commands: Any) -> None:
    parser = commands.add_parser("temperature", help="draw the next character's distribution at several temperatures")
    _add_run(parser)
    parser.add_argument("--out", "-o", type=Path, default=Path("temperature.png"), metavar="FILE.png")
    parser.set_defaults(run=_temperature)


def _temperature(arguments: argparse.Namespace) -> int:
    model, vocabulary, prompt, _ = _model_and_prompt(arguments)
    write_picture(text.temperature_figure(model, vocabulary, prompt), arguments.out)
    return 0
