"""Folders as sources of packages: with metadata as repositories, without as they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.solve import MetadataFolder, PackageFolder, Source

NAMES = ("base", "updates", "extras", "identity")


def sources_of(folders: Iterable[Path]) -> list[Source]:
    """One source a folder, called by the folder's name."""
    return [_source(folder) for folder in folders]


def chosen_sources(chosen: Sequence[Path], home: Path) -> list[Source]:
    """The folders ``chosen``; without any, the repositories that images know, below ``home``."""
    found = chosen or [home / name for name in NAMES if (home / name / "repodata").is_dir()]
    if not found:
        raise HeliostatError(
            "RepositoryUnusable",
            f"There is no repository below {home}.",
            hint="Import packages into one: `helio os import --edition minimal --repo base`.",
        )
    return sources_of(found)


def _source(folder: Path) -> Source:
    if (folder / "repodata" / "repomd.xml").is_file():
        return MetadataFolder(folder.name, folder)
    return PackageFolder(folder.name, folder)
