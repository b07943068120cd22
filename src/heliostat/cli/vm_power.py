"""``helio vm start`` and the like, disks, metadata and tags: what changes a VM that exists."""

from __future__ import annotations

import click

from heliostat.cli import naming, options
from heliostat.cli.affinities import parse_pairs
from heliostat.cli.carrying import carry_out
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.client.vms import Power

_POWER: dict[Power, str] = {
    "start": "Start VM.",
    "stop": "Stop VM: ask the guest, then switch it off.",
    "restart": "Restart VM.",
    "suspend": "Save VM's memory to disk and free its host's.",
    "resume": "Let a suspended VM go on where it was.",
}


def _power_verb(verb: Power, summary: str) -> click.Command:
    @click.command(verb, cls=Verb, help=summary)
    @click.argument("vm")
    @options.project
    @options.task
    @pass_session
    def power(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
        found = naming.vm_id(session, vm, project, tenant)
        carry_out(session, session.client.vms.power(found, verb))

    return power


@click.command("attach-disk", cls=Verb)
@click.argument("vm")
@click.argument("disk")
@options.project
@options.task
@pass_session
def attach_disk(
    session: Session, vm: str, disk: str, project: str | None, tenant: str | None
) -> None:
    """Attach the persistent DISK to VM."""
    where = naming.vm_id(session, vm, project, tenant)
    what = naming.disk_id(session, disk, project, tenant)
    carry_out(session, session.client.vms.attach_disk(where, what))


@click.command("detach-disk", cls=Verb)
@click.argument("vm")
@click.argument("disk")
@options.project
@options.task
@pass_session
def detach_disk(
    session: Session, vm: str, disk: str, project: str | None, tenant: str | None
) -> None:
    """Detach the persistent DISK from VM; its content stays."""
    where = naming.vm_id(session, vm, project, tenant)
    what = naming.disk_id(session, disk, project, tenant)
    carry_out(session, session.client.vms.detach_disk(where, what))


@click.command("set-metadata", cls=Verb)
@click.argument("vm")
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@options.project
@options.task
@pass_session
def set_metadata(
    session: Session, vm: str, pairs: tuple[str, ...], project: str | None, tenant: str | None
) -> None:
    """Replace the metadata of VM by the pairs given."""
    metadata = parse_pairs(pairs, "KEY=VALUE")
    found = naming.vm_id(session, vm, project, tenant)
    carry_out(session, session.client.vms.set_metadata(found, metadata))


@click.command("tag", cls=Verb)
@click.argument("vm")
@click.argument("tag")
@options.project
@options.task
@pass_session
def add_tag(session: Session, vm: str, tag: str, project: str | None, tenant: str | None) -> None:
    """Add TAG to VM."""
    found = naming.vm_id(session, vm, project, tenant)
    carry_out(session, session.client.vms.add_tag(found, tag))


VERBS = (
    *(_power_verb(verb, summary) for verb, summary in _POWER.items()),
    attach_disk,
    detach_disk,
    set_metadata,
    add_tag,
)
