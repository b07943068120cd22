"""Documents as a platform would have them after a long life, written straight into its store.

Used where making them through the API would take longer than measuring.  The
controller must not run.  What is written passes the audit of the books (quotas are
charged, reservations name their machines).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from heliostat.agentlink.messages import DesiredVm, ReportedVm
from heliostat.cloudstore.contract import Change, Put
from heliostat.cloudstore.documents import decode, encode
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.controller.model.desired import VM, desired_key, reported_key
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.model.quota import OwnerKind, Quota, charge
from heliostat.controller.model.reservation import Reservation, VmShare
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows import kinds, reading
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.tasks.admit import changes_for, task_id
from heliostat.tasks.indexes import entity_prefix
from heliostat.tasks.model import Task

COMMIT_CHANGES = 90


def add_hosts(store: Path, count: int) -> list[str]:
    """READY hosts whose agents have yet to dial; their ids."""
    ids = SystemIds()
    hosts = [
        Host(
            id=ids.new_id(),
            address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            state=HostState.READY,
            usage_tags=(UsageTag.CLOUD,),
            created_ms=SystemClock().now_ms(),
        )
        for number in range(1, count + 1)
    ]
    write(store, (kinds.HOSTS.put(host) for host in hosts))
    return [host.id for host in hosts]


def multiply_vm(store: Path, model_id: str, hosts: Sequence[str], each: int) -> list[str]:
    """``each`` copies of a stopped VM on every host, with all that belongs to them; their ids.

    Copied are the machine, its index entries, what its host shall do and says, its
    share of the host, and the task that made it.  Quotas are charged.
    """
    return asyncio.run(_multiply_vm(store, model_id, hosts, each))


async def _multiply_vm(path: Path, model_id: str, hosts: Sequence[str], each: int) -> list[str]:
    store = await SqliteStore.open(path, SystemClock())
    try:
        model = await _Model.read(store, model_id)
        ids, made = SystemIds(), []
        groups: list[Sequence[Change]] = []
        for host_id in hosts:
            held = await kinds.RESERVATIONS.get(store, host_id)
            before = held.value if held is not None else None
            after = before or Reservation(host_id=host_id)
            for _ in range(each):
                vm_id = ids.new_id()
                made.append(vm_id)
                groups.append(model.copy(vm_id, host_id, task_id(ids, SystemClock().now_ms())))
                after = after.with_vm(vm_id, model.share)
            groups.append(kinds.RESERVATIONS.put(after, before))
        groups.append(model.charges(len(made)))
        await _commit(store, groups)
        return made
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class _Model:
    """A VM that was made through the API, and the documents beside it."""

    vm: Vm
    desired: DesiredVm
    reported: ReportedVm
    task: Task
    share: VmShare
    quota: Quota

    @classmethod
    async def read(cls, store: SqliteStore, vm_id: str) -> _Model:
        vm = (await reading.vm(store, vm_id)).value
        desired = await store.get(desired_key(vm.host_id, VM, vm_id))
        reported = await store.get(reported_key(vm.host_id, VM, vm_id))
        entries = (await store.list(entity_prefix(kinds.VM, vm_id))).items
        held = await kinds.RESERVATIONS.get(store, vm.host_id)
        assert desired is not None
        assert reported is not None
        assert held is not None
        return cls(
            vm,
            decode(DesiredVm, desired),
            decode(ReportedVm, reported),
            await reading.task(store, entries[0].key.rpartition("/")[2]),
            held.value.vms[vm_id],
            (await reading.quota(store, OwnerKind.PROJECT, vm.project_id)).value,
        )

    def copy(self, vm_id: str, host_id: str, task_id: str) -> list[Change]:
        vm = replace(self.vm, id=vm_id, name=vm_id[:8], host_id=host_id)
        desired = replace(self.desired, id=vm_id)
        reported = replace(self.reported, id=vm_id)
        task = replace(self.task, id=task_id, entity_id=vm_id)
        return [
            *kinds.VMS.put(vm),
            Put(desired_key(host_id, VM, vm_id), encode(desired)),
            Put(reported_key(host_id, VM, vm_id), encode(reported)),
            *changes_for(task),
        ]

    def charges(self, count: int) -> list[Change]:
        """The project's quota with that many machines more (the tenant's is drawn whole)."""
        cost = tuple(replace(item, value=item.value * count) for item in self.vm.cost)
        return kinds.QUOTAS[OwnerKind.PROJECT].put(charge(self.quota, cost), self.quota)


def write(store: Path, groups: Iterable[Sequence[Change]]) -> None:
    """Commit every group of changes; a group is never divided."""
    asyncio.run(_write(store, groups))


async def _write(path: Path, groups: Iterable[Sequence[Change]]) -> None:
    store = await SqliteStore.open(path, SystemClock())
    try:
        await _commit(store, groups)
    finally:
        await store.close()


async def _commit(store: SqliteStore, groups: Iterable[Sequence[Change]]) -> None:
    for batch in _batches(_commits(groups), 200):
        await asyncio.gather(*(store.commit([], changes) for changes in batch))


def _commits(groups: Iterable[Sequence[Change]]) -> Iterator[list[Change]]:
    changes: list[Change] = []
    for group in groups:
        if len(changes) + len(group) > COMMIT_CHANGES:
            yield changes
            changes = []
        changes.extend(group)
    if changes:
        yield changes


def _batches(each: Iterator[list[Change]], size: int) -> Iterator[list[list[Change]]]:
    while batch := list(islice(each, size)):
        yield batch
