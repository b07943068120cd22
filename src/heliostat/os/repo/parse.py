"""Metadata of any RPM-MD repository back into records.

Streams, so that a repository of many thousand packages costs no more memory than
its records.  What isn't the format is refused with the place where it broke.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, ParseError, iterparse

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.repo.metadata import COMMON, FILELISTS, OTHER, RPM
from heliostat.os.repo.record import (
    RELATIONS,
    Change,
    Dependency,
    FileKind,
    ListedFile,
    PackageRecord,
    Sense,
)

_C = f"{{{COMMON}}}"
_R = f"{{{RPM}}}"
_F = f"{{{FILELISTS}}}"
_O = f"{{{OTHER}}}"
_SHA256 = re.compile(r"[0-9a-f]{64}")  # becomes part of paths
T = TypeVar("T")


def parse_primary(document: bytes, source: str) -> list[PackageRecord]:
    """Records with the files that primary metadata lists; ``source`` names it in errors."""
    return _read(document, f"{_C}package", source, lambda each: _record(each, source))


def parse_filelists(document: bytes, source: str) -> dict[str, tuple[ListedFile, ...]]:
    """All files of each package, by its digest."""
    return dict(
        _read(
            document,
            f"{_F}package",
            source,
            lambda each: (_wanted(each.get("pkgid"), "pkgid", source), _files(each, f"{_F}file")),
        )
    )


def parse_other(document: bytes, source: str) -> dict[str, tuple[Change, ...]]:
    """The changelog of each package, by its digest."""
    return dict(
        _read(
            document,
            f"{_O}package",
            source,
            lambda each: (_wanted(each.get("pkgid"), "pkgid", source), _changes(each)),
        )
    )


def complete(
    records: list[PackageRecord],
    files: dict[str, tuple[ListedFile, ...]],
    changes: dict[str, tuple[Change, ...]],
) -> list[PackageRecord]:
    """Records with all their files and changes."""
    return [
        msgspec.structs.replace(
            each,
            files=files.get(each.digest, each.files),
            changelog=changes.get(each.digest, each.changelog),
        )
        for each in records
    ]


def broken(source: str, why: str) -> HeliostatError:
    """Metadata that can't be used."""
    return HeliostatError("RepositoryCorrupt", f"{source} can't be used: {why}.")


def _read(document: bytes, tag: str, source: str, read: Callable[[Element], T]) -> list[T]:
    """What ``read`` makes of each element; what it can't read is a fault of the document."""
    found: list[T] = []
    try:
        for _, element in iterparse(io.BytesIO(document)):  # noqa: S314 - expat bounds entities
            if element.tag == tag:
                found.append(read(element))
                element.clear()
    except ParseError as error:
        raise broken(source, f"it is not the XML of a repository ({error})") from error
    except ValueError as error:
        raise broken(source, str(error)) from error
    return found


def _record(element: Element, source: str) -> PackageRecord:
    format_ = element.find(f"{_C}format")
    version, checksum = element.find(f"{_C}version"), element.find(f"{_C}checksum")
    if format_ is None or version is None or checksum is None:
        raise broken(source, "a package in it has no version, checksum or format")
    if checksum.get("type") != "sha256":
        raise broken(source, f"its digests are {checksum.get('type')}, which is not trusted")
    digest = (checksum.text or "").strip()
    if not _SHA256.fullmatch(digest):
        raise broken(source, f"{digest[:80]!r} in it is no SHA-256")
    size, time = _attributes(element, "size"), _attributes(element, "time")
    span = format_.find(f"{_R}header-range")
    header = {} if span is None else dict(span.attrib)
    return PackageRecord(
        name=_wanted(element.findtext(f"{_C}name"), "name", source),
        epoch=str(int(version.get("epoch") or "0")),  # versions are ordered by it
        version=version.get("ver", ""),
        release=version.get("rel", ""),
        arch=_wanted(element.findtext(f"{_C}arch"), "arch", source),
        digest=digest,
        location=_wanted(_attributes(element, "location").get("href"), "location", source),
        build_time=int(time.get("build", "0")),
        package_size=int(size.get("package", "0")),
        installed_size=int(size.get("installed", "0")),
        archive_size=int(size.get("archive", "0")),
        header_start=int(header.get("start", "0")),
        header_end=int(header.get("end", "0")),
        files=_files(format_, f"{_C}file"),
        **_texts(element, format_),
        **_relations(format_),
    )


def _texts(element: Element, format_: Element) -> dict[str, Any]:
    plain = ("summary", "description", "packager", "url")
    ours = {"license": "licence", "vendor": "vendor", "group": "group"} | {
        "buildhost": "build_host",
        "sourcerpm": "source_rpm",
    }
    return {tag: element.findtext(f"{_C}{tag}") or "" for tag in plain} | {
        name: format_.findtext(f"{_R}{tag}") or "" for tag, name in ours.items()
    }


def _relations(format_: Element) -> dict[str, Any]:
    return {kind: _entries(format_.find(f"{_R}{kind}")) for kind in RELATIONS}


def _entries(element: Element | None) -> tuple[Dependency, ...]:
    if element is None:
        return ()
    return tuple(
        Dependency(
            name=each.get("name", ""),
            sense=Sense(each.get("flags", "")),
            epoch=each.get("epoch", "0"),
            version=each.get("ver", ""),
            release=each.get("rel", ""),
            early=each.get("pre") == "1",
        )
        for each in element.iterfind(f"{_R}entry")
    )


def _files(element: Element, tag: str) -> tuple[ListedFile, ...]:
    return tuple(
        ListedFile(each.text or "", FileKind(each.get("type", "file")))
        for each in element.iterfind(tag)
    )


def _changes(element: Element) -> tuple[Change, ...]:
    return tuple(
        Change(each.get("author", ""), int(each.get("date", "0")), each.text or "")
        for each in element.iterfind(f"{_O}changelog")
    )


def _attributes(element: Element, tag: str) -> dict[str, str]:
    found = element.find(f"{_C}{tag}")
    return {} if found is None else dict(found.attrib)


def _wanted(value: str | None, what: str, source: str) -> str:
    if not value:
        raise broken(source, f"a package in it has no {what}")
    return value
