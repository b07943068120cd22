"""Images made of VMs' boot disks: flattened here, then given to the controller.

One task a capture; it goes on until the controller has the content or wants it no
more.  What is complete lies under ``captures/<image>.qcow2``, so an agent that
restarts, or finds its link cut, goes on with sending.  The same disk gives the same
content: doing it again is harmless.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import Hypervisor, Life
from heliostat.agent.image_copies import ImageCopies
from heliostat.agent.places import Places
from heliostat.agent.record import load_record
from heliostat.agent.report import ReportBook
from heliostat.agent.settings import AgentSettings
from heliostat.agent.stores import fault_of
from heliostat.agentlink.messages import (
    DesiredCapture,
    Fault,
    ReportedCapture,
    capture_key,
    image_copy,
)
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.core.files import sync_directory, sync_file

log = logging.getLogger(__name__)

Send = Callable[[str, str, Path], Awaitable[None]]
"""Gives the controller a file as an image: (image id, digest, file)."""

_SUFFIX = ".qcow2"
_CHUNK_BYTES = 1 << 20


class CaptureKeeper:
    """Makes the images wanted of this host's VMs; ``pass_over`` is one round."""

    def __init__(
        self,
        places: Places,
        desired: DesiredState,
        hypervisor: Hypervisor,
        images: ImageCopies,
        book: ReportBook,
        clock: Clock,
        settings: AgentSettings,
        *,
        life: Callable[[str], Life | None],
        send: Send,
    ) -> None:
        self._places = places
        self._desired = desired
        self._hypervisor = hypervisor
        self._images = images
        self._book = book
        self._clock = clock
        self._settings = settings
        self._life = life
        self._send = send
        self._turn = asyncio.Semaphore(1)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._settled: set[str] = set()

    def pass_over(self) -> None:
        """Start what is wanted; break off and remove what no longer is."""
        wanted = {capture.id for capture in self._desired.captures()}
        for image_id in wanted - self._running.keys() - self._settled:
            self._running[image_id] = asyncio.create_task(
                self._capture(image_id), name=f"capture {image_id}"
            )
        for image_id in self._running.keys() - wanted:
            self._break_off(self._running.pop(image_id))
            self._book.drop(capture_key(image_id))
        for image_id in self._settled - wanted:
            self._settled.discard(image_id)
            self._book.drop(capture_key(image_id))
        if self._desired.known:
            self._sweep(wanted - self._settled)

    async def close(self) -> None:
        """Break off; what is complete stays to be sent by the next agent."""
        for task in self._running.values():
            self._break_off(task)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _break_off(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _sweep(self, needed: set[str]) -> None:
        for path in self._places.captures.iterdir():
            if path.name.strip(".").removesuffix(_SUFFIX) not in needed:
                path.unlink(missing_ok=True)

    async def _capture(self, image_id: str) -> None:
        pause_s = self._settings.retry_min_s
        while (capture := self._desired.capture(image_id)) is not None:
            fault: Fault | None = None
            digest = ""
            try:
                async with self._turn:
                    digest = await self._make_and_send(capture)
            except (HeliostatError, OSError) as error:
                log.warning("capture %s failed: %s", image_id, error)
                fault = fault_of(error)
            settled = fault is None or fault.permanent
            if settled:
                self._end(image_id)
            self._say(capture, settled=settled, digest=digest, fault=fault)
            if settled:
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, self._settings.retry_max_s)

    def _end(self, image_id: str) -> None:
        """Nothing more is done until the controller wants another capture."""
        self._settled.add(image_id)
        self._running.pop(image_id, None)
        self._sweep({*self._running})

    async def _make_and_send(self, capture: DesiredCapture) -> str:
        complete = self._places.captures / f"{capture.id}{_SUFFIX}"
        if not complete.exists():
            part = complete.with_name(f".{complete.name}")
            await self._flatten(capture, part)
            await asyncio.to_thread(_make_durable, part)  # qemu-img leaves it to the page cache
            part.replace(complete)
            sync_directory(complete.parent)
        digest = await asyncio.to_thread(_digest, complete)
        await self._send(capture.id, digest, complete)
        return digest

    async def _flatten(self, capture: DesiredCapture, out: Path) -> None:
        folder = self._places.vm(capture.vm_id)
        record = load_record(folder)
        if record is None:
            raise PermanentError("VmNotFound", f"There is no VM {capture.vm_id} on this host.")
        if self._life(capture.vm_id) is not Life.ABSENT:
            raise TemporaryError("HypervisorFailed", f"VM {capture.vm_id} is not off.")
        for backing in record.backings:
            await self._images.ensure(image_copy(backing.digest, backing.datastore))
        shown = -1.0

        def progress(done: float) -> None:
            nonlocal shown
            if done - shown >= 0.1:
                shown = done
                self._say(capture, settled=False, progress=round(done, 1))

        await self._hypervisor.flatten(folder / record.spec.boot_disk, out, progress)

    def _say(
        self,
        capture: DesiredCapture,
        *,
        settled: bool,
        digest: str = "",
        progress: float = 0.0,
        fault: Fault | None = None,
    ) -> None:
        self._book.put(
            ReportedCapture(
                id=capture.id,
                revision=capture.revision,
                settled=settled,
                digest=digest,
                progress=progress,
                fault=fault,
            )
        )


def _make_durable(path: Path) -> None:
    with path.open("rb") as stream:
        sync_file(path, stream)


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()
