"""Kerberos of one tenant: its realm, and the principals in it.

The realm is a document; without one the tenant has no Kerberos.  Keys are made here and kept
sealed; ``Gate`` shows them to the KDC.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.kerberos import keys as key_forms
from heliostat.identity.kerberos.keys import Keys
from heliostat.identity.kerberos.records import REALM, KerberosKinds, KerberosRealm
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.sealing import Sealing

MASTER, TICKETS, PASSWORD_SERVICE = "K/M", "krbtgt", "kadmin/changepw"
"""What a realm's own keys are sealed for."""


class TenantRealm:
    """The realm of one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        options: IdentityOptions,
        hashing: Hashing,
        sealing: Sealing,
    ) -> None:
        self.options = options
        self._store = store
        self._clock = clock
        self._hashing = hashing
        self._sealing = sealing
        self._kind = KerberosKinds.of(options.tenant).realms

    async def find(self) -> KerberosRealm | None:
        """The realm's document, if the tenant has one."""
        stored = await self._kind.get(self._store, REALM)
        return stored.value if stored is not None else None

    async def get(self) -> KerberosRealm:
        """Raises ``KerberosNotEnabled``."""
        found = await self.find()
        if found is None:
            raise PermanentError(
                "KerberosNotEnabled", f"{self.options.domain} has no Kerberos realm."
            )
        return found

    async def enable(self, *, plan: bool = False) -> KerberosRealm:
        """Give the tenant a realm; as it is if it has one.

        Its name is the domain in capitals, so that no tenant takes another's.  People have keys
        in it once they have signed in or set a password.
        """
        wanted = self.options.domain.upper()
        made = KerberosRealm(
            id=REALM,
            name=wanted,
            master=self.sealed({18: key_forms.random_keys()[18]}, MASTER),
            tickets=self.sealed(key_forms.random_keys(), TICKETS),
            password_service=self.sealed(key_forms.random_keys(), PASSWORD_SERVICE),
            created_ms=self._clock.now_ms(),
        )
        if not plan and await self.find() is None:
            await self._forget_services()  # of a realm before, whose end was cut off

        async def decide() -> Decided[KerberosRealm]:
            present = await self.find()
            if present is not None:
                return Decided(present, [], [])
            return Decided(made, [self._kind.absent(REALM)], self._kind.put(made))

        return await settle(self._store, decide, plan=plan)

    async def disable(self, *, plan: bool = False) -> None:
        """End the realm and its services: tickets and keytabs are worthless from then on.

        Raises ``KerberosNotEnabled``.
        """

        async def decide() -> Decided[None]:
            stored = await self._kind.get(self._store, REALM)
            if stored is None:
                await self.get()
                return Decided(None, [], [])
            return Decided(None, [self._kind.guard(stored)], self._kind.delete(stored.value))

        await settle(self._store, decide, plan=plan)
        if not plan:
            await self._forget_services()

    async def _forget_services(self) -> None:
        kind = KerberosKinds.of(self.options.tenant).services
        for stored in await kind.all(self._store):
            await self._store.commit([], kind.delete(stored.value))

    async def keys_of(self, name: str, password: str) -> str:
        """Sealed keys of a person's password; empty without a realm."""
        realm = await self.find()
        if realm is None:
            return ""
        made = await self._hashing.beside(lambda: key_forms.of_password(realm.name, name, password))
        return f"{realm.name} {self.sealed(made, f'{realm.name}:{name}')}"

    async def are_current(self, keys: str) -> bool:
        """Whether a person's keys are of this realm, if there is one."""
        realm = await self.find()
        return realm is None or keys.startswith(f"{realm.name} ")

    def person_keys(self, realm: KerberosRealm, name: str, kept: str) -> Keys | None:
        """A person's keys; ``None`` for none, or of a realm of before."""
        if not kept.startswith(f"{realm.name} "):
            return None
        return self.opened(kept.removeprefix(f"{realm.name} "), f"{realm.name}:{name}")

    def sealed(self, keys: Keys, principal: str) -> str:
        raw = b"".join(bytes([number]) + key for number, key in keys.items())
        return self._sealing.seal(raw, place(self.options.tenant, principal))

    def opened(self, sealed: str, principal: str) -> Keys:
        """Raises ``SealBroken``."""
        return key_forms.unpacked(
            self._sealing.unseal(sealed, place(self.options.tenant, principal))
        )


def place(tenant: str, principal: str) -> str:
    """What the keys of a principal are sealed for; people's and services' with their realm."""
    return f"kerberos:{tenant}:{principal}"
