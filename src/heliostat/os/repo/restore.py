"""A repository again, from a lock and packages that lie anywhere.

Packages are found by digest, whatever their names; what isn't found is listed, and
then nothing is staged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.lock import Difference, Lock
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.staging import exactly


def restore(
    repository: Repository,
    lock: Lock,
    folders: Sequence[Path],
    trust: Trust,
    cache: Path,
    *,
    monitor: Monitor | None = None,
) -> Difference:
    """Stage exactly what ``lock`` names, taking packages from ``folders`` and their subfolders."""
    told = monitor or SilentMonitor()
    with repository.claimed(told):
        there = {each.digest for each in repository.staged().packages}
        paths = _paths(lock, there, folders, told)
        return exactly(repository, lock, paths, trust, cache)


def _paths(lock: Lock, there: set[str], folders: Sequence[Path], monitor: Monitor) -> list[Path]:
    """Files of the lock's packages but those that are ``there``; all or ``PackageNotFound``."""
    wanted = {each.digest: each.nevra for each in lock.packages}
    sizes = {each.size for each in lock.packages if each.digest not in there}
    found = _by_digest(folders, sizes, monitor)
    missing = sorted(wanted[each] for each in wanted.keys() - found.keys() - there)
    if missing:
        raise HeliostatError(
            "PackageNotFound",
            f"{len(missing)} of {len(wanted)} packages of the lock are nowhere: "
            f"{', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}.",
            hint="Name more folders with --from.",
            data={"missing": missing},
        )
    return [found[each] for each in sorted(wanted.keys() - there)]


def _by_digest(folders: Iterable[Path], sizes: set[int], monitor: Monitor) -> dict[str, Path]:
    """Packages by the SHA-256 of their files; only files of one of these sizes are read."""
    found: dict[str, Path] = {}
    for folder in folders:
        monitor.progress(f"looking through {folder}")
        for path in sorted(folder.rglob("*.rpm")):
            if path.is_file() and path.stat().st_size in sizes:
                with path.open("rb") as stream:
                    found[hashlib.file_digest(stream, "sha256").hexdigest()] = path
    return found
