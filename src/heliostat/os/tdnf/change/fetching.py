"""The files of a plan's packages: fetched or found, and each what its metadata says."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import REPOSITORY_NOT_FOUND, TdnfError
from heliostat.os.tdnf.transfer.packages import fetch_packages, package_download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan, Step
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.transfer.download import Download


def places_of(session: Session, plan: Plan) -> dict[str, Cached]:
    """Where the repositories of the plan's packages are kept, by their ids."""
    enabled = {each.id for each in session.repositories if each.enabled}
    if not any(step.repo in enabled for step in plan.bringing):
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
            files[step.nevra] = _kept(step)
            continue
        folder = os.path.abspath(session.options.downloaddir or cached.path("rpms"))
        files[step.nevra] = target = os.path.join(folder, os.path.basename(step.location))
        size = step.download_bytes
        downloads.append(
            package_download(
                session, cached, step.location, target, checksum=step.checksum, size=size
            )
        )
    fetch_packages(session, downloads)
    return files


def _kept(step: Step) -> str:
    """The file of a package that no enabled repository has; ``TdnfError`` 1009 without one."""
    if os.path.exists(step.location):
        return step.location
    told = f"{step.nevra} came from {step.repo}, which is not enabled, and its file is gone."
    raise TdnfError(REPOSITORY_NOT_FOUND, told, "--enablerepo or --repofrompath, as before.")
