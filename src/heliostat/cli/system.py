"""``helio system``: the site itself."""

from __future__ import annotations

import click

from heliostat.cli.options import Noun, pass_session
from heliostat.cli.session import Session
from heliostat.cli.status import show_components


@click.group("system", cls=Noun)
def system() -> None:
    """The site itself: what it is, how it is, how much is on it."""


@system.command("info")
@pass_session
def info(session: Session) -> None:
    """Show version, network and sign-in of the site."""
    session.output.entity(session.client.system.details())


@system.command("status")
@pass_session
def status(session: Session) -> None:
    """Show how the parts of the site are."""
    found = session.client.system.status()
    if session.output.json:
        session.output.value(found)
    elif session.output.quiet:
        session.output.line(found.status)
    else:
        show_components(session, found)


@system.command("usage")
@pass_session
def usage(session: Session) -> None:
    """Count hosts, VMs, tenants and projects."""
    found = session.client.system.usage()
    session.output.entity(found)


@system.command("vms")
@pass_session
def vms(session: Session) -> None:
    """List the VMs that carry the control plane."""
    found = session.client.system.vms()
    if session.output.json:
        session.output.value(found)
    elif found:
        names = [*found[0]]
        session.output.table(names, [[vm.get(name, "") for name in names] for vm in found])
    else:
        session.output.note("The control plane runs as plain processes.")
