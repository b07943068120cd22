"""Why is this here?  Package, source, digest and signer of a path, and who wanted it."""

from __future__ import annotations

import enum
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.inventory.installed import InstalledPackage
from heliostat.os.inventory.system import System
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.rpm.described import FileEntry
from heliostat.os.packages.rpm.file import FileFlag


class State(enum.StrEnum):
    """How the file on disk compares with what the package brought."""

    AS_PACKAGED = "as packaged"
    CHANGED = "changed since"
    MISSING = "missing"
    UNKNOWN = "not looked at"


@dataclass(frozen=True, slots=True)
class Signer:
    """``verdict`` is ``good``, ``none``, or a sentence on why the signature isn't trusted."""

    key_id: str
    owner: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """One package that has the path, or that is asked for itself."""

    package: str
    name: str
    source: str
    vendor: str
    licence: str
    summary: str
    built: int
    kind: str
    file_digest: str
    state: State
    package_digest: str
    signer: Signer
    required_by: tuple[str, ...]
    chain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """``resolved`` is the path without links on the way; ``beside`` tells who has the folder."""

    path: str
    resolved: str
    target: str
    owners: tuple[Ownership, ...]
    beside: tuple[str, ...]


def why(system: System, path: str, keyring: Keyring) -> Answer:
    """Where ``path`` (absolute, in the system), or the package of that name, comes from.

    Raises ``PathNotFound`` for a path that no package has and that isn't on disk.
    """
    named = [package for package in system.packages if package.name == path]
    if named:
        told = tuple(_ownership(system, package, None, keyring) for package in named)
        return Answer(path=path, resolved=path, target="", owners=told, beside=())
    resolved = system.resolve(path)
    owners = system.owners.get(resolved, [])
    if not owners and not _is_there(system, resolved):
        raise HeliostatError(
            "PathNotFound", f"No package has {path}, and no such file can be seen in the system."
        )
    return Answer(
        path=path,
        resolved=resolved,
        target=system.links.get(resolved, ""),
        owners=tuple(
            _ownership(system, package, package.entries[resolved], keyring) for package in owners
        ),
        beside=() if owners else _beside(system, resolved),
    )


def signer_of(package: InstalledPackage, keyring: Keyring) -> Signer:
    """Whose signature the package carries, and whether it holds."""
    made = package.signature
    if made is None:
        return Signer("", "", "none")
    try:
        if hashlib.sha256(package.signed_header).hexdigest() != package.digest:
            return Signer(made.issuer, "", "the database's copy of the header was changed")
        signing = keyring.verify(package.nevra, package.signed_header, made)
    except HeliostatError as error:
        return Signer(made.issuer, "", error.message)
    return Signer(made.issuer, signing.owner, "good")


def _ownership(
    system: System, package: InstalledPackage, entry: FileEntry | None, keyring: Keyring
) -> Ownership:
    return Ownership(
        package=package.nevra,
        name=package.name,
        source=package.source_rpm.removesuffix(".src.rpm"),
        vendor=package.vendor,
        licence=package.licence,
        summary=package.summary,
        built=package.build_time,
        kind="package" if entry is None else _kind(entry),
        file_digest="" if entry is None else entry.digest,
        state=State.UNKNOWN if entry is None else _state(system, entry),
        package_digest=package.digest,
        signer=signer_of(package, keyring),
        required_by=tuple(sorted(system.needed_by[package.name])),
        chain=tuple(system.chain_to(package.name)),
    )


def _kind(entry: FileEntry) -> str:
    if entry.is_folder:
        return "folder"
    if entry.is_link:
        return "link"
    named = {
        FileFlag.GHOST: "file made on the system",
        FileFlag.CONFIG: "configuration",
        FileFlag.LICENCE: "licence",
        FileFlag.DOC: "document",
    }
    return next((word for flag, word in named.items() if flag in entry.flags), "file")


def _state(system: System, entry: FileEntry) -> State:
    if system.root is not None:
        return _compared(inside(system.root, entry.path), entry)
    if system.fetch is None or not entry.is_regular:
        return State.UNKNOWN
    path = system.fetch(entry.path)
    return _compared(path, entry) if path is not None else _absent(entry)


def _compared(path: Path, entry: FileEntry) -> State:
    try:
        found = path.lstat()
    except OSError:
        return _absent(entry)
    if stat.S_IFMT(found.st_mode) != stat.S_IFMT(entry.mode):
        return State.CHANGED
    if entry.is_link:
        same = str(path.readlink()) == entry.target
    elif entry.is_regular and entry.digest:
        with path.open("rb") as stream:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == entry.digest
    else:
        same = True
    return State.AS_PACKAGED if same else State.CHANGED


def _absent(entry: FileEntry) -> State:
    return State.AS_PACKAGED if entry.ghost else State.MISSING


def _is_there(system: System, path: str) -> bool:
    if system.root is not None:
        return os.path.lexists(inside(system.root, path))
    return system.fetch is not None and system.fetch(path) is not None


def _beside(system: System, path: str) -> tuple[str, ...]:
    """The packages that have the nearest folder above."""
    for folder in Path(path).parents:
        owners = system.owners.get(str(folder))
        if owners:
            return tuple(sorted(package.nevra for package in owners))
    return ()


def inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
