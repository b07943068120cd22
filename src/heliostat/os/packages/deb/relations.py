"""Debian's relations between packages as RPM's.

``a | b`` becomes the rich relation ``(a or b)``.  ``Breaks`` and ``Conflicts`` are both
``Conflicts``, since RPM replaces files of what it upgrades anyway.  ``Replaces`` means
``Obsoletes`` only where a package also breaks and provides the other: a rename.  Of
``Provides`` + ``Conflicts`` on one's own virtual name (only one at a time) nothing
remains but the provides: RPM packages may conflict with themselves.

A virtual name without a version never meets a versioned relation in Debian, but always in
RPM.  It therefore gets the version of its package: of ``Breaks: perl-modules (<< 5.40)``
only older ones are then broken, as is meant.
Grammar: Debian Policy, chapter 7.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from heliostat.os.packages.deb.versions import evr_of
from heliostat.os.packages.rpm.relation import Relation, Sense, any_of

_ALTERNATIVE = re.compile(
    r"\s*(?P<name>[^\s(\[<:]+)(?::[\w-]+)?\s*"
    r"(?:\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[^)\s<>=][^)\s]*)\s*\))?"
    r"\s*(?:\[[^\]]*\]\s*)?(?:<[^>]*>\s*)*"
)
_SENSES = {
    "<<": Sense.LESS,
    "<": Sense.LESS | Sense.EQUAL,  # the old spellings mean "or equal" (deb-control)
    "<=": Sense.LESS | Sense.EQUAL,
    "=": Sense.EQUAL,
    ">=": Sense.GREATER | Sense.EQUAL,
    ">": Sense.GREATER | Sense.EQUAL,
    ">>": Sense.GREATER,
}


@dataclass(frozen=True, slots=True)
class Relations:
    """All that a package says about others, but for what it is itself called."""

    requires: tuple[Relation, ...] = ()
    recommends: tuple[Relation, ...] = ()
    suggests: tuple[Relation, ...] = ()
    enhances: tuple[Relation, ...] = ()
    provides: tuple[Relation, ...] = ()
    conflicts: tuple[Relation, ...] = ()
    obsoletes: tuple[Relation, ...] = ()


def clauses(field: str) -> Iterator[list[Relation]]:
    """The alternatives of each part of a relation field."""
    for clause in field.split(","):
        alternatives = [_relation(text) for text in clause.split("|") if text.strip()]
        if alternatives:
            yield alternatives


def relations_of(name: str, field_of: Mapping[str, str], without: Container[str] = ()) -> Relations:
    """``field_of`` are the fields of a control file.

    A dependency of which one alternative is ``without`` is left out whole.
    Raises ``ValueError`` for what is no relation.
    """
    get = field_of.get
    own = str(evr_of(field_of["Version"]))
    provides = tuple(_versioned(each, own) for each in _flat(get("Provides", "")))
    conflicts = _others(name, provides, _flat(f"{get('Conflicts', '')},{get('Breaks', '')}"))
    return Relations(
        requires=_unique(f"{get('Pre-Depends', '')},{get('Depends', '')}", without),
        recommends=_unique(get("Recommends", "")),
        suggests=_unique(get("Suggests", "")),
        enhances=_unique(get("Enhances", "")),
        provides=provides,
        conflicts=conflicts,
        obsoletes=_renamed(_flat(get("Replaces", "")), conflicts, provides),
    )


def requires_within(field_of: Mapping[str, str], within: Container[str]) -> tuple[Relation, ...]:
    """Only the dependencies of which one alternative is ``within``."""
    field = f"{field_of.get('Pre-Depends', '')},{field_of.get('Depends', '')}"
    wanted = (each for each in clauses(field) if any(one.name in within for one in each))
    return tuple(dict.fromkeys(any_of(alternatives) for alternatives in wanted))


def _relation(text: str) -> Relation:
    match = _ALTERNATIVE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text.strip()!r:.100} is no relation between packages")
    if match["operator"] is None:
        return Relation(match["name"])
    sense, version = _SENSES[match["operator"]], match["version"]
    if sense is Sense.LESS and version.endswith("-."):
        # "before any revision of the next": in Debian a dot sorts after digits
        upstream = evr_of(version.removesuffix("-."))
        return Relation(match["name"], Sense.LESS | Sense.EQUAL, str(upstream).rpartition("-")[0])
    return Relation(match["name"], sense, str(evr_of(version)))


def _versioned(provided: Relation, own: str) -> Relation:
    return provided if provided.operator else Relation(provided.name, Sense.EQUAL, own)


def _unique(field: str, without: Container[str] = ()) -> tuple[Relation, ...]:
    wanted = (
        alternatives
        for alternatives in clauses(field)
        if not any(each.name in without for each in alternatives)
    )
    return tuple(dict.fromkeys(any_of(alternatives) for alternatives in wanted))


def _flat(field: str) -> tuple[Relation, ...]:
    """Fields that know no alternatives."""
    return tuple(dict.fromkeys(each for alternatives in clauses(field) for each in alternatives))


def _others(
    name: str, provides: tuple[Relation, ...], conflicts: tuple[Relation, ...]
) -> tuple[Relation, ...]:
    """Conflicts with others: not with oneself, nor with one's own virtual names."""
    virtual = {each.name for each in provides}
    return tuple(
        each
        for each in conflicts
        if each.name != name and not (each.name in virtual and not each.operator)
    )


def _renamed(
    replaces: tuple[Relation, ...], conflicts: tuple[Relation, ...], provides: tuple[Relation, ...]
) -> tuple[Relation, ...]:
    broken = {each.name for each in conflicts}
    provided = {each.name for each in provides}
    return tuple(each for each in replaces if each.name in broken and each.name in provided)
