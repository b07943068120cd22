"""Debian's changelog of a package as RPM's: the newest entries, with their CVE ids.

Images leave documents out, so this is where ``helio os diff`` and advisories learn what
an upgrade fixed.  Format: deb-changelog(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from heliostat.os.compressed import CHANGELOG_BYTES, DAMAGED, TooLarge, unpacked
from heliostat.os.packages.deb.archive import Deb
from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.rpm.file import opened
from heliostat.os.packages.rpm.package import Change

ENTRIES = 12
TEXT_BYTES = 6000
_ENTRY = re.compile(
    r"^(?P<source>\S+) \((?P<version>[^)]+)\)[^\n]*\n(?P<text>.*?)"
    r"^ -- (?P<author>[^\n]*?)  (?P<date>[^\n]+)$",
    re.MULTILINE | re.DOTALL,
)


def changelog_of(deb: Deb) -> tuple[Change, ...]:
    """The newest entries first; none if the package has no changelog of its own."""
    folder = f"/usr/share/doc/{deb.name}/"
    named = {member.path: member for member in deb.members}
    for name in ("changelog.Debian.gz", "changelog.gz"):
        member = named.get(folder + name)
        if member is not None and member.info.isreg():
            with opened(member.content) as stream:
                return tuple(parse(_text(stream.read())))
    return ()


def parse(text: str) -> Iterator[Change]:
    """The newest ``ENTRIES`` entries, each cut at ``TEXT_BYTES``."""
    for number, match in enumerate(_ENTRY.finditer(text)):
        if number == ENTRIES:
            return
        try:
            time = int(parsedate_to_datetime(match["date"].strip()).timestamp())
        except ValueError:
            continue
        author = f"{match['author']} - {evr_of(match['version'])}"
        body = "\n".join(line.strip() for line in match["text"].splitlines() if line.strip())
        yield Change(time, author, body[:TEXT_BYTES])


def _text(packed: bytes) -> str:
    try:
        return unpacked(packed, CHANGELOG_BYTES).decode("utf-8", "replace")
    except (*DAMAGED, TooLarge):
        return ""
