"""What models of music write, counted beside the music that was held out.

    python benchmarks/music.py RUN [--length 8000] [--draws 5]

RUN is a run of ``tinygen text train`` on ``nottingham`` or ``jsb-chorales``. At each temperature several texts are
drawn and counted together by ``tinygen.music.form_statistics``; the last line of each gives what varies most, draw by
draw: the share of right bars, of chorales the share of notes within the voices' ranges.
"""

import argparse
import zlib

from tinygen.data import load_text
from tinygen.data.tokens import divided
from tinygen.generators import text
from tinygen.music import form_statistics
from tinygen.random import Generator
from tinygen.run import Run

TEMPERATURES = (0.5, 0.7, 0.85, 1.0)
TELLING = {"abc": "bars_right", "chorale": "in_range"}


def main():
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--length", type=int, default=8000, help="tokens of each draw")
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    model, vocabulary, settings, prompt = text.load_model(arguments.run)
    corpus = load_text(settings.data)
    if zlib.crc32(corpus.encode()) != Run.open(arguments.run).settings["text_crc32"]:
        parser.error(f"the text of {arguments.run} has changed since it was trained")
    _, trained, held_out = divided(
        corpus, settings.tokens, settings.val_fraction, not settings.keep_case, settings.vocabulary_size
    )
    form = "abc" if settings.data == "nottingham" else "chorale"
    show("held out", form_statistics(held_out, form, trained))
    for temperature in TEMPERATURES:
        texts = [draw(model, vocabulary, prompt, arguments.length, temperature, k) for k in range(arguments.draws)]
        show(f"temperature {temperature}", form_statistics("\n".join(texts), form, trained))
        name = TELLING[form]
        each = [form_statistics(written, form, trained)[name] for written in texts]
        print(f"  {name} of each draw: {' '.join(f'{share:.3f}' for share in each)}", flush=True)


def draw(model, vocabulary, prompt, length, temperature, seed):
    """A text, up to the end of its last whole line."""
    tokens = model.sample(
        vocabulary.encode(prompt), length, Generator(seed), temperature, silent=vocabulary.silent
    )
    written = prompt + vocabulary.decode(tokens)
    return written[: written.rfind("\n") + 1]


def show(name, found):
    """Print what was counted."""
    told = (f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in found.items())
    print(f"{name}: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
