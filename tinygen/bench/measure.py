"""What ``tinygen bench`` measures: one function for each kind of row, and the list of rows."""

from __future__ import annotations

import importlib.util
import itertools
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.bench import machine, network_workloads, picture_workloads, workloads
from tinygen.bench.process import Slot, Worker, command_slot, environment, run_command, take_turns
from tinygen.data.download import cached
from tinygen.data.text import load_text

PEERS = ("torch",)
TOLERANCE = 1e-4  # by which the two sides' evidence may differ
OURS, TORCH = "tinygen.bench.workloads", "tinygen.bench.torch_peer"
MEMORY_STEPS = 300


@dataclass
class Session:
    """What all rows of one run share.

    Attributes:
        against_torch: whether PyTorch is timed too.
        threads: for every library of both sides.
        rounds: how often the sides take turns.
        seconds: of each slot.
        folder: for files that the children read.
        say: what prints a line.
        peak_gflops: of the machine, once it is measured.
        corpus_name: which text the real training runs read.
    """

    against_torch: bool
    threads: int
    rounds: int
    seconds: float
    folder: Path
    say: Callable[[str], None]
    peak_gflops: float | None = None
    corpus_name: str = ""
    _files: dict[str, Path] = field(default_factory=dict)

    def file(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> Path:
        """Return a file of the arrays that ``make`` returns, written once."""
        if name not in self._files:
            self._files[name] = self.folder / f"{name}.npz"
            np.savez(self._files[name], **make())
        return self._files[name]

    def corpus(self) -> Path:
        """Return a file with Nietzsche where the cache has it, else with the language reference of Python."""
        path = self.folder / "corpus.txt"
        if not path.exists():
            self.corpus_name = "nietzsche" if all(cached("nietzsche")) else "python-docs"
            path.write_text(load_text(self.corpus_name), encoding="utf-8")
        return path


def _in_turn(session: Session, name: str, arrays: Path, gflop: float | None) -> dict[str, Any]:
    """Time tinygen against the best of PyTorch's forms, after both have shown that they do the same work."""
    env = environment(session.threads)
    row: dict[str, Any] = {}
    with ExitStack() as stack:
        ours = stack.enter_context(Worker(OURS, name, arrays, env))
        evidence = ours.ask("evidence", form="tinygen")
        workers = {"tinygen": ours}
        sides = {"tinygen": partial(ours.slot, "tinygen", session.seconds)}
        if session.against_torch:
            row |= _best_form(session, name, arrays, evidence)
            theirs = stack.enter_context(Worker(TORCH, name, arrays, env))
            same_work(name, row["torch_form"], evidence, theirs.ask("evidence", form=row["torch_form"]))
            workers["torch"] = theirs
            sides["torch"] = partial(theirs.slot, row["torch_form"], session.seconds)
        row |= _compared(session, sides)
        row |= {f"{'' if side == 'tinygen' else 'torch_'}peak_mb": w.ask("peak_mb") for side, w in workers.items()}
    if gflop is not None:
        row["gflops"] = gflop / row["tinygen_ms"] * 1e3
        row["of_peak"] = row["gflops"] / session.peak_gflops if session.peak_gflops else None
        if session.against_torch:
            row["torch_gflops"] = gflop / row["torch_ms"] * 1e3
    return row


def _compared(session: Session, sides: dict[str, Callable[[], Slot]]) -> dict[str, Any]:
    """The times of tinygen, and of PyTorch if it is among the sides."""
    result = take_turns(sides, session.rounds)
    row = {"tinygen_ms": result.median("tinygen"), "rounds": session.rounds, "disturbed": result.disturbed}
    if "torch" in sides:
        row["torch_ms"] = result.median("torch")
        row["ratio"] = row["tinygen_ms"] / row["torch_ms"]
        ratios = result.ratios("tinygen", "torch")
        row |= {"ratio_lowest": ratios[0], "ratio_highest": ratios[-1]}
    return row


def _best_form(session: Session, name: str, arrays: Path, evidence: list[float]) -> dict[str, Any]:
    """Time every form of PyTorch's side, in a process of its own, and name the quickest.

    The comparison itself is another process and another measurement, so that the winner's luck does not count.
    """
    with Worker(TORCH, name, arrays, environment(session.threads)) as worker:
        forms = worker.ask("forms")
        for form in forms:
            same_work(name, form, evidence, worker.ask("evidence", form=form))
        rounds = max(1, session.rounds // 2)
        result = take_turns({form: partial(worker.slot, form, session.seconds / 4) for form in forms}, rounds)
    medians = {form: result.median(form) for form in forms}
    return {"torch_form": min(medians, key=medians.__getitem__), "torch_forms_ms": medians}


def same_work(name: str, form: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Check that both sides found the same numbers.

    Raises:
        RuntimeError: if they did not, so that their times would not be comparable.
    """
    if len(ours) != len(theirs) or not np.allclose(ours, theirs, rtol=0, atol=TOLERANCE):
        raise RuntimeError(
            f"{name}: tinygen found {list(ours)[:5]} and PyTorch ({form}) {list(theirs)[:5]}; "
            f"they must agree to {TOLERANCE}, or the two do different work"
        )


def _against_reference(session: Session, name: str, arrays: Path) -> dict[str, Any]:
    """Time tinygen's fused kernels against its plain references, TINYGEN_KERNELS=reference."""
    with (
        Worker(OURS, name, arrays, environment(session.threads)) as fused,
        Worker(OURS, name, arrays, environment(session.threads, TINYGEN_KERNELS="reference")) as plain,
    ):
        evidence = fused.ask("evidence", form="tinygen"), plain.ask("evidence", form="tinygen")
        if not np.allclose(*evidence, rtol=TOLERANCE, atol=TOLERANCE):
            raise RuntimeError(f"{name}: the fused kernel found {evidence[0]}, its reference {evidence[1]}")
        sides = {"fused": fused, "reference": plain}
        result = take_turns(
            {side: partial(worker.slot, "tinygen", session.seconds) for side, worker in sides.items()}, session.rounds
        )
        peak_mb = fused.ask("peak_mb")
    row = {"tinygen_ms": result.median("fused"), "reference_ms": result.median("reference"), "peak_mb": peak_mb}
    row["reference_ratio"] = row["reference_ms"] / row["tinygen_ms"]
    return row | {"rounds": session.rounds, "disturbed": result.disturbed}


def _text_train(session: Session, name: str) -> dict[str, Any]:
    return _in_turn(session, name, session.file("text", workloads.text_arrays), training_gflop())


def _text_sample(session: Session, name: str) -> dict[str, Any]:
    row = _in_turn(session, name, session.file("text", workloads.text_arrays), sampling_gflop())
    return row | {"characters_per_second": workloads.LENGTH / row["tinygen_ms"] * 1e3}


def _vae_train(session: Session, name: str) -> dict[str, Any]:
    batch = int(name.split()[-1])
    arrays = session.file(f"vae-{batch}", partial(picture_workloads.vae_arrays, batch))
    return _in_turn(session, name, arrays, picture_workloads.vae_gflop(batch))


def _gan_step(session: Session, name: str) -> dict[str, Any]:
    return _in_turn(session, name, session.file("gan", picture_workloads.gan_arrays), picture_workloads.gan_gflop())


def _dream_gradient(session: Session, name: str) -> dict[str, Any]:
    gflop = network_workloads.network_gflop("inception_v3", network_workloads.DREAM_SHAPE)
    return _in_turn(session, name, session.file("dream", network_workloads.dream_arrays), gflop)


def _style_gradient(session: Session, name: str) -> dict[str, Any]:
    gflop = network_workloads.network_gflop("vgg19", network_workloads.STYLE_SHAPE)
    return _in_turn(session, name, session.file("style", network_workloads.style_arrays), gflop)


def _text_train_reference(session: Session, name: str) -> dict[str, Any]:
    return _against_reference(session, name, session.file("text", workloads.text_arrays))


def _small_op(session: Session, name: str) -> dict[str, Any]:
    return _in_turn(session, name, session.file("small", workloads.small_arrays), None)


def _kernel(session: Session, name: str) -> dict[str, Any]:
    return _against_reference(session, name, session.file("text", workloads.text_arrays))


def training_gflop(units: int = workloads.UNITS, batch: int = workloads.BATCH) -> float:
    """10**9 multiplications and additions in the dense products of one training step, the one-hot one included.

    Forward, and backward to the weights; backward to what came before where that is not the input. tinygen looks
    the one-hot product (0.9 of 3.9 GFLOP) up: its figure is what a dense engine would have to reach.
    """
    steps, gates = workloads.WINDOW * batch, 4 * units
    recurrent, one_hot = 3 * steps * gates * units, 2 * steps * gates * workloads.VOCABULARY
    return 2e-9 * (recurrent + one_hot + 3 * batch * units * workloads.VOCABULARY)


def sampling_gflop() -> float:
    """10**9 multiplications and additions of reading the prompt and writing a text: recurrence and scores."""
    recurrent, scores = 4 * workloads.UNITS**2, workloads.UNITS * workloads.VOCABULARY
    return 2e-9 * (workloads.WINDOW * recurrent + workloads.LENGTH * (recurrent + scores))


def _text_start(session: Session, name: str) -> dict[str, Any]:
    """From the start of the process to its end, one training step done."""
    corpus, env = str(session.corpus()), environment(session.threads)
    torch_peer = str(Path(workloads.__file__).with_name("torch_peer.py"))
    runs = itertools.count()

    def ours() -> float:
        command = [sys.executable, "-m", "tinygen", "text", "train", "--data", corpus, "--preset", "book"]
        out = str(session.folder / f"start-{next(runs)}")
        return run_command([*command, "--device", "cpu", "--max-steps", "1", "-o", out], env)[0] * 1e3

    def theirs() -> float:
        return run_command([sys.executable, torch_peer, corpus], env)[0] * 1e3

    note = f"{session.corpus_name}; the whole command, checkpoint and exit included"
    return _commands_compared(session, ours, theirs) | {"note": note}


def _import(session: Session, name: str) -> dict[str, Any]:
    """What importing costs beyond NumPy's own import."""

    def milliseconds(package: str) -> float:
        command = [sys.executable, "-X", "importtime", "-c", f"import {package}"]
        report = run_command(command, environment(session.threads))[2]
        # "import time:   self us | cumulative us |   module", modules within others indented
        found = {module: int(us) for us, module in re.findall(r"\| +(\d+) \| +(\S+)$", report, re.MULTILINE)}
        return (found[package] - found.get("numpy", 0)) / 1e3

    row = _commands_compared(session, partial(milliseconds, "tinygen"), partial(milliseconds, "torch"))
    return row | {"note": "beyond NumPy's own import"}


def _commands_compared(session: Session, ours: Callable[[], float], theirs: Callable[[], float]) -> dict[str, Any]:
    """The times of commands, each run once before, so that files and compiled kernels are where they stay."""
    sides = {"tinygen": ours, "torch": theirs} if session.against_torch else {"tinygen": ours}
    for run in sides.values():
        run()
    return _compared(session, {side: partial(command_slot, run) for side, run in sides.items()})


def _text_memory(session: Session, name: str) -> dict[str, Any]:
    """The most memory that training on a whole book takes."""
    code = (
        "import sys; from tinygen.cli import main; from tinygen.bench.worker import peak_mb; "
        "status = main(sys.argv[1:]); print(peak_mb()); sys.exit(status)"
    )
    options = ["--data", str(session.corpus()), "--preset", "book", "--max-steps", str(MEMORY_STEPS), "--device", "cpu"]
    out = ["--quiet", "-o", str(session.folder / "memory")]
    command = [sys.executable, "-c", code, "text", "train", *options, *out]
    _, printed, _ = run_command(command, environment(session.threads))
    return {"peak_mb": float(printed.split()[-1]), "note": f"{session.corpus_name}, {MEMORY_STEPS} steps"}


ROWS: dict[str, Callable[[Session, str], dict[str, Any]]] = {
    "text train batch 128": _text_train,
    "text train reference kernels": _text_train_reference,
    "text train memory": _text_memory,
    "text sample": _text_sample,
    "text start": _text_start,
    "vae train batch 16": _vae_train,
    "vae train batch 128": _vae_train,
    "gan step": _gan_step,
    "dream gradient": _dream_gradient,
    "style gradient": _style_gradient,
    "import": _import,
    "ops add 10x10 forward+backward": _small_op,
    **{f"kernels {name}": _kernel for name in workloads.KERNELS},
}
WORKLOADS = tuple(dict.fromkeys(name.split()[0] for name in ROWS))
COLUMNS = ("tinygen_ms", "torch_ms", "ratio", "gflops", "of_peak", "peak_mb")  # every row has them, None where empty


def chosen(names: Sequence[str]) -> list[str]:
    """Return the rows that ``names`` stand for: each is a row or the beginning of some; none at all means all.

    Raises:
        ValueError: for a name that no row begins with.
    """
    for name in names:
        if not any(f"{row} ".startswith(f"{name} ") for row in ROWS):
            raise ValueError(f"`workload` is {name!r}; valid are {', '.join(WORKLOADS)}, or a row: {', '.join(ROWS)}")
    return [row for row in ROWS if not names or any(f"{row} ".startswith(f"{name} ") for name in names)]


def bench(
    names: Sequence[str] = (),
    against: str | None = None,
    threads: int | None = None,
    rounds: int = 7,
    seconds: float = 0.5,
    say: Callable[[str], None] = lambda line: None,
    done: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Measure.

    Args:
        names: workloads or rows; none means all.
        against: ``"torch"``, or None for tinygen alone.
        threads: for every library; None for one on each physical core.
        rounds: how often the sides take turns.
        seconds: of one side's slot in a round.
        say: called with a line about what comes next.
        done: called with each row.

    Returns:
        ``{"machine": {...}, "rows": [{"name": ..., "tinygen_ms": ..., "torch_ms": ..., "ratio": ...}, ...]}``; a
        ratio is tinygen / PyTorch, of medians.

    Raises:
        ValueError: for an unknown workload or peer, numbers below 1, or PyTorch where it is not installed.
        RuntimeError: if a side fails, or the two do different work.
    """
    rows = chosen(names)
    threads = machine.physical_cores() if threads is None else threads
    for name, value in {"threads": threads, "rounds": rounds}.items():
        if value < 1:
            raise ValueError(f"`{name}` is {value}; it must be at least 1")
    if against is not None and against not in PEERS:
        raise ValueError(f"`against` is {against!r}; valid is {', '.join(PEERS)}")
    if against == "torch" and importlib.util.find_spec("torch") is None:
        raise ValueError("`against` is 'torch', which is not installed: pip install torch==2.13.0")
    report: dict[str, Any] = {"machine": machine.describe(threads), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        session = Session(against == "torch", threads, rounds, seconds, Path(folder), say)
        session.peak_gflops, how = _peak(session)
        report["machine"] |= {"peak_gflops": session.peak_gflops, "peak_how": how}
        for name in rows:
            say(name)
            row = {"name": name, **dict.fromkeys(COLUMNS), **ROWS[name](session, name)}
            report["rows"].append(row)
            done(row)
    return report


def _peak(session: Session) -> tuple[float, str]:
    """The machine's float32 peak with all threads, in GFLOP/s (the best step, not the median), and how it was found."""
    with Worker(OURS, "peak", session.file("peak", dict), environment(session.threads)) as worker:
        slot = partial(worker.slot, "tinygen", session.seconds / 2)
        result = take_turns({"peak": slot}, max(1, session.rounds // 2))
        gflop, how = worker.ask("gflop", form="tinygen")
    return gflop / min(min(round_["peak"].ms) for round_ in result.rounds) * 1e3, how
