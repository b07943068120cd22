"""Going back, keeping what must stay, and taking away what no generation needs.

Generations are immutable, so going back is moving one link; the bytes that clients
then read are the very ones that were signed at the time.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.monitor import Monitor
from heliostat.os.repo.layout import Layout
from heliostat.os.repo.lock import Lock, difference
from heliostat.os.repo.publish import MAKING, Published, switch
from heliostat.os.repo.repomd import parse_repomd
from heliostat.os.repo.repository import Repository

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Swept:
    """What ``gc`` takes away: paths below the root, and how many bytes they hold."""

    paths: tuple[Path, ...]
    generations: tuple[int, ...]
    size_bytes: int


def rollback(
    repository: Repository, number: int | None = None, *, monitor: Monitor | None = None
) -> Published:
    """Let clients see an earlier (or later) generation; default: the one before the current.

    What was staged is forgotten, since it was staged on top of the other state.
    """
    with repository.claimed(monitor):
        current = repository.number()
        target = number if number is not None else _before(repository, current)
        wanted = repository.lock(target)
        assert wanted is not None  # a generation that isn't there has raised
        plan = difference(repository.lock(), wanted)
        repository.discard()
        switch(repository, target)
        reason = f"went from generation {current} to {target}"
        return Published(target, target != current, plan, reason)


def pin(repository: Repository, label: str, number: int | None = None) -> Lock:
    """Keep a generation (default: the current one) under ``label``; returns its lock."""
    if not _LABEL.fullmatch(label):
        raise HeliostatError("InvalidName", f"{label!r} can't be the name of a snapshot.")
    with repository.claimed():
        lock = repository.lock(number)
        if lock is None:
            raise HeliostatError(
                "GenerationNotFound", f"Nothing of repository {repository.name} was published yet."
            )
        path = repository.layout.pins / label
        if path.exists() and path.read_text() != str(lock.number):
            raise HeliostatError("NameTaken", f"There is a snapshot {label} already.")
        atomic_write(path, str(lock.number).encode())
        return lock


def unpin(repository: Repository, label: str) -> None:
    """Let ``gc`` have what the snapshot kept."""
    with repository.claimed():
        path = repository.layout.pins / label
        if not path.is_file():
            raise HeliostatError(
                "GenerationNotFound", f"Repository {repository.name} has no snapshot {label}."
            )
        path.unlink()


def kept_numbers(repository: Repository) -> set[int]:
    """Generations that stay: the current, the pinned, and the newest ``keep`` besides."""
    numbers = repository.numbers()
    current = repository.number()
    kept = set(numbers[-(repository.settings.keep + 1) :]) | set(repository.pinned().values())
    return kept | ({current} if current is not None else set())


def gc(repository: Repository, *, plan_only: bool = False, monitor: Monitor | None = None) -> Swept:
    """Take away generations that nothing keeps, and what no kept one names.

    Staged packages stay.  Killed in the middle, it has taken away less.
    """
    with repository.claimed(monitor):
        kept = kept_numbers(repository)
        gone = tuple(each for each in repository.numbers() if each not in kept)
        paths = tuple(_unneeded(repository, kept, gone))
        swept = Swept(
            tuple(each.relative_to(repository.root) for each in paths), gone, _size(paths)
        )
        if not plan_only:
            for each in paths:
                _remove(each)
            _prune(repository.layout.packages)
        return swept


def _before(repository: Repository, current: int | None) -> int:
    earlier = [each for each in repository.numbers() if current is not None and each < current]
    if not earlier:
        raise HeliostatError(
            "GenerationNotFound",
            f"Repository {repository.name} has no generation before its current one.",
        )
    return earlier[-1]


def _unneeded(repository: Repository, kept: set[int], gone: tuple[int, ...]) -> Iterator[Path]:
    """Generations first: what they name is not needed once they are gone."""
    layout = repository.layout
    yield from (layout.generation(each) for each in gone)
    yield from (each for each in (layout.generations / MAKING,) if each.exists())
    yield from _begun(layout)
    locks = [lock for each in sorted(kept) if (lock := repository.lock(each)) is not None]
    named = {each.location for lock in [*locks, repository.staged()] for each in lock.packages}
    for each in sorted(layout.packages.rglob("*")):
        if each.is_file() and str(each.relative_to(layout.root)) not in named:
            yield each
    metadata = {
        row.location
        for number in kept
        for row in parse_repomd(
            (layout.generation(number) / "repodata" / "repomd.xml").read_bytes(),
            f"generation {number}",
        ).values()
    }
    for each in sorted(layout.repodata.iterdir()):
        if not each.is_symlink() and f"repodata/{each.name}" not in metadata:
            yield each


def _begun(layout: Layout) -> Iterator[Path]:
    """What a killed process was writing: nobody else is, since the caller has the claim.

    The root may hold others' files that begin with a dot, such as a web server's.
    """
    for path in (layout.settings, layout.next):
        yield from sorted(layout.root.glob(f".{path.name}.*"))
    yield from layout.root.glob(".current")
    for folder in (layout.pins, layout.trusted):
        yield from sorted(folder.glob(".*"))


def _size(paths: tuple[Path, ...]) -> int:
    """Bytes that only these paths hold; what has another link stays."""
    return sum(each.stat().st_size for each in paths if each.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _prune(folder: Path) -> None:
    """Remove folders that became empty, deepest first."""
    for each in sorted(folder.rglob("*"), reverse=True):
        if each.is_dir() and not any(each.iterdir()):
            each.rmdir()
