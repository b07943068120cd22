"""``helio os repo``: signed repositories, from the first package to what clients see.

Repositories lie in ``HELIO_HOME/os/repos``, or in ``--repos``; the key that signs in
``HELIO_HOME/os/keys``, or in ``--keys``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.options import os_cache, output_option
from heliostat.os.commands.repo_curate import curate_command
from heliostat.os.commands.repo_mirror import mirror_command
from heliostat.os.commands.repo_print import (
    places,
    print_difference,
    print_json,
    print_rows,
)
from heliostat.os.commands.repo_upkeep import UPKEEP

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places


@click.group(name="repo", help="Signed repositories of packages.", no_args_is_help=True)
def repo_group() -> None:
    """Group of the commands below."""


for _command in (*UPKEEP, mirror_command, curate_command):
    repo_group.add_command(_command)


@repo_group.command(
    name="create", help="Make empty repositories NAME…; without a name the four that images know."
)
@click.argument("names", nargs=-1)
@click.option("--title", default="", help="What it is, in a few words.")
@click.option("--url", default="", help="Where it will be served; enables `mirrorlist`.")
@click.option("--keep", default=5, show_default=True, help="Generations that gc leaves.")
@click.option("--compression", type=click.Choice(["zstd", "gz"]), default="gz", show_default=True)
@places
@output_option
def create(
    names: tuple[str, ...],
    title: str,
    url: str,
    keep: int,
    compression: str,
    at: Places,
    output: str,
) -> None:
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.repo.repomd import Compression
    from heliostat.os.repo.repository import Repository, repositories
    from heliostat.os.repo.settings import SHIPPED, Settings, checked

    wanted = [
        checked(
            Settings(
                name=name,
                title=title or SHIPPED.get(name, ""),
                url=url and f"{url.rstrip('/')}/{name}" if len(names) != 1 else url,
                keep=keep,
                compression=Compression(compression),
            )
        )
        for name in names or SHIPPED
    ]
    signer = Signer.create(at.keys)
    there = {each.name for each in repositories(at.repos)} - set(names)
    # of the four that images know some may be there already: an import makes those it fills
    make = Repository.create if names else Repository.ensure
    made = [make(at.repos / each.name, each) for each in wanted]
    if output == "json":
        print_json([{"name": each.name, "path": each.root} for each in made])
        return
    for each in made:
        said = " (it was there before; nothing of it was changed)" if each.name in there else ""
        click.echo(f"{each.name:<16} {each.root}{said}")
    click.echo(f"Signed by {signer.fingerprint}.")
    click.echo(f"Next: helio os repo add {made[0].name} PACKAGE…")


@repo_group.command(name="list", help="List repositories.")
@places
@output_option
def list_repositories(at: Places, output: str) -> None:
    from heliostat.os.repo.repository import repositories
    from heliostat.os.repo.summary import summary

    found = [summary(each) for each in repositories(at.repos)]
    if output == "json":
        print_json(found)
        return
    print_rows(
        ("NAME", "GENERATION", "PACKAGES", "SIZE", "STAGED", "TITLE"),
        [
            (
                each.name,
                each.generation or "-",
                each.packages,
                f"{each.size_bytes / 2**20:.1f} MiB",
                each.staged or "-",
                each.title,
            )
            for each in found
        ],
    )


@repo_group.command(name="show", help="Show a repository: generations, packages, advisories.")
@click.argument("name")
@click.option("--generation", type=int, help="Another than the current generation.")
@places
@output_option
def show(name: str, generation: int | None, at: Places, output: str) -> None:
    from heliostat.os.commands.repo_print import print_contents
    from heliostat.os.repo.repository import named
    from heliostat.os.repo.summary import contents

    found = contents(named(at.repos, name), generation)
    if output == "json":
        print_json(found)
    else:
        print_contents(found)


@repo_group.command(name="add", help="Stage packages (files or folders) for the next generation.")
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rebuilt", is_flag=True, help="Take other content under a version that is there.")
@click.option("--downgrade", is_flag=True, help="Take an older version than is there.")
@click.option("--trust", "key", type=click.Path(exists=True, path_type=Path), help="A key's file.")
@click.option("--plan", "--dry-run", "plan_only", is_flag=True, help="Only tell what would change.")
@places
@output_option
def add_packages(
    name: str,
    paths: tuple[Path, ...],
    rebuilt: bool,
    downgrade: bool,
    key: Path | None,
    plan_only: bool,
    at: Places,
    output: str,
) -> None:
    from heliostat.os.monitor import monitor_for
    from heliostat.os.repo.keys import trust_key, trust_of
    from heliostat.os.repo.repository import named
    from heliostat.os.repo.staging import Rules, add, packages_below

    repository = named(at.repos, name)
    if key is not None:
        trust_key(repository, key)
    plan = add(
        repository,
        packages_below(paths),
        trust_of(repository, at.keys),
        os_cache(),
        rules=Rules(rebuilt=rebuilt, downgrade=downgrade),
        plan_only=plan_only,
        monitor=monitor_for(sys.stderr),
    )
    print_difference(plan, output, f"helio os repo publish {name}", plan_only=plan_only)


@repo_group.command(name="remove", help="Leave packages (names or patterns) out from now on.")
@click.argument("name")
@click.argument("patterns", nargs=-1, required=True)
@click.option("--plan", "--dry-run", "plan_only", is_flag=True, help="Only tell what would change.")
@places
@output_option
def remove_packages(
    name: str, patterns: tuple[str, ...], plan_only: bool, at: Places, output: str
) -> None:
    from heliostat.os.repo.repository import named
    from heliostat.os.repo.staging import remove

    plan = remove(named(at.repos, name), patterns, plan_only=plan_only)
    print_difference(plan, output, f"helio os repo publish {name}", plan_only=plan_only)


@repo_group.command(name="publish", help="Make what is staged visible, all of it at once.")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the list of generations.")
@click.option("--plan", "--dry-run", "plan_only", is_flag=True, help="Only tell what would change.")
@places
@output_option
def publish_repository(name: str, reason: str, plan_only: bool, at: Places, output: str) -> None:
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.repo.publish import publish
    from heliostat.os.repo.repository import named

    repository = named(at.repos, name)
    if plan_only:
        print_difference(repository.plan(), output, "", plan_only=True)
        return
    signer = Signer.open(at.keys)
    monitor = monitor_for(sys.stderr)
    with monitor.step(f"Publishing {name}"):
        done = publish(repository, signer, os_cache(), monitor=monitor, reason=reason)
    if output == "json":
        print_json(done)
        return
    if not done.changed:
        click.echo(f"Nothing has changed since generation {done.number}.")
        return
    click.echo(f"Generation {done.number} of {name}: {done.reason}.")


@repo_group.command(
    name="sign", help="Sign package FILES with our key; without files, sign the metadata again."
)
@click.argument("name")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@places
@output_option
def sign_packages(name: str, files: tuple[Path, ...], at: Places, output: str) -> None:
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.packages.rpm.signing import sign_all
    from heliostat.os.repo.publish import publish
    from heliostat.os.repo.repository import named

    repository, signer = named(at.repos, name), Signer.open(at.keys)
    if files:
        done = sign_all(files, signer)
        if output == "json":
            print_json([{"path": each.path, "digest": each.digest} for each in done])
            return
        for each in done:
            click.echo(f"{each.path}: signed by {signer.fingerprint}")
        click.echo(f"Next: helio os repo add {name} FILE…")
        return
    again = publish(repository, signer, os_cache(), reason="signed again", only_sign=True)
    if output == "json":
        print_json(again)
        return
    click.echo(f"Generation {again.number} of {name} is signed by {signer.fingerprint}.")
