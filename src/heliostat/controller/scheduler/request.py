"""What is asked of placement: sizes, disks, and terms about where.

A ``Term`` speaks of hosts only through what placement knows of them (what is
reserved there, which datastores and networks they have), never through other
documents: so the guard on a host's reservation also guards every term about it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.controller.model.host import UsageTag
from heliostat.controller.model.reservation import Scope


class TermKind(StrEnum):
    """What a term speaks of, in the order of checking."""

    HOST = "host"
    VM = "vm"
    DISK = "disk"
    ZONE = "availabilityZone"
    DATASTORE = "datastore"
    DATASTORE_TYPE = "datastoreType"
    NETWORK = "portGroup"
    LABEL = "label"

    @property
    def is_about_datastores(self) -> bool:
        """Whether it narrows the datastores of a host rather than the hosts."""
        return self in (TermKind.DATASTORE, TermKind.DATASTORE_TYPE)


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """Be where ``value`` is or, negative, be elsewhere.

    For machines, disks and labels ``scope`` says how far "where" reaches: the same
    host, or the same zone.  A label's value is ``key=value``.
    """

    kind: TermKind
    value: str
    negative: bool = False
    scope: Scope = Scope.HOST

    def words(self) -> str:
        """The term as a phrase of a sentence."""
        away = "away from" if self.negative else "with"
        zone = " by zone" if self.scope is Scope.ZONE else ""
        return f"{away} {self.kind} {self.value}{zone}"


class DiskAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One disk; its datastore must have every one of ``tags`` (types are tags too)."""

    id: str
    size_bytes: int
    tags: tuple[str, ...] = ()


class PlacementRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be placed; empty texts ask for nothing.

    ``terms`` must hold, ``preferences`` should.  ``known_as`` are the keys (as in
    ``Avoided``) by which machines that are already there may keep this one away.
    """

    cpu_count: int = 0
    memory_mib: int = 0
    disks: tuple[DiskAsk, ...] = ()
    usage: UsageTag = UsageTag.CLOUD
    image_digest: str = ""
    project_id: str = ""
    known_as: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    preferences: tuple[Term, ...] = ()

    @property
    def disk_bytes(self) -> int:
        return sum(disk.size_bytes for disk in self.disks)
