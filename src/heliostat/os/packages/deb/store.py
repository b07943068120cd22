"""Conversions that were made before, named by the hash of everything that decides them.

The name is made of the package's digest, of what the policy says about it and of the code
that converts and writes.  A folder of the store is renamed into place when it is whole, so
several processes may share it; nothing in it is signed, signing copies.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from heliostat.core.files import atomic_write
from heliostat.os.full_disk import full_disk_told
from heliostat.os.packages.deb.archive import read_deb
from heliostat.os.packages.deb.convert import convert
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.scripts import read_scripts
from heliostat.os.packages.deb.strip import strip_version
from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.rpm.writer import write
from heliostat.os.sources.entry import Entry

RECORD = "record.json"
"""Written last: a conversion without it isn't there."""

_LEFT_S = 86_400.0  # no conversion takes a day: such a work folder is a killed one's

# What only plans or reads isn't among the code whose change makes conversions anew.
_NOT_DECIDING = frozenset(
    (
        "deb/importer.py",
        "deb/primary.py",
        "deb/store.py",
        "deb/universe.py",
        "rpm/reader.py",
        "rpm/signing.py",
        "rpm/verify.py",
    )
)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A package of the archive as an RPM, and where both came from."""

    name: str
    version: str
    """As the archive calls it."""
    evr: str
    """As RPM calls it."""
    source: str
    source_version: str
    suite: str
    deb_sha256: str
    file_name: str
    size_bytes: int
    units: tuple[str, ...] = ()
    """Units that Debian would have enabled."""
    folder: str = ""
    """Of the store."""

    @property
    def path(self) -> Path:
        """The unsigned RPM."""
        return Path(self.folder) / self.file_name


@dataclass(frozen=True, slots=True)
class Store:
    """``converted/`` below the caches of the operating system."""

    cache: Path

    def find(self, entry: Entry, policy: Policy) -> Imported | None:
        """The conversion of ``entry``, if it was made before."""
        found = _read(self.folder_of(entry, policy))
        if found is not None:
            os.utime(Path(found.folder) / RECORD)  # the cache forgets what is not used
        return found

    def convert(self, entry: Entry, deb: Path, policy: Policy) -> Imported:
        """Convert ``deb`` and keep the result; raises ``ImportRefused``, ``DiskFull``."""
        folder = self.folder_of(entry, policy)
        with _told_if_full(entry.name), self._work() as work:
            package = read_deb(deb, work)
            written = write(convert(package, policy, name=entry.name), work / "whole")
            record = Imported(
                name=entry.name,
                version=entry.version,
                evr=str(evr_of(entry.version, policy.of(entry.name).raise_epoch)),
                source=entry.source,
                source_version=entry.source_version,
                suite=entry.suite,
                deb_sha256=entry.sha256,
                file_name=written.path.name,
                size_bytes=written.path.stat().st_size,
                units=read_scripts(package.scripts, package.name).units,
            )
            atomic_write(work / "whole" / RECORD, msgspec.json.encode(record))
            _place(work / "whole", folder)
        return msgspec.structs.replace(record, folder=str(folder))

    def folder_of(self, entry: Entry, policy: Policy) -> Path:
        """Where the conversion lies or will lie."""
        parts = [entry.sha256, policy.digest_of(entry.name), code_digest()]
        if policy.of(entry.name).strip:
            parts.append(strip_version())
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        return self.cache / "converted" / name[:2] / name

    @contextmanager
    def _work(self) -> Iterator[Path]:
        """A folder for one conversion, on the store's own disk."""
        above = self.cache / "converted" / "work"
        above.mkdir(parents=True, exist_ok=True)
        for left in above.iterdir():
            with suppress(FileNotFoundError):  # another one takes it away
                if time.time() - left.stat().st_mtime > _LEFT_S:
                    shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=above) as name:
            (Path(name) / "whole").mkdir()
            yield Path(name)


def _told_if_full(name: str) -> AbstractContextManager[None]:
    return full_disk_told(
        f"The disk of the cache is full; {name} was being converted.",
        "Free space, or point HELIO_CACHE to a larger disk, and run the same again: "
        "what was converted is kept.",
    )


@cache
def code_digest() -> str:
    """SHA-256 of the code that decides what a conversion comes to."""
    digest = hashlib.sha256()
    packages = Path(__file__).parent.parent
    for path in sorted((*packages.glob("deb/*.py"), *packages.glob("rpm/*.py"))):
        if f"{path.parent.name}/{path.name}" not in _NOT_DECIDING:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(folder: Path) -> Imported | None:
    """The conversion in that folder; none if a power cut took what wasn't on the disk yet."""
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=Imported)
        found = msgspec.structs.replace(record, folder=str(folder))
        return found if found.path.stat().st_size == found.size_bytes else None
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _place(whole: Path, folder: Path) -> None:
    """Give the finished folder its name; if another process was first, its is as good."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        whole.rename(folder)
    except OSError:
        if _read(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            whole.rename(folder)
