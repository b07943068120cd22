"""The keys and certificates that service accounts prove themselves with.

Several count at once, so that one follows another without a gap: add the new one, let the
program use it, and remove the old one.
"""

from __future__ import annotations

from functools import partial

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.fields import checked_text
from heliostat.identity.directory.stored_accounts import StoredAccounts
from heliostat.identity.directory.views import AccountView
from heliostat.identity.service_accounts.certificates import read_certificate
from heliostat.identity.service_accounts.credentials import (
    with_certificate,
    with_key,
    without_certificate,
    without_key,
)
from heliostat.identity.service_accounts.keys import read_key
from heliostat.identity.service_accounts.records import AccountCertificate, AccountKey
from heliostat.identity.service_accounts.uses import BY_AUTHORITY, forget_uses

LONGEST_DAYS = 3650
DAY_MS = 86_400_000


class AccountCredentials(StoredAccounts):
    """The verbs on them."""

    async def add_account_key(
        self,
        name: str,
        public_key: str,
        *,
        days: int = 0,
        title: str = "",
        plan: bool = False,
    ) -> AccountView:
        """See ``AccountVerbs``."""
        key = self.new_key(public_key, days=days, title=title)
        return await self.change_account(name, lambda old: with_key(old, key), plan=plan)

    async def remove_account_key(
        self, name: str, kid: str, *, force: bool = False, plan: bool = False
    ) -> AccountView:
        """See ``AccountVerbs``."""
        change = partial(without_key, kid=kid, force=force)
        return await self._without(await self.change_account(name, change, plan=plan), plan)

    async def add_account_certificate(
        self, name: str, certificate: str, *, plan: bool = False
    ) -> AccountView:
        """See ``AccountVerbs``."""
        new = self.new_certificate(certificate)
        return await self.change_account(name, lambda old: with_certificate(old, new), plan=plan)

    async def remove_account_certificate(
        self, name: str, sha256: str, *, force: bool = False, plan: bool = False
    ) -> AccountView:
        """See ``AccountVerbs``."""
        change = partial(without_certificate, sha256=sha256, force=force)
        return await self._without(await self.change_account(name, change, plan=plan), plan)

    def new_key(self, public_key: str, *, days: int = 0, title: str = "") -> AccountKey:
        """A key to be added, from PEM or a JWK; ``days`` 0: it does not end by itself.

        Raises ``InvalidEntity``.
        """
        if not 0 <= days <= LONGEST_DAYS:
            raise PermanentError("InvalidEntity", f"A key lives up to {LONGEST_DAYS} days.")
        now_ms = self.clock.now_ms()
        return msgspec.structs.replace(
            read_key(public_key),
            title=checked_text("title", title),
            created_ms=now_ms,
            expires_ms=now_ms + days * DAY_MS if days else 0,
        )

    def new_certificate(self, pem: str) -> AccountCertificate:
        """A certificate to be added; raises ``InvalidEntity``."""
        now_ms = self.clock.now_ms()
        return msgspec.structs.replace(read_certificate(pem, now_ms), created_ms=now_ms)

    async def _without(self, left: AccountView, plan: bool) -> AccountView:
        """Forget when what is gone was used; whoever is cut off here leaves a line to nobody."""
        if not plan:
            kept = {each.kid for each in left.keys} | {each.sha256 for each in left.certificates}
            await forget_uses(self.store, self.uses, left.name, frozenset({*kept, BY_AUTHORITY}))
        return left
