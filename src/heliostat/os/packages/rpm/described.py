"""What a header says, wherever it was read: in a package file or in RPM's database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.os.kind import Kinded
from heliostat.os.packages.rpm.contents import RELATIONS
from heliostat.os.packages.rpm.file import FileFlag
from heliostat.os.packages.rpm.header import Blob, invalid
from heliostat.os.packages.rpm.package import Change
from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.os.packages.rpm.tags import Tag
from heliostat.os.packages.rpm.version import Evr


@dataclass(frozen=True, slots=True)
class FileEntry(Kinded):
    """A file as a header lists it; ``digest`` is empty for all but regular files."""

    path: str
    mode: int
    size_bytes: int
    mtime: int
    digest: str
    target: str
    flags: FileFlag
    user: str
    group: str
    inode: int
    language: str
    capabilities: str

    @property
    def ghost(self) -> bool:
        return FileFlag.GHOST in self.flags


class Described(ABC):
    """A package by its header; values are decoded when asked for."""

    __slots__ = ()

    @property
    @abstractmethod
    def blob(self) -> Blob:
        """The header; it gives any tag."""

    @property
    def name(self) -> str:
        return self.blob.string(Tag.NAME)

    @property
    def version(self) -> str:
        return self.blob.string(Tag.VERSION)

    @property
    def release(self) -> str:
        return self.blob.string(Tag.RELEASE)

    @property
    def epoch(self) -> int | None:
        return self.blob.integer(Tag.EPOCH) if Tag.EPOCH in self.blob else None

    @property
    def evr(self) -> Evr:
        return Evr(self.epoch or 0, self.version, self.release)

    @property
    def arch(self) -> str:
        return self.blob.string(Tag.ARCH)

    @property
    def nevra(self) -> str:
        return f"{self.name}-{self.evr}.{self.arch}"

    @property
    def summary(self) -> str:
        return self.blob.string(Tag.SUMMARY)

    @property
    def description(self) -> str:
        return self.blob.string(Tag.DESCRIPTION)

    @property
    def licence(self) -> str:
        return self.blob.string(Tag.LICENCE)

    @property
    def vendor(self) -> str:
        return self.blob.string(Tag.VENDOR)

    @property
    def packager(self) -> str:
        return self.blob.string(Tag.PACKAGER)

    @property
    def group(self) -> str:
        return self.blob.string(Tag.GROUP)

    @property
    def url(self) -> str:
        return self.blob.string(Tag.URL)

    @property
    def source_rpm(self) -> str:
        return self.blob.string(Tag.SOURCE_RPM)

    @property
    def is_source(self) -> bool:
        return not self.source_rpm

    @property
    def build_time(self) -> int:
        return self.blob.integer(Tag.BUILD_TIME)

    @property
    def build_host(self) -> str:
        return self.blob.string(Tag.BUILD_HOST)

    @property
    def installed_bytes(self) -> int:
        return self.blob.integer(Tag.LONG_SIZE) or self.blob.integer(Tag.SIZE)

    def relations(self, kind: str) -> list[Relation]:
        """``kind`` is ``requires``, ``provides`` and so on, as in :class:`Package`."""
        name, flags, version = RELATIONS[kind]
        names = self.blob.strings(name)
        senses, versions = self.blob.integers(flags), self.blob.strings(version)
        if not (len(names) == len(senses) == len(versions)):
            raise invalid(f"{self.name} has {kind} of different lengths: its header is damaged.")
        rows = zip(names, senses, versions, strict=True)
        return [Relation(text, Sense(sense), evr) for text, sense, evr in rows]

    @property
    def changelog(self) -> list[Change]:
        times = self.blob.integers(Tag.CHANGELOG_TIME)
        authors = self.blob.strings(Tag.CHANGELOG_NAME)
        texts = self.blob.strings(Tag.CHANGELOG_TEXT)
        return [Change(*row) for row in zip(times, authors, texts, strict=False)]

    @property
    def paths(self) -> list[str]:
        """Of all files, in the order of the header."""
        folders = self.blob.strings(Tag.DIR_NAMES)
        names, indexes = self.blob.strings(Tag.BASE_NAMES), self.blob.integers(Tag.DIR_INDEXES)
        if len(names) != len(indexes) or any(index >= len(folders) for index in indexes):
            raise invalid(f"{self.name} lists its files wrongly: its header is damaged.")
        return [folders[index] + name for index, name in zip(indexes, names, strict=True)]

    def files(self) -> Iterator[FileEntry]:
        paths = self.paths
        blob, blank, nothing = self.blob, [""] * len(paths), [0] * len(paths)
        columns = (
            blob.integers(Tag.FILE_MODES),
            blob.integers(Tag.LONG_FILE_SIZES) or blob.integers(Tag.FILE_SIZES),
            blob.integers(Tag.FILE_MTIMES),
            blob.strings(Tag.FILE_DIGESTS) or blank,
            blob.strings(Tag.FILE_LINK_TARGETS) or blank,
            [FileFlag(flags) for flags in blob.integers(Tag.FILE_FLAGS)],
            blob.strings(Tag.FILE_USERS) or blank,
            blob.strings(Tag.FILE_GROUPS) or blank,
            blob.integers(Tag.FILE_INODES) or nothing,
            blob.strings(Tag.FILE_LANGUAGES) or blank,
            blob.strings(Tag.FILE_CAPABILITIES) or blank,
        )
        if any(len(column) != len(paths) for column in columns):
            raise invalid(f"{self.name} lists its files wrongly: its header is damaged.")
        for row in zip(paths, *columns, strict=True):
            yield FileEntry(*row)
