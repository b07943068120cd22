"""Libraries against statements: pure, like :mod:`matching`.

Whoever packaged the program that a library is in may have patched the library without
giving it a new version.  So where the owner's distribution, or the owner's own changelog,
speaks of a vulnerability, that decides and is found with the packages.  Where nobody does:
Go's modules are linked in and count, since trackers file them under the modules' own
packages; of a distribution's Python packages upstream's versions are no more than a hint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heliostat.os.cve.installed import Installed
from heliostat.os.cve.matching import Confidence, Finding, Scope, highest_fix
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Statement
from heliostat.os.inventory.libraries import Ecosystem, Library


@dataclass(frozen=True, slots=True)
class Held:
    """A library with the package of each of its places; ``None``: nobody's."""

    library: Library
    owners: Mapping[str, Installed | None]


def held(
    libraries: Iterable[Library], owners: Mapping[str, str], packages: Iterable[Installed]
) -> tuple[Held, ...]:
    """Each library with its owners; ``owners`` are names of packages by place."""
    named = {package.name: package for package in packages}
    return tuple(
        Held(each, {place: named.get(owners.get(place, "")) for place in each.places})
        for each in libraries
    )


def found_in_libraries(
    libraries: Iterable[Held], statements: Sequence[Statement], scope: Scope
) -> list[Finding]:
    """Vulnerabilities of libraries, not yet described."""
    of_libraries: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    decided: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in statements:
        if each.ecosystem in set(Ecosystem):
            of_libraries[each.ecosystem, each.package].append(each)
        else:
            decided[each.package, each.ecosystem].add(each.vulnerability)
    return [
        finding
        for one in libraries
        for finding in _of_library(
            one, of_libraries[one.library.ecosystem, one.library.key], decided, scope
        )
    ]


def _of_library(
    one: Held,
    said: Iterable[Statement],
    decided: Mapping[tuple[str, str], set[str]],
    scope: Scope,
) -> Iterable[Finding]:
    covering: dict[str, list[Statement]] = defaultdict(list)
    for statement in said:
        if statement.covers(one.library.version):
            covering[statement.vulnerability].append(statement)
    for identity, statements in covering.items():
        open_places = {
            place: owner
            for place, owner in one.owners.items()
            if owner is None or not _decides(owner, identity, decided, scope)
        }
        if open_places:
            yield _finding(one.library, statements, open_places)


def _decides(
    owner: Installed,
    identity: str,
    decided: Mapping[tuple[str, str], set[str]],
    scope: Scope,
) -> bool:
    """Whether the owner's changelog or distribution speaks of it for the owner itself."""
    if identity in owner.fixes:
        return True
    names = {owner.source, owner.name}
    return any(
        identity in decided.get((name, ecosystem), ())
        for name in names
        for ecosystem in scope.ecosystems(owner)
    )


def _finding(
    library: Library, statements: list[Statement], places: Mapping[str, Installed | None]
) -> Finding:
    owned = all(owner is not None for owner in places.values())
    hint = owned and library.ecosystem is Ecosystem.PYPI
    return Finding(
        statements[0].vulnerability,
        Severity.UNKNOWN,
        None,
        library.name,
        tuple(sorted({owner.name for owner in places.values() if owner is not None})),
        library.version,
        highest_fix(statements),
        statements[0].knowledge,
        Confidence.POSSIBLE if hint else Confidence.CERTAIN,
        ecosystem=library.ecosystem.value,
        places=tuple(sorted(places)),
    )
