"""The effects of a VM's worker: what each verb of ``reconcile`` does.

Each is safe to be interrupted anywhere and done again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from heliostat.agent.datastores import Datastores
from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import SLOTS, Disc, GuestSpec, Hypervisor, Plugged
from heliostat.agent.image_copies import ImageCopies
from heliostat.agent.images import ImageCache
from heliostat.agent.places import Places, disk_file
from heliostat.agent.reconcile import Action, Halt, Policy, Verb, wanted_disks
from heliostat.agent.record import Backing, VmRecord, load_record, save_record
from heliostat.agent.seed import SEED
from heliostat.agent.settings import AgentSettings
from heliostat.agentlink.messages import (
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    ReportedVm,
    image_copy,
)
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all workers share."""

    places: Places
    desired: DesiredState
    hypervisor: Hypervisor
    datastores: Datastores
    images: ImageCopies
    discs: ImageCache
    clock: Clock
    settings: AgentSettings
    policy: Policy
    starts: asyncio.Semaphore
    write_seed: Callable[[DesiredVm, Path], None]
    report: Callable[[ReportedVm], None]
    gone: Callable[[str], None]
    tidy: Callable[[], None]


class Actions:
    """Performs actions on one VM."""

    def __init__(self, vm_id: str, shop: Workshop) -> None:
        self._vm_id = vm_id
        self._shop = shop
        self._folder = shop.places.vm(vm_id)
        self._first_press_s: float | None = None
        self._last_press_s = 0.0

    def pressed(self, now_s: float) -> tuple[float | None, float]:
        """Seconds since the first and the last press of the power button."""
        if self._first_press_s is None:
            return None, 0.0
        return now_s - self._first_press_s, now_s - self._last_press_s

    def forget_press(self) -> None:
        self._first_press_s = None

    async def perform(self, action: Action, desired: DesiredVm | None) -> None:
        """Do it; raises ``HeliostatError`` or ``OSError``."""
        match action.verb:
            case Verb.DELETE:
                self._delete()
            case Verb.KILL:
                await self._kill(action)
            case Verb.FETCH_IMAGE:
                await self._shop.images.ensure(action.target)
            case Verb.FETCH_DISC:
                await self._shop.discs.ensure(action.target)
            case Verb.WAIT:
                raise AssertionError("waiting is the worker's business")
            case _:
                assert desired is not None, "only removal works without a wish"
                await self._towards(action, desired)

    async def _towards(self, action: Action, desired: DesiredVm) -> None:
        match action.verb:
            case Verb.PREPARE:
                await self._prepare(desired)
            case Verb.START:
                await self._start(desired)
            case Verb.RESUME:
                await self._resume(desired)
            case Verb.PRESS_POWER:
                await self._press_power(action)
            case Verb.SUSPEND:
                await self._suspend()
            case Verb.DISCARD_MEMORY:
                self._discard_memory()
            case Verb.PLUG:
                await self._plug(action.target)
            case Verb.UNPLUG:
                await self._unplug(action.target)
            case Verb.INSERT:
                await self._insert(action.target)
            case Verb.EJECT:
                await self._eject()
            case _:
                raise AssertionError(action.verb)

    async def _prepare(self, desired: DesiredVm) -> None:
        """Disks, seed, and last the record: without it the VM counts as not prepared."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        boot = ""
        ephemeral: list[str] = []
        for disk in desired.disks:
            if disk.kind is DiskKind.PERSISTENT:
                continue
            name = self._disk_name(disk)
            await self._create_disk(disk, name)
            if disk.kind is DiskKind.BOOT:
                boot = name
            else:
                ephemeral.append(name)
        if not boot:
            raise PermanentError("HypervisorFailed", "The VM has no boot disk.")
        await asyncio.to_thread(self._shop.write_seed, desired, self._folder / SEED)
        spec = GuestSpec(
            id=desired.id,
            name=desired.name or desired.id,
            cpu_count=desired.cpu_count,
            memory_mib=desired.memory_mib,
            boot_disk=boot,
            boot_bus=desired.boot_bus or self._shop.settings.boot_bus,
            seed=SEED,
            ephemeral_disks=tuple(ephemeral),
            macs=tuple(nic.mac for nic in desired.nics),
        )
        backings = tuple(
            Backing(digest=disk.image_digest, datastore=disk.datastore)
            for disk in desired.disks
            if disk.image_digest
        )
        elsewhere = {disk.datastore for disk in _own(desired)} - {""}
        record = VmRecord(spec=spec, backings=backings, datastores=tuple(sorted(elsewhere)))
        save_record(self._folder, record)

    def _disk_name(self, disk: DesiredVmDisk) -> str:
        """The file of a boot or ephemeral disk; relative in the VM's own folder."""
        place = self._shop.datastores.find(disk.datastore)
        if place is self._shop.datastores.home:
            return disk_file(disk)
        folder = place.vms / self._vm_id
        folder.mkdir(mode=0o700, exist_ok=True)
        return str(folder / disk_file(disk))

    async def _create_disk(self, disk: DesiredVmDisk, name: str) -> None:
        backing = None
        capacity = disk.capacity_bytes
        if disk.image_digest:
            copy = image_copy(disk.image_digest, disk.datastore)
            backing = await self._shop.images.ensure(copy)
            capacity = max(capacity, await self._shop.hypervisor.image_capacity(backing))
        await self._shop.hypervisor.create_disk(self._folder / name, capacity, backing)

    async def _start(self, desired: DesiredVm) -> None:
        record = self._record()
        self._need_datastores(record)
        for name in (record.spec.boot_disk, *record.spec.ephemeral_disks):
            if not (self._folder / name).exists():
                raise PermanentError(
                    "HypervisorFailed", f"Disk file {name} of the VM is gone from this host."
                )
        for copy in record.copies:
            await self._shop.images.ensure(copy)
        if desired.iso is not None:
            await self._shop.discs.ensure(desired.iso.digest)
        record.spec = self._current_spec(record.spec, desired)
        await asyncio.to_thread(self._shop.write_seed, desired, self._folder / SEED)
        await self._run(record, desired, restore=False)

    async def _resume(self, desired: DesiredVm) -> None:
        """With the hardware it was saved with; differences are made up for afterwards."""
        record = self._record()
        self._need_datastores(record)
        if record.spec.disc is not None:
            await self._shop.discs.ensure(record.spec.disc.digest)
        await self._run(record, desired, restore=True)

    def _need_datastores(self, record: VmRecord) -> None:
        """Raises ``DatastoreUnavailable`` for one that is not mounted and may come back."""
        for datastore in record.datastores:
            self._shop.datastores.find(datastore)

    async def _run(self, record: VmRecord, desired: DesiredVm, *, restore: bool) -> None:
        async with self._shop.starts:
            record.running, record.ending, record.halt = True, False, Halt.NONE
            record.detail = ""
            if not restore:
                record.restart_done = desired.restart
                record.started_ms = self._shop.clock.now_ms()
            save_record(self._folder, record)
            try:
                await self._shop.hypervisor.start(record.spec, self._folder, restore=restore)
            except Exception:
                record.running, record.halt = False, Halt.AGENT
                save_record(self._folder, record)
                raise

    async def _press_power(self, action: Action) -> None:
        self._note_ending(action.reason)
        now_s = self._shop.clock.monotonic_s()
        if self._first_press_s is None:
            self._first_press_s = now_s
        self._last_press_s = now_s
        await self._shop.hypervisor.press_power(self._vm_id)

    async def _kill(self, action: Action) -> None:
        self._note_ending(action.reason)
        await self._shop.hypervisor.kill(self._vm_id)

    def _note_ending(self, reason: str) -> None:
        record = load_record(self._folder)
        if record is not None:
            record.ending, record.detail = True, reason
            save_record(self._folder, record)

    async def _suspend(self) -> None:
        record = self._record()
        if record.spec.boot_bus == "nvme":
            raise PermanentError(
                "HypervisorFailed",
                "This VM boots from an NVMe disk, whose state QEMU can't save; it runs on.",
                hint="Create it with --boot-bus virtio, if its image boots from that.",
            )

        def tell(done: float) -> None:
            log.info("VM %s: %.0f %% of its memory is saved", self._vm_id, done * 100)

        record.ending = True
        save_record(self._folder, record)
        try:
            await self._shop.hypervisor.save(self._vm_id, tell)
        except Exception:
            record.ending = False
            save_record(self._folder, record)
            raise

    def _discard_memory(self) -> None:
        record = self._record()
        record.halt, record.running, record.ending = Halt.AGENT, False, False
        save_record(self._folder, record)
        self._shop.hypervisor.discard_saved(self._folder)

    async def _plug(self, disk_id: str) -> None:
        record = self._record()
        taken = {disk.slot for disk in record.spec.plugged}
        slot = next((each for each in range(SLOTS) if each not in taken), None)
        if slot is None:
            raise PermanentError("HypervisorFailed", f"All {SLOTS} disk slots are taken.")
        disk = self._disk(disk_id, slot)
        # noted first: saved memory must find every device it was saved with
        self._set_plugged(record, (*self._without(record, disk_id), disk))
        try:
            await self._shop.hypervisor.plug(self._vm_id, disk)
        except TemporaryError:
            raise  # it may be plugged: the next look tells
        except Exception:
            self._set_plugged(record, self._without(record, disk_id))
            raise

    async def _unplug(self, disk_id: str) -> None:
        await self._shop.hypervisor.unplug(self._vm_id, disk_id)
        record = self._record()
        self._set_plugged(record, self._without(record, disk_id))

    async def _insert(self, digest: str) -> None:
        path = await self._shop.discs.ensure(digest)
        disc = Disc(digest=digest, path=str(path.absolute()))
        # noted first: saved memory must find the drive it was saved with
        self._set_disc(disc)
        try:
            await self._shop.hypervisor.insert(self._vm_id, disc)
        except TemporaryError:
            raise  # it may be inserted: the next look tells
        except Exception:
            self._set_disc(None)
            raise

    async def _eject(self) -> None:
        await self._shop.hypervisor.eject(self._vm_id)
        self._set_disc(None)
        self._shop.tidy()

    def _delete(self) -> None:
        """Disks in other datastores first: the VM's own folder tells where they are."""
        record = load_record(self._folder)
        for datastore in record.datastores if record is not None else ():
            with contextlib.suppress(PermanentError):  # this host has it no more: nothing is there
                self._shop.datastores.find(datastore)
        self._shop.datastores.remove_vm(self._vm_id)
        self._shop.places.remove_vm(self._vm_id)

    def _current_spec(self, spec: GuestSpec, desired: DesiredVm) -> GuestSpec:
        wanted = wanted_disks(desired)
        if len(wanted) > SLOTS:
            raise PermanentError("HypervisorFailed", f"More than {SLOTS} disks are wanted.")
        return GuestSpec(
            id=spec.id,
            name=spec.name,
            cpu_count=desired.cpu_count,
            memory_mib=desired.memory_mib,
            boot_disk=spec.boot_disk,
            boot_bus=spec.boot_bus,  # what the VM was made with: a new default breaks no guest
            seed=spec.seed,
            ephemeral_disks=spec.ephemeral_disks,
            plugged=tuple(self._disk(each, slot) for slot, each in enumerate(wanted)),
            cd_drive=desired.iso is not None,
            disc=self._disc(desired),
            macs=tuple(nic.mac for nic in desired.nics),
        )

    def _disk(self, disk_id: str, slot: int) -> Plugged:
        path = self._shop.datastores.disk(disk_id)
        if path is None:
            raise TemporaryError("DiskNotFound", f"Disk {disk_id} is not on this host.")
        return Plugged(id=disk_id, path=str(path.absolute()), slot=slot)

    def _disc(self, desired: DesiredVm) -> Disc | None:
        if desired.iso is None:
            return None
        path = self._shop.discs.path(desired.iso.digest)
        return Disc(digest=desired.iso.digest, path=str(path.absolute()))

    def _set_disc(self, disc: Disc | None) -> None:
        """Note what is in the drive; once plugged, the drive itself stays."""
        record = self._record()
        record.spec = replace(record.spec, cd_drive=True, disc=disc)
        save_record(self._folder, record)

    def _record(self) -> VmRecord:
        record = load_record(self._folder)
        if record is None:
            raise TemporaryError("HypervisorFailed", "The VM is not prepared.")
        return record

    def _without(self, record: VmRecord, disk_id: str) -> tuple[Plugged, ...]:
        return tuple(disk for disk in record.spec.plugged if disk.id != disk_id)

    def _set_plugged(self, record: VmRecord, plugged: tuple[Plugged, ...]) -> None:
        record.spec = replace(record.spec, plugged=plugged)
        save_record(self._folder, record)


def _own(desired: DesiredVm) -> list[DesiredVmDisk]:
    """The disks that live and die with the VM."""
    return [disk for disk in desired.disks if disk.kind is not DiskKind.PERSISTENT]
