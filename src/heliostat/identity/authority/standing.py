"""Whether a certificate still counts for its holder: pure, with its reason.

Who is gone had it for the last time; who is barred may be let in again, and then it counts as
before (RFC 5280, 5.3.1: ``certificateHold`` may be taken off).  Who can't be told of, because a
directory is away or somebody is not of one, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heliostat.identity.authority.records import CESSATION, HELD, Certificate


class Presence(StrEnum):
    """How it is with a holder now."""

    HERE = "here"
    BARRED = "barred"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever certificates were issued to; ``made_ms``: since when (0: nobody can tell)."""

    presence: Presence
    made_ms: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """The reason for revocation that a certificate should have (empty: it counts), and why."""

    reason: str
    why: str


NOBODY_KNOWS = Holder(Presence.UNKNOWN)


def standing(record: Certificate, holder: Holder, now_ms: int) -> Standing:
    """How a certificate should stand; one that is over or has ended stays as it is."""
    present = record.reason if record.revoked_ms else ""
    if record.is_over or now_ms >= record.not_after_ms:
        return Standing(present, "it is over already")
    if holder.presence is Presence.UNKNOWN:
        return Standing(present, f"nobody can tell whether {record.by} is still there")
    if holder.presence is Presence.GONE:
        return Standing(CESSATION, f"{record.by} was deleted")
    if holder.made_ms > record.created_ms:
        return Standing(CESSATION, f"{record.by} was deleted, and is another by now")
    if holder.presence is Presence.BARRED:
        return Standing(HELD, f"{record.by} is disabled")
    return Standing("", f"{record.by} is there")
