"""Changes to a machine, as data: files as they shall be, programs to run.

Each says why, and what takes it back; ``journal`` makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heliostat.core.process import run

COMMAND_TIMEOUT_S = 900.0

Run = Callable[[Sequence[str]], str]
"""Runs a program and gives what it printed."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file as it shall be; ``path`` is below the machine's root."""

    path: str
    content: str | bytes
    mode: int
    why: str

    @property
    def data(self) -> bytes:
        """What stands in the file."""
        return self.content if isinstance(self.content, bytes) else self.content.encode()


@dataclass(frozen=True, slots=True)
class CommandChange:
    """A program to run, and the one that takes it back; either may be none.

    ``once``: not again when files are written anew, such as what fetches packages.
    """

    argv: tuple[str, ...]
    undo: tuple[str, ...]
    why: str
    once: bool = False


Change = FileChange | CommandChange


def run_command(argv: Sequence[str]) -> str:
    """The machine's own programs; raises ``CommandFailed``."""
    return run(argv, timeout_s=COMMAND_TIMEOUT_S).stdout


def digest(changes: Iterable[Change]) -> str:
    """One for the same changes: by it a machine finds out that newer ones are to be made."""
    found = hashlib.sha256()
    for each in changes:
        if isinstance(each, FileChange):
            parts: tuple[str, ...] = (
                each.path,
                oct(each.mode),
                hashlib.sha256(each.data).hexdigest(),
            )
        else:
            parts = ("", *each.argv, "", *each.undo)
        found.update(repr(parts).encode())
    return found.hexdigest()
