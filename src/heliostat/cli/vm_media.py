"""``helio vm attach-iso``, ``detach-iso``, ``create-image``: a VM's CD drive and disk."""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import naming, options
from heliostat.cli.carrying import carry_out, send_file
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session


@click.command("attach-iso", cls=Verb)
@click.argument("vm")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="", help="Name of the ISO (default: the file's name).")
@options.project
@options.task
@pass_session
def attach_iso(
    session: Session, vm: str, file: Path, name: str, project: str | None, tenant: str | None
) -> None:
    """Upload FILE into the CD drive of VM, which may run."""
    found = naming.vm_id(session, vm, project, tenant)
    send_file(session, session.client.vms.attach_iso(found, file, name=name or file.name))


@click.command("detach-iso", cls=Verb)
@click.argument("vm")
@options.project
@options.task
@pass_session
def detach_iso(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Take the ISO out of the CD drive of VM; one that is mounted is taken all the same."""
    carry_out(session, session.client.vms.detach_iso(naming.vm_id(session, vm, project, tenant)))


@click.command("create-image", cls=Verb)
@click.argument("vm")
@click.argument("image")
@click.option(
    "--replication",
    type=click.Choice(["EAGER", "ON_DEMAND"], case_sensitive=False),
    default="ON_DEMAND",
    show_default=True,
    help="Copy it to every host now, or to a host that needs it.",
)
@options.project
@options.task
@pass_session
def create_image(
    session: Session, vm: str, image: str, replication: str, project: str | None, tenant: str | None
) -> None:
    """Make the image IMAGE of the boot disk of VM, which must be stopped.

    The image belongs to VM's project and has what was changed on the disk.
    """
    found = naming.vm_id(session, vm, project, tenant)
    carry_out(
        session,
        session.client.vms.create_image(found, image, replication=replication.upper()),
    )


VERBS = (attach_iso, detach_iso, create_image)
