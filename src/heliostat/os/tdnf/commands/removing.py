"""Commands that take packages away: erase and autoremove."""

from __future__ import annotations

from heliostat.os.tdnf.change.request import Request, change
from heliostat.os.tdnf.change.solve import Rules
from heliostat.os.tdnf.errors import PACKAGE_REQUIRED, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.session import Session


def erase(session: Session) -> int:
    """``erase NAME...``, with everything that needs it."""
    if not session.arguments:
        raise TdnfError(PACKAGE_REQUIRED, "erase needs the name of a package.")
    clean = session.configuration.clean_requirements_on_remove and not session.options.noautoremove

    def wish(wishes: Wishes) -> None:
        for name in session.arguments:
            wishes.erase(name, clean_dependencies=clean)

    return change(session, Request(wish, Rules(may_erase=True), offers=False))


def autoremove(session: Session) -> int:
    """``autoremove [NAME...]``: with what came only for it; without names, all such."""

    def wish(wishes: Wishes) -> None:
        for name in session.arguments:
            wishes.erase(name, clean_dependencies=True)

    request = Request(wish, Rules(may_erase=True), offers=False, unneeded=not session.arguments)
    return change(session, request)
