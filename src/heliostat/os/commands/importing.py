"""``helio os import``: packages of a Debian archive as RPMs of our own.

Without ``--repo`` or ``--to`` the RPMs stay, unsigned, in the cache.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.core.counting import counted
from heliostat.os.commands.options import os_cache, output_option
from heliostat.os.commands.repo_print import (
    places,
    print_json,
    print_rows,
    repository_name,
)

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places
    from heliostat.os.packages.deb.importer import Planned
    from heliostat.os.supply import Supply, Taken


@click.command(
    name="import",
    help="Import the packages NAME… with all that they need, by the policy in distro/policy.",
)
@click.argument("names", nargs=-1)
@click.option("--edition", "editions", multiple=True, help="Import all that an edition takes.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    help="And what this format of an image adds to the edition, such as a cloud's agent.",
)
@click.option("--alone", is_flag=True, help="Only the packages named, not what they need.")
@click.option("--suite", help="Release of the archive (default: distro/archive.yaml).")
@click.option("--mirror", help="URL of the archive (default: that of this host's apt).")
@click.option("--security-mirror", help="URL of its security updates.")
@click.option("--snapshot", help="The archive at a point in time, by `snapshot_pattern`.")
@click.option(
    "--lock",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Import from the indexes that this lock names (`helio os source lock`).",
)
@click.option("--refresh", is_flag=True, help="Ask the archive for a newer index first.")
@click.option("--dry-run", "--plan", "plan_only", is_flag=True, help="Only tell what and why.")
@click.option("--show-scripts", is_flag=True, help="Print what was written by hand in scripts.")
@click.option(
    "--distro",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of archive.yaml, policy and own packages (default: this installation's).",
)
@click.option(
    "--repo",
    "repository",
    callback=repository_name,
    help="Sign and publish into this repository.",
)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Copy the RPMs to FOLDER.")
@places
@output_option
def import_command(
    names: tuple[str, ...],
    editions: tuple[str, ...],
    formats: tuple[str, ...],
    alone: bool,
    suite: str | None,
    mirror: str | None,
    security_mirror: str | None,
    snapshot: str | None,
    lock: Path | None,
    refresh: bool,
    plan_only: bool,
    show_scripts: bool,
    distro: Path | None,
    repository: str | None,
    folder: Path | None,
    at: Places,
    output: str,
) -> None:
    from heliostat.os.image.distro import locate_distro
    from heliostat.os.monitor import monitor_for
    from heliostat.os.sources.settings import archive_settings
    from heliostat.os.sources.suite import DAY_S
    from heliostat.os.supply import open_supply

    if not names and not editions:
        raise click.UsageError("Name packages, or an --edition.")
    if formats and not editions:
        raise click.UsageError("--format adds to an --edition: name one.")
    if alone and editions:
        raise click.UsageError("--alone takes the packages named, and no --edition.")
    if repository is not None and folder is not None:
        raise click.UsageError("Either --repo or --to: packages in a repository are signed.")
    started = time.monotonic()
    supply = open_supply(
        os_cache(),
        settings=archive_settings(
            distro or locate_distro(),
            suite=suite,
            mirror=mirror,
            security_mirror=security_mirror,
            snapshot=snapshot,
        ),
        distro=distro,
        lock=lock,
        max_age_s=0 if refresh else DAY_S,
        monitor=monitor_for(sys.stderr),
    )
    planned = _planned(supply, names, editions, formats, alone=alone)
    if show_scripts:
        _print_scripts(supply, planned, output)
        return
    if plan_only:
        _print_plan(supply, planned, output)
        return
    taken = supply.take(planned)
    done = _delivered(taken, repository, folder, at, own=not alone)
    _print_taken(taken, done, time.monotonic() - started, output)


def _planned(
    supply: Supply,
    names: Sequence[str],
    editions: Sequence[str],
    formats: Sequence[str],
    *,
    alone: bool,
) -> tuple[Planned, ...]:
    from heliostat.os.image.from_nothing import variants_of
    from heliostat.os.tree import load_edition

    if alone:
        return supply.importer.plan_alone(names)
    loaded = [load_edition(name) for name in editions]
    return supply.plan(names, [each for one in loaded for each in variants_of(one, formats)])


def _delivered(
    taken: Taken, repository: str | None, folder: Path | None, at: Places, *, own: bool
) -> str | None:
    """Where the packages went besides the cache."""
    paths = taken.paths if own else [each.path for each in taken.imported]
    if folder is not None:
        import shutil

        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            shutil.copy2(path, folder / path.name)
        return str(folder)
    if repository is None:
        return None
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.repo.intake import take_in
    from heliostat.os.repo.repository import Repository
    from heliostat.os.repo.settings import settings_of

    signer = Signer.create(at.keys)
    target = Repository.ensure(at.repos / repository, settings_of(repository))
    take_in(
        target, paths, signer, os_cache(), reason="helio os import", monitor=monitor_for(sys.stderr)
    )
    return str(target.root)


def _print_plan(supply: Supply, planned: tuple[Planned, ...], output: str) -> None:
    from heliostat.os.packages.deb.store import Store

    store, policy = Store(supply.importer.cache), supply.importer.policy
    rows = [
        {
            "name": each.entry.name,
            "version": each.entry.version,
            "suite": each.entry.suite,
            "sizeBytes": each.entry.size_bytes,
            "converted": store.find(each.entry, policy) is not None,
            "why": each.why,
        }
        for each in planned
    ]
    if output == "json":
        print_json(rows)
        return
    print_rows(
        ("NAME", "VERSION", "SUITE", "SIZE", "CONVERTED", "WHY"),
        [
            (
                row["name"],
                row["version"],
                row["suite"],
                f"{each.entry.size_bytes / 2**20:.1f} MiB",
                "yes" if row["converted"] else "-",
                row["why"],
            )
            for row, each in zip(rows, planned, strict=True)
        ],
    )
    total = sum(each.entry.size_bytes for each in planned) / 2**20
    waiting = sum(not row["converted"] for row in rows)
    click.echo(f"{counted(len(rows), 'package')}, {total:.1f} MiB; {waiting} to convert.")


def _print_scripts(supply: Supply, planned: tuple[Planned, ...], output: str) -> None:
    """What was written by hand, and whether the policy names it."""
    from heliostat.os.packages.deb.convert import is_read

    policy = supply.importer.policy
    found = [
        (each.entry.name, residue, is_read(each.entry.name, residue, policy))
        for each, residue in supply.importer.residues(planned)
    ]
    if output == "json":
        print_json(
            [
                {
                    "name": name,
                    "script": residue.script,
                    "digest": residue.digest,
                    "read": read,
                    "lines": residue.lines,
                }
                for name, residue, read in found
            ]
        )
        return
    for name, residue, read in found:
        state = "read" if read else "NOT READ"
        click.echo(f"{name} {residue.script} {residue.digest} ({state})")
        for line in residue.lines:
            click.echo(f"    {line}")


def _print_taken(taken: Taken, where: str | None, elapsed_s: float, output: str) -> None:
    if output == "json":
        print_json({"imported": taken.imported, "own": taken.own, "where": where})
        return
    if len(taken.imported) <= 20:
        for each in taken.imported:
            click.echo(f"{each.name:<32} {each.evr:<32} {each.path if where is None else ''}")
    count = counted(len(taken.imported), "package")
    click.echo(f"{count} imported in {elapsed_s:.1f} s.")
    click.echo(f"They are in {where}." if where else "Next: the same with `--repo base`.")
