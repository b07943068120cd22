"""Flavors."""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.flavors import Flavor, FlavorCreateSpec, FlavorList
from heliostat.wire.tasks import Task, TaskList


class Flavors:
    """Named sizes of VMs and kinds of disks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: FlavorCreateSpec) -> Change[Task]:
        return Change(self._transport, "createFlavor", (), Task, spec)

    def list(self, *, name: str = "", kind: str = "", selector: str = "") -> Iterator[Flavor]:
        query = {"name": name, "kind": kind, "selector": selector}
        return pages(self._transport, "listFlavors", answer=FlavorList, query=query)

    def get(self, flavor_id: str) -> Flavor:
        return read(self._transport, "getFlavor", flavor_id, answer=Flavor)

    def delete(self, flavor_id: str) -> Change[Task]:
        return Change(self._transport, "deleteFlavor", (flavor_id,), Task)

    def tasks(self, flavor_id: str, *, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        return pages(self._transport, "listFlavorTasks", flavor_id, answer=TaskList, query=query)
