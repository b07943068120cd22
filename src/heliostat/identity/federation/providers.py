"""The verbs on providers: register one, change it, list, delete with its links."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.federation.barring import Barring, barred
from heliostat.identity.federation.records import FederationKinds, Link, Provider, link_id
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions

BATCH = 40
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as it is told, with how many people it is linked to."""

    provider: Provider
    people: int

    @property
    def name(self) -> str:
        return self.provider.name


class Providers:
    """Those of one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        directory: Directory,
        barring: Barring,
    ) -> None:
        self._store = store
        self._barring = barring
        self._clock = clock
        self._ids = ids
        self._directory = directory
        kinds = FederationKinds.of(options.tenant)
        self._kept = kinds.providers
        self._links = kinds.links

    async def create(
        self, name: str, made: Callable[[str, int], Provider], *, plan: bool = False
    ) -> ProviderView:
        """Register the provider that ``made`` makes of an id and the time.

        Raises ``InvalidName``, ``NameTaken``.
        """
        if not _NAME.fullmatch(name):
            raise PermanentError(
                "InvalidName",
                f"{name[:80]!r} is no name of a provider.",
                hint="Use a small letter first, then small letters, digits, hyphens: 31 at most.",
            )
        provider = made(self._ids.new_id(), self._clock.now_ms())

        async def decide() -> Decided[ProviderView]:
            if await self._kept.get(self._store, name) is not None:
                raise PermanentError("NameTaken", f"There is a provider {name} already.")
            guards: list[Guard] = [self._kept.absent(name)]
            return Decided(ProviderView(provider, 0), guards, self._kept.put(provider))

        return await settle(self._store, decide, plan=plan)

    async def get(self, name: str) -> Provider:
        """Raises ``ProviderNotFound``."""
        return (await self._stored(name)).value

    async def usable(self, name: str) -> Provider:
        """As ``get``, of one that people may sign in with."""
        provider = await self.get(name)
        if provider.disabled:
            raise _none(name)
        return provider

    async def view(self, name: str) -> ProviderView:
        """Raises ``ProviderNotFound``."""
        return await self._view(await self.get(name))

    async def views(self) -> list[ProviderView]:
        """All, by name."""
        return [await self._view(each.value) for each in await self._kept.all(self._store)]

    async def offered(self) -> list[Provider]:
        """Those that people may sign in with, by title."""
        usable = [e.value for e in await self._kept.all(self._store) if not e.value.disabled]
        return sorted(usable, key=lambda provider: fold(provider.title))

    async def change(
        self,
        name: str,
        changed: Callable[[Provider], Provider],
        *,
        keep_sessions: bool | None = None,
        plan: bool = False,
    ) -> ProviderView:
        """What ``changed`` makes of it; raises ``ProviderNotFound``.

        One that is disabled by it ends what came through it, unless ``keep_sessions``.
        """

        async def decide() -> Decided[ProviderView]:
            stored = await self._stored(name)
            now_ms = self._clock.now_ms()
            new = barred(stored.value, changed(stored.value), now_ms, keep_sessions)
            view = await self._view(new)
            changes = self._kept.put(new, stored.value)
            return Decided(view, [self._kept.guard(stored)], changes)

        view = await settle(self._store, decide, plan=plan)
        if not plan:
            await self._barring.end(view.provider)
        return view

    async def end_barred(self) -> int:
        """End what came through disabled providers, where somebody was killed before doing so."""
        kept = await self._kept.all(self._store)
        return sum([await self._barring.end(each.value) for each in kept])

    async def delete(
        self,
        name: str,
        *,
        with_people: bool = False,
        keep_sessions: bool = False,
        plan: bool = False,
    ) -> ProviderView:
        """Delete a provider and its links; ``with_people``: and the users that it has made.

        It is disabled first, so that nobody is made anew meanwhile, which ends what came through
        it unless ``keep_sessions``; and it goes last: who is killed between leaves one that can
        be deleted again.
        """
        view = await self.change(
            name,
            lambda each: msgspec.structs.replace(each, disabled=True),
            keep_sessions=keep_sessions,
            plan=plan,
        )
        if not plan:
            await self._unlink(name, with_people=with_people)

        async def decide() -> Decided[ProviderView]:
            stored = await self._stored(name)
            return Decided(view, [self._kept.guard(stored)], self._kept.delete(stored.value))

        await settle(self._store, decide, plan=plan)
        if not plan:  # who was on the way in
            await self._barring.end(view.provider)
            await self._unlink(name, with_people=with_people)
        return view

    async def links(self, name: str) -> list[Link]:
        """Which of a provider's people are who here, by user."""
        found = await self._links.by_index(self._store, "provider", name)
        return sorted((each.value for each in found), key=lambda link: link.user)

    async def link(self, provider: Provider, issuer: str, subject: str) -> Link | None:
        """Who somebody of a provider is here."""
        stored = await self._links.get(self._store, link_id(provider, issuer, subject))
        return stored.value if stored is not None else None

    async def names_of(self, user: str) -> list[str]:
        """The providers that somebody signs in with."""
        found = await self._links.by_index(self._store, "user", fold(user))
        return sorted({each.value.provider for each in found})

    async def is_linked(self, user: str) -> bool:
        """Whether somebody signs in with a provider."""
        return bool(await self._links.ids_by_index(self._store, "user", fold(user)))

    async def _unlink(self, name: str, *, with_people: bool) -> None:
        links = await self.links(name)
        for start in range(0, len(links), BATCH):
            batch = links[start : start + BATCH]
            if with_people:
                for link in batch:
                    await self._delete_made(link)
            changes: list[Change] = [
                change for each in batch for change in self._links.delete(each)
            ]
            await self._store.commit([], changes)

    async def _delete_made(self, link: Link) -> None:
        try:
            user = await self._directory.get_user(link.user)
            if user.created_ms == link.made_ms:
                await self._directory.delete_user(link.user)
        except PermanentError as error:
            if error.code != "UserNotFound":
                raise

    async def _stored(self, name: str) -> Stored[Provider]:
        stored = await self._kept.get(self._store, name) if _NAME.fullmatch(name) else None
        if stored is None:
            raise _none(name)
        return stored

    async def _view(self, provider: Provider) -> ProviderView:
        ids = await self._links.ids_by_index(self._store, "provider", provider.name)
        return ProviderView(provider, len(ids))


def _none(name: str) -> PermanentError:
    return PermanentError("ProviderNotFound", f"There is no provider {name[:80]!r}.")
