"""What is installed, or lies in a package or a source: names, sources, versions.

Debian's packages, imported or not, are known by their *source* and its Debian version,
because that is what trackers speak of; RPMs of others by their own name and version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from debian.deb822 import Deb822

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.cve.changelogs import Entry, entries, rpm_entries, source_version
from heliostat.os.cve.versions import Scheme, older
from heliostat.os.inventory.installed import DATABASES, database_in, installed
from heliostat.os.packages.rpm.described import Described
from heliostat.os.packages.rpm.reader import read as read_rpm

_OLDER = ("Packages", "Packages.db")
_DEBIAN_VENDOR = ("heliostat", "debian")
_FIELDS = ("NAME", "EPOCHNUM", "VERSION", "RELEASE", "VENDOR", "SOURCERPM")
_FORM = (
    "\x01" + "\\t".join(f"%{{{field}}}" for field in _FIELDS) + "\\n"
    "[\x02%{CHANGELOGNAME}\\n%{CHANGELOGTEXT}\\n]"
)
_SOURCE_RPM = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<release>[^-]+)\.(?:no)?src\.rpm")
_DPKG_SOURCE = re.compile(r"(?P<name>\S+)(?: \((?P<version>[^)]+)\))?")


@dataclass(frozen=True, slots=True)
class Installed:
    """One package as it is compared with statements."""

    name: str
    version: str
    """As its own database writes it."""
    source: str
    source_version: str
    scheme: Scheme
    fixes: frozenset[str] = frozenset()
    """CVE ids that its own changelog says it fixes."""

    @property
    def is_debian(self) -> bool:
        return self.scheme is Scheme.DPKG


def in_tree(root: Path) -> list[Installed]:
    """Packages of a root tree's database; ``DatabaseMissing`` if it has none."""
    found: list[Installed] = []
    if database_in(root) is not None:
        found += (_described(each) for each in installed(root))
    elif (older_form := _older_database(root)) is not None:
        found += in_rpm_database(older_form)
    status = root / "var/lib/dpkg/status"
    if status.is_file():
        found += in_dpkg_status(status.read_text(encoding="utf-8", errors="replace"))
    if not found:
        raise HeliostatError("DatabaseMissing", f"{root} has no database of packages.")
    return sorted(found, key=lambda each: (each.name, each.version))


def _older_database(root: Path) -> Path | None:
    """The folder of a database from before SQLite (Berkeley DB, NDB), which only RPM reads."""
    folders = (root / name for name in DATABASES)
    return next((each for each in folders if any((each / n).is_file() for n in _OLDER)), None)


def in_rpm_database(database: Path) -> Iterator[Installed]:
    """What RPM says of a database."""
    argv = ["rpm", "--dbpath", str(database), "-qa", "--qf", _FORM]
    for record in run(argv, timeout_s=120).stdout.split("\x01")[1:]:
        head, *changes = record.split("\x02")
        name, epoch, version, release, vendor, source_rpm = head.rstrip("\n").split("\t")
        if name != "gpg-pubkey":
            pairs = [(author, text) for author, _, text in (c.partition("\n") for c in changes)]
            number = int(epoch) if epoch.isdigit() else 0
            yield _rpm(name, number, version, release, vendor, source_rpm, pairs)


def in_rpm(path: Path) -> Installed:
    """A package file; ``PackageInvalid`` if it is none."""
    return _described(read_rpm(path))


def _described(package: Described) -> Installed:
    evr, source_rpm = package.evr, package.source_rpm
    changes = [(change.author, change.text) for change in package.changelog]
    name, vendor = package.name, package.vendor
    return _rpm(name, evr.epoch, evr.version, evr.release, vendor, source_rpm, changes)


def in_dpkg_status(text: str) -> Iterator[Installed]:
    for paragraph in Deb822.iter_paragraphs(text.splitlines(), use_apt_pkg=False):
        if paragraph.get("Status", "").endswith(" installed"):
            yield _deb(paragraph["Package"], paragraph["Version"], paragraph.get("Source", ""))


def in_source(path: Path) -> Installed:
    """A source package: its ``.dsc``, or an unpacked tree with ``debian/changelog``."""
    changelog = path / "debian" / "changelog"
    if changelog.is_file():
        listed = list(entries(changelog.read_text(encoding="utf-8", errors="replace")))
        if not listed:
            raise _no_source(path, "its debian/changelog has no entry")
        newest = listed[0]
        fixes = frozenset(cve for entry in listed for cve in entry.fixes)
        return replace(_deb(newest.source, newest.version, ""), fixes=fixes)
    if path.suffix != ".dsc" or not path.is_file():
        raise _no_source(path, "it is no .dsc and has no debian/changelog")
    fields = Deb822(_unsigned(path.read_text(encoding="utf-8", errors="replace")).splitlines())
    if "Source" not in fields or "Version" not in fields:
        raise _no_source(path, "it names no source and version")
    return _deb(fields["Source"], fields["Version"], "")


def _rpm(
    name: str,
    epoch: int,
    version: str,
    release: str,
    vendor: str,
    source_rpm: str,
    changes: list[tuple[str, str]],
) -> Installed:
    own = f"{epoch}:{version}-{release}" if epoch else f"{version}-{release}"
    source, from_version = name, own
    match = _SOURCE_RPM.fullmatch(source_rpm)
    if match is not None:
        source = match["name"]
        bare = f"{match['version']}-{match['release']}"
        # A source's name has no epoch: the package's own, if it has the source's version.
        same = source_version(bare) == source_version(f"{version}-{release}")
        from_version = f"{epoch}:{bare}" if epoch and same else bare
    debian = any(word in vendor.lower() for word in _DEBIAN_VENDOR)
    scheme = Scheme.DPKG if debian else Scheme.RPM
    fixes = _fixed_until(rpm_entries(source, changes), from_version, scheme)
    return Installed(name, own, source, source_version(from_version), scheme, fixes)


def _fixed_until(listed: Iterator[Entry], version: str, scheme: Scheme) -> frozenset[str]:
    return frozenset(
        cve for entry in listed if not older(version, entry.version, scheme) for cve in entry.fixes
    )


def _deb(name: str, version: str, source: str) -> Installed:
    match = _DPKG_SOURCE.fullmatch(source)
    from_name = match["name"] if match else name
    from_version = (match and match["version"]) or version
    return Installed(name, version, from_name, source_version(from_version), Scheme.DPKG)


def _unsigned(text: str) -> str:
    """The fields between an OpenPGP clear-text signature's marks."""
    if not text.startswith("-----BEGIN PGP SIGNED MESSAGE-----"):
        return text
    return text.partition("\n\n")[2].partition("-----BEGIN PGP SIGNATURE-----")[0]


def _no_source(path: Path, why: str) -> HeliostatError:
    return HeliostatError(
        "NotASystem",
        f"{path} is no source package: {why}.",
        hint="Name a .dsc file, or a folder that has debian/changelog.",
    )
