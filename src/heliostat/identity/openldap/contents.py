"""What the homes hold, kind by kind: listed, counted, compared."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from heliostat.cloudstore.contract import Document
from heliostat.cloudstore.documents import walk
from heliostat.core.errors import PermanentError
from heliostat.identity.openldap.forms import FORMS
from heliostat.identity.openldap.homes import Place
from heliostat.identity.openldap.placing import Shelf, holds
from heliostat.identity.openldap.store import DirectoryStore
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.tenant import TENANTS


@dataclass(frozen=True, slots=True)
class Count:
    """How many documents of a kind there are, and a digest of all their content."""

    tenant: str
    kind: str
    count: int
    digest: str


class Contents:
    """Of both homes of ``store``."""

    def __init__(self, store: DirectoryStore) -> None:
        self._store = store
        self._beneath = store.beneath

    async def counts(self, place: Place) -> tuple[Count, ...]:
        counts = []
        async for shelf in self.shelves():
            held = await self.documents(shelf, place)
            digest = hashlib.sha256()
            for each in sorted(held, key=lambda document: document.key):
                digest.update(f"{each.key}\0".encode() + each.value + b"\0")
            counts.append(Count(shelf.tenant, shelf.kind, len(held), digest.hexdigest()))
        return tuple(counts)

    async def compared(self, source: Place, target: Place) -> tuple[Count, ...]:
        before, after = await self.counts(source), await self.counts(target)
        for old, new in zip(before, after, strict=True):
            if old != new:
                raise PermanentError(
                    "DirectoryDiffers",
                    f"{new.count} of kind {old.kind} of {old.tenant} at {target}, "
                    f"{old.count} at {source}, and their content differs.",
                )
        return after

    async def documents(self, shelf: Shelf, place: Place) -> list[Document]:
        if place is Place.OPENLDAP:
            return await self._store.tree.all(self._beneath, shelf)
        found = [each async for each in walk(self._beneath, shelf.prefix)]
        return [each for each in found if holds(each.key, each.value)]

    async def shelves(self) -> AsyncIterator[Shelf]:
        tenants = sorted(each.value.id for each in await TENANTS.all(self._beneath))
        for tenant in (SYSTEM_TENANT, *tenants):
            for kind in FORMS:
                yield Shelf(kind, tenant)
