"""``helio disk``."""

from __future__ import annotations

import click

from heliostat.cli import many, naming, options, text
from heliostat.cli.affinities import affinities, read_affinities
from heliostat.cli.carrying import carry_out
from heliostat.cli.history import tasks_verb
from heliostat.cli.iam import policy_commands
from heliostat.cli.labelling import label_verb_in_project, parse_labels
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.bulk import BulkDisksSpec
from heliostat.wire.disks import Disk, DiskCreateSpec

_COLUMNS = (
    Column[Disk]("id", lambda disk: disk.id),
    Column[Disk]("name", lambda disk: disk.name),
    Column[Disk]("state", lambda disk: disk.state),
    Column[Disk]("size", lambda disk: f"{disk.capacity_gb} GiB"),
    Column[Disk]("flavor", lambda disk: disk.flavor),
    Column[Disk]("vm", lambda disk: text.cell(disk.vms)),
)


_KEPT = Column[Disk]("kept until", lambda disk: text.moment(disk.deleted_until))


@click.group("disk", cls=Noun)
def disk() -> None:
    """Persistent disks: they outlive the VMs they are attached to."""


@disk.command("create")
@click.argument("name")
@click.option("--size", required=True, type=click.IntRange(min=1), metavar="GIB", help="Capacity.")
@click.option("--flavor", required=True, help="Name of a persistent-disk flavor.")
@click.option("--near", metavar="VM", help="Place it on this VM's host, to be attached there.")
@affinities
@click.option("--tag", "tags", multiple=True)
@many.count_option
@options.labels
@options.project
@options.task
@pass_session
def create(
    session: Session,
    name: str,
    size: int,
    flavor: str,
    near: str | None,
    affinity: tuple[str, ...],
    anti_affinity: tuple[str, ...],
    prefer: tuple[str, ...],
    prefer_away: tuple[str, ...],
    tags: tuple[str, ...],
    count: int | None,
    labels: tuple[str, ...],
    project: str | None,
    tenant: str | None,
) -> None:
    """Create the disk NAME; many at once with --count and a name such as 'd-{n}'."""
    many.check_pattern(name, count)
    owner = naming.project_id(session, project, tenant)
    places = list(affinity)
    if near:
        places.append(f"vm:{naming.vm_id(session, near, project, tenant)}")
    spec = DiskCreateSpec(
        name=name,
        flavor=flavor,
        capacity_gb=size,
        affinities=read_affinities(places, anti_affinity, prefer, prefer_away),
        tags=[*tags],
        labels=parse_labels(labels),
    )
    if count:
        asked = BulkDisksSpec(template=spec, count=count, name_pattern=name)
        carry_out(session, session.client.bulk.create_disks(owner, asked))
        return
    carry_out(session, session.client.disks.create(owner, spec))


@disk.command("list")
@click.option("--deleted", is_flag=True, help="Those that were deleted and can be restored.")
@click.option("--name", default="", help="Only those with exactly this name.")
@options.selector
@options.project
@pass_session
def list_disks(
    session: Session,
    name: str,
    deleted: bool,
    selector: str,
    project: str | None,
    tenant: str | None,
) -> None:
    """List the disks of a project."""
    owner = naming.project_id(session, project, tenant)
    found = session.client.disks.list(owner, name=name, selector=selector, deleted=deleted)
    columns = (*_COLUMNS, _KEPT) if deleted else _COLUMNS
    session.output.items(found, columns, empty="No disks.")


@disk.command("show")
@click.argument("disk")
@options.project
@pass_session
def show(session: Session, disk: str, project: str | None, tenant: str | None) -> None:
    """Show DISK (name or id)."""
    found = naming.disk_id(session, disk, project, tenant)
    session.output.entity(session.client.disks.get(found))


@disk.command("delete")
@click.argument("disk", required=False)
@click.option("--now", is_flag=True, help="Remove it with its content at once.")
@click.option("-l", "--selector", default="", metavar="SELECTOR", help=many.SELECTOR_HELP)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@options.project
@options.task
@pass_session
def delete(
    session: Session,
    disk: str | None,
    now: bool,
    selector: str,
    yes: bool,
    project: str | None,
    tenant: str | None,
) -> None:
    """Delete DISK, which must be detached; `helio disk restore` has it back for a time."""
    many.one_or_selected(disk, selector)
    if disk is None:
        owner = naming.project_id(session, project, tenant)
        change = session.client.bulk.delete_disks(owner, selector, now=now)
        many.delete_selected(session, change, "disk", yes=yes)
        return
    if now and not naming.is_id(disk):
        found = _disk_or_deleted(session, disk, project, tenant)
    else:
        found = naming.disk_id(session, disk, project, tenant)
    task = carry_out(session, session.client.disks.delete(found, now=now))
    until = task.resource_properties.get("deletedUntil") if task is not None else None
    if until:
        session.output.note(
            f"It is kept until {text.moment(until)}: `helio disk restore {found}` has it back."
        )


@disk.command("restore")
@click.argument("disk")
@options.project
@options.task
@pass_session
def restore(session: Session, disk: str, project: str | None, tenant: str | None) -> None:
    """Have the deleted DISK back, with its content."""
    found = naming.deleted_disk_id(session, disk, project, tenant)
    carry_out(session, session.client.disks.restore(found))


def _disk_or_deleted(session: Session, disk: str, project: str | None, tenant: str | None) -> str:
    """A disk of this name, else a deleted one."""
    owner = naming.project_id(session, project, tenant)
    disks = session.client.disks
    found = [*disks.list(owner, name=disk)] or [*disks.list(owner, name=disk, deleted=True)]
    return naming.choose("disk", disk, found, "DiskNotFound")


disk.add_command(label_verb_in_project("disk", naming.disk_id))
disk.add_command(policy_commands("disk", naming.disk_id, options.project))
disk.add_command(
    tasks_verb(
        "disk",
        naming.disk_id,
        lambda session, id_, state: session.client.disks.tasks(id_, state=state),
        options.project,
    )
)
