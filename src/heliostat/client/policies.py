"""Policies: who holds which role on an entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from heliostat.client.calls import Change, read
from heliostat.client.transport import Transport
from heliostat.wire.iam import RoleBinding, RoleBindingDelta, RoleBindingSpec
from heliostat.wire.tasks import Task

EntityKind = Literal["tenant", "project", "image", "vm", "disk"]


@dataclass(frozen=True, slots=True)
class PolicyOwner:
    """What a policy is about."""

    kind: EntityKind
    id: str

    def operation(self, verb: str) -> str:
        return f"{verb}{self.kind.capitalize()}Iam"


class Policies:
    """Roles on tenants, projects, images, VMs and disks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, owner: PolicyOwner) -> list[RoleBinding]:
        """One binding for each principal and role."""
        return read(self._transport, owner.operation("get"), owner.id, answer=list[RoleBinding])

    def set(self, owner: PolicyOwner, bindings: Sequence[RoleBindingSpec]) -> Change[Task]:
        """Replace the policy."""
        return Change(self._transport, owner.operation("set"), (owner.id,), Task, [*bindings])

    def modify(self, owner: PolicyOwner, deltas: Sequence[RoleBindingDelta]) -> Change[Task]:
        """Add and remove roles, in this order."""
        return Change(self._transport, owner.operation("modify"), (owner.id,), Task, [*deltas])
