"""Nodes of other machines that were removed or replaced and are still to be told (``dismissal``).

Either is decided without the node: it may be gone for good.  Until it is told it goes on
answering programs from the copy that it had, so what is left to tell is a document, and said.
"""

from __future__ import annotations

import logging
from functools import partial

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, GuardFailed
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.identity.openldap.dismissal import dismiss
from heliostat.identity.openldap.endpoint import Endpoint
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.pool import Pool

log = logging.getLogger(__name__)
FORGOTTEN_S = 398 * 86_400.0
"""By then no certificate of the node's is good any more, so nobody who checks believes it."""


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it was when removed or replaced, and why it does not know yet."""

    node: Node
    removed_ms: int
    why: str = "it was not asked yet"
    schema: int = 1


REMOVED = Kind("directory-node-removed", Removed, identify=lambda removed: removed.node.identity)


class Removals:
    """What is left to tell, in ``store``."""

    def __init__(self, store: CloudStore, clock: Clock, pool: Pool) -> None:
        self._store = store
        self._clock = clock
        self._pool = pool

    def decided(self, node: Node) -> list[Change]:
        """What removing it leaves to do; a node of this machine ends with the controller."""
        if node.local:
            return []
        return REMOVED.put(Removed(node=node, removed_ms=self._clock.now_ms()))

    async def carry_out(self) -> None:
        """Tell all that answer."""
        for stored in await REMOVED.all(self._store):
            await self._tell(stored)

    async def words(self) -> list[str]:
        """A sentence for each that has not been told, by name."""
        left = [each.value for each in await REMOVED.all(self._store)]
        return [
            f"{each.node.name} at {each.node.url} was removed or replaced and does not know: "
            f"{each.why}. "
            "Until it is told it answers programs from its old copy: end its process."
            for each in sorted(left, key=lambda each: each.node.identity)
        ]

    async def _tell(self, stored: Stored[Removed]) -> None:
        removed = stored.value
        node = removed.node
        endpoint = Endpoint(node.identity, node.url, node.site)
        age_ms = self._clock.now_ms() - removed.removed_ms
        try:
            told = await self._pool.run_at(endpoint, partial(dismiss, node=node))
        except HeliostatError as error:
            why = str(error.data.get("why", error.message))
            if age_ms < FORGOTTEN_S * 1000:
                await self._remember(stored, msgspec.structs.replace(removed, why=why))
                return
        else:
            log.info(
                "%s is no node any more and %s",
                node.identity,
                "refuses" if told else "is another now",
            )
        await self._forget(stored)

    async def _remember(self, stored: Stored[Removed], new: Removed) -> None:
        if new != stored.value:
            await self._commit(stored, REMOVED.put(new, stored.value))

    async def _forget(self, stored: Stored[Removed]) -> None:
        await self._commit(stored, REMOVED.delete(stored.value))

    async def _commit(self, stored: Stored[Removed], changes: list[Change]) -> None:
        try:
            await self._store.commit([REMOVED.guard(stored)], changes)
        except GuardFailed:  # another controller told it
            return
