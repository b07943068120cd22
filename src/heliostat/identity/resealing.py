"""Everything that is sealed, sealed again under the newest key.

The new key is written before anything is sealed with it, and older ones stay beside it, so at no
moment is there a text that nobody can read.  Each document is a commit of its own, under a guard.
The store knows which key all was to be sealed under; whoever is killed leaves the rest to the
hourly upkeep, or to the next who asks.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.authority.custody import IN_TOKEN, SEALED
from heliostat.identity.decided import Decided, settle
from heliostat.identity.kerberos.records import REALM, KerberosKinds
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.sealed import SITES, SealedKind, sealed_kinds
from heliostat.identity.sealing import Sealing
from heliostat.identity.sealing_check import SEALING, SITE, SealingState, checked_text

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many texts were sealed anew (or would be), and how many no key here opens."""

    keys: int
    unreadable: int = 0


class Resealing:
    """Of a site; ``tenants`` gives the ids beside the system's, ``followed`` reads keys again."""

    def __init__(
        self,
        store: CloudStore,
        sealing: Sealing,
        tenants: Callable[[], Awaitable[Sequence[str]]],
        followed: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._tenants = tenants
        self._followed = followed

    async def run(self, *, renew: bool, plan: bool = False) -> Resealed:
        """Seal anew what an older key sealed, with ``renew`` everything, under a key made now.

        Raises ``SealBroken``: the key is not ours to make.
        """
        if plan:
            return await self._counted(everything=renew)
        if renew:
            self._sealing.renew()
        return await self._through()

    async def go_on(self) -> Resealed | None:
        """Finish what was begun under the key that is the newest here; ``None``: nothing was."""
        stored = await SEALING.get(self._store, SITE)
        if stored is None or stored.value.begun in ("", stored.value.done):
            return None
        return await self._through() if stored.value.begun == self._sealing.name else None

    async def broken(self) -> list[str]:
        """Keys of documents with a sealed text that no key here opens."""
        found: list[str] = []
        async for row, stored in self._documents():
            try:
                row.anew(stored.value, self._opened)
            except PermanentError:
                found.append(stored.key)
        return found

    def _opened(self, text: str, place: str) -> str:
        """``text`` as it is; raises ``SealBroken``."""
        bare = text.removeprefix(SEALED)
        if bare and not text.startswith(IN_TOKEN):
            self._sealing.unseal(bare, place)
        return text

    async def _through(self) -> Resealed:
        name = self._sealing.name
        await self._note(begun=name)
        keys = unreadable = 0
        while (told := await self._once()).keys:
            keys, unreadable = keys + told.keys, told.unreadable
        await self._note(done=name)
        await self._followed()
        return Resealed(keys, unreadable or told.unreadable)

    async def _once(self) -> Resealed:
        """All documents once; somebody may write one under an older key meanwhile."""
        keys = unreadable = 0
        async for row, stored in self._documents():
            try:
                keys += await self._one(row, stored)
            except PermanentError as error:
                unreadable += 1
                log.warning("%s stays as it is: %s", stored.key, error)
        return Resealed(keys, unreadable)

    async def _one(self, row: SealedKind, first: Stored[msgspec.Struct]) -> int:
        """How many texts of a document were sealed anew."""
        if not self._counted_in(row, first.value, everything=False):
            return 0

        async def decide() -> Decided[int]:
            stored = await row.kind.get(self._store, row.kind.identify(first.value))
            if stored is None:
                return Decided(0, [], [])
            count = self._counted_in(row, stored.value, everything=False)
            new = row.anew(stored.value, self._again)
            guards = [row.kind.guard(stored)]
            return Decided(count, guards, row.kind.put(new, stored.value) if count else [])

        return await settle(self._store, decide)

    async def _counted(self, *, everything: bool) -> Resealed:
        keys = 0
        async for row, stored in self._documents():
            keys += self._counted_in(row, stored.value, everything=everything)
        return Resealed(keys)

    def _counted_in(self, row: SealedKind, value: msgspec.Struct, *, everything: bool) -> int:
        found: list[str] = []

        def seen(text: str, _place: str) -> str:
            bare = text.removeprefix(SEALED)
            if bare and not text.startswith(IN_TOKEN):
                found.append(bare)
            return text

        row.anew(value, seen)
        return sum(everything or not self._sealing.is_current(each) for each in found)

    def _again(self, text: str, place: str) -> str:
        prefix = SEALED if text.startswith(SEALED) else ""
        bare = text.removeprefix(SEALED)
        if not bare or text.startswith(IN_TOKEN) or self._sealing.is_current(bare):
            return text
        return prefix + self._sealing.seal(self._sealing.unseal(bare, place), place)

    async def _documents(self) -> AsyncIterator[tuple[SealedKind, Stored[msgspec.Struct]]]:
        for row in SITES:
            async for stored in row.kind.each(self._store):
                yield row, stored
        for tenant in (SYSTEM_TENANT, *await self._tenants()):
            realm = await KerberosKinds.of(tenant).realms.get(self._store, REALM)
            for row in sealed_kinds(tenant, realm.value.name if realm is not None else ""):
                async for stored in row.kind.each(self._store):
                    yield row, stored

    async def _note(self, *, begun: str = "", done: str = "") -> None:
        async def decide() -> Decided[None]:
            stored = await SEALING.get(self._store, SITE)
            old = stored.value if stored is not None else SealingState(id=SITE, check="")
            new = msgspec.structs.replace(
                old,
                check=checked_text(self._sealing),
                begun=begun or old.begun,
                done=done or old.done,
            )
            guard = SEALING.guard(stored) if stored is not None else SEALING.absent(SITE)
            return Decided(None, [guard], SEALING.put(new, stored.value if stored else None))

        await settle(self._store, decide)
