"""``tinygen gradcheck``: the gradient of every op against finite differences."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tinygen.testing.check import RTOL, check_op
from tinygen.testing.gradcheck import GradcheckError
from tinygen.testing.records import OpRecord, find


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("gradcheck", help="every op's gradient against finite differences")
    parser.add_argument("ops", nargs="*", metavar="OP", help="names of ops (default: all)")
    parser.add_argument(
        "--order", default="1,2", metavar="N", help="orders of derivative: 1, 2 or 1,2 (default)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each op; return 1 if a gradient is wrong."""
    records, orders = find(arguments.ops), _orders(arguments.order)
    width = max(len(record.name) for record in records)
    heads = "".join(f"  {f'error, order {order}':>15}" for order in orders)
    print(f"{'op':<{width}}{heads}    tolerance {RTOL:g}")
    failed = 0
    for record in records:
        cells, messages = zip(*(_check(record, order) for order in orders), strict=True)
        messages = [m for m in messages if m]
        failed += bool(messages)
        print(f"{record.name:<{width}}" + "".join(f"  {cell:>15}" for cell in cells))
        for message in messages:
            print(f"    {message}")
        sys.stdout.flush()
    print(f"{len(records)} ops, {failed} with a wrong gradient")
    return 1 if failed else 0


def _check(record: OpRecord, order: int) -> tuple[str, str]:
    """What the table says, and what went wrong."""
    if order > record.order:
        return "no gradient", ""
    try:
        return f"{check_op(record, order):.1e}", ""
    except GradcheckError as error:
        return "FAILED", str(error)


def _orders(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part in ("1", "2") for part in parts):
        raise ValueError(f"`--order` is {text!r}; valid are 1, 2 and 1,2")
    return sorted({int(part) for part in parts})
