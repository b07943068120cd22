"""``helio identity``: tenants of the directory."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.directory_tenants import DirectoryTenant, DirectoryTenantCreateSpec

_COLUMNS = (
    Column[DirectoryTenant]("domain", lambda tenant: tenant.domain),
    Column[DirectoryTenant]("issuer", lambda tenant: tenant.issuer),
    Column[DirectoryTenant]("system", lambda tenant: text.cell(tenant.system)),
    Column[DirectoryTenant]("description", lambda tenant: tenant.description),
)


@click.group("identity", cls=Noun)
def identity() -> None:
    """The directory and its tenants."""


@identity.group("tenant", cls=Noun)
def tenant() -> None:
    """Domains with people, keys and rules of their own."""


@tenant.command("create")
@click.argument("domain")
@click.option("--description", default="")
@options.changes
@pass_session
def create(session: Session, domain: str, description: str) -> None:
    """Create the tenant DOMAIN (such as acme.example), with an administrator of its own."""
    spec = DirectoryTenantCreateSpec(domain=domain, description=description)
    change = session.client.directory_tenants.create(spec)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    made = change.submit()
    if session.output.json or session.output.quiet:
        session.output.entity(made)
        return
    session.output.line(f"Tenant {made.domain} is created.")
    session.output.line(f"{made.administrator} has the password {made.password} (shown this once).")
    session.output.note(f"Sign in: `helio login {made.administrator}`.")


@tenant.command("list")
@pass_session
def list_tenants(session: Session) -> None:
    """List the tenants."""
    found = session.client.directory_tenants.list()
    session.output.items(found, _COLUMNS, empty="No tenants.")


@tenant.command("show")
@click.argument("domain")
@pass_session
def show(session: Session, domain: str) -> None:
    """Show the tenant DOMAIN."""
    session.output.entity(session.client.directory_tenants.get(domain))


@tenant.command("delete")
@click.argument("domain")
@options.changes
@pass_session
def delete(session: Session, domain: str) -> None:
    """Delete the tenant DOMAIN with everybody in it; who is signed in there no longer is."""
    change = session.client.directory_tenants.delete(domain)
    end(session, change, domain, f"Tenant {domain} is deleted.")
