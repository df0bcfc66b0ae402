"""The command ``tinygen``: argument parsing and printing only."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tinygen.cli import bench, data, demo, info, text
from tinygen.cli.common import Parser, eprint
from tinygen.run import EXIT_INTERRUPTED
from tinygen.version import __version__

COMMANDS = (demo, text, data, bench, info)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments; None for those of the process.

    Returns:
        The exit status: 0 for success, 2 for bad input (after one line on stderr), 130 for an interruption.
    """
    parser = Parser(prog="tinygen", description="a deep-learning engine from scratch, and the generators built on it")
    parser.add_argument("--version", action="version", version=f"tinygen {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add_parser(subparsers)
    arguments = parser.parse_args(argv)
    try:
        return arguments.run(arguments)
    except BrokenPipeError:  # the reader of our output has gone (tinygen ... | head): nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        eprint("tinygen: interrupted")
        return EXIT_INTERRUPTED
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("TINYGEN_DEBUG"):
            raise
        eprint(f"tinygen: {error}")
        return 2
