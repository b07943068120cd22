"""Clients that create machines: each asks, and again when it was answered.

Bare asyncio over plain loopback, one connection a client, so that the controller
is measured and not its clients.  Answers are checked: 201 and a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from heliostat.wire.tasks import Task
from heliostat.wire.vms import VmCreateSpec

POLL_S, POLL_GROWTH, LONGEST_POLL_S = 0.05, 1.5, 1.0
_encode = msgspec.json.Encoder().encode


class Connection:
    """One keep-alive HTTP connection to the controller."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a whole request."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), 0
        for line in head.split(b"\r\n"):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        return status, await self._reader.readexactly(length)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def post(path: str, token: str, body: bytes) -> bytes:
    """A whole POST request."""
    return _head("POST", path, token, b"Content-Type: application/json\r\n", len(body)) + body


def get(path: str, token: str) -> bytes:
    """A whole GET request."""
    return _head("GET", path, token, b"", 0)


def _head(method: str, path: str, token: str, more: bytes, length: int) -> bytes:
    text = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    size = f"Content-Length: {length}\r\n" if length else ""
    return text.encode() + more + size.encode() + b"\r\n"


@dataclass(slots=True)
class Posted:
    """What the clients achieved: acknowledged tasks, and how long each answer took."""

    tasks: list[str] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0


async def create(
    port: int,
    project_id: str,
    token: str,
    spec: Callable[[int], VmCreateSpec],
    *,
    clients: int,
    count: int,
    wait: bool,
) -> Posted:
    """``count`` creations by ``clients``; with ``wait`` each sees its machine made first."""
    posted, numbers = Posted(), iter(range(count))
    path = f"/v1/projects/{project_id}/vms"

    async def client() -> None:
        connection = await Connection.open(port)
        for number in numbers:
            request = post(path, token, _encode(spec(number)))
            began = time.perf_counter()
            status, body = await connection.ask(request)
            posted.answered_s.append(time.perf_counter() - began)
            assert status == 201, body
            task = msgspec.json.decode(body, type=Task)
            posted.tasks.append(task.id)
            if wait:
                await ended(connection, task.id, token)
                posted.ended_s.append(time.perf_counter() - began)
        await connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    posted.wall_s = time.perf_counter() - began
    return posted


async def ended(connection: Connection, task_id: str, token: str) -> None:
    """Poll the task, as clients do, until it has ended well."""
    request = get(f"/v1/tasks/{task_id}", token)
    pause_s = POLL_S
    while True:
        status, body = await connection.ask(request)
        assert status == 200, body
        task = msgspec.json.decode(body, type=Task)
        if task.state == "COMPLETED":
            return
        assert task.state != "ERROR", body
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * POLL_GROWTH, LONGEST_POLL_S)


async def create_one(port: int, project_id: str, token: str, spec: VmCreateSpec) -> str:
    """One machine, made; its id."""
    posted = await create(
        port, project_id, token, lambda _number: spec, clients=1, count=1, wait=True
    )
    return (await made(port, token, posted.tasks))[0]


async def made(port: int, token: str, tasks: list[str]) -> list[str]:
    """Ids of what tasks have made; each of them has to be COMPLETED."""
    connection = await Connection.open(port)
    found = []
    for task_id in tasks:
        status, body = await connection.ask(get(f"/v1/tasks/{task_id}", token))
        assert status == 200, body
        task = msgspec.json.decode(body, type=Task)
        assert task.state == "COMPLETED", body
        assert task.entity is not None
        found.append(task.entity.id)
    await connection.close()
    return found
