"""Services of a realm (``HTTP/host``): their keys, and keytabs, which are shown once.

Rotating gives a service a new key and keeps the one before, so that tickets which are out
still open; keys that no ticket can need any more go with the next rotation.  The controllers'
own services are nobody's to make or change: who knew their keys could be anybody to them, of
any realm.  A machine's (``host/name``) counts as long as the machine does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.kerberos.keys import Keys, keytab, random_keys
from heliostat.identity.kerberos.realm import TenantRealm
from heliostat.identity.kerberos.records import (
    KerberosKinds,
    KerberosRealm,
    ServicePrincipal,
    Version,
)
from heliostat.identity.kerberos.service_names import checked_service, is_service

KEPT = 3
"""Keys that a service has at once: tickets live for hours, rotations are weeks apart."""
ComputerStands = Callable[[str], Awaitable[bool]]
"""Whether a machine is there, and may prove itself."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service; ``keytab`` only where it was just made or rotated.

    ``computer``: the machine that it is of, if it was given to one.
    """

    name: str
    principal: str
    version: int
    versions: tuple[int, ...]
    created_ms: int
    changed_ms: int
    keytab: bytes = b""
    computer: str = ""


class Services:
    """The verbs on services of one tenant's realm."""

    def __init__(
        self, store: CloudStore, clock: Clock, realm: TenantRealm, stands: ComputerStands
    ) -> None:
        self._store = store
        self._clock = clock
        self._realm = realm
        self._stands = stands
        self._kind = KerberosKinds.of(realm.options.tenant).services

    async def create_service(self, name: str, *, plan: bool = False) -> ServiceView:
        """Raises ``InvalidName``, ``NameTaken``, ``KerberosNotEnabled``."""
        realm, now_ms = await self._realm.get(), self._clock.now_ms()
        service = checked_service(name)
        keys = random_keys()
        version = Version(1, self._sealed(realm, keys, service))
        made = ServicePrincipal(
            id=service, versions=(version,), created_ms=now_ms, changed_ms=now_ms
        )

        async def decide() -> Decided[ServiceView]:
            if await self._kind.get(self._store, service) is not None:
                raise PermanentError("NameTaken", f"There is a service {service} already.")
            view = self._view(realm, made, b"" if plan else self._keytab(realm, made))
            return Decided(view, [self._kind.absent(service)], self._kind.put(made))

        return await settle(self._store, decide, plan=plan)

    async def make_own(self, name: str) -> None:
        """Have a service whose keys the controllers alone know; one that was made is replaced."""
        realm, now_ms = await self._realm.get(), self._clock.now_ms()
        version = Version(1, self._sealed(realm, random_keys(), name))

        async def decide() -> Decided[None]:
            stored = await self._kind.get(self._store, name)
            if stored is not None and stored.value.own:
                return Decided(None, [], [])
            made = ServicePrincipal(
                id=name, versions=(version,), created_ms=now_ms, changed_ms=now_ms, own=True
            )
            guard = self._kind.guard(stored) if stored is not None else self._kind.absent(name)
            before = stored.value if stored is not None else None
            return Decided(None, [guard], self._kind.put(made, before))

        await settle(self._store, decide)

    async def own_keys(self, name: str) -> tuple[tuple[int, Keys], ...]:
        """The keys of a controller's own service; none of one that somebody else has made."""
        stored = await self._kind.get(self._store, name) if is_service(name) else None
        if stored is None or not stored.value.own:
            return ()
        return self._opened(await self._realm.get(), stored.value)

    async def rotate_service(
        self, name: str, *, own: bool = False, plan: bool = False
    ) -> ServiceView:
        """A new key; raises ``ServiceNotFound``, and ``InvalidOperation`` for an ``own`` one
        of somebody else.
        """
        realm, keys = await self._realm.get(), random_keys()

        async def decide() -> Decided[ServiceView]:
            stored = await self._stored(name)
            before = stored.value
            _refuse_own(before, allowed=own)
            after = self._rotated(before, self._sealed(realm, keys, before.id))
            view = self._view(realm, after, b"" if plan else self._keytab(realm, after))
            guards = [self._kind.guard(stored)]
            return Decided(view, guards, self._kind.put(after, before))

        return await settle(self._store, decide, plan=plan)

    async def give_machine(self, name: str, computer: str, *, plan: bool = False) -> ServiceView:
        """A new key for the machine ``computer``, whose service is made if need be.

        Raises ``KerberosNotEnabled`` and ``InvalidName``.
        """
        realm, keys = await self._realm.get(), random_keys()
        service, now_ms = checked_service(name), self._clock.now_ms()

        async def decide() -> Decided[ServiceView]:
            stored = await self._kind.get(self._store, service)
            sealed = self._sealed(realm, keys, service)
            if stored is None:
                after = ServicePrincipal(
                    id=service,
                    versions=(Version(1, sealed),),
                    created_ms=now_ms,
                    changed_ms=now_ms,
                    computer=computer,
                )
            else:
                _refuse_own(stored.value, allowed=False)
                after = self._rotated(stored.value, sealed, computer)
            guard = self._kind.guard(stored) if stored is not None else self._kind.absent(service)
            before = stored.value if stored is not None else None
            view = self._view(realm, after, b"" if plan else self._keytab(realm, after))
            return Decided(view, [guard], self._kind.put(after, before))

        return await settle(self._store, decide, plan=plan)

    async def get_service(self, name: str) -> ServiceView:
        """Raises ``ServiceNotFound``, ``KerberosNotEnabled``."""
        return self._view(await self._realm.get(), (await self._stored(name)).value)

    async def list_services(self) -> list[ServiceView]:
        """By name; raises ``KerberosNotEnabled``."""
        realm = await self._realm.get()
        return [self._view(realm, each.value) for each in await self._kind.all(self._store)]

    async def delete_service(self, name: str, *, plan: bool = False) -> ServiceView:
        """Nobody gets tickets for it any more; raises ``ServiceNotFound``."""
        realm = await self._realm.get()

        async def decide() -> Decided[ServiceView]:
            stored = await self._stored(name)
            _refuse_own(stored.value, allowed=False)
            view = self._view(realm, stored.value)
            return Decided(view, [self._kind.guard(stored)], self._kind.delete(stored.value))

        return await settle(self._store, decide, plan=plan)

    async def keys(self, name: str) -> tuple[tuple[int, Keys], ...] | None:
        """The keys of a service, the latest first.

        ``None`` if there is none, or it is of a machine that is barred.
        """
        realm = await self._realm.find()
        stored = await self._kind.get(self._store, name) if is_service(name) else None
        if realm is None or stored is None:
            return None
        if stored.value.computer and not await self._stands(stored.value.computer):
            return None
        return self._opened(realm, stored.value)

    async def _stored(self, name: str) -> Stored[ServicePrincipal]:
        found = await self._kind.get(self._store, name) if is_service(name) else None
        if found is None:
            raise PermanentError("ServiceNotFound", f"There is no service {name[:80]}.")
        return found

    def _rotated(
        self, before: ServicePrincipal, sealed: str, computer: str = ""
    ) -> ServicePrincipal:
        version = Version(before.versions[0].number + 1, sealed)
        return msgspec.structs.replace(
            before,
            versions=(version, *before.versions)[:KEPT],
            changed_ms=self._clock.now_ms(),
            computer=computer or before.computer,
        )

    def _sealed(self, realm: KerberosRealm, keys: Keys, name: str) -> str:
        return self._realm.sealed(keys, f"{realm.name}:{name}")

    def _opened(
        self, realm: KerberosRealm, service: ServicePrincipal
    ) -> tuple[tuple[int, Keys], ...]:
        place = f"{realm.name}:{service.id}"
        return tuple(
            (each.number, self._realm.opened(each.keys, place)) for each in service.versions
        )

    def _keytab(self, realm: KerberosRealm, service: ServicePrincipal) -> bytes:
        versions = self._opened(realm, service)
        return keytab(realm.name, service.id, versions, service.changed_ms)

    def _view(
        self, realm: KerberosRealm, service: ServicePrincipal, made: bytes = b""
    ) -> ServiceView:
        return ServiceView(
            name=service.id,
            principal=f"{service.id}@{realm.name}",
            version=service.versions[0].number,
            versions=tuple(each.number for each in service.versions),
            created_ms=service.created_ms,
            changed_ms=service.changed_ms,
            keytab=made,
            computer=service.computer,
        )


def _refuse_own(service: ServicePrincipal, *, allowed: bool) -> None:
    if service.own and not allowed:
        raise PermanentError(
            "InvalidOperation", f"{service.id} is the platform's own service, and has no keytab."
        )
