"""Where solvable packages come from: each source fills one libsolv repository.

A source is a value: a name, which errors and reasons tell, and a place on disk.  What
was parsed lives as long as the pool of one ``solve``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import solv

from heliostat.core.errors import HeliostatError

# The metadata of a repository that dependencies are met from: files beside the
# well-known folders are only in `filelists`, and are asked for by few.
_PARTS = ("primary", "filelists")
_WITH_SHA256 = 1 << 13
"""``RPM_ADD_WITH_SHA256SUM`` of libsolv's repo_rpmdb.h, which its bindings don't name."""


class Source(Protocol):
    """Packages that may be chosen."""

    @property
    def name(self) -> str:
        """As reasons and errors call it."""

    @property
    def folder(self) -> Path | None:
        """What the locations of its packages are relative to; None: they aren't files yet."""

    @property
    def priority(self) -> int:
        """The packages of a higher one hide those of the same name in a lower one."""

    def fill(self, repo: solv.Repo) -> None:
        """Add every package to ``repo``; raises ``HeliostatError``."""


@dataclass(frozen=True, slots=True)
class MetadataFolder:
    """A repository on disk, with ``repodata/`` in it."""

    name: str
    folder: Path
    priority: int = 0

    def fill(self, repo: solv.Repo) -> None:
        index = self.folder / "repodata" / "repomd.xml"
        stream = _opened(index, self.name)
        try:
            repo.add_repomdxml(stream, 0)
        finally:
            stream.close()
        for part in _PARTS:
            location = _location_of(repo, part)
            if location is None:
                if part == "primary":
                    raise _unusable(self.name, f"{index} names no {part} metadata")
                continue
            _add_metadata(repo, self.folder / location, part, self.name)


@dataclass(frozen=True, slots=True)
class PrimaryFile:
    """One ``primary.xml`` (plain or compressed): packages that needn't be files yet."""

    name: str
    path: Path
    folder: Path | None = None
    priority: int = 0

    def fill(self, repo: solv.Repo) -> None:
        _add_metadata(repo, self.path, "primary", self.name)


@dataclass(frozen=True, slots=True)
class PackageFolder:
    """Packages as they lie in a folder and its sub-folders, without any metadata."""

    name: str
    folder: Path
    priority: int = 0

    def fill(self, repo: solv.Repo) -> None:
        for path in sorted(self.folder.resolve().rglob("*.rpm")):
            flags = solv.Repo.REPO_REUSE_REPODATA | solv.Repo.REPO_NO_INTERNALIZE | _WITH_SHA256
            if repo.add_rpm(str(path), flags) is None:
                raise _unusable(self.name, f"{path} is not a package")
        repo.internalize()


def _add_metadata(repo: solv.Repo, path: Path, part: str, name: str) -> None:
    stream = _opened(path, name)
    try:
        language = None
        flags = 0 if part == "primary" else solv.Repo.REPO_EXTEND_SOLVABLES
        if not repo.add_rpmmd(stream, language, flags):
            raise _unusable(name, f"{path}: {repo.pool.errstr}")
    finally:
        stream.close()


def _opened(path: Path, name: str) -> solv.SolvFp:
    stream = solv.xfopen(str(path)) if path.is_file() else None
    if stream is None:
        raise _unusable(name, f"{path} can't be read")
    return stream


def _location_of(repo: solv.Repo, part: str) -> str | None:
    """Where the index says that this part of the metadata lies."""
    found = repo.Dataiterator_meta(
        solv.REPOSITORY_REPOMD_TYPE, part, solv.Dataiterator.SEARCH_STRING
    )
    found.prepend_keyname(solv.REPOSITORY_REPOMD)
    for item in found:
        location = item.parentpos().lookup_str(solv.REPOSITORY_REPOMD_LOCATION)
        return str(location) if location else None
    return None


def _unusable(name: str, why: str) -> HeliostatError:
    return HeliostatError(
        "RepositoryUnusable",
        f"The packages of {name} can't be read: {why}.",
        data={"repository": name},
    )
