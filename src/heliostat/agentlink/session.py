"""One connected agent: frames out and in, and questions that wait for their answers."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, Protocol, cast

from aiohttp import WSMessage, WSMsgType

from heliostat.agentlink.messages import AgentFrame, ControllerFrame, Request, Response
from heliostat.agentlink.transport import FrameCodec
from heliostat.core.errors import PermanentError, TemporaryError

REQUEST_TIMEOUT_S = 15.0


class FrameSocket(Protocol):
    """What a session needs of its connection: a WebSocket, or the simulator's link."""

    async def send_str(self, data: str) -> None:
        """Send a text message; raises ``ConnectionError`` or ``RuntimeError`` once closed."""

    async def receive(self) -> WSMessage:
        """The next message; of type ``CLOSED`` once the connection is."""

    async def close(self) -> object:
        """Close the connection; closing twice does nothing."""


class Session:
    """One connected agent."""

    def __init__(self, host_id: str, socket: FrameSocket) -> None:
        self.host_id = host_id
        self._socket = socket
        self._codec = FrameCodec(AgentFrame)
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Response]] = {}
        self.ended = False
        """Whether the link was cut from this side: nothing should begin on it any more."""

    async def send(self, frame: ControllerFrame) -> None:
        """Send one frame; raises ``TemporaryError`` once the link is cut."""
        try:
            await self._socket.send_str(self._codec.encode(frame))
        except (ConnectionError, RuntimeError) as error:
            raise unavailable(self.host_id) from error

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Ask the agent and wait for its answer.

        Raises ``AgentUnavailable`` when it doesn't answer in time, and the
        agent's own fault as the error it names.
        """
        number = next(self._numbers)
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        try:
            await self.send(Request(id=number, method=method, params=params))
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                answer = await future
        except TimeoutError as error:
            raise TemporaryError(
                "AgentUnavailable",
                f"Host {self.host_id} did not answer {method} within {REQUEST_TIMEOUT_S:g} s.",
            ) from error
        finally:
            del self._answers[number]
        if answer.fault is not None:
            kind = PermanentError if answer.fault.permanent else TemporaryError
            raise kind(answer.fault.code, answer.fault.message)
        return answer.result

    def answered(self, response: Response) -> None:
        """Hand a response to whoever waits for it; a late one is dropped."""
        future = self._answers.get(response.id)
        if future is not None and not future.done():
            future.set_result(response)

    async def receive(self) -> AgentFrame | None:
        """The agent's next frame; ``None`` when the link is cut."""
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                return cast(AgentFrame, self._codec.decode(message.data))
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                return None
            if message.type is WSMsgType.ERROR:
                return None

    async def cut(self) -> None:
        """Close the link and fail what still waits for an answer."""
        self.ended = True
        for future in self._answers.values():
            if not future.done():
                future.set_exception(unavailable(self.host_id))
        await self._socket.close()


def unavailable(host_id: str) -> TemporaryError:
    return TemporaryError("AgentUnavailable", f"The agent of host {host_id} is not connected.")
