"""Who gets in: packages whose digests hold and whose signature is one that is trusted.

Reading makes a package's record, the one thing the rest of the repository works with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor
from heliostat.os.packages.openpgp.armor import Block, dearmored
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.openpgp.signature import Signature
from heliostat.os.packages.rpm.header import invalid
from heliostat.os.packages.rpm.reader import FileEntry, Header, read
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.relation import Sense as Flags
from heliostat.os.packages.rpm.verify import Verified, verify
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.repo.layout import location_of
from heliostat.os.repo.record import (
    RELATIONS,
    Change,
    Dependency,
    FileKind,
    ListedFile,
    PackageRecord,
    Sense,
)

_THREADS = 2
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~^:{}%-]*")  # what becomes part of a path
_MOST_CHANGES = 10  # what other writers list, newest entries
_EARLY = Flags.PREREQ | Flags.SCRIPT_PRE | Flags.SCRIPT_POST
_SENSES = {"": "", "=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys whose signatures count."""

    keyring: Keyring

    def examine(self, path: Path) -> Verified | str:
        """The package, read and checked once, or why it isn't trusted."""
        try:
            return verify(path, self.keyring)
        except HeliostatError as error:
            return error.message.rstrip(".")
        except OSError as error:
            return f"it can't be read: {error.strerror}"

    def signature_fault(self, data: bytes, signature: bytes, what: str = "repomd.xml") -> str:
        """Why a detached signature doesn't hold; empty: it does."""
        try:
            blocks = dearmored(signature, Block.SIGNATURE)
            self.keyring.verify(what, data, Signature.read(blocks[0]))
        except HeliostatError as error:
            return error.message.rstrip(".")
        return ""


def admit(paths: Sequence[Path], trust: Trust, monitor: Monitor) -> list[PackageRecord]:
    """Records of packages that are trusted; ``PackageUntrusted`` naming all that aren't."""
    monitor.progress(f"checking {counted(len(paths), 'package')}")
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(trust.examine, paths))
    faults = [
        f"{path.name}: {each}"
        for path, each in zip(paths, found, strict=True)
        if isinstance(each, str)
    ]
    if faults:
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        raise HeliostatError("PackageUntrusted", f"{faults[0]}{more}.", data={"faults": faults})
    return [
        record_of(each.header, each.digest, each.size_bytes)
        for each in found
        if isinstance(each, Verified)
    ]


def record_of_file(path: Path, digest: str | None = None) -> PackageRecord:
    """The record of the package at ``path``; with ``digest``, its content is taken for that."""
    try:
        size = path.stat().st_size
        header = read(path)
        known = digest if digest is not None else _digest_of(path)
    except OSError as error:
        raise HeliostatError(
            "RepositoryCorrupt", f"{path} can't be read: {error.strerror}."
        ) from error
    return record_of(header, known, size)


def record_of(header: Header, digest: str, size_bytes: int) -> PackageRecord:
    """What metadata tells of a package with this header."""
    start, end = header.header_range
    arch = "src" if header.is_source else header.arch
    name = f"{header.name}-{header.version}-{header.release}.{arch}.rpm"
    if not _FILE_NAME.fullmatch(name):
        raise invalid(f"{name!r:.200} can't be the name of a package's file.")
    files = tuple(sorted(_listed(each) for each in header.files()))
    relations = {kind: _dependencies(header.relations(kind)) for kind in RELATIONS}
    relations["requires"] = _needed(relations["requires"], relations["provides"], files)
    return PackageRecord(
        name=header.name,
        epoch=str(header.epoch or 0),
        version=header.version,
        release=header.release,
        arch=arch,
        digest=digest,
        summary=header.summary,
        description=header.description,
        packager=header.packager,
        url=header.url,
        licence=header.licence,
        vendor=header.vendor,
        group=header.group,
        build_host=header.build_host,
        source_rpm=header.source_rpm,
        build_time=header.build_time,
        package_size=size_bytes,
        installed_size=header.installed_bytes,
        archive_size=header.archive_bytes,
        header_start=start,
        header_end=end,
        location=location_of(header.name, name),
        files=files,
        changelog=tuple(
            Change(each.author, each.time, each.text)
            for each in reversed(header.changelog[:_MOST_CHANGES])
        ),
        **relations,
    )


def _dependencies(relations: list[Relation]) -> tuple[Dependency, ...]:
    """Each once, without what asks for features of rpm itself."""
    return tuple(dict.fromkeys(_dependency(each) for each in relations if not each.of_rpm))


def _dependency(relation: Relation) -> Dependency:
    early = bool(relation.sense & _EARLY)
    if not relation.operator:
        return Dependency(relation.name, early=early)
    version = Evr.parse(relation.version)
    return Dependency(
        name=relation.name,
        sense=Sense(_SENSES[relation.operator]),
        epoch=str(version.epoch),
        version=version.version,
        release=version.release,
        early=early,
    )


def _needed(
    requires: tuple[Dependency, ...],
    provides: tuple[Dependency, ...],
    files: tuple[ListedFile, ...],
) -> tuple[Dependency, ...]:
    """Without what the package itself provides or brings, as createrepo_c leaves it out."""
    own = {(each.name, each.sense, each.epoch, each.version, each.release) for each in provides}
    brought = {each.path for each in files if each.is_primary}
    return tuple(
        each
        for each in requires
        if each.name not in brought
        and (each.name, each.sense, each.epoch, each.version, each.release) not in own
    )


def _listed(entry: FileEntry) -> ListedFile:
    if entry.is_folder:
        return ListedFile(entry.path, FileKind.FOLDER)
    return ListedFile(entry.path, FileKind.GHOST if entry.ghost else FileKind.FILE)


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
