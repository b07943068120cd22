"""Which feed a file is, told by its content; and its entries.

Plain, gzip, xz, zstd, bzip2 and zip are unpacked, up to a bound.  A zip archive is taken as
OSV publishes its own: one JSON record a member; a zipped feed of NVD is one member as well.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from heliostat.os.compressed import DAMAGED, Bounded, TooLarge, told, unpacked
from heliostat.os.cve.feeds import nvd, nvd_old, osv, packages, tracker
from heliostat.os.cve.feeds.unreadable import unreadable
from heliostat.os.cve.statement import Entry, Knowledge

# RuntimeError: a member is encrypted, or packed in a way that nobody here knows
_DAMAGED = (*DAMAGED, zipfile.BadZipFile, RuntimeError, TooLarge)
DOCUMENT_BYTES = 1 << 30
"""The most that one document may be: NVD's years have some 150 MB, the tracker 70."""
ARCHIVE_BYTES = 64 << 30


class Form(StrEnum):
    """Published forms that can be read."""

    NVD = "NVD 2.0"
    NVD_OLD = "NVD 1.1"
    OSV = "OSV"
    TRACKER = "Debian security tracker"
    PACKAGE = "package"
    CHANGELOG = "Debian changelog"


_READERS: dict[Form, Callable[[bytes, str], Iterator[Entry]]] = {
    Form.NVD: nvd.read,
    Form.NVD_OLD: nvd_old.read,
    Form.OSV: osv.read,
    Form.TRACKER: tracker.read,
    Form.CHANGELOG: packages.read_changelog,
}


@dataclass(frozen=True, slots=True)
class Feed:
    """A file that was recognised; ``entries`` reads it, once."""

    form: Form
    entries: Iterator[Entry]

    @property
    def replaces(self) -> Knowledge | None:
        """The source of which this is the whole: what it said before is forgotten."""
        return Knowledge.TRACKER if self.form is Form.TRACKER else None


class _Peek(msgspec.Struct):
    """The keys that tell the forms apart; everything else is skipped, not built."""

    vulnerabilities: msgspec.Raw = msgspec.Raw()
    cve_items: msgspec.Raw = msgspec.field(name="CVE_Items", default=msgspec.Raw())
    id: msgspec.Raw = msgspec.Raw()
    modified: msgspec.Raw = msgspec.Raw()


def recognised(path: Path) -> Feed:
    """The feed in ``path``; ``KnowledgeUnreadable`` with what is wrong with it."""
    name = str(path)
    if path.suffix in (".deb", ".rpm"):
        return Feed(Form.PACKAGE, packages.read_package(path))
    content = _read(path)
    if content[:4] == b"PK\x03\x04":
        return _archive(content, name)
    try:
        content = unpacked(content, DOCUMENT_BYTES)
    except DAMAGED as error:
        raise unreadable(name, f"it is damaged or ends in the middle ({error})") from error
    except TooLarge as error:
        raise unreadable(name, str(error)) from error
    form = form_of(content, name)
    return Feed(form, _READERS[form](content, name))


def form_of(content: bytes, name: str) -> Form:
    """The form of what is in a file, unpacked."""
    start = content.lstrip()[:1]
    if start == b"[":
        return Form.OSV
    if start != b"{":
        if b"\n -- " in content and b") " in content[:400]:
            return Form.CHANGELOG
        raise unreadable(name, "it is neither JSON nor a Debian changelog")
    try:
        peek = msgspec.json.decode(content, type=_Peek)
    except msgspec.DecodeError as error:
        why = "it ends in the middle" if "truncated" in str(error) else f"it is not JSON ({error})"
        raise unreadable(name, why) from error
    if bytes(peek.vulnerabilities):
        return Form.NVD
    if bytes(peek.cve_items):
        return Form.NVD_OLD
    if bytes(peek.id) and bytes(peek.modified):
        return Form.OSV
    return Form.TRACKER


def _archive(content: bytes, name: str) -> Feed:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [each for each in archive.namelist() if each.endswith(".json")]
            if not members:
                raise unreadable(name, "there is no JSON file in the archive")
            whole = sum(each.file_size for each in archive.infolist())
            if whole > ARCHIVE_BYTES:
                raise unreadable(name, f"it unpacks to more than {told(ARCHIVE_BYTES)}")
            first = _member(archive, members[0])
    except _DAMAGED as error:
        raise unreadable(name, f"the archive is damaged ({error})") from error
    form = form_of(first, f"{name}: {members[0]}")
    return Feed(form, _members(content, name, form))


def _members(content: bytes, name: str, form: Form) -> Iterator[Entry]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in sorted(archive.namelist()):
            if member.endswith(".json"):
                try:
                    packed = _member(archive, member)
                except _DAMAGED as error:
                    raise unreadable(f"{name}: {member}", f"it is damaged ({error})") from error
                yield from _READERS[form](packed, f"{name}: {member}")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """What a member holds, whatever its header says of the size."""
    with archive.open(name) as stream:
        return Bounded(stream, DOCUMENT_BYTES).readall()


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > DOCUMENT_BYTES:
            raise unreadable(str(path), f"{told(size)} are too many, {told(DOCUMENT_BYTES)} may be")
        return path.read_bytes()
    except OSError as error:
        raise unreadable(str(path), f"it can't be read ({error.strerror})") from error
