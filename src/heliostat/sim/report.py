"""An outcome as people and programs read it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

from heliostat.sim.run import Outcome

LINES = 40


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as one JSON value."""
    return {
        "seed": outcome.seed,
        "digest": outcome.digest,
        "virtualSeconds": round(outcome.virtual_s, 3),
        "commits": outcome.commits,
        "operations": dict(sorted(outcome.operations.items())),
        "refused": dict(sorted(outcome.refused.items())),
        "unanswered": outcome.unknown,
        "faults": dict(sorted(outcome.faults.items())),
        "tasks": dict(sorted(outcome.tasks.items())),
        "stalledTasks": outcome.stalls,
        "violations": list(outcome.violations),
        "firstViolationAfterOperation": outcome.operation,
    }


def as_text(outcome: Outcome) -> Iterator[str]:
    """The outcome as a table, a line at a time."""
    asked, struck = outcome.operations.total(), outcome.faults.total()
    yield f"Seed {outcome.seed}: {asked} operations and {struck} faults"
    yield f"  in {outcome.virtual_s:.0f} s of virtual time and {outcome.commits} commits;"
    yield f"  {outcome.refused.total()} were refused, {outcome.unknown} got no answer,"
    yield f"  {outcome.stalls} tasks were stalled for a while."
    for title, counts in (
        ("TASK", outcome.tasks),
        ("REFUSED WITH", outcome.refused),
        ("FAULT", outcome.faults),
    ):
        yield from _table(title, counts)
    yield ""
    yield f"Digest {outcome.digest}"
    yield f"Violations: {len(outcome.violations) or 'none'}"


def violations(outcome: Outcome, command: str, lines: int = LINES) -> Iterator[str]:
    """What went wrong, when, and how to see it again."""
    yield f"Seed {outcome.seed}, after operation {outcome.operation}:"
    for sentence in outcome.violations:
        yield f"  {sentence}"
    yield "The last that happened:"
    for line in outcome.latest[-lines:]:
        yield f"  {line}"
    yield f"The same again: {command}"


def command_of(seed: int, options: dict[str, object]) -> str:
    """The command that plays one seed of a scenario again."""
    words = ["helio", "sim", "--seed", str(seed)]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def _table(title: str, counts: Counter[str]) -> Iterator[str]:
    if not counts:
        return
    width = max(len(title), *map(len, counts))
    yield ""
    yield f"{title.ljust(width)}  COUNT"
    for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        yield f"{name.ljust(width)}  {count}"
