import io
import os
import signal
import threading

import numpy as np
import pytest

from tinygen import progress
from tinygen.progress import EXIT_INTERRUPTED, Interruption, Progress


class Terminal(io.StringIO):
    """Shows what a terminal of 80 columns would."""

    def isatty(self):
        return True

    def screen(self):
        lines = []
        for line in self.getvalue().split("\n"):
            cells = []
            column = 0
            for character in line:
                if character == "\r":
                    column = 0
                    continue
                cells[column : column + 1] = [character]
                column += 1
            lines.append("".join(cells).rstrip())
        return lines


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "80")

    def advance(seconds):
        now[0] += seconds

    return advance


# ---------------------------------------------------------------------------------------------- the live line


def test_what_it_shows(clock):
    terminal = Terminal()
    bar = Progress(200, unit="chars", per_step=1280, stream=terminal)
    bar.update(1, epoch=1, loss=2.123456)  # compiled for long: the speed does not count it
    assert terminal.screen() == ["step 1/200  epoch 1  loss 2.123"]
    clock(2)
    bar.update(21, epoch=1, loss=np.float32(1.5))
    assert terminal.screen() == ["step 21/200  epoch 1  loss 1.5  12,800 chars/s  0:18 left"]
    clock(2)
    bar.update(41, epoch=10, note="x")
    assert terminal.screen() == ["step 41/200  epoch 10  note x  12,800 chars/s  0:16 left"]


def test_speed_follows_the_last_seconds(clock):
    terminal = Terminal()
    bar = Progress(stream=terminal)
    for step in range(20):
        bar.update(step)
        clock(1)
    assert terminal.screen() == ["step 19  1 steps/s"]
    for step in range(20, 320, 10):
        bar.update(step)
        clock(1)
    assert float(terminal.screen()[0].split()[2]) == pytest.approx(10, rel=0.02)


def test_a_resumed_run_is_not_thought_fast(clock):
    terminal = Terminal()
    bar = Progress(2000, stream=terminal)
    bar.update(1001)
    clock(10)
    bar.update(1011)
    assert terminal.screen() == ["step 1011/2000  1 steps/s  16:29 left"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61, "1:01"), (3723, "1:02:03"), (-5, "0:00")])
def test_clock(seconds, text):
    assert progress._clock(seconds) == text


def test_it_draws_ten_times_a_second_and_at_the_end(clock, monkeypatch):
    terminal = Terminal()
    bar = Progress(1000, stream=terminal)
    for step in range(1, 1001):
        bar.update(step)
        clock(0.001)
    assert terminal.getvalue().count("\r") == 11  # at 0.0, 0.1, ... 0.9 s; the last step
    assert terminal.screen()[0].startswith("step 1000/1000")


def test_a_shorter_line_leaves_nothing_of_the_longer(clock):
    terminal = Terminal()
    bar = Progress(stream=terminal)
    bar.update(1, note="a long note here")
    clock(1)
    bar.update(2, note="b")
    assert terminal.screen() == ["step 2  note b  1 steps/s"]


def test_it_fits_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    Progress(stream=terminal).update(1, note="x" * 200)
    assert len(terminal.screen()[0]) == 29


def test_print_and_close(clock):
    terminal = Terminal()
    with Progress(10, stream=terminal) as bar:
        bar.print("before", file=terminal)
        bar.update(1, loss=0.5)
        bar.print("a sample\nof two lines", 3, file=terminal)
        assert terminal.screen() == ["before", "a sample", "of two lines 3", "step 1/10  loss 0.5"]
        clock(1)
        bar.update(2, loss=0.25)
    assert terminal.screen() == ["before", "a sample", "of two lines 3", ""]


def test_print_goes_to_stdout(capsys):
    Progress(stream=io.StringIO()).print("a", 1)
    assert capsys.readouterr().out == "a 1\n"


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO, False), (Terminal, True)])
def test_nothing_without_a_terminal_or_when_quiet(stream, quiet, capsys):
    out = stream()
    with Progress(10, stream=out, quiet=quiet) as bar:
        for step in range(11):
            bar.update(step, loss=1.0)
        bar.print("sample")
    assert out.getvalue() == ""
    assert capsys.readouterr() == ("" if quiet else "sample\n", "")


def test_stderr_is_where_it_draws_and_here_it_is_no_terminal(capsys):
    with Progress(3) as bar:
        bar.update(1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")
def test_a_real_terminal(clock):
    master, slave = os.openpty()
    try:
        with open(slave, "w") as stream, Progress(10, stream=stream) as bar:
            bar.update(3, loss=0.5)
            shown = os.read(master, 1000)
        assert shown == b"\rstep 3/10  loss 0.5"
        assert os.read(master, 1000) == b"\r" + b" " * 19 + b"\r"
    finally:
        os.close(master)


# ---------------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_request(number, capfd):
    with Interruption() as interruption:
        assert not interruption.requested
        signal.raise_signal(number)
        assert interruption.requested
    assert capfd.readouterr() == ("", "\nstopping after this step; Ctrl-C again stops at once\n")
    assert EXIT_INTERRUPTED == 130


def test_the_second_interrupt_is_at_once(capfd):
    with Interruption(notice="") as interruption:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interruption.requested
    assert capfd.readouterr() == ("", "")


def test_a_second_sigterm_still_lets_it_save():
    with Interruption(notice="") as interruption:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert interruption.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_old_handlers_come_back():
    def mine(number, frame):
        raise AssertionError

    old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, mine)
    try:
        with Interruption(notice="") as outer:
            with Interruption(notice="") as inner:
                signal.raise_signal(signal.SIGTERM)
            assert (inner.requested, outer.requested) == (True, False)
            signal.raise_signal(signal.SIGTERM)
            assert outer.requested
        assert signal.getsignal(signal.SIGTERM) is mine
        with pytest.raises(ZeroDivisionError), Interruption():
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.getsignal(signal.SIGINT) is old[signal.SIGINT]
    finally:
        signal.signal(signal.SIGTERM, old[signal.SIGTERM])


def test_elsewhere_than_in_the_main_thread_nothing_is_caught():
    old = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with Interruption() as interruption:
            seen.append(signal.getsignal(signal.SIGINT) is old)
            interruption.request()
            seen.append(interruption.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True, True]
