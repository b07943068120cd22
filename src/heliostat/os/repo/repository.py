"""A repository on disk: what it holds, what its next generation will hold.

``Repository`` reads and stages; :func:`heliostat.os.repo.publish.publish` makes what is
staged visible.  Nothing that clients see changes in here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.full_disk import is_full
from heliostat.os.monitor import Monitor
from heliostat.os.repo.advisory import Advisory, current
from heliostat.os.repo.journal import Journal
from heliostat.os.repo.layout import LINKED, Layout
from heliostat.os.repo.lock import (
    Difference,
    Lock,
    LockedPackage,
    difference,
    read_lock,
    write_lock,
)
from heliostat.os.repo.settings import Settings, checked, read_settings, write_settings
from heliostat.os.turn import turn


@dataclass(frozen=True, slots=True)
class Repository:
    """An opened repository; holds no state but where it lies."""

    layout: Layout
    settings: Settings

    @classmethod
    def create(cls, root: Path, settings: Settings) -> Repository:
        """Make the folder of an empty repository; ``NameTaken`` if there is one."""
        layout = Layout(root)
        if layout.settings.exists():
            raise HeliostatError("NameTaken", f"There is a repository in {root} already.")
        checked(settings)
        for folder in (layout.packages, layout.repodata, layout.generations, layout.pins):
            folder.mkdir(parents=True, exist_ok=True)
        for name in LINKED:
            link = layout.repodata / name
            if not link.is_symlink():
                link.symlink_to(Path("..") / "current" / "repodata" / name)
        write_settings(layout.settings, settings)
        return cls(layout, settings)

    @classmethod
    def open(cls, root: Path) -> Repository:
        """The repository in ``root``; ``RepositoryNotFound`` if there is none."""
        layout = Layout(root)
        if not layout.settings.is_file():
            raise HeliostatError("RepositoryNotFound", f"There is no repository in {root}.")
        return cls(layout, read_settings(layout.settings))

    @classmethod
    def ensure(cls, root: Path, settings: Settings) -> Repository:
        """The repository in ``root``, made if there is none."""
        return cls.open(root) if Layout(root).settings.is_file() else cls.create(root, settings)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def root(self) -> Path:
        return self.layout.root

    @property
    def journal(self) -> Journal:
        return Journal(self.layout.journal)

    def number(self) -> int | None:
        """The current generation, if anything was published."""
        with contextlib.suppress(OSError, ValueError):
            return int(self.layout.current.readlink().name)
        return None

    def numbers(self) -> list[int]:
        """Every generation there is, oldest first."""
        return sorted(
            int(each.name) for each in self.layout.generations.iterdir() if each.name.isdigit()
        )

    def lock(self, number: int | None = None) -> Lock | None:
        """What a generation holds (default: the current one)."""
        wanted = number if number is not None else self.number()
        if wanted is None:
            return None
        path = self.layout.lock(wanted)
        if not path.is_file():
            raise HeliostatError(
                "GenerationNotFound", f"Repository {self.name} has no generation {wanted}."
            )
        return read_lock(path)

    def published(self) -> tuple[LockedPackage, ...]:
        """The packages of the current generation; none if there is none."""
        lock = self.lock()
        return lock.packages if lock is not None else ()

    def staged(self) -> Lock:
        """What the next generation will hold: the current state and what was changed since."""
        if self.layout.next.is_file():
            return read_lock(self.layout.next)
        return self.lock() or Lock(repository=self.name)

    def stage(self, lock: Lock) -> None:
        """Let the next generation hold this; the caller has the claim."""
        write_lock(self.layout.next, msgspec.structs.replace(lock, number=0))

    def discard(self) -> None:
        """Forget what was staged."""
        self.layout.next.unlink(missing_ok=True)

    def plan(self) -> Difference:
        """What publishing would change."""
        return self.difference_to(self.staged())

    def difference_to(self, wanted: Lock) -> Difference:
        """What publishing ``wanted`` would change; advisories by their lines in the journal."""
        after = msgspec.structs.replace(wanted, advisories=self.journal.count())
        before = self.lock()
        told = self._lines(after) - (self._lines(before) if before is not None else 0)
        return msgspec.structs.replace(difference(before, after), advisories=max(told, 0))

    def advisories(self, lock: Lock) -> list[Advisory]:
        """What a generation tells, each advisory in its newest version."""
        return current(self.journal.latest(lock.advisories), lock.packages)

    def _lines(self, lock: Lock) -> int:
        return len(current(self.journal.entries(lock.advisories), lock.packages))

    def pinned(self) -> dict[str, int]:
        """Generations that stay, by the label that holds them."""
        # what a killed process was writing begins with a dot
        labels = sorted(self.layout.pins.glob("[!.]*"))
        try:
            return {each.name: int(each.read_text()) for each in labels}
        except ValueError as error:
            raise HeliostatError(
                "RepositoryCorrupt",
                f"A snapshot in {self.layout.pins} names no generation: {error}.",
            ) from error

    @contextlib.contextmanager
    def claimed(self, monitor: Monitor | None = None) -> Iterator[None]:
        """Be the only one who changes it; waits for another, and says so.

        What the disk refuses meanwhile becomes ``DiskFull`` or ``RepositoryUnwritable``.
        """
        try:
            with turn(self.layout.claim, f"changing repository {self.name}", monitor):
                yield
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> HeliostatError:
        if is_full(error):
            return HeliostatError(
                "DiskFull",
                f"The disk of repository {self.name} is full; clients see what they saw before.",
                hint=f"Free space on the disk that holds {self.root}, then do it again.",
            )
        return HeliostatError(
            "RepositoryUnwritable",
            f"Repository {self.name} can't be changed: {error.strerror}: {error.filename}.",
        )


def repositories(folder: Path) -> list[Repository]:
    """Every repository below ``folder``, by name."""
    if not folder.is_dir():
        return []
    return [
        Repository.open(each)
        for each in sorted(folder.iterdir())
        if Layout(each).settings.is_file()
    ]


def named(folder: Path, name: str) -> Repository:
    """The repository ``name`` below ``folder``; the error lists those that are there."""
    if Layout(folder / name).settings.is_file():
        return Repository.open(folder / name)
    there = [each.name for each in repositories(folder)]
    known = f"there are {', '.join(there)}" if there else "none was created yet"
    raise HeliostatError("RepositoryNotFound", f"There is no repository {name}; {known}.")
