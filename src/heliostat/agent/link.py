"""The agent's side of the wire, as a seam.

The transport (``agentlink.client``) and the in-memory fake of the tests both
look like this.  A ``ControlLink`` lives from one connection to its cut: after
that ``frames`` has ended and ``send`` raises ``LinkCut``; a new one is dialled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from heliostat.agentlink.messages import AgentFrame, ControllerFrame
from heliostat.core.errors import TemporaryError


class LinkCut(TemporaryError):
    """The connection to the controller is gone or could not be made."""

    def __init__(self, message: str) -> None:
        super().__init__("Unreachable", message)


class Tunnel(Protocol):
    """A stream of bytes to the controller, on a connection of its own."""

    async def read(self) -> bytes:
        """The next bytes; ``b""`` at the end of the stream."""

    async def write(self, data: bytes) -> None:
        """Send bytes; raises ``LinkCut`` when the other side is gone."""

    async def close(self) -> None:
        """End the stream; may be called again."""


class ControlLink(Protocol):
    """One connection to a controller."""

    def frames(self) -> AsyncIterator[ControllerFrame]:
        """A ``Snapshot`` first, then changes and requests; ends when the link is cut."""

    async def send(self, frame: AgentFrame) -> None:
        """Send one frame; raises ``LinkCut``."""

    def fetch_blob(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        """Content from ``offset`` on, over its own connection; raises ``HeliostatError``."""

    async def send_capture(self, image_id: str, digest: str, path: Path) -> None:
        """Give the controller the content that it wants as an image; raises ``HeliostatError``."""

    async def dial_tunnel(self, ticket: str) -> Tunnel:
        """Open the stream that the controller expects under ``ticket``."""


Dialer = Callable[[], AbstractAsyncContextManager[ControlLink]]
