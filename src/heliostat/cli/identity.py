"""``helio identity``: tenants of the directory, and programs that people sign in to."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make, show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.directory_tenants import DirectoryTenant, DirectoryTenantCreateSpec
from heliostat.wire.oidc_clients import OidcClient, OidcClientCreateSpec

_COLUMNS = (
    Column[DirectoryTenant]("domain", lambda tenant: tenant.domain),
    Column[DirectoryTenant]("issuer", lambda tenant: tenant.issuer),
    Column[DirectoryTenant]("system", lambda tenant: text.cell(tenant.system)),
    Column[DirectoryTenant]("description", lambda tenant: tenant.description),
)


@click.group("identity", cls=Noun)
def identity() -> None:
    """Tenants of the directory, and programs that people sign in to."""


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


_CLIENT_COLUMNS = (
    Column[OidcClient]("client id", lambda client: client.name),
    Column[OidcClient]("title", lambda client: client.title),
    Column[OidcClient]("grants", lambda client: text.cell(client.grants)),
    Column[OidcClient]("redirects to", lambda client: text.cell(client.redirect_uris)),
)


@identity.group("client", cls=Noun)
def client() -> None:
    """Programs that people sign in to with a browser (OpenID Connect)."""


@client.command("create")
@click.argument("name")
@click.option(
    "--redirect-uri", "redirects", multiple=True, required=True, metavar="URI",
    help="Where browsers come back to with a code; may be repeated.",
)  # fmt: skip
@click.option(
    "--post-logout-redirect-uri", "logouts", multiple=True, metavar="URI",
    help="Where browsers may go on to after signing out.",
)  # fmt: skip
@click.option("--title", default="", help="What the sign-in page calls it.")
@click.option("--algorithm", type=click.Choice(["ES256", "RS256"]), default="ES256")
@options.domain
@options.changes
@pass_session
def create_client(
    session: Session,
    name: str,
    redirects: tuple[str, ...],
    logouts: tuple[str, ...],
    title: str,
    algorithm: str,
) -> None:
    """Create the client NAME, which is its client id; it has no secret, but needs PKCE."""
    spec = OidcClientCreateSpec(
        name=name,
        redirect_uris=list(redirects),
        post_logout_redirect_uris=list(logouts),
        title=title,
        algorithm=algorithm,
    )
    change = session.oidc_clients.create(spec)
    make(session, change, lambda made: f"Client {made.name} is created.")


@client.command("list")
@options.domain
@pass_session
def list_clients(session: Session) -> None:
    """List the clients."""
    session.output.items(session.oidc_clients.list(), _CLIENT_COLUMNS, empty="No clients.")


@client.command("show")
@click.argument("name")
@options.domain
@pass_session
def show_client(session: Session, name: str) -> None:
    """Show the client NAME."""
    session.output.entity(session.oidc_clients.get(name))


@client.command("delete")
@click.argument("name")
@options.domain
@options.changes
@pass_session
def delete_client(session: Session, name: str) -> None:
    """Delete the client NAME; its sessions end when they are next refreshed."""
    end(session, session.oidc_clients.delete(name), name, f"Client {name} is deleted.")
