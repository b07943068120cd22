"""Where a node's configuration is not what would be written for it today.  Pure.

Nodes that an earlier version prepared keep what it wrote.  Only what we write is compared:
what another program or an operator added beside it stays.  Who copies from whom is
``membership``'s, and where files lie is the node's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heliostat.identity.openldap.ldif import Entry, raw
from heliostat.identity.openldap.references import Raw

_OWN = frozenset(
    {"objectClass", "cn", "olcDatabase", "olcOverlay", "olcServerID", "olcSuffix"}
    | {"olcSyncrepl", "olcMultiProvider"}
    | {"olcTLSCertificateFile", "olcTLSCertificateKeyFile", "olcTLSCACertificateFile"}
    | {"olcDbDirectory", "olcPidFile", "olcModulePath", "olcLogLevel", "olcToolThreads"}
)
"""Attributes that name an entry, are told by ``membership`` or the node itself, or do no harm."""
_ADDED = frozenset({"olcDbIndex"})
"""Attributes of which others may have further values."""
_SCHEMA = frozenset({"olcAttributeTypes", "olcObjectClasses"})
_NUMBER = re.compile(rb"^\{-?\d+\}")
_IN_DN = re.compile(r"\b(cn=module|cn=|olcoverlay=)\{-?\d+\}")
_NAMES = re.compile(rb"NAME\s+('[^']*'|\([^)]*\))")
_QUOTED = re.compile(rb"'([^']*)'")
_OID = re.compile(rb"^\(\s*([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Drift:
    """A setting of the entry ``dn``: values that go and come; or a whole entry that is missing.

    ``anew``: a running server can't take it, only one that is made anew.
    """

    dn: str
    attribute: str = ""
    gone: tuple[bytes, ...] = ()
    new: tuple[bytes, ...] = ()
    entry: Entry | None = field(default=None, compare=False)
    anew: bool = False

    @property
    def words(self) -> str:
        where = self.dn.removesuffix(",cn=config")
        return f"{self.attribute or 'all'} of {where}"


def drift(now: Mapping[str, Raw], wanted: Sequence[Entry]) -> list[Drift]:
    """What has to change at a node that has ``now`` (all of cn=config) to have ``wanted``."""
    there = {_plain_dn(dn): (dn, attributes) for dn, attributes in now.items()}
    found: list[Drift] = []
    for entry in wanted:
        known = there.get(_plain_dn(entry.dn))
        if known is None:
            found.append(Drift(entry.dn, entry=entry))
            continue
        dn, attributes = known
        for name, values in entry.attributes.items():
            if name not in _OWN:
                held = tuple(attributes.get(name, ()))
                found += _of_attribute(dn, name, held, tuple(map(raw, values)))
    return found


def clash(now: Mapping[str, Raw], found: Sequence[Drift]) -> bytes:
    """A definition that is to come whose name another definition has; empty if there is none.

    slapd 2.5 ends when it is told one.
    """
    names = {
        (name.lower(), _oid(_bare(each)))
        for attributes in now.values()
        for kind in _SCHEMA
        for each in attributes.get(kind, ())
        for name in _names(each)
    }
    for each in found:
        for new in each.new if each.attribute in _SCHEMA else ():
            wanted = {name.lower() for name in _names(new)}
            if any(name in wanted and oid != _oid(new) for name, oid in names):
                return new
    return b""


def _names(definition: bytes) -> list[bytes]:
    told = _NAMES.search(definition)
    return _QUOTED.findall(told[1]) if told else []


def _of_attribute(
    dn: str, name: str, held: tuple[bytes, ...], wanted: tuple[bytes, ...]
) -> list[Drift]:
    if name == "olcModuleLoad":
        return _of_modules(dn, held, wanted)
    bare = [_bare(each) for each in held]
    if name in _SCHEMA:
        return _of_schema(dn, name, held, wanted)
    if name in _ADDED:
        missing = tuple(each for each in wanted if _bare(each) not in bare)
        return [Drift(dn, name, (), missing)] if missing else []
    plain = [_bare(each) for each in wanted]
    ordered = any(map(_NUMBER.match, wanted))
    same = bare == plain if ordered else sorted(bare) == sorted(plain)
    return [] if same else [Drift(dn, name, held, wanted)]


def _of_modules(dn: str, held: Sequence[bytes], wanted: Sequence[bytes]) -> list[Drift]:
    """Modules are loaded once: one with other words needs a server that begins anew."""
    loaded = {_bare(each).split()[0].removesuffix(b".la"): _bare(each).split() for each in held}
    missing = tuple(each for each in wanted if each.split()[0] not in loaded)
    other = tuple(
        each for each in wanted if each not in missing and loaded[each.split()[0]] != each.split()
    )
    found = [Drift(dn, "olcModuleLoad", (), missing)] if missing else []
    return [*found, *([Drift(dn, "olcModuleLoad", (), other, anew=True)] if other else [])]


def _of_schema(dn: str, name: str, held: Sequence[bytes], wanted: Sequence[bytes]) -> list[Drift]:
    """Definitions by their number (OID); those that others stand on are never taken away."""
    known = {_oid(_bare(each)): each for each in held}
    gone, new = [], []
    for each in wanted:
        before = known.get(_oid(each))
        if before is None or _bare(before).split() != each.split():
            new.append(each)
            gone += [before] if before is not None else []
    return [Drift(dn, name, tuple(gone), tuple(new))] if new else []


def _oid(definition: bytes) -> bytes:
    found = _OID.match(definition)
    return found[1] if found else definition


def _bare(value: bytes) -> bytes:
    """Without the number that orders it."""
    return _NUMBER.sub(b"", value)


def _plain_dn(dn: str) -> str:
    return _IN_DN.sub(r"\1", dn.lower())
