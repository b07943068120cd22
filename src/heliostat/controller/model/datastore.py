"""Datastores: the folders of hosts that images, boot disks and persistent disks lie in.

A datastore is told by the id that lies in its folder, not by its name: a folder
that several hosts share is one datastore, two folders of one name are two.  Its
document is written from what agents report and lives until no host has reported it
for a while; how full it is stands in each host's inventory.
"""

from __future__ import annotations

import msgspec

from heliostat.agentlink.messages import DatastoreType, HostDatastore
from heliostat.controller.model.system import SITE

__all__ = [
    "SITE",
    "Datastore",
    "DatastoreType",
    "ImageDatastores",
    "datastore_type",
    "described",
]


class Datastore(msgspec.Struct, frozen=True, kw_only=True):
    """``tags`` are words that flavors can ask for (``storage.SSD``), upper-cased.

    ``unreported_since_ms`` is set while no host has it; 0 otherwise.
    """

    id: str
    name: str
    type: DatastoreType = DatastoreType.OTHER
    tags: tuple[str, ...] = ()
    unreported_since_ms: int = 0
    created_ms: int = 0
    schema: int = 1

    @property
    def labels(self) -> frozenset[str]:
        """Everything that a ``storage.<TAG>`` of a flavor may name: its tags and its type."""
        return frozenset({*self.tags, str(self.type)})


class ImageDatastores(msgspec.Struct, frozen=True, kw_only=True):
    """Where every image is seeded, whatever its replication: one document of the site."""

    id: str = SITE
    datastore_ids: tuple[str, ...] = ()
    task_id: str = ""
    schema: int = 1


def described(held: HostDatastore, *, created_ms: int) -> Datastore:
    """The datastore that a host tells of; a type that is not known here is OTHER."""
    return Datastore(
        id=held.datastore_id,
        name=held.name,
        type=datastore_type(held.type),
        tags=tuple(dict.fromkeys(tag.upper() for tag in held.tags)),
        created_ms=created_ms,
    )


def datastore_type(text: str) -> DatastoreType:
    """The type of that name; what a newer agent may call it is OTHER."""
    try:
        return DatastoreType(text)
    except ValueError:
        return DatastoreType.OTHER
