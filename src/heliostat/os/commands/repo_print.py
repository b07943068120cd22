"""What the repository commands share: where things lie, and how results are shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.options import os_home

if TYPE_CHECKING:
    from heliostat.os.repo.lock import Difference
    from heliostat.os.repo.summary import Contents


@dataclass(frozen=True, slots=True)
class Places:
    """The folder of repositories and the folder of keys."""

    repos: Path
    keys: Path


def places(command: Callable[..., None]) -> Callable[..., None]:
    """``--repos`` and ``--keys``; the command gets both as ``at``."""

    @click.option("--repos", type=click.Path(path_type=Path), help="Folder of the repositories.")
    @click.option("--keys", type=click.Path(path_type=Path), help="Folder of the signing key.")
    @functools.wraps(command)
    def wrapped(repos: Path | None, keys: Path | None, **rest: Any) -> None:
        home = os_home()
        command(at=Places(repos or home / "repos", keys or home / "keys"), **rest)

    return wrapped


def repository_name(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Callback of options that name where to publish: refused before the work, not after it."""
    del ctx, parameter
    if value is not None:
        from heliostat.os.repo.settings import Settings, checked

        checked(Settings(name=value))
    return value


def print_json(value: object) -> None:
    """Anything of ours, indented."""
    import msgspec

    raw = msgspec.json.encode(value, enc_hook=str)
    click.echo(msgspec.json.format(raw, indent=2).decode())


def print_rows(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table: columns as wide as their widest cell."""
    table = [tuple(titles), *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_difference(plan: Difference, output: str, following: str, *, plan_only: bool) -> None:
    """Every package that comes, goes or changes; ``following`` is the command to run next."""
    if output == "json":
        print_json(plan)
        return
    for each in plan.added:
        click.echo(f"+ {each.nevra}")
    for each in plan.removed:
        click.echo(f"- {each.nevra}")
    for change in plan.changed:
        word = "rebuilt" if change.rebuilt else ("downgrade" if change.downgrade else "upgrade")
        click.echo(f"~ {change.before.nevra} -> {change.after.evr} ({word})")
    if not plan:
        click.echo("Nothing would change." if plan_only else "Nothing has changed.")
    elif plan_only:
        click.echo(f"Would be: {plan}. Nothing was done.")
    else:
        click.echo(f"Staged: {plan}. Next: {following}")


def print_contents(found: Contents) -> None:
    """Generations, packages, advisories, and what is staged."""
    print_rows(
        ("GENERATION", "", "PACKAGES", "SNAPSHOTS", "REASON"),
        [
            (
                each.number,
                "current" if each.current else "",
                each.packages,
                ", ".join(each.snapshots) or "-",
                each.reason,
            )
            for each in found.generations
        ],
    )
    click.echo()
    print_rows(
        ("PACKAGE", "VERSION", "ARCH", "DIGEST"),
        [(each.name, each.evr, each.arch, each.digest[:16]) for each in found.packages],
    )
    if found.advisories:
        click.echo()
        print_rows(
            ("ADVISORY", "TYPE", "SEVERITY", "TITLE"),
            [(each.id, each.kind, each.severity, each.title) for each in found.advisories],
        )
    if found.staged:
        click.echo(f"\nStaged, not published: {found.staged}.")
