"""``helio service-account``: programs that sign in with a key of their own."""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import end, show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.keyfile import write_key
from heliostat.client.signing import key_tool
from heliostat.client.tokens import ServiceKey
from heliostat.core.errors import HeliostatError
from heliostat.wire.service_accounts import ServiceAccount

_COLUMNS = (
    Column[ServiceAccount]("id", lambda account: account.id),
    Column[ServiceAccount]("name", lambda account: account.name),
    Column[ServiceAccount]("client", lambda account: account.client_id),
    Column[ServiceAccount]("groups", lambda account: text.cell(account.groups)),
)


@click.group("service-account", cls=Noun)
def service_account() -> None:
    """Programs that sign in with a key, not a password."""


@service_account.command("create")
@click.argument("name")
@click.option(
    "--key-file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the new private key is written (mode 0600); it never leaves this machine.",
)
@click.option("--group", "groups", multiple=True, metavar="DOMAIN\\NAME", help="What it may do.")
@options.changes
@options.domain
@pass_session
def create(session: Session, name: str, key_file: Path, groups: tuple[str, ...]) -> None:
    """Create the service account NAME with a new key."""
    if key_file.exists():
        raise HeliostatError(
            "InvalidSetting",
            f"{key_file} exists already.",
            hint="Name a file that is not there yet; keys are never overwritten.",
        )
    tool = key_tool()
    private_pem = tool.new_key()
    change = session.service_accounts.create(name, tool.public_key(private_pem), groups)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    account = change.submit()
    domain = session.choices.domain
    client_id = f"{account.client_id}@{domain}" if domain else account.client_id
    write_key(key_file, ServiceKey(client_id, private_pem))
    if session.output.json or session.output.quiet:
        session.output.entity(account)
        return
    session.output.line(f"Service account {account.name} ({account.client_id}) is created.")
    session.output.note(
        f"It signs in with HELIO_KEY={key_file}, or `helio login --key {key_file}`."
    )


@service_account.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.domain
@pass_session
def list_accounts(session: Session, name: str) -> None:
    """List the service accounts."""
    found = session.service_accounts.list(name=name)
    session.output.items(found, _COLUMNS, empty="No service accounts.")


@service_account.command("delete")
@click.argument("account")
@options.changes
@options.domain
@pass_session
def delete(session: Session, account: str) -> None:
    """Delete ACCOUNT (name or id); its key no longer signs in."""
    found = account
    if not naming.is_id(account):
        listed = session.service_accounts.list(name=account)
        hint = "`helio service-account list` shows the service accounts."
        found = naming.choose("service account", account, listed, "NotFound", hint=hint)
    change = session.service_accounts.delete(found)
    end(session, change, found, f"Service account {account} is deleted.")
