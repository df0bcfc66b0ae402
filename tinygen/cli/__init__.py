"""The command ``tinygen``: argument parsing and printing only."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from tinygen.cli import bench, data, demo, dream, gan, gradcheck, info, report, style, style_net, text, vae
from tinygen.cli.common import Parser, eprint
from tinygen.run import EXIT_INTERRUPTED
from tinygen.version import __version__
from tinygen_ops.registry import mode as kernel_mode

COMMANDS = (demo, text, dream, style, style_net, vae, gan, report, data, gradcheck, bench, info)


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that the terminal lacks must not end a training run
            stream.reconfigure(errors="backslashreplace")
    arguments = parser.parse_args(argv)
    try:
        kernel_mode()  # a wrong TINYGEN_KERNELS is told before anything is written
        status = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where it can still be told that nothing more can be written
        return status
    except BrokenPipeError:  # the reader of our output has gone (tinygen ... | head): nobody is left to tell
        _drop_output()
        return 1
    except KeyboardInterrupt:
        eprint("tinygen: interrupted")
        return EXIT_INTERRUPTED
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        if os.environ.get("TINYGEN_DEBUG"):
            raise
        _drop_output()
        eprint(f"tinygen: {_line(error)}")
        return 2


def _drop_output() -> None:
    """Forget what stdout did not take, which the interpreter would try again, and complain of, as it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(error: Exception) -> str:
    """What to say of an error: an OSError's own words begin with its number."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return f"`{error.filename}`: {error.strerror}" if error.filename else error.strerror
    return str(error)
