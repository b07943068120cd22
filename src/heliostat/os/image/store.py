"""What stages made, kept by identity and used again.

``<folder>/<identity>/`` appears at once, when its stage has ended well: a build
that is interrupted resumes behind the last finished stage, and a reader never sees
half of one.  A lock an identity lets two builds share the work: the second waits while
the first makes it.  Whoever uses an outcome holds its lock shared, so that pruning passes
it over, and others use it as well.  Builds that make everything again take turns: each
waits for the users of what it replaces, and two would wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.core.process import CommandFailed
from heliostat.os.cache.size import disk_bytes
from heliostat.os.full_disk import is_full
from heliostat.os.image import stages
from heliostat.os.image.record import (
    RECORD,
    Record,
    output_files,
    read_record,
    this_start,
    whole_record,
    write_record,
)
from heliostat.os.image.stages import Stage
from heliostat.os.image.workspace import remove
from heliostat.os.monitor import Monitor
from heliostat.os.turn import turn

_LAST = "last"
_LOCKS = "locks"
_FORCED = "forced"
_MAKING = "making-"
_FULL = "No space left on device"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stage in a build."""

    name: str
    folder: Path
    record: Record
    reused: bool
    reason: str

    @property
    def file(self) -> Path:
        """The one file of a ``hashed`` stage."""
        (name,) = self.record.files
        return self.folder / name


class StageStore:
    """The kept outcomes below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def build(
        self,
        monitor: Monitor,
        *,
        force: bool = False,
        make_room: Callable[[str], None] | None = None,
    ) -> Iterator[Build]:
        """A build: what it makes or uses stays until it ends.

        ``make_room`` is told the name of each stage that is about to be made.
        """
        (self.folder / _LOCKS).mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            if force:
                again = self.lock_path(_FORCED)
                held.enter_context(turn(again, "making everything again", monitor))
            yield Build(self, monitor, held, force=force, make_room=make_room or _no_room)

    def find(self, identity: str) -> Record | None:
        """What is kept under ``identity``."""
        return whole_record(self.folder / identity)

    def last_inputs(self, name: str) -> dict[str, str] | None:
        """The inputs that the stage ``name`` had when it was last asked for."""
        try:
            return msgspec.json.decode(self._last(name).read_bytes(), type=dict[str, str])
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def remember(self, name: str, inputs: dict[str, str]) -> None:
        """Keep ``inputs`` for the next run to compare with."""
        atomic_write(self._last(name), msgspec.json.encode(inputs))

    def lock_path(self, identity: str) -> Path:
        """The file whose lock guards an identity."""
        return self.folder / _LOCKS / identity

    def making(self, identity: str) -> list[Path]:
        """Folders of unfinished attempts; left over, unless the lock is held."""
        return sorted(self.folder.glob(f"{_MAKING}{identity[:16]}-*"))

    def new_attempt(self, identity: str) -> Path:
        """An empty folder for making ``identity``."""
        made = tempfile.mkdtemp(prefix=f"{_MAKING}{identity[:16]}-", dir=self.folder)
        Path(made).chmod(0o755)
        return Path(made)

    def records(self) -> list[Record]:
        """Everything that is kept, oldest first."""
        found = (read_record(path) for path in self.folder.glob(f"*/{RECORD}"))
        return sorted((each for each in found if each), key=lambda each: each.made_at_ms)

    def _last(self, name: str) -> Path:
        return self.folder / _LAST / f"{name.replace('/', '_')}.json"


class Build:
    """One build in progress: asks the store for each stage in turn."""

    def __init__(
        self,
        store: StageStore,
        monitor: Monitor,
        held: ExitStack,
        *,
        force: bool,
        make_room: Callable[[str], None],
    ) -> None:
        self._store = store
        self._monitor = monitor
        self._held = held
        self._force = force
        self._make_room = make_room
        self.outcomes: list[Outcome] = []

    def run(self, stage: Stage) -> Outcome:
        """The outcome of ``stage``: the kept one, else made now."""
        inputs = stage.all_inputs()
        identity = stages.identity_of(stage.name, inputs)
        before = self._store.last_inputs(stage.name)
        lock = self._held.enter_context(self._store.lock_path(identity).open("ab"))
        record = self._kept(lock, stage, identity)
        reused = record is not None
        why = stages.reason(before, inputs, there=reused, forced=self._force)
        if record is None:
            record = self._make(stage, identity, inputs)
        fcntl.flock(lock, fcntl.LOCK_SH)
        self._store.remember(stage.name, inputs)
        outcome = Outcome(stage.name, self._store.folder / identity, record, reused, why)
        self.outcomes.append(outcome)
        return outcome

    def _kept(self, lock: BinaryIO, stage: Stage, identity: str) -> Record | None:
        """What may be used, with ``lock`` shared; else None, and nobody else has it."""
        if not self._force:
            self._take(lock, fcntl.LOCK_SH, stage)
            if record := self._store.find(identity):
                return record
            fcntl.flock(lock, fcntl.LOCK_UN)
        self._take(lock, fcntl.LOCK_EX, stage)
        return None if self._force else self._store.find(identity)

    def _take(self, lock: BinaryIO, how: int, stage: Stage) -> None:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            with self._monitor.step(f"Waiting for another build: {stage.title}"):
                fcntl.flock(lock, how)
        os.utime(lock.fileno())  # when it was last used: the cache forgets by that

    def _make(self, stage: Stage, identity: str, inputs: dict[str, str]) -> Record:
        for stale in self._store.making(identity):
            remove(stale)
        self._make_room(stage.name)
        step = contextlib.nullcontext() if stage.tells else self._monitor.step(stage.title)
        with _failures_named(stage, self._store.folder), step:
            attempt = self._store.new_attempt(identity)
            try:
                started = time.monotonic()
                stage.make(attempt)
                record = Record(
                    name=stage.name,
                    identity=identity,
                    inputs=inputs,
                    files=output_files(attempt) if stage.hashed else {},
                    seconds=round(time.monotonic() - started, 3),
                    made_at_ms=time.time_ns() // 1_000_000,
                    disk_bytes=disk_bytes(attempt),
                    start=this_start(),
                )
                write_record(attempt, record)
                _replace(attempt, self._store.folder / identity)
            finally:
                if attempt.exists():
                    remove(attempt)
        return record


def _no_room(_name: str) -> None:
    """Everything stays until somebody prunes."""


def _replace(attempt: Path, final: Path) -> None:
    """Put ``attempt`` in place; a kept outcome that is made again goes out of the way first."""
    if final.exists():
        (final / RECORD).unlink(missing_ok=True)  # what is half removed isn't there
        remove(final)
    os.rename(attempt, final)


@contextmanager
def _failures_named(stage: Stage, folder: Path) -> Iterator[None]:
    """One sentence for a full disk, wherever it was met; the stage's name for the rest."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise _disk_full(stage, folder) from error
    except CommandFailed as error:
        if _FULL in error.stderr or _FULL in error.stdout:
            raise _disk_full(stage, folder) from error
        raise HeliostatError(
            "BuildFailed",
            f"{stage.title} failed ({stage.name}): {error.message}",
            hint="Correct what the program names and build again; finished stages are kept.",
            data=error.data,
        ) from error


def _disk_full(stage: Stage, folder: Path) -> HeliostatError:
    free = "an unknown number of"
    with contextlib.suppress(OSError):
        status = os.statvfs(folder)
        free = str(status.f_bavail * status.f_frsize >> 20)
    return HeliostatError(
        "DiskFull",
        f"{stage.title} ({stage.name}) ran out of space: the disk of {folder} has {free} MiB left.",
        hint="Free some with `helio os image prune`, or set HELIO_CACHE to a larger disk.",
    )
