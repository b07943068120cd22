"""``makecache``: metadata fetched and parsed now, so that later runs are quick."""

from __future__ import annotations

from heliostat.os.tdnf.metadata.cache import Cached
from heliostat.os.tdnf.metadata.words import words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session


def makecache(session: Session) -> int:
    """``makecache``."""
    session.options.refresh = True
    packages = session.packages
    for repo in packages.repos:
        # so that people who may not write here search as fast
        if isinstance(repo.appdata, Cached):
            words_of(repo.appdata, repo)
    session.out.value({"Repositories": [each.name for each in packages.repos]})
    session.out.line("Metadata cache created.")
    return 0
