"""Changes that can be taken back, also after a power cut between any two.

Before a change is made, the journal has what was there; ``undo`` goes through it from the end.
A file that somebody changed since is put aside, not lost.  Making changes that are made
already changes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.member.joining.changes import Change, CommandChange, FileChange, Run, run_command
from heliostat.member.joining.steps import CommandStep, FileStep, Step, keep_steps, read_steps

LEAVING, JOINING = ".before-leaving", ".before-joining"


@dataclass(frozen=True, slots=True)
class Stuck:
    """A change that could not be taken back, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking back came to; ``aside`` are copies of files that somebody had changed."""

    aside: tuple[str, ...] = ()
    stuck: tuple[Stuck, ...] = ()


class Journal:
    """What was changed on the machine below ``root``; it lies in ``path``."""

    def __init__(self, path: Path, root: Path, run: Run = run_command) -> None:
        self.root = root
        self.run = run
        self._path = path

    @property
    def steps(self) -> list[Step]:
        """What was changed, in order."""
        return read_steps(self._path)

    def keep(self, steps: list[Step]) -> None:
        """Have the journal say just this."""
        keep_steps(self._path, steps)

    def step_of(self, path: str) -> FileStep | None:
        """What is known of a file; ``None`` for one that we never wrote."""
        found = (each for each in self.steps if isinstance(each, FileStep) and each.path == path)
        return next(found, None)

    def make(self, changes: Sequence[Change]) -> list[str]:
        """Make ``changes`` in order; raises what the first that fails raises.

        Gives where files lie that somebody had changed since we wrote them.
        """
        aside = []
        for change in changes:
            if isinstance(change, FileChange):
                aside += self._asked_for(change)
            else:
                self.carry_out(change)
        return aside

    def carry_out(self, change: CommandChange) -> None:
        """Run a program, noted first."""
        step = CommandStep(change.undo, change.why)
        steps = self.steps
        if step not in steps:
            self.keep([*steps, step])
        if change.argv:
            self.run(change.argv)

    def write(self, change: FileChange) -> None:
        """Write a file, noted first; what was there before us stays what was there."""
        path, data = self.root / change.path, change.data
        now, mode = state_of(path)
        if (now, mode) == (data, change.mode):
            return
        steps, known = self.steps, self.step_of(change.path)
        if known is None:
            self.keep([*steps, FileStep(change.path, now, mode, data)])
        else:
            self.keep([known.writing(data, now) if each == known else each for each in steps])
        atomic_write(path, data, mode=change.mode)

    def undo(self) -> Undone:
        """Take everything back, from the end; what can't be stays in the journal, for the next
        attempt.
        """
        aside: list[str] = []
        stuck: list[tuple[Step, Stuck]] = []
        steps = self.steps
        while steps:
            step = steps.pop()
            try:
                aside += self.take_back(step)
            except (HeliostatError, OSError) as error:
                stuck.insert(0, (step, Stuck(_what(step), sentence_of(error))))
            self.keep([*steps, *(each for each, _ in stuck)])
        return Undone(tuple(aside), tuple(each for _, each in stuck))

    def take_back(self, step: Step) -> list[str]:
        """Make it as it was; gives where the file lies if somebody had changed it."""
        if isinstance(step, CommandStep):
            if step.undo:
                self.run(step.undo)
            return []
        path = self.root / step.path
        now, _ = state_of(path)
        foreign = now is not None and not step.is_ours(now) and now != step.before
        aside = [_put_aside(path, LEAVING)] if foreign else []
        if step.before is None:
            path.unlink(missing_ok=True)
        else:
            atomic_write(path, step.before, mode=step.mode)
        return aside

    def _asked_for(self, change: FileChange) -> list[str]:
        path, known = self.root / change.path, self.step_of(change.path)
        now, _ = state_of(path)
        foreign = known is not None and now not in (None, known.before, change.data)
        aside = []
        if known is not None and foreign and not known.is_ours(now):
            aside.append(_put_aside(path, JOINING))
        self.write(change)
        return aside


def state_of(path: Path) -> tuple[bytes | None, int]:
    """A file's content and mode; ``None`` and 0 where there is none."""
    if not path.exists():
        return None, 0
    return path.read_bytes(), path.stat().st_mode & 0o777


def sentence_of(error: Exception) -> str:
    """Why something failed, as people are told."""
    return error.message if isinstance(error, HeliostatError) else str(error)


def _put_aside(path: Path, ending: str) -> str:
    kept = path.with_name(path.name + ending)
    content, mode = state_of(path)
    atomic_write(kept, content or b"", mode=mode)
    return str(kept)


def _what(step: Step) -> str:
    return f"/{step.path}" if isinstance(step, FileStep) else f"`{shlex.join(step.undo)}`"
