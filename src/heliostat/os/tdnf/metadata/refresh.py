"""Fetching metadata of many repositories side by side; the old one stays till the new is whole."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import TdnfError
from heliostat.os.tdnf.metadata.holding import Hold
from heliostat.os.tdnf.metadata.renewal import Renewal
from heliostat.os.tdnf.transfer.attempt import unwritable
from heliostat.os.tdnf.transfer.fetch import fetch
from heliostat.os.tdnf.transfer.progress import Bar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.metadata.renewal import Steps
    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.transfer.download import Download


def refresh(session: Session, stale: Sequence[Cached]) -> list[Cached]:
    """Makes the metadata of each current; those that could not be and may be missing.

    Raises the ``TdnfError`` of the first one that may not.
    """
    holds = []
    walks: dict[Cached, Steps] = {}
    failed: dict[Cached, TdnfError] = {}
    try:
        # always in one order: two runs that wait for each other would wait for ever
        for cached in sorted(stale, key=lambda each: each.folder):
            hold = Hold(cached.folder)
            holds.append(hold)
            before = cached.refreshed_ns
            try:
                waited = _held(session, cached, hold)
            except OSError as error:
                failed[cached] = unwritable(error, cached.repomd)
                continue
            # who was waited for has done the work, unless it failed
            if not (waited and cached.exists and cached.refreshed_ns != before):
                session.out.remark(f"Refreshing metadata for: '{cached.repository.name}'")
                walks[cached] = Renewal(session, cached).steps()
        failed.update(_walk(session, walks))
    finally:
        for walk in walks.values():
            walk.close()
        for hold in holds:
            hold.release()
    return _left_out(session, failed)


def _held(session: Session, cached: Cached, hold: Hold) -> bool:
    """Whether another run had to be waited for: it may have done the work."""
    name = cached.repository.name
    waited = hold.wait(
        lambda: session.out.remark(f"Waiting for another tdnf that refreshes '{name}'")
    )
    os.makedirs(cached.path("repodata"), exist_ok=True)
    return waited


def _walk(session: Session, walks: dict[Cached, Steps]) -> dict[Cached, TdnfError]:
    """All generators to their ends, what they want fetched together."""
    failed: dict[Cached, TdnfError] = {}
    waiting: dict[Cached, list[Download]] = {cached: [] for cached in walks}
    errors: dict[Download, TdnfError] = {}
    while waiting:
        asked: dict[Cached, list[Download]] = {}
        for cached, downloads in waiting.items():
            walk = walks[cached]
            error = next((errors[each] for each in downloads if each in errors), None)
            try:
                asked[cached] = walk.throw(error) if error else next(walk)
            except StopIteration:
                continue
            except TdnfError as raised:
                failed[cached] = raised
            except OSError as raised:
                failed[cached] = unwritable(raised, cached.path("repodata"))
        waiting = asked
        parallel = session.configuration.max_parallel_downloads
        everything = [each for downloads in asked.values() for each in downloads]
        errors = fetch(everything, parallel=parallel, progress=Bar(session.out))
    return failed


def _left_out(session: Session, failed: dict[Cached, TdnfError]) -> list[Cached]:
    for cached, error in failed.items():
        repository = cached.repository
        if not repository.skip_if_unavailable:
            raise error
        session.out.warning(f"Disabling Repo: '{repository.name}' ({error.sentence})")
    return list(failed)
