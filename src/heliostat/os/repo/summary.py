"""What a person wants to know of a repository at a glance, and of what is in it."""

from __future__ import annotations

import msgspec

from heliostat.os.repo.advisory import Advisory
from heliostat.os.repo.lock import Difference, LockedPackage
from heliostat.os.repo.repository import Repository


class Summary(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a list."""

    name: str
    title: str
    path: str
    generation: int | None
    packages: int
    size_bytes: int
    staged: str


class GenerationLine(msgspec.Struct, frozen=True, rename="camel"):
    """One generation."""

    number: int
    current: bool
    packages: int
    reason: str
    snapshots: tuple[str, ...]


class Contents(msgspec.Struct, frozen=True, rename="camel"):
    """All there is to show."""

    summary: Summary
    generations: tuple[GenerationLine, ...]
    packages: tuple[LockedPackage, ...]
    advisories: tuple[Advisory, ...]
    staged: Difference


def summary(repository: Repository) -> Summary:
    """At a glance."""
    lock = repository.lock()
    packages = lock.packages if lock is not None else ()
    return Summary(
        name=repository.name,
        title=repository.settings.title,
        path=str(repository.root),
        generation=repository.number(),
        packages=len(packages),
        size_bytes=sum(each.size for each in packages),
        staged=str(repository.plan()),
    )


def contents(repository: Repository, number: int | None = None) -> Contents:
    """Of one generation (default: the current one)."""
    lock = repository.lock(number)
    return Contents(
        summary=summary(repository),
        generations=tuple(_line(repository, each) for each in repository.numbers()),
        packages=lock.packages if lock is not None else (),
        advisories=tuple(repository.advisories(lock)) if lock is not None else (),
        staged=repository.plan(),
    )


def _line(repository: Repository, number: int) -> GenerationLine:
    lock = repository.lock(number)
    assert lock is not None  # the number was listed
    return GenerationLine(
        number=number,
        current=number == repository.number(),
        packages=len(lock.packages),
        reason=lock.reason,
        snapshots=tuple(label for label, kept in repository.pinned().items() if kept == number),
    )
