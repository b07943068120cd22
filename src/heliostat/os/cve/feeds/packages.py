"""Packages as a source of knowledge: their changelogs tell which version fixed what.

Read are ``.deb`` and ``.rpm`` files, and changelogs themselves.  A statement is filed
under the *source* package and holds for every suite.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.compressed import CHANGELOG_BYTES, DAMAGED, TooLarge, unpacked
from heliostat.os.cve.changelogs import Entry as Version
from heliostat.os.cve.changelogs import entries, first_fixed_of, rpm_entries
from heliostat.os.cve.feeds.unreadable import unreadable
from heliostat.os.cve.statement import Entry, Knowledge, Statement
from heliostat.os.cve.versions import Scheme
from heliostat.os.packages.deb.archive import read_deb
from heliostat.os.packages.rpm.file import opened
from heliostat.os.packages.rpm.reader import read as read_rpm

ECOSYSTEM = "Debian"


def read_package(path: Path) -> Iterator[Entry]:
    """What a package's own changelog tells; nothing if it has none."""
    try:
        if path.suffix == ".rpm":
            header = read_rpm(path)
            source = header.source_rpm.rsplit("-", 2)[0] or header.name
            changes = [(change.author, change.text) for change in header.changelog]
            yield from _entries(rpm_entries(source, changes))
        else:
            yield from _entries(entries(_deb_changelog(path)))
    except HeliostatError as error:
        raise unreadable(str(path), error.message.rstrip(".")) from error


def read_changelog(content: bytes, name: str) -> Iterator[Entry]:
    """A Debian changelog as a file of its own."""
    found = list(entries(content.decode("utf-8", "replace")))
    if not found:
        raise unreadable(name, "it is no Debian changelog")
    yield from _entries(found)


def _entries(versions: Iterable[Version]) -> Iterator[Entry]:
    """One entry a source; its mark of time is the newest version, which knows the most."""
    listed = list(versions)
    fixes = first_fixed_of(listed)
    for source in dict.fromkeys(version.source for version in listed):
        statements = tuple(
            Statement(cve, Knowledge.CHANGELOG, ECOSYSTEM, source, Scheme.DPKG, fixed=version)
            for cve, (of, version) in fixes.items()
            if of == source
        )
        if statements:
            newest = next(version.version for version in listed if version.source == source)
            yield Entry(Knowledge.CHANGELOG, f"{source} {newest}", "", statements)


def _deb_changelog(path: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="heliostat-changelog-") as work:
        deb = read_deb(path, Path(work))
        folder = f"/usr/share/doc/{deb.name}/"
        members = {member.path: member for member in deb.members if member.info.isreg()}
        for name in ("changelog.Debian.gz", "changelog.gz"):
            if folder + name in members:
                with opened(members[folder + name].content) as stream:
                    return _text(stream.read(), path)
    return ""


def _text(packed: bytes, path: Path) -> str:
    try:
        return unpacked(packed, CHANGELOG_BYTES).decode("utf-8", "replace")
    except (*DAMAGED, TooLarge) as error:
        raise unreadable(str(path), f"its changelog is damaged ({error})") from error
