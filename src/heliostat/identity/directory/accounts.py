"""Service accounts: programs that sign in with a key of their own.

Only the public key is kept.  A service account is a client (it asks for tokens)
and a principal (groups hold it, tenants may let ``DOMAIN\\name`` in).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from heliostat.cloudstore.contract import Change, Guard
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.part import DirectoryPart, GroupsRead, with_members
from heliostat.identity.directory.views import AccountView
from heliostat.identity.names import fold, subject_of
from heliostat.identity.records import Client, Grant


class ServiceAccounts(DirectoryPart):
    """The verbs on service accounts."""

    async def create_service_account(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        plan: bool = False,
    ) -> AccountView:
        """Raises ``InvalidName``, ``NameTaken``, ``InvalidEntity`` (key), ``GroupNotFound``."""
        bare = self.new_name(name)
        account = Client(
            name=fold(bare),
            grants=(Grant.CLIENT_CREDENTIALS,),
            public_key_pem=checked_public_key(public_key_pem),
            created_ms=self.clock.now_ms(),
        )

        async def decide() -> Decided[AccountView]:
            guards = await self.claim(bare, "NameTaken")
            read = await self.read_groups()
            joined, changes = self._join(read, f"account:{account.name}", groups)
            if groups:
                guards.append(read.guard())
            return Decided(
                self._account(account, joined), guards, self.kinds.clients.put(account) + changes
            )

        return await settle(self.store, decide, plan=plan)

    async def get_service_account(self, name: str) -> AccountView:
        """Raises ``ServiceAccountNotFound``."""
        client = (await self._stored_account(name))[0]
        return self._account(client, await self.read_groups())

    async def list_service_accounts(self) -> list[AccountView]:
        """All service accounts, by name."""
        read = await self.read_groups()
        clients = [each.value for each in await self.kinds.clients.all(self.store)]
        return [self._account(each, read) for each in clients if each.is_service_account]

    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountView:
        """Delete an account and its memberships; raises ``ServiceAccountNotFound``."""

        async def decide() -> Decided[AccountView]:
            client, unchanged = await self._stored_account(name)
            read = await self.read_groups()
            changes = [*self.kinds.clients.delete(client), *read.without(f"account:{client.name}")]
            guards = [unchanged, read.guard()]
            return Decided(self._account(client, read), guards, changes)

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

    def _join(
        self, read: GroupsRead, reference: str, names: Sequence[str]
    ) -> tuple[GroupsRead, list[Change]]:
        """The groups once ``reference`` is in those named, and the changes that make it so."""
        by_key, changes = dict(read.by_key), list[Change]()
        for key in {self.key_of(name): name for name in names}:
            group = by_key.get(key)
            if group is None:
                missing = next(name for name in names if self.key_of(name) == key)
                raise PermanentError("GroupNotFound", f"There is no group {missing[:80]}.")
            by_key[key] = with_members(group, set(group.members) | {reference})
            changes += self.kinds.groups.put(by_key[key], group)
        return GroupsRead(self.kinds, by_key, read.revision), changes

    def _account(self, client: Client, read: GroupsRead) -> AccountView:
        return AccountView(
            name=client.name,
            client_id=client.name,
            subject=subject_of(client.name, self.domain),
            groups=self.groups_of(read, f"account:{client.name}"),
            created_ms=client.created_ms,
        )


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
