"""Taking a VM out of the books: entity, quota, reservation, and what went with it."""

from __future__ import annotations

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.content.references import Owner, remove
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows.kinds import VM, VMS
from heliostat.controller.workflows.ledger import release_project
from heliostat.controller.workflows.releasing import released
from heliostat.controller.workflows.unused import sweep_flavors, sweep_image
from heliostat.controller.workflows.vm_ticket import forgotten


async def removal(
    store: CloudStore, stored: Stored[Vm], now_ms: int
) -> tuple[list[Guard], list[Change]]:
    """One commit that leaves nothing of the VM, nor of images and flavors it was the last of."""
    vm = stored.value
    quota = await release_project(store, vm.tenant_id, vm.project_id, vm.cost, now_ms)
    reservation = await released(store, vm.host_id, vm=vm.id)
    image = await sweep_image(store, vm.image_id, vm.id)
    flavor_ids = [vm.flavor_id, *(disk.flavor_id for disk in vm.disks)]
    flavors = await sweep_flavors(store, flavor_ids, vm.id)
    guards: list[Guard] = [
        VMS.guard(stored),
        *quota.guards,
        *reservation.guards,
        *image.guards,
        *flavors.guards,
    ]
    changes: list[Change] = [
        *VMS.delete(vm),
        *iso_release(vm),
        *await forgotten(store, vm.id),
        *quota.changes,
        *reservation.changes,
        *image.changes,
        *flavors.changes,
    ]
    return guards, changes


def iso_release(vm: Vm) -> list[Change]:
    """The VM's disc image is needed no more; collection frees its content."""
    if vm.iso is None:
        return []
    return list(remove(vm.iso.digest, Owner(VM, vm.id)).changes)
