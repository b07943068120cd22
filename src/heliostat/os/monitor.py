"""Progress of a build: the pipeline reports to a ``Monitor`` and never prints.

Steps do not nest.  ``progress`` replaces the previous text of the running step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO


class Monitor(Protocol):
    """Who wants to know what a build is doing."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """One long step, from entering to leaving; an exception means it failed."""

    def progress(self, text: str) -> None:
        """What the running step is busy with."""


class SilentMonitor:
    """Nobody watches."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:  # noqa: ARG002
        yield

    def progress(self, text: str) -> None:
        """Say nothing."""


class PlainMonitor:
    """Lines of text: for logs and pipes.  A line when a step ends, with its time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._say(f"{name} …")
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._say(f"{name}: failed after {time.monotonic() - started:.1f} s")
            raise
        self._say(f"{name}: {time.monotonic() - started:.1f} s")

    def progress(self, text: str) -> None:
        self._say(f"    {text}")

    def _say(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class TerminalMonitor:
    """One line a step on a terminal, rewritten while it runs."""

    _WIDTH = 100

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name = ""
        self._started = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._name, self._started = name, time.monotonic()
        self._draw("…")
        try:
            yield
        except BaseException:
            self._draw("failed", end="\n")
            raise
        self._draw("done", end="\n")

    def progress(self, text: str) -> None:
        self._draw(text)

    def _draw(self, text: str, end: str = "") -> None:
        elapsed = time.monotonic() - self._started
        line = f"{self._name} ({elapsed:.0f} s): {text}"[: self._WIDTH]
        self._stream.write(f"\r\x1b[K{line}{end}")
        self._stream.flush()


def monitor_for(stream: TextIO) -> Monitor:
    """A monitor that suits ``stream``."""
    return TerminalMonitor(stream) if stream.isatty() else PlainMonitor(stream)
