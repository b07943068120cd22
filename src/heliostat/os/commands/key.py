"""``helio os key``: the key that signs packages and repositories.

It lies in ``HELIO_HOME/os/keys``, or in ``--keys``.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.options import os_home, output_option
from heliostat.os.commands.repo_print import print_json

if TYPE_CHECKING:
    from heliostat.os.packages.openpgp.signer import Signer

_keys_option = click.option(
    "--keys",
    type=click.Path(path_type=Path),
    help="Folder of the key (default: HELIO_HOME/os/keys).",
)


@click.group(name="key", help="Keys that packages and repositories are signed with.")
def key_group() -> None:
    """Group of the commands below."""


@key_group.command(name="create", help="Make the signing key, unless there is one.")
@click.option("--owner", help="Whose key it is: NAME <ADDRESS>.")
@_keys_option
@output_option
def create_key(owner: str | None, keys: Path | None, output: str) -> None:
    from heliostat.os.packages.openpgp.signer import OWNER, SECRET_NAME, Signer

    folder = keys or os_home() / "keys"
    there = (folder / SECRET_NAME).exists()
    signer = Signer.create(folder, owner=owner or OWNER)
    if output == "json":
        print_json({**_told(signer, folder), "created": not there})
        return
    _print(signer, folder)
    if there:
        click.echo("It was there before; nothing was changed.")
    else:
        click.echo("Keep a copy of the folder: without it every client needs a new key.")


@key_group.command(
    name="import",
    help="Sign with the RSA key in FILE from now on: what `gpg --export-secret-keys` gives "
    "for a key without a passphrase.",
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Even if another key signs now.")
@_keys_option
@output_option
def import_key(file: Path, replace: bool, keys: Path | None, output: str) -> None:
    from heliostat.os.packages.openpgp.signer import Signer

    folder = keys or os_home() / "keys"
    signer = Signer.adopt(folder, file.read_bytes(), replace=replace)
    if output == "json":
        print_json(_told(signer, folder))
    else:
        _print(signer, folder)


@key_group.command(name="show", help="Show the signing key and where it lies.")
@_keys_option
@output_option
def show_key(keys: Path | None, output: str) -> None:
    from heliostat.os.packages.openpgp.signer import Signer

    folder = keys or os_home() / "keys"
    signer = Signer.open(folder)
    if output == "json":
        print_json(_told(signer, folder))
    else:
        _print(signer, folder)


@key_group.command(name="export", help="Print the public key, as rpm --import takes it.")
@_keys_option
def export_key(keys: Path | None) -> None:
    from heliostat.os.packages.openpgp.signer import Signer

    click.echo(Signer.open(keys or os_home() / "keys").public_text.decode(), nl=False)


def _told(signer: Signer, folder: Path) -> dict[str, Any]:
    from heliostat.os.packages.openpgp.signer import PUBLIC_NAME

    moment = datetime.datetime.fromtimestamp(signer.key.public.created, datetime.UTC)
    return {
        "fingerprint": signer.fingerprint,
        "keyId": signer.key_id,
        "owner": signer.owner,
        "algorithm": f"RSA {signer.key.material.key_size}",
        "createdAt": moment.isoformat(),
        "publicKey": str(folder / PUBLIC_NAME),
    }


def _print(signer: Signer, folder: Path) -> None:
    for key, value in _told(signer, folder).items():
        click.echo(f"{key:<14} {value}")
