"""``helio zone``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options
from heliostat.cli.carrying import carry_out
from heliostat.cli.listing import DEFAULT_LIMIT, show_tasks
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.zones import Zone

_COLUMNS = (
    Column[Zone]("id", lambda zone: zone.id),
    Column[Zone]("name", lambda zone: zone.name),
    Column[Zone]("state", lambda zone: zone.state),
)


@click.group("zone", cls=Noun)
def zone() -> None:
    """Availability zones: groups of hosts that fail together."""


@zone.command("create")
@click.argument("name")
@options.task
@pass_session
def create(session: Session, name: str) -> None:
    """Create the zone NAME."""
    carry_out(session, session.client.zones.create(name))


@zone.command("list")
@click.option("--name", default="", help="Only those with exactly this name.")
@pass_session
def list_zones(session: Session, name: str) -> None:
    """List the zones."""
    found = session.client.zones.list(name=name)
    session.output.items(found, _COLUMNS, empty="No zones; `helio zone create` makes one.")


@zone.command("show")
@click.argument("zone")
@pass_session
def show(session: Session, zone: str) -> None:
    """Show ZONE (name or id)."""
    session.output.entity(session.client.zones.get(naming.zone_id(session, zone)))


@zone.command("delete")
@click.argument("zone")
@options.task
@pass_session
def delete(session: Session, zone: str) -> None:
    """Delete ZONE; while hosts are in it, it stays for them only."""
    carry_out(session, session.client.zones.delete(naming.zone_id(session, zone)))


@zone.command("tasks")
@click.argument("zone")
@click.option("--state", default="", help="Only tasks in this state.")
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@pass_session
def tasks(session: Session, zone: str, state: str, limit: int) -> None:
    """List the tasks of ZONE."""
    found = naming.zone_id(session, zone)
    show_tasks(session, session.client.zones.tasks(found, state=state), limit)
