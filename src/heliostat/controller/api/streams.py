"""Consoles, screens and port tunnels: a client's WebSocket bridged to a guest's byte stream.

Binary frames both ways; either end closing ends both.  The tunnel to the agent
is opened before the WebSocket is accepted, so a failure is an ordinary error.
"""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import WSMsgType, web

from heliostat.controller.api.call import Call
from heliostat.controller.api.ports import Stream
from heliostat.controller.api.recording import note_done
from heliostat.core.errors import HeliostatError, PermanentError

HEARTBEAT_S = 20.0
MAX_FRAME_BYTES = 4 << 20
PROTOCOLS = ("binary",)
"""What programs in browsers ask for that carry bytes; others ask for nothing."""
CLOSE_GUEST_GONE = 1011


async def bridge(call: Call, host_id: str, kind: str, port: int | None) -> web.StreamResponse:
    """Serve one console or tunnel until either side ends it."""
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES, protocols=PROTOCOLS
    )
    if not socket.can_prepare(call.request):
        raise PermanentError("UpgradeRequired", "This path is a WebSocket.")
    stream = await call.services.hosts.open_tunnel(host_id, call.id, kind, port)
    try:
        await socket.prepare(call.request)
        note_done(call)
        await _pump_both(socket, stream)
    finally:
        await stream.close()
    return socket


async def _pump_both(socket: web.WebSocketResponse, stream: Stream) -> None:
    outward = asyncio.create_task(_to_guest(socket, stream))
    inward = asyncio.create_task(_to_client(socket, stream))
    try:
        await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (outward, inward):
            task.cancel()
        await asyncio.gather(outward, inward, return_exceptions=True)
        await socket.close()


async def _to_guest(socket: web.WebSocketResponse, stream: Stream) -> None:
    async for message in socket:
        if message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
            data = message.data if isinstance(message.data, bytes) else message.data.encode()
            try:
                await stream.write(data)
            except HeliostatError as error:
                await socket.close(code=CLOSE_GUEST_GONE, message=error.code.encode())
                return


async def _to_client(socket: web.WebSocketResponse, stream: Stream) -> None:
    # a client that vanished while data is on its way ends the bridge, nothing more
    with contextlib.suppress(ConnectionError):
        while data := await stream.read():
            await socket.send_bytes(data)
