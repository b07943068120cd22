"""``helio identity factor``: second factors of people, and who must have one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end
from heliostat.cli.identity_policy import carry_out
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.second_factors import SecondFactor

_COLUMNS = (
    Column[SecondFactor]("id", lambda each: each.id),
    Column[SecondFactor]("type", lambda each: each.type),
    Column[SecondFactor]("name", lambda each: each.name),
    Column[SecondFactor]("added", lambda each: text.moment(each.created_time)),
    Column[SecondFactor]("last used", lambda each: text.moment(each.used_time)),
    Column[SecondFactor]("codes left", lambda each: str(each.left or "")),
)


@click.group("factor", cls=Noun)
def factor() -> None:
    """Second factors: codes of an app, passkeys, recovery codes."""


@factor.command("list")
@click.argument("user")
@options.domain
@pass_session
def list_factors(session: Session, user: str) -> None:
    """List the second factors of USER."""
    found = session.client.second_factors.list(session.domain, user)
    session.output.items(found, _COLUMNS, key=lambda each: each.id, empty="No second factors.")


@factor.command("remove")
@click.argument("user")
@click.argument("factor_id", metavar="[FACTOR]", default="")
@click.option("--all", "all_", is_flag=True, help="All of them, and the recovery codes.")
@options.domain
@options.changes
@pass_session
def remove(session: Session, user: str, factor_id: str, all_: bool) -> None:
    """Remove FACTOR of USER, or all: for somebody who has lost the phone."""
    if bool(factor_id) == all_:
        raise click.UsageError("Name one factor, or say --all.")
    factors = session.client.second_factors
    if all_:
        change = factors.remove_all(session.domain, user)
        end(session, change, user, f"{user} has no second factors.")
        return
    change = factors.remove(session.domain, user, factor_id)
    end(session, change, factor_id, f"{user} no longer has that factor.")


@factor.command("require")
@click.option("--group", "groups", multiple=True, help="Only of its members; may be repeated.")
@click.option(
    "--grace-days",
    type=click.IntRange(0, 3650),
    default=0,
    help="Days that enrolling may be put off (default: none).",
)
@click.option("--off", is_flag=True, help="Of nobody any longer; who has one is still asked.")
@options.domain
@options.changes
@pass_session
def require(session: Session, groups: tuple[str, ...], grace_days: int, off: bool) -> None:
    """Require a second factor of everybody in the domain, or of groups."""
    if off and (groups or grace_days):
        raise click.UsageError("--off stands alone.")
    until = (datetime.now(UTC) + timedelta(days=grace_days)).date().isoformat()
    values: dict[str, object] = {
        "second_factors.requirement": "optional" if off or groups else "required",
        "second_factors.required_groups": list(groups),
        "second_factors.enrol_by": until if grace_days else "",
    }
    carry_out(session, session.client.identity_policies.change(session.domain, values, ()))
