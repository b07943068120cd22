"""What is, written as files are: so that a site that grew by hand can be declared from now on."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from heliostat.cli.declaring import present
from heliostat.cli.declaring.declaration import OURS, Address
from heliostat.cli.declaring.nouns import Noun
from heliostat.cli.declaring.present import Platform, Present
from heliostat.cli.declaring.showing import plain
from heliostat.wire.projects import Project
from heliostat.wire.tenants import Tenant

HEADER = """\
# Written by `helio export`; `helio apply -f` makes it so again.
# Not in here because nobody can read it back: SSH keys, user data, environment and
# affinities of VMs, and the files of images.
"""


def site(platform: Platform) -> dict[str, Any]:
    """Everything that the caller may see."""
    client = platform.client
    flavors = [_item(present.of_flavor(each)) for each in client.flavors.list()]
    images = [
        _item(present.of_image(each, Address(Noun.IMAGE, (each.name,))))
        for each in platform.images()
        if each.scope.kind != "project"
    ]
    tenants = [tenant(platform, each) for each in platform.tenants()]
    return _without_empty({"flavors": flavors, "images": images, "tenants": tenants})


def tenant(platform: Platform, found: Tenant) -> dict[str, Any]:
    projects = [project(platform, found, each) for each in platform.projects(found.id)]
    return {**_item(present.of_tenant(found)), **_without_empty({"projects": projects})}


def project(platform: Platform, above: Tenant, found: Project) -> dict[str, Any]:
    names = (above.name, found.name)
    sections = {
        "images": [
            present.of_image(each, Address(Noun.IMAGE, (*names, each.name)))
            for each in platform.images(found.id)
        ],
        "disks": [
            present.of_disk(each, Address(Noun.DISK, (*names, each.name)))
            for each in platform.disks(found.id)
        ],
        "vms": [
            platform.of_vm(each, Address(Noun.VM, (*names, each.name)))
            for each in platform.vms(found.id)
        ],
    }
    items = {key: [_item(each) for each in found_] for key, found_ in sections.items()}
    own = _item(present.of_project(found, Address(Noun.PROJECT, names)))
    return {**own, **_without_empty(items)}


def only_project(platform: Platform, above: Tenant, found: Project) -> dict[str, Any]:
    """One project: its tenant is named, not declared."""
    inner = project(platform, above, found)
    return {"tenants": [{"name": above.name, "projects": [inner]}]}


def as_yaml(content: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    writer = YAML()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 120
    text = io.StringIO()
    writer.dump(content, text)
    return HEADER + text.getvalue()


def _item(found: Present) -> dict[str, Any]:
    """Name first; what is empty, and labels that our own tools set, are left out."""
    fields = dict(found.fields)
    labels = {key: val for key, val in fields.get("labels", {}).items() if not key.startswith(OURS)}
    fields["labels"] = labels
    if fields.get("power") not in (None, "started", "stopped", "suspended"):
        del fields["power"]  # a state that nobody can ask for
    shown: dict[str, Any] = plain(_without_empty(fields))
    return {"name": found.address.name, **shown}


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: val for key, val in fields.items() if val not in ({}, [], "", None)}
