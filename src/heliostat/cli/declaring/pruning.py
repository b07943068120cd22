"""What belongs to a set of files: found by its label, wherever the caller may look."""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.cli.declaring import present
from heliostat.cli.declaring.declaration import APPLIED_BY, Address
from heliostat.cli.declaring.nouns import Noun
from heliostat.cli.declaring.present import Platform, Present


def of_set(platform: Platform, set_name: str) -> Iterator[Present]:
    """Everything with the set's label."""
    client, selector = platform.client, f"{APPLIED_BY}={set_name}"
    for flavor in client.flavors.list(selector=selector):
        yield present.of_flavor(flavor)
    for image in client.images.list(selector=selector):
        if image.scope.kind != "project":
            yield present.of_image(image, Address(Noun.IMAGE, (image.name,)))
    for tenant in platform.tenants():
        if tenant.labels.get(APPLIED_BY) == set_name:
            yield present.of_tenant(tenant)
        for project in platform.projects(tenant.id):
            names = (tenant.name, project.name)
            if project.labels.get(APPLIED_BY) == set_name:
                yield present.of_project(project, Address(Noun.PROJECT, names))
            for image in client.images.list(project_id=project.id, selector=selector):
                yield present.of_image(image, Address(Noun.IMAGE, (*names, image.name)))
            for disk in client.disks.list(project.id, selector=selector):
                yield present.of_disk(disk, Address(Noun.DISK, (*names, disk.name)))
            for vm in client.vms.list(project.id, selector=selector):
                yield platform.of_vm(vm, Address(Noun.VM, (*names, vm.name)))
