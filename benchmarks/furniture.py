"""What every workload stands on: a tenant, a project, flavors, an image, a caller.

Made through the public API.  The caller is no administrator: it is in a group of
the project, so every request of it is authorised by looking up who owns what.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.controller_process import ControllerProcess

from heliostat.client.calls import Change
from heliostat.client.client import Client
from heliostat.wire.flavors import FlavorCreateSpec
from heliostat.wire.groups import GroupCreateSpec
from heliostat.wire.projects import ProjectCreateSpec
from heliostat.wire.quotas import QuotaItemSpec, QuotaLineItemSpec, QuotaSpec
from heliostat.wire.tasks import Task
from heliostat.wire.tenants import TenantCreateSpec
from heliostat.wire.users import UserCreateSpec
from heliostat.wire.vms import AttachedDiskSpec, VmCreateSpec

PASSWORD = "a phrase to sign in with 4711"  # a throw-away platform's
FLAVORS = (
    ("bench-vm", "vm", (("vm", "COUNT"), ("vm.cpu", "COUNT"), ("vm.memory", "GB"))),
    ("bench-boot", "ephemeral-disk", (("ephemeral-disk", "COUNT"),)),
)
SECTOR = bytes(510) + b"\x55\xaa"


@dataclass(frozen=True, slots=True)
class Furniture:
    """Ids, and the caller's bearer token."""

    tenant_id: str
    project_id: str
    image_id: str
    token: str

    def vm(self, name: str) -> VmCreateSpec:
        """A small machine."""
        boot = AttachedDiskSpec(name="boot", flavor="bench-boot", boot_disk=True)
        return VmCreateSpec(
            name=name, flavor="bench-vm", source_image_id=self.image_id, attached_disks=[boot]
        )


def furnish(controller: ControllerProcess) -> Furniture:
    """Everything, on a platform that runs and is new."""
    with controller.owner() as owner:
        groups = _people(owner)
        limits = QuotaSpec(
            quota_items={
                "vm.cpu": QuotaItemSpec(limit=10_000_000, unit="COUNT"),
                "vm.memory": QuotaItemSpec(limit=10_000_000, unit="GB"),
            }
        )
        tenant_id = _made(owner, owner.tenants.create(TenantCreateSpec(name="bench", quota=limits)))
        spec = ProjectCreateSpec(name="bench", quota=limits, security_groups=groups)
        project_id = _made(owner, owner.projects.create(tenant_id, spec))
        for name, kind, cost in (
            (
                "bench-vm",
                "vm",
                [("vm", 1, "COUNT"), ("vm.cpu", 1, "COUNT"), ("vm.memory", 1, "GB")],
            ),
            ("bench-boot", "ephemeral-disk", [("ephemeral-disk", 1, "COUNT")]),
        ):
            lines = [
                QuotaLineItemSpec(key=key, value=value, unit=unit) for key, value, unit in cost
            ]
            _made(owner, owner.flavors.create(FlavorCreateSpec(name=name, kind=kind, cost=lines)))
        return Furniture(tenant_id, project_id, _image(owner), sign_in(controller))


def sign_in(controller: ControllerProcess) -> str:
    """A fresh access token of the caller."""
    ca = (controller.home.authority / "ca.pem").read_text()
    with Client(controller.tls_url, ca_pem=ca) as anyone:
        return anyone.token_service.by_password("bench@heliostat.local", PASSWORD).access_token


def _people(owner: Client) -> list[str]:
    owner.users.create(UserCreateSpec(name="bench", password=PASSWORD)).submit()
    group = owner.groups.create(GroupCreateSpec(name="bench-users")).submit()
    owner.groups.add_member(group.name, "bench").submit()
    return [group.security_group]


def _image(owner: Client) -> str:
    """The smallest disk that is one: a sector with the mark of a boot record."""
    with tempfile.NamedTemporaryFile(suffix=".img") as file:
        file.write(SECTOR + bytes(1 << 20))
        file.flush()
        upload = owner.images.upload(Path(file.name), name="bench")
        return _ended(owner, upload.submit())


def _made(owner: Client, change: Change[Task]) -> str:
    return _ended(owner, change.submit())


def _ended(owner: Client, task: Task) -> str:
    """The id of what the task made, once it has."""
    done = owner.tasks.wait(task)
    assert done.entity is not None
    return done.entity.id
