"""A tenant's documents, compared with each other.

Reads only.  A document that can't be read is told of first: what refers to it can't be
judged then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import decode, walk
from heliostat.core.errors import PermanentError
from heliostat.identity.checkup.finding import Area, Finding
from heliostat.identity.directory.records import Computer, Group, Unit
from heliostat.identity.directory.referring import REFERENCE
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.kinds import kinds_of
from heliostat.identity.names import fold

DAY_MS = 86_400_000
UNSEEN_MS = 30 * DAY_MS
"""A machine asks every hour; its certificate lives 90 days and renews itself with 30 left."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a tenant's directory holds, as far as it is compared.

    ``members`` are references (``user:ada``) to all that may be in a group; ``placed`` is what
    lies in a unit of its own, in words, and the id of that unit.
    """

    domain: str
    members: frozenset[str]
    groups: Sequence[Group]
    units: Sequence[Unit]
    computers: Sequence[Computer]
    placed: Sequence[tuple[str, str]]


async def unreadable(store: CloudStore, tenant: str) -> AsyncIterator[Finding]:
    """A finding for each document of a tenant that can't be read."""
    for kind in kinds_of(tenant).all:
        async for document in walk(store, kind.prefix):
            try:
                decode(kind.type, document)
            except PermanentError as error:
                yield Finding(
                    Area.STORE, error.message, "Restore a copy of the store: `helio restore`."
                )


async def held(store: CloudStore, tenant: str, domain: str) -> Held:
    """Read what there is; raises ``StoreCorrupt``."""
    kinds = kinds_of(tenant).directory
    members: set[str] = set()
    placed: list[tuple[str, str]] = []
    for kind, those in (
        (EntryKind.USER, kinds.users),
        (EntryKind.GROUP, kinds.groups),
        (EntryKind.ACCOUNT, kinds.clients),
        (EntryKind.COMPUTER, kinds.computers),
    ):
        async for stored in those.each(store):
            if kind in REFERENCE:
                members.add(f"{REFERENCE[kind]}:{fold(stored.value.name)}")
            if stored.value.unit:
                placed.append((f"{kind.value} {stored.value.name}", stored.value.unit))
    return Held(
        domain=domain,
        members=frozenset(members),
        groups=[each.value async for each in kinds.groups.each(store)],
        units=[each.value async for each in kinds.units.each(store)],
        computers=[each.value async for each in kinds.computers.each(store)],
        placed=placed,
    )


def contradictions(those: Held, now_ms: int) -> Iterator[Finding]:
    """Pure: what is named and isn't there, and machines that ask no more."""
    for group in those.groups:
        for gone in sorted({fold(each) for each in group.members} - those.members):
            yield Finding(
                Area.DIRECTORY,
                f"The group {group.name} of {those.domain} names {gone}, which is not there.",
                "Make it again and delete it: what is deleted leaves its groups.",
            )
    units = {each.id for each in those.units}
    inside = [(f"unit {each.name}", each.parent) for each in those.units if each.parent]
    for what, unit in (*those.placed, *inside):
        if unit not in units:
            yield Finding(
                Area.DIRECTORY,
                f"The {what} of {those.domain} lies in a unit that is not there.",
                "Move it to another unit with its `update` command.",
            )
    for computer in those.computers:
        yield from _unseen(computer, those.domain, now_ms)


def _unseen(computer: Computer, domain: str, now_ms: int) -> Iterator[Finding]:
    silent_ms = now_ms - computer.last_seen_ms
    if computer.certificate_sha256 and not computer.disabled and silent_ms > UNSEEN_MS:
        yield Finding(
            Area.DIRECTORY,
            f"The machine {computer.name} of {domain} has not asked for "
            f"{silent_ms // DAY_MS} days; its certificate ends 90 days after it last renewed.",
            "Look at `helio identity membership` there, or delete it: "
            f"`helio identity computer delete {computer.name} --domain {domain}`.",
        )
