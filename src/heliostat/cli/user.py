"""``helio user``."""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.given import something
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.passwords import new_password
from heliostat.cli.session import Session
from heliostat.wire.users import User, UserChange, UserCreateSpec

_COLUMNS = (
    Column[User]("id", lambda user: user.id),
    Column[User]("subject", lambda user: user.subject),
    Column[User]("disabled", lambda user: text.cell(user.disabled)),
    Column[User]("groups", lambda user: text.cell(user.groups)),
)

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MUST_CHANGE = click.option(
    "--must-change", is_flag=True, help="It only serves to choose another one."
)
_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@click.group("user", cls=Noun)
def user() -> None:
    """People of the site's own directory, or of a tenant's (--domain)."""


@user.command("create")
@click.argument("name")
@click.option("--given-name", default="")
@click.option("--family-name", default="")
@click.option("--email", default="")
@click.option("--description", default="")
@click.option("--unit", default="", help="Where it lies, such as Engineering/EMEA.")
@_STDIN
@_MUST_CHANGE
@options.changes
@options.domain
@pass_session
def create(
    session: Session,
    name: str,
    given_name: str,
    family_name: str,
    email: str,
    description: str,
    unit: str,
    password_stdin: bool,
    must_change: bool,
) -> None:
    """Create the user NAME; the password is asked for."""
    spec = UserCreateSpec(
        name=name,
        password=new_password(from_stdin=password_stdin),
        given_name=given_name,
        family_name=family_name,
        email=email,
        description=description,
        unit=unit,
        must_change=must_change,
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


@user.command("update")
@click.argument("user")
@click.option("--given-name", default=None)
@click.option("--family-name", default=None)
@click.option("--email", default=None)
@click.option("--description", default=None)
@click.option("--unit", default=None, help="Where it lies, such as Engineering/EMEA.")
@click.option(
    "--ssh-key",
    "ssh_keys",
    multiple=True,
    type=_FILE,
    help="A public key for SSH; all of them, as these replace the present ones.",
)
@click.option("--no-ssh-keys", is_flag=True, help="Take the present ones away.")
@click.option(
    "--certificate",
    "certificates",
    multiple=True,
    type=_FILE,
    help="A certificate of the user's (PEM); as for keys.",
)
@click.option("--disable/--enable", "disabled", default=None, help="Bar, or let in again.")
@options.changes
@options.domain
@pass_session
def update(
    session: Session,
    user: str,
    given_name: str | None,
    family_name: str | None,
    email: str | None,
    description: str | None,
    unit: str | None,
    ssh_keys: tuple[Path, ...],
    no_ssh_keys: bool,
    certificates: tuple[Path, ...],
    disabled: bool | None,
) -> None:
    """Change what is given of USER."""
    wanted = UserChange(
        given_name=given_name,
        family_name=family_name,
        email=email,
        description=description,
        unit=unit,
        disabled=disabled,
        ssh_public_keys=_lines(ssh_keys) if ssh_keys or no_ssh_keys else None,
        certificates=[each.read_text() for each in certificates] or None,
    )
    something(wanted)
    change = session.users.update(naming.user_id(session, user), wanted)
    make(session, change, lambda made: f"User {made.subject} is changed.")


def _lines(files: tuple[Path, ...]) -> list[str]:
    """The keys in files such as ``id_ed25519.pub``: one a line."""
    texts = (each.read_text(encoding="utf-8").splitlines() for each in files)
    return [line for lines in texts for line in lines if line.strip()]


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
@_MUST_CHANGE
@options.changes
@options.domain
@pass_session
def set_password(session: Session, user: str, password_stdin: bool, must_change: bool) -> None:
    """Set the password of USER and end the sessions of USER."""
    found = naming.user_id(session, user)
    password = new_password(from_stdin=password_stdin)
    change = session.users.set_password(found, password, must_change=must_change)
    end(session, change, found, f"User {user} has a new password.")
