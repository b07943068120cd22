"""``helio service-account``: programs that sign in with keys and certificates of their own."""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import options, text
from heliostat.cli.account_key import key_file_option, key_pair, make_with_key, public_key_option
from heliostat.cli.carrying import end, make
from heliostat.cli.given import something
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.service_account_keys import account_id, certificate, key
from heliostat.cli.session import Session
from heliostat.wire.service_accounts import ServiceAccount, ServiceAccountChange

_COLUMNS = (
    Column[ServiceAccount]("id", lambda account: account.id),
    Column[ServiceAccount]("name", lambda account: account.name),
    Column[ServiceAccount]("client", lambda account: account.client_id),
    Column[ServiceAccount]("disabled", lambda account: text.cell(account.disabled)),
    Column[ServiceAccount]("keys", lambda account: text.cell(len(account.keys))),
    Column[ServiceAccount]("certificates", lambda account: text.cell(len(account.certificates))),
    Column[ServiceAccount]("groups", lambda account: text.cell(account.groups)),
)


@click.group("service-account", cls=Noun)
def service_account() -> None:
    """Programs that sign in with keys or certificates, not a password."""


service_account.add_command(key)
service_account.add_command(certificate)


@service_account.command("create")
@click.argument("name")
@key_file_option
@public_key_option
@click.option("--group", "groups", multiple=True, metavar="DOMAIN\\NAME", help="What it may do.")
@click.option("--description", default="")
@click.option(
    "--days", type=click.IntRange(0), default=0, help="How long the key counts; 0: always."
)
@options.changes
@options.domain
@pass_session
def create(
    session: Session,
    name: str,
    key_file: Path | None,
    public_key: Path | None,
    groups: tuple[str, ...],
    description: str,
    days: int,
) -> None:
    """Create the service account NAME, with a new key or with one that it has."""
    private_pem, given = key_pair(key_file, public_key)
    change = session.service_accounts.create(
        name, given, groups, description=description, days=days
    )
    make_with_key(
        session,
        change,
        key_file,
        private_pem,
        lambda made: f"Service account {made.name} ({made.client_id}) is created.",
    )


@service_account.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.domain
@pass_session
def list_accounts(session: Session, name: str) -> None:
    """List the service accounts."""
    found = session.service_accounts.list(name=name)
    session.output.items(found, _COLUMNS, empty="No service accounts.")


@service_account.command("show")
@click.argument("account")
@options.domain
@pass_session
def show(session: Session, account: str) -> None:
    """Show ACCOUNT (name or id) with its keys and certificates."""
    session.output.entity(session.service_accounts.get(account_id(session, account)))


@service_account.command("update")
@click.argument("account")
@click.option("--description", default=None)
@click.option("--disable/--enable", "disabled", default=None, help="Bar, or let in again.")
@options.changes
@options.domain
@pass_session
def update(session: Session, account: str, description: str | None, disabled: bool | None) -> None:
    """Change what is given of ACCOUNT."""
    wanted = something(ServiceAccountChange(description=description, disabled=disabled))
    change = session.service_accounts.update(account_id(session, account), wanted)
    make(session, change, lambda made: f"Service account {made.name} is changed.")


@service_account.command("delete")
@click.argument("account")
@options.changes
@options.domain
@pass_session
def delete(session: Session, account: str) -> None:
    """Delete ACCOUNT (name or id); its keys no longer sign in."""
    found = account_id(session, account)
    change = session.service_accounts.delete(found)
    end(session, change, found, f"Service account {account} is deleted.")
