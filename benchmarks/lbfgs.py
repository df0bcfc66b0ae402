"""Measure L-BFGS against SciPy and PyTorch and write ``results/lbfgs.json`` and ``.md``.

Two questions: how many evaluations of the loss does it take, and how long does an iteration take beside them?
Run it on a machine that does nothing else: ``python benchmarks/lbfgs.py``. SciPy and PyTorch are measured where they
are installed; without both, nothing is written.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinygen as tg
from tinygen.bench import machine

RESULTS = Path(__file__).parent / "results"
MOST = 3000  # evaluations, then it counts as not converged
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass
class Problem:
    """A function with its gradient, and where to start; the least value of all of them is 0."""

    name: str
    function: Objective
    start: np.ndarray


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    a, b = 10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]
    g = np.empty_like(x)
    g[::2], g[1::2] = -40 * x[::2] * a - 2 * b, 20 * a
    return a @ a + b @ b, g


def powell_singular(x: np.ndarray) -> tuple[float, np.ndarray]:
    a, b, c, d = x[0] + 10 * x[1], x[2] - x[3], x[1] - 2 * x[2], x[0] - x[3]
    g = [2 * a + 40 * d**3, 20 * a + 4 * c**3, 10 * b - 8 * c**3, -10 * b - 40 * d**3]
    return a * a + 5 * b * b + c**4 + 10 * d**4, np.array(g, x.dtype)


def wood(x: np.ndarray) -> tuple[float, np.ndarray]:
    a, b, c, d = x[1] - x[0] ** 2, x[3] - x[2] ** 2, x[1] + x[3] - 2, x[1] - x[3]
    f = 100 * a * a + (1 - x[0]) ** 2 + 90 * b * b + (1 - x[2]) ** 2 + 10 * c * c + d * d / 10
    g = [
        -400 * x[0] * a - 2 * (1 - x[0]), 200 * a + 20 * c + d / 5,
        -360 * x[2] * b - 2 * (1 - x[2]), 180 * b + 20 * c - d / 5,
    ]  # fmt: skip
    return f, np.array(g, x.dtype)


def beale(x: np.ndarray) -> tuple[float, np.ndarray]:
    k = np.arange(1, 4)
    r = np.array([1.5, 2.25, 2.625], x.dtype) - x[0] * (1 - x[1] ** k)
    return r @ r, np.array([-2 * r @ (1 - x[1] ** k), 2 * r @ (x[0] * k * x[1] ** (k - 1))], x.dtype)


def brown_badly_scaled(x: np.ndarray) -> tuple[float, np.ndarray]:
    a, b, c = x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2
    return a * a + b * b + c * c, np.array([2 * a + 2 * c * x[1], 2 * b + 2 * c * x[0]], x.dtype)


def quadratic(n: int, condition: float) -> Objective:
    """Return sum h x**2 / 2 with ``n`` curvatures h from 1 to ``condition``."""
    h = np.logspace(0, np.log10(condition), n)

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        g = h.astype(x.dtype, copy=False) * x
        return g @ x / 2, g

    return function


# Functions and starting points: Moré, Garbow and Hillstrom, "Testing unconstrained optimization software" (1981),
# numbers 1, 21, 13, 14, 5 and 4; the quadratic is our own.
PROBLEMS = [
    Problem("Rosenbrock, 2 unknowns", rosenbrock, np.array([-1.2, 1.0])),
    Problem("Rosenbrock extended, 100", rosenbrock, np.array([-1.2, 1.0] * 50)),
    Problem("Powell singular, 4", powell_singular, np.array([3.0, -1.0, 0.0, 1.0])),
    Problem("Wood, 4", wood, np.array([-3.0, -1.0, -3.0, -1.0])),
    Problem("Beale, 2", beale, np.array([1.0, 1.0])),
    Problem("Brown badly scaled, 2", brown_badly_scaled, np.array([1.0, 1.0])),
    Problem("quadratic, 100,000, condition 10,000", quadratic(100_000, 1e4), np.ones(100_000)),
]


class Counted:
    """Counts the evaluations until the largest element of the gradient is at most ``goal``, and keeps the last loss."""

    def __init__(self, function: Objective, goal: float) -> None:
        self.function, self.goal = function, goal
        self.count, self.reached, self.loss = 0, False, np.inf

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate, and count until the goal is reached."""
        f, g = self.function(x)
        if not self.reached:
            self.count += 1
            self.loss, self.reached = float(f), bool(abs(g).max() <= self.goal)
        return f, g


def with_tinygen(function: Counted, start: np.ndarray, history: int) -> None:
    p = tg.nn.Parameter(start.copy())

    def closure() -> tg.Tensor:
        f, g = function(p.detach().numpy())
        p.grad = tg.Tensor(g)
        return tg.Tensor(np.asarray(f))

    tg.optim.LBFGS(
        [p], max_iter=MOST, max_eval=MOST, tolerance_grad=function.goal, tolerance_change=0, history_size=history
    ).step(closure)


def with_scipy(function: Counted, start: np.ndarray, history: int) -> None:
    from scipy.optimize import fmin_l_bfgs_b

    # factr 0 and PyTorch's tolerance_change 0: only the gradient ends it
    fmin_l_bfgs_b(function, start.copy(), m=history, factr=0, pgtol=function.goal, maxfun=MOST, maxiter=MOST)


def with_torch(function: Counted, start: np.ndarray, history: int) -> None:
    import torch

    p = torch.nn.Parameter(torch.from_numpy(start.copy()))

    def closure() -> Any:
        f, g = function(p.detach().numpy().copy())
        p.grad = torch.from_numpy(g)
        return torch.tensor(f)

    torch.optim.LBFGS(
        [p], max_iter=MOST, max_eval=MOST, tolerance_grad=function.goal, tolerance_change=0, history_size=history,
        line_search_fn="strong_wolfe",
    ).step(closure)  # fmt: skip


SIDES = {"tinygen": with_tinygen, "scipy": with_scipy, "torch": with_torch}


def installed() -> list[str]:
    return [side for side in SIDES if importlib.util.find_spec(side)]


def evaluations(problem: Problem, side: str, goal: float, history: int = 10, dtype: Any = np.float64) -> Counted:
    """Minimise until every element of the gradient is at most ``goal``; see what it took in ``count``."""
    counted = Counted(problem.function, goal)
    SIDES[side](counted, problem.start.astype(dtype), history)
    return counted


def disturbed(problem: Problem, side: str, goal: float, starts: int) -> float:
    """The mean number of evaluations from ``starts`` starting points, each element up or down by some 20 %."""
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(starts):
        start = problem.start * (1 + 0.2 * rng.standard_normal(problem.start.shape))
        counts.append(evaluations(Problem(problem.name, problem.function, start), side, goal).count)
    return statistics.fmean(counts)


def compare_evaluations(sides: list[str], goal: float, starts: int) -> list[dict[str, Any]]:
    rows = []
    for problem in PROBLEMS:
        row: dict[str, Any] = {"problem": problem.name}
        for side in sides:
            found = evaluations(problem, side, goal)
            row[side] = {"evaluations": found.count, "loss": found.loss, "reached": found.reached}
            if problem.start.size <= 100:
                row[side]["mean_of_starts"] = disturbed(problem, side, goal, starts)
        rows.append(row)
        print(line(row, sides), flush=True)
    return rows


def line(row: dict[str, Any], sides: list[str]) -> str:
    """A row of the table: evaluations (mean over disturbed starts), final loss."""

    def cell(found: dict[str, Any]) -> str:
        mean = f" ({found['mean_of_starts']:.0f})" if "mean_of_starts" in found else ""
        return f"{found['evaluations']}{'' if found['reached'] else ', not reached'}{mean} | {found['loss']:.1e}"

    return f"| {row['problem']} | {' | '.join(cell(row[side]) for side in sides)} |"


class Overhead:
    """One side of the comparison of times: a quadratic whose evaluation is timed apart."""

    def __init__(self, side: str, n: int, history: int) -> None:
        self.h, start, self.inside = np.logspace(0, 3, n).astype(np.float32), np.ones(n, np.float32), 0.0
        settings = {"max_iter": 10, "max_eval": 1000, "history_size": history}
        settings |= {"tolerance_change": 0, "tolerance_grad": 0}
        if side == "torch":
            import torch

            torch.set_num_threads(machine.physical_cores())
            self.p, self.wrap = torch.nn.Parameter(torch.from_numpy(start)), torch.as_tensor
            self.h = torch.from_numpy(self.h)
            self.optimizer = torch.optim.LBFGS([self.p], line_search_fn="strong_wolfe", **settings)
            self.x = self.p.detach()
        else:
            self.p, self.wrap = tg.nn.Parameter(start), lambda array: tg.Tensor(np.asarray(array))
            self.optimizer = tg.optim.LBFGS([self.p], **settings)
            self.x = start  # the same memory

    def closure(self) -> Any:
        """Evaluate, on the clock."""
        begin = time.perf_counter()
        g = self.h * self.x
        loss = g.dot(self.x) / 2
        self.p.grad, loss = self.wrap(g), self.wrap(loss)
        self.inside += time.perf_counter() - begin
        return loss

    def round(self) -> float:
        """Milliseconds per iteration without the closure, over ten iterations."""
        self.inside, begin = 0.0, time.perf_counter()
        self.optimizer.step(self.closure)
        return (time.perf_counter() - begin - self.inside) * 100


def compare_times(n: int, history: int, rounds: int) -> dict[str, Any]:
    """Time both sides in turns, with their histories full, beside the bandwidth of the memory."""
    sides = {side: Overhead(side, n, history) for side in ("tinygen", "torch") if side in installed()}
    for side in sides.values():
        for _ in range(-(-history // 10) + 1):
            side.round()
    big = np.ones(60_000_000, np.float32)  # 240 MB
    times: dict[str, list[float]] = {"bandwidth": [], **{side: [] for side in sides}}
    for _ in range(rounds):
        begin = time.perf_counter()
        big.dot(big)
        times["bandwidth"].append(big.nbytes / (time.perf_counter() - begin) / 1e9)
        for name, side in sides.items():
            times[name].append(side.round())
    medians = {name: statistics.median(values) for name, values in times.items()}
    floor = 2 * 2 * history * n * 4 / medians["bandwidth"] / 1e6
    result = {"n": n, "history": history, "rounds": rounds, "floor_ms": floor}
    result["bandwidth_gb_s"] = medians.pop("bandwidth")
    result |= {f"{name}_ms": value for name, value in medians.items()}
    if "torch_ms" in result:
        ratios = sorted(a / b for a, b in zip(times["tinygen"], times["torch"], strict=True))
        result["ratio"] = result["tinygen_ms"] / result["torch_ms"]
        result |= {"ratio_lowest": ratios[0], "ratio_highest": ratios[-1]}
    return result


def markdown(report: dict[str, Any]) -> str:
    sides, times, about = report["sides"], report["times"], report["machine"]
    names = {"tinygen": "tinygen", "scipy": "SciPy L-BFGS-B", "torch": "PyTorch strong_wolfe"}
    head = " | ".join(f"{names[side]}: evaluations | loss" for side in sides)
    return "\n".join([
        "# L-BFGS: tinygen, SciPy and PyTorch", "",
        f"{about['cpu']}, {about['cores']} cores; python {about['python']}, numpy {about['numpy']}; "
        f"{', '.join(f'{k} {v}' for k, v in report['versions'].items())}; tinygen {about['tinygen']}; "
        f"{about['date']}", "",
        "## Evaluations", "",
        "How many evaluations of loss and gradient until no element of the gradient is larger than "
        f"{report['goal']:g},", "and the loss there (0 is the least). float64, history 10, started as Moré, Garbow and "
        "Hillstrom (1981) say. In brackets the",
        f"mean over {report['starts']} starts that are off by some 20 %; {MOST} evaluations at most. What "
        "PyTorch loses, it loses by refusing", "pairs with s.y below 1e-10, whatever the scale of the loss.", "",
        f"| problem | {head} |", f"|---|{'---:|---:|' * len(sides)}",
        *(line(row, sides) for row in report["evaluations"]), "",
        "## Time of an iteration without the closure", "",
        f"{times['n']:,} float32 unknowns, history {times['history']}, medians of {times['rounds']} rounds of ten "
        "iterations in turns. The floor is",
        "reading every pair twice from memory, as fast as a dot product reads 240 MB: "
        f"{times['bandwidth_gb_s']:.0f} GB/s.", "",
        "| tinygen ms | PyTorch ms | ratio | ratio by round | floor ms |", "|---:|---:|---:|---:|---:|",
        f"| {times['tinygen_ms']:.1f} | {times['torch_ms']:.1f} | {times['ratio']:.2f} | "
        f"{times['ratio_lowest']:.2f} to {times['ratio_highest']:.2f} | {times['floor_ms']:.1f} |", "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="how often the two sides take turns (15)")
    parser.add_argument("--starts", type=int, default=12, metavar="N", help="disturbed starting points (12)")
    parser.add_argument("--only", choices=("evaluations", "times"), help="measure and print this part; write nothing")
    arguments = parser.parse_args()
    sides, goal = installed(), 1e-6
    report: dict[str, Any] = {"machine": machine.describe(machine.physical_cores()), "sides": sides, "goal": goal}
    report["starts"] = arguments.starts
    if arguments.only != "times":
        report["evaluations"] = compare_evaluations(sides, goal, arguments.starts)
    if arguments.only != "evaluations":
        report["times"] = compare_times(1_500_000, 20, arguments.rounds)
        print(json.dumps(report["times"]))
    if arguments.only or len(sides) < len(SIDES):
        print("nothing written: that takes all parts, SciPy and PyTorch")
        return
    report["versions"] = {side: importlib.import_module(side).__version__ for side in sides if side != "tinygen"}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "lbfgs.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "lbfgs.md").write_text(markdown(report), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
