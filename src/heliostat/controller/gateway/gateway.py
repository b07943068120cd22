"""The controller's handler of agents: host leases, desired state out, reports in.

``/lease/agent/<host>`` exists while a host's link is up.  The lease is not
released when a link is cut: it ends by itself, so a short interruption doesn't
make the host missing.  A new session of the host takes the lease again, which
gives it a new fence and makes the old session's reports void.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from heliostat.agentlink.messages import Hello, HostFacts, Report
from heliostat.agentlink.server import AgentGate, HostOf
from heliostat.agentlink.session import Session, unavailable
from heliostat.agentlink.transport import Tunnel
from heliostat.cloudstore.contract import CloudStore, GuardFailed, Lease, LeaseLost
from heliostat.content.blobs import Blobs
from heliostat.controller.gateway import desired, reports
from heliostat.controller.model.desired import CAPTURE, desired_key
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids

log = logging.getLogger(__name__)

RENEWALS_PER_TTL = 3


class Certifier(Protocol):
    """Who certifies agents; both answer ``{certificate, ca}`` for a PEM signing request."""

    async def redeem(self, secret: str, request: str) -> dict[str, str]:
        """For the one-time secret of a join token; raises ``InvalidToken``."""

    async def renew(self, host_id: str, request: str) -> dict[str, str]:
        """For a host that has proved who it is."""

    async def trust(self, host_id: str) -> dict[str, str]:
        """``{ca, issuer, crls}``: what the host is to trust, and who certifies hosts now."""


class Gateway:
    """Serves agents from the store; ``gate.app()`` is what they dial."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        blobs: Blobs,
        *,
        controller_id: str,
        lease_ttl_s: float,
        certifier: Certifier,
        host_of: HostOf,
    ) -> None:
        self._store = store
        self._clock = clock
        self._blobs = blobs
        self._owner = controller_id
        self._ttl_s = lease_ttl_s
        self._certifier = certifier
        self._leases: dict[Session, Lease] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._cutting: set[asyncio.Task[None]] = set()
        self.gate = AgentGate(self, ids, host_of)

    async def greeted(self, session: Session, hello: Hello) -> None:
        """Take the host's lease (waiting while another controller's session still holds it).

        Raises ``HostNotFound`` for a host that was removed, ``AgentUnavailable`` for a
        session that a newer one replaced meanwhile: it must not take the lease from that.
        """
        await reading.host(self._store, session.host_id)
        name = f"agent/{session.host_id}"
        while (lease := await self._store.acquire(name, self._owner, self._ttl_s)) is None:
            await self._clock.sleep(self._ttl_s / RENEWALS_PER_TTL)
            if session.ended:
                raise unavailable(session.host_id)
        self._keep(session, lease)
        try:
            await self._seen(session, hello.facts)
        except BaseException:
            self._forget(session)
            raise
        log.info("host %s is connected", session.host_id)

    async def serve(self, session: Session) -> None:
        """Send the host its desired state, until cancelled; its lease is renewed meanwhile."""
        try:
            async for frame in desired.frames_of(self._store, session.host_id):
                await session.send(frame)
        finally:
            self._forget(session)

    async def reported(self, session: Session, report: Report) -> None:
        """Keep a report; one of a replaced session is dropped and its link cut."""
        lease = self._leases.get(session)
        if lease is None:
            return  # the lease was lost, and the link is being cut
        try:
            await reports.keep(self._store, session.host_id, report, [lease.guard()])
        except GuardFailed:
            log.warning("host %s reported over a link that was replaced", session.host_id)
            await session.cut()
            return
        if report.facts is not None:
            await self._seen(session, report.facts)

    async def _seen(self, session: Session, facts: HostFacts) -> None:
        await host_seen(self._store, session.host_id, facts, now_ms=self._clock.now_ms())

    async def redeem(self, secret: str, request: str) -> dict[str, str]:
        return await self._certifier.redeem(secret, request)

    async def renew(self, host_id: str, request: str) -> dict[str, str]:
        """A new certificate; raises ``HostNotFound`` for a host that was removed."""
        await reading.host(self._store, host_id)
        return await self._certifier.renew(host_id, request)

    async def trust(self, host_id: str) -> dict[str, str]:
        """What a host is to trust; raises ``HostNotFound`` for one that was removed."""
        await reading.host(self._store, host_id)
        return await self._certifier.trust(host_id)

    async def blob_path(self, host_id: str, digest: str) -> Path:
        """The file of a blob, for a host whose desired state names it: no host reads the rest.

        Raises ``BlobNotFound``.
        """
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise PermanentError("BlobNotFound", "That is no digest of a blob.")
        wanted = await desired.digests_of(self._store, host_id)
        if digest not in wanted or not self._blobs.exists(digest):
            raise PermanentError("BlobNotFound", f"There is no blob {digest}.")
        return self._blobs.path(digest)

    async def captured(
        self, host_id: str, image_id: str, digest: str, chunks: AsyncIterator[bytes]
    ) -> None:
        """Keep an image's content, if it is wanted of this host: no host fills our disk unasked.

        Raises ``ImageNotFound``, ``DiskFull``, ``ImageCorrupt``.
        """
        if await self._store.get(desired_key(host_id, CAPTURE, image_id)) is None:
            raise PermanentError("ImageNotFound", f"No image {image_id} is wanted of this host.")
        await self._blobs.receive(chunks, expected_digest=digest)

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        """Ask a host's agent; raises ``AgentUnavailable`` or the agent's fault."""
        return await self.gate.session(host_id).request(method, params)

    async def open_tunnel(self, host_id: str, vm_id: str, kind: str, port: int | None) -> Tunnel:
        """A byte stream to a guest's console (``serial``), ``screen`` or TCP port (``port``)."""
        params: dict[str, Any] = {"vm": vm_id, "kind": kind}
        if port is not None:
            params["port"] = port
        return await self.gate.open_tunnel(host_id, params)

    def _keep(self, session: Session, lease: Lease) -> None:
        self._leases[session] = lease
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_leases())

    def _forget(self, session: Session) -> None:
        self._leases.pop(session, None)
        if not self._leases and self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None

    async def _renew_leases(self) -> None:
        """Renew the leases of all hosts that are connected: one timer, however many they are."""
        while True:
            await self._clock.sleep(self._ttl_s / RENEWALS_PER_TTL)
            for session, lease in list(self._leases.items()):
                await self._renew(session, lease)

    async def _renew(self, session: Session, lease: Lease) -> None:
        try:
            await self._store.renew(lease)
        except LeaseLost:
            log.warning("the lease of host %s was lost", session.host_id)
            if self._leases.pop(session, None) is not None:
                # beside the renewals: closing waits for the other end
                cutting = asyncio.create_task(session.cut())
                self._cutting.add(cutting)
                cutting.add_done_callback(self._cutting.discard)
        except Exception as error:
            # whatever it is, the leases of all other hosts hang on this timer
            log.warning("the lease of host %s waits: %s", session.host_id, error)
