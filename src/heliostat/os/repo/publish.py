"""Publishing: one new generation, complete on disk before one link is moved to it.

Steps, each durable before the next:

1. packages that the generation adds are forced to the disk;
2. the generation is made under a name that nobody reads;
3. its metadata files are linked into ``repodata``, beside those of the others;
4. it gets its number;
5. ``current`` is moved to it: the one step that clients see;
6. what was staged is forgotten.

A process killed anywhere leaves the old state or the new one, and left-overs that
``gc`` takes away.  Published generations never change.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from heliostat.core.counting import counted
from heliostat.core.files import atomic_write, sync_all, sync_directory
from heliostat.os.epoch import chosen_epoch
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.advisory import updateinfo
from heliostat.os.repo.fragments import FragmentStore, Kept
from heliostat.os.repo.layout import KEY_NAME
from heliostat.os.repo.lock import Difference, Lock, difference, encode_lock
from heliostat.os.repo.metadata import documents
from heliostat.os.repo.repomd import Packed, pack, write_repomd
from heliostat.os.repo.repository import Repository

MAKING = ".making"


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did; ``changed`` is false where nothing had to be."""

    number: int
    changed: bool
    difference: Difference
    reason: str


def publish(
    repository: Repository,
    signer: Signer,
    cache: Path,
    *,
    monitor: Monitor | None = None,
    reason: str = "",
    timestamp: int | None = None,
    only_sign: bool = False,
) -> Published:
    """Make what is staged the current generation; with ``only_sign``, what is current already.

    ``timestamp`` (seconds) stands in the metadata; by default ``SOURCE_DATE_EPOCH``, else
    the newest build time among the packages.  Raises ``DiskFull`` with nothing changed.
    """
    told = monitor or SilentMonitor()
    with repository.claimed(told):
        wanted = (repository.lock() if only_sign else None) or repository.staged()
        fragments = FragmentStore(cache)
        done = _publish(repository, wanted, signer, fragments, told, reason, timestamp)
        if not only_sign:
            repository.discard()
        return done


def _publish(
    repository: Repository,
    wanted: Lock,
    signer: Signer,
    fragments: FragmentStore,
    monitor: Monitor,
    reason: str,
    timestamp: int | None,
) -> Published:
    before = repository.lock()
    plan = repository.difference_to(wanted)
    wanted = msgspec.structs.replace(
        wanted,
        number=max(repository.numbers(), default=0) + 1,
        advisories=repository.journal.count(),
        reason=reason or str(plan) or "signed again",
    )
    packed, revision = _metadata(repository, wanted, fragments, timestamp)
    index, key = write_repomd((each.row for each in packed), revision), signer.public_text
    if before is not None and _is_current(repository, index, key):
        return Published(before.number, False, Difference(), "nothing has changed")
    monitor.progress(
        f"{counted(len(wanted.packages), 'package')}, {str(plan) or 'the same as before'}"
    )
    _sync_packages(repository, difference(before, wanted))
    signature = signer.sign_detached(index, revision)
    making = _make(repository, wanted, packed, {"": index, ".asc": signature, ".key": key})
    _offer(repository, making, packed)
    os.rename(making, repository.layout.generation(wanted.number))
    sync_directory(repository.layout.generations)
    switch(repository, wanted.number)
    return Published(wanted.number, True, plan, wanted.reason)


def switch(repository: Repository, number: int) -> None:
    """Let clients see generation ``number``, all of it at once."""
    layout = repository.layout
    fresh = layout.root / ".current"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path("generations") / str(number))
    os.replace(fresh, layout.current)
    sync_directory(layout.root)


def _metadata(
    repository: Repository, lock: Lock, fragments: FragmentStore, timestamp: int | None
) -> tuple[list[Packed], int]:
    """Every metadata file, and the time that they carry."""
    layout = repository.layout
    kept = [fragments.get(each, layout.package(each.location)) for each in lock.packages]
    advisories = repository.advisories(lock)
    time = timestamp if timestamp is not None else _time_of(kept)
    made = documents(each.fragments for each in kept)
    if advisories:
        made["updateinfo"] = updateinfo(advisories, repository.name)
    compression = repository.settings.compression
    return [pack(kind, made[kind], compression, time) for kind in made], time


def _time_of(kept: Iterable[Kept]) -> int:
    if (chosen := chosen_epoch(os.environ)) is not None:
        return chosen
    return max((each.build_time for each in kept), default=0)


def _is_current(repository: Repository, index: bytes, key: bytes) -> bool:
    """Whether clients see this already, signed by this key."""
    repodata = repository.layout.current / "repodata"
    try:
        same = (repodata / "repomd.xml").read_bytes() == index
        return same and (repodata / "repomd.xml.key").read_bytes() == key
    except OSError:
        return False


def _sync_packages(repository: Repository, plan: Difference) -> None:
    """Force what the generation adds to the disk, before anything names it."""
    fresh = [*plan.added, *(each.after for each in plan.changed)]
    paths = [repository.layout.package(each.location) for each in fresh]
    sync_all([*paths, *{each.parent for each in paths}])


def _make(
    repository: Repository, lock: Lock, packed: list[Packed], signed: dict[str, bytes]
) -> Path:
    """The generation's folder, whole and durable, under a name that nobody reads.

    ``signed`` is the index, its signature and the key, by what follows ``repomd.xml``.
    """
    making = repository.layout.generations / MAKING
    if making.exists():
        shutil.rmtree(making)
    repodata = making / "repodata"
    repodata.mkdir(parents=True)
    for each in packed:
        _place(repository, each, making / each.row.location)
    for ending, content in signed.items():
        atomic_write(repodata / f"repomd.xml{ending}", content)
    atomic_write(making / KEY_NAME, signed[".key"])
    atomic_write(making / "lock.json", encode_lock(lock))
    (making / "Packages").symlink_to(Path("..") / ".." / "Packages")
    if repository.settings.url:
        address = f"{repository.settings.url.rstrip('/')}/generations/{lock.number}/\n"
        atomic_write(making / "mirrorlist", address.encode())
    sync_directory(repodata)
    sync_directory(making)
    return making


def _place(repository: Repository, packed: Packed, target: Path) -> None:
    """Write a metadata file, or take the one that an earlier generation has."""
    offered = repository.layout.root / packed.row.location
    if offered.is_file() and offered.read_bytes() == packed.content:
        os.link(offered, target)
    else:
        atomic_write(target, packed.content)


def _offer(repository: Repository, making: Path, packed: list[Packed]) -> None:
    """Put the metadata where clients of the folder look, beside the earlier ones."""
    layout = repository.layout
    for each in packed:
        target = layout.root / each.row.location
        fresh = target.with_name(f".{target.name}")
        fresh.unlink(missing_ok=True)
        os.link(making / each.row.location, fresh)
        os.replace(fresh, target)
        fresh.unlink(missing_ok=True)  # rename(2) does nothing where both are one file
    for name in (KEY_NAME, *(["mirrorlist"] if repository.settings.url else [])):
        link = layout.root / name
        if not link.is_symlink():
            link.symlink_to(Path("current") / name)
    sync_directory(layout.repodata)
