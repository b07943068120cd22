"""Subnets."""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.subnets import Subnet, SubnetList
from heliostat.wire.tasks import Task


class Subnets:
    """What VMs are connected to."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, name: str = "") -> Iterator[Subnet]:
        return pages(self._transport, "listSubnets", answer=SubnetList, query={"name": name})

    def get(self, subnet_id: str) -> Subnet:
        return read(self._transport, "getSubnet", subnet_id, answer=Subnet)

    def set_default(self, subnet_id: str) -> Change[Task]:
        return Change(self._transport, "setDefaultSubnet", (subnet_id,), Task)
