"""What the commands that look into a system share: which system, whose keys, and printing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.options import images_folder, os_home

if TYPE_CHECKING:
    from heliostat.os.packages.openpgp.certificate import Keyring


_Command = Callable[..., None]


class _Where(click.ParamType):  # type: ignore[type-arg]  # generic only in newer releases
    """What there is under that path, else the newest built image of that name."""

    name = "system"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        del param, ctx
        path = Path(value)
        if path.exists() or "/" in str(value):
            return path
        from heliostat.core.errors import HeliostatError
        from heliostat.os.image.built import find_image

        folder = images_folder(None)
        try:
            return find_image(folder, str(value)).path
        except HeliostatError as error:  # most who write so mean a file, and mistyped it
            told = f"There is neither a file or folder {value} here nor an image of that name"
            raise HeliostatError(error.code, f"{told} in {folder}.", hint=error.hint) from error


WHERE = _Where()
"""A root tree, an image file, or the name, version or identity of a built image."""


def _key_files(help_text: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--key",
        "named",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        multiple=True,
        help=help_text,
    )


def keyring_options(command: _Command) -> _Command:
    """``--key`` and ``--keys``; the command gets the keyring as ``keyring``."""

    @_key_files("A public key that is trusted, besides ours.")
    @click.option("--keys", type=click.Path(path_type=Path), help="Folder of our key.")
    @functools.wraps(command)
    def wrapped(named: tuple[Path, ...], keys: Path | None, **rest: Any) -> None:
        command(keyring=_keyring(keys or os_home() / "keys", named), **rest)

    return wrapped


def key_option(command: _Command) -> _Command:
    """``--key``; the command gets our key and those that are named as ``keyring``."""

    @_key_files("A public key whose packages are trusted, besides ours; may be repeated.")
    @functools.wraps(command)
    def wrapped(named: tuple[Path, ...], **rest: Any) -> None:
        command(keyring=_keyring(os_home() / "keys", named), **rest)

    return wrapped


def _keyring(folder: Path, named: tuple[Path, ...]) -> Keyring:
    from heliostat.os.packages.openpgp.certificate import Keyring
    from heliostat.os.packages.openpgp.signer import PUBLIC_NAME

    ours = folder / PUBLIC_NAME
    return Keyring.read(*([ours] if ours.is_file() else []), *named)
