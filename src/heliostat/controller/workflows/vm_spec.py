"""Reading a VM's specification: what it would be, what it costs, what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from heliostat.agentlink.messages import BootBus
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.flavor import Flavor, FlavorKind, flavor_kind
from heliostat.controller.model.image import PROJECT, Image, ImageState
from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import check_name, check_tag, invalid
from heliostat.controller.model.project import Project
from heliostat.controller.model.quantity import CostItem, total
from heliostat.controller.model.reservation import VmShare
from heliostat.controller.model.vm import AttachedDiskSpec, Vm, VmDisk, VmSpec, VmState, mac_of
from heliostat.controller.scheduler.request import DiskAsk
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Caller, Ports
from heliostat.controller.workflows.affinities import Wanted
from heliostat.controller.workflows.flavor import ready_flavor
from heliostat.controller.workflows.kinds import IMAGE
from heliostat.controller.workflows.placing import Place
from heliostat.controller.workflows.releasing import label_texts
from heliostat.controller.workflows.roles import covered
from heliostat.controller.workflows.subnet import subnets_of_vm
from heliostat.core.errors import PermanentError
from heliostat.core.roles import Role
from heliostat.core.units import GIB, Unit
from heliostat.tasks.model import Problem

STORAGE = "storage."
MAX_DISKS = 16
MAX_USER_DATA = 64 << 10
MAX_CAPACITY_GB = 1 << 20
MAX_SSH_KEYS = 64
MAX_SSH_KEY_LENGTH = 16 << 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """The VM that a spec describes, the documents it stands on, and warnings."""

    vm: Vm
    image: Stored[Image]
    flavors: tuple[Stored[Flavor], ...]
    warnings: tuple[Problem, ...]


async def read_spec(ports: Ports, caller: Caller, project: Project, spec: VmSpec) -> Outcome:
    """The VM of ``spec``; raises what is wrong with it."""
    _check_texts(spec)
    subnets = await subnets_of_vm(ports, spec.subnets)
    image = await _usable_image(ports, caller, project.id, spec.source_image_id)
    flavor = await ready_flavor(ports, FlavorKind.VM, spec.flavor)
    flavors = [flavor]
    disks: list[VmDisk] = []
    warnings: list[Problem] = []
    for each in spec.attached_disks:
        disk_flavor = await ready_flavor(ports, FlavorKind.EPHEMERAL_DISK, each.flavor)
        flavors.append(disk_flavor)
        capacity_gb, warning = _capacity(each, image.value)
        warnings.extend(warning)
        disks.append(_disk(ports, each, disk_flavor.value, capacity_gb))
    costs = [*flavor.value.cost, *(item for disk in disks for item in disk.cost)]
    vm_id = ports.ids.new_id()
    vm = Vm(
        id=vm_id,
        project_id=project.id,
        tenant_id=project.tenant_id,
        name=spec.name,
        state=VmState.CREATING,
        flavor_id=flavor.value.id,
        flavor=flavor.value.name,
        cpu_count=flavor.value.cpu_count,
        memory_mib=flavor.value.memory_mib,
        image_id=image.value.id,
        image_digest=image.value.digest,
        disks=tuple(disks),
        cost=total(tuple(costs)),
        mac=mac_of(vm_id),
        affinities=spec.affinities,
        tags=tuple(dict.fromkeys(spec.tags)),
        subnets=tuple(each.value.id for each in subnets),
        labels=check_labels(spec.labels),
        environment=spec.environment,
        ssh_keys=spec.ssh_keys,
        user_data=spec.user_data,
        restart_on_crash=spec.restart_on_crash,
        boot_bus=BootBus(spec.boot_bus),
        created_ms=ports.clock.now_ms(),
    )
    unique = {each.value.id: each for each in flavors}
    return Outcome(vm, image, tuple(unique.values()), tuple(warnings))


def disk_asks(vm: Vm, image_size_gb: int) -> tuple[DiskAsk, ...]:
    """What the VM's disks take: of its boot disk only what goes beyond the image.

    A boot disk is a copy-on-write child of the cached image.
    """
    return tuple(
        DiskAsk(
            id=disk.id,
            size_bytes=GIB
            * (max(0, disk.capacity_gb - image_size_gb) if disk.boot else disk.capacity_gb),
            tags=storage_tags(disk.cost),
        )
        for disk in vm.disks
    )


def storage_tags(cost: Iterable[CostItem]) -> tuple[str, ...]:
    """What a disk's flavor asks of its datastore: the tags of its ``storage.<TAG>`` items."""
    keys = (item.key for item in cost if item.key.startswith(STORAGE))
    return tuple(sorted({key.removeprefix(STORAGE).upper() for key in keys}))


def share_of(vm: Vm, asks: Iterable[DiskAsk], wanted: Wanted, place: Place) -> VmShare:
    """What the VM reserves at its place."""
    sizes: Counter[str] = Counter()
    for ask in asks:
        sizes[place.datastores.get(ask.id, "")] += ask.size_bytes
    return VmShare(
        cpu_count=vm.cpu_count,
        memory_mib=vm.memory_mib,
        disk_bytes=sum(sizes.values()),
        project_id=vm.project_id,
        datastores={id_: size for id_, size in sizes.items() if id_ and size},
        labels=label_texts(vm),
        avoids=wanted.avoids,
    )


def disk_cost(flavor: Flavor, capacity_gb: int) -> tuple[CostItem, ...]:
    """The flavor's cost and the capacity, which the server adds."""
    capacity = CostItem(key=flavor.kind.capacity_key, value=float(capacity_gb), unit=Unit.GB)
    return (*flavor.cost, capacity)


def check_capacity(capacity_gb: int, field: str = "capacityGb") -> int:
    if not 1 <= capacity_gb <= MAX_CAPACITY_GB:
        raise invalid(field, f"{capacity_gb} is not from 1 to {MAX_CAPACITY_GB}")
    return capacity_gb


async def _usable_image(
    ports: Ports, caller: Caller, project_id: str, image_id: str
) -> Stored[Image]:
    """Of the site, of the project, or of another project for its contributors."""
    image = await reading.image(ports.store, image_id)
    scope = image.value.scope
    foreign = scope.kind == PROJECT and scope.id != project_id
    if foreign and not await _is_lent(ports, caller, image_id):
        raise PermanentError("ImageNotFound", f"There is no image {image_id!r} in this project.")
    if image.value.state is not ImageState.READY:
        raise PermanentError(
            "InvalidImageState",
            f"The image {image.value.name} is {image.value.state}, not READY.",
        )
    return image


async def _is_lent(ports: Ports, caller: Caller, image_id: str) -> bool:
    """By a role of the caller; what administrators may is no reason to cross projects."""
    owner = await reading.owner_of(ports.store, IMAGE, image_id)
    return covered(caller, owner, Role.CONTRIBUTOR)


def _check_texts(spec: VmSpec) -> None:
    check_name(spec.name)
    for tag in spec.tags:
        check_tag(tag, "tags")
    boots = sum(disk.boot_disk for disk in spec.attached_disks)
    if boots != 1:
        raise invalid("attachedDisks", f"a VM has exactly one boot disk, not {boots}")
    if len(spec.attached_disks) > MAX_DISKS:
        raise invalid("attachedDisks", f"a VM is created with at most {MAX_DISKS} disks")
    names = [disk.name for disk in spec.attached_disks]
    if len(set(names)) != len(names):
        raise invalid("attachedDisks", "two disks have the same name")
    for disk in spec.attached_disks:
        check_name(disk.name, "attachedDisks.name")
        if flavor_kind(disk.kind) is not FlavorKind.EPHEMERAL_DISK:
            raise invalid(
                "attachedDisks.kind",
                f"only ephemeral-disk can be created with a VM, not {disk.kind}",
            )
    if len(spec.user_data.encode()) > MAX_USER_DATA:
        raise invalid("userData", f"longer than {MAX_USER_DATA} bytes")
    if spec.boot_bus not in list(BootBus):
        known = ", ".join(bus for bus in BootBus if bus)
        raise invalid("bootBus", f"{spec.boot_bus!r} is none of {known}")
    size = sum(len(key.encode()) + len(val.encode()) for key, val in spec.environment.items())
    if size > MAX_USER_DATA:
        raise invalid("environment", f"{size} bytes are more than {MAX_USER_DATA}")
    if len(spec.ssh_keys) > MAX_SSH_KEYS:
        raise invalid("sshKeys", f"more than {MAX_SSH_KEYS} keys")
    for key in spec.ssh_keys:
        if "\n" in key.strip() or len(key.split()) < 2 or len(key) > MAX_SSH_KEY_LENGTH:
            raise invalid("sshKeys", f"{key[:40]!r} is not a public key of one line")


def _capacity(disk: AttachedDiskSpec, image: Image) -> tuple[int, list[Problem]]:
    """The capacity and what to warn of: a boot disk is as large as its image at least."""
    if not disk.boot_disk:
        if disk.capacity_gb is None:
            raise invalid("attachedDisks.capacityGb", f"the disk {disk.name} needs a capacity")
        return check_capacity(disk.capacity_gb, "attachedDisks.capacityGb"), []
    if disk.capacity_gb is None:
        return image.size_gb, []
    capacity_gb = max(check_capacity(disk.capacity_gb), image.size_gb)
    message = (
        f"The boot disk {disk.name} gets {capacity_gb} GB; its image has {image.size_gb} GB, "
        f"{disk.capacity_gb} GB were asked for."
    )
    return capacity_gb, [Problem(code="InvalidEntity", message=message)]


def _disk(ports: Ports, spec: AttachedDiskSpec, flavor: Flavor, capacity_gb: int) -> VmDisk:
    return VmDisk(
        id=ports.ids.new_id(),
        name=spec.name,
        flavor_id=flavor.id,
        flavor=flavor.name,
        capacity_gb=capacity_gb,
        boot=spec.boot_disk,
        cost=disk_cost(flavor, capacity_gb),
    )


def reserved(vm: Vm, place: Place) -> Vm:
    """The VM once a place is reserved for it; clients are shown where it boots from."""
    disks = tuple(
        replace(each, datastore_id=place.datastores.get(each.id, "")) for each in vm.disks
    )
    boot = next((each.id for each in vm.disks if each.boot), "")
    shown = place.datastore_names.get(boot, "")
    return replace(vm, host_id=place.host_id, datastore=shown, disks=disks)
