"""OpenLDAP as the directory, put together: the store over it, its nodes, the way there and back.

A site that never had a node pays for none of it: no thread, no library, one document read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.directory.records import DirectoryKinds
from heliostat.identity.machines.servers import LdapServers
from heliostat.identity.names import ADMINISTRATORS, fold
from heliostat.identity.openldap.comparing import SETTLED_S, Comparing
from heliostat.identity.openldap.config import DISABLED
from heliostat.identity.openldap.configurations import Configurations
from heliostat.identity.openldap.contents import Count
from heliostat.identity.openldap.homes import Place, read_home
from heliostat.identity.openldap.members import Members
from heliostat.identity.openldap.moving import Moved, Mover
from heliostat.identity.openldap.names import COMPUTERS, base_of, rdn, suffix_of
from heliostat.identity.openldap.nodes import Nodes
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.openldap.store import DirectoryStore
from heliostat.identity.openldap.tree import Tree
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions

log = logging.getLogger(__name__)
FIRST_NODE = "first"
POLL_S = 1.0
IDLE_S = 10.0
"""Between looks for a first node: whoever adds one looks at once."""
REMOVED_EVERY_S = 60.0
"""Between attempts to tell nodes elsewhere that they were removed."""
MOVE_WAIT_S = 20.0
"""How long a request to move waits for the end."""


@dataclass(frozen=True, slots=True)
class HomeView:
    """Where people and groups are, as it is told; ``counts`` are of the last move."""

    place: str
    moving_to: str
    phase: str
    counts: tuple[Count, ...]


class OpenLdap:
    """``store`` is what the directory is kept in; ``folder`` has keys and this machine's nodes."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        authority: Callable[[], Authority],
        folder: Path | None,
    ) -> None:
        self._beneath = store
        self._options = options
        self._clock = clock
        self._moving: asyncio.Task[Moved] | None = None
        self._moved: Moved | None = None
        self._target = Place.EMBEDDED
        suffix = suffix_of(options.domain)
        self.pool = Pool(clock, options.directory.site)
        self.store = DirectoryStore(store, clock, ids, Tree(self.pool, suffix))
        self.members = Members(store, clock, options, authority, folder, self.pool, suffix)
        self.configurations = Configurations(self.members, self.pool, suffix, options.hashing)
        self.comparing = Comparing(clock, self.members, self.pool, suffix)
        self.nodes = Nodes(store, clock, self.members, options.domain, self.configurations.words)
        self.mover = Mover(self.store, clock, self.members.settled)

    async def start(self) -> None:
        """Run this machine's nodes; make the first one where a new site shall have it."""
        try:
            await self.members.settle()
        except HeliostatError as error:
            # others may answer, and who administers must get in to mend it; it is tried again
            log.error("this machine's node of the directory does not run: %s", error)  # noqa: TRY400 - the sentence says all
        if await self._shall_begin():
            mine = self._options.directory
            if not await self.members.declared.nodes():
                await self.nodes.add_node(
                    FIRST_NODE, host=mine.host, port=mine.port, site=mine.site
                )
            await self.mover.begin(Place.OPENLDAP)
        await self.mover.open_again()
        if await self.store.place() is Place.OPENLDAP:
            with contextlib.suppress(TemporaryError):  # the next writer does it
                await self.store.recover()

    async def servers_for(self, tenant: IdentityOptions, computer: str) -> LdapServers | None:
        """Where machines of a tenant read it: nodes of this controller's site, then the others.

        ``None`` while everybody is in the document store, or no node has everything yet.
        """
        if await self.store.place() is not Place.OPENLDAP:
            return None
        nodes = [each for each in await self.members.declared.nodes() if each.joined]
        own = tuple(each.url for each in nodes if each.site == self._options.directory.site)
        others = tuple(each.url for each in nodes if each.url not in own)
        if not nodes:
            return None
        system = tenant.tenant == SYSTEM_TENANT
        base = base_of(suffix_of(self._options.domain), tenant.domain, system=system)
        return LdapServers(
            servers=own or others,
            base=base,
            bind_dn=f"{rdn('cn', computer)},ou={COMPUTERS},{base}",
            disabled=DISABLED,
            backup=others if own else (),
        )

    async def home(self) -> HomeView:
        """Where everybody is, and on the way to where."""
        home = await self.mover.home()
        counts = self._moved.counts if self._moved is not None else ()
        return HomeView(home.place, home.target or "", home.phase or "", counts)

    async def move(self, target: str, *, plan: bool = False) -> None:
        """Begin to move everybody, or go on waiting for it; ``home`` tells how far it is.

        Raises ``InvalidEntity``, ``ConcurrentTask``, and what ``Mover.move`` does, also where
        it did so while nobody waited.
        """
        if target not in set(Place):
            raise PermanentError("InvalidEntity", f"{target[:20]!r} is none of {', '.join(Place)}.")
        if plan:
            self._moved = await self.mover.move(Place(target), plan=True)
            return
        if self._moving is None:
            self._target = Place(target)
            self._moving = asyncio.create_task(self.mover.move(self._target))
        elif self._target != target:
            raise PermanentError(
                "ConcurrentTask", f"Everybody is being moved to {self._target} now."
            )
        moving = self._moving
        done, _ = await asyncio.wait({moving}, timeout=MOVE_WAIT_S)
        if done:
            self._moving = None
            self._moved = moving.result()

    async def conflicts(self) -> list[str]:
        """See ``Comparing.conflicts``."""
        return await self.comparing.conflicts()

    async def removed(self) -> list[str]:
        """Of nodes that were removed and have not been told, as sentences."""
        return await self.members.removals.words()

    async def keep(self) -> None:
        """Look after the nodes for ever; once one that was away is back, compare all copies."""
        compared, told_s = False, -REMOVED_EVERY_S
        while True:
            try:
                await self.members.settle()
                if not compared:
                    await self.configurations.update()
                    compared = True
                await self._look_into_return()
                if self._clock.monotonic_s() - told_s >= REMOVED_EVERY_S:
                    told_s = self._clock.monotonic_s()
                    await self.members.removals.carry_out()
            except HeliostatError as error:
                log.warning("the directory's nodes: %s", error)
            await self._clock.sleep(IDLE_S if self.members.is_idle else POLL_S)

    async def _look_into_return(self) -> None:
        since_ms = self.members.returned_ms
        due_ms = since_ms + int(2 * SETTLED_S * 1000)
        if since_ms and self._clock.now_ms() >= due_ms:
            self.members.returned_ms = 0
            for sentence in await self.comparing.agree():
                log.warning("the directory's nodes: %s", sentence)

    async def maintain(self) -> int:
        """Compare the nodes, empty what a move left; gives how many documents went."""
        try:
            await self.members.renew()
            await self.configurations.update()
            if await self.store.place() is Place.OPENLDAP:
                for sentence in await self.comparing.agree():
                    log.warning("the directory's nodes: %s", sentence)
            return await self.mover.clear()
        except TemporaryError as error:
            log.info("the directory is looked after later: %s", error.message)
            return 0

    async def stop(self) -> None:
        """End this machine's nodes; a move that is under way is left where it is."""
        if self._moving is not None and not self._moving.done():
            self._moving.cancel()
            await asyncio.wait({self._moving})
        await self.members.stop()

    def close(self) -> None:
        self.pool.close()

    async def _shall_begin(self) -> bool:
        if self._options.directory.kind != Place.OPENLDAP:
            return False
        _, _, stored = await read_home(self._beneath)
        groups = DirectoryKinds.of(self._options.tenant).groups
        began = await groups.get(self._beneath, fold(ADMINISTRATORS)) is not None
        return stored is None and not began
