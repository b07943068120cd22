"""Folders as sources of packages: with metadata as repositories, without as they lie.

None is handed out that isn't trusted: see :mod:`heliostat.os.tree.trust`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.solve import MetadataFolder, PackageFolder, Source
from heliostat.os.tree.trust import check_packages, check_repository

NAMES = ("base", "updates", "extras", "identity")


def chosen_sources(chosen: Sequence[Path], home: Path, keyring: Keyring) -> list[Source]:
    """The folders ``chosen``; without any, the repositories that images know, below ``home``.

    One source a folder, called by the folder's name.  Raises ``RepositoryUntrusted`` or
    ``PackageUntrusted`` for what no key of ``keyring`` signed.
    """
    found = chosen or [home / name for name in NAMES if (home / name / "repodata").is_dir()]
    if not found:
        raise HeliostatError(
            "RepositoryUnusable",
            f"There is no repository below {home}.",
            hint="Import packages into one: `helio os import --edition minimal --repo base`.",
        )
    return [_source(folder, keyring) for folder in found]


def _source(folder: Path, keyring: Keyring) -> Source:
    if (folder / "repodata" / "repomd.xml").is_file():
        check_repository(folder, keyring)
        return MetadataFolder(folder.name, folder)
    check_packages(folder, keyring)
    return PackageFolder(folder.name, folder)
