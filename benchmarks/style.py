"""Measure style transfer: ``python benchmarks/style.py memory``, ``search`` or ``scales``; see docs/style.md.

``memory``: the highest memory of the program, and the time of one evaluation of the loss and its gradient: the whole
picture at once, with the activations of each block recomputed in backward, and in strips. VGG19 with random weights.
``search``: how the loss falls in one L-BFGS, in one that is restarted every round, and in SciPy's L-BFGS-B.
``scales``: what beginning at smaller sizes saves, from the photograph and from noise.

Each row is a process of its own. Set NUMBA_NUM_THREADS to the number of threads that is meant.
"""

import argparse
import importlib.util
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinygen.autograd import checkpoint
from tinygen.bench import machine
from tinygen.bench.worker import peak_mb
from tinygen.charts import FAINT, INK, PAPER
from tinygen.generators import style
from tinygen.generators.style_loss import Objective, gram, squared_distance, total_variation
from tinygen.generators.style_strips import Stage, StripedObjective, rows_within, stages
from tinygen.ops.join import stack
from tinygen.optim.history import History
from tinygen.tensor import Tensor

RESULTS = Path(__file__).parent / "results"
FORMS = ["whole", "checkpoint", "tile 256", "tile 64", "tile 16", "memory 2000", "memory 1500"]
REAL = {"content_layer": "block3_conv3", "style_layers": ["block1_conv1", "block2_conv1", "block3_conv1"]}


# ---------------------------------------------------------------------------------------------------------- memory


class Checkpointed(Objective):
    """The whole picture, with each block of the network in a checkpoint."""

    def __call__(self, picture: Tensor) -> Tensor:
        """Return content, style and tv, (3,)."""
        grams, x, content = {}, self.network.preprocess(picture), None
        for stage in stages(self.network, self.layers):
            *found, distance, x = checkpoint(self.block, stage, x)
            grams |= dict(zip([name for name, _ in stage.layers if name in self.style_layers], found, strict=True))
            content = distance if content is None else content
        return stack([content * self.content_factor, self.style(grams), total_variation(picture) * self.tv_factor])

    def block(self, stage: Stage, x: Tensor) -> tuple:
        """Return the Gram matrices of a block, the distance of its content (or None), and its last activation."""
        found, distance = [], None
        for name, module in stage.layers:
            x = module(x)
            if name in self.style_layers:
                found.append(gram(x))
            if name == self.content_layer:
                distance = squared_distance(x, self.content)
        return *found, distance, x


def measure_memory(form: str, height: int, width: int) -> dict[str, Any]:
    """Search for one round of two evaluations, all memory of L-BFGS in use: peak, seconds an evaluation, gradient."""
    kind, _, number = form.partition(" ")
    strips = {kind: int(number)} if number else {}
    settings = style.settings_for(
        "tuned", content="photograph", styles=["painting"], weights="random", evaluations=2, **strips
    )
    network = style.load_network(settings, "cpu")
    rng = np.random.default_rng(0)
    content, painting = (rng.integers(0, 256, (3, height, width), np.uint8) for _ in range(2))
    if number:
        rows = rows_within(int(number), settings, network, (height, width)) if kind == "memory" else int(number)
        objective = StripedObjective(network, settings, content, [painting], rows=rows)
    else:
        rows = 0
        objective = {"whole": Objective, "checkpoint": Checkpointed}[kind](network, settings, content, [painting])
    work = style.Transfer(settings, objective, content.astype(np.float32))
    work.optimizer._history = History(work.optimizer._flat([None]), settings.history_size)
    work.optimizer._history.pairs.fill(0)  # its memory is taken when first written to, step after step
    begin = time.process_time()
    work.round()
    seconds = (time.process_time() - begin) / work.evaluations
    norm = math.sqrt((work.pixels.grad.numpy().astype(np.float64) ** 2).sum())
    return {"form": form, "rows": rows, "peak_mb": peak_mb(), "seconds": seconds, "gradient": norm}


def memory(arguments: argparse.Namespace) -> None:
    """Measure every form in a process of its own, and write a table."""
    rows = []
    for form in arguments.forms or FORMS:
        command = [sys.executable, __file__, "one", form, str(arguments.height), str(arguments.width)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{form}: {done.stderr.strip().splitlines()[-1]}", flush=True)
            continue
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(memory_line(rows[-1]), flush=True)
    write_memory({"machine": machine.describe(machine.physical_cores()), "height": arguments.height,
                  "width": arguments.width, "rows": rows})


def write_memory(report: dict[str, Any]) -> None:
    """Write the table."""
    write("style-memory", report, [
        f"# Memory of style transfer, {report['height']} x {report['width']} pixels", "", about(report), "",
        "VGG19 to block5_conv2, random weights, L-BFGS with 10 pairs; highest memory of the whole program, processor",
        "seconds of one evaluation.", "", "| | rows of a strip | MB | s |", "|---|---:|---:|---:|",
        *map(memory_line, report["rows"]), "",
    ])


def memory_line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    return f"| {row['form']} | {row['rows'] or ''} | {row['peak_mb']:,.0f} | {row['seconds']:.1f} |"


# ---------------------------------------------------------------------------------------------------------- search


def problem(arguments: argparse.Namespace, preset: str, **changes: Any) -> tuple[style.Settings, style.Transfer]:
    """Return settings, and a search that has not begun."""
    given = {"content": arguments.content, "styles": [arguments.painting], "size": arguments.size} | REAL
    settings = style.settings_for(preset, **given, **changes)
    network = style.load_network(settings, "cpu", lambda line: None)
    return settings, style.Painting(settings, network).work


def with_tinygen(arguments: argparse.Namespace, preset: str, restart: bool) -> list[float]:
    """Return the loss of every evaluation of the program's own rounds."""
    _, work = problem(arguments, preset, restart=restart)
    losses, evaluate = [], work.loss

    def noted() -> Tensor:
        loss = evaluate()
        losses.append(loss.item() / work.scale)
        return loss

    work.loss = noted
    while len(losses) < arguments.evaluations:
        work.round()
    return losses


def with_scipy(arguments: argparse.Namespace, preset: str, restart: bool) -> list[float]:
    """Return the loss of every evaluation of SciPy's L-BFGS-B without bounds, history 10."""
    from scipy.optimize import fmin_l_bfgs_b

    _, work = problem(arguments, preset)
    losses: list[float] = []

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        work.pixels.data[...] = x.reshape(work.pixels.shape)
        loss = work.loss().item()
        losses.append(loss / work.scale)
        return loss, work.pixels.grad.numpy().astype(np.float64).reshape(-1)

    x = work.pixels.detach().numpy().astype(np.float64).reshape(-1)
    most = 20 if restart else arguments.evaluations
    while len(losses) < arguments.evaluations:
        x = fmin_l_bfgs_b(function, x, m=10, factr=0, pgtol=0, maxfun=most, maxiter=most)[0]
    return losses


SIDES: dict[str, tuple[Callable[..., list[float]], bool]] = {
    "kept alive": (with_tinygen, False), "restarted": (with_tinygen, True),
    "SciPy, one call": (with_scipy, False), "SciPy, a call for each round": (with_scipy, True),
}  # fmt: skip
MARKS = (20, 40, 60, 100, 140, 200, 250, 300, 400)


def search(arguments: argparse.Namespace) -> None:
    """Compare the four, with the chapter's losses and with ours."""
    sides = dict(SIDES)
    if not importlib.util.find_spec("scipy"):
        print("SciPy is not installed: its two columns are left out")
        sides = {name: side for name, side in sides.items() if side[0] is not with_scipy}
    report: dict[str, Any] = {"machine": machine.describe(machine.physical_cores()), "size": arguments.size}
    lines = [f"# How the loss falls: {arguments.size} pixels high", "", about(report), "",
             "VGG19 down to block3_conv3, real weights; Tübingen in the style of The Starry Night; history 10, rounds",
             "of 20 evaluations. The lowest loss so far.", ""]
    for preset in ("book-python", "tuned"):
        traces = {}
        for name, (run, restart) in sides.items():
            losses = run(arguments, preset, restart)[: arguments.evaluations]
            traces[name] = list(itertools.accumulate(losses, min))
            print(preset, name, traces[name][-1], flush=True)
        goal = traces["restarted"][-1]
        needed = {name: next((i for i, loss in enumerate(t, 1) if loss <= goal), None) for name, t in traces.items()}
        report[preset] = {"traces": traces, "needed": needed}
        lines += [f"## {preset}", "", f"| evaluations | {' | '.join(traces)} |", f"|---:|{'---:|' * len(traces)}"]
        lines += [f"| {k} | {' | '.join(f'{t[k - 1]:.5g}' for t in traces.values())} |"
                  for k in MARKS if k <= arguments.evaluations]
        reached = " | ".join(str(n or "not reached") for n in needed.values())
        lines += [f"| to the restarted one's last | {reached} |", ""]
    write("style-search", report, lines)
    chart(report["tuned"]["traces"], "Loss against evaluations, tuned").save(RESULTS / "style-search.png")


def chart(traces: dict[str, list[float]], title: str, width: int = 800, height: int = 440) -> Any:
    """Draw curves, from the 20th evaluation on, the loss on a logarithmic scale; a Pillow image."""
    from PIL import Image, ImageDraw, ImageFont

    begin, colours = 20, ((31, 95, 191), (192, 58, 43), (46, 139, 87), (160, 107, 181))
    values = [math.log10(value) for trace in traces.values() for value in trace[begin - 1 :]]
    low, high, most = min(values), max(values), max(map(len, traces.values()))
    left, right, top, bottom = 80, 20, 44, 40
    image = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    draw.text((left, 12), title, INK, ImageFont.load_default(18))

    def place(count: float, value: float) -> tuple[float, float]:
        return (left + (count - begin) / (most - begin) * (width - left - right),
                height - bottom - (value - low) / (high - low) * (height - top - bottom))

    for share in (0, 0.25, 0.5, 0.75, 1):
        value, count = low + share * (high - low), begin + share * (most - begin)
        y, x = place(begin, value)[1], place(count, low)[0]
        draw.line((left, y, width - right, y), FAINT)
        draw.text((left - 8, y), f"{10**value:.4g}", INK, font, anchor="rm")
        draw.text((x, height - bottom + 8), f"{count:.0f}", INK, font, anchor="ma")
    for i, (name, trace) in enumerate(traces.items()):
        draw.line([place(k, math.log10(trace[k - 1])) for k in range(begin, len(trace) + 1)], colours[i], 2)
        draw.text((width - right - 220, top + 16 + 20 * i), name, colours[i], font)
    return image


# ---------------------------------------------------------------------------------------------------------- scales


def scales(arguments: argparse.Namespace) -> None:
    """Compare runs at one size and at three: the loss at the full one against time and evaluations."""
    runs: dict[str, list] = {}
    report = {"machine": machine.describe(machine.physical_cores()), "size": arguments.size, "runs": runs}
    lines = [f"# Beginning small: {arguments.size} pixels high", "", about(report), "",
             f"`tuned`, VGG19 down to block3_conv3, real weights, {arguments.rounds} rounds of 20 evaluations in all,",
             "in equal parts for each size. Losses at the full size; processor seconds from the start.", ""]
    for count, init in ((1, "content"), (3, "content"), (1, "random"), (3, "random")):
        given = {"content": arguments.content, "styles": [arguments.painting], "size": arguments.size} | REAL
        settings = style.settings_for("tuned", **given, iterations=arguments.rounds, scales=count, init=init)
        network = style.load_network(settings, "cpu", lambda line: None)
        painting, rows, begin = style.Painting(settings, network), [], time.process_time()
        while painting.work.step < settings.iterations:
            if painting.work.step >= style.rounds_until(settings, painting.scale):
                painting = painting.next()
            painting.work.round()
            if painting.scale + 1 == count:
                rows.append((painting.work.evaluations, time.process_time() - begin, painting.work.parts()["loss"]))
        runs[f"{count} from {init}"] = rows
        lines += [f"## {count} size{'s' * (count > 1)}, from {init}", "", "| evaluations | s | loss |",
                  "|---:|---:|---:|", *(f"| {n} | {seconds:.0f} | {loss:.5f} |" for n, seconds, loss in rows), ""]
        print(count, init, rows[-1], flush=True)
    write("style-scales", report, lines)


# ------------------------------------------------------------------------------------------------------------ main


def about(report: dict[str, Any]) -> str:
    """Return a line on the machine."""
    on = report["machine"]
    return f"{on['cpu']}; python {on['python']}, numpy {on['numpy']}; tinygen {on['tinygen']}; {on['date']}"


def write(name: str, report: dict[str, Any], lines: list[str]) -> None:
    """Write ``results/NAME.json`` and ``.md``."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(report) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run in {"memory": memory, "search": search, "scales": scales}.items():
        command = commands.add_parser(name, help=run.__doc__.splitlines()[0])
        command.set_defaults(run=run)
        if name == "memory":
            command.add_argument("--height", type=int, default=1024)
            command.add_argument("--width", type=int, default=1365)
            command.add_argument("--forms", nargs="*", metavar="FORM", help=f"of {', '.join(FORMS)}")
            continue
        command.add_argument("content", help="the photograph")
        command.add_argument("painting")
        command.add_argument("--size", type=int, default=160, help="height")
        if name == "search":
            command.add_argument("--evaluations", type=int, default=400)
        else:
            command.add_argument("--rounds", type=int, default=12)
    one = commands.add_parser("one", help="one row of memory, as JSON")
    one.add_argument("form")
    one.add_argument("height", type=int)
    one.add_argument("width", type=int)
    one.set_defaults(run=lambda a: print(json.dumps(measure_memory(a.form, a.height, a.width))))
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
