"""``helio quota lease``: limits that are higher for a time."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import carry_out
from heliostat.cli.limits import parse_limits
from heliostat.cli.moments import parse_span, parse_until
from heliostat.cli.naming import quota_owner
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.quotas import LeasedAmount, QuotaLease


def _amounts(items: dict[str, LeasedAmount]) -> str:
    return ", ".join(f"{key} {text.number(it.limit)} {it.unit}" for key, it in items.items())


def _needed(items: dict[str, LeasedAmount]) -> str:
    used = [
        f"{key} {text.number(each.in_use)} {each.unit}"
        for key, each in items.items()
        if each.in_use
    ]
    return ", ".join(used) or "-"


_COLUMNS = (
    Column[QuotaLease]("id", lambda lease: lease.id),
    Column[QuotaLease]("adds", lambda lease: _amounts(lease.items)),
    Column[QuotaLease]("until", lambda lease: text.moment(lease.until)),
    Column[QuotaLease]("in use", lambda lease: _needed(lease.items)),
    Column[QuotaLease]("reason", lambda lease: text.cell(lease.reason)),
)


@click.group("lease", cls=Noun)
def lease() -> None:
    """Limits that are higher for a time; a project's lease is drawn from its tenant."""


@lease.command("create")
@click.argument("items")
@click.option("--until", "until", metavar="MOMENT", help="E.g. 18:00 or 2030-01-31T18:00:00Z.")
@click.option("--for", "span", metavar="SPAN", help="E.g. 45m, 2h30m or 1d.")
@click.option("--reason", default="", help="What it is for; shown with it.")
@options.project
@options.task
@pass_session
def create(
    session: Session,
    items: str,
    until: str | None,
    span: str | None,
    reason: str,
    project: str | None,
    tenant: str | None,
) -> None:
    """Raise limits until a moment or for a time, by ITEMS such as 'vm.cpu 200 COUNT'."""
    owner = quota_owner(session, project, tenant)
    moment, seconds = _end(until, span)
    change = session.client.quota_leases.create(
        owner, parse_limits(items), until=moment, for_s=seconds, reason=reason
    )
    carry_out(session, change)


@lease.command("list")
@options.project
@pass_session
def list_leases(session: Session, project: str | None, tenant: str | None) -> None:
    """List the leases that have not ended; 'in use' is what would be above the limit."""
    found = session.client.quota_leases.list(quota_owner(session, project, tenant))
    session.output.items(found, _COLUMNS, empty="No leases.")


@lease.command("extend")
@click.argument("lease")
@click.option("--until", "until", metavar="MOMENT", help="E.g. 20:00 or 2030-01-31T20:00:00Z.")
@click.option("--for", "span", metavar="SPAN", help="From now on: 45m, 2h30m or 1d.")
@options.project
@options.task
@pass_session
def extend(
    session: Session,
    lease: str,
    until: str | None,
    span: str | None,
    project: str | None,
    tenant: str | None,
) -> None:
    """Let LEASE end at another time, later or sooner."""
    owner = quota_owner(session, project, tenant)
    moment, seconds = _end(until, span)
    change = session.client.quota_leases.extend(owner, lease, until=moment, for_s=seconds)
    carry_out(session, change)


@lease.command("delete")
@click.argument("lease")
@options.project
@options.task
@pass_session
def delete(session: Session, lease: str, project: str | None, tenant: str | None) -> None:
    """Give LEASE back before its end."""
    owner = quota_owner(session, project, tenant)
    carry_out(session, session.client.quota_leases.give_back(owner, lease))


def _end(until: str | None, span: str | None) -> tuple[str | None, float | None]:
    if (until is None) == (span is None):
        raise click.UsageError("Say when it ends: --until MOMENT or --for SPAN.")
    if span is not None:
        return None, parse_span(span)
    return parse_until(until or "", datetime.now(UTC).astimezone()), None
