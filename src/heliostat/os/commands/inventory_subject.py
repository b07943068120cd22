"""What the commands that look into a system share: which system, whose keys, and printing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.options import os_home

if TYPE_CHECKING:
    from heliostat.os.packages.openpgp.certificate import Keyring

Where = click.Path(path_type=Path, exists=True)
"""A root tree or an image file."""


def keyring_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--key`` and ``--keys``; the command gets the keyring as ``keyring``."""

    @click.option(
        "--key",
        "named",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        help="A public key that is trusted, besides ours.",
    )
    @click.option("--keys", type=click.Path(path_type=Path), help="Folder of our key.")
    @functools.wraps(command)
    def wrapped(named: tuple[Path, ...], keys: Path | None, **rest: Any) -> None:
        command(keyring=_keyring(keys or os_home() / "keys", named), **rest)

    return wrapped


def _keyring(folder: Path, named: tuple[Path, ...]) -> Keyring:
    from heliostat.os.packages.openpgp.certificate import Keyring
    from heliostat.os.packages.openpgp.signer import PUBLIC_NAME

    ours = folder / PUBLIC_NAME
    return Keyring.read(*([ours] if ours.is_file() else []), *named)
