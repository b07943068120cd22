"""Service accounts: programs that sign in with keys or certificates of their own.

Only public keys are kept.  A service account is a client (it asks for tokens)
and a principal (groups hold it, tenants may let ``DOMAIN\\name`` in).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.contract import Change, Guard
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client, Grant, Proof
from heliostat.identity.clients.settings import ACCOUNT_SCOPES
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.account_credentials import AccountCredentials
from heliostat.identity.directory.fields import LONGEST_DESCRIPTION, checked_text
from heliostat.identity.directory.memberships import AT_ONCE
from heliostat.identity.directory.part import with_members
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import AccountView
from heliostat.identity.names import fold, security_group
from heliostat.identity.service_accounts.uses import forget_uses, last_uses


class ServiceAccounts(AccountCredentials):
    """The verbs on service accounts."""

    async def create_service_account(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        description: str = "",
        days: int = 0,
        unit: str = "",
        plan: bool = False,
    ) -> AccountView:
        """See ``AccountVerbs.create_service_account``."""
        bare = self.new_client_name(name)
        account = self._with_first(
            Client(
                name=fold(bare),
                grants=(Grant.CLIENT_CREDENTIALS,),
                account=True,
                description=checked_text("description", description, LONGEST_DESCRIPTION),
                proof=Proof.PRIVATE_KEY,
                scopes=ACCOUNT_SCOPES,
                created_ms=self.clock.now_ms(),
            ),
            public_key_pem,
            days,
        )
        if len(groups) > AT_ONCE:
            raise PermanentError("InvalidEntity", f"At most {AT_ONCE} groups are joined at once.")

        async def decide() -> Decided[AccountView]:
            guards = await self.claim(bare, "NameTaken")
            unit_id, unit_guards = await self.unit_for(EntryKind.ACCOUNT, unit)
            placed = msgspec.structs.replace(account, unit=unit_id)
            joined, group_guards, changes = await self._join(f"account:{account.name}", groups)
            return Decided(
                await self.account_view(placed, joined),
                [*guards, *unit_guards, *group_guards],
                self.kinds.clients.put(placed) + changes,
            )

        return await settle(self.store, decide, plan=plan)

    async def change_service_account(
        self,
        name: str,
        *,
        description: str | None = None,
        disabled: bool | None = None,
        plan: bool = False,
    ) -> AccountView:
        """See ``AccountVerbs.change_service_account``."""
        told: dict[str, object] = {}
        if description is not None:
            told["description"] = checked_text("description", description, LONGEST_DESCRIPTION)
        if disabled is not None:
            told["disabled"] = disabled
        return await self.change_account(
            name, lambda old: msgspec.structs.replace(old, **told), plan=plan
        )

    async def get_service_account(self, name: str) -> AccountView:
        """Raises ``ServiceAccountNotFound``."""
        client = (await self.stored_account(name))[0]
        used = await last_uses(self.store, self.uses, client.name, client.created_ms)
        return await self.account_view(client, used=used)

    async def list_service_accounts(self) -> list[AccountView]:
        """All service accounts, by name; without when their keys were used."""
        clients = [each.value for each in await self.kinds.clients.all(self.store)]
        return [await self.account_view(each) for each in clients if each.is_service_account]

    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountView:
        """Delete an account and its memberships; raises ``ServiceAccountNotFound``."""
        if not plan:
            known = (await self.stored_account(name))[0].name
            await self.leave_most(f"account:{known}")
            await forget_uses(self.store, self.uses, known)

        async def decide() -> Decided[AccountView]:
            client, unchanged = await self.stored_account(name)
            guards, changes = await self.leaving(f"account:{client.name}")
            changes += self.kinds.clients.delete(client)
            return Decided(await self.account_view(client), [unchanged, *guards], changes)

        return await settle(self.store, decide, plan=plan)

    def _with_first(self, client: Client, given: str, days: int) -> Client:
        """The account with the key, or with the certificate, that it begins with."""
        if "BEGIN CERTIFICATE" not in given:
            return msgspec.structs.replace(client, keys=(self.new_key(given, days=days),))
        if days:
            raise PermanentError("InvalidEntity", "A certificate says itself when it ends.")
        return msgspec.structs.replace(client, certificates=(self.new_certificate(given),))

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
