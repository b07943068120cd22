"""The copies of all nodes compared and mended (``agreement``), and their logs (``conflicts``)."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from functools import partial

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.openldap import agreement
from heliostat.identity.openldap.conflicts import Logged, conflicts, deletions, read
from heliostat.identity.openldap.members import Members
from heliostat.identity.openldap.pool import Pool

SETTLED_S = 60.0
COMPARE_S = 120.0


class Comparing:
    """What the nodes of ``members`` hold below ``suffix``."""

    def __init__(self, clock: Clock, members: Members, pool: Pool, suffix: str) -> None:
        self._clock = clock
        self._members = members
        self._pool = pool
        self._suffix = suffix
        self.settled_s = SETTLED_S
        """Changes younger than this may still be on their way when copies are compared."""

    async def agree(self) -> list[str]:
        """Compare all nodes' copies and mend what differs; gives what did, as sentences."""
        nodes = [each for each in await self._members.declared.nodes() if each.joined]
        if len(nodes) < 2:
            return []
        settled = datetime.fromtimestamp(self._clock.now_ms() / 1000 - self.settled_s, UTC)
        before = f"{settled:%Y%m%d%H%M%S}"
        suffix = self._suffix
        copies = {
            each.number: await self._pool.run_at(
                self._members.endpoint(each),
                lambda connection: agreement.read(connection, suffix),
                timeout_s=COMPARE_S,
            )
            for each in nodes
        }
        found = await asyncio.to_thread(agreement.differing, copies, before=before)
        if not found:
            return []
        by_number = {each.number: each for each in nodes}
        names = {each.number: each.name for each in nodes}
        # of all nodes or of none: who was deleted must not come back for want of a log
        logged = [
            each
            for node in nodes
            for each in await self._pool.run_at(self._members.endpoint(node), deletions)
        ]
        sentences = []
        for one in sorted(found, key=lambda each: -each.dn.count(",")):  # what lies in it first
            deleted = agreement.was_deleted(one, logged)
            if one.is_another and not deleted:
                sentences.append(agreement.told(one, names, deleted=False))
                continue
            endpoint = self._members.endpoint(by_number[one.winner])
            mend = partial(agreement.mended, difference=one, deleted=deleted)
            try:
                if await self._pool.run_at(endpoint, mend):
                    sentences.append(agreement.told(one, names, deleted=deleted))
            except PermanentError as error:
                sentences.append(f"{one.dn} differs and can't be mended: {error.message}")
        return sentences

    async def conflicts(self) -> list[str]:
        """Changes of the last day that were made on both sides of a cut link."""
        names = {each.number: each.name for each in await self._members.declared.nodes()}
        return await asyncio.to_thread(conflicts, await self._logs(), names)

    async def _logs(self) -> dict[int, list[Logged]]:
        """The logs of the nodes that answer, by number."""
        now_ms, found = self._clock.now_ms(), dict[int, list[Logged]]()
        for node in await self._members.declared.nodes():
            with contextlib.suppress(TemporaryError):
                found[node.number] = await self._pool.run_at(
                    self._members.endpoint(node), lambda connection: read(connection, now_ms)
                )
        return found
