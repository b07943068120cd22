"""``helio quota``: limits of a tenant or project, and what is used of them."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import carry_out
from heliostat.cli.limits import parse_keys, parse_limits
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.quota_lease import lease
from heliostat.cli.session import Session
from heliostat.wire.quotas import Quota


@click.group("quota", cls=Noun)
def quota() -> None:
    """Limits of a project, or of a tenant when only --tenant is given."""


quota.add_command(lease)


@quota.command("show")
@options.project
@pass_session
def show(session: Session, project: str | None, tenant: str | None) -> None:
    """Show limits and usage."""
    found = session.client.quotas.get(naming.quota_owner(session, project, tenant))
    output = session.output
    if output.json:
        output.value(found)
        return
    rows = [
        [
            key,
            text.number(item.usage),
            text.number(item.limit),
            item.unit,
            f"{item.usage / item.limit:.0%}" if item.limit else "-",
        ]
        for key, item in sorted(found.quota_items.items())
    ]
    if output.quiet:
        for row in rows:
            output.line(row[0])
    elif rows:
        output.table(["key", "used", "limit", "unit", "share"], rows)
        _tell_leases(session, found)
    else:
        output.note("No limits, and nothing is used.")


def _tell_leases(session: Session, found: Quota) -> None:
    for key, item in sorted(found.quota_items.items()):
        if item.over:
            above = f"{text.number(item.over)} {item.unit}"
            session.output.note(f"{key} is {above} above its limit: a lease has ended.")
    for each in found.leases:
        amounts = ", ".join(
            f"{key} {text.number(it.limit)} {it.unit}" for key, it in each.items.items()
        )
        session.output.note(f"Until {text.moment(each.until)}, {amounts} are leased ({each.id}).")


@quota.command("set")
@click.argument("limits")
@options.project
@options.task
@pass_session
def set_limits(session: Session, limits: str, project: str | None, tenant: str | None) -> None:
    """Replace all limits by LIMITS, e.g. 'vm.cpu 10 COUNT, vm.memory 20 GB'."""
    asked = parse_limits(limits)
    carry_out(
        session, session.client.quotas.set(naming.quota_owner(session, project, tenant), asked)
    )


@quota.command("update")
@click.argument("limits")
@options.project
@options.task
@pass_session
def update(session: Session, limits: str, project: str | None, tenant: str | None) -> None:
    """Set the limits in LIMITS and keep the others."""
    asked = parse_limits(limits)
    carry_out(
        session, session.client.quotas.update(naming.quota_owner(session, project, tenant), asked)
    )


@quota.command("exclude")
@click.argument("keys")
@options.project
@options.task
@pass_session
def exclude(session: Session, keys: str, project: str | None, tenant: str | None) -> None:
    """Lift the limits of KEYS, e.g. 'vm.cpu, vm.memory'."""
    asked = parse_keys(keys)
    carry_out(
        session, session.client.quotas.exclude(naming.quota_owner(session, project, tenant), asked)
    )
