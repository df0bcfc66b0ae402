"""``tinygen text`` as a user meets it: it trains, writes, draws, refuses bad input in one line, and survives a kill."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.data.download import cached

CORPUS = "the quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs.\n" * 12
SMALL = "--units 16 --window 12 --batch-size 16 --epochs 2 --val-fraction 0.1 --log-every 5 --save-every 7".split()
# a child needs no Numba: it starts in a third of the time
ENV = {**os.environ, "PYTHONPATH": str(Path(tg.__file__).parents[1]), "TINYGEN_KERNELS": "reference"}
ENV.pop("PYTHONUNBUFFERED", None)  # what is printed is buffered, as for most users
RESULTS = ("last.safetensors", "best.safetensors", "state.safetensors", "metrics.jsonl")
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and limits")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a corpus, and a run of it: the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("TINYGEN_SEED", "TINYGEN_DEVICE", "TINYGEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    Path("corpus.txt").write_text(CORPUS)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run, trained once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "corpus.txt").write_text(CORPUS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TINYGEN_SEED", raising=False)
        assert main(["text", "train", "--data", "corpus.txt", *SMALL, "-o", "run", "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def run(here, trained):
    """That run, in the working directory."""
    return shutil.copytree(trained, Path("run"))


def train(*more, data="corpus.txt"):
    return ["text", "train", "--data", data, *SMALL, *map(str, more)]


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def status_of(arguments):
    """The exit status, whether the parser or the command ended it."""
    try:
        return main(list(map(str, arguments)))
    except SystemExit as error:
        return error.code


# ------------------------------------------------------------------------------------------------------ what it does


def test_train_writes_a_whole_run_directory(run, capsys):
    assert {p.name for p in run.iterdir()} >= {"config.json", "timing.jsonl", "samples", *RESULTS}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["epoch_end"]
    assert rows[-1]["val_loss"] > 0
    config = json.loads((run / "config.json").read_text())
    assert config["command"] == "text train"
    assert config["settings"]["units"] == 16
    assert (run / "samples" / f"step_{rows[-1]['step']:06d}.txt").read_text().count("--- temperature") == 4
    assert capsys.readouterr().out == ""  # --quiet


def test_train_says_where_it_starts_and_where_the_run_is(here, capsys):
    assert main(train()) == 0
    out = capsys.readouterr().out
    assert "a guess in the dark has ln 30 = 3.4012" in out
    assert "runs/text-train-1" in out
    assert main(train()) == 0
    assert Path("runs/text-train-2/last.safetensors").exists()


def test_a_finished_run_resumed_says_so_and_a_longer_one_goes_on(run, capsys):
    before = contents(run)
    assert main(["text", "train", "-o", "run", "--resume"]) == 0  # nothing is said again
    assert "finished already" in capsys.readouterr().out
    assert contents(run) == before
    assert main(["text", "train", "-o", "run", "--resume", "--epochs", "3"]) == 0
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["epoch"] == 3


def test_resume_of_a_run_that_began_with_other_weights_needs_not_say_so_again(run, capsys):
    assert main(train("-o", "b", "--init-from", "run/last.safetensors", "--max-steps", 3)) == 0
    (run / "last.safetensors").unlink()  # a checkpoint is there: the file is not needed any more
    assert main(["text", "train", "-o", "b", "--resume", "--max-steps", "5"]) == 0
    assert "going on from step 3 of 5" in capsys.readouterr().out


def test_resume_takes_the_seed_of_the_run_not_of_the_environment(run, monkeypatch):
    monkeypatch.setenv("TINYGEN_SEED", "5")
    assert main(["text", "train", "-o", "run", "--resume"]) == 0
    assert main(train("-o", "five")) == 0
    assert json.loads(Path("five/config.json").read_text())["seed"] == 5


def test_dry_run_leaves_nothing(here, capsys):
    assert main(train("--dry-run", "-o", "out")) == 0
    out = capsys.readouterr().out
    assert "3 steps" in out
    assert out.endswith("all works; nothing was kept\n")
    assert [p.name for p in here.iterdir()] == ["corpus.txt"]


def test_sample(run, capsys):
    arguments = ["text", "sample", "run", "--prompt", "The Quick ", "--length", "40"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert first.startswith("The Quick ")
    assert len(first) == len("The Quick ") + 40 + 1
    assert main(arguments) == 0
    assert capsys.readouterr().out == first  # the seed is 0 unless said
    assert main([*arguments, "--seed", "1", "--temperature", "1.5"]) == 0
    assert capsys.readouterr().out != first
    assert main([*arguments, "--greedy"]) == 0
    greedy = capsys.readouterr().out
    assert main([*arguments, "--top-k", "1", "--seed", "9"]) == 0
    assert capsys.readouterr().out == greedy
    assert main([*arguments, "-n", "3", "--top-p", "0.9"]) == 0
    assert capsys.readouterr().out.count("\n---\n") == 2
    assert main(["text", "sample", "run", "--length", "0", "--weights", "last"]) == 0
    assert capsys.readouterr().out == CORPUS[:12] + "\n"  # the prompt of the run


NOTES = [f"{72 + t % 5} {65 + t % 3} {'-' if t % 7 == 6 else 60} 48\n" + "\n" * (t % 20 == 19) for t in range(400)]
KINDS = {
    "word": ["--tokens", "word", "--batch-size", "4"],
    "conv": ["--model", "conv", "--layers", "3", "--batch-size", "4"],
    "gru": ["--model", "gru", "--layers", "2"],
    "voice": ["--tokens", "voice", "--data", "notes.txt", "--batch-size", "4", "--epochs", "4"],
}


@pytest.fixture(params=KINDS)
def other(request, here):
    """The kind, and a run of it, in the working directory."""
    Path("notes.txt").write_text("".join(NOTES))
    assert main(train("-o", "run", "--quiet", *KINDS[request.param])) == 0
    return request.param


def test_other_kinds_train_write_and_draw(other, capsys):
    from PIL import Image

    prompt = {"word": "pack my ", "voice": "72 65 60 48"}.get(other, "pack my ")
    arguments = ["text", "sample", "run", "--prompt", prompt, "--length", "40"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert first.startswith({"word": " pack my", "voice": "72 65 60 48\n"}.get(other, "pack my "))
    assert "unknown" not in first
    if other == "voice":
        assert all(len(line.split()) in (0, 4) for line in first.splitlines())
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert main(["text", "sample", "run", "--length", "5"]) == 0
    assert main(["text", "temperature", "run", "-o", "figure.png"]) == 0
    with Image.open("figure.png") as figure:
        assert figure.width == 1200
    row = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    assert ("val_perplexity_word" in row) == (other == "word")
    config = json.loads(Path("run/config.json").read_text())["settings"]
    assert config.get("receptive_field") == (8 if other == "conv" else None)
    assert main(["text", "train", "--resume", "-o", "run"]) == 0
    assert "finished already" in capsys.readouterr().out


@pytest.mark.parametrize("other", ["word"], indirect=True)
def test_words_that_the_model_does_not_know(other, capsys):
    assert main(["text", "sample", "run", "--prompt", "pack my unicorn"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "`--prompt` has words that this model does not know: 'unicorn'" in err
    assert err.count("\n") == 1
    assert main(["text", "sample", "run", "--prompt", "   "]) == 2
    assert "`--prompt` is '   '; it needs at least one of the model's words" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["voice"], indirect=True)
def test_notes_can_be_heard_and_seen(other, capsys):
    from PIL import Image

    sample = ["text", "sample", "run", "--length", "80", "--temperature", "0.3"]
    assert main([*sample, "--midi", "m.mid", "--roll", "r.png"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") > 10
    assert err == "m.mid\nr.png\n"
    assert Path("m.mid").read_bytes().startswith(b"MThd")
    with Image.open("r.png") as roll:
        assert roll.width > 100
    for bad, message in {
        ("--midi", "m.txt"): "`--midi` is 'm.txt'; the file's name must end in .mid",
        ("--roll", "no/r.png"): "`--roll` is 'no/r.png', but there is no folder `no`",
        ("--midi", "m.mid", "-n", "2"): "`--count` is 2; --midi and --roll take one text",
        ("--prompt", "60 61 62"): "`--prompt`, line 1, is '60 61 62'",
        ("--prompt", "1 2 3 4"): "`--prompt` has notes that this model has never seen in these voices: S1 A2 T3 B4",
    }.items():
        assert main([*sample, *bad]) == 2
        out, err = capsys.readouterr()
        assert message in err
        assert not out


def test_a_text_is_not_music(run, capsys):
    assert main(["text", "sample", "run", "--midi", "m.mid"]) == 2
    out, err = capsys.readouterr()
    assert "`run` is a model of 'corpus.txt', which is no music" in err
    assert not out
    assert not Path("m.mid").exists()


def test_temperature_draws_a_picture(run, capsys):
    from PIL import Image

    assert main(["text", "temperature", "run", "--prompt", "the ", "-o", "new/figure.png"]) == 0
    assert capsys.readouterr().out == "new/figure.png\n"
    with Image.open("new/figure.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == 1200
    assert (pixels == (46, 94, 170)).all(-1).mean() > 0.005  # there are bars
    assert [p.name for p in Path("new").iterdir()] == ["figure.png"]


def test_a_book_run_with_an_absurd_rate_ends_at_the_loss_keras_would_show(here):
    assert main(train("--preset", "book", "--val-fraction", 0, "--lr", 1e30, "-o", "x", "--quiet")) == 0
    rows = [json.loads(line) for line in Path("x/metrics.jsonl").read_text().splitlines()]
    assert max(row["loss"] for row in rows) <= 16.12  # -ln 1e-7: probabilities are clipped


def test_the_real_corpus_has_the_windows_of_the_book(capsys, monkeypatch):
    if not all(cached("nietzsche")):
        pytest.skip("nietzsche.txt is not in the cache (TINYGEN_HOME)")
    monkeypatch.setenv("TINYGEN_DEVICE", "cpu")
    assert main(["text", "train", "--preset", "book", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "200,278 windows of 60 characters, 57 distinct" in out
    assert "ln 57 = 4.0431" in out


# --------------------------------------------------------------------------------------------- one line, and status 2


def bad_file(name, data):
    Path(name).write_bytes(data)
    return name


TRAIN_ERRORS = {
    "unknown data": (lambda: train(data="nosuch"), "neither a file nor one of nietzsche"),
    "empty text": (lambda: train(data=bad_file("empty.txt", b" \n")), "holds no text"),
    "tiny text": (lambda: train(data=bad_file("tiny.txt", b"abc")), "the text has only 3 characters"),
    "one letter": (lambda: train(data=bad_file("a.txt", b"a" * 500)), "only 1 distinct character"),
    "not text": (lambda: train(data=bad_file("b.txt", b"\xff\xfe\x00ab" * 99)), "is not UTF-8 text (byte 0)"),
    "folder": (lambda: train(data="."), "a folder; it must be a text file"),
    "long window": (lambda: train("--window", 5000), "`window` is 5000, but the text has only"),
    "little held out": (lambda: train("--val-fraction", 0.001), "no more than the window of 12"),
    "run is there": (lambda: train("-o", "run"), "`run` already holds a run; --resume continues it"),
    "file is there": (lambda: train("-o", bad_file("file", b"x")), "`file` is a file; a run needs a folder"),
    "below a file": (lambda: train("-o", bad_file("file", b"x") + "/x"), "cannot make the folder `file/x`"),
    "resume what": (lambda: train("--resume"), "--resume needs --out"),
    "resume other": (lambda: train("-o", "run", "--resume", "--units", 32), "`units` was 16 and is 32 now"),
    "resume text": (lambda: train("-o", "run", "--resume", data=bad_file("c.txt", b"ab" * 99)), "`data` was"),
    "of another command": (lambda: train("-o", "vae", "--resume"), "`vae` holds a run of `vae train`"),
    "damaged config": (lambda: train("-o", "damaged", "--resume"), "`damaged/config.json` is damaged"),
    "weights missing": (lambda: train("--init-from", "nosuch.safetensors"), "`nosuch.safetensors` does not exist"),
    "weights no file": (lambda: train("--init-from", "."), "is a folder"),
    "weights damaged": (lambda: train("--init-from", bad_file("w", b"x" * 99)), "`w` is damaged or not a safetensors"),
    "other size": (lambda: train("--units", 32, "--init-from", "run/best.safetensors"), "which holds other weights: "),
    "other layers": (lambda: train("--layers", 2, "--init-from", "run/last.safetensors"), "holds other weights: "),
    "unknown flag": (lambda: train("--nosuch"), "unrecognized arguments: --nosuch"),
    "shortened flag": (lambda: train("--unit", 3), "unrecognized arguments: --unit"),
    "no number": (lambda: train("--lr", "abc"), "argument --lr: invalid float value: 'abc'"),
    "unknown preset": (lambda: train("--preset", "nope"), "choose from 'book', 'book-python', 'tuned', 'large'"),
    "tokens": (lambda: train("--tokens", "byte"), "choose from 'char', 'word', 'voice'"),
    "model": (lambda: train("--model", "rnn"), "choose from 'lstm', 'gru', 'conv'"),
    "few words": (lambda: train("--tokens", "word", data=bad_file("w.txt", b"one two three")), "none of them twice"),
    "small vocabulary": (lambda: train("--tokens", "word", "--vocabulary", 1), "`vocabulary_size` is 1; it must be at"),
    "no chorale": (lambda: train("--tokens", "voice"), "`text`, line 1, is 'the quick brown fox"),
    "big batch": (lambda: train("--stateful", "--batch-size", 400), "`batch_size` is 400, but the text has only 929"),
    "field": (lambda: train("--model", "conv", "--no-stateful"), "less than the receptive field of 256 tokens"),
    "sampled": (lambda: train("--softmax", "sampled"), "`softmax` is 'sampled', which needs a stateful run"),
    "book in streams": (lambda: train("--preset", "book", "--stateful"), "`targets` is 'last'; a stateful run learns"),
    "rate 0": (lambda: train("--lr", 0), "`lr` is 0.0; it must be above 0"),
    "rate infinite": (lambda: train("--lr", "inf"), "`lr` is inf"),
    "no units": (lambda: train("--units", 0), "`units` is 0; it must be at least 1"),
    "seed": (lambda: train("--seed", 2**70), "it must be below 2**56"),
    "device": (lambda: train("--device", "gpu"), "valid are 'cpu', 'cuda', 'cuda:N' and 'auto'"),
    "held-out share": (lambda: train("--val-fraction", "nan"), "`val_fraction` is nan"),
    "gigantic": (lambda: train("--units", 10**8), "not enough memory"),
}


@pytest.mark.parametrize("case", TRAIN_ERRORS)
def test_bad_input_to_train(case, run, capsys):
    Path("vae").mkdir()
    Path("vae/config.json").write_text('{"command":"vae train","settings":{},"versions":{}}')
    Path("damaged").mkdir()
    Path("damaged/config.json").write_text('{"comm')
    make, message = TRAIN_ERRORS[case]
    arguments = make()
    before = contents(".")
    assert status_of(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not out
    after = contents(".")
    after = {name: data for name, data in after.items() if not name.endswith(".lock")}
    assert after == {name: data for name, data in before.items() if not name.endswith(".lock")}
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "nosuch"], "`nosuch` holds no run"),
        (["sample", "corpus.txt"], "`corpus.txt` holds no run"),
        (["sample", "vae"], "a run of `text train` is needed"),
        (["sample", "poor"], "`poor/config.json` is damaged: it has no `vocabulary`"),
        (["sample", "odd"], "`odd/config.json` is damaged: its `units` is '16'"),
        (["sample", "mixed"], "`mixed` has weights of another model than its settings"),
        (["train", "--resume", "-o", "poor"], "`poor/config.json` is damaged"),
        (["train", "--resume", "-o", "odd"], "`odd/config.json` is damaged"),
        (["sample", "run", "--prompt", "ÄÖ é"], "`--prompt` has characters that this model has never seen: 'ä' 'é'"),
        (["sample", "run", "--prompt", ""], "`--prompt` is empty"),
        (["sample", "run", "--temperature", "0"], "`--temperature` is 0.0; it must be above 0"),
        (["sample", "run", "--temperature", "nan"], "`--temperature` is nan"),
        (["sample", "run", "--top-k", "-1"], "`--top-k` is -1; it must be at least 0"),
        (["sample", "run", "--top-p", "1.5"], "`--top-p` is 1.5; it must be above 0 and at most 1"),
        (["sample", "run", "--length", "-1"], "`--length` is -1"),
        (["sample", "run", "-n", "0"], "`--count` is 0; it must be at least 1"),
        (["sample", "run", "--seed", "-1"], "`seed` is -1"),
        (["sample", "run", "--weights", "first"], "choose from 'auto', 'last', 'best'"),
        (["sample"], "the following arguments are required: RUN"),
        (["temperature", "run", "-o", "figure.jpg"], "a picture's name must end in .png"),
        (["temperature", "run", "-o", "corpus.txt/f.png"], "cannot make the folder `corpus.txt`"),
        (["temperature", "run", "-o", "folder.png"], "is a folder; a file name is needed"),
        (["temperature", "run", "--prompt", "é"], "never seen: 'é'"),
        (["nosuch"], "choose from 'train', 'sample', 'temperature'"),
        ([], "the following arguments are required: train|sample|temperature"),
    ],
)
def test_bad_input_to_sample_and_temperature(arguments, message, run, capsys):
    Path("vae").mkdir()
    Path("vae/config.json").write_text('{"command":"vae train","settings":{},"versions":{}}')
    Path("folder.png").mkdir()
    Path("poor").mkdir()
    Path("poor/config.json").write_text('{"command":"text train","settings":{},"versions":{}}')
    for name, units in {"odd": '"16"', "mixed": "17"}.items():
        shutil.copytree(run, name)
        config = (run / "config.json").read_text()
        Path(name, "config.json").write_text(config.replace('"units": 16', f'"units": {units}'))
    before = contents(".")
    assert status_of(["text", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert contents(".") == before


def test_a_run_without_weights_cannot_write_yet(here, capsys):
    assert main(train("-o", "x", "--lr", "1e30", "--quiet", "--max-steps", 3)) == 2
    assert "the loss became nan at step 3" in capsys.readouterr().err
    assert main(["text", "sample", "x"]) == 2
    assert "`x` has no `last.safetensors` yet" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(run, capsys):
    before = contents(run)
    assert main(train("-o", "x", "--init-from", "run/last.safetensors", "--lr", "1e30")) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "the loss became" in err
    assert "A lower --lr" in err
    assert contents(run) == before
    for path in Path("x").glob("*.safetensors"):
        if path.name.startswith(("last", "best")):
            assert all(np.isfinite(array).all() for array in tg.load(path).values())


def test_a_wrong_environment_is_told_before_anything_is_written(here):
    for name, value in {"TINYGEN_SEED": "x", "TINYGEN_KERNELS": "x", "TINYGEN_DEVICE": "gpu"}.items():
        done = child(*train("-o", "x"), env={name: value})
        assert done.returncode == 2
        assert "is 'x'" in done.stderr or "is 'gpu'" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not Path("x").exists()


def test_letters_that_the_terminal_lacks_do_not_end_a_run(here):
    Path("corpus.txt").write_text(CORPUS.replace("quick", "Änderung"), encoding="utf-8")
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = child(*train("-o", "x", "--max-steps", 20, "--sample-every", 20), env=ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe4" in done.stdout
    done = child("text", "sample", "x", "--prompt", "die änderung ", "--length", 3, env=ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("die \\xe4nderung ")


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_nowhere_to_print_to(run):
    sample = [sys.executable, "-m", "tinygen", "text", "sample", "run", "--length", "50"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(sample, env=ENV, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "tinygen: No space left on device\n"
    process = subprocess.Popen(sample, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()  # as `| head` does
    assert process.stderr.read() == b""  # nobody is left to tell
    process.stderr.close()
    assert process.wait() == 1


# -------------------------------------------------------------------------------------------------- stopped and killed


def child(*arguments, env=None, **options):
    command = [sys.executable, "-m", "tinygen", *map(str, arguments)]
    return subprocess.run(command, env=ENV | (env or {}), capture_output=True, text=True, timeout=120, **options)


def start(*arguments):
    command = [sys.executable, "-m", "tinygen", *map(str, arguments)]
    return subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_progress(process, path):
    """Wait until the process has written another checkpoint in the run ``path``, or has ended."""
    state = Path(path) / "state.safetensors"
    before = state.stat().st_mtime_ns if state.exists() else None
    deadline = time.monotonic() + 60
    while process.poll() is None and (not state.exists() or state.stat().st_mtime_ns == before):
        assert time.monotonic() < deadline
        time.sleep(0.002)


# two layers with dropout draw random numbers in every step; tuned holds text out and keeps the best weights; streams
# carry a state from step to step
LONG = {
    "book": ["--preset", "book", "--val-fraction", 0],
    "dropout": ["--layers", 2, "--dropout", 0.3, "--targets", "last"],
    "tuned": ["--val-fraction", 0.1],
    "streams": "--model gru --layers 2 --dropout 0.3 --stateful --batch-size 2 --window 6".split(),
}
OFTEN = ["--epochs", 4, "--stride", 1, "--save-every", 4, "--sample-every", 100, "--log-every", 3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A function: the folder of a run of a second or two that nothing interrupted; made once."""
    made = {}

    def folder(kind):
        if kind not in made:
            path = made[kind] = tmp_path_factory.mktemp(kind)
            (path / "corpus.txt").write_text(CORPUS)
            done = child(*train(*LONG[kind], *OFTEN), "-o", "whole", cwd=path)
            assert done.returncode == 0, done.stderr
        return made[kind] / "whole"

    return folder


@pytest.fixture(params=LONG)
def long(request, here, whole):
    """The arguments of that run, and what it left behind."""
    return train(*LONG[request.param], *OFTEN), whole(request.param)


def same(path, whole):
    for name in RESULTS:
        assert (Path(path) / name).exists() == (whole / name).exists()
        if (whole / name).exists():
            assert (Path(path) / name).read_bytes() == (whole / name).read_bytes(), name
    assert contents(Path(path) / "samples") == contents(whole / "samples")


@posix
@pytest.mark.slow
def test_killed_at_random_instants_and_resumed_it_ends_with_the_same_bytes(long):
    arguments, whole = long
    chance, kills = random.Random(), 0
    for _ in range(5):
        process = start(*arguments, "-o", "killed", "--resume")
        wait_for_progress(process, "killed")
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        kills += process.returncode != 0
    assert kills >= 2
    done = child(*arguments, "-o", "killed", "--resume")
    assert done.returncode == 0, done.stderr
    same("killed", whole)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("long", ["tuned"], indirect=True)
def test_interrupted_it_saves_says_how_to_go_on_and_does(long):
    arguments, whole = long
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start(*arguments, "-o", "stopped", "--resume")
        wait_for_progress(process, "stopped")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "the same command with --resume goes on from here" in out
        assert "Traceback" not in err
        assert (Path("stopped") / "last.safetensors").exists()
    assert child("text", "train", "-o", "stopped", "--resume").returncode == 0
    same("stopped", whole)


@posix
@pytest.mark.parametrize("long", ["tuned"], indirect=True)
def test_a_full_disk_is_one_line_and_loses_nothing(long):
    import resource

    arguments, whole = long
    assert child(*arguments, "-o", "full", "--max-steps", 10).returncode == 0
    limit = (Path("full") / "state.safetensors").stat().st_size - 100

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    before = contents("full")
    done = child(*arguments, "-o", "full", "--resume", "--max-steps", 0, preexec_fn=no_room)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot write `full/state.safetensors`: File too large" in done.stderr
    after = contents("full")
    for name in ("last.safetensors", "state.safetensors"):
        assert after[name] == before[name]
    assert not [name for name in after if name.endswith(".tmp")]
    assert child(*arguments, "-o", "full", "--resume", "--max-steps", 0).returncode == 0
    same("full", whole)
