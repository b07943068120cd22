"""People and groups of directories elsewhere as members of a tenant's own groups.

What they are in is kept with them, not with the groups, so that any directory can hold the
groups: an entry's id over there, and the numbers of our groups.  Neither is ever given again,
so nobody inherits a membership with a name.  An outsider leaves when its source is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.groups import GroupVerbs
from heliostat.identity.directory.views import GroupView, Paged
from heliostat.identity.names import fold, security_group, subject_of
from heliostat.identity.sources.people import Known, Login, SourcePeople
from heliostat.identity.sources.records import Outsider, SourceKinds
from heliostat.identity.sources.source import Source, key_of
from heliostat.identity.sources.sources import Sources
from heliostat.identity.sources.spelling import Spelled, spelled


class Members:
    """Who is in a tenant's groups: the tenant's own, as its directory says, and outsiders."""

    def __init__(
        self, store: CloudStore, tenant: str, directory: GroupVerbs, sources: Sources
    ) -> None:
        self._store = store
        self._kept = SourceKinds.of(tenant).outsiders
        self._kept_sources = SourceKinds.of(tenant).sources
        self._directory = directory
        self._sources = sources

    async def get_group(self, name: str) -> GroupView:
        """Raises ``GroupNotFound``."""
        return await self.shown(await self._directory.get_group(name))

    async def page_groups(self, *, limit: int, after: str = "", name: str = "") -> Paged[GroupView]:
        """See ``GroupVerbs.page_groups``."""
        page = await self._directory.page_groups(limit=limit, after=after, name=name)
        return replace(page, items=[await self.shown(each) for each in page.items])

    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Put somebody into ``group``; being in it already is fine.

        Raises as ``GroupVerbs.add_member``, and ``SourceUnavailable`` for an outsider.
        """
        name, people = await self._outside(member)
        if people is None:
            view = await self._directory.add_member(group, member, plan=plan)
            return await self.shown(view)
        view = await self._directory.get_group(group)
        found = await _found(people, name, member)

        async def decide() -> Decided[None]:
            source = await self._kept_sources.get(self._store, people.source.id)
            if source is None:
                raise _nobody(member)
            stored = await self._kept.get(self._store, found.id)
            before = stored.value if stored is not None else None
            held = before.groups if before is not None else {}
            after = msgspec.structs.replace(found, groups={**held, fold(view.name): view.number})
            guard = self._kept.guard(stored) if stored is not None else self._kept.absent(found.id)
            changes = self._kept.put(after, before) if after != before else []
            return Decided(None, [guard, self._kept_sources.guard(source)], changes)

        await settle(self._store, decide, plan=plan)
        shown = await self.shown(view)
        unsaid = {found.name} - set(shown.members) if plan else set()
        return replace(shown, members=(*shown.members, *unsaid))

    async def remove_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Take somebody out; raises ``GroupNotFound``, ``UserNotFound`` (not a member)."""
        name, people = await self._outside(member)
        if people is None:
            view = await self._directory.remove_member(group, member, plan=plan)
            return await self.shown(view)
        view = await self._directory.get_group(group)
        names = {
            fold(subject_of(name.bare, people.source.domain)),
            fold(security_group(name.bare, people.source.domain)),
        }

        async def decide() -> Decided[None]:
            inside = await self._inside(view)
            gone = [each for each in inside if fold(each.value.name) in names]
            if not gone:
                raise PermanentError(
                    "UserNotFound", f"{member[:80]} is not a member of {view.name}."
                )
            guards: list[Guard] = [self._kept.guard(each) for each in gone]
            return Decided(None, guards, self._without(gone, fold(view.name)))

        await settle(self._store, decide, plan=plan)
        shown = await self.shown(view)
        left = tuple(each for each in shown.members if not plan or fold(each) not in names)
        return replace(shown, members=left)

    async def shown(self, view: GroupView) -> GroupView:
        """A group with its outsiders among the members."""
        inside = await self._inside(view)
        names = sorted(each.value.name for each in inside)
        return replace(view, members=(*view.members, *names)) if names else view

    async def groups_of(self, source: Source, known: Known) -> tuple[str, ...]:
        """The tenant's groups that a person of ``source`` is in, ``DOMAIN\\name``, sorted."""
        ids = [key_of(known.found.id, source)]
        ids += [key_of(each.id, source) for each in known.groups]
        numbers: dict[str, int] = {}
        for id_ in ids:
            stored = await self._kept.get(self._store, id_)
            if stored is not None and stored.value.source == source.id:
                numbers |= stored.value.groups
        names = {name for each in numbers.items() for name in await self._names(*each)}
        return tuple(sorted(names))

    async def _names(self, key: str, number: int) -> Iterable[str]:
        """The group, if it is still the one with this number, and those that hold it."""
        try:
            view = await self._directory.get_group(key)
        except PermanentError:
            return ()
        if view.number != number:
            return ()
        return await self._directory.effective_groups(view.security_group)

    async def _inside(self, view: GroupView) -> list[Stored[Outsider]]:
        key = fold(view.name)
        found = await self._kept.by_index(self._store, "group", key)
        return [each for each in found if each.value.groups[key] == view.number]

    def _without(self, gone: Iterable[Stored[Outsider]], key: str) -> list[Change]:
        changes: list[Change] = []
        for each in gone:
            left = {group: number for group, number in each.value.groups.items() if group != key}
            if left:
                after = msgspec.structs.replace(each.value, groups=left)
                changes += self._kept.put(after, each.value)
            else:
                changes += self._kept.delete(each.value)
        return changes

    async def _outside(self, member: str) -> tuple[Spelled, SourcePeople | None]:
        name = spelled(member)
        return name, await self._sources.spelled(name.domain) if name.domain else None


async def _found(people: SourcePeople, name: Spelled, member: str) -> Outsider:
    """Whom ``member`` names over there: a person first, unless only groups are written so."""
    source = people.source
    person = await people.named(Login(name.bare))
    if person is not None:
        return Outsider(
            id=key_of(person.id, source),
            source=source.id,
            name=subject_of(person.name, source.domain),
        )
    group = await people.group_named(name.bare)
    if group is not None:
        return Outsider(
            id=key_of(group.id, source),
            source=source.id,
            name=security_group(group.name, source.domain.upper()),
        )
    raise _nobody(member)


def _nobody(member: str) -> PermanentError:
    return PermanentError("UserNotFound", f"There is no person and no group {member[:80]}.")
