"""What a commit does to entries, kept until it is done: see ``store``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Delete, Put
from heliostat.cloudstore.documents import Kind
from heliostat.identity.openldap.domains import Domain
from heliostat.identity.openldap.placing import Placed, holds, placed
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.tenant import TENANTS, Tenant

_ATTEMPTS = "/v1/sign-in-attempts/"
_OF_USER = "user."


class Act(StrEnum):
    """What is done to an entry."""

    PUT = "put"
    DELETE = "delete"
    UNLOCK = "unlock"
    REMOVE_DOMAIN = "remove-domain"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One act; ``key`` is the document's, ``domain`` its tenant's."""

    act: Act
    key: str
    domain: str
    system: bool
    value: bytes = b""

    def place(self) -> Placed:
        found = placed(self.key)
        assert found is not None, self.key
        return found


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that is decided; there is one at a time."""

    ID: ClassVar[str] = "now"

    owner: str
    steps: tuple[Step, ...]
    decided_ms: int
    id: str = ID
    schema: int = 1


PENDING = Kind("directory-pending", Pending)


def touches_entries(change: Change) -> bool:
    """Whether entries may have to change: the document is one, or a whole tenant ends."""
    ends = isinstance(change, Delete) and change.key.startswith(TENANTS.prefix)
    return ends or placed(change.key) is not None


async def steps_of(store: CloudStore, changes: Sequence[Change]) -> tuple[list[Step], list[Change]]:
    """What is to be done to entries, and what is the document store's."""
    steps: list[Step] = []
    others: list[Change] = []
    for change in changes:
        others_too, step = await _step(store, change, changes)
        if step is not None:
            steps.append(step)
        if others_too:
            others.append(change)
    return steps, others


async def _step(
    store: CloudStore, change: Change, beside: Sequence[Change]
) -> tuple[bool, Step | None]:
    if isinstance(change, Delete) and change.key.startswith(_ATTEMPTS):
        tenant, _, name = change.key.removeprefix(_ATTEMPTS).partition("/")
        if not name.startswith(_OF_USER):
            return True, None
        key = f"/v1/user/{tenant}/{name.removeprefix(_OF_USER)}"
        return True, await _made(store, Act.UNLOCK, key, tenant, beside)
    where = placed(change.key)
    if where is None:
        return True, await _end_of_tenant(store, change)
    tenant = where.shelf.tenant
    if isinstance(change, Put):
        if not holds(change.key, change.value):
            return True, None
        return False, await _made(store, Act.PUT, change.key, tenant, beside, change.value)
    beneath = where.is_mixed and await store.get(change.key) is not None
    return beneath, await _made(store, Act.DELETE, change.key, tenant, beside)


async def _made(
    store: CloudStore,
    act: Act,
    key: str,
    tenant: str,
    beside: Sequence[Change],
    value: bytes = b"",
) -> Step:
    domain = await domain_of(store, tenant, beside)
    system = tenant == SYSTEM_TENANT
    return Step(act=act, key=key, domain=domain, system=system, value=value)


async def _end_of_tenant(store: CloudStore, change: Change) -> Step | None:
    if not isinstance(change, Delete) or not change.key.startswith(TENANTS.prefix):
        return None
    tenant = TENANTS.id_of(change.key)
    domain = await domain_of(store, tenant)
    return Step(act=Act.REMOVE_DOMAIN, key=change.key, domain=domain, system=False)


async def domain_of(store: CloudStore, tenant: str, beside: Sequence[Change] = ()) -> str:
    """The domain of a tenant, which may be made in this very commit; empty for the system's."""
    if tenant == SYSTEM_TENANT:
        return ""
    key = TENANTS.key(tenant)
    for change in beside:
        if isinstance(change, Put) and change.key == key:
            return msgspec.json.decode(change.value, type=Tenant).domain
    stored = await TENANTS.get(store, tenant)
    return stored.value.domain if stored is not None else tenant


def subtree(suffix: str, step: Step) -> Domain:
    return Domain(suffix, step.domain, step.system)
