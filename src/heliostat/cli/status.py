"""``helio status`` and ``helio version``: one look at the platform and at oneself."""

from __future__ import annotations

import platform

import click

from heliostat import __version__
from heliostat.cli.failures import NOT_SIGNED_IN, REFUSED, exit_code
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.core.errors import HeliostatError
from heliostat.wire.system import SystemStatus


@click.command("status", cls=Verb)
@pass_session
def status(session: Session) -> int:
    """Tell whether the platform is well, where it is, and who you are there.

    Exits with 0 only if every part is READY.
    """
    place = session.place()
    session.client.system.available()
    try:
        caller = session.client.users.whoami().subject
        found = session.client.system.status()
    except HeliostatError as error:
        if exit_code(error) != NOT_SIGNED_IN:
            raise
        if session.output.json:
            session.output.value({"target": place.target, "subject": "", "status": "AVAILABLE"})
        else:
            session.output.facts(
                [("Target", place.target), ("Signed in as", "-"), ("Status", "AVAILABLE")]
            )
            session.output.note("It answers; `helio login` shows more.")
        return 0
    state = session.client.system.details().state
    if session.output.json:
        session.output.value(
            {
                "target": place.target,
                "subject": caller,
                "status": found.status,
                "state": state,
                "components": found.components,
            }
        )
    elif session.output.quiet:
        session.output.line(found.status)
    else:
        session.output.facts([("Target", place.target), ("Signed in as", caller)])
        show_components(session, found)
        if state != "READY":
            session.output.note(f"The system is {state}; `helio system resume` ends that.")
    return 0 if found.status == "READY" else REFUSED


@click.command("version", cls=Verb)
@pass_session
def version(session: Session) -> None:
    """Show the version of this command, and of the platform where it answers."""
    told = {"client": __version__, "python": platform.python_version(), "platform": ""}
    try:
        told["platform"] = session.client.system.info().full_version
    except HeliostatError as error:
        session.output.note(f"The platform's version is not known: {error.message}")
    if session.output.json:
        session.output.value(told)
    else:
        session.output.facts([(key.capitalize(), value or "-") for key, value in told.items()])


def show_components(session: Session, found: SystemStatus) -> None:
    """Every part with its state and message."""
    session.output.facts([("Status", found.status)])
    rows = [
        [part.component, part.status, part.message or "-"]
        for part in sorted(found.components, key=lambda part: part.component)
    ]
    if rows:
        session.output.line("")
        session.output.table(["part", "status", "message"], rows)
