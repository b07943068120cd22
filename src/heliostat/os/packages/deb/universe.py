"""A whole suite as packages that could be had: metadata only, converted when first wanted.

Every entry of the index becomes a solvable package with the relations that its RPM would
have, so that libsolv can choose among all of them.  The metadata is written once an index
and policy, as a ``primary.xml`` (which any RPM-MD reader understands) and as libsolv's own
form, which loads in a tenth of a second.  It is internal: nothing of it is signed, since
what is imported is verified by the digest in the archive's signed index.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from heliostat.core.files import atomic_write
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.primary import primary_of
from heliostat.os.sources.suite import Suite

if TYPE_CHECKING:
    import solv

_FORMAT = 2
"""Counts up whenever the metadata of the same entry and policy changes."""


@dataclass(frozen=True)
class Universe:
    """The newest of every name of a suite, as a source that ``solve`` takes."""

    suite: Suite
    policy: Policy
    cache: Path
    """The folder of caches of the operating system."""
    priority: int = 0

    @property
    def name(self) -> str:
        return self.suite.archive.suite

    @property
    def folder(self) -> Path | None:
        """None: the packages aren't files yet."""
        return None

    @property
    def primary(self) -> Path:
        """The metadata as ``primary.xml``, written if it isn't there yet."""
        path = self._folder / "primary.xml"
        if not path.is_file():
            atomic_write(path, primary_of(self.suite.newest.values(), self.policy))
        return path

    def fill(self, repo: solv.Repo) -> None:
        """Add every package to libsolv's ``repo``, from its own form if that was written."""
        import solv

        with suppress(FileNotFoundError):
            os.utime(self._folder / "primary.xml")  # the cache forgets what is not used
        kept = self._folder / "solv"
        if kept.is_file() and _added(repo, kept):
            return
        stream = solv.xfopen(str(self.primary))
        try:
            repo.add_rpmmd(stream, None, 0)
        finally:
            stream.close()
        _keep(repo, kept)

    @property
    def _folder(self) -> Path:
        """In the cache, named by the indexes and the policy."""
        digest = hashlib.sha256(str(_FORMAT).encode())
        for index in self.suite.indexes:
            digest.update(index.sha256.encode())
        digest.update(msgspec.json.encode(_deciding(self.policy), order="deterministic"))
        return self.cache / "universe" / f"{self.name}-{digest.hexdigest()[:24]}"


def _deciding(policy: Policy) -> object:
    """What of the policy shows in the metadata: everything else may change without it."""
    relevant = {
        name: (
            decided.raise_epoch,
            decided.provides,
            decided.requires,
            decided.drop_requires,
            decided.drop_conflicts,
            decided.parts,
        )
        for name, decided in policy.packages.items()
    }
    return sorted(policy.replaced), {name: said for name, said in relevant.items() if any(said)}


def _added(repo: solv.Repo, path: Path) -> bool:
    """Whether libsolv could read its own form back."""
    import solv

    stream = solv.xfopen(str(path))
    try:
        return bool(repo.add_solv(stream))
    finally:
        stream.close()


def _keep(repo: solv.Repo, path: Path) -> None:
    """Write libsolv's own form, whole or not at all: it is no more than quicker to read."""
    import solv

    begun = path.with_name(f".{path.name}.{os.getpid()}")
    stream = solv.xfopen(str(begun), "w")
    if stream is None:
        return
    written = repo.write(stream)
    if stream.close() and written:
        begun.rename(path)
    else:
        begun.unlink(missing_ok=True)
