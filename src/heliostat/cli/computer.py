"""``helio identity computer``: machines of a directory."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.given import something
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.computers import Computer, ComputerChange, ComputerCreateSpec
from heliostat.wire.machines import MachineInvitation

_COLUMNS = (
    Column[Computer]("name", lambda computer: computer.name),
    Column[Computer]("unit", lambda computer: computer.unit),
    Column[Computer]("operating system", lambda computer: computer.operating_system),
    Column[Computer]("last seen", lambda computer: _seen(computer)),
    Column[Computer]("disabled", lambda computer: text.cell(computer.disabled)),
)
_SYSTEM = click.option("--operating-system", default=None)
_CERTIFICATE = click.option(
    "--certificate-sha256", default=None, help="Fingerprint of the one that it proves itself with."
)
_DESCRIPTION = click.option("--description", default=None)
_UNIT = click.option("--unit", default=None, help="Where it lies, such as servers/web.")


def _seen(computer: Computer) -> str:
    return text.moment(computer.last_seen_time) if computer.last_seen_time else "never"


@click.group("computer", cls=Noun)
def computer() -> None:
    """Machines of a directory."""


@computer.command("create")
@click.argument("name")
@_SYSTEM
@_CERTIFICATE
@_DESCRIPTION
@_UNIT
@options.domain
@options.changes
@pass_session
def create(
    session: Session,
    name: str,
    operating_system: str | None,
    certificate_sha256: str | None,
    description: str | None,
    unit: str | None,
) -> None:
    """Create the computer NAME, before it joins."""
    spec = ComputerCreateSpec(
        name=name,
        operating_system=operating_system or "",
        certificate_sha256=certificate_sha256 or "",
        description=description or "",
        unit=unit or "",
    )
    change = session.client.computers.create(session.domain, spec)
    make(session, change, lambda made: f"Computer {made.name} is created.")


@computer.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.domain
@pass_session
def list_computers(session: Session, name: str) -> None:
    """List the computers."""
    found = session.client.computers.list(session.domain, name=name)
    session.output.items(found, _COLUMNS, empty="No computers.")


@computer.command("show")
@click.argument("name")
@options.domain
@pass_session
def show(session: Session, name: str) -> None:
    """Show the computer NAME."""
    session.output.entity(session.client.computers.get(session.domain, name))


@computer.command("update")
@click.argument("name")
@_SYSTEM
@_CERTIFICATE
@_DESCRIPTION
@_UNIT
@click.option("--disable/--enable", "disabled", default=None, help="Bar it, or let it in again.")
@options.domain
@options.changes
@pass_session
def update(
    session: Session,
    name: str,
    operating_system: str | None,
    certificate_sha256: str | None,
    description: str | None,
    unit: str | None,
    disabled: bool | None,
) -> None:
    """Change what is given of the computer NAME."""
    wanted = something(
        ComputerChange(
            operating_system=operating_system,
            certificate_sha256=certificate_sha256,
            description=description,
            unit=unit,
            disabled=disabled,
        )
    )
    change = session.client.computers.update(session.domain, name, wanted)
    make(session, change, lambda made: f"Computer {made.name} is changed.")


@computer.command("delete")
@click.argument("name")
@options.domain
@options.changes
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete the computer NAME; it is no member any more."""
    change = session.client.computers.delete(session.domain, name)
    end(session, change, name, f"Computer {name} is deleted.")


@computer.command("join-token")
@click.argument("name")
@click.option("--unit", default="", help="Where it goes if it is new, such as servers/web.")
@options.domain
@options.changes
@pass_session
def join_token(session: Session, name: str, unit: str) -> None:
    """Make a one-time token with which a machine joins the directory as NAME."""
    make(session, session.client.machines.invite(session.domain, name, unit=unit), _how_to_join)


def _how_to_join(made: MachineInvitation) -> str:
    until = text.moment(made.expires_time)
    return f"Run this on the machine, once before {until}:\n  helio identity join {made.token}"
