"""Which metadata a run uses: root's cache or the user's own, and what is too old for it."""

from __future__ import annotations

import os
import time

from heliostat.os.tdnf.errors import NO_CACHE, TdnfError
from heliostat.os.tdnf.metadata.cache import Cached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.settings.repository import Repository


def current_metadata(session: Session) -> list[Cached]:
    """Metadata of every enabled repository, fetched where it is too old.

    Raises ``TdnfError`` where a repository can't be reached that may not be missing.
    """
    now = time.time()
    enabled = session.enabled_repositories()
    _warn_of_unchecked(session, enabled)
    found = [place_of(session, each, now) for each in enabled]
    stale = [each for each in found if not _usable(session, each, now)]
    if not stale:
        return found
    if session.options.cacheonly:
        missing = [each for each in stale if not (each.exists and _signed(session, each))]
        for each in missing:
            if not each.repository.skip_if_unavailable:
                id = each.repository.id
                raise TdnfError(
                    NO_CACHE, f"There is no metadata of {id}, and -C forbids to fetch it."
                )
    else:
        from heliostat.os.tdnf.metadata.refresh import refresh

        missing = refresh(session, stale)
    return [each for each in found if each not in missing]


def _usable(session: Session, cached: Cached, now: float) -> bool:
    refresh = session.options.refresh and not session.options.cacheonly
    return not refresh and cached.is_fresh(now) and _signed(session, cached)


def _signed(session: Session, cached: Cached) -> bool:
    """Whether what is kept was verified, where that is wanted by now."""
    return cached.signed or not needs_signature(session, cached.repository)


def needs_signature(session: Session, repository: Repository) -> bool:
    """Whether its metadata has to be signed by its owner."""
    return repository.repo_gpgcheck and "tdnfrepogpgcheck" in session.plugins


def _warn_of_unchecked(session: Session, repositories: Sequence[Repository]) -> None:
    for each in repositories:
        if each.repo_gpgcheck and not needs_signature(session, each):
            told = f"repo_gpgcheck of {each.id} does nothing without the plugin tdnfrepogpgcheck."
            session.out.warning(f"Warning: {told}")


def place_of(session: Session, repository: Repository, now: float) -> Cached:
    """Where a repository's metadata lies: root's if it is good enough to read."""
    if repository.folder:
        from heliostat.os.tdnf.metadata.folder import PackageFolder

        return PackageFolder(repository, os.path.join(session.cachedir, repository.cache_name))
    everybodys = session.within(session.configuration.cachedir)
    shared = Cached(repository, os.path.join(everybodys, repository.cache_name))
    own = Cached(repository, os.path.join(session.cachedir, repository.cache_name))
    options = session.options
    if options.cacheonly:
        return own if own.exists else shared
    return shared if shared.is_fresh(now) and not options.refresh else own
