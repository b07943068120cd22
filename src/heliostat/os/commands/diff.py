"""``helio os diff``: what differs between two systems, and what was fixed between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.inventory_subject import WHERE
from heliostat.os.commands.options import output_option
from heliostat.os.commands.repo_print import print_json

if TYPE_CHECKING:
    from heliostat.os.inventory.difference import Difference, PackageChange

_SIGNS = {"added": "+", "removed": "-", "upgraded": "^", "downgraded": "v", "rebuilt": "="}


@click.command(
    name="diff",
    help="List what differs between the systems BEFORE and AFTER (root trees, image files, or "
    "names of built images): packages, their files, and CVE ids fixed.",
)
@click.argument("before", type=WHERE)
@click.argument("after", type=WHERE)
@click.option("--files", "with_files", is_flag=True, help="List every changed file.")
@click.option(
    "--loose", is_flag=True, help="Compare the files of no package in images too: slower."
)
@output_option
def diff_command(before: Path, after: Path, with_files: bool, loose: bool, output: str) -> None:
    from heliostat.os.inventory.difference import compare
    from heliostat.os.inventory.subject import opened

    with opened(before, complete=loose) as one, opened(after, complete=loose) as two:
        found = compare(one, two)
    if output == "json":
        print_json(found)
        return
    click.echo("\n".join(_lines(found, with_files)))


def _lines(found: Difference, with_files: bool) -> Iterator[str]:
    for change in found.packages:
        yield f"{_SIGNS[change.kind]} {change.name} {_versions(change)}{_told(change)}"
        if change.fixed:
            yield f"    fixes {', '.join(change.fixed)}"
        if with_files:
            yield from (f"    {file.path}: {', '.join(file.what)}" for file in change.files)
    if found.loose:
        yield "Files that no package accounts for:"
        yield from (f"    {file.path}: {', '.join(file.what)}" for file in found.loose)
    if not found:
        yield "Nothing differs."
        return
    counts = [(kind, sum(each.kind == kind for each in found.packages)) for kind in _SIGNS]
    told = ", ".join(f"{count} {kind}" for kind, count in counts if count) or "no package differs"
    yield f"Packages: {told}. CVE ids fixed: {len(found.fixed)}."
    if not found.looked_at_files:
        yield "Files of no package were not compared (--loose does)."


def _versions(change: PackageChange) -> str:
    if change.before and change.after and change.before != change.after:
        return f"{change.before} -> {change.after} ({change.kind})"
    return f"{change.after or change.before} ({change.kind})"


def _told(change: PackageChange) -> str:
    parts = [_counted(len(change.files))] if change.files else []
    parts += change.said
    if change.kind == "rebuilt" and not parts:
        parts = ["nothing but its time"]
    return "".join(f", {part}" for part in parts)


def _counted(files: int) -> str:
    return f"{files} file{'' if files == 1 else 's'}"
