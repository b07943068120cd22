"""Which links are dead though nobody closed them: those that are silent for too long.

Agents ping, the controller only answers and remembers when it heard something; one
look over all links now and then finds the silent ones.  So a sign of life costs one
frame each way and no timer, whatever the number of agents.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSMessage, WSMsgType, web

from heliostat.agentlink.transport import HEARTBEAT_S

log = logging.getLogger(__name__)

SILENT_S = 2 * HEARTBEAT_S
"""A link of which nothing was heard for so long is dead: its agent missed a heartbeat."""
LOOK_S = HEARTBEAT_S / 4


class AgentSocket:
    """An agent's WebSocket; answers its pings by itself."""

    def __init__(
        self, host_id: str, socket: web.WebSocketResponse, transport: asyncio.Transport | None
    ) -> None:
        self.host_id = host_id
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self.heard_s = self._loop.time()

    async def send_str(self, data: str) -> None:
        await self._socket.send_str(data)

    async def receive(self) -> WSMessage:
        """The next message that is no ping."""
        while True:
            message = await self._socket.receive()
            self.heard_s = self._loop.time()
            if message.type is not WSMsgType.PING:
                return message
            try:
                await self._socket.pong(message.data)
            except (ConnectionError, RuntimeError):
                return WSMessage(WSMsgType.CLOSED, None, None)

    async def close(self) -> None:
        await self._socket.close()

    def drop(self) -> None:
        """End the connection at once; the other end would not answer anyway."""
        if self._transport is not None:
            self._transport.abort()


class SilenceWatch:
    """Looks at links from the first that is added until the last is removed."""

    def __init__(self) -> None:
        self._sockets: set[AgentSocket] = set()
        self._looking: asyncio.Task[None] | None = None

    def add(self, socket: AgentSocket) -> None:
        self._sockets.add(socket)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def remove(self, socket: AgentSocket) -> None:
        self._sockets.discard(socket)
        if not self._sockets and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = loop.time()
            silent = [each for each in self._sockets if now_s - each.heard_s > SILENT_S]
            for socket in silent:
                log.warning("host %s was silent for %.0f s", socket.host_id, SILENT_S)
                self._sockets.discard(socket)
                socket.drop()
