"""Disks that are made with a VM, from what people type."""

from __future__ import annotations

import click

from heliostat.cli.session import Session
from heliostat.core.errors import HeliostatError
from heliostat.wire.vms import AttachedDiskSpec

KIND = "ephemeral-disk"
DEFAULT = "ephemeral"


def boot_disk(session: Session, vm_name: str, flavor: str) -> AttachedDiskSpec:
    """The boot disk; without a flavor named, of the site's own default one, else the plainest."""
    return AttachedDiskSpec(
        name=f"{vm_name}-boot0",
        kind=KIND,
        flavor=flavor or _default_flavor(session),
        boot_disk=True,
    )


def extra_disk(given: str) -> AttachedDiskSpec:
    """An empty disk from ``NAME FLAVOR GIB``."""
    words = given.split()
    if len(words) != 3 or not words[2].isdigit() or int(words[2]) < 1:
        raise click.BadParameter(f"{given!r} is not 'NAME FLAVOR GIB'.", param_hint="--disk")
    return AttachedDiskSpec(name=words[0], kind=KIND, flavor=words[1], capacity_gb=int(words[2]))


def _default_flavor(session: Session) -> str:
    found = [f for f in session.client.flavors.list(kind=KIND) if f.state == "READY"]
    if not found:
        raise HeliostatError(
            "FlavorNotFound",
            "There is no ephemeral-disk flavor for the boot disk.",
            hint="`helio flavor create NAME --kind ephemeral-disk --cost …` makes one.",
        )
    return min(found, key=lambda each: (each.name != DEFAULT, len(each.cost), each.name)).name
