"""What the journal keeps of a change: a line of JSON each, oldest first.  No effects but its file.

A file's step has what was there before us, what we wrote, and, while it is written anew, what
we had written before: either is ours, so an interruption between is no administrator's change.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from heliostat.core.files import atomic_write

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class FileStep:
    """A file that was written; ``before`` is ``None`` where there was none, with ``mode`` 0."""

    path: str
    before: bytes | None
    mode: int
    wrote: bytes
    was: bytes | None = None

    def is_ours(self, now: bytes | None) -> bool:
        """Whether what is there now is what we wrote."""
        return now is not None and now in (self.wrote, self.was)

    def writing(self, data: bytes, now: bytes | None) -> FileStep:
        """Before ``data`` is written in place of ``now``."""
        return replace(self, wrote=data, was=now if now != data else self.was)


@dataclass(frozen=True, slots=True)
class CommandStep:
    """A program that was to run; ``undo`` takes it back."""

    undo: tuple[str, ...]
    why: str


Step = FileStep | CommandStep


def read_steps(path: Path) -> list[Step]:
    """The journal in ``path``; none if there is no file."""
    if not path.exists():
        return []
    return [_read(each) for each in json.loads(path.read_bytes())]


def keep_steps(path: Path, steps: list[Step]) -> None:
    """After this returns, ``steps`` survive a power cut; without any the file goes."""
    if steps:
        told = [_told(each) for each in steps]
        atomic_write(path, json.dumps(told, indent=1).encode(), mode=PRIVATE)
    else:
        path.unlink(missing_ok=True)


def _read(told: dict[str, Any]) -> Step:
    if "file" not in told:
        return CommandStep(tuple(map(str, told["undo"])), str(told["why"]))
    return FileStep(
        str(told["file"]),
        _bytes(told["before"]),
        int(told["mode"]),
        _bytes(told["wrote"]) or b"",
        _bytes(told.get("was")),
    )


def _told(step: Step) -> dict[str, Any]:
    if isinstance(step, CommandStep):
        return {"undo": list(step.undo), "why": step.why}
    told = {"before": step.before, "wrote": step.wrote, "was": step.was}
    texts = {name: None if raw is None else _text(raw) for name, raw in told.items()}
    return {"file": step.path, "mode": step.mode, **texts}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: object) -> bytes | None:
    return None if text is None else base64.b64decode(str(text))
