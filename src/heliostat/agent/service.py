"""The agent: keeps a host as the controller wants it, connected or not.

Converging and being connected are independent: workers follow the wishes on disk,
the link only changes them and carries reports.  One task a VM, one for disks and
images, one for readings, one for the link; all end with ``run``, guests don't.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from heliostat.agent import serial_log
from heliostat.agent.actions import Workshop
from heliostat.agent.captures import CaptureKeeper
from heliostat.agent.datastores import Datastores
from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import Hypervisor, Life
from heliostat.agent.image_copies import ImageCopies
from heliostat.agent.images import ImageCache
from heliostat.agent.leftovers import Leftovers
from heliostat.agent.link import ControlLink, Dialer, LinkCut
from heliostat.agent.machine import Machine
from heliostat.agent.places import Places
from heliostat.agent.reconcile import Policy
from heliostat.agent.record import load_record
from heliostat.agent.report import ReportBook
from heliostat.agent.requests import Requests
from heliostat.agent.settings import AgentSettings
from heliostat.agent.stats import Statistics
from heliostat.agent.stores import DiskKeeper, ImageKeeper, sweep_discs
from heliostat.agent.worker import VmWorker
from heliostat.agentlink.messages import Hello, HostFacts, Report, Request, image_copy, vm_key
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

log = logging.getLogger(__name__)

FIRST_LOOK_S = 20.0
"""How long the first full report waits for workers that look at running guests."""


class Agent:
    """One host's agent; ``run`` it until cancelled."""

    def __init__(
        self,
        home: Path,
        dialer: Dialer,
        hypervisor: Hypervisor,
        clock: Clock,
        settings: AgentSettings,
        *,
        jitter: Callable[[], float] = random.random,
        machine: Machine | None = None,
    ) -> None:
        self._places = Places(home.absolute())
        self._places.make()
        self._dialer = dialer
        self._hypervisor = hypervisor
        self._clock = clock
        self._settings = settings
        self._jitter = jitter
        self._machine = machine if machine is not None else Machine()
        self._link: ControlLink | None = None
        self._book = ReportBook()
        self._desired = DesiredState(self._places.desired)
        self._datastores = Datastores.open(
            self._places.home, settings.datastores, self._machine.new_id
        )
        self._images = ImageCopies(self._datastores, self._fetch, self._arriving)
        self._discs = ImageCache(self._places.discs, self._fetch, _unheard, suffix="iso")
        self._disk_keeper = DiskKeeper(self._datastores, self._desired, hypervisor, self._book)
        self._image_keeper = ImageKeeper(self._desired, self._images, self._book, clock, settings)
        self._statistics = Statistics(
            self._places.home,
            hypervisor,
            clock,
            interval_s=settings.sample_interval_s,
            keep_s=settings.history_s,
            totals=self._machine.totals,
        )
        leftovers = Leftovers(
            self._places, self._datastores, self._desired, self._images, hypervisor, clock
        )
        self._capture_keeper = CaptureKeeper(
            self._places,
            self._desired,
            hypervisor,
            self._images,
            self._book,
            clock,
            settings,
            life=self._life,
            send=self._send_capture,
        )
        self._requests = Requests(
            self._places, hypervisor, self._statistics, self._life, leftovers, self.facts
        )
        self._workers: dict[str, VmWorker] = {}
        self._stores_wake = asyncio.Event()
        self._shop = self._workshop()

    def _workshop(self) -> Workshop:
        """What every VM's worker works with."""
        return Workshop(
            places=self._places,
            desired=self._desired,
            datastores=self._datastores,
            hypervisor=self._hypervisor,
            images=self._images,
            discs=self._discs,
            clock=self._clock,
            settings=self._settings,
            policy=Policy(power_button_s=self._settings.power_button_s),
            starts=asyncio.Semaphore(self._settings.concurrent_starts),
            write_seed=self._machine.write_seed,
            report=self._book.put,
            gone=self._gone,
            tidy=self._stores_wake.set,
        )

    async def run(self) -> None:
        """Serve until cancelled; guests run on.  Raises ``QemuMissing`` at once."""
        with self._places.claimed():
            self._datastores.sweep(self._clock.now_ms() / 1000)
            await self._hypervisor.open()
            self._hypervisor.exited = self._wake_vm
            try:
                await self._work()
            finally:
                await self._requests.close()
                await self._image_keeper.close()
                await self._capture_keeper.close()
                await self._images.close()
                await self._discs.close()
                await self._hypervisor.close()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._start_workers()
            tasks.create_task(self._keep_stores(), name="stores")
            tasks.create_task(self._keep_sampling(), name="samples")
            tasks.create_task(self._keep_connected(), name="link")

    def facts(self) -> HostFacts:
        """What this host has, now."""
        images = {each.id: self._images.digests(each) for each in self._datastores}
        facts = self._machine.facts(
            self._places.home,
            hypervisor=self._hypervisor.name,
            accelerator=self._hypervisor.accelerator,
            images=tuple(sorted({digest for each in images.values() for digest in each})),
        )
        told = self._datastores.told(facts, images, self._machine.capacity)
        return replace(told, networks=self._settings.networks)

    # workers

    def _start_workers(self) -> None:
        wanted = {vm.id for vm in self._desired.vms()}
        present = set(self._places.vm_ids()) if self._desired.known else set()
        for vm_id in sorted(wanted | present):
            self._worker(vm_id)
        self._stores_wake.set()

    def _worker(self, vm_id: str) -> VmWorker:
        worker = self._workers.get(vm_id)
        if worker is None:
            worker = self._workers[vm_id] = VmWorker(vm_id, self._shop)
            self._tasks.create_task(worker.run(), name=f"vm {vm_id}")
        return worker

    def _wake_vm(self, vm_id: str) -> None:
        worker = self._workers.get(vm_id)
        if worker is not None:
            worker.wake()

    def _gone(self, vm_id: str) -> None:
        del self._workers[vm_id]
        self._statistics.forget(vm_id)
        self._book.drop(vm_key(vm_id))
        self._stores_wake.set()

    def _life(self, vm_id: str) -> Life | None:
        worker = self._workers.get(vm_id)
        return worker.life if worker is not None else None

    # disks, images, readings

    async def _keep_stores(self) -> None:
        while True:
            await self._stores_wake.wait()
            self._stores_wake.clear()
            try:
                self._image_keeper.pass_over()
                self._capture_keeper.pass_over()
                sweep_discs(self._places, self._desired, self._discs, self._lives)
                again = await self._disk_keeper.pass_over(self._holder)
            except (OSError, msgspec.DecodeError) as error:
                # the host's own trouble (a full or failing disk), which may pass
                log.error("disks and images: %s", error)  # noqa: TRY400 (no defect of ours)
                again = True
            for worker in self._workers.values():
                worker.wake()  # a disk that one waits for may be there now
            if again:
                await self._clock.sleep(self._settings.retry_min_s)
                self._stores_wake.set()

    def _lives(self, vm_id: str) -> bool:
        """Whether a guest runs or may be resumed; one that was not looked at yet may be."""
        worker = self._workers.get(vm_id)
        return worker is None or not worker.looked.is_set() or worker.life is not Life.ABSENT

    def _holder(self, disk_id: str) -> str:
        """The VM that holds a disk: attached while it runs, or to be saved memory's again."""
        for vm_id in self._workers:
            if not self._lives(vm_id):
                continue
            record = load_record(self._places.vm(vm_id))
            if record is not None and any(disk.id == disk_id for disk in record.spec.plugged):
                return vm_id
        return ""

    async def _keep_sampling(self) -> None:
        while True:
            running = [key for key, each in self._workers.items() if each.life is Life.RUNNING]
            try:
                await self._statistics.sample(running)
                await asyncio.to_thread(self._rotate_logs, running)
            except OSError as error:
                log.warning("no readings: %s", error)
            await self._clock.sleep(self._settings.sample_interval_s)

    def _rotate_logs(self, running: list[str]) -> None:
        for vm_id in running:
            serial_log.rotate(
                self._places.vm(vm_id),
                max_bytes=self._settings.serial_log_max_bytes,
                keep=self._settings.serial_log_keep,
            )

    def _arriving(self, digest: str, datastore: str, size_bytes: int) -> None:
        self._image_keeper.arriving(image_copy(digest, datastore), size_bytes)
        if datastore == self._datastores.home.id:
            self._image_keeper.arriving(digest, size_bytes)

    async def _fetch(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        if self._link is None:
            raise LinkCut("There is no connection to the controller to fetch an image over.")
        async for chunk in self._link.fetch_blob(digest, offset):
            yield chunk

    async def _send_capture(self, image_id: str, digest: str, path: Path) -> None:
        if self._link is None:
            raise LinkCut("There is no connection to the controller to send an image over.")
        await self._link.send_capture(image_id, digest, path)

    # link

    async def _keep_connected(self) -> None:
        await self._first_look()
        pause_s = self._settings.reconnect_min_s
        while True:
            try:
                async with self._dialer() as link:
                    began_s = self._clock.monotonic_s()
                    await self._serve(link)
                    log.warning("the link to the controller was cut")
                    # one that is cut as soon as it is made must not be redialled in a hurry
                    if self._clock.monotonic_s() - began_s > pause_s:
                        pause_s = self._settings.reconnect_min_s
            except (HeliostatError, OSError, msgspec.MsgspecError) as error:
                # MsgspecError: a frame that this agent doesn't know, from a newer controller
                log.warning("no link to the controller: %s", error)
            await self._clock.sleep(pause_s * (0.5 + self._jitter()))
            pause_s = min(pause_s * 2, self._settings.reconnect_max_s)

    async def _first_look(self) -> None:
        """A full report must not omit guests that are merely not looked at yet."""
        looks = [worker.looked.wait() for worker in self._workers.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await asyncio.gather(*looks)

    async def _serve(self, link: ControlLink) -> None:
        facts = self.facts()
        await link.send(Hello(facts=facts))
        await link.send(self._book.full(facts))
        self._link = link
        for worker in self._workers.values():
            worker.retry_now()  # a fetch that failed for want of a link need not wait
        helpers = [
            asyncio.create_task(self._send_reports(link)),
            asyncio.create_task(self._send_facts(link)),
        ]
        answers: set[asyncio.Task[None]] = set()
        try:
            async for frame in link.frames():
                if isinstance(frame, Request):
                    answering = asyncio.create_task(self._answer(link, frame))
                    answers.add(answering)
                    answering.add_done_callback(answers.discard)
                else:
                    self._changed(self._desired.apply(frame))
        finally:
            self._link = None
            ending = [*helpers, *answers]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    def _changed(self, keys: set[str]) -> None:
        for key in sorted(keys):
            kind, _, name = key.partition("/")
            if kind == "vm":
                self._worker(name).wake()
        if not self._workers_complete():
            self._start_workers()
        self._stores_wake.set()

    def _workers_complete(self) -> bool:
        """False right after the first snapshot, when folders of unwanted VMs have no worker."""
        return all(vm_id in self._workers for vm_id in self._places.vm_ids())

    async def _send_reports(self, link: ControlLink) -> None:
        with contextlib.suppress(HeliostatError):  # cut: the next link begins with all of it
            while True:
                await self._book.pending.wait()
                report = self._book.changes()
                if report is not None:
                    await link.send(report)

    async def _send_facts(self, link: ControlLink) -> None:
        with contextlib.suppress(HeliostatError):
            while True:
                await self._facts_due()
                try:
                    facts = self.facts()
                except OSError as error:  # a datastore that fails or goes: later again
                    log.warning("what this host has can't be told: %s", error)
                    continue
                await link.send(Report(facts=facts))
                for worker in self._workers.values():
                    worker.wake()  # looking again heals whatever no event told of

    async def _facts_due(self) -> None:
        """Now and then, and as soon as an image has come or gone: who places wants to know."""
        waiting = [
            asyncio.create_task(self._clock.sleep(self._settings.facts_interval_s)),
            asyncio.create_task(self._images.changed.wait()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self._images.changed.clear()

    async def _answer(self, link: ControlLink, request: Request) -> None:
        with contextlib.suppress(HeliostatError):  # cut: nobody waits for the answer
            await link.send(await self._requests.answer(link, request))


def _unheard(_digest: str, _size_bytes: int) -> None:
    """Nobody is told how far a disc image is: its VM's task waits for it as a whole."""
