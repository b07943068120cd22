"""Datastores, and the ones that every image is seeded to."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.datastores import (
    Datastore,
    DatastoreList,
    ImageDatastoreList,
    ImageDatastores,
)
from heliostat.wire.tasks import Task


class Datastores:
    """Where disks and images lie."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, name: str = "", host_id: str = "") -> Iterator[Datastore]:
        query = {"name": name, "hostId": host_id}
        return pages(self._transport, "listDatastores", answer=DatastoreList, query=query)

    def get(self, datastore_id: str) -> Datastore:
        return read(self._transport, "getDatastore", datastore_id, answer=Datastore)

    def image_datastores(self) -> ImageDatastoreList:
        return read(self._transport, "listImageDatastores", answer=ImageDatastoreList)

    def set_image_datastores(self, datastores: builtins.list[str]) -> Change[Task]:
        """``datastores`` are ids, or names that only one has."""
        spec = ImageDatastores(items=datastores)
        return Change(self._transport, "updateImageDatastores", (), Task, spec)

    def sync_hosts(self) -> Change[Task]:
        """Ask every host what it has and bring what it is asked for in line."""
        return Change(self._transport, "syncHostsConfig", (), Task)
