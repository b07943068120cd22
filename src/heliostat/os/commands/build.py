"""``helio os build``: packages from source, and what is known of each build.

``helio os build WHAT…`` builds; ``list`` and ``show`` tell.  RPMs lie in
``HELIO_CACHE/os/rebuilt``; the keys that sign them in ``HELIO_HOME/os/keys``, or in ``--keys``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.core.counting import counted
from heliostat.os.commands.options import os_cache, output_option
from heliostat.os.commands.repo_print import places, repository_name

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places
    from heliostat.os.packages.build.provenance import Statement
    from heliostat.os.packages.build.results import Result
    from heliostat.os.packages.build.workshop import Workshop


class _BuildsByDefault(click.Group):
    """What isn't the name of a command is what to build."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before the first name belong to the building of it, but for ``--help``."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


repo_option = click.option(
    "--repo",
    "repository",
    callback=repository_name,
    help="Publish the packages in this repository.",
)
suite_option = click.option("--suite", help="Release of the archive to build from and with.")


@click.group(
    name="build",
    cls=_BuildsByDefault,
    no_args_is_help=True,
    subcommand_metavar="WHAT… | COMMAND [ARGS]…",
)
def build_command() -> None:
    """Build packages from source, in a sandbox without network.

    WHAT is a spec file (.spec, its sources beside it), a Debian source package (.dsc),
    or the name of a source of the archive, also as NAME=VERSION.
    """


@build_command.command(name="run", help="Build WHAT…, as `helio os build WHAT…` does.")
@click.argument("wanted", nargs=-1, metavar="WHAT…")
@click.option("--all", "everything", is_flag=True, help="Everything in distro/rebuilds.yaml.")
@click.option("--anew", is_flag=True, help="Build even if the result is there.")
@repo_option
@suite_option
@places
@output_option
def run_build(
    wanted: tuple[str, ...],
    everything: bool,
    anew: bool,
    repository: str | None,
    suite: str | None,
    at: Places,
    output: str,
) -> None:
    shop = workshop(at.keys, suite)
    names = (*wanted, *(shop.rebuild_names() if everything else ()))
    if not names:
        raise click.UsageError("Name what to build, or give --all.")
    results = [shop.build(name, anew=anew) for name in names]
    deliver(results, repository, at)
    print_results(results, output)


@build_command.command(name="list", help="List what was built.")
@output_option
def list_builds(output: str) -> None:
    from heliostat.os.packages.build.results import listed

    print_results(listed(os_cache().resolve() / "rebuilt"), output)


@build_command.command(name="show", help="Show what NAME (a source or a package) was built from.")
@click.argument("name")
@output_option
def show_build(name: str, output: str) -> None:
    from heliostat.os.packages.build.provenance import read
    from heliostat.os.packages.build.results import find

    result = find(os_cache().resolve() / "rebuilt", name)
    if output == "json":
        click.echo(result.provenance.read_text(), nl=False)
        return
    _print_rows([*_about(result), *_of_record(read(result.provenance))])


def _about(result: Result) -> list[tuple[str, str]]:
    return [
        ("name", result.name),
        ("version", result.version),
        ("build", result.identity),
        ("log", result.log),
        ("provenance", str(result.provenance)),
        *(("package", str(path)) for path in result.paths),
    ]


def _of_record(statement: Statement) -> list[tuple[str, str]]:
    from heliostat.os.packages.build.provenance import PACKAGE_URI

    definition = statement.predicate.build_definition
    asked, used = definition.external_parameters, definition.resolved_dependencies
    rooted = [each for each in used if each.uri.startswith(PACKAGE_URI)]
    files = [(each, each.digest.sha256) for each in used if each.digest and each not in rooted]
    made = [(each.name, each.digest.sha256) for each in statement.subject if each.digest]
    return [
        *(("made", f"{digest}  {name}") for name, digest in made),
        *(("input", f"{digest}  {each.name}  {each.uri}") for each, digest in files),
        ("root", f"{counted(len(rooted), 'package')} (-o json names them)"),
        *(("environment", f"{key}={value}") for key, value in asked.environment.items()),
        *(("command", line) for line in asked.script.strip().splitlines()),
    ]


def workshop(keys: Path, suite: str | None) -> Workshop:
    """With the settings of ``distro/archive.yaml``, of the environment and of the command."""
    from heliostat.os.image.distro import locate_distro
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.build.workshop import Workshop
    from heliostat.os.sources.archive import archive_of
    from heliostat.os.sources.settings import archive_settings

    distro = locate_distro()
    archive = archive_of(archive_settings(distro, suite=suite))
    return Workshop(archive, os_cache(), keys, distro, monitor_for(sys.stderr))


def deliver(results: list[Result], name: str | None, at: Places) -> None:
    """Publish what was built in the repository ``name``, if one is named."""
    if name is None:
        return
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.repo.intake import take_in
    from heliostat.os.repo.repository import Repository
    from heliostat.os.repo.settings import settings_of

    take_in(
        Repository.ensure(at.repos / name, settings_of(name)),
        [path for each in results for path in each.paths],
        Signer.create(at.keys),
        os_cache(),
        reason=f"built from source: {', '.join(each.name for each in results)}",
        monitor=monitor_for(sys.stderr),
    )


def print_results(results: list[Result], output: str) -> None:
    """One line a package, or all as JSON."""
    import msgspec

    if output == "json":
        click.echo(json.dumps([msgspec.to_builtins(each) for each in results], indent=2))
        return
    for each in results:
        for path in each.paths:
            size = f"{path.stat().st_size / 2**20:.1f} MiB"
            click.echo(f"{each.name:<16} {size:>10}  {'reused' if each.cached else '':<6}  {path}")


def _print_rows(rows: list[tuple[str, str]]) -> None:
    """The name of a row once, however many values it has."""
    before = ""
    for name, value in rows:
        click.echo(f"{name if name != before else '':<12} {value}")
        before = name
