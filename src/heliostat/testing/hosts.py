"""Agents without machines: they watch desired documents and report like an agent would.

A ``FakeAgent`` is good (does what is wanted), slow (the same, some virtual
seconds later), or bad (gives up with a fault for what ``refuses`` names).  A
missing agent is one that is not running.  Guests can be made to crash or to
shut themselves down.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from types import TracebackType

import msgspec

from heliostat.agentlink.messages import (
    Desired,
    DesiredCapture,
    DesiredDisk,
    DesiredImage,
    DesiredVm,
    DiskKind,
    Fault,
    GuestState,
    HostDatastore,
    HostFacts,
    Power,
    Reported,
    ReportedCapture,
    ReportedDisk,
    ReportedImage,
    ReportedVm,
)
from heliostat.cloudstore.contract import CloudStore, Delete, Put
from heliostat.cloudstore.documents import encode
from heliostat.controller.model.desired import desired_prefix, reported_key, reported_prefix
from heliostat.core.clock import Clock
from heliostat.core.units import GIB

LEASE_S = 10_000_000.0
_TYPES: dict[str, type[Desired]] = {
    "vm": DesiredVm,
    "disk": DesiredDisk,
    "image": DesiredImage,
    "capture": DesiredCapture,
}
_GUESTS = {
    Power.ON: GuestState.RUNNING,
    Power.OFF: GuestState.STOPPED,
    Power.SUSPENDED: GuestState.SUSPENDED,
}


def some_facts(
    *,
    cpu_count: int = 8,
    memory_mib: int = 16384,
    disk_gib: int = 100,
    images: tuple[str, ...] = (),
    datastores: tuple[HostDatastore, ...] = (),
) -> HostFacts:
    """What a middling host has; without ``datastores``, what an older agent would say."""
    return HostFacts(
        hostname="host",
        cpu_count=cpu_count,
        memory_mib=memory_mib,
        disk_total_bytes=disk_gib * GIB,
        disk_free_bytes=disk_gib * GIB,
        datastore="local",
        accelerator="tcg",
        hypervisor="simulated",
        agent_version="0",
        images=images,
        datastores=datastores,
    )


def some_datastore(
    datastore_id: str,
    *,
    name: str = "local",
    type_: str = "EXT3",
    tags: tuple[str, ...] = (),
    total_gib: int = 100,
    free_gib: int | None = None,
    images: tuple[str, ...] = (),
    available: bool = True,
) -> HostDatastore:
    """A datastore as a host would report it; wholly free unless told otherwise."""
    return HostDatastore(
        datastore_id=datastore_id,
        name=name,
        type=type_,
        tags=tags,
        total_bytes=total_gib * GIB,
        free_bytes=(total_gib if free_gib is None else free_gib) * GIB,
        images=images,
        available=available,
    )


class FakeAgent:
    """``async with FakeAgent(store, clock, host_id)``: connected and converging."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        host_id: str,
        *,
        delay_s: float = 0.0,
        refuses: Callable[[Desired], Fault | None] = lambda item: None,  # noqa: ARG005
    ) -> None:
        self.refuses = refuses
        self.delay_s = delay_s
        self._store = store
        self._clock = clock
        self._host_id = host_id
        self._crashed: set[str] = set()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> FakeAgent:
        name = f"agent/{self._host_id}"
        lease = await self._store.acquire(name, "fake", LEASE_S)
        assert lease is not None, f"{name} is held by somebody else"
        self._lease = lease
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.cut()

    async def cut(self) -> None:
        """The link breaks; what was reported stays."""
        if self._running is None:
            return
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._running = None
        await self._store.release(self._lease)

    async def guest_becomes(self, vm_id: str, state: GuestState) -> None:
        """The guest does something by itself, which is reported."""
        key = reported_key(self._host_id, "vm", vm_id)
        document = await self._store.get(key)
        assert document is not None
        report = msgspec.json.decode(document.value, type=ReportedVm)
        if state is GuestState.CRASHED:
            self._crashed.add(vm_id)
        await self._put(key, self._as_run(msgspec.structs.replace(report, state=state)))

    async def _run(self) -> None:
        prefix = desired_prefix(self._host_id)
        page = await self._store.list(prefix)
        wanted = {document.key.removeprefix(prefix) for document in page.items}
        told = await self._store.list(reported_prefix(self._host_id))
        for document in told.items:
            rest = document.key.removeprefix(reported_prefix(self._host_id))
            if rest not in wanted:
                await self._store.commit([], [Delete(document.key)])
        for document in page.items:
            await self._converge(
                document.key.removeprefix(prefix), document.value, document.revision
            )
        async for event in self._store.watch(prefix, page.revision):
            rest = event.key.removeprefix(prefix)
            if event.value is None:
                await self._store.commit([], [Delete(reported_prefix(self._host_id) + rest)])
            else:
                await self._converge(rest, event.value, event.revision)

    async def _converge(self, rest: str, value: bytes, revision: int) -> None:
        kind, _, _ = rest.partition("/")
        item = msgspec.json.decode(value, type=_TYPES[kind])
        key = reported_prefix(self._host_id) + rest
        fault = self.refuses(item)
        if self.delay_s:
            await self._put(key, report(item, revision, settled=False))
            await self._clock.sleep(self.delay_s)
        await self._put(key, self._as_run(report(item, revision, fault=fault)))

    def _as_run(self, said: Reported) -> Reported:
        """A guest that crashed is said to have, until it runs again."""
        if not isinstance(said, ReportedVm) or said.id not in self._crashed:
            return said
        if said.state is GuestState.RUNNING:
            self._crashed.discard(said.id)
            return said
        fault = Fault(code="GuestCrashed", message="The guest has crashed (1 times so far).")
        return msgspec.structs.replace(said, state=GuestState.CRASHED, fault=fault)

    async def _put(self, key: str, reported: Reported) -> None:
        await self._store.commit([], [Put(key, encode(reported))])


def report(
    item: Desired, revision: int, *, settled: bool = True, fault: Fault | None = None
) -> Reported:
    """What an agent says of ``item`` once it is true (or given up, or not yet)."""
    if isinstance(item, DesiredDisk):
        return ReportedDisk(id=item.id, revision=revision, settled=settled, fault=fault)
    if isinstance(item, DesiredImage):
        return ReportedImage(
            digest=item.digest,
            revision=revision,
            settled=settled,
            fault=fault,
            progress=1.0 if settled and fault is None else 0.0,
            datastore=item.datastore,
        )
    if isinstance(item, DesiredCapture):
        digest = hashlib.sha256(f"content of {item.vm_id}".encode()).hexdigest()
        return ReportedCapture(
            id=item.id, revision=revision, settled=settled, digest=digest, fault=fault
        )
    running = settled and fault is None
    persistent = tuple(disk.id for disk in item.disks if disk.kind is DiskKind.PERSISTENT)
    return ReportedVm(
        id=item.id,
        revision=revision,
        settled=settled,
        state=_GUESTS[item.power] if running else GuestState.PREPARING,
        restart=item.restart,
        attached_disks=persistent,
        inserted=item.iso.digest if item.iso is not None else "",
        accelerator="simulated",
        fault=fault,
    )
