"""Sign-in, put together: what the composition root opens and hands to the others.

``Identity`` answers the API's three questions (who bears this token, who is at
the other end of this socket, may they) and holds the parts for the rest.  It
lives as long as the controller; ``close`` ends its threads.
"""

from __future__ import annotations

import asyncio
import socket
from functools import lru_cache
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.access import Caller, Owner, Verdict, decide
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.authority.join import Joins
from heliostat.identity.bootstrap import bootstrap
from heliostat.identity.directories import Directories
from heliostat.identity.options import IdentityOptions
from heliostat.identity.peer import peer_principal
from heliostat.identity.principal import Principal
from heliostat.identity.records import JOIN_RECORDS
from heliostat.identity.relocation import relocate
from heliostat.identity.sweep import sweep
from heliostat.identity.tokens.verify import Verifier
from heliostat.wire.access import Access

VERDICTS = 2048
"""Verdicts that are remembered: of a caller on a project, mostly."""


class Identity:
    """All of sign-in.  ``authority_folder`` holds the CA; ``agent_url`` is where agents dial."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        *,
        authority_folder: Path,
        agent_url: str = "",
    ) -> None:
        self.options = options
        self._store = store
        self._clock = clock
        self.ids = ids
        self.directories = Directories(store, clock, ids, options)
        self.realms = self.directories.realms
        self.tenants = self.directories.tenants
        # the system's tenant is the site itself: what administers it asks no other realm
        self.directory = self.realms.system.directory
        self.keys = self.realms.system.keys
        self.grants = self.realms.system.grants
        self.authority = Authority.open(authority_folder, clock, options.domain)
        self.joins = Joins(store, clock, ids, self.authority, agent_url)
        self.verifier = Verifier(self.realms, clock)

    async def start(self) -> str | None:
        """Make ready; the administrator's new password at the first start, to be shown once."""
        await relocate(self._store)
        hashing = self.directories.hashing
        password = await bootstrap(self._store, self._clock, self.ids, self.options, hashing)
        await hashing.prepare()
        return password

    async def verify(self, token: str) -> Principal:
        """The principal of an access token; see ``Verifier.verify`` for the errors."""
        return await self.verifier.verify(token)

    def peer(self, transport: asyncio.BaseTransport | None) -> Principal | None:
        """The administrator behind a Unix socket's connection, or ``None``."""
        wrapped = transport.get_extra_info("socket") if transport is not None else None
        if wrapped is None or wrapped.family != socket.AF_UNIX:
            return None
        return peer_principal(wrapped, self.options.domain)

    def decide(self, rule: Access, principal: Caller | None, owner: Owner) -> Verdict:
        """Whether ``principal`` passes ``rule`` for what ``owner`` owns, and why."""
        # callers and owners are frozen values, which their protocols can't say
        return _decided(rule, principal, owner)  # type: ignore[arg-type]

    async def maintain(self) -> int:
        """Rotate old keys and forget what has ended; call it about once an hour."""
        await self.tenants.finish_deletions()
        unused_joins = await sweep(self._store, self._clock, (JOIN_RECORDS,))
        return unused_joins + await self.realms.maintain()

    def close(self) -> None:
        self.directories.close()


@lru_cache(maxsize=VERDICTS)
def _decided(rule: Access, principal: Caller | None, owner: Owner) -> Verdict:
    """The same question has the same answer: it stands on nothing but its arguments' values."""
    return decide(rule, principal, owner)
