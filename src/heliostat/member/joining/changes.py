"""Changes to a machine that can be taken back, also after a power cut between any two.

Before a change is made, the journal has what was there; ``undo`` goes through it from the
end.  A file that somebody changed since is put aside, not lost.  Making changes that
are made already changes nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.core.files import atomic_write
from heliostat.core.process import run

COMMAND_TIMEOUT_S = 900.0
PRIVATE = 0o600
ASIDE = ".before-leaving"

Run = Callable[[Sequence[str]], str]
"""Runs a program and gives what it printed."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file as it shall be; ``path`` is below the machine's root."""

    path: str
    content: str
    mode: int
    why: str


@dataclass(frozen=True, slots=True)
class CommandChange:
    """A program to run, and the one that takes it back; either may be none."""

    argv: tuple[str, ...]
    undo: tuple[str, ...]
    why: str


Change = FileChange | CommandChange


def run_command(argv: Sequence[str]) -> str:
    """The machine's own programs; raises ``CommandFailed``."""
    return run(argv, timeout_s=COMMAND_TIMEOUT_S).stdout


class Journal:
    """What was changed on the machine below ``root``; it lies in ``path``."""

    def __init__(self, path: Path, root: Path, run: Run = run_command) -> None:
        self._path = path
        self._root = root
        self._run = run

    def make(self, changes: Sequence[Change]) -> None:
        """Make ``changes`` in order; raises what the first that fails raises."""
        for change in changes:
            if isinstance(change, FileChange):
                self._write(change)
            else:
                self._note({"undo": list(change.undo), "why": change.why})
                if change.argv:
                    self._run(change.argv)

    def undo(self) -> list[str]:
        """Take everything back; gives where files lie that somebody had changed since.

        Raises what a command raises; what was taken back before it stays taken back.
        """
        aside = []
        steps = self._steps()
        while steps:
            step = steps[-1]
            if "file" in step:
                aside += self._restored(step)
            elif step["undo"]:
                self._run([str(each) for each in step["undo"]])
            steps.pop()
            self._keep(steps)
        self._path.unlink(missing_ok=True)
        return aside

    def _write(self, change: FileChange) -> None:
        path = self._root / change.path
        wanted = change.content.encode()
        before = path.read_bytes() if path.exists() else None
        if before == wanted and path.stat().st_mode & 0o777 == change.mode:
            return
        steps = self._steps()
        known = next((each for each in steps if each.get("file") == change.path), None)
        if known is None:
            mode = path.stat().st_mode & 0o777 if before is not None else 0
            self._keep([*steps, _file_step(change.path, before, mode, wanted)])
        else:  # what was there before us stays what was there
            known["wrote"] = _text(wanted)
            self._keep(steps)
        atomic_write(path, wanted, mode=change.mode)

    def _restored(self, step: dict[str, Any]) -> list[str]:
        path = self._root / str(step["file"])
        now = path.read_bytes() if path.exists() else None
        aside = []
        before = step["before"]
        if now is not None and now != _bytes(step["wrote"]) and now != _bytes(before):
            kept = path.with_name(path.name + ASIDE)
            atomic_write(kept, now, mode=path.stat().st_mode & 0o777)
            aside.append(str(kept))
        if before is None:
            path.unlink(missing_ok=True)
        else:
            atomic_write(path, _bytes(before) or b"", mode=int(str(step["mode"])))
        return aside

    def _note(self, step: dict[str, Any]) -> None:
        steps = self._steps()
        if step not in steps:
            self._keep([*steps, step])

    def _steps(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        found: list[dict[str, Any]] = json.loads(self._path.read_bytes())
        return found

    def _keep(self, steps: list[dict[str, Any]]) -> None:
        atomic_write(self._path, json.dumps(steps, indent=1).encode(), mode=PRIVATE)


def _file_step(path: str, before: bytes | None, mode: int, wrote: bytes) -> dict[str, Any]:
    return {
        "file": path,
        "before": None if before is None else _text(before),
        "mode": mode,
        "wrote": _text(wrote),
    }


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: object) -> bytes | None:
    return None if text is None else base64.b64decode(str(text))
