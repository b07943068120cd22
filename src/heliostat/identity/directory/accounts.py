"""Service accounts: programs that sign in with a key of their own.

Only the public key is kept.  A service account is a client (it asks for tokens)
and a principal (groups hold it, tenants may let ``DOMAIN\\name`` in).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from heliostat.cloudstore.contract import Change, Guard
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client, Grant, Proof
from heliostat.identity.clients.settings import ACCOUNT_SCOPES
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.memberships import AT_ONCE, Memberships
from heliostat.identity.directory.part import with_members
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import AccountView
from heliostat.identity.names import fold, security_group, subject_of


class ServiceAccounts(Memberships):
    """The verbs on service accounts."""

    async def create_service_account(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        unit: str = "",
        plan: bool = False,
    ) -> AccountView:
        """See ``AccountVerbs.create_service_account``."""
        bare = self.new_client_name(name)
        public_key, certificate = checked_key(public_key_pem)
        account = Client(
            name=fold(bare),
            grants=(Grant.CLIENT_CREDENTIALS,),
            public_key_pem=public_key,
            certificate_pem=certificate,
            proof=Proof.PRIVATE_KEY,
            scopes=ACCOUNT_SCOPES,
            created_ms=self.clock.now_ms(),
        )
        if len(groups) > AT_ONCE:
            raise PermanentError("InvalidEntity", f"At most {AT_ONCE} groups are joined at once.")

        async def decide() -> Decided[AccountView]:
            guards = await self.claim(bare, "NameTaken")
            unit_id, unit_guards = await self.unit_for(EntryKind.ACCOUNT, unit)
            placed = msgspec.structs.replace(account, unit=unit_id)
            joined, group_guards, changes = await self._join(f"account:{account.name}", groups)
            return Decided(
                await self._account(placed, joined),
                [*guards, *unit_guards, *group_guards],
                self.kinds.clients.put(placed) + changes,
            )

        return await settle(self.store, decide, plan=plan)

    async def get_service_account(self, name: str) -> AccountView:
        """Raises ``ServiceAccountNotFound``."""
        client = (await self._stored_account(name))[0]
        return await self._account(client)

    async def list_service_accounts(self) -> list[AccountView]:
        """All service accounts, by name."""
        clients = [each.value for each in await self.kinds.clients.all(self.store)]
        return [await self._account(each) for each in clients if each.is_service_account]

    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountView:
        """Delete an account and its memberships; raises ``ServiceAccountNotFound``."""
        if not plan:
            await self.leave_most(f"account:{(await self._stored_account(name))[0].name}")

        async def decide() -> Decided[AccountView]:
            client, unchanged = await self._stored_account(name)
            guards, changes = await self.leaving(f"account:{client.name}")
            changes += self.kinds.clients.delete(client)
            return Decided(await self._account(client), [unchanged, *guards], changes)

        return await settle(self.store, decide, plan=plan)

    async def _stored_account(self, name: str) -> tuple[Client, Guard]:
        """The record, and a guard that it is still the same at the commit."""
        key = self.key_of(name)
        stored = await self.kinds.clients.get(self.store, key) if key else None
        if stored is None or not stored.value.is_service_account:
            raise PermanentError(
                "ServiceAccountNotFound", f"There is no service account {name[:80]}."
            )
        return stored.value, self.kinds.clients.guard(stored)

    async def _join(
        self, reference: str, names: Sequence[str]
    ) -> tuple[set[str], list[Guard], list[Change]]:
        """What ``reference`` counts as once it is in the groups named, and how it gets there."""
        joined: set[str] = set()
        guards: list[Guard] = []
        changes: list[Change] = []
        for key, name in {self.key_of(name): name for name in names}.items():
            stored = await self.kinds.groups.get(self.store, key) if key else None
            if stored is None:
                raise PermanentError("GroupNotFound", f"There is no group {name[:80]}.")
            group = stored.value
            joined |= {security_group(group.name, self.domain)}
            joined |= set(await self.groups_of(f"group:{key}"))
            guards.append(self.kinds.groups.guard(stored))
            changes += self.kinds.groups.put(
                with_members(group, set(group.members) | {reference}), group
            )
        return joined, guards, changes

    async def _account(self, client: Client, joined: set[str] | None = None) -> AccountView:
        groups = await self.groups_of(f"account:{client.name}") if joined is None else joined
        return AccountView(
            name=client.name,
            client_id=client.name,
            subject=subject_of(client.name, self.domain),
            groups=tuple(sorted(groups)),
            created_ms=client.created_ms,
            unit=await self.path_of_unit(client.unit or CONTAINERS[EntryKind.ACCOUNT]),
            certificate_pem=client.certificate_pem,
        )


def checked_key(pem: str) -> tuple[str, str]:
    """A public key, and the certificate it is in if that was given, both as PEM.

    Raises ``InvalidEntity`` unless the key is a P-256 one.
    """
    if "BEGIN CERTIFICATE" not in pem:
        return checked_public_key(pem), ""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PermanentError(
            "InvalidEntity", f"publicKeyPem is no certificate: {error}."
        ) from error
    spelled = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return checked_public_key(spelled), certificate.public_bytes(Encoding.PEM).decode()


def checked_public_key(pem: str) -> str:
    """The key in its canonical PEM form; raises ``InvalidEntity`` unless it is a P-256 key."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PermanentError("InvalidEntity", f"publicKeyPem is no public key: {error}.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PermanentError(
            "InvalidEntity",
            "publicKeyPem is not a P-256 key.",
            hint="Make one with `openssl ecparam -name prime256v1 -genkey`.",
        )
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
