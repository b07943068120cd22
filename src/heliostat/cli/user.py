"""``helio user``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.passwords import new_password
from heliostat.cli.session import Session
from heliostat.wire.users import User, UserCreateSpec

_COLUMNS = (
    Column[User]("id", lambda user: user.id),
    Column[User]("subject", lambda user: user.subject),
    Column[User]("disabled", lambda user: text.cell(user.disabled)),
    Column[User]("groups", lambda user: text.cell(user.groups)),
)

_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@click.group("user", cls=Noun)
def user() -> None:
    """Users of the site's own directory."""


@user.command("create")
@click.argument("name")
@click.option("--given-name", default="")
@click.option("--family-name", default="")
@click.option("--email", default="")
@_STDIN
@options.changes
@options.domain
@pass_session
def create(
    session: Session,
    name: str,
    given_name: str,
    family_name: str,
    email: str,
    password_stdin: bool,
) -> None:
    """Create the user NAME; the password is asked for."""
    spec = UserCreateSpec(
        name=name,
        password=new_password(from_stdin=password_stdin),
        given_name=given_name,
        family_name=family_name,
        email=email,
    )
    make(
        session,
        session.users.create(spec),
        lambda made: f"User {made.subject} ({made.id}) is created.",
    )


@user.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.domain
@pass_session
def list_users(session: Session, name: str) -> None:
    """List the users."""
    session.output.items(session.users.list(name=name), _COLUMNS, empty="No users.")


@user.command("show")
@click.argument("user")
@options.domain
@pass_session
def show(session: Session, user: str) -> None:
    """Show USER (name, name@domain or id)."""
    session.output.entity(session.users.get(naming.user_id(session, user)))


@user.command("delete")
@click.argument("user")
@options.changes
@options.domain
@pass_session
def delete(session: Session, user: str) -> None:
    """Delete USER."""
    found = naming.user_id(session, user)
    end(session, session.users.delete(found), found, f"User {user} is deleted.")


@user.command("set-password")
@click.argument("user")
@_STDIN
@options.changes
@options.domain
@pass_session
def set_password(session: Session, user: str, password_stdin: bool) -> None:
    """Set the password of USER and end the sessions of USER."""
    found = naming.user_id(session, user)
    change = session.users.set_password(found, new_password(from_stdin=password_stdin))
    end(session, change, found, f"User {user} has a new password.")
