"""Operations on VMs and on their disks."""

from __future__ import annotations

from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.vm import AttachedDiskSpec, VmSpec
from heliostat.controller.workflows import disk, vm
from heliostat.sim.operations.asking import Ask, Known, Operation, ask

_BOOT = AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True)


def create_vm(known: Known) -> Ask:
    dice = known.dice
    disks = [_BOOT]
    if dice.random() < 0.2:
        disks.append(AttachedDiskSpec(name="scratch", flavor="ephemeral", capacity_gb=4))
    affinities: tuple[Affinity, ...] = ()
    if dice.random() < 0.1:
        affinities = (Affinity(kind="disk", id=known.in_state("disk", "DETACHED")),)
    spec = VmSpec(
        name=known.name("vm"),
        flavor=dice.choice(("tiny", "tiny", "small", "small", "medium", "large")),
        source_image_id=known.any("image"),
        attached_disks=tuple(disks),
        affinities=affinities,
        restart_on_crash=dice.random() < 0.7,
    )
    return ask(vm.vm_create, known.any("project"), spec, makes="vm", leads_to="STOPPED")


def delete_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "STOPPED")
    return ask(vm.vm_delete, id_, about=id_, leads_to="DELETED")


def start_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "STOPPED")
    return ask(vm.vm_start, id_, about=id_, leads_to="STARTED")


def stop_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "STARTED", "SUSPENDED")
    hard = known.dice.random() < 0.4
    return ask(vm.vm_stop, id_, hard=hard, about=id_, leads_to="STOPPED")


def restart_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "STARTED")
    return ask(vm.vm_restart, id_, about=id_, leads_to="STARTED")


def suspend_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "STARTED")
    return ask(vm.vm_suspend, id_, about=id_, leads_to="SUSPENDED")


def resume_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "SUSPENDED")
    return ask(vm.vm_resume, id_, about=id_, leads_to="STARTED")


def set_metadata(known: Known) -> Ask:
    value = str(known.dice.randint(1, 9))
    return ask(vm.vm_set_metadata, known.any("vm"), {"owner": value})


def add_tag(known: Known) -> Ask:
    return ask(vm.vm_add_tag, known.any("vm"), f"tag-{known.dice.randint(1, 5)}")


def create_disk(known: Known) -> Ask:
    affinities: tuple[Affinity, ...] = ()
    if known.dice.random() < 0.7:
        affinities = (Affinity(kind="vm", id=known.in_state("vm", "STOPPED", "STARTED")),)
    spec = DiskSpec(
        name=known.name("disk"),
        flavor="persistent",
        capacity_gb=known.dice.randint(1, 8),
        affinities=affinities,
    )
    return ask(disk.disk_create, known.any("project"), spec, makes="disk", leads_to="DETACHED")


def delete_disk(known: Known) -> Ask:
    id_ = known.in_state("disk", "DETACHED")
    return ask(disk.disk_delete, id_, about=id_, leads_to="DELETED")


def attach_disk(known: Known) -> Ask:
    id_ = known.in_state("disk", "DETACHED")
    vm_id = known.in_state("vm", "STOPPED", "STARTED")
    return ask(disk.disk_attach, vm_id, id_, about=id_, leads_to=f"ATTACHED {vm_id}")


def detach_disk(known: Known) -> Ask:
    held = [each for each in known.ids.get("disk", ()) if known.states[each].startswith("ATTACHED")]
    id_ = known.dice.choice(held) if held else known.any("disk")
    vm_id = known.states.get(id_, "").removeprefix("ATTACHED ") or known.any("vm")
    return ask(disk.disk_detach, vm_id, id_, about=id_, leads_to="DETACHED")


OPERATIONS = (
    Operation("create-vm", 14, create_vm),
    Operation("delete-vm", 9, delete_vm),
    Operation("start-vm", 10, start_vm),
    Operation("stop-vm", 8, stop_vm),
    Operation("restart-vm", 3, restart_vm),
    Operation("suspend-vm", 3, suspend_vm),
    Operation("resume-vm", 3, resume_vm),
    Operation("set-metadata", 1, set_metadata),
    Operation("add-tag", 1, add_tag),
    Operation("create-disk", 7, create_disk),
    Operation("delete-disk", 4, delete_disk),
    Operation("attach-disk", 6, attach_disk),
    Operation("detach-disk", 5, detach_disk),
)
