"""``helio chore``: background work."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import carry_out
from heliostat.cli.listing import DEFAULT_LIMIT, show_tasks
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.chores import Chore

_COLUMNS = (
    Column[Chore]("name", lambda chore: chore.name),
    Column[Chore]("every", lambda chore: text.duration(chore.period_s)),
    Column[Chore]("looked", lambda chore: text.moment(chore.last_looked_time)),
    Column[Chore]("found", lambda chore: chore.fault or str(chore.found)),
    Column[Chore]("last task", lambda chore: text.cell(chore.task_id)),
    Column[Chore]("purpose", lambda chore: chore.purpose),
)


@click.group("chore", cls=Noun)
def chore() -> None:
    """Background work: what the site looks after by itself."""


@chore.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the background work, when it was last looked into and what was found."""
    session.output.items(session.client.upkeep.chores(), _COLUMNS, key=lambda each: each.name)


@chore.command("show")
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show the chore NAME and what was last found."""
    session.output.entity(session.client.upkeep.chore(name))


@chore.command("run")
@click.argument("name")
@options.task
@pass_session
def run(session: Session, name: str) -> None:
    """Do the chore NAME now; --plan shows what there is to do."""
    carry_out(session, session.client.upkeep.run(name))


@chore.command("tasks")
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True)
@pass_session
def tasks(session: Session, name: str, limit: int) -> None:
    """List the tasks of the chore NAME."""
    show_tasks(session, session.client.upkeep.tasks(name), limit)
