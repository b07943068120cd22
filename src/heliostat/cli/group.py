"""``helio group``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.given import something
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.groups import Group, GroupChange, GroupCreateSpec

_COLUMNS = (
    Column[Group]("id", lambda group: group.id),
    Column[Group]("name", lambda group: group.name),
    Column[Group]("security group", lambda group: group.security_group),
    Column[Group]("members", lambda group: text.cell(group.members)),
)


@click.group("group", cls=Noun)
def group() -> None:
    """Groups: how tenants and projects say who may use them."""


@group.command("create")
@click.argument("name")
@click.option("--description", default="")
@click.option("--unit", default="", help="Where it lies, such as Engineering/EMEA.")
@options.changes
@options.domain
@pass_session
def create(session: Session, name: str, description: str, unit: str) -> None:
    """Create the group NAME."""
    spec = GroupCreateSpec(name=name, description=description, unit=unit)
    change = session.groups.create(spec)
    make(session, change, lambda made: f"Group {made.security_group} ({made.id}) is created.")


@group.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.domain
@pass_session
def list_groups(session: Session, name: str) -> None:
    """List the groups."""
    session.output.items(session.groups.list(name=name), _COLUMNS, empty="No groups.")


@group.command("show")
@click.argument("group")
@options.domain
@pass_session
def show(session: Session, group: str) -> None:
    """Show GROUP (name, DOMAIN\\NAME or id)."""
    session.output.entity(session.groups.get(naming.group_id(session, group)))


@group.command("update")
@click.argument("group")
@click.option("--description", default=None)
@click.option("--unit", default=None, help="Where it lies, such as Engineering/EMEA.")
@options.changes
@options.domain
@pass_session
def update(session: Session, group: str, description: str | None, unit: str | None) -> None:
    """Describe GROUP anew, or move it."""
    wanted = something(GroupChange(description=description, unit=unit))
    change = session.groups.update(naming.group_id(session, group), wanted)
    make(session, change, lambda made: f"Group {made.security_group} is changed.")


@group.command("delete")
@click.argument("group")
@options.changes
@options.domain
@pass_session
def delete(session: Session, group: str) -> None:
    """Delete GROUP."""
    found = naming.group_id(session, group)
    end(session, session.groups.delete(found), found, f"Group {group} is deleted.")


@group.command("add-member")
@click.argument("group")
@click.argument("member")
@options.changes
@options.domain
@pass_session
def add_member(session: Session, group: str, member: str) -> None:
    """Add MEMBER (a user or a group) to GROUP."""
    found = naming.group_id(session, group)
    change = session.groups.add_member(found, member)
    make(session, change, lambda made: f"{made.security_group}: {text.cell(made.members)}")


@group.command("remove-member")
@click.argument("group")
@click.argument("member")
@options.changes
@options.domain
@pass_session
def remove_member(session: Session, group: str, member: str) -> None:
    """Take MEMBER out of GROUP."""
    found = naming.group_id(session, group)
    change = session.groups.remove_member(found, member)
    end(session, change, found, f"{member} is no longer in {group}.")
