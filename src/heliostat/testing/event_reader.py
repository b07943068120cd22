"""Reading a stream of events in tests: blocks as they come, with their ids."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Block:
    """One event; a heartbeat has neither name nor data."""

    id: str
    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class EventReader:
    """The blocks of one response."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def block(self) -> Block:
        """The next block; raises ``EOFError`` at the end of the stream."""
        lines: dict[str, str] = {}
        while True:
            raw = await asyncio.wait_for(self.answer.content.readline(), PATIENCE_S)
            if not raw:
                raise EOFError("the stream ended")
            line = raw.decode().rstrip("\n")
            if not line:
                data = json.loads(lines.get("data", "{}"))
                return Block(lines.get("id", ""), lines.get("event", ""), data)
            name, _, value = line.partition(": ")
            lines[name] = value

    async def take(self, count: int) -> list[Block]:
        """The next ``count`` blocks that tell of entities."""
        found: list[Block] = []
        while len(found) < count:
            block = await self.block()
            if block.name not in ("", "start"):
                found.append(block)
        return found


@asynccontextmanager
async def reading_events(
    session: aiohttp.ClientSession,
    base: str,
    caller: str,
    query: str = "",
    *,
    last: str = "",
) -> AsyncIterator[EventReader]:
    """A stream as ``caller``, resumed after the event id ``last``."""
    headers = {"Authorization": f"Bearer {caller}"}
    if last:
        headers["Last-Event-ID"] = last
    timeout = aiohttp.ClientTimeout(total=None)
    url = f"{base}/v1/events{'?' if query else ''}{query}"
    async with session.get(url, headers=headers, timeout=timeout) as answer:
        yield EventReader(answer)
