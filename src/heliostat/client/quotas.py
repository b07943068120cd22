"""Quotas of tenants and projects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from heliostat.client.calls import Change, read
from heliostat.client.transport import Transport
from heliostat.wire.quotas import Quota, QuotaItemSpec
from heliostat.wire.tasks import Task

OwnerKind = Literal["tenant", "project"]
Limits = Mapping[str, QuotaItemSpec]


@dataclass(frozen=True, slots=True)
class QuotaOwner:
    """Whose quota: a tenant's or a project's."""

    kind: OwnerKind
    id: str

    def operation(self, verb: str) -> str:
        return f"{verb}{self.kind.capitalize()}Quota"


class Quotas:
    """Limits and what is used of them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, owner: QuotaOwner) -> Quota:
        return read(self._transport, owner.operation("get"), owner.id, answer=Quota)

    def set(self, owner: QuotaOwner, limits: Limits) -> Change[Task]:
        """Replace all limits."""
        return self._write("set", owner, limits)

    def update(self, owner: QuotaOwner, limits: Limits) -> Change[Task]:
        """Set these limits, keep the others."""
        return self._write("update", owner, limits)

    def exclude(self, owner: QuotaOwner, limits: Limits) -> Change[Task]:
        """Lift the limits of these keys."""
        return self._write("exclude", owner, limits)

    def _write(self, verb: str, owner: QuotaOwner, limits: Limits) -> Change[Task]:
        return Change(self._transport, owner.operation(verb), (owner.id,), Task, dict(limits))
