"""A headless Chromium for tests of pages, over the Chrome DevTools Protocol: the standard library is enough.

The browser reads commands from its file descriptor 3 and writes answers and events to 4, JSON with a zero byte behind
each (``--remote-debugging-pipe``): there is no port that could be taken.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe"
).split()
# Gives the two pipes the numbers that the browser expects, and becomes the browser.
START = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])"""
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


def chromium():
    """The path of the browser; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("Chromium is not installed")


class Browser:
    """A browser with a profile of its own; ``open`` opens a page. Used with ``with``.

    Args:
        patience: seconds that an answer may take.
    """

    def __init__(self, patience=60):
        program = chromium()
        self.patience, self.number, self.buffer, self.events = patience, 0, b"", []
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        ours, theirs = [], []
        for reading in (True, False):  # their reading end first
            r, w = os.pipe()
            kept, given = (w, r) if reading else (r, w)
            ours.append(kept)
            # numbers well above 3 and 4, which are about to be taken
            theirs.append(fcntl.fcntl(given, fcntl.F_DUPFD, 10))
            os.close(given)
        self.to, self.back = ours
        command = [program, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        start = [sys.executable, "-c", START, *map(str, theirs)]
        self.process = subprocess.Popen(start + command, pass_fds=theirs, **silent)
        for descriptor in theirs:
            os.close(descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(OSError, RuntimeError):
            self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, session=None, **params):
        """Send a command and return its result; events that come meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        return self._read(lambda answer: answer.get("id") == self.number)

    def wait_for(self, method, session):
        """Wait for an event, which may have come already."""
        if not any(e["method"] == method and e.get("sessionId") == session for e in self.events):
            self._read(lambda answer: answer.get("method") == method and answer.get("sessionId") == session)

    def _read(self, wanted):
        until = time.monotonic() + self.patience
        while True:
            while b"\0" in self.buffer:
                line, _, self.buffer = self.buffer.partition(b"\0")
                answer = json.loads(line)
                if "method" in answer:
                    self.events.append(answer)
                if wanted(answer):
                    if "error" in answer:
                        raise RuntimeError(answer["error"]["message"])
                    return answer.get("result")
            if not select.select([self.back], [], [], max(0, until - time.monotonic()))[0]:
                raise RuntimeError(f"the browser said nothing for {self.patience} s")
            chunk = os.read(self.back, 1 << 16)
            if not chunk:
                raise RuntimeError(f"the browser ended with status {self.process.wait()}")
            self.buffer += chunk

    def open(self, path, width=1200, height=900, **look):
        """Open a file in a page of its own and wait until it is loaded; see :class:`Page`."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, Path(path), width, height, **look)


class Page:
    """A page: ``evaluate`` runs JavaScript in it, the others do what a reader does.

    Args:
        browser: whose it is.
        session: its session.
        path: of the file.
        width: of the window, in pixels of the page.
        height: likewise.
        dark: whether the reader prefers it dark.
        calm: whether they want no motion.
        phone: whether it is one, with a finger and no mouse.
        scale: pixels of the screen for one of the page.
        script: JavaScript that runs before the page's own.
    """

    def __init__(self, browser, session, path, width, height, dark=False, calm=True, phone=False, scale=1, script=""):
        self.browser, self.session, self.url = browser, session, path.resolve().as_uri()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **screen)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
        ])
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self.call("Page.navigate", url=self.url)
        browser.wait_for("Page.loadEventFired", session)

    def call(self, method, **params):
        """Send a command that concerns this page."""
        return self.browser.call(method, self.session, **params)

    def evaluate(self, expression):
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def settle(self):
        """Wait until two frames were drawn: what an event asked for is there."""
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def box(self, selector):
        """Where an element is in the window, brought into it: left, top, width, height."""
        return self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'});"
            " const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"
        )

    def mouse(self, x, y, kind="mouseMoved", button="none"):
        """Move the mouse to a place in the window, press it or let it go."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=int(kind != "mouseMoved"))
        self.settle()

    def click(self, selector):
        """Click the middle of an element."""
        left, top, width, height = self.box(selector)
        x, y = left + width / 2, top + height / 2
        self.mouse(x, y)
        self.mouse(x, y, "mousePressed", "left")
        self.mouse(x, y, "mouseReleased", "left")

    def touch(self, *places):
        """Put a finger down at the first place, draw it over the others, and lift it."""
        for kind, place in zip(["touchStart"] + ["touchMove"] * (len(places) - 1), places, strict=True):
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": place[0], "y": place[1]}])
            self.settle()
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def key(self, name, *modifiers):
        """Press a key such as ArrowLeft, Home, Enter or Tab."""
        held = sum(MODIFIERS[m] for m in modifiers)
        text = {"text": "\r"} if name == "Enter" else {}
        codes = {"Tab": 9, "Enter": 13, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        common = {"key": name, "code": name, "modifiers": held, "windowsVirtualKeyCode": codes[name]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)
        self.settle()

    def type(self, text):
        """Type text into what has the focus."""
        self.call("Input.insertText", text=text)
        self.settle()

    def screenshot(self, path=None, whole=True):
        """Return the page as PNG, and write it to ``path``; ``whole``: beyond the window too."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        content = base64.b64decode(answer["data"])
        if path is not None:
            Path(path).write_bytes(content)
        return content

    def _events(self, method):
        events = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [event["params"] for event in events if event["method"] == method]

    @property
    def requests(self):
        """The addresses that the page asked for, itself and data: left out."""
        self.evaluate("0")  # all events up to now have come
        urls = [event["request"]["url"] for event in self._events("Network.requestWillBeSent")]
        return [url for url in urls if url != self.url and not url.startswith("data:")]

    @property
    def problems(self):
        """What went wrong: exceptions, and what was written to the console as an error or a warning."""
        self.evaluate("0")
        found = [event["exceptionDetails"].get("exception", {}).get("description", "exception")
                 for event in self._events("Runtime.exceptionThrown")]
        found += [str(event["args"]) for event in self._events("Runtime.consoleAPICalled")
                  if event["type"] in ("error", "warning", "assert")]
        found += [event["entry"]["text"] for event in self._events("Log.entryAdded")
                  if event["entry"]["level"] in ("error", "warning")]
        return found
