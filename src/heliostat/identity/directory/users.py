"""People: create, change, delete.  Each verb returns after its commit.

With ``plan`` a verb validates and answers what would be, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, Delete, GuardFailed
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract import CONTAINERS
from heliostat.identity.directory.fields import (
    LONGEST_DESCRIPTION,
    checked_certificates,
    checked_email,
    checked_ssh_keys,
    checked_text,
)
from heliostat.identity.directory.memberships import Memberships
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import Paged, UserView
from heliostat.identity.names import ADMINISTRATORS, fold, subject_of
from heliostat.identity.passwords.lockout import known_id
from heliostat.identity.passwords.refusal import refused
from heliostat.identity.passwords.setting import Proofs
from heliostat.identity.records import User

BUILT_IN_USER = "administrator"


class Users(Memberships):
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
        user = _with(
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
            new = _with(
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

        return await self._change(name, changed, plan=plan, unit=unit)

    async def get_user(self, name: str) -> UserView:
        """Raises ``UserNotFound``."""
        return await self.view_user((await self.stored_user(name)).value)

    async def page_users(self, *, limit: int, after: str = "", name: str = "") -> Paged[UserView]:
        """See ``UserVerbs.page_users``."""
        return await self.page_of(
            self.kinds.users, self.view_user, limit=limit, after=after, name=name
        )

    async def set_password(
        self, name: str, password: str, *, must_change: bool = False, plan: bool = False
    ) -> UserView:
        """Set a password, end the user's sessions and unlock the name.

        ``must_change``: it only serves to choose another one.
        Raises ``UserNotFound``, ``WeakPassword``, ``TooManyRequests``.
        """
        bare = (await self.stored_user(name)).value.name
        proofs = await self.passwords.proofs(bare, password, plan=plan)
        return await self._replace_password(name, proofs, must_change=must_change, plan=plan)

    async def _replace_password(
        self, name: str, proofs: Proofs, *, must_change: bool, plan: bool, seen: str = ""
    ) -> UserView:
        """``seen`` is the hash that was proven; then nobody may have set another since."""
        stamp = self.ids.new_id()

        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            user = stored.value
            if seen and user.password_hash != seen:
                raise refused()
            fields = self.passwords.replaced(user, proofs, must_change=must_change)
            new = msgspec.structs.replace(user, stamp=stamp, **fields)
            changes = [*self.kinds.users.put(new, user), *self._forget_attempts(new)]
            view = await self.view_user(new)
            return Decided(view, [self.kinds.users.guard(stored)], changes)

        return await settle(self.store, decide, plan=plan)

    async def set_disabled(self, name: str, disabled: bool, *, plan: bool = False) -> UserView:
        """Bar a user from signing in (and end the sessions), or let the user in again."""
        stamp = self.ids.new_id()
        return await self._change(
            name,
            lambda user: msgspec.structs.replace(user, disabled=disabled, stamp=stamp),
            plan=plan,
        )

    async def unlock_user(self, name: str, *, plan: bool = False) -> UserView:
        """Forget wrong passwords, so that a locked user need not wait."""
        return await self._change(name, lambda user: user, plan=plan, unlock=True)

    async def keep_keys(self, user: User, password: str) -> User:
        """Keep Kerberos keys of a password that was set before there was a realm, if there is."""
        keys = await self.passwords.keys_of(user.name, password)
        stored = await self.find_user(user.name)
        if stored is None or stored.value.password_hash != user.password_hash:
            return user
        return await self._kept(stored, msgspec.structs.replace(stored.value, kerberos_keys=keys))

    async def renew_hash(self, user: User, password: str) -> User:
        """Keep a hash at today's cost and the keys of today's realm: ``password`` is right.

        Gives the user as kept; as given where somebody set another password meanwhile.
        """
        stored = await self.find_user(user.name)
        if stored is None or stored.value.password_hash != user.password_hash:
            return user
        new = msgspec.structs.replace(
            stored.value,
            password_hash=await self.hashing.hash(password),
            kerberos_keys=await self.passwords.keys_of(user.name, password),
        )
        return await self._kept(stored, new)

    async def _kept(self, stored: Stored[User], new: User) -> User:
        """``new``, if nobody has written meanwhile and writing is possible; else what was there
        stays: whoever proved a password is in.
        """
        changes = self.kinds.users.put(new, stored.value)
        try:
            await self.store.commit([self.kinds.users.guard(stored)], changes)
        except (GuardFailed, TemporaryError):
            return stored.value
        return new

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

        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            user = stored.value
            guards, changes = await self.leaving(f"user:{user.name}")
            changes += [*self.kinds.users.delete(user), *self._forget_attempts(user)]
            changes += await self._shown_besides(user)
            view = await self.view_user(user)
            return Decided(view, [self.kinds.users.guard(stored), *guards], changes)

        return await settle(self.store, decide, plan=plan)

    async def stored_user(self, name: str) -> Stored[User]:
        """The record of a user in any spelling of the name; raises ``UserNotFound``."""
        stored = await self.find_user(name)
        if stored is None:
            raise PermanentError("UserNotFound", f"There is no user {name[:80]}.")
        return stored

    async def find_user(self, name: str) -> Stored[User] | None:
        key = self.key_of(name)
        return await self.kinds.users.get(self.store, key) if key else None

    async def view_user(self, user: User) -> UserView:
        return UserView(
            name=user.name,
            subject=subject_of(user.name, self.domain),
            disabled=user.disabled,
            created_ms=user.created_ms,
            groups=await self.groups_of(f"user:{user.name}"),
            given_name=user.given_name,
            family_name=user.family_name,
            email=user.email,
            description=user.description,
            unit=await self.path_of_unit(user.unit or CONTAINERS[EntryKind.USER]),
            number=user.number,
            ssh_public_keys=user.ssh_public_keys,
            certificates=user.certificates,
        )

    async def _change(
        self,
        name: str,
        change: Callable[[User], User],
        *,
        plan: bool,
        unlock: bool = False,
        unit: str | None = None,
    ) -> UserView:
        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            new, guards = await self.placed(EntryKind.USER, change(stored.value), unit)
            changes = self.kinds.users.put(new, stored.value) if new != stored.value else []
            if unlock:
                changes += self._forget_attempts(new)
            view = await self.view_user(new)
            return Decided(view, [self.kinds.users.guard(stored), *guards], changes)

        return await settle(self.store, decide, plan=plan)

    async def _shown_besides(self, user: User) -> list[Change]:
        """Second factors, links to other providers, names at them: nobody inherits those."""
        changes: list[Change] = []
        kinds: tuple[Kind[Any], ...] = (
            self.kinds.factors,
            self.kinds.links,
            self.kinds.saml.names,
        )
        for kind in kinds:
            for each in await kind.by_index(self.store, "user", user.name):
                changes += kind.delete(each.value)
        return changes

    def _forget_attempts(self, user: User) -> list[Change]:
        return [Delete(self.kinds.attempts.key(known_id(user.name)))]


def _with(
    user: User,
    *,
    given_name: str | None = None,
    family_name: str | None = None,
    email: str | None = None,
    description: str | None = None,
    ssh_public_keys: Sequence[str] | None = None,
    certificates: Sequence[str] | None = None,
) -> User:
    """``user`` with what is given, checked; raises ``InvalidEntity``."""
    given: dict[str, object] = {}
    if given_name is not None:
        given["given_name"] = checked_text("givenName", given_name)
    if family_name is not None:
        given["family_name"] = checked_text("familyName", family_name)
    if email is not None:
        given["email"] = checked_email(email)
    if description is not None:
        given["description"] = checked_text("description", description, LONGEST_DESCRIPTION)
    if ssh_public_keys is not None:
        given["ssh_public_keys"] = checked_ssh_keys(ssh_public_keys)
    if certificates is not None:
        given["certificates"] = checked_certificates(certificates)
    return msgspec.structs.replace(user, **given)
