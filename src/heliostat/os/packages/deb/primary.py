"""Entries of an archive's index as the ``primary`` metadata of an RPM-MD repository; pure.

Every package has the relations that its RPM would have, so that a solver can choose among all
of them before any is converted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import msgspec

from heliostat.os.packages.deb.convert import ARCHITECTURES
from heliostat.os.packages.deb.parts import dropped_requires, part_requires, requires_below
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.relations import relations_of
from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.sources.entry import Entry

if TYPE_CHECKING:
    pass

_FLAGS = {"<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"}
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<metadata xmlns="http://linux.duke.edu/metadata/common"'
    ' xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="{count}">\n'
)


def primary_of(entries: Iterable[Entry], policy: Policy) -> bytes:
    """The entries as the ``primary`` metadata of an RPM-MD repository.

    A package that one of ours replaces stands there by its name alone, so that what
    depends on it can be solved for.
    """
    listed = [
        each
        for entry in entries
        if entry.architecture in ARCHITECTURES
        for each in _listed(entry, policy)
    ]
    text = "".join((_HEAD.format(count=len(listed)), *listed, "</metadata>\n"))
    return text.encode("utf-8", "replace")


def _listed(entry: Entry, policy: Policy) -> list[str]:
    """A package and its parts.

    Nothing of one whose relations can't be read, which must not keep the others from
    being imported; converting it says why.
    """
    try:
        return [_package(each, policy) for each in (entry, *parts_of(entry, policy))]
    except ValueError:
        return []


def parts_of(entry: Entry, policy: Policy) -> Iterator[Entry]:
    """The parts of a package as entries of their own: the same file under another name."""
    for name, part in policy.of(entry.name).parts.items():
        yield msgspec.structs.replace(entry, name=name, summary=part.summary)


def _package(entry: Entry, policy: Policy) -> str:
    decided = policy.of(entry.name)
    evr = evr_of(entry.version, decided.raise_epoch)
    return (
        f'<package type="rpm"><name>{entry.name}</name>'
        f"<arch>{ARCHITECTURES[entry.architecture]}</arch>{_version('version', evr)}"
        f'<checksum type="sha256" pkgid="YES">{_identity(entry, policy)}</checksum>'
        f"<summary>{escape(entry.summary)}</summary>"
        f'<size package="{entry.size_bytes}" installed="{entry.installed_bytes}" archive="0"/>'
        f"<location href={quoteattr(entry.file_name)}/><format>"
        f"<rpm:group>{escape(entry.section)}</rpm:group>"
        f"<rpm:sourcerpm>{_source_rpm(entry)}</rpm:sourcerpm>"
        f"{''.join(_relations(entry, policy, evr))}</format></package>\n"
    )


def _identity(entry: Entry, policy: Policy) -> str:
    """The file's digest; of a part one that no other entry has."""
    if policy.whole_of(entry.name) == entry.name:
        return entry.sha256
    return hashlib.sha256(f"{entry.sha256} {entry.name}".encode()).hexdigest()


def _source_rpm(entry: Entry) -> str:
    evr = evr_of(entry.source_version)
    return escape(f"{entry.source}-{evr.version}-{evr.release}.src.rpm")


def _relations(entry: Entry, policy: Policy, evr: Evr) -> Iterator[str]:
    decided = policy.of(entry.name)
    own = Relation(entry.name, Sense.EQUAL, str(evr))
    plain = Relation(entry.name, Sense.EQUAL, str(evr_of(entry.version)))
    if entry.name in policy.replaced:
        yield _section("provides", (own,))
        return
    if (part := decided.parts.get(entry.name)) is not None:
        whole = policy.whole_of(entry.name)
        yield _section("provides", (own,))
        yield _section("requires", part_requires(whole, part, str(evr), _fields(entry)))
        return
    said = relations_of(entry.name, _fields(entry), dropped_requires(decided))
    added = tuple(Relation.parse(text) for text in decided.provides)
    needed = (
        *(Relation.parse(text) for text in decided.requires),
        *requires_below(decided, str(evr)),
    )
    dropped = frozenset(decided.drop_conflicts)
    yield _section("provides", dict.fromkeys((own, plain, *said.provides, *added)))
    yield _section("requires", (*said.requires, *needed))
    yield _section("conflicts", (each for each in said.conflicts if each.name not in dropped))
    yield _section("obsoletes", said.obsoletes)


def _fields(entry: Entry) -> dict[str, str]:
    """The relation fields as the control file of the package has them."""
    return {
        "Version": entry.version,
        "Depends": entry.depends,
        "Pre-Depends": entry.pre_depends,
        "Provides": entry.provides,
        "Conflicts": entry.conflicts,
        "Breaks": entry.breaks,
        "Replaces": entry.replaces,
    }


def _section(kind: str, relations: Iterable[Relation]) -> str:
    items = "".join(_entry(each) for each in relations)
    return f"<rpm:{kind}>{items}</rpm:{kind}>" if items else ""


def _entry(relation: Relation) -> str:
    name = quoteattr(relation.name)
    if not relation.operator:
        return f"<rpm:entry name={name}/>"
    evr = Evr.parse(relation.version)
    return (
        f'<rpm:entry name={name} flags="{_FLAGS[relation.operator]}" epoch="{evr.epoch}"'
        f" ver={quoteattr(evr.version)} rel={quoteattr(evr.release)}/>"
    )


def _version(tag: str, evr: Evr) -> str:
    return f'<{tag} epoch="{evr.epoch}" ver={quoteattr(evr.version)} rel={quoteattr(evr.release)}/>'
