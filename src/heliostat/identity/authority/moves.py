"""What may be done on the way from one root to the next, and why.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heliostat.core.counting import counted
from heliostat.identity.authority.roots import moment


class Move(StrEnum):
    """What may be done."""

    BEGIN = "begin"
    INSTALL = "install"
    WAIT = "wait"
    SWITCH = "switch"
    DRAIN = "drain"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision needs: roots by state, hosts that know, what lives under the old root."""

    requested: str = ""
    next: str = ""
    retiring: str = ""
    hosts: int = 0
    hosts_told: int = 0
    hosts_renewed: int = 0
    under_old: int = 0
    under_old_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Advice:
    """The next move and its reason."""

    move: Move
    reason: str


def advice(world: Snapshot) -> Advice:
    """Pure: what may be done now."""
    if world.requested:
        return Advice(
            Move.INSTALL,
            f"the key {world.requested} waits for a certificate of the company's authority",
        )
    if world.next:
        told = f"{world.hosts_told} of {counted(world.hosts, 'host')} trust the new root"
        if world.hosts_told < world.hosts:
            return Advice(Move.WAIT, f"{told}; the others ask within an hour")
        return Advice(
            Move.SWITCH, f"{told}; have people and other machines trust it, too, before the switch"
        )
    if world.retiring:
        renewed = f"{world.hosts_renewed} of {counted(world.hosts, 'host')} renewed"
        if world.hosts_renewed < world.hosts or world.under_old:
            until = (
                f"; the last of them ends on {moment(world.under_old_until_ms):%Y-%m-%d}"
                if world.under_old
                else ""
            )
            left = counted(world.under_old, "certificate")
            return Advice(Move.DRAIN, f"{renewed}, {left} under the old root still count{until}")
        return Advice(Move.RETIRE, f"{renewed}, nothing lives under the old root")
    return Advice(Move.BEGIN, "one root signs, and none is on its way")
