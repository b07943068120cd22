"""Entities follow what agents report, where no operation is under way.

A guest that shut itself down, or crashed and is not restarted, is STOPPED; its
host is told to leave it off, in the same commit.  Copies of images follow what is
wanted (:mod:`replicator`).  Level-triggered and idempotent: any number
of controllers may run this, and it begins with looking at everything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from heliostat.agentlink.messages import DesiredVm, GuestState, Power, ReportedVm
from heliostat.cloudstore.contract import (
    AtRevision,
    CloudStore,
    Compacted,
    Document,
    GuardFailed,
    Put,
)
from heliostat.cloudstore.documents import decode, encode, walk
from heliostat.controller.model.desired import REPORTED, desired_key, reported_key
from heliostat.controller.model.desired import VM as VM_PATH
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows.kinds import VMS
from heliostat.controller.workflows.replicator import replicate
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError

log = logging.getLogger(__name__)

_OFF = frozenset({GuestState.STOPPED, GuestState.CRASHED})
_ALIVE = frozenset({VmState.STARTED, VmState.SUSPENDED})


def stopped_by_itself(vm: Vm, desired_revision: int, report: ReportedVm) -> bool:
    """Whether the guest is off although its VM is not STOPPED and nobody asked for that.

    A SUSPENDED one has no memory saved then: it ended before that, or just when resumed.
    """
    return (
        vm.state in _ALIVE
        and not vm.task_id
        and report.settled
        and report.revision >= desired_revision
        and report.state in _OFF
    )


async def observe(store: CloudStore, clock: Clock, *, copies_at_once: int = 16) -> None:
    """Follow reports, VMs and images until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_follow(store, clock, REPORTED, _all_vms, _reported))
        group.create_task(_follow(store, clock, VMS.prefix, _nothing, _vm_changed))
        group.create_task(replicate(store, clock, copies_at_once=copies_at_once))


async def _follow(
    store: CloudStore,
    clock: Clock,
    prefix: str,
    everything: Callable[[CloudStore], Awaitable[None]],
    one: Callable[[CloudStore, str], Awaitable[None]],
) -> None:
    while True:
        try:
            since = await store.revision()
            await everything(store)
            async for event in store.watch(prefix, since):
                await _unless_unreadable(one(store, event.key))
        except Compacted:
            continue
        except TemporaryError as error:
            log.warning("watching %s is interrupted: %s", prefix, error)
            await clock.sleep(error.retry_after_s)


async def _unless_unreadable(looking: Awaitable[None]) -> None:
    try:
        await looking
    except PermanentError as error:
        log.error("%s", error)  # noqa: TRY400 (a check-up tells it too; other guests go on)


async def _all_vms(store: CloudStore) -> None:
    async for document in walk(store, VMS.prefix):
        await _unless_unreadable(_vm_found(store, document))


async def _vm_found(store: CloudStore, document: Document) -> None:
    vm = VMS.read(document).value
    if vm.state in _ALIVE and not vm.task_id:
        await observe_vm(store, vm.host_id, vm.id)


async def _reported(store: CloudStore, key: str) -> None:
    host_id, _, rest = key.removeprefix(REPORTED).partition("/")
    kind, _, entity_id = rest.partition("/")
    if kind == VM_PATH:
        await observe_vm(store, host_id, entity_id)


async def _nothing(store: CloudStore) -> None:
    """All VMs are looked at with the reports already."""


async def _vm_changed(store: CloudStore, key: str) -> None:
    """What was reported during an operation counts once the operation has ended."""
    stored = await VMS.get(store, VMS.id_of(key))
    if stored is not None and stored.value.state in _ALIVE and not stored.value.task_id:
        await observe_vm(store, stored.value.host_id, stored.value.id)


async def observe_vm(store: CloudStore, host_id: str, vm_id: str) -> None:
    """Take over what the host reports of one VM; does nothing if it changes meanwhile.

    Raises ``StoreCorrupt`` for a document that can't be read.
    """
    stored = await VMS.get(store, vm_id)
    key = desired_key(host_id, VM_PATH, vm_id)
    desired_document = await store.get(key)
    report_document = await store.get(reported_key(host_id, VM_PATH, vm_id))
    if stored is None or desired_document is None or report_document is None:
        return
    report = decode(ReportedVm, report_document)
    if not stopped_by_itself(stored.value, desired_document.revision, report):
        return
    desired = replace(decode(DesiredVm, desired_document), power=Power.OFF)
    after = replace(stored.value, state=VmState.STOPPED)
    try:
        await store.commit(
            [VMS.guard(stored), AtRevision(key, desired_document.revision)],
            [*VMS.put(after, stored.value), Put(key, encode(desired))],
        )
    except GuardFailed:
        return  # an operation began; what it wants counts
    log.info("VM %s is off: its guest is %s", vm_id, report.state)
