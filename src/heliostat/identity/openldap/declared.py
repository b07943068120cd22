"""Which nodes there shall be, as documents; ``Members`` makes it so."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.openldap.node import LAST_NUMBER, Node


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The last server id that was given; none is given twice."""

    last: int = 0
    id: str = "nodes"
    schema: int = 1


NODES = Kind("directory-node", Node, identify=lambda node: node.name)
NUMBERS = Kind("directory-numbers", Numbers)


class Declared:
    """The documents of nodes in ``store``."""

    def __init__(self, store: CloudStore) -> None:
        self._store = store

    async def nodes(self) -> list[Node]:
        """All members, by name."""
        return sorted(
            (each.value for each in await NODES.all(self._store)), key=lambda node: node.name
        )

    async def stored(self, name: str) -> Stored[Node]:
        """Raises ``DirectoryNodeNotFound``."""
        stored = await NODES.get(self._store, name)
        if stored is None:
            raise PermanentError("DirectoryNodeNotFound", f"The directory has no node {name[:80]}.")
        return stored

    async def numbered(self) -> tuple[int, Guard, list[Change]]:
        """A server id that no node ever had, with what makes it so."""
        stored = await NUMBERS.get(self._store, "nodes")
        before = stored.value if stored is not None else None
        number = (before.last if before is not None else 0) + 1
        if number > LAST_NUMBER:
            raise PermanentError("InvalidOperation", "All server ids have been given.")
        guard = NUMBERS.guard(stored) if stored is not None else NUMBERS.absent("nodes")
        return number, guard, NUMBERS.put(Numbers(last=number), before)

    async def changed(self, node: Node, new: Node) -> bool:
        """Have ``new`` instead of ``node``; ``False`` if that is not what is declared now."""
        stored = await NODES.get(self._store, node.name)
        if stored is None or stored.value != node:
            return False
        try:
            await self._store.commit([NODES.guard(stored)], NODES.put(new, node))
        except GuardFailed:
            return False
        return True
