"""Folders as sources of packages: with metadata as repositories, without as they lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heliostat.os.solve import MetadataFolder, PackageFolder, Source


def sources_of(folders: Iterable[Path]) -> list[Source]:
    """One source a folder, called by the folder's name."""
    return [_source(folder) for folder in folders]


def _source(folder: Path) -> Source:
    if (folder / "repodata" / "repomd.xml").is_file():
        return MetadataFolder(folder.name, folder)
    return PackageFolder(folder.name, folder)
