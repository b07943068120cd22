"""``helio datastore``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import carry_out
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.datastores import Datastore, ImageDatastore

_COLUMNS = (
    Column[Datastore]("id", lambda each: each.id),
    Column[Datastore]("name", lambda each: text.cell(each.name)),
    Column[Datastore]("type", lambda each: each.type),
    Column[Datastore]("tags", lambda each: text.cell(", ".join(each.tags))),
    Column[Datastore]("free", lambda each: text.size(each.free_bytes)),
    Column[Datastore]("of", lambda each: text.size(each.total_bytes)),
    Column[Datastore]("hosts", lambda each: _hosts(each)),
    Column[Datastore](
        "images",
        lambda each: f"{each.image_count}{' (seeded)' if each.is_image_datastore else ''}",
    ),
)


def _image_counts(each: ImageDatastore) -> str:
    present = sum(image.state == "PRESENT" for image in each.images)
    return f"{present} of {len(each.images)}"


_IMAGE_COLUMNS = (
    Column[ImageDatastore]("id", lambda each: each.id),
    Column[ImageDatastore]("name", lambda each: text.cell(each.name)),
    Column[ImageDatastore]("type", lambda each: each.type),
    Column[ImageDatastore]("hosts", lambda each: str(len(each.host_ids))),
    Column[ImageDatastore]("images", _image_counts),
)


def _hosts(datastore: Datastore) -> str:
    usable = sum(each.available and each.agent_state == "ACTIVE" for each in datastore.hosts)
    return f"{usable} of {len(datastore.hosts)}"


@click.group("datastore", cls=Noun)
def datastore() -> None:
    """Datastores: where disks and images lie."""


@datastore.command("list")
@click.option("--name", default="", help="Only those with exactly this name.")
@click.option("--host", default="", help="Only those of this host (id, address or name).")
@pass_session
def list_datastores(session: Session, name: str, host: str) -> None:
    """List the datastores; 'hosts' counts those that can use one now, of those that have it."""
    host_id = naming.host_id(session, host) if host else ""
    found = session.client.datastores.list(name=name, host_id=host_id)
    session.output.items(found, _COLUMNS, empty="No datastores; hosts bring theirs.")


@datastore.command("show")
@click.argument("datastore")
@pass_session
def show(session: Session, datastore: str) -> None:
    """Show DATASTORE (id, or a name that only one has)."""
    session.output.entity(session.client.datastores.get(naming.datastore_id(session, datastore)))


@datastore.command("images")
@pass_session
def images(session: Session) -> None:
    """List the image datastores: every image is copied to them ahead of need."""
    found = session.client.datastores.image_datastores()
    session.output.items(iter(found.items), _IMAGE_COLUMNS, empty="No image datastores.")


@datastore.command("set-images")
@click.argument("datastores", nargs=-1, required=True)
@options.task
@pass_session
def set_images(session: Session, datastores: tuple[str, ...]) -> None:
    """Make DATASTORES (ids or names) the image datastores, instead of those that are."""
    carry_out(session, session.client.datastores.set_image_datastores([*datastores]))


@datastore.command("sync")
@options.task
@pass_session
def sync(session: Session) -> None:
    """Ask every host what it has now, and bring what it is asked for in line."""
    carry_out(session, session.client.datastores.sync_hosts())
