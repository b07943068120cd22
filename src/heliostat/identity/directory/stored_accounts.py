"""Service accounts as they are kept, shown, and changed in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from heliostat.cloudstore.contract import Guard
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.memberships import Memberships
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import AccountCertificateView, AccountKeyView, AccountView
from heliostat.identity.names import subject_of
from heliostat.identity.service_accounts.certificates import parsed_certificate
from heliostat.identity.service_accounts.credentials import certificates_of, keys_of
from heliostat.identity.service_accounts.records import (
    AccountCertificate,
    AccountKey,
    CredentialUse,
    uses_of,
)


class StoredAccounts(Memberships):
    """What the verbs on service accounts share."""

    @property
    def uses(self) -> Kind[CredentialUse]:
        """When keys and certificates were used."""
        return uses_of(self.options.tenant)

    async def change_account(
        self, name: str, change: Callable[[Client], Client], *, plan: bool = False
    ) -> AccountView:
        """Write what ``change`` makes of an account; raises ``ServiceAccountNotFound``."""

        async def decide() -> Decided[AccountView]:
            old, unchanged = await self.stored_account(name)
            new = change(old)
            return Decided(
                await self.account_view(new), [unchanged], self.kinds.clients.put(new, old)
            )

        return await settle(self.store, decide, plan=plan)

    async def stored_account(self, name: str) -> tuple[Client, Guard]:
        """The record, and a guard that it is still the same at the commit."""
        key = self.key_of(name)
        stored: Stored[Client] | None = None
        if key:
            stored = await self.kinds.clients.get(self.store, key)
        if stored is None or not stored.value.is_service_account:
            raise PermanentError(
                "ServiceAccountNotFound", f"There is no service account {name[:80]}."
            )
        return stored.value, self.kinds.clients.guard(stored)

    async def account_view(
        self, client: Client, joined: set[str] | None = None, used: Mapping[str, int] | None = None
    ) -> AccountView:
        """An account as it is told; ``used`` says when each credential was last shown."""
        groups = await self.groups_of(f"account:{client.name}") if joined is None else joined
        last = used or {}
        return AccountView(
            name=client.name,
            client_id=client.name,
            subject=subject_of(client.name, self.domain),
            groups=tuple(sorted(groups)),
            created_ms=client.created_ms,
            unit=await self.path_of_unit(client.unit or CONTAINERS[EntryKind.ACCOUNT]),
            description=client.description,
            disabled=client.disabled,
            keys=tuple(_key(each, last.get(each.kid, 0)) for each in keys_of(client)),
            certificates=tuple(
                _certificate(each, last.get(each.sha256, 0)) for each in certificates_of(client)
            ),
            last_used_ms=max(last.values(), default=0),
        )


def _key(key: AccountKey, used_ms: int) -> AccountKeyView:
    return AccountKeyView(
        kid=key.kid,
        algorithm=key.algorithm,
        public_pem=key.public_pem,
        title=key.title,
        created_ms=key.created_ms,
        expires_ms=key.expires_ms,
        last_used_ms=used_ms,
    )


def _certificate(certificate: AccountCertificate, used_ms: int) -> AccountCertificateView:
    read = parsed_certificate(certificate.pem)
    return AccountCertificateView(
        sha256=certificate.sha256,
        subject=read.subject.rfc4514_string(),
        pem=certificate.pem,
        created_ms=certificate.created_ms,
        expires_ms=int(read.not_valid_after_utc.timestamp() * 1000),
        last_used_ms=used_ms,
    )
