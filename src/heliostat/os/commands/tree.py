"""``helio os tree``: compose root trees, judge them, see what takes their space."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.inventory_subject import key_option
from heliostat.os.commands.options import epoch_option, os_home, output_option
from heliostat.os.commands.verdict_print import exit_by, print_verdicts, told_verdicts

if TYPE_CHECKING:
    from heliostat.os.packages.openpgp.certificate import Keyring
    from heliostat.os.solve import Source
    from heliostat.os.tree import Verdict


@click.group(name="tree", help="Root trees composed from packages.")
def tree_group() -> None:
    """Group of the commands below."""


_repository_option = click.option(
    "--repo",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A repository, or a folder of packages; may be repeated (default: your own, by name).",
)


@tree_group.command(name="compose", help="Compose the tree of EDITION (a name or a file).")
@click.argument("edition")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@epoch_option
@click.option("--keep-failed", is_flag=True, help="Keep a tree that a gate refuses, to look at.")
@_repository_option
@key_option
@output_option
def compose_tree(
    edition: str,
    out: Path,
    epoch: int | None,
    keep_failed: bool,
    folders: tuple[Path, ...],
    keyring: Keyring,
    output: str,
) -> None:
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.tree import compose, fingerprint, load_edition
    from heliostat.os.tree.record import write_record

    started = time.monotonic()
    monitor = monitor_for(sys.stderr)
    tree = compose(
        load_edition(edition),
        _sources(folders, keyring),
        out,
        monitor,
        epoch=epoch,
        signer=Signer.create(os_home() / "keys"),
        checked=not keep_failed,
    )
    write_record(tree)
    digest = fingerprint(tree.root)
    elapsed = time.monotonic() - started
    if output == "json":
        click.echo(json.dumps(_summary(tree.root, tree.verdicts, digest), indent=2))
    else:
        print_verdicts(tree.verdicts)
        click.echo(f"{tree.root}: {len(tree.packages)} packages in {elapsed:.1f} s, {digest[:16]}")
    exit_by(tree.verdicts)


@tree_group.command(name="check", help="Judge the tree in FOLDER by every gate.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--edition", help="Judge by this edition (default: the one it was composed from).")
@output_option
def check_tree(folder: Path, edition: str | None, output: str) -> None:
    from heliostat.os.tree import gates, load_edition
    from heliostat.os.tree.record import read_record

    record = read_record(folder)
    judged_by = load_edition(edition) if edition else record.edition if record else None
    if judged_by is None:
        raise click.UsageError(f"Nothing is known of {folder}: name its --edition.")
    verdicts = tuple(gates(folder, judged_by, said=record.said if record else None))
    if output == "json":
        click.echo(json.dumps(_summary(folder, verdicts), indent=2))
    else:
        print_verdicts(verdicts)
    exit_by(verdicts)


@tree_group.command(name="size", help="Tell what takes space in FOLDER, by package.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--top", default=40, show_default=True, help="How many rows; 0 for all.")
@click.option("--package", help="List the files of this package instead.")
@output_option
def size_tree(folder: Path, top: int, package: str | None, output: str) -> None:
    from heliostat.os.tree.size import files_of, sizes

    rows = files_of(folder, package) if package is not None else sizes(folder)
    total = sum(row.bytes for row in rows)
    if output == "json":
        listed = [{"name": row.name, "bytes": row.bytes, "files": row.files} for row in rows]
        click.echo(json.dumps({"bytes": total, "rows": listed}, indent=2))
        return
    for row in rows[: top or None]:
        click.echo(f"{row.bytes / 2**20:>9.2f} MiB  {row.files:>6}  {row.name}")
    click.echo(f"{total / 2**20:>9.2f} MiB  {sum(row.files for row in rows):>6}  in all")


@tree_group.command(name="digest", help="Print the digest of the tree in FOLDER.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--lines", is_flag=True, help="Print what it is made of, one line a file.")
def digest_tree(folder: Path, lines: bool) -> None:
    from heliostat.os.tree.fingerprint import fingerprint, lines_of

    if lines:
        for line in lines_of(folder):
            click.echo(line)
        return
    click.echo(fingerprint(folder))


def _sources(folders: tuple[Path, ...], keyring: Keyring) -> list[Source]:
    from heliostat.os.tree.repositories import chosen_sources

    return chosen_sources(folders, os_home() / "repos", keyring)


def _summary(
    root: Path, verdicts: tuple[Verdict, ...], digest: str | None = None
) -> dict[str, Any]:
    return {
        "root": str(root),
        "digest": digest,
        "passed": all(each.passed for each in verdicts),
        "gates": told_verdicts(verdicts),
    }
