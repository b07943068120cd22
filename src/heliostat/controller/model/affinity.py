"""Affinities: where an entity shall be, relative to what exists."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.controller.model.names import invalid


class AffinityKind(StrEnum):
    """What an affinity refers to, as spelled on the wire."""

    VM = "vm"
    DISK = "disk"
    HOST = "host"
    DATASTORE = "datastore"
    PORT_GROUP = "portGroup"
    AVAILABILITY_ZONE = "availabilityZone"
    DATASTORE_TYPE = "datastoreType"


class Affinity(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` is kept as text so that a wrong one is refused with a sentence."""

    kind: str
    id: str

    def parsed(self) -> AffinityKind:
        """The kind; ``InvalidEntity`` if there is no such kind."""
        try:
            return AffinityKind(self.kind)
        except ValueError as error:
            known = ", ".join(AffinityKind)
            raise invalid("affinities", f"{self.kind!r} is none of {known}") from error
