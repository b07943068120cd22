"""What one check saw: the common currency between checks and the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliostat.os.harden.report import Evidence

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """``broken`` breaks the rule; ``held`` shows that it was looked at."""

    summary: str
    broken: tuple[Evidence, ...] = ()
    held: tuple[Evidence, ...] = ()
    applies: bool = True


def not_applicable(why: str) -> Finding:
    """The tree has nothing that the rule speaks of."""
    return Finding(why, applies=False)


def judged(what: str, broken: Iterable[Evidence], held: Iterable[Evidence], total: int) -> Finding:
    """A finding over ``total`` things of one kind, told as ``n of m``."""
    wrong = tuple(broken)
    if wrong:
        summary = f"{what}: {len(wrong)} of {total} not as wanted."
    else:
        summary = f"{what}: {total} of {total} as wanted."
    return Finding(summary, wrong, tuple(held)[:_SHOWN])


def compared(what: str, pairs: Iterable[tuple[Evidence, bool]]) -> Finding:
    """A finding over things that each are right or wrong."""
    all_pairs = list(pairs)
    broken = (evidence for evidence, right in all_pairs if not right)
    held = (evidence for evidence, right in all_pairs if right)
    return judged(what, broken, held, len(all_pairs))
