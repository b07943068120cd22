"""From somebody whom a provider knows to a person here: found by link, or made.

A link is made after the user, who carries our mark until then: whoever is killed between finds
that user again.  It holds for that user only; a user who was there before is never
taken over, whatever the provider says of names and addresses.  Each sign-in writes what has
changed: the name's parts, the address, and membership of the groups that rules speak of.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac

import msgspec

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.directory.views import UserView
from heliostat.identity.federation.outsiders import Outsider, called, mapped, refuse_stranger
from heliostat.identity.federation.records import FederationKinds, Link, Provider, link_id
from heliostat.identity.names import bare_name, fold, security_group, subject_of
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing

UNGUESSABLE_BYTES = 30
TRIES = 4
MARK_CHARACTERS = 16


class Newcomers:
    """Admits people of other providers to one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        directory: Directory,
        sealing: Sealing,
    ) -> None:
        self._sealing = sealing
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._directory = directory
        self._links = FederationKinds.of(options.tenant).links

    async def admit(self, provider: Provider, outsider: Outsider) -> Person:
        """The person whom ``provider`` has just vouched for; raises ``ProviderRefused``."""
        refuse_stranger(provider, outsider)
        stored = await self._links.get(
            self._store, link_id(provider, outsider.issuer, outsider.subject)
        )
        user = await self._linked(stored)
        if user is None:
            user = await self._made(provider, outsider, stored)
        else:
            await self._refreshed(user, outsider)
        await self._regrouped(provider, outsider, user.name)
        person = await self._directory.person(fold(user.name))
        if person is None:
            raise _refused(f"{user.name} is disabled here")
        return person

    async def _linked(self, stored: Stored[Link] | None) -> UserView | None:
        """The user of a link, if it is still the one that the link was made with."""
        if stored is None:
            return None
        try:
            user = await self._directory.get_user(stored.value.user)
        except HeliostatError as error:
            if error.code == "UserNotFound":
                return None
            raise
        if user.created_ms != stored.value.made_ms:
            return None
        used = msgspec.structs.replace(stored.value, used_ms=self._clock.now_ms())
        with contextlib.suppress(GuardFailed):  # two sign-ins at once: both are used
            await self._store.commit(
                [self._links.guard(stored)], self._links.put(used, stored.value)
            )
        return user

    async def _made(
        self, provider: Provider, outsider: Outsider, stale: Stored[Link] | None
    ) -> UserView:
        if not provider.make_users:
            raise _refused("nobody here is linked to that account")
        user = await self._created(provider, outsider)
        link = Link(
            id=link_id(provider, outsider.issuer, outsider.subject),
            provider=provider.name,
            issuer=outsider.issuer,
            subject=outsider.subject,
            user=fold(user.name),
            made_ms=user.created_ms,
            created_ms=self._clock.now_ms(),
            used_ms=self._clock.now_ms(),
        )
        guard = self._links.guard(stale) if stale is not None else self._links.absent(link.id)
        before = stale.value if stale is not None else None
        try:
            await self._store.commit([guard], self._links.put(link, before))
        except GuardFailed:  # the same person in two windows: the other one's stands
            other = await self._linked(await self._links.get(self._store, link.id))
            if other is None or other.name != user.name:
                await self._directory.delete_user(user.name)
            if other is None:
                raise _refused("it was signed in twice at once; try again") from None
            return other
        return user

    async def _created(self, provider: Provider, outsider: Outsider) -> UserView:
        """A user with a password that nobody knows, under the first name that is free."""
        password = f"Aa1-{self._ids.secret(UNGUESSABLE_BYTES)}"
        wished = called(outsider)
        tail = hashlib.sha256(outsider.subject.encode(errors="replace")).hexdigest()
        others = [f"{wished}-{provider.name}"[:50], *(f"{wished}-{tail[:n]}" for n in (6, 12))]
        link = link_id(provider, outsider.issuer, outsider.subject)
        for name in (wished, *others)[:TRIES]:
            mark = self._mark(link, name)
            try:
                return await self._directory.create_user(
                    name,
                    password,
                    given_name=outsider.given_name,
                    family_name=outsider.family_name,
                    email=outsider.email,
                    description=f"Signs in with {provider.title} ({mark})",
                )
            except HeliostatError as error:
                if error.code != "UserExists":
                    raise
            if (left_behind := await self._left_behind(name, mark)) is not None:
                return left_behind
        raise _refused(f"every name like {wished} is taken here")

    def _mark(self, link: str, name: str) -> str:
        """What says that ``name`` was made for ``link``, by nobody but this site."""
        proof = self._sealing.proof("newcomer", self._options.tenant, link, fold(name))
        return proof[:MARK_CHARACTERS]

    async def _left_behind(self, name: str, mark: str) -> UserView | None:
        """The user ``name``, if it was made here for the same outsider and never linked."""
        try:
            user = await self._directory.get_user(name)
        except HeliostatError as error:
            if error.code == "UserNotFound":  # gone since
                return None
            raise
        _, _, told = user.description.rpartition("(")
        ours = hmac.compare_digest(told.encode(), f"{mark})".encode())
        linked = ours and await self._links.ids_by_index(self._store, "user", fold(user.name))
        return user if ours and not linked else None

    async def _refreshed(self, user: UserView, outsider: Outsider) -> None:
        """What the provider says now, where it says something else than before."""
        told = {
            name: getattr(outsider, name)
            for name in ("given_name", "family_name", "email")
            if getattr(outsider, name) and getattr(outsider, name) != getattr(user, name)
        }
        if told:
            await self._directory.change_user(user.name, **told)

    async def _regrouped(self, provider: Provider, outsider: Outsider, name: str) -> None:
        """Membership of the groups that the rules name, and of no others."""
        due = {fold(each) for each in mapped(provider.groups, outsider)}
        subject = subject_of(name, self._options.domain)
        for group in sorted({fold(rule.group) for rule in provider.groups}):
            try:
                members = (await self._directory.get_group(group)).members
                is_in = fold(subject) in map(fold, members)
                if group in due and not is_in:
                    await self._directory.add_member(group, name)
                elif group not in due and is_in:
                    await self._directory.remove_member(group, name)
            except HeliostatError as error:
                # a group that is gone by now; and two sign-ins at once may both have put right
                if error.code not in ("GroupNotFound", "UserNotFound"):
                    raise


def group_of_rule(text: str, domain: str) -> str:
    """The bare name of a rule's group, in any spelling; raises ``InvalidEntity``."""
    bare = bare_name(text, domain)
    if not bare:
        raise PermanentError(
            "InvalidEntity", f"{text[:80]!r} is no group of {security_group('…', domain)}."
        )
    return bare


def _refused(why: str) -> PermanentError:
    return PermanentError("ProviderRefused", f"Nobody is signed in: {why}.")
