"""A package before it is written: everything that an RPM says, as data.

Pure and frozen; the same package gives the same bytes.  What adapters (a Debian archive,
our own folders, a build) produce and what :mod:`.writer` takes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.version import Evr


class ScriptKind(enum.StrEnum):
    """When a script runs, by its name in spec files."""

    PRE = "pre"
    POST = "post"
    PREUN = "preun"
    POSTUN = "postun"
    PRETRANS = "pretrans"
    POSTTRANS = "posttrans"


@dataclass(frozen=True, slots=True)
class Script:
    kind: ScriptKind
    body: str
    interpreter: str = "/bin/sh"


class TriggerKind(enum.StrEnum):
    """What fires a file trigger, by its name in spec files.

    The first three run beside each package that brings or loses such a file, the others
    once in the whole transaction.
    """

    FILE_IN = "filetriggerin"
    FILE_UN = "filetriggerun"
    FILE_POSTUN = "filetriggerpostun"
    TRANSACTION_IN = "transfiletriggerin"
    TRANSACTION_UN = "transfiletriggerun"
    TRANSACTION_POSTUN = "transfiletriggerpostun"

    @property
    def once_a_transaction(self) -> bool:
        return self.value.startswith("trans")


@dataclass(frozen=True, slots=True)
class FileTrigger:
    """A script that runs when a file below one of ``paths`` comes or goes.

    The script reads the files' names from its standard input.  Higher priorities run
    earlier; RPM's usual one is 1,000,000.
    """

    kind: TriggerKind
    paths: tuple[str, ...]
    body: str
    interpreter: str = "/bin/sh"
    priority: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the change log; ``author`` is ``Name <address> - version``."""

    time: int
    author: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An RPM; times are seconds since 1970, relations in the order they are written."""

    name: str
    version: str
    release: str
    arch: str
    epoch: int | None = None
    summary: str
    description: str
    licence: str
    vendor: str = "Heliostat"
    packager: str = ""
    url: str = ""
    group: str = "Unspecified"
    source_rpm: str = ""
    build_time: int = 0
    build_host: str = "heliostat"
    files: tuple[File, ...] = ()
    provides: tuple[Relation, ...] = ()
    requires: tuple[Relation, ...] = ()
    conflicts: tuple[Relation, ...] = ()
    obsoletes: tuple[Relation, ...] = ()
    recommends: tuple[Relation, ...] = ()
    suggests: tuple[Relation, ...] = ()
    supplements: tuple[Relation, ...] = ()
    enhances: tuple[Relation, ...] = ()
    scripts: tuple[Script, ...] = ()
    file_triggers: tuple[FileTrigger, ...] = ()
    changelog: tuple[Change, ...] = field(default=())

    @property
    def evr(self) -> Evr:
        return Evr(self.epoch or 0, self.version, self.release)

    @property
    def nvr(self) -> str:
        return f"{self.name}-{self.version}-{self.release}"

    @property
    def file_name(self) -> str:
        """Of the written package; the epoch isn't in it, as everywhere."""
        return f"{self.nvr}.{self.arch}.rpm"
