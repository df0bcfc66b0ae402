"""What a training loop shows while it runs, and how it listens for the wish that it stop."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, TextIO

EXIT_INTERRUPTED = 130  # 128 + SIGINT: what a shell expects of a program stopped by Ctrl-C


class Interruption:
    """Catches Ctrl-C (SIGINT) and SIGTERM, so that a loop can finish its step and save.

    ::

        with Interruption() as interruption:
            while not stop:
                ...
                stop = step == steps or interruption.requested  # looked at once: it may change at any time
                if stop or step % save_every == 0:
                    ...

    The first signal sets :attr:`requested`; a Ctrl-C after that raises KeyboardInterrupt at once. SIGINT is
    caught even where the shell ignored it for a background job: one that is told to stop should save. Outside
    the main thread, where Python handles no signals, nothing is caught.

    Args:
        notice: what the first signal writes to stderr; "" for nothing.
    """

    def __init__(self, notice: str = "\nstopping after this step; Ctrl-C again stops at once\n"):
        self.notice = notice
        self.requested = False
        self._old: dict[int, Any] = {}

    def request(self) -> None:
        """Ask the loop to stop, as a signal does."""
        self.requested = True

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():  # None: one that was not set from Python, and cannot be
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._old.clear()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.requested and self.notice:
            try:
                os.write(2, self.notice.encode())  # not print(): the signal may have come within one
            except OSError:
                pass  # no stderr to tell it to: the loop still stops
        self.requested = True


class Progress:
    """One live line on a terminal: step, values, speed, time left.

    Nothing at all is written where the stream is no terminal, or `quiet` is set. The line is drawn at most
    ten times a second; speed and time left follow the last few seconds, and leave out what came before the
    first :meth:`update` (compiling).

    Args:
        total: steps in all, or None where that is not known.
        start: steps done before (a resumed run).
        unit: what the speed counts, such as "steps" or "chars".
        per_step: how many of them one step makes.
        quiet: show nothing; :meth:`print` is silent too.
        stream: where to draw; stderr unless given.
        interval: seconds between two drawings.
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        start: int = 0,
        unit: str = "steps",
        per_step: float = 1.0,
        quiet: bool = False,
        stream: TextIO | None = None,
        interval: float = 0.1,
    ):
        self.total, self.unit, self.per_step, self.quiet = total, unit, per_step, quiet
        self.interval = interval
        self._stream = sys.stderr if stream is None else stream
        self._shown = not quiet and self._stream is not None and self._stream.isatty()
        self._line = ""  # what is on the terminal now
        self._drawn = -math.inf  # when
        self._mark: tuple[float, int] | None = None  # time and step that the speed counts from
        self._rate = 0.0  # steps a second
        self._weight = 0.0  # how much of `_rate` is measured: corrects its start at zero

    def update(self, step: int, **values: Any) -> None:
        """Say how far the loop is.

        Args:
            step: steps done.
            **values: what to show beside it, in this order: ``epoch=3, loss=1.25``. A function is called for its
                value, and only when the line is drawn: a loss that lies on a device is not waited for at every step.
        """
        if not self._shown:
            return
        now = time.monotonic()
        if now - self._drawn < self.interval and step != self.total:
            return
        if self._mark is not None and now > self._mark[0]:
            seconds, steps = now - self._mark[0], step - self._mark[1]
            keep = math.exp(-seconds / 5.0)  # an average over the last 5 s or so
            self._rate = keep * self._rate + (1 - keep) * steps / seconds
            self._weight = keep * self._weight + (1 - keep)
        self._mark = (now, step)
        self._drawn = now
        self._draw(self._text(step, values))

    def print(self, *values: Any, file: TextIO | None = None) -> None:
        """Print a line as the built-in ``print`` does, the live line out of its way.

        Args:
            *values: what to print; nothing is printed when quiet.
            file: where to; stdout unless given.
        """
        if self.quiet:
            return
        line = self._line
        self._draw("")
        print(*values, file=sys.stdout if file is None else file, flush=True)
        self._draw(line)

    def close(self) -> None:
        """Erase the line."""
        self._draw("")

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _text(self, step: int, values: dict[str, Any]) -> str:
        parts = [f"step {step}" if self.total is None else f"step {step}/{self.total}"]
        for key, value in values.items():
            value = value() if callable(value) else value
            parts.append(f"{key} {value:.4g}" if _is_real(value) else f"{key} {value}")
        if self._weight > 0 and self._rate > 0:
            rate = self._rate / self._weight
            speed = rate * self.per_step
            parts.append(f"{speed:,.0f} {self.unit}/s" if speed >= 100 else f"{speed:.3g} {self.unit}/s")
            if self.total is not None:
                parts.append(f"{_clock((self.total - step) / rate)} left")
        return "  ".join(parts)

    def _draw(self, text: str) -> None:
        """Replace the line; blanks over what is left of the old one, so that any terminal can do it."""
        if not self._shown or (not text and not self._line):
            return
        text = text[: _columns(self._stream) - 1]  # a full line would wrap
        self._stream.write("\r" + text.ljust(len(self._line)) + ("" if text else "\r"))
        self._stream.flush()
        self._line = text


def _is_real(value: Any) -> bool:
    return isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _columns(stream: TextIO) -> int:
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # a stand-in for a terminal
        columns = shutil.get_terminal_size().columns
    return columns or 80  # some terminals say 0
