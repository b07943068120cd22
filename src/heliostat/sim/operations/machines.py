"""Operations on VMs and on their disks."""

from __future__ import annotations

from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.image import Replication
from heliostat.controller.model.selector import parse_selector
from heliostat.controller.model.vm import AttachedDiskSpec, VmSpec
from heliostat.controller.workflows import bulk_create, bulk_delete, disk, vm
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.vm_ticket import Door, vm_mks_ticket
from heliostat.sim.operations.asking import GONE, Ask, Known, Operation, ask, staged

_BOOT = AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True)


def create_vm(known: Known) -> Ask:
    dice = known.dice
    project = known.any("project")
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
    return ask(vm.vm_create, project, spec, makes="vm", leads_to="STOPPED", within=project)


def delete_vm(known: Known) -> Ask:
    id_ = known.in_state("vm", "STOPPED")
    return ask(vm.vm_delete, id_, about=id_, leads_to=GONE)


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
    project = known.any("project")
    if known.dice.random() < 0.8:
        near = known.in_state("vm", "STOPPED", "STARTED")
        affinities = (Affinity(kind="vm", id=near),)
        project = known.parents.get(near, project)
    spec = DiskSpec(
        name=known.name("disk"),
        flavor="persistent",
        capacity_gb=known.dice.randint(1, 8),
        affinities=affinities,
    )
    leads_to = f"DETACHED {affinities[0].id}" if affinities else "DETACHED"
    return ask(disk.disk_create, project, spec, makes="disk", leads_to=leads_to, within=project)


def create_vms(known: Known) -> Ask:
    """Two to four machines at once, all alike."""
    image = known.any("image")
    specs = tuple(
        VmSpec(
            name=known.name("vm"),
            flavor="tiny",
            source_image_id=image,
            attached_disks=(_BOOT,),
            labels={"batch": str(known.dice.randint(1, 3))},
        )
        for _ in range(known.dice.randint(2, 4))
    )
    keep = known.dice.random() < 0.5
    return ask(bulk_create.create_vms, known.any("project"), specs, keep=keep)


async def delete_vms_of(ports: Ports, caller: Caller, project_id: str, text: str) -> Admission:
    """All VMs of the project that the text selects."""
    return await bulk_delete.delete_vms(ports, caller, project_id, parse_selector(text))


def delete_vms(known: Known) -> Ask:
    return ask(delete_vms_of, known.any("project"), _batch(known))


def create_disks(known: Known) -> Ask:
    specs = tuple(
        DiskSpec(
            name=known.name("disk"),
            flavor="persistent",
            capacity_gb=1,
            labels={"batch": str(known.dice.randint(1, 3))},
        )
        for _ in range(known.dice.randint(2, 4))
    )
    keep = known.dice.random() < 0.5
    return ask(bulk_create.create_disks, known.any("project"), specs, keep=keep)


async def delete_disks_of(
    ports: Ports, caller: Caller, project_id: str, text: str, *, now: bool
) -> Admission:
    """All disks of the project that the text selects."""
    selector = parse_selector(text)
    return await bulk_delete.delete_disks(ports, caller, project_id, selector, now=now)


def delete_disks(known: Known) -> Ask:
    now = known.dice.random() < 0.5
    return ask(delete_disks_of, known.any("project"), _batch(known), now=now)


def _batch(known: Known) -> str:
    return f"batch={known.dice.randint(1, 3)}"


def _detached(known: Known) -> str:
    return known.starting_with("disk", "DETACHED")


def delete_disk(known: Known) -> Ask:
    id_ = _detached(known)
    return ask(disk.disk_delete, id_, about=id_, leads_to=GONE)


def discard_disk(known: Known) -> Ask:
    id_ = _detached(known)
    return ask(disk.disk_discard, id_, about=id_, leads_to="DISCARDED")


def restore_disk(known: Known) -> Ask:
    id_ = known.in_state("disk", "DISCARDED")
    return ask(disk.disk_restore, id_, about=id_, leads_to="DETACHED")


def attach_disk(known: Known) -> Ask:
    id_ = _detached(known)
    vm_id = known.states.get(id_, "").partition(" ")[2]
    if not vm_id or known.dice.random() < 0.2:
        vm_id = known.in_state("vm", "STOPPED", "STARTED")
    return ask(disk.disk_attach, vm_id, id_, about=id_, leads_to=f"ATTACHED {vm_id}")


def detach_disk(known: Known) -> Ask:
    id_ = known.starting_with("disk", "ATTACHED")
    vm_id = known.states.get(id_, "").partition(" ")[2] or known.any("vm")
    return ask(disk.disk_detach, vm_id, id_, about=id_, leads_to=f"DETACHED {vm_id}")


def attach_iso(known: Known) -> Ask:
    name = known.name("disc")
    known.uploads.append(name)
    return ask(vm.iso_attach, known.in_state("vm", "STOPPED", "STARTED"), name, staged(name))


def detach_iso(known: Known) -> Ask:
    return ask(vm.iso_detach, known.in_state("vm", "STOPPED", "STARTED"))


def create_vm_image(known: Known) -> Ask:
    eager = Replication.EAGER if known.dice.random() < 0.4 else Replication.ON_DEMAND
    vm_id = known.in_state("vm", "STOPPED")
    return ask(vm.vm_create_image, vm_id, known.name("captured"), eager, makes="image")


def see_screen(known: Known) -> Ask:
    door = Door(host="sim", port=443, thumbprint="00", lifetime_s=60.0)
    return ask(vm_mks_ticket, known.in_state("vm", "STARTED"), door)


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
    Operation("delete-disk", 3, delete_disk),
    Operation("discard-disk", 2, discard_disk),
    Operation("restore-disk", 1, restore_disk),
    Operation("attach-disk", 6, attach_disk),
    Operation("detach-disk", 5, detach_disk),
    Operation("attach-iso", 2, attach_iso),
    Operation("detach-iso", 2, detach_iso),
    Operation("create-vm-image", 1.5, create_vm_image),
    Operation("see-screen", 0.5, see_screen),
    Operation("create-vms", 1, create_vms),
    Operation("delete-vms", 1, delete_vms),
    Operation("create-disks", 1, create_disks),
    Operation("delete-disks", 1, delete_disks),
)
