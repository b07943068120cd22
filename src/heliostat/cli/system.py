"""``helio system``: the site itself."""

from __future__ import annotations

import json
from typing import Any

import click

from heliostat.cli import options
from heliostat.cli.carrying import carry_out
from heliostat.cli.listing import VM_COLUMNS
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
    session.output.items(found, VM_COLUMNS, empty="The control plane runs as plain processes.")


@system.command("pause")
@click.option("--background", is_flag=True, help="Only background work; everything is answered.")
@options.task
@pass_session
def pause(session: Session, background: bool) -> None:
    """Answer only what reads, and rest in the background, until `helio system resume`."""
    verbs = session.client.system
    carry_out(session, verbs.pause_background() if background else verbs.pause())


@system.command("resume")
@options.task
@pass_session
def resume(session: Session) -> None:
    """Answer everything and work in the background again."""
    carry_out(session, session.client.system.resume())


@system.command("set-groups")
@click.argument("groups", nargs=-1, metavar="[DOMAIN\\NAME]...")
@options.task
@pass_session
def set_groups(session: Session, groups: tuple[str, ...]) -> None:
    """Let exactly GROUPS administer the site, beside the built-in group."""
    carry_out(session, session.client.system.set_security_groups(groups))


@system.command("properties")
@click.option("--changed", is_flag=True, help="Only those that were changed at run time.")
@pass_session
def properties(session: Session, changed: bool) -> None:
    """Show the settings that can be changed while the platform runs."""
    found = session.client.system.properties()
    shown = {name: each for name, each in found.items() if each.changed or not changed}
    if session.output.json:
        session.output.value(shown)
        return
    rows = [
        [name, str(each.value), str(each.from_file), "yes" if each.changed else "no"]
        for name, each in sorted(shown.items())
    ]
    if session.output.quiet:
        for row in rows:
            session.output.line(row[0])
    elif rows:
        session.output.table(["property", "value", "settings file", "changed"], rows)
    else:
        session.output.note("Everything is as the settings file says.")


@system.command("set")
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
@options.task
@pass_session
def set_properties(session: Session, changes: tuple[str, ...]) -> None:
    """Change settings while the platform runs; NAME= puts back what the settings file says."""
    asked = dict(map(_change, changes))
    carry_out(session, session.client.system.update_properties(asked))


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} is not NAME=VALUE.")
    if not value:
        return name, None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
