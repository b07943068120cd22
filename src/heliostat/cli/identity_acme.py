"""``helio identity acme-key``: keys that open an ACME account."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.acme_keys import AcmeKey

_COLUMNS = (
    Column[AcmeKey]("key", lambda each: each.id),
    Column[AcmeKey]("title", lambda each: each.title),
    Column[AcmeKey]("names", lambda each: text.cell(each.names)),
    Column[AcmeKey]("account", lambda each: each.account or "none yet"),
    Column[AcmeKey]("by", lambda each: each.by),
)


@click.group("acme-key", cls=Noun)
def acme_key() -> None:
    """Keys with which programs open an ACME account (external account binding)."""


@acme_key.command("create")
@click.argument("title")
@click.option(
    "--name", "names", multiple=True, metavar="NAME",
    help="All that its account may ever order, e.g. **.web.acme.example; may be repeated.",
)  # fmt: skip
@options.domain
@options.changes
@pass_session
def create(session: Session, title: str, names: tuple[str, ...]) -> None:
    """Hand out a key for the program that TITLE calls."""
    change = session.client.acme_keys.create(session.domain, title, names)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    made = change.submit()
    if session.output.json or session.output.quiet:
        session.output.entity(made)
        return
    session.output.facts(
        [("directory", made.directory), ("key id", made.id), ("secret", made.secret)]
    )
    session.output.note("The secret is shown this once; it opens one account.")


@acme_key.command("list")
@options.domain
@pass_session
def list_keys(session: Session) -> None:
    """List the keys."""
    found = session.client.acme_keys.list(session.domain)
    session.output.items(found, _COLUMNS, empty="No ACME keys.")


@acme_key.command("delete")
@click.argument("key")
@options.domain
@options.changes
@pass_session
def delete(session: Session, key: str) -> None:
    """Delete KEY; the account that it opened orders nothing more."""
    change = session.client.acme_keys.delete(session.domain, key)
    end(session, change, key, f"ACME key {key} is deleted.")
