"""Operations on many VMs or disks at once."""

from __future__ import annotations

from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.selector import parse_selector
from heliostat.controller.model.vm import AttachedDiskSpec, VmSpec
from heliostat.controller.workflows import bulk_create, bulk_delete
from heliostat.sim.operations.asking import Ask, Known, Operation, ask

_BOOT = AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True)
_JOBS = ("a", "b")


def _job(known: Known) -> str:
    return known.dice.choice(_JOBS)


def create_vms(known: Known) -> Ask:
    dice, image, job = known.dice, known.any("image"), _job(known)
    specs = [
        VmSpec(
            name=known.name("ci"),
            flavor="tiny",
            source_image_id=image,
            attached_disks=(_BOOT,),
            labels={"job": job},
            user_data="#cloud-config" if dice.random() < 0.3 else "",
        )
        for _ in range(dice.randint(1, 4))
    ]
    return ask(bulk_create.create_vms, known.any("project"), specs, keep=dice.random() < 0.5)


def create_disks(known: Known) -> Ask:
    dice, job = known.dice, _job(known)
    specs = [
        DiskSpec(name=known.name("ci"), flavor="persistent", capacity_gb=1, labels={"job": job})
        for _ in range(dice.randint(1, 3))
    ]
    return ask(bulk_create.create_disks, known.any("project"), specs, keep=dice.random() < 0.5)


def delete_vms(known: Known) -> Ask:
    selector = parse_selector(f"job={_job(known)}")
    return ask(bulk_delete.delete_vms, known.any("project"), selector)


def delete_disks(known: Known) -> Ask:
    selector = parse_selector(f"job={_job(known)}")
    now = known.dice.random() < 0.7
    return ask(bulk_delete.delete_disks, known.any("project"), selector, now=now)


OPERATIONS = (
    Operation("create-vms", 3, create_vms),
    Operation("create-disks", 2, create_disks),
    Operation("delete-vms", 4, delete_vms),
    Operation("delete-disks", 3, delete_disks),
)
