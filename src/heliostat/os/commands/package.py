"""``helio os package``: look into package files, sign them, check them, make our own."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.inventory_subject import keyring_options
from heliostat.os.commands.options import os_home, output_option
from heliostat.os.commands.repo_print import print_json, print_rows

if TYPE_CHECKING:
    from heliostat.os.packages.openpgp.certificate import Keyring
    from heliostat.os.packages.rpm.reader import Header

_File = click.Path(path_type=Path, exists=True, dir_okay=False)
_keys_option = click.option(
    "--keys", type=click.Path(path_type=Path), help="Folder of the signing key."
)
_KINDS = ("requires", "provides", "conflicts", "obsoletes", "recommends", "suggests")


@click.group(name="package", help="Package files: look into them, sign and check them.")
def package_group() -> None:
    """Group of the commands below."""


@package_group.command(name="show", help="Show what the package FILE says of itself.")
@click.argument("file", type=_File)
@click.option("--files", "with_files", is_flag=True, help="List its files too.")
@output_option
def show_package(file: Path, with_files: bool, output: str) -> None:
    from heliostat.os.packages.rpm.reader import read

    header = read(file)
    told = _told(header)
    if output == "json":
        print_json({**told, "files": _files(header)})
        return
    for key, value in told.items():
        for each in value if isinstance(value, list) else [value]:
            click.echo(f"{key:<14} {each}")
    if with_files:
        click.echo()
        rows = [tuple(row.values()) for row in _files(header)]
        print_rows(("MODE", "OWNER", "SIZE", "DIGEST", "PATH"), rows)


@package_group.command(name="verify", help="Check that each FILE is whole, unchanged and trusted.")
@click.argument("files", type=_File, nargs=-1, required=True)
@keyring_options
@output_option
def verify_packages(files: tuple[Path, ...], keyring: Keyring, output: str) -> None:
    from heliostat.core.errors import HeliostatError
    from heliostat.os.packages.rpm.verify import verify

    rows: list[dict[str, str]] = []
    faults: list[HeliostatError] = []
    for file in files:
        try:
            found = verify(file, keyring)
        except HeliostatError as error:
            faults.append(error)
            rows.append({"file": str(file), "verdict": error.code, "said": error.message})
        else:
            said = f"{found.owner} ({found.signer})"
            rows.append({"file": str(file), "verdict": "good", "said": said})
    if output == "json":
        print_json(rows)
    else:
        print_rows(("FILE", "VERDICT", "SIGNED BY"), [tuple(row.values()) for row in rows])
    if faults:
        raise faults[0]


@package_group.command(name="sign", help="Sign each FILE in place.")
@click.argument("files", type=_File, nargs=-1, required=True)
@_keys_option
@output_option
def sign_packages(files: tuple[Path, ...], keys: Path | None, output: str) -> None:
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.packages.rpm.signing import sign_all

    signer = Signer.open(keys or os_home() / "keys")
    written = sign_all(files, signer)
    if output == "json":
        print_json([{"file": str(each.path), "digest": each.digest} for each in written])
        return
    click.echo(f"Signed {len(written)} with {signer.key_id}.")


@package_group.command(name="own", help="Write our own packages (all of them, or NAME…).")
@click.argument("names", nargs=-1)
@click.option("--source", type=click.Path(path_type=Path), help="Folder of their data.")
@click.option("--to", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to.")
@_keys_option
@output_option
def write_own(
    names: tuple[str, ...], source: Path | None, folder: Path, keys: Path | None, output: str
) -> None:
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.packages.own import own_package_named, own_packages
    from heliostat.os.packages.rpm.writer import write

    signer = Signer.open(keys or os_home() / "keys")
    wanted = [own_package_named(name, source) for name in names] or own_packages(source)
    written = [write(package, folder, signer=signer) for package in wanted]
    if output == "json":
        print_json([{"file": str(each.path), "digest": each.digest} for each in written])
        return
    for each in written:
        click.echo(str(each.path))


def _told(header: Header) -> dict[str, Any]:
    from heliostat.os.packages.rpm.verify import signer_of

    relations = {
        kind: [str(each) for each in header.relations(kind) if not each.of_rpm] for kind in _KINDS
    }
    return {
        "name": header.name,
        "version": str(header.evr),
        "arch": header.arch,
        "summary": header.summary,
        "licence": header.licence,
        "vendor": header.vendor,
        "url": header.url,
        "source": header.source_rpm,
        "buildTime": header.build_time,
        "installedBytes": header.installed_bytes,
        "signer": signer_of(header.front),
        **relations,
    }


def _files(header: Header) -> list[dict[str, Any]]:
    return [
        {
            "mode": stat.filemode(entry.mode),
            "owner": f"{entry.user}:{entry.group}",
            "sizeBytes": entry.size_bytes,
            "digest": entry.digest[:16],
            "path": f"{entry.path} -> {entry.target}" if entry.target else entry.path,
        }
        for entry in header.files()
    ]
