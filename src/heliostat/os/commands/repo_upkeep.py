"""``helio os repo``: looking after what was published — and undoing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.core.counting import counted
from heliostat.os.commands.options import os_cache, output_option
from heliostat.os.commands.repo_print import places, print_difference, print_json

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places


@click.command(
    name="rollback", help="Let clients see the generation before (or another) again; forget staged."
)
@click.argument("name")
@click.option("--to", "number", type=int, help="The generation (default: the one before).")
@places
@output_option
def rollback_command(name: str, number: int | None, at: Places, output: str) -> None:
    from heliostat.os.repo.history import rollback
    from heliostat.os.repo.repository import named

    done = rollback(named(at.repos, name), number)
    if output == "json":
        print_json(done)
        return
    click.echo(f"Repository {name} {done.reason}.")


@click.command(name="discard", help="Forget what was staged since the current generation.")
@click.argument("name")
@places
@output_option
def discard_command(name: str, at: Places, output: str) -> None:
    from heliostat.os.repo.repository import named

    repository = named(at.repos, name)
    with repository.claimed():
        plan = repository.plan()
        repository.discard()
    if output == "json":
        print_json(plan)
        return
    click.echo(f"Forgotten: {plan}." if plan else "Nothing was staged.")


@click.command(
    name="snapshot", help="Keep a generation under LABEL, and write its lock file if asked."
)
@click.argument("name")
@click.argument("label")
@click.option("--generation", type=int, help="Another than the current generation.")
@click.option("--lock", "lock_path", type=click.Path(path_type=Path), help="Write the lock here.")
@click.option("--remove", is_flag=True, help="Keep it no longer.")
@places
@output_option
def snapshot_command(
    name: str,
    label: str,
    generation: int | None,
    lock_path: Path | None,
    remove: bool,
    at: Places,
    output: str,
) -> None:
    from heliostat.os.repo.history import pin, unpin
    from heliostat.os.repo.lock import write_lock
    from heliostat.os.repo.repository import named

    repository = named(at.repos, name)
    if remove:
        unpin(repository, label)
        click.echo(f"`helio os repo gc {name}` may take away what {label} kept.")
        return
    lock = pin(repository, label, generation)
    if lock_path is not None:
        write_lock(lock_path, lock)
    if output == "json":
        print_json(lock)
        return
    click.echo(
        f"Snapshot {label}: generation {lock.number}, {counted(len(lock.packages), 'package')}."
    )


@click.command(name="restore", help="Stage exactly what the lock file LOCK names.")
@click.argument("name")
@click.argument("lock_path", metavar="LOCK", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--from",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where packages may lie (default: all repositories).",
)
@places
@output_option
def restore_command(
    name: str, lock_path: Path, folders: tuple[Path, ...], at: Places, output: str
) -> None:
    from heliostat.os.monitor import monitor_for
    from heliostat.os.repo.keys import trust_of
    from heliostat.os.repo.lock import read_lock
    from heliostat.os.repo.repository import named
    from heliostat.os.repo.restore import restore

    repository = named(at.repos, name)
    plan = restore(
        repository,
        read_lock(lock_path),
        folders or (at.repos,),
        trust_of(repository, at.keys),
        os_cache(),
        monitor=monitor_for(sys.stderr),
    )
    print_difference(plan, output, f"helio os repo publish {name}", plan_only=False)


@click.command(name="verify", help="Check everything that a repository promises; tell every fault.")
@click.argument("name")
@places
@output_option
def verify_command(name: str, at: Places, output: str) -> None:
    from heliostat.os.monitor import monitor_for
    from heliostat.os.repo.keys import trust_of
    from heliostat.os.repo.repository import named
    from heliostat.os.repo.verify import verify

    repository = named(at.repos, name)
    monitor = monitor_for(sys.stderr)
    with monitor.step(f"Verifying {name}"):
        faults = verify(repository, trust_of(repository, at.keys), monitor=monitor)
    if output == "json":
        print_json(faults)
    else:
        for each in faults:
            click.echo(str(each))
        if not faults:
            click.echo(
                f"Repository {name} is whole: {counted(len(repository.numbers()), 'generation')}."
            )
    if faults:
        click.get_current_context().exit(1)


@click.command(name="gc", help="Take away generations and files that nothing keeps.")
@click.argument("name")
@click.option("--plan", "--dry-run", "plan_only", is_flag=True, help="Only tell what would go.")
@places
@output_option
def gc_command(name: str, plan_only: bool, at: Places, output: str) -> None:
    from heliostat.os.repo.history import gc
    from heliostat.os.repo.repository import named

    swept = gc(named(at.repos, name), plan_only=plan_only)
    if output == "json":
        print_json(swept)
        return
    for each in swept.paths:
        click.echo(f"- {each}")
    verb = "Would free" if plan_only else "Freed"
    click.echo(
        f"{verb} {swept.size_bytes / 2**20:.1f} MiB in {counted(len(swept.paths), 'place')}."
    )


@click.command(name="trust", help="Take packages that the key in FILE signed, from now on.")
@click.argument("name")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, path_type=Path))
@places
@output_option
def trust_command(name: str, path: Path, at: Places, output: str) -> None:
    from heliostat.os.repo.keys import trust_key
    from heliostat.os.repo.repository import named

    ids = trust_key(named(at.repos, name), path)
    if output == "json":
        print_json(ids)
        return
    click.echo(f"Repository {name} trusts {', '.join(ids)}.")


@click.command(name="serve", help="Serve all repositories over HTTP, read-only, until interrupted.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port; 0 takes a free one.")
@click.option("--quiet", is_flag=True, help="Don't log requests.")
@places
def serve_command(host: str, port: int, quiet: bool, at: Places) -> None:
    from heliostat.core.errors import HeliostatError
    from heliostat.os.repo.serve import RepositoryServer

    try:
        server = RepositoryServer(at.repos, host, port, quiet=quiet)
    except OSError as error:
        raise HeliostatError(
            "PortTaken",
            f"{host}:{port} can't be listened on: {error.strerror}.",
            hint="Choose another with --port; 0 takes a free one.",
        ) from error
    with server:
        click.echo(f"Serving {at.repos} at {server.url}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("Stopped.")


UPKEEP = (
    rollback_command,
    discard_command,
    snapshot_command,
    restore_command,
    verify_command,
    gc_command,
    trust_command,
    serve_command,
)
