"""Persistent disks and cached images: made when wanted, removed when not.

A persistent disk is removed only if the controller said of that very disk that it
is unwanted, and no VM holds it.  An image is removed when nothing wants it and no
VM's disk stands on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import Hypervisor
from heliostat.agent.images import ImageCache
from heliostat.agent.places import Places
from heliostat.agent.reconcile import DiskVerb, decide_disk
from heliostat.agent.record import load_record
from heliostat.agent.report import ReportBook
from heliostat.agent.settings import AgentSettings
from heliostat.agentlink.messages import (
    DesiredDisk,
    Fault,
    ReportedDisk,
    ReportedImage,
    disk_key,
    image_key,
)
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, TemporaryError

log = logging.getLogger(__name__)


class DiskKeeper:
    """Makes the persistent disks of this host what they shall be; ``pass_over`` is one round."""

    def __init__(
        self, places: Places, desired: DesiredState, hypervisor: Hypervisor, book: ReportBook
    ) -> None:
        self._places = places
        self._desired = desired
        self._hypervisor = hypervisor
        self._book = book

    async def pass_over(self, attached: Callable[[str], str]) -> bool:
        """One round over all disks; ``attached`` names the VM that holds a disk.

        True if something has to be tried again.
        """
        unfinished = False
        named = {disk.id for disk in self._desired.disks()}
        for disk_id in sorted(named | set(self._places.disk_ids())):
            unfinished |= await self._one(disk_id, attached(disk_id))
        return unfinished

    async def _one(self, disk_id: str, used_by: str) -> bool:
        wanted = self._desired.disk(disk_id)
        path = self._places.disk(disk_id)
        verb, reason = decide_disk(
            wanted=wanted is not None,
            unwanted=disk_key(disk_id) in self._desired.removed,
            exists=path.exists(),
            used_by=used_by,
        )
        fault: Fault | None = None
        if verb is DiskVerb.DELETE:
            log.info("disk %s: %s: %s", disk_id, verb, reason)
            path.unlink()
            self._book.drop(disk_key(disk_id))
        elif verb is DiskVerb.CREATE and wanted is not None:
            log.info("disk %s: %s: %s", disk_id, verb, reason)
            fault = await self._create(wanted)
        if wanted is not None:
            self._book.put(
                ReportedDisk(
                    id=disk_id,
                    revision=wanted.revision,
                    settled=fault is None or fault.permanent,
                    fault=fault,
                )
            )
        return verb is DiskVerb.WAIT or (fault is not None and not fault.permanent)

    async def _create(self, wanted: DesiredDisk) -> Fault | None:
        path = self._places.disk(wanted.id)
        try:
            await self._hypervisor.create_disk(path, wanted.capacity_bytes, None)
        except (HeliostatError, OSError) as error:
            return fault_of(error)
        return None


class ImageKeeper:
    """Fetches wanted images ahead of need, removes those nothing stands on."""

    def __init__(
        self,
        places: Places,
        desired: DesiredState,
        images: ImageCache,
        book: ReportBook,
        clock: Clock,
        settings: AgentSettings,
    ) -> None:
        self._places = places
        self._desired = desired
        self._images = images
        self._book = book
        self._clock = clock
        self._settings = settings
        self._fetching: dict[str, asyncio.Task[None]] = {}

    def pass_over(self) -> None:
        """Start fetching what is wanted and remove what is not."""
        for image in self._desired.images():
            task = self._fetching.get(image.digest)
            if task is None or task.done():
                self._fetching[image.digest] = asyncio.create_task(self._fetch(image.digest))
        if self._desired.known:
            needed = self._needed()
            for digest in set(self._images.digests()) - needed:
                log.info("image %s: nothing needs it any more", digest[:12])
                self._images.delete(digest)
                self._book.drop(image_key(digest))
        for digest in [each for each in self._fetching if self._desired.image(each) is None]:
            self._fetching.pop(digest).cancel()
            self._book.drop(image_key(digest))

    async def close(self) -> None:
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def arriving(self, digest: str, size_bytes: int) -> None:
        """Report how far an image is."""
        image = self._desired.image(digest)
        if image is None:
            return
        done = min(size_bytes / image.size_bytes, 1.0) if image.size_bytes else 0.0
        report = ReportedImage(
            digest=digest, revision=image.revision, settled=False, progress=round(done, 1)
        )
        self._book.put(report)

    async def _fetch(self, digest: str) -> None:
        pause_s = self._settings.retry_min_s
        while (image := self._desired.image(digest)) is not None:
            fault: Fault | None = None
            try:
                await self._images.ensure(digest)
            except (HeliostatError, OSError) as error:
                fault = fault_of(error)
            settled = fault is None or fault.permanent
            progress = 1.0 if fault is None else 0.0
            self._book.put(
                ReportedImage(
                    digest=digest,
                    revision=image.revision,
                    settled=settled,
                    progress=progress,
                    fault=fault,
                )
            )
            if settled:
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, self._settings.retry_max_s)

    def _needed(self) -> set[str]:
        needed = {image.digest for image in self._desired.images()}
        for vm in self._desired.vms():
            needed |= {disk.image_digest for disk in vm.disks if disk.image_digest}
        for vm_id in self._places.vm_ids():
            record = load_record(self._places.vm(vm_id))
            needed |= set(record.images if record is not None else ())
        return needed


def sweep_discs(
    places: Places, desired: DesiredState, discs: ImageCache, lives: Callable[[str], bool]
) -> None:
    """Remove disc images that no VM wants and no guest that ``lives`` has in its drive."""
    if not desired.known:
        return
    needed = {vm.iso.digest for vm in desired.vms() if vm.iso is not None}
    for vm_id in places.vm_ids():
        record = load_record(places.vm(vm_id))
        if record is not None and record.spec.disc is not None and lives(vm_id):
            needed.add(record.spec.disc.digest)
    for digest in set(discs.digests()) - needed:
        log.info("disc image %s: nothing needs it any more", digest[:12])
        discs.delete(digest)


def fault_of(error: HeliostatError | OSError) -> Fault:
    """The fault to report; what may succeed later is not permanent."""
    if isinstance(error, HeliostatError):
        permanent = not isinstance(error, TemporaryError)
        return Fault(code=error.code, message=error.message, permanent=permanent)
    return Fault(code="AgentError", message=f"{error.strerror or error}.")
