"""How each noun is created, changed and deleted: as a sequence of calls, each its own task.

A maker is a generator: it yields what to ask for next and is sent the task that
did it, so that many things can be under way at once.  It reads ids when it gets
to them, since what it depends on may have been made a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from heliostat.cli.carrying import Startable
from heliostat.cli.declaring.amounts import Amount
from heliostat.cli.declaring.declaration import APPLIED_BY, Address, Declaration, Declared
from heliostat.cli.declaring.difference import Action, FieldChange, Verb, compare
from heliostat.cli.declaring.nouns import Noun
from heliostat.cli.declaring.present import Platform, Present
from heliostat.client.client import Client
from heliostat.client.quotas import QuotaOwner
from heliostat.client.vms import Power
from heliostat.core.errors import HeliostatError
from heliostat.wire.body import Locality
from heliostat.wire.disks import DiskCreateSpec
from heliostat.wire.flavors import FlavorCreateSpec
from heliostat.wire.projects import ProjectCreateSpec
from heliostat.wire.quotas import QuotaItemSpec, QuotaLineItemSpec, QuotaSpec
from heliostat.wire.tasks import Task
from heliostat.wire.tenants import TenantCreateSpec
from heliostat.wire.vms import AttachedDiskSpec, VmCreateSpec

Steps = Generator[Startable, Task, None]
DEFAULT_BOOT_FLAVOR = "ephemeral"

_POWER: Mapping[tuple[str, str], tuple[Power, ...]] = {
    ("stopped", "started"): ("start",),
    ("suspended", "started"): ("resume",),
    ("started", "stopped"): ("stop",),
    ("suspended", "stopped"): ("stop",),
    ("started", "suspended"): ("suspend",),
    ("stopped", "suspended"): ("start", "suspend"),
}


class Makers:
    """Makes actions come true on one platform."""

    def __init__(self, platform: Platform, declaration: Declaration) -> None:
        self._platform = platform
        self._declaration = declaration

    @property
    def _client(self) -> Client:
        return self._platform.client

    def steps(self, action: Action) -> Steps:
        """What to ask for, one after the other."""
        if action.verb is Verb.DELETE:
            yield from self._delete(_known(action.present))
            return
        declared = action.declared
        if declared is None:
            raise TypeError(f"{action.verb} of {action.address} without a declaration")
        if action.verb is Verb.CREATE:
            yield from self._create(declared)
        elif action.verb is Verb.REMAKE:
            yield from self._delete(_known(action.present))
            yield from self._create(declared)
        else:
            for change in action.changes:
                if not change.blocked:
                    yield from self._change(_known(action.present), declared, change)

    def steps_now(self, action: Action) -> Steps:
        """The steps after somebody else was at it: from how the thing is by now."""
        present = self._platform.find(action.address)
        if action.verb is not Verb.CHANGE or action.declared is None or present is None:
            return self.steps(action)
        fresh = compare(action.declared, present, ())
        return self.steps(fresh) if fresh is not None else _nothing()

    def _create(self, thing: Declared) -> Steps:
        creators: dict[Noun, Callable[[Declared], Steps]] = {
            Noun.FLAVOR: self._create_flavor,
            Noun.TENANT: self._create_tenant,
            Noun.PROJECT: self._create_project,
            Noun.IMAGE: self._create_image,
            Noun.DISK: self._create_disk,
            Noun.VM: self._create_vm,
        }
        yield from creators[thing.address.noun](thing)

    def _create_flavor(self, thing: Declared) -> Steps:
        kind, name = thing.address.names
        cost = [
            QuotaLineItemSpec(key=key, value=each.value, unit=each.unit)
            for key, each in thing.fields["cost"].items()
        ]
        spec = FlavorCreateSpec(name=name, kind=kind, cost=cost, labels=self._labels(thing))
        yield self._client.flavors.create(spec)

    def _create_tenant(self, thing: Declared) -> Steps:
        spec = TenantCreateSpec(
            name=thing.address.name,
            security_groups=thing.fields.get("securityGroups"),
            quota=_quota(thing),
            labels=self._labels(thing),
        )
        yield self._client.tenants.create(spec)

    def _create_project(self, thing: Declared) -> Steps:
        container = thing.address.container
        tenant = self._platform.find(container) if container is not None else None
        if tenant is None:
            raise HeliostatError("TenantNotFound", f"There is no {container}.")
        spec = ProjectCreateSpec(
            name=thing.address.name,
            security_groups=thing.fields.get("securityGroups"),
            quota=_quota(thing),
            labels=self._labels(thing),
        )
        yield self._client.projects.create(tenant.id, spec)

    def _create_image(self, thing: Declared) -> Steps:
        if "file" not in thing.fields:
            raise HeliostatError(
                "ImageNotFound",
                f"There is no {thing.address}, and no file to make it from is declared.",
                hint="Add `file:` to it, or upload it with `helio image upload`.",
            )
        project_id = ""
        if thing.address.container is not None:
            project_id = self._platform.project_id(thing.address)
        yield self._client.images.upload(
            thing.path(thing.fields["file"]),
            name=thing.address.name,
            replication=thing.fields.get("replication", "ON_DEMAND"),
            project_id=project_id,
            labels=self._labels(thing),
        )

    def _create_disk(self, thing: Declared) -> Steps:
        places = _affinities(thing) or self._near(thing.address)
        spec = DiskCreateSpec(
            name=thing.address.name,
            flavor=thing.fields["flavor"],
            capacity_gb=thing.fields["capacityGb"],
            affinities=places,
            tags=thing.fields.get("tags"),
            labels=self._labels(thing),
        )
        yield self._client.disks.create(self._platform.project_id(thing.address), spec)

    def _create_vm(self, thing: Declared) -> Steps:
        address, fields = thing.address, thing.fields
        attached = [self._disk(address, each) for each in fields.get("attach", ())]
        places = _affinities(thing)
        if attached and not places:
            places = [Locality(kind="disk", id=each.id) for each in attached]
        spec = VmCreateSpec(
            name=address.name,
            flavor=fields["flavor"],
            source_image_id=self._platform.image_id(address, fields["image"]),
            attached_disks=_disks(thing),
            affinities=places,
            tags=fields.get("tags"),
            subnets=fields.get("subnets"),
            environment=fields.get("environment"),
            ssh_keys=[_public_key(thing, each) for each in fields.get("sshKeys", ())],
            user_data=_user_data(thing),
            restart_on_crash=fields.get("restartOnCrash", True),
            boot_bus=fields.get("bootBus", ""),
            labels=self._labels(thing),
        )
        made = yield self._client.vms.create(self._platform.project_id(address), spec)
        vm_id = made.entity.id
        if fields.get("metadata"):
            yield self._client.vms.set_metadata(vm_id, fields["metadata"])
        for each in attached:
            yield self._client.vms.attach_disk(vm_id, each.id)
        for verb in _POWER.get(("stopped", fields.get("power", "stopped")), ()):
            yield self._client.vms.power(vm_id, verb)

    def _change(self, there: Present, thing: Declared, change: FieldChange) -> Steps:
        noun, client = thing.address.noun, self._client
        if change.field == "labels":
            gone = [key for key in change.before or {} if key not in change.after]
            set_ = {
                key: val
                for key, val in change.after.items()
                if (change.before or {}).get(key) != val
            }
            yield client.labels.change(str(noun), there.id, set_, gone)
        elif change.field == "securityGroups":
            if noun is Noun.TENANT:
                yield client.tenants.set_security_groups(there.id, change.after)
            else:
                yield client.projects.set_security_groups(there.id, change.after)
        elif change.field == "quota":
            owner = QuotaOwner("tenant" if noun is Noun.TENANT else "project", there.id)
            yield client.quotas.set(owner, _items(change.after))
        elif change.field == "metadata":
            yield client.vms.set_metadata(there.id, change.after)
        elif change.field == "tags":
            for tag in sorted(set(change.after) - set(change.before)):
                yield client.vms.add_tag(there.id, tag)
        elif change.field == "power":
            for verb in _POWER.get((change.before, change.after), ()):
                yield client.vms.power(there.id, verb)
        elif change.field == "attach":
            yield from self._attach(there, change)

    def _attach(self, there: Present, change: FieldChange) -> Steps:
        for name in sorted(set(change.before) - set(change.after)):
            yield self._client.vms.detach_disk(there.id, self._disk(there.address, name).id)
        for name in sorted(set(change.after) - set(change.before)):
            yield self._client.vms.attach_disk(there.id, self._disk(there.address, name).id)

    def _delete(self, there: Present) -> Steps:
        client, noun = self._client, there.address.noun
        match noun:
            case Noun.VM:
                yield from self._delete_vm(there)
            case Noun.DISK:
                for vm_id in client.disks.get(there.id).vms:
                    yield client.vms.detach_disk(vm_id, there.id)
                yield client.disks.delete(there.id)
            case Noun.IMAGE:
                yield client.images.delete(there.id)
            case Noun.PROJECT:
                yield client.projects.delete(there.id)
            case Noun.TENANT:
                yield client.tenants.delete(there.id)
            case Noun.FLAVOR:
                yield client.flavors.delete(there.id)

    def _delete_vm(self, there: Present) -> Steps:
        client = self._client
        now = client.vms.get(there.id)
        if now.state in ("STARTED", "SUSPENDED"):
            yield client.vms.power(there.id, "stop")
        for each in now.attached_disks:
            if each.kind == "persistent-disk":
                yield client.vms.detach_disk(there.id, each.id)
        yield client.vms.delete(there.id)

    def _disk(self, vm: Address, name: str) -> Present:
        address = Address(Noun.DISK, (*vm.names[:-1], name))
        found = self._platform.find(address)
        if found is None:
            raise HeliostatError("DiskNotFound", f"There is no {address}, which {vm} attaches.")
        return found

    def earlier(self, action: Action) -> set[Address]:
        """What has to be there first: the disks of one VM go where the first of them is."""
        if action.address.noun is not Noun.DISK:
            return set()
        companions = self._companions(action.address)
        return {each for each in companions if each.noun is Noun.DISK and each < action.address}

    def _companions(self, disk: Address) -> list[Address]:
        """The VM that shall attach the disk, and its other disks."""
        for vm in self._declaration.of(Noun.VM):
            wanted = vm.fields.get("attach", ())
            if vm.address.names[:-1] == disk.names[:-1] and disk.name in wanted:
                names = (each for each in wanted if each != disk.name)
                return [
                    vm.address,
                    *(Address(Noun.DISK, (*disk.names[:-1], each)) for each in names),
                ]
        return []

    def _near(self, disk: Address) -> list[Locality]:
        """Where a disk has to be so that its VM can attach it."""
        companions = self._companions(disk)
        if companions:
            self._platform.forget()  # one of them may have been made a moment ago
        for address in companions:
            found = self._platform.find(address)
            if found is not None and found.host_id:
                if address.noun is Noun.VM:
                    return [Locality(kind="vm", id=found.id)]
                return [Locality(kind="host", id=found.host_id)]
        return []

    def _labels(self, thing: Declared) -> dict[str, str]:
        labels = dict(thing.fields.get("labels", {}))
        if self._declaration.set_name:
            labels[APPLIED_BY] = self._declaration.set_name
        return labels


def _nothing() -> Steps:
    yield from ()


def _known(present: Present | None) -> Present:
    if present is None:
        raise TypeError("a change of nothing")
    return present


def _quota(thing: Declared) -> QuotaSpec | None:
    limits = thing.fields.get("quota")
    return QuotaSpec(quota_items=_items(limits)) if limits else None


def _items(limits: Mapping[str, Amount]) -> dict[str, QuotaItemSpec]:
    return {key: QuotaItemSpec(limit=each.value, unit=each.unit) for key, each in limits.items()}


def _affinities(thing: Declared) -> list[Locality]:
    given: list[dict[str, Any]] = thing.fields.get("affinities", [])
    return [Locality(**each) for each in given]


def _disks(thing: Declared) -> list[AttachedDiskSpec]:
    boot = thing.fields.get("bootDisk", {})
    return [
        AttachedDiskSpec(
            name=f"{thing.address.name}-boot0",
            flavor=boot.get("flavor", DEFAULT_BOOT_FLAVOR),
            boot_disk=True,
            capacity_gb=boot.get("capacityGb"),
        ),
        *(
            AttachedDiskSpec(
                name=each["name"], flavor=each["flavor"], capacity_gb=each["capacityGb"]
            )
            for each in thing.fields.get("disks", ())
        ),
    ]


def _user_data(thing: Declared) -> str:
    if "userDataFile" in thing.fields:
        return _read(thing.path(thing.fields["userDataFile"]))
    return str(thing.fields.get("userData", ""))


def _public_key(thing: Declared, given: str) -> str:
    """A key as written, or from a file; a private key must not travel."""
    text = given if given.startswith(("ssh-", "ecdsa-", "sk-")) else _read(thing.path(given))
    if "PRIVATE KEY" in text:
        raise HeliostatError(
            "InvalidEntity", f"{given} is a private key.", hint=f"Name {given}.pub instead."
        )
    return text.strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HeliostatError(
            "InvalidEntity", f"{path} can't be read: {error}.", hint="Correct the path."
        ) from error
