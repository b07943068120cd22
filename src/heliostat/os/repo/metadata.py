"""Records to XML and back: primary, filelists and other, as createrepo_c writes them.

Each package becomes three fragments, pure functions of its record, so that they
can be kept by the package's digest and put together again for the next generation.
The format has no specification; createrepo_c, dnf and libsolv are its judges.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from heliostat.os.repo.record import (
    RELATIONS,
    Dependency,
    FileKind,
    ListedFile,
    PackageRecord,
    Sense,
)

COMMON = "http://linux.duke.edu/metadata/common"
RPM = "http://linux.duke.edu/metadata/rpm"
FILELISTS = "http://linux.duke.edu/metadata/filelists"
OTHER = "http://linux.duke.edu/metadata/other"
HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'

# What XML 1.0 cannot carry, not even escaped.
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF))
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}) | _FORBIDDEN


class Fragments(NamedTuple):
    """One package's part of the three documents."""

    primary: bytes
    filelists: bytes
    other: bytes


def fragments_of(record: PackageRecord) -> Fragments:
    """The package's elements."""
    return Fragments(
        _primary(record).encode("utf-8", "replace"),
        _filelists(record).encode("utf-8", "replace"),
        _other(record).encode("utf-8", "replace"),
    )


def documents(fragments: Iterable[Fragments]) -> dict[str, bytes]:
    """The three documents, by the type that repomd.xml gives them."""
    listed = list(fragments)
    count = len(listed)
    heads = {
        "primary": f'<metadata xmlns="{COMMON}" xmlns:rpm="{RPM}" packages="{count}">\n',
        "filelists": f'<filelists xmlns="{FILELISTS}" packages="{count}">\n',
        "other": f'<otherdata xmlns="{OTHER}" packages="{count}">\n',
    }
    feet = {"primary": "</metadata>\n", "filelists": "</filelists>\n", "other": "</otherdata>\n"}
    return {
        kind: b"".join(
            [
                (HEADER + heads[kind]).encode(),
                *(getattr(each, kind) for each in listed),
                feet[kind].encode(),
            ]
        )
        for kind in Fragments._fields
    }


def _primary(record: PackageRecord) -> str:
    lines = [
        '<package type="rpm">',
        _element("name", record.name),
        _element("arch", record.arch),
        _version(record),
        f'<checksum type="sha256" pkgid="YES">{record.digest}</checksum>',
        *(_element(tag, getattr(record, tag)) for tag in ("summary", "description")),
        *(_element(tag, getattr(record, tag)) for tag in ("packager", "url")),
        f'<time file="{record.build_time}" build="{record.build_time}"/>',
        f'<size package="{record.package_size}" installed="{record.installed_size}"'
        f' archive="{record.archive_size}"/>',
        f"<location href={_quoted(record.location)}/>",
        "<format>",
        _element("rpm:license", record.licence),
        _element("rpm:vendor", record.vendor),
        _element("rpm:group", record.group),
        _element("rpm:buildhost", record.build_host),
        _element("rpm:sourcerpm", record.source_rpm),
        f'<rpm:header-range start="{record.header_start}" end="{record.header_end}"/>',
        *(_relation(kind, getattr(record, kind)) for kind in RELATIONS),
        *(_file(each) for each in record.files if each.is_primary),
        "</format>",
        "</package>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _filelists(record: PackageRecord) -> str:
    lines = [_opening(record), _version(record), *map(_file, record.files), "</package>"]
    return "\n".join(lines) + "\n"


def _other(record: PackageRecord) -> str:
    changes = (
        f'<changelog author={_quoted(each.author)} date="{each.date}">'
        f"{_text(each.text)}</changelog>"
        for each in record.changelog
    )
    return "\n".join([_opening(record), _version(record), *changes, "</package>"]) + "\n"


def _opening(record: PackageRecord) -> str:
    name, arch = _quoted(record.name), _quoted(record.arch)
    return f'<package pkgid="{record.digest}" name={name} arch={arch}>'


def _version(record: PackageRecord) -> str:
    return (
        f"<version epoch={_quoted(record.epoch)} ver={_quoted(record.version)}"
        f" rel={_quoted(record.release)}/>"
    )


def _relation(kind: str, entries: tuple[Dependency, ...]) -> str:
    if not entries:
        return ""
    return "\n".join([f"<rpm:{kind}>", *map(_entry, entries), f"</rpm:{kind}>"])


def _entry(entry: Dependency) -> str:
    parts = [f"name={_quoted(entry.name)}"]
    if entry.sense is not Sense.ANY:
        parts.append(f'flags="{entry.sense.value}" epoch={_quoted(entry.epoch or "0")}')
        parts.append(f"ver={_quoted(entry.version)}")
        if entry.release:
            parts.append(f"rel={_quoted(entry.release)}")
    if entry.early:
        parts.append('pre="1"')
    return f"<rpm:entry {' '.join(parts)}/>"


def _file(each: ListedFile) -> str:
    kind = "" if each.kind is FileKind.FILE else f' type="{each.kind.value}"'
    return f"<file{kind}>{_text(each.path)}</file>"


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{_text(text)}</{tag}>" if text else f"<{tag}/>"


def _text(text: str) -> str:
    return text.translate(_ESCAPES)


def _quoted(text: str) -> str:
    return quoteattr(text.translate(_FORBIDDEN))
