"""What is chosen for one repository; kept in ``repository.json`` at its root."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.repo.repomd import Compression

SHIPPED = {
    "base": "Packages of the release",
    "updates": "Updates since the release",
    "extras": "Packages outside the release",
    "identity": "Packages of the identity services",
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a repository."""

    name: str
    title: str = ""
    compression: Compression = Compression.GZIP
    """Every client reads gzip; createrepo_c before 0.20 and old mirror tools no zstd."""
    keep: int = 5
    """How many generations ``gc`` leaves besides the current and the pinned ones."""
    url: str = ""
    """Where it is served; with it, a ``mirrorlist`` names the current generation's address."""


def settings_of(name: str) -> Settings:
    """What a repository of that name has where nobody chose anything."""
    return Settings(name=name, title=SHIPPED.get(name, ""))


def checked(settings: Settings) -> Settings:
    """The settings, refused with a sentence where one can't be."""
    if not _NAME.fullmatch(settings.name):
        raise HeliostatError(
            "InvalidName",
            f"{settings.name!r} can't be a repository's name.",
            hint="Use a small letter first, then small letters, digits and hyphens, at most 63.",
        )
    if settings.keep < 1:
        raise HeliostatError("InvalidSetting", f"keep is at least 1, not {settings.keep}.")
    if settings.url and not settings.url.startswith(("http://", "https://", "file:///")):
        raise HeliostatError("InvalidSetting", f"{settings.url!r} is not the address of a server.")
    return settings


def read_settings(path: Path) -> Settings:
    """Raises ``RepositoryCorrupt`` where the file isn't that."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except msgspec.DecodeError as error:
        raise HeliostatError("RepositoryCorrupt", f"{path}: {error}.") from error


def write_settings(path: Path, settings: Settings) -> None:
    """Replace the file at once."""
    atomic_write(path, msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n")
