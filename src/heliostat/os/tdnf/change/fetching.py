"""The files of a plan's packages: fetched or found, and each what its metadata says."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import CACHE_OUT_OF_DISK, TdnfError
from heliostat.os.tdnf.transfer.packages import fetch_packages, package_download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.transfer.download import Download

# space that a disk keeps for others while packages are fetched
_SPARE_BYTES = 1 << 20


def places_of(session: Session, plan: Plan) -> dict[str, Cached]:
    """Where the repositories of the plan's packages are kept, by their ids."""
    if not plan.bringing:
        return {}
    return {each.name: each.appdata for each in session.packages.repos}


def fetched(session: Session, plan: Plan, places: dict[str, Cached]) -> dict[str, str]:
    """Paths of the packages that the plan brings, by NEVRA.

    A file that is there already is looked at again: what isn't right any more is fetched
    anew.  Raises ``TdnfError`` of the last mirror, 1036 if the disk would be full.
    """
    files: dict[str, str] = {}
    downloads: list[Download] = []
    for step in plan.bringing:
        cached = places.get(step.repo)
        if cached is None:
            files[step.nevra] = step.location
            continue
        folder = os.path.abspath(session.options.downloaddir or cached.path("rpms"))
        files[step.nevra] = target = os.path.join(folder, os.path.basename(step.location))
        size = step.download_bytes
        downloads.append(
            package_download(
                session, cached, step.location, target, checksum=step.checksum, size=size
            )
        )
    _see_room(downloads)
    fetch_packages(session, downloads)
    return files


def _see_room(downloads: list[Download]) -> None:
    """Raises ``TdnfError`` 1036 where a folder's disk can't hold what is to come."""
    wanted: dict[str, int] = {}
    for each in downloads:
        if not os.path.exists(each.target):
            folder = os.path.dirname(each.target)
            wanted[folder] = wanted.get(folder, 0) + (each.size or 0)
    for folder, size in wanted.items():
        os.makedirs(folder, exist_ok=True)
        state = os.statvfs(folder)
        free = state.f_bavail * state.f_frsize
        if size + _SPARE_BYTES > free:
            told = f"{folder} has {free:,} bytes free, and the packages take {size:,}."
            raise TdnfError(CACHE_OUT_OF_DISK, told)
