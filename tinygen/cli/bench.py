"""``tinygen bench``: how fast this machine runs tinygen, and PyTorch beside it."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tinygen.bench import table
from tinygen.bench.measure import ROWS, WORKLOADS, bench
from tinygen.cli.common import eprint


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench", help="measure speed and memory, also against PyTorch",
        description="Measures in processes that take turns; medians; ratio = tinygen / PyTorch in its quickest form.",
        epilog="rows: " + "; ".join(ROWS),
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD",
        help=f"{', '.join(WORKLOADS)}, or one of the rows below (default all)",
    )
    parser.add_argument("--against", metavar="torch", help="measure PyTorch too, where it is installed")
    parser.add_argument("--threads", type=int, metavar="N", help="on both sides (default the physical cores)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often the two sides take turns (7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print the table row by row."""
    target = arguments.json
    if target is not None and not target.absolute().parent.is_dir():
        raise ValueError(f"`--json` is {str(target)!r}, whose folder does not exist")
    if target is not None and target.is_dir():
        raise ValueError(f"`--json` is {str(target)!r}, a folder; it must be a file")

    def done(row: dict[str, Any]) -> None:
        print(table.line(table.cells(row)))
        if remark := table.remark(row):
            print(f"    {remark}", flush=True)

    print(table.line())
    report = bench(
        arguments.workloads, arguments.against, arguments.threads, arguments.rounds,
        say=lambda name: eprint(f"measuring {name} ..."), done=done,
    )
    print(table.about(report["machine"]))
    if target is not None:
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, target)
    return 0
