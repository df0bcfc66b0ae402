"""Measure the text generator against PyTorch and write ``results/text-<cpu>.json`` and ``.md``.

Run it with a Python that has tinygen and PyTorch, on a machine that does nothing else: ``python benchmarks/text.py``.
It is ``tinygen bench --against torch`` with the figures kept.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from tinygen.bench import machine, table
from tinygen.bench.measure import bench

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often the two sides take turns (9)")
    arguments = parser.parse_args()

    def done(row: dict[str, Any]) -> None:
        print(f"{table.line(table.cells(row))}\n    {table.remark(row)}", flush=True)

    print(table.line())
    report = bench(against="torch", rounds=arguments.rounds, done=done)
    cpu = re.sub(r"[^a-z0-9]+", "-", machine.cpu_model().lower()).strip("-")
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"text-{cpu}"
    target.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    target.with_suffix(".md").write_text(table.markdown(report, "Text: tinygen and PyTorch"), encoding="utf-8")
    print(table.about(report["machine"]))


if __name__ == "__main__":
    sys.exit(main())
