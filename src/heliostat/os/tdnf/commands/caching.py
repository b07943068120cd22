"""``makecache``: metadata fetched and parsed now, so that later runs are quick."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session


def makecache(session: Session) -> int:
    """``makecache``."""
    session.options.refresh = True
    packages = session.packages
    session.out.value({"Repositories": [each.name for each in packages.repos]})
    session.out.line("Metadata cache created.")
    return 0
