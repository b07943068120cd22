"""What repository metadata tells of one package, whoever wrote it.

A record comes from a package's header (``record_of``) or from a repository's XML
(``parse``); both ways give equal records, which is how the writer is tested.
Records are immutable and depend on the package's bytes alone.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

PRIMARY_FILES = ("/etc/", "/usr/lib/sendmail")


class Sense(StrEnum):
    """How a version in a dependency compares; empty: any version."""

    ANY = ""
    EQ = "EQ"
    LT = "LT"
    LE = "LE"
    GT = "GT"
    GE = "GE"


class FileKind(StrEnum):
    """What the file lists tell apart."""

    FILE = "file"
    FOLDER = "dir"
    GHOST = "ghost"


class Dependency(msgspec.Struct, frozen=True, order=True):
    """A name that a package provides, requires …; ``early``: needed before its scripts run."""

    name: str
    sense: Sense = Sense.ANY
    epoch: str = "0"
    version: str = ""
    release: str = ""
    early: bool = False

    def __str__(self) -> str:
        if self.sense is Sense.ANY:
            return self.name
        symbol = {"EQ": "=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}[self.sense.value]
        return f"{self.name} {symbol} {version_text(self.epoch, self.version, self.release)}"


class ListedFile(msgspec.Struct, frozen=True, order=True):
    """A path that a package owns."""

    path: str
    kind: FileKind = FileKind.FILE

    @property
    def is_primary(self) -> bool:
        """Whether it is listed in the primary metadata too, where dependencies look."""
        return self.path.startswith(PRIMARY_FILES[0]) or (
            self.path == PRIMARY_FILES[1] or "bin/" in self.path
        )


class Change(msgspec.Struct, frozen=True):
    """One entry of a package's changelog; ``date`` in seconds since 1970."""

    author: str
    date: int
    text: str


class PackageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One package; ``digest`` is the SHA-256 of the whole file, in hex."""

    name: str
    epoch: str = "0"
    version: str
    release: str
    arch: str
    digest: str
    summary: str = ""
    description: str = ""
    packager: str = ""
    url: str = ""
    licence: str = ""
    vendor: str = ""
    group: str = ""
    build_host: str = ""
    source_rpm: str = ""
    build_time: int = 0
    package_size: int = 0
    installed_size: int = 0
    archive_size: int = 0
    header_start: int = 0
    header_end: int = 0
    location: str = ""
    provides: tuple[Dependency, ...] = ()
    requires: tuple[Dependency, ...] = ()
    conflicts: tuple[Dependency, ...] = ()
    obsoletes: tuple[Dependency, ...] = ()
    recommends: tuple[Dependency, ...] = ()
    suggests: tuple[Dependency, ...] = ()
    supplements: tuple[Dependency, ...] = ()
    enhances: tuple[Dependency, ...] = ()
    files: tuple[ListedFile, ...] = ()
    changelog: tuple[Change, ...] = ()

    @property
    def evr(self) -> str:
        """``epoch:version-release``, the epoch only where it is not 0."""
        return version_text(self.epoch, self.version, self.release)

    @property
    def nevra(self) -> str:
        """The name that people read: ``bash-5.2.37-2.x86_64``, ``dbus-1:1.16-1.x86_64``."""
        return f"{self.name}-{self.evr}.{self.arch}"

    @property
    def file_name(self) -> str:
        """The file's name: without the epoch, as everywhere in this field."""
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"


RELATIONS = (
    "provides",
    "requires",
    "conflicts",
    "obsoletes",
    "suggests",
    "enhances",
    "recommends",
    "supplements",
)


def version_text(epoch: str, version: str, release: str) -> str:
    """``1:2.3-4``, leaving out what is zero or empty."""
    text = f"{version}-{release}" if release else version
    return f"{epoch}:{text}" if epoch not in ("", "0") else text
