"""Leases of quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from heliostat.client.calls import Change, pages
from heliostat.client.quotas import Limits, QuotaOwner
from heliostat.client.transport import Transport
from heliostat.wire.quota_leases import QuotaLeaseExtension, QuotaLeaseList, QuotaLeaseSpec
from heliostat.wire.quotas import QuotaLease
from heliostat.wire.tasks import Task

Until = int | str | None
_TITLES: Mapping[str, str] = {"tenant": "Tenant", "project": "Project"}


class QuotaLeases:
    """Higher limits for a time; give ``until`` (ms or RFC 3339) or ``for_s`` (seconds)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        owner: QuotaOwner,
        items: Limits,
        *,
        until: Until = None,
        for_s: float | None = None,
        reason: str = "",
    ) -> Change[Task]:
        body = QuotaLeaseSpec(items=dict(items), until=until, for_s=for_s, reason=reason)
        operation = f"create{_TITLES[owner.kind]}QuotaLease"
        return Change(self._transport, operation, (owner.id,), Task, body)

    def list(self, owner: QuotaOwner) -> Iterator[QuotaLease]:
        operation = f"list{_TITLES[owner.kind]}QuotaLeases"
        return pages(self._transport, operation, owner.id, answer=QuotaLeaseList)

    def extend(
        self,
        owner: QuotaOwner,
        lease_id: str,
        *,
        until: Until = None,
        for_s: float | None = None,
    ) -> Change[Task]:
        body = QuotaLeaseExtension(until=until, for_s=for_s)
        operation = f"update{_TITLES[owner.kind]}QuotaLease"
        return Change(self._transport, operation, (owner.id, lease_id), Task, body)

    def give_back(self, owner: QuotaOwner, lease_id: str) -> Change[Task]:
        operation = f"delete{_TITLES[owner.kind]}QuotaLease"
        return Change(self._transport, operation, (owner.id, lease_id), Task)
