"""What a gate says: passed or not, and the sentence why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heliostat.core.errors import HeliostatError


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one gate on one tree."""

    gate: str
    passed: bool
    reason: str
    evidence: tuple[str, ...] = ()
    """One line a fault; none when it passed."""


def judged(gate: str, faults: Sequence[str], fine: str, wrong: str) -> Verdict:
    """Passed if there are no ``faults``; ``{n}`` in the sentences is their number."""
    told = wrong.replace("{n}", str(len(faults))) if faults else fine
    return Verdict(gate, not faults, told, tuple(faults))


def refuse_failed(verdicts: Iterable[Verdict]) -> None:
    """Raise ``GateClosed`` if any did not pass, with all that they said."""
    failed = [each for each in verdicts if not each.passed]
    if not failed:
        return
    told = "; ".join(f"{each.gate}: {each.reason}" for each in failed)
    evidence = {each.gate: list(each.evidence) for each in failed}
    first = next((each.evidence[0] for each in failed if each.evidence), "")
    shown = f" ({first})" if first else ""
    raise HeliostatError("GateClosed", f"{told}{shown}.", data={"gates": evidence})
