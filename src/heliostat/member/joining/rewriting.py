"""Files of a member that an older version wrote, written anew: what is newer, and nothing else.

``decide`` is pure: what we wrote is replaced; what an administrator changed since stays, with
the new text beside it; what is no longer wanted is taken back.  ``rewrite`` does that and runs
the programs that read the files; if one of them fails, everything is as it was and they run
again.  Whoever is killed between goes on at the next refresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.files import atomic_write
from heliostat.member.joining.changes import Change, CommandChange, FileChange
from heliostat.member.joining.journal import Journal, sentence_of, state_of
from heliostat.member.joining.steps import CommandStep, FileStep, Step

BESIDE = ".heliostat-new"
"""No program reads a file of this name where ours lie."""


class Act(StrEnum):
    """What becomes of one file."""

    NOTHING = "nothing"
    WRITE = "write"
    KEEP = "keep"
    TAKE_BACK = "take back"


@dataclass(frozen=True, slots=True)
class Decision:
    """One file, and why."""

    act: Act
    why: str


def decide(wanted: FileChange | None, now: bytes | None, step: FileStep | None) -> Decision:
    """``wanted``: as it shall be, ``None`` if it is not to be there; ``step``: as we left it."""
    if wanted is None:
        if step is None or now == step.before:
            return Decision(Act.NOTHING, "it is as it was before")
        if step.is_ours(now):
            return Decision(Act.TAKE_BACK, "it is no longer needed")
        return Decision(Act.KEEP, "it was changed here since, so it stays")
    if now == wanted.data:
        return Decision(Act.NOTHING, "it is so already")
    if step is None or step.is_ours(now) or now == step.before:
        return Decision(Act.WRITE, wanted.why)
    if step.wrote == wanted.data:
        return Decision(Act.NOTHING, "it was changed here since, and there is nothing newer")
    return Decision(
        Act.KEEP, f"it was changed here since, so it stays; what is new lies in {BESIDE[1:]} beside"
    )


def rewrite(journal: Journal, changes: Sequence[Change]) -> list[str]:
    """Make what is newer in ``changes``; a sentence for each file that is written or kept.

    Raises ``MembershipUnchanged`` if it can't be made; then everything is as it was.
    """
    was = journal.steps
    places = {each.path for each in changes if isinstance(each, FileChange)}
    places |= {each.path for each in was if isinstance(each, FileStep)}
    contents = {path: state_of(journal.root / path) for path in places}
    try:
        return _made(journal, changes)
    except (HeliostatError, OSError) as error:
        faults = _as_it_was(journal, was, contents, changes)
        raise PermanentError(
            "MembershipUnchanged",
            f"Newer settings could not be made: {sentence_of(error)}",
            hint="; ".join(faults) or None,
        ) from error


def _made(journal: Journal, changes: Sequence[Change]) -> list[str]:
    told = superseded(journal, changes)
    for change in changes:
        if isinstance(change, CommandChange):
            journal.carry_out(change)
            continue
        now, _ = state_of(journal.root / change.path)
        decision = decide(change, now, journal.step_of(change.path))
        if decision.act is Act.WRITE:
            journal.write(change)
        elif decision.act is Act.KEEP:
            beside = FileChange(change.path + BESIDE, change.content, change.mode, change.why)
            journal.write(beside)
        if decision.act is not Act.NOTHING:
            told.append(f"/{change.path}: {decision.why}")
    return told


def superseded(journal: Journal, changes: Sequence[Change]) -> list[str]:
    """Take back files that were wanted before and no more; a sentence for each."""
    wanted = {each.path for each in changes if isinstance(each, FileChange)}
    told = []
    for step in journal.steps:
        if isinstance(step, CommandStep) or step.path in wanted:
            continue
        now, _ = state_of(journal.root / step.path)
        decision = decide(None, now, step)
        if decision.act is Act.TAKE_BACK:
            journal.take_back(step)
        if decision.act is not Act.KEEP:
            journal.keep([each for each in journal.steps if each != step])
        if decision.act is not Act.NOTHING and not step.path.endswith(BESIDE):
            told.append(f"/{step.path}: {decision.why}")
    return told


def _as_it_was(
    journal: Journal,
    was: list[Step],
    contents: dict[str, tuple[bytes | None, int]],
    changes: Sequence[Change],
) -> list[str]:
    """Put files back and let programs read them again; a sentence for what can't be."""
    faults = []
    for step in reversed(journal.steps):
        if isinstance(step, FileStep) and step.path not in contents:
            (journal.root / step.path).unlink(missing_ok=True)  # what lay beside
        elif isinstance(step, CommandStep) and step not in was and step.undo:
            faults += _tried(journal, step.undo)
    for path, (content, mode) in contents.items():
        if content is None:
            (journal.root / path).unlink(missing_ok=True)
        elif state_of(journal.root / path) != (content, mode):
            atomic_write(journal.root / path, content, mode=mode)
    journal.keep(was)
    for change in changes:
        if isinstance(change, CommandChange) and change.argv and not change.once:
            faults += _tried(journal, change.argv)
    return faults


def _tried(journal: Journal, argv: Sequence[str]) -> list[str]:
    try:
        journal.run(argv)
    except (HeliostatError, OSError) as error:
        return [sentence_of(error)]
    return []
