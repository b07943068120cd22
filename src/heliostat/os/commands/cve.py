"""``helio os cve``: known vulnerabilities, from feeds the user has; no network is used.

``scan`` exits with 1 when a finding that counts is at or above ``--fail-on``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from heliostat.os.commands.inventory_subject import WHERE
from heliostat.os.commands.options import images_folder, os_home, output_option

_SEVERITIES = ["negligible", "low", "medium", "high", "critical"]


def _database_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--database",
        type=click.Path(path_type=Path),
        help="The database of knowledge (default: os/cve.sqlite in HELIO_HOME).",
    )(command)


class _ScanByDefault(click.Group):
    """``helio os cve IMAGE`` is ``helio os cve scan IMAGE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and _is_system(args[0]):
            args = ["scan", *args]
        return super().parse_args(ctx, args)


def _is_system(word: str) -> bool:
    """A path, whether it is there or not, or the name of an image that was built."""
    from heliostat.os.image.built import is_built

    return Path(word).exists() or "/" in word or is_built(images_folder(None), word)


@click.group(name="cve", cls=_ScanByDefault)
def cve_group() -> None:
    """Known vulnerabilities in a system or in packages, from an offline database.

    `helio os cve IMAGE|DIR|RPM|SOURCE` scans.
    """


@cve_group.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_database_option
@output_option
def import_files(files: tuple[Path, ...], database: Path | None, output: str) -> None:
    """Take knowledge in: feeds of NVD (2.0, 1.1), OSV (JSON, zip), the Debian security
    tracker's JSON, packages (.deb, .rpm) and Debian changelogs.

    Each file is taken in whole or not at all, and once; an interrupted import is started
    again with the same command.
    """
    from heliostat.os.cve.knowledge import KnowledgeBase
    from heliostat.os.monitor import monitor_for

    monitor = monitor_for(sys.stderr)
    done = []
    with KnowledgeBase(_place(database), create=True) as base:
        for path in files:
            with monitor.step(f"Importing {path.name}"):
                done.append(base.add(path))
    if output == "json":
        rows = [
            {"path": each.path, "form": each.form, "entries": each.entries, "already": each.already}
            for each in done
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in done:
        state = "known already" if each.already else "imported"
        click.echo(f"{each.path}: {each.form}, {each.entries} entries, {state}")


@cve_group.command(name="scan")
@click.argument("path", metavar="IMAGE|DIR|RPM|SOURCE", type=WHERE)
@click.option(
    "--fail-on", type=click.Choice(_SEVERITIES), help="Exit with 1 from this severity on."
)
@click.option(
    "--all", "everything", is_flag=True, help="Also what is excused or known by name only."
)
@click.option("--suite", help="Debian suite of packages that don't tell (default: the archive's).")
@_database_option
@output_option
def scan_subject(
    path: Path,
    fail_on: str | None,
    everything: bool,
    suite: str | None,
    database: Path | None,
    output: str,
) -> None:
    """Match the packages of a disk image, a root tree, a folder of RPMs, an RPM or a
    source package (.dsc, or a tree with debian/changelog) against the database."""
    from heliostat.os.cve.knowledge import KnowledgeBase
    from heliostat.os.cve.scanning import archive_suite, scan, subject_of
    from heliostat.os.cve.severity import Severity
    from heliostat.os.cve.telling import scan_lines, scan_values
    from heliostat.os.monitor import monitor_for

    monitor = monitor_for(sys.stderr)
    with KnowledgeBase(_place(database)) as base, monitor.step(f"Scanning {path}"):
        result = scan(subject_of(path), base, suite=suite or archive_suite())
    if output == "json":
        click.echo(json.dumps(scan_values(result), indent=2))
    else:
        click.echo("\n".join(scan_lines(result, everything=everything)))
    if fail_on is not None and result.from_severity(Severity(fail_on)):
        raise click.exceptions.Exit(1)


@cve_group.command(name="show")
@click.argument("identity", metavar="CVE-…")
@_database_option
@output_option
def show_vulnerability(identity: str, database: Path | None, output: str) -> None:
    """Tell all that the database knows of one vulnerability."""
    from heliostat.core.errors import HeliostatError
    from heliostat.os.cve.knowledge import KnowledgeBase
    from heliostat.os.cve.telling import known_lines, known_values

    name = identity.upper() if identity.lower().startswith("cve-") else identity
    with KnowledgeBase(_place(database)) as base:
        told, said = base.about(name)
    if not told and not said:
        raise HeliostatError("VulnerabilityUnknown", f"Nothing that was imported speaks of {name}.")
    if output == "json":
        click.echo(json.dumps(known_values(name, told, said), indent=2))
    else:
        click.echo("\n".join(known_lines(name, told, said)))


@cve_group.command(name="status")
@_database_option
@output_option
def show_status(database: Path | None, output: str) -> None:
    """List what was imported, and how much is known."""
    from heliostat.os.cve.knowledge import KnowledgeBase
    from heliostat.os.cve.telling import columns

    with KnowledgeBase(_place(database)) as base:
        files, counts = base.files(), base.counts()
    if output == "json":
        rows = [
            {"name": f.name, "form": f.form, "entries": f.entries, "digest": f.digest}
            for f in files
        ]
        click.echo(json.dumps({"files": rows, "counts": counts}, indent=2))
        return
    table = [("FILE", "FORM", "ENTRIES"), *((f.name, f.form, str(f.entries)) for f in files)]
    click.echo("\n".join(columns(table)))
    click.echo("")
    for name, count in counts.items():
        click.echo(f"{name}: {count}")


def _place(database: Path | None) -> Path:
    return database if database is not None else os_home() / "cve.sqlite"
