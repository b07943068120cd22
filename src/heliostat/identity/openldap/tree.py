"""The entries of all tenants, reached through the pool: documents in, documents out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliostat.cloudstore.contract import CloudStore, Document
from heliostat.core.errors import PermanentError
from heliostat.identity.openldap import domains, entries
from heliostat.identity.openldap.domains import Domain
from heliostat.identity.openldap.endpoint import Endpoint
from heliostat.identity.openldap.entries import Found, number_of
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.pending import Act, Step, domain_of, subtree
from heliostat.identity.openldap.placing import Holding, Placed, Shelf
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.openldap.references import reference_dn
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.passwords.options import LockoutPolicy

APPLY_S = 30.0
LIST_S = 60.0


class Tree:
    """All below ``suffix``."""

    def __init__(self, pool: Pool, suffix: str) -> None:
        self.pool = pool
        self.suffix = suffix
        self._policies: dict[str, LockoutPolicy] = {}

    async def domain(self, store: CloudStore, tenant: str) -> Domain:
        return Domain(self.suffix, await domain_of(store, tenant), tenant == SYSTEM_TENANT)

    async def find(self, store: CloudStore, place: Placed, *more: str) -> Found | None:
        """The entry of a document."""
        domain = await self.domain(store, place.shelf.tenant)
        dn = place.shelf.form.dn(domain.base, place.id)
        return await self.pool.run(lambda connection: entries.find(connection, dn, *more))

    async def get(self, store: CloudStore, place: Placed) -> Document | None:
        """The document in an entry; raises ``StoreCorrupt`` for one that holds none."""
        found = await self.find(store, place)
        if found is None:
            return None
        domain = await self.domain(store, place.shelf.tenant)
        return _document(domain, place, found)

    async def csn_of(self, store: CloudStore, place: Placed) -> str:
        found = await self.find(store, place)
        return found.csn if found is not None else ""

    async def all(
        self, store: CloudStore, where: Shelf, at: Endpoint | None = None
    ) -> list[Document]:
        """Every document of a kind, in a tenant; with ``at`` as that node has them."""
        domain = await self.domain(store, where.tenant)

        def read(connection: Any) -> list[Document]:
            found = entries.all_of(connection, where.form, domain.base)
            return [_document(domain, _placed(where, each), each) for each in found]

        if at is not None:
            return await self.pool.run_at(at, read, timeout_s=LIST_S)
        return await self.pool.run(read, timeout_s=LIST_S)

    async def domains(self) -> list[str]:
        """Of the tenants that have a subtree."""
        return await self.pool.run(lambda connection: domains.domains(connection, self.suffix))

    async def holding(self, store: CloudStore, held: Holding) -> list[str]:
        """Keys of the groups that name a member."""
        domain = await self.domain(store, held.tenant)
        dn = reference_dn(held.member, domain.base)
        found = await self.pool.run(lambda connection: entries.holding(connection, domain.base, dn))
        return [each.attributes["heliostatKey"][0].decode() for each in found]

    async def state(self) -> tuple[str, ...]:
        """What the node that is asked now has seen of all changes."""
        return await self.pool.run(lambda connection: entries.state_of(connection, self.suffix))

    async def apply(self, steps: Sequence[Step], only_at: str = "") -> bool:
        """Do the steps, all of them at one node; ``False`` if the entry had another CSN.

        Raises ``DirectoryUnavailable``, and ``DirectoryRefused`` for what no node takes.
        """
        ldap = ldap_library()

        def work(connection: Any) -> bool:
            try:
                for step in steps:
                    _do(connection, self.suffix, step, only_at)
            except ldap.ASSERTION_FAILED:
                return False
            return True

        return await self.pool.run(work, timeout_s=APPLY_S)

    async def keep_policy(self, store: CloudStore, tenant: str, lockout: LockoutPolicy) -> None:
        """Have the servers lock by these rules; asked once for each that is new to us."""
        if self._policies.get(tenant) == lockout:
            return
        domain = await self.domain(store, tenant)
        await self.pool.run(lambda connection: domains.write_policy(connection, domain, lockout))
        self._policies[tenant] = lockout


def _do(connection: Any, suffix: str, step: Step, only_at: str) -> None:
    domain = subtree(suffix, step)
    if step.act is Act.REMOVE_DOMAIN:
        domains.remove_domain(connection, domain)
        return
    place = step.place()
    form = place.shelf.form
    dn = form.dn(domain.base, place.id)
    if step.act is Act.PUT:
        entries.put(connection, form, domain, place.id, step.value, only_at=only_at)
    elif step.act is Act.DELETE:
        domains.delete(connection, dn)
    else:
        entries.unlock(connection, dn)


def _placed(where: Shelf, found: Found) -> Placed:
    return Placed(where, found.attributes["heliostatKey"][0].decode())


def _document(domain: Domain, place: Placed, found: Found) -> Document:
    try:
        value = place.shelf.form.value(domain.base, found.attributes)
    except ValueError as error:
        raise PermanentError(
            "StoreCorrupt", f"The entry {found.dn} holds no document: {error}."
        ) from error
    created = number_of([found.attributes["entryUUID"][0].decode()])
    return Document(place.shelf.key(place.id), value, created, found.revision)
