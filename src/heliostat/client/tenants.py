"""Tenants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.body import SecurityGroupsSpec
from heliostat.wire.tasks import Task, TaskList
from heliostat.wire.tenants import Tenant, TenantCreateSpec, TenantList


class Tenants:
    """The outermost containers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: TenantCreateSpec) -> Change[Task]:
        return Change(self._transport, "createTenant", (), Task, spec)

    def list(self, *, name: str = "", selector: str = "") -> Iterator[Tenant]:
        query = {"name": name, "selector": selector}
        return pages(self._transport, "listTenants", answer=TenantList, query=query)

    def get(self, tenant_id: str) -> Tenant:
        return read(self._transport, "getTenant", tenant_id, answer=Tenant)

    def delete(self, tenant_id: str) -> Change[Task]:
        return Change(self._transport, "deleteTenant", (tenant_id,), Task)

    def tasks(self, tenant_id: str, *, state: str = "") -> Iterator[Task]:
        return pages(
            self._transport, "listTenantTasks", tenant_id, answer=TaskList, query={"state": state}
        )

    def set_security_groups(self, tenant_id: str, groups: Sequence[str]) -> Change[Task]:
        spec = SecurityGroupsSpec(items=[*groups])
        return Change(self._transport, "setTenantSecurityGroups", (tenant_id,), Task, spec)
