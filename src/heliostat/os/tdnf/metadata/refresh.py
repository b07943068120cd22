"""Fetching metadata: index first, verified, then what it names; the old one stays till then.

Files come to ``repodata/`` under temporary names; ``repomd.xml`` is replaced last, so that
a run that is cut off leaves the metadata of before.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import CACHE_UNREADABLE, CHECKSUM_MISMATCH, TdnfError
from heliostat.os.tdnf.metadata.cache import (
    FILELISTS,
    OTHER,
    UPDATEINFO,
    Cached,
    Part,
    matches_checksum,
    parts_of,
)
from heliostat.os.tdnf.transfer.download import Download, Wire
from heliostat.os.tdnf.transfer.fetch import fetch
from heliostat.os.tdnf.transfer.progress import Bar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.settings.repository import Repository

INDEX = "repodata/repomd.xml"
INDEX_LIMIT = 10 * 1024 * 1024


def refresh(session: Session, stale: Iterable[Cached]) -> None:
    """Makes the metadata of each current; one that may be missing is only told of."""
    for cached in stale:
        repository = cached.repository
        session.out.remark(f"Refreshing metadata for: '{repository.name}'")
        try:
            _refresh(session, cached)
        except TdnfError as error:
            if not repository.skip_if_unavailable:
                raise
            session.out.warning(
                f"Repository {repository.id} is left out, because it can't be reached:"
                f" {error.sentence}"
            )


def _refresh(session: Session, cached: Cached) -> None:
    repository = cached.repository
    wire = Wire(
        repository, session.configuration, ipv4=session.options.ipv4, ipv6=session.options.ipv6
    )
    new = cached.path("repodata", "repomd.xml.new")
    _get([Download(wire, repository.baseurl, INDEX, new, limit=INDEX_LIMIT)], session)
    parts = [each for each in read_index(new) if each.kind in _wanted(repository)]
    missing = [each for each in parts if not _have(cached, each)]
    _get(
        [
            Download(
                wire,
                repository.baseurl,
                part.location,
                cached.path("repodata", part.file_name),
                size=part.size or None,
                verify=_verifier(part),
            )
            for part in missing
        ],
        session,
    )
    os.replace(new, cached.repomd)
    with open(cached.path("lastrefresh"), "w", encoding="ascii"):
        pass
    _sweep(cached, parts)


def _wanted(repository: Repository) -> set[str]:
    kinds = {"primary"}
    if not repository.skip_md_filelists:
        kinds.add(FILELISTS)
    if not repository.skip_md_updateinfo:
        kinds.add(UPDATEINFO)
    if not repository.skip_md_other:
        kinds.add(OTHER)
    return kinds


def read_index(path: str) -> list[Part]:
    """The files that an index names.  Raises ``TdnfError`` 1304 if it isn't one."""
    # the pool owns the repository's memory: it must outlive it
    pool = solv.Pool()
    repo = pool.add_repo("index")
    file = solv.xfopen(path)
    if not file or not repo.add_repomdxml(file):
        raise TdnfError(CACHE_UNREADABLE, f"{path} is not an index of a repository.")
    return parts_of(repo)


def _have(cached: Cached, part: Part) -> bool:
    path = cached.path("repodata", part.file_name)
    return (
        part.checksum is not None and os.path.exists(path) and matches_checksum(path, part.checksum)
    )


def _verifier(part: Part) -> Callable[[str], None]:
    def verify(path: str) -> None:
        if part.checksum is not None and not matches_checksum(path, part.checksum):
            raise TdnfError(CHECKSUM_MISMATCH, f"{part.location} is not what repomd.xml says.")

    return verify


def _get(downloads: list[Download], session: Session) -> None:
    parallel = session.configuration.max_parallel_downloads
    failed = fetch(downloads, parallel=parallel, progress=Bar(session.out))
    for error in failed.values():
        raise error


def _sweep(cached: Cached, parts: list[Part]) -> None:
    """Takes away what no index names any more."""
    keep = {each.file_name for each in parts} | {"repomd.xml", "repomd.xml.asc"}
    folder = cached.path("repodata")
    for name in os.listdir(folder):
        if name not in keep:
            os.unlink(os.path.join(folder, name))
    fresh = Cached(cached.repository, cached.folder)
    parsed = cached.path("solvcache")
    if os.path.isdir(parsed):
        for name in os.listdir(parsed):
            if not name.startswith(fresh.digest[:32]):
                os.unlink(os.path.join(parsed, name))
