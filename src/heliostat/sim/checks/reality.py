"""Documents against machines: what hosts do is what they were told, no more, no less."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heliostat.agent.hypervisors.simulated import MEMORY
from heliostat.agentlink.messages import DesiredVm, DiskKind, GuestState, Power, ReportedVm
from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.model.desired import (
    DISK,
    VM,
    desired_prefix,
    reported_key,
    reported_prefix,
)
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows.kinds import DISKS, VMS
from heliostat.sim.host import HostMachine
from heliostat.tasks.follow import snapshot

_POWER = {
    VmState.STARTED: Power.ON,
    VmState.STOPPED: Power.OFF,
    VmState.SUSPENDED: Power.SUSPENDED,
}


async def differences(store: CloudStore, host: HostMachine) -> list[str]:
    """How one host differs from what documents say of it."""
    prefix = desired_prefix(host.id)
    documents, _ = await snapshot(store, prefix)
    wanted: dict[str, DesiredVm] = {}
    disks: set[str] = set()
    for document in documents:
        kind, _, id_ = document.key.removeprefix(prefix).partition("/")
        if kind == VM:
            wanted[id_] = msgspec.json.decode(document.value, type=DesiredVm)
        elif kind == DISK:
            disks.add(id_)
    told = {
        document.key.removeprefix(reported_prefix(host.id))
        for document in (await snapshot(store, reported_prefix(host.id)))[0]
    }
    vms = {each.value.id: each.value for each in await VMS.by_index(store, "host", host.id)}
    whole = {id_ for id_, vm in vms.items() if vm.state is not VmState.ERROR}
    held = {
        each.value.id
        for each in await DISKS.by_index(store, "host", host.id)
        if each.value.state is not DiskState.ERROR
    }
    found = [
        *_things(host, "VM", set(host.vm_folders()), set(wanted)),
        *_things(host, "disk", set(host.disk_ids()), disks),
        *_documents("VM", whole, set(wanted), host),
        *_documents("disk", held, disks, host),
    ]
    for vm_id in sorted(set(host.guests.running) - set(wanted)):
        found.append(f"The guest {vm_id} runs on {host.name}, and no document names it.")
    for key in sorted(told):
        kind, _, id_ = key.partition("/")
        if (kind == VM and id_ not in wanted) or (kind == DISK and id_ not in disks):
            found.append(f"{host.name} is said to have the {kind} {id_}, which nobody wants there.")
    for vm_id, desired in sorted(wanted.items()):
        vm = vms.get(vm_id)
        if vm is not None:
            report = await store.get(reported_key(host.id, VM, vm_id))
            said = msgspec.json.decode(report.value, type=ReportedVm) if report else None
            found.extend(_vm(host, vm, desired, said))
    return found


def _things(host: HostMachine, noun: str, present: set[str], wanted: set[str]) -> Iterator[str]:
    for id_ in sorted(present - wanted):
        yield f"The {noun} {id_} lies on {host.name}, and nobody wants it there."
    for id_ in sorted(wanted - present):
        yield f"The {noun} {id_} is wanted on {host.name} and is not there."


def _documents(noun: str, there: set[str], wanted: set[str], host: HostMachine) -> Iterator[str]:
    for id_ in sorted(there - wanted):
        yield f"The {noun} {id_} is on {host.name}, which was not told of it."


def _vm(host: HostMachine, vm: Vm, desired: DesiredVm, said: ReportedVm | None) -> Iterator[str]:
    guest = host.guests.running.get(vm.id)
    if said is None or not said.settled:
        yield f"The VM {vm.id} on {host.name} has not settled: {said}."
        return
    if vm.state is VmState.ERROR:
        return  # what remains of it is wanted only until it is deleted
    if _POWER.get(vm.state) is not desired.power:
        yield f"The VM {vm.id} is {vm.state}, but wanted {desired.power} on {host.name}."
        return
    gave_up = said.fault is not None and said.state is not GuestState.CRASHED
    if (guest is not None) != (desired.power is Power.ON) and not gave_up:
        is_on = "runs" if guest is not None else "does not run"
        yield f"The VM {vm.id} is wanted {desired.power} and {is_on} on {host.name}: {said}."
    saved = host.has_file(f"vms/{vm.id}/{MEMORY}")
    if saved != (desired.power is Power.SUSPENDED) and not gave_up:
        yield f"The VM {vm.id} is wanted {desired.power}; memory saved: {saved}."
    if guest is not None and not gave_up:
        yield from _attached(vm, desired, set(guest.plugged))


def _attached(vm: Vm, desired: DesiredVm, plugged: set[str]) -> Iterator[str]:
    wanted = {disk.id for disk in desired.disks if disk.kind is DiskKind.PERSISTENT}
    if wanted != set(vm.attached_disk_ids):
        held = sorted(vm.attached_disk_ids)
        yield f"The VM {vm.id} has {held} attached, but {sorted(wanted)} are wanted."
    if plugged != wanted:
        yield f"The VM {vm.id} has {sorted(plugged)} plugged, wanted are {sorted(wanted)}."
