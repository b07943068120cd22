"""Persistent disks and images wanted ahead of need: made in the datastore they belong in.

A persistent disk is removed only if the controller said of that very disk that it
is unwanted, and no VM holds it.  Images that nothing needs stay until the controller
has them swept (see ``leftovers``): whoever shares the datastore may stand on them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from heliostat.agent.datastores import Datastores
from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import Hypervisor
from heliostat.agent.image_copies import ImageCopies
from heliostat.agent.images import ImageCache
from heliostat.agent.places import Places
from heliostat.agent.reconcile import DiskVerb, decide_disk
from heliostat.agent.record import load_record
from heliostat.agent.report import ReportBook
from heliostat.agent.settings import AgentSettings
from heliostat.agentlink.messages import (
    DesiredDisk,
    DesiredImage,
    Fault,
    ReportedDisk,
    ReportedImage,
    disk_key,
    image_copy,
    image_key,
)
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, TemporaryError

log = logging.getLogger(__name__)


class DiskKeeper:
    """Makes the persistent disks of this host what they shall be; ``pass_over`` is one round."""

    def __init__(
        self,
        datastores: Datastores,
        desired: DesiredState,
        hypervisor: Hypervisor,
        book: ReportBook,
    ) -> None:
        self._datastores = datastores
        self._desired = desired
        self._hypervisor = hypervisor
        self._book = book

    async def pass_over(self, attached: Callable[[str], str]) -> bool:
        """One round over all disks; ``attached`` names the VM that holds a disk.

        True if something has to be tried again.
        """
        unfinished = False
        named = {disk.id for disk in self._desired.disks()}
        for disk_id in sorted(named | self._datastores.disk_ids() | self._book.disk_ids()):
            unfinished |= await self._one(disk_id, attached)
        return unfinished

    async def _one(self, disk_id: str, attached: Callable[[str], str]) -> bool:
        wanted = self._desired.disk(disk_id)
        path = self._datastores.disk(disk_id)
        unwanted = disk_key(disk_id) in self._desired.removed
        verb, reason = decide_disk(
            wanted=wanted is not None,
            unwanted=unwanted,
            exists=path is not None,
            used_by=attached(disk_id) if unwanted else "",  # reads every guest's record
        )
        fault: Fault | None = None
        if verb is DiskVerb.DELETE and path is not None:
            log.info("disk %s: %s: %s", disk_id, verb, reason)
            path.unlink()
            self._book.drop(disk_key(disk_id))
        elif wanted is None and path is None:
            self._book.drop(disk_key(disk_id))  # wanted once, but it could never be made
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
        try:
            path = self._datastores.find(wanted.datastore).disk(wanted.id)
            if not path.exists():  # its datastore may have come back since it was looked for
                await self._hypervisor.create_disk(path, wanted.capacity_bytes, None)
        except (HeliostatError, OSError) as error:
            return fault_of(error)
        return None


class ImageKeeper:
    """Fetches wanted images ahead of need, a few at a time."""

    def __init__(
        self,
        desired: DesiredState,
        images: ImageCopies,
        book: ReportBook,
        clock: Clock,
        settings: AgentSettings,
    ) -> None:
        self._desired = desired
        self._images = images
        self._book = book
        self._clock = clock
        self._settings = settings
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(settings.concurrent_fetches)

    def pass_over(self) -> None:
        """Start fetching what is wanted, break off what no longer is."""
        for image in self._desired.images():
            copy = image_copy(image.digest, image.datastore)
            task = self._fetching.get(copy)
            if task is None or task.done():
                self._fetching[copy] = asyncio.create_task(self._fetch(copy))
        for copy in [each for each in self._fetching if self._desired.image(each) is None]:
            self._fetching.pop(copy).cancel()
            self._book.drop(image_key(copy))

    async def close(self) -> None:
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def arriving(self, copy: str, size_bytes: int) -> None:
        """Report how far an image is."""
        image = self._desired.image(copy)
        if image is None:
            return
        done = min(size_bytes / image.size_bytes, 1.0) if image.size_bytes else 0.0
        self._say(image, settled=False, progress=round(done, 1))

    def _say(
        self, image: DesiredImage, *, settled: bool, progress: float, fault: Fault | None = None
    ) -> None:
        self._book.put(
            ReportedImage(
                digest=image.digest,
                revision=image.revision,
                settled=settled,
                progress=progress,
                fault=fault,
                datastore=image.datastore,
            )
        )

    async def _fetch(self, copy: str) -> None:
        pause_s = self._settings.retry_min_s
        while (image := self._desired.image(copy)) is not None:
            fault: Fault | None = None
            try:
                async with self._turns:
                    await self._images.ensure(copy)
            except (HeliostatError, OSError) as error:
                fault = fault_of(error)
            settled = fault is None or fault.permanent
            self._say(image, settled=settled, progress=1.0 if fault is None else 0.0, fault=fault)
            if settled:
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, self._settings.retry_max_s)


def sweep_discs(
    places: Places, desired: DesiredState, discs: ImageCache, lives: Callable[[str], bool]
) -> None:
    """Remove disc images that no VM wants and no guest that ``lives`` has in its drive."""
    wanted = {vm.iso.digest for vm in desired.vms() if vm.iso is not None}
    surplus = set(discs.digests()) - wanted
    if not surplus or not desired.known:
        return  # as nearly always: no record need be read
    needed: set[str] = set()
    for vm_id in places.vm_ids():
        record = load_record(places.vm(vm_id))
        if record is not None and record.spec.disc is not None and lives(vm_id):
            needed.add(record.spec.disc.digest)
    for digest in surplus - needed:
        log.info("disc image %s: nothing needs it any more", digest[:12])
        discs.delete(digest)


def fault_of(error: HeliostatError | OSError) -> Fault:
    """The fault to report; what may succeed later is not permanent."""
    if isinstance(error, HeliostatError):
        permanent = not isinstance(error, TemporaryError)
        return Fault(code=error.code, message=error.message, permanent=permanent)
    return Fault(code="AgentError", message=f"{error.strerror or error}.")
