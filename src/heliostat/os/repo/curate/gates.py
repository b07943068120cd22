"""The gates: what a package must pass before clients see it.

Each gate looks at candidates in the scene they would make, and returns faults by
package.  A gate never lets pass what it couldn't look at.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.harden.elf import Violation, violations
from heliostat.os.packages.rpm.extract import extract
from heliostat.os.packages.rpm.reader import FileEntry, Header, read
from heliostat.os.packages.vendor import built_here
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.lock import LockedPackage
from heliostat.os.repo.record import Dependency, PackageRecord
from heliostat.os.solve import Source, solve


@dataclass(frozen=True, slots=True)
class Scene:
    """Candidates beside the repositories that they would join."""

    candidates: Mapping[str, Path]
    records: Mapping[str, PackageRecord]
    """Of the candidates."""
    have: Mapping[str, LockedPackage]
    """The newest of each name that is published."""
    known: Mapping[str, PackageRecord]
    """Their records, files included."""
    files: Callable[[str], Path]
    """Where a published package of that name lies."""
    before: Source
    """The newest of each name as published, for the solver."""
    after: Source
    """The same with the candidates."""
    without: Callable[[str], Source]
    """The same without one of the candidates: the old one in its place."""
    trust: Trust


Faults = dict[str, list[str]]
"""Sentences by the name of the candidate at fault."""


def signature(scene: Scene) -> Faults:
    """Whole, unchanged, and signed by a key that clients have."""
    found = {name: scene.trust.examine(path) for name, path in scene.candidates.items()}
    return {name: [each] for name, each in found.items() if isinstance(each, str)}


def file_conflicts(scene: Scene) -> Faults:
    """No file differs from that of another package which may be installed beside it."""
    owners: dict[str, list[str]] = {}
    final = {**scene.known, **scene.records}
    for name, record in final.items():
        for each in record.files:
            owners.setdefault(each.path, []).append(name)
    faults: Faults = {}
    headers = _Headers(scene)
    for name in scene.candidates:
        for other in _neighbours(name, final, owners):
            paths = _shared(final[name], final[other])
            differing = [path for path in sorted(paths) if headers.differ(path, name, other)]
            if differing:
                more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
                sentence = f"{differing[0]}{more} is also in {final[other].nevra}, and differs"
                faults.setdefault(name, []).append(sentence)
    return faults


def closure(scene: Scene) -> Faults:
    """Each candidate can be installed, and so can what needs something that it changes."""
    names = sorted({*scene.candidates, *_dependents(scene)})
    if _fault(scene.after, names) is None:
        return {}
    faults: Faults = {}
    for name in names:
        why = _fault(scene.after, [name])
        if why is None or (name in scene.have and _fault(scene.before, [name]) == why):
            continue
        for guilty in [name] if name in scene.candidates else _guilty(name, scene):
            faults.setdefault(guilty, []).append(why)
    return faults


def programs(scene: Scene) -> Faults:
    """No program or library is hardened less than the policy wants, or than it was."""
    faults: Faults = {}
    for name, path in scene.candidates.items():
        found = _violations(path)
        old = _violations(scene.files(name)) if found and name in scene.have else []
        known = {_unnumbered(each) for each in old}
        if worse := [str(each) for each in found if _unnumbered(each) not in known]:
            faults[name] = worse
    return faults


GATES: dict[str, Callable[[Scene], Faults]] = {
    "signature": signature,
    "file conflicts": file_conflicts,
    "dependencies": closure,
    "programs": programs,
}


class _Headers:
    """Headers of candidates and of published packages, read when asked for."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._files: dict[str, dict[str, FileEntry]] = {}

    def differ(self, path: str, one: str, other: str) -> bool:
        """Whether RPM would call the two files of that path a conflict."""
        mine, theirs = self._of(one).get(path), self._of(other).get(path)
        if mine is None or theirs is None or mine.ghost or theirs.ghost:
            return False
        if mine.is_folder and theirs.is_folder:
            return False
        return (mine.mode, mine.digest, mine.target) != (theirs.mode, theirs.digest, theirs.target)

    def _of(self, name: str) -> dict[str, FileEntry]:
        if name not in self._files:
            path = self._scene.candidates.get(name) or self._scene.files(name)
            header: Header = read(path)
            self._files[name] = {each.path: each for each in header.files()}
        return self._files[name]


def _neighbours(
    name: str, final: Mapping[str, PackageRecord], owners: Mapping[str, list[str]]
) -> list[str]:
    """Other packages that have a path in common, and may be installed beside it."""
    others = {other for each in final[name].files for other in owners[each.path]} - {name}
    return sorted(each for each in others if not _exclusive(final[name], final[each]))


def _shared(one: PackageRecord, other: PackageRecord) -> set[str]:
    return {each.path for each in one.files} & {each.path for each in other.files}


def _exclusive(one: PackageRecord, other: PackageRecord) -> bool:
    """Whether one of them conflicts with the other, or replaces it."""
    return _excludes(one, other) or _excludes(other, one)


def _excludes(one: PackageRecord, other: PackageRecord) -> bool:
    provided = {other.name, *(each.name for each in other.provides)}
    return any(each.name in provided for each in (*one.conflicts, *one.obsoletes))


def _dependents(scene: Scene) -> Iterator[str]:
    """Published packages that need something which a candidate, old or new, provides."""
    changed = {
        provided
        for name in scene.candidates
        for record in (scene.records[name], scene.known.get(name))
        if record is not None
        for provided in _provided(record)
    }
    for name, record in scene.known.items():
        if name not in scene.candidates and _needs(record.requires) & changed:
            yield name


def _provided(record: PackageRecord) -> set[str]:
    names = {each.name for each in record.provides}
    return {record.name, *names, *(each.path for each in record.files if each.is_primary)}


def _needs(requires: Iterable[Dependency]) -> set[str]:
    """Names in requirements, those inside of rich ones included."""
    return {
        word.strip("()")
        for each in requires
        for word in (each.name.split() if each.name.startswith("(") else [each.name])
    }


def _guilty(name: str, scene: Scene) -> list[str]:
    """Candidates that keep a published package from being installed.

    Those without which it could be; if that is none alone, all that it has to do with.
    """
    needed = _needs(scene.known[name].requires)
    suspects = [
        each
        for each in scene.candidates
        if _provided(scene.records[each]) & needed
        or (each in scene.known and _provided(scene.known[each]) & needed)
    ]
    found = [each for each in suspects if _fault(scene.without(each), [name]) is None]
    return found or suspects or sorted(scene.candidates)


def _fault(source: Source, names: list[str]) -> str | None:
    try:
        solve([source], names)
    except HeliostatError as error:
        return error.message.rstrip(".")
    return None


def _violations(path: Path) -> list[Violation]:
    with tempfile.TemporaryDirectory(prefix="heliostat-gate-") as folder:
        extract(path, Path(folder))
        header = read(path)
        ours = {each.path for each in header.files()} if built_here(header.vendor) else set()
        return violations(Path(folder), ours=ours)


def _unnumbered(each: Violation) -> tuple[str, str]:
    """A library keeps its faults when its version, and so its file's name, moves on."""
    return re.sub(r"[0-9]+", "#", each.path), each.property
