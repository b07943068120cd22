"""The network between agents and controllers, in memory.

A ``Wire`` is one connection: frames travel as the text they are on a real one and
arrive in order, each some milliseconds later.  A connection that was severed still
takes what is sent, which gets lost; both ends notice some seconds later, as they do
by a heartbeat that is not answered.  Frames that carry a fencing revision may arrive
twice or late, which agents have to bear.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

from aiohttp import WSMessage, WSMsgType

from heliostat.agent.link import LinkCut, Tunnel
from heliostat.agentlink.messages import AgentFrame, ControllerFrame
from heliostat.agentlink.transport import FrameCodec
from heliostat.core.errors import PermanentError, TemporaryError

CHUNK_BYTES = 8 << 10
SHORTEST_S, LONGEST_S = 0.001, 0.02
NOTICED_S = 7.0
FENCED = ('{"type":"wanted"', '{"type":"unwanted"')
_CODEC_OF_AGENT = FrameCodec(ControllerFrame)
_CODEC_OF_CONTROLLER = FrameCodec(AgentFrame)


class Way:
    """One direction of a wire: texts in, after their time texts out, at the end ``None``."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._travelling: deque[str] = deque()
        self._arrived: deque[str] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._last_s = 0.0
        self.ended = False

    def send(self, text: str, delay_s: float, *, overtaken: bool = False) -> None:
        """Deliver after ``delay_s``, not before what was sent earlier unless ``overtaken``."""
        due_s = max(self._last_s, self._loop.time() + delay_s)
        if overtaken:
            self._loop.call_at(due_s, self._deliver, text)
            return
        self._last_s = due_s
        self._travelling.append(text)  # timers of one moment fire in any order, texts don't
        self._loop.call_at(due_s, self._deliver_next)

    def end(self) -> None:
        """Both what was delivered and what is on its way is lost."""
        if not self.ended:
            self.ended = True
            self._arrived.clear()
            self._wake()

    async def receive(self) -> str | None:
        while not self._arrived:
            if self.ended:
                return None
            self._reader = self._loop.create_future()
            await self._reader
        return self._arrived.popleft()

    def _deliver_next(self) -> None:
        self._deliver(self._travelling.popleft())

    def _deliver(self, text: str) -> None:
        if not self.ended:
            self._arrived.append(text)
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Wire:
    """A connection; ``closed`` is called once, when both ends know that it is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dice: random.Random) -> None:
        self._loop = loop
        self._dice = dice
        self.up = Way(loop)
        self.down = Way(loop)
        self.severed = False
        self.jitter_s = LONGEST_S
        self.twice = 0.0
        self.late = 0.0

    @property
    def closed(self) -> bool:
        return self.up.ended

    def send_up(self, text: str) -> None:
        """From the agent; raises ``ConnectionError`` once closed."""
        self._send(self.up, text)

    def send_down(self, text: str) -> None:
        """From the controller; raises ``ConnectionError`` once closed."""
        fenced = text.startswith(FENCED)
        late = fenced and self._dice.random() < self.late
        self._send(self.down, text, 10 * self.jitter_s if late else 0.0, overtaken=late)
        if fenced and self._dice.random() < self.twice:
            self._send(self.down, text, 5 * self.jitter_s, overtaken=True)

    def sever(self) -> None:
        """What is sent from now on gets lost; both ends notice later."""
        if not self.severed:
            self.severed = True
            self._loop.call_later(NOTICED_S * (0.5 + self._dice.random()), self.close)

    def close(self) -> None:
        self.up.end()
        self.down.end()

    def _send(self, way: Way, text: str, more_s: float = 0.0, *, overtaken: bool = False) -> None:
        if way.ended:
            raise ConnectionResetError("The link is cut.")
        if not self.severed:
            delay_s = self._dice.uniform(SHORTEST_S, self.jitter_s) + more_s
            way.send(text, delay_s, overtaken=overtaken)


class ControllerEnd:
    """What a controller's session holds."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def send_str(self, data: str) -> None:
        self.wire.send_down(data)

    async def receive(self) -> WSMessage:
        text = await self.wire.up.receive()
        if text is None:
            return WSMessage(WSMsgType.CLOSED, None, None)
        return WSMessage(WSMsgType.TEXT, text, None)

    async def close(self) -> None:
        self.wire.close()


Captured = Callable[[str, str, bytes], Awaitable[None]]


class AgentEnd:
    """What an agent holds; ``content`` gives a blob of the controller it is connected to.

    ``captured`` gives that controller an image: (image id, digest, content).
    """

    def __init__(
        self,
        wire: Wire,
        content: Callable[[str], Awaitable[bytes]],
        captured: Captured,
        dice: random.Random,
        spoiled: Spoiled,
    ) -> None:
        self.wire = wire
        self._content = content
        self._captured = captured
        self._dice = dice
        self._spoiled = spoiled

    async def frames(self) -> AsyncIterator[ControllerFrame]:
        while (text := await self.wire.down.receive()) is not None:
            yield cast(ControllerFrame, _CODEC_OF_AGENT.decode(text))

    async def send(self, frame: AgentFrame) -> None:
        try:
            self.wire.send_up(_CODEC_OF_CONTROLLER.encode(frame))
        except ConnectionError as error:
            raise LinkCut("The link is cut.") from error

    async def fetch_blob(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        content = await self._content(digest)
        for start in range(offset, len(content), CHUNK_BYTES):
            await asyncio.sleep(self._dice.uniform(SHORTEST_S, self.wire.jitter_s))
            if self.wire.severed or self.wire.closed or self._spoiled.take_cut():
                raise TemporaryError("AgentUnavailable", f"Fetching {digest[:12]} was cut off.")
            chunk = content[start : start + CHUNK_BYTES]
            yield bytes(len(chunk)) if self._spoiled.take_corrupt() else chunk

    async def send_capture(self, image_id: str, digest: str, path: Path) -> None:
        await asyncio.sleep(self._dice.uniform(SHORTEST_S, self.wire.jitter_s))
        if self.wire.severed or self.wire.closed or self._spoiled.take_cut():
            raise TemporaryError("AgentUnavailable", f"Sending {digest[:12]} was cut off.")
        await self._captured(image_id, digest, await asyncio.to_thread(path.read_bytes))

    async def dial_tunnel(self, ticket: str) -> Tunnel:
        raise PermanentError("NotImplemented", f"Tunnels are not simulated ({ticket[:4]}…).")


class Spoiled:
    """How many of a host's next chunks of image content are cut off or corrupt."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.cuts = 0
        self.corrupt = 0

    def take_cut(self) -> bool:
        if self.cuts <= 0:
            return False
        self.cuts -= 1
        return True

    def take_corrupt(self) -> bool:
        if self.corrupt <= 0:
            return False
        self.corrupt -= 1
        return True
