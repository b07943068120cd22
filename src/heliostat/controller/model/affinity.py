"""Affinities: where an entity shall be, or shall not be, relative to what exists."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.controller.model.names import invalid
from heliostat.controller.model.reservation import Scope


class AffinityKind(StrEnum):
    """What an affinity refers to, as spelled on the wire."""

    VM = "vm"
    DISK = "disk"
    HOST = "host"
    DATASTORE = "datastore"
    PORT_GROUP = "portGroup"
    AVAILABILITY_ZONE = "availabilityZone"
    DATASTORE_TYPE = "datastoreType"
    LABEL = "label"

    @property
    def has_scope(self) -> bool:
        """Whether "the same place" can be the same zone as well as the same host."""
        return self in (AffinityKind.VM, AffinityKind.DISK, AffinityKind.LABEL)


class Affinity(msgspec.Struct, frozen=True, kw_only=True):
    """Be there or, ``negative``, be elsewhere; ``preferred`` weighs in the choice only.

    ``kind`` and ``scope`` are kept as texts so that wrong ones are refused with a
    sentence; a label's ``id`` is ``key=value``.
    """

    kind: str
    id: str
    negative: bool = False
    preferred: bool = False
    scope: str = ""

    def parsed(self) -> AffinityKind:
        """The kind; ``InvalidEntity`` if there is no such kind."""
        try:
            return AffinityKind(self.kind)
        except ValueError as error:
            known = ", ".join(AffinityKind)
            raise invalid("affinities", f"{self.kind!r} is none of {known}") from error

    def reach(self) -> Scope:
        """How far "the same place" reaches; ``InvalidEntity`` for a scope that does not apply."""
        if not self.scope:
            return Scope.HOST
        if not self.parsed().has_scope:
            raise invalid("affinities.scope", f"an affinity to a {self.kind} has no scope")
        try:
            return Scope(self.scope)
        except ValueError as error:
            known = ", ".join(Scope)
            raise invalid("affinities.scope", f"{self.scope!r} is none of {known}") from error
