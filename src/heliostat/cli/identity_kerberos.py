"""``helio identity kerberos`` and ``service-principal``: a tenant's realm and its services."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make, show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.cli.told_once import told_once
from heliostat.client.calls import Change
from heliostat.core.files import atomic_write
from heliostat.wire.kerberos import MadeServicePrincipal, ServicePrincipal

_COLUMNS = (
    Column[ServicePrincipal]("name", lambda service: service.name),
    Column[ServicePrincipal]("principal", lambda service: service.principal),
    Column[ServicePrincipal]("keys", lambda service: text.cell(service.versions)),
)
_keytab = click.option(
    "--keytab",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write the keys to, readable by its owner alone.",
)


@click.group("kerberos", cls=Noun)
def kerberos() -> None:
    """The Kerberos realm of a domain."""


@kerberos.command("enable")
@options.domain
@options.changes
@pass_session
def enable(session: Session) -> None:
    """Give the domain a realm; people get keys when they next sign in with their password."""
    change = session.client.kerberos.enable(session.domain)
    made = make(session, change, lambda made: f"{made.domain} has the realm {made.realm}.")
    if made is not None and not made.kdc:
        session.output.note("No tickets are given: set identity.kerberos.port of the server.")


@kerberos.command("show")
@options.domain
@pass_session
def show(session: Session) -> None:
    """Show the realm."""
    session.output.entity(session.client.kerberos.realm(session.domain))


@kerberos.command("config")
@options.domain
@pass_session
def config(session: Session) -> None:
    """Print the krb5.conf of clients."""
    found = session.client.kerberos.realm(session.domain)
    if session.output.json:
        session.output.value({"krb5Conf": found.krb5_conf})
    else:
        session.output.line(found.krb5_conf.rstrip())


@kerberos.command("disable")
@options.domain
@options.changes
@pass_session
def disable(session: Session) -> None:
    """End the realm: its tickets and keytabs are worthless."""
    domain = session.domain
    end(session, session.client.kerberos.disable(domain), domain, f"{domain} has no realm.")


@click.group("service-principal", cls=Noun)
def service_principal() -> None:
    """Services that people show their tickets to (HTTP/web.acme.example)."""


@service_principal.command("create")
@click.argument("name")
@_keytab
@options.domain
@options.changes
@pass_session
def create(session: Session, name: str, keytab: Path) -> None:
    """Create the service NAME and write its keys to a keytab; they are told this once."""
    change = session.client.kerberos.create_service(session.domain, name)
    _with_keytab(session, change, keytab, "is created")


@service_principal.command("rotate")
@click.argument("name")
@_keytab
@options.domain
@options.changes
@pass_session
def rotate(session: Session, name: str, keytab: Path) -> None:
    """Give the service NAME a new key; the keytab opens tickets that are out already, too."""
    change = session.client.kerberos.rotate_service(session.domain, name)
    _with_keytab(session, change, keytab, "has a new key")


@service_principal.command("list")
@options.domain
@pass_session
def list_services(session: Session) -> None:
    """List the services."""
    found = session.client.kerberos.services(session.domain)
    session.output.items(found, _COLUMNS, empty="No services.")


@service_principal.command("show")
@click.argument("name")
@options.domain
@pass_session
def show_service(session: Session, name: str) -> None:
    """Show the service NAME."""
    session.output.entity(session.client.kerberos.service(session.domain, name))


@service_principal.command("delete")
@click.argument("name")
@options.domain
@options.changes
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete the service NAME; nobody gets tickets for it."""
    change = session.client.kerberos.delete_service(session.domain, name)
    end(session, change, name, f"Service {name} is deleted.")


def _with_keytab(
    session: Session, change: Change[MadeServicePrincipal], keytab: Path, what: str
) -> None:
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    if not os.access(keytab.absolute().parent, os.W_OK):
        raise click.UsageError(f"{keytab} can't be written.")
    made = change.submit()
    again = f"helio identity service-principal rotate {made.name} --keytab {keytab}"
    keys = told_once(made.keytab, f"{made.principal} {what}", again)
    atomic_write(keytab, base64.b64decode(keys), mode=0o600)
    if session.output.json or session.output.quiet:
        made.keytab = ""  # it is in the file, and nowhere else
        session.output.entity(made)
        return
    session.output.line(f"{made.principal} {what}; its keys are in {keytab}.")
