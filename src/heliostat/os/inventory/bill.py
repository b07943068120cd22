"""The bill of materials of a system, before it gets a format: components and their needs.

A function of the package database, and of the files where they are at hand (libraries
inside of programs), so the same system gives the same bill.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import heliostat
from heliostat.os.inventory.installed import InstalledPackage
from heliostat.os.inventory.libraries import Library, libraries_in
from heliostat.os.inventory.licences import Licence, licence
from heliostat.os.inventory.owners import owners_of
from heliostat.os.inventory.system import System

_LAST = 253_402_300_799  # the end of the year 9999: no calendar has what a forged header may say
_BYTES = "surrogateescape"  # packages of strangers may be called anything
TOOL = f"heliostat-{heliostat.__version__}"


@dataclass(frozen=True, slots=True)
class Origin:
    """The source package that components were built from."""

    name: str
    version: str
    purl: str


@dataclass(frozen=True, slots=True)
class Component:
    """A package; ``needs`` are the purls of the packages it requires."""

    name: str
    version: str
    arch: str
    purl: str
    summary: str
    vendor: str
    url: str
    licence: Licence
    built: int
    origin: Origin
    header_digest: str
    payload_digest: str
    signer: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A library that is no package; ``owners`` are the purls of the packages that hold it."""

    library: Library
    owners: tuple[str, ...]
    loose: bool
    """Some place of it is nobody's, so it is a part of the system itself."""


@dataclass(frozen=True, slots=True)
class Bill:
    """``created`` is in seconds since 1970; ``digest`` stands for all that is in it."""

    name: str
    version: str
    created: int
    components: tuple[Component, ...]
    digest: str
    parts: tuple[Part, ...] = ()


def bill_of(system: System, created: int | None = None) -> Bill:
    """``created`` is SOURCE_DATE_EPOCH if it is set, else when the youngest package was built."""
    purls: dict[str, list[str]] = {}
    for package in system.packages:
        purls.setdefault(package.name, []).append(purl(package, system))
    components = tuple(_component(package, system, purls) for package in system.packages)
    newest = max((component.built for component in components), default=0)
    parts = _parts(system, purls)
    listed: list[object] = [(each.purl, each.header_digest) for each in components]
    listed += [(each.library.purl, each.owners, each.library.places) for each in parts]
    digest = hashlib.sha256(json.dumps([system.name, system.version, listed]).encode())
    return Bill(
        name=system.name,
        version=system.version,
        created=min(newest, _LAST) if created is None else created,
        components=components,
        digest=digest.hexdigest(),
        parts=parts,
    )


def _parts(system: System, purls: Mapping[str, Sequence[str]]) -> tuple[Part, ...]:
    """None where only the database is at hand."""
    if system.root is None:
        return ()
    libraries = libraries_in(system.root)
    owners = owners_of(system.root, [place for each in libraries for place in each.places])
    return tuple(_part(each, owners, purls) for each in libraries)


def _part(library: Library, owners: Mapping[str, str], purls: Mapping[str, Sequence[str]]) -> Part:
    holders = [purls.get(owners.get(place, ""), ()) for place in library.places]
    known = {purl for some in holders for purl in some}
    return Part(library, tuple(sorted(known)), loose=not all(holders))


def purl(package: InstalledPackage, system: System) -> str:
    """The package's URL by the specification "purl", type ``rpm``."""
    qualifiers = {"arch": package.arch}
    if package.epoch:
        qualifiers["epoch"] = str(package.epoch)
    if system.version:
        qualifiers["distro"] = f"{system.name}-{system.version}"
    if package.source_rpm:
        qualifiers["upstream"] = package.source_rpm
    version = f"{package.version}-{package.release}"
    return _purl(system.name, package.name, version, qualifiers)


def _purl(namespace: str, name: str, version: str, qualifiers: Mapping[str, str]) -> str:
    told = urlencode(sorted(qualifiers.items()), quote_via=quote, safe="~", errors=_BYTES)
    where = [quote(each, safe="~", errors=_BYTES) for each in (namespace, name, version)]
    return f"pkg:rpm/{where[0]}/{where[1]}@{where[2]}?{told}"


def _component(
    package: InstalledPackage, system: System, purls: Mapping[str, Sequence[str]]
) -> Component:
    made = package.signature
    return Component(
        name=package.name,
        version=str(package.evr),
        arch=package.arch,
        purl=purl(package, system),
        summary=package.summary,
        vendor=package.vendor,
        url=package.url,
        licence=licence(package.licence),
        built=package.build_time,
        origin=_origin(package, system),
        header_digest=package.digest,
        payload_digest=package.payload_digest,
        signer="" if made is None else made.issuer,
        needs=tuple(sorted(each for name in system.needs[package.name] for each in purls[name])),
    )


def _origin(package: InstalledPackage, system: System) -> Origin:
    """``<name>-<version>-<release>.src.rpm`` taken apart."""
    told = package.source_rpm.removesuffix(".src.rpm")
    name, version, release = told.rsplit("-", 2) if told.count("-") > 1 else (told, "", "")
    whole = f"{version}-{release}" if release else version
    return Origin(name, whole, _purl(system.name, name, whole, {"arch": "src"}))
