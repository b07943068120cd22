"""Parts: files of an imported package that come as a package of their own.

Debian packages often hold a program that few need beside one that all do, and depend on the
libraries of both.  What the policy calls a part gets such files and their dependencies, so
that a small system does without them and a large one has all.  Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb.paths import matcher
from heliostat.os.packages.deb.policy_schema import PackagePolicy, Part
from heliostat.os.packages.deb.relations import requires_within
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.relation import Relation, Sense

_Chosen = Callable[[str], bool]


def without_parts(whole: Package, decided: PackagePolicy) -> Package:
    """``whole`` with what its parts leave to it; its own relations know that already."""
    if not decided.parts:
        return whole
    taken = matcher(tuple(pattern for part in decided.parts.values() for pattern in part.files))
    return dataclasses.replace(whole, files=_connected(whole, lambda path: not taken(path)))


def part_of(
    whole: Package, name: str, part: Part, version: str, field_of: Mapping[str, str]
) -> Package:
    """The part ``name`` of ``whole``; ``field_of`` are the fields of its control file.

    Raises ``ImportRefused`` for a pattern that no file fits.
    """
    for pattern in part.files:
        if not any(matcher((pattern,))(file.path) for file in whole.files):
            raise HeliostatError(
                "ImportRefused",
                f"The policy for {whole.name} gives {pattern} to {name}, which the package lacks.",
                hint="Correct the path in distro/policy.",
            )
    return dataclasses.replace(
        whole,
        name=name,
        summary=part.summary,
        description=f"{part.summary}.\n\nIt is a part of {whole.name}.",
        files=_connected(whole, matcher(part.files)),
        provides=(Relation(name, Sense.EQUAL, version),),
        requires=part_requires(whole.name, part, version, field_of),
        conflicts=(),
        obsoletes=(),
        recommends=(),
        suggests=(),
        enhances=(),
        file_triggers=(),
    )


def part_requires(
    whole: str, part: Part, version: str, field_of: Mapping[str, str]
) -> tuple[Relation, ...]:
    """What a part requires: what the whole leaves to it, and the whole unless it is below."""
    above = () if part.below else (Relation(whole, Sense.EQUAL, version),)
    return (*above, *requires_within(field_of, frozenset(part.requires)))


def dropped_requires(decided: PackagePolicy) -> frozenset[str]:
    """Names of dependencies that the whole hasn't: not wanted, or its parts'."""
    moved = (name for part in decided.parts.values() for name in part.requires)
    return frozenset((*decided.drop_requires, *moved))


def requires_below(decided: PackagePolicy, version: str) -> Iterable[Relation]:
    """The parts that the whole requires."""
    return tuple(
        Relation(name, Sense.EQUAL, version) for name, part in decided.parts.items() if part.below
    )


def _connected(whole: Package, chosen: _Chosen) -> tuple[File, ...]:
    """The chosen files, none of them a hard link to one of another package."""
    files = tuple(file for file in whole.files if chosen(file.path))
    there = {file.path for file in files}
    for file in files:
        if file.hard_link and file.hard_link not in there:
            raise HeliostatError(
                "ImportRefused",
                f"{file.path} is a hard link to {file.hard_link}, which is in another part.",
                hint="Put both into the same part in distro/policy.",
            )
    return files
