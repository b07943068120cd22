"""What differs between two systems: packages, their files, and what was fixed.

Pure, but for files that no package accounts for (configuration that was changed, what was
made at compose or on the machine): those are read from both trees where they are at hand.
"""

from __future__ import annotations

import enum
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from heliostat.os.cve.changelogs import cve_order, rpm_entries
from heliostat.os.inventory.installed import DATABASES, InstalledPackage
from heliostat.os.inventory.system import System
from heliostat.os.packages.rpm.contents import RELATIONS
from heliostat.os.packages.rpm.described import FileEntry
from heliostat.os.packages.rpm.file import FileFlag
from heliostat.os.packages.rpm.tags import Tag
from heliostat.os.packages.rpm.version import Evr

_DATABASES = tuple(f"/{folder}/" for folder in DATABASES)

_SAID = {
    "scripts": (Tag.PRE, Tag.POST, Tag.PREUN, Tag.POSTUN, Tag.PRETRANS, Tag.POSTTRANS),
    "triggers": (
        Tag.FILE_TRIGGER_SCRIPTS,
        Tag.FILE_TRIGGER_NAMES,
        Tag.TRANS_TRIGGER_SCRIPTS,
        Tag.TRANS_TRIGGER_NAMES,
    ),
    "licence": (Tag.LICENCE,),
    "description": (Tag.SUMMARY, Tag.DESCRIPTION),
    "vendor": (Tag.VENDOR, Tag.PACKAGER, Tag.URL),
    "change log": (Tag.CHANGELOG_NAME, Tag.CHANGELOG_TEXT),
    "source": (Tag.SOURCE_RPM,),
}


class Kind(enum.StrEnum):
    """What became of a package."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    REBUILT = "rebuilt"


@dataclass(frozen=True, slots=True)
class FileChange:
    """``what`` are ``added``, ``removed``, or what of it differs (content, mode, owner …)."""

    path: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageChange:
    name: str
    kind: Kind
    before: str
    after: str
    source: str
    files: tuple[FileChange, ...]
    said: tuple[str, ...]
    """Of a rebuilt package, what it says otherwise: relations, scripts, licence …"""
    fixed: tuple[str, ...]
    """CVE ids, from the change log between the two versions."""


@dataclass(frozen=True, slots=True)
class Difference:
    packages: tuple[PackageChange, ...]
    loose: tuple[FileChange, ...]
    """Files that no package accounts for; none if a tree's files weren't at hand."""
    looked_at_files: bool

    @property
    def fixed(self) -> tuple[str, ...]:
        """All CVE ids that one of the packages fixes."""
        return tuple(sorted({cve for each in self.packages for cve in each.fixed}, key=cve_order))

    def __bool__(self) -> bool:
        return bool(self.packages or self.loose)


def compare(before: System, after: System) -> Difference:
    """From ``before`` to ``after``."""
    both = before.root is not None and after.root is not None
    return Difference(
        packages=tuple(_packages(before, after)),
        loose=tuple(_loose(before, after)) if both else (),
        looked_at_files=both,
    )


def _packages(before: System, after: System) -> Iterator[PackageChange]:
    """Of what may be there in several versions (kernels), those that both have are the same."""
    old, new = _by_slot(before), _by_slot(after)
    for key in sorted(old.keys() | new.keys()):
        ones, twos = old.get(key, {}), new.get(key, {})
        gone = [each for build, each in ones.items() if build not in twos]
        come = [each for build, each in twos.items() if build not in ones]
        yield from (_change(one, two) for one, two in zip_longest(gone, come))


def _by_slot(system: System) -> dict[tuple[str, str], dict[tuple[Evr, str], InstalledPackage]]:
    """By name and architecture, then by version and digest; in the order of versions."""
    found: dict[tuple[str, str], dict[tuple[Evr, str], InstalledPackage]] = {}
    for each in system.packages:
        found.setdefault((each.name, each.arch), {})[each.evr, each.digest] = each
    return found


def _change(one: InstalledPackage | None, two: InstalledPackage | None) -> PackageChange:
    told = two or one
    assert told is not None
    return PackageChange(
        name=told.name,
        kind=_kind(one, two),
        before=str(one.evr) if one else "",
        after=str(two.evr) if two else "",
        source=told.source_rpm.removesuffix(".src.rpm"),
        files=tuple(_files(one.entries if one else {}, two.entries if two else {})),
        said=tuple(_said(one, two)) if one and two and one.evr == two.evr else (),
        fixed=_fixed(one, two) if one and two and one.evr < two.evr else (),
    )


def _kind(one: InstalledPackage | None, two: InstalledPackage | None) -> Kind:
    if one is None:
        return Kind.ADDED
    if two is None:
        return Kind.REMOVED
    if one.evr == two.evr:
        return Kind.REBUILT
    return Kind.UPGRADED if one.evr < two.evr else Kind.DOWNGRADED


def _files(one: dict[str, FileEntry], two: dict[str, FileEntry]) -> Iterator[FileChange]:
    for path in sorted(one.keys() | two.keys()):
        old, new = one.get(path), two.get(path)
        if old is None or new is None:
            yield FileChange(path, ("added" if old is None else "removed",))
        elif what := tuple(_aspects(old, new)):
            yield FileChange(path, what)


def _aspects(old: FileEntry, new: FileEntry) -> Iterator[str]:
    """What differs; times don't count."""
    pairs = {
        "content": (old.digest, new.digest),
        "target": (old.target, new.target),
        "mode": (old.mode, new.mode),
        "owner": ((old.user, old.group), (new.user, new.group)),
        "capabilities": (old.capabilities, new.capabilities),
    }
    return (name for name, (left, right) in pairs.items() if left != right)


def _said(one: InstalledPackage, two: InstalledPackage) -> Iterator[str]:
    """What of the headers differs, files and times of building apart."""
    for kind in RELATIONS:
        if one.relations(kind) != two.relations(kind):
            yield kind
    for word, tags in _SAID.items():
        if any(_value(one, tag) != _value(two, tag) for tag in tags):
            yield word


def _value(package: InstalledPackage, tag: int) -> object:
    return package.header.strings(tag) if tag in package.header else None


def _fixed(one: InstalledPackage, two: InstalledPackage) -> tuple[str, ...]:
    """CVE ids of the entries of the change log that the older package didn't have yet."""
    told = rpm_entries(two.source_rpm, ((each.author, each.text) for each in two.changelog))
    newer = (entry for entry in told if one.evr < Evr.parse(entry.version) <= two.evr)
    return tuple(sorted({cve for entry in newer for cve in entry.fixes}, key=cve_order))


def _loose(before: System, after: System) -> Iterator[FileChange]:
    old, new = dict(_unaccounted(before)), dict(_unaccounted(after))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        if path in old and path in new:
            yield FileChange(path, ("content",))
        elif path in old:
            yield FileChange(path, ("as packaged again" if path in after.owners else "removed",))
        else:
            yield FileChange(path, ("changed locally" if path in before.owners else "added",))


def _unaccounted(system: System) -> Iterator[tuple[str, str]]:
    """Files on disk that aren't what a package brought, with a digest of what they are.

    Configuration that is as it was packaged is accounted for; other files of packages are
    taken to be so (``rpm -V`` is the judge of that), and the database speaks for itself.
    """
    assert system.root is not None
    for path in _files_below(system.root):
        inside = f"/{path.relative_to(system.root)}"
        owners = system.owners.get(inside)
        if inside.startswith(_DATABASES) or (owners and not _may_change(owners[0], inside)):
            continue
        digest = _digest(path)
        if not owners or digest != owners[0].entries[inside].digest:
            yield inside, digest


def _may_change(package: InstalledPackage, path: str) -> bool:
    return bool(package.entries[path].flags & (FileFlag.CONFIG | FileFlag.GHOST))


def _files_below(root: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(root):
        folders.sort()
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in sorted([*names, *links]))


def _digest(path: Path) -> str:
    """SHA-256 of a file, the target of a link, the type of anything else."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return f"-> {path.readlink()}"
    if not stat.S_ISREG(found.st_mode):
        return oct(found.st_mode)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
