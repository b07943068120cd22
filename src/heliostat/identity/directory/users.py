"""People: create, change, delete.  Each verb returns after its commit.

With ``plan`` a verb validates and answers what would be, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, Delete
from heliostat.cloudstore.documents import Kind
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.records import User
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.user_fields import with_fields
from heliostat.identity.directory.user_passwords import UserPasswords
from heliostat.identity.directory.views import Paged, UserView
from heliostat.identity.factors.records import factors_of
from heliostat.identity.federation.records import FederationKinds
from heliostat.identity.names import ADMINISTRATORS, fold
from heliostat.identity.passwords.lockout import second_id
from heliostat.identity.passwords.records import attempts_of
from heliostat.identity.saml.records import SamlKinds
from heliostat.identity.tokens.records import TokenKinds

BUILT_IN_USER = "administrator"
CONSENTS = 20
"""Those that one commit deletes, each with its index."""


class Users(UserPasswords):
    """The verbs on people."""

    async def create_user(
        self,
        name: str,
        password: str,
        *,
        given_name: str = "",
        family_name: str = "",
        email: str = "",
        must_change: bool = False,
        description: str = "",
        unit: str = "",
        ssh_public_keys: Sequence[str] = (),
        certificates: Sequence[str] = (),
        plan: bool = False,
    ) -> UserView:
        """See ``UserVerbs.create_user``."""
        bare = self.new_name(name)
        self.passwords.refuse_weak(password, bare)
        user = with_fields(
            User(name=fold(bare), stamp=self.ids.new_id(), password_hash=""),
            given_name=given_name,
            family_name=family_name,
            email=email,
            description=description,
            ssh_public_keys=ssh_public_keys,
            certificates=certificates,
        )
        await self.claim(bare, "UserExists")
        proofs = await self.passwords.proofs(fold(bare), password, plan=plan)
        user = msgspec.structs.replace(
            user,
            password_hash=proofs.password_hash,
            kerberos_keys=proofs.kerberos_keys,
            password_set_ms=proofs.password_set_ms,
            must_change=must_change,
            created_ms=self.clock.now_ms(),
            number=0 if plan else await self.numbers.take(),
        )

        async def decide() -> Decided[UserView]:
            guards = await self.claim(bare, "UserExists")
            unit_id, unit_guards = await self.unit_for(EntryKind.USER, unit)
            placed = msgspec.structs.replace(user, unit=unit_id)
            return Decided(
                await self.view_user(placed), [*guards, *unit_guards], self.kinds.users.put(placed)
            )

        return await settle(self.store, decide, plan=plan)

    async def change_user(
        self,
        name: str,
        *,
        given_name: str | None = None,
        family_name: str | None = None,
        email: str | None = None,
        description: str | None = None,
        ssh_public_keys: Sequence[str] | None = None,
        certificates: Sequence[str] | None = None,
        disabled: bool | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> UserView:
        """See ``UserVerbs.change_user``."""
        stamp = self.ids.new_id()

        def changed(user: User) -> User:
            new = with_fields(
                user,
                given_name=given_name,
                family_name=family_name,
                email=email,
                description=description,
                ssh_public_keys=ssh_public_keys,
                certificates=certificates,
            )
            if disabled is None or disabled == user.disabled:
                return new
            return msgspec.structs.replace(new, disabled=disabled, stamp=stamp)

        return await self.change_record(name, changed, plan=plan, unit=unit)

    async def get_user(self, name: str) -> UserView:
        """Raises ``UserNotFound``."""
        return await self.view_user((await self.stored_user(name)).value)

    async def page_users(self, *, limit: int, after: str = "", name: str = "") -> Paged[UserView]:
        """See ``UserVerbs.page_users``."""
        return await self.page_of(
            self.kinds.users, self.view_user, limit=limit, after=after, name=name
        )

    async def set_disabled(self, name: str, disabled: bool, *, plan: bool = False) -> UserView:
        """Bar a user from signing in (and end the sessions), or let the user in again."""
        stamp = self.ids.new_id()
        return await self.change_record(
            name,
            lambda user: msgspec.structs.replace(user, disabled=disabled, stamp=stamp),
            plan=plan,
        )

    async def unlock_user(self, name: str, *, plan: bool = False) -> UserView:
        """Forget wrong passwords, so that a locked user need not wait."""
        return await self.change_record(name, lambda user: user, plan=plan, unlock=True)

    async def delete_user(self, name: str, *, plan: bool = False) -> UserView:
        """Delete a person, with memberships and sessions; gives what was deleted.

        Raises ``UserNotFound``, and ``InvalidOperation`` for the built-in administrator.
        """

        first = await self.stored_user(name)
        if first.value.name == BUILT_IN_USER:
            raise PermanentError(
                "InvalidOperation",
                f"{BUILT_IN_USER} can't be deleted.",
                hint=f"Disable it, after adding someone else to {ADMINISTRATORS}.",
            )
        if not plan:
            await self.leave_most(f"user:{first.value.name}")
            await self._forget_consents(first.value)

        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            user = stored.value
            guards, changes = await self.leaving(f"user:{user.name}")
            changes += [*self.kinds.users.delete(user), *self.forget_attempts(user)]
            changes += await self._shown_besides(user)
            view = await self.view_user(user)
            return Decided(view, [self.kinds.users.guard(stored), *guards], changes)

        return await settle(self.store, decide, plan=plan)

    async def _forget_consents(self, user: User) -> None:
        """Whom somebody has let in, but for what was said meanwhile: it fits into no one commit."""
        consents = TokenKinds.of(self.options.tenant).consents
        found = await consents.by_index(self.store, "user", user.name)
        for at in range(0, len(found), CONSENTS):
            batch = found[at : at + CONSENTS]
            await self.store.commit([], [c for each in batch for c in consents.delete(each.value)])

    async def _shown_besides(self, user: User) -> list[Change]:
        """Second factors, links to other providers, names at them, consents: nobody inherits those.

        Wrong codes of before count no more, either.
        """
        tenant = self.options.tenant
        changes: list[Change] = [Delete(attempts_of(tenant).key(second_id(user.name)))]
        kinds: tuple[Kind[Any], ...] = (
            factors_of(tenant),
            FederationKinds.of(tenant).links,
            SamlKinds.of(tenant).names,
            TokenKinds.of(tenant).consents,
        )
        for kind in kinds:
            for each in await kind.by_index(self.store, "user", user.name):
                changes += kind.delete(each.value)
        return changes
