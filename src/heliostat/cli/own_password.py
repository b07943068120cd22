"""``helio password``: somebody's own password, also one that has expired."""

from __future__ import annotations

import sys

import click

from heliostat.cli import options
from heliostat.cli.carrying import end
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.passwords import new_password
from heliostat.cli.session import Session
from heliostat.client.client import Client
from heliostat.client.credentials import Anonymous


@click.command("password", cls=Verb)
@click.argument("user", required=False)
@click.option(
    "--password-stdin", is_flag=True, help="Read the old and the new one: two lines of input."
)
@options.changes
@pass_session
def password(session: Session, user: str | None, password_stdin: bool) -> None:
    """Change the password of USER (default: who is signed in), knowing the old one.

    Sessions end: sign in again afterwards.
    """
    user = user or session.profile.subject or click.prompt("User", err=True)
    if password_stdin:
        old = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        old = click.prompt("Old password", hide_input=True, err=True)
    else:
        raise click.UsageError("There is no terminal to ask for passwords: --password-stdin.")
    new = new_password(from_stdin=password_stdin)
    with Client(session.place().target, Anonymous(), session.ca_pem()) as client:
        change = client.users.change_own_password(user, old, new)
        end(session, change, user, f"{user} has a new password.")
