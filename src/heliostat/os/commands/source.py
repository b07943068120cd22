"""``helio os source``: the archive that packages are imported from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.options import os_cache, output_option
from heliostat.os.commands.repo_print import print_json, print_rows

if TYPE_CHECKING:
    from heliostat.os.sources.suite import Suite


@click.group(name="source", help="Archives that packages come from.", no_args_is_help=True)
def source_group() -> None:
    """Group of the commands below."""


@source_group.command(name="show", help="Show which archive is used, and the age of its index.")
@click.option("--suite", help="Another release than distro/archive.yaml names.")
@output_option
def show_source(suite: str | None, output: str) -> None:
    from heliostat.os.image.distro import locate_distro
    from heliostat.os.sources.archive import archive_of
    from heliostat.os.sources.settings import archive_settings
    from heliostat.os.sources.suite import age_s

    archive = archive_of(archive_settings(locate_distro(), suite=suite))
    age = age_s(archive, os_cache())
    if output == "json":
        print_json({"sources": archive.sources, "architecture": archive.architecture, "ageS": age})
        return
    for source in archive.sources:
        click.echo(source.line())
    told = "never fetched" if age is None else f"fetched {age / 3600:.1f} h ago"
    click.echo(f"Architecture {archive.architecture}; index {told}.")


@source_group.command(name="update", help="Fetch the index anew and verify it.")
@click.option("--suite", help="Another release than distro/archive.yaml names.")
@output_option
def update_source(suite: str | None, output: str) -> None:
    found = _opened(suite, max_age_s=0)
    if output == "json":
        print_json({"indexes": found.indexes, "packages": len(found.entries)})
        return
    print_rows(
        ("SUITE", "COMPONENT", "DIGEST", "SIZE"),
        [
            (each.suite, each.component, each.sha256[:16], f"{each.size_bytes / 2**20:.1f} MiB")
            for each in found.indexes
        ],
    )
    click.echo(f"{len(found.newest)} packages.")


@source_group.command(name="search", help="List packages whose name or summary holds PART.")
@click.argument("part")
@click.option("--suite", help="Another release than distro/archive.yaml names.")
@output_option
def search_source(part: str, suite: str | None, output: str) -> None:
    sought = part.lower()
    found = [
        entry
        for name, entry in sorted(_opened(suite).newest.items())
        if sought in name or sought in entry.summary.lower()
    ]
    # those whose name begins so come first
    found.sort(key=lambda entry: (not entry.name.startswith(sought), sought not in entry.name))
    if output == "json":
        keys = ("name", "version", "suite", "summary")
        print_json([{key: getattr(entry, key) for key in keys} for entry in found])
        return
    rows = [(entry.name, entry.version, entry.summary[:70]) for entry in found]
    print_rows(("NAME", "VERSION", "SUMMARY"), rows)


@source_group.command(name="lock", help="Write the digests of the indexes as they are now to FILE.")
@click.argument("file", type=click.Path(dir_okay=False, writable=True))
@click.option("--suite", help="Another release than distro/archive.yaml names.")
def lock_source(file: str, suite: str | None) -> None:
    from pathlib import Path

    from heliostat.os.sources.lock import keep, write_lock

    found = _opened(suite)
    write_lock(keep(found, os_cache()), Path(file))
    click.echo(f"{file}: {len(found.indexes)} indexes, {len(found.newest)} packages.")
    click.echo(f"Next: helio os import --lock {file} NAME…")


def _opened(suite: str | None, max_age_s: float | None = None) -> Suite:
    from heliostat.os.image.distro import locate_distro
    from heliostat.os.monitor import monitor_for
    from heliostat.os.sources.archive import archive_of
    from heliostat.os.sources.settings import archive_settings
    from heliostat.os.sources.suite import DAY_S, open_suite

    archive = archive_of(archive_settings(locate_distro(), suite=suite))
    return open_suite(
        archive,
        os_cache(),
        max_age_s=DAY_S if max_age_s is None else max_age_s,
        monitor=monitor_for(sys.stderr),
    )
