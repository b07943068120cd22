"""Packages of repositories: what to fetch for one, and whether it is here already."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import NO_CACHE, TdnfError
from heliostat.os.tdnf.transfer.checksum import has_checksum, refuse_weak
from heliostat.os.tdnf.transfer.download import Download, Wire
from heliostat.os.tdnf.transfer.fetch import fetch
from heliostat.os.tdnf.transfer.progress import Bar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session


def package_download(
    session: Session, cached: Cached, location: str, target: str, *, checksum: str, size: int
) -> Download:
    """The package at ``location`` of a repository, as its metadata describes it.

    ``checksum`` is ``<kind>:<hex>``, ``size`` 0 if unknown.  Raises ``TdnfError`` 1528 if
    the metadata gives no checksum that can be trusted.
    """
    refuse_weak(checksum, os.path.basename(location))
    wire = Wire.of(session, cached.repository)
    return Download(wire, cached.mirrors, location, target, size=size or None, checksum=checksum)


def fetch_packages(session: Session, downloads: Sequence[Download]) -> None:
    """Fetches what isn't here whole.  Raises the first ``TdnfError``; the rest has come."""
    missing = [each for each in downloads if not is_here(each)]
    see_allowed(session, missing)
    parallel = session.configuration.max_parallel_downloads
    for error in fetch(missing, parallel=parallel, progress=Bar(session.out)).values():
        raise error


def is_here(download: Download) -> bool:
    """Whether the file is there and is what it should be; what was kept may have rotted."""
    try:
        state = os.stat(download.target)
    except OSError:
        return False
    if download.size is not None and state.st_size != download.size:
        return False
    return has_checksum(download.target, download.checksum)


def see_allowed(session: Session, downloads: Sequence[Download]) -> None:
    """Raises ``TdnfError`` 1034 if ``-C`` forbids to fetch one; what lies on a disk is read."""
    for each in downloads if session.options.cacheonly else ():
        if not all(address.startswith("file:") for _, address in each.addresses()):
            told = f"{each.label} is not in the cache, and -C forbids to fetch it."
            hint = "Leave out -C; with keepcache=1, --downloadonly fills the cache beforehand."
            raise TdnfError(NO_CACHE, told, hint)
