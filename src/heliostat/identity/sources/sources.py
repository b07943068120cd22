"""The verbs on identity sources of one tenant, and finding the one that a name belongs to.

A source's domain is claimed in the commit that makes it, for the whole site: no tenant and no
other source can have it, since groups are named by it wherever they are let in.  Deleting a
source takes its people and groups out of the tenant's groups and ends their sessions, since
nobody knows them any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from heliostat.cloudstore.contract import CloudStore, Guard, PrefixUnchanged
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.external.directory import External
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.records import attempts_of
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.claims import free, no_other_default, refuse_ambiguous
from heliostat.identity.sources.credentials import unsealed
from heliostat.identity.sources.form import applied
from heliostat.identity.sources.guessing import Guesses
from heliostat.identity.sources.links import Links
from heliostat.identity.sources.people import SourcePeople
from heliostat.identity.sources.probe import Step, probed
from heliostat.identity.sources.protocol import address
from heliostat.identity.sources.records import SourceKinds
from heliostat.identity.sources.servers import State
from heliostat.identity.sources.source import SOURCE_DOMAINS, Source, SourceDomain, SourceKind
from heliostat.identity.tenant import checked_domain

MOST_SOURCES = 32


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as it is told, without its secrets; ``servers``: how this controller finds each."""

    source: Source
    servers: tuple[State, ...]

    @property
    def name(self) -> str:
        """Lists are in the order of names."""
        return self.source.domain


class Sources:
    """The sources of one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing,
        links: Links,
        site_domain: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._sealing = sealing
        self._links = links
        self._site_domain = site_domain
        self._kinds = SourceKinds.of(options.tenant)
        self._guesses = Guesses(store, attempts_of(options.tenant), clock)

    async def create_source(
        self, domain: str, fields: Mapping[str, Any], *, plan: bool = False
    ) -> SourceView:
        """Raises ``InvalidName``, ``InvalidEntity``, ``SourceExists``, ``AddressRefused``."""
        now_ms = self._clock.now_ms()
        new = applied(self._blank(domain, now_ms), fields, self._sealing, self._options.domain)
        self._refuse_out_of_reach(new, set())

        async def decide() -> Decided[SourceView]:
            page = await self._kinds.sources.list(self._store)
            others = page.items
            if len(others) >= MOST_SOURCES:
                raise PermanentError(
                    "InvalidOperation", f"There are {len(others)} sources already."
                )
            alone = PrefixUnchanged(self._kinds.sources.prefix, page.revision)
            guards = [alone, *await free(self._store, new.domain, self._site_domain)]
            refuse_ambiguous(new, others)
            claimed = SourceDomain(domain=new.domain, tenant=self._options.tenant, source=new.id)
            changes = [*SOURCE_DOMAINS.put(claimed), *self._kinds.sources.put(new)]
            changes += no_other_default(self._kinds, new, others)
            return Decided(_view(new), guards, changes)

        return await settle(self._store, decide, plan=plan)

    async def update_source(
        self, domain: str, fields: Mapping[str, Any], *, plan: bool = False
    ) -> SourceView:
        """Change what ``fields`` name.

        Raises ``SourceNotFound``, ``InvalidEntity``, ``AddressRefused`` (of a new server).
        """

        async def decide() -> Decided[SourceView]:
            stored = await self._stored(domain)
            before = stored.value
            new = applied(before, fields, self._sealing, self._options.domain)
            self._refuse_out_of_reach(new, {*before.urls})
            if new == before:
                return Decided(_view(before), [self._kinds.sources.guard(stored)], [])
            new = msgspec.structs.replace(new, changed_ms=self._clock.now_ms())
            page = await self._kinds.sources.list(self._store)
            others = [each for each in page.items if each.value.id != new.id]
            refuse_ambiguous(new, others)
            guards: list[Guard] = [
                self._kinds.sources.guard(stored),
                PrefixUnchanged(self._kinds.sources.prefix, page.revision),
            ]
            changes = [*self._kinds.sources.put(new, before)]
            changes += no_other_default(self._kinds, new, others)
            return Decided(_view(new), guards, changes)

        return await settle(self._store, decide, plan=plan)

    async def get_source(self, domain: str) -> SourceView:
        """Raises ``SourceNotFound``."""
        stored = await self._stored(domain)
        return _view(stored.value, self.people(stored).servers.states())

    async def list_sources(self) -> list[SourceView]:
        """All of them, by domain."""
        found = sorted(await self._all(), key=lambda each: each.value.domain)
        return [_view(each.value, self.people(each).servers.states()) for each in found]

    async def delete_source(self, domain: str, *, plan: bool = False) -> SourceView:
        """Delete a source; its people sign in no longer.  Raises ``SourceNotFound``."""

        async def decide() -> Decided[SourceView]:
            stored = await self._stored(domain)
            source = stored.value
            outside = await self._kinds.outsiders.by_index(self._store, "source", source.id)
            changes = [
                change for each in outside for change in self._kinds.outsiders.delete(each.value)
            ]
            claimed = SourceDomain(
                domain=source.domain, tenant=self._options.tenant, source=source.id
            )
            changes += [*self._kinds.sources.delete(source), *SOURCE_DOMAINS.delete(claimed)]
            return Decided(_view(source), [self._kinds.sources.guard(stored)], changes)

        gone = await settle(self._store, decide, plan=plan)
        if not plan:
            self._links.drop(gone.source.id)
        return gone

    async def probe_source(
        self,
        domain: str,
        fields: Mapping[str, Any],
        *,
        person: str = "",
        saved: bool = True,
        plan: bool = False,
    ) -> tuple[Step, ...]:
        """Try a source step by step, as it is kept or as it would be; nothing is written.

        With ``plan`` nobody is asked.  Raises ``SourceNotFound``, ``InvalidName`` and
        ``InvalidEntity``.
        """
        base = (
            (await self._stored(domain)).value
            if saved
            else self._blank(domain, self._clock.now_ms())
        )
        source = applied(base, fields, self._sealing, self._options.domain)
        if plan:
            return ()
        servers = self._links.servers(source)
        return await probed(source, unsealed(source, self._sealing), servers, self._clock, person)

    async def spelled(self, spelling: str) -> SourcePeople | None:
        """The source whose domain or alias that is; never one with the tenant's own domain."""
        key = fold(spelling)
        if key == fold(self._options.domain):
            return None
        for stored in await self._all():
            if key in stored.value.spellings:
                return self.people(stored)
        return None

    async def default(self) -> SourcePeople | None:
        """Whose people sign in with a bare name, if it is not the tenant's own directory."""
        for stored in await self._all():
            if stored.value.default:
                return self.people(stored)
        return None

    async def directory(self, spelling: str) -> External:
        """The source with this domain or alias as a directory; raises ``SourceNotFound``."""
        for stored in await self._all():
            if fold(spelling) in stored.value.spellings:
                return self._links.external(stored, self._guesses, self._options.lockout)
        raise no_source(spelling)

    def people(self, stored: Stored[Source]) -> SourcePeople:
        return self._links.people(stored, self._guesses)

    def _blank(self, domain: str, now_ms: int) -> Source:
        return Source(
            id=self._ids.new_id(),
            domain=checked_domain(domain),
            kind=SourceKind.LDAP,
            urls=(),
            created_ms=now_ms,
            changed_ms=now_ms,
        )

    async def _all(self) -> list[Stored[Source]]:
        return await self._kinds.sources.all(self._store)

    async def _stored(self, domain: str) -> Stored[Source]:
        for stored in await self._all():
            if fold(stored.value.domain) == fold(domain):
                return stored
        raise no_source(domain)

    def _refuse_out_of_reach(self, new: Source, known: set[str]) -> None:
        """Raises ``AddressRefused`` for an address that no connection will be made to."""
        for url in new.urls:
            where = address.parse(url)
            if where is not None and url not in known:
                self._links.gate.check(where.host)


def no_source(domain: str) -> PermanentError:
    """The error for a domain that no source of the tenant has."""
    return PermanentError("SourceNotFound", f"There is no identity source {domain[:80]!r}.")


def _view(source: Source, servers: tuple[State, ...] = ()) -> SourceView:
    return SourceView(source, servers)
