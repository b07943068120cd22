"""``helio identity ou``: organisational units."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.given import something
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.organizational_units import OrganizationalUnit, OrganizationalUnitChange

_COLUMNS = (
    Column[OrganizationalUnit]("path", lambda unit: unit.path),
    Column[OrganizationalUnit]("built in", lambda unit: text.cell(unit.built_in)),
    Column[OrganizationalUnit]("description", lambda unit: unit.description),
)


@click.group("ou", cls=Noun)
def ou() -> None:
    """Organisational units: a tree that people, groups and computers lie in."""


@ou.command("create")
@click.argument("path")
@click.option("--description", default="")
@options.domain
@options.changes
@pass_session
def create(session: Session, path: str, description: str) -> None:
    """Create the unit PATH, such as Engineering/EMEA; the units around it have to be there."""
    units = session.client.organizational_units
    change = units.create(session.domain, path, description=description)
    make(session, change, lambda made: f"Unit {made.path} is created.")


@ou.command("list")
@options.domain
@pass_session
def list_units(session: Session) -> None:
    """List the units, each after the one that it lies in."""
    found = session.client.organizational_units.list(session.domain)
    session.output.items(found, _COLUMNS, empty="No units.")


@ou.command("show")
@click.argument("path")
@options.domain
@pass_session
def show(session: Session, path: str) -> None:
    """Show the unit PATH."""
    session.output.entity(session.client.organizational_units.get(session.domain, path))


@ou.command("update")
@click.argument("path")
@click.option("--description", default=None)
@options.domain
@options.changes
@pass_session
def update(session: Session, path: str, description: str | None) -> None:
    """Describe the unit PATH anew."""
    wanted = something(OrganizationalUnitChange(description=description))
    change = session.client.organizational_units.update(session.domain, path, wanted)
    make(session, change, lambda made: f"Unit {made.path} is changed.")


@ou.command("move")
@click.argument("path")
@click.argument("to")
@options.domain
@options.changes
@pass_session
def move(session: Session, path: str, to: str) -> None:
    """Give the unit PATH, with all that it holds, the path TO."""
    wanted = OrganizationalUnitChange(path=to)
    change = session.client.organizational_units.update(session.domain, path, wanted)
    make(session, change, lambda made: f"Unit {path} is {made.path} now.")


@ou.command("delete")
@click.argument("path")
@options.domain
@options.changes
@pass_session
def delete(session: Session, path: str) -> None:
    """Delete the unit PATH, which has to be empty."""
    change = session.client.organizational_units.delete(session.domain, path)
    end(session, change, path, f"Unit {path} is deleted.")
