"""What a part of the demo hands back, and how it says that it was stopped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One part of the page.

    Attributes:
        title: its heading.
        html: what stands below it.
        seconds: how long it took.
    """

    title: str
    html: str
    seconds: float


class Stopped(Exception):
    """The user asked a part to stop; it has saved what it had."""
