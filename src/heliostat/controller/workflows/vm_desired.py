"""A VM's document as what its host shall make true (pure)."""

from __future__ import annotations

from heliostat.agentlink.messages import (
    DesiredIso,
    DesiredNic,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    Power,
)
from heliostat.controller.model.disk import Disk
from heliostat.controller.model.vm import Vm, VmState
from heliostat.core.units import GIB

_POWER = {
    VmState.STARTED: Power.ON,
    VmState.SUSPENDED: Power.SUSPENDED,
}


def power_of(state: VmState) -> Power:
    """The power that a VM in a lasting state is wanted in."""
    return _POWER.get(state, Power.OFF)


def desired_vm(
    vm: Vm, attached: list[Disk], power: Power, *, stop_grace_s: float, hard: bool = False
) -> DesiredVm:
    """The desired document of ``vm`` with the persistent disks ``attached``, in their order."""
    own = [
        DesiredVmDisk(
            id=disk.id,
            kind=DiskKind.BOOT if disk.boot else DiskKind.EPHEMERAL,
            capacity_bytes=disk.capacity_gb * GIB,
            image_digest=vm.image_digest if disk.boot else "",
            datastore=disk.datastore_id,
        )
        for disk in sorted(vm.disks, key=lambda disk: not disk.boot)
    ]
    others = [
        DesiredVmDisk(
            id=disk.id,
            kind=DiskKind.PERSISTENT,
            capacity_bytes=disk.capacity_gb * GIB,
            datastore=disk.datastore_id,
        )
        for disk in attached
    ]
    return DesiredVm(
        id=vm.id,
        name=vm.name,
        power=power,
        cpu_count=vm.cpu_count,
        memory_mib=vm.memory_mib,
        disks=(*own, *others),
        nics=(DesiredNic(mac=vm.mac),),
        iso=_iso(vm),
        restart=vm.restart_count,
        hard=hard,
        restart_on_crash=vm.restart_on_crash,
        boot_bus=vm.boot_bus,
        stop_timeout_s=stop_grace_s,
        hostname=vm.name,
        ssh_keys=vm.ssh_keys,
        user_data=vm.user_data,
        environment=vm.environment,
    )


def _iso(vm: Vm) -> DesiredIso | None:
    if vm.iso is None:
        return None
    return DesiredIso(digest=vm.iso.digest, size_bytes=vm.iso.size_bytes)
