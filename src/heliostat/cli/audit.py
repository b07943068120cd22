"""``helio audit``: who did what, on what, from where, and how it ended."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import click
import msgspec

from heliostat.cli import naming, options, text
from heliostat.cli.listing import DEFAULT_LIMIT
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.audit import Asked
from heliostat.core.errors import HeliostatError
from heliostat.wire.audit import AuditRecord

F = TypeVar("F", bound=Callable[..., Any])

_COLUMNS = (
    Column[AuditRecord]("time", lambda each: text.moment(each.time)),
    Column[AuditRecord]("who", lambda each: text.cell(each.subject or each.client)),
    Column[AuditRecord]("operation", lambda each: each.operation),
    Column[AuditRecord]("entity", lambda each: f"{each.entity_kind} {each.entity_id}".strip()),
    Column[AuditRecord]("result", lambda each: each.code or each.result),
    Column[AuditRecord]("from", lambda each: each.address),
)
_FORMATS = ("jsonl", "csv")


@click.group("audit", cls=Noun)
def audit() -> None:
    """The audit trail."""


def _moment(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int:
    """``2026-11-21`` or ``2026-11-21T08:00``, in the local zone unless it names one."""
    del ctx
    if not value:
        return 0
    try:
        return int(datetime.fromisoformat(value).astimezone().timestamp() * 1000)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no date or time like 2026-11-21T08:00.", param=parameter
        ) from error


def _filters(function: F) -> F:
    for declared in (
        click.option("--subject", default="", metavar="WHO", help="Only what WHO did."),
        click.option("--entity", "entity_id", default="", metavar="ID", help="Only on this."),
        click.option("--operation", default="", help="Only this operation, e.g. createVm."),
        click.option("--result", type=click.Choice(["", "done", "refused", "failed"]), default=""),
        click.option("--from", "since_ms", callback=_moment, metavar="TIME", help="Not before."),
        click.option("--to", "until_ms", callback=_moment, metavar="TIME", help="Before."),
        options.tenant,
    ):
        function = declared(function)
    return function


def _tenant_id(session: Session, tenant: str | None) -> str:
    return naming.tenant_id(session, tenant) if tenant is not None else ""


@audit.command("list")
@_filters
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@pass_session
def list_records(session: Session, /, limit: int, tenant: str | None, **asked: Any) -> None:
    """List the newest records; of one tenant with --tenant."""
    records = session.client.audit.list(Asked(**asked), tenant_id=_tenant_id(session, tenant))
    found = [*islice(records, limit + 1)]
    session.output.items(found[:limit], _COLUMNS, empty="No records.")
    if len(found) > limit:
        session.output.note(f"Only the newest {limit} are shown; --limit shows more.")


@audit.command("export")
@_filters
@click.option("--format", "form", type=click.Choice(_FORMATS), default="jsonl", show_default=True)
@pass_session
def export(session: Session, /, form: str, tenant: str | None, **asked: Any) -> None:
    """Write all records to standard output, newest first."""
    records = session.client.audit.list(Asked(**asked), tenant_id=_tenant_id(session, tenant))
    if form == "jsonl":
        for record in records:
            click.echo(msgspec.json.encode(record))
        return
    names = [field.encode_name for field in msgspec.structs.fields(AuditRecord)]
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {name: _plain(value) for name, value in msgspec.to_builtins(record).items()}
        )


@audit.command("verify")
@pass_session
def verify(session: Session) -> None:
    """Compare every record with its seal; fails if one was changed or removed."""
    found = session.client.audit.verify()
    session.output.entity(found)
    if found.problems:
        raise HeliostatError("AuditBroken", f"{len(found.problems)} things are wrong with it.")


def _plain(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value
