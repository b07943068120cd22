"""How membership is told: tables for people, one JSON value for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from heliostat.member.entries import Entry
from heliostat.member.stores import Store

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="How to print the result.",
)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Columns as wide as they need; ``empty`` where there is no row."""
    if not rows:
        click.echo(empty, err=True)
        return
    lines = [[title.upper() for title in titles], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def store_row(store: Store) -> list[str]:
    entries = "not yours" if store.entries is None else str(store.entries)
    granted = ", ".join(f"{each.user} ({each.right})" for each in store.grants)
    return [store.name, "yes" if store.fixed else "no", entries, granted]


def store_object(store: Store) -> dict[str, Any]:
    return {
        "name": store.name,
        "fixed": store.fixed,
        "entries": store.entries,
        "grants": [{"user": each.user, "right": str(each.right)} for each in store.grants],
    }


def entry_row(entry: Entry, now: datetime) -> list[str]:
    found = entry.certificate
    if found is None:
        return [entry.name, "revocation list", "", "", "no"]
    return [
        entry.name,
        found.subject,
        ", ".join(found.names),
        left(found.ends, now),
        "yes" if entry.has_key else "no",
    ]


def entry_object(entry: Entry) -> dict[str, Any]:
    found = entry.certificate
    told: dict[str, Any] = {"name": entry.name, "path": str(entry.folder), "key": entry.has_key}
    if found is not None:
        told |= {
            "subject": found.subject,
            "issuer": found.issuer,
            "serial": found.serial,
            "fingerprint": found.fingerprint,
            "names": list(found.names),
            "notBefore": found.starts.isoformat(),
            "notAfter": found.ends.isoformat(),
        }
    return told


def left(ends: datetime, now: datetime) -> str:
    """How long a certificate still counts, with its last day.

    >>> left(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    '1 day, until 2026-03-02'
    """
    days = (ends - now).days
    if days < 0:
        return f"ended on {ends:%Y-%m-%d}"
    return f"{days} day{'' if days == 1 else 's'}, until {ends.astimezone(UTC):%Y-%m-%d}"
