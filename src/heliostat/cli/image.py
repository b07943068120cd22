"""``helio image``."""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import carry_out, send_file
from heliostat.cli.history import tasks_verb
from heliostat.cli.iam import policy_commands
from heliostat.cli.labelling import label_verb, parse_labels
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.images import Image, ImageCopy

_COLUMNS = (
    Column[Image]("id", lambda image: image.id),
    Column[Image]("name", lambda image: image.name),
    Column[Image]("state", lambda image: image.state),
    Column[Image]("size", lambda image: text.size(image.size)),
    Column[Image]("scope", lambda image: image.scope.kind),
    Column[Image]("replication", lambda image: image.replication_type),
)

_COPY_COLUMNS = (
    Column[ImageCopy]("datastore", lambda copy: copy.datastore_id),
    Column[ImageCopy]("name", lambda copy: text.cell(copy.datastore)),
    Column[ImageCopy]("hosts", lambda copy: str(len(copy.host_ids))),
    Column[ImageCopy]("seeded", lambda copy: "yes" if copy.is_image_datastore else "no"),
    Column[ImageCopy]("state", lambda copy: copy.state),
    Column[ImageCopy]("done", lambda copy: f"{copy.progress:.0%}"),
    Column[ImageCopy]("message", lambda copy: text.cell(copy.message)),
)


@click.group("image", cls=Noun)
def image() -> None:
    """Images: boot disks, uploaded once."""


@image.command("upload")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="", help="Name of the image (default: the file's name).")
@click.option(
    "--replication",
    type=click.Choice(["EAGER", "ON_DEMAND"], case_sensitive=False),
    default="ON_DEMAND",
    show_default=True,
    help="Copy it to every host now, or to a host that needs it.",
)
@click.option("--scope", type=click.Choice(["site", "project"]), default="site", show_default=True)
@options.labels
@options.project
@options.task
@pass_session
def upload(
    session: Session,
    file: Path,
    name: str,
    replication: str,
    scope: str,
    labels: tuple[str, ...],
    project: str | None,
    tenant: str | None,
) -> None:
    """Upload FILE (raw, qcow2, VMDK or OVA); it is checked and converted on arrival."""
    owner = ""
    if scope == "project" or project:
        owner = naming.project_id(session, project, tenant)
    described = session.client.images.upload(
        file,
        name=name or file.name,
        replication=replication.upper(),
        project_id=owner,
        labels=parse_labels(labels),
    )
    send_file(session, described)


@image.command("list")
@click.option("--name", default="", help="Only those with exactly this name.")
@options.selector
@options.project
@pass_session
def list_images(
    session: Session, name: str, selector: str, project: str | None, tenant: str | None
) -> None:
    """List the images that you may use, or those of one project."""
    owner = naming.project_id(session, project, tenant) if project else ""
    found = session.client.images.list(name=name, project_id=owner, selector=selector)
    session.output.items(found, _COLUMNS, empty="No images; `helio image upload FILE` adds one.")


@image.command("show")
@click.argument("image")
@pass_session
def show(session: Session, image: str) -> None:
    """Show IMAGE (name or id)."""
    session.output.entity(session.client.images.get(naming.image_id(session, image)))


@image.command("copies")
@click.argument("image")
@pass_session
def copies(session: Session, image: str) -> None:
    """List the datastores that hold IMAGE or shall hold it."""
    found = session.client.images.copies(naming.image_id(session, image))
    session.output.items(iter(found.items), _COPY_COLUMNS, empty="No copies: hosts fetch it.")


@image.command("delete")
@click.argument("image")
@options.task
@pass_session
def delete(session: Session, image: str) -> None:
    """Delete IMAGE; while VMs use it, it stays for them only."""
    carry_out(session, session.client.images.delete(naming.image_id(session, image)))


image.add_command(label_verb("image", naming.image_id))
image.add_command(policy_commands("image", naming.image_id))
image.add_command(
    tasks_verb(
        "image",
        naming.image_id,
        lambda session, id_, state: session.client.images.tasks(id_, state=state),
    )
)
