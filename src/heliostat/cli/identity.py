"""``helio identity``: tenants of the directory, and programs that people sign in to."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, show_plan
from heliostat.cli.computer import computer
from heliostat.cli.identity_acme import acme_key
from heliostat.cli.identity_ca import authority
from heliostat.cli.identity_certificates import certificate
from heliostat.cli.identity_client import client
from heliostat.cli.identity_factor import factor
from heliostat.cli.identity_kerberos import kerberos, service_principal
from heliostat.cli.identity_node import migrate, node
from heliostat.cli.identity_ou import ou
from heliostat.cli.identity_policy import policy
from heliostat.cli.identity_provider import provider
from heliostat.cli.identity_search import search
from heliostat.cli.identity_session import consent, session
from heliostat.cli.identity_source import source
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.service_provider import service_provider
from heliostat.cli.session import Session
from heliostat.cli.told_once import told_once
from heliostat.wire.directory_tenants import DirectoryTenant, DirectoryTenantCreateSpec

_COLUMNS = (
    Column[DirectoryTenant]("domain", lambda tenant: tenant.domain),
    Column[DirectoryTenant]("issuer", lambda tenant: tenant.issuer),
    Column[DirectoryTenant]("system", lambda tenant: text.cell(tenant.system)),
    Column[DirectoryTenant]("description", lambda tenant: tenant.description),
)


_MEMBER = "heliostat.member.joining.commands"
_OF_THIS_MACHINE = ("join", "leave", "membership", "refresh", "token", "workload")
"""Verbs on the machine itself, in a part of its own."""


_ELSEWHERE = ("group", "service-account", "user")
"""Nouns of the directory that are older than this one, and stand by themselves."""


class _Identity(Noun):
    """Brings the machine's own verbs when they are asked for: they run on POSIX alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_OF_THIS_MACHINE])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in _ELSEWHERE:
            raise click.UsageError(f"It is `helio {args[0]}`, without `identity`.", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _OF_THIS_MACHINE:
            return super().get_command(ctx, cmd_name)
        commands: Sequence[click.Command] = importlib.import_module(_MEMBER).COMMANDS
        return next(each for each in commands if each.name == cmd_name)


@click.group("identity", cls=_Identity)
def identity() -> None:
    """Tenants, machines, programs, certificates and rules of the directory.

    People are `helio user`, groups `helio group`, programs without people `helio service-account`.
    """


identity.add_command(computer)
identity.add_command(consent)
identity.add_command(policy)
identity.add_command(session)
identity.add_command(acme_key)
identity.add_command(authority)
identity.add_command(certificate)
identity.add_command(kerberos)
identity.add_command(service_principal)
identity.add_command(source)
identity.add_command(provider)
identity.add_command(factor)
identity.add_command(service_provider)


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
    again = f"helio user set-password administrator --domain {made.domain}"
    told_once(made.password, f"Tenant {made.domain} is created", again)
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


identity.add_command(client)
identity.add_command(node)
identity.add_command(migrate)
identity.add_command(ou)
identity.add_command(search)
