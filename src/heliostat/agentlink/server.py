"""The controller's end of the link: accepts agents, blobs and tunnels.

Knows connections, not documents: what an agent says goes to an
:class:`AgentHandler`; the gateway in the controller is one.  A host has one
session; a newer connection of the same host replaces the older one, because
the older one is what a half-open TCP connection looks like.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from heliostat.agentlink.messages import Hello, Report, Response
from heliostat.agentlink.session import REQUEST_TIMEOUT_S, Session, unavailable
from heliostat.agentlink.silence import AgentSocket, SilenceWatch
from heliostat.agentlink.transport import HEARTBEAT_S, MAX_FRAME_BYTES, SocketTunnel, Tunnel
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.core.ids import Ids

log = logging.getLogger(__name__)

BODY_BYTES = 64 << 10
CHUNK_BYTES = 1 << 20
BODY_TIMEOUT_S = 30.0

T = TypeVar("T")
HostOf = Callable[[Mapping[str, object] | None], str | None]


class JoinRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /agent/join``: a one-time secret and a PEM signing request."""

    secret: str
    csr: str


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /agent/renew``; the host is the one in the certificate shown."""

    csr: str


class AgentHandler(Protocol):
    """What the controller does with what agents say."""

    async def greeted(self, session: Session, hello: Hello) -> None:
        """Take over the host; awaited before anything else of the session is handled."""

    async def serve(self, session: Session) -> None:
        """Send the host its desired state until cancelled (the link was cut)."""

    async def reported(self, session: Session, report: Report) -> None:
        """Keep what the agent says is."""

    async def redeem(self, secret: str, request: str) -> dict[str, str]:
        """Join: ``{certificate, ca}`` for a one-time secret and a PEM signing request."""

    async def trust(self, host_id: str) -> dict[str, str]:
        """``{ca, issuer, crls}``: what the host is to trust, and who certifies hosts now."""

    async def renew(self, host_id: str, request: str) -> dict[str, str]:
        """A new certificate, ``{certificate, ca}``, for a host that shows its present one."""

    async def blob_path(self, host_id: str, digest: str) -> Path:
        """The file of a blob that the host is to have; raises ``BlobNotFound``."""

    async def captured(
        self, host_id: str, image_id: str, digest: str, chunks: AsyncIterator[bytes]
    ) -> None:
        """Keep content that is wanted of the host as an image; any failure leaves nothing."""


class AgentGate:
    """The aiohttp application that agents dial, and the sessions that are alive."""

    def __init__(self, handler: AgentHandler, ids: Ids, host_of: HostOf) -> None:
        """``host_of`` gives the host id in a verified client certificate."""
        self._handler = handler
        self._ids = ids
        self._host_of_certificate = host_of
        self._sessions: dict[str, Session] = {}
        self._silence = SilenceWatch()
        self._awaited: dict[str, _Awaited] = {}
        self._tunnels: set[_EndingTunnel] = set()
        self._open: set[_Open] = set()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES)
        app.add_routes(
            [
                web.get("/agent/link", self._errors(self._link)),
                web.post("/agent/join", self._errors(self._join)),
                web.post("/agent/renew", self._errors(self._renew)),
                web.get("/agent/trust", self._errors(self._trust)),
                web.get("/agent/blobs/{digest}", self._errors(self._blob)),
                web.put("/agent/captures/{image}", self._errors(self._capture)),
                web.get("/agent/tunnel/{ticket}", self._errors(self._tunnel)),
            ]
        )
        app.on_shutdown.append(self._shutdown)
        return app

    def session(self, host_id: str) -> Session:
        """The live session of a host; raises ``AgentUnavailable``."""
        session = self._sessions.get(host_id)
        if session is None:
            raise unavailable(host_id)
        return session

    def look_again(self) -> None:
        """End links and tunnels whose agents showed certificates that no longer count."""
        for each in list(self._open):
            if self._host_of_certificate(_shown(each.transport)) != each.host_id:
                log.warning("the certificate of host %s no longer counts", each.host_id)
                each.transport.abort()

    async def open_tunnel(self, host_id: str, params: dict[str, Any]) -> Tunnel:
        """A byte stream into a guest: ``params`` as for the agent's ``tunnel`` request."""
        session = self.session(host_id)
        ticket = self._ids.secret()
        awaited = self._awaited[ticket] = _Awaited(host_id)
        try:
            await session.request("tunnel", {**params, "ticket": ticket})
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                return await awaited.tunnel
        except TimeoutError as error:
            awaited.give_up()
            raise TemporaryError(
                "AgentUnavailable", f"Host {host_id} did not open the tunnel in time."
            ) from error
        except BaseException:
            awaited.give_up()
            raise
        finally:
            del self._awaited[ticket]

    async def _link(self, request: web.Request) -> web.StreamResponse:
        host_id = self._host_of(request)
        accepted = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MAX_FRAME_BYTES
        )
        with self._kept_open(host_id, request):
            await accepted.prepare(request)
            socket = AgentSocket(host_id, accepted, request.transport)
            self._silence.add(socket)
            try:
                await self.attend(Session(host_id, socket))
            finally:
                self._silence.remove(socket)
        return accepted

    async def attend(self, session: Session) -> None:
        """Serve one connection of a host from its first frame to its end."""
        host_id = session.host_id
        older = self._sessions.get(host_id)
        self._sessions[host_id] = session
        # beside the new session: a half-open connection is slow to admit that it is closed
        cutting = asyncio.create_task(older.cut()) if older is not None else None
        try:
            await self._serve(session)
        except HeliostatError as error:
            log.info("link of host %s ended: %s", session.host_id, error)
        except msgspec.MsgspecError as error:
            log.warning("host %s sent what is no frame: %s", session.host_id, error)
        finally:
            if self._sessions.get(host_id) is session:
                del self._sessions[host_id]
            await session.cut()
            if cutting is not None:
                await cutting

    async def _serve(self, session: Session) -> None:
        hello = await session.receive()
        if not isinstance(hello, Hello):
            return
        await self._handler.greeted(session, hello)
        serving = asyncio.create_task(self._handler.serve(session))
        receiving = asyncio.create_task(self._receive(session))
        try:
            done, _ = await asyncio.wait({serving, receiving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (serving, receiving):
                task.cancel()
            await asyncio.gather(serving, receiving, return_exceptions=True)

    async def _receive(self, session: Session) -> None:
        while (frame := await session.receive()) is not None:
            if isinstance(frame, Response):
                session.answered(frame)
            elif isinstance(frame, Report):
                await self._handler.reported(session, frame)

    async def _join(self, request: web.Request) -> web.StreamResponse:
        body = await _parsed(request, JoinRequest)
        return web.json_response(await self._handler.redeem(body.secret, body.csr))

    async def _renew(self, request: web.Request) -> web.StreamResponse:
        host_id = self._host_of(request)
        body = await _parsed(request, RenewRequest)
        return web.json_response(await self._handler.renew(host_id, body.csr))

    async def _trust(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._handler.trust(self._host_of(request)))

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        host_id = self._host_of(request)
        path = await self._handler.blob_path(host_id, request.match_info["digest"])
        return web.FileResponse(path)

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        host_id = self._host_of(request)
        digest = request.query.get("digest", "")
        image_id = request.match_info["image"]
        await self._handler.captured(host_id, image_id, digest, _content(request))
        return web.Response(status=204)

    async def _tunnel(self, request: web.Request) -> web.StreamResponse:
        host_id = self._host_of(request)
        awaited = self._awaited.get(request.match_info["ticket"])
        if awaited is None or awaited.host_id != host_id or awaited.tunnel.done():
            raise PermanentError("NotFound", "Nobody waits for this tunnel.")
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
        with self._kept_open(host_id, request):
            await socket.prepare(request)
            if awaited.tunnel.done():  # given up, or dialled twice, meanwhile
                return socket
            tunnel = _EndingTunnel(SocketTunnel(socket))
            self._tunnels.add(tunnel)
            awaited.tunnel.set_result(tunnel)
            try:
                await tunnel.ended.wait()
            finally:
                self._tunnels.discard(tunnel)
        return socket

    async def _shutdown(self, _app: web.Application) -> None:
        for session in list(self._sessions.values()):
            await session.cut()
        for tunnel in list(self._tunnels):
            tunnel.ended.set()

    def _host_of(self, request: web.Request) -> str:
        host_id = self._host_of_certificate(_shown(request.transport))
        if host_id is None:
            raise PermanentError("AccessForbidden", "Agents show a certificate of this platform.")
        return host_id

    @contextmanager
    def _kept_open(self, host_id: str, request: web.Request) -> Iterator[None]:
        """While it lasts, ``look_again`` ends the connection; begin it as soon as it is judged."""
        if request.transport is None:
            raise unavailable(host_id)
        kept = _Open(host_id, request.transport)
        self._open.add(kept)
        try:
            yield
        finally:
            self._open.discard(kept)

    @staticmethod
    def _errors(
        handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handle(request)
            except HeliostatError as error:
                body = {"code": error.code, "message": error.message, "hint": error.hint}
                return web.json_response(body, status=error.status)

        return guarded


@dataclass(frozen=True, slots=True)
class _Open:
    """A connection that outlives its request."""

    host_id: str
    transport: asyncio.Transport


class _EndingTunnel:
    """A tunnel that lets its HTTP handler return when it is closed."""

    def __init__(self, tunnel: SocketTunnel) -> None:
        self._tunnel = tunnel
        self.ended = asyncio.Event()

    async def read(self) -> bytes:
        return await self._tunnel.read()

    async def write(self, data: bytes) -> None:
        await self._tunnel.write(data)

    async def close(self) -> None:
        try:
            await self._tunnel.close()
        finally:
            self.ended.set()


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A tunnel that a host was asked to dial."""

    host_id: str
    tunnel: asyncio.Future[_EndingTunnel] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def give_up(self) -> None:
        """Nobody will use the tunnel: end it if it was dialled, refuse it if it comes later."""
        if not self.tunnel.cancel() and not self.tunnel.cancelled():
            self.tunnel.result().ended.set()


def _shown(transport: asyncio.Transport | None) -> Mapping[str, object] | None:
    """The certificate that TLS has checked; ``None`` where none was shown."""
    return transport.get_extra_info("peercert") if transport is not None else None


async def _content(request: web.Request) -> AsyncIterator[bytes]:
    """The body in pieces; raises when the agent has sent nothing for a while."""
    while not request.content.at_eof():
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                chunk = await request.content.read(CHUNK_BYTES)
        except TimeoutError as error:
            sentence = f"The agent sent nothing for {BODY_TIMEOUT_S:g} s."
            raise TemporaryError("AgentUnavailable", sentence) from error
        if chunk:
            yield chunk


async def _parsed(request: web.Request, type_: type[T]) -> T:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            raw = await request.read()
    except TimeoutError as error:
        sentence = f"The body did not arrive within {BODY_TIMEOUT_S:g} s."
        raise PermanentError("InvalidJson", sentence) from error
    try:
        return msgspec.json.decode(raw, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PermanentError("InvalidEntity", f"The body can't be used: {error}.") from error
