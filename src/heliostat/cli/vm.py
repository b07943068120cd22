"""``helio vm``: the group; its verbs live beside it, by what they are about."""

from __future__ import annotations

import click

from heliostat.cli import (
    naming,
    options,
    vm_access,
    vm_lifecycle,
    vm_media,
    vm_power,
    vm_records,
)
from heliostat.cli.iam import policy_commands
from heliostat.cli.options import Noun


@click.group("vm", cls=Noun)
def vm() -> None:
    """Virtual machines."""


for _part in (vm_lifecycle, vm_power, vm_media, vm_access, vm_records):
    for _verb in _part.VERBS:
        vm.add_command(_verb)
vm.add_command(policy_commands("vm", naming.vm_id, options.project))
