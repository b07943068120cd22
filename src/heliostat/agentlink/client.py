"""The agent's end of the link: dial, exchange frames, fetch blobs, open tunnels.

One :class:`Link` is one connection's life; reconnecting is the agent's business.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import aiohttp

from heliostat.agentlink.messages import AgentFrame, ControllerFrame
from heliostat.agentlink.transport import (
    HEARTBEAT_S,
    MAX_FRAME_BYTES,
    FrameCodec,
    SocketTunnel,
    Tunnel,
)
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError

CHUNK_BYTES = 1 << 20
CONNECT_TIMEOUT_S = 10.0


class Link:
    """A live connection to a controller."""

    def __init__(
        self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, url: str
    ) -> None:
        self._session = session
        self._socket = socket
        self._url = url
        self._codec = FrameCodec(ControllerFrame)

    async def frames(self) -> AsyncIterator[ControllerFrame]:
        """The controller's frames, until the link is cut or closed."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                yield cast(ControllerFrame, self._codec.decode(message.data))

    async def send(self, frame: AgentFrame) -> None:
        """Send one frame; raises ``TemporaryError`` once the link is cut."""
        try:
            await self._socket.send_str(self._codec.encode(frame))
        except (ConnectionError, RuntimeError) as error:
            raise TemporaryError(
                "AgentUnavailable", "The link to the controller is cut."
            ) from error

    async def close(self) -> None:
        """End the link; ``frames`` ends too."""
        await self._socket.close()

    async def fetch_blob(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        """The blob's bytes from ``offset`` on, over a connection of its own."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        address = f"{self._url}/agent/blobs/{digest}"
        try:
            async with self._session.get(address, headers=headers) as answer:
                if answer.status == 404:
                    raise PermanentError("BlobNotFound", f"The controller has no blob {digest}.")
                if answer.status not in (200, 206):
                    raise TemporaryError(
                        "AgentUnavailable", f"The controller answered {answer.status} for a blob."
                    )
                skip = offset if answer.status == 200 else 0
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    if skip >= len(chunk):
                        skip -= len(chunk)
                        continue
                    yield chunk[skip:]
                    skip = 0
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(
                "AgentUnavailable", f"Fetching blob {digest[:12]} was cut off: {error}."
            ) from error

    async def send_capture(self, image_id: str, digest: str, path: Path) -> None:
        """Upload a file as the image that is wanted of this host, over its own connection."""
        address = f"{self._url}/agent/captures/{image_id}"
        try:
            async with self._session.put(
                address, params={"digest": digest}, data=_chunks(path)
            ) as answer:
                if answer.status != 204:
                    raise await _refusal(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(
                "AgentUnavailable", f"Sending image {image_id} was cut off: {error}."
            ) from error

    async def dial_tunnel(self, ticket: str) -> Tunnel:
        """Open the byte stream that the controller asked for with ``ticket``."""
        try:
            socket = await self._session.ws_connect(
                f"{self._url}/agent/tunnel/{ticket}", heartbeat=HEARTBEAT_S
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TemporaryError(
                "AgentUnavailable", f"The tunnel can't be opened: {error}."
            ) from error
        return SocketTunnel(socket)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as stream:
        while chunk := await asyncio.to_thread(stream.read, CHUNK_BYTES):
            yield chunk


async def _refusal(answer: aiohttp.ClientResponse) -> HeliostatError:
    """What the controller says is wrong; what is none of its answers may pass."""
    try:
        told = await answer.json()
        code, message = str(told["code"]), str(told["message"])
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return TemporaryError("AgentUnavailable", f"The controller answered {answer.status}.")
    if answer.status == 503:
        return TemporaryError(code, message)
    return PermanentError(code, message)


@asynccontextmanager
async def dial(url: str, context: ssl.SSLContext) -> AsyncIterator[Link]:
    """Connect to a controller's agent address; ``TemporaryError`` if it can't be reached."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=60)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            socket = await session.ws_connect(
                f"{url}/agent/link", heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryError(
                "Unreachable", f"The controller at {url} can't be reached: {error}."
            ) from error
        try:
            yield Link(session, socket, url)
        finally:
            await socket.close()


async def redeem(url: str, context: ssl.SSLContext, secret: str, request: str) -> dict[str, str]:
    """Exchange a join secret and a PEM signing request for ``{certificate, ca}``."""
    return await _certified(f"{url}/agent/join", context, {"secret": secret, "csr": request})


async def renew(url: str, context: ssl.SSLContext, request: str) -> dict[str, str]:
    """A new certificate for the host whose present one ``context`` shows: ``{certificate, ca}``."""
    return await _certified(f"{url}/agent/renew", context, {"csr": request})


async def fetch_trust(url: str, context: ssl.SSLContext) -> dict[str, str] | None:
    """``{ca, issuer, crls}`` for the host whose certificate ``context`` shows.

    ``None`` from a controller that has no such answer yet.
    """
    connector = aiohttp.TCPConnector(ssl=context)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            async with session.get(f"{url}/agent/trust") as answer:
                if answer.status in (404, 405):
                    return None
                if answer.status != 200:
                    raise await _refusal(answer)
                told = await answer.json()
                crls = str(told.get("crls", ""))
                return {"ca": str(told["ca"]), "issuer": str(told["issuer"]), "crls": crls}
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
            raise TemporaryError(
                "Unreachable", f"The controller at {url} can't be reached: {error}."
            ) from error


async def _certified(address: str, context: ssl.SSLContext, body: dict[str, str]) -> dict[str, str]:
    connector = aiohttp.TCPConnector(ssl=context)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            async with session.post(address, json=body) as answer:
                told = await answer.json()
                if answer.status != 200:
                    raise HeliostatError(told["code"], told["message"], hint=told.get("hint"))
                return cast(dict[str, str], told)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryError(
                "Unreachable", f"The controller at {address} can't be reached: {error}."
            ) from error
