"""``helio os repo curate``: what the sources have newer, tested, into ``updates``."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.options import os_cache, os_home, output_option
from heliostat.os.commands.repo_print import places, print_json

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places
    from heliostat.os.monitor import Monitor
    from heliostat.os.repo.advisory import Severity
    from heliostat.os.repo.curate.offer import Supply
    from heliostat.os.repo.curate.report import Held, Report
    from heliostat.os.repo.curate.supplies import ArchiveSupply, FolderSupply
    from heliostat.os.repo.repository import Repository
    from heliostat.os.sources.archive import Archive, ArchiveSettings


@click.command(
    name="curate",
    help="Promote what the archive and our builds have newer, with advisories; tell what is held.",
)
@click.option("--into", default="updates", show_default=True, help="Repository to promote into.")
@click.option(
    "--over",
    multiple=True,
    default=("base",),
    show_default=True,
    help="Repository whose packages are looked after; may be given again.",
)
@click.option("--suite", help="Release of the archive (default: distro/archive.yaml).")
@click.option("--mirror", help="URL of the archive (default: that of this host's apt).")
@click.option("--security-mirror", help="URL of its security updates.")
@click.option("--no-archive", is_flag=True, help="Look at our own builds only.")
@click.option(
    "--from",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of further packages of ours.",
)
@click.option("--rebuild", is_flag=True, help="Build anew what the rebuild list names (long).")
@click.option("--plan", "--dry-run", "plan_only", is_flag=True, help="Only tell what is newer.")
@places
@output_option
def curate_command(
    into: str,
    over: tuple[str, ...],
    suite: str | None,
    mirror: str | None,
    security_mirror: str | None,
    no_archive: bool,
    folders: tuple[Path, ...],
    rebuild: bool,
    plan_only: bool,
    at: Places,
    output: str,
) -> None:
    from heliostat.os.image.distro import locate_distro
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.repo.curate.curation import Curator
    from heliostat.os.repo.curate.rules import load_rules
    from heliostat.os.repo.curate.supplies import BuiltSupply, FolderSupply
    from heliostat.os.repo.repository import named
    from heliostat.os.sources.settings import archive_settings

    monitor = monitor_for(sys.stderr)
    target, beside = named(at.repos, into), tuple(named(at.repos, name) for name in over)
    ready = FolderSupply(os_cache() / "rebuilt")
    built = [FolderSupply(each) for each in folders]
    supplies: list[Supply] = [ready, *built]
    waiting: tuple[Held, ...] = ()
    if not no_archive:
        settings = archive_settings(
            locate_distro(), suite=suite, mirror=mirror, security_mirror=security_mirror
        )
        builds = rebuild and not plan_only
        archive, waiting, ready = _archive((*beside, target), at, settings, monitor, ready, builds)
        supplies = [archive, *(BuiltSupply(each, archive) for each in (ready, *built))]
    curator = Curator(
        target=target,
        beside=beside,
        supplies=tuple(supplies),
        rules=load_rules(locate_distro()),
        signer=Signer.open(at.keys),
        cache=os_cache(),
        now=int(time.time()),
        year=datetime.now(UTC).year,
        rate=_rate(os_home() / "cve.sqlite"),
        waiting=waiting,
        monitor=monitor,
    )
    report = curator.plan() if plan_only else curator.run()
    if output == "json":
        print_json(report)
    else:
        _print(report)


def _archive(
    repositories: tuple[Repository, ...],
    at: Places,
    settings: ArchiveSettings,
    monitor: Monitor,
    ready: FolderSupply,
    builds: bool,
) -> tuple[ArchiveSupply, tuple[Held, ...], FolderSupply]:
    """The archive's supply, what waits for its build, and the builds that are ready."""
    from heliostat.os.image.distro import locate_distro
    from heliostat.os.packages.build.rebuilds import load_rebuilds
    from heliostat.os.packages.deb.importer import Importer
    from heliostat.os.packages.deb.policy import load_policy
    from heliostat.os.repo.curate.offer import newest
    from heliostat.os.repo.curate.rebuilding import rebuild
    from heliostat.os.repo.curate.scene import published_sources
    from heliostat.os.repo.curate.supplies import ArchiveSupply
    from heliostat.os.sources.archive import archive_of
    from heliostat.os.sources.suite import open_suite

    distro, archive = locate_distro(), archive_of(settings)
    suite = open_suite(archive, os_cache(), max_age_s=0, monitor=monitor)
    have = newest(each.published() for each in repositories)
    published = {name: each.order for name, each in have.items()}
    policy = load_policy(distro / "policy")
    supply = ArchiveSupply(
        Importer(suite, policy, os_cache(), monitor, published=published),
        published_sources(repositories),
        load_rebuilds(distro / "rebuilds.yaml").rebuilds,
    )
    lacking = supply.to_rebuild(have, ready.versions())
    build = _builder(archive, at.keys, distro, monitor) if builds and lacking else None
    waiting = rebuild(lacking, build, ready.versions)
    secured = {each.source for each in supply.to_rebuild(have, {}) if each.security}
    supply = dataclasses.replace(supply, waiting={each.source for each in waiting})
    return supply, waiting, dataclasses.replace(ready, security=secured)


def _builder(
    archive: Archive, keys: Path, distro: Path, monitor: Monitor
) -> Callable[[str], object]:
    """Builds sources as the archive has them now."""
    from heliostat.os.packages.build.archive import open_sources
    from heliostat.os.packages.build.workshop import Workshop

    open_sources(archive, os_cache(), monitor, max_age_s=0)
    return Workshop(archive, os_cache(), keys, distro, monitor).build


def _rate(database: Path) -> Callable[[str], Severity]:
    """Severities from what was imported with `helio os cve import`, if anything was."""
    from heliostat.os.cve.knowledge import KnowledgeBase
    from heliostat.os.repo.advisory import Severity

    words = {
        "critical": Severity.CRITICAL,
        "high": Severity.IMPORTANT,
        "medium": Severity.MODERATE,
        "low": Severity.LOW,
        "negligible": Severity.LOW,
    }
    order = [*words]

    def rate(cve: str) -> Severity:
        if not database.is_file():
            return Severity.NONE
        with KnowledgeBase(database) as base:
            told = [each.worded.value for each in base.about(cve)[0]]
        known = sorted((each for each in told if each in words), key=order.index)
        return words[known[0]] if known else Severity.NONE

    return rate


def _print(report: Report) -> None:
    verb = "Would look at" if report.planned else "Promoted"
    for each in report.promoted:
        advisory = f" [{each.advisory}]" if each.advisory else ""
        click.echo(f"{verb} {each.source}{advisory}: {each.why}")
        for package in each.packages:
            click.echo(f"    {package}")
    for held in report.held:
        click.echo(f"Held {held.source}: {', '.join(held.packages)}")
        for reason in held.reasons:
            click.echo(f"    {reason}")
    if not report.promoted and not report.held:
        click.echo("Nothing is newer than what is published.")
    elif not report.planned:
        click.echo(f"Clients of {report.repository} see generation {report.generation or '-'}.")
