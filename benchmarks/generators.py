"""Measure the generators against PyTorch and write ``results/GROUP-<cpu>.json`` and ``.md``.

    python benchmarks/generators.py text
    python benchmarks/generators.py pictures

Run it with a Python that has tinygen and PyTorch, on a machine that does nothing else. It is ``tinygen bench --against
torch`` with the figures kept.
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
GROUPS = {
    "text": (["text", "import", "ops", "kernels"], "Text: tinygen and PyTorch"),
    "pictures": (["vae", "gan", "dream", "style"], "Pictures: tinygen and PyTorch"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("group", choices=list(GROUPS))
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often the two sides take turns (9)")
    arguments = parser.parse_args()
    names, title = GROUPS[arguments.group]

    def done(row: dict[str, Any]) -> None:
        print(f"{table.line(table.cells(row))}\n    {table.remark(row)}", flush=True)

    print(table.line())
    report = bench(names, against="torch", rounds=arguments.rounds, done=done)
    cpu = re.sub(r"[^a-z0-9]+", "-", machine.cpu_model().lower()).strip("-")
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{arguments.group}-{cpu}"
    target.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    target.with_suffix(".md").write_text(table.markdown(report, title), encoding="utf-8")
    print(table.about(report["machine"]))


if __name__ == "__main__":
    sys.exit(main())
