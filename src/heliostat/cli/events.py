"""``helio events``: what changes on the platform, as it happens."""

from __future__ import annotations

import click
import msgspec

from heliostat.cli import options, text
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.cli.watching import missed
from heliostat.client.events import Wanted
from heliostat.wire.events import Event


@click.command("events", cls=Verb)
@click.option("--kind", "kinds", multiple=True, help="Only these kinds, e.g. vm; repeatable.")
@click.option("--entity", "entity_id", default="", metavar="ID", help="Only this entity.")
@click.option("--tenant-id", default="", metavar="ID", help="Only what belongs to this tenant.")
@click.option("--project-id", default="", metavar="ID", help="Only what belongs to this project.")
@options.selector
@click.option(
    "--from",
    "after",
    default="",
    metavar="REVISION",
    help="Begin after this revision or event id (default: now).",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@pass_session
def events(
    session: Session,
    kinds: tuple[str, ...],
    entity_id: str,
    tenant_id: str,
    project_id: str,
    selector: str,
    after: str,
    count: int | None,
) -> None:
    """Follow what changes among what you may see, until Ctrl-C."""
    wanted = Wanted(kinds, entity_id, tenant_id, project_id, selector)
    followed = session.client.events.follow(wanted, after=after, missed=missed(session))
    for number, event in enumerate(followed, start=1):
        _show(session, event)
        if number == count:
            return


def _show(session: Session, event: Event) -> None:
    if session.output.json:
        click.echo(msgspec.json.encode(event))
        return
    if session.output.quiet:
        click.echo(event.id)
        return
    entity = event.entity
    state = str(entity.get("state", ""))
    name = str(entity.get("name") or entity.get("operation") or entity.get("address") or "")
    cells = (
        text.moment(event.time).ljust(19),
        str(event.revision).rjust(8),
        event.type.value.ljust(7),
        event.kind.ljust(15),
        event.id.ljust(36),
        state.ljust(9),
        name,
    )
    click.echo("  ".join(cells).rstrip())
