"""The configuration of every node kept as this version writes it: one node at a time.

At the start and by the upkeep each node that answers is compared (``drift``) and brought up
to date (``configuring``).  One that refuses has what it had before, and ends the round: what
one node does not take is not tried on the others, nor again before the next start: there are
definitions that end a slapd 2.5, which then begins again with what it has taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.identity.openldap.configuring import Updated, found_at, updated
from heliostat.identity.openldap.members import Members
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.passwords.options import HashCost

log = logging.getLogger(__name__)
UNKNOWN = "not compared yet"
CURRENT = "as this version writes it"


@dataclass(frozen=True, slots=True)
class ToldUpdate:
    """What an audit trail is told: which settings of a node were changed, or what was refused."""

    node: str
    changed: tuple[str, ...]
    error: HeliostatError | None = None


Tell = Callable[[ToldUpdate], Awaitable[None]]


async def nobody(_: ToldUpdate) -> None:
    """Where nobody keeps a record."""


class Configurations:
    """Of the nodes that ``members`` knows; ``hashing`` is what passwords cost now."""

    def __init__(self, members: Members, pool: Pool, suffix: str, hashing: HashCost) -> None:
        self._members = members
        self._pool = pool
        self._suffix = suffix
        self._hashing = hashing
        self._words: dict[str, str] = {}
        self._refusing: set[str] = set()
        self._round = asyncio.Lock()
        self.tell: Tell = nobody

    def words(self, node: Node) -> str:
        """How the node's configuration was when it was last looked at."""
        return self._words.get(node.identity, UNKNOWN)

    async def plan(self) -> dict[str, list[str]]:
        """What an update would change now, by the names of the nodes that answer."""
        nodes = await self._members.declared.nodes()
        found: dict[str, list[str]] = {}
        for node in nodes:
            look = partial(
                found_at, node=node, nodes=nodes, suffix=self._suffix, hashing=self._hashing
            )
            try:
                drifted = await self._pool.run_at(self._members.endpoint(node), look)
            except TemporaryError:
                continue
            found[node.name] = [each.words for each in drifted]
        return found

    async def update(self) -> None:
        """Bring all up to date; those that do not answer are looked at the next time."""
        async with self._round:
            for node in await self._members.declared.nodes():
                if node.identity in self._refusing or not await self._update(node):
                    return

    async def _update(self, node: Node) -> bool:
        """Whether the next node may be changed, too."""
        try:
            async with self._members.settling:  # who copies from whom changes there
                done = await self._pool.run_at(
                    self._members.endpoint(node),
                    partial(
                        updated,
                        node=node,
                        nodes=await self._members.declared.nodes(),
                        suffix=self._suffix,
                        hashing=self._hashing,
                    ),
                )
        except TemporaryError as error:
            self._words[node.identity] = f"not compared: {error.data.get('why', error.message)}"
            return True
        except HeliostatError as error:
            log.warning("the configuration of node %s stays: %s", node.name, error)
            self._words[node.identity] = f"of an earlier version: {error.message}"
            self._refusing.add(node.identity)
            await self.tell(ToldUpdate(node.name, (), error))
            return False
        self._words[node.identity] = _words(done)
        if done.changed:
            log.info("node %s was brought up to date: %s", node.name, ", ".join(done.changed))
            await self.tell(ToldUpdate(node.name, done.changed))
        return True


def _words(done: Updated) -> str:
    if done.anew:
        return f"{', '.join(done.anew)} will be, once it is made anew (`replace`)"
    return CURRENT
