"""One serial worker per VM: look, decide, act, again, until nothing is left to do.

All state that must survive lies in the VM's record and folder.  What only paces
the worker (pauses, the time since the power button was pressed) is memory: an
agent that restarts presses again and tries again at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

import msgspec

from heliostat.agent.actions import Actions, Workshop
from heliostat.agent.hypervisors.contract import End, Life, Look
from heliostat.agent.reconcile import Action, Halt, Observed, Verb, decide, wanted_disks
from heliostat.agent.record import VmRecord, as_found, load_record, save_record
from heliostat.agentlink.messages import (
    DesiredVm,
    DiskKind,
    Fault,
    GuestState,
    ReportedVm,
    image_copy,
)
from heliostat.core.errors import HeliostatError, TemporaryError

log = logging.getLogger(__name__)

STEADY_S = 600.0
"""A guest that ran this long starts its row of crashes anew."""


class VmWorker:
    """Brings one VM to what is wanted and keeps it there."""

    def __init__(self, vm_id: str, workshop: Workshop) -> None:
        self.vm_id = vm_id
        self._shop = workshop
        self._folder = workshop.places.vm(vm_id)
        self._actions = Actions(vm_id, workshop)
        self._wake = asyncio.Event()
        self.looked = asyncio.Event()
        self._wish: DesiredVm | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._given_up = -1
        self._fault: Fault | None = None
        self._fault_revision = -1
        self.life = Life.ABSENT
        self._accelerator = ""

    def wake(self) -> None:
        """Something about this VM changed: look again."""
        self._wake.set()

    def retry_now(self) -> None:
        """What made the last try fail may be over (the controller is back)."""
        self._retry_at = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Work until the VM is wanted no more and gone."""
        while True:
            try:
                if await self._turn():
                    self._shop.gone(self.vm_id)
                    return
            except (OSError, msgspec.DecodeError) as error:
                # the host's own trouble (its disk is full, a record is unreadable): it may pass
                log.error("VM %s: %s", self.vm_id, error)  # noqa: TRY400 (no defect of ours)
                self.looked.set()
                await self._pause(self._shop.settings.retry_max_s)

    async def _turn(self) -> bool:
        """Look, decide, do one thing; true when the VM is gone."""
        self._wake.clear()
        desired = self._shop.desired.vm(self.vm_id)
        if desired != self._wish:
            self._wish, self._failures, self._retry_at = desired, 0, 0.0
        observed, record = await self._observe(desired)
        actions = decide(desired, observed, self._shop.policy)
        if desired is None and not observed.exists:
            self.looked.set()
            return True
        self._report(desired, observed, record, settled=not actions)
        self.looked.set()
        if not actions:
            await self._wake.wait()
        elif actions[0].verb is Verb.WAIT:
            await self._pause(actions[0].delay_s)
        else:
            await self._perform(actions[0], desired)
        return False

    async def _observe(self, desired: DesiredVm | None) -> tuple[Observed, VmRecord | None]:
        """Read the VM once; notes the end of a run that nobody saw."""
        record = load_record(self._folder)
        exists = self._folder.exists()
        look, silent = Look(Life.ABSENT), False
        if exists:
            try:
                look = await self._shop.hypervisor.look(self.vm_id, self._folder)
            except HeliostatError as error:
                look, silent = Look(Life.RUNNING, detail=error.message), True
        if record is not None:
            self._note(record, look, desired, silent=silent)
            record.detail = look.detail or record.detail
        self.life = look.life
        self._accelerator = look.accelerator or self._accelerator
        observed = self._observed(desired, record, look, exists=exists)
        return replace(observed, silent=silent), record

    def _note(
        self, record: VmRecord, look: Look, desired: DesiredVm | None, *, silent: bool
    ) -> None:
        if look.life is Life.RUNNING:
            spec = record.spec if silent else as_found(record.spec, look, self._shop.discs.path)
            if not record.running or spec != record.spec:
                record.running, record.spec = True, spec
                save_record(self._folder, record)
            return
        self._note_end(record, look, desired)

    def _note_end(self, record: VmRecord, look: Look, desired: DesiredVm | None) -> None:
        if look.life is Life.SAVED or not record.running:
            if record.running or record.ending:
                record.running = record.ending = False
                save_record(self._folder, record)
            return
        now_ms = self._shop.clock.now_ms()
        record.halt = _halt_of(look.end, asked=record.ending)
        record.halt_revision = desired.revision if desired is not None else record.halt_revision
        record.halted_ms = now_ms
        record.running = record.ending = False
        if record.halt is Halt.CRASH:
            steady = now_ms - record.started_ms > STEADY_S * 1000
            record.crashes += 1
            record.crash_streak = 1 if steady else record.crash_streak + 1
        log.info("VM %s ended: %s", self.vm_id, record.halt)
        self._actions.forget_press()
        save_record(self._folder, record)

    def _observed(
        self, desired: DesiredVm | None, record: VmRecord | None, look: Look, *, exists: bool
    ) -> Observed:
        shop, now_s = self._shop, self._shop.clock.monotonic_s()
        disks = wanted_disks(desired) if desired is not None else ()
        images = record.copies if record is not None else _images(desired)
        pressed = self._actions.pressed(now_s)
        return Observed(
            exists=exists,
            prepared=record is not None,
            missing_images=tuple(each for each in images if not shop.images.has(each)),
            missing_disks=tuple(each for each in disks if shop.datastores.disk(each) is None),
            missing_discs=tuple(
                each for each in _discs(desired, record, look) if not shop.discs.has(each)
            ),
            life=look.life,
            halt=record.halt if record is not None else Halt.NONE,
            halt_revision=record.halt_revision if record is not None else -1,
            crash_wait_s=self._crash_wait_s(record) if record is not None else 0.0,
            crashes=record.crashes if record is not None else 0,
            restart_done=record.restart_done if record is not None else 0,
            plugged=look.plugged,
            disc=look.disc,
            stopping_s=pressed[0],
            pressed_s=pressed[1],
            given_up=desired is not None and self._given_up >= desired.revision,
            retry_s=max(self._retry_at - now_s, 0.0) if self._fault is not None else 0.0,
        )

    def _crash_wait_s(self, record: VmRecord) -> float:
        settings = self._shop.settings
        pause_s = settings.crash_backoff_s * 2.0 ** min(max(record.crash_streak - 1, 0), 20)
        since_s = (self._shop.clock.now_ms() - record.halted_ms) / 1000
        # a clock that was set back must not stretch the pause
        return min(pause_s, settings.crash_backoff_max_s) - max(since_s, 0.0)

    async def _perform(self, action: Action, desired: DesiredVm | None) -> None:
        log.info("VM %s: %s: %s", self.vm_id, action.verb, action.reason)
        try:
            await self._until_done_or_changed(action, desired)
        except (HeliostatError, OSError) as error:
            self._failed(action, desired, error)
        else:
            if action.verb not in (Verb.PRESS_POWER, Verb.FETCH_IMAGE, Verb.FETCH_DISC):
                self._failures, self._fault = 0, None

    async def _until_done_or_changed(self, action: Action, desired: DesiredVm | None) -> None:
        doing = asyncio.create_task(self._actions.perform(action, desired))
        try:
            while action.verb.interruptible and not doing.done():
                waking = asyncio.create_task(self._wake.wait())
                try:
                    await asyncio.wait({doing, waking}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waking.cancel()
                if self._shop.desired.vm(self.vm_id) != desired:
                    return
                self._wake.clear()
            await doing
        finally:
            if not doing.done():
                doing.cancel()
                await asyncio.gather(doing, return_exceptions=True)

    def _failed(
        self, action: Action, desired: DesiredVm | None, error: HeliostatError | OSError
    ) -> None:
        log.warning("VM %s: %s failed: %s", self.vm_id, action.verb, error)
        fault, again_s = _fault_of(error)
        self._fault = fault
        self._fault_revision = desired.revision if desired is not None else -1
        if fault.permanent and desired is not None:
            self._given_up = desired.revision
            return
        settings = self._shop.settings
        pause_s = settings.retry_min_s * 2.0 ** min(self._failures, 20)
        self._failures += 1
        pause_s = max(min(pause_s, settings.retry_max_s), again_s)
        self._retry_at = self._shop.clock.monotonic_s() + pause_s

    async def _pause(self, delay_s: float) -> None:
        waking = asyncio.create_task(self._wake.wait())
        sleeping = asyncio.create_task(self._shop.clock.sleep(delay_s))
        try:
            await asyncio.wait({waking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waking, sleeping):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _report(
        self,
        desired: DesiredVm | None,
        observed: Observed,
        record: VmRecord | None,
        *,
        settled: bool,
    ) -> None:
        revision = desired.revision if desired is not None else -1
        if revision > self._fault_revision:
            self._fault = None  # what failed was another wish
        fault = self._fault
        if observed.state is GuestState.CRASHED and fault is None:
            fault = Fault(
                code="GuestCrashed",
                message=f"The guest has crashed ({observed.crashes} times so far).",
            )
        converged = record.converged_revision if record is not None else -1
        if record is not None and settled and converged != revision and desired is not None:
            record.converged_revision = converged = revision
            save_record(self._folder, record)
        self._shop.report(
            ReportedVm(
                id=self.vm_id,
                revision=revision if settled or fault is not None else max(converged, 0),
                settled=settled and desired is not None,
                state=observed.state,
                restart=observed.restart_done,
                attached_disks=tuple(sorted(observed.plugged)),
                inserted=observed.disc,
                boot_bus=record.spec.boot_bus if record is not None else "",
                accelerator=self._accelerator,
                crashes=observed.crashes,
                fault=fault,
                detail=record.detail if record is not None else "",
            )
        )


def _images(desired: DesiredVm | None) -> tuple[str, ...]:
    if desired is None:
        return ()
    boot = (disk for disk in desired.disks if disk.kind is DiskKind.BOOT and disk.image_digest)
    return tuple(image_copy(disk.image_digest, disk.datastore) for disk in boot)


def _discs(desired: DesiredVm | None, record: VmRecord | None, look: Look) -> set[str]:
    """Disc images that the VM needs: what is wanted, and what saved memory was saved with."""
    needed = {desired.iso.digest} if desired is not None and desired.iso is not None else set()
    if look.life is Life.SAVED and record is not None and record.spec.disc is not None:
        needed.add(record.spec.disc.digest)
    return needed


def _halt_of(end: End, *, asked: bool) -> Halt:
    if asked:
        return Halt.AGENT
    return {End.CLEAN: Halt.GUEST, End.HOST: Halt.HOST}.get(end, Halt.CRASH)


def _fault_of(error: HeliostatError | OSError) -> tuple[Fault, float]:
    """The fault to report, and the pause that the error asks for."""
    if isinstance(error, TemporaryError):
        return Fault(code=error.code, message=error.message), error.retry_after_s
    if isinstance(error, HeliostatError):
        return Fault(code=error.code, message=error.message, permanent=True), 0.0
    return Fault(code="AgentError", message=f"{error.strerror or error}."), 0.0
