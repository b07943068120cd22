"""What a caller must be for the second thing that an operation touches.

A route's own rule is about what its path names.  A verb that reaches further (the
disk that is attached, the image that a VM is made from) asks here.
"""

from __future__ import annotations

from dataclasses import replace

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Caller
from heliostat.core.errors import PermanentError
from heliostat.core.roles import Role, role_on_entity


async def require(store: CloudStore, caller: Caller, kind: str, id_: str, role: Role) -> None:
    """Raise ``AccessForbidden`` unless the caller's role on an entity covers ``role``."""
    if caller.is_system_admin:
        return
    if not covered(caller, await reading.owner_of(store, kind, id_), role):
        raise PermanentError(
            "AccessForbidden",
            f"Not allowed: for this {caller.subject} needs the role {role} on the {kind} too.",
        )


def covered(caller: Caller, owner: reading.Ownership, role: Role) -> bool:
    """Whether groups and policies give the caller that role."""
    held = role_on_entity(_keys(caller), owner)
    return held is not None and held.covers(role)


def covered_at_home(caller: Caller, owner: reading.Ownership, role: Role) -> bool:
    """The same without the entity's own policy: by its project or its tenant."""
    return covered(caller, replace(owner, entity_policy=()), role)


def _keys(caller: Caller) -> frozenset[str]:
    return frozenset(group.casefold() for group in caller.groups)
