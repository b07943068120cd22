"""What the next generation will hold: packages come in through checks, others go.

Files get to their place first and are named afterwards, so that an interruption
leaves at most a file that nothing names.  A file once named is never overwritten:
other bytes under the same name get a folder of their own.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.repo.admission import Trust, admit
from heliostat.os.repo.fragments import FragmentStore
from heliostat.os.repo.layout import location_of
from heliostat.os.repo.lock import Difference, Lock, LockedPackage, difference, locked
from heliostat.os.repo.record import PackageRecord
from heliostat.os.repo.repository import Repository


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What ``add`` may do besides adding and upgrading."""

    rebuilt: bool = False
    """Take other bytes under a version that is there."""
    downgrade: bool = False
    """Take an older version than is there."""
    link: bool = False
    """Share the file with where it came from, which must not be written to afterwards."""


def add(
    repository: Repository,
    paths: Sequence[Path],
    trust: Trust,
    cache: Path,
    *,
    rules: Rules | None = None,
    plan_only: bool = False,
    monitor: Monitor | None = None,
) -> Difference:
    """Stage packages; returns what that changes in what was staged.

    Raises ``PackageUntrusted`` or ``PackageConflict``, naming every package at fault, and
    then stages none of them.
    """
    told, rules = monitor or SilentMonitor(), rules or Rules()
    with repository.claimed(told):
        before = repository.staged()
        records = admit(paths, trust, told)
        after, placed = _after(repository, before, records, rules)
        plan = difference(before, after)
        if plan and not plan_only:
            _bring_all(repository, paths, placed, cache, link=rules.link)
            repository.stage(after)
        return plan


def exactly(
    repository: Repository, wanted: Lock, paths: Sequence[Path], trust: Trust, cache: Path
) -> Difference:
    """Stage the packages of ``wanted`` and no other; the caller has the claim.

    ``paths`` are those that aren't staged, whatever they take the place of.
    """
    before = repository.staged()
    records = admit(paths, trust, SilentMonitor())
    anything = Rules(rebuilt=True, downgrade=True)
    after, placed = _after(repository, before, records, anything)
    digests = {each.digest for each in wanted.packages}
    after = _with(after, (each for each in after.packages if each.digest in digests))
    _bring_all(repository, paths, placed, cache, link=False)
    repository.stage(after)
    return difference(before, after)


def remove(
    repository: Repository,
    patterns: Sequence[str],
    *,
    plan_only: bool = False,
    monitor: Monitor | None = None,
) -> Difference:
    """Unstage packages by name, ``name.arch`` or pattern; each must match something."""
    with repository.claimed(monitor):
        before = repository.staged()
        gone = {each for pattern in patterns for each in _matching(before, pattern)}
        after = _with(before, (each for each in before.packages if each not in gone))
        plan = difference(before, after)
        if plan and not plan_only:
            repository.stage(after)
        return plan


def packages_below(paths: Iterable[Path]) -> list[Path]:
    """Files as they are, folders as the packages in them and their sub-folders."""
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(sorted(path.rglob("*.rpm")) if path.is_dir() else [path]))
    return list(found)


def _after(
    repository: Repository, before: Lock, records: list[PackageRecord], rules: Rules
) -> tuple[Lock, list[PackageRecord]]:
    """What is staged once the packages are in, and they with their locations."""
    slots = before.by_slot()
    _refuse_conflicts(records, slots, rules)
    taken = _taken(repository)
    placed = [_placed(each, taken) for each in records]
    slots |= {each.slot: each for each in map(locked, placed)}
    return _with(before, slots.values()), placed


def _bring_all(
    repository: Repository,
    paths: Sequence[Path],
    placed: Sequence[PackageRecord],
    cache: Path,
    *,
    link: bool,
) -> None:
    """Files of packages into their places, where they aren't yet."""
    taken, fragments = _taken(repository), FragmentStore(cache)
    for path, record in zip(paths, placed, strict=True):
        if record.digest not in taken.get(record.location, ()):
            _bring(repository, path, record, link=link)
        fragments.put(record)


def _with(lock: Lock, packages: Iterable[LockedPackage]) -> Lock:
    return msgspec.structs.replace(lock, packages=tuple(sorted(packages)))


def _matching(lock: Lock, pattern: str) -> list[LockedPackage]:
    found = [
        each
        for each in lock.packages
        if fnmatch.fnmatchcase(each.name, pattern)
        or pattern in (f"{each.name}.{each.arch}", each.nevra)
    ]
    if not found:
        raise HeliostatError(
            "PackageNotFound",
            f"Repository {lock.repository} has no package {pattern}.",
            hint=f"`helio os repo show {lock.repository}` lists the packages.",
        )
    return found


def _refuse_conflicts(
    records: list[PackageRecord], slots: dict[tuple[str, str], LockedPackage], rules: Rules
) -> None:
    faults = [fault for each in records if (fault := _conflict(each, slots, rules))]
    twice = _twice(records)
    if faults or twice:
        all_faults = [*faults, *twice]
        more = f" ({len(all_faults) - 1} more)" if len(all_faults) > 1 else ""
        raise HeliostatError(
            "PackageConflict", f"{all_faults[0]}{more}.", data={"faults": all_faults}
        )


def _conflict(
    record: PackageRecord, slots: dict[tuple[str, str], LockedPackage], rules: Rules
) -> str:
    there = slots.get((record.name, record.arch))
    new = locked(record)
    if there is None or there.digest == new.digest:
        return ""
    if new.order < there.order and not rules.downgrade:
        return f"{new.nevra} is older than {there.nevra}, which is there"
    if new.order == there.order and not rules.rebuilt:
        return f"{new.nevra} is there with other content"
    return ""


def _twice(records: list[PackageRecord]) -> list[str]:
    seen: dict[tuple[str, str], PackageRecord] = {}
    faults = []
    for each in records:
        other = seen.setdefault((each.name, each.arch), each)
        if other.digest != each.digest:
            faults.append(f"{other.nevra} and {each.nevra} were both given")
    return faults


def _taken(repository: Repository) -> dict[str, set[str]]:
    """Which bytes generations, and what is staged, name at each location."""
    found: dict[str, set[str]] = {}
    locks = [repository.lock(number) for number in repository.numbers()]
    for lock in [*locks, repository.staged()]:
        for each in lock.packages if lock is not None else ():
            found.setdefault(each.location, set()).add(each.digest)
    return found


def _placed(record: PackageRecord, taken: dict[str, set[str]]) -> PackageRecord:
    """The record with its location: the usual one, unless other bytes have it."""
    usual = location_of(record.name, record.file_name)
    if taken.get(usual, {record.digest}) != {record.digest}:
        folder, _, file_name = usual.rpartition("/")
        usual = f"{folder}/{record.digest[:12]}/{file_name}"
    return msgspec.structs.replace(record, location=usual)


def _bring(repository: Repository, path: Path, record: PackageRecord, *, link: bool) -> None:
    """Put the file into its place; its time is the build's, so that copies are alike."""
    target = repository.layout.package(record.location)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}")
    fresh.unlink(missing_ok=True)
    if not (link and _linked(path, fresh)):
        shutil.copyfile(path, fresh)
        fresh.chmod(0o644)
        os.utime(fresh, (record.build_time, record.build_time))
    os.replace(fresh, target)
    fresh.unlink(missing_ok=True)  # rename(2) does nothing where both are one file


def _linked(path: Path, target: Path) -> bool:
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        return False
    return True
