"""A controller in memory, as an agent sees it: for tests of the agent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from heliostat.agent.link import LinkCut
from heliostat.agentlink.messages import (
    AgentFrame,
    ControllerFrame,
    Desired,
    DesiredCapture,
    DesiredDisk,
    DesiredImage,
    DesiredVm,
    Hello,
    Report,
    Reported,
    ReportedCapture,
    ReportedDisk,
    ReportedVm,
    Request,
    Response,
    Snapshot,
    Unwanted,
    Wanted,
    capture_key,
    disk_key,
    image_key,
    vm_key,
)
from heliostat.core.errors import HeliostatError

WAIT_S = 60.0


class MemoryTunnel:
    """One end of a pair of byte streams."""

    def __init__(self, incoming: asyncio.Queue[bytes], outgoing: asyncio.Queue[bytes]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False

    @classmethod
    def pair(cls) -> tuple[MemoryTunnel, MemoryTunnel]:
        one: asyncio.Queue[bytes] = asyncio.Queue()
        other: asyncio.Queue[bytes] = asyncio.Queue()
        return cls(one, other), cls(other, one)

    async def read(self) -> bytes:
        return b"" if self._closed else await self._incoming.get()

    async def write(self, data: bytes) -> None:
        await self._outgoing.put(data)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._outgoing.put(b"")


class MemoryController:
    """Wishes, blobs and what was reported; ``dial`` is the agent's dialer.

    ``fetched`` lists the (digest, offset) of each fetch; ``cut_after`` cuts the next
    fetch after so many bytes, ``corrupt`` spoils the next.
    """

    def __init__(self) -> None:
        self.desired: dict[str, Desired] = {}
        self.reported: dict[str, Reported] = {}
        self.hellos: list[Hello] = []
        self.blobs: dict[str, bytes] = {}
        self.fetched: list[tuple[str, int]] = []
        self.captured: list[str] = []
        self.sending_fails: list[HeliostatError] = []
        self.cut_after: int | None = None
        self.corrupt = 0
        self.reachable = True
        self.links = 0
        self.revision = 0
        self._link: MemoryLink | None = None
        self._changed = asyncio.Condition()
        self._answers: dict[int, asyncio.Future[Response]] = {}
        self.tunnels: dict[str, MemoryTunnel] = {}

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[MemoryLink]:
        if not self.reachable:
            raise LinkCut("The controller is not reachable.")
        link = MemoryLink(self)
        self._link = link
        self.links += 1
        link.outgoing.put_nowait(
            Snapshot(items=tuple(self.desired.values()), revision=self.revision)
        )
        try:
            yield link
        finally:
            link.is_cut = True
            if self._link is link:
                self._link = None

    def cut(self) -> None:
        """Cut the link, if there is one."""
        if self._link is not None:
            self._link.is_cut = True
            self._link.outgoing.put_nowait(None)
            self._link = None

    def blob(self, content: bytes) -> str:
        """Offer content; its digest."""
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return digest

    def want(self, make: Callable[[int], Desired]) -> int:
        """Want what ``make(revision)`` gives; the revision."""
        self.revision += 1
        item = make(self.revision)
        self.desired[desired_key(item)] = item
        self.send(Wanted(item=item))
        return self.revision

    def unwant(self, key: str) -> int:
        """Want an entity no more; the revision."""
        self.revision += 1
        self.desired.pop(key, None)
        self.send(Unwanted(key=key, revision=self.revision))
        return self.revision

    def send(self, frame: ControllerFrame) -> None:
        if self._link is not None:
            self._link.outgoing.put_nowait(frame)

    async def ask(self, method: str, params: dict[str, Any]) -> Response:
        """A request, and its response."""
        number = len(self._answers) + 1
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self.send(Request(id=number, method=method, params=params))
        return await asyncio.wait_for(future, WAIT_S)

    async def received(self, frame: AgentFrame) -> None:
        async with self._changed:
            if isinstance(frame, Hello):
                self.hellos.append(frame)
            elif isinstance(frame, Response):
                self._answers[frame.id].set_result(frame)
            else:
                self._keep(frame)
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool], *, wait_s: float = WAIT_S) -> None:
        """Wait until ``holds`` after some frame; fails with what was reported."""
        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not reached; reported: {self.reported}") from None

    async def vm_settled(self, vm_id: str, revision: int, *, wait_s: float = WAIT_S) -> ReportedVm:
        """Wait until a VM has converged to ``revision``; its report."""

        def settled() -> bool:
            found = self.reported.get(vm_key(vm_id))
            return isinstance(found, ReportedVm) and found.settled and found.revision >= revision

        await self.until(settled, wait_s=wait_s)
        found = self.reported[vm_key(vm_id)]
        assert isinstance(found, ReportedVm)
        return found

    def _keep(self, report: Report) -> None:
        if report.full:
            self.reported.clear()
        for item in report.items:
            self.reported[reported_key(item)] = item
        for key in report.gone:
            self.reported.pop(key, None)


class MemoryLink:
    """One connection to a ``MemoryController``."""

    def __init__(self, controller: MemoryController) -> None:
        self._controller = controller
        self.outgoing: asyncio.Queue[ControllerFrame | None] = asyncio.Queue()
        self.is_cut = False

    async def frames(self) -> AsyncIterator[ControllerFrame]:
        while (frame := await self.outgoing.get()) is not None:
            yield frame

    async def send(self, frame: AgentFrame) -> None:
        if self.is_cut:
            raise LinkCut("The link is cut.")
        await self._controller.received(frame)

    async def fetch_blob(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        controller = self._controller
        controller.fetched.append((digest, offset))
        content = controller.blobs[digest][offset:]
        if controller.corrupt > 0:
            controller.corrupt -= 1
            content = b"\0" * len(content)
        limit, controller.cut_after = controller.cut_after, None
        for start in range(0, len(content), 4096):
            if limit is not None and start >= limit:
                raise LinkCut("The blob's connection was cut.")
            yield content[start : start + 4096]

    async def send_capture(self, image_id: str, digest: str, path: Path) -> None:
        if self._controller.sending_fails:
            raise self._controller.sending_fails.pop(0)
        content = await asyncio.to_thread(path.read_bytes)
        assert hashlib.sha256(content).hexdigest() == digest
        self._controller.blobs[digest] = content
        self._controller.captured.append(image_id)

    async def dial_tunnel(self, ticket: str) -> MemoryTunnel:
        ours, theirs = MemoryTunnel.pair()
        self._controller.tunnels[ticket] = ours
        return theirs


def desired_key(item: Desired) -> str:
    if isinstance(item, DesiredVm):
        return vm_key(item.id)
    if isinstance(item, DesiredDisk):
        return disk_key(item.id)
    if isinstance(item, DesiredCapture):
        return capture_key(item.id)
    assert isinstance(item, DesiredImage)
    return image_key(item.digest, item.datastore)


def reported_key(item: Reported) -> str:
    if isinstance(item, ReportedVm):
        return vm_key(item.id)
    if isinstance(item, ReportedDisk):
        return disk_key(item.id)
    if isinstance(item, ReportedCapture):
        return capture_key(item.id)
    return image_key(item.digest, item.datastore)
