"""``helio tenant``."""

from __future__ import annotations

import click

from heliostat.cli import choosing, naming, options
from heliostat.cli.carrying import carry_out
from heliostat.cli.iam import policy_commands
from heliostat.cli.labelling import label_verb, parse_labels
from heliostat.cli.limits import parse_limits
from heliostat.cli.listing import DEFAULT_LIMIT, show_tasks
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.quotas import QuotaSpec
from heliostat.wire.tenants import Tenant, TenantCreateSpec

_COLUMNS = (
    Column[Tenant]("id", lambda tenant: tenant.id),
    Column[Tenant]("name", lambda tenant: tenant.name),
    Column[Tenant]("projects", lambda tenant: str(len(tenant.projects))),
    Column[Tenant](
        "groups", lambda tenant: ", ".join(group.name for group in tenant.security_groups) or "-"
    ),
)


@click.group("tenant", cls=Noun)
def tenant() -> None:
    """Tenants: the outermost containers, with a quota and groups."""


@tenant.command("create")
@click.argument("name")
@click.option("--limits", default="", help="Quota, e.g. 'vm.cpu 10 COUNT, vm.memory 20 GB'.")
@click.option("--group", "groups", multiple=True, metavar="DOMAIN\\NAME", help="Who may use it.")
@options.labels
@options.task
@pass_session
def create(
    session: Session, name: str, limits: str, groups: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    """Create the tenant NAME."""
    quota = QuotaSpec(quota_items=parse_limits(limits)) if limits else None
    spec = TenantCreateSpec(
        name=name, security_groups=[*groups], quota=quota, labels=parse_labels(labels)
    )
    carry_out(session, session.client.tenants.create(spec))


@tenant.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.selector
@pass_session
def list_tenants(session: Session, name: str, selector: str) -> None:
    """List the tenants that you may see."""
    found = session.client.tenants.list(name=name, selector=selector)
    session.output.items(found, _COLUMNS, empty="No tenants.")


@tenant.command("show")
@click.argument("tenant", required=False)
@pass_session
def show(session: Session, tenant: str | None) -> None:
    """Show TENANT (name or id; default: the one in use)."""
    session.output.entity(session.client.tenants.get(naming.tenant_id(session, tenant)))


@tenant.command("delete")
@click.argument("tenant")
@options.task
@pass_session
def delete(session: Session, tenant: str) -> None:
    """Delete TENANT, which must have no projects."""
    carry_out(session, session.client.tenants.delete(naming.tenant_id(session, tenant)))


@tenant.command("use")
@click.argument("tenant")
@pass_session
def use(session: Session, tenant: str) -> None:
    """Use TENANT where none is named."""
    found = session.client.tenants.get(naming.tenant_id(session, tenant))
    choosing.use_tenant(session, found.id, found.name)


@tenant.command("set-groups")
@click.argument("tenant")
@click.argument("groups", nargs=-1)
@options.task
@pass_session
def set_groups(session: Session, tenant: str, groups: tuple[str, ...]) -> None:
    """Let exactly GROUPS (DOMAIN\\NAME) use TENANT and its projects."""
    found = naming.tenant_id(session, tenant)
    carry_out(session, session.client.tenants.set_security_groups(found, groups))


@tenant.command("tasks")
@click.argument("tenant", required=False)
@click.option("--state", default="", help="Only tasks in this state.")
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@pass_session
def tasks(session: Session, tenant: str | None, state: str, limit: int) -> None:
    """List the tasks of TENANT itself."""
    found = naming.tenant_id(session, tenant)
    show_tasks(session, session.client.tenants.tasks(found, state=state), limit)


tenant.add_command(label_verb("tenant", naming.tenant_id))
tenant.add_command(policy_commands("tenant", naming.tenant_id))
