"""``helio os repo mirror``: packages of any RPM-MD repository, into one of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.options import os_cache, output_option
from heliostat.os.commands.repo_print import places, print_difference

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places
    from heliostat.os.repo.record import PackageRecord
    from heliostat.os.repo.repository import Repository
    from heliostat.os.sources.rpmmd import RpmMd


@click.command(
    name="mirror",
    help="Stage packages of the RPM-MD repository at URL, with what they need of it; "
    "all of its newest without PACKAGES.",
)
@click.argument("name")
@click.argument("url")
@click.argument("packages", nargs=-1)
@click.option("--trust", "key", type=click.Path(exists=True, path_type=Path), help="Its key.")
@click.option("--unsigned-index", is_flag=True, help="It signs its packages, but not its index.")
@click.option("--alone", is_flag=True, help="Only the packages named, not what they need.")
@click.option("--plan", "--dry-run", "plan_only", is_flag=True, help="Only tell what it would be.")
@places
@output_option
def mirror_command(
    name: str,
    url: str,
    packages: tuple[str, ...],
    key: Path | None,
    unsigned_index: bool,
    alone: bool,
    plan_only: bool,
    at: Places,
    output: str,
) -> None:
    from heliostat.os.monitor import monitor_for
    from heliostat.os.repo.keys import trust_key, trust_of
    from heliostat.os.repo.repository import named
    from heliostat.os.repo.staging import add
    from heliostat.os.sources.rpmmd import RpmMd

    repository, monitor = named(at.repos, name), monitor_for(sys.stderr)
    if key is not None:
        trust_key(repository, key)
    trust = trust_of(repository, at.keys)
    far = RpmMd("the mirrored repository", url, trust, os_cache(), signed_index=not unsigned_index)
    far.update(monitor=monitor)
    wanted = _wanted(far, repository, packages, alone=alone)
    if plan_only:
        _print_plan(wanted, output)
        return
    paths = far.fetch(wanted, monitor=monitor)
    plan = add(repository, paths, trust, os_cache(), monitor=monitor)
    print_difference(plan, output, f"helio os repo publish {name}", plan_only=False)


def _wanted(
    far: RpmMd, repository: Repository, names: tuple[str, ...], *, alone: bool
) -> list[PackageRecord]:
    """What is asked for; with what it needs that our repository doesn't meet."""
    from heliostat.os.repo.curate.scene import published_sources
    from heliostat.os.solve import solve
    from heliostat.os.sources.rpmmd import newest_records

    records = newest_records(far.packages())
    if not names:
        return list(records.values())
    if alone:
        return [far.find(name, records) for name in names]
    chosen = solve([far.source, *published_sources([repository])], names).packages
    return [far.find(each.name, records) for each in chosen if each.source == far.name]


def _print_plan(wanted: list[PackageRecord], output: str) -> None:
    from heliostat.os.commands.repo_print import print_json, print_rows

    if output == "json":
        print_json([{"name": each.name, "version": each.evr} for each in wanted])
        return
    rows = [
        (each.name, each.evr, each.arch, f"{each.package_size / 2**20:.1f} MiB") for each in wanted
    ]
    print_rows(("PACKAGE", "VERSION", "ARCH", "SIZE"), rows)
    size = sum(each.package_size for each in wanted) / 2**20
    click.echo(f"{len(wanted)} packages, {size:.1f} MiB. Nothing was done.")
