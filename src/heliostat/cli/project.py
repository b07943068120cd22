"""``helio project``."""

from __future__ import annotations

import click

from heliostat.cli import choosing, naming, options
from heliostat.cli.carrying import carry_out
from heliostat.cli.iam import policy_commands
from heliostat.cli.labelling import label_verb_of_project, parse_labels
from heliostat.cli.limits import parse_limits
from heliostat.cli.listing import DEFAULT_LIMIT, show_tasks
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.projects import Project, ProjectCreateSpec
from heliostat.wire.quotas import QuotaSpec

_COLUMNS = (
    Column[Project]("id", lambda project: project.id),
    Column[Project]("name", lambda project: project.name),
    Column[Project](
        "groups", lambda project: ", ".join(group.name for group in project.security_groups) or "-"
    ),
)


@click.group("project", cls=Noun)
def project() -> None:
    """Projects: where VMs, disks and images live, with a part of the tenant's quota."""


@project.command("create")
@click.argument("name")
@click.option("--limits", default="", help="Quota, e.g. 'vm.cpu 10 COUNT, vm.memory 20 GB'.")
@click.option(
    "--percent",
    type=click.FloatRange(0, 100, min_open=True),
    help="Quota as a share of each of the tenant's limits.",
)
@click.option("--group", "groups", multiple=True, metavar="DOMAIN\\NAME", help="Who may use it.")
@options.labels
@options.tenant
@options.task
@pass_session
def create(
    session: Session,
    name: str,
    limits: str,
    percent: float | None,
    groups: tuple[str, ...],
    labels: tuple[str, ...],
    tenant: str | None,
) -> None:
    """Create the project NAME in a tenant."""
    if limits and percent is not None:
        raise click.UsageError("Give --limits or --percent, not both.")
    spec = ProjectCreateSpec(
        name=name,
        security_groups=[*groups],
        quota=QuotaSpec(quota_items=parse_limits(limits)) if limits else None,
        quota_percent=percent,
        labels=parse_labels(labels),
    )
    carry_out(session, session.client.projects.create(naming.tenant_id(session, tenant), spec))


@project.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@options.selector
@options.tenant
@pass_session
def list_projects(session: Session, name: str, selector: str, tenant: str | None) -> None:
    """List the projects of a tenant that you may see."""
    owner = naming.tenant_id(session, tenant)
    found = session.client.projects.list(owner, name=name, selector=selector)
    session.output.items(found, _COLUMNS, empty="No projects.")


@project.command("show")
@click.argument("project", required=False)
@options.tenant
@pass_session
def show(session: Session, project: str | None, tenant: str | None) -> None:
    """Show PROJECT (name or id; default: the one in use)."""
    found = naming.project_id(session, project, tenant)
    session.output.entity(session.client.projects.get(found))


@project.command("delete")
@click.argument("project")
@options.tenant
@options.task
@pass_session
def delete(session: Session, project: str, tenant: str | None) -> None:
    """Delete PROJECT, which must be empty; its quota goes back to the tenant.

    Deleted disks that it keeps go with it and can't be restored; --plan names them.
    """
    found = naming.project_id(session, project, tenant)
    carry_out(session, session.client.projects.delete(found))


@project.command("use")
@click.argument("project")
@options.tenant
@pass_session
def use(session: Session, project: str, tenant: str | None) -> None:
    """Use PROJECT (and its tenant) where none is named."""
    found = session.client.projects.get(naming.project_id(session, project, tenant))
    choosing.use_project(session, found.tenant_id, found.id, found.name)


@project.command("set-groups")
@click.argument("project")
@click.argument("groups", nargs=-1)
@options.tenant
@options.task
@pass_session
def set_groups(session: Session, project: str, groups: tuple[str, ...], tenant: str | None) -> None:
    """Let exactly GROUPS (DOMAIN\\NAME) use PROJECT, besides those of its tenant."""
    found = naming.project_id(session, project, tenant)
    carry_out(session, session.client.projects.set_security_groups(found, groups))


@project.command("tasks")
@click.argument("project", required=False)
@click.option("--state", default="", help="Only tasks in this state.")
@click.option("--kind", default="", help="Only tasks on entities of this kind, e.g. vm.")
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@options.tenant
@pass_session
def tasks(
    session: Session, project: str | None, state: str, kind: str, limit: int, tenant: str | None
) -> None:
    """List the tasks of PROJECT and of everything in it."""
    found = naming.project_id(session, project, tenant)
    show_tasks(session, session.client.projects.tasks(found, state=state, kind=kind), limit)


project.add_command(label_verb_of_project())
project.add_command(policy_commands("project", naming.project_id, options.tenant))
