"""A lock: exactly which packages a generation holds, by name, version and digest.

It is the record of a generation and the snapshot that users keep.  From a lock and
the packages, the same repository can be made again.  ``difference`` is the plan
that publishing shows first.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.repo.record import PackageRecord, version_text


class LockedPackage(msgspec.Struct, frozen=True, order=True):
    """One package; ``digest`` is the SHA-256 of its file."""

    name: str
    arch: str
    epoch: str
    version: str
    release: str
    digest: str
    size: int
    location: str

    @property
    def evr(self) -> str:
        return version_text(self.epoch, self.version, self.release)

    @property
    def order(self) -> Evr:
        """The version as RPM orders it."""
        return Evr(int(self.epoch or "0"), self.version, self.release)

    @property
    def nevra(self) -> str:
        return f"{self.name}-{self.evr}.{self.arch}"

    @property
    def slot(self) -> tuple[str, str]:
        """What there is one of in a repository: a name for an architecture."""
        return (self.name, self.arch)


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """The packages, sorted, and how many lines of the advisory journal belong to them."""

    format: int = 1
    repository: str
    number: int = 0
    packages: tuple[LockedPackage, ...] = ()
    advisories: int = 0
    reason: str = ""

    def by_slot(self) -> dict[tuple[str, str], LockedPackage]:
        return {each.slot: each for each in self.packages}


class Upgrade(msgspec.Struct, frozen=True):
    """The same package before and after; ``downgrade`` where the version went back."""

    before: LockedPackage
    after: LockedPackage

    @property
    def downgrade(self) -> bool:
        return self.before.order > self.after.order

    @property
    def rebuilt(self) -> bool:
        """Other bytes under the same version."""
        return self.before.order == self.after.order


class Difference(msgspec.Struct, frozen=True):
    """What distinguishes one state from another."""

    added: tuple[LockedPackage, ...] = ()
    removed: tuple[LockedPackage, ...] = ()
    changed: tuple[Upgrade, ...] = ()
    advisories: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.advisories)

    def __str__(self) -> str:
        """``2 added, 1 changed``; empty where nothing differs."""
        counts = (
            (len(self.added), "added"),
            (len(self.removed), "removed"),
            (len(self.changed), "changed"),
            (self.advisories, "advisory" if self.advisories == 1 else "advisories"),
        )
        return ", ".join(f"{count} {word}" for count, word in counts if count)


def locked(record: PackageRecord) -> LockedPackage:
    """The row of a package in a lock."""
    return LockedPackage(
        name=record.name,
        arch=record.arch,
        epoch=record.epoch,
        version=record.version,
        release=record.release,
        digest=record.digest,
        size=record.package_size,
        location=record.location,
    )


def difference(before: Lock | None, after: Lock) -> Difference:
    """What one must do to get from ``before`` to ``after``."""
    old = before.by_slot() if before is not None else {}
    new = after.by_slot()
    both = sorted(old.keys() & new.keys())
    return Difference(
        added=tuple(new[slot] for slot in sorted(new.keys() - old.keys())),
        removed=tuple(old[slot] for slot in sorted(old.keys() - new.keys())),
        changed=tuple(
            Upgrade(old[slot], new[slot]) for slot in both if old[slot].digest != new[slot].digest
        ),
        advisories=after.advisories - (before.advisories if before is not None else 0),
    )


def read_lock(path: Path) -> Lock:
    """The lock in a file; raises ``RepositoryCorrupt`` where it isn't one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lock)
    except (msgspec.DecodeError, OSError) as error:
        raise HeliostatError("RepositoryCorrupt", f"{path} is not a lock: {error}.") from error


def encode_lock(lock: Lock) -> bytes:
    """The file's content: one package a line, so that differences read well."""
    return msgspec.json.format(msgspec.json.encode(lock), indent=1) + b"\n"


def write_lock(path: Path, lock: Lock) -> None:
    """Replace the file at once."""
    atomic_write(path, encode_lock(lock))
