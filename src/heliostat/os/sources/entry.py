"""One binary package as an archive's index describes it.

``parse`` reads a whole ``Packages`` index (deb822, as the Debian Policy's chapter 5
describes it): 68,825 entries in about two seconds, which is why the suite keeps the
structs.  Relations stay text here: few of them are ever looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from debian.debian_support import version_compare

_NEEDED = {"Package", "Version", "Architecture", "Filename", "Size", "SHA256"}
_SOURCE = re.compile(r"(?P<name>\S+)(?:\s+\((?P<version>[^)]+)\))?")


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the index says; an empty string where it says nothing."""

    name: str
    version: str
    architecture: str
    source: str
    """Name of the source package."""
    source_version: str
    url: str
    """Where the archive has the file."""
    size_bytes: int
    sha256: str
    installed_bytes: int = 0
    """As the archive rounds it: kibibytes."""
    depends: str = ""
    pre_depends: str = ""
    recommends: str = ""
    suggests: str = ""
    provides: str = ""
    conflicts: str = ""
    breaks: str = ""
    replaces: str = ""
    summary: str = ""
    section: str = ""
    homepage: str = ""
    essential: bool = False
    suite: str = ""
    """The suite of the index: ``trixie``, ``trixie-security``…"""

    @property
    def file_name(self) -> str:
        """The last part of the URL: ``name_version_architecture.deb``."""
        return self.url.rpartition("/")[2]


def parse(text: str, base_url: str, suite: str = "") -> Iterator[Entry]:
    """The entries of an index; files lie below ``base_url``."""
    base = base_url.rstrip("/") + "/"
    for stanza in text.split("\n\n"):
        fields = _fields(stanza)
        if fields.keys() >= _NEEDED:
            yield _entry(fields, base, suite)


def _entry(fields: dict[str, str], base: str, suite: str) -> Entry:
    get = fields.get
    name, version = fields["Package"], fields["Version"]
    source, source_version = source_of(name, version, get("Source", ""))
    return Entry(
        name=name,
        version=version,
        architecture=fields["Architecture"],
        source=source,
        source_version=source_version,
        url=base + fields["Filename"].removeprefix("./"),
        size_bytes=int(fields["Size"]),
        sha256=fields["SHA256"],
        installed_bytes=int(get("Installed-Size", "0")) * 1024,
        depends=get("Depends", ""),
        pre_depends=get("Pre-Depends", ""),
        recommends=get("Recommends", ""),
        suggests=get("Suggests", ""),
        provides=get("Provides", ""),
        conflicts=get("Conflicts", ""),
        breaks=get("Breaks", ""),
        replaces=get("Replaces", ""),
        summary=get("Description", ""),
        section=get("Section", ""),
        homepage=get("Homepage", ""),
        essential=get("Essential", "no") == "yes",
        suite=suite,
    )


def source_of(name: str, version: str, field: str) -> tuple[str, str]:
    """Name and version of the source, of which ``field`` says only what differs."""
    match = _SOURCE.match(field)
    if match is None:
        return name, version
    return match["name"], match["version"] or version


def newest(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The entry with the highest version of every name."""
    found: dict[str, Entry] = {}
    for entry in entries:
        known = found.get(entry.name)
        if known is None or version_compare(entry.version, known.version) > 0:
            found[entry.name] = entry
    return found


def _fields(stanza: str) -> dict[str, str]:
    """The fields of a stanza, with only the first line of each that has several."""
    fields = {}
    for line in stanza.split("\n"):
        if line[:1] != " ":
            name, _, value = line.partition(": ")
            fields[name] = value
    return fields
