"""What Debian changelogs tell of vulnerabilities: which version fixed which.

A changelog says what was fixed, never what is still open: its knowledge is "CVE-… was
fixed in version X of this source", newest entry first.  Entries that only speak *about* a
CVE ("not affected by", "revert the fix of") are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from debian.debian_support import NativeVersion

_HEADING = re.compile(r"^(?P<source>[a-z0-9][a-z0-9+.-]*) \((?P<version>[^()\s]+)\) ", re.I)
_CVE = re.compile(r"\b(?:CVE|CAN)-((?:19|20)\d\d)-(\d{4,7})\b", re.I)
_ITEM = re.compile(r"^ *(?P<mark>[*+-]) ")
_NOT_A_FIX = re.compile(
    r"\b(?:not (?:affected|vulnerable|exploitable)|unaffected|does(?:n't| not) affect|revert\w*"
    r"|regression|(?:drop|remov|delet|refresh|rebas)\w* (?:[^.;]|\.(?!\s))*\bpatch)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a source and the CVE ids that its entry says it fixes."""

    source: str
    version: str
    fixes: tuple[str, ...]


def entries(changelog: str) -> Iterator[Entry]:
    """The changelog's versions, as written (newest first); broken lines are passed over."""
    source = version = ""
    lines: list[str] = []
    for line in changelog.splitlines():
        heading = _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        if version:
            yield Entry(source, version, fixed_by(lines))
        source, version, lines = heading["source"], heading["version"], []
    if version:
        yield Entry(source, version, fixed_by(lines))


def rpm_entries(source: str, changes: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    """The same of an RPM's changelog: author (``Name <mail> - version-release``) and text."""
    for author, text in changes:
        _, dash, version = author.rpartition(" - ")
        if dash and version[:1].isdigit():
            yield Entry(source, version.strip(), fixed_by(text.splitlines()))


def advisories(from_version: str | None, to_version: str, changelog: str) -> tuple[str, ...]:
    """CVE ids fixed after ``from_version`` up to and including ``to_version``, sorted.

    Versions are Debian's (``epoch:upstream-revision``); without ``from_version`` the whole
    history counts.  A binary rebuild's suffix (``+b1``) is no version of the source.
    """
    upper = NativeVersion(source_version(to_version))
    lower = None if from_version is None else NativeVersion(source_version(from_version))
    found: set[str] = set()
    for entry in entries(changelog):
        version = NativeVersion(entry.version)
        if version <= upper and (lower is None or version > lower):
            found.update(entry.fixes)
    return tuple(sorted(found, key=cve_order))


def first_fixed(changelog: str) -> dict[str, tuple[str, str]]:
    """For each CVE id the source and the *oldest* version whose entry fixes it."""
    return first_fixed_of(entries(changelog))


def first_fixed_of(listed: Iterable[Entry]) -> dict[str, tuple[str, str]]:
    """The same of entries from anywhere."""
    found: dict[str, tuple[str, str]] = {}
    for entry in listed:
        for cve in entry.fixes:
            known = found.get(cve)
            if known is None or NativeVersion(entry.version) < NativeVersion(known[1]):
                found[cve] = (entry.source, entry.version)
    return found


def cves_in(text: str) -> Iterator[str]:
    """CVE ids as written anywhere in ``text``, in their one spelling."""
    for match in _CVE.finditer(text):
        yield f"CVE-{match[1]}-{match[2]}"


def cve_order(cve: str) -> tuple[int, int, str]:
    """Sorts ids by year and number instead of by letters."""
    parts = cve.split("-")
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        return int(parts[1]), int(parts[2]), cve
    return 9999, 0, cve


def source_version(version: str) -> str:
    """Without the suffix of a rebuild by the archive (``+b1``) or by us (``+bhs1``)."""
    return re.sub(r"(?:\+b\d+)?(?:(?:[.^]|\+b)hs\d+)?$", "", version)


def fixed_by(lines: Iterable[str]) -> tuple[str, ...]:
    """CVE ids that one entry's lines say it fixes, in their order."""
    found: dict[str, None] = {}
    for item in _items(lines):
        if not _NOT_A_FIX.search(item):
            found.update(dict.fromkeys(cves_in(item)))
    return tuple(found)


def _items(lines: Iterable[str]) -> Iterator[str]:
    """The entry's items, continued lines joined; one below a title (``…:``) has it in front."""
    item = title = ""
    for line in lines:
        if line.startswith(" -- "):
            break
        begun = _ITEM.match(line)
        if begun is None:
            item += " " + line.strip()
            continue
        yield item
        if begun["mark"] == "*":
            title, item = "", line.strip()
        else:
            title = item if item.endswith(":") else title
            item = f"{title} {line.strip()}"
    yield item
