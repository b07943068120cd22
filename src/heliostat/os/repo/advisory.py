"""Advisories: what was fixed, how bad it was, which packages carry the fix.

``updateinfo`` is the form that clients read (``dnf updateinfo``, ``zypper patches``).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.sax.saxutils import escape, quoteattr

import msgspec

from heliostat.os.repo.lock import LockedPackage
from heliostat.os.repo.metadata import HEADER
from heliostat.os.repo.parse import broken

_SENDER = "Heliostat"


class AdvisoryKind(StrEnum):
    """As clients name them."""

    SECURITY = "security"
    BUGFIX = "bugfix"
    ENHANCEMENT = "enhancement"


class Severity(StrEnum):
    """As clients name them; NONE where it isn't about security or nobody rated it."""

    CRITICAL = "Critical"
    IMPORTANT = "Important"
    MODERATE = "Moderate"
    LOW = "Low"
    NONE = "None"


class Reference(msgspec.Struct, frozen=True):
    """Where one reads more: ``kind`` is cve, bugzilla or other."""

    kind: str
    id: str
    url: str
    title: str = ""


class Advisory(msgspec.Struct, frozen=True, kw_only=True):
    """One advisory in one of its versions; ``HSA-2026-0007``."""

    id: str
    version: int = 1
    kind: AdvisoryKind
    severity: Severity = Severity.NONE
    title: str
    description: str
    issued: int
    updated: int
    references: tuple[Reference, ...] = ()
    packages: tuple[LockedPackage, ...] = ()
    sources: dict[str, str] = {}
    """The source RPM of each package, by the package's name."""
    reboot: bool = False
    withdrawn: bool = False

    @property
    def cves(self) -> tuple[str, ...]:
        return tuple(each.id for each in self.references if each.kind == "cve")


def current(advisories: Iterable[Advisory], packages: Iterable[LockedPackage]) -> list[Advisory]:
    """Those that hold of a repository with ``packages``: theirs are there, or newer ones.

    An advisory whose packages were taken back (a rollback, a removal) promises what nobody
    can install.  A withdrawn one is told all the same: whoever saw it has to learn that.
    """
    there = {each.slot: each.order for each in packages}
    return [
        one
        for one in advisories
        if one.withdrawn
        or all(each.slot in there and each.order <= there[each.slot] for each in one.packages)
    ]


def updateinfo(advisories: list[Advisory], collection: str) -> bytes:
    """The document, newest version of each advisory; withdrawn ones say so."""
    parts = [HEADER + "<updates>", *(_update(each, collection) for each in advisories)]
    return ("\n".join([*parts, "</updates>"]) + "\n").encode()


def parse_updateinfo(document: bytes, source: str) -> list[Advisory]:
    """Advisories of a repository, whoever wrote them."""
    try:
        root = fromstring(document)  # noqa: S314 - expat fetches nothing and bounds entities
        return [_advisory(each) for each in root.iterfind("update")]
    except ParseError as error:
        raise broken(source, f"it is not XML ({error})") from error
    except ValueError as error:
        raise broken(source, str(error)) from error


def _update(one: Advisory, collection: str) -> str:
    status = "retracted" if one.withdrawn else "stable"
    lines = [
        f'<update from="{_SENDER}" status="{status}" type="{one.kind}" version="{one.version}">',
        _tag("id", one.id),
        _tag("title", one.title),
        f'<issued date="{_date(one.issued)}"/>',
        f'<updated date="{_date(one.updated)}"/>',
        _tag("severity", one.severity),
        _tag("description", one.description),
        "<references>",
        *(
            f"<reference href={quoteattr(each.url)} id={quoteattr(each.id)}"
            f' type="{each.kind}" title={quoteattr(each.title or each.id)}/>'
            for each in one.references
        ),
        "</references>",
        f"<pkglist><collection short={quoteattr(collection)}>",
        _tag("name", collection),
        *(_package(each, one) for each in one.packages),
        "</collection></pkglist>",
        "</update>",
    ]
    return "\n".join(lines)


def _package(each: LockedPackage, one: Advisory) -> str:
    file_name = each.location.rpartition("/")[2]
    source = one.sources.get(each.name, "")
    lines = [
        f"<package name={quoteattr(each.name)} version={quoteattr(each.version)}"
        f" release={quoteattr(each.release)} epoch={quoteattr(each.epoch)}"
        f" arch={quoteattr(each.arch)} src={quoteattr(source)}>",
        _tag("filename", file_name),
        f'<sum type="sha256">{each.digest}</sum>',
        "<reboot_suggested>True</reboot_suggested>" if one.reboot else "",
        "</package>",
    ]
    return "\n".join(line for line in lines if line)


def _advisory(element: Element) -> Advisory:
    packages = element.findall("pkglist/collection/package")
    return Advisory(
        id=element.findtext("id") or "",
        version=int(element.get("version") or "1"),
        kind=AdvisoryKind(element.get("type") or "bugfix"),
        severity=Severity(element.findtext("severity") or "None"),
        title=element.findtext("title") or "",
        description=element.findtext("description") or "",
        issued=_seconds(element, "issued"),
        updated=_seconds(element, "updated"),
        references=tuple(
            Reference(
                each.get("type", ""),
                each.get("id", ""),
                each.get("href", ""),
                each.get("title", ""),
            )
            for each in element.iterfind("references/reference")
        ),
        packages=tuple(_fixed(each) for each in packages),
        sources={each.get("name", ""): each.get("src", "") for each in packages},
        reboot=any(each.find("reboot_suggested") is not None for each in packages),
        withdrawn=element.get("status") == "retracted",
    )


def _fixed(element: Element) -> LockedPackage:
    return LockedPackage(
        name=element.get("name", ""),
        arch=element.get("arch", ""),
        epoch=element.get("epoch", "0"),
        version=element.get("version", ""),
        release=element.get("release", ""),
        digest=element.findtext("sum") or "",
        size=0,
        location=element.findtext("filename") or "",
    )


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _seconds(element: Element, tag: str) -> int:
    found = element.find(tag)
    text = found.get("date", "") if found is not None else ""
    if not text:
        return 0
    return int(datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp())
