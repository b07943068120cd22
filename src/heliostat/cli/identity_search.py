"""``helio identity search``: what a directory holds, by the filters of LDAP."""

from __future__ import annotations

from collections.abc import Iterable

import click

from heliostat.cli import options
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.directory_search import DirectoryEntry

_KINDS = ("unit", "user", "group", "account", "computer")
_COLUMNS = (
    Column[DirectoryEntry]("kind", lambda entry: entry.kind),
    Column[DirectoryEntry]("name", lambda entry: entry.name),
    Column[DirectoryEntry]("distinguished name", lambda entry: entry.dn),
    Column[DirectoryEntry]("mail", lambda entry: ", ".join(entry.attributes.get("mail", []))),
)


@click.command("search", cls=Verb)
@click.argument("filter_", metavar="[FILTER]", default="")
@click.option("--base", default="", help="Only below the unit with this path.")
@click.option("--direct", is_flag=True, help="Only what lies in the base itself.")
@click.option("--kind", type=click.Choice(_KINDS), default=None, help="Only entries of one kind.")
@click.option("--source", default="", help="In this identity source (corp.example, CORP).")
@click.option("--groups", "with_groups", is_flag=True, help="With memberOf, also of a source.")
@options.domain
@pass_session
def search(
    session: Session,
    filter_: str,
    base: str,
    direct: bool,
    kind: str | None,
    source: str,
    with_groups: bool,
) -> None:
    """Find what matches FILTER, such as (&(objectClass=person)(mail=*@acme.example))."""
    found = session.client.directory_search.find(
        session.domain,
        filter_,
        base=base,
        direct=direct,
        kind=kind or "",
        source=source,
        with_groups=with_groups,
    )
    show_entries(session, found)


def show_entries(session: Session, found: Iterable[DirectoryEntry]) -> None:
    """What a search found, as a table or as JSON."""
    session.output.items(found, _COLUMNS, empty="Nothing matches.")
