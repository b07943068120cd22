"""Availability zones."""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.tasks import Task, TaskList
from heliostat.wire.zones import Zone, ZoneCreateSpec, ZoneList


class Zones:
    """Groups of hosts that fail together."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str) -> Change[Task]:
        return Change(self._transport, "createZone", (), Task, ZoneCreateSpec(name=name))

    def list(self, *, name: str = "") -> Iterator[Zone]:
        return pages(self._transport, "listZones", answer=ZoneList, query={"name": name})

    def get(self, zone_id: str) -> Zone:
        return read(self._transport, "getZone", zone_id, answer=Zone)

    def delete(self, zone_id: str) -> Change[Task]:
        return Change(self._transport, "deleteZone", (zone_id,), Task)

    def tasks(self, zone_id: str, *, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        return pages(self._transport, "listZoneTasks", zone_id, answer=TaskList, query=query)
